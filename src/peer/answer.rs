//! What of a viewer's offer is taken up. Each video m-line that becomes a slot is answered
//! `sendonly`, and so is the audio m-line of a slot; everything else is `inactive`. The order,
//! the mids and the payload types stay the viewer's; of each codec one format is left.

use super::audio::{self, AudioTrack};
use super::formats::{self, preference};
use super::sdp::{
    Content, DataChannels, Description, Direction, Kind, Line, Section, Senders, SentStream,
};
use super::sending::Track;
use super::stream::Ssrcs;
use crate::engine::codec::AudioCodec;

/// The extension that asks the receiver for a playout delay (webrtc.org, "playout-delay").
const PLAYOUT_DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";

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
#[derive(Default)]
pub(super) struct Taken<'a> {
    /// For each slot that the offer has an m-line for.
    pub tracks: Vec<Option<Track>>,
    pub audio_tracks: Vec<AudioTrack>,
    pub has_data_channels: bool,
    /// The answer's m-lines.
    pub lines: Vec<Line<'a>>,
}

/// Takes up an offer; what it sends is numbered by this.
pub(super) fn take_up<'a>(
    random: &mut dyn FnMut() -> u32,
    offer: &Description<'a>,
    terms: &Terms<'_>,
) -> Taken<'a> {
    let mut ssrcs = Ssrcs::new(random);
    let cname = ssrcs.name();
    let mut answering = Answering { terms, ssrcs, cname, audio_lines: 0, taken: Taken::default() };
    for section in &offer.sections {
        let content = answering.answer(section);
        let Section { media, protocol, mid, .. } = *section;
        answering.taken.lines.push(Line { media, protocol, mid, content });
    }
    answering.taken
}

/// An offer that is being taken up.
struct Answering<'t, 'a> {
    terms: &'t Terms<'t>,
    ssrcs: Ssrcs<'t>,
    /// Of all streams: they have one clock.
    cname: String,
    /// Of those that receive.
    audio_lines: usize,
    taken: Taken<'a>,
}

impl<'a> Answering<'_, 'a> {
    fn answer(&mut self, section: &Section<'a>) -> Content<'a> {
        match section.kind {
            Kind::Video if self.taken.tracks.len() < self.terms.slots => {
                let content = self.take_video(section);
                content.unwrap_or_else(|| {
                    self.taken.tracks.push(None);
                    Content::inactive(section)
                })
            }
            Kind::Audio if section.receives => {
                let content =
                    self.take_audio(section).unwrap_or_else(|| Content::inactive(section));
                self.audio_lines += 1;
                content
            }
            Kind::Video | Kind::Audio => Content::inactive(section),
            Kind::DataChannels if !self.taken.has_data_channels => {
                self.taken.has_data_channels = true;
                Content::DataChannels(DataChannels::default())
            }
            Kind::DataChannels | Kind::Nothing => Content::Rejected(section.formats_text),
        }
    }

    /// `None` if its receiver takes no video of ours.
    fn take_video(&mut self, section: &Section<'a>) -> Option<Content<'a>> {
        let chosen = formats::choose(&section.formats, formats::VIEWED, preference);
        if chosen.is_empty() || !section.receives {
            return None;
        }
        let extension = section.extensions.iter().find(|it| {
            self.terms.playout_delay
                && it.name == PLAYOUT_DELAY
                && matches!(it.senders, Senders::Both | Senders::We)
                && it.has_one_byte_number()
        });
        let resends = formats::have_resends(&chosen);
        let stream = self.stream("video", self.taken.tracks.len(), resends);
        self.taken.tracks.push(Some(Track::new(
            &chosen,
            &stream,
            self.terms.resend_packets,
            extension.map(|extension| extension.number),
        )));
        let formats = chosen.into_iter().map(|(_, format)| format.clone()).collect();
        let extensions = extension.copied().into_iter().collect();
        Some(Content::Rtp { formats, extensions, direction: Direction::Sends(stream) })
    }

    /// `None` if it belongs to no slot, or its receiver takes no audio of ours.
    fn take_audio(&mut self, section: &Section<'a>) -> Option<Content<'a>> {
        let position = *self.terms.audio.get(self.audio_lines)?;
        let chosen = audio::choose(&section.formats, &AudioCodec::OF_BROWSERS);
        if chosen.is_empty() {
            return None;
        }
        let stream = self.stream("audio", position, false);
        self.taken.audio_tracks.push(AudioTrack::new(position, &stream, &chosen));
        let formats = chosen.into_iter().map(|(_, format)| format.clone()).collect();
        let (extensions, direction) = (Vec::new(), Direction::Sends(stream));
        Some(Content::Rtp { formats, extensions, direction })
    }

    /// Receivers keep the tracks of one stream in step (RFC 8830): the audio and the video of a
    /// slot. Slots are apart: Chromium wants that.
    fn stream(&mut self, kind: &str, position: usize, resends: bool) -> SentStream {
        SentStream {
            ssrc: self.ssrcs.next(),
            resend: resends.then(|| self.ssrcs.next()),
            cname: self.cname.clone(),
            stream_id: format!("slot{position}"),
            track_id: format!("{kind}{position}"),
        }
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
            (Content::DataChannels(_), _) => "data".to_owned(),
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
        let Content::Rtp { formats, extensions, .. } = &taken.lines[0].content else { panic!() };
        let numbers: Vec<_> = formats.iter().map(|it| (it.payload_type, it.resend)).collect();
        assert_eq!(numbers[0], (108, Some(109)));
        let track = taken.tracks[0].as_ref().unwrap();
        let h264 = track.formats.get(VideoCodec::H264).unwrap();
        assert_eq!((h264.payload_type, h264.resend), numbers[0]);
        assert_eq!(extensions.iter().map(|it| it.number).collect::<Vec<_>>(), [5]);
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
