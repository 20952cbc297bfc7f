//! What must hold of everything that leaves a slot, whatever happens around it.

use crosspoint::engine::frame::Egress;

use super::picture::{Decoder, Part, Picture};

/// A slot's receiver on a perfect network.
#[derive(Debug, Default)]
pub struct Screen {
    next_sequence_number: Option<u64>,
    rtp_timestamp: Option<u32>,
    decoder: Decoder,
    picture_id: Option<u16>,
}

impl Screen {
    /// Takes what a slot sends next; the picture in it, or which rule it breaks.
    pub fn take(&mut self, egress: &Egress) -> Result<Picture, String> {
        let mut parts: Vec<Part> = egress.frame.payloads.iter().filter_map(Part::read).collect();
        let sent = parts.len() as u64;
        // The parameter sets may be repeated.
        parts.dedup_by(|part, before| part == before && part.index == 0);
        let picture = parts.first().ok_or("an access unit without payloads")?.picture;
        if parts.iter().any(|part| part.picture != picture)
            || parts.iter().map(|part| part.index).ne(0..parts[0].count)
        {
            return Err(format!("{picture:?} was cut up"));
        }
        if let Some(expected) = self.next_sequence_number
            && expected != egress.first_sequence_number
        {
            let got = egress.first_sequence_number;
            return Err(format!("sequence number {got} instead of {expected} at {picture:?}"));
        }
        self.next_sequence_number = Some(egress.first_sequence_number + sent);
        if let Some(last) = self.rtp_timestamp {
            let ahead = egress.rtp_timestamp.wrapping_sub(last);
            if ahead == 0 || ahead >= 1 << 31 {
                return Err(format!("timestamp {ahead} ticks ahead at {picture:?}"));
            }
        }
        self.rtp_timestamp = Some(egress.rtp_timestamp);
        if let Some(id) = parts[0].id {
            if parts.iter().any(|part| part.id != Some(id)) {
                return Err(format!("{picture:?} has several ids"));
            }
            if let Some(last) = self.picture_id.replace(id)
                && id != (last + 1) & 0x7fff
            {
                return Err(format!("picture id {id} after {last} at {picture:?}"));
            }
        }
        self.decoder.decode(picture)?;
        Ok(picture)
    }

    /// Takes a packet without payload behind an access unit.
    pub fn probe(&mut self, egress: &Egress) -> Result<(), String> {
        let number = egress.first_sequence_number;
        if egress.frame.bytes() > 0 || egress.frame.payloads.len() != 1 {
            return Err("a probe with a payload".to_owned());
        }
        if self.next_sequence_number != Some(number)
            || self.rtp_timestamp != Some(egress.rtp_timestamp)
        {
            return Err(format!("the probe {number} does not stand behind a picture"));
        }
        self.next_sequence_number = Some(number + 1);
        Ok(())
    }
}
