//! Cameras that differ from an ordinary one in one thing each.

use crate::camera::h264::{START_CODE, fu_a, stap_a};
use crate::camera::h265::{PPS, SPS, VPS, ap, fu};
use crate::camera::{Camera, Lock, Scheme, sdp};

pub struct Scenario {
    pub name: &'static str,
    pub clip: Clip,
    pub change: fn(&mut Camera),
    /// How it makes packets of the units of a picture.
    pub cut: fn(&[Vec<u8>]) -> Vec<Packet>,
    /// Why other clients give something else; empty where they do not.
    pub why: &'static str,
}

/// A payload, its marker, and how many ticks it is later than its picture.
pub struct Packet {
    pub payload: Vec<u8>,
    pub marker: bool,
    pub later: u32,
}

/// Pictures at the end that need not come out.
pub const LAST_PICTURES: usize = 5;
const PICTURES: usize = 60;
const BYTES: usize = 1200;

/// What the camera has filmed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Clip {
    H264,
    H265,
}

impl Clip {
    fn stream(self) -> &'static [u8] {
        match self {
            Self::H264 => include_bytes!("../../../src/demo/clips/garden-360p.h264"),
            Self::H265 => include_bytes!("../../../rtsp/tests/data/testsrc.h265"),
        }
    }

    /// What ffmpeg calls a byte stream of it.
    pub fn format(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "hevc",
        }
    }

    pub fn is_slice(self, unit: &[u8]) -> bool {
        match self {
            Self::H264 => matches!(unit[0] & 0x1f, 1 | 5),
            Self::H265 => unit[0] >> 1 & 0x3f < 32,
        }
    }

    fn is_set(self, unit: &[u8]) -> bool {
        match self {
            Self::H264 => matches!(unit[0] & 0x1f, 7 | 8),
            Self::H265 => matches!(unit[0] >> 1 & 0x3f, 32..=34),
        }
    }

    /// The slice is not the first of its picture. The clips of H.264 have one slice a picture.
    fn is_later(self, unit: &[u8]) -> bool {
        self == Self::H265 && self.is_slice(unit) && unit[2] & 0x80 == 0
    }

    /// Units of the clip, a list each picture: parameter sets and slices.
    pub fn pictures(self) -> Vec<Vec<Vec<u8>>> {
        let mut pictures: Vec<Vec<Vec<u8>>> = vec![Vec::new()];
        for unit in units(self.stream()) {
            // Delimiters or SEI are nowhere that matters.
            let has_slice = pictures.last().unwrap().iter().any(|unit| self.is_slice(unit));
            if has_slice && !self.is_later(&unit) {
                pictures.push(Vec::new());
            }
            if self.is_slice(&unit) || self.is_set(&unit) {
                pictures.last_mut().unwrap().push(unit);
            }
        }
        pictures.truncate(PICTURES);
        pictures
    }

    /// The slices that have to come out.
    pub fn sent(self) -> Vec<Vec<u8>> {
        self.pictures().into_iter().flatten().filter(|unit| self.is_slice(unit)).collect()
    }
}

/// Units of a byte stream.
pub fn units(stream: &[u8]) -> Vec<Vec<u8>> {
    let starts: Vec<usize> =
        stream.windows(3).enumerate().filter(|(_, w)| *w == [0, 0, 1]).map(|(at, _)| at).collect();
    let mut units = Vec::new();
    for (n, start) in starts.iter().enumerate() {
        let end = starts.get(n + 1).copied().unwrap_or(stream.len());
        let unit = &stream[start + 3..end];
        let zeros = unit.iter().rev().take_while(|byte| **byte == 0).count();
        if unit.len() > zeros {
            units.push(unit[..unit.len() - zeros].to_vec());
        }
    }
    units
}

fn packets(payloads: Vec<Vec<u8>>) -> Vec<Packet> {
    let last = payloads.len() - 1;
    let packet = |(n, payload)| Packet { payload, marker: n == last, later: 0 };
    payloads.into_iter().enumerate().map(packet).collect()
}

fn fragments(unit: &[u8]) -> Vec<Vec<u8>> {
    if unit.len() <= BYTES { vec![unit.to_vec()] } else { fu_a(unit, unit.len().div_ceil(BYTES)) }
}

/// As RFC 6184 has it: parameter sets together, large slices in fragments.
fn ordinary(units: &[Vec<u8>]) -> Vec<Packet> {
    let (sets, slices): (Vec<_>, Vec<_>) = units.iter().partition(|u| matches!(u[0] & 0x1f, 7 | 8));
    let mut payloads = Vec::new();
    if !sets.is_empty() {
        payloads.push(stap_a(&sets.iter().map(|unit| unit.as_slice()).collect::<Vec<_>>()));
    }
    payloads.extend(slices.iter().flat_map(|unit| fragments(unit)));
    packets(payloads)
}

/// As RFC 7798 has it: likewise.
fn ordinary_h265(units: &[Vec<u8>]) -> Vec<Packet> {
    let (sets, slices): (Vec<_>, Vec<_>) = units.iter().partition(|unit| Clip::H265.is_set(unit));
    let mut payloads = Vec::new();
    if !sets.is_empty() {
        payloads.push(ap(&sets.iter().map(|unit| unit.as_slice()).collect::<Vec<_>>()));
    }
    payloads.extend(slices.iter().flat_map(|unit| {
        if unit.len() <= 300 { vec![unit.to_vec()] } else { fu(unit, unit.len().div_ceil(300)) }
    }));
    packets(payloads)
}

/// Single fragments of H.265 that are start and end.
fn start_and_end_h265(units: &[Vec<u8>]) -> Vec<Packet> {
    let fragment = |unit: &Vec<u8>| {
        let header = [unit[0] & 0x81 | 49 << 1, unit[1], 0xc0 | unit[0] >> 1 & 0x3f];
        [&header[..], &unit[2..]].concat()
    };
    packets(units.iter().map(fragment).collect())
}

/// A description of H.265 with these of its parameter sets.
fn sdp_h265(sets: &[(&str, &[u8])]) -> String {
    use base64::Engine as _;
    let encode = |unit: &[u8]| base64::engine::general_purpose::STANDARD.encode(unit);
    let sets: Vec<String> =
        sets.iter().map(|(name, unit)| format!("sprop-{name}={}", encode(unit))).collect();
    sdp(&sets.join(";")).replace("H264", "H265")
}

/// A packet a unit, each with marker.
fn marked(units: &[Vec<u8>]) -> Vec<Packet> {
    let mut all = packets(units.iter().flat_map(|unit| fragments(unit)).collect());
    all.iter_mut().for_each(|packet| packet.marker |= packet.payload[0] & 0x1f != 28);
    all
}

fn unmarked(units: &[Vec<u8>]) -> Vec<Packet> {
    let mut all = ordinary(units);
    all.iter_mut().for_each(|packet| packet.marker = false);
    all
}

/// Start codes before each unit.
fn prefixed(units: &[Vec<u8>]) -> Vec<Packet> {
    packets(units.iter().map(|unit| [START_CODE, unit].concat()).collect())
}

/// All units as one byte stream in one packet.
fn streamed(units: &[Vec<u8>]) -> Vec<Packet> {
    packets(vec![units.join(START_CODE)])
}

/// All units as one byte stream in fragments.
fn fragmented_stream(units: &[Vec<u8>]) -> Vec<Packet> {
    packets(fu_a(&units.join(START_CODE), 4))
}

/// Single fragments that are start and end.
fn start_and_end(units: &[Vec<u8>]) -> Vec<Packet> {
    let fragment = |unit: &Vec<u8>| {
        let header = [unit[0] & 0xe0 | 28, 0xc0 | unit[0] & 0x1f];
        [&header[..], &unit[1..]].concat()
    };
    packets(units.iter().map(fragment).collect())
}

/// The type in the header of fragments changes behind the first.
fn changing(units: &[Vec<u8>]) -> Vec<Packet> {
    let mut all = ordinary(units);
    for packet in &mut all {
        if packet.payload[0] & 0x1f == 28 && packet.payload[1] & 0x80 == 0 {
            packet.payload[1] = packet.payload[1] & 0xe0 | 7;
        }
    }
    all
}

/// Empty fragments between the others.
fn with_empty_ones(units: &[Vec<u8>]) -> Vec<Packet> {
    let mut all = Vec::new();
    for packet in ordinary(units) {
        let start = packet.payload[0] & 0x1f == 28 && packet.payload[1] & 0x40 == 0;
        let empty = vec![packet.payload[0], packet.payload[1] & 0x1f];
        all.push(packet);
        if start {
            all.push(Packet { payload: empty, marker: false, later: 0 });
        }
    }
    all
}

/// Parameter sets have a timestamp of their own.
fn stamped(units: &[Vec<u8>]) -> Vec<Packet> {
    let mut all = ordinary(units);
    let with_sets = all.len() > 1 && all[0].payload[0] & 0x1f == 24;
    all.iter_mut().skip(1).filter(|_| with_sets).for_each(|packet| packet.later = 7);
    all
}

fn nothing(_: &mut Camera) {}

fn reply(camera: &mut Camera, method: &'static str, name: &'static str, value: &'static str) {
    camera.on(method, move |_, reply| reply.set(name, value));
}

fn locked(camera: &mut Camera, accepts: Scheme, challenges: &[&str]) {
    let mut lock = Lock::new("admin", "secret");
    lock.accepts = accepts;
    lock.challenges = challenges.iter().map(|text| (*text).to_owned()).collect();
    camera.lock = Some(lock);
}

macro_rules! scenarios {
    ($($name:literal $change:expr, $cut:ident, $why:literal $($clip:ident)?;)*) => {
        &[$(Scenario {
            name: $name, clip: scenarios!(@ $($clip)?), change: $change, cut: $cut, why: $why,
        }),*]
    };
    (@) => { Clip::H264 };
    (@ $clip:ident) => { Clip::$clip };
}

pub const SCENARIOS: &[Scenario] = scenarios! {
    "ordinary" nothing, ordinary, "";
    "no parameter sets in the description" |c| c.sdp = sdp("packetization-mode=1"), ordinary, "";
    "Longse: spaces behind values" |c| c.on("*", |_, reply| {
        reply.headers.iter_mut().for_each(|(_, value)| value.push(' '));
    }), ordinary, "";
    "no Content-Type" |c| c.on("DESCRIBE", |_, reply| reply.remove("Content-Type")), ordinary, "";
    "live555 clones: no CSeq" |c| c.on("*", |_, reply| reply.remove("CSeq")), ordinary,
        "retina wants a CSeq in every reply";
    "Anjvision: base without scheme" |c| {
        reply(c, "DESCRIBE", "Content-Base", "192.168.1.10:554/stream0/");
        c.base_url = Some("rtsp://cam/stream0/".to_owned());
        c.track_url = "rtsp://cam/stream0/trackID=0".to_owned();
    }, ordinary, "ffmpeg asks for a URL without scheme, retina for an address that was not dialled";
    "Dahua: control behind the query" |c| {
        c.url = "rtsp://cam/cam/realmonitor?channel=1&subtype=0".to_owned();
        c.track_url = format!("{}/trackID=0", c.url);
    }, ordinary, "";
    "TP-Link: Basic before Digest, and only that" |c| {
        let digest = "Digest realm=\"TP-Link\", nonce=\"{nonce}\"";
        locked(c, Scheme::Basic, &["Basic realm=\"TP-Link\"", digest]);
    }, ordinary, "ffmpeg and retina answer Digest and give up";
    "Hikvision: SHA-256" |c| {
        locked(c, Scheme::Sha256, &["Digest realm=\"IP\", nonce=\"{nonce}\", algorithm=SHA-256"]);
    }, ordinary, "ffmpeg knows MD5 alone";
    "one channel in Transport" |c| {
        reply(c, "SETUP", "Transport", "RTP/AVP/TCP;unicast;interleaved=0");
    }, ordinary, "";
    "Escam: Transport without /TCP" |c| {
        reply(c, "SETUP", "Transport", "RTP/AVP;unicast;interleaved=0-1");
    }, ordinary, "ffmpeg wants /TCP";
    "other channels" |c| c.channels = Some((10, 11)), ordinary, "";
    "another session in PLAY" |c| reply(c, "PLAY", "Session", "2"), ordinary, "";
    "Geovision: H.264 as type 105" |c| {
        c.sdp = c.sdp.replace("96", "105");
        c.payload_type = 105;
    }, ordinary, "";
    "D-Link: video marked sendonly" |c| c.sdp += "a=sendonly\r\n", ordinary, "";
    "Tapo TC70: a marker on every unit" nothing, marked, "";
    "FLIR M400: no markers" nothing, unmarked, "";
    "V380: start codes before units" nothing, prefixed,
        "retina takes a start code for a NAL header";
    "no name: a byte stream in one packet" nothing, streamed, "";
    "Amatek: a byte stream in fragments" nothing, fragmented_stream, "";
    "CostarHD: fragments that are start and end" nothing, start_and_end, "";
    "Tiandy: the type changes inside a unit" nothing, changing, "";
    "empty fragments" nothing, with_empty_ones, "";
    "a timestamp of their own for parameter sets" nothing, stamped, "";
    "packetization-mode=0 and fragments" |c| c.sdp = sdp("packetization-mode=0"), ordinary, "";
    "H.265" |c| c.sdp = sdp_h265(&[("vps", VPS), ("sps", SPS), ("pps", PPS)]), ordinary_h265, ""
        H265;
    "H.265, no parameter sets in the description" |c| c.sdp = sdp_h265(&[]), ordinary_h265, ""
        H265;
    "H.265, one of three parameter sets in the description"
        |c| c.sdp = sdp_h265(&[("sps", SPS)]), ordinary_h265, "" H265;
    "OpenIPC: fragments of H.265 that are start and end"
        |c| c.sdp = sdp_h265(&[("vps", VPS), ("sps", SPS), ("pps", PPS)]), start_and_end_h265,
        "ffmpeg refuses them" H265;
};
