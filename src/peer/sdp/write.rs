//! Writing a description.

use std::borrow::Cow;
use std::fmt::Write;

use str0m::IceCreds;

use super::format::{FEEDBACK, Format, KEYFRAME_REQUESTS, RESEND};
use super::read::{Extension, Section, Senders};
use super::{DATA_CHANNELS, MIXED_EXTENSIONS, Setup};

/// Round trips are told (RFC 3611 section 4.5). A browser that only receives knows none, and asks a
/// second time for a packet whose resend was lost as well only after 100 ms: too late for its
/// frame to be shown. Where this stands among a codec's feedback it sends receiver reference
/// times, and is told the round trip beside the sender reports. Chromium 156 acts on it though
/// it does not offer it; browsers that don't know it ignore it.
///
/// Reports for the estimation of bandwidth are not asked for of viewers: a camera's bitrate is its
/// own. They would come twenty times a second from each.
const ROUND_TRIPS: &str = "rrtr";
/// RFC 8841 section 5.
const SCTP_PORT: u16 = 5_000;

/// Who describes, and how often it has.
#[derive(Debug, Clone, Copy)]
pub struct Session {
    pub id: u32,
    /// Counts the session's descriptions, from 1.
    pub version: u32,
}

/// The one transport of a session.
#[derive(Debug)]
pub struct Transport<'a> {
    /// Checks are left to the other side (RFC 8445 section 2.5).
    pub is_ice_lite: bool,
    pub credentials: &'a IceCreds,
    /// Hash function and value of the certificate.
    pub fingerprint: String,
    pub setup: Setup,
    /// As they are signalled.
    pub candidates: &'a [String],
    /// Whether there is a group: not in answers to offers without.
    pub is_bundle: bool,
    /// Whether extensions' headers may be mixed. Chromium begins its encoders anew, whenever
    /// something is negotiated, where this was offered and is not answered.
    pub allows_mixed_extensions: bool,
}

/// An m-line.
#[derive(Debug, Clone)]
pub struct Line<'a> {
    pub media: &'a str,
    pub protocol: &'a str,
    pub mid: &'a str,
    pub content: Content<'a>,
}

impl Line<'_> {
    /// What is sent on it.
    pub fn stream(&self) -> Option<&SentStream> {
        match &self.content {
            Content::Rtp { direction: Direction::Sends(stream), .. } => Some(stream),
            _ => None,
        }
    }
}

#[cfg(feature = "receive")]
impl Line<'_> {
    /// Whether something is received on it.
    pub fn receives(&self) -> bool {
        matches!(self.content, Content::Rtp { direction: Direction::Receives, .. })
    }
}

/// What it is for.
#[derive(Debug, Clone)]
pub enum Content<'a> {
    Rtp {
        formats: Vec<Format<'a>>,
        extensions: Vec<Extension<'a>>,
        direction: Direction,
    },
    DataChannels(DataChannels),
    /// Nothing; the formats are those that were offered.
    Rejected(&'a str),
}

impl<'a> Content<'a> {
    /// Nothing comes or goes: of the formats the first says so as well as any.
    pub fn inactive(section: &Section<'a>) -> Self {
        let formats = section.formats.iter().take(1).cloned().collect();
        Self::Rtp { formats, extensions: Vec::new(), direction: Direction::Inactive }
    }
}

/// Which way media go.
#[derive(Debug, Clone)]
pub enum Direction {
    Sends(SentStream),
    #[cfg(feature = "receive")]
    Receives,
    Inactive,
}

impl Direction {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Sends(_) => "sendonly",
            #[cfg(feature = "receive")]
            Self::Receives => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

/// What is said of them.
#[derive(Debug, Clone, Copy)]
pub struct DataChannels {
    /// Of one message that is taken (RFC 8841 section 6).
    pub message_max_bytes: u32,
}

impl Default for DataChannels {
    /// As browsers have it.
    fn default() -> Self {
        Self { message_max_bytes: 256 * 1024 }
    }
}

/// A stream that is sent.
#[derive(Debug, Clone)]
pub struct SentStream {
    pub ssrc: u32,
    /// That of what is sent again.
    pub resend: Option<u32>,
    /// Its canonical name (RFC 3550 section 6.5.1).
    pub cname: String,
    /// What is kept in step with each other, and the name of this part of it (RFC 8830).
    pub stream_id: String,
    pub track_id: String,
}

/// Writes a description.
pub fn write(session: Session, transport: &Transport<'_>, lines: &[Line<'_>]) -> String {
    let mut sdp = Writer(String::with_capacity(512 + 1024 * lines.len()));
    let Session { id, version } = session;
    sdp.line(format_args!("v=0\r\no=- {id} {version} IN IP4 0.0.0.0\r\ns=-\r\nt=0 0"));
    let is_live = |line: &&Line<'_>| !matches!(line.content, Content::Rejected(_));
    if transport.is_bundle {
        let mids: Vec<&str> = lines.iter().filter(is_live).map(|line| line.mid).collect();
        sdp.line(format_args!("a=group:BUNDLE {}", mids.join(" ")));
    }
    if transport.allows_mixed_extensions {
        sdp.line(format_args!("{MIXED_EXTENSIONS}"));
    }
    if transport.is_ice_lite {
        sdp.line(format_args!("a=ice-lite"));
    }
    let mut candidates = transport.candidates;
    for line in lines {
        sdp.media(line);
        if is_live(&line) {
            sdp.transport(transport, std::mem::take(&mut candidates));
        }
        sdp.content(&line.content);
    }
    sdp.0
}

struct Writer(String);

impl Writer {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = write!(self.0, "{line}\r\n"); // a string takes everything
    }

    fn media(&mut self, line: &Line<'_>) {
        let Line { media, protocol, mid, content } = line;
        let formats = match content {
            Content::Rtp { formats, .. } => {
                let numbers = formats.iter().flat_map(|it| [Some(it.payload_type), it.resend]);
                let numbers: Vec<_> = numbers.flatten().map(|number| number.to_string()).collect();
                Cow::Owned(numbers.join(" "))
            }
            Content::DataChannels(_) => Cow::Borrowed(DATA_CHANNELS),
            Content::Rejected(formats) => Cow::Borrowed(*formats),
        };
        // Candidates tell the address: that of an m-line means nothing (RFC 8829 section 5.2.1).
        let port = if matches!(content, Content::Rejected(_)) { 0 } else { 9 };
        self.line(format_args!("m={media} {port} {protocol} {formats}\r\nc=IN IP4 0.0.0.0"));
        if !mid.is_empty() {
            self.line(format_args!("a=mid:{mid}"));
        }
    }

    /// Said for each m-line, which has to be said for the first of a group alone, for the sake of
    /// readers that don't know.
    fn transport(&mut self, transport: &Transport<'_>, candidates: &[String]) {
        for candidate in candidates {
            self.line(format_args!("a={candidate}"));
        }
        let IceCreds { ufrag, pass } = transport.credentials;
        self.line(format_args!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pass}"));
        self.line(format_args!("a=ice-options:trickle"));
        self.line(format_args!("a=fingerprint:{}", transport.fingerprint));
        self.line(format_args!("a=setup:{}", transport.setup.as_str()));
    }

    fn content(&mut self, content: &Content<'_>) {
        match content {
            Content::Rtp { formats, extensions, direction } => {
                for Extension { number, name, senders } in extensions {
                    let way = match senders {
                        Senders::Both => "",
                        Senders::We => "/sendonly",
                        #[cfg(feature = "receive")]
                        Senders::They => "/recvonly",
                    };
                    self.line(format_args!("a=extmap:{number}{way} {name}"));
                }
                self.line(format_args!("a={}\r\na=rtcp-mux", direction.as_str()));
                formats.iter().for_each(|format| self.format(format, direction));
                if let Direction::Sends(stream) = direction {
                    self.stream(stream);
                }
            }
            Content::DataChannels(DataChannels { message_max_bytes }) => {
                self.line(format_args!("a=sctp-port:{SCTP_PORT}"));
                self.line(format_args!("a=max-message-size:{message_max_bytes}"));
            }
            Content::Rejected(_) => {}
        }
    }

    fn format(&mut self, format: &Format<'_>, direction: &Direction) {
        let Format { payload_type, name, clock_hz, channels, parameters, .. } = format;
        match channels {
            0 | 1 => self.line(format_args!("a=rtpmap:{payload_type} {name}/{clock_hz}")),
            _ => self.line(format_args!("a=rtpmap:{payload_type} {name}/{clock_hz}/{channels}")),
        }
        if !parameters.is_empty() {
            self.line(format_args!("a=fmtp:{payload_type} {parameters}"));
        }
        for kind in FEEDBACK.into_iter().filter(|kind| format.feedback.contains(kind)) {
            self.line(format_args!("a=rtcp-fb:{payload_type} {kind}"));
            if kind == KEYFRAME_REQUESTS && matches!(direction, Direction::Sends(_)) {
                self.line(format_args!("a=rtcp-fb:{payload_type} {ROUND_TRIPS}"));
            }
        }
        #[cfg(feature = "receive")]
        {
            use super::format::ARRIVALS;
            if matches!(direction, Direction::Receives) && format.feedback.contains(&ARRIVALS) {
                self.line(format_args!("a=rtcp-fb:{payload_type} {ARRIVALS}"));
            }
        }
        if let Some(resend) = format.resend {
            self.line(format_args!("a=rtpmap:{resend} {RESEND}/{clock_hz}"));
            self.line(format_args!("a=fmtp:{resend} apt={payload_type}"));
        }
    }

    /// Names the stream for readers of today, and its packets' sources for those of yesterday.
    fn stream(&mut self, stream: &SentStream) {
        let SentStream { ssrc, resend, cname, stream_id, track_id } = stream;
        self.line(format_args!("a=msid:{stream_id} {track_id}"));
        if let Some(resend) = resend {
            self.line(format_args!("a=ssrc-group:FID {ssrc} {resend}"));
        }
        for ssrc in [Some(*ssrc), *resend].into_iter().flatten() {
            self.line(format_args!("a=ssrc:{ssrc} cname:{cname}"));
            self.line(format_args!("a=ssrc:{ssrc} msid:{stream_id} {track_id}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_says_what_is_sent_and_nothing_that_was_not_offered() {
        let mut h264 = Format::new(96, "H264", 90_000, 1);
        h264.parameters = Cow::Borrowed("packetization-mode=1");
        ["nack", "nack pli", "goog-remb", "transport-cc"]
            .iter()
            .for_each(|kind| h264.add_feedback(kind));
        h264.resend = Some(97);
        let stream = SentStream {
            ssrc: 1,
            resend: Some(2),
            cname: "name".to_owned(),
            stream_id: "slot0".to_owned(),
            track_id: "video0".to_owned(),
        };
        let extensions = vec![Extension { number: 6, name: "urn:delay", senders: Senders::We }];
        let direction = Direction::Sends(stream);
        let video = Content::Rtp { formats: vec![h264], extensions, direction };
        let opus = Format::new(111, "opus", 48_000, 2);
        let (extensions, direction) = (Vec::new(), Direction::Inactive);
        let audio = Content::Rtp { formats: vec![opus], extensions, direction };
        let protocol = "UDP/TLS/RTP/SAVPF";
        let lines = [
            Line { media: "text", protocol, mid: "t", content: Content::Rejected("98 99") },
            Line { media: "video", protocol, mid: "v", content: video },
            Line { media: "audio", protocol, mid: "a", content: audio },
        ];
        let transport = Transport {
            is_ice_lite: true,
            credentials: &IceCreds { ufrag: "user".to_owned(), pass: "word".to_owned() },
            fingerprint: "sha-256 AB".to_owned(),
            setup: Setup::Passive,
            candidates: &["candidate:1".to_owned()],
            is_bundle: true,
            allows_mixed_extensions: false,
        };
        let text = write(Session { id: 7, version: 2 }, &transport, &lines);
        let shared = "a=ice-ufrag:user|a=ice-pwd:word|a=ice-options:trickle|\
            a=fingerprint:sha-256 AB|a=setup:passive|";
        let expected = [
            "v=0|o=- 7 2 IN IP4 0.0.0.0|s=-|t=0 0|a=group:BUNDLE v a|a=ice-lite|",
            "m=text 0 UDP/TLS/RTP/SAVPF 98 99|c=IN IP4 0.0.0.0|a=mid:t|",
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97|c=IN IP4 0.0.0.0|a=mid:v|a=candidate:1|",
            shared,
            "a=extmap:6/sendonly urn:delay|a=sendonly|a=rtcp-mux|a=rtpmap:96 H264/90000|",
            "a=fmtp:96 packetization-mode=1|a=rtcp-fb:96 nack|a=rtcp-fb:96 nack pli|",
            "a=rtcp-fb:96 rrtr|a=rtpmap:97 rtx/90000|a=fmtp:97 apt=96|a=msid:slot0 video0|",
            "a=ssrc-group:FID 1 2|a=ssrc:1 cname:name|a=ssrc:1 msid:slot0 video0|",
            "a=ssrc:2 cname:name|a=ssrc:2 msid:slot0 video0|",
            "m=audio 9 UDP/TLS/RTP/SAVPF 111|c=IN IP4 0.0.0.0|a=mid:a|",
            shared,
            "a=inactive|a=rtcp-mux|a=rtpmap:111 opus/48000/2|",
        ];
        assert_eq!(text.replace("\r\n", "|"), expected.concat());
    }
}
