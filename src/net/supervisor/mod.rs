//! `crosspoint record --isolate`: a process that holds the rooms' WebSockets and speaks with who
//! has started it, and for each stream a worker, the same program in a process group of its own.
//!
//! A loop of its own, as small as the work is: lines come and go. A worker ends when its standard
//! input does, so none is left behind whatever becomes of this process.

mod rooms;
mod talk;
mod worker;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use config::Config;
use mio::{Events, Interest, Poll, Token, Waker};
use serde_json::Value;
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use slab::Slab;

use self::rooms::SharedRoom;
use self::worker::Worker;
use super::Endpoint;
use super::error::ServerError;
use super::link::Context;
use super::readiness::wait;
use super::resolver::Resolver;
use super::stdio::{Pipes, Read};
use super::timers::Timers;
use super::wall_clock::WallClock;
use crate::stdio::limits::{STATS_INTERVAL, WORKERS_END_MAX, WORKERS_MAX};
use crate::stdio::{Event, Modes, for_stream};

/// Readiness events taken at a time.
const EVENTS: usize = 64;
/// Bytes for one read of a room's connection.
const READ_BUFFER_BYTES: usize = 64 * 1024;

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Room(usize),
    Worker(usize),
    Goodbye,
}

/// The process that holds everything but media.
pub struct Supervisor {
    poll: Poll,
    endpoints: Slab<Endpoint>,
    timers: Timers<Task>,
    resolver: Resolver,
    signals: Signals,
    clock: WallClock,
    config: Config,
    /// The configuration as it was given, of which workers get parts.
    whole: Value,
    /// Who has started us, where we speak with them.
    pipes: Option<Pipes>,
    is_lost: bool,
    modes: Modes,
    stats_interval: Duration,
    rooms: Vec<SharedRoom>,
    workers: Slab<Worker>,
    unfinished: BTreeSet<Endpoint>,
    buffer: Vec<u8>,
    is_stopping: bool,
}

impl Supervisor {
    /// Everything that is recorded gets a worker. `now` and `unix_now` are the same moment;
    /// `whole` is the configuration as it was given.
    ///
    /// # Errors
    /// What can't be had from the system, or recorded so.
    pub fn new(
        config: Config,
        whole: Value,
        pipes: Option<Pipes>,
        now: Instant,
        unix_now: SystemTime,
    ) -> Result<Self, ServerError> {
        let system = |what| move |error| ServerError::System(what, error);
        let poll = Poll::new().map_err(system("epoll"))?;
        let mut endpoints = Slab::new();
        let waker = Waker::new(poll.registry(), Token(endpoints.insert(Endpoint::Waker)));
        let resolver = waker.and_then(|waker| Resolver::start(Arc::new(waker)));
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGCHLD]).map_err(system("signals"))?;
        let token = Token(endpoints.insert(Endpoint::Signals));
        let registered = poll.registry().register(&mut signals, token, Interest::READABLE);
        registered.map_err(system("epoll"))?;
        let mut supervisor = Self {
            poll,
            endpoints,
            timers: Timers::default(),
            resolver: resolver.map_err(system("resolver thread"))?,
            signals,
            clock: WallClock::new(now, unix_now),
            config,
            whole,
            pipes: None,
            is_lost: false,
            modes: Modes::default(),
            stats_interval: STATS_INTERVAL,
            rooms: Vec::new(),
            workers: Slab::new(),
            unfinished: BTreeSet::new(),
            buffer: vec![0; READ_BUFFER_BYTES],
            is_stopping: false,
        };
        if let Some(pipes) = pipes {
            supervisor.add_pipes(pipes).map_err(system("standard input and output"))?;
        }
        supervisor.tell_ready(now);
        supervisor.add_streams(now)?;
        supervisor.add_rooms(now)?;
        Ok(supervisor)
    }

    fn add_pipes(&mut self, mut pipes: Pipes) -> io::Result<()> {
        let input = Token(self.endpoints.insert(Endpoint::Stdin));
        let output = Token(self.endpoints.insert(Endpoint::Stdout));
        pipes.register(self.poll.registry(), input, output)?;
        // Behind the first line there may be others already.
        self.unfinished.insert(Endpoint::Stdin);
        self.pipes = Some(pipes);
        Ok(())
    }

    fn add_streams(&mut self, now: Instant) -> Result<(), ServerError> {
        if self.config.record.len() > WORKERS_MAX {
            let why = format!("at most {WORKERS_MAX} streams have a process of their own");
            return Err(ServerError::Record("*".to_owned(), why));
        }
        for stream in self.config.record.iter().map(|it| it.stream.clone()).collect::<Vec<_>>() {
            let own = for_stream(&self.whole, &self.config, &stream);
            let own = own.map_err(|why| ServerError::Record(stream.clone(), why))?;
            self.add_worker(now, Worker::new(stream, &own, None));
        }
        Ok(())
    }

    /// Runs until a signal, or the end of standard input, asks for the end.
    ///
    /// # Errors
    /// When the system's poll fails, or nobody reads what we say.
    pub fn run(&mut self) -> Result<(), ServerError> {
        let mut events = Events::with_capacity(EVENTS);
        self.settle(Instant::now());
        while !self.is_stopping {
            self.turn(&mut events)?;
        }
        let now = Instant::now();
        log::info!("stopping");
        self.stop_workers(now);
        let deadline = now + WORKERS_END_MAX;
        self.timers.set(Task::Goodbye, Some(deadline));
        while (self.any_worker_runs() || self.pipes.as_ref().is_some_and(Pipes::has_unsent))
            && Instant::now() < deadline
        {
            self.turn(&mut events)?;
        }
        self.leave_rooms(Instant::now());
        self.workers.clear();
        if self.is_lost { Err(ServerError::Unread) } else { Ok(()) }
    }

    fn turn(&mut self, events: &mut Events) -> Result<(), ServerError> {
        let (poll, unfinished) = (&mut self.poll, &mut self.unfinished);
        let (now, ready) = wait(poll, events, &self.timers, &self.endpoints, unfinished)?;
        for endpoint in ready {
            if self.handle_ready(now, endpoint) {
                self.unfinished.insert(endpoint);
            }
        }
        while let Some(task) = self.timers.pop_due(now) {
            match task {
                Task::Room(key) => self.handle_room_timeout(now, key),
                Task::Worker(key) => self.handle_worker_timeout(now, key),
                Task::Goodbye => {}
            }
        }
        self.settle(now);
        Ok(())
    }

    /// True while there may be more to read.
    fn handle_ready(&mut self, now: Instant, endpoint: Endpoint) -> bool {
        match endpoint {
            Endpoint::Waker => self.take_resolved(now),
            Endpoint::Signals => {
                let signals: Vec<_> = self.signals.pending().collect();
                self.is_stopping |= signals.iter().any(|signal| *signal != SIGCHLD);
                self.reap_workers(now);
            }
            Endpoint::Stdin => return self.handle_stdin(now),
            Endpoint::Room(key) => return self.handle_room(now, key),
            Endpoint::WorkerOutput(key) => return self.handle_worker_output(now, key),
            // What waits is written at the end of each turn.
            _ => {}
        }
        false
    }

    fn handle_stdin(&mut self, now: Instant) -> bool {
        let Some(pipes) = &mut self.pipes else { return false };
        let mut lines = Vec::new();
        let read = pipes.read(|line| lines.push(line));
        for line in lines {
            self.handle_line(now, line);
        }
        self.is_stopping |= read == Read::Ended;
        read == Read::More
    }

    /// Steps every room until none has anything to say, then writes.
    fn settle(&mut self, now: Instant) {
        while (0..self.rooms.len()).any(|key| self.pump_room(now, key)) {}
        for key in self.worker_keys() {
            self.flush_worker(key);
        }
        if let Some(pipes) = &mut self.pipes
            && !pipes.flush()
        {
            // Who does not listen has no use for us.
            self.is_stopping = true;
        }
    }

    fn time_ms(&self, now: Instant) -> u64 {
        u64::try_from(self.clock.unix(now).as_millis()).unwrap_or(u64::MAX)
    }

    fn worker_keys(&self) -> Vec<usize> {
        self.workers.iter().map(|(key, _)| key).collect()
    }

    fn tell_ready(&mut self, now: Instant) {
        let ready = Event::Ready {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            http: None,
            streams: self.config.record.iter().map(|record| record.stream.clone()).collect(),
            rooms: self.config.rooms.iter().map(|room| room.name.clone()).collect(),
        };
        self.tell(now, &ready);
    }

    fn with_room<R>(
        &mut self,
        key: usize,
        act: impl FnOnce(&mut SharedRoom, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let room = self.rooms.get_mut(key)?;
        let mut context = Context {
            registry: self.poll.registry(),
            endpoints: &mut self.endpoints,
            resolver: &self.resolver,
        };
        Some(act(room, &mut context))
    }
}
