//! Whatever viewers and cameras do, in whatever order: held against a model of what a slot
//! may show.

use std::collections::BTreeMap;

use crosspoint::engine::source::SourceId;
use crosspoint::engine::status::Status;
use crosspoint::engine::viewer::SlotKey;
use proptest::prelude::*;

use crate::bench::{Bench, ms};
use crate::seen::{Seen, What};

const CAMERAS: usize = 5;
const SLOTS: usize = 3;

#[derive(Debug, Clone)]
enum Act {
    Switch(usize, usize),
    Pause(usize),
    Resume(usize),
    PictureLoss(usize),
    Keyframe(usize),
    Lose(usize),
    Offline(usize),
    Live(usize),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let (slot, camera) = (0..SLOTS, 0..CAMERAS);
    prop_oneof![
        8 => (slot.clone(), camera.clone()).prop_map(|(slot, camera)| Act::Switch(slot, camera)),
        8 => (0u64..200).prop_map(Act::Wait),
        1 => slot.clone().prop_map(Act::Pause),
        2 => slot.clone().prop_map(Act::Resume),
        2 => slot.clone().prop_map(Act::PictureLoss),
        1 => slot.prop_map(Act::Keyframe),
        1 => camera.clone().prop_map(Act::Lose),
        1 => camera.clone().prop_map(Act::Offline),
        3 => camera.prop_map(Act::Live),
    ]
}

/// What one slot may show.
#[derive(Debug, Default, Clone)]
struct Model {
    /// The camera whose pictures are on the screen.
    shown: Option<usize>,
    /// The camera that may take over, with a key.
    wanted: Option<usize>,
    /// To come back to.
    last: Option<usize>,
    is_paused: bool,
    /// It was said that `wanted` can't be shown.
    has_failed: bool,
}

impl Model {
    fn switch(&mut self, camera: usize) {
        (self.is_paused, self.has_failed) = (false, false);
        self.wanted = (self.shown != Some(camera)).then_some(camera);
        self.last = Some(camera);
    }

    /// A failed switch is said first, and then what the slot stays with.
    fn hear(&mut self, camera: usize, status: Status) {
        if self.wanted == Some(camera) {
            self.has_failed |= status == Status::Offline;
        } else if self.wanted.take().is_some() {
            assert!(self.has_failed, "a switch was dropped without a word");
            self.last = Some(camera);
        }
    }

    fn show(&mut self, camera: usize, is_key: bool) {
        assert!(!self.is_paused, "camera {camera} on a paused slot");
        if self.shown != Some(camera) {
            assert_eq!(self.wanted, Some(camera), "a camera that nobody asked for");
            assert!(is_key, "camera {camera} without a key");
            self.shown = self.wanted.take();
        }
    }
}

struct Run {
    bench: Bench,
    cameras: Vec<SourceId>,
    slots: Vec<SlotKey>,
    models: BTreeMap<SlotKey, Model>,
    offline: [bool; CAMERAS],
}

impl Run {
    fn new() -> Self {
        let mut bench = Bench::new();
        let cameras: Vec<SourceId> = (0..CAMERAS as u32)
            .map(|n| if n < 3 { bench.warm_camera(15 + n * 11) } else { bench.camera(40) })
            .collect();
        let slots = bench.viewer(&cameras[..SLOTS]);
        let model = |camera| Model { wanted: Some(camera), last: Some(camera), ..Model::default() };
        let models = slots.iter().enumerate().map(|(n, slot)| (*slot, model(n))).collect();
        let seen = bench.seen();
        let mut run = Self { bench, cameras, slots, models, offline: [false; CAMERAS] };
        run.check(&seen);
        run
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Switch(slot, camera) => {
                self.models.get_mut(&self.slots[slot]).unwrap().switch(camera);
                self.bench.switch(self.slots[slot], self.cameras[camera]);
            }
            Act::Pause(slot) => {
                let model = self.models.get_mut(&self.slots[slot]).unwrap();
                *model = Model { last: model.last, is_paused: true, ..Model::default() };
                self.bench.pause(self.slots[slot]);
            }
            Act::Resume(slot) => {
                let model = self.models.get_mut(&self.slots[slot]).unwrap();
                if let Some(last) = model.last {
                    model.switch(last);
                }
                self.bench.resume(self.slots[slot], None);
            }
            Act::PictureLoss(slot) => self.bench.picture_loss(self.slots[slot]),
            Act::Keyframe(slot) => self.bench.request_keyframe(self.slots[slot]),
            Act::Lose(camera) => self.bench.lose(self.cameras[camera]),
            Act::Offline(camera) => {
                self.offline[camera] = true;
                self.bench.offline(self.cameras[camera]);
            }
            Act::Live(camera) => {
                let id = self.cameras[camera];
                if self.bench.hub.source(id).unwrap().is_running() {
                    self.offline[camera] = false;
                    self.bench.live(id);
                }
            }
            Act::Wait(time_ms) => self.bench.wait(ms(time_ms)),
        }
        let seen = self.bench.seen();
        self.check(&seen);
    }

    fn check(&mut self, seen: &Seen) {
        for event in &seen.0 {
            match &event.what {
                What::Audio(slot, _) => panic!("audio on {slot:?}, though nobody takes any"),
                What::Probe(slot) => panic!("a probe on {slot:?}, though nothing was lost"),
                What::Picture(slot, picture, _) => {
                    let camera = usize::from(picture.camera) - 1;
                    self.models.get_mut(slot).unwrap().show(camera, picture.is_key());
                }
                What::Status(slot, status) => {
                    let camera: usize = status.stream.parse::<usize>().unwrap() - 1;
                    let model = self.models.get_mut(slot).unwrap();
                    assert_eq!(model.is_paused, status.status == Status::Paused);
                    match status.status {
                        Status::Active => assert_eq!(model.shown, Some(camera)),
                        Status::Offline => assert!(self.offline[camera]),
                        _ => {}
                    }
                    model.hear(camera, status.status);
                }
                What::Start(id) | What::Stop(id) => {
                    let camera = self.cameras.iter().position(|camera| camera == id).unwrap();
                    self.offline[camera] = false;
                }
                What::Ask(_) => {}
            }
        }
    }

    /// Everything is well again: every slot shows what it was last asked for.
    fn settle(&mut self) {
        for camera in 0..CAMERAS {
            self.act(&Act::Live(camera));
        }
        for slot in 0..SLOTS {
            self.act(&Act::Resume(slot));
        }
        for camera in 0..CAMERAS {
            self.act(&Act::Live(camera));
        }
        self.act(&Act::Wait(1000));
        for slot in &self.slots {
            let status = self.bench.status(*slot);
            let model = &self.models[slot];
            assert_eq!(status.status, Status::Active, "{status:?} {model:?}");
            assert_eq!(model.shown.map(|camera| (camera + 1).to_string()), Some(status.stream));
            assert_eq!(model.shown, model.last, "what was asked for last");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_slot_shows_what_was_asked_for_from_a_key_on_and_nothing_else(
        acts in prop::collection::vec(act(), 1..250)
    ) {
        let mut run = Run::new();
        for act in &acts {
            run.act(act);
        }
        run.settle();
    }
}

#[test]
fn a_thousand_random_switches_keep_every_rule_of_a_slot() {
    let mut prng = crate::prng::Prng::new(7);
    let mut run = Run::new();
    for _ in 0..1000 {
        let (slot, camera) = (prng.below(SLOTS as u64), prng.below(CAMERAS as u64));
        run.act(&Act::Switch(slot as usize, camera as usize));
        if prng.chance(50) {
            run.act(&Act::Live(prng.below(CAMERAS as u64) as usize));
        }
        run.act(&Act::Wait(prng.below(90)));
    }
    run.settle();
}
