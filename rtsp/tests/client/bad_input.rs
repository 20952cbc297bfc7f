//! Bytes no camera should send. Each costs at most its session, and the next one works.

use std::time::Duration;

use crate::bench::*;

/// The camera says this instead of its n-th reply, then falls silent. Whatever it was, the client
/// comes back and plays.
fn survive(replies: usize, bytes: &[u8]) {
    let mut bench = started();
    bench.connect();
    let answers = [
        ok("Public: OPTIONS\r\n"),
        described("", SDP),
        ok("Session: 1\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n"),
        ok(""),
    ];
    for answer in &answers[..replies] {
        bench.reply(answer);
    }
    bench.data(bytes);
    // Long enough for every time-out and the longest stay away.
    bench.pass(Duration::from_secs(80));
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
    assert!(bench.dials() >= 2, "{replies} {shown:?}");
    assert!(!bench.errors().is_empty() || bench.client.stats().failures > 0);
    bench.until_dialled();
    bench.forget();
    bench.connect();
    bench.play();
    bench.rtp(1, IDR);
    assert_eq!(bench.access_units().len(), 1, "{replies} {shown:?}");
}

fn survive_everywhere(bytes: &[u8]) {
    for replies in 0..=4 {
        survive(replies, bytes);
    }
}

#[test]
fn status_lines_of_all_kinds() {
    for line in [
        "RTSP/1.0",
        "ICY 200 OK",
        "HTTP/1.1 200 OK",
        "RTSP/1.0 999 ?",
        "RTSP/1.0 -1 x",
        "RTSP/1.0 600",
        "RTSP/9.9.9 404",
        "\0\0\0",
        "RTSP/1.0 200 \u{fffd}\0",
    ] {
        survive_everywhere(format!("{line}\r\n\r\n").as_bytes());
    }
}

#[test]
fn headers_of_all_kinds() {
    let headers: [&[u8]; 12] = [
        b"no colon",
        b": no name",
        b"X: \xff\x00\xfe",
        b"Content-Length: -1",
        b"Content-Length: 99999999999999999999",
        b"Content-Length: 500000",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Session:",
        b"Transport: ;;;=;,,",
        b"Public: ,,,\r\nContent-Base: ://",
        b"WWW-Authenticate: Digest",
        b"RTP-Info: url=;seq=99999;rtptime=-1,,;",
    ];
    for header in headers {
        for status in ["200 OK", "401 Unauthorized", "302 Found"] {
            let head = format!("RTSP/1.0 {status}\r\n");
            survive_everywhere(&[head.as_bytes(), header, b"\r\n\r\n"].concat());
        }
    }
}

#[test]
fn numbers_of_all_kinds() {
    for cseq in ["18446744073709551615", "-1", "x", "", "0", "1\r\nCSeq: 2"] {
        let reply = format!("RTSP/1.0 500 No\r\nCSeq: {cseq}\r\n\r\n");
        survive_everywhere(reply.as_bytes());
    }
}

#[test]
fn more_than_anybody_can_mean() {
    let headers = [b"RTSP/1.0 200 OK\r\n".to_vec(), b"a: b\r\n".repeat(100_000)].concat();
    survive_everywhere(&headers);
    let nonce = "n".repeat(50_000);
    survive_everywhere(
        format!("RTSP/1.0 401 No\r\nWWW-Authenticate: Digest nonce=\"{nonce}\"\r\n\r\n").as_bytes(),
    );
    let infos = "url=x;seq=1,".repeat(5_000);
    survive_everywhere(format!("RTSP/1.0 200 OK\r\nRTP-Info: {infos}\r\n\r\n").as_bytes());
    survive_everywhere(&b"RTSP/1.0 100 Continue\r\n\r\n".repeat(10_000));
    survive_everywhere(&b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".repeat(1_000));
    survive_everywhere(&b"$".repeat(1 << 20));
    survive_everywhere(&b"\0".repeat(1 << 20));
}

#[test]
fn frames_of_all_kinds() {
    let stalled = [&[b'$', 0, 0xff, 0xff][..], &[0; 10]].concat();
    survive_everywhere(&stalled);
    survive_everywhere(&frame(0, b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"));
    survive_everywhere(&frame(0, b""));
    survive_everywhere(&frame(1, &[0x80; 3000]));
    survive_everywhere(&frame(0, &rtp(1, 0, &[0x7c; 1])));
}

#[test]
fn descriptions_of_all_kinds() {
    let lines = "m=audio 0 RTP/AVP 0\r\n".repeat(40_000);
    let sdps = [
        lines.as_str(),
        "m=video 0 RTP/AVP 256 -1 x",
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:*",
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=inactive",
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 sprop-parameter-sets=,,=,!!",
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=rtpmap:96 JPEG/90000\r\na=fmtp\0:96",
    ];
    for sdp in sdps {
        survive(1, described("CSeq: 2\r\n", sdp).as_bytes());
    }
}

#[test]
fn a_camera_that_says_nothing_at_all() {
    survive_everywhere(b"");
    survive_everywhere(b"\r\n\r\n\r\n");
}
