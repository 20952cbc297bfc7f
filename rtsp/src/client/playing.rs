//! While media flows: frames and datagrams in, reports and keep-alives out.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Client;
use super::error::Error;
use super::handshake::REPORT_INTERVAL;
use super::output::{Output, Quirk, TrackId, UdpPort};
use super::requests::Purpose;
use super::session::{Missed, Route, Step};
use crate::receive::Listener as _;
use crate::receive::due;
use crate::rtp::is_rtcp;

/// Least time between requests for an IDR.
const KEYFRAME_INTERVAL: Duration = Duration::from_secs(1);

impl Client {
    /// A frame of the connection. Before PLAY is sent, it is a leftover of somebody's session.
    pub(super) fn handle_frame(&mut self, now: Instant, channel: u8, data: &[u8]) {
        if self.take_audio_frame(now, channel, data) {
            return;
        }
        let Some(session) = &mut self.session else { return };
        let Route::Tcp { rtp, rtcp } = session.route else {
            self.told.stats.discarded += 1;
            return self.told.quirk(Quirk::UnassignedChannel);
        };
        // Some cameras confuse the tracks' channels: what is not audio is taken for video.
        let is_of_audio =
            session.audio.as_ref().is_some_and(|audio| audio.route.has_channel(channel, channel));
        if channel != rtp && channel != rtcp && !is_of_audio {
            self.told.stats.discarded += 1;
            return self.told.quirk(Quirk::UnassignedChannel);
        }
        if let Some(track) = &mut session.track {
            track.handle_data(now, channel == rtcp && rtcp != rtp, data, &mut self.told);
        }
    }

    pub(super) fn handle_udp_data(
        &mut self,
        now: Instant,
        udp: UdpPort,
        source: SocketAddr,
        data: &[u8],
    ) {
        if self.take_audio_datagram(now, udp.track, source, data) {
            return;
        }
        let Some(session) = &mut self.session else { return };
        let address = match &mut session.route {
            Route::None | Route::Tcp { .. } => return,
            Route::Udp { address, .. } => address,
            Route::Multicast { source, .. } => source,
        };
        let Some(track) = session.track.as_mut().filter(|track| track.info.track == udp.track)
        else {
            return;
        };
        if address.is_some_and(|address| address != source.ip()) {
            self.told.stats.discarded += 1;
            return;
        }
        let sound = data.first().is_some_and(|first| first >> 6 == 2);
        if sound {
            address.get_or_insert(source.ip());
        }
        // Where the camera did not say its ports, the first packet tells.
        if let (Route::Udp { ports: ports @ None, .. }, true, false, Some(next)) =
            (&mut session.route, sound, is_rtcp(data), source.port().checked_add(1))
        {
            *ports = Some((source.port(), next));
        }
        track.handle_data(now, udp.rtcp, data, &mut self.told);
    }

    pub(super) fn handle_resync(&mut self, now: Instant) {
        self.told.stats.resyncs += 1;
        self.told.quirk(Quirk::Garbage);
        if self.session.as_mut().is_some_and(|session| session.resynced(now)) {
            self.fail(now, Error::Resyncs);
        }
    }

    /// What the parser is to expect of frames, if that changed.
    pub(super) fn take_expectation(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        let session = self.session.as_mut()?;
        let Route::Tcp { rtp, rtcp } = session.route else { return None };
        let track = session.track.as_ref()?;
        std::mem::take(&mut session.expectation_changed).then(|| {
            let (mut channels, mut types) = (vec![rtp, rtcp], track.payload_types().to_vec());
            if let Some(audio) = &session.audio {
                if let Route::Tcp { rtp, rtcp } = audio.route {
                    channels.extend([rtp, rtcp]);
                }
                types.extend(audio.track.payload_types());
            }
            (channels, types)
        })
    }

    pub(super) fn handle_session_timeout(&mut self, now: Instant) {
        let timeouts = self.options.timeouts;
        let Some(session) = &mut self.session else { return };
        if let Some(track) = &mut session.track {
            track.handle_timeout(now, &mut self.told);
        }
        self.handle_audio_timeout(now);
        let Some(session) = &mut self.session else { return };
        if due(session.step_deadline(&timeouts), now) {
            let awaited = session.requests.awaited().map(|sent| sent.method);
            if awaited.is_none() && self.is_setting_up_audio() {
                return self.audio_bound(now, None);
            }
            let error =
                awaited.map_or(Error::UdpUnavailable, |method| Error::RequestTimeout { method });
            return self.fail(now, error);
        }
        if let Some((deadline, missed)) = session.media_deadline(&timeouts)
            && deadline <= now
        {
            return match missed {
                Missed::Media => self.fail(now, Error::NoMedia),
                Missed::Picture => self.fail(now, Error::NoPicture),
                Missed::AfterGoodbye => self.fail(now, Error::EndedByCamera),
                Missed::FirstDatagram => self.change_carrier(now, Error::NoDatagrams),
            };
        }
        if due(session.next_report, now) {
            self.send_report(now);
        }
        if self.session.as_ref().is_some_and(|session| due(session.next_keep_alive, now)) {
            self.send_keep_alive(now);
        }
    }

    fn send_report(&mut self, now: Instant) {
        let Some(session) = &mut self.session else { return };
        session.next_report = Some(now + REPORT_INTERVAL);
        let route = session.route;
        if let Some(track) = &mut session.track {
            let (track, report) = (track.info.track, track.report(now));
            self.send_rtcp(track, route, report);
        }
        self.report_audio(now);
    }

    /// The reply is not waited for: many cameras never send one, and only missing media counts.
    fn send_keep_alive(&mut self, now: Instant) {
        let Some(session) = &mut self.session else { return };
        if let Some(method) = session.requests.take_unanswered_keep_alive() {
            self.keep_alive_failed(method);
        }
        let Some(session) = &mut self.session else { return };
        let method = self.keep_alive.method(session.public.as_deref());
        let interval = session.keep_alive_interval();
        let doubtful = self.keep_alive.is_doubtful(method);
        session.next_keep_alive = Some(now + if doubtful { interval / 2 } else { interval });
        let uri = session.base.request_uri();
        self.request(now, Purpose::KeepAlive, method, &uri, Vec::new());
        self.punch_holes(now);
    }

    /// What was refused has kept nothing alive: the other method follows at once.
    pub(super) fn keep_alive_refused(&mut self, now: Instant, method: &str) {
        let changed = self.keep_alive_failed(method);
        if let Some(session) = self.session.as_mut().filter(|_| changed) {
            session.next_keep_alive = Some(now);
        }
    }

    pub(super) fn send_keyframe_request(&mut self, now: Instant) -> bool {
        let recent = |at: Instant| now.saturating_duration_since(at) < KEYFRAME_INTERVAL;
        if self.last_keyframe_request.is_some_and(recent) {
            return false;
        }
        let Some(session) = self.session.as_mut().filter(|session| session.step == Step::Playing)
        else {
            return false;
        };
        let route = session.route;
        let Some(track) = &mut session.track else { return false };
        let Some(request) = track.keyframe_request(now) else { return false };
        let track = track.info.track;
        let sent = self.send_rtcp(track, route, request);
        if sent {
            self.last_keyframe_request = Some(now);
        }
        sent
    }

    /// Sends RTCP by the way of a track; whether there is one.
    pub(super) fn send_rtcp(&mut self, track: TrackId, route: Route, data: Vec<u8>) -> bool {
        let port = match route {
            Route::None => return false,
            Route::Udp { ports, .. } => ports.map(|(_, rtcp_port)| rtcp_port),
            Route::Multicast { rtcp_port, .. } => Some(rtcp_port),
            Route::Tcp { rtcp, .. } => {
                let [high, low] = u16::try_from(data.len()).unwrap_or(0).to_be_bytes();
                let mut frame = vec![b'$', rtcp, high, low];
                frame.extend(data);
                self.told.push(Output::Send(frame));
                return true;
            }
        };
        let Some(port) = port else { return false };
        let udp = UdpPort { track, rtcp: true };
        self.told.push(Output::SendDatagram { udp, port, data });
        true
    }
}
