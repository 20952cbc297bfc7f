//! Packets that a receiver may ask for again (RFC 4585 section 6.2.1, RFC 4588). What is kept is
//! the frame that all receivers share, and what this one's headers had: a few words a frame.

use std::collections::VecDeque;
use std::time::Instant;

use super::formats::Format;
use super::srtp::Header;
use super::stream::Outlet;
use crate::engine::frame::Egress;
use crate::limits;

/// What was sent on one stream lately.
#[derive(Debug)]
pub(super) struct Resends {
    /// The stream of what is sent again; without one it is sent as it was.
    ssrc: Option<u32>,
    next_number: u64,
    sent: VecDeque<Sent>,
    /// In `sent`.
    packets: usize,
    packets_max: usize,
    /// Packets that may be sent again: never more than were sent once, whoever asks.
    credit: usize,
    /// A payload behind its own number.
    payload: Vec<u8>,
}

/// A frame, and what its packets' headers have.
#[derive(Debug)]
pub(super) struct Sent {
    pub at: Instant,
    /// Of its first packet, in the stream.
    pub number: u64,
    pub egress: Egress,
    pub format: Format,
    pub extension: Option<[u8; 4]>,
}

impl Sent {
    /// The header of a packet by its index, the same whenever it is sent.
    pub fn header(&self, ssrc: u32, index: usize) -> Header {
        Header {
            payload_type: self.format.payload_type,
            is_marked: self.egress.is_marked(index),
            sequence_number: self.number + index as u64,
            rtp_timestamp: self.egress.rtp_timestamp,
            ssrc,
            extension: self.extension,
        }
    }
}

impl Resends {
    /// Nothing was sent yet. `packets_max` are kept, or one frame.
    pub fn new(ssrc: Option<u32>, packets_max: usize) -> Self {
        Self {
            ssrc,
            // As unpredictable as the SSRC (RFC 3550 section 5.1), and below 2^15 (RFC 3711
            // section 3.3.1).
            next_number: u64::from(ssrc.unwrap_or(0) & 0x7fff),
            sent: VecDeque::new(),
            packets: 0,
            packets_max,
            credit: 0,
            payload: Vec::new(),
        }
    }

    /// Keeps a frame that was sent.
    pub fn keep(&mut self, sent: Sent) {
        let (at, packets) = (sent.at, sent.egress.frame.payloads.len());
        self.packets += packets;
        self.credit = (self.credit + packets).min(self.packets_max.max(packets));
        self.sent.push_back(sent);
        while self.sent.len() > 1
            && self.sent.front().is_some_and(|oldest| self.is_past(oldest, at))
        {
            let oldest = self.sent.pop_front();
            self.packets -= oldest.map_or(0, |oldest| oldest.egress.frame.payloads.len());
        }
    }

    fn is_past(&self, sent: &Sent, now: Instant) -> bool {
        self.packets > self.packets_max
            || now.saturating_duration_since(sent.at) >= limits::RESEND_MAX_AGE
    }

    /// Sends a packet again, if it is still there.
    pub fn send_again(
        &mut self,
        main_ssrc: u32,
        sequence_number: u16,
        outlet: &mut Outlet<'_, '_>,
    ) {
        let Some((sent, number)) = find(&self.sent, sequence_number) else { return };
        let index = usize::try_from(number - sent.number).unwrap_or(usize::MAX);
        let payloads = &sent.egress.frame.payloads;
        let Some(payload) = payloads.get(index).filter(|_| self.credit > 0) else { return };
        self.credit -= 1;
        let header = sent.header(main_ssrc, index);
        let (Some(ssrc), Some(payload_type)) = (self.ssrc, sent.format.resend) else {
            return outlet.send(&header, payload);
        };
        let header = Header { payload_type, ssrc, sequence_number: self.next_number, ..header };
        self.next_number += 1;
        self.payload.clear();
        self.payload.extend(sequence_number.to_be_bytes());
        self.payload.extend_from_slice(payload);
        outlet.send(&header, &self.payload);
    }
}

/// The frame of the newest packet with this number, and its number in the stream.
fn find(sent: &VecDeque<Sent>, sequence_number: u16) -> Option<(&Sent, u64)> {
    let last = sent.back()?;
    let end = last.number + last.egress.frame.payloads.len() as u64;
    let [.., high, low] = end.to_be_bytes();
    let before_end = u16::from_be_bytes([high, low]).wrapping_sub(sequence_number);
    let number = end.checked_sub(u64::from(before_end)).filter(|number| *number < end)?;
    let behind = sent.partition_point(|sent| sent.number <= number);
    sent.get(behind.checked_sub(1)?).map(|sent| (sent, number))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use str0m::crypto::dtls::SrtpProfile;
    use str0m::net::{Protocol, Transmit};

    use super::*;
    use crate::engine::codec::VideoCodec;
    use crate::engine::frame::Frame;
    use crate::peer::crypto::{Keying, provider};
    use crate::peer::path::Path;
    use crate::peer::srtp::Srtp;

    const FORMAT: Format = Format { payload_type: 96, resend: Some(97) };

    /// The payload of a frame's packet.
    fn payload(mark: u8, index: usize) -> Vec<u8> {
        [&[mark][..], &index.to_be_bytes()].concat()
    }

    fn frame(packets: usize, mark: u8) -> Egress {
        let payloads = (0..packets).map(|index| payload(mark, index)).collect();
        let now = Instant::now();
        Egress {
            frame: Frame::new(VideoCodec::H264, false, false, now, payloads).into(),
            first_sequence_number: 0,
            rtp_timestamp: 0,
            presented_at: now,
            playout_hint: false,
        }
    }

    fn keep(resends: &mut Resends, at: Instant, number: u64, egress: Egress) {
        resends.keep(Sent { at, number, egress, format: FORMAT, extension: None });
    }

    fn found(resends: &Resends, number: u64) -> Option<&[u8]> {
        let [.., high, low] = number.to_be_bytes();
        let (sent, found) = find(&resends.sent, u16::from_be_bytes([high, low]))?;
        let index = usize::try_from(found - sent.number).unwrap();
        sent.egress.frame.payloads.get(index)
    }

    proptest! {
        #[test]
        fn each_packet_that_is_kept_is_found_by_its_number_and_no_other(
            start in 0..0x8000_u64, lengths in proptest::collection::vec(1..400_usize, 1..200),
        ) {
            let (now, mut number) = (Instant::now(), start);
            let mut resends = Resends::new(Some(7), 1_000);
            let mut all = Vec::new();
            for (mark, length) in (0..).zip(&lengths) {
                keep(&mut resends, now, number, frame(*length, mark));
                all.extend((0..*length).map(|index| payload(mark, index)));
                number += *length as u64;
            }
            prop_assert!(resends.packets <= 1_000);
            prop_assert!(found(&resends, number).is_none());
            let kept = all.len() - resends.packets;
            for (index, payload) in all.iter().enumerate().rev().take(3_000) {
                let wanted = (index >= kept).then_some(&payload[..]);
                prop_assert_eq!(found(&resends, start + index as u64), wanted);
            }
        }
    }

    #[test]
    fn whoever_asks_is_never_sent_more_again_than_was_sent() {
        let profile = SrtpProfile::AEAD_AES_128_GCM;
        let material = vec![7; profile.keying_material_len()];
        let keying = Keying { material, profile, is_client: true };
        let mut srtp = Srtp::new(&provider(), &keying, false).unwrap();
        let address = "192.0.2.1:1".parse().unwrap();
        let path = Path { protocol: Protocol::Udp, source: address, destination: address };
        let mut types = Vec::new();
        let sink = &mut |datagram: Transmit| types.push(datagram.contents[1] & 0x7f);
        let mut outlet = Outlet { srtp: &mut srtp, path, sink };
        let mut resends = Resends::new(Some(7), 1_000);
        keep(&mut resends, Instant::now(), 5, frame(3, 0));
        (0..20).for_each(|_| resends.send_again(1, 6, &mut outlet));
        resends.send_again(1, 99, &mut outlet);
        keep(&mut resends, Instant::now(), 8, frame(2, 0));
        (0..20).for_each(|_| resends.send_again(1, 6, &mut outlet));
        assert_eq!(types, [97; 5]);
    }

    #[test]
    fn what_is_old_goes_and_the_newest_frame_stays_however_large() {
        let now = Instant::now();
        let mut resends = Resends::new(None, 10);
        keep(&mut resends, now, 0, frame(50, 0));
        assert_eq!(resends.packets, 50);
        keep(&mut resends, now, 50, frame(4, 1));
        assert_eq!(resends.packets, 4);
        let late = now + limits::RESEND_MAX_AGE + Duration::from_millis(1);
        keep(&mut resends, late, 54, frame(4, 2));
        assert_eq!((resends.packets, resends.sent.len()), (4, 1));
    }
}
