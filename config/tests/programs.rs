//! Streams that programs make, and the qualities of a stream.
#![cfg(feature = "ffmpeg")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail")]

use config::{Config, Program, Source, parse};

fn read(text: &str) -> Config {
    parse(text, &|_| None).unwrap()
}

/// The one problem of a text: line, path, message.
fn only(text: &str) -> (usize, String, String) {
    let mut found = parse(text, &|_| None).unwrap_err();
    assert_eq!(found.len(), 1, "{found:?}");
    let problem = found.remove(0);
    assert!(!problem.message.contains("hunter2"), "{problem}");
    (problem.line, problem.path, problem.message)
}

fn program(config: &Config, name: &str) -> Program {
    match &config.stream(name).unwrap().source {
        Source::Program(program) => program.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_program_may_stand_in_each_form_of_a_stream() {
    let config = read(
        "streams:
  a: exec:x {output}
  b: [\"exec:x 'y z' {output}\"]
  c: {url: 'EXEC:x {output}', linger: 1s, warm: true}
",
    );
    assert_eq!(program(&config, "a").arguments("rtsp://h/1"), ["x", "rtsp://h/1"]);
    assert_eq!(program(&config, "b").words, ["x", "y z", "{output}"]);
    assert!(config.stream("c").unwrap().warm);
    assert!(config.stream("a").unwrap().urls().is_empty());
}

#[test]
fn ffmpeg_reads_a_stream_wherever_that_stands() {
    let text = "streams:\n  s: ffmpeg:cam#video=h264\n  cam: rtsp://h/a\n";
    assert_eq!(program(&read(text), "s").reads.as_deref(), Some("cam"));
    let text = "streams:\n  cam: {native: rtsp://h/a, 720p: rtsp://h/b, \
                360p: 'ffmpeg:cam-720p#video=h264#height=360'}\n";
    let config = read(text);
    assert_eq!(program(&config, "cam-360p").reads.as_deref(), Some("cam-720p"));
    let names: Vec<&str> = config.streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(names, ["cam", "cam-720p", "cam-360p"]);
}

#[test]
fn a_quality_may_be_anything_that_a_stream_may_be() {
    let config =
        read("streams: {cam: {native: {url: rtsp://h/a, linger: 3s}, 360p: [rtsp://h/b]}}");
    assert_eq!(config.stream("cam").unwrap().linger.as_secs(), 3);
    assert_eq!(config.stream("cam-360p").unwrap().urls()[0].url.expose(), "rtsp://h/b");
}

#[test]
fn mistakes_have_their_places() {
    for (text, line, path, expected) in [
        ("streams:\n  a: ffmpeg:cam#video=h264", 2, "streams.a", "name of a stream"),
        ("streams:\n  a: exec:x hunter2", 2, "streams.a", "{output}"),
        ("streams:\n  a: 'echo: '", 2, "streams.a", "prints an rtsp:// address"),
        ("streams:\n  a: [exec:x, rtsp://h/a]", 2, "streams.a[0]", "no other address"),
        ("streams:\n  a: {url: 'exec:x {output}', tls: verify}", 2, "streams.a", "for rtsp://"),
        ("streams:\n  a: ffmpeg:a#audio=aac", 2, "streams.a", "read itself"),
        ("streams:\n  a: {360p: rtsp://h/a}", 2, "streams.a", "expected native"),
        (
            "streams:\n  a: {native: rtsp://h/a, small: rtsp://h/b}",
            2,
            "streams.a.small",
            "expected native, or the height",
        ),
        (
            "streams:\n  a: {native: rtsp://h/a, 360p: rtsp://h/b}\n  a-360p: rtsp://h/c",
            3,
            "streams.a-360p",
            "given twice",
        ),
        (
            "streams:\n  a: {native: rtsp://h/a, 360p: {url: rtsp://h/b, native: rtsp://h/c}}",
            2,
            "streams.a.360p.native",
            "unknown key",
        ),
    ] {
        let found = only(text);
        assert_eq!((found.0, found.1.as_str()), (line, path), "{text}");
        assert!(found.2.contains(expected), "{text}: {}", found.2);
    }
}

#[test]
fn a_circle_of_programs_is_found_at_each_of_its_streams() {
    let text = "streams:\n  a: ffmpeg:b\n  b: ffmpeg:c\n  c: ffmpeg:b\n";
    let found = parse(text, &|_| None).unwrap_err();
    let paths: Vec<&str> = found.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["streams.b", "streams.c"]);
}
