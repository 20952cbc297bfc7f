//! A signalling server of either kind, as a machine without sockets.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crosspoint::room::Flavour;
use serde_json::{Map, Value, json};

/// A connection, by a number that the test chooses.
pub type Connection = u64;

/// The server.
pub struct Server {
    flavour: Flavour,
    clients: BTreeMap<Connection, Client>,
    /// Who asked for which stream (assigning servers remember it).
    wanted: BTreeMap<String, BTreeSet<Connection>>,
    joins: u64,
    outputs: VecDeque<(Connection, String)>,
}

#[derive(Default)]
struct Client {
    uuid: String,
    room: Option<String>,
    stream: Option<String>,
}

impl Server {
    pub fn new(flavour: Flavour) -> Self {
        let (clients, wanted) = (BTreeMap::new(), BTreeMap::new());
        Self { flavour, clients, wanted, joins: 0, outputs: VecDeque::new() }
    }

    pub fn open(&mut self, connection: Connection) {
        self.joins += 1;
        let uuid = match self.flavour {
            Flavour::Assigned => format!("uuid{:016}", self.joins),
            Flavour::Custom => String::new(),
        };
        self.clients.insert(connection, Client { uuid, ..Client::default() });
    }

    pub fn close(&mut self, connection: Connection) {
        self.clients.remove(&connection);
        self.wanted.values_mut().for_each(|wanted| {
            wanted.remove(&connection);
        });
    }

    /// What is to be sent to whom.
    pub fn poll_output(&mut self) -> Option<(Connection, String)> {
        self.outputs.pop_front()
    }

    /// Who publishes a stream, by its id on the wire.
    pub fn publisher(&self, stream: &str) -> Option<Connection> {
        let is_it = |client: &Client| client.stream.as_deref() == Some(stream);
        self.clients.iter().find(|(_, client)| is_it(client)).map(|(connection, _)| *connection)
    }

    pub fn text(&mut self, connection: Connection, text: &str) {
        let Ok(Value::Object(message)) = serde_json::from_str(text) else { return };
        if !self.clients.contains_key(&connection) {
            return;
        }
        match self.flavour {
            Flavour::Assigned => self.assigned(connection, message),
            Flavour::Custom => self.custom(connection, &message),
        }
    }

    fn send(&mut self, connection: Connection, value: &Value) {
        self.outputs.push_back((connection, value.to_string()));
    }

    fn others(&self, connection: Connection) -> Vec<Connection> {
        let room = &self.clients[&connection].room;
        let is_other = |(other, client): &(&Connection, &Client)| {
            **other != connection && room.is_some() && client.room == *room
        };
        self.clients.iter().filter(is_other).map(|(other, _)| *other).collect()
    }

    fn assigned(&mut self, connection: Connection, mut message: Map<String, Value>) {
        let uuid = self.clients[&connection].uuid.clone();
        let text = |key: &str| message.get(key).and_then(Value::as_str).map(str::to_owned);
        match text("request").as_deref() {
            Some("joinroom") => {
                self.clients.get_mut(&connection).unwrap().room = text("roomid");
                let others = self.others(connection);
                let listed = |other: &Connection| {
                    let client = &self.clients[other];
                    match &client.stream {
                        Some(stream) => json!({"UUID": client.uuid, "streamID": stream}),
                        None => json!({"UUID": client.uuid}),
                    }
                };
                let list: Vec<Value> = others.iter().map(listed).collect();
                self.send(connection, &json!({"request": "listing", "list": list}));
                for other in others {
                    self.send(other, &json!({"request": "someonejoined", "UUID": uuid}));
                }
            }
            Some("seed") => {
                let Some(stream) = text("streamID") else { return };
                if self.publisher(&stream).is_some_and(|other| other != connection) {
                    let words = "Stream ID is already in use.";
                    return self.send(connection, &json!({"request": "alert", "message": words}));
                }
                self.clients.get_mut(&connection).unwrap().stream = Some(stream.clone());
                for viewer in self.wanted.get(&stream).cloned().unwrap_or_default() {
                    let viewer = self.clients[&viewer].uuid.clone();
                    self.send(connection, &json!({"request": "offerSDP", "UUID": viewer}));
                }
                let added =
                    json!({"request": "videoaddedtoroom", "UUID": uuid, "streamID": stream});
                self.others(connection).into_iter().for_each(|other| self.send(other, &added));
            }
            Some("play") => {
                let Some(stream) = text("streamID") else { return };
                if let Some(publisher) = self.publisher(&stream) {
                    self.send(publisher, &json!({"request": "offerSDP", "UUID": uuid}));
                }
                self.wanted.entry(stream).or_default().insert(connection);
            }
            Some(_) => {}
            None => {
                let to = text("UUID");
                let found = self.clients.iter().find(|(_, c)| Some(&c.uuid) == to.as_ref());
                if let Some(to) = found.map(|(to, _)| *to) {
                    message.insert("UUID".to_owned(), uuid.into());
                    self.send(to, &Value::Object(message));
                }
            }
        }
    }

    /// Everything goes to everybody, but for what is for one.
    fn custom(&mut self, connection: Connection, message: &Map<String, Value>) {
        let text = |key: &str| message.get(key).and_then(Value::as_str).map(str::to_owned);
        let client = self.clients.get_mut(&connection).unwrap();
        client.uuid = text("from").unwrap_or_default();
        let is_play = text("request").as_deref() == Some("play");
        if matches!(text("request").as_deref(), Some("joinroom" | "seed")) {
            client.stream = text("streamID").or(client.stream.take());
        }
        let to = text("UUID");
        let stream = text("streamID").filter(|_| is_play);
        let is_to = |(other, client): &(&Connection, &Client)| {
            **other != connection
                && to.as_ref().is_none_or(|to| *to == client.uuid)
                && stream.as_ref().is_none_or(|stream| client.stream.as_ref() == Some(stream))
        };
        let to: Vec<_> = self.clients.iter().filter(is_to).map(|(other, _)| *other).collect();
        to.into_iter().for_each(|to| self.send(to, &Value::Object(message.clone())));
    }
}
