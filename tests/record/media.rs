//! The committed media, as frames with their times.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crosspoint::engine::codec::VideoCodec;
use crosspoint::engine::frame::Frame;
use crosspoint::record::format::AudioFormat;
use rtsp::h264::annex_b;

use super::packets;

pub const WIDTH: u32 = 160;
pub const HEIGHT: u32 = 90;
pub const FPS: u32 = 15;
pub const VIDEO: [VideoCodec; 5] =
    [VideoCodec::H264, VideoCodec::H265, VideoCodec::Vp8, VideoCodec::Vp9, VideoCodec::Av1];

/// One picture of a film.
#[derive(Debug, Clone)]
pub struct Picture {
    pub key: bool,
    /// NAL units without start codes, or the one frame of an IVF file.
    pub units: Vec<Vec<u8>>,
}

/// Two seconds of pictures.
pub fn film(codec: VideoCodec) -> Vec<Picture> {
    match codec {
        VideoCodec::H264 => nals(include_bytes!("media/h264"), |nal| match nal[0] & 31 {
            kind @ 1..=5 => Some((nal[1] & 0x80 != 0, kind == 5)),
            _ => None,
        }),
        VideoCodec::H265 => nals(include_bytes!("media/h265"), |nal| match nal[0] >> 1 & 63 {
            kind @ 0..=31 => Some((nal[2] & 0x80 != 0, kind >= 16)),
            _ => None,
        }),
        VideoCodec::Vp8 => ivf(include_bytes!("media/vp8"), |frame| frame[0] & 1 == 0),
        VideoCodec::Vp9 => ivf(include_bytes!("media/vp9"), |frame| frame[0] & 0b1100 == 0),
        VideoCodec::Av1 => ivf(include_bytes!("media/av1"), |frame| frame[2] == 0x0a),
    }
}

/// The H.264 film in portrait.
pub fn turned_film() -> Vec<Picture> {
    nals(include_bytes!("media/h264-turned"), |nal| match nal[0] & 31 {
        kind @ 1..=5 => Some((nal[1] & 0x80 != 0, kind == 5)),
        _ => None,
    })
}

/// Access units; `slice` tells of a slice whether it is the first one, and whether it is a key's.
fn nals(bytes: &[u8], slice: impl Fn(&[u8]) -> Option<(bool, bool)>) -> Vec<Picture> {
    let mut pictures = vec![];
    let mut units: Vec<Vec<u8>> = vec![];
    let mut last: Option<bool> = None;
    for nal in annex_b(bytes) {
        let kind = slice(nal);
        let begins = kind.is_none_or(|(is_first, _)| is_first);
        if let Some(key) = last.filter(|_| begins) {
            pictures.push(Picture { key, units: std::mem::take(&mut units) });
            last = None;
        }
        units.push(nal.to_vec());
        last = kind.map(|(_, key)| key).or(last);
    }
    pictures.push(Picture { key: last.unwrap(), units });
    pictures
}

fn ivf(mut bytes: &[u8], is_key: impl Fn(&[u8]) -> bool) -> Vec<Picture> {
    bytes = &bytes[32..];
    let mut pictures = vec![];
    while !bytes.is_empty() {
        let length = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
        let frame = bytes[12..12 + length].to_vec();
        pictures.push(Picture { key: is_key(&frame), units: vec![frame] });
        bytes = &bytes[12 + length..];
    }
    pictures
}

/// When a picture of a film that began then was taken.
pub fn time(start: Instant, number: u32) -> Instant {
    start + Duration::from_secs(1) * number / FPS
}

/// A picture as it comes over RTP.
pub fn frame(codec: VideoCodec, picture: &Picture, at: Instant) -> Arc<Frame> {
    let payloads = packets::payloads(codec, picture);
    let payloads = payloads.into_iter().map(Arc::from).collect();
    Arc::new(Frame::new(codec, picture.key, false, at, payloads))
}

/// What a file is to hold of a packet of sound, and its length in ticks of the format's clock.
pub type Packet = (Vec<u8>, u32);

/// Sound of a second.
pub fn sound(format: &AudioFormat) -> Vec<Packet> {
    match format {
        AudioFormat::Opus => {
            ogg(include_bytes!("media/opus")).into_iter().skip(2).map(|one| (one, 960)).collect()
        }
        AudioFormat::Aac { .. } => {
            adts(include_bytes!("media/aac")).into_iter().map(|one| (one, 1024)).collect()
        }
        AudioFormat::G722 => {
            include_bytes!("media/g722").chunks(160).map(|one| (one.to_vec(), 160)).collect()
        }
        // A square wave of 500 Hz; the numbers are those of G.711.
        AudioFormat::Pcmu => square(0x90, 0x10),
        AudioFormat::Pcma => square(0xc5, 0x45),
    }
}

fn square(high: u8, low: u8) -> Vec<Packet> {
    let wave: Vec<u8> = (0..8000).map(|n| if n / 8 % 2 == 0 { high } else { low }).collect();
    wave.chunks(160).map(|one| (one.to_vec(), 160)).collect()
}

/// All formats that there are.
pub fn sounds() -> Vec<AudioFormat> {
    // AAC-LC, 16 kHz, one channel.
    let aac = AudioFormat::Aac { config: vec![0x14, 0x08], sample_hz: 16_000, channels: 1 };
    vec![AudioFormat::Opus, AudioFormat::Pcmu, AudioFormat::Pcma, AudioFormat::G722, aac]
}

fn ogg(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut packets, mut open) = (vec![], vec![]);
    while !bytes.is_empty() {
        assert_eq!(&bytes[..4], b"OggS");
        let count = usize::from(bytes[26]);
        let lengths = &bytes[27..27 + count];
        let mut body = &bytes[27 + count..];
        for &length in lengths {
            open.extend_from_slice(&body[..usize::from(length)]);
            body = &body[usize::from(length)..];
            if length < 255 {
                packets.push(std::mem::take(&mut open));
            }
        }
        bytes = body;
    }
    packets
}

fn adts(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut units = vec![];
    while !bytes.is_empty() {
        let length = usize::from(bytes[3] & 3) << 11
            | usize::from(bytes[4]) << 3
            | usize::from(bytes[5]) >> 5;
        units.push(bytes[7..length].to_vec());
        bytes = &bytes[length..];
    }
    units
}
