//! An input of the matrix: whatever produces frames, under one name.

use std::time::{Duration, Instant};

use super::codec::VideoCodec;
use super::gop::{GopCache, GopLimits};
use super::keyframe::{Keyframes, Method};
use super::viewer::SlotKey;
use super::vitals::Vitals;

/// Names a source within one hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub usize);

/// How a source is kept.
#[derive(Debug, Clone)]
pub struct SourceOptions {
    /// Connected at all times, so that every switch to it is instant.
    pub warm: bool,
    /// How long it stays connected after its last slot left.
    pub linger: Duration,
    /// Bounds of its cache.
    pub gop: GopLimits,
    /// How its camera may be asked for a keyframe, the first way first.
    pub keyframe: Vec<Method>,
}

/// What is known of a source's camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Nobody wants it; it is not connected.
    Idle,
    /// Being connected, no picture yet.
    Connecting,
    /// Pictures arrive.
    Live(Picture),
    /// Unreachable, refused or silent; it is retried.
    Offline {
        /// Why, for the status message.
        reason: String,
    },
    /// It sends nothing that can be shown.
    Unsupported {
        /// Why, naming what it sends.
        reason: String,
    },
}

impl Health {
    /// One word for the log, the API and the metrics.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Live(_) => "live",
            Self::Offline { .. } => "offline",
            Self::Unsupported { .. } => "unsupported",
        }
    }

    /// Why a slot that waits for this source waits in vain, if it does.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        match self {
            Self::Offline { reason } | Self::Unsupported { reason } => Some(reason),
            Self::Idle | Self::Connecting | Self::Live(_) => None,
        }
    }
}

/// The dimensions of a source's picture, from its sequence parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels, cropped.
    pub width: u32,
    /// Height in pixels, cropped.
    pub height: u32,
}

/// One input.
#[derive(Debug)]
pub struct Source {
    /// The configured name (`camera1`, `camera1-360p`).
    pub name: String,
    /// What is known of the camera.
    pub health: Health,
    /// What its pictures are coded in, or were when it was last described.
    pub codec: Option<VideoCodec>,
    /// What viewers are shown who can't decode it, the best first.
    pub alternatives: Vec<SourceId>,
    /// Its newest group of pictures.
    pub cache: GopCache,
    /// Requests to its camera.
    pub keyframe: Keyframes,
    /// How it does.
    pub vitals: Vitals,
    /// Slots that show or await it, in the order they came.
    pub subscribers: Vec<SlotKey>,
    /// When a slot last let go of it.
    pub watched_at: Option<Instant>,
    options: SourceOptions,
    running: bool,
    release_at: Option<Instant>,
}

/// What the demand for a source asks of its camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Connect.
    Start,
    /// Disconnect.
    Stop,
}

impl Source {
    /// A source that nobody has asked for yet.
    #[must_use]
    pub fn new(name: String, options: SourceOptions) -> Self {
        Self {
            name,
            health: Health::Idle,
            codec: None,
            alternatives: Vec::new(),
            cache: GopCache::new(options.gop),
            keyframe: Keyframes::new(&options.keyframe),
            vitals: Vitals::default(),
            subscribers: Vec::new(),
            watched_at: None,
            options,
            running: false,
            release_at: None,
        }
    }

    /// Follows the demand after subscribers came or went, or time passed.
    pub fn poll_demand(&mut self, now: Instant) -> Option<Demand> {
        if self.options.warm || !self.subscribers.is_empty() {
            self.release_at = None;
            if self.running {
                return None;
            }
            self.running = true;
            self.health = Health::Connecting;
            return Some(Demand::Start);
        }
        if !self.running {
            return None;
        }
        let release_at = *self.release_at.get_or_insert_with(|| now + self.options.linger);
        if now < release_at {
            return None;
        }
        self.release_at = None;
        self.running = false;
        self.health = Health::Idle;
        self.cache.reset();
        self.keyframe.reset();
        self.vitals.handle_end();
        Some(Demand::Stop)
    }

    /// Most bytes that its cache may hold.
    #[must_use]
    pub fn gop_max_bytes(&self) -> usize {
        self.options.gop.max_bytes
    }

    /// Whether the camera is meant to be connected.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// When time alone changes something.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let timeouts = [self.keyframe.poll_timeout(), self.vitals.poll_timeout()];
        timeouts.into_iter().chain([self.release_at]).flatten().min()
    }

    /// Pixels of a frame, where known.
    #[must_use]
    pub fn pixels(&self) -> Option<u64> {
        match self.health {
            Health::Live(picture) => Some(u64::from(picture.width) * u64::from(picture.height)),
            _ => None,
        }
    }
}
