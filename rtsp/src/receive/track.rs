//! The video track of a session: RTP and RTCP in, access units and reports out.

use std::time::Instant;

use super::assembler::Assembler;
use super::choose::Chosen;
use super::source::{Sources, Verdict};
use super::{Listener, earliest};
use crate::client::{Event, Quirk, TrackInfo};
use crate::reorder::Reorder;
use crate::rtcp::{self, ReportBlock, SenderReport};
use crate::rtp::{Arrival, Packet, is_rtcp};
use crate::video;

/// One track that is set up.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) info: TrackInfo,
    payload_types: Vec<u8>,
    sources: Sources,
    /// On UDP only: TCP keeps the order.
    reorder: Option<Reorder>,
    assembler: Assembler,
    last_report: Option<(SenderReport, Instant)>,
    /// Our own source, and the number of our intra requests.
    ssrc: u32,
    intra_requests: u8,
    first_packet: Option<Instant>,
    last_packet: Option<Instant>,
    first_picture: Option<Instant>,
    last_picture: Option<Instant>,
    /// The camera said goodbye and has sent nothing since.
    goodbye: Option<Instant>,
    /// Said that packets came before PLAY was answered.
    playing: bool,
}

impl Track {
    /// A track over an ordered transport (TCP) or not. `announced` is the source named by the
    /// reply to SETUP, `ssrc` ours.
    pub(crate) fn new(chosen: Chosen, ordered: bool, announced: Option<u32>, ssrc: u32) -> Self {
        Self {
            payload_types: chosen.payload_types,
            sources: Sources::new(ordered, announced),
            reorder: (!ordered).then(Reorder::new),
            assembler: Assembler::new(chosen.codec, chosen.info.parameter_sets.as_deref().cloned()),
            info: chosen.info,
            last_report: None,
            ssrc,
            intra_requests: 0,
            first_packet: None,
            last_packet: None,
            first_picture: None,
            last_picture: None,
            goodbye: None,
            playing: false,
        }
    }

    /// PLAY was answered.
    pub(crate) fn played(&mut self) {
        self.playing = true;
    }

    /// Payload types of the track.
    pub(crate) fn payload_types(&self) -> &[u8] {
        &self.payload_types
    }

    /// When the first and the last usable packet came.
    pub(crate) fn heard(&self) -> Option<(Instant, Instant)> {
        self.first_packet.zip(self.last_packet)
    }

    /// When the first and the last picture came that can be decoded.
    pub(crate) fn pictured(&self) -> Option<(Instant, Instant)> {
        self.first_picture.zip(self.last_picture)
    }

    /// When the camera said goodbye, if nothing came since.
    pub(crate) fn goodbye(&self) -> Option<Instant> {
        self.goodbye
    }

    /// A frame or datagram. Which of the two channels or ports it came by does not matter: some
    /// cameras confuse them.
    pub(crate) fn handle_data(
        &mut self,
        now: Instant,
        by_rtcp: bool,
        data: &[u8],
        told: &mut impl Listener,
    ) {
        if is_rtcp(data) {
            if !by_rtcp {
                told.quirk(Quirk::RtcpOnRtp);
            }
            return self.handle_rtcp(now, data, told);
        }
        let Ok(packet) = Packet::parse(data) else {
            told.stats().discarded += 1;
            told.quirk(if by_rtcp { Quirk::BadRtcp } else { Quirk::BadRtp });
            return;
        };
        if !self.payload_types.contains(&packet.payload_type) {
            told.stats().discarded += 1;
            told.quirk(Quirk::ForeignPayloadType);
            return;
        }
        if !self.playing {
            told.quirk(Quirk::EarlyRtp);
        }
        told.stats().handle_packet(now, data.len());
        if let Some(reorder) = &mut self.reorder {
            if let Some(late) = reorder.push(now, packet.sequence, data) {
                self.handle_rtp(now, &late, told);
            }
            self.release(now, told);
        } else {
            self.handle_rtp(now, data, told);
        }
    }

    /// Packets whose turn it is.
    fn release(&mut self, now: Instant, told: &mut impl Listener) {
        while let Some(data) = self.reorder.as_mut().and_then(|reorder| reorder.pop(now)) {
            self.handle_rtp(now, &data, told);
        }
    }

    fn handle_rtp(&mut self, now: Instant, data: &[u8], told: &mut impl Listener) {
        let Ok(packet) = Packet::parse(data) else { return };
        let lost_before = match self.sources.receive(now, &packet) {
            Verdict::First => false,
            Verdict::Present(Arrival::Next { lost }) => {
                told.stats().lost += u64::from(lost);
                lost > 0
            }
            Verdict::Present(Arrival::Restarted) => {
                self.forget_order(packet.sequence, now);
                true
            }
            Verdict::Replaced => {
                told.quirk(Quirk::SsrcChanged);
                self.forget_order(packet.sequence, now);
                self.last_report = None;
                self.assembler.handle_discontinuity();
                false
            }
            Verdict::Present(Arrival::Discard) | Verdict::Foreign => {
                told.stats().discarded += 1;
                return;
            }
        };
        self.first_packet.get_or_insert(now);
        self.last_packet = Some(now);
        self.goodbye = None;
        if let Some(source) = self.sources.present() {
            source.reception.arrived(now, packet.timestamp, self.info.clock_rate_hz);
        }
        let Packet { timestamp, marker, payload, .. } = packet;
        let packet = video::Packet { timestamp, marker, lost_before, payload };
        self.assembler.handle_packet(now, &packet);
        self.pass_on(now, told);
    }

    /// The sender counts from elsewhere: what waits in the old order is of no use.
    fn forget_order(&mut self, sequence: u16, now: Instant) {
        if let Some(reorder) = &mut self.reorder {
            reorder.restart(now, sequence);
        }
    }

    fn pass_on(&mut self, now: Instant, told: &mut impl Listener) {
        while let Some(output) = self.assembler.poll_output() {
            told.event(match output {
                video::Output::AccessUnit(unit) => {
                    self.first_picture.get_or_insert(now);
                    self.last_picture = Some(now);
                    Event::AccessUnit(unit)
                }
                video::Output::Dropped { reason, breaks_prediction } => {
                    Event::Dropped { reason, breaks_prediction }
                }
            });
        }
    }

    fn handle_rtcp(&mut self, now: Instant, data: &[u8], told: &mut impl Listener) {
        let packets = rtcp::parse(data);
        if packets.is_empty() {
            told.stats().discarded += 1;
            told.quirk(Quirk::BadRtcp);
        }
        for packet in packets {
            match packet {
                rtcp::Packet::SenderReport(report) => {
                    // Whatever source it names: some cameras use another one for RTCP.
                    self.last_report = Some((report, now));
                    let (ntp, rtp_timestamp) = (report.ntp, report.rtp_timestamp);
                    let track = self.info.track;
                    told.event(Event::SenderReport { track, ntp, rtp_timestamp });
                }
                rtcp::Packet::Goodbye { ssrcs } => {
                    let present = self.sources.ssrc();
                    if present.is_some_and(|ssrc| ssrcs.is_empty() || ssrcs.contains(&ssrc)) {
                        self.goodbye = Some(now);
                    }
                }
                _ => {}
            }
        }
    }

    /// Something that was waited for: a missing packet, the end of a picture.
    pub(crate) fn handle_timeout(&mut self, now: Instant, told: &mut impl Listener) {
        self.release(now, told);
        self.assembler.handle_timeout(now);
        self.pass_on(now, told);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let reorder = self.reorder.as_ref().and_then(Reorder::poll_timeout);
        earliest([reorder, self.assembler.poll_timeout()])
    }

    /// A receiver report with source description (RFC 3550 6.1).
    pub(crate) fn report(&mut self, now: Instant) -> Vec<u8> {
        receiver_report(now, self.ssrc, &mut self.sources, self.last_report)
    }

    /// A report that asks for an IDR, by picture loss indication and by full intra request: some
    /// cameras know one, some the other. None before the first packet.
    pub(crate) fn keyframe_request(&mut self, now: Instant) -> Option<Vec<u8>> {
        let media_ssrc = self.sources.ssrc()?;
        let mut out = self.report(now);
        self.intra_requests = self.intra_requests.wrapping_add(1);
        rtcp::push_picture_loss(&mut out, self.ssrc, media_ssrc);
        rtcp::push_full_intra_request(&mut out, self.ssrc, media_ssrc, self.intra_requests);
        Some(out)
    }

    /// An RTP packet without payload that opens the way through a NAT.
    pub(crate) fn hole_punch(&self) -> Vec<u8> {
        let mut out = vec![0x80, self.info.payload_type, 0, 0, 0, 0, 0, 0];
        out.extend(self.ssrc.to_be_bytes());
        out
    }
}

/// A receiver report of `ssrc` with source description (RFC 3550 6.1).
pub(super) fn receiver_report(
    now: Instant,
    ssrc: u32,
    sources: &mut Sources,
    last_report: Option<(SenderReport, Instant)>,
) -> Vec<u8> {
    let last = last_report.map(|(report, at)| (report.ntp, now.saturating_duration_since(at)));
    let block = sources
        .present()
        .map(|source| ReportBlock::new(source.ssrc, source.reception.report(), last));
    let mut out = Vec::new();
    rtcp::push_receiver_report(&mut out, ssrc, block.as_slice());
    rtcp::push_source_description(&mut out, ssrc, &format!("{ssrc:08x}"));
    out
}
