//! The page's files and what is there to read.

use super::*;

#[test]
fn the_page_is_at_the_root() {
    for path in ["/", "/index.html", "/?x=1"] {
        let response = get(path);
        assert_eq!((response.status, &response.body[..]), (200, &b"page"[..]));
        assert_eq!(header(&response, "Content-Type"), Some("text/html; charset=utf-8"));
        assert_eq!(header(&response, "Content-Encoding"), Some("gzip"));
        let policy = header(&response, "Content-Security-Policy").unwrap();
        assert!(policy.starts_with("default-src 'self';"), "{policy}");
    }
    assert_eq!(&get("/app.js").body[..], b"code");
}

#[test]
fn a_file_that_the_browser_has_is_not_sent_again() {
    for (tags, status) in [
        ("\"2\"", 304),
        ("W/\"2\"", 304),
        ("\"1\", \"2\"", 304),
        ("*", 304),
        ("\"1\"", 200),
        ("2", 200),
        ("", 200),
    ] {
        let text = format!("GET /app.js HTTP/1.1\r\nHost: h\r\nIf-None-Match: {tags}\r\n\r\n");
        let response = response(&text);
        assert_eq!(response.status, status, "{tags}");
        assert_eq!(header(&response, "ETag"), Some("\"2\""));
        assert_eq!(response.body.is_empty(), status == 304);
    }
}

#[test]
fn paths_that_are_not_there_are_not_found() {
    for path in ["/nope", "/api/nope", "/api/", "/apix", "//", "/../etc/passwd", "/app.js/"] {
        assert_eq!(get(path).status, 404, "{path}");
    }
}

#[test]
fn what_only_reads_refuses_to_write() {
    for path in ["/", "/api", "/api/streams", "/api/config", "/metrics", "/healthz"] {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let response = response(&format!("{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
            assert_eq!(response.status, 405, "{method} {path}");
            assert_eq!(header(&response, "Allow"), Some("GET, HEAD, OPTIONS"));
        }
        let response = response(&format!("OPTIONS {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_eq!(response.status, 204);
    }
}

#[test]
fn the_api_tells_its_version() {
    assert_eq!(json(&get("/api"))["version"], "1.2.3");
}

#[test]
fn streams_come_in_the_given_order_with_producers_and_consumers() {
    let response = get("/api/streams");
    let text = std::str::from_utf8(&response.body).unwrap();
    assert!(text.find("yard") < text.find("door"));
    let all = json(&response);
    let health = &all["door"]["health"];
    assert_eq!((&health["bitrate_bps"], &health["gaps"]), (&2_000_000.into(), &3.into()));
    assert_eq!((&health["packet_age_ms"], &health["frame_age_ms"]), (&4.into(), &40.into()));
    assert_eq!(health["keyframe_age_ms"], Value::Null);
    assert_eq!(health["keyframe_requests"], 5);
    assert_eq!(all["yard"]["producers"][0]["url"], "rtsp://***@h/yard");
    assert_eq!(all["yard"]["consumers"], serde_json::json!([]));
    assert_eq!(all["yard"]["error"], "timed out");
    assert!(all["yard"].get("codec").is_none());
    assert_eq!(all["door"]["codec"], "H264");
    assert_eq!(all["door"]["width"], 1280);
    assert_eq!(all["door"]["gop"]["duration_ms"], 960);
    assert_eq!(all["door"]["consumers"][0]["status"], "active");
    assert_eq!(all["door"]["consumers"][0]["audio"], serde_json::json!({ "codec": "PCMA" }));
    let audio = serde_json::json!({ "codec": "AAC", "error": "browsers do not take it" });
    assert_eq!(all["door"]["audio"], audio);
    assert!(all["yard"].get("audio").is_none());
    assert!(all["yard"].get("publishers").is_none());
    let keyframe = serde_json::json!({
        "interval_ms": 4000,
        "methods": [{
            "method": "rtcp", "verdict": "effective", "requests": 5,
            "last_ms": 41, "median_ms": null,
        }],
    });
    assert_eq!(all["door"]["keyframe"], keyframe);
    assert!(all["yard"].get("keyframe").is_none());
    let publishers = serde_json::json!([
        { "url": "https://sfu.example", "state": "publishing" },
        { "url": "https://sfu.example", "state": "failed", "error": "HTTP 401" },
    ]);
    assert_eq!(all["door"]["publishers"], publishers);
    assert_eq!(header(&response, "Cache-Control"), Some("no-store"));
}

#[test]
fn one_stream_can_be_asked_for() {
    assert_eq!(json(&get("/api/streams?src=door"))["state"], "active");
    assert_eq!(get("/api/streams?src=nope").status, 404);
}

#[test]
fn the_page_learns_what_it_needs() {
    let config = json(&get("/api/config"));
    assert_eq!(config["version"], "1.2.3");
    assert_eq!(config["demo"], true);
    assert_eq!(config["max_slots"], 9);
    assert_eq!(config["ice_servers"][0]["urls"][0], "turn:t.example.org");
    assert_eq!(config["ice_servers"][0]["credential"], "p");
}

#[test]
fn metrics_are_in_prometheus_form() {
    let response = get("/metrics");
    assert!(header(&response, "Content-Type").unwrap().contains("version=0.0.4"));
    let expected = "\
# HELP viewers About it.
# TYPE viewers gauge
viewers 2
# HELP bytes_total About it.
# TYPE bytes_total counter
bytes_total{stream=\"door\"} 1.5
bytes_total{stream=\"a\\\"b\\\\c\\nd\"} 3000000000
";
    assert_eq!(std::str::from_utf8(&response.body).unwrap(), expected);
}

#[test]
fn rooms_are_told_in_the_configurations_order() {
    let rooms = json(&get("/api/rooms"));
    assert_eq!((&rooms[0]["name"], &rooms[0]["state"]), (&"studio".into(), &"joined".into()));
    assert_eq!((&rooms[0]["streams"][0], &rooms[0]["peers"]), (&"alice".into(), &1.into()));
    assert_eq!(rooms[0].get("error"), None);
    assert_eq!(rooms[1]["error"], "connection refused");
}
