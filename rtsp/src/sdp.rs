//! Session descriptions (RFC 4566, RFC 2326 C) as cameras write them.
//!
//! Reading never fails: a line or a media section that makes no sense is left out, the rest is
//! kept. Only what a session needs is read; `v=`, `o=`, `s=`, `t=` and `c=` are not looked at, so
//! nothing can be wrong with them.

use crate::limits::{MAX_SDP_BYTES, MAX_SDP_FORMATS, MAX_SDP_MEDIA};

/// A session description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sdp {
    /// `a=control` of the session, if any.
    pub control: Option<String>,
    /// `a=tool`, the software that wrote it.
    pub tool: Option<String>,
    /// Media sections in order.
    pub media: Vec<Media>,
}

/// One media section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// `video`, `audio`, `application`, ...
    pub kind: String,
    /// Transport protocol, such as `RTP/AVP`.
    pub protocol: String,
    /// Formats in order of preference, those of broken `m=` lines included.
    pub formats: Vec<Format>,
    /// `a=control`, if any.
    pub control: Option<String>,
    /// Who sends.
    pub direction: Direction,
}

/// One RTP payload type of a media section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Encoding name in upper case; empty if there is neither `a=rtpmap` nor a static meaning.
    pub codec: String,
    /// RTP clock in Hz; never 0.
    pub clock_rate_hz: u32,
    /// Number of channels, if given.
    pub channels: Option<u16>,
    /// Value of `a=fmtp` behind the payload type; empty if none.
    pub fmtp: String,
}

/// Direction attribute (RFC 4566 6), as the description has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// None given.
    #[default]
    Unsaid,
    /// `a=sendrecv`
    SendRecv,
    /// `a=recvonly`: the usual word for media the client receives.
    RecvOnly,
    /// `a=sendonly`: a back channel, or a confused camera.
    SendOnly,
    /// `a=inactive`
    Inactive,
}

impl Format {
    /// Parameter of `a=fmtp`, by name in any case.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.fmtp.split(';').find_map(|parameter| {
            let (key, value) = parameter.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    fn of_payload_type(payload_type: u8) -> Self {
        let (codec, clock_rate_hz, channels) = match payload_type {
            0 => ("PCMU", 8_000, Some(1)),
            3 => ("GSM", 8_000, Some(1)),
            8 => ("PCMA", 8_000, Some(1)),
            9 => ("G722", 8_000, Some(1)),
            10 => ("L16", 44_100, Some(2)),
            11 => ("L16", 44_100, Some(1)),
            14 => ("MPA", 90_000, None),
            26 => ("JPEG", 90_000, None),
            31 => ("H261", 90_000, None),
            32 => ("MPV", 90_000, None),
            33 => ("MP2T", 90_000, None),
            34 => ("H263", 90_000, None),
            _ => ("", DEFAULT_CLOCK_HZ, None),
        };
        let (codec, fmtp) = (codec.to_owned(), String::new());
        Self { payload_type, codec, clock_rate_hz, channels, fmtp }
    }

    /// Reads `H264/90000` or `MPEG4-GENERIC/16000/2`.
    fn set_encoding(&mut self, encoding: &str) {
        let mut parts = encoding.split('/').map(str::trim);
        let name = parts.next().unwrap_or("");
        let name = name.split_whitespace().next().unwrap_or("");
        if name.is_empty() {
            return;
        }
        let first_number = |part: &str| part.split_whitespace().next()?.parse::<u32>().ok();
        self.codec = name.to_ascii_uppercase();
        let clock = parts.next().and_then(first_number).filter(|rate| *rate > 0);
        self.channels = parts.next().and_then(first_number).and_then(|n| u16::try_from(n).ok());
        // RFC 6184 8.2.1, RFC 7798 7.1: nothing else is allowed, whatever the camera writes.
        let fixed = matches!(self.codec.as_str(), "H264" | "H265").then_some(90_000);
        self.clock_rate_hz = fixed.or(clock).unwrap_or(self.clock_rate_hz);
    }
}

/// Clock of a format whose description has none.
const DEFAULT_CLOCK_HZ: u32 = 90_000;

impl Media {
    /// RTP without encryption, in one of its spellings; or no protocol to speak of.
    #[must_use]
    pub fn is_rtp(&self) -> bool {
        let name = self.protocol.to_ascii_uppercase();
        let name = name.strip_prefix("TCP/").unwrap_or(&name);
        matches!(name, "RTP/AVP" | "RTP/AVPF" | "RTP/AVP/TCP" | "RTP/AVP/UDP" | "RTP" | "")
    }

    fn format_mut(&mut self, payload_type: u8) -> Option<&mut Format> {
        self.formats.iter_mut().find(|format| format.payload_type == payload_type)
    }

    fn add_format(&mut self, payload_type: u8) -> Option<&mut Format> {
        if self.format_mut(payload_type).is_none() && self.formats.len() < MAX_SDP_FORMATS {
            self.formats.push(Format::of_payload_type(payload_type));
        }
        self.format_mut(payload_type)
    }
}

impl Sdp {
    /// Reads a description in any charset with any line ends.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let bytes = bytes.get(..MAX_SDP_BYTES).unwrap_or(bytes);
        let mut reader = Reader::default();
        for line in bytes.split(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
            let line = String::from_utf8_lossy(line);
            let line = line.trim_start_matches('\u{feff}').trim();
            if let Some((key, value)) = line.split_once('=') {
                reader.line(key.trim(), value.trim());
            }
        }
        reader.finish()
    }
}

/// Reading in progress.
#[derive(Default)]
struct Reader {
    sdp: Sdp,
    /// In a section beyond the cap: its attributes belong to nothing.
    beyond: bool,
    /// Payload types of this section whose encoding came from `a=rtpmap`: of several, the first
    /// counts.
    mapped: Vec<u8>,
    /// `a=fmtp` of payload types that their own section does not have.
    strays: Vec<(u8, String)>,
}

impl Reader {
    fn line(&mut self, key: &str, value: &str) {
        match key {
            "m" => self.media(value),
            "a" if !self.beyond => {
                let (name, value) = value.split_once(':').unwrap_or((value, ""));
                self.attribute(&name.trim().to_ascii_lowercase(), value.trim());
            }
            _ => {}
        }
    }

    fn media(&mut self, value: &str) {
        self.beyond = self.sdp.media.len() == MAX_SDP_MEDIA;
        if self.beyond {
            return;
        }
        self.mapped.clear();
        let mut words = value.split_whitespace();
        let kind = words.next().unwrap_or("").to_ascii_lowercase();
        let protocol = words.nth(1).unwrap_or("").to_owned();
        let direction = Direction::default();
        let mut media = Media { kind, protocol, formats: Vec::new(), control: None, direction };
        for payload_type in words.filter_map(payload_type) {
            media.add_format(payload_type);
        }
        self.sdp.media.push(media);
    }

    fn attribute(&mut self, name: &str, value: &str) {
        let Some(media) = self.sdp.media.last_mut() else {
            match name {
                "control" => self.sdp.control = Some(value.to_owned()),
                "tool" => self.sdp.tool = Some(value.to_owned()),
                _ => {}
            }
            return;
        };
        match name {
            // Some cameras repeat a session's attributes in a section: the first counts.
            "control" if media.control.is_none() => media.control = Some(value.to_owned()),
            "rtpmap" => {
                let Some((number, encoding)) = split_payload_type(value) else { return };
                if !self.mapped.contains(&number)
                    && let Some(format) = media.add_format(number)
                {
                    format.set_encoding(encoding);
                    self.mapped.push(number);
                }
            }
            "fmtp" => {
                let Some((number, parameters)) = split_payload_type(value) else { return };
                match media.format_mut(number) {
                    Some(format) if format.fmtp.is_empty() => {
                        parameters.clone_into(&mut format.fmtp)
                    }
                    Some(_) => {}
                    None if self.strays.len() < MAX_SDP_MEDIA => {
                        self.strays.push((number, parameters.to_owned()));
                    }
                    None => {}
                }
            }
            "sendrecv" => media.direction = Direction::SendRecv,
            "recvonly" => media.direction = Direction::RecvOnly,
            "sendonly" => media.direction = Direction::SendOnly,
            "inactive" => media.direction = Direction::Inactive,
            _ => {}
        }
    }

    fn finish(mut self) -> Sdp {
        for (number, parameters) in self.strays {
            let mut formats = self.sdp.media.iter_mut().filter_map(|m| m.format_mut(number));
            if let Some(format) = formats.find(|format| format.fmtp.is_empty()) {
                format.fmtp = parameters;
            }
        }
        self.sdp
    }
}

fn payload_type(word: &str) -> Option<u8> {
    word.parse::<u8>().ok().filter(|number| *number < 128)
}

/// `96 H264/90000` or `96 key=value`; what follows the number may be missing.
fn split_payload_type(value: &str) -> Option<(u8, &str)> {
    let (number, rest) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
    Some((payload_type(number)?, rest.trim()))
}

#[cfg(test)]
#[path = "sdp_tests.rs"]
mod tests;
