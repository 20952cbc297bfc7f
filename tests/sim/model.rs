//! What must be true: a shadow of each slot, which knows what was asked for and what happened,
//! and nothing of how the matrix works.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crosspoint::engine::codec::VideoCodec;
use crosspoint::engine::frame::{AudioEgress, Egress};
use crosspoint::engine::status::{SlotStatus, Status};
use crosspoint::engine::viewer::{SlotKey, ViewerId};

use super::ms;
use super::picture::{Part, Picture, codec_of};
use super::screen::Screen;
use super::voice::{Heard, Voice};
use super::watcher::Arrived;

/// 20 ms: a picture comes up to 8 ms after it was taken, and a burst is a tick a picture.
const CLOCK_ERROR_MAX_TICKS: u128 = 1_800;

/// A switch that must be seen in time.
#[derive(Debug, Clone, Copy)]
pub struct Promise {
    pub camera: usize,
    /// The first picture is on the screen by then.
    pub picture_by: Duration,
    /// The picture is as young as a live one by then.
    pub live_by: Duration,
    pub is_seen: bool,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Duration,
    part: Part,
    rtp_timestamp: u32,
}

/// The shadow of a slot.
#[derive(Debug, Default)]
pub struct Slot {
    pub shown: Option<usize>,
    pub wanted: Option<usize>,
    pub is_paused: bool,
    pub promise: Option<Promise>,
    pub sent_at: Duration,
    pub shown_since: Duration,
    /// A key of what is shown must be on the screen by then: the receiver has asked for it.
    pub repair_by: Option<Duration>,
    pub voice: Voice,
    last: Option<usize>,
    has_failed: bool,
    /// A departure and its timestamp, to hold all later ones against.
    clock: Option<(Duration, u32)>,
    screen: Screen,
    /// By sequence number.
    sent: BTreeMap<u64, Sent>,
}

impl Slot {
    pub fn new(camera: usize) -> Self {
        Self { wanted: Some(camera), last: Some(camera), ..Self::default() }
    }

    pub fn switch(&mut self, camera: usize) {
        (self.is_paused, self.has_failed) = (false, false);
        (self.promise, self.repair_by) = (None, None);
        self.wanted = (self.shown != Some(camera)).then_some(camera);
        self.last = Some(camera);
    }

    pub fn pause(&mut self) {
        (self.is_paused, self.promise, self.repair_by) = (true, None, None);
        (self.shown, self.wanted) = (None, None);
    }

    pub fn resume(&mut self) {
        if let Some(last) = self.last {
            self.switch(last);
        }
    }

    /// Whether a packet could have been asked for again: it is missed when the one after it
    /// comes, can be had for a second, and the viewers' str0m remembers a hundred.
    pub fn is_repairable(&self, missing: u64, next: u64) -> bool {
        let Some(lost) = self.sent.get(&missing).map(|sent| sent.at) else { return false };
        let within =
            |number, time| self.sent.get(&number).is_some_and(|sent: &Sent| sent.at < lost + time);
        within(next, ms(800)) && !within(missing + 90, ms(900))
    }

    fn send(&mut self, now: Duration, egress: &Egress) -> Result<Picture, String> {
        let picture = self.screen.take(egress)?;
        let camera = usize::from(picture.camera);
        if self.is_paused {
            return Err(format!("{picture:?} on a paused slot"));
        }
        if self.shown != Some(camera) {
            if self.wanted != Some(camera) {
                return Err(format!("{picture:?} though {:?} is wanted", self.wanted));
            }
            (self.shown, self.shown_since) = (self.wanted.take(), now);
        }
        self.sent_at = now;
        self.check_clock(now, egress.rtp_timestamp)?;
        for (number, payload) in (egress.first_sequence_number..).zip(egress.frame.payloads.iter())
        {
            let part = Part::read(payload).ok_or("a payload that no camera sent")?;
            self.sent.insert(number, Sent { at: now, part, rtp_timestamp: egress.rtp_timestamp });
        }
        Ok(picture)
    }

    /// Whatever is shown, the slot's clock goes with the time.
    fn check_clock(&mut self, now: Duration, rtp_timestamp: u32) -> Result<(), String> {
        let (then, base) = *self.clock.get_or_insert((now, rtp_timestamp));
        let expected = (now - then).as_micros() * 9 / 100;
        let ticks = u128::from(rtp_timestamp.wrapping_sub(base));
        // A whole session is far from the wrap of the timestamp.
        let error = (ticks.abs_diff(expected)).min(u128::from(u32::MAX) - ticks);
        if error > CLOCK_ERROR_MAX_TICKS {
            return Err(format!("the clock is {error} ticks off"));
        }
        Ok(())
    }

    pub fn summary(&self) -> String {
        let Self { shown, wanted, is_paused, last, has_failed, .. } = self;
        format!(
            "shown is {shown:?}, wanted {wanted:?} (failed: {has_failed}), last {last:?}, \
             paused: {is_paused}"
        )
    }

    fn hear(&mut self, status: &SlotStatus, camera: usize, is_up: bool) -> Result<(), String> {
        let is_true = match status.status {
            Status::Active => self.shown == Some(camera) && is_up,
            Status::Paused => self.is_paused && self.last == Some(camera),
            Status::Pending => !is_up,
            Status::Buffering => is_up && !self.is_paused,
            Status::Offline => !self.is_paused,
            Status::Error | Status::Inactive => false,
        };
        if !is_true {
            return Err(format!("{status:?} is not true of a slot of which {}", self.summary()));
        }
        if self.wanted == Some(camera) {
            self.has_failed |= status.status == Status::Offline;
        } else if self.wanted.take().is_some() {
            if !self.has_failed {
                return Err(format!("a switch was dropped without a word: {status:?}"));
            }
            self.last = Some(camera);
        }
        Ok(())
    }
}

/// All shadows.
#[derive(Debug, Default)]
pub struct Model {
    pub slots: BTreeMap<SlotKey, Slot>,
    pub connected: BTreeSet<ViewerId>,
    /// Those that can't decode H.265.
    pub modest: BTreeSet<ViewerId>,
}

/// The camera that stands for one of H.265.
pub fn alternative(camera: usize) -> usize {
    camera - 1
}

impl Model {
    /// The camera that a viewer is shown who asks for this one.
    pub fn shown_to(&self, viewer: ViewerId, camera: usize) -> usize {
        let is_beyond = codec_of(camera) == VideoCodec::H265 && self.modest.contains(&viewer);
        if is_beyond { alternative(camera) } else { camera }
    }

    pub fn join(&mut self, viewer: ViewerId, cameras: &[usize]) {
        for (position, camera) in cameras.iter().enumerate() {
            let camera = self.shown_to(viewer, *camera);
            self.slots.insert(SlotKey { viewer, position }, Slot::new(camera));
        }
    }

    pub fn leave(&mut self, viewer: ViewerId) {
        self.connected.remove(&viewer);
        self.modest.remove(&viewer);
        self.slots.retain(|key, _| key.viewer != viewer);
    }

    pub fn send(&mut self, now: Duration, key: SlotKey, egress: &Egress) -> Result<(), String> {
        if !self.connected.contains(&key.viewer) {
            return Err("media before ICE and DTLS are up".to_owned());
        }
        let slot = self.slots.get_mut(&key).ok_or("media for a slot that is gone")?;
        slot.send(now, egress).map_err(|rule| format!("{key:?} {rule}")).map(|_| ())
    }

    pub fn say(&mut self, now: Duration, key: SlotKey, egress: &AudioEgress) -> Result<(), String> {
        if !self.connected.contains(&key.viewer) {
            return Err("audio before ICE and DTLS are up".to_owned());
        }
        let slot = self.slots.get_mut(&key).ok_or("audio for a slot that is gone")?;
        slot.voice.send(now, slot.shown, egress).map_err(|rule| format!("{key:?} {rule}"))
    }

    pub fn listen(&self, key: SlotKey, heard: &Heard) -> Result<(), String> {
        let Some(slot) = self.slots.get(&key) else { return Ok(()) };
        slot.voice.hear(heard).map_err(|rule| format!("{key:?} {rule}"))
    }

    pub fn probe(&mut self, key: SlotKey, egress: &Egress) -> Result<(), String> {
        let slot = self.slots.get_mut(&key).ok_or("a probe for a slot that is gone")?;
        slot.screen.probe(egress).map_err(|rule| format!("{key:?} {rule}"))
    }

    pub fn hear(&mut self, key: SlotKey, status: &SlotStatus) -> Result<(), String> {
        let is_up = self.connected.contains(&key.viewer);
        let named = status.stream.parse().map_err(|_| format!("no stream: {status:?}"))?;
        let camera = self.shown_to(key.viewer, named);
        if status.status == Status::Active && camera != named {
            return Err(format!("{key:?} can't decode {status:?}"));
        }
        // Removed in the same turn: nobody hears it.
        let Some(slot) = self.slots.get_mut(&key) else { return Ok(()) };
        slot.hear(status, camera, is_up)
    }

    /// What arrives is what was sent under that number.
    pub fn arrive(&self, key: SlotKey, arrived: &Arrived) -> Result<(), String> {
        let Some(slot) = self.slots.get(&key) else { return Ok(()) };
        let is_it =
            |sent: &&Sent| (sent.part, sent.rtp_timestamp) == (arrived.part, arrived.rtp_timestamp);
        if slot.sent.get(&arrived.sequence_number).filter(is_it).is_some() {
            return Ok(());
        }
        Err(format!("{key:?} received {arrived:?}, which was never sent"))
    }

    /// A picture is on the screen.
    pub fn show(&mut self, key: SlotKey, picture: Picture, is_live: bool) {
        let Some(slot) = self.slots.get_mut(&key) else { return };
        let camera = usize::from(picture.camera);
        slot.repair_by = slot.repair_by.filter(|_| !picture.is_key());
        if let Some(promise) = slot.promise.as_mut().filter(|promise| promise.camera == camera) {
            promise.is_seen = true;
            if is_live {
                slot.promise = None;
            }
        }
    }

    /// The camera made a key: who waited for it has it now.
    pub fn check_key(&self, camera: usize) -> Result<(), String> {
        let waits = |(key, slot): &(&SlotKey, &Slot)| {
            self.connected.contains(&key.viewer) && slot.wanted == Some(camera)
        };
        match self.slots.iter().find(waits) {
            Some((key, _)) => Err(format!("{key:?} still waits after a key of {camera}")),
            None => Ok(()),
        }
    }

    pub fn check_promises(&self, now: Duration) -> Result<(), String> {
        for (key, slot) in &self.slots {
            if slot.wanted.is_some() && slot.shown.is_some() && slot.has_failed {
                return Err(format!("{key:?} still waits for what has failed"));
            }
            if slot.repair_by.is_some_and(|by| now > by) {
                return Err(format!("{key:?} was not repaired"));
            }
            let Some(promise) = slot.promise else { continue };
            let is_late = !promise.is_seen && now > promise.picture_by;
            if is_late || now > promise.live_by {
                return Err(format!("{key:?} is late: {promise:?}"));
            }
        }
        Ok(())
    }

    /// A camera has failed or faltered: nothing is promised of it.
    pub fn excuse(&mut self, camera: usize) {
        for slot in self.slots.values_mut() {
            slot.promise = slot.promise.filter(|promise| promise.camera != camera);
            slot.repair_by = slot.repair_by.filter(|_| slot.shown != Some(camera));
        }
    }

    pub fn excuse_viewer(&mut self, viewer: ViewerId) {
        for (_, slot) in self.slots.iter_mut().filter(|(key, _)| key.viewer == viewer) {
            (slot.promise, slot.repair_by) = (None, None);
        }
    }
}
