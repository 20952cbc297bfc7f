//! What happens in a world: chosen by chance, of a kind that the seed decides.

use std::time::Duration;

use super::ms;
use super::network::Weather;
use super::prng::Prng;

/// What kind of trouble a seed brings. Cameras falter in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Character {
    /// Nothing is lost on the way to the viewers: pictures must come in time.
    Calm,
    /// Datagrams are lost, repeated and overtaken.
    Lossy,
    /// A viewer is cut off for 9 s.
    Outage,
    /// A viewer goes without a goodbye.
    Vanish,
}

impl Character {
    pub fn of(seed: u64) -> Self {
        match seed % 4 {
            0 => Self::Calm,
            1 => Self::Lossy,
            2 => Self::Outage,
            _ => Self::Vanish,
        }
    }

    pub fn weather(self, prng: &mut Prng) -> Weather {
        let (loss_per_mille, repeat_per_mille) = match self {
            Self::Calm => (0, 5),
            Self::Lossy => (prng.below(40), prng.below(20)),
            Self::Outage | Self::Vanish => (prng.below(10), 5),
        };
        // Not longer than a hundred packets take: str0m forgets what is missing by more.
        let jitter = prng.ms(0, if self == Self::Calm { 3 } else { 8 });
        Weather { delay: prng.ms(1, 60), jitter, loss_per_mille, repeat_per_mille }
    }

    /// By how much a promised picture may be late beyond the network's own delay.
    pub fn slack(self) -> Duration {
        if self == Self::Calm { ms(60) } else { ms(1_500) }
    }
}

#[derive(Debug, Clone, Copy)]
pub enum Act {
    Join,
    Leave,
    Switch,
    SwitchTwice,
    SwitchAll,
    Pause,
    Resume,
    Keyframe,
    /// A decoder gives up for a reason of its own.
    Complain,
    LosePictures,
    BreakCamera,
    ResizeCamera,
    ChangeWeather,
}

/// What happens next.
pub fn draw(prng: &mut Prng) -> Act {
    match prng.below(100) {
        0..46 => Act::Switch,
        46..51 => Act::SwitchTwice,
        51..58 => Act::SwitchAll,
        58..64 => Act::Pause,
        64..72 => Act::Resume,
        72..75 => Act::Keyframe,
        75..82 => Act::Complain,
        82..86 => Act::LosePictures,
        86..89 => Act::BreakCamera,
        89..92 => Act::ResizeCamera,
        92..95 => Act::ChangeWeather,
        95..98 => Act::Join,
        _ => Act::Leave,
    }
}
