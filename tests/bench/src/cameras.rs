//! The cameras: a process with an RTSP server on loopback whose films never stop.
//!
//! As with a real camera, whoever comes gets whatever picture is next, IDR or not, and no
//! request brings an IDR sooner.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rtsp::h264::{AccessUnit, Kind, ParameterSets, packetize};
use rtsp::payloads::Memory;
use rtsp::server::{Frame, Options, Output, Refusal, Session, describe_h264};
use serde::{Deserialize, Serialize};

use crate::h264::{Film, Profile};
use crate::{Failure, stamp};

/// RTP payload bytes of a packet: a camera's usual.
const PAYLOAD_BYTES: usize = 1_400;
/// Unsent bytes after which a reader counts as hung.
const UNSENT_MAX_BYTES: usize = 16 * 1024 * 1024;
const LISTENER: Token = Token(usize::MAX);

/// What the process is told.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Order {
    pub cameras: usize,
    pub profile: Profile,
    /// One write for a whole frame instead of one for each packet.
    pub writes_frames: bool,
}

struct Camera {
    film: Film,
    sets: Arc<ParameterSets>,
    started_at: Instant,
    /// Running number of the next picture.
    number: u64,
}

struct Reader {
    stream: TcpStream,
    host: IpAddr,
    session: Session,
    /// The camera that it plays.
    playing: Option<usize>,
    unsent: Vec<u8>,
}

struct Cameras {
    order: Order,
    poll: Poll,
    listener: TcpListener,
    /// For RTP and RTCP.
    datagrams: [UdpSocket; 2],
    cameras: Vec<Camera>,
    readers: Vec<Option<Reader>>,
    memory: Memory,
}

/// Films until its standard input ends. Says its address first.
pub fn run(order: Order) -> Result<(), Failure> {
    let mut cameras = Cameras::new(order)?;
    println!("{}", cameras.listener.local_addr()?);
    let mut events = Events::with_capacity(64);
    loop {
        let due = cameras.cameras.iter().map(|camera| camera.due_at(&order.profile)).min();
        let wait = due.map(|due| due.saturating_duration_since(Instant::now()));
        match cameras.poll.poll(&mut events, wait) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        let now = Instant::now();
        for event in &events {
            match event.token() {
                LISTENER => cameras.accept(now)?,
                Token(key) => cameras.handle_reader(now, key),
            }
        }
        cameras.shoot(now);
    }
}

impl Camera {
    fn due_at(&self, profile: &Profile) -> Instant {
        self.started_at + Duration::from_secs(1) * self.number as u32 / profile.rate()
    }
}

impl Profile {
    fn rate(&self) -> u32 {
        self.frames_per_second as u32
    }
}

impl Cameras {
    fn new(order: Order) -> Result<Self, Failure> {
        let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let now = Instant::now();
        let frame = Duration::from_secs(1) / order.profile.rate();
        let cameras = (0..order.cameras).map(|index| {
            let mut film = Film::new(order.profile, index as u64 + 1);
            let sets = ParameterSets::from_nals(film.parameter_sets());
            // Whoever comes now comes in the middle of a GOP. Cameras know nothing of each
            // other: neither frames nor IDRs come together.
            let gop_frames = order.profile.gop_frames;
            let phase = gop_frames / 2 + index as u64 * gop_frames / order.cameras as u64;
            film.skip_to(phase);
            Ok(Camera {
                film,
                sets: Arc::new(sets.ok_or("the film has no parameter sets")?),
                started_at: now + frame * index as u32 / order.cameras as u32,
                number: 0,
            })
        });
        let cameras = cameras.collect::<Result<_, Failure>>()?;
        let datagrams = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        let datagrams = [datagrams()?, datagrams()?];
        Ok(Self {
            order,
            poll,
            listener,
            datagrams,
            cameras,
            readers: Vec::new(),
            memory: Memory::default(),
        })
    }

    fn accept(&mut self, now: Instant) -> io::Result<()> {
        let [rtp, rtcp] = &self.datagrams;
        let udp_ports = Some((rtp.local_addr()?.port(), rtcp.local_addr()?.port()));
        while let Ok((mut stream, from)) = self.listener.accept() {
            stream.set_nodelay(true)?;
            let token = Token(self.readers.len());
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, token, interest)?;
            let seed = self.readers.len() as u64 + 1;
            let session =
                Session::new(now, ntp(), seed, Options { udp_ports, ..Options::default() });
            let (host, unsent) = (from.ip(), Vec::new());
            self.readers.push(Some(Reader { stream, host, session, playing: None, unsent }));
        }
        Ok(())
    }

    fn handle_reader(&mut self, now: Instant, key: usize) {
        let Some(reader) = &mut self.readers[key] else { return };
        let mut is_alive = reader.flush();
        let mut buffer = [0; 4096];
        while is_alive {
            match reader.stream.read(&mut buffer) {
                Ok(count) if count > 0 => {
                    reader.session.handle_data(now, &buffer[..count]);
                    is_alive = reader.pump(now, &self.cameras, &self.datagrams, self.order);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                _ => is_alive = false,
            }
        }
        if !is_alive {
            self.readers[key] = None; // closing it takes it from the poll too
        }
    }

    /// Takes the pictures that are due and sends them.
    fn shoot(&mut self, now: Instant) {
        for index in 0..self.cameras.len() {
            while self.cameras[index].due_at(&self.order.profile) <= now {
                self.shoot_one(index);
            }
        }
    }

    fn shoot_one(&mut self, index: usize) {
        let camera = &mut self.cameras[index];
        let nals = camera.film.shoot(stamp::monotonic_ns());
        let timestamp = camera.number * 90_000 / self.order.profile.frames_per_second;
        camera.number += 1;
        let now = Instant::now();
        let slices = nals.iter().map(Vec::as_slice);
        let unit = AccessUnit::from_nals(timestamp as u32, now, slices, Some(&camera.sets));
        let unit = unit.expect("the film is valid");
        let payloads = packetize(&unit, PAYLOAD_BYTES, &mut self.memory);
        let frame = Frame {
            timestamp: timestamp as u32,
            presented_at: now,
            is_key: unit.kind == Kind::Idr,
            payloads: &payloads,
        };
        for key in 0..self.readers.len() {
            let Some(reader) = &mut self.readers[key] else { continue };
            if reader.playing != Some(index) {
                continue;
            }
            reader.session.write_frame(now, &frame);
            reader.session.handle_timeout(now);
            if !reader.pump(now, &self.cameras, &self.datagrams, self.order) {
                self.readers[key] = None;
            }
        }
    }
}

impl Reader {
    /// Does what the session wants done; false when it is over.
    fn pump(
        &mut self,
        now: Instant,
        cameras: &[Camera],
        datagrams: &[UdpSocket; 2],
        order: Order,
    ) -> bool {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::SendDatagram { port, rtcp, data } => {
                    // What the socket does not take is lost, as anywhere.
                    drop(datagrams[usize::from(rtcp)].send_to(&data, (self.host, port)));
                }
                Output::Send(bytes) if order.writes_frames => self.unsent.extend(bytes),
                Output::Send(bytes) => {
                    for packet in packets(&bytes) {
                        self.unsent.extend(packet);
                        if !self.flush() {
                            return false;
                        }
                    }
                }
                Output::Describe { name } => {
                    let camera = number(&name).and_then(|index| cameras.get(index));
                    let sdp = camera.map(|camera| describe_h264(&name, Some(&camera.sets)));
                    self.session.describe_result(now, sdp.as_ref().ok_or(Refusal::NotFound));
                }
                Output::Play { name } => self.playing = number(&name),
                Output::Close => return false,
                _ => {}
            }
        }
        self.flush() && self.unsent.len() <= UNSENT_MAX_BYTES
    }

    /// Writes what the socket takes; false when it is broken.
    fn flush(&mut self) -> bool {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
        }
        true
    }
}

/// The interleaved frames (RFC 2326 10.12) of an output, or the one message that it is.
fn packets(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = match bytes {
            [] => return None,
            [b'$', _, high, low, ..] => 4 + usize::from(u16::from_be_bytes([*high, *low])),
            message => message.len(),
        };
        let (packet, rest) = bytes.split_at(length);
        bytes = rest;
        Some(packet)
    })
}

/// Name of a camera's stream.
pub fn name(index: usize) -> String {
    format!("cam{index}")
}

/// The camera of a name.
fn number(name: &str) -> Option<usize> {
    name.strip_prefix("cam")?.parse().ok()
}

/// The wall clock as NTP timestamp (RFC 5905).
fn ntp() -> u64 {
    const FROM_1900_TO_1970_S: u64 = 2_208_988_800;
    (stamp::realtime_ns() / 1_000_000_000 + FROM_1900_TO_1970_S) << 32
}
