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
        "m=video 0 RTP/AVP 96 96 96\r\na=fmtp\r\na=fmtp:\r\na=rtpmap",
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:*",
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=inactive",
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 sprop-parameter-sets=,,=,!!",
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=rtpmap:96 JPEG/90000\r\na=fmtp\0:96",
    ];
    for sdp in sdps {
        survive(1, described("CSeq: 2\r\n", sdp).as_bytes());
    }
}

/// A camera that plays and then says this among its pictures, which come out all the same.
fn amid(bytes: &[u8]) -> Bench {
    let mut bench = playing();
    bench.stream(1, 10);
    bench.data(bytes);
    bench.stream(11, 10);
    assert_eq!((bench.access_units().len(), bench.errors()), (20, vec![]), "{bytes:02x?}");
    bench
}

#[test]
fn packets_that_belong_nowhere() {
    let typed = |kind: u8, sequence: u16| {
        let mut packet = rtp(sequence, 0, DELTA);
        packet[1] = kind;
        frame(0, &packet)
    };
    // Types that flip, those that look like RTCP, and the same numbers as the pictures.
    amid(
        &(0..=255).filter(|kind| kind & 0x7f != 96).flat_map(|k| typed(k, 11)).collect::<Vec<_>>(),
    );
    // Repeated, once and a thousand times.
    amid(&frame(0, &rtp(10, 36_000, DELTA)).repeat(1000));
    // Numbers that only fall.
    amid(&(1..2000).flat_map(|n| frame(0, &rtp(60_000 - n, 0, DELTA))).collect::<Vec<_>>());
    // A single one from far away.
    amid(&frame(0, &rtp(10 + 32_768, 0, DELTA)));
    // RTCP: no blocks where 31 are promised, goodbye of somebody else, unknown and cut types.
    amid(&frame(1, &[0x9f, 201, 0, 1, 0, 0, 0, 9]));
    amid(&frame(1, &[0x81, 203, 0, 1, 0, 0, 0, 77]));
    amid(&frame(1, &[0x80, 204, 0, 2, 0, 0, 0, 9, b'n', b'a', b'm', b'e']));
    amid(&frame(1, &[0x80, 207, 0xff, 0xff]));
}

#[test]
fn numbers_that_wrap_inside_a_picture_and_resolutions_that_change_with_each() {
    let mut bench = playing();
    for (n, sequence) in (0_u32..6).zip([65_534_u16, 65_535, 0, 1, 2, 3]) {
        let (start, end) = (n % 2 == 0, n % 2 == 1);
        let header = 5 | u8::from(start) << 7 | u8::from(end) << 6;
        let mut packet = rtp(sequence, n / 2 * 3600, &[&[0x7c, header], &IDR[1..]].concat());
        packet[1] = u8::from(end) << 7 | 96;
        bench.data(&frame(0, &packet));
    }
    assert_eq!((bench.access_units().len(), bench.client.stats().lost), (3, 0));
    let sets: [&[u8]; 2] = [
        &[0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11],
        &[0x67, 0x4d, 0x40, 0x1f, 0xec, 0xa0, 0x28, 0x02, 0xdd, 0x80, 0x88],
    ];
    for n in 0..100_u16 {
        let mut packet = rtp(4 + 2 * n, u32::from(n) * 3600 + 90_000, sets[usize::from(n % 2)]);
        packet[1] = 96;
        bench.data(&frame(0, &packet));
        bench.data(&frame(0, &rtp(5 + 2 * n, u32::from(n) * 3600 + 90_000, IDR)));
    }
    let widths: Vec<u32> = bench.access_units()[3..]
        .iter()
        .map(|unit| unit.parameter_sets.as_ref().unwrap().info.width)
        .collect();
    assert_eq!(widths, [640, 1280].repeat(50));
}

#[test]
fn challenges_of_all_kinds() {
    let long = format!("Digest realm=\"r\", nonce=\"{}\"", "n".repeat(60_000));
    for challenge in [
        "Digest",
        "Digest realm=\"r",
        "Digest realm=\"r\\\"\\r\\n\", nonce=\"n\\",
        "Digest nonce=\"n\", algorithm=SHA-512-256",
        "Digest nonce=\"n\", algorithm=token",
        "Digest nonce=\"n\", qop=\"auth-int\"",
        "Digest nonce=\"n\", stale=maybe",
        "Digest nonce=\"\"",
        "Basic",
        "=,=,\"",
        &long,
    ] {
        let mut bench = started_with(options("rtsp://user:secret@cam/live"));
        bench.connect();
        for _ in 0..5 {
            if bench.errors().is_empty() {
                bench.reply(&format!("RTSP/1.0 401 No\r\nWWW-Authenticate: {challenge}\r\n"));
            }
        }
        assert_eq!(bench.errors().len(), 1, "{challenge:.60}");
        // The account is not locked by it, and the camera is looked at again.
        assert!(bench.requests().len() <= 3, "{challenge:.60}");
        bench.until_dialled();
        bench.connect();
        bench.play();
        bench.rtp(1, IDR);
        assert_eq!(bench.access_units().len(), 1, "{challenge:.60}");
    }
}

#[test]
fn connections_that_end_in_the_middle_of_something() {
    let sdp = described("CSeq: 2\r\n", SDP);
    for (replies, bytes) in
        [(1, &sdp.as_bytes()[..sdp.len() / 2]), (4, &[b'$', 0, 4, 0, 1, 2]), (2, b"RTSP/1.0 20")]
    {
        let mut bench = started();
        bench.connect();
        let answers = [ok(""), described("", SDP), ok("Session: 1\r\n"), ok("")];
        answers[..replies].iter().for_each(|answer| bench.reply(answer));
        bench.data(bytes);
        bench.client.handle_closed(bench.now, "reset");
        bench.collect();
        assert!(matches!(bench.errors()[..], [rtsp::client::Error::Closed { .. }]), "{bytes:?}");
        bench.until_dialled();
        bench.connect();
        bench.play();
        bench.rtp(1, IDR);
        assert_eq!(bench.access_units().len(), 1, "{bytes:?}");
    }
    // A server that closes behind every reply never plays, and costs no more than the back-off.
    let mut bench = started();
    for _ in 0..20 {
        bench.until_dialled();
        bench.connect();
        bench.reply(&ok(""));
        bench.client.handle_closed(bench.now, "closed");
        bench.collect();
    }
    assert_eq!((bench.dials(), bench.errors().len()), (20, 20));
}

#[test]
fn a_camera_that_says_nothing_at_all() {
    survive_everywhere(b"");
    survive_everywhere(b"\r\n\r\n\r\n");
}
