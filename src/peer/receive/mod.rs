//! A peer connection that sends to us: a publisher of WHIP, or of a room. It offers, we answer,
//! and choose which of its codecs it sends.
//!
//! What is missing is asked for again (RFC 4585 section 6.2.1), and what came is reported packet
//! by packet (transport-wide congestion control), by which a browser finds its bitrate.
//! Estimates of our own (REMB) would only limit that. The absolute send time is not negotiated:
//! beside those reports nobody reads it.

mod codecs;
mod wanted;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use str0m::Event as RtcEvent;
use str0m::change::SdpOffer;
use str0m::channel::{ChannelData, ChannelId};
use str0m::media::{KeyframeRequestKind, MediaKind, Mid, Pt};
use str0m::rtp::rtcp::SenderInfo;
use str0m::rtp::{Extension, RtpPacket, VideoOrientation};

use super::{
    Answer, EndReason, Entropy, Identity, OfferError, Peer, PeerOptions, Sink, Transmit,
    add_candidates, crypto,
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
    video_tracks: usize,
    audio_tracks: usize,
    mids: Vec<Mid>,
    /// The payload types of all tracks: they mean the same in a whole session.
    codecs: Vec<(Pt, Codec)>,
    candidates: Vec<String>,
    /// The first sender report, which the others count from.
    epoch: Option<SenderInfo>,
    channels: Vec<Option<ChannelId>>,
    received: VecDeque<Received>,
    text_bytes: usize,
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
        let credentials = entropy.into_credentials();
        let ufrag = credentials.ufrag.clone();
        let config = identity
            .configure(credentials)
            .set_ice_lite(wanted.ice_lite && !options.ice.is_full)
            .set_sctp_max_message_size(MESSAGE_MAX_BYTES)
            .set_extension(3, Extension::TransportSequenceNumber)
            .set_extension(4, Extension::RtpMid)
            .set_extension(13, Extension::VideoOrientation);
        let config =
            wanted.codecs.iter().fold(config, |config, codec| codecs::enable(config, *codec));
        let (mut rtc, keys) = crypto::overhear(|| config.build(now));
        let candidates = add_candidates(&mut rtc, options);
        let mut peer = Self::new(now, (rtc, keys), ufrag, options);
        let (video, audio) = (wanted.video_tracks, wanted.audio_tracks);
        peer.incoming = Some(Box::new(Incoming {
            video_tracks: video.min(limits::RECEIVED_TRACKS_MAX),
            audio_tracks: audio.min(limits::RECEIVED_TRACKS_MAX),
            mids: Vec::new(),
            codecs: Vec::new(),
            candidates,
            epoch: None,
            channels: Vec::new(),
            received: VecDeque::new(),
            text_bytes: 0,
        }));
        let answer = peer.handle_offer(now, entropy, offer, &mut |_: Transmit| ())?;
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
        let Some(incoming) = &self.incoming else {
            return Err(OfferError::Refused("this peer is sent to".to_owned()));
        };
        let prepared = wanted::prepare(offer, incoming.video_tracks, incoming.audio_tracks)?;
        let candidates = incoming.candidates.clone();
        let offer = SdpOffer::from_sdp_string(&prepared.sdp)
            .map_err(|error| OfferError::Malformed(error.to_string()))?;
        let answer = self.rtc.sdp_api().accept_offer(offer);
        let answer = answer.map_err(|error| OfferError::Refused(error.to_string()))?;
        let mut sdp = answer.to_sdp_string();
        // str0m has made credentials of its own, which could be guessed.
        let made = self.rtc.direct_api().local_ice_credentials();
        if made.ufrag != self.ufrag {
            let own = entropy.into_credentials();
            sdp = sdp.replace(&made.ufrag, &own.ufrag).replace(&made.pass, &own.pass);
            self.ufrag = own.ufrag.clone();
            self.trickled = 0;
            self.rtc.direct_api().set_local_ice_credentials(own);
        }
        self.tick(now, sink);
        self.note_tracks(&prepared.mids);
        Ok(Answer { sdp, candidates })
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

    /// Asks for a key frame of a track (PLI, RFC 4585 section 6.3.1).
    pub fn request_picture(&mut self, now: Instant, track: usize, sink: &mut Sink<'_>) {
        let Some(&mid) = self.incoming.as_ref().and_then(|incoming| incoming.mids.get(track))
        else {
            return;
        };
        if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(mid, None) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
            self.tick(now, sink);
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
        let incoming = self.incoming.as_ref();
        let id = incoming.and_then(|incoming| *incoming.channels.get(channel)?);
        let Some(mut channel) = id.and_then(|id| self.rtc.channel(id)) else { return false };
        let is_sent = channel.write(false, text.as_bytes()).unwrap_or(false);
        self.tick(now, sink);
        is_sent
    }

    /// Tells the tracks of these m-lines that were not told before, if a codec was agreed on.
    fn note_tracks(&mut self, mids: &[String]) {
        let Some(incoming) = &mut self.incoming else { return };
        let params = self.rtc.codec_config().params();
        incoming.codecs =
            params.iter().filter_map(|p| Some((p.pt(), codecs::own(p.spec().codec)?))).collect();
        for text in mids {
            let mid = Mid::from(text.as_str());
            let Some(media) = self.rtc.media(mid).filter(|media| media.direction().is_receiving())
            else {
                continue;
            };
            let of_its_kind = |codec: &Codec| {
                matches!(codec, Codec::Video(_)) == (media.kind() == MediaKind::Video)
            };
            let agreed = incoming.codecs.iter().filter(|(pt, _)| media.remote_pts().contains(pt));
            let mut codecs: Vec<_> = agreed.map(|(_, codec)| *codec).filter(of_its_kind).collect();
            codecs.sort_unstable();
            codecs.dedup();
            if !codecs.is_empty() && !incoming.mids.contains(&mid) {
                let number = incoming.mids.len();
                incoming.mids.push(mid);
                incoming.received.push_back(Received::Track(Track {
                    number,
                    mid: text.clone(),
                    codecs,
                }));
            }
        }
    }

    /// Takes an event that only matters where a peer sends.
    pub(super) fn handle_received(&mut self, event: &RtcEvent) {
        let Some(incoming) = &mut self.incoming else { return };
        match event {
            RtcEvent::RtpPacket(packet) => {
                let ssrc = packet.header.ssrc;
                if let Some(stream) = self.rtc.direct_api().stream_rx(&ssrc) {
                    let mid = stream.mid();
                    incoming.handle_packet(mid, packet);
                }
            }
            RtcEvent::SenderFeedback(feedback) => {
                incoming.handle_report(feedback.mid, &feedback.sender_info);
            }
            RtcEvent::ChannelOpen(id, label) => incoming.handle_channel(*id, label),
            RtcEvent::ChannelData(data) => incoming.handle_message(data),
            RtcEvent::ChannelClose(id) => incoming.handle_channel_closed(*id),
            _ => {}
        }
        let is_flooded = incoming.received.len() > limits::RECEIVED_MAX
            || incoming.text_bytes > limits::CHANNEL_MESSAGES_MAX_BYTES;
        if is_flooded {
            log::info!("peer {}: sends more than can be looked at", self.ufrag);
            self.end(EndReason::Failed);
        }
    }
}

impl Incoming {
    fn track(&self, mid: Mid) -> Option<usize> {
        self.mids.iter().position(|own| *own == mid)
    }

    fn handle_packet(&mut self, mid: Mid, packet: &RtpPacket) {
        let header = &packet.header;
        let codec = self.codecs.iter().find(|(pt, _)| *pt == header.payload_type);
        let (Some(track), Some(&(_, codec))) = (self.track(mid), codec) else { return };
        let packet = Packet {
            codec,
            ssrc: *header.ssrc,
            sequence_number: *packet.seq_no,
            timestamp: header.timestamp,
            marker: header.marker,
            rotation_degrees: header.ext_vals.video_orientation.map(degrees),
            received_at: packet.timestamp,
            payload: Arc::clone(&packet.payload),
        };
        self.received.push_back(Received::Packet(track, packet));
    }

    fn handle_report(&mut self, mid: Mid, info: &SenderInfo) {
        let Some(track) = self.track(mid) else { return };
        let epoch = self.epoch.get_or_insert(*info).ntp_time;
        let micros =
            |time: std::time::Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let sender_micros = match info.ntp_time.duration_since(epoch) {
            Ok(since) => micros(since),
            Err(before) => -micros(before.duration()),
        };
        #[expect(clippy::cast_possible_truncation, reason = "RTP timestamps are modulo 2^32")]
        let timestamp = info.rtp_time.numer() as u32;
        self.received.push_back(Received::Report(track, Report { timestamp, sender_micros }));
    }

    fn handle_channel(&mut self, id: ChannelId, label: &str) {
        if self.channels.len() >= limits::CHANNELS_MAX {
            return;
        }
        let channel = self.channels.len();
        self.channels.push(Some(id));
        self.received.push_back(Received::ChannelOpen { channel, label: label.to_owned() });
    }

    fn channel(&self, id: ChannelId) -> Option<usize> {
        self.channels.iter().position(|own| *own == Some(id))
    }

    fn handle_message(&mut self, message: &ChannelData) {
        let text = std::str::from_utf8(&message.data).ok().filter(|_| !message.binary);
        let text = text.filter(|text| text.len() <= limits::CHANNEL_MESSAGE_MAX_BYTES);
        if let (Some(channel), Some(text)) = (self.channel(message.id), text) {
            self.text_bytes += text.len();
            self.received.push_back(Received::Text { channel, text: text.to_owned() });
        }
    }

    fn handle_channel_closed(&mut self, id: ChannelId) {
        let Some(channel) = self.channel(id) else { return };
        if let Some(slot) = self.channels.get_mut(channel) {
            *slot = None;
        }
        self.received.push_back(Received::ChannelClosed { channel });
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it fits")]
const MESSAGE_MAX_BYTES: u32 = limits::CHANNEL_MESSAGE_MAX_BYTES as u32;

/// The way back from how the camera was held, which is what stands in the packet.
fn degrees(held: VideoOrientation) -> u16 {
    match held {
        VideoOrientation::Deg0 => 0,
        VideoOrientation::Deg90 => 270,
        VideoOrientation::Deg180 => 180,
        VideoOrientation::Deg270 => 90,
    }
}

#[cfg(test)]
#[path = "receive_tests.rs"]
mod tests;
