//! A publisher's session (RFC 2326 10.3, 10.11): what is announced, and its packets in.

use std::collections::VecDeque;
use std::time::Instant;

use super::carrier::Carrier;
use super::limits::{PUSH_PICTURE_TIMEOUT, PUSH_QUIET, PUSH_TIMEOUT, REPORT_INTERVAL};
use super::{Role, Session};
use crate::audio::ENABLED;
use crate::client::{Event, Stats, TrackInfo};
use crate::receive::Listener;
use crate::receive::audio_track::AudioTrack;
use crate::receive::choose::{Chosen, choose};
use crate::receive::choose_audio::{ChosenAudio, choose_audio};
use crate::receive::track::Track;
use crate::receive::{due, earliest};
use crate::sdp::Sdp;

/// A stream that is announced or pushed.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) name: String,
    /// All sections of the description.
    sections: Vec<TrackInfo>,
    /// The one that is taken, until it is set up.
    chosen: Option<Chosen>,
    video: Option<Video>,
    chosen_audio: Option<ChosenAudio>,
    audio: Option<(AudioTrack, Carrier)>,
    /// The ways of the others: they are set up because publishers insist, and not listened to.
    ignored: Vec<Carrier>,
    told: Told,
    /// When RECORD was answered.
    since: Option<Instant>,
    next_report: Option<Instant>,
}

#[derive(Debug)]
struct Video {
    track: Track,
    carrier: Carrier,
}

/// What the track tells.
#[derive(Debug, Default)]
struct Told {
    events: VecDeque<Event>,
    stats: Stats,
}

impl Listener for Told {
    fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    fn stats(&mut self) -> &mut Stats {
        &mut self.stats
    }
}

impl Recording {
    /// None if the description holds nothing that can be shown.
    pub(super) fn announced(name: String, sdp: &[u8]) -> Option<Self> {
        let sdp = Sdp::parse(sdp);
        let (mut sections, chosen) = choose(&sdp);
        let chosen_audio = choose_audio(&sdp, &mut sections);
        chosen.map(|chosen| Self {
            name,
            sections,
            chosen: Some(chosen),
            video: None,
            chosen_audio,
            audio: None,
            ignored: Vec::new(),
            told: Told::default(),
            since: None,
            next_report: None,
        })
    }

    /// The section that a SETUP of this URL is about: the one whose control ends it, or the only
    /// one.
    pub(super) fn section_of(&self, uri: &str) -> Option<usize> {
        let is_named = |info: &&TrackInfo| {
            let control = info.control.as_str();
            !control.is_empty() && (uri == control || uri.ends_with(&format!("/{control}")))
        };
        let only = || self.sections.first().filter(|_| self.sections.len() == 1);
        self.sections.iter().find(is_named).or_else(only).map(|info| info.track)
    }

    /// A section is set up; false if it was before. `ssrc` is ours.
    pub(super) fn set_up(&mut self, section: usize, carrier: Carrier, ssrc: u32) -> bool {
        let is_ordered = matches!(carrier, Carrier::Tcp(..));
        if let Some(chosen) = self.chosen.take_if(|chosen| chosen.info.track == section) {
            let track = Track::new(chosen, is_ordered, None, ssrc);
            self.video = Some(Video { track, carrier });
            return true;
        }
        if let Some(chosen) = self.chosen_audio.take_if(|chosen| chosen.info.track == section) {
            self.audio = Some((AudioTrack::new(chosen, is_ordered, None, ssrc), carrier));
            return true;
        }
        let is_video = self.video.as_ref().is_some_and(|video| video.track.info.track == section);
        let is_audio = self.audio.as_ref().is_some_and(|(audio, _)| audio.track() == section);
        let is_new = !is_video && !is_audio && self.ignored.len() < self.sections.len();
        if is_new {
            self.ignored.push(carrier);
        }
        is_new
    }

    /// RECORD is asked for: false before the video is set up.
    pub(super) fn start(&mut self, now: Instant) -> bool {
        let Some(video) = &mut self.video else { return false };
        if self.since.is_none() {
            video.track.played();
            self.since = Some(now);
            self.next_report = Some(now + REPORT_INTERVAL);
            self.told.event(Event::Described { tracks: self.sections.clone() });
            self.told.event(Event::Playing);
        }
        true
    }

    pub(super) fn is_recording(&self) -> bool {
        self.since.is_some()
    }

    pub(super) fn carriers(&self) -> impl Iterator<Item = &Carrier> {
        let audio = self.audio.iter().map(|(_, carrier)| carrier);
        self.video.iter().map(|video| &video.carrier).chain(audio).chain(&self.ignored)
    }

    /// Channels and payload types that are expected.
    pub(super) fn expectation(&self) -> (Vec<u8>, Vec<u8>) {
        let channels = self.carriers().filter_map(|carrier| match carrier {
            Carrier::Tcp(rtp, rtcp) => Some([*rtp, *rtcp]),
            Carrier::Udp(..) => None,
        });
        let types = self.video.as_ref().map(|video| {
            let audio = self.audio.iter().flat_map(|(audio, _)| audio.payload_types());
            video.track.payload_types().iter().chain(audio).copied().collect()
        });
        // Of the other sections any type may come.
        let types = types.filter(|_| self.ignored.is_empty());
        (channels.flatten().collect(), types.unwrap_or_default())
    }

    fn last_packet(&self) -> Option<Instant> {
        let heard = self.video.as_ref().and_then(|video| video.track.heard());
        heard.map(|(_, last)| last).or(self.since)
    }

    /// When the session ends unless something comes that can be shown.
    fn ends_at(&self) -> Option<Instant> {
        self.since?;
        let track = self.video.as_ref().map(|video| &video.track);
        let seen = track.and_then(|track| track.pictured()).map(|(_, last)| last);
        let seen = seen.or_else(|| track?.heard().map(|(first, _)| first));
        let blind = seen.map(|at| at + PUSH_PICTURE_TIMEOUT);
        earliest([self.last_packet().map(|last| last + PUSH_TIMEOUT), blind])
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let track = self.video.as_ref().and_then(|video| video.track.poll_timeout());
        let audio = self.audio.as_ref().and_then(|(audio, _)| audio.poll_timeout());
        earliest([track, audio, self.ends_at(), self.next_report])
    }
}

impl Session {
    /// The next thing that a publisher's video has to tell, until none. To be asked after each
    /// input.
    pub fn poll_event(&mut self) -> Option<Event> {
        match &mut self.role {
            Role::Recording(recording) => recording.told.events.pop_front(),
            _ => None,
        }
    }

    /// Counters of a publisher's video.
    #[must_use]
    pub fn push_stats(&self) -> Option<&Stats> {
        match &self.role {
            Role::Recording(recording) => Some(&recording.told.stats),
            _ => None,
        }
    }

    /// Whether a publisher has sent nothing for so long, or not begun, that another may take its
    /// place.
    #[must_use]
    pub fn is_quiet(&self, now: Instant) -> bool {
        match &self.role {
            Role::Recording(recording) if !self.closed => {
                recording.last_packet().is_none_or(|last| now >= last + PUSH_QUIET)
            }
            _ => true,
        }
    }

    /// Asks a publisher for an IDR, by RTCP. Most do not listen.
    pub fn request_keyframe(&mut self, now: Instant) {
        let Role::Recording(recording) = &mut self.role else { return };
        let Some(video) = &mut recording.video else { return };
        let carrier = video.carrier;
        if let Some(request) = video.track.keyframe_request(now) {
            self.send_rtcp(carrier, request);
        }
    }

    /// Interleaved data of a publisher.
    pub(super) fn handle_pushed(&mut self, now: Instant, channel: u8, data: &[u8]) {
        let Role::Recording(recording) = &mut self.role else { return };
        let Recording { video: Some(Video { track, carrier }), audio, told, since, .. } =
            &mut **recording
        else {
            return;
        };
        let of_audio =
            |(_, way): &&mut (_, Carrier)| ENABLED && way.is_rtcp_channel(channel).is_some();
        if let Some((audio, _)) = audio.as_mut().filter(|audio| of_audio(audio))
            && carrier.is_rtcp_channel(channel).is_none()
            && since.is_some()
        {
            return audio.handle_data(now, data, told);
        }
        if let Some(by_rtcp) = carrier.is_rtcp_channel(channel)
            && since.is_some()
        {
            track.handle_data(now, by_rtcp, data, told);
        }
    }

    /// A publisher's datagram.
    pub(super) fn handle_pushed_datagram(
        &mut self,
        now: Instant,
        port: u16,
        by_rtcp: bool,
        data: &[u8],
    ) {
        let Role::Recording(recording) = &mut self.role else { return };
        let is_other = recording.ignored.iter().any(|carrier| carrier.has_port(port));
        let Recording { video: Some(Video { track, carrier }), audio, told, since, .. } =
            &mut **recording
        else {
            return;
        };
        if let Some((audio, _)) = audio.as_mut().filter(|(_, way)| ENABLED && way.has_port(port))
            && since.is_some()
        {
            return audio.handle_data(now, data, told);
        }
        if matches!(carrier, Carrier::Udp(..)) && since.is_some() && !is_other {
            track.handle_data(now, by_rtcp, data, told);
        }
    }

    /// Something that was waited for, by a publisher's session.
    pub(super) fn handle_recording_timeout(&mut self, now: Instant) {
        let Role::Recording(recording) = &mut self.role else { return };
        let is_over = due(recording.ends_at(), now);
        let Recording { video: Some(Video { track, carrier }), audio, told, next_report, .. } =
            &mut **recording
        else {
            return;
        };
        track.handle_timeout(now, told);
        if let Some((audio, _)) = audio.as_mut().filter(|_| ENABLED) {
            audio.handle_timeout(now, told);
        }
        if is_over {
            return self.close();
        }
        if due(*next_report, now) {
            *next_report = Some(now + REPORT_INTERVAL);
            let (report, carrier) = (track.report(now), *carrier);
            let of_audio = audio
                .as_mut()
                .filter(|_| ENABLED)
                .map(|(audio, carrier)| (audio.report(now), *carrier));
            self.send_rtcp(carrier, report);
            if let Some((report, carrier)) = of_audio {
                self.send_rtcp(carrier, report);
            }
        }
    }
}
