//! The order of an answer's codecs, which is that of our preference (RFC 8829 section 5.3.1, RFC
//! 3264 section 6.1): a browser sends the first that it can.

use super::super::offer::push_line;
use crate::intake::publisher::Codec;

/// Orders the payload types of each m-line; those of one codec stay as they are, and resends stand
/// behind what they are for.
pub(super) fn by_preference(answer: &str, preferred: &[Codec]) -> String {
    let lines: Vec<&str> = answer.lines().collect();
    let mut sdp = String::with_capacity(answer.len());
    for (index, line) in lines.iter().enumerate() {
        let rest = lines.get(index + 1..).unwrap_or_default();
        let end = rest.iter().position(|line| line.starts_with("m=")).unwrap_or(rest.len());
        let section = rest.get(..end).unwrap_or_default();
        match ordered(line, section, preferred) {
            Some(line) => push_line(&mut sdp, &line),
            None => push_line(&mut sdp, line),
        }
    }
    sdp
}

/// The m-line anew, if it is one of media.
fn ordered(line: &str, section: &[&str], preferred: &[Codec]) -> Option<String> {
    let media = line.strip_prefix("m=")?;
    let mut words = media.splitn(4, ' ');
    let (kind, port, protocol) = (words.next()?, words.next()?, words.next()?);
    if !matches!(kind, "audio" | "video") {
        return None;
    }
    let mut types: Vec<&str> = words.next()?.split(' ').collect();
    types.sort_by_key(|payload_type| rank(payload_type, section, preferred));
    Some(format!("m={kind} {port} {protocol} {}", types.join(" ")))
}

fn rank(payload_type: &str, section: &[&str], preferred: &[Codec]) -> usize {
    let value = |name: &str, of: &str| {
        let prefix = format!("a={name}:{of} ");
        section.iter().find_map(|line| line.strip_prefix(prefix.as_str())).unwrap_or_default()
    };
    // Resends (RFC 4588 section 8.6).
    let of = value("fmtp", payload_type).strip_prefix("apt=").unwrap_or(payload_type);
    let name = value("rtpmap", of).split('/').next().unwrap_or_default();
    let is_it = |codec: &Codec| match codec {
        Codec::Video(codec) => codec.name().eq_ignore_ascii_case(name),
        Codec::Audio(codec) => codec.name().eq_ignore_ascii_case(name),
    };
    preferred.iter().position(is_it).unwrap_or(preferred.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::codec::VideoCodec;

    const ANSWER: &str = "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 45\r\na=rtpmap:96 VP8/90000\r\n\
        a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:102 H264/90000\r\n\
        a=fmtp:102 packetization-mode=1\r\na=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n\
        a=rtpmap:45 AV1/90000\r\n";

    fn payload_types(preferred: &[VideoCodec]) -> String {
        let preferred: Vec<Codec> = preferred.iter().copied().map(Codec::Video).collect();
        let sdp = by_preference(ANSWER, &preferred);
        assert_eq!(sdp.len(), ANSWER.len());
        let line = sdp.lines().find(|line| line.starts_with("m=video")).unwrap();
        line.strip_prefix("m=video 9 UDP/TLS/RTP/SAVPF ").unwrap().to_owned()
    }

    #[test]
    fn what_is_preferred_stands_first_and_its_resends_behind_it() {
        use VideoCodec::{Av1, H264, Vp8};
        assert_eq!(payload_types(&[H264, Vp8, Av1]), "102 103 96 97 45");
        assert_eq!(payload_types(&[Av1]), "45 96 97 102 103");
        assert_eq!(payload_types(&[]), "96 97 102 103 45");
    }
}
