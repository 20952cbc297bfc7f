//! Cameras that say to look elsewhere.

use rtsp::client::Error;
use rtsp::url::UrlError;

use crate::bench::*;

fn redirect(bench: &mut Bench, location: &str) {
    bench.reply(&format!("RTSP/1.0 302 Moved\r\nLocation: {location}\r\n"));
}

fn last_dial(bench: &Bench) -> Option<(String, u16)> {
    bench.seen().iter().rev().find_map(|seen| match seen {
        Seen::Connect(host, port) => Some((host.clone(), *port)),
        _ => None,
    })
}

#[test]
fn a_redirect_leads_to_a_new_connection() {
    let mut bench = started();
    bench.connect();
    bench.reply(&ok(""));
    redirect(&mut bench, "rtsp://other:8554/new");
    assert_eq!(last_dial(&bench), Some(("other".to_owned(), 8554)));
    assert_eq!((bench.disconnects(), bench.errors().len()), (1, 0));
    bench.forget();
    bench.connect();
    assert_eq!(header(&bench.last_request(), "CSeq").as_deref(), Some("1"));
    bench.play();
    assert!(bench.requests()[3].starts_with("PLAY rtsp://other:8554/new "));
}

#[test]
fn credentials_go_only_to_the_host_they_belong_to() {
    let locked = || {
        let mut bench = started_with(options("rtsp://u:geheim@cam/live"));
        bench.connect();
        bench
    };
    let challenge = "RTSP/1.0 401 No\r\nWWW-Authenticate: Basic realm=\"r\"\r\n";
    let mut bench = locked();
    bench.reply(challenge);
    redirect(&mut bench, "rtsp://evil/live");
    bench.connect();
    assert_eq!(header(&bench.last_request(), "Authorization"), None);
    bench.reply(challenge);
    assert_eq!(bench.errors(), [Error::CredentialsMissing]);
    let mut bench = locked();
    redirect(&mut bench, "rtsp://evil/live");
    bench.connect();
    redirect(&mut bench, "rtsp://cam:8554/back");
    bench.connect();
    bench.reply(challenge);
    assert!(header(&bench.last_request(), "Authorization").is_some());
}

#[test]
fn redirects_in_circles_end() {
    let mut bench = started();
    for _ in 0..6 {
        bench.connect();
        redirect(&mut bench, "/again");
    }
    assert_eq!(bench.errors(), [Error::RedirectLoop]);
    assert_eq!(bench.dials(), 6);
}

#[test]
fn redirects_that_lead_nowhere_are_failures() {
    for (location, error) in [
        ("http://cam/", Error::Redirect(UrlError::Scheme)),
        ("rtsp://", Error::Redirect(UrlError::Host)),
        ("", Error::RedirectLoop),
    ] {
        let mut bench = started();
        bench.connect();
        redirect(&mut bench, location);
        assert_eq!(bench.errors(), [error]);
    }
}

#[test]
fn after_a_failure_elsewhere_the_configured_address_is_tried_again() {
    let mut bench = started();
    bench.connect();
    redirect(&mut bench, "rtsp://other/new");
    bench.client.handle_connect_failed(bench.now, "refused");
    bench.collect();
    bench.pass(std::time::Duration::from_secs(3));
    assert_eq!(last_dial(&bench), Some(("cam".to_owned(), 554)));
}
