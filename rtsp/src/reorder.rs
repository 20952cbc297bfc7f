//! Reordering of RTP packets that came by UDP.
//!
//! A packet waits for those before it, at most [`REORDER_MS`], and at most [`REORDER_PACKETS`]
//! wait. What is missing then is lost: packets leave in order, with gaps.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::limits::{MAX_SEQUENCE_JUMP, REORDER_MS, REORDER_PACKETS};

/// The packets that wait.
#[derive(Debug, Default)]
pub struct Reorder {
    /// By extended sequence number.
    waiting: BTreeMap<u64, (Instant, Vec<u8>)>,
    /// Extended sequence number of the next packet to leave; none before the first.
    next: Option<u64>,
}

impl Reorder {
    /// Nothing waits; the first packet sets the beginning.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a packet. Late ones go through at once: what they mean is not decided here.
    pub fn push(&mut self, now: Instant, sequence: u16, packet: &[u8]) -> Option<Vec<u8>> {
        let start = (1 << 16) | u64::from(sequence);
        let next = *self.next.get_or_insert(start);
        let [.., high, low] = next.to_be_bytes();
        let ahead = sequence.wrapping_sub(u16::from_be_bytes([high, low]));
        if ahead > MAX_SEQUENCE_JUMP {
            return Some(packet.to_vec());
        }
        let number = next + u64::from(ahead);
        self.waiting.entry(number).or_insert_with(|| (now, packet.to_vec()));
        None
    }

    /// The next packet that may leave. Call until none.
    pub fn pop(&mut self, now: Instant) -> Option<Vec<u8>> {
        let (&first, _) = self.waiting.first_key_value()?;
        let in_order = self.next == Some(first);
        let full = self.waiting.len() > REORDER_PACKETS;
        let waited = || self.poll_timeout().is_some_and(|deadline| deadline <= now);
        if !in_order && !full && !waited() {
            return None;
        }
        self.next = Some(first + 1);
        self.waiting.pop_first().map(|(_, (_, packet))| packet)
    }

    /// When [`pop`](Self::pop) may have something although nothing came.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.values().map(|(at, _)| *at + WINDOW).min()
    }

    /// A new source counts from elsewhere: forgets the place in the sequence. Call when nothing
    /// may wait any more; what waits is dropped.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// The sender counts from elsewhere, and the packet of that number is on its way already: only
    /// those that follow it are waited for. What waits in the old order is of no use.
    pub fn restart(&mut self, now: Instant, sequence: u16) {
        self.reset();
        self.push(now, sequence, &[]);
        self.pop(now);
    }
}

const WINDOW: Duration = Duration::from_millis(REORDER_MS);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn push_all(window: &mut Reorder, now: Instant, numbers: &[u16]) -> Vec<u16> {
        let mut out = Vec::new();
        for number in numbers {
            out.extend(window.push(now, *number, &number.to_be_bytes()));
            out.extend(std::iter::from_fn(|| window.pop(now)));
        }
        numbers_of(out)
    }

    fn numbers_of(packets: Vec<Vec<u8>>) -> Vec<u16> {
        packets.iter().map(|packet| u16::from_be_bytes([packet[0], packet[1]])).collect()
    }

    #[test]
    fn packets_in_order_do_not_wait() {
        let now = Instant::now();
        let mut window = Reorder::new();
        assert_eq!(push_all(&mut window, now, &[65_534, 65_535, 0, 1]), [65_534, 65_535, 0, 1]);
        assert_eq!(window.poll_timeout(), None);
    }

    #[test]
    fn packets_that_overtook_wait_for_the_others() {
        let now = Instant::now();
        let mut window = Reorder::new();
        assert_eq!(push_all(&mut window, now, &[0, 3, 2]), [0]);
        assert_eq!(push_all(&mut window, now, &[1]), [1, 2, 3]);
    }

    #[test]
    fn a_missing_packet_is_given_up_when_its_time_is_over() {
        let now = Instant::now();
        let mut window = Reorder::new();
        push_all(&mut window, now, &[0, 2, 3]);
        let deadline = window.poll_timeout().unwrap();
        assert_eq!(deadline, now + WINDOW);
        assert_eq!(window.pop(deadline - Duration::from_millis(1)), None);
        let mut out = vec![window.pop(deadline).unwrap()];
        out.extend(window.pop(deadline));
        assert_eq!(numbers_of(out), [2, 3]);
    }

    #[test]
    fn no_more_than_the_cap_wait() {
        let now = Instant::now();
        let mut window = Reorder::new();
        let numbers: Vec<u16> = (0..200).filter(|n| *n != 1).collect();
        let out = push_all(&mut window, now, &numbers);
        assert_eq!(out, numbers);
        let mut window = Reorder::new();
        push_all(&mut window, now, &[0]);
        let holes: Vec<u16> = (1..1000).map(|n| n * 2).collect();
        push_all(&mut window, now, &holes);
        assert!(window.waiting.len() <= REORDER_PACKETS);
    }

    #[test]
    fn late_and_far_packets_are_passed_on_and_repeated_ones_come_once() {
        let now = Instant::now();
        let mut window = Reorder::new();
        assert_eq!(push_all(&mut window, now, &[10, 12, 12]), [10]);
        assert_eq!(push_all(&mut window, now, &[5, 40_000]), [5, 40_000]);
        assert_eq!(push_all(&mut window, now, &[11]), [11, 12]);
    }

    proptest! {
        #[test]
        fn blocks_turned_around_come_out_in_order(block in 1_usize..=64, start: u16) {
            let now = Instant::now();
            let mut window = Reorder::new();
            let number = |n: usize| start.wrapping_add(u16::try_from(n).unwrap());
            let mut sent = vec![number(0)];
            let all: Vec<u16> = (1..=256).map(number).collect();
            for part in all.chunks(block) {
                sent.extend(part.iter().rev());
            }
            let mut expected = vec![number(0)];
            expected.extend(all);
            prop_assert_eq!(push_all(&mut window, now, &sent), expected);
        }
    }
}
