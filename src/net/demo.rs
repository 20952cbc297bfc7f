//! The built-in cameras' RTSP servers, on a loopback port of their own.
//!
//! They share the loop and nothing else with the engine: their streams are configured like
//! any camera's and come in through the same ingest.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::net::TcpListener;
use mio::{Interest, Token};
use rtsp::h264::{AccessUnit, Kind, ParameterSets, packetize};
use rtsp::server::{NotFound, Output, Session, describe_h264};
use slab::Slab;

use super::server::{Server, random_u64};
use super::tcp::{ReadOutcome, TcpConnection};
use super::{Endpoint, Timer};
use crate::demo::{self, CLIPS, Pictures};
use crate::limits;

/// Payload bytes of a packet to our own ingest: a camera's usual.
const PAYLOAD_BYTES: usize = 1_400;

/// All built-in cameras.
pub(super) struct Demo {
    listener: TcpListener,
    address: SocketAddr,
    started_at: Instant,
    started_unix: Duration,
    next_number: u64,
    pictures: Vec<(&'static str, Pictures)>,
    readers: Slab<Reader>,
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
    /// Binds a free port. `now` and `unix_now` are the same moment.
    pub fn start(now: Instant, unix_now: SystemTime) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let started_unix = unix_now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            started_at: now,
            started_unix,
            next_number: demo::number_at(started_unix) + 1,
            pictures: CLIPS.iter().map(|clip| (clip.name, clip.pictures())).collect(),
            readers: Slab::new(),
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
            urls: vec![config::CameraUrl {
                url: config::SecretUrl::new(format!("rtsp://{}/{}", self.address, clip.name)),
                tls: config::Tls::default(),
            }],
            transport: config::Transport::Tcp,
            keep_alive: config::KeepAlive::Auto,
            warm: true,
            linger: Duration::from_secs(20),
        })
    }

    /// When the next picture is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let is_playing = self.readers.iter().any(|(_, reader)| reader.playing.is_some());
        let since_start = demo::due_at(self.next_number).checked_sub(self.started_unix)?;
        is_playing.then(|| self.started_at + since_start)
    }

    /// The pictures that have come due, by number. After a long pause (a suspended machine)
    /// nobody wants what was missed: all readers start anew at an IDR.
    fn due(&mut self, now: Instant) -> std::ops::RangeInclusive<u64> {
        let unix = self.started_unix + now.saturating_duration_since(self.started_at);
        let newest = demo::number_at(unix);
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

    fn clip(&self, path: &str) -> Option<usize> {
        let name = path.trim_matches('/');
        self.pictures.iter().position(|(clip, _)| *clip == name)
    }

    fn describe(&self, path: &str) -> Result<String, NotFound> {
        let clip = self.clip(path).and_then(|clip| self.pictures.get(clip));
        let (name, pictures) = clip.ok_or(NotFound)?;
        let sets = ParameterSets::from_nals(pictures.at(0).iter().copied());
        Ok(describe_h264(name, sets.as_ref()))
    }

    /// The wall clock as an NTP timestamp (RFC 5905): seconds since 1900 in the upper half.
    fn ntp(&self, now: Instant) -> u64 {
        const FROM_1900_TO_1970_S: u64 = 2_208_988_800;
        let unix = self.started_unix + now.saturating_duration_since(self.started_at);
        let fraction = (u64::from(unix.subsec_nanos()) << 32) / 1_000_000_000;
        (unix.as_secs() + FROM_1900_TO_1970_S) << 32 | fraction
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
        let ntp = demo.ntp(now);
        while let Ok((stream, _)) = demo.listener.accept() {
            let mut tcp = TcpConnection::new(stream, limits::RTSP_READER_UNSENT_MAX_BYTES);
            let entry = demo.readers.vacant_entry();
            let key = entry.key();
            let token = Token(self.endpoints.insert(Endpoint::DemoReader(key)));
            let interest = Interest::READABLE | Interest::WRITABLE;
            if let Err(error) = self.poll.registry().register(tcp.stream_mut(), token, interest) {
                log::warn!("built-in camera: {error}");
                self.endpoints.try_remove(token.0);
                continue;
            }
            let session = Session::new(now, ntp, random_u64());
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
        let payloads = packetize(&unit, PAYLOAD_BYTES);
        let last = payloads.len().saturating_sub(1);
        for (index, payload) in payloads.iter().enumerate() {
            // A reader that is too slow loses the rest of this group of pictures.
            reader.awaits_key |= !reader.session.write_rtp(now, payload, timestamp, index == last);
        }
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
                Some(Output::Describe { path }) => {
                    let description = demo.describe(&path);
                    if let Some(reader) = demo.readers.get_mut(key) {
                        reader
                            .session
                            .describe_result(now, description.as_deref().map_err(|_| NotFound));
                    }
                }
                Some(Output::Play { path }) => {
                    let clip = demo.clip(&path);
                    if let Some(reader) = demo.readers.get_mut(key) {
                        reader.playing = clip;
                    }
                }
                // A clip has its IDRs where they are, like a camera that ignores requests.
                Some(Output::KeyframeRequest) => {}
                Some(Output::Close) => return false,
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
