//! A large replay leaves at a rate that a browser's socket buffer can take.

use crosspoint::engine::hub::HubOptions;
use crosspoint::engine::viewer::SlotKey;

use crate::bench::{BURST_BYTES, BURST_BYTES_PER_SECOND, Bench, FRAME, ms, on_demand, options};
use crate::picture::Kind;
use crate::seen::{Seen, What};

const FRAME_BYTES: usize = 20_000;

/// A camera at 4 Mbit/s with two seconds cached: 1 MB.
fn large_camera(bench: &mut Bench) -> crosspoint::engine::source::SourceId {
    let id = bench.warm_camera(250);
    let camera = bench.adjust(id);
    (camera.key_bytes, camera.delta_bytes) = (FRAME_BYTES, FRAME_BYTES);
    bench.shoot_key(id);
    bench.wait(ms(2000));
    id
}

fn bytes(seen: &Seen, slots: &[SlotKey]) -> usize {
    seen.0
        .iter()
        .map(|event| match &event.what {
            What::Picture(slot, _, egress) if slots.contains(slot) => egress.frame.bytes(),
            _ => 0,
        })
        .sum()
}

#[test]
fn a_large_replay_begins_with_the_burst_and_goes_on_at_the_rate() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), large_camera(&mut bench));
    let slot = bench.viewer(&[a])[0];
    bench.forget();
    bench.wait(ms(500));
    bench.forget();
    bench.freeze(b);

    bench.switch(slot, b);
    let at_once = bytes(&bench.seen(), &[slot]);
    let burst = BURST_BYTES as usize;
    assert!((burst - FRAME_BYTES..=burst + FRAME_BYTES).contains(&at_once), "{at_once}");

    bench.wait(ms(10));
    let in_10_ms = bytes(&bench.seen(), &[slot]);
    let rate = BURST_BYTES_PER_SECOND as usize / 100;
    assert!((rate - FRAME_BYTES..=rate + FRAME_BYTES).contains(&in_10_ms), "{in_10_ms}");
}

#[test]
fn a_large_replay_catches_up_with_live_and_live_pictures_join_its_tail() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), large_camera(&mut bench));
    let slot = bench.viewer(&[a])[0];
    bench.forget();

    bench.switch(slot, b);
    bench.wait(ms(200));

    let numbers: Vec<u32> = bench.seen().pictures(slot).iter().map(|p| p.number).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "in order, none left out");
    let live = bench.shoot(b);
    let seen = bench.seen();
    assert_eq!(seen.pictures(slot), [live], "live: sent in the instant it comes");
}

#[test]
fn a_live_key_cuts_the_replay_short() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), large_camera(&mut bench));
    let slot = bench.viewer(&[a])[0];
    bench.switch(slot, b);
    bench.forget();

    let key = bench.shoot_key(b);
    bench.wait(ms(39));

    assert_eq!(bench.seen().pictures(slot), [key]);
}

#[test]
fn a_new_switch_in_the_middle_of_a_replay_drops_the_rest_of_it() {
    let mut bench = Bench::new();
    let (a, b) = (large_camera(&mut bench), large_camera(&mut bench));
    let slot = bench.viewer(&[a])[0];
    bench.wait(ms(500));
    bench.switch(slot, b);
    bench.wait(ms(5));
    bench.forget();

    bench.switch(slot, a);
    bench.wait(ms(500));

    let pictures = bench.seen().pictures(slot);
    assert_eq!(pictures[0].kind, Kind::Key);
    assert!(pictures.iter().all(|picture| picture.camera == 1));
}

#[test]
fn nine_switches_at_once_share_one_budget_and_take_turns() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), large_camera(&mut bench));
    let slots = bench.viewer(&[a; 9]);
    bench.wait(ms(500));
    bench.freeze(a);
    bench.freeze(b);
    bench.forget();

    for slot in &slots {
        bench.switch(*slot, b);
    }
    let at_once = bytes(&bench.seen(), &slots);
    assert!(at_once <= BURST_BYTES as usize + FRAME_BYTES, "{at_once}");

    let mut firsts = Vec::new();
    let mut sent = at_once;
    for _ in 0..40 {
        bench.wait(ms(10));
        let seen = bench.seen();
        sent += bytes(&seen, &slots);
        firsts.push(slots.iter().map(|slot| seen.pictures(*slot).len()).collect::<Vec<_>>());
    }
    let allowed = BURST_BYTES as usize + BURST_BYTES_PER_SECOND as usize * 4 / 10 + FRAME_BYTES;
    assert!(sent <= allowed, "{sent}");
    assert!(sent > allowed - 100_000, "the budget is used: {sent} of {allowed}");
    // While all nine replay, none is served twice before another.
    let busy = &firsts[5];
    let others: Vec<usize> = busy[1..].to_vec();
    let (least, most) = (others.iter().min().unwrap(), others.iter().max().unwrap());
    assert!(most - least <= 1, "{busy:?}");
}

#[test]
fn a_replay_on_one_slot_holds_up_no_live_picture_on_another() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), large_camera(&mut bench));
    let slots = bench.viewer(&[a, a]);
    bench.wait(ms(500));
    bench.switch(slots[0], b);
    bench.forget();

    let live = bench.shoot(a);

    assert_eq!(bench.seen().pictures(slots[1]), [live]);
}

#[test]
fn every_viewer_has_a_budget_of_its_own() {
    let mut bench = Bench::new();
    let b = large_camera(&mut bench);
    let first = bench.viewer(&[b]);
    let one = bytes(&bench.seen(), &first);
    let second = bench.viewer(&[b]);
    assert_eq!(bytes(&bench.seen(), &second), one);
}

#[test]
fn a_replay_that_never_catches_up_is_given_up_before_it_fills_the_memory() {
    // 1 Mbit/s for replays of a camera that sends 4, and that makes no key for minutes.
    let slow = HubOptions { burst_bytes_per_second: 125_000, ..options() };
    let mut bench = Bench::with(slow);
    let b = bench.camera(100_000);
    bench.adjust(b).delta_bytes = FRAME_BYTES;
    bench.viewer(&[b]);
    bench.live(b);
    bench.wait(ms(4000));
    bench.viewer(&[b]);

    bench.wait(ms(120_000));

    let cache_max_bytes = on_demand().gop.max_bytes;
    let held = bench.held_bytes();
    assert!(held <= 2 * cache_max_bytes, "{held} bytes held for one slot that lags behind");
}

#[test]
fn unused_budget_comes_back_within_a_moment() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), large_camera(&mut bench));
    let slot = bench.viewer(&[b])[0];
    bench.wait(ms(300));
    bench.switch(slot, a);
    bench.wait(FRAME);
    bench.forget();

    bench.switch(slot, b);

    assert!(bytes(&bench.seen(), &[slot]) >= BURST_BYTES as usize - FRAME_BYTES);
}
