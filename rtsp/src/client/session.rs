//! What is known about one connection, and when something is due on it.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::keepalive;
use super::options::Timeouts;
use super::requests::Requests;
use crate::limits::{MAX_RESYNCS, RESYNC_WINDOW_MS};
use crate::receive::audio_track::AudioTrack;
use crate::receive::choose::Chosen;
use crate::receive::choose_audio::ChosenAudio;
use crate::receive::earliest;
use crate::receive::track::Track;
use crate::transport::{DEFAULT_SESSION_TIMEOUT, TransportHeader};
use crate::url::Url;

/// One connection and the RTSP session on it.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) requests: Requests,
    pub(super) step: Step,
    /// Base of all controls, and the URL of requests about the whole.
    pub(super) base: Url,
    /// `Public` of the reply to OPTIONS.
    pub(super) public: Option<String>,
    /// The track to set up, until it is.
    pub(super) chosen: Option<Chosen>,
    /// Transport asked for by the last SETUP.
    pub(super) asked: Option<TransportHeader>,
    pub(super) track: Option<Track>,
    pub(super) route: Route,
    /// The audio to set up behind it, until it is or is left out.
    pub(super) chosen_audio: Option<ChosenAudio>,
    pub(super) audio: Option<AudioLink>,
    pub(super) asked_for_audio: bool,
    /// The parser does not know yet what to expect of frames.
    pub(super) expectation_changed: bool,
    /// This connection tried the track URL resolved after the appended one.
    pub(super) resolved_tried: bool,
    pub(super) played_at: Option<Instant>,
    pub(super) next_keep_alive: Option<Instant>,
    pub(super) next_report: Option<Instant>,
    resyncs: VecDeque<Instant>,
}

/// The audio track and the way of its packets.
#[derive(Debug)]
pub(super) struct AudioLink {
    pub(super) track: AudioTrack,
    pub(super) route: Route,
}

/// What the session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Options,
    Describe,
    /// UDP ports, from the caller.
    Bind {
        since: Instant,
    },
    Setup,
    /// The multicast group, from the caller.
    Join {
        since: Instant,
    },
    /// UDP ports for the audio, from the caller.
    BindAudio {
        since: Instant,
    },
    SetUpAudio,
    /// The audio's multicast group, from the caller.
    JoinAudio {
        since: Instant,
    },
    Play,
    Playing,
}

/// How packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Not set up.
    None,
    /// Channels.
    Tcp { rtp: u8, rtcp: u8 },
    /// Ports of the camera, none as long as unknown, and the address it sends from.
    Udp { ports: Option<(u16, u16)>, address: Option<IpAddr> },
    /// RTCP port of the group, and the address that the camera sends from.
    Multicast { rtcp_port: u16, source: Option<IpAddr> },
}

/// Time without a packet after a goodbye before the session counts as ended.
const GOODBYE_GRACE: Duration = Duration::from_secs(2);

/// Why media is missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missed {
    Media,
    Picture,
    FirstDatagram,
    AfterGoodbye,
}

impl Session {
    pub(super) fn new(user_agent: &str, url: &Url) -> Self {
        Self {
            requests: Requests::new(user_agent),
            step: Step::Options,
            base: url.clone(),
            public: None,
            chosen: None,
            asked: None,
            track: None,
            route: Route::None,
            chosen_audio: None,
            audio: None,
            asked_for_audio: false,
            expectation_changed: false,
            resolved_tried: false,
            played_at: None,
            next_keep_alive: None,
            next_report: None,
            resyncs: VecDeque::new(),
        }
    }

    /// The stream was lost and found again: whether that happened too often.
    pub(super) fn resynced(&mut self, now: Instant) -> bool {
        let window = Duration::from_millis(RESYNC_WINDOW_MS);
        self.resyncs.retain(|at| now.saturating_duration_since(*at) < window);
        self.resyncs.push_back(now);
        self.resyncs.len() >= MAX_RESYNCS
    }

    /// Time between keep-alives.
    pub(super) fn keep_alive_interval(&self) -> Duration {
        let timeout = self.requests.session.as_ref().map(|header| header.timeout);
        keepalive::interval(timeout.unwrap_or(DEFAULT_SESSION_TIMEOUT))
    }

    /// Until when the present step has to be done; none while playing.
    pub(super) fn step_deadline(&self, timeouts: &Timeouts) -> Option<Instant> {
        let since = match self.step {
            Step::Bind { since }
            | Step::Join { since }
            | Step::BindAudio { since }
            | Step::JoinAudio { since } => Some(since),
            _ => self.requests.awaited().map(|sent| sent.sent_at),
        };
        since.map(|since| since + timeouts.request)
    }

    /// Until when a packet has to come, and what it means if none does.
    pub(super) fn media_deadline(&self, timeouts: &Timeouts) -> Option<(Instant, Missed)> {
        let (track, played_at) = (self.track.as_ref()?, self.played_at?);
        let last = track.heard().map(|(_, last)| last);
        let silent = match (last, self.route) {
            (None, Route::Udp { .. } | Route::Multicast { .. }) => {
                (played_at + timeouts.first_datagram, Missed::FirstDatagram)
            }
            (last, _) => {
                let since = last.map_or(played_at, |last| last.max(played_at));
                (since + timeouts.media, Missed::Media)
            }
        };
        let seen = track.pictured().map(|(_, last)| last).or(track.heard().map(|(first, _)| first));
        let blind = seen.map(|at| (at.max(played_at) + timeouts.picture, Missed::Picture));
        let silent = blind.filter(|blind| blind.0 < silent.0).unwrap_or(silent);
        let ended = track.goodbye().map(|at| (at + GOODBYE_GRACE, Missed::AfterGoodbye));
        Some(ended.filter(|ended| ended.0 < silent.0).unwrap_or(silent))
    }

    pub(super) fn poll_timeout(&self, timeouts: &Timeouts) -> Option<Instant> {
        earliest([
            self.step_deadline(timeouts),
            self.media_deadline(timeouts).map(|(deadline, _)| deadline),
            self.next_keep_alive,
            self.next_report,
            self.track.as_ref().and_then(Track::poll_timeout),
            self.audio.as_ref().and_then(|audio| audio.track.poll_timeout()),
        ])
    }
}
