//! The built-in cameras: small clips that play in a loop, by the clock on the wall.
//!
//! Picture n of a clip is due whenever `floor(unix time × 25 / s) mod 250` becomes n, and n
//! stands in the picture's bar code: whoever sees a picture can tell how old it is. The clips
//! are made by `clips/make.py`.

use std::time::Duration;

use rtsp::h264::split_access_units;

/// Pictures a second of every clip.
pub const FRAMES_PER_SECOND: u64 = 25;

/// One built-in camera.
#[derive(Debug, Clone, Copy)]
pub struct Clip {
    /// The stream's name, also the path on the built-in RTSP server.
    pub name: &'static str,
    /// H.264 byte stream (H.264 annex B).
    pub bytes: &'static [u8],
}

/// The cameras, in the order of the page: GOPs of 2, 1, 4, 2, 10 and 10 s.
pub const CLIPS: &[Clip] = &[
    Clip { name: "harbour", bytes: include_bytes!("clips/harbour.h264") },
    Clip { name: "street", bytes: include_bytes!("clips/street.h264") },
    Clip { name: "workshop", bytes: include_bytes!("clips/workshop.h264") },
    Clip { name: "garden", bytes: include_bytes!("clips/garden.h264") },
    Clip { name: "dock", bytes: include_bytes!("clips/dock.h264") },
    Clip { name: "sky", bytes: include_bytes!("clips/sky.h264") },
    Clip { name: "harbour-360p", bytes: include_bytes!("clips/harbour-360p.h264") },
    Clip { name: "workshop-360p", bytes: include_bytes!("clips/workshop-360p.h264") },
    Clip { name: "garden-360p", bytes: include_bytes!("clips/garden-360p.h264") },
];

/// A clip cut into access units.
#[derive(Debug)]
pub struct Pictures {
    units: Vec<Vec<&'static [u8]>>,
}

impl Clip {
    /// Cuts the clip.
    #[must_use]
    pub fn pictures(&self) -> Pictures {
        Pictures { units: split_access_units(self.bytes) }
    }
}

impl Pictures {
    /// The NAL units of the picture with this running number; the clip repeats.
    #[must_use]
    pub fn at(&self, number: u64) -> &[&'static [u8]] {
        let count = u64::try_from(self.units.len()).unwrap_or(u64::MAX).max(1);
        let index = usize::try_from(number % count).unwrap_or_default();
        self.units.get(index).map(Vec::as_slice).unwrap_or_default()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }
}

/// The running number of the picture that is due at this time since 1970.
#[must_use]
pub fn number_at(unix: Duration) -> u64 {
    let frames = unix.as_micros() * u128::from(FRAMES_PER_SECOND) / 1_000_000;
    u64::try_from(frames).unwrap_or(u64::MAX)
}

/// When, since 1970, the picture with this running number is due.
#[must_use]
pub fn due_at(number: u64) -> Duration {
    let micros = (u128::from(number) * 1_000_000).div_ceil(u128::from(FRAMES_PER_SECOND));
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clip_has_ten_seconds_of_pictures_and_starts_with_an_idr() {
        for clip in CLIPS {
            let pictures = clip.pictures();
            assert_eq!(pictures.len(), 250, "{}", clip.name);
            let types: Vec<u8> = pictures.at(250).iter().map(|nal| nal[0] & 31).collect();
            assert!(types.contains(&7) && types.contains(&8) && types.contains(&5), "{types:?}");
        }
    }

    #[test]
    fn a_picture_is_due_when_its_number_comes_up() {
        for number in [0, 1, 7, 43_000_000_123] {
            let due = due_at(number);
            assert_eq!(number_at(due), number);
            assert_eq!(
                number_at(due - Duration::from_micros(1).min(due)),
                number.saturating_sub(1)
            );
        }
    }
}
