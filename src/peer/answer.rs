//! What an answer says beyond the library's: that round trips are told (RFC 3611 §4.5).
//!
//! A browser that only receives knows no round trip, and asks a second time for a packet whose
//! resend was lost as well only after 100 ms: too late for its frame to be shown. Where `rrtr`
//! stands among a codec's feedback it sends receiver reference times, and is told the round trip
//! beside the sender reports. Chromium 156 acts on it though it does not offer it; browsers that
//! don't know it ignore it (RFC 4585 §4.2).

/// Ends a codec's feedback line of the kind that only video has.
const KEYFRAME_REQUESTS: &str = " nack pli";
const ROUND_TRIPS: &str = " rrtr";

/// Adds it to each video codec of an answer.
pub fn with_round_trips(answer: &str) -> String {
    let mut sdp = String::with_capacity(answer.len() + 128);
    for line in answer.lines() {
        let codec = line.strip_suffix(KEYFRAME_REQUESTS);
        let added = codec.map(|codec| [codec, ROUND_TRIPS, "\r\n"]);
        let parts = [line, "\r\n"].into_iter().chain(added.into_iter().flatten());
        sdp.extend(parts);
    }
    sdp
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_video_codec_tells_round_trips() {
        let answer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtcp-fb:111 transport-cc\r\n\
            m=video 9 UDP/TLS/RTP/SAVPF 96 98\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n\
            a=rtcp-fb:98 nack pli\r\na=mid:1\r\n";
        let told = with_round_trips(answer);
        let (added, rest): (Vec<&str>, _) = told.lines().partition(|line| line.ends_with("rrtr"));
        assert_eq!(added, ["a=rtcp-fb:96 rrtr", "a=rtcp-fb:98 rrtr"]);
        assert_eq!(rest, answer.lines().collect::<Vec<_>>());
    }
}
