//! Fragmented MP4 (ISO 14496-12): a header without samples, then fragments that each tell of
//! their own, so that the file can end behind any of them.

use mp4_atom::{
    Audio, Av01, Avc1, Codec, Dinf, Dops, Dref, DrefEntry, Encode, Error, FourCC, Ftyp, Hdlr, Hvc1,
    Matrix, Mdhd, Mdia, Mfhd, Minf, Moof, Moov, Mp4a, Mvex, Mvhd, Opus, Smhd, Stbl, Stco, Stsd,
    Tfdt, Tfhd, Tkhd, Traf, Trak, Trex, Trun, TrunEntry, Twos, Url, Visual, Vmhd, Vp08, Vp09, esds,
};

use super::format::{AudioFormat, Rotation, Setup, Tracks, VideoFormat};
use super::fragment::{Fragment, Timed, VIDEO_HZ};
use super::setup;

const VIDEO_ID: u32 = 1;
const AUDIO_ID: u32 = 2;
const MOVIE_HZ: u32 = 1_000;
/// A sample that others do not need, and one that needs others (ISO 14496-12 section 8.8.3.1).
const KEY_FLAGS: u32 = 0x0200_0000;
const DELTA_FLAGS: u32 = 0x0101_0000;
/// The library has no sample entry for G.711. That of another kind of PCM has the same fields.
const PCM_STAND_IN: &[u8; 4] = b"twos";

/// The writer of one file.
#[derive(Debug, Default)]
pub(super) struct Mp4 {
    sequence_number: u32,
}

impl Mp4 {
    /// What the file begins with.
    pub fn header(tracks: &Tracks) -> Result<Vec<u8>, Error> {
        let brands: &[&[u8; 4]] = &[b"iso6", b"cmfc", b"mp41"];
        let ftyp = Ftyp {
            major_brand: FourCC::new(b"iso6"),
            minor_version: 512,
            compatible_brands: brands.iter().map(|brand| FourCC::new(brand)).collect(),
        };
        let mut trak = Vec::new();
        let mut trex = Vec::new();
        let default_sample_description_index = 1;
        let mut extend = |track_id| {
            trex.push(Trex { track_id, default_sample_description_index, ..Trex::default() });
        };
        if let Some(video) = &tracks.video {
            trak.push(video_track(video, tracks.rotation));
            extend(VIDEO_ID);
        }
        if let Some(audio) = &tracks.audio {
            trak.push(audio_track(audio));
            extend(AUDIO_ID);
        }
        let moov = Moov {
            mvhd: Mvhd {
                timescale: MOVIE_HZ,
                rate: 1.into(),
                volume: 1.into(),
                next_track_id: AUDIO_ID + 1,
                ..Mvhd::default()
            },
            mvex: Some(Mvex { mehd: None, trex }),
            trak,
            ..Moov::default()
        };
        let mut bytes = Vec::new();
        ftyp.encode(&mut bytes)?;
        moov.encode(&mut bytes)?;
        let g711 = match tracks.audio {
            Some(AudioFormat::Pcmu) => Some(b"ulaw"),
            Some(AudioFormat::Pcma) => Some(b"alaw"),
            _ => None,
        };
        if let Some(name) = g711 {
            let words = bytes.windows(PCM_STAND_IN.len());
            // Of the sound track, the last one; behind it nothing is but numbers.
            if let Some(at) = words.clone().rposition(|word| word == PCM_STAND_IN)
                && let Some(place) = bytes.get_mut(at..at + name.len())
            {
                place.copy_from_slice(name);
            }
        }
        Ok(bytes)
    }

    /// A `moof` and its `mdat`.
    pub fn fragment(&mut self, fragment: &Fragment) -> Result<Vec<u8>, Error> {
        const MDAT_HEADER_BYTES: usize = 8;
        self.sequence_number = self.sequence_number.wrapping_add(1);
        let tracks = [(VIDEO_ID, &fragment.video), (AUDIO_ID, &fragment.audio)];
        let tracks = tracks.into_iter().filter(|(_, samples)| !samples.is_empty());
        let mut moof = Moof {
            mfhd: Mfhd { sequence_number: self.sequence_number },
            traf: tracks.map(|(id, samples)| track_fragment(id, samples)).collect(),
        };
        // Offsets count from the beginning of a box whose length does not depend on them.
        let mut bytes = Vec::new();
        moof.encode(&mut bytes)?;
        let mut offset = bytes.len() + MDAT_HEADER_BYTES;
        for traf in &mut moof.traf {
            for trun in &mut traf.trun {
                trun.data_offset = Some(i32::try_from(offset).map_err(|_| Error::OutOfBounds)?);
                let sizes = trun.samples.iter().filter_map(|sample| sample.size);
                offset += sizes.map(|size| size as usize).sum::<usize>();
            }
        }
        let mut bytes = Vec::with_capacity(offset);
        moof.encode(&mut bytes)?;
        let size = u32::try_from(MDAT_HEADER_BYTES + fragment.bytes());
        bytes.extend_from_slice(&size.map_err(|_| Error::OutOfBounds)?.to_be_bytes());
        bytes.extend_from_slice(b"mdat");
        for sample in fragment.video.iter().chain(&fragment.audio) {
            bytes.extend_from_slice(&sample.data);
        }
        Ok(bytes)
    }
}

fn track_fragment(track_id: u32, samples: &[Timed]) -> Traf {
    let first = samples.first().map_or(0, |sample| sample.ticks);
    let entry = |sample: &Timed| TrunEntry {
        duration: Some(sample.duration),
        // A picture is bounded far below this.
        size: Some(u32::try_from(sample.data.len()).unwrap_or(u32::MAX)),
        flags: Some(if sample.key { KEY_FLAGS } else { DELTA_FLAGS }),
        cts: None,
    };
    let entries: Vec<TrunEntry> = samples.iter().map(entry).collect();
    Traf {
        tfhd: Tfhd { track_id, default_base_is_moof: true, ..Tfhd::default() },
        tfdt: Some(Tfdt { base_media_decode_time: first }),
        trun: vec![Trun { data_offset: Some(0), samples: entries.into() }],
        ..Traf::default()
    }
}

fn video_track(format: &VideoFormat, rotation: Rotation) -> Trak {
    // Bounded by `SIDE_MAX`.
    let side = |side: u32| u16::try_from(side).unwrap_or(u16::MAX);
    let (width, height) = (side(format.width), side(format.height));
    let visual = Visual {
        data_reference_index: 1,
        width,
        height,
        compressor: "".into(),
        ..Visual::default()
    };
    let codec: Codec = match &format.setup {
        Setup::H264 { sps, pps } => {
            Avc1 { visual, avcc: setup::avcc(sps, pps), ..Avc1::default() }.into()
        }
        Setup::H265(setup) => Hvc1 { visual, hvcc: setup::hvcc(setup), ..Hvc1::default() }.into(),
        Setup::Vp8 => Vp08 { visual, vpcc: setup::vpcc(&format.setup), ..Vp08::default() }.into(),
        Setup::Vp9 { .. } => {
            Vp09 { visual, vpcc: setup::vpcc(&format.setup), ..Vp09::default() }.into()
        }
        Setup::Av1(setup) => Av01 { visual, av1c: setup::av1c(setup), ..Av01::default() }.into(),
    };
    let tkhd = Tkhd {
        track_id: VIDEO_ID,
        enabled: true,
        in_movie: true,
        matrix: matrix(rotation, format),
        width: width.into(),
        height: height.into(),
        ..Tkhd::default()
    };
    let minf = Minf { vmhd: Some(Vmhd::default()), ..media(codec) };
    track(tkhd, VIDEO_HZ, Hdlr { handler: FourCC::new(b"vide"), name: "video".into() }, minf)
}

fn audio_track(format: &AudioFormat) -> Trak {
    let audio = Audio {
        data_reference_index: 1,
        channel_count: u16::from(format.channels()),
        sample_size: 16,
        // More than 16 bits hold stands in the configuration alone.
        sample_rate: u16::try_from(format.sample_hz()).unwrap_or(0).into(),
    };
    let codec: Codec = match format {
        AudioFormat::Opus => {
            let dops = Dops {
                output_channel_count: format.channels(),
                pre_skip: 0,
                input_sample_rate: format.sample_hz(),
                output_gain: 0,
                channel_mapping: None,
            };
            Opus { audio, dops, btrt: None }.into()
        }
        AudioFormat::Aac { config, .. } => {
            Mp4a { audio, esds: elementary_stream(config), btrt: None, taic: None }.into()
        }
        AudioFormat::Pcmu | AudioFormat::Pcma | AudioFormat::G722 => {
            Twos { audio, pcmc: None, chnl: None, btrt: None }.into()
        }
    };
    let tkhd = Tkhd {
        track_id: AUDIO_ID,
        alternate_group: 1,
        enabled: true,
        in_movie: true,
        volume: 1.into(),
        ..Tkhd::default()
    };
    let minf = Minf { smhd: Some(Smhd::default()), ..media(codec) };
    let hdlr = Hdlr { handler: FourCC::new(b"soun"), name: "sound".into() };
    track(tkhd, format.clock_hz(), hdlr, minf)
}

fn elementary_stream(config: &[u8]) -> esds::Esds {
    const AAC: u8 = 0x40;
    const AUDIO_STREAM: u8 = 5;
    let dec_specific =
        esds::DecoderSpecific { profile: 0, freq_index: 0, chan_conf: 0, raw: config.to_vec() };
    let dec_config = esds::DecoderConfig {
        object_type_indication: AAC,
        stream_type: AUDIO_STREAM,
        dec_specific: Some(dec_specific),
        ..esds::DecoderConfig::default()
    };
    let es_desc = esds::EsDescriptor { dec_config, ..esds::EsDescriptor::default() };
    esds::Esds { es_desc }
}

/// A track's tables: empty, but for how its samples are decoded.
fn media(codec: Codec) -> Minf {
    let url = DrefEntry::Url(Url { location: String::new() });
    Minf {
        dinf: Dinf { dref: Dref { entries: vec![url] } },
        stbl: Stbl {
            stsd: Stsd { codecs: vec![codec] },
            stco: Some(Stco::default()),
            ..Stbl::default()
        },
        ..Minf::default()
    }
}

fn track(tkhd: Tkhd, timescale: u32, hdlr: Hdlr, minf: Minf) -> Trak {
    let mdhd = Mdhd { timescale, language: "und".into(), ..Mdhd::default() };
    Trak { tkhd, mdia: Mdia { mdhd, hdlr, minf }, ..Trak::default() }
}

/// Turns pictures clockwise and moves them back to where they begin (ISO 14496-12 section 6.2.2).
fn matrix(rotation: Rotation, format: &VideoFormat) -> Matrix {
    const ONE: i32 = 1 << 16;
    // Only as far as 16.16 goes; wider than that no picture is.
    let fixed = |side: u32| i32::try_from(side << 16).unwrap_or(0);
    let (width, height) = (fixed(format.width), fixed(format.height));
    let (a, b, c, d, x, y) = match rotation {
        Rotation::None => (ONE, 0, 0, ONE, 0, 0),
        Rotation::Quarter => (0, ONE, -ONE, 0, height, 0),
        Rotation::Half => (-ONE, 0, 0, -ONE, width, height),
        Rotation::ThreeQuarters => (0, -ONE, ONE, 0, 0, width),
    };
    Matrix { a, b, u: 0, c, d, v: 0, x, y, w: 1 << 30 }
}
