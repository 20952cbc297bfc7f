//! Lines that wait to be read. What nobody reads must not grow: statistics are left out first,
//! and beyond a bound there is nobody to talk to any more.

use std::collections::VecDeque;

use super::limits::{UNREAD_MAX_BYTES, UNREAD_STATS_MAX_BYTES};

/// Lines that wait, in their order.
#[derive(Debug, Default)]
pub struct Outbox {
    lines: VecDeque<(Weight, Vec<u8>)>,
    /// How much of the first line was taken.
    taken: usize,
    /// Of all lines.
    bytes: usize,
}

/// Whether a line may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Statistics: others follow.
    Light,
    /// Everything else.
    Heavy,
}

/// More waits than may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Outbox {
    /// Adds a line; its end is added here.
    ///
    /// # Errors
    /// When so much waits that it makes no sense to go on.
    pub fn push(&mut self, weight: Weight, line: String) -> Result<(), Full> {
        let mut line = line.into_bytes();
        line.push(b'\n');
        if weight == Weight::Light && self.bytes + line.len() > UNREAD_STATS_MAX_BYTES {
            return Ok(());
        }
        if self.bytes + line.len() > UNREAD_MAX_BYTES {
            self.leave_out();
        }
        if self.bytes + line.len() > UNREAD_MAX_BYTES {
            return Err(Full);
        }
        self.bytes += line.len();
        self.lines.push_back((weight, line));
        Ok(())
    }

    /// Drops the statistics that wait, but for one that was begun.
    fn leave_out(&mut self) {
        let begun = usize::from(self.taken > 0);
        let mut at = 0;
        self.lines.retain(|(weight, _)| {
            at += 1;
            *weight == Weight::Heavy || at <= begun
        });
        self.bytes = self.lines.iter().map(|(_, line)| line.len()).sum();
    }

    /// What is next; empty where nothing waits.
    #[must_use]
    pub fn front(&self) -> &[u8] {
        let front = self.lines.front().and_then(|(_, line)| line.get(self.taken..));
        front.unwrap_or_default()
    }

    /// So many bytes of [`Outbox::front`] were taken.
    pub fn advance(&mut self, count: usize) {
        self.taken += count;
        if self.lines.front().is_some_and(|(_, line)| self.taken >= line.len())
            && let Some((_, line)) = self.lines.pop_front()
        {
            self.bytes -= line.len();
            self.taken = 0;
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(outbox: &mut Outbox, most: usize) -> String {
        let mut text = Vec::new();
        while !outbox.front().is_empty() {
            let front = outbox.front();
            let some = front[..front.len().min(most)].to_vec();
            outbox.advance(some.len());
            text.extend(some);
        }
        assert_eq!(outbox.bytes, 0);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn lines_come_out_as_they_went_in_however_little_is_taken() {
        let mut outbox = Outbox::default();
        for line in ["one", "two", "three"] {
            outbox.push(Weight::Heavy, line.to_owned()).unwrap();
        }
        assert_eq!(drain(&mut outbox, 2), "one\ntwo\nthree\n");
    }

    #[test]
    fn statistics_are_left_out_first_and_then_it_is_over() {
        let mut outbox = Outbox::default();
        let stats = "s".repeat(1000);
        for _ in 0..10_000 {
            outbox.push(Weight::Light, stats.clone()).unwrap();
        }
        assert!(outbox.bytes <= UNREAD_STATS_MAX_BYTES);
        outbox.advance(1); // this one has begun, and is not cut
        let event = "e".repeat(1000);
        let mut heavy = 0;
        while outbox.push(Weight::Heavy, event.clone()).is_ok() {
            heavy += 1;
        }
        assert!(outbox.bytes <= UNREAD_MAX_BYTES);
        assert!(heavy * 1001 > UNREAD_MAX_BYTES - 3 * 1001, "the statistics made room");
        let text = drain(&mut outbox, 4096);
        let first = text.lines().next().unwrap();
        assert_eq!(first.len(), 999);
        assert!(text.lines().skip(1).all(|line| line == event));
    }
}
