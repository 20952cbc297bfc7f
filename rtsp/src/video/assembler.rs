//! RTP payloads to access units (RFC 6184, RFC 7798), for one track.
//!
//! The order of things: [`Depacketizer`] finds NAL units in payloads, [`Pictures`] groups them,
//! and its gate lets only decodable access units out.

use std::time::Instant;

use super::depacketize::Depacketizer;
use super::endings::End;
use super::gate::{DropReason, Output, Stats};
use super::parameter_sets::ParameterSets;
use super::pictures::Pictures;
use super::syntax::Syntax;

/// One RTP packet of the track, in sequence.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// RTP timestamp, 90 kHz.
    pub timestamp: u32,
    /// RTP marker bit.
    pub marker: bool,
    /// Whether packets between the previous one and this are missing.
    pub lost_before: bool,
    /// The payload without padding.
    pub payload: &'a [u8],
}

/// Puts the packets of one video track together.
///
/// Not supported, and dropped with a reason: packets out of decoding order (interleaved mode of
/// RFC 6184, DONL fields of RFC 7798), H.264's data partitioning, arbitrary slice order and streams
/// without IDRs (intra refresh, open GOPs only), and pictures that use a parameter set first sent
/// after their IDR. Sets that change under the same identifier
/// take effect with the next IDR.
#[derive(Debug, Default)]
pub struct Assembler<S: Syntax> {
    depacketizer: Depacketizer<S>,
    pictures: Pictures<S>,
    flush_at: Option<Instant>,
}

impl<S: Syntax> Assembler<S> {
    /// An assembler that waits for the first IDR. `sprop` are the parameter sets of the SDP;
    /// those in the stream replace them.
    pub fn new(sprop: Option<ParameterSets>) -> Self {
        let mut assembler = Self::default();
        if let Some(sets) = &sprop {
            assembler.pictures.insert_sprop(sets);
        }
        assembler
    }

    /// Takes the next packet in sequence.
    pub fn handle_packet(&mut self, now: Instant, packet: &Packet<'_>) {
        let Self { depacketizer, pictures, flush_at } = self;
        if packet.lost_before {
            pictures.loss(packet, depacketizer.open_unit());
            depacketizer.abandon();
        }
        if pictures.ends_at(packet, depacketizer.is_open()) {
            if depacketizer.is_open() {
                depacketizer.abandon();
                pictures.found(now, packet, Err(DropReason::Incomplete));
            }
            pictures.finish(End::Timestamp);
        }
        pictures.begin(now, packet, depacketizer.is_open());
        depacketizer.payload(packet.payload, &mut |found| pictures.found(now, packet, found));
        pictures.gate.stats.repaired += depacketizer.take_repaired();
        pictures.end_of_packet(packet.marker, depacketizer.is_open());
        *flush_at = pictures.flush_at(now, depacketizer.is_open());
    }

    /// A new source (SSRC) or session: nothing that follows continues what came before.
    /// Parameter sets stay.
    pub fn handle_discontinuity(&mut self) {
        self.depacketizer.abandon();
        self.pictures.discontinuity();
        self.flush_at = None;
    }

    /// Ends the access unit of a camera without markers.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.flush_at.is_some_and(|flush_at| flush_at <= now) {
            self.pictures.finish(End::Timer);
            self.flush_at = None;
        }
    }

    /// When to call [`Assembler::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.flush_at
    }

    /// The next output, until `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.pictures.gate.poll()
    }

    /// Counters since the assembler was made.
    pub fn stats(&self) -> Stats {
        self.pictures.gate.stats
    }
}
