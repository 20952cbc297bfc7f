//! AAC: what a description says of it, and its access units out of RTP packets (RFC 3640, the
//! modes AAC-hbr and AAC-lbr).

use std::fmt;

use super::Packet;
use crate::limits::{MAX_AUDIO_PACKET_BYTES, MAX_AUDIO_UNITS};
use crate::sdp::Format;

/// Longest `AudioSpecificConfig` that is taken, in bytes; usual ones have 2 to 7.
const MAX_CONFIG_BYTES: usize = 16;
/// Samples of one access unit, and of one of the short kind (ISO 14496-3 section 4.5.1.1).
const UNIT_SAMPLES: u64 = 1024;
const SHORT_UNIT_SAMPLES: u64 = 960;
/// `samplingFrequencyIndex` (ISO 14496-3 section 1.6.3.4).
const SAMPLE_RATES_HZ: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];
/// RTP clocks that are believed, in Hz.
const CLOCKS_HZ: std::ops::RangeInclusive<u32> = 7_000..=96_000;
/// Bytes of an ADTS header without checksum (ISO 14496-3 section 1.A.2.2).
const ADTS_HEADER_BYTES: usize = 7;

/// AAC as a decoder is set up for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Aac {
    clock_hz: u32,
    config: [u8; MAX_CONFIG_BYTES],
    config_bytes: usize,
    channels: u8,
    unit_ticks: u32,
}

impl Aac {
    /// From the `AudioSpecificConfig` (ISO 14496-3 section 1.6), and the ticks of the RTP clock in
    /// a second. None if it can't be read, or has channels of its own making.
    #[must_use]
    pub fn new(config: &[u8], clock_hz: u32) -> Option<Self> {
        let mut kept = [0; MAX_CONFIG_BYTES];
        kept.get_mut(..config.len())?.copy_from_slice(config);
        let mut bits = Bits { bytes: config, at: 0 };
        let mut kind = bits.object_type()?;
        let sample_hz = bits.sample_hz()?;
        let channels = match bits.take(4)? {
            count @ 1..=6 => u8::try_from(count).ok()?,
            7 => 8,
            _ => return None,
        };
        // Spectral band replication, and parametric stereo: what they extend follows.
        if matches!(kind, 5 | 29) {
            bits.sample_hz()?;
            kind = bits.object_type()?;
        }
        // The first bit of what every kind that is spoken of here goes on with.
        let is_short = kind != 0 && bits.take(1)? == 1;
        let samples = if is_short { SHORT_UNIT_SAMPLES } else { UNIT_SAMPLES };
        let unit_ticks = samples * u64::from(clock_hz) / u64::from(sample_hz.max(1));
        let is_believed = CLOCKS_HZ.contains(&clock_hz) && (64..=8192).contains(&unit_ticks);
        is_believed.then_some(Self {
            clock_hz,
            config: kept,
            config_bytes: config.len(),
            channels,
            unit_ticks: u32::try_from(unit_ticks).ok()?,
        })
    }

    /// The AAC of a described format, if it is AAC that can be taken apart.
    pub(crate) fn of(format: &Format) -> Option<Self> {
        let mode = format.parameter("mode").unwrap_or("AAC-hbr").to_ascii_lowercase();
        if format.codec != "MPEG4-GENERIC" || !mode.starts_with("aac") {
            return None;
        }
        Self::new(&from_hex(format.parameter("config")?)?, format.clock_rate_hz)
    }

    /// Its `AudioSpecificConfig`.
    #[must_use]
    pub fn config(&self) -> &[u8] {
        self.config.get(..self.config_bytes).unwrap_or_default()
    }

    /// Ticks of the RTP clock in a second.
    #[must_use]
    pub fn clock_hz(&self) -> u32 {
        self.clock_hz
    }

    /// Channels, 1 to 8.
    #[must_use]
    pub fn channels(&self) -> u8 {
        self.channels
    }
}

impl fmt::Debug for Aac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aac({:02x?}, {} Hz)", self.config(), self.clock_hz)
    }
}

/// The fields of an AU header (RFC 3640 section 3.2.1), in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeaderLayout {
    size: usize,
    index: usize,
    index_delta: usize,
}

impl HeaderLayout {
    /// As described; what is missing is as the mode has it (RFC 3640 sections 3.3.5 and 3.3.6).
    pub(crate) fn of(format: &Format) -> Self {
        let is_low = format.parameter("mode").is_some_and(|m| m.eq_ignore_ascii_case("AAC-lbr"));
        let (size, index) = if is_low { (6, 2) } else { (13, 3) };
        let bits = |name: &str, usual: usize| {
            let said = format.parameter(name).and_then(|value| value.parse().ok());
            said.filter(|bits| *bits <= 16).unwrap_or(usual)
        };
        Self {
            size: bits("sizelength", size).max(1),
            index: bits("indexlength", index),
            index_delta: bits("indexdeltalength", index),
        }
    }
}

/// Takes packets apart.
#[derive(Debug)]
pub(crate) struct Units {
    layout: HeaderLayout,
    ticks: u32,
    /// The beginning of an access unit that several packets carry, and its timestamp.
    begun: Vec<u8>,
    begun_timestamp: u32,
}

impl Units {
    pub(crate) fn new(aac: &Aac, layout: HeaderLayout) -> Self {
        Self { layout, ticks: aac.unit_ticks, begun: Vec::new(), begun_timestamp: 0 }
    }

    /// The sender is another one, or counts anew.
    pub(crate) fn reset(&mut self) {
        self.begun.clear();
    }

    /// The camera's next packet: the timestamp behind its last sample, and the access units that
    /// it completes. None if it is no AAC.
    pub(crate) fn push(
        &mut self,
        timestamp: u32,
        lost_before: bool,
        marker: bool,
        payload: &[u8],
    ) -> Option<(u32, Vec<Packet>)> {
        if payload.len() > MAX_AUDIO_PACKET_BYTES {
            return None;
        }
        if lost_before || timestamp != self.begun_timestamp {
            self.begun.clear();
        }
        if is_adts(payload) {
            return Some(self.packets(timestamp, adts_units(payload)));
        }
        let (length, rest) = payload.split_first_chunk::<2>()?;
        let header_bits = usize::from(u16::from_be_bytes(*length));
        let (headers, data) = rest.split_at_checked(header_bits.div_ceil(8))?;
        let sizes = self.sizes(headers, header_bits)?;
        if let [size] = sizes[..]
            && (!self.begun.is_empty() || (size > data.len() && !marker))
        {
            return self.go_on(timestamp, size, data);
        }
        let mut rest = data;
        let units = sizes.iter().map_while(|size| {
            // Of a single unit the packet itself says how long it is: some headers are wrong.
            let size = if sizes.len() == 1 { rest.len().min(*size) } else { *size };
            let (unit, behind) = rest.split_at_checked(size)?;
            rest = behind;
            Some(unit)
        });
        let units: Vec<&[u8]> = units.collect();
        Some(self.packets(timestamp, units))
    }

    /// A piece of an access unit (RFC 3640 section 3.2.3): each packet says how long it is in all.
    fn go_on(&mut self, timestamp: u32, size: usize, data: &[u8]) -> Option<(u32, Vec<Packet>)> {
        self.begun_timestamp = timestamp;
        if self.begun.len() + data.len() > MAX_AUDIO_PACKET_BYTES {
            self.begun.clear();
            return None;
        }
        self.begun.extend_from_slice(data);
        if self.begun.len() < size {
            return Some((timestamp, Vec::new()));
        }
        let begun = std::mem::take(&mut self.begun);
        Some(self.packets(timestamp, begun.get(..size)))
    }

    /// The sizes of the access units. None where they are interleaved (RFC 3640 section 3.2.3.2),
    /// which no camera does.
    fn sizes(&self, headers: &[u8], header_bits: usize) -> Option<Vec<usize>> {
        let HeaderLayout { size, index, index_delta } = self.layout;
        let mut bits = Bits { bytes: headers, at: 0 };
        let mut sizes = Vec::new();
        while sizes.len() < MAX_AUDIO_UNITS {
            let of_index = if sizes.is_empty() { index } else { index_delta };
            if bits.at + size + of_index > header_bits {
                break;
            }
            sizes.push(usize::try_from(bits.take(size)?).ok()?);
            if bits.take(of_index)? != 0 {
                return None;
            }
        }
        (!sizes.is_empty()).then_some(sizes)
    }

    fn packets<'a>(
        &self,
        timestamp: u32,
        units: impl IntoIterator<Item = &'a [u8]>,
    ) -> (u32, Vec<Packet>) {
        let (mut at, mut packets) = (timestamp, Vec::new());
        for unit in units {
            let unit = without_adts(unit);
            if !unit.is_empty() {
                packets.push(Packet { timestamp: at, ticks: self.ticks, payload: unit.into() });
            }
            at = at.wrapping_add(self.ticks);
        }
        (at, packets)
    }
}

/// Whether this begins with the header that AAC has in files, and nowhere else.
fn is_adts(data: &[u8]) -> bool {
    matches!(data, [0xff, second, ..] if second & 0xf6 == 0xf0)
}

/// The length of an ADTS frame, and of its header.
fn adts_lengths(data: &[u8]) -> Option<(usize, usize)> {
    let header = data.first_chunk::<ADTS_HEADER_BYTES>().filter(|_| is_adts(data))?;
    let [_, second, _, fourth, fifth, sixth, _] = *header;
    let length =
        (usize::from(fourth & 3) << 11) | (usize::from(fifth) << 3) | (usize::from(sixth) >> 5);
    let has_checksum = second & 1 == 0;
    Some((length, ADTS_HEADER_BYTES + if has_checksum { 2 } else { 0 }))
}

fn without_adts(unit: &[u8]) -> &[u8] {
    match adts_lengths(unit) {
        Some((length, header)) if length == unit.len() => unit.get(header..).unwrap_or_default(),
        _ => unit,
    }
}

/// The frames of a payload without AU headers.
fn adts_units(mut payload: &[u8]) -> Vec<&[u8]> {
    let mut units = Vec::new();
    while units.len() < MAX_AUDIO_UNITS
        && let Some((length, header)) = adts_lengths(payload)
        && length > header
        && let Some((unit, rest)) = payload.split_at_checked(length)
    {
        units.push(unit);
        payload = rest;
    }
    units
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || digits.len() > 2 * MAX_CONFIG_BYTES {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
            _ => None,
        })
        .collect()
}

/// Reads bits, the highest of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// The next `count` bits, 32 at most.
    fn take(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = *self.bytes.get(self.at / 8)?;
            value = (value << 1) | u32::from((byte >> (7 - self.at % 8)) & 1);
            self.at += 1;
        }
        Some(value)
    }

    fn object_type(&mut self) -> Option<u32> {
        match self.take(5)? {
            31 => Some(32 + self.take(6)?),
            kind => Some(kind),
        }
    }

    fn sample_hz(&mut self) -> Option<u32> {
        match self.take(4)? {
            15 => self.take(24),
            index => SAMPLE_RATES_HZ.get(usize::try_from(index).ok()?).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::Sdp;
    use proptest::prelude::*;

    const HBR: &str = "profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;\
        indexdeltalength=3;config=1408";

    fn format(encoding: &str, fmtp: &str) -> Format {
        let text = format!("m=audio 0 RTP/AVP 97\r\na=rtpmap:97 {encoding}\r\na=fmtp:97 {fmtp}");
        Sdp::parse(text.as_bytes()).media[0].formats[0].clone()
    }

    fn units(fmtp: &str) -> Units {
        let format = format("MPEG4-GENERIC/16000/1", fmtp);
        Units::new(&Aac::of(&format).unwrap(), HeaderLayout::of(&format))
    }

    /// A payload of these access units.
    fn payload(units: &[&[u8]]) -> Vec<u8> {
        let mut out = u16::try_from(units.len() * 16).unwrap().to_be_bytes().to_vec();
        for unit in units {
            out.extend((u16::try_from(unit.len()).unwrap() << 3).to_be_bytes());
        }
        out.extend(units.concat());
        out
    }

    fn adts(unit: &[u8]) -> Vec<u8> {
        let length = unit.len() + 7;
        let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
        let mut out = vec![0xff, 0xf1, 0x60, 0x40 | (high >> 3), (high << 5) | (low >> 3)];
        out.extend([(low << 5) | 0x1f, 0xfc]);
        out.extend(unit);
        out
    }

    fn contents(pushed: Option<(u32, Vec<Packet>)>) -> Vec<Vec<u8>> {
        pushed.unwrap().1.iter().map(|packet| packet.payload.to_vec()).collect()
    }

    #[test]
    fn a_description_says_rate_channels_and_length_of_a_unit() {
        let of = |encoding: &str, config: &str| {
            let aac = Aac::of(&format(encoding, &format!("mode=AAC-hbr;config={config}")))?;
            Some((aac.clock_hz(), aac.channels(), aac.unit_ticks, aac.config().to_vec()))
        };
        assert_eq!(of("MPEG4-GENERIC/16000", "1408"), Some((16_000, 1, 1024, vec![0x14, 0x08])));
        assert_eq!(of("mpeg4-generic/44100/2", "1210").unwrap().1, 2);
        // HE-AAC, said so: 24 kHz coded, 48 kHz heard, and the clock counts those.
        assert_eq!(of("MPEG4-GENERIC/48000/2", "2B118800").unwrap().2, 2048);
        assert_eq!(of("MPEG4-GENERIC/16000", "140C").unwrap().2, 960);
        for broken in ["", "1", "14", "zz08", "1400", "17", "14081408140814081408140814081408ff"] {
            assert_eq!(of("MPEG4-GENERIC/16000", broken), None, "{broken}");
        }
        assert_eq!(of("MP4A-LATM/16000", "1408"), None);
    }

    #[test]
    fn several_units_of_a_packet_follow_each_other() {
        let mut units = units(HBR);
        let (end, packets) = units.push(500, false, true, &payload(&[&[1; 9], &[2; 3]])).unwrap();
        assert_eq!(end, 500 + 2048);
        let stamps: Vec<u32> = packets.iter().map(|packet| packet.timestamp).collect();
        assert_eq!((stamps, packets[1].ticks), (vec![500, 1524], 1024));
        assert_eq!(packets[1].payload[..], [2; 3]);
    }

    #[test]
    fn a_unit_in_pieces_is_put_together_unless_one_is_lost() {
        let whole = payload(&[&[7; 100]]);
        let piece = |from: usize, to: usize| [&whole[..4], &whole[4 + from..4 + to]].concat();
        let mut units = units(HBR);
        assert!(contents(units.push(9, false, false, &piece(0, 60))).is_empty());
        assert_eq!(contents(units.push(9, false, true, &piece(60, 100))), [vec![7; 100]]);
        assert!(contents(units.push(1033, false, false, &piece(0, 60))).is_empty());
        assert!(contents(units.push(1033, true, false, &piece(80, 100))).is_empty());
        assert_eq!(contents(units.push(2057, false, true, &whole)), [vec![7; 100]]);
    }

    #[test]
    fn what_cameras_do_to_it_is_undone() {
        let unit: &[u8] = &[5; 20];
        let mut units = units("config=1408");
        assert_eq!(contents(units.push(0, false, true, &adts(unit))), [unit], "no AU headers");
        assert_eq!(contents(units.push(0, false, true, &payload(&[&adts(unit)]))), [unit]);
        let mut too_long = payload(&[unit]);
        too_long[2] = 0x3f;
        assert_eq!(contents(units.push(0, false, true, &too_long)), [unit], "a wrong size");
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_panics(
            packets in prop::collection::vec(
                (0u32..3, any::<bool>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..60)),
                0..30),
            mode in "(mode=AAC-lbr;)?(sizelength=[0-9]{1,2};)?",
            fmtp in "(indexlength=[0-9]{1,2};)?config=1408",
        ) {
            let mut units = units(&format!("{mode}{fmtp}"));
            for (timestamp, lost, marker, payload) in packets {
                let _ = units.push(timestamp, lost, marker, &payload);
                prop_assert!(units.begun.len() <= MAX_AUDIO_PACKET_BYTES);
            }
        }

        #[test]
        fn no_description_panics(config in prop::collection::vec(any::<u8>(), 0..20), hz: u32) {
            if let Some(aac) = Aac::new(&config, hz) {
                prop_assert!(aac.unit_ticks > 0 && aac.channels > 0);
            }
        }
    }
}
