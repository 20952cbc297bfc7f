//! What an answer says beyond the library's: that round trips are told (RFC 3611 §4.5).
//!
//! A browser that only receives knows no round trip, so it asks a second time for a packet whose
//! resend was lost as well only after 100 ms, and a frame is not shown. Where `rrtr` stands among
//! the codec's feedback it sends receiver reference times, and the sender reports that answer
//! them tell it the round trip. Browsers do not offer `rrtr`, but act on it: measured in
//! Chromium 156. Others ignore a kind of feedback that they don't know (RFC 4585 §4.2).

/// Adds `rrtr` to each codec of the answer that repairs loss by keyframes, which is video.
pub fn with_round_trips(answer: &str) -> String {
    let mut sdp = String::with_capacity(answer.len() + 128);
    for line in answer.split_inclusive("\r\n") {
        sdp.push_str(line);
        if let Some(payload_type) = line.trim_end().strip_suffix(" nack pli") {
            sdp.push_str(payload_type);
            sdp.push_str(" rrtr\r\n");
        }
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
        let added: Vec<&str> = told.lines().filter(|line| line.ends_with("rrtr")).collect();
        assert_eq!(added, ["a=rtcp-fb:96 rrtr", "a=rtcp-fb:98 rrtr"]);
        let rest: Vec<&str> = told.lines().filter(|line| !line.ends_with("rrtr")).collect();
        assert_eq!(rest, answer.lines().collect::<Vec<_>>());
    }
}
