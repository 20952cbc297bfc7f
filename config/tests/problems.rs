//! Everything wrong is said at once, with its place, and without a secret.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail")]

use config::{Problem, limits, parse};

fn problems(text: &str) -> Vec<Problem> {
    parse(text, &env).unwrap_err()
}

fn env(name: &str) -> Option<String> {
    (name == "SECRET").then(|| "hunter2".to_owned())
}

/// The one problem of a text: line, path, message.
fn only(text: &str) -> (usize, String, String) {
    let mut found = problems(text);
    assert_eq!(found.len(), 1, "{found:?}");
    let problem = found.remove(0);
    (problem.line, problem.path, problem.message)
}

#[test]
fn all_problems_come_at_once_in_the_files_order_with_their_places() {
    let text = "\
streams:
  door: onvif:yard
  yard:
    transport: tpc
    url: rtsp://192.0.2.1/a
    retries: 3
api:
  lisen: ':1984'
webrtc:
  candidates: [192.0.2.1, nonsense]
limits:
  gop_max_bytes: 8 bananas
warm: maybe
";
    let found: Vec<(usize, usize, String)> =
        problems(text).into_iter().map(|p| (p.line, p.column, p.path)).collect();
    let expected = [
        (2, 9, "streams.door"),
        (4, 16, "streams.yard.transport"),
        (6, 5, "streams.yard.retries"),
        (8, 3, "api.lisen"),
        (10, 27, "webrtc.candidates[1]"),
        (12, 18, "limits.gop_max_bytes"),
        (13, 7, "warm"),
    ];
    let expected: Vec<_> = expected.map(|(l, c, p)| (l, c, p.to_owned())).into();
    assert_eq!(found, expected);
}

#[test]
fn a_problem_reads_as_a_sentence_with_its_place() {
    let shown = problems("api:\n  listen: nowhere\n")[0].to_string();
    assert!(shown.starts_with("line 2, column 11: api.listen: expected an address"), "{shown}");
}

#[test]
fn a_near_miss_is_suggested() {
    assert_eq!(
        only("api: {lisen: ':1984'}"),
        (1, "api.lisen".to_owned(), "unknown key; did you mean listen?".to_owned())
    );
}

#[test]
fn a_key_given_twice_is_a_problem_at_its_second_place() {
    let text = "streams:\n  a: rtsp://h/1\n  b: rtsp://h/2\n  a: rtsp://h/3\n";
    assert_eq!(only(text), (4, "streams.a".to_owned(), "is given twice".to_owned()));
    assert_eq!(only("warm: true\nwarm: true\n").0, 2);
}

#[test]
fn a_wrong_kind_of_value_says_what_is_expected() {
    for (text, expected) in [
        ("streams: [rtsp://h/a]", "keys with values"),
        ("api: 1984", "keys with values"),
        ("api: {listen: [a]}", "one value, not a list"),
        ("linger: {}", "one value, not keys"),
        ("linger:", "expected a value"),
        ("linger: 20", "duration such as"),
        ("warm: yes", "true or false"),
        ("log: {level: loud}", "error, warn, info"),
        ("log: {format: xml}", "text or json"),
        ("burst_mbps: 0", "1 to 10000"),
        ("burst_mbps: 1.5", "quotes"),
        ("multistream: {max_slots: 65}", "1 to 64"),
        ("multistream: {max_slots: -1}", "1 to 64"),
        ("limits: {gop_max_bytes: 1KB}", "from 64KiB to 256MiB"),
        ("limits: {gop_total_max_bytes: 1MiB}", "not below gop_max_bytes"),
        ("webrtc: {playout_delay_ms: 5}", "{min: 0, max: 0}"),
        ("webrtc: {playout_delay_ms: {min: 5, max: 2}}", "min not above max"),
        ("webrtc: {playout_delay_ms: {max: 50000}}", "0 to 40950"),
        ("webrtc: {ice_servers: [{username: u}]}", "expected urls"),
        #[cfg(feature = "relay")]
        ("webrtc: {relays: [{urls: 'turn:h'}]}", "username and credential"),
        #[cfg(feature = "relay")]
        ("webrtc: {relays: [{urls: 'stun:h', username: u, credential: c}]}", "turn:host:port"),
        ("webrtc: {ice_transport_policy: relay}", "expected relays"),
        ("webrtc: {relays_from: 'turn:h'}", "https://example.org/turn"),
        ("webrtc: {ice_transport_policy: some}", "all or relay"),
        ("streams: {a: {transport: tcp}}", "expected url"),
        ("streams: {a: {url: rtsp://h/a, transport: ws}}", "udp, multicast or http"),
        ("streams: {a: {url: rtsps://h/a, transport: udp}}", "expected transport auto or tcp"),
        ("streams: {a: 'rtsp+http://h/a#transport=multicast'}", "expected transport auto or tcp"),
        ("streams: {a: {url: rtsps://h/a, tls: off}}", "expected verify, insecure or pin:"),
        ("streams: {a: {url: rtsp://h/a, tls: verify}}", "tls is for rtsps:// addresses"),
        ("streams: {a: {url: rtsp://h/a, keep_alive: 5s}}", "auto, options or get_parameter"),
        (
            "streams: {a: {url: rtsp://h/a, keyframe: pli}}",
            "auto, off, rtcp, axis, session, isapi:",
        ),
        ("streams: {a: []}", "at least one address"),
        ("streams: {a: }", "expected an address; or a section rtsp:"),
        ("streams: {a: {token: 'a b'}}", "without spaces"),
        ("streams: {a: {token: t, url: rtsp://h/a}}", "a stream without an address"),
        ("streams: {a: {token: t, transport: udp}}", "a stream without an address"),
        ("rtsp: {username: u}", "both username and password"),
        ("rtsp: {password: p}", "both username and password"),
        ("rtsp: {username: u, password: ''}", "1 to 256 bytes"),
        ("rtsp: {listen: 8554}", "an address and port"),
        ("streams: {a: {url: rtsp://h/a, urls: []}}", "either url or urls"),
        ("linger: 100h", "at most 24h"),
        ("api: {origin: example.org}", "https://example.org"),
    ] {
        let (_, _, message) = only(text);
        assert!(message.contains(expected), "{text}: {message}");
    }
}

#[test]
fn mistakes_in_publish_come_with_their_places() {
    let text = "\
publish:
  dor: https://h/whip
  door:
    - rtmp://h/live
    - {url: https://h/whip, tokn: x}
    - {token: x}
    - {url: https://h/whip, token: a b}
    - {url: https://h/whip, token: [a]}
  yard: []
streams:
  door: rtsp://h/a
  yard: rtsp://h/b
";
    let found: Vec<(usize, String, String)> =
        problems(text).into_iter().map(|p| (p.line, p.path, p.message)).collect();
    let expected = [
        (2, "publish.dor", "one of streams"),
        (4, "publish.door[0]", "publishing to rtmp: is not supported; expected a WHIP address"),
        (5, "publish.door[1].tokn", "did you mean token?"),
        (6, "publish.door[2]", "expected url: https://"),
        (7, "publish.door[3].token", "without spaces"),
        (8, "publish.door[4].token", "one value, not a list"),
        (9, "publish.yard", "at least one address"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((line, path, message), (at, key, what)) in found.iter().zip(expected) {
        assert_eq!((*line, path.as_str()), (at, key), "{message}");
        assert!(message.contains(what), "{message}");
    }
}

#[test]
fn bad_stream_names_are_refused_and_long_ones_are_counted_in_characters() {
    let fits = "ü".repeat(limits::STREAM_NAME_MAX_CHARS);
    assert!(parse(&format!("streams: {{{fits}: rtsp://h/a}}"), &env).is_ok());
    let long = "ü".repeat(limits::STREAM_NAME_MAX_CHARS + 1);
    for name in [long.as_str(), "a/b", "\"\"", "\"a\\nb\""] {
        let (_, _, message) = only(&format!("streams: {{{name}: rtsp://h/a}}"));
        assert!(message.contains("1 to 64 characters"), "{name}: {message}");
    }
}

#[test]
fn an_unset_variable_is_named_with_its_place() {
    let (line, path, message) = only("streams:\n  a: rtsp://u:${CAM_PW}@h/a\n");
    assert_eq!((line, path.as_str()), (2, "streams.a"));
    assert!(message.contains("CAM_PW"), "{message}");
}

#[test]
fn no_problem_repeats_a_secret() {
    for text in [
        "streams: {a: 'ffmpeg:rtsp://u:hunter2@h/a#height=hunter2'}",
        "streams: {a: 'exec:ffmpeg -i rtsp://u:hunter2@h/a'}",
        "streams: {a: {token: 'hunter2 x'}}",
        "streams: {a: 'exec:ffmpeg \"hunter2 {output}'}",
        "streams: {a: 'rtsp://u:hunter2/x@h/a'}",
        "streams: {'rtsp://u:hunter2@h/a': x}",
        "'rtsp://u:hunter2@h/a': x",
        "streams: {a: {'rtsp://u:hunter2@h/a': x}}",
        "api: {listen: 'rtsp://u:hunter2@h/a'}",
        "api: {listen: '${SECRET}'}",
        "log: {level: '${SECRET}'}",
        "webrtc: {ice_servers: [{urls: ['turn:u:hunter2@h']}]}",
        "webrtc: {ice_servers: [{credential: [hunter2]}]}",
        "webrtc: {relays: [{urls: 'turn:u:hunter2@h'}]}",
        "webrtc: {relays_from: 'https://u:hunter2@h/'}",
        "webrtc: {relays: [{credential: \"hunter2\\n\"}]}",
        "webrtc: {playout_delay_ms: 'rtsp://u:hunter2@h/a'}",
        "webrtc: {candidates: ['rtsp://h/a?password=hunter2']}",
        "publish: {a: 'https://u:hunter2@h/a'}",
        "publish: {a: 'https://h/hunter2'}",
        "publish: {a: {url: 'https://h/hunter2', token: 'hunter2 x'}}",
        "publish: {a: {url: 'https://h:port/hunter2'}}",
        "streams: {a: *hunter2}",
        "streams: {a: rtsp://u:hunter2@h/a\n",
        "streams: {a: !hunter2 x}",
        "streams: {a: !hunter2 {}}",
    ] {
        for problem in problems(text) {
            let shown = format!("{problem} {problem:?}");
            assert!(!shown.contains("hunter2"), "{text}: {shown}");
        }
    }
}

#[test]
fn what_is_not_yaml_is_one_problem_with_its_line() {
    let found = problems("api:\n  listen: [\nwarm: true\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].line >= 2, "{found:?}");
}

#[test]
fn more_problems_than_can_be_read_are_counted() {
    let text: String = (0..limits::PROBLEMS_MAX + 7).map(|i| format!("bad_key_{i}: 1\n")).collect();
    let found = problems(&text);
    assert_eq!(found.len(), limits::PROBLEMS_MAX + 1);
    assert_eq!(found[limits::PROBLEMS_MAX].message, "and 7 more problems");
}

#[test]
fn too_large_files_and_lists_are_refused() {
    let comment = "#".repeat(limits::FILE_MAX_BYTES);
    assert!(parse(&comment, &env).is_ok());
    assert!(problems(&(comment + "#"))[0].message.contains("at most"));
    let urls = ["rtsp://h/a"; limits::URLS_PER_STREAM_MAX + 1].join(", ");
    assert!(only(&format!("streams: {{a: [{urls}]}}")).2.contains("at most 8 entries"));
    let streams = |count| {
        let lines = (0..count).map(|i| format!("  s{i}: rtsp://h/{i}\n"));
        "streams:\n".to_owned() + &lines.collect::<String>()
    };
    assert!(parse(&streams(limits::STREAMS_MAX), &env).is_ok());
    assert!(only(&streams(limits::STREAMS_MAX + 1)).2.contains("at most 1024 streams"));
}
