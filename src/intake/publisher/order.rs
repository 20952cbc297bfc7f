//! A track's packets in order. One that is missing is waited for, since it is asked for again
//! (RFC 4585 section 6.2.1), but not for long.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::limits::{LATE_PACKETS_MAX, SEQUENCE_JUMP_MAX, WAITING_PACKETS_MAX};
use super::packet::Packet;

/// The packets of one track that wait for others.
#[derive(Debug)]
pub(super) struct Order {
    patience: Duration,
    waiting: BTreeMap<u64, Packet>,
    /// The number that is awaited; none before the first packet.
    next: Option<u64>,
    /// Packets in a row from before that.
    late: u32,
    /// Something was given up that the next packet does not know of.
    has_lost: bool,
    lost: u64,
}

impl Order {
    pub(super) fn new(patience: Duration) -> Self {
        let waiting = BTreeMap::new();
        Self { patience, waiting, next: None, late: 0, has_lost: false, lost: 0 }
    }

    /// Takes a packet.
    pub(super) fn push(&mut self, packet: Packet) {
        let number = packet.sequence_number;
        let next = *self.next.get_or_insert(number);
        if number < next {
            self.late += 1;
            if self.late < LATE_PACKETS_MAX {
                return;
            }
        }
        if number < next || number > next.saturating_add(SEQUENCE_JUMP_MAX) {
            self.has_lost = true;
            self.waiting.clear();
            self.next = Some(number);
        }
        self.late = 0;
        self.waiting.insert(number, packet);
    }

    /// The next packet in order, and whether some before it are missing. Until none.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Packet, bool)> {
        let (&first, _) = self.waiting.first_key_value()?;
        let next = self.next?;
        if first != next {
            let is_full = self.waiting.len() > WAITING_PACKETS_MAX;
            if !is_full && self.poll_timeout().is_none_or(|deadline| now < deadline) {
                return None;
            }
            self.lost += first.saturating_sub(next);
            self.has_lost = true;
        }
        let (_, packet) = self.waiting.pop_first()?;
        self.next = Some(first.saturating_add(1));
        Some((packet, std::mem::take(&mut self.has_lost)))
    }

    /// When the patience with what is missing ends.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.values().map(|packet| packet.received_at).min().map(|at| at + self.patience)
    }

    /// Packets that were given up.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::codec::VideoCodec;
    use crate::intake::publisher::packet::Codec;

    const PATIENCE: Duration = Duration::from_millis(100);

    fn packet(sequence_number: u64, received_at: Instant) -> Packet {
        Packet {
            codec: Codec::Video(VideoCodec::Vp8),
            ssrc: 1,
            sequence_number,
            timestamp: 0,
            marker: false,
            rotation_degrees: None,
            received_at,
            payload: [].into(),
        }
    }

    fn popped(order: &mut Order, now: Instant) -> Vec<(u64, bool)> {
        let all = std::iter::from_fn(|| order.pop(now));
        all.map(|(packet, lost)| (packet.sequence_number, lost)).collect()
    }

    #[test]
    fn a_missing_packet_is_waited_for_and_then_given_up() {
        let start = Instant::now();
        let mut order = Order::new(PATIENCE);
        for number in [7, 9, 10] {
            order.push(packet(number, start));
        }
        assert_eq!(popped(&mut order, start), [(7, false)]);
        order.push(packet(8, start));
        order.push(packet(12, start));
        assert_eq!(popped(&mut order, start), [(8, false), (9, false), (10, false)]);
        assert_eq!(order.poll_timeout(), Some(start + PATIENCE));
        assert_eq!(popped(&mut order, start + PATIENCE), [(12, true)]);
        order.push(packet(11, start + PATIENCE));
        assert_eq!(popped(&mut order, start + PATIENCE), []);
        assert_eq!((order.lost(), order.poll_timeout()), (1, None));
    }

    #[test]
    fn a_jump_is_a_new_beginning_in_both_directions() {
        let now = Instant::now();
        let mut order = Order::new(PATIENCE);
        order.push(packet(5_000, now));
        assert_eq!(popped(&mut order, now), [(5_000, false)]);
        order.push(packet(50_000, now));
        assert_eq!(popped(&mut order, now), [(50_000, true)]);
        let back = (0..100).flat_map(|number| {
            order.push(packet(number, now));
            popped(&mut order, now)
        });
        let back: Vec<_> = back.collect();
        assert_eq!(back.len(), 37, "{back:?}");
        assert_eq!(back.first(), Some(&(63, true)));
    }

    #[test]
    fn what_waits_is_bounded() {
        let now = Instant::now();
        let mut order = Order::new(PATIENCE);
        order.push(packet(0, now));
        for number in 2..3_000 {
            order.push(packet(number, now));
            popped(&mut order, now);
            assert!(order.waiting.len() <= WAITING_PACKETS_MAX);
        }
    }
}
