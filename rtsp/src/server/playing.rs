//! A reader's session: frames out, its reports in.

use std::time::Instant;

use super::carrier::{Carrier, push_interleaved};
use super::limits::{MAX_QUEUED_BYTES, STALL_TIMEOUT};
use super::media::HEADER_BYTES;
use super::track::Track;
use super::{Output, Role, Session};
use crate::payloads::Payloads;
use crate::{audio, rtcp};

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
    pub payloads: &'a Payloads,
}

/// One packet of audio, of the codec that was described.
#[derive(Debug, Clone, Copy)]
pub struct AudioPacket<'a> {
    /// RTP timestamp, of the codec's clock.
    pub timestamp: u32,
    /// The instant that the timestamp stands for, for the sender reports.
    pub presented_at: Instant,
    /// Something is missing in front of it.
    pub is_start: bool,
    /// As an RTP payload has it; of AAC one access unit without any header, at most 8191 bytes.
    pub payload: &'a [u8],
}

/// What SETUP agreed on with a reader.
#[derive(Debug)]
pub(super) struct Playing {
    pub(super) name: String,
    video: Option<Carrier>,
    audio: Option<Carrier>,
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
    pub(super) fn new(name: String) -> Self {
        let (is_playing, awaits_key) = (false, false);
        Self { name, video: None, audio: None, is_playing, awaits_key, stalled: None }
    }

    pub(super) fn set_up(&mut self, track: Track, carrier: Carrier) {
        *(match track {
            Track::Video => &mut self.video,
            Track::Audio => &mut self.audio,
        }) = Some(carrier);
    }

    /// The tracks that are set up.
    pub(super) fn tracks(&self) -> impl Iterator<Item = (Track, Carrier)> {
        let video = self.video.map(|carrier| (Track::Video, carrier));
        video.into_iter().chain(self.audio.map(|carrier| (Track::Audio, carrier)))
    }

    pub(super) fn carriers(&self) -> impl Iterator<Item = &Carrier> {
        self.video.iter().chain(&self.audio)
    }

    pub(super) fn is_over_udp(&self) -> bool {
        self.carriers().any(|carrier| matches!(carrier, Carrier::Udp(..)))
    }

    pub(super) fn is_rtcp_channel(&self, channel: u8) -> bool {
        self.carriers().any(|carrier| carrier.is_rtcp_channel(channel) == Some(true))
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
        let carrier = playing.video.filter(|_| playing.is_playing && is_sound && !self.closed);
        let Some(carrier) = carrier else { return false };
        let bytes = frame.payloads.bytes() + frame.payloads.len() * OVERHEAD_BYTES;
        let fits = waiting_bytes + bytes <= MAX_QUEUED_BYTES;
        if !fits || (playing.awaits_key && !frame.is_key) {
            playing.awaits_key = true;
            if !fits {
                playing.stalled.get_or_insert(Stalled { since: now, waiting_bytes });
            }
            self.video.skip(frame.payloads.len());
            return false;
        }
        playing.awaits_key = false;
        playing.stalled = None;
        self.video.begin(now, frame.presented_at, frame.timestamp);
        self.report(now, Track::Video, carrier);
        self.send_frame(carrier, frame, bytes);
        true
    }

    /// The codec of the audio track, if the reader has set it up.
    #[must_use]
    pub fn audio(&self) -> Option<audio::Codec> {
        let is_set_up = matches!(&self.role, Role::Playing(playing) if playing.audio.is_some());
        self.described_audio.filter(|_| is_set_up)
    }

    /// Sends a packet of audio; whether it was taken. Before PLAY it is not, and not where more
    /// than [`MAX_QUEUED_BYTES`] would wait.
    pub fn write_audio(&mut self, now: Instant, packet: &AudioPacket<'_>) -> bool {
        let waiting_bytes = self.waiting_bytes();
        let (Role::Playing(playing), Some(codec)) = (&self.role, self.described_audio) else {
            return false;
        };
        let carrier = playing.audio.filter(|_| playing.is_playing && !self.closed);
        let Some(carrier) = carrier else { return false };
        let Some(head) = au_header(codec, packet.payload.len()) else { return false };
        let bytes = OVERHEAD_BYTES + head.len() + packet.payload.len();
        if waiting_bytes + bytes > MAX_QUEUED_BYTES {
            self.audio.skip(1);
            return false;
        }
        self.audio.begin(now, packet.presented_at, packet.timestamp);
        self.report(now, Track::Audio, carrier);
        // Of AAC it ends an access unit (RFC 3640 3.1), of the others it begins what is heard
        // (RFC 3551 4.1).
        let marker = packet.is_start || !head.is_empty();
        let data = self.audio.packet(&head, packet.payload, marker);
        match carrier {
            Carrier::Tcp(channel, _) => {
                let mut interleaved = Vec::with_capacity(bytes);
                push_interleaved(&mut interleaved, channel, &data);
                self.push_bytes(interleaved);
            }
            Carrier::Udp(port, _) => self.push_datagram(port, false, data),
        }
        true
    }

    /// Sends a sender report, if one is due. The first one precedes the first packet: ffmpeg moves
    /// a track as soon as it has both.
    fn report(&mut self, now: Instant, track: Track, carrier: Carrier) {
        if let Some(report) = self.media(track).report(now) {
            self.send_rtcp(carrier, report);
        }
    }

    /// One output for the whole frame where that can be: it becomes one call of the system.
    fn send_frame(&mut self, carrier: Carrier, frame: &Frame<'_>, bytes: usize) {
        let last = frame.payloads.len().saturating_sub(1);
        let is_tcp = matches!(carrier, Carrier::Tcp(..));
        let mut interleaved = Vec::with_capacity(if is_tcp { bytes } else { 0 });
        for (index, payload) in frame.payloads.iter().enumerate() {
            let packet = self.video.packet(&[], payload, index == last);
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
            for (track, carrier) in playing.tracks().collect::<Vec<_>>() {
                self.report(now, track, carrier);
            }
        }
    }

    /// What a reader says of what it receives.
    pub(super) fn handle_rtcp(&mut self, data: &[u8]) {
        let ssrc = self.video.ssrc();
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

/// The AU header section of one access unit of AAC (RFC 3640 3.3.6); nothing for other codecs,
/// none where the unit is too long for it.
fn au_header(codec: audio::Codec, bytes: usize) -> Option<Vec<u8>> {
    const HEADER_BITS: u16 = 16;
    if !matches!(codec, audio::Codec::Aac(_)) {
        return Some(Vec::new());
    }
    let size = u16::try_from(bytes).ok().filter(|size| *size < 1 << 13)?;
    Some([HEADER_BITS.to_be_bytes(), (size << 3).to_be_bytes()].concat())
}
