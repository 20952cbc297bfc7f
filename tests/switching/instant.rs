//! A camera whose pictures are cached is on the screen at once.

use crosspoint::engine::status::Status;

use crate::bench::{Bench, FRAME, ms};
use crate::picture::Kind;

#[test]
fn a_switch_shows_the_other_camera_at_once_from_its_key_on() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.warm_camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.wait(ms(730));
    bench.forget();

    bench.switch(slot, b);

    let seen = bench.seen();
    let pictures = seen.pictures(slot);
    assert_eq!(pictures[0].kind, Kind::Key);
    assert_eq!(seen.cameras(slot), [2]);
    let cached = bench.hub.source(b).unwrap().cache.frames().len();
    assert_eq!(pictures.len(), cached, "the whole group of pictures");
    assert!(cached > 20);
}

/// A receiver that misses them decodes the key with the old camera's.
#[test]
fn the_parameter_sets_of_a_slots_first_key_are_sent_three_times() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.warm_camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.forget();

    bench.switch(slot, b);
    bench.wait(ms(5000));

    let seen = bench.seen();
    let key_starts: Vec<_> = seen
        .sent(slot)
        .filter(|(_, picture, _)| picture.kind == Kind::Key)
        .map(|(_, _, egress)| {
            let payloads = &egress.frame.payloads;
            payloads.iter().filter(|payload| Some(*payload) == payloads.first()).count()
        })
        .collect();
    assert!(key_starts.len() > 1, "live keys follow");
    assert_eq!(key_starts[0], 3);
    assert!(key_starts[1..].iter().all(|copies| *copies == 1), "{key_starts:?}");
}

#[test]
fn after_the_replay_the_next_live_picture_follows_when_it_comes() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.warm_camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.wait(ms(730));
    bench.switch(slot, b);
    let last = *bench.seen().pictures(slot).last().unwrap();
    let asked_at = bench.elapsed();

    bench.wait(FRAME);

    let seen = bench.seen();
    let (at, live, _) = seen.sent(slot).next().unwrap();
    assert_eq!((live.camera, live.number), (2, last.number + 1));
    assert!(at - asked_at <= FRAME);
    bench.wait(ms(3000));
    assert_eq!(bench.seen().cameras(slot), [2], "nothing of the old camera ever again");
}

#[test]
fn active_is_said_after_the_first_picture_went_out_and_not_before() {
    use crate::seen::What;
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.warm_camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.forget();

    bench.switch(slot, b);

    let seen = bench.seen();
    let is_active = |what: &What| {
        matches!(what, What::Status(_, status)
            if status.status == Status::Active && status.stream == "2")
    };
    let is_picture = |what: &What| {
        matches!(what, What::Picture(_, picture, _)
        if picture.camera == 2)
    };
    let active = seen.0.iter().position(|event| is_active(&event.what)).unwrap();
    let picture = seen.0.iter().position(|event| is_picture(&event.what)).unwrap();
    assert!(picture < active);
    assert_eq!(seen.statuses(slot), [(Status::Active, "2")], "one answer to one switch");
}

#[test]
fn the_same_stream_again_is_active_at_once_and_sends_nothing_twice() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(50);
    let slot = bench.viewer(&[a])[0];
    bench.wait(ms(500));
    bench.forget();

    bench.switch(slot, a);
    bench.switch(slot, a);

    let seen = bench.seen();
    assert_eq!(seen.statuses(slot), [(Status::Active, "1"), (Status::Active, "1")]);
    assert_eq!(seen.pictures(slot), []);
}

#[test]
fn the_last_of_several_switches_wins() {
    let mut bench = Bench::new();
    let (a, b, c) = (bench.warm_camera(50), bench.warm_camera(50), bench.warm_camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.wait(ms(500));
    bench.forget();

    for source in [b, c, b, c] {
        bench.switch(slot, source);
    }
    bench.wait(ms(4000));

    let seen = bench.seen();
    let after = seen.pictures(slot).iter().rposition(|picture| picture.camera != 3).unwrap();
    let last_at = seen.sent(slot).nth(after).unwrap().0;
    assert_eq!(last_at, seen.sent(slot).next().unwrap().0, "others only in the first instant");
    assert_eq!(bench.status(slot).stream, "3");
    assert_eq!(bench.status(slot).status, Status::Active);
}

#[test]
fn a_paused_slot_sends_nothing_and_resumes_from_the_cache() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(50);
    let slot = bench.viewer(&[a])[0];
    bench.wait(ms(300));
    bench.pause(slot);
    bench.forget();

    bench.wait(ms(500));
    assert_eq!(bench.seen().pictures(slot), []);

    bench.resume(slot, None);
    let seen = bench.seen();
    assert_eq!(seen.pictures(slot)[0].kind, Kind::Key);
    assert_eq!(seen.statuses(slot).last(), Some(&(Status::Active, "1")));
}

#[test]
fn a_resume_can_name_another_stream() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.warm_camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.pause(slot);
    bench.forget();

    bench.resume(slot, Some(b));
    bench.wait(ms(200));

    assert_eq!(bench.seen().cameras(slot), [2]);
}

#[test]
fn a_viewer_that_joins_between_two_keys_has_a_picture_at_once() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(250);
    bench.wait(ms(4000));
    let slot = bench.unconnected_viewer(&[a])[0];
    bench.wait(ms(200));
    assert_eq!(bench.seen().pictures(slot), [], "nothing before ICE and DTLS are up");

    bench.connect(slot);

    let pictures = bench.seen().pictures(slot);
    assert_eq!(pictures[0].kind, Kind::Key);
    assert!(pictures.len() > 100, "caught up with live: {}", pictures.len());
}

#[test]
fn a_still_camera_is_shown_at_once_too() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.warm_camera(50));
    bench.freeze(b);
    let slot = bench.viewer(&[a])[0];
    bench.wait(ms(5000));
    bench.forget();

    bench.switch(slot, b);

    assert_eq!(bench.seen().cameras(slot), [2]);
}

#[test]
fn a_silent_old_camera_does_not_stall_a_switch() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.warm_camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.freeze(a);
    bench.wait(ms(700));
    bench.forget();

    bench.switch(slot, b);

    assert_eq!(bench.seen().cameras(slot), [2]);
}

#[test]
fn a_replay_leaves_out_what_nothing_refers_to() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.camera(50));
    bench.adjust(b).film.disposable_every = 2;
    let slots = bench.viewer(&[a, b]);
    bench.live(b);
    bench.wait(ms(850));
    bench.forget();

    bench.switch(slots[0], b);
    let replayed = bench.seen().pictures(slots[0]);
    assert!(replayed.len() > 8);
    assert!(replayed.iter().all(|picture| picture.kind != Kind::Disposable));

    bench.wait(ms(200));
    let live = bench.seen().pictures(slots[0]);
    assert!(live.iter().any(|picture| picture.kind == Kind::Disposable), "live ones are sent");
}
