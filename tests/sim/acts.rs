//! What may happen in a world, done to the world and noted in the shadows of its slots.

use std::net::SocketAddr;

use crosspoint::engine::viewer::{SlotKey, ViewerId};

use super::model::Promise;
use super::network::Link;
use super::script::{Act, Character};
use super::watcher::Watcher;
use super::world::{CAMERAS, Step, World};
use super::{instant, ms};

const WATCHERS_MAX: usize = 3;
const SLOTS_MAX: u64 = 4;

impl World {
    /// Viewers that are there.
    pub(super) fn present(&self) -> Vec<ViewerId> {
        let present = self.watchers.iter().filter(|(_, watcher)| !watcher.has_left);
        present.map(|(viewer, _)| *viewer).collect()
    }

    pub(super) fn any_connected(&self) -> Option<ViewerId> {
        let watches = |viewer: &ViewerId| self.model.connected.contains(viewer);
        self.present().into_iter().find(watches)
    }

    /// Something happens to somebody.
    pub(super) fn act(&mut self, act: Act) -> Step {
        let camera = usize::try_from(self.prng.below(CAMERAS as u64)).unwrap();
        let others = usize::try_from(self.prng.below(CAMERAS as u64)).unwrap();
        let present = self.present();
        let slots: Vec<SlotKey> =
            self.model.slots.keys().filter(|key| present.contains(&key.viewer)).copied().collect();
        let Some(viewer) = (!present.is_empty()).then(|| self.prng.pick(&present)) else {
            return self.join();
        };
        let slot = (!slots.is_empty()).then(|| self.prng.pick(&slots));
        self.note(format!("{act:?} {slot:?} camera {camera}"));
        match (act, slot) {
            (Act::Join, _) => self.join()?,
            (Act::Leave, _) if self.watchers[&viewer].up.is_down => {}
            (Act::Leave, _) => self.leave(viewer)?,
            (Act::LosePictures, _) => {
                self.model.excuse(camera);
                let pictures = 1 + self.prng.below(3);
                self.cameras[camera].lose(pictures);
            }
            (Act::BreakCamera, _) => self.break_camera(camera)?,
            (Act::ResizeCamera, _) => self.cameras[camera].resize(),
            (Act::ChangeWeather, _) => self.change_weather(viewer),
            (_, None) => {}
            (Act::Switch, Some(slot)) => self.switch(slot, camera)?,
            (Act::SwitchTwice, Some(slot)) => {
                self.switch(slot, others)?;
                self.switch(slot, camera)?;
            }
            (Act::SwitchAll, Some(slot)) => {
                for slot in slots.iter().filter(|other| other.viewer == slot.viewer) {
                    self.switch(*slot, camera)?;
                }
            }
            (Act::Pause, Some(slot)) => {
                self.model.slots.get_mut(&slot).unwrap().pause();
                self.server.hub.pause(instant(self.now), slot);
            }
            (Act::Resume, Some(slot)) => {
                self.model.slots.get_mut(&slot).unwrap().resume();
                self.server.hub.resume(instant(self.now), slot, None);
            }
            (Act::Complain, Some(slot)) => self.complain(slot)?,
            (Act::Keyframe, Some(slot)) => {
                self.server.hub.request_keyframe(instant(self.now), slot);
            }
        }
        self.settle()
    }

    fn switch(&mut self, key: SlotKey, camera: usize) -> Step {
        self.report.switches += 1;
        let asked = self.cameras[camera].id;
        let camera = self.model.shown_to(key.viewer, camera);
        let slot = self.model.slots.get_mut(&key).unwrap();
        let is_shown = slot.shown == Some(camera);
        slot.switch(camera);
        let id = self.cameras[camera].id;
        let is_cached = self.server.hub.source(id).is_some_and(|source| source.cache.is_valid());
        let watcher = &self.watchers[&key.viewer];
        let is_up = self.model.connected.contains(&key.viewer) && !watcher.down.is_down;
        let is_steady = self.now > self.cameras[camera].steady_since + ms(500);
        if is_cached && is_up && is_steady && !is_shown {
            let weather = watcher.down.weather;
            let on_the_way = weather.delay + weather.jitter;
            let picture_by = self.now + on_the_way + self.character.slack();
            let live_by = picture_by + ms(600);
            let promise = Promise { camera, picture_by, live_by, is_seen: false };
            self.model.slots.get_mut(&key).unwrap().promise = Some(promise);
        }
        self.server.hub.switch(instant(self.now), key, asked);
        self.settle()
    }

    /// The decoder of a slot gives up.
    fn complain(&mut self, key: SlotKey) -> Step {
        let watcher = self.watchers.get_mut(&key.viewer).unwrap();
        let slot = self.model.slots.get_mut(&key).unwrap();
        let camera = slot.shown.map(|camera| &self.cameras[camera]);
        // In the middle of a replay, or of another repair, there is nothing to be repaired.
        let quiet_since = slot.shown_since.max(self.complained_at) + ms(1_000);
        let is_cached = camera.is_some_and(|camera| {
            let source = self.server.hub.source(camera.id);
            self.now > camera.steady_since && source.is_some_and(|source| source.cache.is_valid())
        });
        if self.character == Character::Calm && is_cached && self.now > quiet_since {
            let weather = watcher.down.weather;
            let there_and_back = (weather.delay + weather.jitter) * 2;
            slot.repair_by = Some(self.now + there_and_back + self.character.slack());
        }
        self.complained_at = self.now;
        watcher.complain(key.position);
        let outcome = watcher.handle_timeout(self.now)?;
        self.take(key.viewer, outcome)
    }

    fn break_camera(&mut self, camera: usize) -> Step {
        self.model.excuse(camera);
        let until = self.now + self.prng.ms(200, 3_000);
        if let Some(news) = self.cameras[camera].break_until(self.now, until) {
            self.tell(camera, news)?;
        }
        Ok(())
    }

    fn change_weather(&mut self, viewer: ViewerId) {
        self.model.excuse_viewer(viewer);
        let weather = self.character.weather(&mut self.prng);
        let watcher = self.watchers.get_mut(&viewer).unwrap();
        (watcher.up.weather, watcher.down.weather) = (weather, weather);
    }

    /// A viewer comes.
    pub(super) fn join(&mut self) -> Step {
        if self.present().len() >= WATCHERS_MAX {
            return Ok(());
        }
        self.joined += 1;
        let viewer = ViewerId(self.joined);
        let slots = 1 + self.prng.below(SLOTS_MAX);
        let cameras: Vec<usize> =
            (0..slots).map(|_| usize::try_from(self.prng.below(CAMERAS as u64)).unwrap()).collect();
        let ids: Vec<_> = cameras.iter().map(|camera| self.cameras[*camera].id).collect();
        let weather = self.character.weather(&mut self.prng);
        let links = (Link::new(weather, self.prng.fork()), Link::new(weather, self.prng.fork()));
        let host = u8::try_from(self.joined).unwrap();
        let address = SocketAddr::from(([198, 51, 100, host], 5_000));
        self.note(format!("{viewer:?} joins with {cameras:?}"));
        let takes_h265 = self.prng.chance(600);
        if !takes_h265 {
            self.model.modest.insert(viewer);
        }
        self.model.join(viewer, &cameras);
        let (now, server, prng) = (self.now, &mut self.server, &mut self.prng);
        let watcher = Watcher::new(now, address, (cameras.len(), takes_h265), links, |offer| {
            server.join(now, viewer, &ids, offer, prng)
        });
        self.watchers.insert(viewer, watcher);
        self.settle()
    }

    /// A viewer goes, and says so.
    pub(super) fn leave(&mut self, viewer: ViewerId) -> Step {
        self.note(format!("{viewer:?} says goodbye"));
        let outcome = self.watchers.get_mut(&viewer).unwrap().close(self.now)?;
        self.model.excuse_viewer(viewer);
        self.take(viewer, outcome)
    }
}
