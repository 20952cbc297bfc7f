//! A viewer: str0m as the offering side, and a receive pipeline for each of its tracks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crosspoint::engine::codec::VideoCodec;
use str0m::change::SdpAnswer;
use str0m::format::Codec;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpPacket, Ssrc};
use str0m::{Candidate, Event, Input, Output, Rtc};

use super::network::{Datagram, Link};
use super::picture::{Part, Picture};
use super::receiver::Receiver;
use super::voice::{Heard, Word};
use super::{instant, since_base};

/// A packet as it arrived, repaired or not.
#[derive(Debug)]
pub struct Arrived {
    pub position: usize,
    pub sequence_number: u64,
    pub rtp_timestamp: u32,
    pub part: Part,
}

/// A picture that came onto a screen.
#[derive(Debug)]
pub struct Shown {
    pub position: usize,
    pub picture: Picture,
}

#[derive(Debug)]
pub struct Watcher {
    pub address: SocketAddr,
    pub up: Link,
    pub down: Link,
    pub tracks: Vec<Receiver>,
    /// It has gone, with or without a goodbye.
    pub has_left: bool,
    rtc: Rtc,
    mids: Vec<Mid>,
    audio_mids: Vec<Mid>,
    ssrcs: BTreeMap<Ssrc, usize>,
    /// The SSRCs of the answer, in its order.
    announced: BTreeMap<u32, usize>,
    next_timeout: Duration,
}

/// What one input brought about.
#[derive(Debug, Default)]
pub struct Outcome {
    pub datagrams: Vec<Datagram>,
    pub arrived: Vec<Arrived>,
    pub shown: Vec<Shown>,
    pub heard: Vec<Heard>,
    pub complaints: Vec<String>,
}

impl Watcher {
    /// A viewer with its offer; `answer` gives the server's word to it.
    pub fn new(
        now: Duration,
        address: SocketAddr,
        (slots, takes_h265): (usize, bool),
        links: (Link, Link),
        answer: impl FnOnce(&str) -> String,
    ) -> Self {
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_h264(true)
            .enable_h265(takes_h265)
            .enable_vp8(true)
            .enable_pcmu(true, false)
            .enable_pcma(true, false)
            .enable_opus(true, false)
            .build(instant(now));
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        let mut changes = rtc.sdp_api();
        let mut add = |kind| -> Vec<Mid> {
            let one = |_| changes.add_media(kind, Direction::RecvOnly, None, None, None);
            (0..slots).map(one).collect()
        };
        let (mids, audio_mids) = (add(MediaKind::Video), add(MediaKind::Audio));
        let (offer, pending) = changes.apply().unwrap();
        let answer = answer(&offer.to_sdp_string());
        let announced = announced(&answer);
        let answer = SdpAnswer::from_sdp_string(&answer).unwrap();
        rtc.sdp_api().accept_answer(pending, answer).unwrap();
        let (up, down) = links;
        Self {
            address,
            up,
            down,
            tracks: (0..slots).map(|_| Receiver::default()).collect(),
            has_left: false,
            rtc,
            mids,
            audio_mids,
            ssrcs: BTreeMap::new(),
            announced,
            next_timeout: now,
        }
    }

    /// The place among others of a datagram that left the server in the same instant. str0m
    /// sends its streams in the order of their SSRCs, and these are no seed's.
    pub fn place(&self, datagram: &Datagram) -> usize {
        let ssrc = datagram.data.get(8..12).and_then(|bytes| bytes.try_into().ok());
        let place = ssrc.and_then(|bytes| self.announced.get(&u32::from_be_bytes(bytes)));
        place.map_or(0, |place| place + 1)
    }

    pub fn poll_timeout(&self) -> Option<Duration> {
        let complaints = self.tracks.iter().filter_map(Receiver::poll_timeout);
        (!self.has_left).then(|| complaints.chain([self.next_timeout]).min())?
    }

    pub fn handle_timeout(&mut self, now: Duration) -> Result<Outcome, String> {
        let mut complaints = Vec::new();
        for position in 0..self.tracks.len() {
            if self.tracks[position].poll_complaint(now) {
                self.complain(position);
                let track = &self.tracks[position];
                complaints.push(format!("slot {position} waits for {:?}", track.waits_for()));
            }
        }
        self.rtc.handle_input(Input::Timeout(instant(now))).map_err(|error| error.to_string())?;
        Ok(Outcome { complaints, ..self.drain(now)? })
    }

    pub fn handle_datagram(
        &mut self,
        now: Duration,
        datagram: &Datagram,
    ) -> Result<Outcome, String> {
        let Datagram { from, to, data } = datagram;
        let receive = Receive::new(Protocol::Udp, *from, *to, data).map_err(|e| e.to_string())?;
        self.rtc
            .handle_input(Input::Receive(instant(now), receive))
            .map_err(|error| error.to_string())?;
        self.drain(now)
    }

    /// Sends a picture loss indication with the next feedback.
    pub fn complain(&mut self, position: usize) {
        let mid = self.mids[position];
        if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(mid, None) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
    }

    /// Says goodbye and goes.
    pub fn close(&mut self, now: Duration) -> Result<Outcome, String> {
        self.rtc.close().map_err(|error| error.to_string())?;
        let outcome = self.handle_timeout(now);
        self.has_left = true;
        outcome
    }

    fn drain(&mut self, now: Duration) -> Result<Outcome, String> {
        let mut outcome = Outcome::default();
        loop {
            match self.rtc.poll_output().map_err(|error| error.to_string())? {
                Output::Timeout(at) => {
                    self.next_timeout = since_base(at);
                    return Ok(outcome);
                }
                Output::Transmit(transmit) => outcome.datagrams.push(Datagram {
                    from: transmit.source,
                    to: transmit.destination,
                    data: transmit.contents.to_vec(),
                }),
                Output::Event(Event::RtpPacket(packet)) => {
                    self.handle_packet(now, &packet, &mut outcome)?;
                }
                Output::Event(_) => {}
            }
        }
    }

    fn handle_packet(
        &mut self,
        now: Duration,
        packet: &RtpPacket,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        if let Some(position) = self.audio_position(packet.header.ssrc) {
            let word = Word::read(&packet.payload).ok_or("audio that no camera sent")?;
            let (sequence_number, rtp_timestamp) = (*packet.seq_no, packet.header.timestamp);
            outcome.heard.push(Heard { position, sequence_number, rtp_timestamp, word });
            return Ok(());
        }
        let position = self.position(packet.header.ssrc).ok_or("media on a foreign SSRC")?;
        if packet.payload.is_empty() {
            let pictures = self.tracks[position].handle_padding(now, *packet.seq_no)?;
            outcome.shown.extend(pictures.into_iter().map(|picture| Shown { position, picture }));
            return Ok(());
        }
        let part = Part::read(&packet.payload).ok_or("a payload that no camera sent")?;
        let codec = self.codec(packet.header.payload_type);
        if codec != Some(part.picture.codec()) {
            return Err(format!("{:?} on a payload type of {codec:?}", part.picture));
        }
        if packet.header.marker != part.is_last() {
            return Err(format!("the marker is wrong on {part:?}"));
        }
        let (sequence_number, rtp_timestamp) = (*packet.seq_no, packet.header.timestamp);
        outcome.arrived.push(Arrived { position, sequence_number, rtp_timestamp, part });
        let track = &mut self.tracks[position];
        let pictures = track.handle_packet(now, sequence_number, rtp_timestamp, part)?;
        outcome.shown.extend(pictures.into_iter().map(|picture| Shown { position, picture }));
        Ok(())
    }

    fn audio_position(&mut self, ssrc: Ssrc) -> Option<usize> {
        let mid = self.rtc.direct_api().stream_rx(&ssrc)?.mid();
        self.audio_mids.iter().position(|known| *known == mid)
    }

    fn codec(&self, payload_type: Pt) -> Option<VideoCodec> {
        let params = self.rtc.codec_config().params();
        match params.iter().find(|params| params.pt() == payload_type)?.spec().codec {
            Codec::H264 => Some(VideoCodec::H264),
            Codec::H265 => Some(VideoCodec::H265),
            Codec::Vp8 => Some(VideoCodec::Vp8),
            _ => None,
        }
    }

    fn position(&mut self, ssrc: Ssrc) -> Option<usize> {
        if let Some(position) = self.ssrcs.get(&ssrc) {
            return Some(*position);
        }
        let mid = self.rtc.direct_api().stream_rx(&ssrc)?.mid();
        let position = self.mids.iter().position(|known| *known == mid)?;
        // One SSRC a slot, for the session's whole life.
        if self.ssrcs.values().any(|known| *known == position) {
            return None;
        }
        self.ssrcs.insert(ssrc, position);
        let has_all = self.ssrcs.len() == self.mids.len();
        (self.up.is_in_order, self.down.is_in_order) = (!has_all, !has_all);
        Some(position)
    }
}

fn announced(answer: &str) -> BTreeMap<u32, usize> {
    let ssrc = |line: &str| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok();
    let mut places = BTreeMap::new();
    for (place, ssrc) in answer.lines().filter_map(ssrc).enumerate() {
        places.entry(ssrc).or_insert(place);
    }
    places
}
