//! An RTP stream of a session: numbering and sender reports (RFC 3550 5.1, 6.4.1).

use std::time::Instant;

use super::limits::REPORT_INTERVAL;
use crate::random::Random;
use crate::rtcp::{self, SenderReport};

/// RTP ticks of video in a second (RFC 6184 8.1).
const VIDEO_HZ: u32 = 90_000;
const NANOS: u128 = 1_000_000_000;
/// RTP header without extension or sources (RFC 3550 5.1).
pub(super) const HEADER_BYTES: usize = 12;

#[derive(Debug)]
pub(super) struct Media {
    ssrc: u32,
    payload_type: u8,
    clock_hz: u32,
    sequence: u16,
    packets: u32,
    bytes: u32,
    /// The last frame's timestamp and the instant that it stands for.
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
            payload_type: super::PAYLOAD_TYPE,
            clock_hz: VIDEO_HZ,
            sequence: u16::from_be_bytes([a, b]),
            packets: 0,
            bytes: 0,
            last: None,
            next_report: None,
            epoch: (now, ntp),
        }
    }

    /// It is not video, but this.
    pub(super) fn set_format(&mut self, payload_type: u8, clock_hz: u32) {
        (self.payload_type, self.clock_hz) = (payload_type, clock_hz);
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

    /// A frame begins that stands for the instant `presented_at`.
    pub(super) fn begin(&mut self, now: Instant, presented_at: Instant, timestamp: u32) {
        self.last = Some((presented_at, timestamp));
        // The first report is due at once: readers wait for the clock.
        self.next_report.get_or_insert(now);
    }

    /// The frame's next packet. `head` goes in front of its payload.
    pub(super) fn packet(&mut self, head: &[u8], payload: &[u8], marker: bool) -> Vec<u8> {
        let timestamp = self.last.map_or(0, |(_, timestamp)| timestamp);
        let mut packet = Vec::with_capacity(HEADER_BYTES + head.len() + payload.len());
        packet.extend([0x80, self.payload_type | if marker { 0x80 } else { 0 }]);
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(head);
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.bytes =
            self.bytes.wrapping_add(u32::try_from(head.len() + payload.len()).unwrap_or(0));
        packet
    }

    /// So many packets are left out: the reader sees that they are missing.
    pub(super) fn skip(&mut self, packets: usize) {
        if self.packets > 0 {
            #[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
            let packets = packets as u16;
            self.sequence = self.sequence.wrapping_add(packets);
        }
    }

    /// A sender report, if one is due.
    pub(super) fn report(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.next_report.filter(|&due| due <= now)?;
        let (presented_at, timestamp) = self.last?;
        self.next_report = Some(now + REPORT_INTERVAL);
        let elapsed = now.saturating_duration_since(presented_at).as_nanos();
        let mut data = Vec::new();
        let report = SenderReport {
            ssrc: self.ssrc,
            ntp: self.ntp(now),
            rtp_timestamp: timestamp
                .wrapping_add(low_bits(elapsed * u128::from(self.clock_hz) / NANOS)),
            packets: self.packets,
            bytes: self.bytes,
        };
        rtcp::push_sender_report(&mut data, &report);
        rtcp::push_source_description(&mut data, self.ssrc, "crosspoint");
        Some(data)
    }

    /// Seconds in the upper 32 bits, fractions in the lower (RFC 3550 4).
    fn ntp(&self, now: Instant) -> u64 {
        let (then, ntp) = self.epoch;
        let elapsed = now.saturating_duration_since(then);
        let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
        ntp.wrapping_add(elapsed.as_secs() << 32).wrapping_add(fraction)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "RTP timestamps wrap (RFC 3550 5.1)")]
fn low_bits(ticks: u128) -> u32 {
    ticks as u32
}
