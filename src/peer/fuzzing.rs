//! What a fuzzer runs on descriptions, and a test on its corpus. Not an interface.

use str0m::IceCreds;

use super::answer::{Terms, take_up};
use super::sdp::{
    Content, Description, Format, Kind, Line, Section, Session, Setup, Transport, write,
};

/// Any bytes as an offer, of a viewer and of a publisher: what is answered is within it, and can
/// be read.
pub fn description(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(offer) = Description::read(&text) else { return };
    let lines = taken_up(&offer);
    check_answer(&offer, &lines, |line, offered| line.stream().is_none() || offered.receives);
    #[cfg(feature = "receive")]
    {
        let lines = super::receive::fuzzing::taken_up(&offer);
        check_answer(&offer, &lines, |line, offered| !line.receives() || offered.sends);
    }
}

fn taken_up<'a>(offer: &Description<'a>) -> Vec<Line<'a>> {
    let mut number = 0;
    let mut count = || {
        number += 1;
        number
    };
    let terms = Terms { slots: 4, audio: &[0, 2], playout_delay: true, resend_packets: 64 };
    let taken = take_up(&mut count, offer, &terms);
    assert!(taken.tracks.len() <= terms.slots && taken.audio_tracks.len() <= terms.audio.len());
    taken.lines
}

fn check_answer(
    offer: &Description<'_>,
    lines: &[Line<'_>],
    is_right: impl Fn(&Line<'_>, &Section<'_>) -> bool,
) {
    let transport = Transport {
        is_ice_lite: true,
        credentials: &IceCreds { ufrag: "abcd".to_owned(), pass: "0123456789".to_owned() },
        fingerprint: "sha-256 AB:CD".to_owned(),
        setup: Setup::Passive,
        candidates: &["candidate:1 1 udp 1 192.0.2.1 1 typ host".to_owned()],
        is_bundle: offer.is_bundle,
        allows_mixed_extensions: false,
    };
    let text = write(Session { id: 1, version: 1 }, &transport, lines);
    let answer = Description::read(&text);
    assert!(answer.is_ok(), "{answer:?}");
    let Ok(answer) = answer else { return };
    assert_eq!(answer.sections.len(), offer.sections.len());
    assert_eq!(answer.candidates.len(), 1);
    for ((offered, answered), line) in offer.sections.iter().zip(&answer.sections).zip(lines) {
        if matches!(line.content, Content::Rejected(_)) {
            assert_eq!(answered.kind, Kind::Nothing);
            continue;
        }
        assert_eq!((offered.kind, offered.mid), (answered.kind, answered.mid));
        for format in &answered.formats {
            let is_it = |it: &Format<'_>| {
                it.payload_type == format.payload_type
                    && it.is(format.name, format.clock_hz)
                    && it.resend == format.resend
            };
            assert!(offered.formats.iter().any(is_it), "{format:?} was not offered");
        }
        assert!(is_right(line, offered), "{line:?} {offered:?}");
    }
}
