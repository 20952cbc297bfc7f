//! One WebRTC peer connection: the only place that knows str0m.
//!
//! str0m must be drained after every mutation and does not send before it was told the time;
//! [`Peer`] has no method that leaves it otherwise. Frames are queued and written together in
//! [`Peer::flush`], which costs one pass over the streams for a whole turn of the loop.

mod audio;
mod crypto;
mod demux;
mod feedback;
mod formats;
mod ice;
mod identity;
mod offer;
mod publish;
#[cfg(feature = "receive")]
pub mod receive;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::change::SdpOffer;
use str0m::format::PayloadParams;
use str0m::media::Mid;
use str0m::net::Receive;
use str0m::rtp::{Extension, ExtensionValues, RtpWrite, SeqNo, Ssrc};
use str0m::{Candidate, Event as RtcEvent, IceConnectionState, Input, Output, Rtc};

use self::formats::{Formats, preference};

pub use self::demux::{Demux, Route};
pub use self::ice::Ice;
pub use self::identity::{Entropy, Identity};
pub use self::offer::OfferError;
pub use self::publish::Offering;
pub use str0m::net::{Protocol, Transmit};

use self::ice::add_candidates;

use crate::engine::codec::{AudioCodec, VideoCodecs};
use crate::engine::frame::{AudioEgress, Egress};
use crate::limits;

/// Without any datagram from the viewer for this long, the connection counts as lost.
const SILENCE: Duration = Duration::from_secs(5);
/// A lost connection that comes back within this time goes on as if nothing had happened.
const GRACE: Duration = Duration::from_secs(10);
/// How often the receivers' losses are looked at.
const LOSS_REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// ICE and DTLS must be up this long after the answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

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
    rtc: Rtc,
    ufrag: String,
    tracks: Vec<Option<Track>>,
    playout_delay: Option<(Duration, Duration)>,
    audio_tracks: Vec<audio::AudioTrack>,
    outbox: Vec<(usize, Egress)>,
    audio_outbox: Vec<(usize, AudioEgress)>,
    events: VecDeque<Event>,
    next_timeout: Instant,
    liveness: Liveness,
    /// What this peer has offered, until that is answered.
    offered: Option<publish::Offered>,
    /// What comes from this peer, if something may.
    #[cfg(feature = "receive")]
    incoming: Option<Box<receive::Incoming>>,
    /// Our address that media leaves from at present.
    media_from: Option<SocketAddr>,
    is_connected: bool,
    is_over: bool,
}

/// Where a slot's packets go.
#[derive(Debug, Clone, Copy)]
struct Track {
    mid: Mid,
    ssrc: Ssrc,
    formats: Formats,
    /// NACKs that its receiver has sent so far.
    nacks: u64,
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
        let prepared = offer::prepare(offer, slots, if audio::ENABLED { audio } else { &[] })?;
        let sdp = SdpOffer::from_sdp_string(&prepared.sdp)
            .map_err(|error| OfferError::Malformed(error.to_string()))?;
        let credentials = entropy.into_credentials();
        let ufrag = credentials.ufrag.clone();
        let mut rtc = identity.configure_viewer(credentials, options).build(now);
        let candidates = add_candidates(&mut rtc, options);
        let answer = rtc
            .sdp_api()
            .accept_offer(sdp)
            .map_err(|error| OfferError::Refused(error.to_string()))?;
        let mut peer = Self::new(now, rtc, ufrag, options);
        peer.drain(now, &mut |_| ());
        let mids = prepared.video_mids.iter();
        peer.tracks = mids.map(|mid| peer.track(Mid::from(mid.as_str()), preference)).collect();
        if audio::ENABLED {
            peer.add_audio_tracks(&prepared.audio);
        }
        peer.keep_for_resending(options.resend_packets);
        if options.ice.is_full {
            peer.next_timeout = now; // only then does str0m begin to count
        }
        let sdp = feedback::amend(&answer.to_sdp_string());
        let sdp = match audio::ENABLED {
            true => audio::join_streams(&sdp, &prepared.audio, &prepared.video_mids),
            false => sdp,
        };
        Ok((peer, Answer { sdp, candidates }))
    }

    fn new(now: Instant, rtc: Rtc, ufrag: String, options: &PeerOptions) -> Self {
        Self {
            rtc,
            ufrag,
            tracks: Vec::new(),
            playout_delay: options.playout_delay,
            audio_tracks: Vec::new(),
            outbox: Vec::new(),
            audio_outbox: Vec::new(),
            events: VecDeque::new(),
            next_timeout: now,
            liveness: Liveness::Connecting { give_up_at: now + CONNECT_TIMEOUT },
            offered: None,
            #[cfg(feature = "receive")]
            incoming: None,
            media_from: None,
            is_connected: false,
            is_over: false,
        }
    }

    fn keep_for_resending(&mut self, packets: usize) {
        for track in self.tracks.iter().flatten() {
            if let Some(stream) = self.rtc.direct_api().stream_tx(&track.ssrc) {
                // No ratio cap: with one, a burst's resends are thrown away as a whole.
                stream.set_rtx_cache(packets, limits::RESEND_MAX_AGE, None);
            }
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
    /// ignored: the viewer's own checks reach us all the same.
    pub fn add_remote_candidate(&mut self, now: Instant, line: &str, sink: &mut Sink<'_>) {
        let line = line.strip_prefix("a=").unwrap_or(line);
        match Candidate::from_sdp_string(line) {
            Ok(candidate) => {
                self.rtc.add_remote_candidate(candidate);
                self.tick(now, sink);
            }
            Err(error) => log::debug!("candidate ignored: {error}"),
        }
    }

    /// Whether this datagram is for this peer: checks a STUN message's integrity.
    #[must_use]
    pub fn accepts(&self, now: Instant, from: SocketAddr, to: SocketAddr, data: &[u8]) -> bool {
        self.accepts_by(Protocol::Udp, now, (from, to), data)
    }

    fn accepts_by(
        &self,
        protocol: Protocol,
        now: Instant,
        (from, to): (SocketAddr, SocketAddr),
        data: &[u8],
    ) -> bool {
        Receive::new(protocol, from, to, data)
            .is_ok_and(|receive| self.rtc.accepts(&Input::Receive(now, receive)))
    }

    /// A datagram of this peer's.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        to: SocketAddr,
        data: &[u8],
        sink: &mut Sink<'_>,
    ) {
        self.handle_by(Protocol::Udp, now, (from, to), data, sink);
    }

    fn handle_by(
        &mut self,
        protocol: Protocol,
        now: Instant,
        (from, to): (SocketAddr, SocketAddr),
        data: &[u8],
        sink: &mut Sink<'_>,
    ) {
        let Ok(receive) = Receive::new(protocol, from, to, data) else { return };
        if let Liveness::Up { heard_at } = &mut self.liveness {
            *heard_at = now;
        }
        if let Err(error) = self.rtc.handle_input(Input::Receive(now, receive)) {
            log::info!("peer {}: {error}", self.ufrag);
            self.end(EndReason::Failed);
        }
        self.drain(now, sink);
    }

    /// Queues a frame for [`Peer::flush`].
    pub fn queue(&mut self, position: usize, egress: Egress) {
        self.outbox.push((position, egress));
    }

    /// Whether [`Peer::flush`] has something to do.
    #[must_use]
    pub fn has_queued(&self) -> bool {
        !self.outbox.is_empty() || !self.audio_outbox.is_empty()
    }

    /// Sends what was queued.
    pub fn flush(&mut self, now: Instant, sink: &mut Sink<'_>) {
        let mut outbox = std::mem::take(&mut self.outbox);
        for (position, egress) in outbox.drain(..) {
            self.write(position, &egress);
        }
        self.outbox = outbox; // keeps its memory for the next turn
        if audio::ENABLED {
            for (position, egress) in std::mem::take(&mut self.audio_outbox) {
                self.write_audio(position, egress);
            }
        }
        self.tick(now, sink);
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
        self.tick(now, sink);
    }

    /// When [`Peer::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        let liveness = match self.liveness {
            Liveness::Connecting { give_up_at } => give_up_at,
            Liveness::Up { heard_at } => heard_at + SILENCE + GRACE,
        };
        self.next_timeout.min(liveness)
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Says goodbye to the viewer.
    pub fn close(&mut self, now: Instant, sink: &mut Sink<'_>) {
        self.is_over = true; // whatever the viewer says to this is no news
        if self.rtc.close().is_ok() {
            self.tick(now, sink);
        }
    }

    fn write(&mut self, position: usize, egress: &Egress) {
        let hint = egress.playout_hint.then(|| self.playout_delay_of(position)).flatten();
        let Some(Some(track)) = self.tracks.get(position) else { return };
        // Never media under a foreign payload type.
        let Some(payload_type) = track.formats.payload_type(egress.frame.codec) else { return };
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx(&track.ssrc) else { return };
        let payloads = &egress.frame.payloads;
        let last = payloads.len().saturating_sub(1);
        for (sequence_number, (index, payload)) in
            (egress.first_sequence_number..).zip(payloads.iter().enumerate())
        {
            let packet = RtpWrite::new(
                payload_type,
                SeqNo::from(sequence_number),
                egress.rtp_timestamp,
                egress.presented_at,
                std::sync::Arc::clone(payload),
            )
            .marker(index == last && !payload.is_empty())
            .nackable(true)
            .ext_vals(playout_extension(hint));
            // str0m panics beyond its datagram size; no packetizer comes near.
            if payload.len() <= limits::RTP_PASSED_ON_MAX_BYTES {
                stream.write_rtp(packet);
            }
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
                    if !is_stun(&transmit.contents) {
                        self.media_from = Some(transmit.source);
                    }
                    sink(transmit);
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
                if !std::mem::replace(&mut self.is_connected, true) {
                    self.events.push_back(Event::Connected);
                }
            }
            RtcEvent::KeyframeRequest(request) => {
                let is_it = |track: &Option<Track>| track.is_some_and(|t| t.mid == request.mid);
                if let Some(position) = self.tracks.iter().position(is_it) {
                    self.events.push_back(Event::PictureLoss { position });
                }
            }
            RtcEvent::MediaEgressStats(stats) => {
                for (position, track) in self.tracks.iter_mut().enumerate() {
                    if let Some(track) = track.as_mut().filter(|track| track.mid == stats.mid)
                        && std::mem::replace(&mut track.nacks, stats.nacks) < stats.nacks
                    {
                        self.events.push_back(Event::Loss { position });
                    }
                }
            }
            RtcEvent::Closed => self.end(EndReason::ClosedByViewer),
            RtcEvent::IceConnectionStateChange(state) => {
                // A disconnect is judged by silence: str0m's own takes 15 s.
                let state: IceConnectionState = *state;
                log::debug!("peer {}: ICE {state:?}", self.ufrag);
            }
            #[cfg(feature = "receive")]
            other => self.handle_received(other),
            #[cfg(not(feature = "receive"))]
            _ => {}
        }
    }

    fn end(&mut self, reason: EndReason) {
        if !std::mem::replace(&mut self.is_over, true) {
            self.events.push_back(Event::Ended(reason));
        }
    }

    /// The m-line's stream, for each codec on the payload type that `preference` ranks lowest.
    fn track<R: Ord>(
        &mut self,
        mid: Mid,
        preference: impl Fn(&PayloadParams) -> Option<R>,
    ) -> Option<Track> {
        let media = self.rtc.media(mid)?;
        let offered = media.remote_pts();
        let params = self.rtc.codec_config().params().iter();
        let agreed = params.filter(|params| offered.contains(&params.pt()));
        let formats = Formats::choose(agreed, preference)?;
        let ssrc = self.rtc.direct_api().stream_tx_by_mid(mid, None)?.ssrc();
        Some(Track { mid, ssrc, formats, nacks: 0 })
    }
}

/// Whether a datagram is of ICE, not of DTLS or SRTP (RFC 7983 section 7).
#[must_use]
pub fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|byte| *byte < 4)
}

/// Takes the datagrams that a peer wants sent, in order.
pub type Sink<'a> = dyn FnMut(Transmit) + 'a;

fn playout_extension(hint: Option<(Duration, Duration)>) -> ExtensionValues {
    let Some((min, max)) = hint else { return ExtensionValues::default() };
    let hundredths = |delay: Duration| {
        let hundredths = u64::try_from(delay.as_millis() / 10).unwrap_or(0);
        str0m::media::MediaTime::from_hundredths(hundredths)
    };
    ExtensionValues {
        play_delay_min: Some(hundredths(min)),
        play_delay_max: Some(hundredths(max)),
        ..ExtensionValues::default()
    }
}

impl Identity {
    /// What viewers and publishers have in common.
    fn configure(&self, credentials: str0m::IceCreds, options: &PeerOptions) -> str0m::RtcConfig {
        Rtc::builder()
            .set_rtp_mode(true)
            .set_stats_interval(Some(LOSS_REPORT_INTERVAL))
            .set_local_ice_credentials(credentials)
            .set_crypto_provider(self.crypto())
            .set_dtls_cert(self.certificate())
            .set_send_buffer_video(options.resend_packets)
            .clear_codecs()
            // What is numbered and timed for nobody costs bytes and reports, and the streams'
            // SSRCs stand in the description: no packet has to name its m-line.
            .clear_extension_map()
    }

    fn configure_viewer(
        &self,
        credentials: str0m::IceCreds,
        options: &PeerOptions,
    ) -> str0m::RtcConfig {
        let config = self.configure(credentials, options).set_ice_lite(!options.ice.is_full);
        let config = formats::VIEWED.iter().copied().fold(config, formats::enable);
        let mut config = audio::enable(config, &AudioCodec::OF_BROWSERS)
            .set_rtcp_report_interval_audio(audio::REPORT_INTERVAL);
        formats::enable_h265(&mut config);
        if options.playout_delay.is_some() {
            config.set_extension(5, Extension::PlayoutDelay)
        } else {
            config
        }
    }
}
