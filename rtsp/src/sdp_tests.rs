use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Sdp {
    Sdp::parse(text.as_bytes())
}

fn codecs(sdp: &Sdp) -> Vec<(u8, &str, u32)> {
    let formats = sdp.media.iter().flat_map(|media| &media.formats);
    formats.map(|f| (f.payload_type, f.codec.as_str(), f.clock_rate_hz)).collect()
}

#[test]
fn an_ordinary_description_is_read() {
    let sdp = parse(
        "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=Media\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
         a=tool:x\r\na=control:*\r\n\
         m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
         a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0IAKQ==,aM4=\r\n\
         a=control:trackID=0\r\na=recvonly\r\n\
         m=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\n",
    );
    assert_eq!(sdp.control.as_deref(), Some("*"));
    assert_eq!(sdp.tool.as_deref(), Some("x"));
    assert_eq!(codecs(&sdp), [(96, "H264", 90_000), (0, "PCMU", 8_000)]);
    let video = &sdp.media[0];
    assert_eq!((video.kind.as_str(), video.is_rtp()), ("video", true));
    assert_eq!(video.control.as_deref(), Some("trackID=0"));
    assert_eq!(video.direction, Direction::RecvOnly);
    let sprop = video.formats[0].parameter("Sprop-Parameter-Sets");
    assert_eq!(sprop, Some("Z0IAKQ==,aM4="));
    assert_eq!(sdp.media[1].control.as_deref(), Some("trackID=1"));
}

#[test]
fn nothing_but_a_media_line_is_needed() {
    for text in ["m=video 0 RTP/AVP 26", "\u{feff}m=video 0 RTP/AVP 26\n\0", "m = video 0 x 26"] {
        assert_eq!(codecs(&parse(text)), [(26, "JPEG", 90_000)], "{text:?}");
    }
}

#[test]
fn odd_session_lines_do_no_harm() {
    let sdp = parse(
        "o=- 0x1F 1.5 IP\no=broken\nc=IN\nt=now-\ns=\ns=again\ngarbage\n=\n\
         m=video 0 RTP/AVP 96\ni=again\ns=again\na=rtpmap:96 h264/90000 \n",
    );
    assert_eq!(codecs(&sdp), [(96, "H264", 90_000)]);
}

#[test]
fn bytes_of_any_charset_are_read() {
    let mut text = b"s=\x83J\x83\x81\x83\x89\n".to_vec();
    text.extend_from_slice(b"m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\ni=\xff\xfe\n");
    assert_eq!(codecs(&Sdp::parse(&text)), [(96, "H264", 90_000)]);
}

#[test]
fn clock_rates_are_never_zero_and_those_of_h264_never_odd() {
    let sdp = parse(
        "m=video 0 RTP/AVP 96 97 98 99\na=rtpmap:96 H264/0\na=rtpmap:97 H265/1000\n\
         a=rtpmap:98 H264\na=rtpmap:99 MPEG4-GENERIC/16000\n",
    );
    let clocks: Vec<u32> = codecs(&sdp).into_iter().map(|(_, _, clock)| clock).collect();
    assert_eq!(clocks, [90_000, 90_000, 90_000, 16_000]);
    assert_eq!(
        parse("m=audio 0 RTP/AVP 97\na=rtpmap:97 X/0").media[0].formats[0].clock_rate_hz,
        90_000
    );
}

#[test]
fn payload_types_that_are_none_do_not_spoil_the_others() {
    let sdp = parse("m=video 0 RTP/AVP smart/1/90000 256 -1 96 96 96\na=rtpmap:96 H264/90000");
    assert_eq!(codecs(&sdp), [(96, "H264", 90_000)]);
    let unlisted = parse("m=video 0 RTP/AVP\na=rtpmap:96 H264/90000");
    assert_eq!(codecs(&unlisted), [(96, "H264", 90_000)]);
    let mismatch = parse("m=audio 0 RTP/AVP 8\na=rtpmap:0 pcma/8000/1");
    assert_eq!(codecs(&mismatch), [(8, "PCMA", 8_000), (0, "PCMA", 8_000)]);
}

#[test]
fn a_static_payload_type_may_be_redefined() {
    let hikvision = parse("m=audio 0 RTP/AVP 11\na=rtpmap:11 PCM/48000");
    assert_eq!(codecs(&hikvision), [(11, "PCM", 48_000)]);
    let bosch = parse("m=video 0 RTP/AVP 35\na=rtpmap:35 H264/90000");
    assert_eq!(codecs(&bosch), [(35, "H264", 90_000)]);
}

#[test]
fn of_two_encodings_for_one_payload_type_the_first_counts() {
    let sdp = parse("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=rtpmap:96 JPEG/90000");
    assert_eq!(codecs(&sdp), [(96, "H264", 90_000)]);
    let next_section = parse(
        "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n\
         m=video 0 RTP/AVP 96\na=rtpmap:96 H265/90000",
    );
    assert_eq!(codecs(&next_section), [(96, "H264", 90_000), (96, "H265", 90_000)]);
}

#[test]
fn parameters_are_read_in_every_form() {
    for empty in ["a=fmtp:96", "a=fmtp", "a=fmtp:", "a=fmtp\0:96", "a=fmtp:96 ;;=;"] {
        let sdp = parse(&format!("m=video 0 RTP/AVP 96\n{empty}"));
        assert_eq!(sdp.media[0].formats[0].parameter("packetization-mode"), None);
    }
    let sdp = parse("m=video 0 RTP/AVP 96\na=fmtp:96   A = 1 ;b=2=3;C");
    let format = &sdp.media[0].formats[0];
    assert_eq!(format.parameter("a"), Some("1"));
    assert_eq!(format.parameter("B"), Some("2=3"));
    assert_eq!(format.parameter("c"), None);
}

#[test]
fn parameters_in_the_wrong_section_find_their_format() {
    let sdp =
        parse("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\nm=audio 0 RTP/AVP 8\na=fmtp:96 x=1\n");
    assert_eq!(sdp.media[0].formats[0].parameter("x"), Some("1"));
    assert_eq!(sdp.media[1].formats[0].parameter("x"), None);
}

#[test]
fn controls_come_before_or_behind_other_attributes_and_only_once() {
    let sdp = parse(
        "m=video 0 RTP/AVP 96\na=control:stream=0\na=rtpmap:96 H264/90000\na=control:other\n",
    );
    assert_eq!(sdp.media[0].control.as_deref(), Some("stream=0"));
    assert_eq!(sdp.control, None);
    let carriage_return = parse("m=video 0 RTP/AVP 96\na=control:x\r\nInjected: 1\r\n");
    assert_eq!(carriage_return.media[0].control.as_deref(), Some("x"));
}

#[test]
fn protocols_we_do_not_speak_are_told_from_rtp() {
    let rtp = |protocol| parse(&format!("m=video 0 {protocol} 96")).media[0].is_rtp();
    for spoken in ["RTP/AVP", "rtp/avpf", "TCP/RTP/AVP", "RTP/AVP/TCP"] {
        assert!(rtp(spoken), "{spoken}");
    }
    for foreign in ["RTP/SAVP", "MP2T/RTP/UDP", "udp"] {
        assert!(!rtp(foreign), "{foreign}");
    }
}

#[test]
fn sections_and_formats_beyond_the_caps_are_ignored() {
    let many = format!("m=video 0 RTP/AVP 96\n{}", "m=audio 0 RTP/AVP 0\n".repeat(100_000));
    let sdp = parse(&format!("{many}a=control:last\n"));
    assert_eq!(sdp.media.len(), MAX_SDP_MEDIA);
    assert!(sdp.media.iter().all(|media| media.control.is_none()));
    let formats: String = (0..128).map(|n| format!(" {n}")).collect();
    assert_eq!(
        parse(&format!("m=video 0 RTP/AVP{formats}")).media[0].formats.len(),
        MAX_SDP_FORMATS
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Sdp::parse(&bytes);
    }

    #[test]
    fn no_lines_panic(lines in proptest::collection::vec(
        "(m=video 0 RTP/AVP 96|m=|a=rtpmap:|a=rtpmap:96|a=fmtp:96|a=control:|a=)[ -~]{0,20}", 0..20)
    ) {
        let sdp = parse(&lines.join("\r\n"));
        for format in sdp.media.iter().flat_map(|media| &media.formats) {
            prop_assert!(format.clock_rate_hz > 0 && format.payload_type < 128);
        }
    }
}
