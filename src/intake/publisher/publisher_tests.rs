use std::time::Duration;

use super::*;
use crate::engine::codec::VideoProfile;

const IDR: &[u8] = &[0x65, 0x88, 0x84, 0x00, 0x10, 0xff];
const DELTA: &[u8] = &[0x41, 0x9a, 0x24, 0x6c, 0x41, 0x4f];
/// Parameter sets in one packet (STAP-A).
const SETS: &[u8] = &[
    0x18, 0x00, 0x15, 0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x03, 0xc5, 0x68, 0x40, 0x00, 0x00, 0x03, 0x00,
    0x40, 0x00, 0x00, 0x0c, 0x03, 0xc5, 0x8b, 0x92, 0x00, 0x04, 0x68, 0xcb, 0x8c, 0xb2,
];
const VP8_KEY: &[u8] = &[0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01];
const VP8_DELTA: &[u8] = &[0x10, 0x11, 0, 0];

struct Bench {
    publisher: Publisher,
    intake: Intake,
    now: Instant,
    number: u64,
    rotation_degrees: Option<u16>,
}

impl Bench {
    fn new() -> Self {
        let (publisher, intake) = (Publisher::default(), Intake::default());
        Self { publisher, intake, now: Instant::now(), number: 100, rotation_degrees: None }
    }

    fn send(&mut self, codec: Codec, timestamp: u32, payload: &[u8], marker: bool) -> Vec<News> {
        self.number += 1;
        let packet = Packet {
            codec,
            ssrc: 1,
            sequence_number: self.number,
            timestamp,
            marker,
            rotation_degrees: self.rotation_degrees,
            received_at: self.now,
            payload: payload.into(),
        };
        let mut news = Vec::new();
        self.publisher.handle_packet(self.now, packet, &mut self.intake, &mut news);
        news
    }

    fn video(&mut self, codec: VideoCodec, timestamp: u32, payload: &[u8]) -> Vec<News> {
        self.send(Codec::Video(codec), timestamp, payload, true)
    }

    fn pass(&mut self, time: Duration) -> Vec<News> {
        self.now += time;
        let mut news = Vec::new();
        self.publisher.handle_timeout(self.now, &mut self.intake, &mut news);
        news
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn h264_becomes_what_a_camera_would_have_sent() {
    let mut bench = Bench::new();
    bench.send(Codec::Video(VideoCodec::H264), 9, SETS, false);
    let news = bench.video(VideoCodec::H264, 9, IDR);
    let [News::Health(Health::Live(_)), News::Frame(frame)] = &news[..] else { panic!("{news:?}") };
    assert!(frame.key && frame.codec == VideoCodec::H264 && frame.payloads.len() == 2);
    assert_eq!(bench.intake.codec(), Some("H264"));
    assert!(bench.intake.parameter_sets().is_some());
    let news = bench.video(VideoCodec::H264, 3_009, DELTA);
    assert!(matches!(&news[..], [News::Frame(frame)] if !frame.key), "{news:?}");
}

#[test]
fn vp8_is_passed_on_as_it_came() {
    let mut bench = Bench::new();
    let news = bench.video(VideoCodec::Vp8, 9, VP8_KEY);
    let size = Picture { width: 640, height: 360 };
    let [News::Codec(VideoCodec::Vp8), News::Health(Health::Live(picture)), News::Frame(frame)] =
        &news[..]
    else {
        panic!("{news:?}")
    };
    // But for the picture id that this publisher has left out.
    let with_id = [&[VP8_KEY[0] | 0x80, 0x80, 0x80, 0][..], &VP8_KEY[1..]].concat();
    assert_eq!((*picture, frame.key, frame.payloads.first()), (size, true, Some(&with_id[..])));
    let news = bench.video(VideoCodec::Vp8, 3_009, VP8_DELTA);
    assert!(matches!(&news[..], [News::Frame(frame)] if !frame.key), "{news:?}");
    let as_it_came = [0x90, 0x80, 0x92, 0x34, 0x01, 7];
    let news = bench.video(VideoCodec::Vp8, 6_009, &as_it_came);
    assert!(
        matches!(&news[..], [News::Frame(frame)] if frame.payloads.first() == Some(&as_it_came[..]))
    );
    assert_eq!(bench.intake.profile(), Some(VideoProfile::Other(VideoCodec::Vp8)));
}

#[test]
fn a_packet_that_is_sent_again_in_time_costs_nothing() {
    let mut bench = Bench::new();
    bench.video(VideoCodec::Vp8, 0, VP8_KEY);
    bench.number += 1;
    let missing = bench.number;
    assert!(bench.video(VideoCodec::Vp8, 6_000, VP8_DELTA).is_empty());
    bench.now += VIDEO_PATIENCE - ms(1);
    bench.number = missing - 1;
    assert_eq!(bench.video(VideoCodec::Vp8, 3_000, VP8_DELTA).len(), 2);
    assert_eq!(bench.publisher.lost(), 0);
}

#[test]
fn one_that_never_comes_costs_everything_up_to_the_next_key_frame_which_is_asked_for() {
    for codec in [VideoCodec::Vp8, VideoCodec::H264] {
        let (key, delta) = match codec {
            VideoCodec::H264 => (IDR, DELTA),
            _ => (VP8_KEY, VP8_DELTA),
        };
        let mut bench = Bench::new();
        if codec == VideoCodec::H264 {
            bench.send(Codec::Video(codec), 0, SETS, false);
        }
        bench.video(codec, 0, key);
        assert!(!bench.publisher.poll_keyframe_request(bench.now));
        bench.number += 1;
        assert!(bench.video(codec, 6_000, delta).is_empty());
        assert_eq!(bench.publisher.poll_timeout(), Some(bench.now + VIDEO_PATIENCE));
        let news = bench.pass(VIDEO_PATIENCE);
        assert!(matches!(news[..], [News::Gap]), "{news:?}");
        assert!(bench.publisher.poll_keyframe_request(bench.now));
        assert!(!bench.publisher.poll_keyframe_request(bench.now));
        assert!(bench.video(codec, 9_000, delta).is_empty());
        assert_eq!(bench.video(codec, 12_000, key).len(), 1);
        assert_eq!(bench.publisher.lost(), 1);
    }
}

#[test]
fn a_publisher_is_asked_for_a_key_frame_every_few_seconds_and_when_it_began_without() {
    let mut bench = Bench::new();
    bench.video(VideoCodec::Vp8, 0, VP8_DELTA);
    assert!(bench.publisher.poll_keyframe_request(bench.now), "it began without");
    bench.now += ms(100);
    bench.video(VideoCodec::Vp8, 9_000, VP8_KEY);
    let due = bench.now + KEYFRAME_INTERVAL;
    assert!(!bench.publisher.poll_keyframe_request(due - ms(1)));
    assert!(bench.publisher.poll_keyframe_request(due));
}

#[test]
fn a_publisher_that_falls_silent_is_offline_until_it_sends_again() {
    let mut bench = Bench::new();
    bench.video(VideoCodec::Vp8, 0, VP8_KEY);
    assert!(bench.pass(SILENCE - ms(1)).is_empty());
    let news = bench.pass(ms(1));
    assert!(matches!(&news[..], [News::Health(Health::Offline { .. })]), "{news:?}");
    assert!(bench.pass(SILENCE).is_empty(), "it is said once");
    assert_eq!(bench.publisher.poll_timeout(), Some(bench.now + GONE - 2 * SILENCE));
    let news = bench.video(VideoCodec::Vp8, 9_000, VP8_KEY);
    assert!(matches!(&news[..], [News::Health(Health::Live(_)), News::Frame(_)]), "{news:?}");
}

#[test]
fn another_codec_begins_anew() {
    let mut bench = Bench::new();
    bench.video(VideoCodec::Vp8, 0, VP8_KEY);
    bench.send(Codec::Video(VideoCodec::H264), 70, SETS, false);
    let news = bench.video(VideoCodec::H264, 70, IDR);
    assert!(matches!(&news[..], [News::Health(Health::Live(_)), News::Frame(_)]), "{news:?}");
    assert_eq!(bench.intake.codec(), Some("H264"));
}

#[test]
fn sound_is_handed_on_packet_by_packet_with_the_time_of_the_picture() {
    let mut bench = Bench::new();
    let opus = Codec::Audio(AudioCodec::Opus);
    bench.send(opus, 5_000, &[0xfc, 1], false);
    bench.number += 50;
    bench.video(VideoCodec::Vp8, 70_000, VP8_KEY);
    bench.publisher.handle_audio_report(Report { timestamp: 5_000, sender_micros: 1_000_000 });
    bench.publisher.handle_video_report(Report { timestamp: 70_000, sender_micros: 1_000_000 });
    bench.now += ms(40);
    let (number, start) = (bench.number, bench.now);
    let news = bench.video(VideoCodec::Vp8, 73_600, VP8_DELTA);
    let [News::Frame(frame)] = &news[..] else { panic!("{news:?}") };
    bench.number = number - 51;
    bench.now += ms(30);
    let news = bench.send(opus, 6_920, &[0xfc, 2], true);
    let [News::Audio(audio)] = &news[..] else { panic!("{news:?}") };
    assert_eq!((audio.ticks, &audio.payload[..]), (960, &[0xfc, 2][..]));
    assert_eq!(frame.captured_at, start);
    assert!(audio.captured_at - start < ms(1), "{:?}", audio.captured_at - start);
}

#[test]
fn a_publisher_that_freezes_is_to_connect_anew_once() {
    let mut bench = Bench::new();
    bench.video(VideoCodec::Vp8, 0, VP8_KEY);
    bench.pass(SILENCE);
    bench.pass(GONE - SILENCE - ms(1));
    assert_eq!(bench.publisher.poll_stall(bench.now), None);
    bench.pass(ms(1));
    assert_eq!(bench.publisher.poll_stall(bench.now), Some(Stall::Silent));
    assert_eq!(bench.publisher.poll_stall(bench.now), None);
    assert!(bench.publisher.poll_timeout().is_none_or(|at| at > bench.now));
}

#[test]
fn a_publisher_that_switches_its_camera_off_and_talks_on_is_left_alone() {
    let mut bench = Bench::new();
    bench.video(VideoCodec::Vp8, 0, VP8_KEY);
    for packet in 0..300u32 {
        bench.pass(ms(200));
        bench.send(Codec::Audio(AudioCodec::Opus), packet * 9_600, &[0xfc, 0xff, 0xfe], false);
        assert_eq!(bench.publisher.poll_stall(bench.now), None);
    }
    bench.pass(GONE);
    assert_eq!(bench.publisher.poll_stall(bench.now), Some(Stall::Silent));
}

#[test]
fn a_publisher_whose_packets_make_no_picture_is_asked_and_then_to_connect_anew() {
    let mut bench = Bench::new();
    bench.video(VideoCodec::Vp8, 0, VP8_KEY);
    bench.number += 1; // one is lost
    let (mut asked, began) = (0, bench.now);
    let stall = loop {
        bench.pass(ms(100));
        bench.video(VideoCodec::Vp8, 9_000, VP8_DELTA);
        asked += u32::from(bench.publisher.poll_keyframe_request(bench.now));
        if let Some(stall) = bench.publisher.poll_stall(bench.now) {
            break stall;
        }
    };
    assert_eq!((stall, bench.now - began), (Stall::NoPicture, NO_PICTURE));
    assert!((4..=6).contains(&asked), "{asked}");
    // It comes back all the same.
    bench.video(VideoCodec::Vp8, 12_000, VP8_KEY);
    assert_eq!(bench.publisher.poll_stall(bench.now + NO_PICTURE - ms(1)), None);
}

#[test]
fn a_silence_does_not_forget_how_a_phone_is_held() {
    let mut bench = Bench::new();
    bench.rotation_degrees = Some(90);
    let turned = |news: &[News]| news.iter().any(|item| matches!(item, News::Rotated(90)));
    assert!(turned(&bench.video(VideoCodec::Vp8, 0, VP8_KEY)));
    assert!(!turned(&bench.video(VideoCodec::Vp8, 3_000, VP8_DELTA)));
    bench.pass(SILENCE);
    let news = bench.video(VideoCodec::Vp8, 900_000, VP8_KEY);
    assert!(turned(&news), "the files of what comes now know nothing of it: {news:?}");
}
