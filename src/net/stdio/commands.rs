//! What the program that has started us wants done.

use std::time::{Duration, Instant};

use super::super::Timer;
use super::super::server::Server;
use crate::engine::source::SourceId;
use crate::engine::viewer::SlotKey;
use crate::stdio::{Code, Command, Event, Mode, Request};

/// Why it can't be done.
type Refusal = (Code, String);

impl Server {
    pub(super) fn handle_order(&mut self, now: Instant, request: Request) {
        let Request { id, stream, command } = request;
        let name = command.name();
        match (self.obey(now, stream.as_deref(), command), id) {
            (Ok(()), Some(id)) => self.tell(now, &Event::Done { id, command: name }),
            (Ok(()), None) => {}
            (Err((code, text)), id) => {
                self.tell(now, &Event::Error { code, text, stream, room: None, id });
            }
        }
    }

    fn obey(
        &mut self,
        now: Instant,
        stream: Option<&str>,
        command: Command,
    ) -> Result<(), Refusal> {
        let Some(stdio) = &mut self.stdio else { return Ok(()) };
        match command {
            Command::SocketOpen { room, uuid } => {
                return self.open_room_by_stdio(now, &room, uuid.as_deref()).ok_or_else(no_room);
            }
            Command::SocketClosed { room, code } => {
                return self.close_room_by_stdio(now, &room, code).ok_or_else(no_room);
            }
            Command::Signal { room, text } => {
                return self.hear_room_by_stdio(now, &room, &text).ok_or_else(no_room);
            }
            Command::Stats { interval_ms: Some(ms) } => {
                let interval = Some(Duration::from_millis(ms)).filter(|it| !it.is_zero());
                stdio.interval = interval;
                self.timers.set(Timer::Stats, interval.map(|interval| now + interval));
                return Ok(());
            }
            _ => {}
        }
        let found = stream.map(|stream| self.find_stream(stream)).transpose()?;
        match command {
            Command::Start { path } => {
                let path = path.as_deref().map(config::parse_record_path).transpose();
                let path = path.map_err(|why| (Code::BadKey, format!("path: {why}")))?;
                self.start_recording(now, stream, path)
            }
            Command::Stop => self.set_mode(now, stream, Mode::Off, None, true),
            Command::Pause | Command::Resume => {
                if stream.is_some_and(|stream| self.mode(stream) == Mode::Off) {
                    return Err((Code::Stopped, "it is stopped: start it".to_owned()));
                }
                let is_pause = command == Command::Pause;
                // What was stopped is neither paused nor resumed with the others.
                self.set_mode(
                    now,
                    stream,
                    if is_pause { Mode::Paused } else { Mode::On },
                    None,
                    true,
                )
            }
            Command::Keyframe => self.ask_for_keyframes(now, found.flatten()),
            _ => {
                self.tell_stats(now, found.flatten());
                Ok(())
            }
        }
    }

    fn mode(&self, stream: &str) -> Mode {
        self.stdio.as_ref().map_or(Mode::On, |stdio| stdio.modes.of(stream))
    }

    /// A stream by its name; none for one of a room that was not seen yet.
    fn find_stream(&self, name: &str) -> Result<Option<SourceId>, Refusal> {
        let found = self.hub.find(name);
        let room = name.split_once('/').map(|(room, _)| room);
        if found.is_none() && !self.config.rooms.iter().any(|it| Some(it.name.as_str()) == room) {
            return Err((Code::NoSuchStream, "there is no such stream".to_owned()));
        }
        Ok(found)
    }

    fn start_recording(
        &mut self,
        now: Instant,
        stream: Option<&str>,
        path: Option<String>,
    ) -> Result<(), Refusal> {
        let found = stream.and_then(|stream| self.hub.find(stream));
        let is_unknown = |id: SourceId| self.configured_record(id).is_none();
        if path.is_none() && found.is_some_and(is_unknown) {
            let text = "there is no record: for it: give a path".to_owned();
            return Err((Code::NotRecorded, text));
        }
        self.set_mode(now, stream, Mode::On, path, false)
    }

    fn set_mode(
        &mut self,
        now: Instant,
        stream: Option<&str>,
        mode: Mode,
        path: Option<String>,
        keeps_off: bool,
    ) -> Result<(), Refusal> {
        let Some(stdio) = &mut self.stdio else { return Ok(()) };
        let changed: Vec<SourceId> = match stream {
            Some(stream) => {
                if !stdio.modes.set(stream, mode, path) {
                    return Err((Code::TooMany, "too many streams were named".to_owned()));
                }
                self.hub.find(stream).into_iter().collect()
            }
            None => {
                stdio.modes.set_all(mode, keeps_off);
                self.hub.sources().map(|(id, _)| id).collect()
            }
        };
        changed.into_iter().for_each(|id| self.follow_mode(now, id));
        Ok(())
    }

    /// Has a stream recorded as its mode wants it.
    fn follow_mode(&mut self, now: Instant, id: SourceId) {
        let Some(name) = self.hub.source(id).map(|source| source.name.clone()) else { return };
        let keys = self.recordings.keys_of(id);
        match self.mode(&name) {
            Mode::Off => {
                self.forget_room_recording(id);
                keys.into_iter().for_each(|key| self.end_recording(now, key));
            }
            Mode::On if keys.is_empty() => self.record_anew(now, id, &name),
            mode => {
                let is_paused = mode == Mode::Paused;
                keys.into_iter().for_each(|key| self.pause_recording(now, key, is_paused));
            }
        }
    }

    fn record_anew(&mut self, now: Instant, id: SourceId, name: &str) {
        if self.is_of_room(id) {
            return self.record_room_source(now, id);
        }
        let Some(record) = self.how_recorded(name, self.configured_record(id)) else { return };
        if let Err(text) = self.begin_recording(now, id, &record) {
            let (code, stream) = (Code::Recording, Some(name.to_owned()));
            self.tell(now, &Event::Error { code, text, stream, room: None, id: None });
        }
    }

    /// How the configuration wants a source recorded, or the command that began it.
    fn configured_record(&self, id: SourceId) -> Option<config::Record> {
        let name = &self.hub.source(id)?.name;
        let of_file = self.config.record.iter().find(|record| record.stream == *name).cloned();
        let path = || self.stdio.as_ref()?.modes.path(name);
        let of_command = || Some(config::Record::new(name.clone(), path()?.to_owned()));
        of_file.or_else(|| self.room_record(id)).or_else(of_command)
    }

    /// Asks for a key picture of one stream, or of all that are recorded.
    fn ask_for_keyframes(&mut self, now: Instant, id: Option<SourceId>) -> Result<(), Refusal> {
        let viewers = self.recordings.viewers_of(id);
        if viewers.is_empty() && id.is_some() {
            return Err((Code::NotRecorded, "it is not recorded".to_owned()));
        }
        for viewer in viewers {
            self.hub.request_keyframe(now, SlotKey { viewer, position: 0 });
        }
        Ok(())
    }
}

fn no_room() -> Refusal {
    (Code::NoSuchRoom, "there is no such room whose server is stdio".to_owned())
}
