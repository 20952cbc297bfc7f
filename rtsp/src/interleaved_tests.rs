use proptest::prelude::*;

use super::*;
use crate::limits::MAX_BODY_BYTES;

/// What a parser said, without borrowing from it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Read {
    Request(String),
    Response(u16, Vec<u8>),
    Frame(u8, Vec<u8>),
    Resync(usize),
    Failed(FramingError),
}

fn drain(parser: &mut Parser, out: &mut Vec<Read>) {
    loop {
        out.push(match parser.next() {
            Ok(Some(Item::Request(request))) => Read::Request(request.method),
            Ok(Some(Item::Response(response))) => Read::Response(response.status, response.body),
            Ok(Some(Item::Interleaved { channel, data })) => Read::Frame(channel, data.to_vec()),
            Ok(Some(Item::Resync { skipped_bytes })) => Read::Resync(skipped_bytes),
            Ok(None) => return,
            Err(error) => {
                if out.last() != Some(&Read::Failed(error)) {
                    out.push(Read::Failed(error));
                }
                return;
            }
        });
    }
}

fn read_in(parts: &[&[u8]]) -> Vec<Read> {
    let mut parser = Parser::new();
    parser.expect(&[0, 1], &[96]);
    let mut out = Vec::new();
    for part in parts {
        parser.push(part);
        drain(&mut parser, &mut out);
    }
    out
}

fn read(bytes: &[u8]) -> Vec<Read> {
    read_in(&[bytes])
}

fn frame(channel: u8, data: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(data.len()).unwrap().to_be_bytes();
    [&[b'$', channel, high, low], data].concat()
}

/// A frame that can be told from garbage.
fn rtp(channel: u8) -> Vec<u8> {
    frame(channel, &RTP)
}

const RTP: [u8; 12] = [0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
const OK: &[u8] = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n";

fn ok() -> Read {
    Read::Response(200, Vec::new())
}

#[test]
fn messages_and_frames_alternate_at_will() {
    let body = b"RTSP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n$ab";
    let bytes = [OK, &rtp(0), b"\r\n\r\n", &rtp(1), body, b"OPTIONS * RTSP/1.0\n\n", OK].concat();
    assert_eq!(
        read(&bytes),
        [
            ok(),
            Read::Frame(0, RTP.to_vec()),
            Read::Frame(1, RTP.to_vec()),
            Read::Response(200, b"$ab".to_vec()),
            Read::Request("OPTIONS".to_owned()),
            ok(),
        ]
    );
}

#[test]
fn what_is_inside_a_frame_is_not_looked_at() {
    let bytes = [frame(7, OK), frame(0, b""), frame(0, &[b'$'; 65_535])].concat();
    let expected =
        [Read::Frame(7, OK.to_vec()), Read::Frame(0, vec![]), Read::Frame(0, vec![b'$'; 65_535])];
    assert_eq!(read(&bytes), expected);
}

#[test]
fn methods_nobody_knows_are_requests_all_the_same() {
    assert_eq!(read(b"FROBNICATE * RTSP/1.0\r\n\r\n"), [Read::Request("FROBNICATE".to_owned())]);
    assert_eq!(read(b"FROBNICATE"), []);
    assert_eq!(read(b"FROBNICATE * SIP/2.0\r\n\r\n"), []);
}

#[test]
fn a_lost_stream_is_found_again_by_a_reply_or_by_a_plausible_frame() {
    let garbage = b"\x00\x01xyz$\x00\x00\x20\x00\x01$\x09\x00\x20\x80\x60";
    let lost = Read::Resync(garbage.len());
    assert_eq!(read(&[garbage, OK].concat()), [lost.clone(), ok()]);
    let by_frame = [lost, Read::Frame(1, RTP.to_vec())];
    assert_eq!(read(&[garbage, &rtp(1)[..]].concat()), by_frame);
}

#[test]
fn a_lost_stream_is_not_found_by_frames_of_foreign_channels_types_or_lengths() {
    let foreign_type = frame(0, &[0x80, 97, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9]);
    let short = frame(0, &RTP[..4]);
    let bytes = [b"\x00", &rtp(2)[..], &foreign_type, &short, &rtp(0)].concat();
    let skipped = bytes.len() - rtp(0).len();
    assert_eq!(read(&bytes), [Read::Resync(skipped), Read::Frame(0, RTP.to_vec())]);
}

#[test]
fn endless_garbage_is_given_up() {
    for byte in [0_u8, b'x', 0xff] {
        let bytes = vec![byte; 1 << 20];
        assert_eq!(read(&bytes), [Read::Failed(FramingError::Garbage)], "{byte}");
    }
    // A megabyte of `$` is frames of channel 36, which nobody asked for.
    let frames = read(&vec![b'$'; 1 << 20]);
    assert!(
        frames.iter().all(|item| matches!(item, Read::Frame(36, data) if data.len() == 0x2424))
    );
}

#[test]
fn another_protocol_is_named() {
    for text in ["HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1.0 200 OK\n\n"] {
        assert_eq!(read(text.as_bytes()), [Read::Failed(FramingError::NotRtsp)]);
    }
    assert_eq!(read(&[OK, b"HTTP/1.1 200 OK\r\n\r\n", OK].concat()).len(), 3);
    assert_eq!(read(b"ICY 200 OK\r\n\r\n"), []);
    assert_eq!(read(b"RTSP/1.0\r\n\r\n"), []);
}

#[test]
fn heads_and_bodies_are_bounded() {
    let endless = [b"RTSP/1.0 200 OK\r\nX: ".to_vec(), vec![b'x'; 1 << 20]].concat();
    assert_eq!(read(&endless), [Read::Failed(FramingError::HeadTooLong)]);
    let headers = [b"RTSP/1.0 200 OK\r\n".to_vec(), b"a: b\r\n".repeat(100_000)].concat();
    assert_eq!(read(&headers), [Read::Failed(FramingError::HeadTooLong)]);
    let headers = [&b"RTSP/1.0 200 OK\r\n"[..], &b"a: b\r\n".repeat(200), b"\r\n"].concat();
    assert_eq!(read(&headers), [Read::Failed(FramingError::TooManyHeaders)]);
    let body = format!("RTSP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", MAX_BODY_BYTES + 1);
    assert_eq!(read(body.as_bytes()), [Read::Failed(FramingError::ContentLength)]);
}

#[test]
fn a_failed_parser_holds_nothing_and_stays_failed() {
    let mut parser = Parser::new();
    parser.push(b"HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(parser.next(), Err(FramingError::NotRtsp));
    parser.push(OK);
    assert_eq!(parser.next(), Err(FramingError::NotRtsp));
    assert_eq!(parser.buffered_bytes(), 0);
}

#[test]
fn after_a_drain_no_more_than_one_unfinished_item_is_held() {
    let mut parser = Parser::new();
    let mut out = Vec::new();
    let bytes = rtp(0).repeat(10_000);
    for part in bytes.chunks(1021) {
        parser.push(part);
        drain(&mut parser, &mut out);
        assert!(parser.buffered_bytes() < rtp(0).len());
    }
    assert_eq!(out.len(), 10_000);
    assert!(parser.buffer.capacity() <= 2 * KEPT_CAPACITY_BYTES);
}

#[test]
fn a_body_that_never_comes_waits() {
    assert_eq!(read(b"RTSP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nabc"), []);
    assert_eq!(read(&frame(0, &[1; 100])[..50]), []);
}

/// A stream with everything in it, and what is to be read from it.
fn everything() -> Vec<u8> {
    let body = b"RTSP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nm=x\n";
    let mut bytes = [&b"\r\n"[..], OK, &rtp(0), b"\0\x05", &rtp(1), body].concat();
    bytes.extend([&b"ODD x RTSP/1.0\n\n"[..], &rtp(9), b"GET_PARAMETERS", OK, b"OPTION"].concat());
    bytes.extend([&b"RTSP/x\n\n"[..], &rtp(0), b"RTSP/1.0\r\n\r\n", OK, &frame(3, b"")].concat());
    bytes
}

#[test]
fn a_stream_reads_the_same_cut_in_two_anywhere() {
    let bytes = everything();
    let whole = read(&bytes);
    assert_eq!(whole.iter().filter(|item| matches!(item, Read::Frame(..))).count(), 5);
    for at in 0..=bytes.len() {
        let (first, second) = bytes.split_at(at);
        assert_eq!(read_in(&[first, second]), whole, "cut at {at}");
    }
    let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(read_in(&bytewise), whole);
}

/// Bytes that look like what a camera sends, in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let any_bytes = proptest::collection::vec(any::<u8>(), 0..20);
    let piece = prop_oneof![
        Just(OK.to_vec()),
        Just(rtp(0)),
        Just(rtp(9)),
        Just(b"$".to_vec()),
        Just(b"RTSP/".to_vec()),
        Just(b"HTTP/1.1 ".to_vec()),
        Just(b"SET x RTSP/1.0\r\n".to_vec()),
        Just(b"PLAY ".to_vec()),
        Just(b"Content-Length: 3\r\n".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        any_bytes,
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn every_split_of_the_bytes_gives_the_same_items(
        bytes in pieces(),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
    ) {
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        at.extend([0, bytes.len()]);
        at.sort_unstable();
        let parts: Vec<&[u8]> = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(read_in(&parts), read(&bytes));
    }
}
