//! The built-in cameras' RTSP servers, on a loopback port of their own.
//!
//! They share the loop and nothing else with the engine: their streams are configured like
//! any camera's and come in through the same ingest.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Interest, Token};
use rtsp::h264::{AccessUnit, Kind, ParameterSets, packetize};
use rtsp::payloads::Memory;
use rtsp::server::{Description, Frame, Options, Output, Refusal, Session, describe_h264};
use slab::Slab;

use super::random::random_u64;
use super::server::Server;
use super::tcp::{ReadOutcome, TcpConnection};
use super::wall_clock::WallClock;
use super::{Endpoint, Timer};
use crate::demo::{self, CLIPS, Pictures};
use crate::limits;

/// Payload bytes of a packet to our own ingest: a camera's usual.
const PAYLOAD_BYTES: usize = 1_400;

/// All built-in cameras.
pub(super) struct Demo {
    listener: TcpListener,
    address: SocketAddr,
    clock: WallClock,
    next_number: u64,
    pictures: Vec<(&'static str, Pictures)>,
    readers: Slab<Reader>,
    memory: Memory,
}

struct Reader {
    tcp: TcpConnection,
    token: Token,
    session: Session,
    /// Index of the clip that it plays.
    playing: Option<usize>,
    /// It gets nothing before the clip's next IDR.
    awaits_key: bool,
}

impl Demo {
    /// Binds a free port.
    pub fn start(clock: WallClock) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            next_number: demo::number_at(clock.started_unix()) + 1,
            clock,
            pictures: CLIPS.iter().map(|clip| (clip.name, clip.pictures())).collect(),
            readers: Slab::new(),
            memory: Memory::default(),
        })
    }

    /// For registration with the poll.
    pub fn listener_mut(&mut self) -> &mut TcpListener {
        &mut self.listener
    }

    /// The built-in cameras as a user would configure them, warm so that the first click is
    /// as quick as the tenth.
    pub fn streams(&self) -> impl Iterator<Item = config::Stream> {
        CLIPS.iter().map(|clip| config::Stream {
            name: clip.name.to_owned(),
            source: config::Source::Camera(vec![config::CameraUrl {
                url: config::SecretUrl::new(format!("rtsp://{}/{}", self.address, clip.name)),
                tls: config::Tls::default(),
                audio: false,
            }]),
            transport: config::Transport::Tcp,
            keep_alive: config::KeepAlive::Auto,
            keyframe: config::Keyframe::Auto,
            token: None,
            warm: true,
            linger: Duration::from_secs(20),
        })
    }

    /// When the next picture is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let is_playing = self.readers.iter().any(|(_, reader)| reader.playing.is_some());
        is_playing.then(|| self.clock.instant(demo::due_at(self.next_number))).flatten()
    }

    /// The pictures that have come due, by number. After a long pause (a suspended machine)
    /// nobody wants what was missed: all readers start anew at an IDR.
    fn due(&mut self, now: Instant) -> std::ops::RangeInclusive<u64> {
        let newest = demo::number_at(self.clock.unix(now));
        let oldest_wanted = newest.saturating_sub(demo::FRAMES_PER_SECOND);
        if self.next_number < oldest_wanted {
            self.next_number = oldest_wanted;
            for (_, reader) in &mut self.readers {
                reader.awaits_key = true;
            }
        }
        let first = std::mem::replace(&mut self.next_number, newest + 1);
        first..=newest
    }

    fn clip(&self, name: &str) -> Option<usize> {
        self.pictures.iter().position(|(clip, _)| *clip == name)
    }

    fn describe(&self, name: &str) -> Result<Description, Refusal> {
        let clip = self.clip(name).and_then(|clip| self.pictures.get(clip));
        let (name, pictures) = clip.ok_or(Refusal::NotFound)?;
        let sets = ParameterSets::from_nals(pictures.at(0).iter().copied());
        Ok(describe_h264(name, sets.as_ref()))
    }
}

/// RTP timestamp of a picture: 90 kHz, modulo 2^32.
fn rtp_timestamp(number: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "RTP timestamps are modulo 2^32")]
    let timestamp = number.wrapping_mul(90_000 / demo::FRAMES_PER_SECOND) as u32;
    timestamp
}

impl Server {
    pub(super) fn accept_demo_readers(&mut self, now: Instant) {
        let Some(demo) = &mut self.demo else { return };
        let ntp = demo.clock.ntp(now);
        while let Ok((stream, _)) = demo.listener.accept() {
            let mut tcp = TcpConnection::new(stream, limits::RTSP_CLIENT_UNSENT_MAX_BYTES);
            let entry = demo.readers.vacant_entry();
            let key = entry.key();
            let token = Token(self.endpoints.insert(Endpoint::DemoReader(key)));
            let interest = Interest::READABLE | Interest::WRITABLE;
            if let Err(error) = self.poll.registry().register(tcp.stream_mut(), token, interest) {
                log::warn!("built-in camera: {error}");
                self.endpoints.try_remove(token.0);
                continue;
            }
            let session = Session::new(now, ntp, random_u64(), Options::default());
            entry.insert(Reader { tcp, token, session, playing: None, awaits_key: false });
        }
    }

    pub(super) fn handle_demo_reader(&mut self, now: Instant, key: usize) {
        let mut buffer = [0; 4096];
        let alive = loop {
            let Some(reader) = self.demo.as_mut().and_then(|demo| demo.readers.get_mut(key)) else {
                return;
            };
            if reader.tcp.flush().is_err() {
                break false;
            }
            match reader.tcp.read(&mut buffer) {
                Ok(ReadOutcome::Data(count)) => {
                    reader.session.handle_data(now, buffer.get(..count).unwrap_or_default());
                    if !self.pump_demo_reader(now, key) {
                        break false;
                    }
                }
                Ok(ReadOutcome::WouldBlock) => break true,
                Ok(ReadOutcome::Closed) | Err(_) => break false,
            }
        };
        self.finish_demo_reader(key, alive);
    }

    pub(super) fn handle_demo_reader_timeout(&mut self, now: Instant, key: usize) {
        if let Some(reader) = self.demo.as_mut().and_then(|demo| demo.readers.get_mut(key)) {
            reader.session.handle_timeout(now);
        }
        let alive = self.pump_demo_reader(now, key);
        self.finish_demo_reader(key, alive);
    }

    /// Sends the pictures that are due.
    pub(super) fn play_demo(&mut self, now: Instant) {
        let Some(demo) = &mut self.demo else { return };
        let due = demo.due(now);
        let keys: Vec<usize> = demo.readers.iter().map(|(key, _)| key).collect();
        for key in keys {
            for number in due.clone() {
                self.play_picture(now, key, number);
            }
            let alive = self.pump_demo_reader(now, key);
            self.finish_demo_reader(key, alive);
        }
    }

    fn play_picture(&mut self, now: Instant, key: usize, number: u64) {
        let Some(demo) = &mut self.demo else { return };
        let Some(reader) = demo.readers.get_mut(key) else { return };
        let Some((_, pictures)) = reader.playing.and_then(|clip| demo.pictures.get(clip)) else {
            return;
        };
        let nals = pictures.at(number).iter().copied();
        let timestamp = rtp_timestamp(number);
        let Some(unit) = AccessUnit::from_nals(timestamp, now, nals, None) else { return };
        if reader.awaits_key && unit.kind != Kind::Idr {
            return;
        }
        reader.awaits_key = false;
        let payloads = packetize(&unit, PAYLOAD_BYTES, &mut demo.memory);
        let (presented_at, is_key) = (now, unit.kind == Kind::Idr);
        reader.session.set_unsent_bytes(now, reader.tcp.unsent_bytes());
        let frame = Frame { timestamp, presented_at, is_key, payloads: &payloads };
        reader.session.write_frame(now, &frame);
    }

    /// Does what the reader's session wants done; false when it is over.
    fn pump_demo_reader(&mut self, now: Instant, key: usize) -> bool {
        let Some(demo) = &mut self.demo else { return false };
        loop {
            let Some(reader) = demo.readers.get_mut(key) else { return false };
            match reader.session.poll_output() {
                Some(Output::Send(bytes)) => {
                    if let Err(error) = reader.tcp.send(&bytes) {
                        log::warn!("built-in camera: {error}");
                        return false;
                    }
                }
                Some(Output::Describe { name }) => {
                    let description = demo.describe(&name);
                    if let Some(reader) = demo.readers.get_mut(key) {
                        let description = description.as_ref().map_err(|refusal| *refusal);
                        reader.session.describe_result(now, description);
                    }
                }
                Some(Output::Play { name }) => {
                    let clip = demo.clip(&name);
                    if let Some(reader) = demo.readers.get_mut(key) {
                        reader.playing = clip;
                    }
                }
                // A clip has its IDRs where they are, like a camera that ignores requests.
                Some(Output::KeyframeRequest) => {}
                Some(Output::Close) => return false,
                // Of publishers, passwords and UDP, which are not to be had here.
                Some(
                    Output::Announce { .. }
                    | Output::Record { .. }
                    | Output::RightPassword
                    | Output::WrongPassword
                    | Output::SendDatagram { .. },
                ) => {}
                None => return true,
            }
        }
    }

    fn finish_demo_reader(&mut self, key: usize, alive: bool) {
        let Some(demo) = &mut self.demo else { return };
        let timer = Timer::DemoReader(key);
        if alive {
            let timeout = demo.readers.get(key).and_then(|reader| reader.session.poll_timeout());
            self.timers.set(timer, timeout);
        } else if let Some(mut reader) = demo.readers.try_remove(key) {
            self.timers.set(timer, None);
            self.endpoints.try_remove(reader.token.0);
            if let Err(error) = self.poll.registry().deregister(reader.tcp.stream_mut()) {
                log::debug!("deregister: {error}");
            }
        }
        let timeout = demo.poll_timeout();
        self.timers.set(Timer::Demo, timeout);
    }
}
