//! One RTP payload format of an m-line, read or written: what `rtpmap`, `fmtp` and `rtcp-fb` say
//! of a payload type (RFC 8866 section 6.6, RFC 4585 section 4.2).

use std::borrow::Cow;

/// What repairs loss: a new picture, or the packets that are missing (RFC 4585 section 6, RFC 5104
/// section 4.3.1).
pub const FEEDBACK: [&str; 3] = ["ccm fir", "nack", KEYFRAME_REQUESTS];
pub const KEYFRAME_REQUESTS: &str = "nack pli";

/// Arrivals are told of (draft-holmer-rmcat-transport-wide-cc-extensions-01), to those who send.
pub const ARRIVALS: &str = "transport-cc";

/// The format of what is sent again (RFC 4588 section 8.1).
pub const RESEND: &str = "rtx";

/// A payload type, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format<'a> {
    /// 0 to 127.
    pub payload_type: u8,
    /// The encoding's name, whose case means nothing.
    pub name: &'a str,
    /// Ticks of its RTP clock in a second.
    pub clock_hz: u32,
    /// Of audio; 1 where nothing is said.
    pub channels: u8,
    /// Its parameters, separated by semicolons.
    pub parameters: Cow<'a, str>,
    /// Feedback that is taken, of [`FEEDBACK`] and [`ARRIVALS`].
    pub feedback: Vec<&'static str>,
    /// The payload type of what is sent again.
    pub resend: Option<u8>,
}

impl<'a> Format<'a> {
    /// Without parameters, feedback and resends.
    pub fn new(payload_type: u8, name: &'a str, clock_hz: u32, channels: u8) -> Self {
        let (parameters, feedback, resend) = (Cow::Borrowed(""), Vec::new(), None);
        Self { payload_type, name, clock_hz, channels, parameters, feedback, resend }
    }

    /// What a payload type means that nothing is said of (RFC 3551 section 6).
    pub(super) fn unsaid(payload_type: u8) -> Self {
        let name = match payload_type {
            0 => "PCMU",
            8 => "PCMA",
            9 => "G722",
            _ => "",
        };
        Self::new(payload_type, name, 8_000, 1)
    }

    /// Whether it is of this encoding.
    pub fn is(&self, name: &str, clock_hz: u32) -> bool {
        self.name.eq_ignore_ascii_case(name) && self.clock_hz == clock_hz
    }

    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.split(';').find_map(|parameter| {
            let (key, value) = parameter.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// The number that a parameter has.
    pub fn number(&self, name: &str) -> Option<u8> {
        self.parameter(name)?.parse().ok()
    }

    /// Takes the value of `a=rtcp-fb`, behind the payload type.
    pub(super) fn add_feedback(&mut self, text: &str) {
        let known = FEEDBACK.into_iter().chain([ARRIVALS]).find(|known| *known == text);
        self.feedback.extend(known.filter(|known| !self.feedback.contains(known)));
    }

    /// Takes the value of `a=rtpmap`, behind the payload type.
    pub(super) fn set_encoding(&mut self, encoding: &'a str) {
        let mut parts = encoding.split('/');
        self.name = parts.next().unwrap_or_default();
        self.clock_hz = parts.next().and_then(|clock| clock.parse().ok()).unwrap_or_default();
        self.channels = parts.next().and_then(|channels| channels.parse().ok()).unwrap_or(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_whatever_their_case_and_the_spaces_around_them() {
        let mut format = Format::new(96, "h264", 90_000, 1);
        format.parameters = Cow::Borrowed("packetization-mode=1; Profile-Level-Id=42E01F;junk");
        assert!(format.is("H264", 90_000) && !format.is("H264", 8_000));
        assert_eq!(format.number("packetization-mode"), Some(1));
        assert_eq!(format.parameter("profile-level-id"), Some("42E01F"));
        assert_eq!([format.parameter("junk"), format.parameter("mode")], [None, None]);
    }
}
