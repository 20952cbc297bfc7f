//! When a part ends, why, and what becomes of what lies at its edge.

use std::time::Duration;

use crosspoint::engine::codec::{AudioCodec, VideoCodec};
use crosspoint::engine::frame::AudioFrame;
use crosspoint::record::format::{AudioFormat, Rotation};
use crosspoint::record::segment::Segments;
use crosspoint::record::{Failure, FileId, Output, State};

use super::boxes::samples;
use super::disk::{Studio, keep, options};
use super::media::{FPS, Picture, film, frame, sound, time, turned_film};

const H264: VideoCodec = VideoCodec::H264;

fn films(count: usize) -> Vec<(VideoCodec, Vec<Picture>)> {
    (0..count).map(|_| (H264, film(H264))).collect()
}

fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

#[test]
fn a_part_ends_at_the_first_key_picture_behind_its_time() {
    let mut studio =
        Studio::new(|options| options.segments.max_duration = Some(Duration::from_millis(2500)));
    let opus = sound(&AudioFormat::Opus);
    let end = studio.play(studio.start, &films(4), Some((&AudioFormat::Opus, &opus)));
    studio.stop(end);
    assert_eq!(studio.reasons(), ["start", "duration", "duration"]);
    let ends: Vec<_> = studio.lines("closed").iter().map(|line| &line["duration_ms"]).collect();
    assert_eq!(ends, [3000, 3000, 2000]);
    for file in &studio.files {
        let found = samples(&file.name, &file.bytes());
        assert!(found[&1][0].key && found[&1][0].at == 0);
        // Sound of the file's time and no other, though it came half a second apart.
        assert!(found[&2][0].at < 960 * 2, "{:?}", found[&2][0].at);
        let (picture, heard) = (found[&1].last().unwrap(), found[&2].last().unwrap());
        let (shown_ms, heard_ms) =
            ((picture.at + picture.duration) / 90, (heard.at + heard.duration) / 48);
        // No sound comes behind the last picture of all.
        assert!(shown_ms.abs_diff(heard_ms) <= 67, "{shown_ms} {heard_ms}");
        keep(&format!("part-{}", file.name), &file.bytes());
    }
    let packets: usize =
        studio.files.iter().map(|file| samples(&file.name, &file.bytes())[&2].len()).sum();
    assert_eq!(packets, 397, "none is missing, none twice");
}

#[test]
fn a_part_ends_by_its_size() {
    let mut studio = Studio::new(|options| options.segments.max_bytes = Some(25_000));
    let end = studio.play(studio.start, &films(4), None);
    studio.stop(end);
    assert_eq!(studio.reasons()[1..], ["bytes"; 3][..studio.reasons().len() - 1]);
    assert!(studio.files.len() >= 3);
    for (file, line) in studio.files.iter().zip(studio.lines("closed")) {
        assert_eq!(line["bytes"], file.bytes().len());
        assert!(file.bytes().len() < 45_000, "{}", file.bytes().len());
    }
}

#[test]
fn a_source_without_key_pictures_of_its_own_is_asked_for_one() {
    let mut studio = Studio::new(|options| options.segments.max_duration = seconds(1));
    let film = film(H264);
    studio.picture(H264, &film[0], studio.moment(0));
    studio.wait(studio.moment(1000));
    for number in 1..10 * FPS {
        studio.picture(H264, &film[1], time(studio.start, number));
        let due = time(studio.start, number) > studio.moment(2100);
        assert!(!due || studio.key_requests > 0);
    }
    assert!((4..=5).contains(&studio.key_requests), "{} requests", studio.key_requests);
}

#[test]
fn another_shape_codec_or_rotation_begins_another_part() {
    let mut studio = Studio::new(|_| {});
    let all = [(H264, film(H264)), (H264, turned_film()), (VideoCodec::Vp8, film(VideoCodec::Vp8))];
    let end = studio.play(studio.start, &all, None);
    studio.recorder.handle_rotation(end, Rotation::Half);
    let end = studio.play(end, &[(VideoCodec::Vp8, film(VideoCodec::Vp8))], None);
    studio.stop(end);
    assert_eq!(studio.reasons(), ["start", "picture", "codec", "rotation"]);
    let kinds: Vec<_> = studio.files.iter().map(|f| f.name.rsplit('.').next().unwrap()).collect();
    assert_eq!(kinds, ["mp4", "mp4", "webm", "webm"]);
    for file in &studio.files {
        assert_eq!(samples(&file.name, &file.bytes())[&1].len(), 30, "{}", file.name);
        keep(&format!("change-{}", file.name), &file.bytes());
    }
}

#[test]
fn a_source_that_comes_back_begins_another_part() {
    let mut studio = Studio::new(|_| {});
    // It was not there at first, which is no end of anything.
    studio.recorder.handle_end(studio.start);
    let end = studio.play(studio.start, &films(1), None);
    studio.recorder.handle_end(end);
    studio.pump();
    assert_eq!(studio.recorder.state(), State::Waiting);
    assert!(studio.files[0].is_closed);
    let later = end + Duration::from_secs(3600);
    let end = studio.play(later, &films(1), None);
    studio.stop(end);
    assert_eq!(studio.reasons(), ["start", "rejoin"]);
    let closed = studio.lines("closed");
    assert_eq!(closed[0]["reason"], "end");
    assert_eq!(
        (&closed[0]["duration_ms"], &closed[1]["duration_ms"]),
        (&2000.into(), &2000.into())
    );
    assert_eq!(closed[0]["began"], "2027-01-15T08:00:00.000Z");
    assert_eq!(closed[1]["ended"], "2027-01-15T09:00:04.000Z");
}

#[test]
fn a_gap_stays_a_gap() {
    let mut studio = Studio::new(|options| options.audio = false);
    let film = film(H264);
    for number in 0..10 {
        studio.picture(H264, &film[number as usize], time(studio.start, number));
    }
    studio.recorder.handle_gap(time(studio.start, 10));
    // Behind a loss nothing counts before the next key picture, whatever comes.
    for number in 12..15 {
        studio.picture(H264, &film[number as usize], time(studio.start, number));
    }
    for number in 15..30 {
        studio.picture(H264, &film[number as usize], time(studio.start, number));
    }
    studio.stop(time(studio.start, 30));
    let file = &studio.files[0];
    let found = &samples(&file.name, &file.bytes())[&1];
    assert_eq!(found.len(), 25);
    assert_eq!((found[9].at, found[9].duration, found[10].at), (54_000, 36_000, 90_000));
    assert!(found[10].key);
    assert_eq!(studio.lines("closed")[0]["gaps"], 1);
    assert_eq!(studio.recorder.totals().dropped, 3);
    keep("gap.mp4", &file.bytes());
}

#[test]
fn silence_between_packets_is_kept_as_silence() {
    let mut studio = Studio::new(|_| {});
    let (opus, film) = (sound(&AudioFormat::Opus), film(H264));
    for number in 0..30u32 {
        let at = time(studio.start, number);
        // Nothing for the second half of the first second.
        if !(8..15).contains(&number) {
            studio.sound(&AudioFormat::Opus, &opus[number as usize], at);
        }
        studio.picture(H264, &film[number as usize], at);
    }
    studio.stop(time(studio.start, 30));
    let heard = &samples(&studio.files[0].name, &studio.files[0].bytes())[&2];
    let behind = heard.iter().find(|packet| packet.at >= 48_000 - 960).unwrap();
    assert!(behind.at.abs_diff(48_000) < 960 * 2, "{}", behind.at);
    assert!(studio.lines("closed")[0]["gaps"].as_u64().unwrap() >= 1);
}

#[test]
fn jitter_of_captures_is_no_gap() {
    let mut studio = Studio::new(|_| {});
    let (opus, film) = (sound(&AudioFormat::Opus), film(H264));
    studio.picture(H264, &film[0], studio.start);
    for number in 0..40u64 {
        let at = studio.moment(number * 20 + number * 7 % 11);
        let payload = opus[number as usize].0.clone().into();
        let codec = AudioCodec::Opus;
        let frame = AudioFrame { codec, captured_at: at, ticks: 960, payload };
        studio.recorder.handle_audio(at, &frame);
        studio.pump();
    }
    studio.stop(studio.moment(800));
    let heard = &samples(&studio.files[0].name, &studio.files[0].bytes())[&2];
    let at: Vec<u64> = heard.iter().map(|packet| packet.at).collect();
    assert_eq!(at, (0..40).map(|n| n * 960).collect::<Vec<u64>>());
    assert_eq!(studio.lines("closed")[0]["gaps"], 0);
}

#[test]
fn sound_that_turns_out_to_be_off_comes_into_step_without_a_gap() {
    for off_ms in [-30_i64, 30] {
        let mut studio = Studio::new(|_| {});
        let (opus, film) = (sound(&AudioFormat::Opus), film(H264));
        studio.picture(H264, &film[0], studio.start);
        // From the tenth on it is known better when it was taken.
        let taken_ms = |n: u64| (n * 20).checked_add_signed(if n < 10 { 0 } else { off_ms });
        for number in 0..200u64 {
            let at = studio.moment(taken_ms(number).unwrap());
            let payload = opus[number as usize % opus.len()].0.clone().into();
            let codec = AudioCodec::Opus;
            let frame = AudioFrame { codec, captured_at: at, ticks: 960, payload };
            studio.recorder.handle_audio(at, &frame);
            studio.pump();
        }
        studio.stop(studio.moment(4_100));
        let heard = &samples(&studio.files[0].name, &studio.files[0].bytes())[&2];
        assert_eq!(heard.len(), 200);
        let last = heard.last().unwrap();
        let apart = last.at.abs_diff(taken_ms(199).unwrap() * 48);
        assert!(apart <= 11 * 48, "{off_ms}: {apart}");
        assert!(heard.windows(2).all(|two| two[1].at.abs_diff(two[0].at + 960) <= 48));
        assert_eq!(studio.lines("closed")[0]["gaps"], 0);
    }
}

#[test]
fn pictures_kept_from_before_keep_their_times() {
    let mut studio = Studio::new(|options| options.audio = false);
    let film = film(H264);
    let now = studio.moment(2000);
    for number in 0..30 {
        studio
            .recorder
            .handle_frame(now, &frame(H264, &film[number as usize], time(studio.start, number)));
    }
    studio.pump();
    studio.stop(now);
    let line = &studio.lines("closed")[0];
    assert_eq!((&line["duration_ms"], &line["frames"]), (&2000.into(), &30.into()));
    assert_eq!(line["began"], "2027-01-15T08:00:00.000Z");
}

#[test]
fn sound_that_begins_later_is_in_the_next_part() {
    let mut studio = Studio::new(|_| {});
    let end = studio.play(studio.start, &films(2), None);
    let opus = sound(&AudioFormat::Opus);
    let end = studio.play(end, &films(2), Some((&AudioFormat::Opus, &opus)));
    studio.stop(end);
    assert_eq!(studio.reasons(), ["start", "audio"]);
    let tracks: Vec<_> =
        studio.files.iter().map(|file| samples(&file.name, &file.bytes()).len()).collect();
    assert_eq!(tracks, [1, 2]);
}

#[test]
fn a_recording_without_sound_has_none() {
    let mut studio = Studio::new(|options| options.audio = false);
    let opus = sound(&AudioFormat::Opus);
    let end = studio.play(studio.start, &films(1), Some((&AudioFormat::Opus, &opus)));
    studio.stop(end);
    assert_eq!(samples(&studio.files[0].name, &studio.files[0].bytes()).len(), 1);
}

#[test]
fn nothing_is_recorded_before_the_first_key_picture() {
    let mut studio = Studio::new(|options| options.audio = false);
    let film = film(H264);
    for number in 10..15 {
        studio.picture(H264, &film[number as usize], time(studio.start, number));
    }
    assert!(studio.files.is_empty());
    assert_eq!((studio.recorder.state(), studio.key_requests), (State::Waiting, 1));
    studio.picture(H264, &film[15], time(studio.start, 15));
    assert_eq!((studio.files.len(), studio.recorder.state()), (1, State::Recording));
}

#[test]
fn a_write_that_is_refused_costs_a_group_of_pictures() {
    let mut studio = Studio::new(|options| options.audio = false);
    let film = film(H264);
    for number in 0..60u32 {
        if number == 20 {
            studio.recorder.handle_refused(time(studio.start, 20), FileId(1));
        }
        studio.picture(H264, &film[number as usize % 30], time(studio.start, number));
    }
    studio.stop(time(studio.start, 60));
    let line = studio.lines("closed")[0];
    assert_eq!((&line["frames"], &line["gaps"]), (&50.into(), &1.into()));
    assert_eq!(studio.recorder.last_error(), Some("the disk is too slow"));
}

#[test]
fn a_full_disk_ends_the_part_and_is_looked_at_again() {
    let mut studio = Studio::new(|options| options.audio = false);
    let end = studio.play(studio.start, &films(1), None);
    studio.recorder.handle_failed(end, FileId(1), Failure::Full);
    studio.pump();
    assert_eq!(studio.recorder.state(), State::Full);
    assert_eq!(studio.lines("failed")[0]["error"], "the disk is full");
    let end = studio.play(end, &films(29), None);
    assert_eq!((studio.files.len(), studio.recorder.state()), (1, State::Full));
    let end = studio.play(end, &films(2), None);
    studio.stop(end);
    assert_eq!(studio.reasons(), ["start", "failure"]);
}

#[test]
fn a_disk_that_answers_nothing_gets_no_more_files() {
    let start = std::time::Instant::now();
    let mut options = options(start);
    options.segments = Segments { max_duration: seconds(1), max_bytes: None };
    options.audio = false;
    let mut recorder = crosspoint::record::Recorder::new(start, options);
    let film = film(H264);
    let mut opened = 0;
    for number in 0..60 * FPS {
        let at = time(start, number);
        recorder.handle_frame(at, &frame(H264, &film[number as usize % 30], at));
        while let Some(output) = recorder.poll_output() {
            opened += usize::from(matches!(output, Output::Open { .. }));
        }
    }
    assert_eq!(opened, 8);
    assert_eq!(recorder.state(), State::Failed);
}
