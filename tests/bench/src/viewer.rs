//! One viewer: signals over a WebSocket as a browser does, and ends ICE, DTLS and SRTP for
//! real. It asks for lost packets (NACK) and reports on reception (RR), as str0m does.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpPacket, Ssrc};
use str0m::{Event, Input, Output, Rtc};

use crate::batch::{self, Batch};
use crate::sequence::Sequence;
use crate::server::Endpoint;
use crate::signalling::{self, Control};
use crate::{Failure, stamp};

/// What a viewer saw since it was asked to count.
#[derive(Debug, Default)]
pub struct Seen {
    /// RTP datagrams, resends included.
    pub packets: u64,
    /// Their bytes, without UDP and IP.
    pub bytes: u64,
    /// Whole frames: packets with marker.
    pub frames: u64,
    /// Packets lost for good; see [`Sequence`].
    pub lost: u64,
    /// From a frame's stamp to its first packet in the kernel, in microseconds.
    pub latencies_us: Vec<u32>,
}

pub struct Viewer {
    socket: UdpSocket,
    local: SocketAddr,
    rtc: Rtc,
    control: Control,
    slots: HashMap<Ssrc, Slot>,
    slot_count: usize,
    next_timeout: Instant,
    started_at: Instant,
    /// From the beginning to the first whole frame on every slot.
    pub first_pictures: Option<Duration>,
    pub seen: Seen,
}

#[derive(Default)]
struct Slot {
    sequence: Sequence,
    has_picture: bool,
}

impl Viewer {
    /// Connects to the server and asks for these cameras, one a slot.
    pub fn connect(server: Endpoint, cameras: &[usize]) -> Result<Self, Failure> {
        let started_at = Instant::now();
        let socket = UdpSocket::bind((server.viewers_at, 0).into())?;
        batch::prepare(&socket)?;
        let local = socket.local_addr()?;
        let (rtc, control) = signalling::open(server, cameras, local)?;
        let mut viewer = Self {
            socket,
            local,
            rtc,
            control,
            slots: HashMap::new(),
            slot_count: cameras.len(),
            next_timeout: started_at,
            started_at,
            first_pictures: None,
            seen: Seen::default(),
        };
        viewer.handle_timeout(Instant::now())?;
        Ok(viewer)
    }

    /// For registration with the poll.
    pub fn socket_mut(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// When [`Viewer::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Instant {
        self.next_timeout
    }

    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Failure> {
        self.rtc.handle_input(Input::Timeout(now))?;
        self.drain(now, None)
    }

    /// Takes all datagrams that have come.
    pub fn handle_readable(&mut self, now: Instant, batch: &mut Batch) -> Result<(), Failure> {
        // Arrivals are told on the wall clock, stamps are on the monotonic one.
        let offset_ns = stamp::realtime_ns() - stamp::monotonic_ns();
        loop {
            let mut outcome = Ok(());
            let has_more = batch.receive(self.socket.as_raw_fd(), |from, arrived_ns, data| {
                if outcome.is_ok() {
                    outcome = self.handle_datagram(now, from, arrived_ns - offset_ns, data);
                }
            })?;
            outcome?;
            if !has_more {
                return Ok(());
            }
        }
    }

    /// Answers the server's pings. Statuses are not of interest.
    pub fn serve_control(&mut self) -> Result<(), Failure> {
        loop {
            match self.control.read() {
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Counts from now on.
    pub fn reset(&mut self) {
        self.seen = Seen::default();
        for slot in self.slots.values_mut() {
            slot.sequence.reset();
        }
    }

    /// What was seen, with what is still missing counted as lost.
    pub fn take_seen(&mut self, now: Instant) -> Seen {
        let mut seen = std::mem::take(&mut self.seen);
        seen.lost = self.slots.values().map(|slot| slot.sequence.lost(now)).sum();
        seen
    }

    fn handle_datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        arrived_ns: u64,
        data: &[u8],
    ) -> Result<(), Failure> {
        if is_rtp(data) {
            self.seen.packets += 1;
            self.seen.bytes += data.len() as u64;
        }
        let receive = Receive::new(Protocol::Udp, from, self.local, data)?;
        self.rtc.handle_input(Input::Receive(now, receive))?;
        self.drain(now, Some(arrived_ns))
    }

    fn drain(&mut self, now: Instant, arrived_ns: Option<u64>) -> Result<(), Failure> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => {
                    self.next_timeout = at;
                    return Ok(());
                }
                Output::Transmit(transmit) => {
                    match self.socket.send_to(&transmit.contents, transmit.destination) {
                        Err(error) if !is_harmless(&error) => return Err(error.into()),
                        _ => {}
                    }
                }
                Output::Event(Event::RtpPacket(packet)) => {
                    self.handle_packet(now, &packet, arrived_ns);
                }
                Output::Event(_) => {}
            }
        }
    }

    fn handle_packet(&mut self, now: Instant, packet: &RtpPacket, arrived_ns: Option<u64>) {
        let slot = self.slots.entry(packet.header.ssrc).or_default();
        if !slot.sequence.handle(now, *packet.seq_no) {
            return;
        }
        self.seen.frames += u64::from(packet.header.marker);
        if let (Some(arrived_ns), Some(sent_ns)) = (arrived_ns, stamp::read(&packet.payload)) {
            let latency_us = arrived_ns.saturating_sub(sent_ns) / 1_000;
            self.seen.latencies_us.push(latency_us as u32);
        }
        if packet.header.marker && !std::mem::replace(&mut slot.has_picture, true) {
            let showing = self.slots.values().filter(|slot| slot.has_picture).count();
            if showing == self.slot_count {
                self.first_pictures = Some(self.started_at.elapsed());
            }
        }
    }
}

/// Whether a datagram is RTP and not RTCP, STUN or DTLS (RFC 7983, RFC 5761).
pub fn is_rtp(data: &[u8]) -> bool {
    matches!(data, [128..=191, second, ..] if !(192..=223).contains(second))
}

/// What the network may do at any time.
fn is_harmless(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionRefused)
}
