//! An output of the matrix: one video track of one viewer, for the session's whole life.
//!
//! The slot's rules are what a receiver's decoder needs: sequence numbers without a gap, and
//! picture numbers where a codec has them, timestamps that only move forward, nothing of a source
//! before an IDR of that source, and the source it shows goes on until the next one has such a
//! picture.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::codec::{VideoCodec, VideoCodecs};
use super::frame::{AudioEgress, AudioFrame, Egress, Frame, Payloads};
use super::picture_numbers::Numbering;
use super::slot_audio::SlotAudio;
use super::source::SourceId;
use super::status::SlotStatus;
use super::tail_probe;
use super::timeline::{Stamp, Timeline};

/// Frames at the start of a session that repeat the playout-delay extension, since any of
/// them may be lost.
const HINTED_FRAMES: u64 = 10;

/// One output.
#[derive(Debug)]
pub struct Slot {
    /// What the viewer has asked for.
    pub wish: Wish,
    /// The newest status that was reported.
    pub reported: Option<SlotStatus>,
    /// When this slot was last repaired from the cache on its receiver's request.
    pub repaired_at: Option<Instant>,
    /// Its audio, if its receiver takes any.
    pub audio: Option<SlotAudio>,
    /// What its receiver can decode; everything, where nobody has said.
    pub takes: Option<VideoCodecs>,
    showing: Option<Bound>,
    /// A picture of `showing` went out: the receiver can decode what follows.
    started: bool,
    wanted: Option<Bound>,
    /// Frames of `showing` that are replayed before live ones follow.
    replay: VecDeque<Arc<Frame>>,
    replay_bytes: usize,
    timeline: Timeline,
    numbering: Numbering,
    last_sent: Option<(VideoCodec, Stamp)>,
    next_sequence_number: u64,
    frames_sent: u64,
    lossy_until: Option<Instant>,
}

/// A source on a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The one that is meant to be shown.
    pub source: SourceId,
    /// The one that was asked for: another, where the receiver can't decode that.
    pub asked: SourceId,
}

impl From<SourceId> for Bound {
    fn from(source: SourceId) -> Self {
        Self { source, asked: source }
    }
}

/// What the viewer has asked a slot for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// A stream that does not exist: the slot keeps its place.
    Unknown,
    /// Pictures.
    Play,
    /// Nothing for now; the source to come back to.
    Pause(SourceId),
}

impl Slot {
    /// A slot that shows nothing. `seed` is random: RFC 3550 section 5.1 wants
    /// unpredictable first sequence numbers and timestamps.
    #[must_use]
    pub fn new(now: Instant, wanted: Option<SourceId>, seed: u64) -> Self {
        let [a, b, c, d, e, f, ..] = seed.to_le_bytes();
        Self {
            wish: if wanted.is_some() { Wish::Play } else { Wish::Unknown },
            reported: None,
            repaired_at: None,
            audio: None,
            takes: None,
            showing: None,
            started: false,
            wanted: wanted.map(Bound::from),
            replay: VecDeque::new(),
            replay_bytes: 0,
            timeline: Timeline::new(now, u32::from_le_bytes([a, b, c, d])),
            numbering: Numbering::default(),
            // Below 2^15: a receiver starts with rollover counter 0 (RFC 3711 3.3.1).
            next_sequence_number: u64::from(u16::from_le_bytes([e, f]) >> 1),
            frames_sent: 0,
            last_sent: None,
            lossy_until: None,
        }
    }

    /// The source whose pictures go out, or went out last.
    #[must_use]
    pub fn showing(&self) -> Option<SourceId> {
        self.showing.map(|bound| bound.source)
    }

    /// The source that is awaited.
    #[must_use]
    pub fn wanted(&self) -> Option<SourceId> {
        self.wanted.map(|bound| bound.source)
    }

    /// What is awaited, or else shown, with what was asked for.
    #[must_use]
    pub fn bound(&self) -> Option<Bound> {
        self.wanted.or(self.showing)
    }

    /// Whether its receiver can decode this.
    #[must_use]
    pub fn takes(&self, codec: VideoCodec) -> bool {
        self.takes.is_none_or(|takes| takes.has(codec))
    }

    /// Whether the receiver has a picture of the source that it shows.
    #[must_use]
    pub fn has_picture(&self) -> bool {
        self.started
    }

    /// Whether cached frames wait to be sent.
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        !self.replay.is_empty()
    }

    /// Cuts to a source at once, from these cached frames on: an IDR and what followed it.
    pub fn cut_to(&mut self, source: SourceId, frames: impl Iterator<Item = Arc<Frame>>) {
        let bound = self.wanted.take().filter(|bound| bound.source == source);
        if self.showing() != Some(source) {
            self.started = false;
        }
        self.showing = bound.or(Some(source.into()));
        self.repair(frames);
    }

    /// Sends these cached frames of the source that is shown again: an IDR and what followed
    /// it. What is awaited stays awaited.
    pub fn repair(&mut self, frames: impl Iterator<Item = Arc<Frame>>) {
        self.replay = frames.filter(|frame| !frame.disposable).collect();
        self.replay_bytes = self.replay.iter().map(|frame| frame.bytes()).sum();
    }

    /// Payload bytes that wait to be replayed.
    #[must_use]
    pub fn replay_bytes(&self) -> usize {
        self.replay_bytes
    }

    fn clear_replay(&mut self) {
        self.replay = VecDeque::new();
        self.replay_bytes = 0;
    }

    /// Keeps what is shown and cuts at the source's next IDR.
    pub fn await_key(&mut self, bound: Bound) {
        self.wanted = Some(bound);
    }

    /// What is shown is what was asked for, or stands for it.
    pub fn stay_with(&mut self, bound: Bound) {
        self.wanted = None;
        self.showing = Some(bound);
    }

    /// Stays with what is shown after all.
    pub fn give_up(&mut self) {
        self.wanted = None;
    }

    /// Stops and lets go of every source.
    pub fn clear(&mut self) {
        self.showing = None;
        self.started = false;
        self.wanted = None;
        self.clear_replay();
    }

    /// The camera that is shown is gone: its last picture stays, its next one is an IDR.
    pub fn handle_interruption(&mut self, source: SourceId) {
        if self.showing() == Some(source) {
            self.started = false;
            self.clear_replay();
        }
    }

    /// A source's next frame; what leaves, if anything does.
    pub fn handle_frame(
        &mut self,
        now: Instant,
        source: SourceId,
        frame: &Arc<Frame>,
    ) -> Option<Egress> {
        if !self.takes(frame.codec) {
            return None;
        }
        if self.wanted() == Some(source) && frame.key {
            self.showing = self.wanted.take();
            self.clear_replay();
            return Some(self.send_live(now, frame));
        }
        if self.showing() != Some(source) {
            return None;
        }
        if frame.key {
            // What is still to be replayed leads up to a picture that is here already.
            self.clear_replay();
            return Some(self.send_live(now, frame));
        }
        if self.is_replaying() {
            self.replay.push_back(Arc::clone(frame));
            self.replay_bytes += frame.bytes();
            return None;
        }
        self.started.then(|| self.send_live(now, frame))
    }

    /// Audio of a source; what leaves, if anything does: audio belongs to the picture that is
    /// shown.
    pub fn handle_audio(
        &mut self,
        now: Instant,
        source: SourceId,
        frame: &AudioFrame,
    ) -> Option<AudioEgress> {
        let is_shown = self.started && self.showing() == Some(source);
        self.audio.as_mut().filter(|_| is_shown)?.send(now, source, frame)
    }

    /// The next frame of a replay, stamped with its departure.
    pub fn release(&mut self, now: Instant) -> Option<Egress> {
        let frame = self.replay.pop_front()?;
        self.replay_bytes -= frame.bytes();
        Some(self.send(now, now, frame))
    }

    /// The receiver has missed packets.
    pub fn handle_loss(&mut self, now: Instant) {
        self.lossy_until = Some(now + tail_probe::MEMORY);
    }

    /// Whether the receiver has missed packets lately.
    #[must_use]
    pub fn is_lossy(&self, now: Instant) -> bool {
        self.lossy_until.is_some_and(|until| now < until)
    }

    /// How many frames went out.
    #[must_use]
    pub fn frames_sent(&self) -> u64 {
        self.frames_sent
    }

    /// A packet without payload that stands behind the newest frame.
    pub fn probe(&mut self) -> Option<Egress> {
        let (codec, stamp) = self.last_sent?;
        let first_sequence_number = self.next_sequence_number;
        self.next_sequence_number += 1;
        let empty = Payloads::from_iter([[]]);
        Some(Egress {
            frame: Arc::new(Frame::new(codec, false, true, stamp.at, empty)),
            first_sequence_number,
            rtp_timestamp: stamp.rtp,
            presented_at: stamp.at,
            playout_hint: false,
        })
    }

    fn send_live(&mut self, now: Instant, frame: &Arc<Frame>) -> Egress {
        self.send(now, frame.captured_at, Arc::clone(frame))
    }

    fn send(&mut self, now: Instant, at: Instant, mut frame: Arc<Frame>) -> Egress {
        if !self.started && frame.codec.leads_with_parameter_sets() {
            frame = frame.as_first();
        }
        if let Some(own) = frame.numbers {
            let numbers = self.numbering.next(own);
            if numbers != own {
                frame = Arc::new(frame.with_numbers(numbers));
            }
        }
        let stamp = self.timeline.stamp(at);
        self.last_sent = Some((frame.codec, stamp));
        let first_sequence_number = self.next_sequence_number;
        self.next_sequence_number += frame.payloads.len() as u64;
        self.started = true;
        let playout_hint = frame.key || self.frames_sent < HINTED_FRAMES;
        self.frames_sent += 1;
        Egress {
            first_sequence_number,
            rtp_timestamp: stamp.rtp,
            presented_at: stamp.at.min(now),
            playout_hint,
            frame,
        }
    }
}
