//! Reads files back, as a player does that knows only the rules.

use std::collections::BTreeMap;

/// One sample: when it begins, in ticks of its track or in ms, whether it is a key, its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub at: u64,
    pub duration: u64,
    pub key: bool,
    pub data: Vec<u8>,
}

/// Samples by track number, of all fragments that are whole.
pub type Samples = BTreeMap<u64, Vec<Seen>>;

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// The whole boxes of some bytes.
pub fn boxes(mut bytes: &[u8]) -> Vec<(String, &[u8])> {
    let mut all = vec![];
    while bytes.len() >= 8 {
        let size = number(&bytes[..4]) as usize;
        assert!(size >= 8, "a box of {size}");
        if size > bytes.len() {
            break;
        }
        let kind = String::from_utf8_lossy(&bytes[4..8]).into_owned();
        all.push((kind, &bytes[8..size]));
        bytes = &bytes[size..];
    }
    all
}

/// A box on a path of boxes.
pub fn at<'a>(bytes: &'a [u8], path: &[&str]) -> &'a [u8] {
    path.iter().fold(bytes, |bytes, kind| {
        let found = boxes(bytes).into_iter().find(|(found, _)| found == kind);
        found.unwrap_or_else(|| panic!("no {kind} of {path:?}")).1
    })
}

pub fn mp4(bytes: &[u8]) -> Samples {
    let mut samples = Samples::new();
    let all = boxes(bytes);
    assert!(all.len() >= 2 && all[0].0 == "ftyp" && all[1].0 == "moov");
    let mut sequence = 0;
    for pair in all[2..].chunks(2) {
        let [(moof, moof_body), (mdat, mdat_body)] = pair else { break };
        assert_eq!((moof.as_str(), mdat.as_str()), ("moof", "mdat"));
        let before = std::mem::replace(&mut sequence, number(&at(moof_body, &["mfhd"])[4..]));
        // Bytes that were cut out of a file begin with any.
        assert!(before == 0 || sequence == before + 1);
        let mut used = 0;
        for (_, traf) in boxes(moof_body).into_iter().filter(|(kind, _)| kind == "traf") {
            let track = number(&at(traf, &["tfhd"])[4..8]);
            let mut ticks = number(&at(traf, &["tfdt"])[4..]);
            let trun = at(traf, &["trun"]);
            let count = number(&trun[4..8]) as usize;
            assert_eq!(number(&trun[8..12]) as usize, moof_body.len() + 16 + used);
            // A lone sample has its flags in front.
            let (flags, entries, length) = match number(&trun[..4]) & 0xff_ffff {
                0x701 => (None, &trun[12..], 12),
                0x305 => (Some(&trun[12..16]), &trun[16..], 8),
                other => panic!("{other:x}"),
            };
            assert_eq!(entries.len(), length * count);
            for entry in entries.chunks(length) {
                let (duration, size) = (number(&entry[..4]), number(&entry[4..8]) as usize);
                let data = mdat_body[used..used + size].to_vec();
                used += size;
                let key = number(flags.unwrap_or_else(|| &entry[8..])) & 0x1_0000 == 0;
                samples.entry(track).or_default().push(Seen { at: ticks, duration, key, data });
                ticks += duration;
            }
        }
        assert_eq!(used, mdat_body.len());
    }
    samples
}

/// An element's number and size, and how many bytes both take; no size is all that follows.
fn head(bytes: &[u8]) -> Option<(u64, Option<usize>, usize)> {
    let id_bytes = bytes.first()?.leading_zeros() as usize + 1;
    let id = number(bytes.get(..id_bytes)?);
    let first = *bytes.get(id_bytes)?;
    let size_bytes = first.leading_zeros() as usize + 1;
    let size = number(bytes.get(id_bytes..id_bytes + size_bytes)?) & !(1 << (7 * size_bytes));
    let is_unknown = size == (1 << (7 * size_bytes)) - 1;
    Some((id, (!is_unknown).then_some(size as usize), id_bytes + size_bytes))
}

/// The elements of some bytes, the last one perhaps cut short.
pub fn elements(mut bytes: &[u8]) -> Vec<(u64, &[u8])> {
    let mut all = vec![];
    while let Some((id, size, used)) = head(bytes) {
        let end = size.map_or(bytes.len(), |size| (used + size).min(bytes.len()));
        all.push((id, &bytes[used..end]));
        bytes = &bytes[end..];
    }
    all
}

/// Blocks that are whole.
pub fn matroska(bytes: &[u8]) -> Samples {
    let mut samples = Samples::new();
    let all = elements(bytes);
    assert_eq!(all.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [0x1A45DFA3, 0x18538067]);
    for (id, cluster) in elements(all[1].1).into_iter().filter(|(id, _)| *id == 0x1F43B675) {
        assert_eq!(id, 0x1F43B675);
        let mut start = 0;
        let mut rest = cluster;
        while let Some((id, size, used)) = head(rest) {
            let end = used + size.unwrap();
            let Some(body) = rest.get(used..end) else { break };
            match id {
                0xE7 => start = number(body),
                0xA3 => {
                    let track = u64::from(body[0] & 0x7f);
                    let at = start + number(&body[1..3]);
                    let key = body[3] & 0x80 != 0;
                    let seen = Seen { at, duration: 0, key, data: body[4..].to_vec() };
                    samples.entry(track).or_default().push(seen);
                }
                other => panic!("{other:x} in a cluster"),
            }
            rest = &rest[end..];
        }
    }
    samples
}

/// The samples of a file by its name.
pub fn samples(name: &str, bytes: &[u8]) -> Samples {
    if name.ends_with(".mp4") { mp4(bytes) } else { matroska(bytes) }
}
