//! A recording that is told to write nothing for a while.

use crosspoint::engine::codec::VideoCodec;
use crosspoint::record::State;
use crosspoint::record::format::{AudioFormat, Rotation};

use super::disk::Studio;
use super::media::{film, sound};

const H264: VideoCodec = VideoCodec::H264;

#[test]
fn nothing_of_a_pause_is_written_and_what_follows_begins_with_a_key_picture() {
    let mut studio = Studio::new(|_| {});
    let opus = sound(&AudioFormat::Opus);
    let films = [(H264, film(H264))];
    let is_turned = Rotation::of_degrees(90);
    studio.recorder.handle_rotation(studio.start, is_turned);
    let paused = studio.play(studio.start, &films, Some((&AudioFormat::Opus, &opus)));
    studio.recorder.pause(paused);
    studio.pump();
    assert_eq!(studio.recorder.state(), State::Paused);
    let resumed = studio.play(paused, &films, Some((&AudioFormat::Opus, &opus)));
    assert_eq!((studio.files.len(), studio.lines("closed").len()), (1, 1));
    let asked = studio.key_requests;
    studio.recorder.resume(resumed);
    studio.pump();
    assert_eq!((studio.recorder.state(), studio.key_requests), (State::Waiting, asked + 1));
    // One that refers to others comes first.
    studio.picture(H264, &films[0].1[1], resumed);
    assert_eq!(studio.files.len(), 1);
    let end = studio.play(resumed, &films, Some((&AudioFormat::Opus, &opus)));
    studio.stop(end);
    assert_eq!(studio.reasons(), ["start", "resume"]);
    let closed = studio.lines("closed");
    assert_eq!([&closed[0]["reason"], &closed[1]["reason"]], ["pause", "stop"]);
    assert_eq!(closed[0]["frames"], closed[1]["frames"]);
    assert_eq!(closed[1]["gaps"], 0);
    let opened = studio.lines("opened");
    assert_eq!(opened[1]["video"]["rotation"], 90, "it was not turned back");
}
