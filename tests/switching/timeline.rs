//! A slot has one clock for its whole life, whatever is switched onto it.

use std::time::Duration;

use crate::bench::{Bench, FRAME, ms};

/// 90 kHz.
fn ticks(time: Duration) -> u32 {
    u32::try_from(time.as_nanos() * 90_000 / 1_000_000_000).unwrap()
}

#[test]
fn a_replay_at_once_is_one_tick_apart_and_ends_now() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.warm_camera(50));
    let slot = bench.viewer(&[a])[0];
    bench.wait(ms(700));
    let before = bench.seen();
    let (at, _, live) = before.sent(slot).last().unwrap();

    bench.switch(slot, b);

    let seen = bench.seen();
    let stamps: Vec<u32> = seen
        .sent(slot)
        .map(|(_, _, egress)| egress.rtp_timestamp.wrapping_sub(live.rtp_timestamp))
        .collect();
    let passed = ticks(bench.elapsed() - at);
    let burst: Vec<u32> = (0..).skip(passed.max(1) as usize).take(stamps.len()).collect();
    assert_eq!(stamps, burst);
}

#[test]
fn a_paced_replay_is_stamped_with_its_departures() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(250);
    bench.adjust(a).delta_bytes = 20_000;
    bench.wait(ms(3000));
    let slot = bench.viewer(&[a])[0];
    bench.wait(ms(100));

    let seen = bench.seen();
    let sent: Vec<_> = seen.sent(slot).collect();
    let (start, _, first) = sent[0];
    let mut late = 0;
    for (at, picture, egress) in &sent {
        let stamp = egress.rtp_timestamp.wrapping_sub(first.rtp_timestamp);
        let departure = ticks(*at - start);
        let error = stamp.abs_diff(departure);
        assert!(error <= 40, "{picture:?} is stamped {error} ticks off its departure");
        late += usize::from(*at > start);
    }
    assert!(late > 50, "most of it was paced");
}

#[test]
fn live_pictures_are_as_far_apart_as_they_were_taken() {
    let mut bench = Bench::new();
    let a = bench.warm_camera(50);
    let slot = bench.viewer(&[a])[0];
    bench.wait(FRAME * 2);
    bench.forget();
    bench.wait(ms(2000));

    let seen = bench.seen();
    let stamps: Vec<u32> = seen.sent(slot).map(|(.., egress)| egress.rtp_timestamp).collect();
    assert_eq!(stamps.len(), 50);
    assert!(stamps.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == 3_600));
}

#[test]
fn a_thousand_switches_leave_the_clock_where_it_would_be_without_them() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(50), bench.warm_camera(37));
    let slots = bench.viewer(&[a, b]);
    bench.wait(ms(170));
    let before = bench.seen();
    let (start, _, first) = before.sent(slots[0]).last().unwrap();

    for n in 0..1000 {
        bench.switch(slots[0], if n % 2 == 0 { b } else { a });
        bench.wait(ms(40 + n % 90));
        bench.forget();
    }
    bench.wait(ms(100));

    let seen = bench.seen();
    let (at, _, last) = seen.sent(slots[0]).last().unwrap();
    let error = last.rtp_timestamp.wrapping_sub(first.rtp_timestamp).abs_diff(ticks(at - start));
    assert!(error <= 1, "{error} ticks after {:?}", at - start);
}

#[test]
fn what_a_stamp_stands_for_agrees_with_it_within_a_burst() {
    let mut bench = Bench::new();
    let (a, b) = (bench.warm_camera(250), bench.warm_camera(250));
    bench.adjust(b).delta_bytes = 20_000;
    let slot = bench.viewer(&[a])[0];
    bench.wait(ms(1000));
    bench.forget();
    bench.switch(slot, b);
    bench.wait(ms(500));

    let seen = bench.seen();
    let (_, _, first) = seen.sent(slot).last().unwrap();
    for (_, picture, egress) in seen.sent(slot) {
        let ahead = first.rtp_timestamp.wrapping_sub(egress.rtp_timestamp);
        let time = first.presented_at - egress.presented_at;
        // The sender reports are made of these two. 1 ms of error is nothing that is heard.
        assert!(ahead.abs_diff(ticks(time)) <= 90, "{picture:?}: {ahead} ticks, {time:?}");
    }
}
