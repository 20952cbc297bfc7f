//! Pictures without pixels: each says which camera made it, its number, and which picture it
//! refers to, so that a model decoder knows a ghost when it sees one.
#![allow(dead_code, reason = "each test program uses its part")]

use std::sync::Arc;
use std::time::Instant;

use crosspoint::engine::codec::VideoCodec;
use crosspoint::engine::frame::Frame;

/// Payload bytes of one packet, the last of a frame excepted.
const PART_BYTES: usize = 1_100;
const HEADER_BYTES: usize = 15;
/// What VP8 has in front of each payload: a picture id of 15 bits (RFC 7741 section 4.2).
const DESCRIPTOR_BYTES: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Key,
    Delta,
    /// Nothing refers to it.
    Disposable,
}

/// Some publishers send VP8; of the cameras every third one sends H.265.
pub fn codec_of(camera: usize) -> VideoCodec {
    match camera {
        0 | 6 | 7 => VideoCodec::Vp8,
        _ if camera % 3 == 2 => VideoCodec::H265,
        _ => VideoCodec::H264,
    }
}

/// One access unit's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    pub camera: u8,
    /// Counts up over the camera's whole life, its restarts included.
    pub number: u32,
    /// The picture that must have been decoded just before; its own number for a key.
    pub reference: u32,
    pub kind: Kind,
}

/// One packet's share of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub picture: Picture,
    pub index: u16,
    pub count: u16,
    /// What VP8 calls the picture.
    pub id: Option<u16>,
}

impl Part {
    pub fn is_last(&self) -> bool {
        self.index + 1 == self.count
    }

    pub fn read(payload: &[u8]) -> Option<Self> {
        let (id, payload) = match payload {
            [0x90, 0x80, high, low, rest @ ..] => {
                (Some(u16::from_be_bytes([high & 0x7f, *low])), rest)
            }
            _ => (None, payload),
        };
        let word = |at: usize| Some(u32::from_be_bytes(payload.get(at..at + 4)?.try_into().ok()?));
        let half = |at: usize| Some(u16::from_be_bytes(payload.get(at..at + 2)?.try_into().ok()?));
        let kind = match payload.get(1)? {
            0 => Kind::Key,
            1 => Kind::Delta,
            2 => Kind::Disposable,
            _ => return None,
        };
        let (number, reference) = (word(2)?, word(6)?);
        let picture = Picture { camera: *payload.first()?, number, reference, kind };
        let read = Self { picture, index: half(10)?, count: half(12)?, id };
        (payload.get(14)? == &checksum(&payload[..14])).then_some(read)
    }
}

fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0xa5, |sum, byte| sum.rotate_left(1) ^ byte)
}

impl Picture {
    pub fn is_key(&self) -> bool {
        self.kind == Kind::Key
    }

    pub fn codec(self) -> VideoCodec {
        codec_of(self.camera.into())
    }

    /// The picture as it enters the matrix, of about `bytes`.
    pub fn frame(self, captured_at: Instant, bytes: usize) -> Arc<Frame> {
        // A key's parameter sets are a payload of their own.
        let count = bytes.div_ceil(PART_BYTES).max(if self.is_key() { 2 } else { 1 });
        let payloads = (0..count)
            .map(|index| {
                let length =
                    bytes.saturating_sub(index * PART_BYTES).clamp(HEADER_BYTES, PART_BYTES);
                let mut payload = Vec::with_capacity(length + DESCRIPTOR_BYTES);
                if self.codec() == VideoCodec::Vp8 {
                    // Each publisher counts from somewhere else.
                    let id = self.number + 9_000 * u32::from(self.camera);
                    let [_, _, high, low] = id.to_be_bytes();
                    payload.extend([0x90, 0x80, high | 0x80, low]);
                }
                let header_at = payload.len();
                payload.push(self.camera);
                payload.push(self.kind as u8);
                payload.extend(self.number.to_be_bytes());
                payload.extend(self.reference.to_be_bytes());
                payload.extend(u16::try_from(index).unwrap().to_be_bytes());
                payload.extend(u16::try_from(count).unwrap().to_be_bytes());
                payload.push(checksum(&payload[header_at..]));
                payload.resize(length + header_at, 0);
                Arc::from(payload)
            })
            .collect();
        let disposable = self.kind == Kind::Disposable;
        Arc::new(Frame::new(self.codec(), self.is_key(), disposable, captured_at, payloads))
    }

    /// What a frame of the matrix holds.
    pub fn of(frame: &Frame) -> Self {
        Part::read(frame.payloads.first().unwrap()).unwrap().picture
    }
}

/// What an encoder makes, picture by picture.
#[derive(Debug, Clone)]
pub struct Film {
    camera: u8,
    /// Pictures from one key to the next.
    pub gop: u32,
    /// Every how many pictures one is disposable; 0 for none.
    pub disposable_every: u32,
    next: u32,
    since_key: Option<u32>,
    reference: u32,
}

impl Film {
    pub fn new(camera: u8, gop: u32) -> Self {
        Self { camera, gop, disposable_every: 0, next: 1, since_key: None, reference: 0 }
    }

    /// The encoder starts anew or was asked for a key.
    pub fn cut(&mut self) {
        self.since_key = None;
    }

    pub fn shoot(&mut self) -> Picture {
        let number = self.next;
        self.next += 1;
        let kind = match self.since_key {
            Some(since) if since + 1 < self.gop => {
                self.since_key = Some(since + 1);
                let n = since + 1;
                let is_disposable =
                    n.checked_rem(self.disposable_every).is_some_and(|rest| rest == 1);
                if is_disposable { Kind::Disposable } else { Kind::Delta }
            }
            _ => {
                self.since_key = Some(0);
                Kind::Key
            }
        };
        let reference = if kind == Kind::Key { number } else { self.reference };
        if kind != Kind::Disposable {
            self.reference = number;
        }
        Picture { camera: self.camera, number, reference, kind }
    }
}

/// A decoder that shows a ghost as an error.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    reference: Option<(u8, u32)>,
    /// The picture on the screen.
    pub shown: Option<Picture>,
}

impl Decoder {
    pub fn decode(&mut self, picture: Picture) -> Result<(), String> {
        let has_reference = self.reference == Some((picture.camera, picture.reference));
        if !picture.is_key() && !has_reference {
            return Err(format!("a ghost: {picture:?} after {:?}", self.reference));
        }
        if picture.kind != Kind::Disposable {
            self.reference = Some((picture.camera, picture.number));
        }
        self.shown = Some(picture);
        Ok(())
    }
}
