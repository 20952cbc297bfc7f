//! Requests out of bytes, responses into bytes.

use proptest::prelude::*;

use super::*;
use crate::http::limits::{BODY_MAX_BYTES, HEAD_MAX_BYTES, HEADERS_MAX};
use crate::http::{Method, RequestError, response};

fn error(text: &str) -> RequestError {
    parse(text.as_bytes()).unwrap_err()
}

#[test]
fn a_request_is_complete_at_its_last_byte_and_not_before() {
    let text = "POST /api/webrtc?src=a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
    for end in 0..text.len() {
        assert_eq!(parse(&text.as_bytes()[..end]), Ok(Parsed::Incomplete), "{end} bytes");
    }
    let request = request(text);
    assert_eq!(request.method, Method::Post);
    assert_eq!(request.path, "/api/webrtc");
    assert_eq!(request.parameter("src"), Some("a"));
    assert_eq!(request.body, b"hello");
}

#[test]
fn the_next_request_stays_in_the_bytes() {
    let first = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
    let both = format!("{first}GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
    let Ok(Parsed::Complete { request, consumed }) = parse(both.as_bytes()) else { panic!() };
    assert_eq!((request.path.as_str(), consumed), ("/a", first.len()));
}

#[test]
fn paths_and_queries_are_decoded() {
    let parsed = request("GET /a%20b+c?src=a+b%2F%C3%BC&x&y= HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(parsed.path, "/a b+c");
    assert_eq!(parsed.parameter("src"), Some("a b/ü"));
    assert_eq!((parsed.parameter("x"), parsed.parameter("y")), (None, None));
    assert_eq!(request("GET http://h/a HTTP/1.1\r\nHost: h\r\n\r\n").path, "/a");
    assert_eq!(request("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n").path, "/");
    for bad in ["/%", "/%4", "/%zz", "/%ff", "a", "/?src=%ff"] {
        let text = format!("GET {bad} HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(error(&text), RequestError::Malformed, "{bad}");
    }
}

#[test]
fn a_head_has_a_largest_size() {
    let filled = |bytes: usize| {
        let head = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
        format!("{head}{}\r\n\r\n", "x".repeat(bytes - head.len() - 4))
    };
    request(&filled(HEAD_MAX_BYTES));
    assert_eq!(error(&filled(HEAD_MAX_BYTES + 1)), RequestError::HeadTooLarge);
    assert_eq!(error(&"G".repeat(HEAD_MAX_BYTES)), RequestError::HeadTooLarge);
    let many = |count| format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: y\r\n".repeat(count - 1));
    request(&many(HEADERS_MAX));
    assert_eq!(error(&many(HEADERS_MAX + 1)), RequestError::HeadTooLarge);
}

#[test]
fn a_body_has_a_largest_size_and_a_length() {
    let with = |header: &str| format!("POST / HTTP/1.1\r\nHost: h\r\n{header}\r\n\r\n");
    let largest = with(&format!("Content-Length: {BODY_MAX_BYTES}"));
    assert_eq!(parse(largest.as_bytes()), Ok(Parsed::Incomplete));
    for (header, expected) in [
        (format!("Content-Length: {}", BODY_MAX_BYTES + 1), RequestError::BodyTooLarge),
        (format!("Content-Length: {}", "9".repeat(30)), RequestError::BodyTooLarge),
        ("Transfer-Encoding: chunked".to_owned(), RequestError::LengthRequired),
        ("Content-Length: 1\r\nTransfer-Encoding: x".to_owned(), RequestError::LengthRequired),
        ("Content-Length: 1\r\nContent-Length: 1".to_owned(), RequestError::Malformed),
        ("Content-Length: +1".to_owned(), RequestError::Malformed),
        ("Content-Length: 1, 1".to_owned(), RequestError::Malformed),
        ("Content-Length:".to_owned(), RequestError::Malformed),
    ] {
        assert_eq!(error(&with(&header)), expected, "{header}");
    }
}

#[test]
fn what_is_not_http_is_refused_and_the_connection_closed() {
    for (text, status) in [
        ("\x16\x03\x01\x02\x00", 400),
        ("GET /\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("PRI * HTTP/2.0\r\n\r\n", 505),
    ] {
        let response = Response::for_error(error(text));
        assert_eq!((response.status, response.keep_alive), (status, false), "{text:?}");
    }
}

#[test]
fn the_connection_is_kept_as_the_client_wants() {
    for (version, connection, kept) in [
        ("1.1", "", true),
        ("1.1", "Connection: keep-alive, Upgrade\r\n", true),
        ("1.1", "Connection: Close\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
    ] {
        let text = format!("GET /healthz HTTP/{version}\r\nHost: h\r\n{connection}\r\n");
        let response = response(&text);
        assert_eq!(response.keep_alive, kept, "{text}");
        let encoded = String::from_utf8(response.encode()).unwrap();
        let expected = if kept { "Connection: keep-alive\r\n" } else { "Connection: close\r\n" };
        assert!(encoded.contains(expected));
    }
}

#[test]
fn a_response_is_a_head_and_a_body_of_its_length() {
    let encoded = String::from_utf8(get("/healthz").encode()).unwrap();
    let (head, body) = encoded.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Length: 3\r\n"), "{head}");
    assert_eq!(body, "ok\n");
}

#[test]
fn head_gets_the_length_without_the_body() {
    let response = response("HEAD /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    let encoded = String::from_utf8(response.encode()).unwrap();
    assert!(encoded.contains("Content-Length: 3\r\n"));
    assert!(encoded.ends_with("\r\n\r\n"));
}

#[test]
fn a_response_without_content_has_no_length() {
    let encoded = String::from_utf8(Response::empty(204).encode()).unwrap();
    assert!(!encoded.contains("Content-Length"));
}

#[test]
fn a_line_break_in_a_value_makes_no_header() {
    let response = response::whep_created("1\r\nX-Evil: 1", "sdp", false);
    let encoded = String::from_utf8(response.encode()).unwrap();
    assert!(!encoded.contains("\r\nX-Evil"), "{encoded}");
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic_or_wait_beyond_its_limits(
        line in "(GET|POST|OPTIONS|X) [ -~]{0,30} HTTP/1.[0-2]\r\n",
        headers in "([ -~]{0,20}(: [ -~]{0,20})?\r\n){0,4}\r\n",
        tail in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let mut bytes = (line + &headers).into_bytes();
        bytes.extend(tail);
        let _ = parse(&bytes);
        bytes.resize(HEAD_MAX_BYTES + BODY_MAX_BYTES, b'x');
        prop_assert_ne!(parse(&bytes), Ok(Parsed::Incomplete));
    }
}
