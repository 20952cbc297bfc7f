//! Playlists of HLS: what a player that knows only RFC 8216 makes of them and of their files.

use std::time::Duration;

use crosspoint::engine::codec::VideoCodec;
use crosspoint::record::format::AudioFormat;
use crosspoint::record::segment::Segments;

use super::boxes::samples;
use super::disk::{File, Studio, keep};
use super::media::{FPS, film, sound, time};

const H264: VideoCodec = VideoCodec::H264;

/// A segment: its length in µs, and its bytes behind the initialization section.
struct Segment {
    duration_us: u64,
    bytes: Vec<u8>,
}

fn range(text: &str) -> std::ops::Range<usize> {
    let (length, offset) = text.split_once('@').unwrap();
    let (length, offset): (usize, usize) = (length.parse().unwrap(), offset.parse().unwrap());
    offset..offset + length
}

/// Reads a playlist as a player does, and holds it to the rules.
fn segments(file: &File) -> Vec<Segment> {
    let (text, media) = (file.playlist.as_ref().unwrap().text(true), file.bytes());
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("#EXTM3U"));
    let (mut map, mut target_s, mut duration_us, mut bytes) = (vec![], 0, 0, 0..0);
    let (mut all, mut end) = (vec![], 0);
    for line in lines {
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXT-X-TARGETDURATION" => target_s = value.parse().unwrap(),
            "#EXT-X-MAP" => {
                let of_uri = format!("URI=\"{}\",BYTERANGE=\"", file.name);
                let head = range(value.strip_prefix(&of_uri).unwrap().trim_end_matches('"'));
                end = head.end;
                map = media[head].to_vec();
            }
            "#EXTINF" => {
                let (seconds, micros) = value.trim_end_matches(',').split_once('.').unwrap();
                duration_us =
                    seconds.parse::<u64>().unwrap() * 1_000_000 + micros.parse::<u64>().unwrap();
                assert!((duration_us + 500_000) / 1_000_000 <= target_s);
            }
            "#EXT-X-BYTERANGE" => {
                bytes = range(value);
                assert_eq!(bytes.start, end, "nothing is left out between two segments");
                end = bytes.end;
            }
            _ if line == file.name => {
                let bytes = [&map[..], &media[bytes.clone()]].concat();
                all.push(Segment { duration_us, bytes });
            }
            _ => assert!(line.starts_with("#EXT-X-"), "{line}"),
        }
    }
    assert_eq!(end, media.len());
    all
}

fn keep_both(name: &str, file: &File) {
    // Its playlist has the name that the studio gave it.
    let text = file.playlist.as_ref().unwrap().text(true).replace(&file.name, name);
    keep(name, &file.bytes());
    keep(&name.replace(".mp4", ".m3u8"), text.as_bytes());
}

#[test]
fn every_segment_begins_with_a_key_picture_and_ends_where_the_next_one_begins() {
    for (codec, name) in [
        (H264, "hls-h264.mp4"),
        (VideoCodec::H265, "hls-h265.mp4"),
        (VideoCodec::Av1, "hls-av1.mp4"),
        (VideoCodec::Vp9, "hls-vp9.mp4"),
    ] {
        let mut studio = Studio::new(|options| options.hls = true);
        let films: Vec<_> = (0..4).map(|_| (codec, film(codec))).collect();
        let opus = sound(&AudioFormat::Opus);
        let end = studio.play(studio.start, &films, Some((&AudioFormat::Opus, &opus)));
        studio.stop(end);
        let file = &studio.files[0];
        let all = segments(file);
        assert!(all.len() >= 4, "{name}: {}", all.len());
        let mut next = 0;
        for segment in &all {
            let found = samples(&file.name, &segment.bytes);
            let pictures = &found[&1];
            assert!(pictures[0].key && pictures[0].at == next, "{name}");
            let last = pictures.last().unwrap();
            next = last.at + last.duration;
            let length_us = (next - pictures[0].at) * 100 / 9;
            assert!(length_us.abs_diff(segment.duration_us) <= 12, "{name}");
            // Sound of the same time, give or take a packet.
            let (first, last) = (&found[&2][0], found[&2].last().unwrap());
            assert!((first.at * 15 / 8).abs_diff(pictures[0].at) <= 2 * 1_800, "{name}");
            assert!(((last.at + last.duration) * 15 / 8).abs_diff(next) <= 4 * 1_800, "{name}");
        }
        assert_eq!(next, 8 * 90_000);
        keep_both(name, file);
    }
}

#[test]
fn a_key_picture_soon_behind_a_write_begins_a_segment_all_the_same() {
    let mut studio = Studio::new(|options| (options.hls, options.audio) = (true, false));
    let film = film(H264);
    // A write ends after a second, a third of one before the next key picture.
    for number in 0..80 {
        let picture = if number % 20 == 0 { &film[0] } else { &film[1] };
        studio.picture(H264, picture, time(studio.start, number));
    }
    studio.stop(time(studio.start, 80));
    let all = segments(&studio.files[0]);
    assert_eq!(all.len(), 4);
    for (segment, begin) in all.iter().zip((0..).step_by(120_000)) {
        let pictures = &samples("a.mp4", &segment.bytes)[&1];
        assert!(pictures[0].key && pictures[0].at == begin && pictures.len() == 20);
    }
}

#[test]
fn pictures_that_are_all_keys_make_segments_of_a_second() {
    let mut studio = Studio::new(|options| (options.hls, options.audio) = (true, false));
    let key = &film(H264)[0];
    for number in 0..10 * FPS {
        studio.picture(H264, key, time(studio.start, number));
    }
    studio.stop(studio.moment(10_000));
    let all = segments(&studio.files[0]);
    assert_eq!(all.len(), 10);
    assert!(all.iter().all(|segment| segment.duration_us == 1_000_000));
}

#[test]
fn a_segment_that_does_not_end_asks_for_a_key_picture() {
    let mut studio = Studio::new(|options| {
        (options.hls, options.audio, options.segments) = (true, false, Segments::default());
    });
    let film = film(H264);
    studio.picture(H264, &film[0], studio.start);
    for number in 1..30 * FPS {
        studio.picture(H264, &film[1], time(studio.start, number));
        assert!(number >= 12 * FPS || studio.key_requests == 0, "{number}");
    }
    assert!((8..=9).contains(&studio.key_requests), "{}", studio.key_requests);
    studio.stop(studio.moment(30_000));
    let all = segments(&studio.files[0]);
    assert_eq!((all.len(), all[0].duration_us), (1, 30_000_000));
}

#[test]
fn sound_alone_is_cut_anywhere() {
    let mut studio = Studio::new(|options| options.hls = true);
    let opus = sound(&AudioFormat::Opus);
    for number in 0..600 {
        studio.sound(&AudioFormat::Opus, &opus[number as usize % 50], studio.moment(number * 20));
    }
    studio.stop(studio.moment(12_000));
    assert!(studio.files[0].name.ends_with(".mp4"));
    let all = segments(&studio.files[0]);
    assert!((2..=4).contains(&all.len()), "{}", all.len());
    keep_both("hls-sound.mp4", &studio.files[0]);
}

#[test]
fn what_players_of_hls_do_not_take_is_recorded_without_a_playlist() {
    let mut studio = Studio::new(|options| options.hls = true);
    let pcma = sound(&AudioFormat::Pcma);
    let vp8 = [(VideoCodec::Vp8, film(VideoCodec::Vp8))];
    let end = studio.play(studio.start, &vp8, None);
    assert!(studio.recorder.hls_refusal().unwrap().contains("VP8"));
    let end = studio.play(end, &[(H264, film(H264))], None);
    assert_eq!(studio.recorder.hls_refusal(), None);
    assert!(studio.recorder.playlist().unwrap().ends_with(".m3u8"));
    let h264 = [(H264, film(H264)), (H264, film(H264))];
    let end = studio.play(end, &h264, Some((&AudioFormat::Pcma, &pcma)));
    assert!(studio.recorder.hls_refusal().unwrap().contains("G.711"));
    studio.stop(end);
    let has: Vec<bool> = studio.files.iter().map(|file| file.playlist.is_some()).collect();
    assert_eq!(has, [false, true, false]);
    let told: Vec<bool> =
        studio.lines("opened").iter().map(|line| line["playlist"].is_string()).collect();
    assert_eq!(told, has);
}

#[test]
fn a_part_ends_before_its_playlist_is_too_long() {
    let mut studio = Studio::new(|options| (options.hls, options.audio) = (true, false));
    studio.keeps = false;
    let key = &film(H264)[0];
    for number in 0..3_700 {
        studio.picture(H264, key, studio.start + Duration::from_secs(number));
    }
    studio.stop(studio.moment(3_700_000));
    assert_eq!(studio.reasons(), ["start", "playlist"]);
}
