//! From the connection to PLAY, one request at a time: cameras tie state to the connection, and
//! each SETUP needs the session of what was before it.

use std::time::{Duration, Instant};

use super::error::Error;
use super::output::{Carrier, Event, Group, Output, Quirk, TrackId, UdpPort};
use super::requests::{Match, Purpose, Requests, Sent};
use super::session::{Route, Step};
use super::{Client, Phase, excerpt, unauthorized};
use crate::limits::{MAX_INFORMATIONAL, MAX_REDIRECTS};
use crate::message::{Request, Response};
use crate::receive::Listener as _;
use crate::receive::choose::{choose, offered_codec};
use crate::receive::choose_audio::choose_audio;
use crate::receive::track::Track;
use crate::sdp::Sdp;
use crate::transport::{SessionHeader, TransportHeader};
use crate::url::Url;

/// Channels asked for.
const CHANNELS: (u8, u8) = (0, 1);
/// Time between receiver reports; some cameras end sessions without them.
pub(super) const REPORT_INTERVAL: Duration = Duration::from_secs(5);

impl Client {
    pub(super) fn handle_response(&mut self, now: Instant, response: &Response) {
        let Some(session) = &mut self.session else { return };
        let (found, exact) = session.requests.take(response);
        if !exact {
            let missing = response.headers.cseq().is_none();
            self.told.quirk(if missing { Quirk::MissingCseq } else { Quirk::ForeignCseq });
        }
        match found {
            Match::Foreign => {}
            Match::Informational(count) if count <= MAX_INFORMATIONAL => {}
            Match::Informational(_) => {
                let awaited = session.requests.awaited().map_or("OPTIONS", |sent| sent.method);
                self.fail(now, refusal(awaited, response));
            }
            Match::Reply(sent) if response.status == 401 => {
                self.unauthorized(now, sent, response);
            }
            Match::Reply(sent) => {
                self.auth.handle_accepted(&response.headers);
                self.answered(now, &sent, response);
            }
        }
    }

    fn answered(&mut self, now: Instant, sent: &Sent, response: &Response) {
        if sent.purpose == Purpose::KeepAlive {
            if response.status >= 300 {
                self.keep_alive_refused(now, sent.method);
            } else {
                self.keep_alive.worked(sent.method);
            }
            return;
        }
        if sent.purpose == Purpose::Renewal {
            if response.status >= 300 {
                self.renewal_refused(false);
            }
            return;
        }
        if matches!(self.phase, Phase::Closing { .. }) {
            // Replies to what was asked before may still come.
            if sent.method == "TEARDOWN" {
                self.finish_closing(now);
            }
            return;
        }
        if self.is_setting_up_audio() {
            return self.audio_set_up(now, response);
        }
        if matches!(response.status, 300..=303 | 305..=399) {
            return self.redirect(now, response);
        }
        match self.session.as_ref().map(|session| session.step) {
            Some(Step::Options) => self.options_answered(now, response),
            Some(Step::Describe) => self.described(now, response),
            Some(Step::Setup) => self.set_up(now, response),
            Some(Step::Play) => self.played(now, response),
            _ => {}
        }
    }

    fn unauthorized(&mut self, now: Instant, sent: Sent, response: &Response) {
        let Some(session) = &mut self.session else { return };
        match Requests::unauthorized(&mut self.auth, &sent, response) {
            Ok(changed) => {
                if changed {
                    self.told.quirk(Quirk::NonceChanged);
                }
                let bytes = session.requests.send_again(now, &mut self.auth, sent);
                self.told.push(Output::Send(bytes));
            }
            // While media flows, nobody is offline because of a keep-alive.
            Err(_) if sent.purpose == Purpose::KeepAlive => {
                self.keep_alive_refused(now, sent.method);
            }
            Err(_) if sent.purpose == Purpose::Renewal => self.renewal_refused(true),
            Err(_) if matches!(self.phase, Phase::Closing { .. }) => self.finish_closing(now),
            Err(_) if self.is_setting_up_audio() => {
                self.leave_audio_out(now, "SETUP: 401 Unauthorized");
            }
            Err(error) => self.fail(now, unauthorized(error)),
        }
    }

    fn redirect(&mut self, now: Instant, response: &Response) {
        let location = response.headers.get("Location").filter(|text| !text.is_empty());
        let Some(location) = location.filter(|_| self.redirects < MAX_REDIRECTS) else {
            return self.fail(now, Error::RedirectLoop);
        };
        match self.url.redirected(location) {
            Err(error) => self.fail(now, Error::Redirect(error)),
            Ok(target) => {
                // Credentials belong to the host they were configured for, and to no other.
                let home = self.home();
                let credentials = home.credentials().filter(|_| home.same_host(&target)).cloned();
                if !self.url.same_host(&target) {
                    self.renew_authenticator(credentials.clone());
                }
                let redirects = self.redirects + 1;
                self.send_teardown(now);
                self.hang_up();
                self.redirects = redirects;
                self.url = target.with_credentials(credentials);
                self.dial(now);
            }
        }
    }

    /// OPTIONS is only asked for what it tells: refusing it does no harm.
    fn options_answered(&mut self, now: Instant, response: &Response) {
        if !response.is_success() {
            self.told.quirk(Quirk::NoOptions);
        }
        let Some(session) = &mut self.session else { return };
        session.public = response.headers.get("Public").map(str::to_owned);
        session.step = Step::Describe;
        let headers = vec![("Accept", "application/sdp".to_owned())];
        let uri = self.url.request_uri();
        self.request(now, Purpose::Step, "DESCRIBE", &uri, headers);
    }

    fn described(&mut self, now: Instant, response: &Response) {
        if !response.is_success() {
            return self.fail(now, refusal("DESCRIBE", response));
        }
        if response.body.is_empty() {
            return self.fail(now, bad_reply("DESCRIBE", "a description"));
        }
        let sdp = Sdp::parse(&response.body);
        self.look_at_maker(response, &sdp);
        let (mut tracks, chosen) = choose(&sdp);
        let chosen_audio = choose_audio(&sdp, &mut tracks);
        let codec = offered_codec(&tracks);
        self.told.event(Event::Described { tracks });
        let Some(chosen) = chosen else {
            self.told.event(Event::Unsupported { codec });
            return self.fail(now, Error::NothingPlayable);
        };
        let base = self.base_url(&sdp, response);
        let track = chosen.info.track;
        let Some(session) = &mut self.session else { return };
        session.base = base;
        session.chosen = Some(chosen);
        session.chosen_audio = chosen_audio;
        match self.carrier {
            Carrier::Tcp => self.set_up_track(now, &tcp_transport()),
            Carrier::Udp => {
                session.step = Step::Bind { since: now };
                self.told.push(Output::BindUdp { track });
            }
            Carrier::Multicast => {
                let header = TransportHeader { multicast: true, ..Default::default() };
                self.set_up_track(now, &header);
            }
        }
    }

    /// RFC 2326 C.1.1, and what cameras make of it.
    fn base_url(&mut self, sdp: &Sdp, response: &Response) -> Url {
        let absolute = |text: &&str| text.contains("://");
        let control = sdp.control.as_deref().filter(absolute);
        let headers = &response.headers;
        let named = headers.get("Content-Base").or_else(|| headers.get("Content-Location"));
        let Some(text) = control.or(named.filter(|text| !text.is_empty())) else {
            return self.url.clone();
        };
        if Url::parse(text).is_err() {
            self.told.quirk(Quirk::OddContentBase);
        }
        self.url.base_from(text).unwrap_or_else(|| self.url.clone())
    }

    pub(super) fn bound(&mut self, now: Instant, track: TrackId, ports: (u16, u16)) {
        if self.is_setting_up_audio() {
            return self.audio_bound(now, Some(ports));
        }
        let Some(session) = &self.session else { return };
        let is_chosen = session.chosen.as_ref().is_some_and(|chosen| chosen.info.track == track);
        match session.step {
            Step::Bind { .. } if is_chosen => {
                let header = TransportHeader { client_port: Some(ports), ..Default::default() };
                self.set_up_track(now, &header);
            }
            Step::Join { .. } => self.set_up_audio(now),
            _ => {}
        }
    }

    pub(super) fn unbound(&mut self, now: Instant, reason: &str) {
        if self.is_setting_up_audio() {
            return self.audio_bound(now, None);
        }
        let joining =
            self.session.as_ref().is_some_and(|session| matches!(session.step, Step::Join { .. }));
        let error = match joining {
            true => Error::Multicast { reason: excerpt(reason) },
            false => Error::UdpUnavailable,
        };
        self.fail(now, error);
    }

    fn set_up_track(&mut self, now: Instant, transport: &TransportHeader) {
        let resolve = self.resolve_control;
        let Some(session) = &mut self.session else { return };
        let Some(chosen) = &session.chosen else { return };
        let control = chosen.info.control.as_str();
        let base = &session.base;
        let uri =
            if resolve { base.resolve_control(control) } else { base.append_control(control) };
        let Some(uri) = uri else {
            return self.fail(now, bad_reply("DESCRIBE", "a usable track URL"));
        };
        session.step = Step::Setup;
        session.asked = Some(transport.clone());
        let headers = vec![("Transport", transport.to_value())];
        self.request(now, Purpose::Step, "SETUP", &uri, headers);
    }

    fn set_up(&mut self, now: Instant, response: &Response) {
        if response.status == 461 {
            return self.change_carrier(now, Error::TransportRefused);
        }
        if !response.is_success() {
            if self.try_other_control(now, response.status) {
                return;
            }
            return self.fail(now, refusal("SETUP", response));
        }
        if self.resolve_control {
            self.told.quirk(Quirk::ResolvedControl);
        }
        let said = response.headers.get("Transport").map(TransportHeader::parse);
        let said = said.unwrap_or_default();
        let other = match self.carrier {
            Carrier::Tcp => !said.tcp && said.server_port.is_some(),
            Carrier::Udp => said.tcp,
            Carrier::Multicast => !said.multicast,
        };
        self.note_session(response);
        if other {
            return self.change_carrier(now, Error::TransportRefused);
        }
        let Some(route) = self.route(&said) else {
            let reason = "the reply to SETUP names no multicast group".to_owned();
            return self.fail(now, Error::Multicast { reason });
        };
        let ssrc = self.random.next_u32();
        let Some(session) = &mut self.session else { return };
        let Some(chosen) = session.chosen.take() else { return };
        let track = chosen.info.track;
        let ordered = self.carrier == Carrier::Tcp;
        session.track = Some(Track::new(chosen, ordered, said.ssrc, ssrc));
        session.route = route;
        session.expectation_changed = true;
        self.told.stats.transport = Some(self.carrier);
        match said.group().filter(|_| self.carrier == Carrier::Multicast) {
            Some((address, (rtp_port, rtcp_port))) => {
                session.step = Step::Join { since: now };
                let ttl = said.ttl.unwrap_or(1);
                let group = Group { address, rtp_port, rtcp_port, ttl };
                self.told.push(Output::JoinMulticast { track, group });
            }
            None => self.set_up_audio(now),
        }
    }

    /// The way that the reply to SETUP describes, or leaves to be guessed. None where there is no
    /// guessing.
    fn route(&mut self, said: &TransportHeader) -> Option<Route> {
        match self.carrier {
            Carrier::Tcp => {
                if said.interleaved.is_none() {
                    self.told.quirk(Quirk::TransportUnsaid);
                }
                let (rtp, rtcp) = said.interleaved.unwrap_or(CHANNELS);
                if (rtp, rtcp) != CHANNELS {
                    self.told.quirk(Quirk::OtherChannels);
                }
                Some(Route::Tcp { rtp, rtcp })
            }
            Carrier::Udp => {
                if said.server_port.is_none() {
                    self.told.quirk(Quirk::TransportUnsaid);
                }
                Some(Route::Udp { ports: said.server_port, address: self.peer })
            }
            Carrier::Multicast => {
                let (_, (_, rtcp_port)) = said.group()?;
                let source = said.source.filter(|source| !source.is_unspecified()).or(self.peer);
                Some(Route::Multicast { rtcp_port, source })
            }
        }
    }

    pub(super) fn play(&mut self, now: Instant) {
        let Some(session) = &mut self.session else { return };
        session.step = Step::Play;
        let uri = session.base.request_uri();
        self.punch_holes(now);
        // Without a range some cameras refuse, or start from where another left off.
        self.request(now, Purpose::Step, "PLAY", &uri, vec![("Range", "npt=0.000-".to_owned())]);
    }

    /// Track URLs are made by appending, which most cameras want; a few insist on the standard.
    /// Whether there is another URL to try.
    fn try_other_control(&mut self, now: Instant, status: u16) -> bool {
        let Some(session) = &mut self.session else { return false };
        let Some(chosen) = &session.chosen else { return false };
        let control = chosen.info.control.as_str();
        let differ = session.base.append_control(control) != session.base.resolve_control(control);
        let about_url = matches!(status, 404 | 454 | 455 | 503);
        if session.resolved_tried {
            // Neither works: next time from the beginning.
            self.resolve_control = false;
            return false;
        }
        let Some(transport) = session.asked.clone().filter(|_| differ && about_url) else {
            return false;
        };
        session.resolved_tried = true;
        self.resolve_control = !self.resolve_control;
        self.set_up_track(now, &transport);
        true
    }

    fn played(&mut self, now: Instant, response: &Response) {
        if !response.is_success() {
            return self.fail(now, refusal("PLAY", response));
        }
        self.note_session(response);
        let Some(session) = &mut self.session else { return };
        session.step = Step::Playing;
        session.played_at = Some(now);
        session.next_report = Some(now + REPORT_INTERVAL);
        session.next_keep_alive = Some(now + session.keep_alive_interval());
        if let Some(track) = &mut session.track {
            track.played();
        }
        self.told.stats.sessions += 1;
        self.told.event(Event::Playing);
    }

    /// The first identifier counts: some cameras name another one later and mean the first.
    pub(super) fn note_session(&mut self, response: &Response) {
        let Some(session) = &mut self.session else { return };
        let said = response.headers.get("Session").and_then(SessionHeader::parse);
        match (&session.requests.session, said) {
            (None, Some(said)) => session.requests.session = Some(said),
            (Some(known), Some(said)) if known.id != said.id => {
                self.told.quirk(Quirk::SessionChanged);
            }
            _ => {}
        }
    }

    /// Opens the way for datagrams of the camera; it also learns our ports by them.
    pub(super) fn punch_holes(&mut self, now: Instant) {
        let Some(session) = &mut self.session else { return };
        let Route::Udp { ports: Some((rtp, rtcp)), .. } = session.route else { return };
        let Some(track) = &mut session.track else { return };
        let udp = |rtcp| UdpPort { track: track.info.track, rtcp };
        let (rtp_port, rtcp_port) = (udp(false), udp(true));
        let (data, report) = (track.hole_punch(), track.report(now));
        self.told.push(Output::SendDatagram { udp: rtp_port, port: rtp, data });
        self.told.push(Output::SendDatagram { udp: rtcp_port, port: rtcp, data: report });
        self.punch_audio_hole(now);
    }

    /// Requests of a camera: some ask whether we are still there.
    pub(super) fn handle_request(&mut self, request: &Request) {
        let known = matches!(request.method.as_str(), "OPTIONS" | "GET_PARAMETER");
        let mut response = Response::new(if known { 200 } else { 501 });
        for name in ["CSeq", "Session"] {
            if let Some(value) = request.headers.get(name) {
                response.headers.push(name, value);
            }
        }
        self.told.push(Output::Send(response.to_bytes()));
    }
}

fn tcp_transport() -> TransportHeader {
    TransportHeader { tcp: true, interleaved: Some(CHANNELS), ..Default::default() }
}

fn refusal(method: &'static str, response: &Response) -> Error {
    Error::Status { method, status: response.status, reason: excerpt(&response.reason) }
}

fn bad_reply(method: &'static str, missing: &'static str) -> Error {
    Error::BadReply { method, missing }
}
