//! An hour in a few seconds.

use std::time::Duration;

use crosspoint::engine::codec::VideoCodec;
use crosspoint::record::format::AudioFormat;

use super::disk::Studio;
use super::media::{FPS, film, frame, sound, time};

const SECONDS: u32 = 3600;

#[test]
fn an_hour_is_recorded_in_bounded_memory_without_drift() {
    let mut studio = Studio::new(|options| {
        options.segments.max_duration = Some(Duration::from_secs(600));
    });
    studio.keeps = false;
    let (film, opus) = (film(VideoCodec::H264), sound(&AudioFormat::Opus));
    let mut most_held = 0;
    let mut packets = 0u64;
    for number in 0..SECONDS * FPS {
        let at = time(studio.start, number);
        // The microphone's clock is 100 ppm slow.
        let heard = |packets: u64| Duration::from_micros(packets * 20_002);
        while studio.start + heard(packets) <= at {
            let packet = &opus[packets as usize % opus.len()];
            studio.sound(&AudioFormat::Opus, packet, studio.start + heard(packets));
            packets += 1;
        }
        let picture = &film[number as usize % film.len()];
        studio.recorder.handle_frame(at, &frame(VideoCodec::H264, picture, at));
        studio.pump();
        most_held = most_held.max(studio.recorder.held_bytes());
    }
    studio.stop(time(studio.start, SECONDS * FPS));
    assert_eq!(studio.files.len(), 6, "{:?}", studio.reasons());
    let totals = studio.recorder.totals();
    assert_eq!((totals.counts.frames, totals.dropped), (u64::from(SECONDS * FPS), 0));
    // 100 ppm are 360 ms in an hour: eight times the jitter that is no gap.
    assert!(totals.counts.gaps <= 9, "{} gaps", totals.counts.gaps);
    assert!(most_held < 200_000, "{most_held} bytes held");
    let syncs: usize = studio.files.iter().map(|file| file.syncs).sum();
    assert!((340..=360).contains(&syncs), "{syncs} syncs");
    for line in studio.lines("closed") {
        // The last packet of sound may reach over the edge.
        let ms = line["duration_ms"].as_u64().unwrap();
        assert!((600_000..600_020).contains(&ms), "{ms}");
    }
}
