//! Which synchronisation source a track listens to (RFC 3550 8).
//!
//! Cameras change theirs without notice, and some still send an old session's packets. Neither
//! may end the session: a new source replaces the old one at once, and the one it replaced has to
//! insist to come back. A source the camera announced has a better claim than others.

use std::time::{Duration, Instant};

use crate::limits::{FOREIGN_SSRC_RUN, FOREIGN_SSRC_SILENCE_MS};
use crate::rtp::{Arrival, Packet, Reception};

/// The source listened to and the claims of others.
#[derive(Debug)]
pub(super) struct Sources {
    /// Packets keep their order on the way (TCP).
    ordered: bool,
    /// Announced by the reply to SETUP; wrong as often as not.
    announced: Option<u32>,
    present: Option<Source>,
    /// The source that was replaced last.
    retired: Option<u32>,
    /// Packets of others since the last one of the present source.
    foreign_run: u32,
}

const SILENCE: Duration = Duration::from_millis(FOREIGN_SSRC_SILENCE_MS);

/// One source.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) ssrc: u32,
    pub(super) reception: Reception,
    heard_at: Instant,
}

/// What a packet is to its track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The first packet ever.
    First,
    /// The first packet of a source that replaces another.
    Replaced,
    /// A packet of the present source.
    Present(Arrival),
    /// A packet of a source that is not listened to.
    Foreign,
}

impl Sources {
    pub(super) fn new(ordered: bool, announced: Option<u32>) -> Self {
        // Cameras announce 0 when they mean nothing by it.
        let announced = announced.filter(|ssrc| *ssrc != 0);
        Self { ordered, announced, present: None, retired: None, foreign_run: 0 }
    }

    pub(super) fn present(&mut self) -> Option<&mut Source> {
        self.present.as_mut()
    }

    pub(super) fn ssrc(&self) -> Option<u32> {
        self.present.as_ref().map(|source| source.ssrc)
    }

    pub(super) fn receive(&mut self, now: Instant, packet: &Packet<'_>) -> Verdict {
        let Some(present) = &mut self.present else {
            self.present = Some(self.begin(now, packet));
            return Verdict::First;
        };
        if present.ssrc == packet.ssrc {
            present.heard_at = now;
            self.foreign_run = 0;
            return Verdict::Present(present.reception.receive(packet.sequence));
        }
        let before = present.ssrc;
        let silent = now.saturating_duration_since(present.heard_at) >= SILENCE;
        self.foreign_run += 1;
        let doubtful = self.retired == Some(packet.ssrc) || self.announced == Some(before);
        let claimed = self.announced == Some(packet.ssrc);
        let insists = self.foreign_run >= FOREIGN_SSRC_RUN && silent;
        if doubtful && !claimed && !insists {
            return Verdict::Foreign;
        }
        self.retired = Some(before);
        self.foreign_run = 0;
        self.present = Some(self.begin(now, packet));
        Verdict::Replaced
    }

    fn begin(&self, now: Instant, packet: &Packet<'_>) -> Source {
        let reception = Reception::new(now, packet.sequence, self.ordered);
        Source { ssrc: packet.ssrc, reception, heard_at: now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(ssrc: u32, sequence: u16) -> Packet<'static> {
        Packet { payload_type: 96, marker: false, sequence, timestamp: 0, ssrc, payload: &[] }
    }

    /// Which of these packets are heard, 40 ms apart.
    fn listened(sources: &mut Sources, ssrcs: &[u32]) -> Vec<u32> {
        let mut now = Instant::now();
        let mut heard = Vec::new();
        for (sequence, ssrc) in (0..).zip(ssrcs) {
            now += Duration::from_millis(40);
            if sources.receive(now, &packet(*ssrc, sequence)) != Verdict::Foreign {
                heard.push(*ssrc);
            }
        }
        heard
    }

    const NEXT: Verdict = Verdict::Present(Arrival::Next { lost: 0 });

    #[test]
    fn a_new_source_replaces_the_old_one_with_its_first_packet() {
        let now = Instant::now();
        let mut sources = Sources::new(true, None);
        assert_eq!(sources.receive(now, &packet(1, 5)), Verdict::First);
        assert_eq!(sources.receive(now, &packet(1, 6)), NEXT);
        assert_eq!(sources.receive(now, &packet(2, 900)), Verdict::Replaced);
        assert_eq!(sources.receive(now, &packet(2, 901)), NEXT);
    }

    #[test]
    fn leftovers_of_the_replaced_source_are_not_heard_while_the_new_one_sends() {
        let mut sources = Sources::new(true, None);
        let mut sent = vec![1];
        sent.extend([2, 1].repeat(100));
        let heard = listened(&mut sources, &sent);
        assert!(heard[1..].iter().all(|ssrc| *ssrc == 2), "{heard:?}");
    }

    #[test]
    fn a_burst_of_the_replaced_source_is_not_heard_either() {
        let now = Instant::now();
        let mut sources = Sources::new(true, None);
        for ssrc in [1, 2] {
            sources.receive(now, &packet(ssrc, 1));
        }
        for sequence in 0..1000 {
            assert_eq!(sources.receive(now, &packet(1, sequence)), Verdict::Foreign);
        }
        assert_eq!(sources.receive(now, &packet(2, 2)), NEXT);
    }

    #[test]
    fn a_source_comes_back_when_it_was_replaced_by_a_single_stray_packet() {
        let mut sources = Sources::new(true, None);
        let mut sent = vec![1, 2];
        sent.extend([1; 20]);
        assert_eq!(listened(&mut sources, &sent).last(), Some(&1));
        assert_eq!(sources.ssrc(), Some(1));
    }

    #[test]
    fn the_announced_source_wins_whenever_it_comes() {
        let mut sources = Sources::new(true, Some(7));
        assert_eq!(listened(&mut sources, &[1, 7, 1, 7, 2, 7]), [1, 7, 7, 7]);
    }

    #[test]
    fn a_wrong_announcement_costs_nothing() {
        for announced in [None, Some(0), Some(99)] {
            let mut sources = Sources::new(true, announced);
            assert_eq!(listened(&mut sources, &[1, 1, 2, 2]), [1, 1, 2, 2]);
        }
    }
}
