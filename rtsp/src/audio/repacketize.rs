//! Packets of any length to packets of 20 ms.
//!
//! Cameras put between 16 ms and a second into one packet. Browsers' jitter buffers are made for
//! 20 ms, and a second of audio is more than fits into a datagram.

use std::sync::Arc;

use super::{Codec, Packet, opus};
use crate::limits::MAX_AUDIO_PACKET_BYTES;

/// 20 ms of a codec with one byte a tick of 8 kHz.
const CHUNK_BYTES: usize = 160;
/// The same in ticks.
const CHUNK_TICKS: u32 = 160;
/// A second: what a camera's clock may gain from one packet to the next.
const JITTER_TICKS: u32 = 8_000;

/// One track's audio, cut anew.
#[derive(Debug)]
pub(crate) struct Repacketizer {
    codec: Codec,
    /// Less than 20 ms that wait for the next packet.
    rest: Vec<u8>,
    /// Timestamp of the first byte of those.
    rest_timestamp: u32,
}

impl Repacketizer {
    pub(crate) fn new(codec: Codec) -> Self {
        Self { codec, rest: Vec::new(), rest_timestamp: 0 }
    }

    /// The sender is another one, or counts anew.
    pub(crate) fn reset(&mut self) {
        self.rest.clear();
    }

    /// The camera's next packet: the timestamp behind its last sample, and what it completes.
    /// `lost_before` says that packets are missing before it. None if it is no audio.
    pub(crate) fn push(
        &mut self,
        timestamp: u32,
        lost_before: bool,
        payload: &[u8],
    ) -> Option<(u32, Vec<Packet>)> {
        if payload.len() > MAX_AUDIO_PACKET_BYTES {
            return None;
        }
        if self.codec == Codec::Opus {
            let ticks = opus::ticks(payload)?;
            let packet = Packet { timestamp, ticks, payload: payload.into() };
            return Some((timestamp.wrapping_add(ticks), vec![packet]));
        }
        if lost_before {
            self.rest.clear();
        }
        let end = timestamp.wrapping_add(u32::try_from(payload.len()).ok()?);
        if self.rest.is_empty() {
            self.rest_timestamp = timestamp;
        }
        self.rest.extend_from_slice(payload);
        let mut packets = Vec::with_capacity(self.rest.len() / CHUNK_BYTES);
        let mut chunks = self.rest.chunks_exact(CHUNK_BYTES);
        let mut left = u32::try_from(self.rest.len()).ok()?;
        // What is left of the packet before keeps its own timestamp: clocks jitter. Where they
        // jump it does not.
        let jitters = left.saturating_sub(CHUNK_TICKS - 1)..=left + JITTER_TICKS;
        let mut at = match end.wrapping_sub(self.rest_timestamp) {
            behind if jitters.contains(&behind) => self.rest_timestamp,
            _ => end.wrapping_sub(left),
        };
        for chunk in &mut chunks {
            let payload = Arc::from(chunk);
            packets.push(Packet { timestamp: at, ticks: CHUNK_TICKS, payload });
            left -= CHUNK_TICKS;
            at = end.wrapping_sub(left);
        }
        let done = self.rest.len() - chunks.remainder().len();
        self.rest.drain(..done);
        if done > 0 {
            self.rest_timestamp = at;
        }
        Some((end, packets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds a recording in packets of these sizes; what comes out.
    fn cut(recording: &[u8], sizes: &[usize], first_timestamp: u32) -> Vec<Packet> {
        let mut repacketizer = Repacketizer::new(Codec::Pcmu);
        let (mut rest, mut timestamp, mut out) = (recording, first_timestamp, Vec::new());
        for size in sizes.iter().cycle() {
            let (packet, behind) = rest.split_at((*size).min(rest.len()));
            let (end, packets) = repacketizer.push(timestamp, false, packet).unwrap();
            timestamp = timestamp.wrapping_add(u32::try_from(packet.len()).unwrap());
            assert_eq!(end, timestamp);
            out.extend(packets);
            rest = behind;
            if rest.is_empty() {
                return out;
            }
        }
        out
    }

    fn recording(bytes: usize) -> Vec<u8> {
        (0..=250u8).cycle().take(bytes).collect()
    }

    /// Nothing missing, nothing twice, 20 ms each, one behind the other.
    fn assert_whole(packets: &[Packet], recording: &[u8], first_timestamp: u32) {
        assert_eq!(packets.len(), recording.len() / CHUNK_BYTES);
        for (n, (packet, wanted)) in (0u32..).zip(packets.iter().zip(recording.chunks(CHUNK_BYTES)))
        {
            assert_eq!((packet.ticks, &packet.payload[..]), (CHUNK_TICKS, wanted));
            let expected = first_timestamp.wrapping_add(n * CHUNK_TICKS);
            assert_eq!(packet.timestamp, expected, "packet {n}");
        }
    }

    #[test]
    fn packets_of_every_length_become_20_ms() {
        let recording = recording(48_000);
        for ms in [16, 20, 30, 32, 40, 64, 100, 128, 1000] {
            assert_whole(&cut(&recording, &[ms * 8], 5), &recording, 5);
        }
    }

    proptest! {
        #[test]
        fn odd_sizes_become_20_ms_with_timestamps_that_go_on(
            sizes in prop::collection::vec(1usize..9000, 1..20),
            first_timestamp: u32,
        ) {
            let recording = recording(40_000);
            assert_whole(&cut(&recording, &sizes, first_timestamp), &recording, first_timestamp);
        }

        #[test]
        fn nothing_that_is_sent_panics(
            packets in prop::collection::vec(
                (any::<u32>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..700)), 0..30),
            opus: bool,
        ) {
            let mut repacketizer = Repacketizer::new(if opus { Codec::Opus } else { Codec::G722 });
            let mut bytes = (0, 0);
            for (timestamp, lost_before, payload) in packets {
                bytes.0 += payload.len();
                if let Some((_, packets)) = repacketizer.push(timestamp, lost_before, &payload) {
                    bytes.1 += packets.iter().map(|packet| packet.payload.len()).sum::<usize>();
                    prop_assert!(packets.iter().all(|packet| packet.ticks > 0));
                }
                prop_assert!(repacketizer.rest.len() < CHUNK_BYTES);
            }
            prop_assert!(bytes.1 <= bytes.0);
        }
    }

    #[test]
    fn behind_a_loss_the_timestamps_are_those_of_the_camera() {
        let mut repacketizer = Repacketizer::new(Codec::Pcma);
        assert_eq!(repacketizer.push(0, false, &[1; 200]).unwrap().1.len(), 1);
        let (_, packets) = repacketizer.push(1_000, true, &[2; 200]).unwrap();
        assert_eq!((packets.len(), packets[0].timestamp), (1, 1_000));
        assert!(packets[0].payload.iter().all(|byte| *byte == 2), "nothing of before");
    }

    #[test]
    fn a_clock_that_jumps_keeps_packets_in_order() {
        for to in [0, 400, 100_000, u32::MAX - 5_000] {
            let mut repacketizer = Repacketizer::new(Codec::Pcma);
            repacketizer.push(1_000, false, &[1; 200]).unwrap();
            let (end, packets) = repacketizer.push(to, false, &[2; 300]).unwrap();
            assert_eq!(packets.len(), 2);
            let behind = packets.iter().map(|packet| end.wrapping_sub(packet.timestamp));
            assert_eq!(behind.collect::<Vec<_>>(), [340, 180], "to {to}");
        }
    }

    #[test]
    fn a_clock_that_stands_still_loses_no_audio() {
        let mut repacketizer = Repacketizer::new(Codec::Pcmu);
        let packets: usize =
            (0..100).map(|_| repacketizer.push(77, false, &[0; 128]).unwrap().1.len()).sum();
        assert_eq!(packets, 12_800 / CHUNK_BYTES);
    }

    #[test]
    fn what_is_too_long_to_be_audio_is_left_out() {
        let mut repacketizer = Repacketizer::new(Codec::Pcmu);
        assert!(repacketizer.push(0, false, &[0; MAX_AUDIO_PACKET_BYTES]).is_some());
        assert!(repacketizer.push(0, false, &[0; MAX_AUDIO_PACKET_BYTES + 1]).is_none());
        let mut repacketizer = Repacketizer::new(Codec::Opus);
        assert!(repacketizer.push(0, false, &[]).is_none());
        let (end, packets) = repacketizer.push(9, false, &[0xfc, 1, 2, 3]).unwrap();
        assert_eq!((end, packets.len(), packets[0].ticks), (969, 1, 960));
        assert_eq!(packets[0].payload[..], [0xfc, 1, 2, 3]);
    }
}
