//! The audio beside the slots: one m-line a slot, in one stream with the slot's video.

use std::time::Duration;

use super::Peer;
use super::path::Sink;
use super::sdp::{Format, SentStream};
use super::srtp::Header;
use super::stream::{Moment, Outlet, Stream};
use crate::engine::codec::AudioCodec;
use crate::engine::frame::AudioEgress;
use crate::limits;

/// What a picture may wait for its audio, which waits in a jitter buffer. Chromium does without
/// delay at all what may wait this long and does not have to, and nothing that may wait longer.
const LIP_SYNC_MAX: Duration = Duration::from_millis(500);

/// Whether this build carries audio.
pub(super) const ENABLED: bool = cfg!(feature = "audio");

/// Where a slot's audio goes.
#[derive(Debug)]
pub(super) struct AudioTrack {
    /// The slot.
    position: usize,
    pub stream: Stream,
    payload_types: Vec<(AudioCodec, u8)>,
}

impl Peer {
    /// The codecs that a slot's receiver takes audio in; none if it takes no audio.
    #[must_use]
    pub fn audio_codecs(&self, position: usize) -> Vec<AudioCodec> {
        let track = self.audio_tracks.iter().find(|track| track.position == position);
        let codecs = track.into_iter().flat_map(|track| &track.payload_types);
        codecs.map(|(codec, _)| *codec).collect()
    }

    /// Queues audio of a slot for [`Peer::flush`].
    pub fn queue_audio(&mut self, position: usize, egress: AudioEgress) {
        self.audio_outbox.push((position, egress));
    }

    /// The playout delay to ask for. A picture that has to keep step with audio may have to wait.
    pub(super) fn playout_delay_of(&self, position: usize) -> Option<(Duration, Duration)> {
        let has_audio = self.audio_tracks.iter().any(|track| track.position == position);
        let (min, max) = self.playout_delay?;
        Some((min, if has_audio { max.max(LIP_SYNC_MAX) } else { max }))
    }

    /// Sends what was queued; nothing before DTLS is up.
    pub(super) fn flush_audio(&mut self, sink: &mut Sink<'_>) {
        for (position, egress) in std::mem::take(&mut self.audio_outbox) {
            let outlet = Outlet::open(&mut self.srtp, self.path, &mut *sink);
            let mut tracks = self.audio_tracks.iter_mut();
            let track = tracks.find(|track| track.position == position);
            if let (Some(track), Some(mut outlet)) = (track, outlet) {
                track.write(&egress, &mut outlet);
            }
        }
    }
}

impl AudioTrack {
    /// In these formats.
    pub fn new(position: usize, stream: &SentStream, chosen: &[(AudioCodec, &Format<'_>)]) -> Self {
        let payload_types = chosen.iter().map(|(codec, format)| (*codec, format.payload_type));
        let stream = Stream::new(stream);
        Self { position, stream, payload_types: payload_types.collect() }
    }

    fn write(&mut self, egress: &AudioEgress, outlet: &mut Outlet<'_, '_>) {
        let AudioEgress { frame, rtp_timestamp, .. } = egress;
        let found = self.payload_types.iter().find(|(taken, _)| *taken == frame.codec);
        let Some((_, payload_type)) = found else { return };
        // No packetizer comes near.
        if frame.payload.len() > limits::RTP_PAYLOAD_MAX_BYTES {
            return;
        }
        let header = Header {
            payload_type: *payload_type,
            is_marked: egress.is_start,
            sequence_number: self.stream.number(egress.sequence_number),
            rtp_timestamp: *rtp_timestamp,
            ssrc: self.stream.ssrc,
            extension: None,
        };
        outlet.send(&header, &frame.payload);
        let (at, clock_hz) = (egress.presented_at, frame.codec.clock_hz());
        let moment = Moment { rtp_timestamp: *rtp_timestamp, at, clock_hz };
        self.stream.count(moment, 1, frame.payload.len());
    }
}

/// The first format of each of these codecs.
pub(super) fn choose<'f, 'a>(
    formats: &'f [Format<'a>],
    codecs: &[AudioCodec],
) -> Vec<(AudioCodec, &'f Format<'a>)> {
    let first = |codec: &AudioCodec| {
        let is_it = |format: &&Format<'a>| {
            format.is(codec.name(), codec.clock_hz()) && format.channels == channels(*codec)
        };
        formats.iter().find(is_it).map(|format| (*codec, format))
    };
    codecs.iter().filter_map(first).collect()
}

/// As `rtpmap` has them: Opus has two whatever is in it (RFC 7587 section 7).
pub(super) fn channels(codec: AudioCodec) -> u8 {
    match codec {
        AudioCodec::Opus => 2,
        AudioCodec::Pcmu | AudioCodec::Pcma | AudioCodec::G722 => 1,
        AudioCodec::Aac(aac) => aac.channels,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use str0m::media::{Direction, MediaKind};
    use str0m::{Rtc, RtcConfig};

    use super::*;
    use crate::peer::{Entropy, Ice, Identity, NtpClock, PeerOptions};

    /// A peer of one slot with audio, and its answer to somebody who has these codecs.
    fn accepted(codecs: impl FnOnce(RtcConfig) -> RtcConfig, audio: &[usize]) -> (Peer, String) {
        let now = Instant::now();
        let identity = Identity::generate().unwrap();
        let viewer = Rtc::builder().clear_codecs().set_crypto_provider(identity.crypto());
        let mut viewer = codecs(viewer.enable_h264(true)).build(now);
        let mut changes = viewer.sdp_api();
        for kind in [MediaKind::Audio, MediaKind::Video, MediaKind::Audio] {
            changes.add_media(kind, Direction::RecvOnly, None, None, None);
        }
        let offer = changes.apply().unwrap().0.to_sdp_string();
        let options = PeerOptions {
            candidates: vec!["192.0.2.1:1".parse().unwrap()],
            resend_packets: 64,
            playout_delay: Some((Duration::ZERO, Duration::ZERO)),
            ice: Ice::default(),
            clock: NtpClock { at: now, ntp: 0 },
        };
        let entropy = Entropy([1; 32]);
        let (peer, answer) =
            Peer::accept(now, &options, &identity, entropy, &offer, 1, audio).unwrap();
        (peer, answer.sdp)
    }

    fn directions(answer: &str) -> Vec<&str> {
        answer.lines().filter(|line| ["a=sendonly", "a=inactive"].contains(line)).collect()
    }

    #[test]
    fn a_slot_that_takes_audio_has_it_in_one_stream_with_its_video() {
        let (peer, answer) =
            accepted(|c| c.enable_opus(true, false).enable_pcma(true, false), &[0]);
        assert_eq!(directions(&answer), ["a=sendonly", "a=sendonly", "a=inactive"]);
        let streams: Vec<&str> = answer
            .lines()
            .filter_map(|line| line.strip_prefix("a=msid:")?.split(' ').next())
            .collect();
        assert_eq!(streams, ["slot0", "slot0"]);
        assert_eq!(peer.audio_codecs(0), [AudioCodec::Opus, AudioCodec::Pcma]);
        assert_eq!(peer.playout_delay_of(0), Some((Duration::ZERO, LIP_SYNC_MAX)));
    }

    #[test]
    fn a_slot_that_takes_none_has_none() {
        let (peer, answer) = accepted(|codecs| codecs.enable_pcmu(true, false), &[]);
        assert_eq!(directions(&answer), ["a=inactive", "a=sendonly", "a=inactive"]);
        assert_eq!(peer.audio_codecs(0), []);
        assert_eq!(peer.playout_delay_of(0), Some((Duration::ZERO, Duration::ZERO)));
    }
}
