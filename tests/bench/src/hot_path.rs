//! The way of a packet without sockets, in virtual time: a camera's bytes in, datagrams out.
//!
//! Made to be counted from outside, instruction by instruction: everything that comes before,
//! the camera included, happens whatever the number of frames, so the difference between two
//! numbers is the way alone.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crosspoint::engine::gop::GopLimits;
use crosspoint::engine::hub::{Hub, HubOptions, Output, SwitchPolicy};
use crosspoint::engine::keyframe::Method;
use crosspoint::engine::source::{SourceId, SourceOptions};
use crosspoint::engine::viewer::{SlotKey, ViewerId};
use crosspoint::intake::{Intake, News};
use crosspoint::peer::{
    Datagram, Entropy, Event, Ice, Identity, NtpClock, Path, Peer, PeerOptions, Transmitter,
};
use rtsp::client::{self, Client, Options};
use rtsp::h264::{AccessUnit, Kind, ParameterSets, packetize};
use rtsp::payloads::Memory;
use rtsp::server::{self, Session, describe_h264};
use rtsp::url::Url;
use str0m::change::SdpAnswer;
use str0m::media::{Direction, MediaKind};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::{Candidate, Input, Rtc};

use crate::Failure;
use crate::h264::{Film, Profile};
use crate::viewer::is_rtp;

/// Viewers of the one camera.
pub const VIEWERS: usize = 10;
/// Frames that the camera makes, however many of them are forwarded: below 15 s, after which
/// peers that hear nothing give up.
pub const FRAMES_MAX: u64 = 300;

const PROFILE: Profile = Profile::SMALL;
const PAYLOAD_BYTES: usize = 1_400;
/// What a server reads from a socket at once.
const READ_BYTES: usize = 64 * 1024;
const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);
const HANDSHAKE_STEPS: usize = 1_000;

/// How far the packets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// To frames of the engine.
    Ingest,
    /// Through the matrix, to every viewer's slot.
    Fanout,
    /// To encrypted datagrams.
    Whole,
}

impl Stage {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Fanout => "fanout",
            Self::Whole => "whole",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Ingest, Self::Fanout, Self::Whole].into_iter().find(|stage| stage.name() == name)
    }
}

/// Runs a stage over so many frames and prints how many packets the camera sent in them.
pub fn run(stage: &str, frames: u64) -> Result<(), Failure> {
    let stage = Stage::of(stage).ok_or("no such stage")?;
    let base = Instant::now();
    let (mut client, recording) = record(base)?;
    let mut way = Way::new(base, stage)?;
    let mut packets = 0;
    for (number, shot) in (0..frames).zip(&recording) {
        let now = at(base, number);
        way.handle_timeouts(now);
        for bytes in shot.bytes.chunks(READ_BYTES) {
            client.handle_data(now, bytes);
            way.pump(now, &mut client);
        }
        packets += shot.packets;
    }
    if stage == Stage::Whole && way.train.sent != way.expected {
        return Err(format!("{} of {} packets were sent", way.train.sent, way.expected).into());
    }
    println!("{packets} {}", way.expected);
    Ok(())
}

/// When a frame comes, a second after the beginning.
fn at(base: Instant, number: u64) -> Instant {
    base + Duration::from_secs(1) + Duration::from_secs(number) / PROFILE.frames_per_second as u32
}

/// A frame on the camera's connection.
struct Shot {
    bytes: Vec<u8>,
    packets: u64,
}

/// A session that plays, and what the camera sends on it.
fn record(base: Instant) -> Result<(Client, Vec<Shot>), Failure> {
    let mut film = Film::new(PROFILE, 1);
    let sets = ParameterSets::from_nals(film.parameter_sets()).ok_or("no parameter sets")?;
    let sets = Arc::new(sets);
    let url = Url::parse("rtsp://127.0.0.1/cam0").map_err(|_| "not a URL")?;
    let mut client = Client::new(Options::new(url), 1);
    let mut camera = Session::new(base, 0, 1, server::Options::default());
    client.start(base);
    let mut is_playing = false;
    while !is_playing {
        let mut is_quiet = true;
        while let Some(output) = client.poll_output() {
            is_quiet = false;
            match output {
                client::Output::Connect { .. } => client.handle_connected(base),
                client::Output::Send(bytes) => camera.handle_data(base, &bytes),
                client::Output::Event(client::Event::Playing) => is_playing = true,
                _ => {}
            }
        }
        while let Some(output) = camera.poll_output() {
            is_quiet = false;
            match output {
                server::Output::Send(bytes) => client.handle_data(base, &bytes),
                server::Output::Describe { name } => {
                    camera.describe_result(base, Ok(&describe_h264(&name, Some(&sets))));
                }
                _ => {}
            }
        }
        if is_quiet {
            return Err("the camera does not play".into());
        }
    }
    let mut memory = Memory::default();
    let shots = (0..FRAMES_MAX).map(|number| {
        let nals = film.shoot(number);
        let timestamp = (number * 90_000 / PROFILE.frames_per_second) as u32;
        let slices = nals.iter().map(Vec::as_slice);
        let unit = AccessUnit::from_nals(timestamp, base, slices, Some(&sets));
        let unit = unit.ok_or("no picture")?;
        let payloads = packetize(&unit, PAYLOAD_BYTES, &mut memory);
        let (presented_at, is_key) = (at(base, number), unit.kind == Kind::Idr);
        let frame = server::Frame { timestamp, presented_at, is_key, payloads: &payloads };
        camera.write_frame(presented_at, &frame);
        let outputs = std::iter::from_fn(|| camera.poll_output());
        let bytes = outputs.filter_map(|output| match output {
            server::Output::Send(bytes) => Some(bytes),
            _ => None,
        });
        Ok(Shot { bytes: bytes.flatten().collect(), packets: payloads.len() as u64 })
    });
    Ok((client, shots.collect::<Result<_, Failure>>()?))
}

/// What is behind the camera's connection.
struct Way {
    stage: Stage,
    intake: Intake,
    news: Vec<News>,
    hub: Hub,
    source: SourceId,
    peers: Vec<Peer>,
    /// Packets that viewers are to be sent.
    expected: u64,
    train: Train,
}

/// What leaves for one peer at a time, as a socket takes it.
#[derive(Default)]
struct Train {
    bytes: Vec<u8>,
    /// RTP datagrams.
    sent: u64,
}

impl Transmitter for Train {
    fn send(&mut self, datagram: Transmit) {
        self.sent += u64::from(is_rtp(&datagram.contents));
    }

    fn send_in_place(&mut self, _: &Path, bytes: usize, write: &mut dyn FnMut(&mut [u8])) {
        let start = self.bytes.len();
        self.bytes.resize(start + bytes, 0);
        write(&mut self.bytes[start..]);
        self.sent += 1;
    }
}

impl Way {
    fn new(base: Instant, stage: Stage) -> Result<Self, Failure> {
        let mut hub = Hub::new(HubOptions {
            policy: SwitchPolicy::Replay,
            burst_bytes: 500_000,
            burst_bytes_per_second: 12_500_000,
            gop_total_max_bytes: 64 * 1024 * 1024,
        });
        let gop = GopLimits { max_frames: 600, max_bytes: 8 * 1024 * 1024 };
        let options = SourceOptions {
            warm: true,
            linger: Duration::from_secs(20),
            gop,
            keyframe: vec![Method::Rtcp],
        };
        let source = hub.add_source(base, "cam0".to_owned(), options);
        let mut peers = Vec::new();
        for index in 0..if stage == Stage::Ingest { 0 } else { VIEWERS } {
            let id = ViewerId(index as u64);
            hub.add_viewer(base, id, [(Some(source), index as u64)].into_iter());
            hub.handle_connected(base, id);
            if stage == Stage::Whole {
                peers.push(connected_peer(base, index as u8)?);
            }
        }
        while hub.poll_output().is_some() {}
        let (intake, news) = (Intake::default(), Vec::new());
        Ok(Self { stage, intake, news, hub, source, peers, expected: 0, train: Train::default() })
    }

    fn handle_timeouts(&mut self, now: Instant) {
        if self.hub.poll_timeout().is_some_and(|due| due <= now) {
            self.hub.handle_timeout(now);
        }
        for peer in self.peers.iter_mut().filter(|peer| peer.poll_timeout() <= now) {
            peer.handle_timeout(now, &mut |_: Transmit| ());
        }
    }

    fn pump(&mut self, now: Instant, client: &mut Client) {
        while let Some(output) = client.poll_output() {
            if let client::Output::Event(event) = output {
                self.intake.handle_event(event, &mut self.news);
            }
        }
        for news in self.news.drain(..) {
            match news {
                News::Frame(frame) => {
                    if self.stage > Stage::Ingest {
                        self.hub.handle_frame(now, self.source, &frame);
                    }
                }
                News::Media => self.hub.handle_media(now, self.source),
                News::Codec(codec) => self.hub.handle_codec(now, self.source, codec),
                News::Described | News::Audio(_) | News::Rotated(_) | News::KeyframeRefused(..) => {
                }
                News::Gap => self.hub.handle_gap(now, self.source),
                News::Health(health) => self.hub.handle_health(now, self.source, health),
            }
        }
        while let Some(output) = self.hub.poll_output() {
            let Output::Frame(SlotKey { viewer, position }, egress) = output else { continue };
            self.expected += egress.frame.payloads.len() as u64;
            if let Some(peer) = self.peers.get_mut(viewer.0 as usize) {
                peer.queue(position, egress);
            }
        }
        for peer in self.peers.iter_mut().filter(|peer| peer.has_queued()) {
            peer.flush(now, &mut self.train);
            self.train.bytes.clear();
        }
    }
}

/// A peer whose viewer has done ICE and DTLS with it, and is not heard of again.
fn connected_peer(base: Instant, index: u8) -> Result<Peer, Failure> {
    let address = SocketAddr::new(SERVER.ip(), 1_000 + u16::from(index));
    let mut rtc = Rtc::builder().set_rtp_mode(true).clear_codecs().enable_h264(true).build(base);
    rtc.add_local_candidate(Candidate::host(address, "udp")?);
    let mut changes = rtc.sdp_api();
    changes.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
    let (offer, pending) = changes.apply().ok_or("nothing to offer")?;
    let options = PeerOptions {
        candidates: vec![SERVER],
        resend_packets: 2_048,
        playout_delay: Some((Duration::ZERO, Duration::ZERO)),
        ice: Ice::default(),
        clock: NtpClock { at: base, ntp: 0 },
    };
    let (identity, entropy) = (Identity::generate()?, Entropy([index; 32]));
    let offer = offer.to_sdp_string();
    let (mut peer, answer) = Peer::accept(base, &options, &identity, entropy, &offer, 1, &[])?;
    rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(&answer.sdp)?)?;

    let (mut to_viewer, mut to_peer) = (VecDeque::new(), VecDeque::new());
    for step in 0..HANDSHAKE_STEPS {
        let now = base + Duration::from_millis(step as u64);
        peer.handle_timeout(now, &mut |datagram: Transmit| to_viewer.push_back(datagram));
        rtc.handle_input(Input::Timeout(now))?;
        drain(&mut rtc, &mut to_peer)?;
        while let Some(datagram) = to_peer.pop_front() {
            let mut sink = |datagram: Transmit| to_viewer.push_back(datagram);
            let datagram = Datagram::udp(now, address, SERVER, &datagram.contents);
            peer.handle_datagram(now, &datagram, &mut sink);
        }
        while let Some(datagram) = to_viewer.pop_front() {
            let receive = Receive::new(Protocol::Udp, SERVER, address, &datagram.contents)?;
            rtc.handle_input(Input::Receive(now, receive))?;
            drain(&mut rtc, &mut to_peer)?;
        }
        while let Some(event) = peer.poll_event() {
            if event == Event::Connected {
                return Ok(peer);
            }
        }
    }
    Err("ICE and DTLS did not come up".into())
}

fn drain(rtc: &mut Rtc, outbox: &mut VecDeque<Transmit>) -> Result<(), Failure> {
    loop {
        match rtc.poll_output()? {
            str0m::Output::Timeout(_) => return Ok(()),
            str0m::Output::Transmit(datagram) => outbox.push_back(datagram),
            str0m::Output::Event(_) => {}
        }
    }
}
