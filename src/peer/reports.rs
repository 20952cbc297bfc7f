//! Reports to a receiver (RFC 3550 section 6.4, RFC 3611 section 4.5), and what the other side's
//! ask for and tell.

use std::time::{Duration, Instant};

use rtsp::rtcp::{self, ReferenceTime};

use super::path::Sink;
use super::sending::streams;
use super::stream::{Outlet, Stream};
use super::{Event, Peer};
use crate::limits;

/// Between two sender reports: two of audio and video each are needed before these are in step.
const INTERVAL: Duration = Duration::from_secs(1);
/// One more source's reports fit behind this much of a datagram.
const COMPOUND_BYTES: usize = 900;

/// The time of day for reports (RFC 5905 section 6), as one reading of it tells.
#[derive(Debug, Clone, Copy)]
pub struct NtpClock {
    /// When it was read.
    pub at: Instant,
    /// What it was: seconds since 1900 in the upper half.
    pub ntp: u64,
}

impl NtpClock {
    /// What it is by now.
    #[must_use]
    pub fn ntp(&self, now: Instant) -> u64 {
        self.ntp.wrapping_add(Self::span(now.saturating_duration_since(self.at)))
    }

    /// A time in its units: seconds in the upper half.
    #[must_use]
    pub fn span(time: Duration) -> u64 {
        let fraction = (u64::from(time.subsec_nanos()) << 32) / 1_000_000_000;
        time.as_secs() << 32 | fraction
    }
}

/// What is told when.
#[derive(Debug)]
pub(super) struct Reports {
    clock: NtpClock,
    due_at: Option<Instant>,
    /// Receivers' clocks, and when they were told (RFC 3611 section 4.4).
    references: Vec<(ReferenceTime, Instant)>,
}

impl Reports {
    pub fn new(clock: NtpClock) -> Self {
        Self { clock, due_at: None, references: Vec::new() }
    }

    /// Whether it is time; then not again for a while.
    fn are_due(&mut self, now: Instant) -> bool {
        let are_due = self.due_at.is_none_or(|at| at <= now);
        if are_due {
            self.due_at = Some(now + INTERVAL);
        }
        are_due
    }

    fn note(&mut self, now: Instant, time: ReferenceTime) {
        self.references.retain(|(known, _)| known.ssrc != time.ssrc);
        if self.references.len() < limits::REFERENCE_TIMES_MAX {
            self.references.push((time, now));
        }
    }

    /// Sends reports on these streams, those to which nothing was added left out.
    fn send<'a>(
        &mut self,
        now: Instant,
        streams: impl Iterator<Item = &'a mut Stream>,
        is_end: bool,
        outlet: &mut Outlet<'_, '_>,
    ) {
        let mut compound = Vec::new();
        let mut first = None;
        for stream in streams {
            first = first.or(Some(stream.ssrc));
            match stream.report(now, self.clock) {
                Some(report) => rtcp::push_sender_report(&mut compound, &report),
                None if is_end => rtcp::push_receiver_report(&mut compound, stream.ssrc, &[]),
                None => continue,
            }
            rtcp::push_source_description(&mut compound, stream.ssrc, &stream.cname);
            if is_end {
                rtcp::push_goodbye(&mut compound, stream.ssrc);
            }
            if compound.len() > COMPOUND_BYTES {
                outlet.send_reports(&compound);
                compound.clear();
            }
        }
        if let Some(ssrc) = first.filter(|_| !self.references.is_empty()) {
            if compound.is_empty() {
                rtcp::push_receiver_report(&mut compound, ssrc, &[]);
            }
            let delay = |(time, at)| (time, now.saturating_duration_since(at));
            let delays = self.references.drain(..).map(delay);
            rtcp::push_delays(&mut compound, ssrc, &delays.collect::<Vec<_>>());
        }
        if !compound.is_empty() {
            outlet.send_reports(&compound);
        }
    }
}

impl Peer {
    /// Reports on what was sent, once a second.
    pub(super) fn report(&mut self, now: Instant, sink: &mut Sink<'_>) {
        if self.reports.are_due(now) {
            self.send_reports(now, false, sink);
        }
    }

    /// Says goodbye to what was sent.
    pub(super) fn end_streams(&mut self, now: Instant, sink: &mut Sink<'_>) {
        self.send_reports(now, true, sink);
    }

    fn send_reports(&mut self, now: Instant, is_end: bool, sink: &mut Sink<'_>) {
        let outlet = Outlet::open(&mut self.srtp, self.path, sink);
        let streams = streams(&mut self.tracks, &mut self.audio_tracks);
        if let Some(mut outlet) = outlet {
            self.reports.send(now, streams, is_end, &mut outlet);
        }
    }

    /// Takes a compound of the other side's.
    pub(super) fn handle_reports(&mut self, now: Instant, packet: &[u8], sink: &mut Sink<'_>) {
        let Some(mut outlet) = Outlet::open(&mut self.srtp, self.path, sink) else { return };
        let Some(compound) = outlet.srtp.open_rtcp(packet) else { return };
        let mut events = Vec::new();
        let mut sender_reports = Vec::new();
        for packet in rtcp::parse(&compound) {
            let (ssrc, missing) = match packet {
                rtcp::Packet::PictureLoss { media_ssrc }
                | rtcp::Packet::FullIntraRequest { media_ssrc, .. } => (media_ssrc, None),
                rtcp::Packet::Missing { media_ssrc, sequence_numbers } => {
                    (media_ssrc, Some(sequence_numbers))
                }
                rtcp::Packet::ReferenceTime(time) => {
                    self.reports.note(now, time);
                    continue;
                }
                rtcp::Packet::SenderReport(report) => {
                    sender_reports.push(report);
                    continue;
                }
                _ => continue,
            };
            let mut tracks = self.tracks.iter_mut().enumerate();
            let found = tracks.find_map(|(position, track)| {
                Some((position, track.as_mut().filter(|track| track.stream.ssrc == ssrc)?))
            });
            let Some((position, track)) = found else { continue };
            events.push(match missing {
                None => Event::PictureLoss { position },
                Some(numbers) => {
                    for number in numbers {
                        track.resends.send_again(ssrc, number, &mut outlet);
                    }
                    Event::Loss { position }
                }
            });
        }
        sender_reports.iter().for_each(|report| self.handle_sender_report(now, report));
        for event in events {
            if !self.events.contains(&event) {
                self.events.push_back(event);
            }
        }
    }
}
