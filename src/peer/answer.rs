//! What of a viewer's offer is taken up. Each video m-line that becomes a slot is answered
//! `sendonly`, and so is the audio m-line of a slot; everything else is `inactive`. The order,
//! the mids and the payload types stay the viewer's; of each codec one format is left.

use super::audio::{self, AudioTrack};
use super::formats::{self, Formats, preference};
use super::sdp::{Content, Description, Kind, Line, Section, SentStream};
use super::sending::Track;
use super::stream::{Ssrcs, Stream};
use crate::engine::codec::AudioCodec;

/// The extension that asks the receiver for a playout delay (webrtc.org, "playout-delay").
const PLAYOUT_DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
/// Extensions are written with the one-byte header (RFC 8285 section 4.2).
const EXTENSION_NUMBERS: std::ops::RangeInclusive<u8> = 1..=14;

/// What is there to be taken up.
pub(super) struct Terms<'a> {
    /// Video m-lines that become slots.
    pub slots: usize,
    /// The slots that the audio m-lines belong to that receive, in order.
    pub audio: &'a [usize],
    /// Whether playout delays will be asked for.
    pub playout_delay: bool,
    /// Packets a slot keeps to answer NACKs.
    pub resend_packets: usize,
}

/// What was taken up.
pub(super) struct Taken<'a> {
    /// For each slot that the offer has an m-line for.
    pub tracks: Vec<Option<Track>>,
    pub audio_tracks: Vec<AudioTrack>,
    audio_lines: usize,
    pub has_data_channels: bool,
    /// The answer's m-lines.
    pub lines: Vec<Line<'a>>,
}

/// Takes up an offer, with these numbers for its streams. All have one canonical name, as they have
/// one clock.
pub(super) fn take_up<'a>(
    random: &mut dyn FnMut() -> u32,
    offer: &Description<'a>,
    terms: &Terms<'_>,
) -> Taken<'a> {
    let mut taken = Taken {
        tracks: Vec::new(),
        audio_tracks: Vec::new(),
        audio_lines: 0,
        has_data_channels: false,
        lines: Vec::with_capacity(offer.sections.len()),
    };
    let mut ssrcs = Ssrcs::new(random);
    let cname = &ssrcs.name();
    let mut new_ssrc = || ssrcs.next();
    for section in &offer.sections {
        let content = match section.kind {
            Kind::Video if taken.tracks.len() < terms.slots => {
                taken.take_video(section, terms, cname, &mut new_ssrc)
            }
            Kind::Audio if section.receives && taken.audio_lines < terms.audio.len() => {
                taken.take_audio(section, terms, cname, &mut new_ssrc)
            }
            Kind::Video | Kind::Audio => inactive(section),
            Kind::DataChannels if !taken.has_data_channels => {
                taken.has_data_channels = true;
                Content::DataChannels
            }
            Kind::DataChannels | Kind::Nothing => Content::Rejected(section.formats_text),
        };
        let Section { media, protocol, mid, .. } = *section;
        taken.lines.push(Line { media, protocol, mid, content });
    }
    taken
}

impl Taken<'_> {
    fn take_video<'a>(
        &mut self,
        section: &Section<'a>,
        terms: &Terms<'_>,
        cname: &str,
        new_ssrc: &mut dyn FnMut() -> u32,
    ) -> Content<'a> {
        let position = self.tracks.len();
        let chosen = formats::choose(&section.formats, formats::VIEWED, preference);
        if chosen.is_empty() || !section.receives {
            self.tracks.push(None);
            return inactive(section);
        }
        let extension = section.extensions.iter().find(|it| {
            terms.playout_delay
                && it.name == PLAYOUT_DELAY
                && EXTENSION_NUMBERS.contains(&it.number)
        });
        let ssrc = new_ssrc();
        let resend = chosen.iter().any(|(_, format)| format.resend.is_some()).then(new_ssrc);
        self.tracks.push(Some(Track::new(
            Formats::of(&chosen),
            Stream::new(ssrc, cname.to_owned()),
            (resend, terms.resend_packets),
            extension.map(|extension| extension.number),
        )));
        let stream = SentStream {
            ssrc,
            resend,
            cname: cname.to_owned(),
            stream_id: stream_id(position),
            track_id: format!("video{position}"),
        };
        let formats = chosen.into_iter().map(|(_, format)| format.clone()).collect();
        Content::Rtp { formats, extension: extension.copied(), stream: Some(stream) }
    }

    fn take_audio<'a>(
        &mut self,
        section: &Section<'a>,
        terms: &Terms<'_>,
        cname: &str,
        new_ssrc: &mut dyn FnMut() -> u32,
    ) -> Content<'a> {
        let position = terms.audio.get(self.audio_lines).copied();
        self.audio_lines += 1;
        let chosen = audio::choose(&section.formats, &AudioCodec::OF_BROWSERS);
        let Some(position) = position.filter(|_| !chosen.is_empty()) else {
            return inactive(section);
        };
        let ssrc = new_ssrc();
        let stream = Stream::new(ssrc, cname.to_owned());
        self.audio_tracks.push(AudioTrack::new(position, stream, &chosen));
        let stream = SentStream {
            ssrc,
            resend: None,
            cname: cname.to_owned(),
            stream_id: stream_id(position),
            track_id: format!("audio{position}"),
        };
        let formats = chosen.into_iter().map(|(_, format)| format.clone()).collect();
        Content::Rtp { formats, extension: None, stream: Some(stream) }
    }
}

/// Receivers keep the tracks of one stream in step (RFC 8830): the audio and the video of a slot.
/// Slots are apart: Chromium wants that.
fn stream_id(position: usize) -> String {
    format!("slot{position}")
}

/// Nothing will be sent: of the formats the first says so as well as any.
fn inactive<'a>(section: &Section<'a>) -> Content<'a> {
    match section.formats.first().cloned() {
        Some(format) => Content::Rtp { formats: vec![format], extension: None, stream: None },
        None => Content::Rejected(section.formats_text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::codec::VideoCodec;

    const TERMS: Terms<'_> =
        Terms { slots: 2, audio: &[], playout_delay: true, resend_packets: 64 };

    fn taken<'a>(offer: &Description<'a>, terms: &Terms<'_>) -> Taken<'a> {
        let mut number = 0;
        let mut count = || {
            number += 1;
            number
        };
        take_up(&mut count, offer, terms)
    }

    /// For each m-line: rejected, inactive, or the streams that are sent on it.
    fn answers(offer: &str, terms: &Terms<'_>) -> Vec<String> {
        let offer = Description::read(offer).unwrap();
        let lines = taken(&offer, terms).lines;
        let answer = |line: &Line<'_>| match (&line.content, line.stream()) {
            (Content::Rejected(_), _) => "rejected".to_owned(),
            (Content::DataChannels, _) => "data".to_owned(),
            (_, Some(stream)) => format!("{} {}", stream.stream_id, stream.track_id),
            (_, None) => "inactive".to_owned(),
        };
        lines.iter().map(answer).collect()
    }

    /// An offer of these m-lines, known by their places.
    fn offer(media: &[(&str, &str)]) -> String {
        let mut sdp =
            "v=0\r\na=ice-ufrag:a\r\na=ice-pwd:b\r\na=fingerprint:sha-256 AB\r\n".to_owned();
        let mids: Vec<_> = (0..media.len()).map(|mid| mid.to_string()).collect();
        sdp.push_str(&format!("a=group:BUNDLE {}\r\n", mids.join(" ")));
        for (mid, (start, attributes)) in mids.iter().zip(media) {
            let rtpmap = "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1";
            let line = format!("m={start} UDP/TLS/RTP/SAVPF 96 0\r\na=mid:{mid}\r\n{rtpmap}\r\n");
            sdp.push_str(&line);
            sdp.extend(attributes.split_whitespace().map(|it| format!("a={it}\r\n")));
        }
        sdp
    }

    #[test]
    fn the_first_video_lines_become_slots_and_the_rest_is_inactive() {
        let offer = offer(&[
            ("audio 9", "sendrecv"),
            ("video 9", "sendrecv"),
            ("video 9", ""),
            ("video 9", "recvonly"),
        ]);
        let expected = ["inactive", "slot0 video0", "slot1 video1", "inactive"];
        assert_eq!(answers(&offer, &TERMS), expected);
    }

    #[test]
    fn audio_that_receives_belongs_to_the_slots_that_take_it_in_order() {
        let offer = offer(&[
            ("video 9", "recvonly"),
            ("audio 9", "recvonly"),
            ("audio 9", "sendonly"),
            ("audio 0", "recvonly"),
            ("audio 9", "sendrecv"),
            ("audio 9", "inactive"),
            ("audio 9", "recvonly"),
        ]);
        let terms = Terms { audio: &[0, 2], ..TERMS };
        let (first, second) = ("slot0 audio0", "slot2 audio2");
        let expected =
            ["slot0 video0", first, "inactive", "rejected", second, "inactive", "inactive"];
        assert_eq!(answers(&offer, &terms), expected);
        let offer = Description::read(&offer).unwrap();
        let positions = taken(&offer, &terms).audio_tracks.len();
        assert_eq!(positions, 2);
    }

    #[test]
    fn a_rejected_line_takes_no_slot_and_one_that_can_take_no_video_keeps_its_own() {
        let media = [("video 0", ""), ("video 9", "sendonly"), ("video 9", ""), ("video 9", "")];
        let expected = ["rejected", "inactive", "slot1 video1", "inactive"];
        assert_eq!(answers(&offer(&media), &TERMS), expected);
        let offer = offer(&media[2..]).replacen("mode=1", "mode=0", 1);
        assert_eq!(answers(&offer, &TERMS), ["inactive", "slot1 video1"]);
        let read = Description::read(&offer).unwrap();
        let is_there: Vec<_> = taken(&read, &TERMS).tracks.iter().map(Option::is_some).collect();
        assert_eq!(is_there, [false, true]);
    }

    #[test]
    fn a_browsers_offer_is_answered_with_one_format_of_each_codec_and_its_own_numbers() {
        let chromium = include_str!("../../fuzz/corpus/description/chromium");
        let offer = Description::read(chromium).unwrap();
        let taken = taken(&offer, &Terms { slots: 1, audio: &[0], ..TERMS });
        assert!(taken.has_data_channels);
        let Content::Rtp { formats, extension, .. } = &taken.lines[0].content else { panic!() };
        let numbers: Vec<_> = formats.iter().map(|it| (it.payload_type, it.resend)).collect();
        assert_eq!(numbers[0], (108, Some(109)));
        let track = taken.tracks[0].as_ref().unwrap();
        let h264 = track.formats.get(VideoCodec::H264).unwrap();
        assert_eq!((h264.payload_type, h264.resend), numbers[0]);
        assert_eq!(extension.map(|extension| extension.number), Some(5));
    }

    /// `cargo test --release -p crosspoint --lib -- --ignored --nocapture what_an_answer_costs`
    #[test]
    #[ignore = "a measurement"]
    fn what_an_answer_costs() {
        use std::time::Instant;

        use str0m::change::SdpOffer;

        use crate::peer::{Entropy, Ice, Identity, NtpClock, Peer, PeerOptions};

        let chromium = include_str!("../../fuzz/corpus/description/chromium");
        let (now, identity) = (Instant::now(), Identity::generate().unwrap());
        let options = PeerOptions {
            candidates: vec!["192.0.2.1:1".parse().unwrap()],
            resend_packets: 64,
            playout_delay: None,
            ice: Ice::default(),
            clock: NtpClock { at: now, ntp: 0 },
        };
        let build = || identity.configure(Entropy([1; 32]).into_credentials()).build(now);
        let report = |name: &str, answer: &dyn Fn() -> usize| {
            let cost = (0..9).map(|_| {
                let start = Instant::now();
                let bytes = (0..20).map(|_| answer()).max().unwrap_or_default();
                (start.elapsed() / 20, bytes)
            });
            let (cost, bytes) = cost.min().unwrap();
            println!("{name}: {cost:?}, {bytes} bytes");
        };
        println!("an offer of {} bytes", chromium.len());
        report("a peer without media", &|| {
            build();
            0
        });
        report("a peer and its answer", &|| {
            let entropy = Entropy([1; 32]);
            Peer::accept(now, &options, &identity, entropy, chromium, 3, &[0]).unwrap().1.sdp.len()
        });
        report("the same by str0m", &|| {
            let config = identity.configure(Entropy([1; 32]).into_credentials());
            let mut rtc =
                config.enable_h264(true).enable_vp8(true).enable_opus(true, false).build(now);
            let offer = SdpOffer::from_sdp_string(chromium).unwrap();
            rtc.sdp_api().accept_offer(offer).unwrap().to_sdp_string().len()
        });
    }
}
