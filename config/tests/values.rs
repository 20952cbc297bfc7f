//! What a valid file means.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail")]

use std::time::Duration;

use config::{CameraUrl, Config, KeepAlive, Keyframe, LogLevel, SecretUrl, Tls, Transport, parse};

fn read(text: &str) -> Config {
    parse(text, &|name| (name == "PW").then(|| "s3cret".to_owned())).unwrap()
}

#[test]
fn an_empty_file_is_the_defaults() {
    for text in ["", "# nothing\n", "---\n", "streams:\n", "{}", "streams: {}\napi:\n"] {
        assert_eq!(read(text), Config::default(), "{text:?}");
    }
}

#[test]
fn streams_take_the_files_warm_and_linger_wherever_these_stand() {
    let config = read(
        "streams:\n  a: rtsp://h/a\n  b: {url: rtsp://h/b, warm: false, linger: 500ms}\n\
         warm: true\nlinger: 2m\n",
    );
    let a = config.stream("a").unwrap();
    assert_eq!((a.warm, a.linger), (true, Duration::from_secs(120)));
    let b = config.stream("b").unwrap();
    assert_eq!((b.warm, b.linger), (false, Duration::from_millis(500)));
}

#[test]
fn a_variable_can_be_a_password_or_a_number() {
    let config = read(
        "streams: {a: 'rtsp://u:${PW}@h/a'}\nmultistream: {max_slots: '${SLOTS:4}'}\n\
         warm: ${WARM:true}\n",
    );
    assert_eq!(config.streams[0].urls()[0].url.expose(), "rtsp://u:s3cret@h/a");
    assert_eq!(config.multistream.max_slots, 4);
    assert!(config.warm);
}

#[test]
fn the_media_listens_where_the_page_does_unless_told() {
    let port = |text| read(text).webrtc.listen.to_string();
    assert_eq!(port("api: {listen: '192.0.2.1:80'}"), "192.0.2.1:8555");
    assert_eq!(port("api: {listen: '192.0.2.1:80'}\nwebrtc: {listen: ':9000'}"), "0.0.0.0:9000");
    assert_eq!(port("webrtc: {listen: ':9000/udp'}\napi: {listen: ':80'}"), "0.0.0.0:9000");
}

#[test]
fn a_stream_says_what_keeps_it_alive() {
    let config = read(
        "streams:\n  a: rtsp://h/a\n  b: {url: rtsp://h/b, keep_alive: options}\n  \
         c: {url: rtsp://h/c, keep_alive: get_parameter}\n",
    );
    let chosen: Vec<KeepAlive> = config.streams.iter().map(|stream| stream.keep_alive).collect();
    assert_eq!(chosen, [KeepAlive::Auto, KeepAlive::Options, KeepAlive::GetParameter]);
}

#[test]
fn a_stream_says_how_its_camera_is_asked_for_a_keyframe() {
    let chosen = |said: &str| {
        read(&format!("streams: {{a: {{url: rtsp://h/a{said}}}}}")).streams[0].keyframe.clone()
    };
    assert_eq!(chosen(""), Keyframe::Auto);
    assert_eq!(chosen(", keyframe: auto"), Keyframe::Auto);
    assert_eq!(chosen(", keyframe: off"), Keyframe::Off);
    assert_eq!(chosen(", keyframe: rtcp"), Keyframe::Rtcp);
    assert_eq!(chosen(", keyframe: axis"), Keyframe::Axis);
    assert_eq!(chosen(", keyframe: session"), Keyframe::Session);
    let at = |url: &str, tls| CameraUrl { url: SecretUrl::new(url), tls, audio: false };
    assert_eq!(
        chosen(", keyframe: 'isapi:http://u:p@ss@192.0.2.1:81/a?b'"),
        Keyframe::Isapi(at("http://u:p%40ss@192.0.2.1:81/a?b", Tls::Verify)),
    );
    assert_eq!(
        chosen(", keyframe: 'sunapi:https://cam#tls=insecure'"),
        Keyframe::Sunapi(at("https://cam", Tls::Insecure)),
    );
    assert_eq!(
        chosen(", keyframe: 'onvif:http://cam/onvif/Media?profile=main'"),
        Keyframe::Onvif(at("http://cam/onvif/Media?profile=main", Tls::Verify)),
    );
}

#[test]
fn the_rtsp_server_is_there_if_its_section_is_and_on_loopback_unless_told() {
    assert_eq!(read("").rtsp, None);
    let rtsp = |text| read(text).rtsp.unwrap();
    for text in ["rtsp:", "rtsp: {}"] {
        assert_eq!(rtsp(text).listen.to_string(), "127.0.0.1:8554", "{text}");
        assert!(rtsp(text).login.is_none(), "{text}");
    }
    let told = rtsp("rtsp: {listen: ':554', username: u, password: '${PW}'}");
    assert_eq!(told.listen.to_string(), "0.0.0.0:554");
    let login = told.login.clone().unwrap();
    assert_eq!((&*login.username, &*login.password), ("u", "s3cret"));
    assert!(!format!("{told:?}").contains("s3cret"));
}

#[test]
fn a_stream_without_address_is_pushed_wherever_the_server_stands() {
    for text in ["streams: {a: }\nrtsp:\n", "rtsp: {listen: ':1'}\nstreams:\n  a:\n"] {
        assert!(read(text).stream("a").unwrap().urls().is_empty(), "{text}");
    }
}

#[test]
fn go2rtcs_transport_option_counts_unless_the_key_says_otherwise() {
    let config = read(
        "streams:\n  a: 'rtsp://h/a#transport=udp'\n  \
         b: {url: 'rtsp://h/b#transport=udp', transport: tcp}\n",
    );
    assert_eq!(config.streams[0].transport, Transport::Udp);
    assert_eq!(config.streams[1].transport, Transport::Tcp);
}

#[test]
fn the_tls_key_counts_for_every_address_and_more_than_an_option() {
    let config = read(
        "streams:\n  a: ['rtspx://h/a', 'rtsps://h/b']\n  \
         b: {urls: ['rtspx://h/a', 'rtsps://h/b#tls=insecure', rtsp://h/c], tls: verify}\n  \
         c: {url: rtsps://h/a, tls: insecure}\n",
    );
    let tls = |stream: usize| -> Vec<Tls> {
        config.streams[stream].urls().iter().map(|url| url.tls).collect()
    };
    assert_eq!(tls(0), [Tls::Insecure, Tls::Verify], "one address says nothing for another");
    assert_eq!(tls(1), [Tls::Verify; 3]);
    assert_eq!(tls(2), [Tls::Insecure]);
}

#[test]
fn transport_http_tunnels_every_address() {
    let config = read(
        "streams: {a: {urls: ['rtsp://h/a', 'rtsps://h/b', 'rtsp+http://h/c'], transport: http}}",
    );
    let urls: Vec<&str> = config.streams[0].urls().iter().map(|url| url.url.expose()).collect();
    assert_eq!(urls, ["rtsp+http://h/a", "rtsps+http://h/b", "rtsp+http://h/c"]);
    assert_eq!(config.streams[0].transport, Transport::Auto);
}

#[test]
fn names_that_look_like_numbers_stay_names() {
    let config = read("streams: {1: rtsp://h/a, '007': rtsp://h/b, Door: rtsp://h/c}");
    assert!(config.stream("1").is_some() && config.stream("007").is_some());
    assert!(config.stream("Door").is_some() && config.stream("door").is_none());
}

#[test]
fn ice_servers_keep_their_credentials_and_hide_them_from_debug() {
    let config = read(
        "webrtc:\n  ice_servers:\n    - urls: stun:stun.example.org\n    - urls: \
         [turn:t.example.org]\n      username: ${PW}\n      credential: 1234\n",
    );
    let turn = &config.webrtc.ice_servers[1];
    assert_eq!(turn.username.as_deref(), Some("s3cret"));
    assert_eq!(turn.credential.as_deref(), Some("1234"));
    let shown = format!("{config:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("1234"), "{shown}");
}

#[cfg(feature = "relay")]
#[test]
fn each_address_of_a_relay_is_one_and_its_login_hidden() {
    let config = read(
        "webrtc:\n  ice_transport_policy: relay\n  relays:\n    - urls: [turn:h, turns:h:443]\n      \
         username: ${PW}\n      credential: 1234\n      tls: insecure\n",
    );
    let shown: Vec<String> = config.webrtc.relays.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["turn:h:3478?transport=udp", "turns:h:443?transport=tcp"]);
    assert_eq!(config.webrtc.relays[1].credential, "1234");
    assert_eq!(config.webrtc.relays[1].tls, config::Tls::Insecure);
    assert_eq!(config.webrtc.ice_transport_policy, config::IceTransportPolicy::Relay);
    let shown = format!("{config:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("1234"), "{shown}");
}

#[test]
fn no_camera_password_is_in_debug() {
    let config = read("streams: {a: ['rtsp://admin:hunter2@h/a', 'rtsp://h/?password=hunter2']}");
    assert!(!format!("{config:?} {config:#?}").contains("hunter2"));
}

#[test]
fn playout_delay_can_be_turned_off() {
    assert_eq!(read("webrtc: {playout_delay_ms: off}").webrtc.playout_delay, None);
    let delay = read("webrtc: {playout_delay_ms: {max: 200}}").webrtc.playout_delay.unwrap();
    assert_eq!((delay.min_ms, delay.max_ms), (0, 200));
}

#[test]
fn the_log_can_be_quiet() {
    assert_eq!(read("log: {level: off}").log.level, LogLevel::Off);
    assert!(LogLevel::Error < LogLevel::Trace);
}

#[test]
fn no_text_makes_the_reader_panic() {
    // Every prefix and every single-byte damage of a file that uses each form of YAML.
    let text = "a: &x [1, 'b', \"c\\n\"]\nstreams: {d: *x, <<: {e: ~}}\nf: |\n  g\n? h\n: - i\n";
    for end in 0..=text.len() {
        let _ = parse(&text[..end], &|_| None);
        for byte in ["\0", ":", "{", "[", "&", "*", "!", "\t", "%", "-", "\n", "\u{feff}"] {
            let damaged = format!("{}{byte}{}", &text[..end], &text[end..]);
            let _ = parse(&damaged, &|_| None);
        }
    }
}
