//! Viewers that can't decode every camera.

use crosspoint::engine::codec::VideoCodec::{H264, H265, Vp8};
use crosspoint::engine::source::SourceId;
use crosspoint::engine::status::Status;
use crosspoint::engine::viewer::SlotKey;

use crate::bench::{Bench, ms};

const WHY: &str = "the camera sends H265, this viewer can decode H264";

/// Cameras 1 and 3 send H.264, camera 2 sends H.265.
fn three_cameras(bench: &mut Bench) -> [SourceId; 3] {
    [(); 3].map(|()| bench.warm_camera(50))
}

/// A connected viewer that can decode H.264 alone.
fn modest_viewer(bench: &mut Bench, source: SourceId) -> SlotKey {
    let slot = bench.unconnected_viewer(&[source])[0];
    bench.takes(slot, &[H264]);
    bench.connect(slot);
    slot
}

fn shown(bench: &Bench, slot: SlotKey) -> (Status, String, Option<String>) {
    let status = bench.status(slot);
    (status.status, status.stream, status.instead_of)
}

fn active(stream: &str, instead_of: Option<&str>) -> (Status, String, Option<String>) {
    (Status::Active, stream.to_owned(), instead_of.map(str::to_owned))
}

#[test]
fn one_viewer_is_told_why_and_the_other_is_sent_the_pictures() {
    let mut bench = Bench::new();
    let [_, native, _] = three_cameras(&mut bench);
    let modest = modest_viewer(&mut bench, native);
    let able = bench.unconnected_viewer(&[native])[0];
    bench.takes(able, &[H264, H265]);
    bench.connect(able);
    bench.wait(ms(3000));

    assert_eq!(bench.status(modest).status, Status::Error);
    assert_eq!(bench.status(modest).error.as_deref(), Some(WHY));
    assert_eq!(shown(&bench, able), active("2", None));
    let seen = bench.seen();
    assert_eq!(seen.cameras(modest), [0u8; 0]);
    assert_eq!(seen.cameras(able), [2]);
}

#[test]
fn a_failed_switch_leaves_the_old_camera_running() {
    let mut bench = Bench::new();
    let [old, native, _] = three_cameras(&mut bench);
    let slot = modest_viewer(&mut bench, old);
    bench.wait(ms(200));
    bench.forget();
    bench.switch(slot, native);
    bench.wait(ms(3000));

    let seen = bench.seen();
    assert_eq!(seen.statuses(slot), [(Status::Error, "2"), (Status::Active, "1")]);
    assert_eq!(seen.cameras(slot), [1]);
}

#[test]
fn codecs_change_within_a_slot_where_both_were_agreed_on() {
    let mut bench = Bench::new();
    let [old, native, _] = three_cameras(&mut bench);
    let slot = bench.unconnected_viewer(&[old])[0];
    bench.takes(slot, &[H264, H265]);
    bench.connect(slot);
    bench.switch(slot, native);
    bench.wait(ms(200));
    assert_eq!(bench.seen().cameras(slot), [1, 2]);
    bench.switch(slot, old);
    bench.wait(ms(200));
    assert_eq!(bench.seen().cameras(slot), [1]);
}

#[test]
fn an_alternative_is_shown_at_once_and_named() {
    let mut bench = Bench::new();
    let [old, native, other] = three_cameras(&mut bench);
    bench.hub.set_alternatives(native, vec![other]);
    let slot = modest_viewer(&mut bench, old);
    bench.wait(ms(200));
    bench.forget();
    bench.switch(slot, native);

    let seen = bench.seen();
    assert_eq!(seen.cameras(slot), [3], "from its cache");
    assert_eq!(seen.statuses(slot).last(), Some(&(Status::Active, "3")));
    assert_eq!(shown(&bench, slot), active("3", Some("2")));

    // Asked for by its own name it stands for nobody.
    bench.switch(slot, other);
    assert_eq!(shown(&bench, slot), active("3", None));
}

#[test]
fn a_viewer_that_can_decode_it_is_shown_what_it_asked_for() {
    let mut bench = Bench::new();
    let [_, native, other] = three_cameras(&mut bench);
    bench.hub.set_alternatives(native, vec![other]);
    let slot = bench.unconnected_viewer(&[native])[0];
    bench.takes(slot, &[H265]);
    bench.connect(slot);
    assert_eq!(shown(&bench, slot), active("2", None));
    // Nor does anybody choose for a reader who has said nothing.
    let reader = bench.viewer(&[native])[0];
    assert_eq!(shown(&bench, reader), active("2", None));
}

#[test]
fn what_a_camera_sends_may_be_learned_late_and_it_is_let_go_then() {
    let mut bench = Bench::new();
    let old = bench.warm_camera(50);
    let (native, other, last) = (bench.camera(50), bench.camera(50), bench.camera(50));
    bench.hub.set_alternatives(native, vec![other, last]);
    let slot = modest_viewer(&mut bench, old);
    bench.wait(ms(200));
    bench.switch(slot, native);
    bench.forget();

    bench.described(native, H265);
    bench.described(other, H265);
    let seen = bench.seen();
    assert_eq!([native, other, last].map(|id| seen.starts(id)), [0, 1, 1]);
    bench.wait(ms(25_000));
    assert_eq!([native, other].map(|id| bench.hub.source(id).unwrap().is_running()), [false; 2]);
    assert_eq!(bench.seen().cameras(slot), [1], "the old picture stays meanwhile");

    bench.live(last);
    assert_eq!(shown(&bench, slot), active("4", Some("2")));
}

#[test]
fn a_camera_that_begins_to_send_something_else_is_replaced_as_well() {
    let mut bench = Bench::new();
    let [native, _, other] = three_cameras(&mut bench);
    bench.hub.set_alternatives(native, vec![other]);
    let slot = modest_viewer(&mut bench, native);
    assert_eq!(shown(&bench, slot), active("1", None));
    bench.forget();
    bench.freeze(native);
    bench.described(native, H265);
    bench.wait(ms(200));
    assert_eq!(bench.seen().cameras(slot), [3]);
    assert_eq!(shown(&bench, slot), active("3", Some("1")));
}

#[test]
fn a_paused_slot_comes_back_to_what_was_asked_for() {
    let mut bench = Bench::new();
    let [_, native, other] = three_cameras(&mut bench);
    bench.hub.set_alternatives(native, vec![other]);
    let slot = modest_viewer(&mut bench, native);
    bench.pause(slot);
    assert_eq!(bench.status(slot).stream, "2");
    bench.resume(slot, None);
    assert_eq!(shown(&bench, slot), active("3", Some("2")));
}

#[test]
fn an_alternative_that_can_not_be_reached_says_so_and_is_waited_for() {
    let mut bench = Bench::new();
    let [_, native, other] = three_cameras(&mut bench);
    bench.hub.set_alternatives(native, vec![other]);
    bench.offline(other);
    let slot = modest_viewer(&mut bench, native);
    assert_eq!(bench.status(slot).status, Status::Offline);
    assert_eq!(bench.status(slot).stream, "3");
    bench.live(other);
    assert_eq!(shown(&bench, slot), active("3", Some("2")));
}

#[test]
fn a_stream_that_nobody_can_be_sent_has_an_alternative_too() {
    let mut bench = Bench::new();
    let [native, _, other] = three_cameras(&mut bench);
    bench.hub.set_alternatives(native, vec![other]);
    let slot = modest_viewer(&mut bench, native);
    bench.unsupported(native);
    assert_eq!(shown(&bench, slot), active("3", Some("1")));
}

/// A camera, and two publishers who count their pictures from somewhere else.
fn camera_and_publishers(bench: &mut Bench) -> [SourceId; 3] {
    let camera = bench.warm_camera(50);
    let _unused = [(); 4].map(|()| bench.camera(50));
    [camera, bench.warm_camera(50), bench.warm_camera(50)]
}

#[test]
fn publishers_are_switched_among_cameras_from_their_caches_under_numbers_of_the_slot() {
    let mut bench = Bench::new();
    let [camera, first, second] = camera_and_publishers(&mut bench);
    bench.adjust(second).film.disposable_every = 3;
    bench.wait(ms(1000));
    let slot = bench.unconnected_viewer(&[camera])[0];
    bench.takes(slot, &[H264, Vp8]);
    bench.connect(slot);
    let mut shown = vec![bench.seen().cameras(slot)];
    for next in [first, second, first, camera, second, camera] {
        bench.switch(slot, next);
        shown.push(bench.seen().cameras(slot));
        bench.wait(ms(200));
        bench.forget();
    }
    // Each at once; that the ids go on is what every screen is held to.
    assert_eq!(shown, [[1], [6], [7], [6], [1], [7], [1]].map(|it| it.to_vec()));
}

#[test]
fn a_publishers_payloads_are_shared_while_its_own_numbers_serve() {
    let mut bench = Bench::new();
    let [camera, first, second] = camera_and_publishers(&mut bench);
    let key = bench.shoot_key(first);
    let original = bench.hub.source(first).unwrap().cache.frames().next().unwrap().clone();
    assert_eq!(crate::picture::Picture::of(&original), key);
    let slots = [first, second, camera].map(|id| bench.viewer(&[id])[0]);
    slots[1..].iter().for_each(|slot| bench.switch(*slot, first));
    let seen = bench.seen();
    let is_shared = slots.map(|slot| {
        let sent = seen.sent(slot).find(|(_, picture, _)| *picture == key).unwrap().2;
        std::sync::Arc::ptr_eq(&sent.frame, &original)
    });
    assert_eq!(is_shared, [true, false, true], "one has shown another publisher");
}
