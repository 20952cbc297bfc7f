//! A browser's receive pipeline for one track, as far as it decides what is decoded.
//!
//! Access units go to the decoder in the order of their sequence numbers. Where packets are
//! missing it waits, unless a complete IDR picture came behind the hole; a wait that gets too
//! long is a picture loss indication.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::picture::{Decoder, Part, Picture};

/// Without a decodable picture for this long, though packets come, the receiver complains.
const PATIENCE: Duration = Duration::from_millis(400);
const COMPLAINT_INTERVAL: Duration = Duration::from_millis(300);

#[derive(Debug, Clone, Copy)]
struct Packet {
    part: Part,
    rtp_timestamp: u32,
}

#[derive(Debug, Default)]
pub struct Receiver {
    buffer: BTreeMap<u64, Packet>,
    next: Option<u64>,
    seen: BTreeSet<u64>,
    /// Packets without payload that stand behind what is awaited.
    padding: BTreeSet<u64>,
    decoder: Decoder,
    rtp_timestamp: Option<u32>,
    picture_id: Option<u16>,
    stuck_since: Option<Duration>,
    complained_at: Option<Duration>,
    pub complaints: u64,
    pub decoded: u64,
}

impl Receiver {
    /// Takes a packet; the pictures that can be decoded with it.
    pub fn handle_packet(
        &mut self,
        now: Duration,
        sequence_number: u64,
        rtp_timestamp: u32,
        part: Part,
    ) -> Result<Vec<Picture>, String> {
        self.seen.insert(sequence_number);
        if self.next.is_none_or(|next| sequence_number >= next) {
            self.buffer.insert(sequence_number, Packet { part, rtp_timestamp });
        }
        self.decode_all(now)
    }

    /// Takes a packet without payload.
    pub fn handle_padding(
        &mut self,
        now: Duration,
        sequence_number: u64,
    ) -> Result<Vec<Picture>, String> {
        self.seen.insert(sequence_number);
        self.padding.insert(sequence_number);
        self.decode_all(now)
    }

    fn decode_all(&mut self, now: Duration) -> Result<Vec<Picture>, String> {
        let mut pictures = Vec::new();
        loop {
            while let Some(next) = self.next.filter(|next| self.padding.remove(next)) {
                self.next = Some(next + 1);
            }
            let Some(start) = self.next_decodable() else { break };
            pictures.push(self.decode(start)?);
        }
        if self.buffer.is_empty() || !pictures.is_empty() {
            self.stuck_since = None;
        }
        if !self.buffer.is_empty() {
            self.stuck_since.get_or_insert(now);
        }
        Ok(pictures)
    }

    fn next_decodable(&self) -> Option<u64> {
        if let Some(next) = self.next.filter(|next| self.is_complete(*next)) {
            return Some(next);
        }
        let is_key = |packet: &Packet| packet.part.picture.is_key() && packet.part.index == 0;
        let mut keys = self.buffer.iter().filter(|(_, packet)| is_key(packet));
        keys.find(|(start, _)| self.is_complete(**start)).map(|(start, _)| *start)
    }

    /// The sequence number behind a complete picture that starts here; its first part may be
    /// repeated.
    fn end_of(&self, start: u64) -> Option<u64> {
        let first = self.buffer.get(&start).filter(|first| first.part.index == 0)?;
        let is_copy = |at: &u64| self.buffer.get(at).is_some_and(|p| p.part == first.part);
        let copies = (start..).take_while(is_copy).count() as u64;
        let end = start + copies + u64::from(first.part.count) - 1;
        (self.buffer.range(start..end).count() as u64 == end - start).then_some(end)
    }

    fn is_complete(&self, start: u64) -> bool {
        self.end_of(start).is_some()
    }

    fn decode(&mut self, start: u64) -> Result<Picture, String> {
        let first = self.buffer[&start];
        let picture = first.part.picture;
        let end = self.end_of(start).ok_or("an incomplete picture")?;
        let once = end - u64::from(first.part.count);
        for (index, (at, packet)) in (0u16..).zip(self.buffer.range(once..end)) {
            if packet.part != (Part { index, ..first.part })
                || packet.rtp_timestamp != first.rtp_timestamp
            {
                return Err(format!("packet {at} is no part of {picture:?}: {packet:?}"));
            }
        }
        if let Some(last) = self.rtp_timestamp {
            let ahead = first.rtp_timestamp.wrapping_sub(last);
            if ahead == 0 || ahead >= 1 << 31 {
                return Err(format!("timestamp {ahead} ticks ahead at {picture:?}"));
            }
        }
        self.rtp_timestamp = Some(first.rtp_timestamp);
        if let Some(id) = first.part.id {
            let ahead =
                self.picture_id.replace(id).map_or(1, |last| id.wrapping_sub(last) & 0x7fff);
            // Behind a loss it goes on with a key.
            if ahead != 1 && (!picture.is_key() || !(1..1 << 14).contains(&ahead)) {
                return Err(format!("picture id {id}, {ahead} ahead, at {picture:?}"));
            }
        }
        self.decoder.decode(picture)?;
        self.decoded += 1;
        self.buffer = self.buffer.split_off(&end);
        self.next = Some(end);
        self.padding = self.padding.split_off(&end);
        Ok(picture)
    }

    /// Whether to send a picture loss indication now.
    pub fn poll_complaint(&mut self, now: Duration) -> bool {
        let is_stuck = self.stuck_since.is_some_and(|since| now >= since + PATIENCE);
        let is_recent = self.complained_at.is_some_and(|at| now < at + COMPLAINT_INTERVAL);
        if !is_stuck || is_recent {
            return false;
        }
        self.complained_at = Some(now);
        self.complaints += 1;
        true
    }

    /// What it waits for, for the trace.
    pub fn waits_for(&self) -> (Option<u64>, Option<(u64, Picture)>) {
        (self.next, self.buffer.first_key_value().map(|(at, packet)| (*at, packet.part.picture)))
    }

    pub fn shown(&self) -> Option<Picture> {
        self.decoder.shown
    }

    /// Packets that never came, each with the next one that did.
    pub fn missing(&self) -> Vec<(u64, u64)> {
        let ahead = self.seen.iter().skip(1);
        let holes = self.seen.iter().zip(ahead).filter(|(before, next)| **before + 1 < **next);
        holes.flat_map(|(before, next)| (before + 1..*next).map(|number| (number, *next))).collect()
    }

    /// When [`Receiver::poll_complaint`] may say yes.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let due = self.stuck_since? + PATIENCE;
        Some(self.complained_at.map_or(due, |at| due.max(at + COMPLAINT_INTERVAL)))
    }
}
