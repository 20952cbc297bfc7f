//! Pictures to RTP payloads of each format, small ones, so that there are many.

use crosspoint::engine::codec::VideoCodec;

use super::media::Picture;

const MAX_BYTES: usize = 300;

pub fn payloads(codec: VideoCodec, picture: &Picture) -> Vec<Vec<u8>> {
    match codec {
        VideoCodec::H264 => units(picture, 1, &h264_aggregate, &h264_fragments),
        VideoCodec::H265 => units(picture, 2, &h265_aggregate, &h265_fragments),
        VideoCodec::Vp8 => vp8(&picture.units[0]),
        VideoCodec::Vp9 => vp9(&picture.units[0], picture.key),
        VideoCodec::Av1 => av1(&picture.units[0]),
    }
}

type Units = [Vec<u8>];

/// What stands before the slices goes together, large units go in pieces.
fn units(
    picture: &Picture,
    header_bytes: usize,
    aggregate: &dyn Fn(&Units) -> Vec<u8>,
    fragments: &dyn Fn(&[u8]) -> Vec<Vec<u8>>,
) -> Vec<Vec<u8>> {
    let small = picture.units.iter().take_while(|unit| unit.len() < 100).count();
    let (small, large) = picture.units.split_at(small);
    let mut payloads = vec![];
    match small {
        [] => {}
        [one] => payloads.push(one.clone()),
        // Parameter sets are repeated, as a slot's first frame has them.
        several => payloads.extend([aggregate(several), aggregate(several)]),
    }
    for unit in large {
        if unit.len() <= MAX_BYTES {
            payloads.push(unit.clone());
        } else {
            assert!(unit.len() > header_bytes);
            payloads.extend(fragments(unit));
        }
    }
    payloads
}

fn sized(header: &[u8], units: &Units) -> Vec<u8> {
    let mut payload = header.to_vec();
    for unit in units {
        payload.extend((unit.len() as u16).to_be_bytes());
        payload.extend(unit);
    }
    payload
}

fn h264_aggregate(units: &Units) -> Vec<u8> {
    sized(&[0x78], units)
}

fn h265_aggregate(units: &Units) -> Vec<u8> {
    sized(&[48 << 1, 1], units)
}

/// The pieces of a unit's body, with the flags of the first and of the last one.
fn pieces(body: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let count = body.len().div_ceil(MAX_BYTES);
    body.chunks(MAX_BYTES).enumerate().map(move |(index, piece)| {
        let start = if index == 0 { 0x80 } else { 0 };
        let end = if index + 1 == count { 0x40 } else { 0 };
        (start | end, piece)
    })
}

fn h264_fragments(unit: &[u8]) -> Vec<Vec<u8>> {
    let head = |flags| [unit[0] & 0xe0 | 28, flags | unit[0] & 0x1f];
    pieces(&unit[1..]).map(|(flags, piece)| [&head(flags), piece].concat()).collect()
}

fn h265_fragments(unit: &[u8]) -> Vec<Vec<u8>> {
    let kind = unit[0] >> 1 & 63;
    let head = |flags| [unit[0] & 0x81 | 49 << 1, unit[1], flags | kind];
    pieces(&unit[2..]).map(|(flags, piece)| [&head(flags), piece].concat()).collect()
}

/// With picture id of 15 bits, TL0PICIDX and TID, as Chromium sends.
fn vp8(frame: &[u8]) -> Vec<Vec<u8>> {
    let head = |flags: u8| [0x80 | flags >> 3 & 0x10, 0xe0, 0x81, 0x23, 7, 0];
    pieces(frame).map(|(flags, piece)| [&head(flags), piece].concat()).collect()
}

/// Flexible mode is off; a key picture has a scalability structure.
fn vp9(frame: &[u8], key: bool) -> Vec<Vec<u8>> {
    let head = |flags: u8| {
        let (begins, ends) = (flags & 0x80 != 0, flags & 0x40 != 0);
        let structure = key && begins;
        let first = 0x80
            | 0x20
            | u8::from(!key) << 6
            | u8::from(begins) << 3
            | u8::from(ends) << 2
            | u8::from(structure) << 1;
        let mut head = vec![first, 0x81, 0x23, 0, 7];
        if structure {
            // One layer with its size, one group of one picture that refers to one.
            head.extend([0x18, 0, 160, 0, 90, 1, 0x04, 1]);
        }
        head
    };
    pieces(frame).map(|(flags, piece)| [&head(flags)[..], piece].concat()).collect()
}

/// Without temporal delimiters and sizes, cut at any byte; the first packet of a picture counts
/// its elements, the others don't.
fn av1(unit: &[u8]) -> Vec<Vec<u8>> {
    let mut obus = vec![];
    let mut rest = unit;
    while !rest.is_empty() {
        assert!(rest[0] & 2 != 0 && rest[0] & 4 == 0, "ffmpeg writes sizes and no extensions");
        let (length, size_bytes) = leb128(&rest[1..]);
        let body = &rest[1 + size_bytes..1 + size_bytes + length];
        if rest[0] >> 3 & 15 != 2 {
            obus.push([&[rest[0] & !2], body].concat());
        }
        rest = &rest[1 + size_bytes + length..];
    }
    let mut payloads = vec![];
    let (last, small) = obus.split_last().unwrap();
    let pieces: Vec<&[u8]> = last.chunks(MAX_BYTES).collect();
    for (index, piece) in pieces.iter().enumerate() {
        let (first, ends) = (index == 0, index + 1 == pieces.len());
        let mut payload = vec![u8::from(!first) << 7 | u8::from(!ends) << 6];
        if first {
            payload[0] |= ((small.len() + 1) as u8) << 4;
            for obu in small {
                push_leb128(&mut payload, obu.len());
                payload.extend(obu);
            }
        } else {
            push_leb128(&mut payload, piece.len());
        }
        payload.extend(*piece);
        payloads.push(payload);
    }
    payloads
}

fn leb128(bytes: &[u8]) -> (usize, usize) {
    let count = bytes.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    let value = (0..count).map(|n| usize::from(bytes[n] & 0x7f) << (7 * n)).sum();
    (value, count)
}

fn push_leb128(bytes: &mut Vec<u8>, value: usize) {
    assert!(value < 1 << 14);
    bytes.extend([value as u8 & 0x7f | 0x80, (value >> 7) as u8]);
}
