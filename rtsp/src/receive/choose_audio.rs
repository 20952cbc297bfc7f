//! Which audio section of a description is played beside the video.

use crate::audio::{Codec, ENABLED};
use crate::client::{Choice, TrackInfo};
use crate::sdp::{Direction, Media, Sdp};

/// The audio to set up.
#[derive(Debug)]
pub(crate) struct ChosenAudio {
    pub(crate) info: TrackInfo,
    pub(crate) codec: Codec,
    /// The payload types of the section that carry the codec.
    pub(crate) payload_types: Vec<u8>,
}

/// The first audio section that can be passed on, with the verdict on all of them.
pub(crate) fn choose_audio(sdp: &Sdp, tracks: &mut [TrackInfo]) -> Option<ChosenAudio> {
    if !ENABLED {
        return None;
    }
    let mut chosen = None;
    for (media, info) in sdp.media.iter().zip(tracks) {
        if media.kind != "audio" || is_back_channel(media) || !media.is_rtp() {
            continue;
        }
        let mut formats = media.formats.iter();
        let Some((format, codec)) = formats.find_map(|f| Some((f, Codec::of(f)?))) else {
            info.choice = Choice::UnknownAudio;
            continue;
        };
        info.codec.clone_from(&format.codec);
        info.payload_type = format.payload_type;
        info.clock_rate_hz = format.clock_rate_hz;
        if chosen.is_some() {
            info.choice = Choice::Surplus;
            continue;
        }
        info.choice = Choice::ChosenAudio;
        let same = media.formats.iter().filter(|format| Codec::of(format) == Some(codec));
        let payload_types = same.map(|format| format.payload_type).collect();
        chosen = Some(ChosenAudio { info: info.clone(), codec, payload_types });
    }
    chosen
}

/// What the camera would play, or does not send. Unlike with video, `sendonly` is believed: to be
/// wrong here costs a camera its only back channel.
fn is_back_channel(media: &Media) -> bool {
    matches!(media.direction, Direction::SendOnly | Direction::Inactive)
}

#[cfg(test)]
mod tests {
    use super::super::choose::choose;
    use super::*;

    type Audio = Option<(usize, Codec, Vec<u8>)>;

    fn chosen(text: &str) -> (Vec<Choice>, Audio) {
        let sdp = Sdp::parse(text.as_bytes());
        let (mut tracks, _) = choose(&sdp);
        let chosen = choose_audio(&sdp, &mut tracks);
        let choices = tracks.iter().map(|info| info.choice).collect();
        (choices, chosen.map(|c| (c.info.track, c.codec, c.payload_types)))
    }

    #[test]
    fn the_first_audio_that_browsers_take_is_chosen() {
        let (choices, audio) = chosen(
            "m=audio 0 RTP/AVP 97\na=rtpmap:97 MPEG4-GENERIC/16000/1\n\
             m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n\
             m=audio 0 RTP/AVP 8\na=sendonly\nm=audio 0 RTP/AVP 98 0 8 99\n\
             a=rtpmap:98 G726-32/8000\na=rtpmap:99 PCMU/8000\nm=audio 0 RTP/AVP 8",
        );
        use Choice::{Chosen, ChosenAudio, NotVideo, Surplus, UnknownAudio};
        assert_eq!(choices, [UnknownAudio, Chosen, NotVideo, ChosenAudio, Surplus]);
        assert_eq!(audio, Some((3, Codec::Pcmu, vec![0, 99])));
    }

    #[test]
    fn without_audio_none_is_chosen() {
        assert_eq!(chosen("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000").1, None);
        assert_eq!(chosen("m=audio 0 RTP/SAVP 8").1, None);
        assert_eq!(chosen("m=audio 0 RTP/AVP 8\na=inactive").1, None);
    }
}
