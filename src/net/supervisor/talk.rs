//! What a supervisor is told by its workers and by who has started it, and whom it tells.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::Supervisor;
use crate::stdio::{Code, Command, Event, Id, Line, Mode, Request, Weight, request};

impl Supervisor {
    /// Tells an event, if there is somebody to be told.
    pub(super) fn tell(&mut self, now: Instant, event: &Event) {
        let line = event.to_line(self.time_ms(now));
        self.pass_on(Weight::Heavy, line);
    }

    fn pass_on(&mut self, weight: Weight, line: String) {
        let Some(pipes) = &mut self.pipes else { return };
        if pipes.push(weight, line).is_err() {
            pipes.give_up();
            self.is_lost = true;
            self.is_stopping = true;
        }
    }

    /// A worker's line: what is its own affair stays here, the rest is passed on as it is.
    pub(super) fn hear_worker(&mut self, now: Instant, key: usize, line: Line) {
        let Line::Text(line) = line else { return };
        let Ok(event) = serde_json::from_str::<Value>(&line) else { return };
        let text = |key: &str| event.get(key).and_then(Value::as_str);
        let seat = self.workers.get(key).and_then(|worker| worker.seat);
        let is_own = |stream: &str| self.workers.get(key).is_some_and(|it| it.stream == stream);
        let media = match text("event") {
            Some("ready") => return self.handle_worker_ready(now, key),
            Some("joined") => return,
            Some("socket") => {
                let is_wished = text("state") == Some("connect");
                if let Some((room, worker)) = seat {
                    self.with_room(room, |room, _| {
                        room.share.handle_worker_wish(worker, is_wished);
                    });
                }
                return;
            }
            Some("signal") => {
                let text = text("text").unwrap_or_default().to_owned();
                if let Some((room, worker)) = seat {
                    self.with_room(room, |room, _| room.share.handle_worker_text(worker, text));
                }
                return;
            }
            Some("left") if text("room").is_some() => return,
            Some("left") => Some(false),
            Some("connected" | "first_media") => Some(true),
            _ => None,
        };
        let is_flowing = media.filter(|_| text("stream").is_some_and(is_own));
        if let (Some(is_flowing), Some((room, worker))) = (is_flowing, seat) {
            self.with_room(room, |room, _| {
                room.share.handle_worker_media(now, worker, is_flowing);
            });
        }
        let is_stats = text("event") == Some("stats");
        self.pass_on(if is_stats { Weight::Light } else { Weight::Heavy }, line);
    }

    /// A line of who has started us.
    pub(super) fn handle_line(&mut self, now: Instant, line: Line) {
        let request = match request(line) {
            Ok(request) => request,
            Err(mistake) => return self.tell(now, &mistake.into_event()),
        };
        let Request { id, stream, command } = request;
        let name = command.name();
        let outcome = match &stream {
            _ if matches!(
                command,
                Command::SocketOpen { .. } | Command::SocketClosed { .. } | Command::Signal { .. }
            ) =>
            {
                Err((Code::NoSuchRoom, "the WebSockets of rooms are held here"))
            }
            Some(stream) => match self.order_one(now, stream, &command, id.as_ref()) {
                // It is answered by the worker.
                Ok(true) => return,
                Ok(false) => Ok(()),
                Err(refusal) => Err(refusal),
            },
            None => {
                self.order_all(now, &command);
                Ok(())
            }
        };
        match (outcome, id) {
            (Ok(()), Some(id)) => self.tell(now, &Event::Done { id, command: name }),
            (Ok(()), None) => {}
            (Err((code, text)), id) => {
                let text = text.to_owned();
                self.tell(now, &Event::Error { code, text, stream, room: None, id });
            }
        }
    }

    /// Gives a command to the worker of a stream; false where there is none yet.
    fn order_one(
        &mut self,
        now: Instant,
        stream: &str,
        command: &Command,
        id: Option<&Id>,
    ) -> Result<bool, (Code, &'static str)> {
        let is_its = |(key, worker): (usize, &super::Worker)| worker.has(stream).then_some(key);
        let key = self.workers.iter().find_map(is_its);
        let room = stream.split_once('/').map(|(room, _)| room);
        let is_of_room = self.config.rooms.iter().any(|it| Some(it.name.as_str()) == room);
        if key.is_none() && !is_of_room {
            return Err(match self.config.stream(stream) {
                Some(_) => (Code::NotRecorded, "there is no record: for it, and so no worker"),
                None => (Code::NoSuchStream, "there is no such stream"),
            });
        }
        if let Some((mode, path)) = mode_of(command) {
            let before = self.modes.of(stream);
            let is_refused =
                before == Mode::Off && matches!(command, Command::Pause | Command::Resume);
            if !is_refused && !self.modes.set(stream, mode, path) {
                return Err((Code::TooMany, "too many streams were named"));
            }
        }
        self.tell_worker(now, key, order(command, Some(stream), id).to_string());
        Ok(key.is_some())
    }

    /// Gives a command to all workers, those that come later as well where it lasts.
    fn order_all(&mut self, now: Instant, command: &Command) {
        if let Some((mode, _)) = mode_of(command) {
            self.modes.set_all(mode, !matches!(command, Command::Start { .. }));
        }
        if let Command::Stats { interval_ms: Some(ms) } = command {
            self.stats_interval = Duration::from_millis(*ms);
        }
        let line = order(command, None, None).to_string();
        for key in self.worker_keys() {
            self.tell_worker(now, Some(key), line.clone());
        }
    }

    /// Tells a worker that begins what was said before it was there.
    pub(super) fn remind_worker(&mut self, now: Instant, key: usize) {
        let Some(worker) = self.workers.get(key) else { return };
        let ms = u64::try_from(self.stats_interval.as_millis()).unwrap_or(u64::MAX);
        let mut lines = vec![order(&Command::Stats { interval_ms: Some(ms) }, None, None)];
        let otherwise = self.modes.otherwise();
        if otherwise != Mode::On {
            lines.push(order(&command_of(otherwise, None), None, None));
        }
        for (stream, mode, path) in self.modes.named().filter(|(name, ..)| worker.has(name)) {
            // One that was stopped is started before it is paused.
            if otherwise == Mode::Off || path.is_some() {
                let start = command_of(Mode::On, path.map(str::to_owned));
                lines.push(order(&start, Some(stream), None));
            }
            lines.push(order(&command_of(mode, None), Some(stream), None));
        }
        for line in lines {
            self.tell_worker(now, Some(key), line.to_string());
        }
    }
}

/// What a command makes of a stream, if it lasts.
fn mode_of(command: &Command) -> Option<(Mode, Option<String>)> {
    match command {
        Command::Start { path } => Some((Mode::On, path.clone())),
        Command::Resume => Some((Mode::On, None)),
        Command::Pause => Some((Mode::Paused, None)),
        Command::Stop => Some((Mode::Off, None)),
        _ => None,
    }
}

fn command_of(mode: Mode, path: Option<String>) -> Command {
    match mode {
        Mode::On => Command::Start { path },
        Mode::Paused => Command::Pause,
        Mode::Off => Command::Stop,
    }
}

/// The line of a command.
fn order(command: &Command, stream: Option<&str>, id: Option<&Id>) -> Value {
    let mut line = Map::new();
    let mut set = |key: &str, value: Value| line.insert(key.to_owned(), value);
    set("command", json!(command.name()));
    if let Some(stream) = stream {
        set("stream", json!(stream));
    }
    if let Some(id) = id {
        set("id", json!(id));
    }
    match command {
        Command::Start { path: Some(path) } => drop(set("path", json!(path))),
        Command::Stats { interval_ms: Some(ms) } => drop(set("interval_ms", json!(ms))),
        _ => {}
    }
    Value::Object(line)
}
