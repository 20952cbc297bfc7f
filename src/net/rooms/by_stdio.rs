//! Rooms whose WebSocket is that of the program which has started us (`server: stdio`): its
//! messages come and go in lines.

use std::time::Instant;

use super::RoomLink;
use crate::engine::source::SourceId;
use crate::net::server::Server;
use crate::room::{Output, Room};
use crate::stdio::{Event, SocketState};

impl Server {
    /// A room's WebSocket is open; none where there is no such room.
    pub(in crate::net) fn open_room_by_stdio(
        &mut self,
        now: Instant,
        name: &str,
        id: Option<&str>,
    ) -> Option<()> {
        self.with_room_by_stdio(name, |machine| {
            if let Some(id) = id {
                machine.set_id(id);
            }
            machine.handle_socket_open(now);
        })
    }

    /// It is closed, or could not be opened.
    pub(in crate::net) fn close_room_by_stdio(
        &mut self,
        now: Instant,
        name: &str,
        code: Option<u16>,
    ) -> Option<()> {
        self.with_room_by_stdio(name, |machine| machine.handle_socket_closed(now, code))
    }

    /// It has brought a text.
    pub(in crate::net) fn hear_room_by_stdio(
        &mut self,
        now: Instant,
        name: &str,
        text: &str,
    ) -> Option<()> {
        self.with_room_by_stdio(name, |machine| machine.handle_socket_text(now, text))
    }

    fn with_room_by_stdio(&mut self, name: &str, act: impl FnOnce(&mut Room)) -> Option<()> {
        let is_it = |room: &RoomLink| room.name == name && room.socket.is_none();
        let key = self.rooms.all.iter().position(is_it)?;
        self.with_room(key, |room, _| act(&mut room.machine))
    }

    /// Has done what a room wants of its WebSocket.
    pub(super) fn tell_room_by_stdio(&mut self, now: Instant, key: usize, output: Output) {
        let Some(room) = self.rooms.all.get(key).map(|room| room.name.clone()) else { return };
        let event = match output {
            Output::Connect => Event::Socket { room, state: SocketState::Connect },
            Output::Disconnect => Event::Socket { room, state: SocketState::Disconnect },
            Output::Send(text) => Event::Signal { room, text },
            _ => return,
        };
        self.tell(now, &event);
    }

    /// Whether a source is fed by a room.
    pub(in crate::net) fn is_of_room(&self, id: SourceId) -> bool {
        self.rooms.sources.contains_key(&id)
    }

    /// How the configuration wants a source of a room recorded.
    pub(in crate::net) fn room_record(&self, id: SourceId) -> Option<config::Record> {
        let room = self.rooms.sources.get(&id)?.room;
        self.rooms.all.get(room)?.record.clone()
    }

    /// The recording of what feeds a source is ended otherwise.
    pub(in crate::net) fn forget_room_recording(&mut self, id: SourceId) {
        if let Some(source) = self.rooms.sources.get_mut(&id) {
            source.recording = None;
        }
    }
}
