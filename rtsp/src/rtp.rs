//! RTP packets as received (RFC 3550 5.1), and what their sequence numbers say (A.1, A.3, A.8).

use std::fmt;
use std::time::Instant;

use rtp_rs::RtpReader;

use crate::limits::{MAX_MISORDER, MAX_SEQUENCE_JUMP};

/// A well-formed RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp, in units of the format's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Payload, without padding; may be empty.
    pub payload: &'a [u8],
}

/// The bytes are no RTP packet: wrong version, or a header that promises more than there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotRtp;

impl fmt::Display for NotRtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an RTP packet")
    }
}

impl std::error::Error for NotRtp {}

impl<'a> Packet<'a> {
    /// Reads a packet. Version, CSRC list, extension and padding have to fit into it.
    ///
    /// # Errors
    /// If they do not.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NotRtp> {
        let reader = RtpReader::new(bytes).map_err(|_| NotRtp)?;
        Ok(Self {
            payload_type: reader.payload_type(),
            marker: reader.mark(),
            sequence: reader.sequence_number().into(),
            timestamp: reader.timestamp(),
            ssrc: reader.ssrc(),
            payload: reader.payload(),
        })
    }
}

/// Whether bytes on an RTP channel are RTCP: packet types 200 to 207 look like the payload types
/// 72 to 79 with the marker set (RFC 5761 4).
#[must_use]
pub fn is_rtcp(bytes: &[u8]) -> bool {
    matches!(bytes, [first, 200..=207, ..] if first >> 6 == 2)
}

/// What the sequence number of a packet says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The packet goes on where the stream was, after `lost` missing ones.
    Next {
        /// Packets missing before it.
        lost: u16,
    },
    /// The sender counts anew: how much is missing is unknown.
    Restarted,
    /// Late, twice, or out of range: not to be used.
    Discard,
}

/// Reception of one synchronisation source: its sequence numbers, and the figures of reports.
#[derive(Clone, Debug)]
pub struct Reception {
    /// Packets can not overtake each other on the way (TCP).
    ordered: bool,
    /// Extended highest sequence number: cycles in the upper bits.
    highest: u64,
    /// Extended sequence number the count of expected packets starts from.
    base: u64,
    received: u64,
    /// Where the next packet would be if the sender had restarted its count.
    candidate: Option<u16>,
    /// Figures at the time of the previous report.
    reported: (u64, u64),
    /// Interarrival jitter in units of 1/16 (RFC 3550 A.8).
    jitter: u32,
    transit: Option<u32>,
    epoch: Instant,
}

/// Reception figures for a report block (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Loss since the previous report in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning, clamped to 24 bits, signed.
    pub cumulative_lost: i32,
    /// Extended highest sequence number.
    pub highest_sequence: u32,
    /// Interarrival jitter in units of the format's clock.
    pub jitter: u32,
}

impl Reception {
    /// Starts with the first packet of a source, which counts as received. `ordered` says that
    /// packets can not overtake each other.
    #[must_use]
    pub fn new(now: Instant, sequence: u16, ordered: bool) -> Self {
        let first = (1 << 16) | u64::from(sequence);
        Self {
            ordered,
            highest: first,
            base: first,
            received: 1,
            candidate: None,
            reported: (0, 0),
            jitter: 0,
            transit: None,
            epoch: now,
        }
    }

    /// Takes the sequence number of a further packet.
    pub fn receive(&mut self, sequence: u16) -> Arrival {
        let ahead = sequence.wrapping_sub(self.highest_u16());
        let behind = self.highest_u16().wrapping_sub(sequence);
        if (1..=MAX_SEQUENCE_JUMP).contains(&ahead) {
            self.highest += u64::from(ahead);
            self.received += 1;
            self.candidate = None;
            return Arrival::Next { lost: ahead - 1 };
        }
        if ahead == 0 {
            return Arrival::Discard;
        }
        // RFC 3550 A.1: two packets in a row at the new place mean that the sender restarted.
        let expected = self.candidate.replace(sequence.wrapping_add(1));
        if expected == Some(sequence) && (self.ordered || behind > MAX_MISORDER) {
            self.candidate = None;
            self.highest = ((self.highest | 0xffff) + 1) | u64::from(sequence);
            self.base = self.highest;
            self.received = 1;
            self.reported = (0, 0);
            return Arrival::Restarted;
        }
        Arrival::Discard
    }

    /// Counts a packet that was late, and is of use to the caller all the same.
    pub fn count_late(&mut self) {
        self.received += 1;
    }

    fn highest_u16(&self) -> u16 {
        let [.., high, low] = self.highest.to_be_bytes();
        u16::from_be_bytes([high, low])
    }

    /// Takes the arrival time of a packet for the jitter. `clock_rate_hz` is that of its format.
    pub fn arrived(&mut self, now: Instant, timestamp: u32, clock_rate_hz: u32) {
        let elapsed = now.saturating_duration_since(self.epoch);
        let units = elapsed.as_micros() * u128::from(clock_rate_hz) / 1_000_000;
        let transit = truncate(units).wrapping_sub(timestamp);
        if let Some(previous) = self.transit.replace(transit) {
            let difference = transit.wrapping_sub(previous).cast_signed().unsigned_abs();
            // A jump of the camera's clock is no jitter.
            if difference < clock_rate_hz {
                let less = (self.jitter + 8) >> 4;
                self.jitter = self.jitter.saturating_add(difference).saturating_sub(less);
            }
        }
    }

    /// Figures for the next report; the fraction starts anew.
    pub fn report(&mut self) -> Figures {
        let expected = self.highest - self.base + 1;
        let lost = expected.cast_signed() - self.received.cast_signed();
        let (expected_before, received_before) = self.reported;
        let interval = expected.saturating_sub(expected_before);
        let got = self.received.saturating_sub(received_before);
        self.reported = (expected, self.received);
        let missing = interval.saturating_sub(got);
        let fraction = (missing << 8).checked_div(interval).unwrap_or(0);
        let clamped = lost.clamp(-0x80_0000, 0x7f_ffff);
        Figures {
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            cumulative_lost: i32::try_from(clamped).unwrap_or(0),
            highest_sequence: truncate(u128::from(self.highest)),
            jitter: self.jitter >> 4,
        }
    }
}

/// The low 32 bits: RTP clocks and counters wrap.
#[expect(clippy::cast_possible_truncation, reason = "RTP arithmetic is modular")]
fn truncate(value: u128) -> u32 {
    value as u32
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn reception(first: u16, ordered: bool) -> Reception {
        Reception::new(Instant::now(), first, ordered)
    }

    #[test]
    fn headers_that_promise_more_than_there_is_are_no_packets() {
        let header = |first: u8| [first, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3].to_vec();
        let plain = header(0x80);
        assert_eq!(Packet::parse(&plain).map(|p| (p.sequence, p.ssrc)), Ok((1, 3)));
        for first in [0x00, 0x40, 0xc0, 0x81, 0x90, 0xa0] {
            assert_eq!(Packet::parse(&header(first)), Err(NotRtp), "{first:#x}");
        }
        for padding in [0_u8, 3, 255] {
            let mut padded = header(0xa0);
            padded.extend([7, padding]);
            assert_eq!(Packet::parse(&padded), Err(NotRtp), "padding {padding}");
        }
        let mut padded = header(0xa0);
        padded.extend([7, 0, 2]);
        assert_eq!(Packet::parse(&padded).map(|p| p.payload), Ok(&[7_u8][..]));
        assert_eq!(Packet::parse(&plain[..11]), Err(NotRtp));
    }

    #[test]
    fn rtcp_is_told_from_rtp_by_its_second_byte() {
        assert!(is_rtcp(&[0x80, 200]) && is_rtcp(&[0x81, 206, 0]));
        assert!(!is_rtcp(&[0x80, 96]) && !is_rtcp(&[0x40, 200]) && !is_rtcp(&[0x80]));
    }

    #[test]
    fn gaps_are_counted_across_the_wrap() {
        let mut stream = reception(65_534, true);
        assert_eq!(stream.receive(65_535), Arrival::Next { lost: 0 });
        assert_eq!(stream.receive(2), Arrival::Next { lost: 2 });
        let figures = stream.report();
        assert_eq!(figures.cumulative_lost, 2);
        assert_eq!(figures.highest_sequence, (2 << 16) | 2);
        // 2 of 5, in 1/256.
        assert_eq!(figures.fraction_lost, 102);
        assert_eq!(stream.receive(3), Arrival::Next { lost: 0 });
        assert_eq!(stream.report().fraction_lost, 0);
    }

    #[test]
    fn late_and_repeated_packets_are_not_used() {
        let mut stream = reception(100, false);
        assert_eq!(stream.receive(102), Arrival::Next { lost: 1 });
        assert_eq!(stream.receive(101), Arrival::Discard);
        assert_eq!(stream.receive(102), Arrival::Discard);
        assert_eq!(stream.receive(103), Arrival::Next { lost: 0 });
        for _ in 0..100 {
            assert_eq!(stream.receive(103), Arrival::Discard);
        }
    }

    #[test]
    fn what_was_only_late_is_not_lost() {
        let mut stream = reception(100, false);
        assert_eq!(stream.receive(102), Arrival::Next { lost: 1 });
        assert_eq!(stream.receive(101), Arrival::Discard);
        stream.count_late();
        let figures = stream.report();
        assert_eq!((figures.cumulative_lost, figures.fraction_lost), (0, 0));
    }

    #[test]
    fn a_sender_that_counts_anew_is_followed_at_its_second_packet() {
        for (before, after) in [(40_000, 0), (0, 32_768), (10, 60_000)] {
            for ordered in [true, false] {
                let mut stream = reception(before, ordered);
                assert_eq!(stream.receive(after), Arrival::Discard);
                assert_eq!(stream.receive(after + 1), Arrival::Restarted);
                assert_eq!(stream.receive(after + 2), Arrival::Next { lost: 0 });
            }
        }
    }

    #[test]
    fn a_short_step_back_is_a_restart_only_where_packets_keep_their_order() {
        let step_back = |ordered| {
            let mut stream = reception(50, ordered);
            stream.receive(0);
            stream.receive(1)
        };
        assert_eq!(step_back(true), Arrival::Restarted);
        assert_eq!(step_back(false), Arrival::Discard);
    }

    #[test]
    fn numbers_that_only_fall_are_never_followed() {
        let mut stream = reception(10, true);
        for step in 1..60_000_u16 {
            let sequence = 10_u16.wrapping_sub(step);
            assert_eq!(stream.receive(sequence), Arrival::Discard, "{sequence}");
        }
    }

    #[test]
    fn even_arrival_has_no_jitter_and_uneven_arrival_has() {
        let start = Instant::now();
        let mut even = Reception::new(start, 0, true);
        let mut uneven = Reception::new(start, 0, true);
        for n in 0..50_u32 {
            let at = start + Duration::from_millis(40) * n;
            even.arrived(at, n * 3600, 90_000);
            uneven.arrived(at + Duration::from_millis(u64::from(n % 2) * 10), n * 3600, 90_000);
        }
        assert_eq!(even.report().jitter, 0);
        let jitter = uneven.report().jitter;
        assert!((700..=900).contains(&jitter), "{jitter}");
    }

    #[test]
    fn a_jump_of_the_cameras_clock_is_no_jitter() {
        let start = Instant::now();
        let mut stream = Reception::new(start, 0, true);
        stream.arrived(start, 0, 90_000);
        stream.arrived(start + Duration::from_millis(40), 0x8000_0000, 90_000);
        assert_eq!(stream.report().jitter, 0);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Packet::parse(&bytes);
            let mut versioned = bytes;
            if let Some(first) = versioned.first_mut() {
                *first = 0x80 | (*first & 0x3f);
            }
            let _ = Packet::parse(&versioned);
        }

        #[test]
        fn no_sequence_panics(
            numbers in proptest::collection::vec(any::<u16>(), 1..200),
            ordered: bool,
        ) {
            let now = Instant::now();
            let mut stream = Reception::new(now, 0, ordered);
            for number in numbers {
                stream.receive(number);
                stream.arrived(now, u32::from(number) << 16, 90_000);
                stream.report();
            }
        }
    }
}
