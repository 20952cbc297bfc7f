//! The audio beside the slots: one m-line a slot, in one stream with the slot's video.

use std::time::Duration;

use str0m::format::{Codec, PayloadParams};
use str0m::media::Mid;
use str0m::{Rtc, RtcConfig};

use super::Peer;
use super::offer::AudioLine;
use super::path::Sink;
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

    pub(super) fn add_audio_tracks(&mut self, lines: &[AudioLine]) {
        let tracks = lines.iter().filter_map(|line| audio_track(&mut self.rtc, line));
        self.audio_tracks = tracks.collect();
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

/// Takes these codecs.
pub(super) fn enable(config: RtcConfig, codecs: &[AudioCodec]) -> RtcConfig {
    codecs.iter().fold(config, |config, codec| match codec {
        AudioCodec::Opus => config.enable_opus(true, false),
        AudioCodec::Pcmu => config.enable_pcmu(true, false),
        AudioCodec::Pcma => config.enable_pcma(true, false),
        AudioCodec::G722 => config.enable_g722(true, false),
        // WebRTC has no payload format for it that anybody implements.
        AudioCodec::Aac(_) => config,
    })
}

/// An audio codec of ours.
pub(super) fn own_codec(codec: Codec) -> Option<AudioCodec> {
    Some(match codec {
        Codec::PCMU => AudioCodec::Pcmu,
        Codec::PCMA => AudioCodec::Pcma,
        Codec::G722 => AudioCodec::G722,
        Codec::Opus => AudioCodec::Opus,
        _ => return None,
    })
}

fn audio_track(rtc: &mut Rtc, line: &AudioLine) -> Option<AudioTrack> {
    let mid = Mid::from(line.mid.as_str());
    let media = rtc.media(mid)?;
    let (offered, cname) = (media.remote_pts(), media.cname().to_owned());
    let codec = |params: &PayloadParams| {
        let codec = own_codec(params.spec().codec)?;
        offered.contains(&params.pt()).then_some((codec, *params.pt()))
    };
    let payload_types: Vec<_> = rtc.codec_config().params().iter().filter_map(codec).collect();
    let ssrc = *rtc.direct_api().stream_tx_by_mid(mid, None)?.ssrc();
    let stream = Stream::new(ssrc, cname);
    Some(AudioTrack { position: line.position, stream, payload_types })
}

/// Puts each audio m-line into the stream of its slot's video: receivers keep the tracks of one
/// stream in step (RFC 8830), and str0m makes a stream of each.
pub(super) fn join_streams(
    description: &str,
    lines: &[AudioLine],
    video_mids: &[String],
) -> String {
    if lines.is_empty() {
        return description.to_owned();
    }
    let sections: Vec<&str> = split_media(description);
    let stream_of = |mid: &str| {
        let section = sections.iter().find(|section| mid_of(section) == Some(mid))?;
        let msid = section.lines().find_map(|line| line.strip_prefix("a=msid:"))?;
        msid.split_whitespace().next()
    };
    let mut sdp = String::with_capacity(description.len());
    for section in &sections {
        let line = lines.iter().find(|line| mid_of(section) == Some(line.mid.as_str()));
        let stream = line.and_then(|line| stream_of(video_mids.get(line.position)?));
        let own = line.and_then(|line| stream_of(&line.mid));
        match (own, stream) {
            (Some(own), Some(stream)) => {
                sdp.push_str(&section.replace(&format!("msid:{own} "), &format!("msid:{stream} ")))
            }
            _ => sdp.push_str(section),
        }
    }
    sdp
}

/// The session's part of a description, and each m-line's.
fn split_media(description: &str) -> Vec<&str> {
    let mut sections = Vec::new();
    let mut rest = description;
    while let Some(at) = rest.get(1..).and_then(|tail| tail.find("\nm=")) {
        let (section, behind) = rest.split_at(at + 2);
        sections.push(section);
        rest = behind;
    }
    sections.push(rest);
    sections
}

fn mid_of<'a>(section: &&'a str) -> Option<&'a str> {
    section.lines().find_map(|line| line.strip_prefix("a=mid:"))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use str0m::RtcConfig;
    use str0m::media::{Direction, MediaKind};

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
        assert_eq!(streams[0], streams[1]);
        assert_ne!(streams[1], streams[2]);
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

    #[test]
    fn audio_joins_the_stream_of_its_video_and_keeps_its_track() {
        let answer = "v=0\r\na=msid-semantic: WMS x y z\r\n\
            m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=msid:x v0\r\na=ssrc:1 msid:x v0\r\n\
            m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\na=msid:y a0\r\na=ssrc:2 msid:y a0\r\n\
            m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:2\r\na=inactive\r\na=msid:z a1\r\n";
        let line = AudioLine { position: 0, mid: "1".to_owned() };
        let joined = join_streams(answer, &[line], &["0".to_owned()]);
        let wanted = answer.replace("msid:y a0", "msid:x a0");
        assert_eq!(joined, wanted);
        assert_eq!(join_streams(answer, &[], &[]), answer);
        let lost = AudioLine { position: 7, mid: "1".to_owned() };
        assert_eq!(join_streams(answer, &[lost], &["0".to_owned()]), answer);
    }
}
