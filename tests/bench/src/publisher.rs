//! Publishers: a process of peers in one thread, each of which films and sends as a browser does
//! that publishes by WHIP (RFC 9725).

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use rtsp::h264::{AccessUnit, ParameterSets, packetize};
use rtsp::payloads::Memory;
use serde::{Deserialize, Serialize};
use str0m::change::SdpAnswer;
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpWrite, SeqNo};
use str0m::{Candidate, Event, Input, Output, Rtc};

use crate::batch::{self, Batch};
use crate::h264::{Film, Profile};
use crate::{Failure, cameras, stamp};

/// RTP payload bytes of a packet: a browser's usual.
const PAYLOAD_BYTES: usize = 1_100;
/// For one answer of the server.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// All must be connected within this time.
const CONNECT_WITHIN: Duration = Duration::from_secs(20);

/// What the process is told.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Order {
    pub server: SocketAddr,
    pub publishers: usize,
    pub profile: Profile,
}

struct Publisher {
    socket: UdpSocket,
    local: SocketAddr,
    rtc: Rtc,
    mid: Mid,
    payload_type: Option<Pt>,
    next_timeout: Instant,
    film: Film,
    sets: Arc<ParameterSets>,
    /// Where it begins in the time of a frame: publishers know nothing of each other.
    phase: Duration,
    pictures: u64,
    memory: Memory,
    packets: u64,
}

/// Publishes until its standard input ends. Says when all are connected.
pub fn run(order: &Order) -> Result<(), Failure> {
    let (mut poll, mut batch) = (Poll::new()?, Batch::new());
    let frame = Duration::from_secs(1) / order.profile.frames_per_second as u32;
    let mut publishers = Vec::new();
    for index in 0..order.publishers {
        let mut publisher = Publisher::connect(order, index)?;
        publisher.phase = frame * index as u32 / order.publishers as u32;
        let (socket, interest) = (&mut publisher.socket, Interest::READABLE);
        poll.registry().register(socket, Token(index), interest)?;
        publishers.push(publisher);
    }
    let mut started_at = None;
    let give_up_at = Instant::now() + CONNECT_WITHIN;
    let mut events = Events::with_capacity(256);
    loop {
        let now = Instant::now();
        if started_at.is_none() && publishers.iter().all(|one| one.payload_type.is_some()) {
            started_at = Some(now);
            println!("ready");
        } else if started_at.is_none() && now > give_up_at {
            return Err("not every publisher was connected".into());
        }
        let mut next = now + frame;
        for publisher in &mut publishers {
            if let Some(started_at) = started_at {
                let due_at = |one: &Publisher| started_at + one.phase + frame * one.pictures as u32;
                while due_at(publisher) <= now {
                    publisher.shoot()?;
                }
                next = next.min(due_at(publisher));
            }
            if publisher.next_timeout <= now {
                publisher.handle_timeout(now)?;
            }
            next = next.min(publisher.next_timeout);
        }
        match poll.poll(&mut events, Some(next.saturating_duration_since(Instant::now()))) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        let now = Instant::now();
        for event in &events {
            publishers[event.token().0].handle_readable(now, &mut batch)?;
        }
    }
}

impl Publisher {
    fn connect(order: &Order, index: usize) -> Result<Self, Failure> {
        let now = Instant::now();
        let socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        batch::prepare(&socket)?;
        let local = socket.local_addr()?;
        let mut rtc = Rtc::builder().set_rtp_mode(true).clear_codecs().enable_h264(true).build(now);
        rtc.add_local_candidate(Candidate::host(local, "udp")?);
        let mut changes = rtc.sdp_api();
        let mid = changes.add_media(MediaKind::Video, Direction::SendOnly, None, None, None);
        let (offer, pending) = changes.apply().ok_or("nothing to offer")?;
        let answer = post(order.server, &cameras::name(index), &offer.to_sdp_string())?;
        rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(&answer)?)?;
        let mut film = Film::new(order.profile, index as u64 + 1);
        let sets = ParameterSets::from_nals(film.parameter_sets());
        film.skip_to(0); // whoever publishes begins with an IDR
        let mut publisher = Self {
            socket,
            local,
            rtc,
            mid,
            payload_type: None,
            next_timeout: now,
            film,
            sets: Arc::new(sets.ok_or("the film has no parameter sets")?),
            phase: Duration::ZERO,
            pictures: 0,
            memory: Memory::default(),
            packets: 0,
        };
        publisher.handle_timeout(now)?;
        Ok(publisher)
    }

    /// Takes a picture and sends it.
    fn shoot(&mut self) -> Result<(), Failure> {
        let Some(payload_type) = self.payload_type else { return Ok(()) };
        let nals = self.film.shoot(stamp::monotonic_ns());
        let (now, slices) = (Instant::now(), nals.iter().map(Vec::as_slice));
        let timestamp = (self.pictures * 90_000 / self.film.profile().frames_per_second) as u32;
        self.pictures += 1;
        let unit = AccessUnit::from_nals(timestamp, now, slices, Some(&self.sets));
        let unit = unit.ok_or("the film is not valid")?;
        let payloads = packetize(&unit, PAYLOAD_BYTES, &mut self.memory);
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(self.mid, None).ok_or("no stream to send")?;
        for (index, payload) in payloads.iter().enumerate() {
            let number = SeqNo::from(self.packets + 1);
            self.packets += 1;
            let packet = RtpWrite::new(payload_type, number, timestamp, now, payload);
            stream.write_rtp(packet.marker(index + 1 == payloads.len()).nackable(true));
        }
        self.handle_timeout(now)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Failure> {
        self.rtc.handle_input(Input::Timeout(now))?;
        self.drain()
    }

    fn handle_readable(&mut self, now: Instant, batch: &mut Batch) -> Result<(), Failure> {
        loop {
            let mut outcome = Ok(());
            let has_more = batch.receive(self.socket.as_raw_fd(), |from, _, data| {
                if outcome.is_ok() {
                    outcome = self.handle_datagram(now, from, data);
                }
            })?;
            outcome?;
            if !has_more {
                return Ok(());
            }
        }
    }

    fn handle_datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        data: &[u8],
    ) -> Result<(), Failure> {
        let receive = Receive::new(Protocol::Udp, from, self.local, data)?;
        self.rtc.handle_input(Input::Receive(now, receive))?;
        self.drain()
    }

    fn drain(&mut self) -> Result<(), Failure> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => {
                    self.next_timeout = at;
                    return Ok(());
                }
                // What the socket does not take is asked for again.
                Output::Transmit(transmit) => {
                    drop(self.socket.send_to(&transmit.contents, transmit.destination));
                }
                Output::Event(Event::Connected) => {
                    let media = self.rtc.media(self.mid).ok_or("no video was agreed on")?;
                    self.payload_type = media.remote_pts().first().copied();
                }
                Output::Event(_) => {}
            }
        }
    }
}

/// Publishes a stream; the answer.
fn post(server: SocketAddr, stream: &str, offer: &str) -> Result<String, Failure> {
    let mut connection = TcpStream::connect(server)?;
    connection.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    write!(
        connection,
        "POST /api/webrtc?dst={stream} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{offer}",
        offer.len()
    )?;
    let mut response = String::new();
    connection.read_to_string(&mut response)?;
    let (head, body) = response.split_once("\r\n\r\n").ok_or("no answer")?;
    if head.starts_with("HTTP/1.1 201") {
        Ok(body.to_owned())
    } else {
        Err(format!("{stream} is not taken: {}", head.lines().next().unwrap_or_default()).into())
    }
}
