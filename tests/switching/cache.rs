//! What is kept for an instant switch is bounded, for each camera and in all.

use crosspoint::engine::gop::GopLimits;
use crosspoint::engine::hub::HubOptions;
use crosspoint::engine::source::{SourceId, SourceOptions};

use crate::bench::{Bench, ms, on_demand, options};

fn cached(bench: &Bench, id: SourceId) -> usize {
    bench.hub.source(id).unwrap().cache.bytes()
}

fn bounded(max_frames: usize, max_bytes: usize) -> SourceOptions {
    let gop = GopLimits { max_frames, max_bytes };
    SourceOptions { warm: true, gop, ..on_demand() }
}

#[test]
fn a_group_of_pictures_beyond_the_cameras_bounds_is_not_kept() {
    for limits in [bounded(10, 1 << 20), bounded(1000, 20_000)] {
        let mut bench = Bench::new();
        let a = bench.camera_with(50, limits);
        bench.live(a);
        bench.wait(ms(250));
        assert!(cached(&bench, a) > 0);
        bench.wait(ms(1000));
        assert_eq!((cached(&bench, a), bench.hub.cached_bytes()), (0, 0));
        bench.wait(ms(1000));
        assert!(cached(&bench, a) > 0, "the next key starts it again");
    }
}

#[test]
fn live_pictures_go_on_where_the_cache_is_full() {
    let mut bench = Bench::new();
    let a = bench.camera_with(50, bounded(10, 1 << 20));
    bench.live(a);
    let slot = bench.viewer(&[a])[0];
    bench.wait(ms(1000));
    assert_eq!(bench.seen().pictures(slot).len(), 26);
}

#[test]
fn a_switch_to_a_camera_whose_cache_was_full_waits_for_its_key() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.camera_with(50, bounded(10, 1 << 20)));
    bench.live(b);
    let slot = bench.viewer(&[a])[0];
    bench.wait(ms(1000));
    bench.forget();

    bench.switch(slot, b);
    bench.wait(ms(500));
    assert_eq!(bench.seen().cameras(slot), [1]);
    bench.wait(ms(1000));
    assert_eq!(bench.seen().cameras(slot), [1, 2]);
}

#[test]
fn all_caches_together_stay_within_their_bound_at_every_moment() {
    let gop_total_max_bytes = 150_000;
    let mut bench = Bench::with(HubOptions { gop_total_max_bytes, ..options() });
    let cameras: Vec<SourceId> = (0..6).map(|n| bench.warm_camera(20 + n * 7)).collect();
    let _slots = bench.viewer(&cameras[..3]);
    let mut most = 0;
    for _ in 0..200 {
        bench.wait(ms(40));
        let sum: usize = cameras.iter().map(|id| cached(&bench, *id)).sum();
        assert_eq!(sum, bench.hub.cached_bytes());
        assert!(sum <= gop_total_max_bytes, "{sum}");
        most = most.max(sum);
    }
    assert!(most > gop_total_max_bytes * 3 / 4, "the bound was never reached: {most}");
}

#[test]
fn cameras_that_nobody_watches_make_room_for_those_that_are_watched() {
    let mut bench = Bench::with(HubOptions { gop_total_max_bytes: 100_000, ..options() });
    let (watched, idle) = (bench.warm_camera(1000), bench.warm_camera(1000));
    let slot = bench.viewer(&[watched])[0];
    bench.shoot_key(watched);
    bench.shoot_key(idle);
    bench.wait(ms(1160));
    assert!(cached(&bench, watched) > 0 && cached(&bench, idle) > 0);

    bench.wait(ms(400));

    assert_eq!(cached(&bench, idle), 0);
    assert!(cached(&bench, watched) > 50_000);
    bench.forget();
    bench.picture_loss(slot);
    assert!(bench.seen().pictures(slot)[0].is_key());
}

#[test]
fn a_camera_that_goes_takes_its_cache_with_it() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.warm_camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.offline(b);
    assert_eq!(cached(&bench, b), 0);
    assert_eq!(bench.hub.cached_bytes(), cached(&bench, a));
    bench.forget();

    bench.live(b);
    bench.switch(slot, b);
    let first = bench.seen().pictures(slot)[0];
    assert!(first.is_key() && first.camera == 2);
}

#[test]
fn a_picture_that_alone_is_beyond_all_bounds_is_shown_and_not_kept() {
    let mut bench = Bench::with(HubOptions { gop_total_max_bytes: 5_000, ..options() });
    let a = bench.warm_camera(50);
    let slot = bench.viewer(&[a])[0];
    bench.forget();
    bench.shoot_key(a);
    assert_eq!(bench.seen().pictures(slot).len(), 1);
    assert_eq!(bench.hub.cached_bytes(), 0);
}
