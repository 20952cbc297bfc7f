//! The least server: it waits, reads and sends as often as a real one has to, and does nothing
//! between. What a load costs here no server can go below on this machine, whatever it is
//! written in, unless it lets frames wait for one another.

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg};
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::batch::{Batch, prepare};
use crate::load::{Load, Pass};
use crate::process::Process;

/// How long it runs before it is measured.
const SETTLE: Duration = Duration::from_secs(1);

/// What the process is told.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// Where the cameras are: as many connections.
    sources: SocketAddr,
    cameras: usize,
    /// Who gets each frame of each camera.
    receivers: Vec<SocketAddrV4>,
    frame: Frame,
}

/// All frames are alike.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Frame {
    packets: usize,
    packet_bytes: usize,
}

impl Frame {
    fn bytes(self) -> usize {
        self.packets * self.packet_bytes
    }
}

/// Forwards until its standard input ends. Says when it is connected.
pub fn run(order: &Order) -> Result<(), Failure> {
    let mut poll = Poll::new()?;
    let mut streams = Vec::new();
    for camera in 0..order.cameras {
        let stream = std::net::TcpStream::connect(order.sources)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(camera), Interest::READABLE)?;
        streams.push((stream, 0));
    }
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let receivers: Vec<SockaddrIn> = order.receivers.iter().map(|at| (*at).into()).collect();
    let size = order.frame.packet_bytes as u16;
    let cut = [ControlMessage::UdpGsoSegments(&size)];
    let data = vec![0x5a; order.frame.bytes()];
    let train = [IoSlice::new(&data)];
    let mut buffer = vec![0; 64 * 1024];
    let mut events = Events::with_capacity(64);
    println!("connected");
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            let (stream, waiting_bytes) = &mut streams[event.token().0];
            match stream.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => *waiting_bytes += count, // never the whole buffer: there is no more
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            while *waiting_bytes >= order.frame.bytes() {
                *waiting_bytes -= order.frame.bytes();
                for receiver in &receivers {
                    let (fd, flags) = (socket.as_raw_fd(), MsgFlags::empty());
                    sendmsg(fd, &train, &cut, flags, Some(receiver))
                        .map_err(|errno| format!("UDP GSO: {errno}"))?;
                }
            }
        }
    }
}

/// CPU seconds per viewer, stream and minute, for a load with the packets that were measured.
pub fn measure(load: &Load, measured: &Pass, window: Duration) -> Result<f64, Failure> {
    let tracks = (load.viewers * load.slots) as f64;
    let packets = measured.packets_per_second / measured.frames_per_second / tracks;
    let frame = Frame {
        packets: packets.round() as usize,
        packet_bytes: measured.packet_bytes.round() as usize,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let receivers = Receivers::start(load.viewers)?;
    let order = Order {
        sources: listener.local_addr()?,
        cameras: load.cameras,
        receivers: receivers.0,
        frame,
    };
    let mut server = Process::start_role("bare", &order)?;
    let streams = listener.incoming().take(load.cameras).collect::<Result<Vec<_>, _>>()?;
    server.line()?;
    let interval = Duration::from_secs(1) / load.profile.frames_per_second as u32;
    std::thread::spawn(move || shoot(streams, frame, interval));
    std::thread::sleep(SETTLE);
    let (before_s, started_at) = (server.cpu_s()?, Instant::now());
    std::thread::sleep(window);
    let spent_s = server.cpu_s()? - before_s;
    Ok(spent_s / tracks / (started_at.elapsed().as_secs_f64() / 60.0))
}

/// Writes the cameras' frames, one after another, each packet for itself, until nobody reads.
fn shoot(mut streams: Vec<std::net::TcpStream>, frame: Frame, interval: Duration) {
    let packet = vec![0x5a; frame.packet_bytes];
    for stream in &streams {
        let _ = stream.set_nodelay(true);
    }
    let (started_at, step) = (Instant::now(), interval / streams.len() as u32);
    for number in 0.. {
        let due_at = started_at + step * number;
        std::thread::sleep(due_at.saturating_duration_since(Instant::now()));
        let camera = number as usize % streams.len();
        for _ in 0..frame.packets {
            if streams[camera].write_all(&packet).is_err() {
                return;
            }
        }
    }
}

/// Sockets that are read when something comes, by a thread that ends with this process.
struct Receivers(Vec<SocketAddrV4>);

impl Receivers {
    fn start(count: usize) -> Result<Self, Failure> {
        let mut poll = Poll::new()?;
        let mut sockets = Vec::new();
        for key in 0..count {
            let mut socket = mio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0).into())?;
            prepare(&socket)?;
            poll.registry().register(&mut socket, Token(key), Interest::READABLE)?;
            sockets.push(socket);
        }
        let addresses = sockets.iter().map(|socket| match socket.local_addr()? {
            SocketAddr::V4(address) => Ok(address),
            SocketAddr::V6(_) => Err("an IPv4 socket has an IPv6 address".into()),
        });
        let addresses = addresses.collect::<Result<_, Failure>>()?;
        std::thread::spawn(move || {
            let mut events = Events::with_capacity(64);
            let mut batch = Batch::new();
            while poll.poll(&mut events, None).is_ok() {
                for event in &events {
                    let socket = sockets[event.token().0].as_raw_fd();
                    while matches!(batch.receive(socket, |_, _, _| {}), Ok(true)) {}
                }
            }
        });
        Ok(Self(addresses))
    }
}
