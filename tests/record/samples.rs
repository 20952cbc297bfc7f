//! From RTP payloads to what a file holds of a picture.

use std::sync::Arc;
use std::time::Instant;

use crosspoint::engine::codec::VideoCodec;
use crosspoint::engine::frame::Frame;
use crosspoint::record::format::VideoFormat;
use crosspoint::record::sample::{SampleError, Sampler};
use proptest::prelude::*;

use super::media::{HEIGHT, Picture, VIDEO, WIDTH, film, frame, turned_film};

/// What a file is to hold of a picture, made in another way.
fn expected(codec: VideoCodec, picture: &Picture) -> Vec<u8> {
    let is_kept = |unit: &&Vec<u8>| match codec {
        VideoCodec::H264 => !matches!(unit[0] & 31, 7 | 8 | 9 | 12),
        _ => !matches!(unit[0] >> 1 & 63, 32..=35 | 38),
    };
    match codec {
        VideoCodec::H264 | VideoCodec::H265 => {
            let units = picture.units.iter().filter(is_kept);
            units
                .flat_map(|unit| [&(unit.len() as u32).to_be_bytes(), &unit[..]].concat())
                .collect()
        }
        // Without the temporal delimiter.
        VideoCodec::Av1 => picture.units[0][2..].to_vec(),
        VideoCodec::Vp8 | VideoCodec::Vp9 => picture.units[0].clone(),
    }
}

#[test]
fn each_codecs_pictures_come_out_as_they_went_in() {
    for codec in VIDEO {
        let mut sampler = Sampler::default();
        let film = film(codec);
        assert_eq!((film.len(), film.iter().filter(|one| one.key).count()), (30, 2), "{codec}");
        for (number, picture) in film.iter().enumerate() {
            let sample = sampler.sample(&frame(codec, picture, Instant::now())).unwrap();
            assert!(sample.data == expected(codec, picture), "{codec} {number}");
            assert_eq!(sample.format.is_some(), picture.key);
            if let Some(VideoFormat { width, height, .. }) = sample.format {
                assert_eq!((width, height), (WIDTH, HEIGHT), "{codec}");
            }
        }
    }
}

#[test]
fn a_turned_film_has_another_format() {
    let picture = turned_film().remove(0);
    let sample = Sampler::default().sample(&frame(VideoCodec::H264, &picture, Instant::now()));
    let format = sample.unwrap().format.unwrap();
    assert_eq!((format.width, format.height), (HEIGHT, WIDTH));
}

fn of(codec: VideoCodec, key: bool, payloads: &[&[u8]]) -> Arc<Frame> {
    let payloads = payloads.iter().map(|payload| Arc::from(*payload)).collect();
    Arc::new(Frame::new(codec, key, false, Instant::now(), payloads))
}

#[test]
fn later_key_pictures_may_leave_their_parameter_sets_out() {
    let film = film(VideoCodec::H264);
    let mut sampler = Sampler::default();
    let first = sampler.sample(&frame(VideoCodec::H264, &film[0], Instant::now())).unwrap();
    let bare = of(VideoCodec::H264, true, &[film[0].units.last().unwrap()]);
    assert_eq!(sampler.sample(&bare).unwrap().format, first.format);
    assert_eq!(Sampler::default().sample(&bare), Err(SampleError::NoFormat));
}

#[test]
fn parameter_sets_that_a_file_does_not_have_stay_in_the_picture() {
    let film = film(VideoCodec::H264);
    let mut sampler = Sampler::default();
    sampler.sample(&frame(VideoCodec::H264, &film[0], Instant::now())).unwrap();
    let known = film[0].units.iter().find(|unit| unit[0] & 31 == 8).unwrap();
    let delta: &[u8] = &[0x41, 0x9a, 1];
    let sample = sampler.sample(&of(VideoCodec::H264, false, &[known, delta])).unwrap();
    assert_eq!(sample.data, [0, 0, 0, 3, 0x41, 0x9a, 1]);
    let other: &[u8] = &[0x68, 1];
    let sample = sampler.sample(&of(VideoCodec::H264, false, &[other, delta])).unwrap();
    assert_eq!(sample.data, [0, 0, 0, 2, 0x68, 1, 0, 0, 0, 3, 0x41, 0x9a, 1]);
}

#[test]
fn layers_of_vp9_become_a_superframe() {
    let key = &film(VideoCodec::Vp9)[0].units[0];
    let payloads = [[&[0x0c][..], key].concat(), vec![0x4c, 9, 9, 9]];
    let sample = Sampler::default()
        .sample(&of(VideoCodec::Vp9, true, &[&payloads[0], &payloads[1]]))
        .unwrap();
    let index = [&[0xd9][..], &(key.len() as u32).to_le_bytes(), &[3, 0, 0, 0, 0xd9]].concat();
    assert!(sample.data == [key, &[9, 9, 9][..], &index].concat());
}

#[test]
fn a_picture_with_a_missing_packet_is_refused() {
    for codec in [VideoCodec::H264, VideoCodec::H265, VideoCodec::Av1] {
        let whole = frame(codec, &film(codec)[0], Instant::now());
        let last = whole.payloads.len() - 1;
        assert!(last > 3);
        for missing in [last, last - 2] {
            let payloads = (0..=last).filter(|index| *index != missing);
            let payloads = payloads.filter_map(|index| whole.payloads.get(index)).collect();
            let broken = Frame::new(codec, true, false, Instant::now(), payloads);
            // Between fragments nothing but the sequence numbers tells, which are checked before.
            let is_told = missing == last;
            assert_eq!(Sampler::default().sample(&broken).is_err(), is_told, "{codec}");
        }
    }
}

proptest! {
    #[test]
    fn no_payload_breaks_anything(
        codec in prop::sample::select(VIDEO.to_vec()),
        key: bool,
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
    ) {
        let payloads: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        drop(Sampler::default().sample(&of(codec, key, &payloads)));
    }

    #[test]
    fn no_change_of_a_real_picture_breaks_anything(
        codec in prop::sample::select(VIDEO.to_vec()),
        changes in prop::collection::vec((0..4usize, 0..60usize, any::<u8>()), 1..5),
        cut in 0..60usize,
    ) {
        let whole = frame(codec, &film(codec)[0], Instant::now());
        let mut payloads: Vec<Vec<u8>> =
            whole.payloads.iter().map(|payload| payload.to_vec()).collect();
        for (packet, at, value) in changes {
            if let Some(place) = payloads.get_mut(packet).and_then(|bytes| bytes.get_mut(at)) {
                *place = value;
            }
        }
        payloads[0].truncate(cut);
        let payloads: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        drop(Sampler::default().sample(&of(codec, true, &payloads)));
    }
}
