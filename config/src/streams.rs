//! `streams`, out of the file: what each name stands for.

use std::time::Duration;

use crate::camera::{ReadUrl, Wanted, camera_url, tls, way};
use crate::keyframe::keyframe;
use crate::limits;
use crate::model::{KeepAlive, Keyframe, Program, Source, Transport};
use crate::reader::Reader;
use crate::scalar;
use crate::schema::{read_secret, set};
use crate::token::Token;
use crate::tree::{Node, Value};
use crate::{ffmpeg, program, publish};

const STREAM: &[&str] =
    &["url", "urls", "transport", "tls", "keep_alive", "keyframe", "token", "warm", "linger"];
/// The quality that is the stream itself.
const NATIVE: &str = "native";

/// A stream with what it leaves to the defaults of the whole file.
pub(crate) struct RawStream {
    pub name: String,
    pub source: Source,
    pub transport: Transport,
    pub keep_alive: KeepAlive,
    pub keyframe: Keyframe,
    pub token: Option<Token>,
    pub warm: Option<bool>,
    pub linger: Option<Duration>,
}

/// What is known before a stream is read.
struct Around {
    /// All names, those of qualities included: `ffmpeg:` may read from them.
    names: Vec<String>,
    accepts_push: bool,
}

/// Reads the section.
pub(crate) fn read(reader: &mut Reader<'_>, node: &Node, accepts_push: bool) -> Vec<RawStream> {
    let around = Around { names: names(node), accepts_push };
    if around.names.len() > limits::STREAMS_MAX {
        reader.problem(node, format!("expected at most {} streams", limits::STREAMS_MAX));
        return Vec::new();
    }
    let mut streams = Vec::new();
    reader.entries(node, |reader, key_node, name, value| {
        reader.within(name, |reader| match qualities(value) {
            Some(_) => read_qualities(reader, &around, name, value, &mut streams),
            None => push(reader, &around, key_node, name, value, &mut streams),
        });
    });
    streams.iter().for_each(|(node, stream)| check_circle(reader, node, stream, &streams));
    streams.into_iter().map(|(_, stream)| stream).collect()
}

fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// The names that the section makes, as far as it can be read.
fn names(node: &Node) -> Vec<String> {
    let Value::Map(entries) = &node.value else { return Vec::new() };
    let mut names = Vec::new();
    for (key, value) in entries {
        let name = match &key.value {
            Value::Integer(number) => number.to_string(),
            _ => text(key).unwrap_or_default().to_owned(),
        };
        let qualities = qualities(value).unwrap_or_default();
        let others = qualities.into_iter().filter(|quality| *quality != NATIVE);
        names.extend(others.map(|quality| format!("{name}-{quality}")));
        names.push(name);
    }
    names
}

/// `native`, or the height of a picture as in `360p`.
fn is_quality(key: &str) -> bool {
    let digits = key.strip_suffix('p').unwrap_or_default();
    let is_height = (2..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    key == NATIVE || is_height
}

/// The keys of a map of qualities; none where it is something else.
fn qualities(node: &Node) -> Option<Vec<&str>> {
    let Value::Map(entries) = &node.value else { return None };
    let keys: Vec<&str> = entries.iter().filter_map(|(key, _)| text(key)).collect();
    keys.iter().any(|key| is_quality(key)).then_some(keys)
}

/// `{native: …, 360p: …}` of `door` is the streams `door` and `door-360p`.
fn read_qualities<'n>(
    reader: &mut Reader<'_>,
    around: &Around,
    name: &str,
    node: &'n Node,
    streams: &mut Vec<(&'n Node, RawStream)>,
) {
    let mut has_native = false;
    reader.entries(node, |reader, key_node, quality, value| {
        reader.within(quality, |reader| {
            if !is_quality(quality) {
                let message = "expected native, or the height of a picture such as 360p";
                return reader.problem(key_node, message);
            }
            has_native |= quality == NATIVE;
            let full = match quality {
                NATIVE => name.to_owned(),
                quality => format!("{name}-{quality}"),
            };
            push(reader, around, key_node, &full, value, streams);
        });
    });
    if !has_native {
        reader.problem(node, "expected native: rtsp://... beside the other qualities");
    }
}

fn push<'n>(
    reader: &mut Reader<'_>,
    around: &Around,
    key_node: &Node,
    name: &str,
    node: &'n Node,
    streams: &mut Vec<(&'n Node, RawStream)>,
) {
    if let Err(message) = check_name(name) {
        reader.problem(key_node, message);
    }
    if streams.iter().any(|(_, stream)| stream.name == name) {
        reader.problem(key_node, "is given twice: as a quality, and as a stream of its own");
    }
    streams.push((node, read_stream(reader, around, name, node)));
}

pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let max = limits::STREAM_NAME_MAX_CHARS;
    let chars = name.chars().count();
    if chars == 0 || chars > max || name.contains(|c: char| c.is_control() || c == '/') {
        return Err(format!(
            "expected a name of 1 to {max} characters without / and control characters"
        ));
    }
    Ok(())
}

/// Programs that read each other's pictures would wait for each other for ever.
fn check_circle(
    reader: &mut Reader<'_>,
    node: &Node,
    stream: &RawStream,
    streams: &[(&Node, RawStream)],
) {
    let reads = |stream: &RawStream| match &stream.source {
        Source::Program(Program { reads, .. }) => reads.clone(),
        Source::Camera(_) | Source::Pushed => None,
    };
    let mut next = reads(stream);
    for _ in 0..streams.len() {
        let Some(name) = next else { return };
        if name == stream.name {
            let message = "expected another stream behind ffmpeg: this one would read itself";
            return reader.within(&stream.name, |reader| reader.problem(node, message));
        }
        let found = streams.iter().find(|(_, other)| other.name == name);
        next = found.and_then(|(_, other)| reads(other));
    }
}

fn read_stream(reader: &mut Reader<'_>, around: &Around, name: &str, node: &Node) -> RawStream {
    let mut stream = RawStream {
        name: name.to_owned(),
        source: Source::Pushed,
        transport: Transport::default(),
        keep_alive: KeepAlive::default(),
        keyframe: Keyframe::default(),
        token: None,
        warm: None,
        linger: None,
    };
    if matches!(node.value, Value::Null) {
        if !around.accepts_push {
            let message = "expected an address; or a section rtsp: that it is pushed to, or a \
                           token: that it is published with";
            reader.problem(node, message);
        }
        return stream;
    }
    let mut wanted = Wanted::default();
    let mut addresses = None;
    let (mut is_for_a_camera, mut has_token) = (false, false);
    if matches!(node.value, Value::Map(_)) {
        reader.section(node, STREAM, |reader, key, node| {
            is_for_a_camera |= ["transport", "tls", "keep_alive", "keyframe"].contains(&key);
            match key {
                "url" | "urls" if addresses.is_some() => {
                    reader.problem(node, "give either url or urls");
                }
                "url" | "urls" => addresses = Some(read_addresses(reader, around, node)),
                "transport" => wanted.way = reader.parsed(node, way),
                "tls" => wanted.tls = reader.parsed(node, tls),
                "keep_alive" => set(&mut stream.keep_alive, reader.parsed(node, keep_alive)),
                "keyframe" => set(&mut stream.keyframe, read_secret(reader, node, keyframe)),
                "token" => {
                    has_token = true;
                    stream.token = read_secret(reader, node, publish::token).map(Token::new);
                }
                "warm" => stream.warm = reader.boolean(node),
                "linger" => stream.linger = read_linger(reader, node),
                _ => {}
            }
        });
    } else {
        addresses = Some(read_addresses(reader, around, node));
    }
    if has_token && (addresses.is_some() || is_for_a_camera) {
        reader
            .problem(node, "token is for a stream without an address, which is published by WHIP");
    }
    match addresses {
        Some(Addresses::Program(program)) => {
            if is_for_a_camera {
                let message = "transport, tls, keep_alive and keyframe are for rtsp:// addresses";
                reader.problem(node, message);
            }
            stream.source = Source::Program(program);
        }
        Some(Addresses::Camera(urls)) => match wanted.apply(urls) {
            Ok((urls, transport)) => {
                (stream.source, stream.transport) = (Source::Camera(urls), transport);
            }
            Err(message) => reader.problem(node, message),
        },
        None if has_token => {}
        None => reader.problem(node, "expected url: rtsp://..."),
    }
    stream
}

/// What stands for a stream.
enum Addresses {
    Camera(Vec<ReadUrl>),
    Program(Program),
}

fn read_addresses(reader: &mut Reader<'_>, around: &Around, node: &Node) -> Addresses {
    let items = reader.items(node, limits::URLS_PER_STREAM_MAX);
    if items.is_empty() {
        reader.problem(node, "expected at least one address");
    }
    let is_alone = items.len() == 1;
    let (mut urls, mut found) = (Vec::new(), None);
    for (index, item) in items {
        reader.at_index(&index, |reader| {
            // Not through `parsed`: nothing of an address may stand in a message.
            let Some(text) = reader.text(item).map(|text| text.text) else { return };
            let read = match program_of(&text, around) {
                Some(_) if !is_alone => {
                    Err("expected no other address beside exec:, ffmpeg: or echo:".to_owned())
                }
                Some(program) => program.map(|program| found = Some(program)),
                None => camera_url(&text).map(|url| urls.push(url)),
            };
            if let Err(message) = read {
                reader.problem(item, message);
            }
        });
    }
    found.map_or(Addresses::Camera(urls), Addresses::Program)
}

/// The program that an address stands for, if it does.
fn program_of(text: &str, around: &Around) -> Option<Result<Program, String>> {
    let (scheme, rest) = text.split_once(':')?;
    match scheme.to_ascii_lowercase().as_str() {
        "exec" => Some(program::exec(rest)),
        "echo" => Some(program::echo(rest)),
        "ffmpeg" => Some(ffmpeg::expand(rest, &around.names)),
        _ => None,
    }
}

/// How long a camera stays connected without viewers.
pub(crate) fn read_linger(reader: &mut Reader<'_>, node: &Node) -> Option<Duration> {
    reader.parsed(node, |text| {
        let linger = scalar::duration(text)?;
        if linger > limits::LINGER_MAX {
            return Err("expected at most 24h".to_owned());
        }
        Ok(linger)
    })
}

fn keep_alive(text: &str) -> Result<KeepAlive, String> {
    match text {
        "auto" => Ok(KeepAlive::Auto),
        "options" => Ok(KeepAlive::Options),
        "get_parameter" => Ok(KeepAlive::GetParameter),
        _ => Err("expected auto, options or get_parameter".to_owned()),
    }
}
