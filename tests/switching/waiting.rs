//! Where there is nothing to be shown yet, the old camera stays.

use crosspoint::engine::hub::{HubOptions, SwitchPolicy};
use crosspoint::engine::status::Status;

use crate::bench::{Bench, ms, options};
use crate::picture::Kind;

#[test]
fn the_old_camera_stays_until_the_new_one_has_a_picture() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.forget();

    bench.switch(slot, b);
    bench.wait(ms(1000));

    let seen = bench.seen();
    assert_eq!(seen.cameras(slot), [1]);
    assert_eq!(seen.pictures(slot).len(), 25, "the old camera misses no picture");
    assert_eq!(seen.statuses(slot), [(Status::Buffering, "2")]);

    bench.live(b);
    bench.wait(ms(1000));

    let seen = bench.seen();
    assert_eq!(seen.cameras(slot), [2]);
    assert_eq!(seen.statuses(slot), [(Status::Active, "2")]);
}

#[test]
fn a_camera_that_nobody_watches_is_connected_by_the_switch_once() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.camera(50));
    let slots = bench.viewer(&[a, a]);
    bench.forget();

    bench.switch(slots[0], b);
    bench.switch(slots[1], b);
    bench.switch(slots[0], b);

    assert_eq!(bench.seen().starts(b), 1);
}

#[test]
fn nothing_of_a_camera_goes_out_before_its_key() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.switch(slot, b);
    bench.live(b);
    bench.switch(slot, a);
    bench.lose(b);
    bench.forget();

    bench.switch(slot, b);
    for _ in 0..10 {
        bench.shoot(b);
    }
    assert_eq!(bench.seen().cameras(slot), [] as [u8; 0]);

    bench.shoot_key(b);
    let pictures = bench.seen().pictures(slot);
    assert_eq!((pictures.len(), pictures[0].kind), (1, Kind::Key));
}

#[test]
fn of_two_cameras_that_are_awaited_only_the_last_one_is_ever_shown() {
    let mut bench = Bench::new();
    let (a, b, c) = (bench.warm_camera(50), bench.camera(50), bench.camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.switch(slot, b);
    bench.switch(slot, c);
    bench.forget();

    bench.live(b);
    bench.wait(ms(500));
    assert_eq!(bench.seen().cameras(slot), [1]);

    bench.live(c);
    bench.wait(ms(500));
    assert_eq!(bench.seen().cameras(slot), [3]);
}

#[test]
fn a_switch_back_while_the_other_is_awaited_just_goes_on() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.wait(ms(300));
    bench.switch(slot, b);
    bench.forget();

    bench.switch(slot, a);
    let seen = bench.seen();
    assert_eq!(seen.statuses(slot), [(Status::Active, "1")]);
    assert_eq!(seen.pictures(slot), [], "no replay of what is on the screen");

    bench.live(b);
    bench.wait(ms(500));
    assert_eq!(bench.seen().cameras(slot), [1]);
}

#[test]
fn a_switch_that_fails_leaves_the_old_camera_running_and_says_so() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.switch(slot, b);
    bench.forget();

    bench.offline(b);
    bench.wait(ms(1000));

    let seen = bench.seen();
    assert_eq!(seen.statuses(slot), [(Status::Offline, "2"), (Status::Active, "1")]);
    assert_eq!((seen.cameras(slot), seen.pictures(slot).len()), (vec![1], 25));

    bench.live(b);
    bench.wait(ms(1000));
    assert_eq!(bench.seen().cameras(slot), [1], "a failed switch is over");
}

#[test]
fn a_switch_to_a_camera_known_to_be_dead_fails_at_once() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.warm_camera(50));
    bench.unsupported(b);
    let slot = bench.viewer(&[a])[0];
    bench.forget();

    bench.switch(slot, b);

    let seen = bench.seen();
    assert_eq!(seen.statuses(slot), [(Status::Error, "2"), (Status::Active, "1")]);
    bench.wait(ms(1000));
    assert_eq!(bench.seen().pictures(slot).len(), 25);
}

#[test]
fn the_wait_policy_waits_for_the_cameras_own_key_and_asks_for_none() {
    let policy = SwitchPolicy::WaitForIdr;
    let mut bench = Bench::with(HubOptions { policy, ..options() });
    let (a, b) = (bench.warm_camera(50), bench.warm_camera(50));
    bench.shoot_key(b);
    let slot = bench.viewer(&[a])[0];
    bench.shoot_key(a);
    bench.wait(ms(300));
    bench.forget();

    bench.switch(slot, b);
    bench.wait(ms(1000));
    let seen = bench.seen();
    assert_eq!(seen.cameras(slot), [1], "cached pictures are not used");
    assert_eq!(seen.asks(b), 0);

    bench.wait(ms(1000));
    let seen = bench.seen();
    assert_eq!(seen.cameras(slot), [1, 2]);
    let first = seen.pictures(slot).iter().position(|p| p.camera == 2).unwrap();
    assert_eq!(seen.pictures(slot)[first].kind, Kind::Key);
}

#[test]
fn where_a_replay_takes_longer_than_the_next_key_the_old_camera_stays_until_that() {
    let slow = HubOptions { burst_bytes_per_second: 100_000, ..options() };
    let mut bench = Bench::with(slow);
    let (a, b) = (bench.warm_camera(50), bench.warm_camera(50));
    bench.adjust(b).delta_bytes = 20_000;
    let slot = bench.viewer(&[a])[0];
    // Camera 2 is known to make a key every 2 s, and will in 0.4 s: its cache of some
    // 800 kB would take 8 s.
    bench.shoot_key(b);
    bench.wait(ms(2000));
    bench.shoot_key(b);
    bench.wait(ms(1600));
    bench.forget();

    bench.switch(slot, b);
    bench.wait(ms(350));
    let seen = bench.seen();
    assert_eq!(seen.cameras(slot), [1]);
    assert_eq!(seen.statuses(slot), [(Status::Buffering, "2")]);

    bench.wait(ms(150));
    let seen = bench.seen();
    assert_eq!(seen.cameras(slot), [1, 2]);
    assert_eq!(seen.statuses(slot), [(Status::Active, "2")]);
}

#[test]
fn a_slot_that_shows_nothing_rather_replays_than_waits() {
    let slow = HubOptions { burst_bytes_per_second: 100_000, ..options() };
    let mut bench = Bench::with(slow);
    let b = bench.warm_camera(50);
    bench.adjust(b).delta_bytes = 20_000;
    bench.shoot_key(b);
    bench.wait(ms(2000));
    bench.shoot_key(b);
    bench.wait(ms(1600));

    let slot = bench.viewer(&[b])[0];

    assert_eq!(bench.seen().pictures(slot)[0].kind, Kind::Key);
}
