//! Cameras behind TLS or an HTTP tunnel: how they are dialled, and that nothing leaves either.

use std::time::Duration;

use rtsp::auth::AuthError;
use rtsp::client::{Client, Error, Options, Output, Transport};
use rtsp::tunnel::TunnelError;
use rtsp::url::UrlError;

use crate::bench::*;

/// Host, port, TLS, tunnel and address of the next dial.
fn dial(client: &mut Client) -> (String, u16, bool, bool, usize) {
    while let Some(output) = client.poll_output() {
        if let Output::Connect { host, port, tls, tunnel, address } = output {
            return (host, port, tls, tunnel.is_some(), address);
        }
    }
    panic!("no dial");
}

fn redirected(url: &str, location: &str) -> Bench {
    let mut bench = started_with(options(url));
    bench.connect();
    bench.reply(&format!("RTSP/1.0 302 Moved\r\nLocation: {location}\r\n"));
    bench
}

#[test]
fn the_scheme_says_how_to_dial() {
    for (url, port, tls, tunnel, uri) in [
        ("rtsp://cam/a", 554, false, false, "rtsp://cam/a"),
        ("rtsps://cam/a", 322, true, false, "rtsps://cam/a"),
        ("rtsps://u:p@cam:7441/a", 7441, true, false, "rtsps://cam:7441/a"),
        ("rtsp+http://cam/a", 80, false, true, "rtsp://cam/a"),
        ("rtsps+http://cam:8443/a", 8443, true, true, "rtsp://cam:8443/a"),
        ("rtsps+http://cam/a", 443, true, true, "rtsp://cam/a"),
    ] {
        let mut client = Client::new(options(url), 1);
        let mut bench = started_with(options(url));
        client.start(bench.now);
        assert_eq!(dial(&mut client), ("cam".to_owned(), port, tls, tunnel, 0), "{url}");
        bench.connect();
        assert_eq!(first_words(&bench.last_request(), 2), format!("OPTIONS {uri}"));
    }
}

#[test]
fn each_dial_says_which_address_led_there() {
    let alternatives = ["rtsps://two/a", "rtsp+http://three/a"];
    let alternatives = alternatives.map(|url| options(url).url).to_vec();
    let mut bench = started();
    let options = Options { alternatives, ..options("rtsp://one/a") };
    let mut client = Client::new(options, 1);
    client.start(bench.now);
    let mut dials = Vec::new();
    for _ in 0..4 {
        dials.push(dial(&mut client));
        client.handle_connect_failed(bench.now, "refused");
        bench.now += Duration::from_secs(3);
        client.handle_timeout(bench.now);
    }
    let dials: Vec<_> =
        dials.iter().map(|dial| (dial.0.as_str(), dial.2, dial.3, dial.4)).collect();
    let one = ("one", false, false, 0);
    assert_eq!(dials, [one, ("two", true, false, 1), ("three", false, true, 2), one]);
}

#[test]
fn media_stays_in_a_connection_that_is_encrypted_or_tunnelled() {
    for url in ["rtsps://cam/a", "rtsp+http://cam/a"] {
        for transport in [Transport::Auto, Transport::Udp, Transport::Multicast] {
            let mut bench = started_with(Options { transport, ..options(url) });
            bench.connect();
            bench.describe();
            assert!(bench.last_request().contains("RTP/AVP/TCP;unicast"), "{url} {transport:?}");
            bench.refuse(461);
            assert_eq!(bench.errors(), [Error::TransportRefused], "{url} {transport:?}");
            bench.pass(Duration::from_secs(3));
            bench.connect();
            bench.describe();
            assert!(bench.last_request().contains("RTP/AVP/TCP;unicast"), "{url} {transport:?}");
        }
    }
}

#[test]
fn a_redirection_may_lead_into_tls_and_never_out_of_it() {
    let bench = redirected("rtsp://u:p@cam/a", "rtsps://cam/b");
    assert!(matches!(bench.seen().last(), Some(Seen::Connect(host, 322)) if host == "cam"));
    for location in ["rtsp://cam/b", "rtsp://cam:322/b", "rtsp+http://cam/b"] {
        let bench = redirected("rtsps://u:p@cam/a", location);
        assert_eq!(bench.errors(), [Error::Redirect(UrlError::Downgrade)], "{location}");
    }
    let mut bench = redirected("rtsp://cam/a", "rtsps://cam/b");
    bench.connect();
    bench.reply("RTSP/1.0 302 Moved\r\nLocation: rtsp://cam/c\r\n");
    assert_eq!(bench.errors(), [Error::Redirect(UrlError::Downgrade)]);
}

#[test]
fn a_redirection_inside_a_tunnel_stays_in_tunnels() {
    for (url, location, host, port) in [
        ("rtsp+http://cam:8080/a", "rtsp://cam:554/b", "cam", 8080),
        ("rtsp+http://cam:8080/a", "rtsp://other:554/b", "other", 80),
        ("rtsps+http://cam/a", "rtsp://other/b", "other", 443),
    ] {
        let mut bench = started();
        let mut client = Client::new(options(url), 1);
        client.start(bench.now);
        dial(&mut client);
        client.handle_connected(bench.now);
        let reply = format!("RTSP/1.0 302 Moved\r\nCSeq: 1\r\nLocation: {location}\r\n\r\n");
        client.handle_data(bench.now, reply.as_bytes());
        let tls = url.starts_with("rtsps");
        assert_eq!(dial(&mut client), (host.to_owned(), port, tls, true, 0), "{location}");
        client.handle_connected(bench.now);
        bench.client = client;
        bench.collect();
        assert!(bench.last_request().contains("/b RTSP/1.0"));
    }
}

#[test]
fn a_tunnel_that_refuses_the_credentials_is_not_asked_again_soon() {
    for (error, expected) in [
        (AuthError::Refused, Error::CredentialsRefused),
        (AuthError::NoCredentials, Error::CredentialsMissing),
    ] {
        let mut bench = started_with(options("rtsp+http://u:p@cam/a"));
        bench.client.handle_tunnel_failed(bench.now, &TunnelError::Auth(error));
        bench.collect();
        assert_eq!(bench.failures(), [(expected, Duration::from_secs(60))]);
    }
    let mut bench = started_with(options("rtsp+http://u:p@cam/a"));
    let error = TunnelError::Status { method: "GET", status: 404 };
    bench.client.handle_tunnel_failed(bench.now, &error);
    bench.collect();
    let reason = "GET of the HTTP tunnel refused: 404".to_owned();
    assert_eq!(bench.errors(), [Error::Connect { reason }]);
}
