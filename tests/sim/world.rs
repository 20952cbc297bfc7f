//! The world itself: one loop that jumps from deadline to deadline and checks every step.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crosspoint::engine::codec::VideoCodec;
use crosspoint::engine::gop::GopLimits;
use crosspoint::engine::hub::Output;
use crosspoint::engine::keyframe::Method;
use crosspoint::engine::source::SourceOptions;
use crosspoint::engine::status::Status;
use crosspoint::engine::viewer::{SlotKey, ViewerId};
use crosspoint::peer::EndReason;

use super::camera::{Camera, News};
use super::model::{Model, alternative};
use super::network::{Datagram, Network};
use super::picture::codec_of;
use super::prng::Prng;
use super::script::{Character, draw};
use super::server::{ADDRESS, Done, GOP_TOTAL_MAX_BYTES, Server};
use super::voice::CODECS;
use super::watcher::{Outcome, Watcher};
use super::{instant, ms};

pub(super) const CAMERAS: usize = 5;
/// The first of them are always connected.
const WARM_CAMERAS: usize = 2;
const LINGER: Duration = Duration::from_secs(2);
/// How long things happen before they calm down.
const TURMOIL: Duration = Duration::from_secs(8);
const OUTAGE: Duration = Duration::from_secs(9);
/// A viewer that vanished is released within this.
const RELEASE: Duration = Duration::from_secs(25);
/// More inputs than this within a millisecond are a loop without an end.
const SPIN_MAX: u32 = 20_000;
const TRACE_LINES: usize = 60;

/// What a run came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    pub sent: u64,
    pub decoded: u64,
    pub switches: u64,
    pub complaints: u64,
    pub lost: u64,
    /// Packets of audio.
    pub heard: u64,
    /// Of everything that left the matrix, in order.
    pub digest: u64,
}

pub struct World {
    pub now: Duration,
    pub trace: VecDeque<String>,
    pub is_loud: bool,
    pub report: Report,
    pub(super) character: Character,
    pub(super) prng: Prng,
    pub(super) cameras: Vec<Camera>,
    pub(super) server: Server,
    pub(super) watchers: BTreeMap<ViewerId, Watcher>,
    pub(super) network: Network,
    pub(super) model: Model,
    pub(super) ended: BTreeMap<ViewerId, (Duration, EndReason)>,
    pub(super) joined: u64,
    pub(super) spin: (u128, u32),
    pub(super) check_at: Duration,
    pub(super) complained_at: Duration,
}

pub(super) type Step = Result<(), String>;

impl World {
    pub fn new(seed: u64) -> Self {
        Self {
            now: ms(1),
            trace: VecDeque::new(),
            is_loud: false,
            report: Report::default(),
            character: Character::of(seed),
            prng: Prng::new(seed),
            cameras: Vec::new(),
            server: Server::new(),
            watchers: BTreeMap::new(),
            network: Network::default(),
            model: Model::default(),
            ended: BTreeMap::new(),
            joined: 0,
            spin: (0, 0),
            check_at: Duration::ZERO,
            complained_at: Duration::ZERO,
        }
    }

    /// A whole run; the rule that was broken, if one was.
    pub fn run(&mut self) -> Step {
        self.install_cameras()?;
        self.live(ms(500))?;
        self.join()?;
        self.live(ms(300))?;
        match self.character {
            Character::Calm | Character::Lossy => self.turmoil(TURMOIL)?,
            Character::Outage => self.outage()?,
            Character::Vanish => self.vanish()?,
        }
        self.calm_down()?;
        self.go_home()
    }

    fn install_cameras(&mut self) -> Step {
        for number in 0..CAMERAS {
            let options = SourceOptions {
                warm: number < WARM_CAMERAS,
                linger: LINGER,
                gop: GopLimits { max_frames: 150, max_bytes: 200_000 },
                keyframe: vec![Method::Rtcp],
            };
            let at = instant(self.now);
            let id = self.server.hub.add_source(at, number.to_string(), options);
            let prng = self.prng.fork();
            let is_small = self.character != Character::Calm;
            self.cameras.push(Camera::new(id, is_small, prng));
            // As if all had been connected before: what they send is known.
            self.server.hub.handle_codec(at, id, codec_of(number));
        }
        for number in (0..CAMERAS).filter(|number| codec_of(*number) == VideoCodec::H265) {
            let others = vec![self.cameras[alternative(number)].id];
            self.server.hub.set_alternatives(self.cameras[number].id, others);
        }
        self.settle()
    }

    fn turmoil(&mut self, time: Duration) -> Step {
        let end = self.now + time;
        while self.now < end {
            let pause = self.prng.ms(10, 400);
            self.live(pause)?;
            let act = draw(&mut self.prng);
            self.act(act)?;
        }
        Ok(())
    }

    /// A viewer is cut off and comes back: its session goes on.
    fn outage(&mut self) -> Step {
        self.turmoil(TURMOIL / 4)?;
        let Some(viewer) = self.any_connected() else { return Ok(()) };
        self.note(format!("{viewer:?} is cut off"));
        self.cut(viewer, true);
        self.turmoil(OUTAGE)?;
        self.cut(viewer, false);
        self.note(format!("{viewer:?} is back"));
        self.live(ms(1_000))?;
        match self.ended.get(&viewer) {
            None => Ok(()),
            Some(ended) => Err(format!("{viewer:?} was cut off for {OUTAGE:?}: {ended:?}")),
        }
    }

    /// A viewer goes without a goodbye: it is released.
    fn vanish(&mut self) -> Step {
        self.turmoil(TURMOIL / 4)?;
        let Some(viewer) = self.any_connected() else { return Ok(()) };
        self.note(format!("{viewer:?} vanishes"));
        self.watchers.get_mut(&viewer).unwrap().has_left = true;
        self.cut(viewer, true);
        self.turmoil(OUTAGE)?;
        if self.ended.contains_key(&viewer) {
            return Err(format!("{viewer:?} ended within {OUTAGE:?} of silence"));
        }
        for other in self.present() {
            self.leave(other)?;
        }
        self.live(RELEASE - OUTAGE)?;
        match self.ended.get(&viewer) {
            Some((_, EndReason::ConnectionLost)) => Ok(()),
            other => Err(format!("{viewer:?} vanished {RELEASE:?} ago: {other:?}")),
        }
    }

    fn cut(&mut self, viewer: ViewerId, is_down: bool) {
        let watcher = self.watchers.get_mut(&viewer).unwrap();
        (watcher.up.is_down, watcher.down.is_down) = (is_down, is_down);
        self.model.excuse_viewer(viewer);
    }

    /// Everything is well again: everybody sees live pictures of what was asked for.
    fn calm_down(&mut self) -> Step {
        for watcher in self.watchers.values_mut().filter(|watcher| !watcher.has_left) {
            for link in [&mut watcher.up, &mut watcher.down] {
                link.weather.loss_per_mille = 0;
            }
        }
        for camera in &mut self.cameras {
            camera.lose(0);
        }
        self.note("it calms down".to_owned());
        self.live(ms(9_000))?;
        for (viewer, watcher) in self.watchers.iter().filter(|(_, watcher)| !watcher.has_left) {
            for (position, track) in watcher.tracks.iter().enumerate() {
                let key = SlotKey { viewer: *viewer, position };
                let status = self.server.hub.status(key).ok_or("a slot is gone")?;
                if self.model.slots[&key].is_paused {
                    continue;
                }
                let shown = track.shown().ok_or(format!("{key:?} never showed a picture"))?;
                let (camera, weather) = (usize::from(shown.camera), watcher.down.weather);
                if status.status != Status::Active || status.stream != camera.to_string() {
                    return Err(format!("{key:?} is {status:?} and shows {shown:?}"));
                }
                let camera = &self.cameras[camera];
                let age = camera.age(shown, self.now);
                if age > camera.every + weather.delay + weather.jitter + ms(30) {
                    return Err(format!("{key:?} shows {shown:?}, {age:?} old"));
                }
                let slot = &self.model.slots[&key];
                let is_repairable = |hole: &&(u64, u64)| slot.is_repairable(hole.0, hole.1);
                let unrepaired = track.missing().iter().filter(is_repairable).count();
                if unrepaired > 0 && self.character != Character::Outage {
                    return Err(format!("{key:?} misses {unrepaired} packets for good"));
                }
            }
        }
        self.complaints()
    }

    fn complaints(&self) -> Step {
        let complaints: u64 = self
            .watchers
            .values()
            .flat_map(|watcher| &watcher.tracks)
            .map(|track| track.complaints)
            .sum();
        if self.character == Character::Calm && complaints > 0 {
            return Err(format!("{complaints} picture losses on a network that loses nothing"));
        }
        Ok(())
    }

    /// Everybody leaves: nothing is left behind.
    fn go_home(&mut self) -> Step {
        for watcher in self.watchers.values() {
            self.report.decoded += watcher.tracks.iter().map(|track| track.decoded).sum::<u64>();
            self.report.complaints +=
                watcher.tracks.iter().map(|track| track.complaints).sum::<u64>();
        }
        self.report.lost = self.network.lost;
        for viewer in self.present() {
            self.leave(viewer)?;
        }
        // Whose goodbye was lost is released after 15 s, who never was connected after 30.
        self.live(LINGER + ms(31_000))?;
        if self.server.hub.viewer_count() > 0 {
            return Err("a viewer who said goodbye is still there".to_owned());
        }
        for (number, camera) in self.cameras.iter_mut().enumerate() {
            if camera.is_off() == (number < WARM_CAMERAS) {
                return Err(format!("camera {number} is not as it was before the viewers"));
            }
            let source = self.server.hub.source(camera.id).ok_or("a source is gone")?;
            let (held, cached) = (camera.held_bytes(), source.cache.bytes());
            if held != cached || !source.subscribers.is_empty() {
                return Err(format!("{held} bytes of camera {number} are held, {cached} cached"));
            }
        }
        Ok(())
    }
}

/// Time.
impl World {
    /// Lets time pass.
    fn live(&mut self, time: Duration) -> Step {
        let end = self.now + time;
        loop {
            let next = self.next_deadline();
            if next > end {
                self.now = end;
                return Ok(());
            }
            self.advance(next)?;
        }
    }

    fn next_deadline(&self) -> Duration {
        let cameras = self.cameras.iter().filter_map(Camera::poll_timeout);
        let watchers = self.watchers.values().filter_map(Watcher::poll_timeout);
        let network = self.network.poll_timeout();
        let server = self.server.poll_timeout();
        cameras.chain(watchers).chain(network).chain(server).chain([self.check_at]).min().unwrap()
    }

    fn advance(&mut self, to: Duration) -> Step {
        self.now = self.now.max(to);
        let millisecond = self.now.as_millis();
        self.spin = (millisecond, if self.spin.0 == millisecond { self.spin.1 + 1 } else { 0 });
        if self.spin.1 > SPIN_MAX {
            return Err("somebody wants to be woken without an end".to_owned());
        }
        while let Some(datagram) = self.network.receive(self.now) {
            if datagram.to == ADDRESS {
                self.server.handle_datagram(self.now, &datagram);
                self.settle()?;
                continue;
            }
            let to = self.watchers.iter_mut().find(|(_, w)| w.address == datagram.to);
            if let Some((viewer, watcher)) = to.filter(|(_, watcher)| !watcher.has_left) {
                let (viewer, outcome) = (*viewer, watcher.handle_datagram(self.now, &datagram)?);
                self.take(viewer, outcome)?;
            }
        }
        for camera in 0..self.cameras.len() {
            for news in self.cameras[camera].handle_timeout(self.now) {
                self.tell(camera, news)?;
            }
        }
        self.server.handle_timeout(self.now);
        self.settle()?;
        for viewer in self.present() {
            let watcher = self.watchers.get_mut(&viewer).unwrap();
            if watcher.poll_timeout().is_some_and(|due| due <= self.now) {
                let outcome = watcher.handle_timeout(self.now)?;
                for complaint in &outcome.complaints {
                    self.note(format!("{viewer:?} complains: {complaint}"));
                }
                self.take(viewer, outcome)?;
            }
        }
        self.check()
    }

    pub(super) fn tell(&mut self, camera: usize, news: News) -> Step {
        let (id, at) = (self.cameras[camera].id, instant(self.now));
        let hub = &mut self.server.hub;
        match news {
            News::Health(health) => {
                if health.failure().is_some() {
                    self.model.excuse(camera);
                }
                hub.handle_health(at, id, health);
            }
            News::Gap => hub.handle_gap(at, id),
            News::Audio(frame) => hub.handle_audio(at, id, frame),
            News::Frame(picture, frame) => {
                hub.handle_frame(at, id, &frame);
                drop(frame);
                self.settle()?;
                if picture.is_key() {
                    return self.model.check_key(camera);
                }
            }
        }
        self.settle()
    }

    /// Takes what a viewer sends and sees.
    pub(super) fn take(&mut self, viewer: ViewerId, outcome: Outcome) -> Step {
        let watcher = self.watchers.get_mut(&viewer).unwrap();
        for datagram in outcome.datagrams {
            self.network.send(self.now, &mut watcher.up, datagram);
        }
        let weather = watcher.down.weather;
        for arrived in outcome.arrived {
            if std::env::var("XX").is_ok() {
                self.note(format!("ARR {viewer:?} {arrived:?}"));
            }
            let key = SlotKey { viewer, position: arrived.position };
            self.model.arrive(key, &arrived)?;
        }
        for heard in outcome.heard {
            self.report.heard += 1;
            self.model.listen(SlotKey { viewer, position: heard.position }, &heard)?;
        }
        for shown in outcome.shown {
            let key = SlotKey { viewer, position: shown.position };
            let camera = usize::from(shown.picture.camera);
            let age = self.cameras[camera].age(shown.picture, self.now);
            let is_live = age <= weather.delay + weather.jitter + ms(30);
            self.model.show(key, shown.picture, is_live);
        }
        Ok(())
    }

    /// Lets the server come to rest.
    pub(super) fn settle(&mut self) -> Step {
        while let Some(done) = self.server.poll(self.now) {
            self.handle_done(done)?;
        }
        let mut outbox = std::mem::take(&mut self.server.outbox);
        if outbox.is_empty() {
            return Ok(());
        }
        for watcher in self.watchers.values_mut() {
            let (mut own, others): (Vec<Datagram>, _) =
                outbox.into_iter().partition(|datagram| datagram.to == watcher.address);
            own.sort_by_key(|datagram| watcher.place(datagram));
            for datagram in own {
                self.network.send(self.now, &mut watcher.down, datagram);
            }
            outbox = others;
        }
        Ok(())
    }

    fn handle_done(&mut self, done: Done) -> Step {
        match done {
            Done::Hub(Output::Frame(key, egress)) => {
                self.report.sent += 1;
                if std::env::var("XX").is_ok() {
                    self.note(format!(
                        "SND {key:?} {} {} {}",
                        egress.first_sequence_number,
                        egress.frame.payloads.len(),
                        egress.frame.key
                    ));
                }
                self.digest(&[
                    key.viewer.0,
                    key.position as u64,
                    egress.first_sequence_number,
                    u64::from(egress.rtp_timestamp),
                ]);
                self.model.send(self.now, key, &egress)
            }
            Done::Hub(Output::Probe(key, egress)) => {
                self.digest(&[key.viewer.0, egress.first_sequence_number]);
                self.model.probe(key, &egress)
            }
            Done::Hub(Output::Audio(key, egress)) => {
                self.digest(&[egress.sequence_number, u64::from(egress.rtp_timestamp)]);
                self.model.say(self.now, key, &egress)
            }
            Done::Hub(Output::Status(key, status)) => {
                self.note(format!("{key:?} says {status:?}"));
                self.model.hear(key, &status)
            }
            Done::Hub(Output::Start(id)) => self.cameras[id.0].start(self.now),
            Done::Hub(Output::Stop(id)) => self.cameras[id.0].stop(),
            Done::Hub(Output::RequestKeyframe(id, _)) => self.cameras[id.0].request(self.now),
            Done::Connected(viewer) => {
                self.note(format!("{viewer:?} is connected"));
                self.model.connected.insert(viewer);
                Ok(())
            }
            Done::PictureLoss(key) => {
                self.note(format!("{key:?} lost its picture"));
                Ok(())
            }
            Done::Ended(viewer, reason) => {
                self.note(format!("{viewer:?} ended: {reason:?}"));
                self.ended.insert(viewer, (self.now, reason));
                self.model.leave(viewer);
                let has_left = self.watchers[&viewer].has_left;
                if has_left { Ok(()) } else { Err(format!("{viewer:?} was ended: {reason:?}")) }
            }
        }
    }

    fn check(&mut self) -> Step {
        self.model.check_promises(self.now)?;
        if self.now < self.check_at {
            return Ok(());
        }
        self.check_at = self.now + ms(250);
        let cached = self.server.hub.cached_bytes();
        let held: usize = self.cameras.iter_mut().map(Camera::held_bytes).sum();
        let held_max = GOP_TOTAL_MAX_BYTES + self.model.slots.len() * 200_000;
        if cached > GOP_TOTAL_MAX_BYTES || held > held_max {
            return Err(format!("{cached} bytes cached, {held} held"));
        }
        for (key, slot) in &self.model.slots {
            let Some(camera) = slot.shown.map(|camera| &self.cameras[camera]) else { continue };
            let steady_since = camera.steady_since.max(slot.shown_since) + camera.period();
            let is_steady = camera.is_filming() && self.now > steady_since + ms(1_000);
            if is_steady && self.now > slot.sent_at + camera.every * 2 + ms(600) {
                let last = slot.sent_at;
                return Err(format!("{key:?} was sent nothing since {last:?}: {}", slot.summary()));
            }
            let is_heard = CODECS[camera.id.0] != CODECS[4];
            if is_steady && is_heard && self.now > slot.voice.sent_at + ms(150) {
                return Err(format!("{key:?} is silent since {:?}", slot.voice.sent_at));
            }
        }
        Ok(())
    }

    fn digest(&mut self, words: &[u64]) {
        let at = u64::try_from(self.now.as_nanos()).unwrap();
        for word in words.iter().chain(&[at]) {
            self.report.digest =
                (self.report.digest ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(29);
        }
    }

    pub(super) fn note(&mut self, what: String) {
        let line = format!("{:>10.3} ms  {what}", self.now.as_secs_f64() * 1000.0);
        if self.is_loud {
            println!("{line}");
        }
        if self.trace.len() == TRACE_LINES {
            self.trace.pop_front();
        }
        self.trace.push_back(line);
    }
}
