//! What of a publisher's offer is wanted (RFC 8829 section 5.3): its first tracks that send, one
//! encoding of each.

use super::super::sdp::{OfferError, is_live, sections, value};
use crate::limits;

/// An offer as it is to be accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Prepared {
    /// The edited offer.
    pub sdp: String,
    /// The mids of the m-lines that are wanted, in order.
    pub mids: Vec<String>,
}

/// Edits an offer for so many tracks of video and audio: those are `sendonly`, so that they are
/// answered `recvonly`, all others `inactive`. Encodings to choose from (RFC 8853) are left out,
/// so that the publisher sends the one of a track that has no others; so are candidates beyond
/// [`limits::REMOTE_CANDIDATES_MAX`].
///
/// # Errors
/// When it is beyond the bounds.
pub(super) fn prepare(
    offer: &str,
    video_max: usize,
    audio_max: usize,
) -> Result<Prepared, OfferError> {
    let sections = sections(offer)?;
    let mut sdp = String::with_capacity(offer.len() + 64 * sections.len());
    let (mut left_video, mut left_audio) = (video_max, audio_max);
    let mut mids = Vec::new();
    let mut left_candidates = limits::REMOTE_CANDIDATES_MAX;
    for (index, section) in sections.iter().enumerate() {
        let left = match section {
            section if is_live(section, "m=video ") => Some(&mut left_video),
            section if is_live(section, "m=audio ") => Some(&mut left_audio),
            _ => None,
        };
        let left = left.filter(|left| **left > 0 && sends(section));
        let is_wanted = left.is_some();
        if let Some(left) = left {
            *left -= 1;
            mids.push(value(section, "a=mid:").unwrap_or_default().to_owned());
        }
        for line in section.iter().filter(|line| index == 0 || !is_left_out(line)) {
            if line.starts_with("a=candidate:") {
                let Some(left) = left_candidates.checked_sub(1) else { continue };
                left_candidates = left;
            }
            push_line(&mut sdp, line);
        }
        if index > 0 && !is_application(section) {
            push_line(&mut sdp, if is_wanted { "a=sendonly" } else { "a=inactive" });
        }
    }
    Ok(Prepared { sdp, mids })
}

/// `sendrecv` where no direction is given (RFC 8866 section 6.7).
fn sends(section: &[&str]) -> bool {
    !section.iter().any(|line| matches!(*line, "a=recvonly" | "a=inactive"))
}

fn is_left_out(line: &str) -> bool {
    is_direction(line) || line.starts_with("a=simulcast:") || line.starts_with("a=rid:")
}

fn is_application(section: &[&str]) -> bool {
    section.first().is_some_and(|line| line.starts_with("m=application"))
}

fn is_direction(line: &str) -> bool {
    matches!(line, "a=sendrecv" | "a=sendonly" | "a=recvonly" | "a=inactive")
}

fn push_line(sdp: &mut String, line: &str) {
    sdp.push_str(line);
    sdp.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\na=group:BUNDLE 0 1 2 3 4\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=sendrecv\r\na=rid:h send\r\n\
        a=simulcast:send h\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\na=recvonly\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:3\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:4\r\na=sendonly\r\n";

    fn directions(sdp: &str) -> Vec<&str> {
        sdp.lines().filter(|line| is_direction(line)).collect()
    }

    #[test]
    fn the_first_tracks_that_send_are_wanted_in_one_encoding() {
        let prepared = prepare(OFFER, 1, 1).unwrap();
        assert_eq!(prepared.mids, ["1", "4"]);
        let expected = ["a=sendonly", "a=inactive", "a=inactive", "a=sendonly"];
        assert_eq!(directions(&prepared.sdp), expected);
        assert!(!prepared.sdp.contains("simulcast") && !prepared.sdp.contains("a=rid"));
        assert_eq!(prepare(OFFER, 8, 0).unwrap().mids, ["1", "3"]);
    }

    #[test]
    fn of_a_thousand_candidates_only_some_are_looked_at() {
        let many = "a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n".repeat(1000);
        let prepared = prepare(&format!("{OFFER}{many}"), 1, 1).unwrap();
        assert_eq!(prepared.sdp.matches("a=candidate").count(), limits::REMOTE_CANDIDATES_MAX);
    }

    #[test]
    fn a_thousand_tracks_are_refused() {
        let many = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n".repeat(1000);
        let refused = prepare(&many, 1, 1);
        assert_eq!(refused, Err(OfferError::TooManyMedia { count: 1000 }));
    }
}
