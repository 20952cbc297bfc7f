//! A camera is connected while somebody wants it, and a little longer.

use crosspoint::engine::source::SourceOptions;

use crate::bench::{Bench, LINGER, ms, on_demand};

#[test]
fn a_camera_stops_when_it_has_lingered_after_its_last_viewer() {
    let mut bench = Bench::new();
    let a = bench.camera(50);
    let (one, two) = (bench.viewer(&[a])[0], bench.viewer(&[a])[0]);
    bench.live(a);
    assert_eq!(bench.seen().starts(a), 1);
    bench.leave(one);
    bench.wait(LINGER * 2);
    assert_eq!(bench.seen().stops(a).len(), 0, "the other one still watches");

    let left_at = bench.elapsed();
    bench.leave(two);
    bench.wait(LINGER * 2);

    assert_eq!(bench.seen().stops(a), [left_at + LINGER]);
}

#[test]
fn a_viewer_that_comes_back_in_time_finds_the_camera_connected() {
    let mut bench = Bench::new();
    let a = bench.camera(50);
    let slot = bench.viewer(&[a])[0];
    bench.live(a);
    bench.leave(slot);
    bench.wait(LINGER - ms(1));
    bench.forget();

    let slot = bench.viewer(&[a])[0];
    let seen = bench.seen();
    assert!(!seen.pictures(slot).is_empty(), "and sees it at once");
    assert_eq!((seen.starts(a), seen.stops(a).len()), (0, 0));

    bench.wait(LINGER * 3);
    assert_eq!(bench.seen().stops(a).len(), 0, "the old deadline is void");
}

#[test]
fn a_warm_camera_is_connected_with_nobody_watching_and_never_stops() {
    let mut bench = Bench::new();
    let a = bench.camera_with(50, SourceOptions { warm: true, ..on_demand() });
    assert_eq!(bench.seen().starts(a), 1);
    let slot = bench.viewer(&[a])[0];
    bench.leave(slot);
    bench.wait(LINGER * 3);
    assert_eq!(bench.seen().stops(a).len(), 0);
}

#[test]
fn a_pause_releases_the_camera_and_a_resume_connects_it_again() {
    let mut bench = Bench::new();
    let a = bench.camera(50);
    let slot = bench.viewer(&[a])[0];
    bench.live(a);
    bench.pause(slot);
    bench.wait(LINGER);
    assert_eq!(bench.seen().stops(a).len(), 1);

    bench.resume(slot, None);
    assert_eq!(bench.seen().starts(a), 1);
    bench.live(a);
    assert_eq!(bench.seen().cameras(slot), [1]);
}

#[test]
fn a_switch_releases_the_camera_before_it() {
    let mut bench = Bench::new();
    let (a, b) = (bench.camera(50), bench.warm_camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.live(a);
    bench.switch(slot, b);
    bench.wait(LINGER);
    assert_eq!(bench.seen().stops(a).len(), 1);
}

#[test]
fn a_switch_that_is_overtaken_or_fails_releases_its_camera() {
    let mut bench = Bench::new();
    let (a, b, c) = (bench.warm_camera(50), bench.camera(50), bench.camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.switch(slot, b);
    bench.switch(slot, c);
    bench.offline(c);
    bench.wait(LINGER);
    let seen = bench.seen();
    assert_eq!((seen.stops(b).len(), seen.stops(c).len()), (1, 1));
}

#[test]
fn a_viewer_that_leaves_in_the_middle_of_a_switch_releases_both_cameras() {
    let mut bench = Bench::new();
    let (a, b) = (bench.camera(50), bench.camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.live(a);
    bench.switch(slot, b);
    bench.leave(slot);
    bench.wait(LINGER);
    let seen = bench.seen();
    assert_eq!((seen.stops(a).len(), seen.stops(b).len()), (1, 1));
}

#[test]
fn when_everybody_has_left_no_picture_is_held_any_more() {
    let mut bench = Bench::new();
    let cameras = [bench.camera(250), bench.camera(250), bench.camera(250)];
    let viewers: Vec<_> = (0..5).map(|_| bench.viewer(&cameras)).collect();
    for camera in cameras {
        bench.adjust(camera).delta_bytes = 30_000;
        bench.live(camera);
    }
    bench.wait(ms(4000));
    for (n, slots) in viewers.iter().enumerate() {
        bench.switch(slots[0], cameras[n % 3]);
        bench.picture_loss(slots[1]);
        bench.pause(slots[2]);
    }
    assert!(bench.held_bytes() > 6_000_000);

    for slots in viewers {
        bench.leave(slots[0]);
    }
    bench.wait(LINGER);

    assert_eq!((bench.hub.cached_bytes(), bench.hub.viewer_count()), (0, 0));
    assert_eq!(bench.held_bytes(), 0);
    assert_eq!(bench.hub.poll_timeout(), None, "nothing is left to be done");
}
