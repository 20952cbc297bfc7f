//! Audio belongs to the picture that is shown, and starts and ends with it.

use std::time::Duration;

use crosspoint::engine::codec::AudioCodec;
use crosspoint::engine::source::SourceId;
use crosspoint::engine::viewer::SlotKey;

use crate::bench::{Bench, ms};

const PACKET: Duration = Duration::from_millis(20);
const BOTH: [AudioCodec; 2] = [AudioCodec::Pcmu, AudioCodec::Opus];

/// All cameras talk while time passes.
fn talk(bench: &mut Bench, time: Duration, cameras: &[(SourceId, AudioCodec)]) {
    let end = bench.elapsed() + time;
    while bench.elapsed() < end {
        for (id, codec) in cameras {
            bench.say(*id, *codec, ms(0));
        }
        bench.wait(PACKET);
    }
}

fn speakers(bench: &mut Bench, slot: SlotKey) -> Vec<u8> {
    let seen = bench.seen();
    let mut speakers: Vec<u8> =
        seen.audio(slot).iter().map(|(_, egress)| egress.frame.payload[0]).collect();
    speakers.dedup();
    speakers
}

#[test]
fn a_slot_says_what_it_shows_from_the_switch_on() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.warm_camera(50));
    let cameras = [(a, AudioCodec::Pcmu), (b, AudioCodec::Pcmu)];
    let slot = bench.viewer(&[a])[0];
    bench.accept_audio(slot, &BOTH);
    talk(&mut bench, ms(200), &cameras);
    assert_eq!(speakers(&mut bench, slot), [0]);

    bench.switch(slot, b);
    talk(&mut bench, ms(200), &cameras);

    let seen = bench.seen();
    let (first_picture, ..) = seen.sent(slot).next().unwrap();
    let (first_word, egress) = seen.audio(slot)[0];
    assert_eq!(egress.frame.payload[0], 1);
    assert!(first_word - first_picture < PACKET);
    assert_eq!(seen.audio(slot).len(), 10, "nothing of before, and nothing is left out");
}

#[test]
fn while_the_next_camera_is_awaited_the_old_one_goes_on_talking() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.accept_audio(slot, &BOTH);
    bench.switch(slot, b);
    let cameras = [(a, AudioCodec::Pcmu), (b, AudioCodec::Pcmu)];
    talk(&mut bench, ms(100), &cameras);
    assert_eq!(speakers(&mut bench, slot), [0]);
    bench.live(b);
    talk(&mut bench, ms(100), &cameras);
    assert_eq!(speakers(&mut bench, slot), [1]);
}

#[test]
fn without_a_picture_there_is_no_sound() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(50);
    let camera = [(a, AudioCodec::Pcmu)];
    let silent = bench.viewer(&[a])[0];
    let slot = bench.unconnected_viewer(&[a])[0];
    bench.accept_audio(slot, &BOTH);
    talk(&mut bench, ms(100), &camera);
    assert_eq!(bench.seen().audio(slot).len(), 0, "not connected");
    bench.connect(slot);
    talk(&mut bench, ms(100), &camera);
    let seen = bench.seen();
    assert_eq!((seen.audio(slot).len(), seen.audio(silent).len()), (5, 0));
    bench.pause(slot);
    talk(&mut bench, ms(100), &camera);
    assert_eq!(bench.seen().audio(slot).len(), 0, "paused");
    bench.resume(slot, None);
    talk(&mut bench, ms(100), &camera);
    assert_eq!(bench.seen().audio(slot).len(), 5);
    bench.offline(a);
    talk(&mut bench, ms(100), &camera);
    assert_eq!(bench.seen().audio(slot).len(), 0, "its picture is a still");
}

#[test]
fn numbers_and_clock_go_on_over_a_thousand_switches() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.warm_camera(50));
    let cameras = [(a, AudioCodec::Pcmu), (b, AudioCodec::Opus)];
    let slot = bench.viewer(&[a])[0];
    bench.accept_audio(slot, &BOTH);
    let mut first = None;
    let mut next = None;
    for turn in 0..1_000 {
        bench.switch(slot, [b, a][turn % 2]);
        talk(&mut bench, ms(40), &cameras);
        let seen = bench.seen();
        for (at, egress) in seen.audio(slot) {
            let number = egress.sequence_number;
            assert_eq!(next.replace(number + 1).unwrap_or(number), number);
            if egress.frame.codec == AudioCodec::Opus {
                let (then, base) = *first.get_or_insert((at, egress.rtp_timestamp));
                let ticks = egress.rtp_timestamp.wrapping_sub(base);
                let elapsed = u32::try_from((at - then).as_micros() * 48 / 1_000).unwrap();
                assert!(ticks.abs_diff(elapsed) < 48 * 20, "{ticks} ticks in {elapsed}");
            }
        }
    }
    assert!(next.unwrap() > 1_900);
}

#[test]
fn a_codec_that_was_not_negotiated_is_left_out_and_told() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(50);
    let slot = bench.viewer(&[a])[0];
    assert_eq!(bench.hub.audio(slot), None);
    bench.accept_audio(slot, &BOTH);
    talk(&mut bench, ms(40), &[(a, AudioCodec::G722)]);
    assert_eq!(bench.seen().audio(slot).len(), 0);
    assert_eq!(bench.hub.audio(slot), Some(Err(AudioCodec::G722)));
    talk(&mut bench, ms(40), &[(a, AudioCodec::Opus)]);
    assert_eq!(bench.hub.audio(slot), Some(Ok(AudioCodec::Opus)));
}

#[test]
fn audio_that_is_ahead_of_its_video_waits_for_it() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(50);
    let slot = bench.viewer(&[a])[0];
    bench.accept_audio(slot, &BOTH);
    bench.wait(ms(13));
    for ahead in [150, 170, 190] {
        let at = bench.now + ms(ahead);
        bench.say_at(a, AudioCodec::Pcmu, at);
    }
    let said_at = bench.elapsed();
    bench.forget();
    bench.wait(ms(400));
    let seen = bench.seen();
    let waited: Vec<_> = seen.audio(slot).iter().map(|(at, _)| *at - said_at).collect();
    assert_eq!(waited, [ms(150), ms(170), ms(190)]);
    // However much there is of it, it is bounded.
    for n in 0..10_000 {
        bench.say_at(a, AudioCodec::Pcmu, bench.now + ms(900 + 20 * n));
    }
    assert!(bench.seen().audio(slot).len() > 9_900);
}
