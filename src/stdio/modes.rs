//! Which streams are recorded, as the commands have it: a stream may be told of before it is
//! there, and comes back to what it was told.

use std::collections::BTreeMap;

use super::limits::MODES_MAX;

/// What is done with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// It is recorded, where it is known how.
    #[default]
    On,
    /// Its file has ended; it stays connected, and nothing of it is written.
    Paused,
    /// It is not recorded.
    Off,
}

/// Of all streams.
#[derive(Debug, Default)]
pub struct Modes {
    otherwise: Mode,
    named: BTreeMap<String, (Mode, Option<String>)>,
}

impl Modes {
    /// What is done with a stream.
    #[must_use]
    pub fn of(&self, stream: &str) -> Mode {
        self.named.get(stream).map_or(self.otherwise, |(mode, _)| *mode)
    }

    /// What is done with streams of which nothing was said.
    #[must_use]
    pub fn otherwise(&self) -> Mode {
        self.otherwise
    }

    /// The path that it was begun with, if one was given.
    #[must_use]
    pub fn path(&self, stream: &str) -> Option<&str> {
        self.named.get(stream)?.1.as_deref()
    }

    /// Streams of which something was said.
    pub fn named(&self) -> impl Iterator<Item = (&str, Mode, Option<&str>)> {
        self.named.iter().map(|(name, (mode, path))| (name.as_str(), *mode, path.as_deref()))
    }

    /// One stream is treated so from here on. False where too many are remembered.
    pub fn set(&mut self, stream: &str, mode: Mode, path: Option<String>) -> bool {
        if self.named.len() >= MODES_MAX && !self.named.contains_key(stream) {
            return false;
        }
        let path = path.or_else(|| self.path(stream).map(str::to_owned));
        self.named.insert(stream.to_owned(), (mode, path));
        true
    }

    /// All are treated so from here on, but for those that are stopped where that is not to
    /// change (`keeps_off`).
    pub fn set_all(&mut self, mode: Mode, keeps_off: bool) {
        let all = self.named.values_mut().map(|(mode, _)| mode);
        for changed in all.chain([&mut self.otherwise]) {
            if *changed != Mode::Off || !keeps_off {
                *changed = mode;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_all_counts_for_those_that_come_later() {
        let mut modes = Modes::default();
        assert_eq!(modes.of("a"), Mode::On);
        assert!(modes.set("a", Mode::Off, None));
        modes.set_all(Mode::Paused, true);
        assert_eq!((modes.of("a"), modes.of("later")), (Mode::Off, Mode::Paused));
        modes.set_all(Mode::On, false);
        assert_eq!((modes.of("a"), modes.of("later")), (Mode::On, Mode::On));
    }

    #[test]
    fn a_path_is_kept_and_names_are_bounded() {
        let mut modes = Modes::default();
        assert!(modes.set("a", Mode::On, Some("/rec/a".to_owned())));
        assert!(modes.set("a", Mode::Paused, None));
        assert_eq!(modes.path("a"), Some("/rec/a"));
        let taken = (0..2 * MODES_MAX).filter(|n| modes.set(&n.to_string(), Mode::Off, None));
        assert_eq!(taken.count(), MODES_MAX - 1);
        assert!(modes.set("a", Mode::Off, None));
    }
}
