//! What of a viewer's offer is wanted: SDP policy (RFC 8866, RFC 8829).
//!
//! The answer's directions are decided by editing the offer before it is parsed: a video
//! m-line that becomes a slot is `recvonly`, so that it is answered `sendonly`, and so is the
//! audio m-line of a slot; everything else is `inactive`. The order, the mids and the codecs
//! stay the viewer's.

use std::fmt;

use crate::limits;

/// An offer as it is to be accepted.
#[derive(Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The edited offer.
    pub sdp: String,
    /// The mids of the video m-lines that become slots, in order.
    pub video_mids: Vec<String>,
    /// The audio m-lines that belong to slots.
    pub audio: Vec<AudioLine>,
}

/// An audio m-line that belongs to a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioLine {
    /// The slot.
    pub position: usize,
    /// The m-line.
    pub mid: String,
}

/// Why an offer can't be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfferError {
    /// More bytes than any browser's offer for the slots that are allowed.
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// More m-lines than are allowed.
    TooManyMedia {
        /// How many.
        count: usize,
    },
    /// No SDP.
    Malformed(String),
    /// SDP, but nothing to be connected to.
    Refused(String),
}

impl fmt::Display for OfferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes } => {
                write!(f, "SDP of {bytes} bytes, at most {} allowed", limits::SDP_MAX_BYTES)
            }
            Self::TooManyMedia { count } => {
                write!(f, "{count} m-lines, at most {} allowed", limits::SDP_MAX_MEDIA)
            }
            Self::Malformed(why) => write!(f, "malformed SDP: {why}"),
            Self::Refused(why) => write!(f, "offer refused: {why}"),
        }
    }
}

impl std::error::Error for OfferError {}

/// Edits an offer for this many slots, of which those at the positions `audio` take audio.
///
/// # Errors
/// When it is beyond the bounds.
pub fn prepare(offer: &str, slots: usize, audio: &[usize]) -> Result<Prepared, OfferError> {
    let sections = sections(offer)?;
    let mut sdp = String::with_capacity(offer.len() + 64 * sections.len());
    let (mut video_mids, mut audio_lines) = (Vec::new(), Vec::new());
    for (index, section) in sections.iter().enumerate() {
        let mid = || value(section, "a=mid:").unwrap_or_default().to_owned();
        let is_slot = video_mids.len() < slots && is_live(section, "m=video ");
        if is_slot {
            video_mids.push(mid());
        }
        let receives = !section.iter().any(|line| matches!(*line, "a=sendonly" | "a=inactive"));
        let position = audio.get(audio_lines.len());
        let position = position.filter(|_| receives && is_live(section, "m=audio "));
        if let Some(position) = position {
            audio_lines.push(AudioLine { position: *position, mid: mid() });
        }
        for line in section.iter().filter(|line| index == 0 || !is_direction(line)) {
            push_line(&mut sdp, line);
        }
        if index > 0 && !is_application(section) {
            let is_sent = is_slot || position.is_some();
            push_line(&mut sdp, if is_sent { "a=recvonly" } else { "a=inactive" });
        }
    }
    Ok(Prepared { sdp, video_mids, audio: audio_lines })
}

/// An offer's lines: those of the session, and those of each m-line.
///
/// # Errors
/// When it is beyond the bounds.
pub(super) fn sections(offer: &str) -> Result<Vec<Vec<&str>>, OfferError> {
    if offer.len() > limits::SDP_MAX_BYTES {
        return Err(OfferError::TooLarge { bytes: offer.len() });
    }
    let mut sections: Vec<Vec<&str>> = vec![Vec::new()];
    for line in offer.lines().filter(|line| !line.is_empty()) {
        if line.starts_with("m=") {
            sections.push(Vec::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push(line);
        }
    }
    let count = sections.len() - 1;
    if count > limits::SDP_MAX_MEDIA {
        return Err(OfferError::TooManyMedia { count });
    }
    Ok(sections)
}

pub(super) fn push_line(sdp: &mut String, line: &str) {
    sdp.push_str(line);
    sdp.push_str("\r\n");
}

/// An m-line of this kind that was not rejected (port 0 with no `bundle-only`, RFC 9143).
pub(super) fn is_live(section: &[&str], kind: &str) -> bool {
    let Some(media) = section.first().and_then(|line| line.strip_prefix(kind)) else {
        return false;
    };
    !media.starts_with("0 ") || section.contains(&"a=bundle-only")
}

pub(super) fn is_application(section: &[&str]) -> bool {
    section.first().is_some_and(|line| line.starts_with("m=application"))
}

pub(super) fn is_direction(line: &str) -> bool {
    matches!(line, "a=sendrecv" | "a=sendonly" | "a=recvonly" | "a=inactive")
}

pub(super) fn value<'a>(section: &[&'a str], prefix: &str) -> Option<&'a str> {
    section.iter().find_map(|line| line.strip_prefix(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\na=group:BUNDLE 0 1 2 3\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendrecv\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=sendrecv\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:3\r\na=recvonly\r\n";

    #[test]
    fn the_first_video_lines_become_slots_and_the_rest_is_inactive() {
        let prepared = prepare(OFFER, 2, &[]).unwrap();
        assert_eq!(prepared.video_mids, ["1", "2"]);
        let directions: Vec<&str> =
            prepared.sdp.lines().filter(|line| is_direction(line)).collect();
        assert_eq!(directions, ["a=inactive", "a=recvonly", "a=recvonly", "a=inactive"]);
    }

    #[test]
    fn audio_that_receives_belongs_to_the_slots_that_take_it_in_order() {
        let line = |mid: &str, direction: &str| {
            format!("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:{mid}\r\na={direction}\r\n")
        };
        let offer = format!(
            "{OFFER}{}{}m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:7\r\n{}{}",
            line("4", "sendonly"),
            line("5", "recvonly"),
            line("8", "inactive"),
            line("9", "recvonly")
        );
        let prepared = prepare(&offer, 3, &[0, 2]).unwrap();
        let audio = [(0, "0"), (2, "5")];
        let audio = audio.map(|(position, mid)| AudioLine { position, mid: mid.to_owned() });
        assert_eq!(prepared.audio, audio);
        let directions: Vec<&str> = prepared
            .sdp
            .lines()
            .filter(|line| is_direction(line))
            .map(|line| &line[2..5])
            .collect();
        assert_eq!(
            directions,
            ["rec", "rec", "rec", "rec", "ina", "rec", "ina", "ina", "ina"],
            "{}",
            prepared.sdp
        );
    }

    #[test]
    fn a_rejected_line_takes_no_slot() {
        let offer = OFFER.replacen("m=video 9", "m=video 0", 1);
        assert_eq!(prepare(&offer, 2, &[]).unwrap().video_mids, ["2", "3"]);
        let bundled = offer.replacen("a=mid:1", "a=mid:1\r\na=bundle-only", 1);
        assert_eq!(prepare(&bundled, 2, &[]).unwrap().video_mids, ["1", "2"]);
    }

    #[test]
    fn offers_beyond_the_bounds_are_refused() {
        let many = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n".repeat(limits::SDP_MAX_MEDIA + 1);
        let count = limits::SDP_MAX_MEDIA + 1;
        assert_eq!(prepare(&many, 1, &[]), Err(OfferError::TooManyMedia { count }));
        let long = "x".repeat(limits::SDP_MAX_BYTES + 1);
        assert!(matches!(prepare(&long, 1, &[]), Err(OfferError::TooLarge { .. })));
    }
}
