//! The opening handshake.

use super::*;
use crate::http::response;

const HEADERS: &[(&str, &str)] = &[
    ("Host", "h"),
    ("Upgrade", "websocket"),
    ("Connection", "keep-alive, Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// A handshake in which one header has another value.
fn handshake(target: &str, name: &str, value: &str) -> Action {
    let mut text = format!("GET {target} HTTP/1.1\r\n");
    for (found, usual) in HEADERS {
        let value = if *found == name { value } else { usual };
        text.push_str(&format!("{found}: {value}\r\n"));
    }
    act(&(text + "\r\n"))
}

#[test]
fn a_handshake_is_accepted_with_the_stream_of_its_query() {
    // The key and its answer stand in RFC 6455 section 1.3.
    let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned();
    let expected = |src: Option<&str>| Action::WebSocket {
        accept: accept.clone(),
        src: src.map(str::to_owned),
    };
    assert_eq!(handshake("/api/ws", "", ""), expected(None));
    assert_eq!(handshake("/api/ws?src=a%20b&x=1", "", ""), expected(Some("a b")));
    assert_eq!(handshake("/api/ws?src=", "", ""), expected(None));
    assert_eq!(handshake("/api/ws", "Upgrade", "WebSocket"), expected(None));
    let bytes = String::from_utf8(response::websocket_accepted(&accept)).unwrap();
    assert!(bytes.starts_with("HTTP/1.1 101 "), "{bytes}");
    assert!(bytes.ends_with(&format!("Sec-WebSocket-Accept: {accept}\r\n\r\n")), "{bytes}");
}

#[test]
fn an_incomplete_handshake_is_refused() {
    for (name, value, status) in [
        ("Upgrade", "h2c", 426),
        ("Connection", "close", 426),
        ("Sec-WebSocket-Version", "8", 426),
        ("Sec-WebSocket-Key", "", 400),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ", 400),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j*Q==", 400),
    ] {
        let response = respond(handshake("/api/ws", name, value));
        assert_eq!(response.status, status, "{name}: {value}");
        if status == 426 {
            assert_eq!(header(&response, "Sec-WebSocket-Version"), Some("13"));
        }
    }
    assert_eq!(get("/api/ws").status, 426);
    assert_eq!(response("POST /api/ws HTTP/1.1\r\nHost: h\r\n\r\n").status, 405);
}
