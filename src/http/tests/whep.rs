//! WHEP.

use super::*;
use crate::http::response;

fn post(target: &str, content_type: &str, body: &str) -> Action {
    let length = body.len();
    act(&format!(
        "POST {target} HTTP/1.1\r\nHost: h\r\nContent-Type: {content_type}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    ))
}

fn offer(src: &str, json: bool) -> Action {
    Action::Whep { src: src.to_owned(), sdp: "v=0".to_owned(), json }
}

#[test]
fn an_offer_comes_as_sdp_or_json() {
    assert_eq!(post("/api/webrtc?src=door", "application/sdp", "v=0"), offer("door", false));
    let body = r#"{"type":"offer","sdp":"v=0"}"#;
    let content_type = "Application/JSON; charset=utf-8";
    assert_eq!(post("/api/webrtc?src=a+b%2F%C3%BC", content_type, body), offer("a b/ü", true));
}

#[test]
fn each_bad_offer_has_its_status() {
    let sdp = "application/sdp";
    for (target, content_type, body, status) in [
        ("/api/webrtc", sdp, "v=0", 400),
        ("/api/webrtc?src=", sdp, "v=0", 400),
        ("/api/webrtc?src=nope", sdp, "v=0", 404),
        ("/api/webrtc?src=door", "text/plain", "v=0", 415),
        ("/api/webrtc?src=door", "", "v=0", 415),
        ("/api/webrtc?src=door", sdp, "", 400),
        ("/api/webrtc?src=door", sdp, " \r\n", 400),
        ("/api/webrtc?src=door", "application/json", "v=0", 400),
        ("/api/webrtc?src=door", "application/json", r#"{"type":"answer","sdp":"v=0"}"#, 400),
        ("/api/webrtc?src=door", "application/json", r#"{"type":"offer","sdp":5}"#, 400),
    ] {
        let response = respond(post(target, content_type, body));
        assert_eq!(response.status, status, "{target} {content_type} {body}");
    }
    assert_eq!(
        json(&respond(post("/api/webrtc?src=nope", sdp, "v=0")))["error"],
        "stream not found"
    );
    assert_eq!(get("/api/webrtc?src=door").status, 405);
    assert_eq!(response("OPTIONS /api/webrtc HTTP/1.1\r\nHost: h\r\n\r\n").status, 204);
}

#[test]
fn an_answer_has_the_form_of_its_offer_and_a_location_that_ends_it() {
    let created = response::whep_created("7f", "v=0", false);
    assert_eq!((created.status, &created.body[..]), (201, &b"v=0"[..]));
    assert_eq!(header(&created, "Content-Type"), Some("application/sdp"));
    let location = header(&created, "Location").unwrap();
    let action = act(&format!("DELETE {location} HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_eq!(action, Action::WhepDelete { id: "7f".to_owned() });

    let created = response::whep_created("7f", "v=0", true);
    assert_eq!(json(&created), serde_json::json!({ "type": "answer", "sdp": "v=0" }));
}

#[test]
fn a_session_takes_nothing_but_its_end() {
    for method in ["GET", "PATCH", "POST"] {
        let response = response(&format!("{method} /api/webrtc/7f HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!(response.status, 405);
        assert_eq!(header(&response, "Allow"), Some("DELETE, OPTIONS"));
    }
}

#[test]
fn an_answer_fits_the_connection_and_the_origin_of_its_request() {
    let text = "POST /api/webrtc HTTP/1.1\r\nHost: h:1\r\nOrigin: http://h:2\r\n\
                Connection: close\r\n\r\n";
    let created = response::whep_created("7f", "v=0", false);
    let finished = response::finish(created, &request(text), &[]);
    assert!(!finished.keep_alive);
    assert_eq!(header(&finished, "Access-Control-Allow-Origin"), Some("http://h:2"));
    assert_eq!(header(&finished, "Access-Control-Expose-Headers"), Some("Location"));
}
