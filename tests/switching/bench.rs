//! A matrix on a bench: cameras that film in virtual time, viewers that watch.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crosspoint::engine::codec::{AudioCodec, VideoCodec};
use crosspoint::engine::frame::{AudioFrame, Frame};
use crosspoint::engine::gop::GopLimits;
use crosspoint::engine::hub::{Hub, HubOptions, Output, SwitchPolicy};
use crosspoint::engine::keyframe::Method;
use crosspoint::engine::source::{Health, Picture as Size, SourceId, SourceOptions};
use crosspoint::engine::status::SlotStatus;
use crosspoint::engine::viewer::{SlotKey, ViewerId};

use crate::picture::{Film, Picture};
use crate::screen::Screen;
use crate::seen::{Event, Seen, What};

/// Every camera of the bench makes 25 pictures a second.
pub const FRAME: Duration = Duration::from_millis(40);
pub const LINGER: Duration = Duration::from_secs(20);
pub const SIZE: Size = Size { width: 640, height: 360 };
pub const BURST_BYTES: u32 = 500_000;
pub const BURST_BYTES_PER_SECOND: u64 = 12_500_000;

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub fn options() -> HubOptions {
    HubOptions {
        policy: SwitchPolicy::Replay,
        burst_bytes: BURST_BYTES,
        burst_bytes_per_second: BURST_BYTES_PER_SECOND,
        gop_total_max_bytes: 64 << 20,
    }
}

pub fn on_demand() -> SourceOptions {
    let gop = GopLimits { max_frames: 600, max_bytes: 8 << 20 };
    SourceOptions { warm: false, linger: LINGER, gop, keyframe: vec![Method::Rtcp] }
}

pub struct Camera {
    id: SourceId,
    pub film: Film,
    pub key_bytes: usize,
    pub delta_bytes: usize,
    next_at: Option<Instant>,
    /// Pictures were lost: the way in passes nothing before the next key.
    has_gap: bool,
}

pub struct Bench {
    pub hub: Hub,
    pub now: Instant,
    start: Instant,
    cameras: BTreeMap<SourceId, Camera>,
    screens: BTreeMap<SlotKey, Screen>,
    seen: Seen,
    viewers: u64,
    frames: Vec<Weak<Frame>>,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(options())
    }

    pub fn with(options: HubOptions) -> Self {
        let start = Instant::now();
        Self {
            hub: Hub::new(options),
            now: start,
            start,
            cameras: BTreeMap::new(),
            screens: BTreeMap::new(),
            seen: Seen::default(),
            viewers: 0,
            frames: Vec::new(),
        }
    }

    /// A camera that is connected on demand and makes a key every `gop` pictures. It is
    /// called by its number: the first is "1".
    pub fn camera(&mut self, gop: u32) -> SourceId {
        self.camera_with(gop, on_demand())
    }

    /// A camera that is always connected, and was long enough to have a few pictures cached.
    pub fn warm_camera(&mut self, gop: u32) -> SourceId {
        let id = self.camera_with(gop, SourceOptions { warm: true, ..on_demand() });
        self.live(id);
        self.wait(FRAME * 5);
        id
    }

    pub fn camera_with(&mut self, gop: u32, options: SourceOptions) -> SourceId {
        let number = u8::try_from(self.cameras.len() + 1).unwrap();
        let id = self.hub.add_source(self.now, number.to_string(), options);
        let film = Film::new(number, gop);
        let (key_bytes, delta_bytes) = (6_000, 1_500);
        let camera = Camera { id, film, key_bytes, delta_bytes, next_at: None, has_gap: false };
        self.cameras.insert(id, camera);
        self.collect();
        id
    }

    pub fn adjust(&mut self, id: SourceId) -> &mut Camera {
        self.cameras.get_mut(&id).unwrap()
    }

    /// The camera is reached and films from now on, beginning with a key.
    pub fn live(&mut self, id: SourceId) {
        self.hub.handle_health(self.now, id, Health::Live(SIZE));
        let now = self.now;
        let camera = self.adjust(id);
        camera.film.cut();
        camera.next_at = Some(now + FRAME);
        camera.has_gap = false;
        self.shoot(id);
    }

    pub fn offline(&mut self, id: SourceId) {
        self.adjust(id).next_at = None;
        let reason = "no route to host".to_owned();
        self.hub.handle_health(self.now, id, Health::Offline { reason });
        self.collect();
    }

    pub fn unsupported(&mut self, id: SourceId) {
        self.adjust(id).next_at = None;
        let reason = "the camera sends H265".to_owned();
        self.hub.handle_health(self.now, id, Health::Unsupported { reason });
        self.collect();
    }

    /// The camera sends nothing for now, without a word.
    pub fn freeze(&mut self, id: SourceId) {
        self.adjust(id).next_at = None;
    }

    /// A picture of the camera is lost on its way in.
    pub fn lose(&mut self, id: SourceId) {
        let camera = self.adjust(id);
        let _lost = camera.film.shoot();
        camera.has_gap = true;
        self.hub.handle_gap(self.now, id);
        self.collect();
    }

    /// The camera makes one picture now, out of its turn.
    pub fn shoot(&mut self, id: SourceId) -> Picture {
        let now = self.now;
        let camera = self.adjust(id);
        let picture = camera.film.shoot();
        camera.has_gap &= !picture.is_key();
        let bytes = if picture.is_key() { camera.key_bytes } else { camera.delta_bytes };
        if !camera.has_gap {
            let frame = picture.frame(now, bytes);
            self.frames.push(Arc::downgrade(&frame));
            self.hub.handle_frame(now, id, &frame);
        }
        self.collect();
        picture
    }

    /// As [`Bench::shoot`], of a key.
    pub fn shoot_key(&mut self, id: SourceId) -> Picture {
        self.adjust(id).film.cut();
        self.shoot(id)
    }

    /// Time passes: cameras film, deadlines are kept.
    pub fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        let mut rounds_at_once = 0;
        loop {
            let filming = self.cameras.values().filter_map(|camera| camera.next_at).min();
            let due = self.hub.poll_timeout();
            let next = [filming, due].into_iter().flatten().min().unwrap_or(end);
            if next > end {
                break;
            }
            rounds_at_once = if next > self.now { 0 } else { rounds_at_once + 1 };
            assert!(rounds_at_once < 100, "the hub wants to be woken without an end");
            self.now = self.now.max(next);
            if due.is_some_and(|due| due <= self.now) {
                self.hub.handle_timeout(self.now);
                self.collect();
            }
            self.film();
            if next >= end && filming.is_none() && due.is_none() {
                break;
            }
        }
        self.now = end;
    }

    fn film(&mut self) {
        let now = self.now;
        let due: Vec<SourceId> = self
            .cameras
            .values_mut()
            .filter(|camera| camera.next_at.is_some_and(|at| at <= now))
            .map(|camera| {
                camera.next_at = Some(now + FRAME);
                camera.id
            })
            .collect();
        for id in due {
            self.shoot(id);
        }
    }

    /// A viewer that is connected, with one slot a source.
    pub fn viewer(&mut self, sources: &[SourceId]) -> Vec<SlotKey> {
        let slots = self.unconnected_viewer(sources);
        self.connect(slots[0]);
        slots
    }

    pub fn unconnected_viewer(&mut self, sources: &[SourceId]) -> Vec<SlotKey> {
        let sources: Vec<_> = sources.iter().map(|source| Some(*source)).collect();
        self.viewer_of(&sources)
    }

    pub fn viewer_of(&mut self, sources: &[Option<SourceId>]) -> Vec<SlotKey> {
        self.viewers += 1;
        let viewer = ViewerId(self.viewers);
        let seeds = (0u64..).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed);
        self.hub.add_viewer(self.now, viewer, sources.iter().copied().zip(seeds));
        self.collect();
        (0..sources.len()).map(|position| SlotKey { viewer, position }).collect()
    }

    pub fn connect(&mut self, slot: SlotKey) {
        self.hub.handle_connected(self.now, slot.viewer);
        self.collect();
    }

    /// What the slot's receiver can decode is known.
    pub fn takes(&mut self, slot: SlotKey, codecs: &[VideoCodec]) {
        self.hub.set_codecs(self.now, slot, codecs.iter().copied().collect());
        self.collect();
    }

    /// The camera has described what it sends.
    pub fn described(&mut self, id: SourceId, codec: VideoCodec) {
        self.hub.handle_codec(self.now, id, codec);
        self.collect();
    }

    pub fn leave(&mut self, slot: SlotKey) {
        self.hub.remove_viewer(self.now, slot.viewer);
        self.collect();
    }

    pub fn switch(&mut self, slot: SlotKey, source: SourceId) {
        self.hub.switch(self.now, slot, source);
        self.collect();
    }

    pub fn pause(&mut self, slot: SlotKey) {
        self.hub.pause(self.now, slot);
        self.collect();
    }

    /// Without a source, what the slot showed last.
    pub fn resume(&mut self, slot: SlotKey, source: Option<SourceId>) {
        self.hub.resume(self.now, slot, source);
        self.collect();
    }

    pub fn request_keyframe(&mut self, slot: SlotKey) {
        self.hub.request_keyframe(self.now, slot);
        self.collect();
    }

    pub fn report_again(&mut self, slot: SlotKey) {
        self.hub.report_again(slot);
        self.collect();
    }

    /// The receiver of the slot sends a PLI.
    pub fn picture_loss(&mut self, slot: SlotKey) {
        self.hub.handle_picture_loss(self.now, slot);
        self.collect();
    }

    pub fn loss(&mut self, slot: SlotKey) {
        self.hub.handle_loss(self.now, slot);
        self.collect();
    }

    /// The camera says something in this codec that was taken so long ago, and is heard now.
    pub fn say(&mut self, id: SourceId, codec: AudioCodec, ago: Duration) {
        self.say_at(id, codec, self.now - ago);
    }

    pub fn say_at(&mut self, id: SourceId, codec: AudioCodec, captured_at: Instant) {
        let payload = vec![u8::try_from(id.0).unwrap(); 160].into();
        let frame = AudioFrame { codec, captured_at, ticks: codec.clock_hz() / 50, payload };
        self.hub.handle_audio(self.now, id, frame);
        self.collect();
    }

    /// The receiver of the slot takes audio.
    pub fn accept_audio(&mut self, slot: SlotKey, codecs: &[AudioCodec]) {
        self.hub.accept_audio(self.now, slot, codecs.to_vec(), 0x5eed);
    }

    /// What came out since the last time.
    pub fn seen(&mut self) -> Seen {
        std::mem::take(&mut self.seen)
    }

    pub fn forget(&mut self) {
        self.seen = Seen::default();
    }

    /// Payload bytes that the matrix keeps alive, wherever it does.
    pub fn held_bytes(&mut self) -> usize {
        self.forget();
        self.frames.iter().filter_map(Weak::upgrade).map(|frame| frame.bytes()).sum()
    }

    pub fn status(&self, slot: SlotKey) -> SlotStatus {
        self.hub.status(slot).unwrap()
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    fn collect(&mut self) {
        let at = self.elapsed();
        while let Some(output) = self.hub.poll_output() {
            let what = match output {
                Output::Frame(key, egress) => {
                    let screen = self.screens.entry(key).or_default();
                    let picture = screen.take(&egress).unwrap_or_else(|rule| panic!("{rule}"));
                    assert!(egress.presented_at <= self.now, "presented in the future");
                    What::Picture(key, picture, egress)
                }
                Output::Probe(key, egress) => {
                    let screen = self.screens.entry(key).or_default();
                    screen.probe(&egress).unwrap_or_else(|rule| panic!("{rule}"));
                    What::Probe(key)
                }
                Output::Audio(key, egress) => {
                    assert!(egress.presented_at <= self.now, "presented in the future");
                    What::Audio(key, egress)
                }
                Output::Status(key, status) => What::Status(key, status),
                Output::Start(id) => What::Start(id),
                Output::Stop(id) => What::Stop(id),
                Output::RequestKeyframe(id, _) => What::Ask(id),
            };
            self.seen.0.push(Event { at, what });
        }
    }
}
