//! Which pages may use the API.

use super::*;

const KEY: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn opens(host: &str, origin: &str, origins: &[&str]) -> bool {
    let text = format!("GET /api/ws HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n{KEY}\r\n");
    match act_with(&text, origins, false) {
        Action::WebSocket { .. } => true,
        Action::Respond(response) => {
            assert_eq!(response.status, 403);
            assert_eq!(header(&response, "Access-Control-Allow-Origin"), None);
            false
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_page_of_the_same_host_may_whatever_its_port() {
    assert!(opens("cam.lan:1984", "http://cam.lan:1984", &[]));
    assert!(opens("cam.lan:1984", "https://CAM.lan:8123", &[]));
    assert!(opens("[::1]:1984", "http://[::1]:80", &[]));
    assert!(opens("10.0.0.1", "http://10.0.0.1", &[]));
}

#[test]
fn a_page_of_another_host_may_not() {
    for origin in [
        "http://evil.example",
        "http://cam.lan.evil.example:1984",
        "http://evil.example/cam.lan",
        "null",
        "cam.lan",
        "",
        "http://",
        "http://10.0.0.1",
    ] {
        assert!(!opens("cam.lan:1984", origin, &[]), "{origin}");
    }
    assert!(!opens("", "http://", &[]));
}

#[test]
fn a_configured_page_may_and_reads_across_origins() {
    let configured = ["https://ha.example"];
    assert!(opens("cam.lan", "https://HA.example", &configured));
    assert!(!opens("cam.lan", "http://ha.example", &configured));
    assert!(!opens("cam.lan", "https://ha.example:444", &configured));
    assert!(opens("cam.lan", "null", &["*"]));

    let text = "OPTIONS /api/webrtc?src=door HTTP/1.1\r\nHost: h\r\n\
                Origin: https://ha.example\r\n\r\n";
    let response = respond(act_with(text, &configured, false));
    assert_eq!(response.status, 204);
    assert_eq!(header(&response, "Access-Control-Allow-Origin"), Some("https://ha.example"));
    assert!(header(&response, "Access-Control-Allow-Methods").unwrap().contains("POST"));
}

#[test]
fn a_page_of_another_host_reads_nothing() {
    for path in ["/api", "/api/streams", "/api/config", "/api/webrtc?src=door", "/api/webrtc/1"] {
        for method in ["GET", "POST", "DELETE", "OPTIONS"] {
            let text = format!(
                "{method} {path} HTTP/1.1\r\nHost: h\r\nOrigin: http://evil.example\r\n\r\n"
            );
            assert_eq!(response(&text).status, 403, "{method} {path}");
        }
    }
}

#[test]
fn a_loopback_server_has_loopback_names_only() {
    let status = |host: &str, origins: &[&str]| {
        let text = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n");
        respond(act_with(&text, origins, true)).status
    };
    for host in
        ["127.0.0.1:1984", "127.1.2.3", "localhost:80", "LOCALHOST", "a.localhost", "[::1]:1984"]
    {
        assert_eq!(status(host, &[]), 200, "{host}");
    }
    for host in ["evil.example:1984", "localhost.evil.example", "10.0.0.1", "", "[::1"] {
        assert_eq!(status(host, &[]), 403, "{host}");
    }
    assert_eq!(status("cams.example", &["https://cams.example"]), 200);
    assert_eq!(status("cams.example", &["*"]), 200);
}
