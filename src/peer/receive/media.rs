//! The media of a peer that sends: whose packet is whose, each taken once, repaired or not, and
//! what its sender is told of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtsp::rtcp::{self, SenderReport};

use super::arrivals::Arrivals;
use super::head::{Head, without_padding};
use super::stream::Stream;
use super::take::{Accepted, Numbers, Offered};
use crate::intake::publisher::{Packet, Report};
use crate::limits;
use crate::peer::Datagram;
use crate::peer::srtp::Srtp;

/// Between two reports on what comes (RFC 3550 section 6.2 wants it of this order).
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// All that one peer sends.
#[derive(Debug)]
pub struct Media {
    /// Our own source and its canonical name: those of reports.
    ssrc: u32,
    cname: String,
    tracks: Vec<Track>,
    streams: Vec<Stream>,
    numbers: Numbers,
    arrivals: Arrivals,
    report_at: Option<Instant>,
    /// The time of the first sender report, which the others count from.
    epoch: Option<u64>,
}

/// A track, as it was agreed on last.
#[derive(Debug)]
struct Track {
    mid: String,
    formats: Vec<Accepted>,
    ssrcs: Vec<u32>,
    /// The newest source of it that is none of resends.
    source: Option<u32>,
}

impl Media {
    /// Nothing is agreed on yet. Reports are those of this source.
    pub fn new(now: Instant, ssrc: u32, cname: String) -> Self {
        Self {
            ssrc,
            cname,
            tracks: Vec::new(),
            streams: Vec::new(),
            numbers: Numbers::default(),
            arrivals: Arrivals::new(now),
            report_at: None,
            epoch: None,
        }
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// What was agreed on anew: of each of these tracks its number, and whether there was none
    /// of its `mid` before. What is not among them may go on.
    pub fn agree(&mut self, numbers: Numbers, offered: &[Offered<'_>]) -> Vec<(usize, bool)> {
        self.numbers = numbers;
        let mut agree = |offered: &Offered<'_>| {
            let known = self.tracks.iter().position(|track| track.mid == offered.mid);
            let (formats, ssrcs) = (offered.formats.clone(), offered.ssrcs.to_vec());
            match known.and_then(|number| self.tracks.get_mut(number)) {
                Some(track) => (track.formats, track.ssrcs) = (formats, ssrcs),
                None => {
                    let mid = offered.mid.to_owned();
                    self.tracks.push(Track { mid, formats, ssrcs, source: None });
                }
            }
            (known.unwrap_or(self.tracks.len() - 1), known.is_none())
        };
        offered.iter().map(&mut agree).collect()
    }

    /// Whether there may be as many tracks as these would make: a session does not forget one.
    pub fn has_room(&self, offered: &[Offered<'_>]) -> bool {
        let is_new = |offered: &&Offered<'_>| !self.tracks.iter().any(|it| it.mid == offered.mid);
        self.tracks.len() + offered.iter().filter(is_new).count() <= limits::SDP_MAX_MEDIA
    }

    /// Takes a packet; of which track what is, if it is of use.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        srtp: &mut Srtp,
        datagram: &Datagram<'_>,
    ) -> Option<(usize, Packet)> {
        let head = Head::read(datagram.data)?;
        let (index, number, opened) = self.open(now, srtp, &head, datagram)?;
        let payload = without_padding(&opened, head.is_padded)?;
        let stream = self.streams.get_mut(index)?;
        let (track, is_resend) = (stream.track, stream.is_resend);
        let format = self.tracks.get(track)?.format(head.payload_type)?;
        stream.count(datagram.arrived_at, &head, format.codec.clock_hz());
        stream.take(now, number, format.has_resends && !is_resend);
        self.report_at.get_or_insert(now + REPORT_INTERVAL);
        let packet = match is_resend {
            true => self.repaired(now, &head, track, format, payload)?,
            false => self.packet(now, &head, format, (head.ssrc, number), payload),
        };
        Some((track, packet))
    }

    /// Decrypts a packet, if it is the peer's: its stream, its number, which is new to it, and what
    /// was encrypted.
    fn open(
        &mut self,
        now: Instant,
        srtp: &mut Srtp,
        head: &Head<'_>,
        datagram: &Datagram<'_>,
    ) -> Option<(usize, u64, Vec<u8>)> {
        let known = self.streams.iter().position(|stream| stream.ssrc == head.ssrc);
        let window = known.and_then(|known| Some(&self.streams.get(known)?.window));
        let number = match window {
            Some(window) => window.number(head.sequence_number)?,
            None => head.sequence_number.into(),
        };
        let is_new = window.is_none_or(|window| window.is_new(number));
        let opened = srtp.open(datagram.data, head.bytes, (head.ssrc, number))?;
        let transport_number = element(head, self.numbers.transport_number);
        if let Some(Ok(bytes)) = transport_number.map(<[u8; 2]>::try_from) {
            self.arrivals.handle(datagram.arrived_at, u16::from_be_bytes(bytes));
        }
        let index = match known {
            Some(known) => known,
            None => self.begin(now, head)?,
        };
        is_new.then_some((index, number, opened))
    }

    /// The packet in one that is sent again (RFC 4588 section 4), if it did not come before.
    fn repaired(
        &mut self,
        now: Instant,
        head: &Head<'_>,
        track: usize,
        format: Accepted,
        payload: &[u8],
    ) -> Option<Packet> {
        // In front of it stands its own number.
        let (original, payload) = payload.split_first_chunk()?;
        let source = self.tracks.get(track)?.source?;
        let stream = self.streams.iter_mut().find(|stream| stream.ssrc == source)?;
        let number = stream.window.number(u16::from_be_bytes(*original))?;
        if !stream.window.is_new(number) {
            return None;
        }
        stream.take(now, number, format.has_resends);
        Some(self.packet(now, head, format, (source, number), payload))
    }

    fn packet(
        &self,
        now: Instant,
        head: &Head<'_>,
        format: Accepted,
        (ssrc, sequence_number): (u32, u64),
        payload: &[u8],
    ) -> Packet {
        let orientation = element(head, self.numbers.orientation);
        Packet {
            codec: format.codec,
            ssrc,
            sequence_number,
            timestamp: head.rtp_timestamp,
            marker: head.is_marked,
            rotation_degrees: orientation
                .and_then(|bytes| bytes.first())
                .map(|element| degrees(*element)),
            received_at: now,
            payload: Arc::from(payload),
        }
    }

    /// Begins the stream of a source that was not heard of before; where it is. Of too many the one
    /// ends that was quiet for longest.
    fn begin(&mut self, now: Instant, head: &Head<'_>) -> Option<usize> {
        let number = self.track_of(head)?;
        let track = self.tracks.get_mut(number)?;
        let is_resend = track.format(head.payload_type)?.payload_type != head.payload_type;
        if !is_resend {
            track.source = Some(head.ssrc);
        }
        if self.streams.len() >= limits::RECEIVED_STREAMS_MAX {
            let streams = self.streams.iter().enumerate();
            let quiet = streams.min_by_key(|(_, stream)| stream.heard_at);
            quiet.map(|(index, _)| index).map(|index| self.streams.swap_remove(index));
        }
        self.streams.push(Stream::new(now, head, number, is_resend));
        Some(self.streams.len() - 1)
    }

    /// The track of a packet's source: the one that it names, or that has named it, or the only
    /// one with its payload type (RFC 9143 section 9.2).
    fn track_of(&self, head: &Head<'_>) -> Option<usize> {
        let mut tracks = self.tracks.iter();
        if let Some(mid) = element(head, self.numbers.mid) {
            return tracks.position(|track| track.mid.as_bytes() == mid);
        }
        if let Some(named) = tracks.position(|track| track.ssrcs.contains(&head.ssrc)) {
            return Some(named);
        }
        let takes = |(_, track): &(usize, &Track)| track.format(head.payload_type).is_some();
        let mut those = self.tracks.iter().enumerate().filter(takes);
        those.next().filter(|_| those.next().is_none()).map(|(number, _)| number)
    }

    /// Takes a sender report; of which track what it says is.
    pub fn handle_report(
        &mut self,
        now: Instant,
        report: &SenderReport,
    ) -> Option<(usize, Report)> {
        let stream = self.streams.iter_mut().find(|stream| stream.ssrc == report.ssrc)?;
        stream.handle_report(now, report);
        if stream.is_resend {
            return None;
        }
        let since = report.ntp.wrapping_sub(*self.epoch.get_or_insert(report.ntp)).cast_signed();
        let micros = (i128::from(since) * 1_000_000) >> 32;
        let sender_micros = i64::try_from(micros).unwrap_or_default(); // of 52 bits
        Some((stream.track, Report { timestamp: report.rtp_timestamp, sender_micros }))
    }

    /// When [`Media::poll_reports`] has something.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let missing = self.streams.iter().filter_map(|stream| stream.missing.poll_timeout()).min();
        [missing, self.arrivals.poll_timeout(), self.report_at].into_iter().flatten().min()
    }

    /// A compound of all that is to be told now; empty if nothing is.
    pub fn poll_reports(&mut self, now: Instant) -> Vec<u8> {
        let is_due = self.report_at.is_some_and(|at| at <= now);
        let mut blocks = Vec::new();
        if is_due {
            self.report_at = None;
            blocks = self.streams.iter_mut().filter_map(|stream| stream.report(now)).collect();
        }
        let mut feedback = Vec::new();
        for stream in &mut self.streams {
            let missing = stream.missing.poll(now);
            if !missing.is_empty() {
                rtcp::push_missing(&mut feedback, self.ssrc, stream.ssrc, &missing);
            }
        }
        let media_ssrc = self.streams.first().map_or(0, |stream| stream.ssrc);
        self.arrivals.poll(now, self.ssrc, media_ssrc, &mut feedback);
        if blocks.is_empty() && feedback.is_empty() {
            return Vec::new();
        }
        self.compound(&blocks, &feedback)
    }

    /// Asks for a key frame of a track (PLI, RFC 4585 section 6.3.1); none before its first packet.
    pub fn request_picture(&self, track: usize) -> Option<Vec<u8>> {
        let source = self.tracks.get(track)?.source?;
        let mut request = Vec::new();
        rtcp::push_picture_loss(&mut request, self.ssrc, source);
        Some(self.compound(&[], &request))
    }

    /// RFC 3550 section 6.1: a report first, then who we are.
    fn compound(&self, blocks: &[rtcp::ReportBlock], feedback: &[u8]) -> Vec<u8> {
        let mut compound = Vec::new();
        rtcp::push_receiver_report(&mut compound, self.ssrc, blocks);
        rtcp::push_source_description(&mut compound, self.ssrc, &self.cname);
        compound.extend(feedback);
        compound
    }
}

fn element<'p>(head: &Head<'p>, number: Option<u8>) -> Option<&'p [u8]> {
    head.element(number?)
}

impl Track {
    /// What a payload type stands for, or what is sent again under it.
    fn format(&self, payload_type: u8) -> Option<Accepted> {
        let is_it = |format: &&Accepted| {
            format.payload_type == payload_type || format.resend == Some(payload_type)
        };
        self.formats.iter().find(is_it).copied()
    }
}

/// How far a picture is to be turned, clockwise, out of its element (3GPP TS 26.114 section 7.4.5):
/// what says which camera it is of and whether it is mirrored is passed over.
fn degrees(element: u8) -> u16 {
    u16::from(element & 3) * 90
}

#[cfg(test)]
#[path = "media_tests.rs"]
mod tests;
