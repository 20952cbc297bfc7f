//! The audio beside the video: set up after it, and never at its cost.
//!
//! Whatever a camera answers to the second SETUP, PLAY follows. If it can't bear the request (it
//! closes the connection, does not answer, or plays nothing), the attempt is repeated at once
//! without it.

use std::net::SocketAddr;
use std::time::Instant;

use super::error::Error;
use super::output::{Carrier, Event, Group, Output, TrackId, UdpPort};
use super::requests::Purpose;
use super::session::{AudioLink, Route, Session, Step};
use super::{Client, Phase, excerpt};
use crate::audio::ENABLED;
use crate::message::Response;
use crate::receive::Listener as _;
use crate::receive::audio_track::AudioTrack;
use crate::receive::track::Track;
use crate::rtp::is_rtcp;
use crate::transport::TransportHeader;

/// Channels to ask for: the first that the video does not have.
const CHANNELS: [(u8, u8); 2] = [(2, 3), (4, 5)];

impl Client {
    /// The video is set up: now the audio, if there is any, and then PLAY.
    pub(super) fn set_up_audio(&mut self, now: Instant) {
        let Some(session) = &mut self.session else { return };
        let chosen = session.chosen_audio.as_ref().filter(|_| ENABLED);
        let Some(audio) = chosen else { return self.play(now) };
        let track = audio.info.track;
        if !self.options.audio {
            return self.leave_audio_out(now, "#media=video says so");
        }
        if self.audio_barred {
            return self.leave_audio_out(now, "with it, the camera sent no video");
        }
        match self.carrier {
            Carrier::Tcp => {
                let taken = |(a, b): &(u8, u8)| session.route.has_channel(*a, *b);
                let free = CHANNELS.into_iter().find(|channels| !taken(channels));
                let interleaved = Some(free.unwrap_or(CHANNELS[0]));
                self.ask_for_audio(
                    now,
                    &TransportHeader { tcp: true, interleaved, ..Default::default() },
                );
            }
            Carrier::Udp => {
                session.step = Step::BindAudio { since: now };
                self.told.push(Output::BindUdp { track });
            }
            Carrier::Multicast => {
                let header = TransportHeader { multicast: true, ..Default::default() };
                self.ask_for_audio(now, &header);
            }
        }
    }

    fn ask_for_audio(&mut self, now: Instant, transport: &TransportHeader) {
        let Some(session) = &mut self.session else { return };
        let Some(audio) = &session.chosen_audio else { return };
        let (base, control) = (&session.base, audio.info.control.as_str());
        let uri = match self.resolve_control {
            true => base.resolve_control(control),
            false => base.append_control(control),
        };
        let Some(uri) = uri else { return self.leave_audio_out(now, "it has no usable track URL") };
        session.step = Step::SetUpAudio;
        session.asked = Some(transport.clone());
        session.asked_for_audio = true;
        self.request(now, Purpose::Step, "SETUP", &uri, vec![("Transport", transport.to_value())]);
    }

    /// The sockets for the audio are there, or not.
    pub(super) fn audio_bound(&mut self, now: Instant, ports: Option<(u16, u16)>) {
        let step = self.session.as_ref().map(|session| session.step);
        match (step, ports) {
            (Some(Step::BindAudio { .. }), Some(ports)) => {
                let header = TransportHeader { client_port: Some(ports), ..Default::default() };
                self.ask_for_audio(now, &header);
            }
            (Some(Step::JoinAudio { .. }), Some(_)) => self.play(now),
            _ => self.leave_audio_out(now, "there are no UDP ports for it"),
        }
    }

    /// Whether the audio's sockets or SETUP are waited for.
    pub(super) fn is_setting_up_audio(&self) -> bool {
        let step = self.session.as_ref().map(|session| session.step);
        ENABLED
            && matches!(
                step,
                Some(Step::BindAudio { .. } | Step::SetUpAudio | Step::JoinAudio { .. })
            )
    }

    /// The reply to the audio's SETUP, whatever it is.
    pub(super) fn audio_set_up(&mut self, now: Instant, response: &Response) {
        if !response.is_success() {
            let reason = format!("SETUP: {} {}", response.status, excerpt(&response.reason));
            return self.leave_audio_out(now, reason.trim_end());
        }
        let said = response.headers.get("Transport").map(TransportHeader::parse);
        let said = said.unwrap_or_default();
        self.note_session(response);
        let Some(session) = &mut self.session else { return };
        let asked = session.asked.as_ref().and_then(|asked| asked.interleaved);
        let route = match self.carrier {
            Carrier::Tcp => said.interleaved.or(asked).map(|(rtp, rtcp)| Route::Tcp { rtp, rtcp }),
            Carrier::Udp if said.tcp => None,
            Carrier::Udp => Some(Route::Udp { ports: said.server_port, address: self.peer }),
            Carrier::Multicast => said.group().map(|(_, (_, rtcp_port))| {
                let source = said.source.filter(|source| !source.is_unspecified());
                Route::Multicast { rtcp_port, source: source.or(self.peer) }
            }),
        };
        let Some(route) = route else {
            return self.leave_audio_out(now, "SETUP: it came by another transport");
        };
        let Some(chosen) = session.chosen_audio.take() else { return };
        let (track, ssrc) = (chosen.info.track, self.random.next_u32());
        let ordered = self.carrier == Carrier::Tcp;
        let audio = AudioTrack::new(chosen, ordered, said.ssrc, ssrc);
        session.audio = Some(AudioLink { track: audio, route });
        session.expectation_changed = true;
        match said.group().filter(|_| self.carrier == Carrier::Multicast) {
            Some((address, (rtp_port, rtcp_port))) => {
                session.step = Step::JoinAudio { since: now };
                let group = Group { address, rtp_port, rtcp_port, ttl: said.ttl.unwrap_or(1) };
                self.told.push(Output::JoinMulticast { track, group });
            }
            None => self.play(now),
        }
    }

    /// Goes on to PLAY without audio.
    pub(super) fn leave_audio_out(&mut self, now: Instant, reason: &str) {
        let Some(session) = &mut self.session else { return };
        (session.chosen_audio, session.audio) = (None, None);
        self.told.event(Event::AudioLeftOut { reason: reason.to_owned() });
        self.play(now);
    }

    /// An attempt has ended without any video: whether it is to be repeated at once without audio.
    /// The one after that asks for audio again. Refused credentials are not repeated: accounts
    /// lock.
    pub(super) fn blame_audio(&self, error: &Error) -> bool {
        let is_refusal = matches!(
            error,
            Error::CredentialsMissing
                | Error::CredentialsRefused
                | Error::AuthenticationUnsupported
        );
        let asked = self.session.as_ref().is_some_and(|session| session.asked_for_audio);
        asked && !is_refusal && self.wanted && self.phase == Phase::Active
    }

    /// Takes interleaved data if it is the audio's.
    pub(super) fn take_audio_frame(&mut self, now: Instant, channel: u8, data: &[u8]) -> bool {
        let Some(session) = self.session.as_mut().filter(|_| ENABLED) else { return false };
        let (Some(audio), Some(video)) = (&mut session.audio, &session.track) else { return false };
        let takes = audio.takes(channel, data, &session.route, video);
        if takes {
            audio.track.handle_data(now, data, &mut self.told);
        }
        takes
    }

    /// Takes a datagram if it came by the audio's sockets.
    pub(super) fn take_audio_datagram(
        &mut self,
        now: Instant,
        track: TrackId,
        from: SocketAddr,
        data: &[u8],
    ) -> bool {
        let Some(audio) = audio_of(&mut self.session) else { return false };
        if audio.track.track() != track {
            return false;
        }
        let address = match &mut audio.route {
            Route::Udp { address, .. } => address,
            Route::Multicast { source, .. } => source,
            Route::None | Route::Tcp { .. } => return true,
        };
        if *address.get_or_insert(from.ip()) == from.ip() {
            audio.track.handle_data(now, data, &mut self.told);
        }
        true
    }

    pub(super) fn handle_audio_timeout(&mut self, now: Instant) {
        if let Some(audio) = audio_of(&mut self.session) {
            audio.track.handle_timeout(now, &mut self.told);
        }
    }

    pub(super) fn report_audio(&mut self, now: Instant) {
        let Some(audio) = audio_of(&mut self.session) else { return };
        let (track, route) = (audio.track.track(), audio.route);
        let report = audio.track.report(now);
        self.send_rtcp(track, route, report);
    }

    /// Opens the way for the audio's datagrams.
    pub(super) fn punch_audio_hole(&mut self, now: Instant) {
        let Some(audio) = audio_of(&mut self.session) else { return };
        let Route::Udp { ports: Some((port, _)), .. } = audio.route else { return };
        let udp = UdpPort { track: audio.track.track(), rtcp: false };
        let data = audio.track.hole_punch();
        self.told.push(Output::SendDatagram { udp, port, data });
        self.report_audio(now);
    }
}

fn audio_of(session: &mut Option<Session>) -> Option<&mut AudioLink> {
    session.as_mut().filter(|_| ENABLED)?.audio.as_mut()
}

impl AudioLink {
    /// Whether interleaved data is the audio's. Cameras confuse channels: where the payload types
    /// differ, these tell; reports go by their channel, those of a shared one to the video.
    fn takes(&self, channel: u8, data: &[u8], video_route: &Route, video: &Track) -> bool {
        let own = self.route.has_channel(channel, channel);
        let of_video = video_route.has_channel(channel, channel);
        let by_channel = own && !of_video;
        let payload_type = data.get(1).map(|byte| byte & 0x7f);
        let among = |types: &[u8]| payload_type.is_some_and(|kind| types.contains(&kind));
        let types = (among(self.track.payload_types()), among(video.payload_types()));
        match types {
            (true, false) if !is_rtcp(data) => own || of_video,
            (false, true) if !is_rtcp(data) => false,
            _ => by_channel,
        }
    }
}

impl Route {
    /// Whether either of the channels is one of this way.
    pub(super) fn has_channel(&self, a: u8, b: u8) -> bool {
        matches!(self, Self::Tcp { rtp, rtcp } if [*rtp, *rtcp].iter().any(|c| *c == a || *c == b))
    }
}
