//! Which feedback an offer or answer of ours asks for (RFC 4585 §4.2).
//!
//! Round trips are told (RFC 3611 §4.5). A browser that only receives knows none, and asks a
//! second time for a packet whose resend was lost as well only after 100 ms: too late for its
//! frame to be shown. Where `rrtr` stands among a codec's feedback it sends receiver reference
//! times, and is told the round trip beside the sender reports. Chromium 156 acts on it though
//! it does not offer it; browsers that don't know it ignore it.
//!
//! Reports for the estimation of bandwidth are not asked for: a camera's bitrate is its own.
//! They would come twenty times a second from each viewer.

/// Ends a codec's feedback line of the kind that only video has.
const KEYFRAME_REQUESTS: &str = " nack pli";
const ROUND_TRIPS: &str = " rrtr";
/// Estimation of bandwidth at the sender, and at the receiver.
const ESTIMATES: [&str; 2] = [" transport-cc", " goog-remb"];

/// The SDP with the feedback that is wanted.
pub fn amend(description: &str) -> String {
    let mut sdp = String::with_capacity(description.len() + 128);
    let is_estimate = |line: &&str| {
        line.starts_with("a=rtcp-fb:") && ESTIMATES.iter().any(|kind| line.ends_with(kind))
    };
    for line in description.lines().filter(|line| !is_estimate(line)) {
        let codec = line.strip_suffix(KEYFRAME_REQUESTS);
        let added = codec.map(|codec| [codec, ROUND_TRIPS, "\r\n"]);
        sdp.extend([line, "\r\n"].into_iter().chain(added.into_iter().flatten()));
    }
    sdp
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_are_told_and_no_estimates_asked_for() {
        let answer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtcp-fb:111 transport-cc\r\n\
            m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 nack\r\n\
            a=rtcp-fb:96 transport-cc\r\na=rtcp-fb:96 nack pli\r\na=mid:1\r\n";
        let wanted = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
            m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtcp-fb:96 nack\r\n\
            a=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 rrtr\r\na=mid:1\r\n";
        assert_eq!(amend(answer), wanted);
    }
}
