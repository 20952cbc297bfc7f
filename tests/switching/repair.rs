//! A receiver that can't decode what it has is helped, and cameras are left in peace.

use crosspoint::engine::hub::{HubOptions, SwitchPolicy};
use crosspoint::engine::status::Status;

use crate::bench::{Bench, ms, options};
use crate::picture::Kind;

#[test]
fn a_picture_loss_is_repaired_from_the_cache_without_the_camera() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(50);
    let slot = bench.viewer(&[a])[0];
    bench.wait(ms(500));
    bench.forget();

    bench.picture_loss(slot);

    let seen = bench.seen();
    let pictures = seen.pictures(slot);
    assert_eq!(pictures[0].kind, Kind::Key);
    assert_eq!(pictures.len(), bench.hub.source(a).unwrap().cache.frames().len());
    assert_eq!(seen.asks(a), 0);
}

#[test]
fn it_is_repaired_at_most_every_500_ms() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(500);
    let slot = bench.viewer(&[a])[0];
    bench.forget();

    for _ in 0..100 {
        bench.picture_loss(slot);
        bench.wait(ms(20));
    }

    let seen = bench.seen();
    let keys: Vec<_> = seen.sent(slot).filter(|(_, p, _)| p.is_key()).map(|(at, ..)| at).collect();
    assert_eq!(keys.len(), 4, "2 s of complaints");
    assert!(keys.windows(2).all(|pair| pair[1] - pair[0] >= ms(500)), "{keys:?}");
}

#[test]
fn without_a_cache_all_complaints_together_are_one_question_to_the_camera() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(500);
    let slots: Vec<_> = (0..9).map(|_| bench.viewer(&[a])[0]).collect();
    bench.lose(a);
    bench.freeze(a);
    bench.forget();

    for slot in &slots {
        bench.picture_loss(*slot);
        bench.wait(ms(50));
    }
    // The loss itself has asked already.
    assert_eq!(bench.seen().asks(a), 0);
    bench.wait(ms(600));
    assert_eq!(bench.seen().asks(a), 1, "unanswered, so once more a second later");

    bench.shoot_key(a);
    bench.wait(ms(2_900));
    assert_eq!(bench.seen().asks(a), 0, "any key settles all complaints");
    bench.wait(ms(60_000));
    let asks = bench.seen().asks(a);
    assert!(
        (4..=8).contains(&asks),
        "{asks}: pictures that stop are asked for, more and more rarely"
    );
}

#[test]
fn nine_slots_that_ask_for_a_keyframe_are_one_question() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(500);
    let slots = bench.viewer(&[a; 9]);
    bench.forget();

    for slot in &slots {
        bench.request_keyframe(*slot);
        bench.wait(ms(90));
    }

    assert_eq!(bench.seen().asks(a), 1);
}

#[test]
fn a_camera_that_is_not_live_is_asked_for_nothing() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.camera(50));
    let slots = bench.viewer(&[a, b]);
    bench.offline(a);
    bench.forget();

    for slot in slots {
        bench.request_keyframe(slot);
        bench.picture_loss(slot);
    }
    bench.wait(ms(10_000));

    let seen = bench.seen();
    assert_eq!((seen.asks(a), seen.asks(b)), (0, 0));
}

#[test]
fn a_loss_on_the_way_in_spoils_the_cache_until_the_next_key() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.warm_camera(500));
    let slot = bench.viewer(&[a])[0];
    bench.wait(ms(300));
    bench.lose(b);
    bench.wait(ms(300));
    bench.forget();

    bench.switch(slot, b);
    bench.wait(ms(900));
    let seen = bench.seen();
    assert_eq!(seen.cameras(slot), [1], "a group of pictures with a hole is not shown");
    assert_eq!(seen.asks(b), 1, "the camera is asked, since the slot waits");

    bench.shoot_key(b);
    assert_eq!(bench.seen().cameras(slot), [2]);
}

#[test]
fn a_camera_whose_pictures_stop_without_a_word_is_asked_for_a_key() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(50);
    bench.viewer(&[a]);
    bench.wait(ms(1_000));
    bench.freeze(a);
    bench.forget();
    bench.wait(ms(2_900));
    assert_eq!(bench.seen().asks(a), 0);
    bench.wait(ms(100));
    assert_eq!(bench.seen().asks(a), 1);
    bench.shoot_key(a);
    bench.forget();
    bench.wait(ms(2_900));
    assert_eq!(bench.seen().asks(a), 0, "it was answered");
}

#[test]
fn a_session_that_begins_without_a_key_is_asked_for_one() {
    let mut bench = Bench::new();
    let a = bench.camera(50);
    bench.viewer(&[a]);
    bench.forget();
    bench.hub.handle_media(bench.now, a);
    bench.wait(ms(3_000));
    assert_eq!(bench.seen().asks(a), 1);
    let vitals = &bench.hub.source(a).unwrap().vitals;
    assert_eq!((vitals.keyframe_requests(), vitals.frame_age(bench.now)), (1, None));
}

#[test]
fn a_camera_that_is_gone_is_not_asked() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(50);
    bench.viewer(&[a]);
    bench.offline(a);
    bench.forget();
    bench.wait(ms(60_000));
    assert_eq!(bench.seen().asks(a), 0);
}

#[test]
fn a_loss_that_nobody_watches_bothers_no_camera() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(500);
    bench.forget();
    bench.lose(a);
    bench.wait(ms(5000));
    assert_eq!(bench.seen().asks(a), 0);
}

#[test]
fn after_a_loss_the_picture_stands_still_until_the_key_and_shows_no_ghost() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(25);
    let slot = bench.viewer(&[a])[0];
    bench.shoot_key(a);
    bench.wait(ms(200));
    bench.lose(a);
    bench.forget();

    bench.wait(ms(1200));

    let pictures = bench.seen().pictures(slot);
    assert_eq!(pictures[0].kind, Kind::Key);
    assert!(pictures.len() > 5);
}

#[test]
fn a_complaint_in_the_middle_of_a_replay_does_not_start_it_again() {
    let mut bench = Bench::with(HubOptions { burst_bytes: 1, ..options() });
    let a = bench.warm_camera(500);
    bench.wait(ms(2000));
    let slot = bench.viewer(&[a])[0];
    bench.wait(ms(1));

    bench.picture_loss(slot);
    bench.wait(ms(100));

    let keys = bench.seen().pictures(slot).iter().filter(|p| p.is_key()).count();
    assert_eq!(keys, 1);
}

#[test]
fn a_complaint_while_another_camera_is_awaited_does_not_undo_the_switch() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.switch(slot, b);

    bench.picture_loss(slot);
    assert_eq!(bench.status(slot).status, Status::Buffering);
    bench.live(b);
    bench.wait(ms(300));

    assert_eq!(bench.status(slot).stream, "2");
    bench.leave(slot);
    assert_eq!(bench.hub.source(b).unwrap().subscribers, [], "camera 2 is let go of");
}

#[test]
fn under_the_wait_policy_the_camera_is_asked_instead_of_the_cache() {
    let policy = SwitchPolicy::WaitForIdr;
    let mut bench = Bench::with(HubOptions { policy, ..options() });
    let a = bench.warm_camera(500);
    let slot = bench.viewer(&[a])[0];
    bench.shoot_key(a);
    bench.forget();

    bench.picture_loss(slot);

    let seen = bench.seen();
    assert_eq!((seen.pictures(slot).len(), seen.asks(a)), (0, 1));
}

#[test]
fn behind_each_frame_a_receiver_that_loses_packets_is_shown_that_it_was_the_last() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(500);
    let slots = [bench.viewer(&[a])[0], bench.viewer(&[a])[0]];
    bench.loss(slots[0]);
    bench.wait(ms(20));
    bench.forget();

    bench.wait(ms(2000));

    let seen = bench.seen();
    let frames = seen.pictures(slots[0]).len();
    assert!(frames >= 40, "{frames}");
    assert!(seen.probes(slots[0]).abs_diff(frames) <= 1, "{} probes", seen.probes(slots[0]));
    assert_eq!(seen.probes(slots[1]), 0, "who loses nothing pays nothing");
}

#[test]
fn ten_seconds_after_its_last_loss_a_receiver_is_left_in_peace() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(50);
    let slot = bench.viewer(&[a])[0];
    bench.loss(slot);
    bench.wait(ms(10_050));
    bench.forget();
    bench.wait(ms(2000));
    assert_eq!(bench.seen().probes(slot), 0);
}
