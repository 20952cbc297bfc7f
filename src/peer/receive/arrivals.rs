//! When packets came, told to who sent them, who finds a bitrate by it: transport-wide feedback
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::window::Window;
use crate::limits;

/// Between the first packet that is told of and its telling.
const INTERVAL: Duration = Duration::from_millis(50);
/// Of a difference between two arrivals.
const TICK_MICROS: u128 = 250;
/// Ticks of the reference time.
const REFERENCE_TICKS: i64 = 256;
/// What one message spans at most: a jump of the numbers is another beginning.
const SPAN_MAX: u64 = 0x7fff;

/// Arrivals of one connection's packets, whatever stream they are of.
#[derive(Debug)]
pub struct Arrivals {
    epoch: Instant,
    numbers: Option<Window>,
    /// In ticks since the epoch, of those that were not told of.
    untold: BTreeMap<u64, i64>,
    /// The first that was never told of.
    next: u64,
    due_at: Option<Instant>,
    messages: u8,
}

impl Arrivals {
    pub fn new(epoch: Instant) -> Self {
        let untold = BTreeMap::new();
        Self { epoch, numbers: None, untold, next: 0, due_at: None, messages: 0 }
    }

    /// A packet of this number came.
    pub fn handle(&mut self, arrived_at: Instant, number: u16) {
        let (number, is_new) = match &mut self.numbers {
            None => {
                self.numbers = Some(Window::new(number));
                self.next = number.into();
                (number.into(), true)
            }
            Some(window) => {
                let Some(number) = window.number(number) else { return };
                let is_new = window.is_new(number);
                window.insert(number);
                (number, is_new)
            }
        };
        if !is_new {
            return;
        }
        let ticks = arrived_at.saturating_duration_since(self.epoch).as_micros() / TICK_MICROS;
        self.untold.insert(number, i64::try_from(ticks).unwrap_or(i64::MAX));
        let is_full = self.untold.len() >= limits::ARRIVALS_MAX;
        let due_at = self.due_at.get_or_insert(arrived_at + INTERVAL);
        if is_full {
            *due_at = arrived_at;
        }
    }

    /// When [`Arrivals::poll`] has something.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due_at
    }

    /// Appends what is to be told now.
    pub fn poll(&mut self, now: Instant, ssrc: u32, media_ssrc: u32, compound: &mut Vec<u8>) {
        if self.due_at.is_none_or(|due| due > now) {
            return;
        }
        self.due_at = None;
        let untold = std::mem::take(&mut self.untold);
        let Some((&first, _)) = untold.first_key_value() else { return };
        let Some((&last, _)) = untold.last_key_value() else { return };
        // What is missing between two messages is told of as well, where it is no new beginning.
        let base =
            if last - self.next.min(first) < SPAN_MAX { self.next.min(first) } else { first };
        let end = last.min(base + SPAN_MAX - 1);
        self.next = last + 1;
        push_feedback(compound, (ssrc, media_ssrc), self.messages, base..=end, &untold);
        self.messages = self.messages.wrapping_add(1);
    }
}

/// How a packet fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Missing = 0,
    /// Soon behind the one before: its difference takes a byte.
    Soon = 1,
    /// Later, or before it: two bytes.
    Apart = 2,
}

fn push_feedback(
    compound: &mut Vec<u8>,
    (ssrc, media_ssrc): (u32, u32),
    count: u8,
    numbers: std::ops::RangeInclusive<u64>,
    arrivals: &BTreeMap<u64, i64>,
) {
    const TRANSPORT_WIDE: u8 = 0x80 | 15;
    const HEADER_BYTES: usize = 4;
    let first = arrivals.range(numbers.clone()).next().map_or(0, |(_, ticks)| *ticks);
    let reference = first.div_euclid(REFERENCE_TICKS);
    let mut before = reference * REFERENCE_TICKS;
    let mut differences = Vec::new();
    let status = |number| {
        let Some(ticks) = arrivals.get(&number) else { return Status::Missing };
        let difference = ticks - std::mem::replace(&mut before, *ticks);
        match u8::try_from(difference) {
            Ok(byte) => {
                differences.push(byte);
                Status::Soon
            }
            Err(_) => {
                // Eight seconds at most, of what is told ten times a second.
                let difference = difference.clamp(i16::MIN.into(), i16::MAX.into());
                differences.extend(i16::try_from(difference).unwrap_or(0).to_be_bytes());
                Status::Apart
            }
        }
    };
    let [.., base_high, base_low] = numbers.start().to_be_bytes();
    let statuses: Vec<Status> = numbers.map(status).collect();
    // At most `SPAN_MAX`.
    let [count_high, count_low] = u16::try_from(statuses.len()).unwrap_or(0).to_be_bytes();
    let [.., r0, r1, r2] = reference.to_be_bytes();
    let start = compound.len();
    compound.extend([TRANSPORT_WIDE, rtsp::rtcp::TRANSPORT_FEEDBACK, 0, 0]);
    compound.extend(ssrc.to_be_bytes());
    compound.extend(media_ssrc.to_be_bytes());
    compound.extend([base_high, base_low, count_high, count_low, r0, r1, r2, count]);
    let mut rest = statuses.as_slice();
    while !rest.is_empty() {
        let (chunk, length) = chunk(rest);
        compound.extend(chunk.to_be_bytes());
        rest = rest.get(length..).unwrap_or_default();
    }
    compound.extend(differences);
    while !(compound.len() - start).is_multiple_of(HEADER_BYTES) {
        compound.push(0);
    }
    // Bounded by `ARRIVALS_MAX` and `SPAN_MAX`.
    let words = u16::try_from((compound.len() - start) / HEADER_BYTES - 1).unwrap_or(0);
    if let Some(place) = compound.get_mut(start + 2..start + 4) {
        place.copy_from_slice(&words.to_be_bytes());
    }
}

/// The next statuses as one chunk, and how many they are.
fn chunk(statuses: &[Status]) -> (u16, usize) {
    const RUN_MAX: usize = 0x1fff;
    const BITS: usize = 14;
    const PAIRS: usize = 7;
    const IS_VECTOR: u16 = 1 << 15;
    const OF_PAIRS: u16 = 1 << 14;
    let Some(first) = statuses.first() else { return (0, 0) };
    let run = statuses.iter().take(RUN_MAX).take_while(|status| *status == first).count();
    if run >= BITS || run == statuses.len() {
        // At most `RUN_MAX`.
        return ((*first as u16) << 13 | u16::try_from(run).unwrap_or(0), run);
    }
    let bits = statuses.iter().take(BITS);
    let is_of_bits = bits.clone().all(|status| *status != Status::Apart);
    let (size, width, kind) = if is_of_bits { (BITS, 1, 0) } else { (PAIRS, 2, OF_PAIRS) };
    let symbols = statuses.iter().take(size);
    let length = symbols.len();
    let packed = symbols.fold(0, |packed, status| packed << width | *status as u16);
    (IS_VECTOR | kind | packed << (width * (size - length)), length)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use str0m::rtp::rtcp::Twcc;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// What somebody else reads in it: of each number whether it came, and when.
    fn read(epoch: Instant, compound: &[u8]) -> Vec<(u64, Option<Duration>)> {
        let words = usize::from(u16::from_be_bytes([compound[2], compound[3]]));
        assert_eq!(compound.len(), 4 * (words + 1));
        let feedback = Twcc::try_from(&compound[4..]).unwrap();
        // Extended from what is not too far away.
        let from = u64::from(feedback.base_seq) + 0x1_0000;
        let packets = feedback.into_iter(epoch, from.into());
        packets.map(|(number, _, at)| (*number - 0x1_0000, at.map(|at| at - epoch))).collect()
    }

    #[test]
    fn what_came_is_told_once_in_a_while_and_what_did_not_between_two_messages_too() {
        let epoch = Instant::now();
        let mut arrivals = Arrivals::new(epoch);
        let told = |arrivals: &mut Arrivals, now| {
            let mut compound = Vec::new();
            arrivals.poll(now, 1, 2, &mut compound);
            compound
        };
        assert_eq!(arrivals.poll_timeout(), None);
        arrivals.handle(epoch + MS, 7);
        arrivals.handle(epoch + 3 * MS, 9);
        arrivals.handle(epoch + 3 * MS, 9);
        assert_eq!(arrivals.poll_timeout(), Some(epoch + MS + INTERVAL));
        assert!(told(&mut arrivals, epoch + 4 * MS).is_empty());
        let message = told(&mut arrivals, epoch + 101 * MS);
        assert_eq!(read(epoch, &message), [(7, Some(MS)), (8, None), (9, Some(3 * MS))]);
        assert_eq!(message[..2], [0x8f, 205]);
        assert_eq!(arrivals.poll_timeout(), None);
        // One that was late, and one behind another that is missing.
        arrivals.handle(epoch + 110 * MS, 11);
        arrivals.handle(epoch + 120 * MS, 8);
        let message = told(&mut arrivals, epoch + 300 * MS);
        let expected = [(8, Some(120 * MS)), (9, None), (10, None), (11, Some(110 * MS))];
        assert_eq!(read(epoch, &message), expected);
        arrivals.handle(epoch + 310 * MS, 13);
        let message = told(&mut arrivals, epoch + 500 * MS);
        assert_eq!(read(epoch, &message), [(12, None), (13, Some(310 * MS))]);
        assert_eq!(message[19], 2, "messages are counted");
    }

    #[test]
    fn a_burst_is_told_of_before_it_fills_a_datagram() {
        let epoch = Instant::now();
        let mut arrivals = Arrivals::new(epoch);
        for number in 0..u16::try_from(limits::ARRIVALS_MAX).unwrap() {
            assert!(arrivals.poll_timeout().is_none_or(|at| at > epoch + 40 * MS));
            // The worst there is: each apart from the one before.
            arrivals.handle(epoch + 70 * MS * u32::from(number % 2), number);
        }
        let mut compound = Vec::new();
        arrivals.poll(epoch + 70 * MS, 1, 2, &mut compound);
        assert!(compound.len() < 1000, "{}", compound.len());
        assert_eq!(read(epoch, &compound).len(), limits::ARRIVALS_MAX);
    }

    proptest! {
        #[test]
        fn others_read_what_came(
            first in 0_u64..0x1_0000,
            packets in proptest::collection::vec((1_u64..20, 0_u64..200_000), 1..100),
        ) {
            let epoch = Instant::now();
            let mut arrivals = Arrivals::new(epoch);
            let mut expected = BTreeMap::new();
            let (mut number, mut at) = (first, Duration::ZERO);
            for (step, micros) in packets {
                // Some near each other, some far, some at the same time.
                at += Duration::from_micros(if micros < 100_000 { micros / 10 } else { micros });
                let [.., high, low] = number.to_be_bytes();
                arrivals.handle(epoch + at, u16::from_be_bytes([high, low]));
                expected.insert(number, at);
                number += if step < 15 { 1 } else { step * step };
            }
            let mut compound = Vec::new();
            arrivals.poll(epoch + at + INTERVAL, 1, 2, &mut compound);
            let read = read(epoch, &compound);
            prop_assert_eq!(read[0].0, first);
            prop_assert_eq!(read.len() as u64, expected.last_key_value().unwrap().0 - first + 1);
            for (number, told) in read {
                let came = expected.get(&number);
                prop_assert_eq!(told.is_some(), came.is_some());
                let off = came.zip(told).map_or(Duration::ZERO, |(came, told)| came.abs_diff(told));
                prop_assert!(off < Duration::from_micros(250), "{:?}", off);
            }
        }
    }
}
