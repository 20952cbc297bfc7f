//! What a player finds in a file, of every codec in every container that takes it.

use crosspoint::engine::codec::VideoCodec;
use crosspoint::record::container::Container;
use crosspoint::record::format::{AudioFormat, Rotation};
use crosspoint::record::sample::Sampler;

use super::boxes::{self, at, elements, samples};
use super::disk::{Studio, keep};
use super::media::{VIDEO, film, frame, sound, sounds, time};

const CONTAINERS: [Container; 3] = [Container::Mp4, Container::WebM, Container::Matroska];

/// Two films behind each other, with sound.
fn recorded(container: Container, video: VideoCodec, audio: Option<&AudioFormat>) -> Studio {
    let mut studio = Studio::in_container(container);
    let packets = audio.map(sound).unwrap_or_default();
    let sound = audio.map(|format| (format, packets.as_slice()));
    let films = [(video, film(video)), (video, film(video))];
    let end = studio.play(studio.start, &films, sound);
    studio.stop(end);
    studio
}

#[test]
fn every_sample_is_found_where_and_when_it_belongs() {
    for container in CONTAINERS {
        for video in VIDEO {
            let audios: Vec<_> = sounds().into_iter().map(Some).chain([None]).collect();
            for audio in audios {
                let studio = recorded(container, video, audio.as_ref());
                check(&studio, container, video, audio.as_ref());
            }
        }
    }
}

fn check(studio: &Studio, wished: Container, video: VideoCodec, audio: Option<&AudioFormat>) {
    assert_eq!(studio.files.len(), 1);
    let (file, bytes) = (&studio.files[0], studio.files[0].bytes());
    let case = format!("{video} {audio:?} {}", file.name);
    let is_made_for_it = file.name.ends_with(wished.extension());
    let is_webm_codec = matches!(video, VideoCodec::Vp8 | VideoCodec::Vp9 | VideoCodec::Av1);
    let is_opus = matches!(audio, None | Some(AudioFormat::Opus));
    assert_eq!(
        is_made_for_it,
        match wished {
            Container::Mp4 => audio != Some(&AudioFormat::G722),
            Container::WebM => is_webm_codec && is_opus,
            Container::Matroska => true,
        },
        "{case}"
    );
    let sound_name = audio.map_or("silent", AudioFormat::name);
    if is_made_for_it {
        keep(&format!("{video}-{sound_name}.{}", wished.extension()), &bytes);
    }
    let found = samples(&file.name, &bytes);
    let is_mp4 = file.name.ends_with(".mp4");
    let mut sampler = Sampler::default();
    let pictures = &found[&1];
    assert_eq!(pictures.len(), 60, "{case}");
    let films = film(video).into_iter().chain(film(video));
    for (number, (seen, picture)) in pictures.iter().zip(films).enumerate() {
        let sample = sampler.sample(&frame(video, &picture, studio.start)).unwrap();
        assert!(seen.data == sample.data && seen.key == picture.key, "{case}: {number}");
        let taken_at = time(studio.start, number as u32) - studio.start;
        let hz = if is_mp4 { 90_000 } else { 1_000 };
        let expected = taken_at.as_nanos() * hz / 1_000_000_000;
        assert!(u128::from(seen.at).abs_diff(expected) <= 1, "{case}: {number}");
    }
    let Some(format) = audio else {
        return assert_eq!(found.len(), 1);
    };
    let packets = sound(format);
    let heard = &found[&2];
    let ticks_of_all: u64 = heard.len() as u64 * u64::from(packets[0].1);
    let seconds = ticks_of_all as f64 / f64::from(format.clock_hz());
    assert!((3.9..4.1).contains(&seconds), "{case}: {seconds} s of sound");
    for (number, (seen, packet)) in heard.iter().zip(packets.iter().cycle()).enumerate() {
        assert!(seen.data == packet.0, "{case}: packet {number}");
        let ticks = number as u64 * u64::from(packet.1);
        let expected = if is_mp4 { ticks } else { ticks * 1000 / u64::from(format.clock_hz()) };
        assert_eq!(seen.at, expected, "{case}: packet {number}");
    }
}

#[test]
fn a_file_that_is_cut_anywhere_has_all_of_its_whole_fragments() {
    for container in CONTAINERS {
        let video = if container == Container::Mp4 { VideoCodec::H264 } else { VideoCodec::Vp8 };
        let studio = recorded(container, video, Some(&AudioFormat::Opus));
        let (file, bytes) = (&studio.files[0], studio.files[0].bytes());
        assert!(file.writes.len() >= 5, "{} writes in four seconds", file.writes.len());
        let mut whole = file.writes[0].len();
        for write in &file.writes[1..] {
            let before = samples(&file.name, &bytes[..whole]);
            for cut in (whole..whole + write.len()).step_by(97) {
                let found = samples(&file.name, &bytes[..cut]);
                for (track, seen) in &before {
                    assert!(found[track].starts_with(seen), "cut at {cut}");
                }
            }
            whole += write.len();
        }
        assert_eq!(whole, bytes.len());
    }
}

#[test]
fn a_killed_process_loses_a_second_at_most() {
    let studio = recorded(Container::Mp4, VideoCodec::H264, None);
    let file = &studio.files[0];
    for writes in 2..=file.writes.len() {
        let found = boxes::mp4(&file.writes[..writes].concat());
        let last = found[&1].last().unwrap();
        assert!(last.at + last.duration >= (writes as u64 - 1) * 45_000);
        assert!(file.writes[writes - 1].len() < 1 << 20);
    }
}

#[test]
fn a_first_picture_that_no_other_follows_is_written_with_its_sound() {
    for container in CONTAINERS {
        let is_mp4 = container == Container::Mp4;
        let codec = if is_mp4 { VideoCodec::H264 } else { VideoCodec::Vp8 };
        let mut studio = Studio::in_container(container);
        let (opus, film) = (sound(&AudioFormat::Opus), film(codec));
        let play = |studio: &mut Studio, from_ms: u64, to_ms: u64| {
            for number in from_ms / 20..to_ms / 20 {
                let packet = &opus[number as usize % opus.len()];
                studio.sound(&AudioFormat::Opus, packet, studio.moment(number * 20));
            }
        };
        studio.sound(&AudioFormat::Opus, &opus[0], studio.start);
        studio.picture(codec, &film[0], studio.start);
        play(&mut studio, 20, 3000);
        // Killed here, it plays: decoders tell the form of pictures by a picture.
        let file = &studio.files[0];
        let found = samples(&file.name, &file.bytes());
        assert_eq!(found.get(&1).map_or(0, Vec::len), 1, "{}", file.name);
        assert!(found[&2].len() >= 50);
        keep(&format!("lone-picture.{}", container.extension()), &file.bytes());
        // The others take their own places, none of them twice.
        play(&mut studio, 3000, 3500);
        for number in 1..20 {
            let at = time(studio.moment(3500), number);
            studio.picture(codec, &film[number as usize], at);
        }
        studio.stop(studio.moment(5000));
        let file = &studio.files[0];
        let found = &samples(&file.name, &file.bytes())[&1];
        assert_eq!(found.len(), 20);
        let second_ms = if is_mp4 { found[1].at / 90 } else { found[1].at };
        assert_eq!(second_ms, 3566);
    }
}

#[test]
fn sound_alone_is_recorded_alone() {
    for format in sounds() {
        let mut studio = Studio::new(|_| {});
        let packets = sound(&format);
        let step = u64::from(packets[0].1) * 1000 / u64::from(format.clock_hz());
        for number in 0..8000 / step {
            let packet = &packets[number as usize % packets.len()];
            studio.sound(&format, packet, studio.moment(number * step));
            studio.wait(studio.moment(number * step));
        }
        studio.stop(studio.moment(8000));
        assert_eq!(studio.files.len(), 1, "{format:?}");
        let file = &studio.files[0];
        let extension = match format {
            AudioFormat::Opus => "webm",
            AudioFormat::Aac { .. } => "mp4",
            _ => "mkv",
        };
        assert!(file.name.ends_with(extension), "{}", file.name);
        keep(&format!("sound-{}.{extension}", format.name()), &file.bytes());
        let heard = &samples(&file.name, &file.bytes())[&2];
        // Three seconds pass until it is plain that there are no pictures.
        assert!(heard.len() as u64 >= 4800 / step, "{format:?}: {}", heard.len());
    }
}

#[test]
fn a_turned_picture_is_said_to_be_turned() {
    for (container, rotation) in [
        (Container::Mp4, Rotation::Quarter),
        (Container::Mp4, Rotation::Half),
        (Container::Mp4, Rotation::ThreeQuarters),
        (Container::Matroska, Rotation::Quarter),
    ] {
        let mut studio = Studio::in_container(container);
        studio.recorder.handle_rotation(studio.start, rotation);
        let end = studio.play(studio.start, &[(VideoCodec::H264, film(VideoCodec::H264))], None);
        studio.stop(end);
        let bytes = studio.files[0].bytes();
        let name = format!("turned-{}.{}", rotation.degrees(), container.extension());
        keep(&name, &bytes);
        if container == Container::Mp4 {
            let tkhd = at(&bytes, &["moov", "trak", "tkhd"]);
            let matrix = &tkhd[tkhd.len() - 44..tkhd.len() - 8];
            let upright = &matrix[..4] == [0, 1, 0, 0].as_slice();
            assert!(!upright, "{name}");
        } else {
            let all = elements(&bytes);
            let tracks = elements(all[1].1).into_iter().find(|(id, _)| *id == 0x1654AE6B);
            let entry = elements(tracks.unwrap().1)[0].1.to_vec();
            let video = elements(&entry).into_iter().find(|(id, _)| *id == 0xE0).unwrap().1;
            assert!(elements(video).iter().any(|(id, _)| *id == 0x7670));
        }
        assert_eq!(studio.lines("opened")[0]["video"]["rotation"], rotation.degrees());
    }
}

#[test]
fn pictures_of_one_moment_are_a_millisecond_apart() {
    for container in CONTAINERS {
        let mut studio = Studio::in_container(container);
        let (at, end) = (studio.moment(100), studio.moment(300));
        for picture in &film(VideoCodec::Vp8)[..5] {
            studio.picture(VideoCodec::Vp8, picture, at);
        }
        studio.stop(end);
        let file = &studio.files[0];
        let found = samples(&file.name, &file.bytes());
        let unit = if file.name.ends_with(".mp4") { 90 } else { 1 };
        let times: Vec<u64> = found[&1].iter().map(|sample| sample.at / unit).collect();
        assert_eq!(times, [0, 1, 2, 3, 4], "{}", file.name);
    }
}
