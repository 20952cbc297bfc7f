//! What is between the client and the camera: TLS, and HTTP servers that carry RTSP.

use rtsp::tunnel::{Progress, Tunnel};
use rtsp::url::Url;

fn tunnel() -> Tunnel {
    Tunnel::new(&Url::parse("rtsp+http://u:p@cam/live").unwrap(), "quirks", 1)
}

pub fn unifi_asks_for_srtp_inside_of_tls() {
    let url = Url::parse("rtsps://cam:7441/aBcD?enableSrtp").unwrap();
    let plain = url.without_parameter("enableSrtp").unwrap();
    assert_eq!(plain.to_string(), "rtsps://cam:7441/aBcD");
}

pub fn tunnels_behind_apache_name_an_address_that_leads_nowhere() {
    let mut tunnel = tunnel();
    tunnel.get();
    let reply: &[u8] = b"HTTP/1.0 200 OK\r\nServer: Apache\r\nx-server-ip-address: 127.0.0.1\r\n\
        Content-Type: application/x-rtsp-tunnelled\r\n\r\n";
    assert_eq!(tunnel.handle_get_data(reply), Ok(Progress::Accepted));
    let post = String::from_utf8(tunnel.post()).unwrap();
    assert!(post.contains("\r\nHost: cam\r\n"), "{post}");
}

pub fn tunnels_that_never_answer_post_and_close_on_401() {
    let mut tunnel = tunnel();
    tunnel.get();
    let challenge = b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\
        WWW-Authenticate: Basic realm=\"cam\"\r\n\r\n";
    assert_eq!(tunnel.handle_get_data(challenge), Ok(Progress::Again), "on a new connection");
    assert!(String::from_utf8(tunnel.get()).unwrap().contains("\r\nAuthorization: Basic "));
    assert_eq!(tunnel.handle_get_data(b"HTTP/1.1 200 OK\r\n\r\n"), Ok(Progress::Accepted));
    // The tunnel is open with the request: nothing is waited for.
    assert!(tunnel.post().starts_with(b"POST /live HTTP/1.1\r\n"));
    assert_eq!(Tunnel::check_post_reply(b""), Ok(()));
}
