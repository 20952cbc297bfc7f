//! What is recorded, out of the file.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::limits::{RECORD_PATH_MAX_BYTES, RECORD_SEGMENT, RECORD_SIZE_BYTES};
use crate::model::Stream;
use crate::reader::Reader;
use crate::scalar;
use crate::tree::{Node, Value};

const RECORD: &[&str] =
    &["path", "segment", "segment_bytes", "container", "min_free", "when_full", "audio", "hls"];
/// The key for every stream that has none of its own.
const ALL: &str = "*";

/// What may stand in braces in a path, and is replaced for each file.
pub const RECORD_PLACEHOLDERS: &[&str] = &["stream", "date", "time", "part"];

/// One entry of `record`, of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The name of the stream.
    pub stream: String,
    /// Where files are, with [`RECORD_PLACEHOLDERS`] in braces.
    pub path: String,
    /// After what time a part ends: at the next key picture.
    pub segment: Option<Duration>,
    /// After how many bytes a part ends: at the next key picture.
    pub segment_bytes: Option<u64>,
    /// The file format.
    pub container: RecordContainer,
    /// Bytes that are left free on the disk.
    pub min_free_bytes: u64,
    /// What is done when no more than that are free.
    pub when_full: WhenFull,
    /// Whether sound is recorded.
    pub audio: bool,
    /// Whether there is a playlist of HLS beside each file that can have one.
    pub hls: bool,
}

/// `container`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecordContainer {
    /// What the path ends in; where it ends in nothing, what fits the codec.
    #[default]
    Auto,
    /// Fragmented MP4.
    Mp4,
    /// WebM.
    WebM,
    /// Matroska.
    Mkv,
}

/// `when_full`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// Nothing is recorded until there is space again.
    #[default]
    Stop,
    /// The recording's own oldest files go.
    DeleteOldest,
}

impl Record {
    /// A recording of a stream under a path, with the defaults for everything else.
    #[must_use]
    pub fn new(stream: String, path: String) -> Self {
        Self {
            stream,
            path,
            segment: Some(Duration::from_secs(600)),
            segment_bytes: None,
            container: RecordContainer::Auto,
            min_free_bytes: 1 << 30,
            when_full: WhenFull::Stop,
            audio: true,
            hls: false,
        }
    }
}

impl Record {
    /// Whether nothing asks for another format than MP4, which HLS needs.
    fn may_be_mp4(&self) -> bool {
        let ends_in = |end: &str| self.path.to_ascii_lowercase().ends_with(end);
        match self.container {
            RecordContainer::Mp4 => true,
            RecordContainer::Auto => !ends_in(".webm") && !ends_in(".mkv"),
            RecordContainer::WebM | RecordContainer::Mkv => false,
        }
    }
}

/// Reads the section; an entry of one stream counts for more than that of all.
pub(crate) fn read(reader: &mut Reader<'_>, node: &Node, streams: &[Stream]) -> Vec<Record> {
    let mut named: Vec<Record> = Vec::new();
    let mut of_all: Option<Record> = None;
    reader.entries(node, |reader, key_node, name, value| {
        reader.within(name, |reader| {
            let is_known = name == ALL || streams.iter().any(|stream| stream.name == name);
            if !is_known {
                reader.problem(key_node, "expected the name of one of streams, or \"*\"");
            }
            let read = read_entry(reader, name, value);
            if name == ALL {
                of_all = read;
            } else {
                named.extend(read);
            }
        });
    });
    let Some(of_all) = of_all else { return named };
    let entry = |stream: &Stream| {
        let own = named.iter().find(|record| record.stream == stream.name).cloned();
        own.unwrap_or_else(|| Record { stream: stream.name.clone(), ..of_all.clone() })
    };
    streams.iter().map(entry).collect()
}

/// A path, or `{path: …, segment: …}`.
pub(crate) fn read_entry(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<Record> {
    let mut record = Record::new(name.to_owned(), String::new());
    if !matches!(node.value, Value::Map(_)) {
        record.path = reader.parsed(node, path)?;
        return Some(record);
    }
    let mut is_sound = true;
    let mut has_path = false;
    reader.section(node, RECORD, |reader, key, node| {
        let read = match key {
            "path" => {
                has_path = true;
                reader.parsed(node, path).map(|path| record.path = path)
            }
            "segment" => reader.parsed(node, segment).map(|read| record.segment = read),
            "segment_bytes" => reader
                .parsed(node, |text| size(text, &RECORD_SIZE_BYTES))
                .map(|bytes| record.segment_bytes = Some(bytes)),
            "container" => reader.parsed(node, container).map(|read| record.container = read),
            "min_free" => reader
                .parsed(node, |text| size(text, &(0..=u64::MAX)))
                .map(|bytes| record.min_free_bytes = bytes),
            "when_full" => reader.parsed(node, when_full).map(|read| record.when_full = read),
            "hls" => reader.boolean(node).map(|read| record.hls = read),
            _ => reader.boolean(node).map(|read| record.audio = read),
        };
        is_sound &= read.is_some();
    });
    if !has_path {
        reader.problem(node, "expected path: /rec/{stream}/{date}-{time}.mp4");
    }
    if record.hls && !record.may_be_mp4() {
        reader.problem(node, "expected container: mp4 and such a path with hls: true");
        return None;
    }
    (is_sound && has_path).then_some(record)
}

/// Reads a path such as `/rec/{stream}/{date}-{time}.mp4`.
///
/// # Errors
/// What is expected instead.
pub fn path(text: &str) -> Result<String, String> {
    let expected = "expected a path such as /rec/{stream}/{date}-{time}.mp4";
    if text.is_empty() || text.contains(char::is_control) {
        return Err(expected.to_owned());
    }
    if text.len() > RECORD_PATH_MAX_BYTES {
        return Err(format!("expected at most {RECORD_PATH_MAX_BYTES} bytes"));
    }
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once('{') {
        let (placeholder, behind) = behind.split_once('}').unwrap_or_default();
        if !RECORD_PLACEHOLDERS.contains(&placeholder) {
            return Err(format!(
                "expected one of {{{}}} in braces",
                RECORD_PLACEHOLDERS.join("}, {")
            ));
        }
        if behind.split('/').any(|name| name == "..") {
            return Err("expected no .. behind a placeholder".to_owned());
        }
        rest = behind;
    }
    let file = text.rsplit('/').next().unwrap_or_default();
    if file.is_empty() || file == ".." {
        return Err(format!("{expected}, with a file's name at the end"));
    }
    Ok(text.to_owned())
}

fn segment(text: &str) -> Result<Option<Duration>, String> {
    let read = scalar::duration(text)?;
    if read.is_zero() {
        return Ok(None);
    }
    let (least, most) = RECORD_SEGMENT;
    let expected = "expected a duration from 1s to 24h, or 0 for parts without an end";
    (least..=most).contains(&read).then_some(Some(read)).ok_or_else(|| expected.to_owned())
}

fn size(text: &str, range: &RangeInclusive<u64>) -> Result<u64, String> {
    let least_kib = range.start() >> 10;
    let read = scalar::size(text)?;
    let read = Some(read).filter(|read| range.contains(read));
    read.ok_or_else(|| format!("expected a size of at least {least_kib}KiB"))
}

fn container(text: &str) -> Result<RecordContainer, String> {
    match text {
        "auto" => Ok(RecordContainer::Auto),
        "mp4" => Ok(RecordContainer::Mp4),
        "webm" => Ok(RecordContainer::WebM),
        "mkv" => Ok(RecordContainer::Mkv),
        _ => Err("expected auto, mp4, webm or mkv".to_owned()),
    }
}

fn when_full(text: &str) -> Result<WhenFull, String> {
    match text {
        "stop" => Ok(WhenFull::Stop),
        "delete_oldest" => Ok(WhenFull::DeleteOldest),
        _ => Err("expected stop or delete_oldest".to_owned()),
    }
}
