//! The keys of the file: which there are, and what each may say.

use std::net::SocketAddr;

use crate::limits;
use crate::model::{
    Api, Config, IceServer, Limits, Log, LogFormat, LogLevel, Multistream, PlayoutDelay, Publish,
    RoomPublish, Stream, WEBRTC_DEFAULT_PORT, Webrtc,
};
use crate::problem::Problem;
use crate::publish;
use crate::reader::{Found, Reader};
use crate::relay;
use crate::relay::IceTransportPolicy;
use crate::scalar;
use crate::streams::{self, RawStream, read_linger};
use crate::tree::{self, Node, Value};
use crate::{rooms, rtsp};

const TOP: &[&str] = &[
    "streams",
    "publish",
    #[cfg(feature = "record")]
    "record",
    "rooms",
    "api",
    "rtsp",
    "webrtc",
    "multistream",
    "log",
    "linger",
    "warm",
    "limits",
    "burst_mbps",
];
const PUBLISH: &[&str] = &["url", "token", "room", "stream"];
const API: &[&str] = &["listen", "origin"];
const WEBRTC: &[&str] = &[
    "listen",
    "candidates",
    "ice_servers",
    "relays",
    "relays_from",
    "ice_transport_policy",
    "playout_delay_ms",
];
const ICE_SERVER: &[&str] = &["urls", "username", "credential"];
const PLAYOUT_DELAY: &[&str] = &["min", "max"];
const MULTISTREAM: &[&str] = &["max_slots"];
const LOG: &[&str] = &["level", "format"];
const LIMITS: &[&str] = &[
    "gop_max_bytes",
    "gop_total_max_bytes",
    "gop_max_frames",
    "viewers_max",
    "readers_max",
    "resend_packets",
];

/// Reads and checks a whole file.
pub(crate) fn read(
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Vec<Problem>> {
    if text.len() > limits::FILE_MAX_BYTES {
        let message = format!("expected a file of at most {} bytes", limits::FILE_MAX_BYTES);
        return Err(vec![Problem { line: 0, column: 0, path: String::new(), message }]);
    }
    let root = tree::read(text).map_err(|error| {
        let (line, column) = error.place.map_or((0, 0), |at| (at.line, at.column));
        vec![Problem { line, column, path: String::new(), message: error.message }]
    })?;
    let mut reader = Reader::new(env);
    let config = read_root(&mut reader, &root);
    let found = reader.into_found();
    if found.is_empty() { Ok(config) } else { Err(place_all(text, found)) }
}

fn place_all(text: &str, mut found: Vec<Found>) -> Vec<Problem> {
    found.sort_by_key(|found| found.node);
    let more = found.len().saturating_sub(limits::PROBLEMS_MAX);
    let shown = found.into_iter().take(limits::PROBLEMS_MAX);
    let mut problems: Vec<Problem> = shown
        .map(|Found { node, path, message }| {
            let (line, column) = tree::locate(text, node).map_or((0, 0), |at| (at.line, at.column));
            Problem { line, column, path, message }
        })
        .collect();
    if more > 0 {
        let message = format!("and {more} more problems");
        problems.push(Problem { line: 0, column: 0, path: String::new(), message });
    }
    problems
}

fn read_root(reader: &mut Reader<'_>, root: &Node) -> Config {
    let mut config = Config::default();
    let mut streams = Vec::new();
    let mut publish = None;
    #[cfg(feature = "record")]
    let mut record = None;
    let (mut webrtc_listen, mut relay_only) = (None, None);
    let accepts_push = rtsp::is_there(root);
    reader.section(root, TOP, |reader, key, node| match key {
        "streams" => streams = streams::read(reader, node, accepts_push),
        "publish" => publish = Some(node),
        #[cfg(feature = "record")]
        "record" => record = Some(node),
        "rooms" => config.rooms = rooms::read(reader, node),
        "api" => config.api = read_api(reader, node),
        "rtsp" => config.rtsp = Some(rtsp::read(reader, node)),
        "webrtc" => (config.webrtc, webrtc_listen, relay_only) = read_webrtc(reader, node),
        "multistream" => config.multistream = read_multistream(reader, node),
        "log" => config.log = read_log(reader, node),
        "linger" => set(&mut config.linger, read_linger(reader, node)),
        "warm" => set(&mut config.warm, reader.boolean(node)),
        "limits" => config.limits = read_limits(reader, node),
        "burst_mbps" => {
            let read = reader.number(node, &limits::BURST_MBPS);
            set(&mut config.burst_mbps, read.and_then(|mbps| u32::try_from(mbps).ok()));
        }
        _ => {}
    });
    // Those of rooms are known only now.
    if let Some(node) = relay_only.filter(|_| !config.has_relays()) {
        let problem = "expected relays beside it: without one nobody is reached";
        reader.within("webrtc", |reader| reader.problem(node, problem));
    }
    let default_listen = SocketAddr::new(config.api.listen.ip(), WEBRTC_DEFAULT_PORT);
    config.webrtc.listen = webrtc_listen.unwrap_or(default_listen);
    let finish = |raw: RawStream| Stream {
        name: raw.name,
        source: raw.source,
        transport: raw.transport,
        keep_alive: raw.keep_alive,
        keyframe: raw.keyframe,
        token: raw.token,
        warm: raw.warm.unwrap_or(config.warm),
        linger: raw.linger.unwrap_or(config.linger),
    };
    config.streams = streams.into_iter().map(finish).collect();
    if let Some(node) = publish {
        // Only now is it known which streams there are.
        reader.within("publish", |reader| read_publish(reader, node, &mut config));
    }
    #[cfg(feature = "record")]
    if let Some(node) = record {
        let read = |reader: &mut Reader<'_>| crate::record::read(reader, node, &config.streams);
        config.record = reader.within("record", read);
    }
    config
}

/// A name or a password. Not through `parsed`: nothing of it may stand in a message.
pub(crate) fn read_login(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node)?.text;
    if text.is_empty() || text.len() > limits::LOGIN_MAX_BYTES || text.contains(char::is_control) {
        let max = limits::LOGIN_MAX_BYTES;
        let message = format!("expected 1 to {max} bytes without control characters");
        reader.problem(node, message);
        return None;
    }
    Some(text)
}

/// Keeps the default where the file's value was a problem.
pub(crate) fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn read_publish(reader: &mut Reader<'_>, node: &Node, config: &mut Config) {
    let (mut all, mut rooms) = (Vec::new(), Vec::new());
    reader.entries(node, |reader, key_node, name, value| {
        reader.within(name, |reader| {
            if !config.streams.iter().any(|stream| stream.name == name) {
                reader.problem(key_node, "expected the name of one of streams");
            }
            let items = reader.items(value, limits::URLS_PER_STREAM_MAX);
            if items.is_empty() {
                reader.problem(value, "expected at least one address");
            }
            for (index, item) in items {
                let read = |reader: &mut Reader<'_>| read_publish_item(reader, name, item);
                match reader.at_index(&index, read) {
                    Some(PublishItem::Whip(publish)) => all.push(publish),
                    Some(PublishItem::Room(publish)) => {
                        if !config.rooms.iter().any(|room| room.name == publish.room) {
                            reader.problem(item, "expected room: the name of one of rooms");
                        }
                        rooms.push(publish);
                    }
                    None => {}
                }
            }
        });
    });
    if all.len() > limits::PUBLISH_MAX {
        reader.problem(node, format!("expected at most {} addresses", limits::PUBLISH_MAX));
    }
    if rooms.len() > limits::ROOMS_MAX {
        reader.problem(node, format!("expected at most {} rooms", limits::ROOMS_MAX));
    }
    (config.publish, config.room_publish) = (all, rooms);
}

/// Where a stream is published.
enum PublishItem {
    Whip(Publish),
    Room(RoomPublish),
}

/// An address, or `{url: …, token: …}`, or `{room: …, stream: …}`.
fn read_publish_item(reader: &mut Reader<'_>, stream: &str, node: &Node) -> Option<PublishItem> {
    let (mut url, mut token) = (None, None);
    let (mut room, mut name) = (None, None);
    if matches!(node.value, Value::Map(_)) {
        let mut has_url = false;
        reader.section(node, PUBLISH, |reader, key, node| match key {
            "url" => {
                has_url = true;
                url = read_secret(reader, node, publish::whip_url);
            }
            "token" => token = read_secret(reader, node, publish::token),
            "room" => room = reader.parsed(node, rooms::word),
            _ => name = reader.parsed(node, rooms::word),
        });
        if let Some(room) = room {
            if has_url || token.is_some() {
                reader.problem(node, "expected either url and token, or room and stream");
            }
            let name = name.unwrap_or_else(|| stream.to_owned());
            return Some(PublishItem::Room(RoomPublish { stream: stream.to_owned(), room, name }));
        }
        if !has_url {
            reader.problem(node, "expected url: https://... or room: NAME");
        }
    } else {
        url = read_secret(reader, node, publish::whip_url);
    }
    Some(PublishItem::Whip(Publish { stream: stream.to_owned(), url: url?, token }))
}

/// Not through `parsed`: nothing of the text may stand in a message.
pub(crate) fn read_secret<T>(
    reader: &mut Reader<'_>,
    node: &Node,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Option<T> {
    let text = reader.text(node)?.text;
    parse(&text).map_err(|message| reader.problem(node, message)).ok()
}

fn read_api(reader: &mut Reader<'_>, node: &Node) -> Api {
    let mut api = Api::default();
    reader.section(node, API, |reader, key, node| match key {
        "listen" => set(&mut api.listen, reader.parsed(node, scalar::listen)),
        "origin" => api.origins = reader.list(node, limits::LIST_MAX, scalar::origin),
        _ => {}
    });
    api
}

/// The section, where it listens, and the node that wants relays alone.
fn read_webrtc<'n>(
    reader: &mut Reader<'_>,
    node: &'n Node,
) -> (Webrtc, Option<SocketAddr>, Option<&'n Node>) {
    let mut webrtc = Webrtc::default();
    let mut listen = None;
    let mut relay_only = None;
    let before = reader.count();
    reader.section(node, WEBRTC, |reader, key, node| match key {
        "listen" => {
            listen = reader.parsed(node, scalar::media_listen).map(|(listen, tcp)| {
                webrtc.tcp = tcp;
                listen
            });
        }
        "candidates" => {
            webrtc.candidates = reader.list(node, limits::LIST_MAX, scalar::candidate);
        }
        "ice_servers" => {
            for (index, item) in reader.items(node, limits::LIST_MAX) {
                let server = reader.at_index(&index, |reader| read_ice_server(reader, item));
                webrtc.ice_servers.push(server);
            }
        }
        "relays" => webrtc.relays = relay::read(reader, node),
        "relays_from" => webrtc.relays_from = read_secret(reader, node, relay::list_url),
        "ice_transport_policy" => {
            set(&mut webrtc.ice_transport_policy, reader.parsed(node, relay::policy));
            let is_relay = webrtc.ice_transport_policy == IceTransportPolicy::Relay;
            relay_only = is_relay.then_some(node);
        }
        "playout_delay_ms" => set(&mut webrtc.playout_delay, read_playout_delay(reader, node)),
        _ => {}
    });
    // A problem of the relays is not one more of the policy.
    (webrtc, listen, relay_only.filter(|_| reader.count() == before))
}

fn read_ice_server(reader: &mut Reader<'_>, node: &Node) -> IceServer {
    let mut server = IceServer { urls: Vec::new(), username: None, credential: None };
    let mut has_urls = false;
    reader.section(node, ICE_SERVER, |reader, key, node| match key {
        "urls" => {
            has_urls = true;
            server.urls = reader.list(node, limits::LIST_MAX, scalar::ice_url);
        }
        "username" => server.username = reader.text(node).map(|text| text.text),
        "credential" => server.credential = reader.text(node).map(|text| text.text),
        _ => {}
    });
    if !has_urls && matches!(node.value, Value::Map(_)) {
        reader.problem(node, "expected urls: [\"stun:host:port\"]");
    }
    server
}

/// The outer `None` is a problem, the inner one `off`.
fn read_playout_delay(reader: &mut Reader<'_>, node: &Node) -> Option<Option<PlayoutDelay>> {
    match &node.value {
        Value::Map(_) => {}
        Value::Text(text) if text == "off" => return Some(None),
        _ => {
            reader.problem(node, "expected {min: 0, max: 0} in milliseconds, or off");
            return None;
        }
    }
    let mut delay = PlayoutDelay { min_ms: 0, max_ms: 0 };
    let range = 0..=u64::from(limits::PLAYOUT_DELAY_MAX_MS);
    reader.section(node, PLAYOUT_DELAY, |reader, key, node| {
        let ms = reader.number(node, &range).and_then(|ms| u16::try_from(ms).ok());
        match key {
            "min" => set(&mut delay.min_ms, ms),
            _ => set(&mut delay.max_ms, ms),
        }
    });
    if delay.min_ms > delay.max_ms {
        reader.problem(node, "expected min not above max");
    }
    Some(Some(delay))
}

fn read_multistream(reader: &mut Reader<'_>, node: &Node) -> Multistream {
    let mut multistream = Multistream::default();
    reader.section(node, MULTISTREAM, |reader, _, node| {
        set(&mut multistream.max_slots, reader.number(node, &(1..=limits::SLOTS_MAX as u64)));
    });
    multistream
}

fn read_log(reader: &mut Reader<'_>, node: &Node) -> Log {
    let mut log = Log::default();
    reader.section(node, LOG, |reader, key, node| match key {
        "level" => set(&mut log.level, reader.parsed(node, log_level)),
        "format" => set(&mut log.format, reader.parsed(node, log_format)),
        _ => {}
    });
    log
}

fn log_level(text: &str) -> Result<LogLevel, String> {
    match text {
        "off" => Ok(LogLevel::Off),
        "error" => Ok(LogLevel::Error),
        "warn" => Ok(LogLevel::Warn),
        "info" => Ok(LogLevel::Info),
        "debug" => Ok(LogLevel::Debug),
        "trace" => Ok(LogLevel::Trace),
        _ => Err("expected off, error, warn, info, debug or trace".to_owned()),
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("expected text or json".to_owned()),
    }
}

fn read_limits(reader: &mut Reader<'_>, node: &Node) -> Limits {
    let mut read = Limits::default();
    reader.section(node, LIMITS, |reader, key, node| match key {
        "gop_max_bytes" => set(&mut read.gop_max_bytes, reader.bytes(node, &limits::GOP_BYTES)),
        "gop_total_max_bytes" => {
            set(&mut read.gop_total_max_bytes, reader.bytes(node, &limits::GOP_TOTAL_BYTES));
        }
        "gop_max_frames" => set(&mut read.gop_max_frames, reader.number(node, &limits::GOP_FRAMES)),
        "viewers_max" => set(&mut read.viewers_max, reader.number(node, &limits::VIEWERS)),
        "readers_max" => set(&mut read.readers_max, reader.number(node, &limits::READERS)),
        "resend_packets" => {
            set(&mut read.resend_packets, reader.number(node, &limits::RESEND_PACKETS));
        }
        _ => {}
    });
    if read.gop_total_max_bytes < read.gop_max_bytes {
        reader.problem(node, "expected gop_total_max_bytes not below gop_max_bytes");
    }
    read
}
