//! Which servers of a list to use: the nearest, as far as time zones tell.

use config::{Relay, RelayTransport};
use serde_json::Value;

use super::limits::{SERVERS_MAX, STREAM_MAX, UDP_MAX};

/// Minutes of a day.
const DAY: u32 = 24 * 60;

/// The servers to use, the best first, those over UDP before the others. `{"servers": […]}` and
/// `{"iceServers": […]}` are read, and the list alone; each with the fields of an `RTCIceServer`
/// and perhaps `tz`, its minutes behind UTC.
pub fn choose(json: &str, minutes_behind_utc: Option<i32>) -> Vec<Relay> {
    let Ok(root) = serde_json::from_str::<Value>(json) else { return Vec::new() };
    let list = root.get("servers").or_else(|| root.get("iceServers")).unwrap_or(&root);
    let servers = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let read = |server: &Value| Some((distance(server, minutes_behind_utc), relay(server)?));
    let mut relays: Vec<(u32, Relay)> = servers.iter().take(SERVERS_MAX).filter_map(read).collect();
    relays.sort_by_key(|(distance, _)| *distance); // of equal ones the first stays the first
    let is_udp = |relay: &Relay| relay.transport == RelayTransport::Udp;
    let (udp, stream): (Vec<Relay>, Vec<Relay>) =
        relays.into_iter().map(|(_, relay)| relay).partition(is_udp);
    udp.into_iter().take(UDP_MAX).chain(stream.into_iter().take(STREAM_MAX)).collect()
}

fn relay(server: &Value) -> Option<Relay> {
    let text = |key: &str| server.get(key).and_then(Value::as_str);
    let (username, credential) = (text("username")?, text("credential")?);
    let urls = match server.get("urls").or_else(|| server.get("url"))? {
        Value::Array(urls) => urls.iter().filter_map(Value::as_str).collect(),
        url => vec![url.as_str()?],
    };
    urls.into_iter().find_map(|url| config::parse_relay(url, username, credential).ok())
}

/// How far away its time zone is, in minutes; one without counts as here.
fn distance(server: &Value, minutes_behind_utc: Option<i32>) -> u32 {
    let theirs = server.get("tz").and_then(|tz| match tz {
        Value::String(text) => text.parse().ok(),
        tz => tz.as_i64(),
    });
    let (Some(ours), Some(theirs)) = (minutes_behind_utc, theirs) else { return 0 };
    let theirs = i32::try_from(theirs).unwrap_or_default();
    let apart = ours.abs_diff(theirs) % DAY;
    apart.min(DAY - apart)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIST: &str = r#"{"servers": [
        {"urls": ["turn:sydney.example"], "username": "u", "credential": "c", "tz": "-600"},
        {"urls": "turn:york.example:3478", "username": "u", "credential": "c", "tz": 300},
        {"urls": ["turn:paris.example"], "username": "u", "credential": "c", "tz": -60},
        {"urls": ["turn:oslo.example"], "username": "u", "credential": "c", "tz": -60},
        {"urls": ["turns:paris.example:443"], "username": "u", "credential": "c", "tz": -60},
        {"urls": ["turn:york.example?transport=tcp"], "username": "u", "credential": "c",
         "tz": 300, "udp": false},
        {"urls": ["stun:stun.example"]}, {"urls": 5}, 7
    ]}"#;

    fn hosts(json: &str, minutes: Option<i32>) -> Vec<String> {
        choose(json, minutes).into_iter().map(|relay| relay.host).collect()
    }

    #[test]
    fn the_nearest_two_over_udp_and_one_over_a_stream_are_chosen() {
        let list = |minutes| hosts(LIST, minutes);
        assert_eq!(list(Some(-60)), ["paris.example", "oslo.example", "paris.example"]);
        assert_eq!(list(Some(360)), ["york.example", "paris.example", "york.example"]);
        // The other way round the earth is shorter.
        assert_eq!(list(Some(720))[..2], ["sydney.example", "york.example"]);
        assert_eq!(list(None), ["sydney.example", "york.example", "paris.example"]);
    }

    #[test]
    fn browsers_forms_are_read_too() {
        let server = r#"{"urls": "turn:h", "username": "u", "credential": "c"}"#;
        assert_eq!(hosts(&format!("[{server}]"), None), ["h"]);
        assert_eq!(hosts(&format!("{{\"iceServers\": [{server}]}}"), None), ["h"]);
        for nothing in ["", "{}", "[]", "5", "[{}]", "{\"servers\": 1}", "not JSON"] {
            assert_eq!(hosts(nothing, None), [""; 0]);
        }
    }

    proptest! {
        #[test]
        fn no_list_can_do_harm(tz in any::<i64>(), ours in any::<i32>(), host in ".{0,20}") {
            let server = serde_json::json!({
                "urls": [format!("turn:{host}")], "username": "u", "credential": "c", "tz": tz,
            });
            let _ = choose(&serde_json::json!([server]).to_string(), Some(ours));
        }
    }
}
