//! Packets to frames of the codecs that are passed on as they came: VP8, VP9 and AV1.
//!
//! A frame is the packets of one timestamp, up to the marker. One that misses a packet is not
//! passed on, nor is anything that may refer to it: what follows begins with a key frame. Packets
//! pass as they came, but for a picture id where the sender has left that out.

use std::time::Instant;

use super::head::Head;
use super::limits::{FRAME_MAX_BYTES, FRAME_PACKETS_MAX};
use super::packet::Packet;
use crate::engine::codec::VideoCodec;
use crate::engine::frame::{Memory, Payloads};
use crate::engine::picture_numbers::with_picture_id;
use crate::engine::source::Picture;
use crate::limits::RTP_PASSED_ON_MAX_BYTES;

/// The frame that is being put together, and what came before it.
#[derive(Debug)]
pub(super) struct PassedOn {
    codec: VideoCodec,
    open: Option<Whole>,
    waits_for_key: bool,
    has_told: bool,
    /// The picture id of the next frame that has none.
    next_picture_id: u16,
    memory: Memory,
}

/// A frame with all its packets.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub timestamp: u32,
    /// When its first packet came.
    pub received_at: Instant,
    pub is_key: bool,
    pub is_disposable: bool,
    pub picture: Option<Picture>,
    pub payloads: Payloads,
}

/// What becomes of packets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Frame(Whole),
    /// Frames are missing; said once until the next key frame.
    Gap,
}

impl PassedOn {
    pub(super) fn new(codec: VideoCodec) -> Self {
        let memory = Memory::default();
        Self { codec, open: None, waits_for_key: true, has_told: false, next_picture_id: 0, memory }
    }

    /// Takes the next packet in order.
    pub(super) fn handle_packet(
        &mut self,
        packet: &Packet,
        lost_before: bool,
        outcome: &mut impl FnMut(Outcome),
    ) {
        if lost_before {
            self.lose(outcome);
        }
        if packet.payload.is_empty() {
            return;
        }
        if self.open.as_ref().is_some_and(|open| open.timestamp != packet.timestamp) {
            self.finish(outcome); // a sender without markers
        }
        let head = Head::parse(self.codec, &packet.payload);
        let payload = with_picture_id(self.codec, &packet.payload, self.next_picture_id);
        let payload = payload.filter(|payload| payload.len() <= RTP_PASSED_ON_MAX_BYTES);
        let (Some(head), Some(payload)) = (head, payload) else { return self.lose(outcome) };
        if self.open.is_none() && !self.begin(packet, head, outcome) {
            return;
        }
        let Some(open) = &mut self.open else { return };
        open.payloads.push(&payload);
        if open.payloads.bytes() > FRAME_MAX_BYTES || open.payloads.len() > FRAME_PACKETS_MAX {
            self.lose(outcome);
        } else if packet.marker {
            self.finish(outcome);
        }
    }

    /// Whether a frame that can be decoded begins with this packet.
    fn begin(&mut self, packet: &Packet, head: Head, outcome: &mut impl FnMut(Outcome)) -> bool {
        if !head.begins || (self.waits_for_key && !head.is_key) {
            self.lose(outcome);
            return false;
        }
        self.open = Some(Whole {
            timestamp: packet.timestamp,
            received_at: packet.received_at,
            is_key: head.is_key,
            is_disposable: head.is_disposable,
            picture: head.picture,
            payloads: Payloads::default(),
        });
        true
    }

    fn finish(&mut self, outcome: &mut impl FnMut(Outcome)) {
        let Some(mut whole) = self.open.take() else { return };
        whole.payloads.settle(&mut self.memory);
        self.waits_for_key = false;
        self.has_told = false;
        self.next_picture_id = self.next_picture_id.wrapping_add(1);
        outcome(Outcome::Frame(whole));
    }

    fn lose(&mut self, outcome: &mut impl FnMut(Outcome)) {
        self.open = None;
        self.waits_for_key = true;
        if !std::mem::replace(&mut self.has_told, true) {
            outcome(Outcome::Gap);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::picture_numbers::PictureNumbers;
    use crate::intake::publisher::packet::Codec;

    /// First octet of VP8's descriptor at a frame's beginning, and inside it.
    const BEGIN: u8 = 0x10;
    const INSIDE: u8 = 0x00;
    const KEY: u8 = 0;
    const DELTA: u8 = 1;

    struct Bench {
        frames: PassedOn,
        now: Instant,
        seen: Vec<String>,
        ids: Vec<u16>,
    }

    impl Bench {
        fn new() -> Self {
            let (seen, ids) = (Vec::new(), Vec::new());
            Self { frames: PassedOn::new(VideoCodec::Vp8), now: Instant::now(), seen, ids }
        }

        fn packet(&mut self, timestamp: u32, payload: &[u8], marker: bool, lost_before: bool) {
            let packet = Packet {
                codec: Codec::Video(VideoCodec::Vp8),
                ssrc: 1,
                sequence_number: 0,
                timestamp,
                marker,
                rotation_degrees: None,
                received_at: self.now,
                payload: payload.into(),
            };
            let (seen, ids) = (&mut self.seen, &mut self.ids);
            self.frames.handle_packet(&packet, lost_before, &mut |outcome| {
                if let Outcome::Frame(whole) = &outcome {
                    let id = |payload: &[u8]| PictureNumbers::of(VideoCodec::Vp8, payload);
                    let first = id(whole.payloads.first().unwrap());
                    assert!(whole.payloads.iter().all(|it| id(it) == first));
                    ids.extend(first.map(|numbers| numbers.id));
                }
                seen.push(match outcome {
                    Outcome::Gap => "gap".to_owned(),
                    Outcome::Frame(whole) => {
                        let kind = if whole.is_key { "key" } else { "delta" };
                        format!("{kind} {} of {}", whole.timestamp, whole.payloads.len())
                    }
                });
            });
        }
    }

    #[test]
    fn a_frame_is_the_packets_up_to_the_marker() {
        let mut bench = Bench::new();
        bench.packet(1, &[BEGIN, KEY], false, false);
        bench.packet(1, &[INSIDE, 9], true, false);
        bench.packet(1, &[], false, false); // padding
        bench.packet(2, &[BEGIN, DELTA], false, false);
        bench.packet(3, &[BEGIN, DELTA], true, false);
        assert_eq!(bench.seen, ["key 1 of 2", "delta 2 of 1", "delta 3 of 1"]);
    }

    #[test]
    fn frames_without_a_number_are_given_one_and_the_others_keep_theirs() {
        let mut bench = Bench::new();
        bench.packet(1, &[BEGIN, KEY], false, false);
        bench.packet(1, &[INSIDE, 9], true, false);
        bench.packet(2, &[BEGIN, DELTA], true, false);
        bench.packet(3, &[0x90, 0x80, 0x81, 0x02, DELTA], true, false);
        assert_eq!(bench.ids, [0, 1, 0x102]);
    }

    #[test]
    fn behind_a_loss_nothing_passes_before_a_whole_key_frame() {
        let mut bench = Bench::new();
        bench.packet(1, &[BEGIN, KEY], true, false);
        bench.packet(2, &[BEGIN, DELTA], false, false);
        bench.packet(2, &[INSIDE, 9], true, true);
        bench.packet(3, &[BEGIN, DELTA], true, false);
        bench.packet(4, &[INSIDE, KEY], true, true); // a key frame's end
        bench.packet(5, &[BEGIN, DELTA], true, false);
        bench.packet(6, &[BEGIN, KEY], true, true);
        bench.packet(7, &[BEGIN, DELTA], true, false);
        assert_eq!(bench.seen, ["key 1 of 1", "gap", "key 6 of 1", "delta 7 of 1"]);
    }

    #[test]
    fn what_can_not_be_sent_on_is_a_loss() {
        let mut bench = Bench::new();
        bench.packet(1, &[BEGIN, KEY], true, false);
        let mut long = vec![0; RTP_PASSED_ON_MAX_BYTES + 1];
        long[0] = BEGIN;
        bench.packet(2, &long, true, false);
        bench.packet(3, &[BEGIN, KEY], true, false);
        for _ in 0..=FRAME_PACKETS_MAX {
            bench.packet(4, &[BEGIN, DELTA], false, false);
        }
        assert_eq!(bench.seen, ["key 1 of 1", "gap", "key 3 of 1", "gap"]);
    }
}
