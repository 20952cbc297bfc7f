use proptest::prelude::*;

use super::*;
use crate::message::Request;

fn tunnel(url: &str) -> Tunnel {
    Tunnel::new(&Url::parse(url).unwrap(), "agent", 1)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn header(message: &str, name: &str) -> Option<String> {
    message.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned()))
}

const CHALLENGE: &[u8] =
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n\r\n<html>";

#[test]
fn both_requests_carry_one_cookie_and_the_post_begins_a_body() {
    let mut tunnel = tunnel("rtsp+http://cam:8080/live?a=1");
    let (get, post) = (text(tunnel.get()), text(tunnel.post()));
    assert!(get.starts_with("GET /live?a=1 HTTP/1.1\r\nHost: cam:8080\r\n"), "{get}");
    assert!(post.starts_with("POST /live?a=1 HTTP/1.1\r\nHost: cam:8080\r\n"), "{post}");
    let cookie = header(&get, "x-sessioncookie").unwrap();
    assert_eq!(header(&post, "x-sessioncookie"), Some(cookie.clone()));
    assert_eq!(cookie.len(), 16);
    assert_eq!(header(&get, "Accept").as_deref(), Some("application/x-rtsp-tunnelled"));
    assert_eq!(header(&post, "Content-Type").as_deref(), Some("application/x-rtsp-tunnelled"));
    assert_eq!(header(&post, "Content-Length").as_deref(), Some("32767"));
    for message in [&get, &post] {
        assert!(message.ends_with("\r\n\r\n") && header(message, "Authorization").is_none());
    }
    let other = Tunnel::new(&Url::parse("rtsp+http://[::1]").unwrap(), "agent", 2).get();
    let other = text(other);
    assert!(other.starts_with("GET / HTTP/1.1\r\nHost: [::1]\r\n"), "{other}");
    assert_ne!(header(&other, "x-sessioncookie"), Some(cookie));
}

#[test]
fn a_reply_cut_anyhow_opens_it() {
    let reply: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\
        x-server-ip-address: 127.0.0.1\r\n\r\n";
    for at in 0..reply.len() {
        let mut tunnel = tunnel("rtsp+http://cam/");
        tunnel.get();
        let (first, second) = reply.split_at(at);
        assert_eq!(tunnel.handle_get_data(first), Ok(Progress::Incomplete), "{at}");
        assert_eq!(tunnel.handle_get_data(second), Ok(Progress::Accepted), "{at}");
    }
}

#[test]
fn a_refused_get_is_sent_again_on_another_connection_with_credentials() {
    let mut tunnel = tunnel("rtsp+http://u:geheim@cam/live");
    assert_eq!(header(&text(tunnel.get()), "Authorization"), None);
    assert_eq!(tunnel.handle_get_data(CHALLENGE), Ok(Progress::Again));
    let get = text(tunnel.get());
    let authorization = header(&get, "Authorization").unwrap();
    assert!(authorization.contains("uri=\"/live\"") && !get.contains("geheim"), "{get}");
    assert_eq!(tunnel.handle_get_data(b"HTTP/1.1 200 OK\r\n\r\n"), Ok(Progress::Accepted));
    let post = header(&text(tunnel.post()), "Authorization").unwrap();
    assert_ne!(post, authorization, "the response is about the method as well");
}

#[test]
fn wrong_or_missing_credentials_end_it() {
    let mut locked = tunnel("rtsp+http://cam/live");
    locked.get();
    let error = Err(TunnelError::Auth(AuthError::NoCredentials));
    assert_eq!(locked.handle_get_data(CHALLENGE), error);
    let mut wrong = tunnel("rtsp+http://u:p@cam/live");
    wrong.get();
    assert_eq!(wrong.handle_get_data(CHALLENGE), Ok(Progress::Again));
    wrong.get();
    let error = Err(TunnelError::Auth(AuthError::Refused));
    assert_eq!(wrong.handle_get_data(CHALLENGE), error);
}

#[test]
fn what_is_no_tunnel_is_named() {
    let answer = |bytes: &[u8]| {
        let mut tunnel = tunnel("rtsp+http://cam/");
        tunnel.get();
        tunnel.handle_get_data(bytes)
    };
    for (status, line) in
        [(404, "HTTP/1.1 404 Not Found"), (302, "HTTP/1.0 302"), (100, "HTTP/1.1 100 C")]
    {
        let error = TunnelError::Status { method: "GET", status };
        assert_eq!(answer(format!("{line}\r\n\r\n").as_bytes()), Err(error));
    }
    for odd in
        ["RTSP/1.0 200 OK\r\n\r\n", "SSH-2.0-x\r\n", "H!", "HTTP/1.1\r\n\r\n", "HTTP/1.1 2\n\n"]
    {
        assert_eq!(answer(odd.as_bytes()), Err(TunnelError::NotHttp), "{odd}");
    }
    let endless = [b"HTTP/1.1 200 OK\r\n", &b"a: b\r\n".repeat(10_000)[..]].concat();
    assert_eq!(answer(&endless), Err(TunnelError::NotHttp));
}

#[test]
fn the_posts_reply_matters_only_where_it_is_a_refusal() {
    let check = Tunnel::check_post_reply;
    for fine in ["", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 100 Continue\r\n", "nonsense"] {
        assert_eq!(check(fine.as_bytes()), Ok(()), "{fine}");
    }
    let error = TunnelError::Status { method: "POST", status: 403 };
    assert_eq!(check(b"HTTP/1.1 403 Forbidden\r\n\r\n"), Err(error));
}

#[test]
fn a_message_is_sent_in_base64() {
    let message = Request::new("OPTIONS", "*").to_bytes();
    assert_eq!(STANDARD.decode(encode(&message)).unwrap(), message);
    assert_eq!(encode(b"$\0\0\x01a"), b"JAAAAWE=");
}

#[test]
fn nothing_secret_shows() {
    let mut tunnel = tunnel("rtsp+http://u:geheim@cam/live");
    tunnel.get();
    assert!(tunnel.handle_get_data(CHALLENGE).is_ok());
    assert_eq!(format!("{tunnel:?}"), "Tunnel");
}

proptest! {
    #[test]
    fn no_reply_panics_and_none_is_kept_for_ever(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        line in "(HTTP/1.1 [0-9]{0,4}[ -~]{0,20}\r\n)?([a-zA-Z-]{0,8}:[ -~]{0,20}\r\n){0,4}(\r\n)?",
    ) {
        for reply in [&bytes[..], line.as_bytes()] {
            let mut whole = tunnel("rtsp+http://u:p@cam/");
            let mut byte_by_byte = whole.clone();
            let expected = whole.handle_get_data(reply);
            let mut last = Ok(Progress::Incomplete);
            for byte in reply {
                last = byte_by_byte.handle_get_data(&[*byte]);
                if last != Ok(Progress::Incomplete) {
                    break;
                }
            }
            prop_assert_eq!(last, expected);
            let _ = Tunnel::check_post_reply(reply);
        }
    }
}
