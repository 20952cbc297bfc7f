//! One WebRTC peer connection: the only place that knows str0m.
//!
//! str0m must be drained after every mutation and does not send before it was told the time;
//! [`Peer`] has no method that leaves it otherwise. It does ICE, DTLS and data channels.
//! Descriptions and RTP, which is all there is thousands of times a second, are read and written
//! here: frames are queued, and leave together in [`Peer::flush`].

mod answer;
mod audio;
mod crypto;
mod demux;
mod formats;
pub mod fuzzing;
mod ice;
mod identity;
#[cfg(not(feature = "receive"))]
mod no_receive;
mod offer;
mod path;
mod publish;
#[cfg(feature = "receive")]
pub mod receive;
mod reports;
mod resends;
mod sdp;
mod sending;
mod srtp;
mod stream;
mod transport;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::{Event as RtcEvent, IceConnectionState, Input, Output, Rtc};

use self::crypto::Keys;
use self::path::is_rtp_or_rtcp;
use self::reports::Reports;
use self::sdp::{Description, Session, Setup, Transport};
use self::sending::Track;
use self::srtp::Srtp;
use self::transport::Role;

pub use self::demux::{Demux, Route};
pub use self::ice::Ice;
pub use self::identity::{Entropy, Identity};
pub use self::offer::Offering;
pub use self::path::{Datagram, Path, Sink, Transmitter};
pub use self::reports::NtpClock;
pub use self::sdp::OfferError;
pub use str0m::net::{Protocol, Transmit};

use self::ice::add_candidates;

use crate::engine::codec::VideoCodecs;
use crate::engine::frame::{AudioEgress, Egress};
use crate::limits;

/// Without any datagram from the viewer for this long, the connection counts as lost.
const SILENCE: Duration = Duration::from_secs(5);
/// A lost connection that comes back within this time goes on as if nothing had happened.
const GRACE: Duration = Duration::from_secs(10);
/// ICE and DTLS must be up this long after the answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// str0m would wake up for reports of streams, of which it has none.
const REPORTS_OF_NOTHING: Duration = Duration::from_secs(24 * 3600);

/// What every peer of a server has in common.
#[derive(Debug, Clone)]
pub struct PeerOptions {
    /// Addresses at which the server's UDP socket is reached, in order of preference.
    pub candidates: Vec<SocketAddr>,
    /// Packets a slot keeps to answer NACKs (RFC 4588).
    pub resend_packets: usize,
    /// Least and most playout delay to ask the receiver for, if it offers the extension.
    pub playout_delay: Option<(Duration, Duration)>,
    /// Where the server is reached besides its UDP socket.
    pub ice: Ice,
    /// What reports tell the time by.
    pub clock: NtpClock,
}

/// What a peer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// ICE and DTLS are up, for the first time.
    Connected,
    /// The receiver of a slot can't decode what it has (PLI or FIR).
    PictureLoss {
        /// The slot.
        position: usize,
    },
    /// The receiver of a slot has missed packets and asked for them (NACK).
    Loss {
        /// The slot.
        position: usize,
    },
    /// The connection is over.
    Ended(EndReason),
}

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The viewer said so (DTLS `close_notify`).
    ClosedByViewer,
    /// ICE and DTLS did not come up in time.
    NeverConnected,
    /// Silence for longer than the grace period.
    ConnectionLost,
    /// DTLS or ICE failed.
    Failed,
}

impl EndReason {
    /// One spelling for log and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClosedByViewer => "closed_by_viewer",
            Self::NeverConnected => "never_connected",
            Self::ConnectionLost => "connection_lost",
            Self::Failed => "failed",
        }
    }
}

/// What a peer's accepted offer gave.
#[derive(Debug)]
pub struct Answer {
    /// The SDP answer, candidates included.
    pub sdp: String,
    /// The same candidates, for clients that want them as messages.
    pub candidates: Vec<String>,
}

/// One peer connection.
#[derive(Debug)]
pub struct Peer {
    /// Apart: it is large, and what is sent does not touch it.
    rtc: Box<Rtc>,
    ufrag: String,
    keys: Keys,
    /// Once DTLS is up.
    srtp: Option<Srtp>,
    /// What media leave by.
    path: Option<Path>,
    tracks: Vec<Option<Track>>,
    playout_delay: Option<(Duration, Duration)>,
    audio_tracks: Vec<audio::AudioTrack>,
    outbox: Vec<(usize, Egress)>,
    audio_outbox: Vec<(usize, AudioEgress)>,
    reports: Reports,
    events: VecDeque<Event>,
    next_timeout: Instant,
    liveness: Liveness,
    /// Candidates of the other side that came by signalling.
    trickled: usize,
    /// What this peer has offered, and may offer again.
    publishing: Option<Box<publish::Publishing>>,
    /// What comes from this peer, if something may.
    #[cfg(feature = "receive")]
    incoming: Option<Box<receive::Incoming>>,
    is_connected: bool,
    is_over: bool,
}

#[derive(Debug, Clone, Copy)]
enum Liveness {
    Connecting { give_up_at: Instant },
    Up { heard_at: Instant },
}

impl Peer {
    /// Answers a viewer's offer. The i-th video m-line becomes slot i; those beyond
    /// `slots` are answered `inactive`. The i-th audio m-line that receives is that of the slot
    /// `audio[i]`; all other audio is answered `inactive` as well.
    ///
    /// # Errors
    /// When the offer is no usable SDP; the text is fit for the viewer.
    pub fn accept(
        now: Instant,
        options: &PeerOptions,
        identity: &Identity,
        entropy: Entropy,
        offer: &str,
        slots: usize,
        audio: &[usize],
    ) -> Result<(Self, Answer), OfferError> {
        let offer = Description::read(offer)?;
        let credentials = entropy.into_credentials();
        let is_ice_lite = !options.ice.is_full;
        let config = identity.configure(credentials.clone()).set_ice_lite(is_ice_lite);
        let (mut rtc, keys) = crypto::overhear(|| config.build(now));
        let candidates = add_candidates(&mut rtc, options);
        let setup = transport::connect(&mut rtc, &offer, Role::Answerer { is_ice_lite })?;
        let terms = answer::Terms {
            slots,
            audio: if audio::ENABLED { audio } else { &[] },
            playout_delay: options.playout_delay.is_some(),
            resend_packets: options.resend_packets,
        };
        let random = &mut || *rtc.direct_api().new_ssrc();
        let session = Session { id: random(), version: 1 };
        let taken = answer::take_up(random, &offer, &terms);
        if taken.has_data_channels {
            rtc.direct_api().start_sctp(setup == Setup::Active);
        }
        let transport = Transport {
            is_ice_lite,
            credentials: &credentials,
            fingerprint: transport::fingerprint(&mut rtc),
            setup,
            candidates: &candidates,
            is_bundle: offer.is_bundle,
            allows_mixed_extensions: false,
        };
        let sdp = sdp::write(session, &transport, &taken.lines);
        let mut peer = Self::new(now, (rtc, keys), credentials.ufrag, options);
        (peer.tracks, peer.audio_tracks) = (taken.tracks, taken.audio_tracks);
        peer.drain(now, &mut |_: Transmit| ());
        if options.ice.is_full {
            peer.next_timeout = now; // only then does str0m begin to count
        }
        Ok((peer, Answer { sdp, candidates }))
    }

    fn new(now: Instant, (rtc, keys): (Rtc, Keys), ufrag: String, options: &PeerOptions) -> Self {
        Self {
            rtc: Box::new(rtc),
            ufrag,
            keys,
            srtp: None,
            path: None,
            tracks: Vec::new(),
            playout_delay: options.playout_delay,
            audio_tracks: Vec::new(),
            outbox: Vec::new(),
            audio_outbox: Vec::new(),
            reports: Reports::new(options.clock),
            events: VecDeque::new(),
            next_timeout: now,
            liveness: Liveness::Connecting { give_up_at: now + CONNECT_TIMEOUT },
            trickled: 0,
            publishing: None,
            #[cfg(feature = "receive")]
            incoming: None,
            is_connected: false,
            is_over: false,
        }
    }

    /// The local ICE user name fragment, by which the first datagrams find their peer.
    #[must_use]
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// Why a slot can't carry video, if it can't.
    #[must_use]
    pub fn slot_error(&self, position: usize) -> Option<&'static str> {
        match self.tracks.get(position) {
            Some(Some(_)) => None,
            _ => Some("no codec of ours was offered for this slot (H264: packetization-mode=1)"),
        }
    }

    /// What a slot's receiver takes.
    #[must_use]
    pub fn codecs(&self, position: usize) -> VideoCodecs {
        let track = self.tracks.get(position).and_then(Option::as_ref);
        track.map(|track| track.formats.codecs()).unwrap_or_default()
    }

    /// A candidate of the viewer, from signalling. Unusable ones (mDNS, TCP, garbage) are
    /// ignored, and so are more than [`limits::REMOTE_CANDIDATES_MAX`]: the viewer's own checks
    /// reach us all the same.
    pub fn add_remote_candidate(&mut self, now: Instant, line: &str, sink: &mut Sink<'_>) {
        if self.trickled >= limits::REMOTE_CANDIDATES_MAX {
            return;
        }
        self.trickled += 1;
        let line = line.strip_prefix("a=").unwrap_or(line);
        if transport::hear_of_candidate(&mut self.rtc, line) {
            self.tick(now, sink);
        }
    }

    /// Whether this is for this peer: checks a STUN message's integrity.
    #[must_use]
    pub fn accepts(&self, now: Instant, datagram: &Datagram<'_>) -> bool {
        let received = datagram.received();
        received.is_some_and(|received| self.rtc.accepts(&Input::Receive(now, received)))
    }

    /// Takes what is for this peer.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &Datagram<'_>, sink: &mut Sink<'_>) {
        let Some(received) = datagram.received() else { return };
        let data = datagram.data;
        if let Liveness::Up { heard_at } = &mut self.liveness {
            *heard_at = now;
        }
        if is_rtp_or_rtcp(data) {
            return match rtsp::rtp::is_rtcp(data) {
                true => self.handle_reports(now, data, sink),
                false => self.handle_media(now, datagram),
            };
        }
        if let Err(error) = self.rtc.handle_input(Input::Receive(now, received)) {
            log::info!("peer {}: {error}", self.ufrag);
            self.end(EndReason::Failed);
        }
        if is_stun(data) {
            self.look_for_path();
        }
        self.drain(now, sink);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant, sink: &mut Sink<'_>) {
        match self.liveness {
            Liveness::Connecting { give_up_at } if now >= give_up_at => {
                self.end(EndReason::NeverConnected);
            }
            Liveness::Up { heard_at } if now >= heard_at + SILENCE + GRACE => {
                self.end(EndReason::ConnectionLost);
            }
            _ => {}
        }
        self.look_for_path();
        self.tick(now, sink);
        self.report_received(now, sink);
    }

    /// When [`Peer::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        let liveness = match self.liveness {
            Liveness::Connecting { give_up_at } => give_up_at,
            Liveness::Up { heard_at } => heard_at + SILENCE + GRACE,
        };
        let reports = self.poll_received_reports();
        let next_timeout = self.next_timeout.min(liveness);
        reports.map_or(next_timeout, |at| at.min(next_timeout))
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Says goodbye to the viewer.
    pub fn close(&mut self, now: Instant, sink: &mut Sink<'_>) {
        self.is_over = true; // whatever the viewer says to this is no news
        self.end_streams(now, sink);
        if self.rtc.close().is_ok() {
            self.tick(now, sink);
        }
    }

    fn tick(&mut self, now: Instant, sink: &mut Sink<'_>) {
        if let Err(error) = self.rtc.handle_input(Input::Timeout(now)) {
            log::info!("peer {}: {error}", self.ufrag);
            self.end(EndReason::Failed);
        }
        self.drain(now, sink);
    }

    fn drain(&mut self, now: Instant, sink: &mut Sink<'_>) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Transmit(transmit)) => {
                    if self.observe_path(&transmit) {
                        sink.send(transmit);
                    }
                }
                Ok(Output::Event(event)) => self.handle_event(now, &event),
                Ok(Output::Timeout(at)) => {
                    self.next_timeout = at;
                    return;
                }
                Err(error) => {
                    log::info!("peer {}: {error}", self.ufrag);
                    self.end(EndReason::Failed);
                    return;
                }
            }
        }
    }

    fn handle_event(&mut self, now: Instant, event: &RtcEvent) {
        match event {
            RtcEvent::Connected => {
                self.liveness = Liveness::Up { heard_at: now };
                let receives = self.receives();
                let keys = self.keys.get();
                self.srtp = keys.and_then(|keys| Srtp::new(&crypto::provider(), keys, receives));
                if !std::mem::replace(&mut self.is_connected, true) {
                    self.events.push_back(Event::Connected);
                }
            }
            RtcEvent::Closed => self.end(EndReason::ClosedByViewer),
            RtcEvent::IceConnectionStateChange(state) => {
                // A disconnect is judged by silence: str0m's own takes 15 s.
                let state: IceConnectionState = *state;
                log::debug!("peer {}: ICE {state:?}", self.ufrag);
            }
            other => self.handle_channel(other),
        }
    }

    fn end(&mut self, reason: EndReason) {
        if !std::mem::replace(&mut self.is_over, true) {
            self.events.push_back(Event::Ended(reason));
        }
    }
}

/// Whether a datagram is of ICE, not of DTLS or SRTP (RFC 7983 section 7).
#[must_use]
pub fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|byte| *byte < 4)
}

impl Identity {
    /// What all peers have in common. str0m knows of no stream: what there is to be reported is
    /// reported by us.
    fn configure(&self, credentials: str0m::IceCreds) -> str0m::RtcConfig {
        Rtc::builder()
            .set_rtp_mode(true)
            .set_local_ice_credentials(credentials)
            .set_crypto_provider(self.crypto())
            .set_dtls_cert(self.certificate())
            .clear_codecs()
            .clear_extension_map()
            .set_rtcp_report_interval_video(REPORTS_OF_NOTHING)
            .set_rtcp_report_interval_audio(REPORTS_OF_NOTHING)
    }
}
