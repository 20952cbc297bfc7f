//! The RTP stream of a session: numbering, framing and sender reports.

use std::time::Instant;

use super::PAYLOAD_TYPE;
use super::limits::REPORT_INTERVAL;
use crate::random::Random;
use crate::rtcp::{self, SenderReport};

/// RTP ticks in a second (RFC 6184 8.1).
const CLOCK_HZ: u128 = 90_000;
/// RTP header without extension or sources (RFC 3550 5.1).
const HEADER_BYTES: usize = 12;

#[derive(Debug)]
pub(super) struct Media {
    ssrc: u32,
    sequence: u16,
    packets: u32,
    bytes: u32,
    /// When the last packet was written and its timestamp.
    last: Option<(Instant, u32)>,
    next_report: Option<Instant>,
    /// Wall clock as NTP timestamp, and when it was that.
    epoch: (Instant, u64),
}

impl Media {
    pub(super) fn new(now: Instant, ntp: u64, random: &mut Random) -> Self {
        let [a, b, ..] = random.next_u32().to_be_bytes();
        Self {
            ssrc: random.next_u32(),
            sequence: u16::from_be_bytes([a, b]),
            packets: 0,
            bytes: 0,
            last: None,
            next_report: None,
            epoch: (now, ntp),
        }
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Sequence number of the next packet.
    pub(super) fn sequence(&self) -> u16 {
        self.sequence
    }

    pub(super) fn next_report(&self) -> Option<Instant> {
        self.next_report
    }

    /// The interleaved frame (RFC 2326 10.12) of an RTP packet; `None` if it would be too long.
    pub(super) fn packet(
        &mut self,
        now: Instant,
        channel: u8,
        payload: &[u8],
        timestamp: u32,
        marker: bool,
    ) -> Option<Vec<u8>> {
        let length = u16::try_from(HEADER_BYTES + payload.len()).ok()?;
        let mut frame = Vec::with_capacity(4 + usize::from(length));
        frame.extend([b'$', channel]);
        frame.extend(length.to_be_bytes());
        frame.extend([0x80, PAYLOAD_TYPE | if marker { 0x80 } else { 0 }]);
        frame.extend(self.sequence.to_be_bytes());
        frame.extend(timestamp.to_be_bytes());
        frame.extend(self.ssrc.to_be_bytes());
        frame.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        let bytes = u32::from(length) - 12;
        self.bytes = self.bytes.wrapping_add(bytes);
        self.last = Some((now, timestamp));
        // The first report follows at once: readers wait for the clock.
        self.next_report.get_or_insert(now);
        Some(frame)
    }

    /// The interleaved frame of a sender report, if one is due.
    pub(super) fn report(&mut self, now: Instant, channel: u8) -> Option<Vec<u8>> {
        self.next_report.filter(|&due| due <= now)?;
        let (written, timestamp) = self.last?;
        self.next_report = Some(now + REPORT_INTERVAL);
        let mut data = Vec::new();
        let ticks = low_bits(now.saturating_duration_since(written).as_nanos() * CLOCK_HZ / NANOS);
        let report = SenderReport {
            ssrc: self.ssrc,
            ntp: self.ntp(now),
            rtp_timestamp: timestamp.wrapping_add(ticks),
            packets: self.packets,
            bytes: self.bytes,
        };
        rtcp::push_sender_report(&mut data, &report);
        rtcp::push_source_description(&mut data, self.ssrc, "crosspoint");
        let length = u16::try_from(data.len()).ok()?;
        let mut frame = vec![b'$', channel];
        frame.extend(length.to_be_bytes());
        frame.extend(data);
        Some(frame)
    }

    /// Seconds in the upper 32 bits, fractions in the lower (RFC 3550 4).
    fn ntp(&self, now: Instant) -> u64 {
        let (then, ntp) = self.epoch;
        let elapsed = now.saturating_duration_since(then);
        let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
        ntp.wrapping_add(elapsed.as_secs() << 32).wrapping_add(fraction)
    }
}

const NANOS: u128 = 1_000_000_000;

#[expect(clippy::cast_possible_truncation, reason = "RTP timestamps wrap (RFC 3550 5.1)")]
fn low_bits(ticks: u128) -> u32 {
    ticks as u32
}
