//! Matroska (RFC 9559) and WebM: a segment of unknown size, as live streams have it, so that the
//! file can end behind any cluster.

use std::time::Duration;

use super::container::Container;
use super::format::{AudioFormat, Rotation, Tracks};
use super::fragment::{Fragment, Timed, VIDEO_HZ};
use super::setup;

const EBML: u32 = 0x1A45_DFA3;
const EBML_VERSION: u32 = 0x4286;
const EBML_READ_VERSION: u32 = 0x42F7;
const EBML_MAX_ID_LENGTH: u32 = 0x42F2;
const EBML_MAX_SIZE_LENGTH: u32 = 0x42F3;
const DOC_TYPE: u32 = 0x4282;
const DOC_TYPE_VERSION: u32 = 0x4287;
const DOC_TYPE_READ_VERSION: u32 = 0x4285;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_A966;
const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
const DATE_UTC: u32 = 0x4461;
const MUXING_APP: u32 = 0x4D80;
const WRITING_APP: u32 = 0x5741;
const TRACKS: u32 = 0x1654_AE6B;
const TRACK_ENTRY: u32 = 0xAE;
const TRACK_NUMBER: u32 = 0xD7;
const TRACK_UID: u32 = 0x73C5;
const TRACK_TYPE: u32 = 0x83;
const FLAG_LACING: u32 = 0x9C;
const CODEC_ID: u32 = 0x86;
const CODEC_PRIVATE: u32 = 0x63A2;
const SEEK_PRE_ROLL: u32 = 0x56BB;
const VIDEO: u32 = 0xE0;
const PIXEL_WIDTH: u32 = 0xB0;
const PIXEL_HEIGHT: u32 = 0xBA;
const PROJECTION: u32 = 0x7670;
const PROJECTION_TYPE: u32 = 0x7671;
const PROJECTION_POSE_ROLL: u32 = 0x7675;
const AUDIO: u32 = 0xE1;
const SAMPLING_FREQUENCY: u32 = 0xB5;
const CHANNELS: u32 = 0x9F;
const BIT_DEPTH: u32 = 0x6264;
const CLUSTER: u32 = 0x1F43_B675;
const TIMESTAMP: u32 = 0xE7;
const SIMPLE_BLOCK: u32 = 0xA3;

const VIDEO_NUMBER: u8 = 1;
const AUDIO_NUMBER: u8 = 2;
const APP: &str = concat!("Crosspoint ", env!("CARGO_PKG_VERSION"));
/// From 1970 to Matroska's year 2001.
const FROM_1970_TO_2001_S: u64 = 978_307_200;
const MS_PER_SECOND: u64 = 1_000;

/// The writer of one file.
#[derive(Debug)]
pub(super) struct Matroska {
    audio_hz: u32,
}

impl Matroska {
    /// A writer, and what the file begins with. It begins at `unix`, since 1970.
    pub fn new(container: Container, tracks: &Tracks, unix: Duration) -> (Self, Vec<u8>) {
        let mut head = Element::new(EBML);
        head.number(EBML_VERSION, 1).number(EBML_READ_VERSION, 1);
        head.number(EBML_MAX_ID_LENGTH, 4).number(EBML_MAX_SIZE_LENGTH, 8);
        let doc_type = if container == Container::WebM { "webm" } else { "matroska" };
        head.text(DOC_TYPE, doc_type);
        head.number(DOC_TYPE_VERSION, 4).number(DOC_TYPE_READ_VERSION, 2);
        let mut info = Element::new(INFO);
        info.number(TIMESTAMP_SCALE, 1_000_000).date(DATE_UTC, unix);
        info.text(MUXING_APP, APP).text(WRITING_APP, APP);
        let mut all = Element::new(TRACKS);
        if let Some(entry) = video_entry(tracks) {
            all.element(entry);
        }
        if let Some(audio) = &tracks.audio {
            all.element(audio_entry(audio));
        }
        let mut bytes = head.finish();
        push_id(&mut bytes, SEGMENT);
        bytes.extend_from_slice(&[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        bytes.extend(info.finish());
        bytes.extend(all.finish());
        let audio_hz = tracks.audio.as_ref().map_or(1, AudioFormat::clock_hz).max(1);
        (Self { audio_hz }, bytes)
    }

    /// The clusters of a fragment: one, where no gap is longer than a block can count.
    pub fn fragment(&self, fragment: &Fragment) -> Vec<u8> {
        let ms = |ticks: u64, hz: u32| ticks.saturating_mul(MS_PER_SECOND) / u64::from(hz);
        let video = fragment.video.iter().map(|one| (ms(one.ticks, VIDEO_HZ), VIDEO_NUMBER, one));
        let audio = fragment.audio.iter();
        let audio = audio.map(|one| (ms(one.ticks, self.audio_hz), AUDIO_NUMBER, one));
        let mut blocks: Vec<(u64, u8, &Timed)> = video.chain(audio).collect();
        blocks.sort_by_key(|(at_ms, number, _)| (*at_ms, *number));
        let mut bytes = Vec::with_capacity(fragment.bytes() + 16 * blocks.len() + 32);
        let mut open: Option<(u64, Element)> = None;
        for (at_ms, number, sample) in blocks {
            let offset = |start_ms: u64| i16::try_from(at_ms - start_ms).ok();
            let fits = open.as_ref().and_then(|(start_ms, _)| offset(*start_ms));
            if fits.is_none() {
                if let Some((_, cluster)) = open.take() {
                    bytes.extend(cluster.finish());
                }
                let mut cluster = Element::new(CLUSTER);
                cluster.number(TIMESTAMP, at_ms);
                open = Some((at_ms, cluster));
            }
            if let Some((_, cluster)) = &mut open {
                cluster.block(number, fits.unwrap_or(0), sample);
            }
        }
        if let Some((_, cluster)) = open {
            bytes.extend(cluster.finish());
        }
        bytes
    }
}

fn video_entry(tracks: &Tracks) -> Option<Element> {
    let format = tracks.video.as_ref()?;
    let (codec, private) = setup::matroska_video(&format.setup);
    let mut entry = entry(VIDEO_NUMBER, 1, codec, &private);
    let mut video = Element::new(VIDEO);
    video.number(PIXEL_WIDTH, format.width.into()).number(PIXEL_HEIGHT, format.height.into());
    if tracks.rotation != Rotation::None {
        // Counter-clockwise, -180 to 180.
        let degrees = f32::from(tracks.rotation.degrees());
        let roll = if degrees > 180.0 { 360.0 - degrees } else { -degrees };
        let mut projection = Element::new(PROJECTION);
        projection.number(PROJECTION_TYPE, 0).float(PROJECTION_POSE_ROLL, roll);
        video.element(projection);
    }
    entry.element(video);
    Some(entry)
}

fn audio_entry(format: &AudioFormat) -> Element {
    const OPUS_PRE_ROLL_NS: u64 = 80_000_000;
    let (codec, private) = setup::matroska_audio(format);
    let mut entry = entry(AUDIO_NUMBER, 2, codec, &private);
    if *format == AudioFormat::Opus {
        entry.number(SEEK_PRE_ROLL, OPUS_PRE_ROLL_NS);
    }
    let mut audio = Element::new(AUDIO);
    #[expect(clippy::cast_precision_loss, reason = "sampling rates are small whole numbers")]
    let hz = format.sample_hz() as f32;
    audio.float(SAMPLING_FREQUENCY, hz).number(CHANNELS, format.channels().into());
    if let AudioFormat::Pcmu | AudioFormat::Pcma = format {
        audio.number(BIT_DEPTH, 8);
    }
    entry.element(audio);
    entry
}

fn entry(number: u8, kind: u64, codec: &str, private: &[u8]) -> Element {
    let mut entry = Element::new(TRACK_ENTRY);
    entry.number(TRACK_NUMBER, number.into()).number(TRACK_UID, number.into());
    entry.number(TRACK_TYPE, kind).number(FLAG_LACING, 0).text(CODEC_ID, codec);
    if !private.is_empty() {
        entry.bytes(CODEC_PRIVATE, private);
    }
    entry
}

/// An EBML element (RFC 8794) that is being written.
#[derive(Debug)]
struct Element {
    id: u32,
    body: Vec<u8>,
}

impl Element {
    fn new(id: u32) -> Self {
        Self { id, body: Vec::new() }
    }

    fn bytes(&mut self, id: u32, bytes: &[u8]) -> &mut Self {
        push_id(&mut self.body, id);
        push_size(&mut self.body, bytes.len());
        self.body.extend_from_slice(bytes);
        self
    }

    fn number(&mut self, id: u32, value: u64) -> &mut Self {
        let bytes = value.to_be_bytes();
        let zeros = bytes.iter().take(7).take_while(|byte| **byte == 0).count();
        self.bytes(id, bytes.get(zeros..).unwrap_or_default())
    }

    fn float(&mut self, id: u32, value: f32) -> &mut Self {
        self.bytes(id, &value.to_be_bytes())
    }

    fn text(&mut self, id: u32, text: &str) -> &mut Self {
        self.bytes(id, text.as_bytes())
    }

    /// A moment since 1970: nanoseconds since 2001.
    fn date(&mut self, id: u32, unix: Duration) -> &mut Self {
        let since = unix.saturating_sub(Duration::from_secs(FROM_1970_TO_2001_S)).as_nanos();
        self.bytes(id, &i64::try_from(since).unwrap_or(i64::MAX).to_be_bytes())
    }

    fn element(&mut self, element: Self) -> &mut Self {
        self.body.extend(element.finish());
        self
    }

    fn block(&mut self, track: u8, offset_ms: i16, sample: &Timed) {
        const HEADER_BYTES: usize = 4;
        push_id(&mut self.body, SIMPLE_BLOCK);
        push_size(&mut self.body, HEADER_BYTES + sample.data.len());
        self.body.push(0x80 | track);
        self.body.extend_from_slice(&offset_ms.to_be_bytes());
        self.body.push(if sample.key { 0x80 } else { 0 });
        self.body.extend_from_slice(&sample.data);
    }

    fn finish(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.body.len() + 12);
        push_id(&mut bytes, self.id);
        push_size(&mut bytes, self.body.len());
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

fn push_id(bytes: &mut Vec<u8>, id: u32) {
    let all = id.to_be_bytes();
    let zeros = all.iter().take_while(|byte| **byte == 0).count();
    bytes.extend_from_slice(all.get(zeros..).unwrap_or_default());
}

/// A size: in one byte where seven bits hold it, in four or eight otherwise.
fn push_size(bytes: &mut Vec<u8>, size: usize) {
    match (u8::try_from(size), u32::try_from(size)) {
        (Ok(size), _) if size < 0x7f => bytes.push(0x80 | size),
        (_, Ok(size)) if size < 0x0fff_ffff => {
            bytes.extend_from_slice(&(0x1000_0000 | size).to_be_bytes());
        }
        _ => bytes.extend_from_slice(&(0x0100_0000_0000_0000 | size as u64).to_be_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_are_as_short_as_the_rules_allow() {
        let mut element = Element::new(INFO);
        element.number(TRACK_NUMBER, 0).number(TRACK_NUMBER, 0x1_0000);
        let bytes = [0x15, 0x49, 0xa9, 0x66, 0x88, 0xd7, 0x81, 0, 0xd7, 0x83, 1, 0, 0];
        assert_eq!(element.finish(), bytes);
        let size = |size| {
            let mut bytes = Vec::new();
            push_size(&mut bytes, size);
            bytes
        };
        assert_eq!(size(126), [0xfe]);
        assert_eq!(size(127), [0x10, 0, 0, 127]);
        assert_eq!(size(0x0fff_ffff), [1, 0, 0, 0, 0x0f, 0xff, 0xff, 0xff]);
    }

    #[test]
    fn a_gap_that_a_block_can_not_count_begins_a_cluster() {
        let (writer, _) =
            Matroska::new(Container::Matroska, &Tracks::default(), Duration::from_secs(1 << 30));
        let mut fragment = Fragment::default();
        for seconds in [0, 1, 40] {
            let ticks = seconds * u64::from(VIDEO_HZ);
            fragment.push_video(Timed { ticks, duration: 1, key: true, data: vec![7; 3] });
        }
        let bytes = writer.fragment(&fragment);
        let clusters = bytes.windows(4).filter(|word| *word == CLUSTER.to_be_bytes());
        assert_eq!(clusters.count(), 2);
    }
}
