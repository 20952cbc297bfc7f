//! From a publisher's peer connection to the matrix: one track of video, one of audio.
//!
//! H.264 goes the way of a camera's: assembled, repaired, packetized anew. VP8, VP9 and AV1 are
//! passed on as they came, by whole frames.

mod bits;
mod head;
mod limits;
mod order;
mod packet;
mod passed_on;
mod sender_clock;
mod sound;

use std::time::Instant;

use rtsp::h264::{self, Assembler};

use self::limits::{
    AUDIO_PATIENCE, KEYFRAME_INTERVAL, KEYFRAME_REQUEST_INTERVAL, SILENCE, VIDEO_PATIENCE,
};
use self::order::Order;
pub use self::packet::{Codec, Packet, Report};
use self::passed_on::{Outcome, PassedOn, Whole};
use self::sender_clock::{SenderClock, TrackClock};
use super::{Intake, News};
use crate::engine::codec::{AudioCodec, VideoCodec};
use crate::engine::frame::{AudioFrame, Frame};
use crate::engine::source::{Health, Picture};

/// What is said of a publisher that is there and sends nothing.
const SILENT: &str = "the publisher sends no video";

/// What one publisher sends.
#[derive(Debug, Default)]
pub struct Publisher {
    clock: SenderClock,
    video: Option<Video>,
    audio: Option<Audio>,
    keys: Keys,
    rotation_degrees: u16,
    lost: u64,
}

/// When the publisher is to be asked for a key frame.
#[derive(Debug, Default)]
struct Keys {
    /// The next request is due; none before the first packet.
    due_at: Option<Instant>,
    asked_at: Option<Instant>,
}

#[derive(Debug)]
struct Video {
    codec: VideoCodec,
    ssrc: u32,
    order: Order,
    frames: Frames,
    clock: TrackClock,
    heard_at: Instant,
    is_silent: bool,
}

#[derive(Debug)]
enum Frames {
    H264(Box<Assembler>),
    PassedOn(PassedOn),
}

#[derive(Debug)]
struct Audio {
    codec: AudioCodec,
    ssrc: u32,
    order: Order,
    clock: TrackClock,
}

impl Publisher {
    /// Packets of its video that never came.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost + self.video.as_ref().map_or(0, |video| video.order.lost())
    }

    /// Takes a packet of its video or audio, in the order of arrival; news in order.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        packet: Packet,
        intake: &mut Intake,
        news: &mut Vec<News>,
    ) {
        match packet.codec {
            Codec::Video(VideoCodec::H265) => {} // is not negotiated
            Codec::Video(codec) => {
                self.handle_video(now, codec, packet, intake, news);
                self.pass_on_video(now, intake, news);
            }
            Codec::Audio(codec) => {
                intake.audio.handle_sent(codec);
                self.handle_audio(codec, packet);
                self.pass_on_audio(now, news);
            }
        }
    }

    /// A sender report of its video.
    pub fn handle_video_report(&mut self, report: Report) {
        if let Some(video) = &mut self.video {
            video.clock.handle_report(report);
        }
    }

    /// A sender report of its audio.
    pub fn handle_audio_report(&mut self, report: Report) {
        if let Some(audio) = &mut self.audio {
            audio.clock.handle_report(report);
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant, intake: &mut Intake, news: &mut Vec<News>) {
        if let Some(video) = &mut self.video
            && let Frames::H264(assembler) = &mut video.frames
        {
            assembler.handle_timeout(now);
        }
        self.pass_on_video(now, intake, news);
        self.pass_on_audio(now, news);
        let Some(video) = &mut self.video else { return };
        if !video.is_silent && now >= video.heard_at + SILENCE {
            video.is_silent = true;
            self.keys = Keys::default();
            intake.handle_end(SILENT, news);
        }
    }

    /// When [`Publisher::handle_timeout`] is due, or [`Publisher::poll_keyframe_request`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let audio = self.audio.as_ref().and_then(|audio| audio.order.poll_timeout());
        let video = self.video.as_ref().map(|video| {
            let silent = (!video.is_silent).then_some(video.heard_at + SILENCE);
            let assembler = match &video.frames {
                Frames::H264(assembler) => assembler.poll_timeout(),
                Frames::PassedOn(_) => None,
            };
            [silent, assembler, video.order.poll_timeout()].into_iter().flatten().min()
        });
        [audio, video.flatten(), self.keys.due_at].into_iter().flatten().min()
    }

    /// Whether to ask the publisher for a key frame now.
    pub fn poll_keyframe_request(&mut self, now: Instant) -> bool {
        let is_due = self.keys.due_at.is_some_and(|due| due <= now);
        if is_due {
            self.keys.asked_at = Some(now);
            self.keys.due_at = Some(now + KEYFRAME_INTERVAL);
        }
        is_due
    }

    fn handle_video(
        &mut self,
        now: Instant,
        codec: VideoCodec,
        packet: Packet,
        intake: &mut Intake,
        news: &mut Vec<News>,
    ) {
        let degrees = packet.rotation_degrees.unwrap_or(self.rotation_degrees);
        if std::mem::replace(&mut self.rotation_degrees, degrees) != degrees {
            news.push(News::Rotated(degrees));
        }
        let is_same = |video: &&mut Video| video.codec == codec && video.ssrc == packet.ssrc;
        match self.video.as_mut().filter(is_same) {
            Some(video) => {
                if !packet.payload.is_empty() {
                    video.heard_at = now;
                    video.is_silent = false;
                }
                video.order.push(packet);
            }
            None => {
                intake.begin(codec);
                news.push(News::Codec(codec));
                self.lost = self.lost();
                let mut video = Video::new(now, codec, packet.ssrc);
                video.order.push(packet);
                self.video = Some(video);
            }
        }
    }

    fn handle_audio(&mut self, codec: AudioCodec, packet: Packet) {
        let is_same = |audio: &&mut Audio| audio.codec == codec && audio.ssrc == packet.ssrc;
        if self.audio.as_mut().filter(is_same).is_none() {
            self.audio = Some(Audio {
                codec,
                ssrc: packet.ssrc,
                order: Order::new(AUDIO_PATIENCE),
                clock: TrackClock::new(codec.clock_hz()),
            });
        }
        if let Some(audio) = &mut self.audio {
            audio.order.push(packet);
        }
    }

    /// Packets whose turn it is become frames.
    fn pass_on_video(&mut self, now: Instant, intake: &mut Intake, news: &mut Vec<News>) {
        let Some(Video { codec, order, frames, clock, .. }) = &mut self.video else { return };
        let (before, mut any) = (news.len(), false);
        while let Some((packet, lost_before)) = order.pop(now) {
            any = true;
            match frames {
                Frames::H264(assembler) => {
                    let Packet { timestamp, marker, payload, .. } = &packet;
                    let (timestamp, marker) = (*timestamp, *marker);
                    let packet = h264::Packet { timestamp, marker, lost_before, payload };
                    assembler.handle_packet(now, &packet);
                }
                Frames::PassedOn(passed_on) => {
                    passed_on.handle_packet(&packet, lost_before, &mut |outcome| match outcome {
                        Outcome::Gap => news.push(News::Gap),
                        Outcome::Frame(whole) => {
                            let arrival = whole.received_at;
                            let at = clock.at(whole.timestamp, arrival, &mut self.clock);
                            intake.handle_whole(*codec, whole, at, news);
                        }
                    });
                }
            }
        }
        while let Frames::H264(assembler) = frames
            && let Some(output) = assembler.poll_output()
        {
            match output {
                h264::Output::AccessUnit(unit) => {
                    let at = clock.at(unit.timestamp, unit.received_at, &mut self.clock);
                    intake.handle_access_unit(&unit, at, news);
                }
                h264::Output::Dropped { breaks_prediction: true, .. } => news.push(News::Gap),
                h264::Output::Dropped { .. } => {}
            }
        }
        if any {
            self.keys.follow(now, news.get(before..).unwrap_or_default());
        }
    }

    fn pass_on_audio(&mut self, now: Instant, news: &mut Vec<News>) {
        let Some(Audio { codec, order, clock, .. }) = &mut self.audio else { return };
        while let Some((packet, _)) = order.pop(now) {
            let Some(ticks) = sound::ticks(*codec, &packet.payload) else { continue };
            let captured_at = clock.at(packet.timestamp, packet.received_at, &mut self.clock);
            let Packet { payload, .. } = packet;
            news.push(News::Audio(AudioFrame { codec: *codec, captured_at, ticks, payload }));
        }
    }
}

impl Video {
    fn new(now: Instant, codec: VideoCodec, ssrc: u32) -> Self {
        Self {
            codec,
            ssrc,
            order: Order::new(VIDEO_PATIENCE),
            frames: match codec {
                VideoCodec::H264 | VideoCodec::H265 => Frames::H264(Box::default()),
                VideoCodec::Vp8 | VideoCodec::Vp9 | VideoCodec::Av1 => {
                    Frames::PassedOn(PassedOn::new(codec))
                }
            },
            clock: TrackClock::new(Codec::Video(codec).clock_hz()),
            heard_at: now,
            is_silent: false,
        }
    }
}

impl Keys {
    /// Follows what came: a key frame puts the next request off, a gap brings it on.
    fn follow(&mut self, now: Instant, news: &[News]) {
        self.due_at.get_or_insert(now + KEYFRAME_REQUEST_INTERVAL);
        for item in news {
            match item {
                News::Frame(frame) if frame.key => self.due_at = Some(now + KEYFRAME_INTERVAL),
                News::Gap => {
                    let opens_at = self.asked_at.map(|at| at + KEYFRAME_REQUEST_INTERVAL);
                    self.due_at = Some(opens_at.map_or(now, |at| at.max(now)));
                }
                _ => {}
            }
        }
    }
}

impl Intake {
    /// A publisher begins to send, or sends something else.
    fn begin(&mut self, codec: VideoCodec) {
        self.codec = Some(codec.name().to_owned());
        self.picture = None;
        self.sets = None;
    }

    /// A frame that is passed on as it came.
    fn handle_whole(
        &mut self,
        codec: VideoCodec,
        whole: Whole,
        captured_at: Instant,
        news: &mut Vec<News>,
    ) {
        // Where a key frame does not say its size it keeps the one before, or has none.
        let unknown = Picture { width: 0, height: 0 };
        let picture = whole.picture.or(self.picture).unwrap_or(unknown);
        if whole.is_key && self.picture != Some(picture) {
            self.picture = Some(picture);
            news.push(News::Health(Health::Live(picture)));
        }
        let Whole { is_key, is_disposable, payloads, .. } = whole;
        let frame = Frame::new(codec, is_key, is_disposable, captured_at, payloads);
        news.push(News::Frame(frame.into()));
    }
}

#[cfg(test)]
#[path = "publisher_tests.rs"]
mod tests;
