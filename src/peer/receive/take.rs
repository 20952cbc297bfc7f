//! What of an offer is taken of a peer that sends (RFC 8829 section 5.3): its first tracks that it
//! sends something on, one format of each codec, and one encoding, as those to choose from (RFC
//! 8853) are not answered. Everything else is `inactive`.

use crate::engine::codec::{AudioCodec, VideoCodec};
use crate::intake::publisher::Codec;
use crate::peer::sdp::{
    Content, DataChannels, Description, Direction, Extension, Format, Kind, Line, Section, Senders,
};
use crate::peer::{audio, formats};

/// Which m-line a packet belongs to (RFC 9143 section 15).
const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// By which arrivals are told of.
const TRANSPORT_NUMBER: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// How the picture is turned (3GPP TS 26.114 section 7.4.5).
const ORIENTATION: &str = "urn:3gpp:video-orientation";

/// What is wanted.
#[derive(Debug)]
pub struct Terms {
    pub codecs: Vec<Codec>,
    pub video_tracks: usize,
    pub audio_tracks: usize,
    pub message_max_bytes: u32,
}

/// What was taken.
#[derive(Debug, Default)]
pub struct Taken<'a> {
    pub tracks: Vec<Offered<'a>>,
    pub numbers: Numbers,
    pub has_data_channels: bool,
    /// The answer's m-lines.
    pub lines: Vec<Line<'a>>,
}

/// A track that something may come on.
#[derive(Debug, PartialEq, Eq)]
pub struct Offered<'a> {
    pub mid: &'a str,
    /// Never empty.
    pub formats: Vec<Accepted>,
    /// Sources that were named beforehand.
    pub ssrcs: &'a [u32],
}

/// What a payload type stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    pub codec: Codec,
    pub payload_type: u8,
    /// That of what is sent again.
    pub resend: Option<u8>,
    /// Whether what is missing may be asked for.
    pub has_resends: bool,
}

/// Of header extensions in a session, where they were agreed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Numbers {
    pub mid: Option<u8>,
    pub transport_number: Option<u8>,
    pub orientation: Option<u8>,
}

/// Takes up an offer.
pub fn take_up<'o, 'a>(offer: &'o Description<'a>, terms: &Terms) -> Taken<'o>
where
    'a: 'o,
{
    let mut taken = Taken::default();
    let (mut video, mut audio) = (terms.video_tracks, terms.audio_tracks);
    for section in &offer.sections {
        let content = match section.kind {
            Kind::Video => taken.take_media(section, &mut video, video_formats(section, terms)),
            Kind::Audio => taken.take_media(section, &mut audio, audio_formats(section, terms)),
            Kind::DataChannels if !taken.has_data_channels => {
                taken.has_data_channels = true;
                let message_max_bytes = terms.message_max_bytes;
                Content::DataChannels(DataChannels { message_max_bytes })
            }
            Kind::DataChannels | Kind::Nothing => Content::Rejected(section.formats_text),
        };
        let Section { media, protocol, mid, .. } = *section;
        taken.lines.push(Line { media, protocol, mid, content });
    }
    taken
}

impl<'o> Taken<'o> {
    fn take_media(
        &mut self,
        section: &'o Section<'_>,
        left: &mut usize,
        chosen: Vec<(Codec, &'o Format<'_>)>,
    ) -> Content<'o> {
        if *left == 0 || chosen.is_empty() || !section.sends {
            return Content::inactive(section);
        }
        *left -= 1;
        let accepted = |(codec, format): &(Codec, &Format<'_>)| Accepted {
            codec: *codec,
            payload_type: format.payload_type,
            resend: format.resend,
            has_resends: format.feedback.contains(&"nack"),
        };
        self.tracks.push(Offered {
            mid: section.mid,
            formats: chosen.iter().map(accepted).collect(),
            ssrcs: &section.ssrcs,
        });
        let known = section.extensions.iter().filter(|extension| self.numbers.take(extension));
        let extensions = known.copied().collect();
        let formats = chosen.into_iter().map(|(_, format)| format.clone()).collect();
        Content::Rtp { formats, extensions, direction: Direction::Receives }
    }
}

impl Numbers {
    /// Whether an extension is of use.
    fn take(&mut self, extension: &Extension<'_>) -> bool {
        let place = match extension.name {
            MID => &mut self.mid,
            TRANSPORT_NUMBER => &mut self.transport_number,
            ORIENTATION => &mut self.orientation,
            _ => return false,
        };
        let is_sent = extension.senders != Senders::We && extension.number > 0;
        if is_sent {
            *place = Some(extension.number);
        }
        is_sent
    }
}

fn video_formats<'o>(section: &'o Section<'_>, terms: &Terms) -> Vec<(Codec, &'o Format<'o>)> {
    let codecs: Vec<VideoCodec> = terms.codecs.iter().filter_map(|codec| codec.video()).collect();
    let chosen = formats::choose(&section.formats, &codecs, |codec, format| match codec {
        // Of H.265 profile and tier would have to be the same on both sides.
        VideoCodec::H265 => None,
        // The first profile, which is what its encoder likes best; and of those whose NAL units
        // are never split the first where there are no others.
        VideoCodec::H264 => Some(u8::from(formats::preference(codec, format).is_none())),
        _ => formats::preference(codec, format),
    });
    chosen.into_iter().map(|(codec, format)| (Codec::Video(codec), format)).collect()
}

/// Of AAC there is no payload format that anybody implements.
fn audio_formats<'o>(section: &'o Section<'_>, terms: &Terms) -> Vec<(Codec, &'o Format<'o>)> {
    let wanted = terms.codecs.iter().filter_map(|codec| codec.audio());
    let codecs: Vec<AudioCodec> =
        wanted.filter(|codec| AudioCodec::OF_BROWSERS.contains(codec)).collect();
    let chosen = audio::choose(&section.formats, &codecs);
    chosen.into_iter().map(|(codec, format)| (Codec::Audio(codec), format)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VP8: Codec = Codec::Video(VideoCodec::Vp8);
    const OPUS: Codec = Codec::Audio(AudioCodec::Opus);

    const START: &str = "v=0\r\na=ice-ufrag:a\r\na=ice-pwd:b\r\na=fingerprint:sha-256 AB\r\n\
        a=group:BUNDLE 0 1 2 3 4\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n";
    const VIDEO: &str = "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\n\
        a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
        a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
        a=extmap:15 urn:3gpp:video-orientation\r\n";

    fn offer() -> String {
        let video = |mid: u8, more: &str| {
            format!("m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:{mid}\r\n{more}{VIDEO}")
        };
        let encodings = "a=sendrecv\r\na=rid:h send\r\na=simulcast:send h\r\n\
            a=ssrc:7 cname:x\r\na=ssrc:7 msid:x\r\na=ssrc:8 cname:x\r\n";
        let audio = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:4\r\na=sendonly\r\n\
            a=rtpmap:111 opus/48000/2\r\n";
        let videos = [video(1, encodings), video(2, "a=recvonly\r\n"), video(3, "")];
        format!("{START}{}{audio}", videos.concat())
    }

    fn terms(video_tracks: usize, audio_tracks: usize) -> Terms {
        Terms { codecs: vec![VP8, OPUS], video_tracks, audio_tracks, message_max_bytes: 9 }
    }

    fn mids(video_tracks: usize, audio_tracks: usize) -> Vec<String> {
        let offer = offer();
        let offer = Description::read(&offer).unwrap();
        let taken = take_up(&offer, &terms(video_tracks, audio_tracks));
        assert_eq!(taken.lines.len(), 5);
        taken.tracks.iter().map(|track| track.mid.to_owned()).collect()
    }

    #[test]
    fn the_first_tracks_that_send_are_taken() {
        assert_eq!(mids(1, 1), ["1", "4"]);
        assert_eq!(mids(8, 0), ["1", "3"]);
    }

    #[test]
    fn a_track_is_known_by_what_was_said_of_it() {
        let offer = offer();
        let offer = Description::read(&offer).unwrap();
        let taken = take_up(&offer, &terms(1, 0));
        let accepted =
            Accepted { codec: VP8, payload_type: 96, resend: Some(97), has_resends: true };
        let expected = Offered { mid: "1", formats: vec![accepted], ssrcs: &[7, 8] };
        assert_eq!(taken.tracks, [expected]);
        let numbers = Numbers { mid: Some(3), orientation: Some(15), transport_number: None };
        assert_eq!(taken.numbers, numbers);
        assert!(taken.has_data_channels);
    }
}
