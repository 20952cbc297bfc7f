//! What a slot says is true at that moment.

use crosspoint::engine::status::Status;

use crate::bench::{Bench, ms};

#[test]
fn a_slot_is_pending_until_its_viewer_is_connected() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(50);
    let slot = bench.unconnected_viewer(&[a])[0];
    bench.wait(ms(200));
    assert_eq!(bench.seen().statuses(slot), [(Status::Pending, "1")]);

    bench.connect(slot);
    assert_eq!(bench.seen().statuses(slot).last(), Some(&(Status::Active, "1")));
}

#[test]
fn a_slot_buffers_while_its_camera_has_no_picture() {
    let mut bench = Bench::new();
    let a = bench.camera(50);
    let slot = bench.viewer(&[a])[0];
    assert_eq!(bench.status(slot).status, Status::Buffering);
    bench.live(a);
    assert_eq!(bench.status(slot).status, Status::Active);
}

#[test]
fn a_stream_that_does_not_exist_keeps_its_place_and_says_so() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(50);
    let slots = bench.viewer_of(&[None, Some(a)]);
    bench.connect(slots[0]);

    let unknown = bench.status(slots[0]);
    assert_eq!(unknown.status, Status::Error);
    assert_eq!(unknown.error.as_deref(), Some("stream not found"));
    assert_eq!(bench.status(slots[1]).status, Status::Active);

    bench.forget();
    bench.switch(slots[0], a);
    assert_eq!(bench.seen().statuses(slots[0]), [(Status::Active, "1")]);
}

#[test]
fn a_paused_slot_names_the_stream_that_it_comes_back_to() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.camera(50));
    let slots = bench.viewer(&[a, a]);
    bench.switch(slots[1], b);
    bench.forget();

    bench.pause(slots[0]);
    bench.pause(slots[1]);

    let seen = bench.seen();
    assert_eq!(seen.statuses(slots[0]), [(Status::Paused, "1")]);
    assert_eq!(seen.statuses(slots[1]), [(Status::Paused, "2")], "what was asked for last");
}

#[test]
fn a_camera_that_goes_is_offline_and_active_again_when_it_is_back() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(50);
    let slots = [bench.viewer(&[a])[0], bench.viewer(&[a])[0]];
    bench.forget();

    bench.offline(a);
    let seen = bench.seen();
    for slot in slots {
        assert_eq!(seen.statuses(slot), [(Status::Offline, "1")]);
        assert_eq!(bench.status(slot).error.as_deref(), Some("no route to host"));
    }
    bench.wait(ms(3000));
    assert!(bench.seen().0.is_empty(), "and says it once");

    bench.live(a);
    let seen = bench.seen();
    for slot in slots {
        assert_eq!(seen.statuses(slot), [(Status::Active, "1")]);
        assert!(!seen.pictures(slot).is_empty());
    }
}

#[test]
fn a_camera_that_is_connected_anew_is_not_active_before_its_picture() {
    use crosspoint::engine::source::Health;
    let mut bench = Bench::new();
    let a = bench.warm_camera(50);
    let slot = bench.viewer(&[a])[0];
    bench.offline(a);
    bench.forget();

    bench.hub.handle_health(bench.now, a, Health::Connecting);
    assert_eq!(bench.status(slot).status, Status::Buffering);

    bench.live(a);
    assert_eq!(bench.status(slot).status, Status::Active);
}

#[test]
fn a_camera_that_can_not_be_shown_is_an_error_that_says_why() {
    let mut bench = Bench::new();
    let a = bench.camera(50);
    let slot = bench.viewer(&[a])[0];
    bench.forget();

    bench.unsupported(a);

    assert_eq!(bench.seen().statuses(slot), [(Status::Error, "1")]);
    assert_eq!(bench.status(slot).error.as_deref(), Some("the camera sends H265"));
}

#[test]
fn news_of_a_camera_reach_only_those_who_wait_for_it() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.warm_camera(50));
    let slots = bench.viewer(&[a, b]);
    bench.forget();

    bench.offline(b);

    let seen = bench.seen();
    assert_eq!(seen.statuses(slots[0]), []);
    assert_eq!(seen.statuses(slots[1]), [(Status::Offline, "2")]);
}

#[test]
fn every_request_is_answered_though_nothing_changes() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(50);
    let slot = bench.viewer(&[a])[0];
    bench.pause(slot);
    bench.forget();

    bench.pause(slot);
    bench.resume(slot, None);
    bench.resume(slot, None);
    bench.report_again(slot);

    let statuses: Vec<Status> = bench.seen().statuses(slot).iter().map(|s| s.0).collect();
    assert_eq!(statuses, [Status::Paused, Status::Active, Status::Active, Status::Active]);
}
