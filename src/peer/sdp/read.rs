//! Reading a description. What can't be read of a format, an extension or a candidate is left out;
//! what a connection needs and is not there, or is no SDP, is an error that names it.

use std::borrow::Cow;

use str0m::IceCreds;

#[cfg(feature = "receive")]
use super::MIXED_EXTENSIONS;
use super::error::OfferError;
use super::format::{Format, RESEND};
use super::sections::{is_rejected, sections, value};
use super::{DATA_CHANNELS, MEDIA_PROTOCOL, Setup};
#[cfg(feature = "receive")]
use crate::limits;

/// What the other side has described.
#[derive(Debug)]
pub struct Description<'a> {
    /// It leaves all checks to us (RFC 8445 section 2.5).
    pub is_ice_lite: bool,
    pub credentials: IceCreds,
    /// Hash function and value of its certificate (RFC 8122 section 5).
    pub fingerprint: &'a str,
    pub setup: Option<Setup>,
    /// Without the `a=` in front.
    pub candidates: Vec<&'a str>,
    /// Whether there is a group of m-lines on one transport.
    pub is_bundle: bool,
    /// Extensions may have headers of one byte and of two (RFC 8285 section 6).
    #[cfg(feature = "receive")]
    pub allows_mixed_extensions: bool,
    pub sections: Vec<Section<'a>>,
}

/// One of its m-lines.
#[derive(Debug)]
pub struct Section<'a> {
    pub kind: Kind,
    /// `video`, `audio`, `application`, ...
    pub media: &'a str,
    pub protocol: &'a str,
    /// As they stand in the m-line.
    pub formats_text: &'a str,
    /// What the group of the transport knows it by (RFC 9143).
    pub mid: &'a str,
    pub receives: bool,
    #[cfg(feature = "receive")]
    pub sends: bool,
    /// The sources that it names (RFC 5576), of what is sent again too.
    #[cfg(feature = "receive")]
    pub ssrcs: Vec<u32>,
    /// Those that have a meaning; of what is sent again they know themselves.
    pub formats: Vec<Format<'a>>,
    pub extensions: Vec<Extension<'a>>,
}

/// A header extension (RFC 8285 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    pub number: u8,
    pub name: &'a str,
    pub senders: Senders,
}

/// Who may send an extension; where it is one side, the answer says so too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Senders {
    Both,
    We,
    #[cfg(feature = "receive")]
    They,
}

impl Extension<'_> {
    /// Whether its elements fit the header of one byte (RFC 8285 section 4.2), which is the one
    /// that is written here.
    pub fn has_one_byte_number(&self) -> bool {
        (1..=14).contains(&self.number)
    }
}

/// What an m-line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Video,
    Audio,
    DataChannels,
    /// Nothing: it was rejected, is none of the above, has no formats, or is not on the transport
    /// of the others.
    Nothing,
}

impl<'a> Description<'a> {
    /// Reads an offer or an answer.
    ///
    /// # Errors
    /// When it is no SDP, beyond the bounds, or lacks what a connection needs.
    pub fn read(text: &'a str) -> Result<Self, OfferError> {
        let lines = sections(text)?;
        check_syntax(text)?;
        let (session, media) = lines.split_first().ok_or_else(|| missing("v="))?;
        if media.is_empty() {
            return Err(OfferError::Refused("no m-line".to_owned()));
        }
        let group = session.iter().find_map(|line| line.strip_prefix("a=group:BUNDLE"));
        let mut sections: Vec<Section<'a>> = media.iter().map(|it| Section::read(it)).collect();
        leave_one_transport(&mut sections, group)?;
        // On the one transport the first m-line speaks for all (RFC 9143 section 9), and what is
        // said before them stands where it says nothing.
        let live = || sections.iter().zip(media).filter(|(section, _)| section.is_live());
        let first = live().next().map(|(_, lines)| lines.as_slice()).unwrap_or_default();
        let said = |prefix| value(first, prefix).or_else(|| value(session, prefix));
        let ufrag = said("a=ice-ufrag:").ok_or_else(|| missing("a=ice-ufrag"))?.to_owned();
        let pass = said("a=ice-pwd:").ok_or_else(|| missing("a=ice-pwd"))?.to_owned();
        let fingerprints = first.iter().chain(session);
        let mut fingerprints = fingerprints.filter_map(|it| it.strip_prefix("a=fingerprint:"));
        let any = fingerprints.clone().next().ok_or_else(|| missing("a=fingerprint"))?;
        let fingerprint = fingerprints.find(|it| it.starts_with("sha-256 ")).unwrap_or(any);
        let candidates = session.iter().chain(live().flat_map(|(_, lines)| lines));
        let candidates = candidates.filter(|line| line.starts_with("a=candidate:"));
        Ok(Self {
            is_ice_lite: session.contains(&"a=ice-lite"),
            credentials: IceCreds { ufrag, pass },
            fingerprint,
            setup: said("a=setup:").and_then(Setup::read),
            candidates: candidates.filter_map(|line| line.strip_prefix("a=")).collect(),
            is_bundle: group.is_some(),
            #[cfg(feature = "receive")]
            allows_mixed_extensions: session.contains(&MIXED_EXTENSIONS),
            sections,
        })
    }
}

impl<'a> Section<'a> {
    fn read(lines: &[&'a str]) -> Self {
        let (m, attributes) = lines.split_first().map_or(("", &[][..]), |(m, rest)| (*m, rest));
        let mut fields = m.strip_prefix("m=").unwrap_or_default().splitn(4, ' ');
        let mut field = || fields.next().unwrap_or_default();
        let (media, _port, protocol, formats_text) = (field(), field(), field(), field());
        let kind = match media {
            _ if is_rejected(lines) => Kind::Nothing,
            "video" if protocol.ends_with(MEDIA_PROTOCOL) => Kind::Video,
            "audio" if protocol.ends_with(MEDIA_PROTOCOL) => Kind::Audio,
            "application" if formats_text == DATA_CHANNELS => Kind::DataChannels,
            _ => Kind::Nothing,
        };
        let says = |direction: &str| attributes.contains(&direction);
        let mut section = Self {
            kind,
            media,
            protocol,
            formats_text,
            mid: value(attributes, "a=mid:").unwrap_or_default().trim(),
            receives: !says("a=sendonly") && !says("a=inactive"),
            #[cfg(feature = "receive")]
            sends: !says("a=recvonly") && !says("a=inactive"),
            #[cfg(feature = "receive")]
            ssrcs: Vec::new(),
            formats: Vec::new(),
            extensions: Vec::new(),
        };
        if matches!(kind, Kind::Video | Kind::Audio) {
            section.read_formats(attributes);
            if section.formats.is_empty() {
                section.kind = Kind::Nothing;
            }
            let extensions = attributes.iter().filter_map(|line| line.strip_prefix("a=extmap:"));
            section.extensions = extensions.filter_map(extension).collect();
            #[cfg(feature = "receive")]
            section.read_sources(attributes);
        }
        section
    }

    #[cfg(feature = "receive")]
    fn read_sources(&mut self, attributes: &[&str]) {
        for line in attributes.iter().filter_map(|line| line.strip_prefix("a=ssrc:")) {
            let ssrc = line.split(' ').next().and_then(|ssrc| ssrc.parse().ok());
            let is_new = ssrc.filter(|ssrc| !self.ssrcs.contains(ssrc));
            let has_room = self.ssrcs.len() < limits::RECEIVED_STREAMS_MAX;
            self.ssrcs.extend(is_new.filter(|_| has_room));
        }
    }

    /// Whether it is of some use.
    pub fn is_live(&self) -> bool {
        self.kind != Kind::Nothing
    }

    fn read_formats(&mut self, attributes: &[&'a str]) {
        let payload_types = self.formats_text.split_ascii_whitespace();
        let payload_types = payload_types.filter_map(|text| text.parse().ok());
        for payload_type in payload_types.filter(|payload_type| *payload_type < 128) {
            if !self.formats.iter().any(|format| format.payload_type == payload_type) {
                self.formats.push(Format::unsaid(payload_type));
            }
        }
        for line in attributes {
            let Some((attribute, rest)) = line.strip_prefix("a=").and_then(|a| a.split_once(':'))
            else {
                continue;
            };
            let Some((payload_type, text)) = rest.split_once(' ') else { continue };
            let wanted = payload_type.parse::<u8>().ok();
            let text = text.trim();
            let mut formats = self.formats.iter_mut();
            if attribute == "rtcp-fb" && payload_type == "*" {
                formats.for_each(|format| format.add_feedback(text));
                continue;
            }
            let Some(format) = formats.find(|it| wanted == Some(it.payload_type)) else { continue };
            match attribute {
                "rtpmap" => format.set_encoding(text),
                "fmtp" => format.parameters = Cow::Borrowed(text),
                "rtcp-fb" => format.add_feedback(text),
                _ => {}
            }
        }
        let resends = self.formats.iter().filter(|format| format.name.eq_ignore_ascii_case(RESEND));
        let resends: Vec<(u8, Option<u8>)> =
            resends.map(|format| (format.payload_type, format.number("apt"))).collect();
        self.formats
            .retain(|format| !format.name.is_empty() && !format.name.eq_ignore_ascii_case(RESEND));
        for format in &mut self.formats {
            let own = resends.iter().find(|(_, of)| *of == Some(format.payload_type));
            format.resend = own.map(|(payload_type, _)| *payload_type);
        }
    }
}

/// What is not in the group would want a transport of its own. Without a group the first that
/// can have one has ours.
fn leave_one_transport(
    sections: &mut [Section<'_>],
    group: Option<&str>,
) -> Result<(), OfferError> {
    let mut mids: Vec<&str> = Vec::new();
    let mut is_taken = false;
    for section in sections.iter_mut().filter(|section| section.is_live()) {
        let is_in = match group {
            Some(group) => group.split_ascii_whitespace().any(|mid| mid == section.mid),
            None => !std::mem::replace(&mut is_taken, true),
        };
        if !is_in {
            section.kind = Kind::Nothing;
        } else if mids.contains(&section.mid) {
            let why = format!("two m-lines are a=mid:{}", section.mid);
            return Err(OfferError::Refused(why));
        } else {
            mids.push(section.mid);
        }
    }
    match mids.is_empty() {
        true => Err(OfferError::Refused("no m-line that something could be sent on".to_owned())),
        false => Ok(()),
    }
}

/// Each line is a letter, an equals sign and a value, and the first is the version.
fn check_syntax(text: &str) -> Result<(), OfferError> {
    let malformed =
        |number: usize, what: &str| Err(OfferError::Malformed(format!("line {number}: {what}")));
    if !text.starts_with("v=0") {
        return malformed(1, "not v=0");
    }
    for (line, number) in text.lines().zip(1..) {
        let is_line = matches!(line.as_bytes(), [b'a'..=b'z', b'=', ..] | []);
        if !is_line {
            return malformed(number, "not of the form <type>=<value>");
        }
        // What is echoed stays one line for every reader.
        if line.contains(|c: char| c.is_control() && c != '\t') {
            return malformed(number, "a control character");
        }
        let Some(media) = line.strip_prefix("m=") else { continue };
        let mut fields = media.split(' ');
        let port = fields.nth(1).map(|port| port.split('/').next().unwrap_or_default());
        if port.and_then(|port| port.parse::<u16>().ok()).is_none() {
            return malformed(number, "an m-line without a port");
        }
        if fields.nth(1).is_none() {
            return malformed(number, "an m-line without formats");
        }
    }
    Ok(())
}

fn missing(attribute: &str) -> OfferError {
    OfferError::Refused(format!("{attribute} is missing"))
}

/// `number[/direction] name [attributes]`.
fn extension(text: &str) -> Option<Extension<'_>> {
    let mut fields = text.split_ascii_whitespace();
    let (number, name) = (fields.next()?, fields.next()?);
    let (number, senders) = match number.split_once('/') {
        None => (number, Senders::Both),
        Some((number, "sendrecv")) => (number, Senders::Both),
        Some((number, "recvonly")) => (number, Senders::We),
        #[cfg(feature = "receive")]
        Some((number, "sendonly")) => (number, Senders::They),
        Some(_) => return None,
    };
    Some(Extension { number: number.parse().ok()?, name, senders })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHROMIUM: &str = include_str!("../../../fuzz/corpus/description/chromium");
    const FIREFOX: &str = include_str!("../../../fuzz/corpus/description/firefox");

    fn kinds(description: &Description<'_>) -> Vec<(Kind, String)> {
        let sections = description.sections.iter();
        sections.map(|section| (section.kind, section.mid.to_owned())).collect()
    }

    /// Of an m-line: what is asked for again is behind the comma.
    fn formats(section: &Section<'_>) -> Vec<String> {
        let format = |it: &Format<'_>| format!("{} {} {:?}", it.payload_type, it.name, it.resend);
        section.formats.iter().map(format).collect()
    }

    #[test]
    fn a_browsers_offer_is_read() {
        let offer = Description::read(CHROMIUM).unwrap();
        let expected = [
            (Kind::Video, "0"),
            (Kind::Video, "1"),
            (Kind::Video, "2"),
            (Kind::Audio, "3"),
            (Kind::Audio, "4"),
            (Kind::DataChannels, "5"),
        ];
        let expected = expected.map(|(kind, mid)| (kind, mid.to_owned()));
        assert_eq!(kinds(&offer), expected);
        assert_eq!((offer.setup, offer.is_ice_lite), (Some(Setup::ActPass), false));
        assert!(offer.is_bundle && offer.fingerprint.starts_with("sha-256 "));
        let video = &offer.sections[0];
        assert!(video.receives);
        assert_eq!(formats(video)[..2], ["96 VP8 Some(97)", "98 VP9 Some(99)"]);
        let h264 = video.formats.iter().find(|format| format.payload_type == 108).unwrap();
        assert_eq!(h264.parameter("profile-level-id"), Some("42e01f"));
        assert!(["nack", "nack pli", "ccm fir"].iter().all(|it| h264.feedback.contains(it)));
        let opus = &offer.sections[3].formats[0];
        assert_eq!((opus.name, opus.clock_hz, opus.channels), ("opus", 48_000, 2));
    }

    #[test]
    fn what_stands_before_the_m_lines_is_said_for_all() {
        let offer = Description::read(FIREFOX).unwrap();
        assert!(offer.fingerprint.starts_with("sha-256 "));
        let named = |name: &str| {
            let mut extensions = offer.sections[0].extensions.iter();
            *extensions.find(|extension| extension.name.ends_with(name)).unwrap()
        };
        assert_eq!(named("playout-delay").senders, Senders::We);
        assert_eq!(named("sdes:mid").senders, Senders::Both);
        assert_eq!(formats(&offer.sections[0])[0], "120 VP8 Some(124)");
    }

    fn offer(session: &str, media: &[&str]) -> String {
        let transport = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n\
            a=fingerprint:sha-256 AB:CD\r\n";
        format!("v=0\r\ns=-\r\n{session}{transport}{}", media.concat())
    }

    const VIDEO_0: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=rtpmap:96 VP8/90000\r\n";
    const AUDIO_1: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 0 8\r\na=mid:1\r\na=sendonly\r\n";
    const REJECTED_2: &str = "m=video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:2\r\n";

    fn live(session: &str, media: &[&str]) -> Vec<String> {
        let text = offer(session, media);
        let read = Description::read(&text).unwrap();
        let live = read.sections.iter().filter(|section| section.kind != Kind::Nothing);
        live.map(|section| section.mid.to_owned()).collect()
    }

    #[test]
    fn one_transport_is_left_and_what_is_not_on_it_is_nothing() {
        let all = [VIDEO_0, AUDIO_1, REJECTED_2];
        assert_eq!(live("a=group:BUNDLE 0 1 2\r\n", &all), ["0", "1"]);
        assert_eq!(live("a=group:BUNDLE 1\r\n", &all), ["1"]);
        assert_eq!(live("", &all), ["0"]);
        let bundled = REJECTED_2.replace("a=mid", "a=bundle-only\r\na=mid");
        assert_eq!(
            live("a=group:BUNDLE 0 1 2\r\n", &[VIDEO_0, AUDIO_1, &bundled]),
            ["0", "1", "2"]
        );
        let fields = "m=video 9 RTP/AVP 96\r\na=mid:3\r\n";
        assert_eq!(live("a=group:BUNDLE 0 3\r\n", &[VIDEO_0, fields]), ["0"], "not encrypted");
    }

    #[test]
    fn the_transport_is_that_of_the_first_m_line_that_is_on_it() {
        let other = format!("{VIDEO_0}a=ice-ufrag:other\r\na=candidate:1\r\n");
        let own = format!("{AUDIO_1}a=ice-ufrag:own\r\na=candidate:2\r\n");
        let text = offer("a=group:BUNDLE 1\r\n", &[&other, &own]);
        let read = Description::read(&text).unwrap();
        assert_eq!(read.credentials.ufrag, "own");
        assert_eq!(read.candidates, ["candidate:2"]);
    }

    #[test]
    fn repeated_feedback_takes_no_memory() {
        let numbers: Vec<_> = (0..128).map(|number: u8| number.to_string()).collect();
        let feedback = "a=rtcp-fb:* nack\r\na=rtcp-fb:* x\r\n".repeat(5_000);
        let video = format!("m=video 9 UDP/TLS/RTP/SAVPF {}\r\n{feedback}", numbers.join(" "));
        let text = offer("", &[&video]);
        let read = Description::read(&text).unwrap();
        let kept = read.sections[0].formats.iter().map(|format| format.feedback.len()).max();
        assert_eq!(kept, Some(1));
    }

    #[test]
    fn static_payload_types_need_no_words() {
        let text = offer("", &[AUDIO_1]);
        let read = Description::read(&text).unwrap();
        assert_eq!(formats(&read.sections[0]), ["0 PCMU None", "8 PCMA None"]);
        assert!(!read.sections[0].receives);
    }

    #[test]
    fn of_several_fingerprints_the_one_that_can_be_checked_is_taken() {
        let session = "a=fingerprint:sha-512 00:01\r\n";
        let text = offer(session, &[VIDEO_0]);
        assert_eq!(Description::read(&text).unwrap().fingerprint, "sha-256 AB:CD");
    }

    #[test]
    fn errors_tell_what_is_wrong_and_where() {
        let error = |text: &str| Description::read(text).unwrap_err().to_string();
        let whole = offer("", &[VIDEO_0]);
        assert_eq!(error("hello"), "malformed SDP: line 1: not v=0");
        let broken = whole.replace("s=-", "what is this");
        assert_eq!(error(&broken), "malformed SDP: line 2: not of the form <type>=<value>");
        let broken = whole.replace("m=video 9", "m=video x");
        assert_eq!(error(&broken), "malformed SDP: line 6: an m-line without a port");
        let broken = whole.replace(" 96\r", "\r");
        assert_eq!(error(&broken), "malformed SDP: line 6: an m-line without formats");
        let broken = whole.replace("mid:0", "mid:0\rx");
        assert_eq!(error(&broken), "malformed SDP: line 7: a control character");
        let broken = whole.replace("mid:0", "mid:\0");
        assert_eq!(error(&broken), "malformed SDP: line 7: a control character");
        for attribute in ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint"] {
            let broken = whole.replace(attribute, "a=x");
            assert_eq!(error(&broken), format!("offer refused: {attribute} is missing"));
        }
        let twice = offer("a=group:BUNDLE 0\r\n", &[VIDEO_0, VIDEO_0]);
        assert_eq!(error(&twice), "offer refused: two m-lines are a=mid:0");
        assert_eq!(error(&offer("", &[])), "offer refused: no m-line");
        let none = "offer refused: no m-line that something could be sent on";
        assert_eq!(error(&offer("", &[REJECTED_2])), none);
    }
}
