//! Which audio section of a description is played beside the video.

use crate::audio::{Codec, Depacketizer, ENABLED};
use crate::client::{Choice, TrackInfo};
use crate::sdp::{Direction, Format, Media, Sdp};

/// The audio to set up.
#[derive(Debug)]
pub(crate) struct ChosenAudio {
    pub(crate) info: TrackInfo,
    pub(crate) codec: Codec,
    pub(crate) depacketizer: Depacketizer,
    /// The payload types of the section that carry the codec.
    pub(crate) payload_types: Vec<u8>,
}

/// The first audio section that can be passed on, with the verdict on all of them. One that
/// browsers take comes before one that only files and RTSP readers do.
pub(crate) fn choose_audio(sdp: &Sdp, tracks: &mut [TrackInfo]) -> Option<ChosenAudio> {
    if !ENABLED {
        return None;
    }
    let mut chosen: Option<(usize, &Media, &Format, Codec)> = None;
    for ((track, media), info) in sdp.media.iter().enumerate().zip(&mut *tracks) {
        if media.kind != "audio" || is_back_channel(media) || !media.is_rtp() {
            continue;
        }
        let known = media.formats.iter().filter_map(|f| Some((f, Codec::of(f)?)));
        let Some((format, codec)) = known.min_by_key(|(_, codec)| !codec.is_for_browsers()) else {
            info.choice = Choice::UnknownAudio;
            continue;
        };
        info.codec.clone_from(&format.codec);
        info.payload_type = format.payload_type;
        info.clock_rate_hz = format.clock_rate_hz;
        info.choice = Choice::Surplus;
        let is_better = |(.., other): &(usize, &Media, &Format, Codec)| {
            codec.is_for_browsers() && !other.is_for_browsers()
        };
        if chosen.as_ref().is_none_or(is_better) {
            chosen = Some((track, media, format, codec));
        }
    }
    let (track, media, format, codec) = chosen?;
    let info = tracks.get_mut(track)?;
    (info.choice, info.audio) = (Choice::ChosenAudio, Some(codec));
    let same = media.formats.iter().filter(|format| Codec::of(format) == Some(codec));
    Some(ChosenAudio {
        info: info.clone(),
        codec,
        depacketizer: Depacketizer::new(codec, format),
        payload_types: same.map(|format| format.payload_type).collect(),
    })
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
    fn aac_is_chosen_where_there_is_nothing_for_browsers() {
        let aac =
            "m=audio 0 RTP/AVP 97\na=rtpmap:97 MPEG4-GENERIC/16000/1\na=fmtp:97 config=1408\n";
        let (choices, audio) = chosen(aac);
        assert_eq!(choices, [Choice::ChosenAudio]);
        assert!(matches!(audio, Some((0, Codec::Aac(_), _))));
        let (choices, audio) = chosen(&format!("{aac}m=audio 0 RTP/AVP 8"));
        assert_eq!(choices, [Choice::Surplus, Choice::ChosenAudio]);
        assert_eq!(audio, Some((1, Codec::Pcma, vec![8])));
    }

    #[test]
    fn without_audio_none_is_chosen() {
        assert_eq!(chosen("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000").1, None);
        assert_eq!(chosen("m=audio 0 RTP/SAVP 8").1, None);
        assert_eq!(chosen("m=audio 0 RTP/AVP 8\na=inactive").1, None);
    }
}
