//! The audio track of a session: RTP and RTCP in, packets of audio and reports out. Nothing that
//! comes by it may harm the video: it fails in silence.

use std::time::Instant;

use super::Listener;
use super::choose_audio::ChosenAudio;
use super::source::{Sources, Verdict};
use super::track::receiver_report;
use crate::audio::{Codec, Depacketizer, Sound};
use crate::client::{Event, TrackId};
use crate::reorder::Reorder;
use crate::rtcp::{self, SenderReport};
use crate::rtp::{Arrival, Packet, is_rtcp};

/// One audio track that is set up.
#[derive(Debug)]
pub(crate) struct AudioTrack {
    track: TrackId,
    codec: Codec,
    payload_types: Vec<u8>,
    sources: Sources,
    /// On UDP only: TCP keeps the order.
    reorder: Option<Reorder>,
    depacketizer: Depacketizer,
    last_report: Option<(SenderReport, Instant)>,
    /// Our own source.
    ssrc: u32,
}

impl AudioTrack {
    /// A track over an ordered transport (TCP) or not. `announced` is the source named by the
    /// reply to SETUP, `ssrc` ours.
    pub(crate) fn new(
        chosen: ChosenAudio,
        ordered: bool,
        announced: Option<u32>,
        ssrc: u32,
    ) -> Self {
        Self {
            track: chosen.info.track,
            codec: chosen.codec,
            payload_types: chosen.payload_types,
            sources: Sources::new(ordered, announced),
            reorder: (!ordered).then(Reorder::new),
            depacketizer: chosen.depacketizer,
            last_report: None,
            ssrc,
        }
    }

    /// Its number.
    pub(crate) fn track(&self) -> TrackId {
        self.track
    }

    /// Payload types of the track.
    pub(crate) fn payload_types(&self) -> &[u8] {
        &self.payload_types
    }

    /// A frame or datagram, by whichever of the two channels or ports.
    pub(crate) fn handle_data(&mut self, now: Instant, data: &[u8], told: &mut impl Listener) {
        if is_rtcp(data) {
            return self.handle_rtcp(now, data, told);
        }
        let Ok(packet) = Packet::parse(data) else { return };
        if !self.payload_types.contains(&packet.payload_type) {
            return;
        }
        told.stats().audio_packets += 1;
        if let Some(reorder) = &mut self.reorder {
            if let Some(late) = reorder.push(now, packet.sequence, data) {
                self.handle_rtp(now, &late, told);
            }
            self.handle_timeout(now, told);
        } else {
            self.handle_rtp(now, data, told);
        }
    }

    /// Something that was waited for: a missing packet.
    pub(crate) fn handle_timeout(&mut self, now: Instant, told: &mut impl Listener) {
        while let Some(data) = self.reorder.as_mut().and_then(|reorder| reorder.pop(now)) {
            self.handle_rtp(now, &data, told);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.reorder.as_ref().and_then(Reorder::poll_timeout)
    }

    fn handle_rtp(&mut self, now: Instant, data: &[u8], told: &mut impl Listener) {
        let Ok(packet) = Packet::parse(data) else { return };
        let lost_before = match self.sources.receive(now, &packet) {
            Verdict::First => false,
            Verdict::Present(Arrival::Next { lost }) => lost > 0,
            verdict @ (Verdict::Present(Arrival::Restarted) | Verdict::Replaced) => {
                if verdict == Verdict::Replaced {
                    self.last_report = None;
                }
                self.depacketizer.reset();
                if let Some(reorder) = &mut self.reorder {
                    reorder.restart(now, packet.sequence);
                }
                true
            }
            Verdict::Present(Arrival::Discard) | Verdict::Foreign => return,
        };
        if let Some(source) = self.sources.present() {
            source.reception.arrived(now, packet.timestamp, self.codec.clock_hz());
        }
        let cut = self.depacketizer.push(&packet, lost_before);
        if let Some((ends_at, packets)) = cut.filter(|(_, packets)| !packets.is_empty()) {
            let (codec, received_at) = (self.codec, now);
            told.event(Event::Audio(Sound { codec, received_at, ends_at, packets }));
        }
    }

    fn handle_rtcp(&mut self, now: Instant, data: &[u8], told: &mut impl Listener) {
        for packet in rtcp::parse(data) {
            if let rtcp::Packet::SenderReport(report) = packet {
                self.last_report = Some((report, now));
                let (ntp, rtp_timestamp) = (report.ntp, report.rtp_timestamp);
                told.event(Event::SenderReport { track: self.track, ntp, rtp_timestamp });
            }
        }
    }

    /// A receiver report with source description (RFC 3550 6.1).
    pub(crate) fn report(&mut self, now: Instant) -> Vec<u8> {
        receiver_report(now, self.ssrc, &mut self.sources, self.last_report)
    }

    /// An RTP packet without payload that opens the way through a NAT.
    pub(crate) fn hole_punch(&self) -> Vec<u8> {
        let payload_type = self.payload_types.first().copied().unwrap_or(0);
        let mut out = vec![0x80, payload_type, 0, 0, 0, 0, 0, 0];
        out.extend(self.ssrc.to_be_bytes());
        out
    }
}
