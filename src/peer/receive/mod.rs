//! A peer connection that sends to us: a publisher of WHIP, or of a room. It offers, we answer,
//! and choose which of its codecs it sends.
//!
//! What is missing is asked for again (RFC 4585 section 6.2.1), and what came is reported packet
//! by packet (transport-wide congestion control), by which a browser finds its bitrate.
//! Estimates of our own (REMB) would only limit that. The absolute send time is not negotiated:
//! beside those reports nobody reads it.

mod arrivals;
mod channels;
pub(super) mod fuzzing;
mod head;
mod media;
mod missing;
mod stream;
mod take;
mod window;

use std::collections::VecDeque;
use std::time::Instant;

use rtsp::rtcp::SenderReport;
use str0m::{Event as RtcEvent, IceCreds};

use self::channels::Channels;
use self::media::Media;
use self::take::{Taken, Terms};
use super::sdp::{self, Description, Session, Setup, Transport};
use super::stream::{Outlet, Ssrcs};
use super::transport::{self, Role};
use super::{
    Answer, Datagram, EndReason, Entropy, Identity, OfferError, Peer, PeerOptions, Sink, Transmit,
    add_candidates, crypto, ice,
};
use crate::intake::publisher::{Codec, Packet, Report};
use crate::limits;

/// What is taken of a peer.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Codecs that are answered, in this order whatever that of the offer is: browsers send the
    /// first that they can (RFC 3264 section 6.1).
    pub codecs: &'a [Codec],
    /// Tracks of video, at most [`limits::RECEIVED_TRACKS_MAX`].
    pub video_tracks: usize,
    /// Tracks of audio, as many again.
    pub audio_tracks: usize,
    /// Whether to leave all checks to the peer (RFC 8445 section 2.5), as who is reached at
    /// known addresses can, unless all peers are checked. Else both sides check, which a NAT on our
    /// side wants.
    pub ice_lite: bool,
}

/// What a peer sends, in the order of its coming.
#[derive(Debug, Clone)]
pub enum Received {
    /// It may send on one more track.
    Track(Track),
    /// A packet, repaired or not, of a track by its number.
    Packet(usize, Packet),
    /// A sender report of a track by its number.
    Report(usize, Report),
    /// A data channel was opened by the peer.
    ChannelOpen {
        /// Its number.
        channel: usize,
        /// What it is for, in the peer's words.
        label: String,
    },
    /// A text message. Binary ones are left out.
    Text {
        /// The number of its channel.
        channel: usize,
        /// The message, at most [`limits::CHANNEL_MESSAGE_MAX_BYTES`].
        text: String,
    },
    /// A data channel was closed.
    ChannelClosed {
        /// Its number.
        channel: usize,
    },
}

/// A track that a peer may send on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// Its number, from 0 in the order of the offers.
    pub number: usize,
    /// The `mid` of its m-line (RFC 5888).
    pub mid: String,
    /// What it may be sent in; never empty.
    pub codecs: Vec<Codec>,
}

/// What comes from one peer.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// Of those that send media.
    agreement: Option<Agreement>,
    channels: Channels,
    received: VecDeque<Received>,
    text_bytes: usize,
}

/// What was agreed on with a peer that sends media.
#[derive(Debug)]
struct Agreement {
    terms: Terms,
    session: Session,
    setup: Setup,
    is_ice_lite: bool,
    candidates: Vec<String>,
    ours: IceCreds,
    theirs: IceCreds,
    has_data_channels: bool,
    media: Media,
}

impl Peer {
    /// Answers the offer of a peer that sends. Which tracks it may send is told by
    /// [`Peer::poll_received`]; there may be none, of a peer that opens data channels first.
    ///
    /// # Errors
    /// When the offer is no usable SDP; the text is fit for the peer.
    pub fn receive(
        now: Instant,
        options: &PeerOptions,
        identity: &Identity,
        entropy: Entropy,
        wanted: &Wanted<'_>,
        offer: &str,
    ) -> Result<(Self, Answer), OfferError> {
        let offer = Description::read(offer)?;
        let ours = entropy.into_credentials();
        let is_ice_lite = wanted.ice_lite && !options.ice.is_full;
        let config = identity.configure(ours.clone()).set_ice_lite(is_ice_lite);
        let config = config.set_sctp_max_message_size(MESSAGE_MAX_BYTES);
        let (mut rtc, keys) = crypto::overhear(|| config.build(now));
        let candidates = add_candidates(&mut rtc, options);
        let setup = transport::connect(&mut rtc, &offer, Role::Answerer { is_ice_lite })?;
        let random = &mut || *rtc.direct_api().new_ssrc();
        let mut ssrcs = Ssrcs::new(random);
        let media = Media::new(now, ssrcs.next(), ssrcs.name());
        let terms = Terms {
            codecs: wanted.codecs.to_vec(),
            video_tracks: wanted.video_tracks.min(limits::RECEIVED_TRACKS_MAX),
            audio_tracks: wanted.audio_tracks.min(limits::RECEIVED_TRACKS_MAX),
            message_max_bytes: MESSAGE_MAX_BYTES,
        };
        let taken = take::take_up(&offer, &terms);
        let agreement = Agreement {
            terms,
            session: Session { id: ssrcs.next(), version: 0 },
            setup,
            is_ice_lite,
            candidates,
            theirs: offer.credentials.clone(),
            has_data_channels: false,
            media,
            ours: ours.clone(),
        };
        let mut peer = Self::new(now, (rtc, keys), ours.ufrag, options);
        let incoming = Incoming { agreement: Some(agreement), ..Incoming::default() };
        peer.incoming = Some(Box::new(incoming));
        let answer = peer.answer(&offer, &taken)?;
        peer.tick(now, &mut |_: Transmit| ());
        Ok((peer, answer))
    }

    /// Answers a later offer of the same peer: tracks come and go, ICE begins anew. `entropy`
    /// is used in the latter case alone, after which [`Peer::ufrag`] is another one.
    ///
    /// # Errors
    /// When it is no usable SDP. What was agreed on before goes on.
    pub fn handle_offer(
        &mut self,
        now: Instant,
        entropy: Entropy,
        offer: &str,
        sink: &mut Sink<'_>,
    ) -> Result<Answer, OfferError> {
        let agreement = self.incoming.as_mut().and_then(|incoming| incoming.agreement.as_mut());
        let agreement = agreement.ok_or_else(nothing_is_received)?;
        let offer = Description::read(offer)?;
        let taken = take::take_up(&offer, &agreement.terms);
        if !agreement.media.has_room(&taken.tracks) {
            let why = format!("more than {} tracks in one session", limits::SDP_MAX_MEDIA);
            return Err(OfferError::Refused(why));
        }
        if offer.credentials != agreement.theirs {
            agreement.theirs = offer.credentials.clone();
            agreement.ours = entropy.into_credentials();
            self.ufrag = agreement.ours.ufrag.clone();
            self.trickled = 0;
            self.rtc.direct_api().set_local_ice_credentials(agreement.ours.clone());
            ice::check_anew(&mut self.rtc, &agreement.candidates);
            transport::hear_of(&mut self.rtc, &offer);
        }
        let answer = self.answer(&offer, &taken)?;
        self.tick(now, sink);
        Ok(answer)
    }

    /// The answer to an offer of which this is taken, and whose transport is taken care of.
    fn answer(&mut self, offer: &Description<'_>, taken: &Taken<'_>) -> Result<Answer, OfferError> {
        let incoming = self.incoming.as_mut().ok_or_else(nothing_is_received)?;
        let agreement = incoming.agreement.as_mut().ok_or_else(nothing_is_received)?;
        if taken.has_data_channels && !std::mem::replace(&mut agreement.has_data_channels, true) {
            self.rtc.direct_api().start_sctp(agreement.setup == Setup::Active);
        }
        let agreed = agreement.media.agree(taken.numbers, &taken.tracks);
        for ((number, is_new), track) in agreed.into_iter().zip(&taken.tracks) {
            let mut codecs: Vec<Codec> = track.formats.iter().map(|format| format.codec).collect();
            codecs.sort_unstable();
            let track = Track { number, mid: track.mid.to_owned(), codecs };
            incoming.received.extend(is_new.then_some(Received::Track(track)));
        }
        agreement.session.version += 1;
        let transport = Transport {
            is_ice_lite: agreement.is_ice_lite,
            credentials: &agreement.ours,
            fingerprint: transport::fingerprint(&mut self.rtc),
            setup: agreement.setup,
            candidates: &agreement.candidates,
            is_bundle: offer.is_bundle,
            allows_mixed_extensions: offer.allows_mixed_extensions,
        };
        let sdp = sdp::write(agreement.session, &transport, &taken.lines);
        Ok(Answer { sdp, candidates: agreement.candidates.clone() })
    }

    /// The next thing that the peer has sent.
    pub fn poll_received(&mut self) -> Option<Received> {
        let incoming = self.incoming.as_mut()?;
        let received = incoming.received.pop_front()?;
        if let Received::Text { text, .. } = &received {
            incoming.text_bytes -= text.len();
        }
        Some(received)
    }

    /// Asks for a key frame of a track (PLI, RFC 4585 section 6.3.1), if it has begun.
    pub fn request_picture(&mut self, track: usize, sink: &mut Sink<'_>) {
        let request = self.media().and_then(|media| media.request_picture(track));
        let outlet = Outlet::open(&mut self.srtp, self.path, sink);
        if let (Some(request), Some(mut outlet)) = (request, outlet) {
            outlet.send_reports(&request);
        }
    }

    /// Sends a text message; false if the channel is closed, or the peer takes no more.
    pub fn send_text(
        &mut self,
        now: Instant,
        channel: usize,
        text: &str,
        sink: &mut Sink<'_>,
    ) -> bool {
        let id = self.incoming.as_ref().and_then(|incoming| incoming.channels.id(channel));
        let Some(mut channel) = id.and_then(|id| self.rtc.channel(id)) else { return false };
        let is_sent = channel.write(false, text.as_bytes()).unwrap_or(false);
        self.tick(now, sink);
        is_sent
    }

    /// Whether media come from this peer.
    pub(super) fn receives(&self) -> bool {
        self.media().is_some()
    }

    /// What the reports on what comes are of.
    pub(super) fn reporter(&self) -> Option<u32> {
        self.media().map(Media::ssrc)
    }

    fn media(&self) -> Option<&Media> {
        Some(&self.incoming.as_ref()?.agreement.as_ref()?.media)
    }

    /// When something is to be told about what came.
    pub(super) fn poll_received_reports(&self) -> Option<Instant> {
        self.media()?.poll_timeout()
    }

    /// Tells what there is to be told about what came.
    pub(super) fn report_received(&mut self, now: Instant, sink: &mut Sink<'_>) {
        let Some(incoming) = &mut self.incoming else { return };
        let Some(agreement) = &mut incoming.agreement else { return };
        let Some(mut outlet) = Outlet::open(&mut self.srtp, self.path, sink) else { return };
        let compound = agreement.media.poll_reports(now);
        if !compound.is_empty() {
            outlet.send_reports(&compound);
        }
    }

    /// Takes a packet of RTP.
    pub(super) fn handle_media(&mut self, now: Instant, datagram: &Datagram<'_>) {
        let (Some(incoming), Some(srtp)) = (&mut self.incoming, &mut self.srtp) else { return };
        let Some(agreement) = &mut incoming.agreement else { return };
        if let Some((track, packet)) = agreement.media.handle_packet(now, srtp, datagram) {
            incoming.received.push_back(Received::Packet(track, packet));
            self.end_flood();
        }
    }

    /// Takes a report of who sends.
    pub(super) fn handle_sender_report(&mut self, now: Instant, report: &SenderReport) {
        let Some(incoming) = &mut self.incoming else { return };
        let Some(agreement) = &mut incoming.agreement else { return };
        if let Some((track, report)) = agreement.media.handle_report(now, report) {
            incoming.received.push_back(Received::Report(track, report));
            self.end_flood();
        }
    }

    /// Takes an event of a data channel.
    pub(super) fn handle_channel(&mut self, event: &RtcEvent) {
        let Some(incoming) = &mut self.incoming else { return };
        let received = match event {
            RtcEvent::ChannelOpen(id, label) => incoming.channels.open(*id, label),
            RtcEvent::ChannelData(data) => incoming.channels.read(data),
            RtcEvent::ChannelClose(id) => incoming.channels.close(*id),
            _ => None,
        };
        if let Some(Received::Text { text, .. }) = &received {
            incoming.text_bytes += text.len();
        }
        incoming.received.extend(received);
        self.end_flood();
    }

    fn end_flood(&mut self) {
        let is_flooded = self.incoming.as_ref().is_some_and(|incoming| {
            incoming.received.len() > limits::RECEIVED_MAX
                || incoming.text_bytes > limits::CHANNEL_MESSAGES_MAX_BYTES
        });
        if is_flooded {
            log::info!("peer {}: sends more than can be looked at", self.ufrag);
            self.end(EndReason::Failed);
        }
    }
}

fn nothing_is_received() -> OfferError {
    OfferError::Refused("this peer is sent to".to_owned())
}

#[expect(clippy::cast_possible_truncation, reason = "it fits")]
const MESSAGE_MAX_BYTES: u32 = limits::CHANNEL_MESSAGE_MAX_BYTES as u32;

#[cfg(test)]
#[path = "receive_tests.rs"]
mod tests;
