//! Rooms of VDO.Ninja, out of the file.

use std::fmt;

use crate::camera::is_host_port;
use crate::limits::{self, LOGIN_MAX_BYTES, URL_MAX_BYTES};
use crate::reader::Reader;
#[cfg(feature = "record")]
use crate::record::{Record, read_entry};
use crate::relay;
use crate::schema::{read_secret, set};
use crate::streams::check_name;
use crate::tree::Node;
use crate::url::SecretUrl;

const ROOM: &[&str] = &[
    "server",
    "room",
    "password",
    "flavour",
    "page",
    "streams",
    "audio",
    "video",
    "codecs",
    "watch",
    "relays_from",
    #[cfg(feature = "record")]
    "record",
];
/// The service's own signalling server.
const SERVER: &str = "wss://wss.vdo.ninja:443";
/// Its domain.
const DOMAIN: &str = "vdo.ninja";
/// Where its page asks for TURN servers.
const RELAYS_FROM: &str = "https://turnservers.vdo.ninja/?ts=";
/// In place of a server's address: the WebSocket is that of the program that has started us.
pub const ROOM_BY_STDIO: &str = "stdio";
/// The service's own page.
const PAGE: &str = "vdo.ninja";

/// One entry of `rooms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// 1..=64 characters, without control characters and `/`.
    pub name: String,
    /// The signalling server, `ws:` or `wss:`; [`ROOM_BY_STDIO`] where another program has it.
    pub server: SecretUrl,
    /// The room as people type it; none where one stream is viewed that is in no room.
    pub room: Option<String>,
    /// What the room is hidden with.
    pub password: RoomPassword,
    /// Which kind of server it is.
    pub flavour: RoomFlavour,
    /// Host of the page that the others use.
    pub page: String,
    /// Names of the streams that are wanted, at most 32; every one of the room where empty.
    pub streams: Vec<String>,
    /// Whether audio is asked for.
    pub audio: bool,
    /// Whether video is asked for.
    pub video: bool,
    /// Video codecs that publishers may send, never empty; what is wanted most first.
    pub codecs: Vec<RoomCodec>,
    /// Whether it is watched at all; else streams are published there alone.
    pub watch: bool,
    /// Where a list of TURN servers for its peers is fetched, if anywhere.
    pub relays_from: Option<SecretUrl>,
    /// How each of its streams is recorded, if it is; under the stream's own name.
    #[cfg(feature = "record")]
    pub record: Option<Record>,
}

/// A video codec of a room's publishers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomCodec {
    /// `h264`
    H264,
    /// `vp8`
    Vp8,
    /// `vp9`
    Vp9,
    /// `av1`
    Av1,
}

impl RoomCodec {
    /// All of them. H.264 can be taken by every viewer, reader and recording.
    const ALL: [Self; 4] = [Self::H264, Self::Vp8, Self::Vp9, Self::Av1];
}

/// `password` of a room.
#[derive(Clone, PartialEq, Eq)]
pub enum RoomPassword {
    /// `false`: nothing is hashed or encrypted.
    Off,
    /// Not given: what the page uses then.
    Public,
    /// As given to the page, 1..=256 bytes.
    Given(String),
}

impl fmt::Debug for RoomPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::Public => "Public",
            Self::Given(_) => "Given(***)",
        })
    }
}

/// Who names the peers of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RoomFlavour {
    /// Found out from what the server says.
    #[default]
    Auto,
    /// The server (`wss://wss.vdo.ninja`).
    Assigned,
    /// Its clients (servers of one's own).
    Custom,
}

/// Reads the section.
pub(crate) fn read(reader: &mut Reader<'_>, node: &Node) -> Vec<Room> {
    if !cfg!(feature = "room") {
        reader.problem(node, "this program was built without rooms");
        return Vec::new();
    }
    let mut rooms = Vec::new();
    reader.entries(node, |reader, key_node, name, value| {
        reader.within(name, |reader| {
            if let Err(message) = check_name(name) {
                reader.problem(key_node, message);
            }
            rooms.push(read_room(reader, name, value));
        });
    });
    if rooms.len() > limits::ROOMS_MAX {
        reader.problem(node, format!("expected at most {} rooms", limits::ROOMS_MAX));
    }
    rooms
}

fn read_room(reader: &mut Reader<'_>, name: &str, node: &Node) -> Room {
    let mut room = Room {
        name: name.to_owned(),
        server: SecretUrl::new(SERVER),
        room: None,
        password: RoomPassword::Public,
        flavour: RoomFlavour::Auto,
        page: PAGE.to_owned(),
        streams: Vec::new(),
        audio: true,
        video: true,
        codecs: RoomCodec::ALL.to_vec(),
        watch: true,
        relays_from: None,
        #[cfg(feature = "record")]
        record: None,
    };
    let mut relays_from = None;
    let before = reader.count();
    reader.section(node, ROOM, |reader, key, node| match key {
        "server" => set(&mut room.server, read_secret(reader, node, server)),
        "room" => room.room = reader.parsed(node, word),
        "password" => set(&mut room.password, read_secret(reader, node, password)),
        "flavour" => set(&mut room.flavour, reader.parsed(node, flavour)),
        "page" => set(&mut room.page, reader.parsed(node, page)),
        "streams" => room.streams = reader.list(node, limits::LIST_MAX, word),
        "audio" => set(&mut room.audio, reader.boolean(node)),
        "watch" => set(&mut room.watch, reader.boolean(node)),
        "relays_from" => relays_from = read_secret(reader, node, list_url),
        #[cfg(feature = "record")]
        "record" => room.record = read_entry(reader, name, node),
        "codecs" => room.codecs = reader.list(node, RoomCodec::ALL.len(), codec),
        _ => set(&mut room.video, reader.boolean(node)),
    });
    room.relays_from = relays_from.unwrap_or_else(|| list_of(&room.server));
    // A problem of one key is not one more of the others.
    if reader.count() == before {
        if room.watch && room.room.is_none() && room.streams.len() != 1 {
            reader.problem(node, "expected room: NAME, or streams: [NAME] for one without a room");
        }
        #[cfg(feature = "record")]
        if room.record.is_some() && !room.watch {
            reader.problem(node, "expected no watch: false where streams are recorded");
        }
        if room.codecs.is_empty() {
            reader.problem(node, "expected at least one codec");
        }
        if !room.audio && !room.video {
            reader.problem(node, "expected audio or video, or both");
        }
    }
    room
}

/// The list that goes with a server: the service's with its own, as its page has it. Who has a
/// server of their own has not said that another may learn of them.
fn list_of(server: &SecretUrl) -> Option<SecretUrl> {
    let authority = server.expose().split("://").nth(1)?.split(['/', '?']).next()?;
    let host = authority.split(':').next()?.to_ascii_lowercase();
    let is_its =
        host.strip_suffix(DOMAIN).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    is_its.then(|| SecretUrl::new(RELAYS_FROM))
}

/// An address, or `false`: none.
fn list_url(text: &str) -> Result<Option<SecretUrl>, String> {
    match text {
        "false" => Ok(None),
        url => relay::list_url(url).map(Some).map_err(|expected| format!("{expected}, or false")),
    }
}

fn server(text: &str) -> Result<SecretUrl, String> {
    if cfg!(feature = "stdio") && text == ROOM_BY_STDIO {
        return Ok(SecretUrl::new(text));
    }
    let expected = "expected a WebSocket address such as wss://wss.vdo.ninja:443";
    let rest = text.strip_prefix("wss://").or_else(|| text.strip_prefix("ws://"));
    let rest = rest.filter(|_| text.len() <= URL_MAX_BYTES).ok_or(expected)?;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let is_valid = is_host_port(authority)
        && !rest.contains('#')
        && rest.bytes().all(|byte| byte.is_ascii_graphic());
    is_valid.then(|| SecretUrl::new(text)).ok_or_else(|| expected.to_owned())
}

/// A name of which something is left when the page has cleaned it.
pub(crate) fn word(text: &str) -> Result<String, String> {
    let max = limits::STREAM_NAME_MAX_CHARS;
    let has_word = text.contains(|c: char| c.is_ascii_alphanumeric());
    if !has_word || text.chars().count() > max || text.contains(char::is_control) {
        return Err(format!("expected 1 to {max} characters, with a letter or digit"));
    }
    Ok(text.to_owned())
}

/// As the page takes it; what is not a password turns it off.
fn password(text: &str) -> Result<RoomPassword, String> {
    match text.trim() {
        "false" | "0" | "off" | "no" => Ok(RoomPassword::Off),
        given if given.is_empty() || given.len() > LOGIN_MAX_BYTES => {
            Err(format!("expected 1 to {LOGIN_MAX_BYTES} bytes, or false"))
        }
        given => Ok(RoomPassword::Given(given.to_owned())),
    }
}

fn flavour(text: &str) -> Result<RoomFlavour, String> {
    match text {
        "auto" => Ok(RoomFlavour::Auto),
        "assigned" => Ok(RoomFlavour::Assigned),
        "custom" => Ok(RoomFlavour::Custom),
        _ => Err("expected auto, assigned or custom".to_owned()),
    }
}

fn codec(text: &str) -> Result<RoomCodec, String> {
    match text.to_ascii_lowercase().as_str() {
        "h264" => Ok(RoomCodec::H264),
        "vp8" => Ok(RoomCodec::Vp8),
        "vp9" => Ok(RoomCodec::Vp9),
        "av1" => Ok(RoomCodec::Av1),
        _ => Err("expected h264, vp8, vp9 or av1".to_owned()),
    }
}

fn page(text: &str) -> Result<String, String> {
    let is_host = is_host_port(text) && (text.starts_with('[') || !text.contains(':'));
    let host = text.to_ascii_lowercase();
    is_host.then_some(host).ok_or_else(|| "expected a host such as vdo.ninja".to_owned())
}
