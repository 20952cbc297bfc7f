//! The server: everything that the loop drives, and the loop.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Instant, SystemTime};

use config::Config;
use mio::net::TcpListener;
use mio::{Events, Poll};
use signal_hook::consts::SIGCHLD;
use signal_hook_mio::v1_0::Signals;
use slab::Slab;

use super::camera::{Camera, keyframe_methods};
use super::camera_calls::CameraCalls;
use super::clients::Connection;
use super::error::ServerError;
#[cfg(feature = "receive")]
use super::feeds::Feeds;
use super::ice_tcp::IceTcp;
use super::inbox::Inbox;
use super::link::Context;
use super::programs::Programs;
use super::publishers::Publisher;
use super::pushes::Push;
use super::readiness::wait;
use super::recordings::Recordings;
use super::relays::Relays;
use super::resolver::Resolver;
use super::restream::Restream;
use super::rooms::Rooms;
use super::sockets::Sockets;
use super::stdio::{Pipes, Stdio};
use super::timers::Timers;
use super::tls::Authorities;
use super::udp::MediaSocket;
use super::viewers::{Audience, ViewerLink};
use super::wall_clock::WallClock;
use super::{Endpoint, Timer};
use crate::engine::gop::GopLimits;
use crate::engine::hub::{Hub, HubOptions, Output, SwitchPolicy};
use crate::engine::keyframe::Method;
use crate::engine::source::{SourceId, SourceOptions};
use crate::engine::viewer::ViewerId;
use crate::intake::News;
use crate::limits;
use crate::peer::{Demux, Identity, PeerOptions};

/// Readiness events taken at a time.
const EVENTS: usize = 256;
/// Bytes for one read of any TCP socket.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// What a server is started with, besides the configuration.
#[derive(Debug, Clone, Copy)]
pub struct ServerOptions {
    /// How slots come by a first picture.
    pub policy: SwitchPolicy,
    /// Add the built-in cameras.
    pub demo: bool,
}

/// The whole server.
pub struct Server {
    pub(super) poll: Poll,
    pub(super) endpoints: Slab<Endpoint>,
    pub(super) timers: Timers<Timer>,
    pub(super) config: Config,
    pub(super) is_demo: bool,
    pub(super) listener: TcpListener,
    pub(super) media: MediaSocket,
    pub(super) resolver: Resolver,
    pub(super) hub: Hub,
    /// The sources that are pulled.
    pub(super) cameras: BTreeMap<SourceId, Camera>,
    /// Their web servers, where those are asked for keyframes.
    pub(super) camera_calls: BTreeMap<SourceId, CameraCalls>,
    /// The sources that are pushed.
    pub(super) pushes: BTreeMap<SourceId, Push>,
    /// The peers that push some of those.
    #[cfg(feature = "receive")]
    pub(super) feeds: Feeds,
    pub(super) rooms: Rooms,
    /// Who has started us, where we speak with them.
    #[cfg_attr(not(feature = "room"), expect(dead_code, reason = "there is nobody"))]
    pub(super) stdio: Option<Stdio>,
    /// What makes some of those.
    pub(super) programs: Programs,
    /// The RTSP server, where one is wanted.
    pub(super) restream: Option<Restream>,
    pub(super) publishers: Vec<Publisher>,
    #[cfg_attr(not(feature = "record"), expect(dead_code, reason = "nothing is recorded"))]
    pub(super) recordings: Recordings,
    /// TURN servers that peers are reached by.
    pub(super) relays: Relays,
    /// TCP connections that peers are reached by.
    pub(super) ice_tcp: IceTcp,
    /// Whom TLS servers are checked with.
    pub(super) authorities: Authorities,
    pub(super) viewers: BTreeMap<ViewerId, ViewerLink>,
    pub(super) next_viewer: u64,
    pub(super) demux: Demux<ViewerId>,
    pub(super) identity: Identity,
    pub(super) peer_options: PeerOptions,
    pub(super) clients: Slab<Connection>,
    pub(super) started_at: Instant,
    pub(super) clock: WallClock,
    #[cfg(feature = "demo")]
    pub(super) demo: Option<super::demo::Demo>,
    pub(super) dirty: Dirty,
    signals: Signals,
    /// Endpoints that stopped reading before they were empty.
    pub(super) unfinished: BTreeSet<Endpoint>,
    /// Takes what one TCP socket has.
    buffer: Vec<u8>,
    /// Takes what one UDP socket has.
    pub(super) inbox: Inbox,
    pub(super) is_stopping: bool,
}

/// What has to be looked at before the turn ends.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    pub cameras: BTreeSet<SourceId>,
    pub camera_calls: BTreeSet<SourceId>,
    pub viewers: BTreeSet<ViewerId>,
    pub clients: BTreeSet<usize>,
    pub publishers: BTreeSet<usize>,
    pub rtsp_clients: BTreeSet<usize>,
    pub rooms: BTreeSet<usize>,
}

impl Server {
    /// Binds everything. `now` and `unix_now` are the same moment.
    ///
    /// # Errors
    /// Which address or system call failed.
    pub fn new(
        config: Config,
        options: ServerOptions,
        now: Instant,
        unix_now: SystemTime,
    ) -> Result<Self, ServerError> {
        Self::with_pipes(config, options, None, now, unix_now)
    }

    /// The same, in lines with whoever has started us.
    ///
    /// # Errors
    /// Which address or system call failed.
    pub fn with_pipes(
        mut config: Config,
        options: ServerOptions,
        pipes: Option<Pipes>,
        now: Instant,
        unix_now: SystemTime,
    ) -> Result<Self, ServerError> {
        let sockets = Sockets::open(&mut config, options, now, unix_now)?;
        let peer_options = sockets.peer_options(&config);
        let mut server = Self {
            hub: Hub::new(hub_options(&config, options.policy)),
            identity: Identity::generate().map_err(|_| ServerError::Identity)?,
            cameras: BTreeMap::new(),
            camera_calls: BTreeMap::new(),
            pushes: BTreeMap::new(),
            #[cfg(feature = "receive")]
            feeds: Feeds::default(),
            rooms: Rooms::default(),
            stdio: None,
            programs: Programs::new(sockets.programs),
            restream: sockets.restream,
            publishers: Vec::new(),
            recordings: Recordings::new(sockets.waker),
            relays: Relays::default(),
            ice_tcp: sockets.ice_tcp,
            authorities: Authorities::default(),
            viewers: BTreeMap::new(),
            next_viewer: 1,
            demux: Demux::default(),
            clients: Slab::new(),
            timers: Timers::default(),
            dirty: Dirty::default(),
            unfinished: BTreeSet::new(),
            buffer: vec![0; READ_BUFFER_BYTES],
            inbox: Inbox::new(),
            is_demo: options.demo,
            is_stopping: false,
            started_at: now,
            clock: sockets.clock,
            #[cfg(feature = "demo")]
            demo: sockets.demo,
            poll: sockets.poll,
            endpoints: sockets.endpoints,
            listener: sockets.listener,
            media: sockets.media,
            resolver: sockets.resolver,
            signals: sockets.signals,
            config,
            peer_options,
        };
        if let Some(pipes) = pipes {
            server.add_stdio(now, pipes)?;
        }
        server.add_streams(now)?;
        server.add_publishers(now)?;
        server.add_recordings(now)?;
        server.start_relays(now);
        server.add_rooms(now)?;
        Ok(server)
    }

    /// Where the page is served.
    #[must_use]
    pub fn http_addr(&self) -> SocketAddr {
        self.listener.local_addr().unwrap_or(self.config.api.listen)
    }

    fn add_streams(&mut self, now: Instant) -> Result<(), ServerError> {
        for stream in self.config.streams.clone() {
            let gop = GopLimits {
                max_frames: self.config.limits.gop_max_frames,
                max_bytes: self.config.limits.gop_max_bytes,
            };
            let keyframe = keyframe_methods(&stream.keyframe);
            let source = SourceOptions { warm: stream.warm, linger: stream.linger, gop, keyframe };
            match stream.source {
                config::Source::Camera(_) => {}
                config::Source::Pushed => {
                    self.add_push(now, stream.name, source);
                    continue;
                }
                config::Source::Program(program) => {
                    self.add_program(now, stream.name, program, source);
                    continue;
                }
            }
            let id = self.hub.add_source(now, stream.name.clone(), source);
            let bad = |why| ServerError::Stream(stream.name.clone(), why);
            let camera = Camera::new(id, &stream, &self.authorities).map_err(bad)?;
            let calls = CameraCalls::new(id, &stream, &self.authorities).map_err(bad)?;
            self.cameras.insert(id, camera);
            if let Some(calls) = calls {
                self.camera_calls.insert(id, calls);
            }
        }
        self.add_alternatives();
        Ok(())
    }

    /// Runs until a signal asks for the end.
    ///
    /// # Errors
    /// When the system's poll fails.
    pub fn run(&mut self) -> Result<(), ServerError> {
        let mut events = Events::with_capacity(EVENTS);
        self.tell_ready(Instant::now());
        self.settle(Instant::now());
        while !self.is_stopping {
            self.turn(&mut events)?;
        }
        let now = Instant::now();
        self.say_goodbye(now);
        let deadline = now + limits::GOODBYE_MAX;
        self.timers.set(Timer::Goodbye, Some(deadline));
        while (self.publishers.iter().any(|publisher| !publisher.client.is_stopped())
            || self.programs.any_runs()
            || self.is_recording()
            || self.has_untold())
            && Instant::now() < deadline
        {
            self.turn(&mut events)?;
        }
        self.programs.kill();
        self.stdio_outcome()
    }

    fn turn(&mut self, events: &mut Events) -> Result<(), ServerError> {
        let (poll, unfinished) = (&mut self.poll, &mut self.unfinished);
        let (now, ready) = wait(poll, events, &self.timers, &self.endpoints, unfinished)?;
        // Behind the last bytes of a camera stands its closing, which is no event any more.
        let closed = events.iter().filter(|event| event.is_read_closed());
        let closed = closed.filter_map(|event| self.endpoints.get(event.token().0));
        self.unfinished.extend(
            closed.filter(|at| matches!(at, Endpoint::Camera(_) | Endpoint::SecondSession(_))),
        );
        for endpoint in ready {
            if self.handle_ready(now, endpoint) {
                self.unfinished.insert(endpoint);
            }
        }
        while let Some(timer) = self.timers.pop_due(now) {
            self.handle_timer(now, timer);
        }
        self.settle(now);
        Ok(())
    }

    /// True while there may be more to read.
    fn handle_ready(&mut self, now: Instant, endpoint: Endpoint) -> bool {
        match endpoint {
            Endpoint::Waker => {
                self.take_resolved(now);
                self.take_disk_reports(now);
            }
            Endpoint::Signals => {
                let signals: Vec<_> = self.signals.pending().collect();
                self.is_stopping |= signals.iter().any(|signal| *signal != SIGCHLD);
                self.reap_programs(now);
            }
            Endpoint::HttpListener => return self.accept_clients(now),
            Endpoint::Media => return self.receive_datagrams(now),
            Endpoint::Client(key) => return self.handle_client(now, key),
            Endpoint::IceTcpListener => return self.accept_ice_tcp(now),
            Endpoint::IceTcp(key) => return self.handle_ice_tcp(now, key),
            Endpoint::Relay(key) => return self.handle_relay(now, key),
            Endpoint::CameraCalls(id) => return self.handle_camera_calls(id),
            Endpoint::Publisher(key) => return self.handle_publisher(now, key),
            Endpoint::PublisherMedia(key) => return self.receive_own_datagrams(now, key),
            Endpoint::RtspListener(door) => return self.accept_rtsp_clients(now, door),
            Endpoint::RtspMedia { rtcp } => return self.receive_rtsp_datagrams(now, rtcp),
            Endpoint::RtspClient(key) => {
                return self
                    .with_buffer(|server, buffer| server.handle_rtsp_client(now, key, buffer));
            }
            Endpoint::Room(key) => {
                return self.with_buffer(|server, buffer| server.handle_room(now, key, buffer));
            }
            Endpoint::Stdin => return self.handle_stdin(now),
            Endpoint::Stdout => {} // what waits is written at the end of each turn
            #[cfg(feature = "stdio")]
            Endpoint::WorkerOutput(_) | Endpoint::WorkerInput(_) => {} // a supervisor's
            Endpoint::ProgramErrors(id) => return self.handle_program_errors(now, id),
            Endpoint::Camera(source)
            | Endpoint::CameraPost(source)
            | Endpoint::SecondSession(source)
            | Endpoint::SecondSessionPost(source) => {
                let more = self.with_buffer(|server, buffer| {
                    server.with_camera(source, |camera, context| {
                        camera.handle_ready(now, endpoint, buffer, context)
                    })
                });
                return more.unwrap_or(false);
            }
            Endpoint::CameraUdp(source, _) | Endpoint::SecondSessionUdp(source, _) => {
                self.dirty.cameras.insert(source);
                let Some(camera) = self.cameras.get_mut(&source) else { return false };
                return camera.handle_datagrams(now, endpoint, &mut self.inbox);
            }
            #[cfg(feature = "demo")]
            Endpoint::DemoListener => self.accept_demo_readers(now),
            #[cfg(feature = "demo")]
            Endpoint::DemoReader(key) => self.handle_demo_reader(now, key),
        }
        false
    }

    /// Reads of a socket into the loop's own buffer, which `act` must not ask for again.
    pub(super) fn with_buffer<R>(&mut self, act: impl FnOnce(&mut Self, &mut [u8]) -> R) -> R {
        let mut buffer = std::mem::take(&mut self.buffer);
        let outcome = act(self, &mut buffer);
        self.buffer = buffer;
        outcome
    }

    fn handle_timer(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Hub => self.hub.handle_timeout(now),
            Timer::Camera(source) => {
                self.with_camera(source, |camera, _| camera.handle_timeout(now));
            }
            Timer::CameraCalls(id) => self.handle_camera_calls_timeout(now, id),
            Timer::Viewer(id) => self.handle_viewer_timeout(now, id),
            Timer::Client(key) => self.handle_client_timeout(now, key),
            Timer::Publisher(key) => self.handle_publisher_timeout(now, key),
            Timer::IceTcp(key) => self.handle_ice_tcp_timeout(key),
            Timer::Relay(key) => self.handle_relay_timeout(now, key),
            Timer::RtspClient(key) => self.handle_rtsp_timeout(now, key),
            Timer::Program(id) => self.handle_program_timeout(now, id),
            Timer::Recording(key) => self.handle_recording_timeout(now, key),
            Timer::Room(key) => self.handle_room_timeout(now, key),
            Timer::Stats => self.handle_stats_timeout(now),
            Timer::Goodbye => {}
            #[cfg(feature = "demo")]
            Timer::Demo => self.play_demo(now),
            #[cfg(feature = "demo")]
            Timer::DemoReader(key) => self.handle_demo_reader_timeout(now, key),
        }
    }

    /// Steps every machine until none has anything to say, then sends.
    fn settle(&mut self, now: Instant) {
        loop {
            let mut quiet = true;
            while let Some(id) = self.dirty.cameras.pop_first() {
                quiet = false;
                self.pump_camera(now, id);
            }
            quiet &= !self.take_hub_outputs(now);
            while let Some(id) = self.dirty.camera_calls.pop_first() {
                quiet = false;
                self.pump_camera_calls(now, id);
            }
            while let Some(id) = self.dirty.viewers.pop_first() {
                quiet = false;
                self.pump_viewer(now, id);
            }
            while let Some(key) = self.dirty.clients.pop_first() {
                quiet = false;
                self.pump_client(now, key);
            }
            while let Some(key) = self.dirty.publishers.pop_first() {
                quiet = false;
                self.pump_publisher(now, key);
            }
            while let Some(key) = self.dirty.rtsp_clients.pop_first() {
                quiet = false;
                self.pump_rtsp_client(now, key);
            }
            quiet &= !self.pump_relays(now);
            while let Some(key) = self.dirty.rooms.pop_first() {
                quiet = false;
                self.pump_room(now, key);
            }
            if quiet {
                break;
            }
        }
        self.flush_stdio();
        self.media.flush();
        if let Some(restream) = &mut self.restream {
            restream.flush();
        }
        self.timers.set(Timer::Hub, self.hub.poll_timeout());
    }

    /// Does what the matrix wants done; whether there was anything.
    pub(super) fn take_hub_outputs(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Some(output) = self.hub.poll_output() {
            any = true;
            self.handle_output(now, output);
        }
        any
    }

    fn handle_output(&mut self, now: Instant, output: Output) {
        match output {
            Output::Frame(key, egress) | Output::Probe(key, egress) => {
                let Some(viewer) = self.viewers.get_mut(&key.viewer) else { return };
                match viewer.audience {
                    Audience::RtspReader(reader) => self.send_to_reader(now, reader, &egress),
                    Audience::Recording(key) => self.record_frame(now, key, &egress.frame),
                    _ => {
                        viewer.queue(key.position, egress);
                        self.dirty.viewers.insert(key.viewer);
                    }
                }
            }
            Output::Audio(key, egress) => self.queue_audio(now, key, egress),
            Output::Status(key, status) => self.handle_slot_status(now, key, &status),
            Output::Start(id) => {
                self.with_camera(id, |camera, _| camera.start(now));
                self.start_program(now, id);
            }
            Output::Stop(id) => {
                self.with_camera(id, |camera, _| camera.stop(now));
                self.stop_program(now, id);
                self.cancel_camera_call(id);
            }
            Output::RequestKeyframe(id, Method::Isapi | Method::Sunapi | Method::Onvif) => {
                self.call_camera(now, id);
            }
            Output::RequestKeyframe(id, method) => {
                self.with_camera(id, |camera, _| camera.request_keyframe(now, method));
                self.ask_publisher(now, id);
                self.ask_guest(id);
            }
        }
    }

    pub(super) fn with_camera<R>(
        &mut self,
        id: SourceId,
        act: impl FnOnce(&mut Camera, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let camera = self.cameras.get_mut(&id)?;
        let mut context = Context {
            registry: self.poll.registry(),
            endpoints: &mut self.endpoints,
            resolver: &self.resolver,
        };
        self.dirty.cameras.insert(id);
        Some(act(camera, &mut context))
    }

    fn pump_camera(&mut self, now: Instant, id: SourceId) {
        let mut news = Vec::new();
        self.with_camera(id, |camera, context| {
            while let Some(event) = camera.poll_event(now, context) {
                camera.intake.handle_event(event, &mut news);
            }
            news.extend(camera.take_refusal());
        });
        self.dirty.cameras.remove(&id);
        if let Some(camera) = self.cameras.get(&id) {
            self.timers.set(Timer::Camera(id), camera.poll_timeout());
        }
        let health = news.iter().rev().find_map(|news| match news {
            News::Health(health) => Some(health.clone()),
            _ => None,
        });
        self.take_news(now, id, news);
        if let Some(health) = health.filter(|_| self.programs.has(id)) {
            self.handle_echoed_health(now, id, &health);
        }
    }

    fn take_resolved(&mut self, now: Instant) {
        while let Some(resolved) = self.resolver.poll() {
            match resolved.asker.endpoint {
                Endpoint::Camera(id) | Endpoint::SecondSession(id) => {
                    self.with_camera(id, |camera, context| {
                        camera.handle_resolved(now, resolved, context);
                    });
                }
                Endpoint::CameraCalls(id) => self.handle_camera_calls_resolved(id, resolved),
                Endpoint::Relay(key) => self.handle_relay_resolved(now, key, resolved),
                Endpoint::Publisher(key) => self.handle_publisher_resolved(now, key, resolved),
                Endpoint::Room(key) => self.handle_room_resolved(now, key, resolved),
                _ => {}
            }
        }
    }

    /// Tells viewers and cameras that the program ends: a camera with few sessions to give
    /// should not keep one for us.
    fn say_goodbye(&mut self, now: Instant) {
        log::info!("stopping");
        self.end_recordings(now);
        for key in 0..self.publishers.len() {
            self.stop_publisher(now, key);
        }
        self.leave_rooms(now);
        for id in self.viewers.keys().copied().collect::<Vec<_>>() {
            self.remove_viewer(now, id);
        }
        for id in self.cameras.keys().copied().collect::<Vec<_>>() {
            self.with_camera(id, |camera, _| camera.stop(now));
        }
        for id in self.pushes.keys().copied().collect::<Vec<_>>() {
            self.stop_program(now, id);
        }
        self.settle(now);
        self.stop_relays(now);
    }
}

fn hub_options(config: &Config, policy: SwitchPolicy) -> HubOptions {
    HubOptions {
        policy,
        burst_bytes: limits::BURST_UNPACED_BYTES,
        burst_bytes_per_second: u64::from(config.burst_mbps) * 1_000_000 / 8,
        gop_total_max_bytes: config.limits.gop_total_max_bytes,
    }
}
