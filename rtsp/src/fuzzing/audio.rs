//! The rules of audio, checked on everything that comes out of it.

use crate::audio::{Codec, Depacketizer};
use crate::limits::{MAX_AUDIO_PACKET_BYTES, MAX_AUDIO_UNITS};
use crate::rtp;
use crate::sdp::Sdp;

/// The description on the input's first line, and behind that packets.
pub(super) fn run(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (fmtp, rest) = data.split_at(at);
    let fmtp = String::from_utf8_lossy(fmtp);
    let encodings = ["PCMA/8000", "OPUS/48000/2", "MPEG4-GENERIC/16000/1"];
    for encoding in encodings {
        let text = format!("m=audio 0 RTP/AVP 97\na=rtpmap:97 {encoding}\na=fmtp:97 {fmtp}\n");
        let sdp = Sdp::parse(text.as_bytes());
        let format = sdp.media.first().and_then(|media| media.formats.first());
        if let Some((format, codec)) = format.and_then(|f| Some((f, Codec::of(f)?))) {
            packets(codec, Depacketizer::new(codec, format), rest.get(1..).unwrap_or_default());
        }
    }
}

fn packets(codec: Codec, mut depacketizer: Depacketizer, mut rest: &[u8]) {
    while let Some((&[flags, timestamp, high, low], after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([high, low])).min(after.len());
        let (payload, after) = after.split_at(length);
        rest = after;
        if flags & 8 != 0 {
            depacketizer.reset();
        }
        let (marker, timestamp) = (flags & 1 != 0, u32::from(timestamp));
        let packet =
            rtp::Packet { payload_type: 97, marker, sequence: 0, timestamp, ssrc: 0, payload };
        let Some((ends_at, packets)) = depacketizer.push(&packet, flags & 2 != 0) else { continue };
        assert!(packets.len() <= MAX_AUDIO_UNITS.max(MAX_AUDIO_PACKET_BYTES / 160 + 1));
        let mut before = None;
        for packet in &packets {
            assert!(!packet.payload.is_empty() && packet.payload.len() <= MAX_AUDIO_PACKET_BYTES);
            assert!(packet.ticks > 0);
            assert!(!matches!(codec, Codec::Pcma) || packet.payload.len() == 160);
            let at = ends_at.wrapping_sub(packet.timestamp);
            assert!(before.is_none_or(|before| at < before), "in order");
            before = Some(at);
        }
    }
}
