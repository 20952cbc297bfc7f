//! RTCP (RFC 3550 6, RFC 3611 4.4 and 4.5, RFC 4585 6.2.1 and 6.3.1, RFC 5104 4.3.1): lenient
//! reading, exact writing.

use std::time::Duration;

use crate::limits::{MAX_MISSING, MAX_REPORT_BLOCKS, MAX_RTCP_PACKETS};
use crate::rtp::Figures;

/// Sender report.
pub const SENDER_REPORT: u8 = 200;
/// Receiver report.
pub const RECEIVER_REPORT: u8 = 201;
/// Source description.
pub const SOURCE_DESCRIPTION: u8 = 202;
/// Goodbye.
pub const GOODBYE: u8 = 203;
/// Feedback of the transport.
pub const TRANSPORT_FEEDBACK: u8 = 205;
/// Payload-specific feedback.
pub const PAYLOAD_FEEDBACK: u8 = 206;
/// Extended report.
pub const EXTENDED_REPORT: u8 = 207;

/// One packet of a compound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// What a sender sent, and its clock.
    SenderReport(SenderReport),
    /// What a receiver received.
    ReceiverReport {
        /// Who reports.
        ssrc: u32,
        /// On whom.
        blocks: Vec<ReportBlock>,
    },
    /// Sources that end.
    Goodbye {
        /// Which; empty for none named.
        ssrcs: Vec<u32>,
    },
    /// Packets that are asked for again (generic NACK).
    Missing {
        /// The source that they are of.
        media_ssrc: u32,
        /// Their sequence numbers.
        sequence_numbers: Vec<u16>,
    },
    /// Picture loss indication.
    PictureLoss {
        /// The source whose picture was lost.
        media_ssrc: u32,
    },
    /// Full intra request.
    FullIntraRequest {
        /// The source that is asked.
        media_ssrc: u32,
        /// Command sequence number.
        sequence: u8,
    },
    /// When a receiver sent this, on its clock.
    ReferenceTime(ReferenceTime),
    /// Any other type.
    Other {
        /// Its type.
        packet_type: u8,
    },
}

/// Sender report (RFC 3550 6.4.1) without its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport {
    /// Who sends.
    pub ssrc: u32,
    /// NTP timestamp: seconds since 1900 in the upper 32 bits, fractions in the lower.
    pub ntp: u64,
    /// RTP timestamp of the same moment.
    pub rtp_timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub bytes: u32,
}

/// Receiver reference time (RFC 3611 4.4), which a sender answers by what has passed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReferenceTime {
    /// The receiver.
    pub ssrc: u32,
    /// The middle 32 bits of its NTP timestamp: units of 1/65536 s.
    pub ntp_middle: u32,
}

/// Reception report block (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source it is about.
    pub ssrc: u32,
    /// Loss since the previous report in 1/256.
    pub fraction_lost: u8,
    /// Packets lost, signed 24 bits.
    pub cumulative_lost: i32,
    /// Extended highest sequence number.
    pub highest_sequence: u32,
    /// Interarrival jitter in clock units.
    pub jitter: u32,
    /// Middle 32 bits of the NTP timestamp of the last sender report; 0 if there was none.
    pub last_sender_report: u32,
    /// Time since that report arrived in 1/65536 s; 0 if there was none.
    pub delay: u32,
}

impl ReportBlock {
    /// On a source: of its last sender report the NTP timestamp, and how long ago it came.
    #[must_use]
    pub fn new(ssrc: u32, figures: Figures, last_report: Option<(u64, Duration)>) -> Self {
        let (last_sender_report, delay) =
            last_report.map_or((0, 0), |(ntp, since)| (middle(ntp), in_65536ths(since)));
        Self {
            ssrc,
            fraction_lost: figures.fraction_lost,
            cumulative_lost: figures.cumulative_lost,
            highest_sequence: figures.highest_sequence,
            jitter: figures.jitter,
            last_sender_report,
            delay,
        }
    }
}

/// The middle 32 bits of an NTP timestamp.
fn middle(ntp: u64) -> u32 {
    let [_, _, a, b, c, d, _, _] = ntp.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// In 1/65536 s, up to 18 hours.
fn in_65536ths(time: Duration) -> u32 {
    u32::try_from(time.as_micros() * 65_536 / 1_000_000).unwrap_or(u32::MAX)
}

/// Reads a compound. What can not be read ends it; what was read before counts. Neither the
/// compound rules of RFC 3550 6.1 nor the insides of source descriptions are insisted on.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Packet> {
    let mut packets = Vec::new();
    let mut rest = bytes;
    while packets.len() < MAX_RTCP_PACKETS {
        let &[first, packet_type, high, low, ..] = rest else { break };
        let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        if first >> 6 != 2 || packet_type < 192 {
            break;
        }
        // The last one may be cut short.
        let (packet, next) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        let body = packet.get(4..).unwrap_or_default();
        packets.extend(parse_one(first & 0x1f, packet_type, body));
        rest = next;
    }
    packets
}

fn parse_one(count: u8, packet_type: u8, body: &[u8]) -> Option<Packet> {
    let count = usize::from(count);
    match packet_type {
        SENDER_REPORT => Some(Packet::SenderReport(SenderReport {
            ssrc: word(body, 0)?,
            ntp: u64::from(word(body, 1)?) << 32 | u64::from(word(body, 2)?),
            rtp_timestamp: word(body, 3)?,
            packets: word(body, 4).unwrap_or(0),
            bytes: word(body, 5).unwrap_or(0),
        })),
        RECEIVER_REPORT => {
            let blocks =
                (0..count.min(MAX_REPORT_BLOCKS)).map_while(|n| report_block(body, 1 + 6 * n));
            Some(Packet::ReceiverReport { ssrc: word(body, 0)?, blocks: blocks.collect() })
        }
        GOODBYE => {
            Some(Packet::Goodbye { ssrcs: (0..count).map_while(|n| word(body, n)).collect() })
        }
        TRANSPORT_FEEDBACK if count == 1 => {
            let pairs = (2..).map_while(|n| word(body, n));
            let sequence_numbers = pairs.flat_map(missing).take(MAX_MISSING).collect();
            Some(Packet::Missing { media_ssrc: word(body, 1)?, sequence_numbers })
        }
        EXTENDED_REPORT => {
            let other = Packet::Other { packet_type };
            Some(reference_time(body).map_or(other, Packet::ReferenceTime))
        }
        PAYLOAD_FEEDBACK => match count {
            1 => Some(Packet::PictureLoss { media_ssrc: word(body, 1)? }),
            4 => {
                let [sequence, ..] = word(body, 3)?.to_be_bytes();
                Some(Packet::FullIntraRequest { media_ssrc: word(body, 2)?, sequence })
            }
            _ => Some(Packet::Other { packet_type }),
        },
        _ => Some(Packet::Other { packet_type }),
    }
}

/// What one word of a generic NACK names: a packet, and some of the 16 behind it.
fn missing(pair: u32) -> impl Iterator<Item = u16> {
    let [high, low, mask_high, mask_low] = pair.to_be_bytes();
    let (first, mask) =
        (u16::from_be_bytes([high, low]), u16::from_be_bytes([mask_high, mask_low]));
    let behind = (0..16).filter(move |bit| mask >> bit & 1 == 1);
    std::iter::once(first).chain(behind.map(move |bit| first.wrapping_add(bit + 1)))
}

/// The first receiver reference time among the blocks of an extended report.
fn reference_time(body: &[u8]) -> Option<ReferenceTime> {
    const RECEIVER_REFERENCE_TIME: u8 = 4;
    let mut at = 1;
    for _ in 0..MAX_REPORT_BLOCKS {
        let [block_type, _, high, low] = word(body, at)?.to_be_bytes();
        if block_type == RECEIVER_REFERENCE_TIME {
            let ntp_middle = word(body, at + 1)? << 16 | word(body, at + 2)? >> 16;
            return Some(ReferenceTime { ssrc: word(body, 0)?, ntp_middle });
        }
        at += 1 + usize::from(u16::from_be_bytes([high, low]));
    }
    None
}

fn word(bytes: &[u8], index: usize) -> Option<u32> {
    let word = bytes.get(4 * index..4 * index + 4)?;
    Some(u32::from_be_bytes(word.try_into().ok()?))
}

fn report_block(body: &[u8], at: usize) -> Option<ReportBlock> {
    let losses = word(body, at + 1)?;
    let [fraction_lost, ..] = losses.to_be_bytes();
    Some(ReportBlock {
        ssrc: word(body, at)?,
        fraction_lost,
        // Sign extension of 24 bits.
        cumulative_lost: (losses << 8).cast_signed() >> 8,
        highest_sequence: word(body, at + 2)?,
        jitter: word(body, at + 3)?,
        last_sender_report: word(body, at + 4)?,
        delay: word(body, at + 5)?,
    })
}

/// Appends a packet of whole words; `body` starts behind the header.
fn push(out: &mut Vec<u8>, count: u8, packet_type: u8, body: &[u32]) {
    // Bodies are built in this module: 2 + 31 * 6 words at most.
    let words = u16::try_from(body.len()).unwrap_or(u16::MAX);
    out.extend([0x80 | (count & 0x1f), packet_type]);
    out.extend(words.to_be_bytes());
    for word in body {
        out.extend(word.to_be_bytes());
    }
}

/// Appends a receiver report; of more than 31 blocks the first.
pub fn push_receiver_report(out: &mut Vec<u8>, ssrc: u32, blocks: &[ReportBlock]) {
    let blocks = blocks.get(..MAX_REPORT_BLOCKS).unwrap_or(blocks);
    let mut body = vec![ssrc];
    for block in blocks {
        let lost = block.cumulative_lost.cast_unsigned() & 0x00ff_ffff;
        body.extend([
            block.ssrc,
            u32::from(block.fraction_lost) << 24 | lost,
            block.highest_sequence,
            block.jitter,
            block.last_sender_report,
            block.delay,
        ]);
    }
    // At most 31.
    push(out, u8::try_from(blocks.len()).unwrap_or(0), RECEIVER_REPORT, &body);
}

/// Appends a sender report without blocks.
pub fn push_sender_report(out: &mut Vec<u8>, report: &SenderReport) {
    let [a, b, c, d, e, f, g, h] = report.ntp.to_be_bytes();
    let (seconds, fraction) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
    let SenderReport { ssrc, rtp_timestamp, packets, bytes, .. } = *report;
    push(out, 0, SENDER_REPORT, &[ssrc, seconds, fraction, rtp_timestamp, packets, bytes]);
}

/// Appends a source description with a canonical name of at most 255 bytes; more is cut off.
pub fn push_source_description(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let name = cname.as_bytes().get(..255).unwrap_or(cname.as_bytes());
    let mut item = vec![1, u8::try_from(name.len()).unwrap_or(u8::MAX)];
    item.extend(name);
    // One zero byte ends the list, more fill the word (RFC 3550 6.5).
    item.resize((item.len() / 4 + 1) * 4, 0);
    let words = item.chunks(4).filter_map(|chunk| Some(u32::from_be_bytes(chunk.try_into().ok()?)));
    let body: Vec<u32> = std::iter::once(ssrc).chain(words).collect();
    push(out, 1, SOURCE_DESCRIPTION, &body);
}

/// Appends a picture loss indication (RFC 4585 6.3.1).
pub fn push_picture_loss(out: &mut Vec<u8>, sender_ssrc: u32, media_ssrc: u32) {
    push(out, 1, PAYLOAD_FEEDBACK, &[sender_ssrc, media_ssrc]);
}

/// Appends a request for packets that are missing, in ascending order but for the wrap (generic
/// NACK, RFC 4585 6.2.1); of more than 1024 the first.
pub fn push_missing(out: &mut Vec<u8>, sender_ssrc: u32, media_ssrc: u32, missing: &[u16]) {
    let mut body = vec![sender_ssrc, media_ssrc];
    let mut rest = missing.get(..MAX_MISSING).unwrap_or(missing);
    while let Some((first, behind)) = rest.split_first() {
        let bit = |number: &u16| number.wrapping_sub(*first).checked_sub(1).filter(|bit| *bit < 16);
        let bits = behind.iter().map_while(bit);
        let count = bits.clone().count();
        body.push(u32::from(*first) << 16 | bits.fold(0, |mask, bit| mask | 1 << bit));
        rest = behind.get(count..).unwrap_or_default();
    }
    push(out, 1, TRANSPORT_FEEDBACK, &body);
}

/// Appends a full intra request (RFC 5104 4.3.1); `sequence` is raised by one for every new one.
pub fn push_full_intra_request(out: &mut Vec<u8>, sender_ssrc: u32, media_ssrc: u32, sequence: u8) {
    push(out, 4, PAYLOAD_FEEDBACK, &[sender_ssrc, 0, media_ssrc, u32::from(sequence) << 24]);
}

/// Appends what has passed since receivers' reference times came (RFC 3611 4.5), at most 31.
pub fn push_delays(out: &mut Vec<u8>, ssrc: u32, delays: &[(ReferenceTime, Duration)]) {
    const DELAY_SINCE_LAST_RECEIVER_REPORT: u32 = 5 << 24;
    let delays = delays.get(..MAX_REPORT_BLOCKS).unwrap_or(delays);
    // At most 93.
    let words = u32::try_from(3 * delays.len()).unwrap_or(0);
    let mut body = vec![ssrc, DELAY_SINCE_LAST_RECEIVER_REPORT | words];
    let block = |(time, delay): &(ReferenceTime, Duration)| {
        [time.ssrc, time.ntp_middle, in_65536ths(*delay)]
    };
    body.extend(delays.iter().flat_map(block));
    push(out, 0, EXTENDED_REPORT, &body);
}

/// Appends a goodbye.
pub fn push_goodbye(out: &mut Vec<u8>, ssrc: u32) {
    push(out, 1, GOODBYE, &[ssrc]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REPORT: SenderReport = SenderReport {
        ssrc: 1,
        ntp: 0x0102_0304_0506_0708,
        rtp_timestamp: 9,
        packets: 10,
        bytes: 11,
    };

    #[test]
    fn what_is_written_reads_the_same() {
        let block = ReportBlock {
            ssrc: 2,
            fraction_lost: 255,
            cumulative_lost: -3,
            highest_sequence: 4,
            jitter: 5,
            last_sender_report: 6,
            delay: 7,
        };
        let mut out = Vec::new();
        push_receiver_report(&mut out, 1, &[block]);
        push_source_description(&mut out, 1, "abc");
        push_picture_loss(&mut out, 1, 2);
        push_full_intra_request(&mut out, 1, 2, 3);
        push_goodbye(&mut out, 1);
        push_sender_report(&mut out, &REPORT);
        assert_eq!(
            parse(&out),
            [
                Packet::ReceiverReport { ssrc: 1, blocks: vec![block] },
                Packet::Other { packet_type: SOURCE_DESCRIPTION },
                Packet::PictureLoss { media_ssrc: 2 },
                Packet::FullIntraRequest { media_ssrc: 2, sequence: 3 },
                Packet::Goodbye { ssrcs: vec![1] },
                Packet::SenderReport(REPORT),
            ]
        );
    }

    #[test]
    fn the_bytes_are_those_of_the_rfcs() {
        let mut out = Vec::new();
        push_receiver_report(&mut out, 0x0102_0304, &[]);
        assert_eq!(out, [0x80, 201, 0, 1, 1, 2, 3, 4]);
        out.clear();
        push_picture_loss(&mut out, 1, 2);
        assert_eq!(out, [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]);
        out.clear();
        push_full_intra_request(&mut out, 1, 2, 3);
        assert_eq!(out, [0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 3, 0, 0, 0]);
    }

    #[test]
    fn packets_that_are_missing_are_named_by_a_number_and_a_mask() {
        let mut out = vec![0x81, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2];
        out.extend([0xff, 0xff, 0x80, 0x01, 0, 7, 0, 0]);
        let sequence_numbers = vec![0xffff, 0, 15, 7];
        assert_eq!(parse(&out), [Packet::Missing { media_ssrc: 2, sequence_numbers }]);
        out[1..4].copy_from_slice(&[205, 0xff, 0xff]);
        out.extend([0xff; 8 * MAX_MISSING]);
        let Packet::Missing { sequence_numbers, .. } = &parse(&out)[0] else { panic!() };
        assert_eq!(sequence_numbers.len(), MAX_MISSING);
    }

    #[test]
    fn packets_that_are_asked_for_are_read_by_who_has_them() {
        let asked = [0xfffe, 0xffff, 0, 14, 15, 40, 41, 57, 58];
        let mut out = Vec::new();
        push_missing(&mut out, 1, 2, &asked);
        assert_eq!(out.len(), 12 + 4 * 4);
        let sequence_numbers = asked.to_vec();
        assert_eq!(parse(&out), [Packet::Missing { media_ssrc: 2, sequence_numbers }]);
    }

    #[test]
    fn a_reference_time_is_found_behind_other_blocks_and_answered() {
        let mut out = vec![0x80, 207, 0, 6, 0, 0, 0, 9];
        out.extend([7, 0, 0, 1, 1, 2, 3, 4]);
        out.extend([4, 0, 0, 2, 0, 0, 0xab, 0xcd, 0x12, 0x34, 0, 0]);
        let time = ReferenceTime { ssrc: 9, ntp_middle: 0xabcd_1234 };
        assert_eq!(parse(&out), [Packet::ReferenceTime(time)]);
        out.truncate(12);
        assert_eq!(parse(&out), [Packet::Other { packet_type: EXTENDED_REPORT }]);
        let mut answer = Vec::new();
        push_delays(&mut answer, 1, &[(time, Duration::from_secs(1))]);
        let delay = [0, 0, 0, 9, 0xab, 0xcd, 0x12, 0x34, 0, 1, 0, 0];
        assert_eq!(answer, [&[0x80, 207, 0, 5, 0, 0, 0, 1, 5, 0, 0, 3][..], &delay].concat());
    }

    #[test]
    fn source_descriptions_end_with_a_zero_byte_on_a_word() {
        for length in 0..300 {
            let mut out = Vec::new();
            push_source_description(&mut out, 1, &"x".repeat(length));
            let words = usize::from(u16::from_be_bytes([out[2], out[3]]));
            assert_eq!(out.len(), 4 * (words + 1));
            assert_eq!(out.last(), Some(&0));
        }
    }

    #[test]
    fn reports_with_fewer_blocks_than_they_claim_are_read_as_far_as_they_go() {
        let none = [0x9f, 201, 0, 1, 0, 0, 0, 1];
        assert_eq!(parse(&none), [Packet::ReceiverReport { ssrc: 1, blocks: vec![] }]);
        let mut cut = Vec::new();
        push_sender_report(&mut cut, &REPORT);
        cut.truncate(20);
        let counts_unknown = SenderReport { packets: 0, bytes: 0, ..REPORT };
        assert_eq!(parse(&cut), [Packet::SenderReport(counts_unknown)]);
        assert_eq!(parse(&cut[..12]), []);
    }

    #[test]
    fn a_description_without_its_end_does_not_spoil_what_came_before() {
        let mut out = Vec::new();
        push_sender_report(&mut out, &REPORT);
        out.extend([0x81, 202, 0, 2, 0, 0, 0, 1, 1, 200, b'x', b'y']);
        assert_eq!(parse(&out)[0], Packet::SenderReport(REPORT));
        assert_eq!(parse(&out).len(), 2);
    }

    #[test]
    fn other_types_and_garbage_are_no_error() {
        assert_eq!(parse(&[0x80, 204, 0, 0]), [Packet::Other { packet_type: 204 }]);
        assert_eq!(parse(&[0x80, 207, 0, 0]), [Packet::Other { packet_type: 207 }]);
        for garbage in [&[][..], &[0x80], &[0x40, 200, 0, 0], &[0x80, 96, 0, 0]] {
            assert_eq!(parse(garbage), []);
        }
        let endless = [0x80, 204, 0, 0].repeat(10_000);
        assert_eq!(parse(&endless).len(), MAX_RTCP_PACKETS);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            kind in 199_u8..208,
        ) {
            let _ = parse(&bytes);
            let mut typed = bytes;
            if let [first, second, ..] = &mut typed[..] {
                *first |= 0x80;
                *first &= 0xbf;
                *second = kind;
            }
            let _ = parse(&typed);
        }
    }
}
