//! A reader's session: frames out, its reports in.

use std::sync::Arc;
use std::time::Instant;

use super::carrier::{Carrier, push_interleaved};
use super::limits::{MAX_QUEUED_BYTES, STALL_TIMEOUT};
use super::media::HEADER_BYTES;
use super::{Output, Role, Session};
use crate::rtcp;

/// An access unit as RTP payloads.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// RTP timestamp of all its packets, 90 kHz.
    pub timestamp: u32,
    /// The instant that the timestamp stands for, for the sender reports.
    pub presented_at: Instant,
    /// An IDR with its parameter sets: decoding can begin here.
    pub is_key: bool,
    /// Payloads of [`packetize`](crate::h264::packetize), each at most 65 523 bytes; the last gets
    /// the marker.
    pub payloads: &'a [Arc<[u8]>],
}

/// What SETUP agreed on with a reader.
#[derive(Debug)]
pub(super) struct Playing {
    pub(super) name: String,
    pub(super) carrier: Carrier,
    /// PLAY was answered.
    pub(super) is_playing: bool,
    /// A frame was refused: nothing can be decoded before the next IDR.
    awaits_key: bool,
    /// Since when frames are refused and what waits does not get less.
    stalled: Option<Stalled>,
}

#[derive(Debug, Clone, Copy)]
struct Stalled {
    since: Instant,
    waiting_bytes: usize,
}

/// Bytes of an interleaved packet beyond its payload.
const OVERHEAD_BYTES: usize = 4 + HEADER_BYTES;

impl Playing {
    pub(super) fn new(name: String, carrier: Carrier) -> Self {
        Self { name, carrier, is_playing: false, awaits_key: false, stalled: None }
    }

    pub(super) fn stalled_until(&self) -> Option<Instant> {
        self.stalled.map(|stalled| stalled.since + STALL_TIMEOUT)
    }
}

impl Session {
    /// How many bytes of former outputs the connection has not taken yet: they count as queued.
    pub fn set_unsent_bytes(&mut self, now: Instant, bytes: usize) {
        self.unsent_bytes = bytes;
        let waiting_bytes = self.waiting_bytes();
        if let Role::Playing(playing) = &mut self.role
            && let Some(stalled) = playing.stalled
        {
            // What is taken, however slowly, is a sign of life; what is refused adds nothing.
            playing.stalled = match waiting_bytes {
                0 => None,
                bytes if bytes < stalled.waiting_bytes => {
                    Some(Stalled { since: now, waiting_bytes: bytes })
                }
                _ => Some(stalled),
            };
        }
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        self.queued_bytes + self.unsent_bytes
    }

    /// Sends a frame; whether it was taken. Before PLAY it is not. Where more than
    /// [`MAX_QUEUED_BYTES`] would wait, frames are refused up to an IDR that fits.
    pub fn write_frame(&mut self, now: Instant, frame: &Frame<'_>) -> bool {
        let waiting_bytes = self.waiting_bytes();
        let Role::Playing(playing) = &mut self.role else { return false };
        let max = usize::from(u16::MAX) - HEADER_BYTES;
        let is_sound = frame.payloads.iter().all(|payload| payload.len() <= max);
        if self.closed || !playing.is_playing || !is_sound {
            return false;
        }
        let bytes: usize = frame.payloads.iter().map(|p| p.len() + OVERHEAD_BYTES).sum();
        let fits = waiting_bytes + bytes <= MAX_QUEUED_BYTES;
        if !fits || (playing.awaits_key && !frame.is_key) {
            playing.awaits_key = true;
            if !fits {
                playing.stalled.get_or_insert(Stalled { since: now, waiting_bytes });
            }
            self.media.skip(frame.payloads.len());
            return false;
        }
        playing.awaits_key = false;
        playing.stalled = None;
        let carrier = playing.carrier;
        self.send_frame(now, carrier, frame, bytes);
        if let Some(report) = self.media.report(now) {
            self.send_rtcp(carrier, report);
        }
        true
    }

    /// One output for the whole frame where that can be: it becomes one call of the system.
    fn send_frame(&mut self, now: Instant, carrier: Carrier, frame: &Frame<'_>, bytes: usize) {
        self.media.begin(now, frame.presented_at, frame.timestamp);
        let last = frame.payloads.len().saturating_sub(1);
        let is_tcp = matches!(carrier, Carrier::Tcp(..));
        let mut interleaved = Vec::with_capacity(if is_tcp { bytes } else { 0 });
        for (index, payload) in frame.payloads.iter().enumerate() {
            let packet = self.media.packet(payload, index == last);
            match carrier {
                Carrier::Tcp(channel, _) => {
                    push_interleaved(&mut interleaved, channel, &packet);
                }
                Carrier::Udp(port, _) => self.push_datagram(port, false, packet),
            }
        }
        if !interleaved.is_empty() {
            self.push_bytes(interleaved);
        }
    }

    /// Something that was waited for, by a reader's session.
    pub(super) fn handle_playing_timeout(&mut self, now: Instant) {
        let Role::Playing(playing) = &self.role else { return };
        if playing.stalled_until().is_some_and(|until| until <= now) {
            return self.close();
        }
        if playing.is_playing {
            let carrier = playing.carrier;
            if let Some(report) = self.media.report(now) {
                self.send_rtcp(carrier, report);
            }
        }
    }

    /// What a reader says of what it receives.
    pub(super) fn handle_rtcp(&mut self, data: &[u8]) {
        let ssrc = self.media.ssrc();
        let asks = |packet: &rtcp::Packet| match *packet {
            rtcp::Packet::PictureLoss { media_ssrc }
            | rtcp::Packet::FullIntraRequest { media_ssrc, .. } => media_ssrc == ssrc,
            _ => false,
        };
        let is_repeated = self.outputs.back() == Some(&Output::KeyframeRequest);
        if rtcp::parse(data).iter().any(asks) && !is_repeated {
            self.outputs.push_back(Output::KeyframeRequest);
        }
    }
}
