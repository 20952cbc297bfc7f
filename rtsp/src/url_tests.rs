use proptest::prelude::*;

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn parts(text: &str) -> (String, u16, String) {
    let url = url(text);
    (url.host().to_owned(), url.port(), url.path().to_owned())
}

fn credentials(text: &str) -> Option<(String, String)> {
    url(text).credentials().map(|c| (c.username.clone(), c.password.clone()))
}

#[test]
fn ordinary_urls_are_taken_apart() {
    let whole = |host: &str, port, path: &str| (host.to_owned(), port, path.to_owned());
    assert_eq!(parts("rtsp://cam/a/b?c=1"), whole("cam", 554, "/a/b?c=1"));
    assert_eq!(parts("RTSP://10.0.0.1:8554"), whole("10.0.0.1", 8554, ""));
    assert_eq!(parts("rtsp://[fe80::1]:554/x"), whole("fe80::1", 554, "/x"));
    assert_eq!(parts("rtsp://::ffff:192.168.1.123/x"), whole("::ffff:192.168.1.123", 554, "/x"));
    assert_eq!(parts("rtsp://cam:/x"), whole("cam", 554, "/x"));
}

#[test]
fn the_scheme_gives_the_port_and_is_shown_but_a_tunnel_is_not_seen_from_inside() {
    for (text, scheme, port, inside) in [
        ("rtsps://cam/a", Scheme::Rtsps, 322, "rtsps://cam/a"),
        ("RTSPS://cam:7441/a", Scheme::Rtsps, 7441, "rtsps://cam:7441/a"),
        ("rtsp+http://cam/a", Scheme::RtspHttp, 80, "rtsp://cam/a"),
        ("rtsps+http://u:p@cam:8443/a", Scheme::RtspsHttp, 8443, "rtsp://cam:8443/a"),
    ] {
        let url = url(text);
        assert_eq!((url.scheme(), url.port(), url.request_uri().as_str()), (scheme, port, inside));
        assert_eq!(url.to_string(), text.replace("u:p@", "").replace("RTSPS", "rtsps"));
        let base = url.base_from("rtsp://127.0.0.1/b/").unwrap();
        assert_eq!((base.scheme(), base.port(), base.path()), (scheme, port, "/b/"));
    }
}

#[test]
fn a_parameter_is_taken_out_of_the_query() {
    let without = |text: &str| url(text).without_parameter("enableSrtp").map(|url| url.to_string());
    for (text, expected) in [
        ("rtsps://u:p@cam:7441/a?enableSrtp", Some("rtsps://cam:7441/a")),
        ("rtsps://cam/a?ENABLESRTP=1&b=2", Some("rtsps://cam/a?b=2")),
        ("rtsps://cam/a?b=2&enableSrtp&c", Some("rtsps://cam/a?b=2&c")),
        ("rtsps://cam/enableSrtp?b=enableSrtp", None),
        ("rtsps://cam/a", None),
    ] {
        assert_eq!(without(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn requests_name_the_url_as_it_was_written_but_without_credentials() {
    for (text, uri) in [
        ("rtsp://u:p@cam/x", "rtsp://cam/x"),
        ("rtsp://cam:554/x?y#z", "rtsp://cam:554/x?y#z"),
        ("rtsp://u@[::1]:8554", "rtsp://[::1]:8554"),
        ("rtsp://cam/a b", "rtsp://cam/a%20b"),
        ("rtsp://cam/%E4%25", "rtsp://cam/%E4%25"),
    ] {
        assert_eq!(url(text).request_uri(), uri);
        assert_eq!(url(text).to_string(), uri);
    }
}

#[test]
fn passwords_may_hold_anything() {
    let pair = |username: &str, password: &str| Some((username.to_owned(), password.to_owned()));
    assert_eq!(credentials("rtsp://cam/x"), None);
    assert_eq!(credentials("rtsp://u@cam/x"), pair("u", ""));
    assert_eq!(credentials("rtsp://u:a:b@cam/x"), pair("u", "a:b"));
    assert_eq!(credentials("rtsp://u:p@ss@cam/x"), pair("u", "p@ss"));
    assert_eq!(credentials("rtsp://u:p#s@cam/x"), pair("u", "p#s"));
    assert_eq!(credentials("rtsp://u:p/s?@cam/x"), pair("u", "p/s?"));
    assert_eq!(credentials("rtsp://u:100%@cam/x"), pair("u", "100%"));
    assert_eq!(credentials("rtsp://u%40h:%41%zz%2@cam/x"), pair("u@h", "A%zz%2"));
    assert_eq!(credentials("rtsp://cam/x@y"), None);
}

#[test]
fn credentials_are_never_printed() {
    let url = url("rtsps+http://admin:geheim@cam/x");
    let all = format!("{url} {url:?} {:?}", url.credentials());
    assert!(!all.contains("admin") && !all.contains("geheim"), "{all}");
}

#[test]
fn unusable_urls_are_refused_by_what_is_wrong_with_them() {
    let error = |text: &str| Url::parse(text).unwrap_err();
    for scheme in [
        "http://cam/",
        "rtsp+ftp://cam",
        "rtspu://cam",
        "file:///etc/passwd",
        "exec:x",
        "cam/x",
        "",
        "://cam",
    ] {
        assert_eq!(error(scheme), UrlError::Scheme, "{scheme}");
    }
    for host in
        ["rtsp://", "rtsp:///x", "rtsp://u:p@/x", "rtsp://a b/", "rtsp://[x]/", "rtsp://[::1/"]
    {
        assert_eq!(error(host), UrlError::Host, "{host}");
    }
    for port in ["rtsp://cam:0/", "rtsp://cam:65536/", "rtsp://cam:x/", "rtsp://a:b:c/"] {
        assert_eq!(error(port), UrlError::Port, "{port}");
    }
    assert_eq!(error("rtsp://cam/\r\nInjected: 1"), UrlError::Control);
    assert_eq!(error(&format!("rtsp://cam/{}", "x".repeat(10_000))), UrlError::TooLong);
}

#[test]
fn whatever_a_camera_calls_its_base_only_the_path_is_taken() {
    let dialled = url("rtsp://u:p@cam:8554/live/main?x=1");
    let base = |text: &str| dialled.base_from(text).map(|base| base.request_uri());
    let expected = |path: &str| Some(format!("rtsp://cam:8554{path}"));
    assert_eq!(base("rtsp://cam:8554/live/"), expected("/live/"));
    assert_eq!(base("rtsp://127.0.0.1/live/"), expected("/live/"));
    assert_eq!(base("192.168.1.10:554/stream0/"), expected("/stream0/"));
    assert_eq!(base("192.168.1.10/stream0/"), expected("/stream0/"));
    assert_eq!(base("rtsp://rtsp://turret2-cam.lan:554/stream1/"), expected("/stream1/"));
    assert_eq!(base("rtsp://::ffff:192.168.1.123/onvif/1/"), expected("/onvif/1/"));
    assert_eq!(base("/stream2/"), expected("/stream2/"));
    assert_eq!(base("sub/"), expected("/live/sub/"));
    assert_eq!(base("rtsp://cam"), expected(""));
    assert_eq!(base(""), None);
    assert_eq!(base("rtsp://cam/\r\nInjected: 1"), None);
}

#[test]
fn controls_are_appended_even_behind_a_query() {
    let append = |base: &str, control: &str| url(base).append_control(control).unwrap();
    assert_eq!(append("rtsp://c/a", "trackID=0"), "rtsp://c/a/trackID=0");
    assert_eq!(append("rtsp://c/a/", "trackID=0"), "rtsp://c/a/trackID=0");
    assert_eq!(append("rtsp://c/a", "/trackID=0"), "rtsp://c/a/trackID=0");
    assert_eq!(append("rtsp://c/a?b=1", "trackID=0"), "rtsp://c/a?b=1/trackID=0");
    assert_eq!(append("rtsp://c", "t"), "rtsp://c/t");
    assert_eq!(append("rtsp://c/a", "a b"), "rtsp://c/a/a%20b");
    for whole in ["", "*"] {
        assert_eq!(append("rtsp://c/a", whole), "rtsp://c/a");
    }
}

#[test]
fn controls_that_are_urls_lead_to_the_host_we_dialled() {
    let base = url("rtsp://u:p@c:8554/a");
    let control = "rtsp://10.0.0.9:554/a/trackID=1";
    assert_eq!(base.append_control(control).as_deref(), Some("rtsp://c:8554/a/trackID=1"));
    assert_eq!(base.resolve_control(control).as_deref(), Some("rtsp://c:8554/a/trackID=1"));
}

#[test]
fn controls_resolve_by_the_standard_when_asked_to() {
    let resolve = |base: &str, control: &str| url(base).resolve_control(control).unwrap();
    assert_eq!(resolve("rtsp://c/a/b", "t"), "rtsp://c/a/t");
    assert_eq!(resolve("rtsp://c/a/b/", "t"), "rtsp://c/a/b/t");
    assert_eq!(resolve("rtsp://c/a/b?q=1", "t"), "rtsp://c/a/t");
    assert_eq!(resolve("rtsp://c/a/b?q=1", "?s=2"), "rtsp://c/a/b?s=2");
    assert_eq!(resolve("rtsp://c/a/b", "/t"), "rtsp://c/t");
    assert_eq!(resolve("rtsp://c/a/b/d", "../t/./x"), "rtsp://c/a/t/x");
    assert_eq!(resolve("rtsp://c/a", "../../.."), "rtsp://c/");
}

#[test]
fn a_control_can_not_inject_a_header() {
    let base = url("rtsp://c/a");
    for control in ["x\r\nInjected: 1", "x\rInjected: 1", "x\0"] {
        assert_eq!(base.append_control(control), None);
        assert_eq!(base.resolve_control(control), None);
    }
}

#[test]
fn a_redirect_never_leads_out_of_tls() {
    let from = url("rtsps://u:p@cam/a/b");
    for location in ["rtsp://cam/c", "rtsp+http://cam/c"] {
        assert_eq!(from.redirected(location), Err(UrlError::Downgrade), "{location}");
    }
    assert_eq!(from.redirected("/c").unwrap().to_string(), "rtsps://cam/c");
    assert_eq!(from.redirected("rtsps+http://cam/c").unwrap().scheme(), Scheme::RtspsHttp);
    let tunnelled = url("rtsps+http://u:p@cam:8443/a").redirected("rtsp://cam:554/b").unwrap();
    assert_eq!(tunnelled.to_string(), "rtsps+http://cam:8443/b");
    assert!(tunnelled.credentials().is_some());
}

#[test]
fn redirects_keep_credentials_only_for_the_same_host() {
    let from = url("rtsp://u:p@cam/a/b");
    let target = |location: &str| from.redirected(location).unwrap();
    assert_eq!(target("rtsp://cam:8554/c").request_uri(), "rtsp://cam:8554/c");
    assert!(target("rtsp://CAM:8554/c").credentials().is_some());
    assert!(target("rtsp://other/c").credentials().is_none());
    assert!(target("rtsp://x:y@other/c").credentials().is_none());
    assert_eq!(target("/c").request_uri(), "rtsp://cam/c");
    assert_eq!(target("c").request_uri(), "rtsp://cam/a/c");
    assert_eq!(target("rtsps://cam/").request_uri(), "rtsps://cam/");
    assert_eq!(from.redirected("http://cam/"), Err(UrlError::Scheme));
    assert_eq!(from.redirected("/x\r\ny: z"), Err(UrlError::Control));
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_accepted_stays_on_one_line(
        text in ".{0,80}",
        odd in "(rtsp://)?[a-z0-9:@/?#%\\[\\]. *]{0,40}",
    ) {
        let base = url("rtsp://u:p@cam/a?b");
        for text in [&text, &odd] {
            let parsed = Url::parse(text).ok().map(|url| url.request_uri());
            let made = [
                parsed,
                base.base_from(text).map(|url| url.request_uri()),
                base.append_control(text),
                base.resolve_control(text),
                base.redirected(text).ok().map(|url| url.request_uri()),
            ];
            for uri in made.iter().flatten() {
                prop_assert!(uri.starts_with("rtsp://"), "{}", uri);
                prop_assert!(!uri.contains(|c: char| c.is_control() || c == ' '), "{}", uri);
            }
        }
    }
}
