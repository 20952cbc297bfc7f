//! Commands and events in lines on standard input and output: what the server tells, and when.

mod commands;
mod pipes;
mod stats;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use mio::Token;

use self::stats::Seen;
use super::error::ServerError;
use super::server::Server;
use super::{Endpoint, Timer};
use crate::engine::source::{Health, SourceId};
use crate::room;
use crate::stdio::limits::STATS_INTERVAL;
use crate::stdio::{Code, Event, Line, Mode, Modes, Weight, of_index};

pub use self::pipes::Pipes;
pub(super) use self::pipes::Read;

/// The program that has started us.
pub(super) struct Stdio {
    pipes: Pipes,
    modes: Modes,
    /// How often statistics are told; never for none.
    interval: Option<Duration>,
    seen: BTreeMap<SourceId, Seen>,
    /// It did not read, and is given up.
    is_lost: bool,
}

impl Server {
    /// Speaks with the program that has started us.
    pub(super) fn add_stdio(&mut self, now: Instant, mut pipes: Pipes) -> Result<(), ServerError> {
        let input = Token(self.endpoints.insert(Endpoint::Stdin));
        let output = Token(self.endpoints.insert(Endpoint::Stdout));
        let registered = pipes.register(self.poll.registry(), input, output);
        registered.map_err(|error| ServerError::System("standard input and output", error))?;
        // Behind the first line there may be others already.
        self.unfinished.insert(Endpoint::Stdin);
        let interval = Some(STATS_INTERVAL);
        let (modes, seen) = (Modes::default(), BTreeMap::new());
        self.stdio = Some(Stdio { pipes, modes, interval, seen, is_lost: false });
        self.timers.set(Timer::Stats, Some(now + STATS_INTERVAL));
        Ok(())
    }

    /// Everything that is configured is begun.
    pub(super) fn tell_ready(&mut self, now: Instant) {
        let names = |names: &mut dyn Iterator<Item = &String>| names.cloned().collect();
        let ready = Event::Ready {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            http: Some(format!("http://{}/", self.http_addr())),
            streams: names(&mut self.config.streams.iter().map(|stream| &stream.name)),
            rooms: names(&mut self.config.rooms.iter().map(|room| &room.name)),
        };
        self.tell(now, &ready);
    }

    /// Tells an event, if there is somebody to be told.
    pub(super) fn tell(&mut self, now: Instant, event: &Event) {
        let Some(stdio) = &mut self.stdio else { return };
        let time_ms = u64::try_from(self.clock.unix(now).as_millis()).unwrap_or(u64::MAX);
        let weight = match event {
            Event::Stats(_) => Weight::Light,
            _ => Weight::Heavy,
        };
        if stdio.pipes.push(weight, event.to_line(time_ms)).is_err() {
            stdio.pipes.give_up();
            stdio.is_lost = true;
            self.is_stopping = true;
        }
    }

    /// Writes what is taken now.
    pub(super) fn flush_stdio(&mut self) {
        let Some(stdio) = &mut self.stdio else { return };
        if !stdio.pipes.flush() {
            // Who does not listen has no use for us.
            self.is_stopping = true;
        }
    }

    /// Whether somebody has still to read something.
    pub(super) fn has_untold(&self) -> bool {
        self.stdio.as_ref().is_some_and(|stdio| stdio.pipes.has_unsent())
    }

    /// How it ended.
    pub(super) fn stdio_outcome(&self) -> Result<(), ServerError> {
        match &self.stdio {
            Some(stdio) if stdio.is_lost => Err(ServerError::Unread),
            _ => Ok(()),
        }
    }

    /// Something has come. True while there may be more.
    pub(super) fn handle_stdin(&mut self, now: Instant) -> bool {
        let Some(stdio) = &mut self.stdio else { return false };
        let mut lines = Vec::new();
        let read = stdio.pipes.read(|line| lines.push(line));
        for line in lines {
            self.handle_line(now, line);
        }
        self.is_stopping |= read == Read::Ended;
        read == Read::More
    }

    fn handle_line(&mut self, now: Instant, line: Line) {
        match crate::stdio::request(line) {
            Ok(request) => self.handle_order(now, request),
            Err(mistake) => self.tell(now, &mistake.into_event()),
        }
    }

    /// The connection of a source is up.
    pub(super) fn tell_connected(&mut self, now: Instant, id: SourceId) {
        let Some(stream) = self.stream_told(id) else { return };
        let Some(seen) = self.seen(id) else { return };
        if seen.connect(now) {
            self.tell(now, &Event::Connected { stream });
        }
    }

    /// A whole picture, or a packet of sound, has come.
    pub(super) fn note_media(&mut self, now: Instant, id: SourceId, is_key: bool) {
        let Some(seen) = self.seen(id) else { return };
        if seen.take_media(now, is_key) {
            // Sound alone: pictures would have been told of.
            self.tell_first_media(now, id, None);
        }
    }

    /// A source's state may have changed.
    pub(super) fn tell_health(&mut self, now: Instant, id: SourceId, health: &Health) {
        let Some(stream) = self.stream_told(id) else { return };
        let Some(seen) = self.seen(id) else { return };
        match health {
            Health::Live(picture) => {
                let is_new = seen.begin_pictures();
                self.tell_connected(now, id);
                if is_new {
                    self.tell_first_media(now, id, Some((picture.width, picture.height)));
                }
            }
            Health::Connecting => {}
            Health::Idle => drop(seen.leave("")),
            Health::Offline { reason } | Health::Unsupported { reason } => {
                if seen.leave(reason) {
                    let (room, stream, reason) = (None, Some(stream), reason.clone());
                    self.tell(now, &Event::Left { room, stream, reason });
                }
            }
        }
    }

    fn tell_first_media(&mut self, now: Instant, id: SourceId, size: Option<(u32, u32)>) {
        let Some(stream) = self.stream_told(id) else { return };
        let codec = self.intake(id).and_then(|intake| intake.codec()).map(str::to_owned);
        let codec = codec.filter(|_| size.is_some());
        let (width, height) = size.unzip();
        self.tell(now, &Event::FirstMedia { stream, codec, width, height });
    }

    /// What a room has to say.
    pub(super) fn tell_room_event(&mut self, now: Instant, name: &str, event: &room::Event) {
        if let Some(event) = of_room(name, event) {
            self.tell(now, &event);
        }
    }

    /// What the index is told of a recording's file.
    pub(super) fn tell_index(&mut self, now: Instant, stream: &str, below: &Path, line: &str) {
        if self.stdio.is_none() {
            return;
        }
        for event in of_index(line, stream, below) {
            self.tell(now, &event);
        }
    }

    /// Pictures or sound are missing in a file.
    pub(super) fn tell_gap(&mut self, now: Instant, stream: String, gaps: u64) {
        self.tell(now, &Event::Gap { stream, gaps });
    }

    fn stream_told(&self, id: SourceId) -> Option<String> {
        self.stdio.as_ref()?;
        Some(self.hub.source(id)?.name.clone())
    }

    fn seen(&mut self, id: SourceId) -> Option<&mut Seen> {
        Some(self.stdio.as_mut()?.seen.entry(id).or_default())
    }

    /// How a stream is recorded, if it is to be.
    pub(super) fn how_recorded(
        &self,
        stream: &str,
        configured: Option<config::Record>,
    ) -> Option<config::Record> {
        let Some(stdio) = &self.stdio else { return configured };
        if stdio.modes.of(stream) == Mode::Off {
            return None;
        }
        let Some(path) = stdio.modes.path(stream) else { return configured };
        let new = || config::Record::new(stream.to_owned(), path.to_owned());
        Some(config::Record { path: path.to_owned(), ..configured.unwrap_or_else(new) })
    }

    /// Whether nothing is to be written of a stream for now.
    pub(super) fn is_paused(&self, stream: &str) -> bool {
        self.stdio.as_ref().is_some_and(|stdio| stdio.modes.of(stream) == Mode::Paused)
    }
}

/// What is told of a room.
pub(super) fn of_room(name: &str, event: &room::Event) -> Option<Event> {
    let room = Some(name.to_owned());
    let complaint = |text: &String| Event::Error {
        code: Code::Room,
        text: text.clone(),
        stream: None,
        room: room.clone(),
        id: None,
    };
    match event {
        room::Event::Joined => Some(Event::Joined { room: name.to_owned() }),
        room::Event::Left => {
            let (stream, reason) = (None, "the connection to its server is lost".to_owned());
            Some(Event::Left { room, stream, reason })
        }
        room::Event::Notice(words) | room::Event::Refused(words) => Some(complaint(words)),
        // Streams are told of by their health.
        room::Event::StreamAnnounced { .. } | room::Event::StreamGone { .. } => None,
    }
}
