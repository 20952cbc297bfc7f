use proptest::prelude::*;

use super::*;

fn head(text: &str) -> Result<(Head, usize), HeadError> {
    parse_head(text.as_bytes())
}

fn response(text: &str) -> Response {
    match head(text) {
        Ok((Head::Response(response), _)) => response,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_is_written_as_the_rfc_says() {
    let mut request = Request::new("SETUP", "rtsp://h/t").with("CSeq", "1").with("A", "b c");
    assert_eq!(request.to_bytes(), b"SETUP rtsp://h/t RTSP/1.0\r\nCSeq: 1\r\nA: b c\r\n\r\n");
    request.body = b"xy".to_vec();
    assert!(request.to_bytes().ends_with(b"Content-Length: 2\r\n\r\nxy"));
}

#[test]
fn nothing_that_is_written_can_inject_a_header() {
    let request = Request::new("PLAY\r\nX: 1", "rtsp://h/ \r\nY: 1").with("A\r\nZ", "b\r\nW: 1");
    let text = String::from_utf8(request.to_bytes()).unwrap();
    assert_eq!(text.lines().count(), 3, "{text}");
    let mut response = Response::new(200);
    response.reason = "OK\r\nX: 1".to_owned();
    assert_eq!(response.to_bytes(), b"RTSP/1.0 200 OKX: 1\r\n\r\n");
}

#[test]
fn header_names_are_known_in_any_case_and_values_lose_their_spaces() {
    let reply = response("RTSP/1.0 200 OK\r\ncseq:7 \r\nSESSION :  a;b \t\r\nX:\r\n\r\n");
    assert_eq!(reply.headers.cseq(), Some(7));
    assert_eq!(reply.headers.get("Session"), Some("a;b"));
    assert_eq!(reply.headers.get("x"), Some(""));
    assert_eq!(reply.headers.get("y"), None);
}

#[test]
fn status_lines_are_read_in_every_form() {
    for line in
        ["RTSP/1.0 200 OK", "RTSP/1.0 200", "RTSP/1.0 200 ", "RTSP/2.0 200 OK", "RTSP/1.0  200 OK"]
    {
        assert_eq!(response(&format!("{line}\r\n\r\n")).status, 200, "{line}");
    }
    let spaced = response("RTSP/1.0 454 Session Not Found\n\n");
    assert_eq!(spaced.reason, "Session Not Found");
}

#[test]
fn lines_that_begin_nothing_are_refused() {
    for line in [
        "RTSP/1.0",
        "RTSP/1.0 abc",
        "RTSP/1.0 20",
        "RTSP/1.0 -20",
        "RTSP/1.0 099 x",
        "x",
        "",
        "HTTP/1.1 200 OK",
        "ICY 200 OK",
        "OPTIONS RTSP/1.0",
        "OPTIONS * HTTP/1.1",
    ] {
        assert_eq!(head(&format!("{line}\r\n\r\n")), Err(HeadError::StartLine), "{line}");
    }
}

#[test]
fn lines_that_are_no_headers_are_skipped() {
    let text =
        "RTSP/1.0 200 OK\r\nno colon\r\n: nameless\r\na b: c\r\n\0\u{ff}: d\r\nCSeq: 1\r\n\r\n";
    let reply = response(text);
    assert_eq!(reply.headers.iter().collect::<Vec<_>>(), [("CSeq", "1")]);
    let invalid = parse_head(b"RTSP/1.0 200 OK\r\nX: a\xffb\r\nCSeq: 1\r\n\r\n");
    assert!(matches!(invalid, Ok((Head::Response(reply), 0)) if reply.headers.cseq() == Some(1)));
}

#[test]
fn a_folded_line_continues_the_value_before_it() {
    let reply = response("RTSP/1.0 200 OK\r\nPublic: OPTIONS,\r\n  PLAY\r\n\r\n");
    assert_eq!(reply.headers.get("Public"), Some("OPTIONS, PLAY"));
    response("RTSP/1.0 200 OK\r\n folded onto nothing\r\n\r\n");
}

#[test]
fn numbers_that_contradict_each_other_count_as_none() {
    let cseq = |lines: &str| response(&format!("RTSP/1.0 200 OK\r\n{lines}\r\n")).headers.cseq();
    assert_eq!(cseq("CSeq: 1\r\nCSeq: 1\r\n"), Some(1));
    assert_eq!(cseq("CSeq: 1\r\nCSeq: 2\r\n"), None);
    assert_eq!(cseq("CSeq: 18446744073709551615\r\n"), None);
    assert_eq!(cseq("CSeq: one\r\n"), None);
}

#[test]
fn only_lengths_that_can_be_meant_are_believed() {
    let length = |lines: &str| head(&format!("RTSP/1.0 200 OK\r\n{lines}\r\n")).map(|(_, n)| n);
    assert_eq!(length(""), Ok(0));
    assert_eq!(length("Content-Length: 12\r\n"), Ok(12));
    assert_eq!(length("Content-length: 12 \r\nContent-Length: 12\r\n"), Ok(12));
    for bad in ["-1", "+1", "", "x", "1 2", "1048577", "99999999999999999999999"] {
        let line = format!("Content-Length: {bad}\r\n");
        assert_eq!(length(&line), Err(HeadError::ContentLength), "{bad}");
    }
    let both = "Content-Length: 1\r\nContent-Length: 2\r\n";
    assert_eq!(length(both), Err(HeadError::ContentLength));
}

#[test]
fn a_head_with_too_many_headers_is_refused() {
    let text = format!("RTSP/1.0 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
    assert_eq!(head(&text), Err(HeadError::TooManyHeaders));
}

#[test]
fn credentials_are_not_printed() {
    let request =
        Request::new("PLAY", "*").with("Authorization", "Basic geheim").with("A", "shown");
    let text = format!("{request:?}");
    assert!(!text.contains("geheim") && text.contains("shown"), "{text}");
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_head(&bytes);
        let _ = parse_head(&[b"RTSP/1.0 200 OK\r\n", &bytes[..]].concat());
    }

    #[test]
    fn what_is_written_reads_the_same(
        status in 100_u16..1000,
        values in proptest::collection::vec("[!-~]([ -~]{0,20}[!-~])?", 0..5),
    ) {
        let mut sent = Response::new(status);
        for value in values {
            sent.headers.push("X-Any", value);
        }
        let read = parse_head(&sent.to_bytes());
        prop_assert_eq!(read, Ok((Head::Response(sent), 0)));
    }
}
