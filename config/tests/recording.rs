//! The section `record`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]
#![cfg(feature = "record")]

use std::time::Duration;

use config::{Record, RecordContainer, WhenFull, parse};

const STREAMS: &str = "streams: {door: rtsp://h/a, yard: rtsp://h/b, lane: rtsp://h/c}\n";

fn read(section: &str) -> Vec<Record> {
    parse(&format!("{STREAMS}{section}"), &|_| None).unwrap().record
}

fn problem(section: &str) -> String {
    let problems = parse(&format!("{STREAMS}{section}"), &|_| None).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].to_string()
}

#[test]
fn a_path_is_enough() {
    let expected = Record::new("door".to_owned(), "/rec/{stream}/{date}.mp4".to_owned());
    let read = read("record: {door: '/rec/{stream}/{date}.mp4'}");
    assert_eq!((&read[0], read.len()), (&expected, 1));
    assert_eq!(expected.segment, Some(Duration::from_secs(600)));
    assert_eq!((expected.min_free_bytes, expected.audio), (1 << 30, true));
    assert_eq!(expected.when_full, WhenFull::Stop);
}

#[test]
fn the_long_form_has_everything() {
    let read = read(
        "record:\n  door:\n    path: rec/{part}\n    segment: 90s\n    segment_bytes: 2GiB\n    \
         container: mkv\n    min_free: 500MB\n    when_full: delete_oldest\n    audio: false\n    \
         hls: false\n",
    );
    let expected = Record {
        segment: Some(Duration::from_secs(90)),
        segment_bytes: Some(2 << 30),
        container: RecordContainer::Mkv,
        min_free_bytes: 500_000_000,
        when_full: WhenFull::DeleteOldest,
        audio: false,
        ..Record::new("door".to_owned(), "rec/{part}".to_owned())
    };
    assert_eq!(read, [expected]);
}

#[test]
fn a_playlist_goes_with_mp4() {
    for entry in ["path: a", "path: a.mp4", "path: a, container: mp4"] {
        assert!(read(&format!("record: {{door: {{{entry}, hls: true}}}}"))[0].hls, "{entry}");
    }
}

#[test]
fn a_star_is_every_stream_without_an_entry() {
    let read = read("record: {yard: 'a/{stream}', '*': {path: 'b/{stream}', segment: 0}}");
    let shown: Vec<_> = read.iter().map(|one| (one.stream.as_str(), one.path.as_str())).collect();
    assert_eq!(shown, [("door", "b/{stream}"), ("yard", "a/{stream}"), ("lane", "b/{stream}")]);
    assert_eq!(read[0].segment, None);
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (section, expected) in [
        ("record: {gate: a}", "one of streams"),
        ("record: {door: '/rec/{camera}.mp4'}", "{stream}, {date}, {time}, {part}"),
        ("record: {door: '/rec/{stream'}", "in braces"),
        ("record: {door: '/rec/{stream}/../x'}", "no .."),
        ("record: {door: '/rec/'}", "file's name"),
        ("record: {door: {segment: 10m}}", "expected path"),
        ("record: {door: {path: a, segment: 10}}", "duration"),
        ("record: {door: {path: a, segment: 500ms}}", "1s to 24h"),
        ("record: {door: {path: a, segment_bytes: 1KiB}}", "at least 1024KiB"),
        ("record: {door: {path: a, container: avi}}", "mkv"),
        ("record: {door: {path: a, when_full: panic}}", "delete_oldest"),
        ("record: {door: {path: a, container: mkv, hls: true}}", "container: mp4"),
        ("record: {door: {path: a.webm, hls: true}}", "container: mp4"),
    ] {
        let shown = problem(section);
        assert!(shown.contains(expected) && shown.contains("record."), "{section}: {shown}");
    }
}
