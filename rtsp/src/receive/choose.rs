//! Which media section of a description is played.

use std::sync::Arc;

use crate::client::{Choice, TrackInfo};
use crate::h264::ParameterSets;
use crate::sdp::{Direction, Format, Media, Sdp};

/// The track to set up.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) info: TrackInfo,
    /// All payload types of the track that carry its codec.
    pub(crate) payload_types: Vec<u8>,
}

/// All sections with the verdict on each, and the one that is played.
pub(crate) fn choose(sdp: &Sdp) -> (Vec<TrackInfo>, Option<Chosen>) {
    let mut chosen: Option<Chosen> = None;
    let mut tracks = Vec::new();
    for (track, media) in sdp.media.iter().enumerate() {
        let (format, choice) = verdict(media, chosen.is_some());
        let info = TrackInfo {
            track,
            kind: media.kind.clone(),
            codec: format.map_or_else(String::new, |f| f.codec.clone()),
            payload_type: format.map_or(0, |f| f.payload_type),
            clock_rate_hz: format.map_or(0, |f| f.clock_rate_hz),
            control: media.control.clone().unwrap_or_default(),
            choice,
            parameter_sets: format
                .filter(|_| choice == Choice::Chosen)
                .and_then(|f| f.parameter("sprop-parameter-sets"))
                .and_then(ParameterSets::from_sprop)
                .map(Arc::new),
        };
        if choice == Choice::Chosen {
            chosen = Some(Chosen {
                info: info.clone(),
                payload_types: h264(media).map(|f| f.payload_type).collect(),
            });
        }
        tracks.push(info);
    }
    (tracks, chosen)
}

/// Name of the video codec that is offered but not played; `none` without video.
pub(crate) fn offered_codec(tracks: &[TrackInfo]) -> String {
    let video = tracks.iter().find(|info| info.choice == Choice::UnknownCodec);
    let named = video.map(|info| info.codec.as_str()).filter(|codec| !codec.is_empty());
    named.unwrap_or(if video.is_some() { "unknown" } else { "none" }).to_owned()
}

fn h264(media: &Media) -> impl Iterator<Item = &Format> {
    media.formats.iter().filter(|format| format.codec == "H264")
}

fn verdict(media: &Media, taken: bool) -> (Option<&Format>, Choice) {
    let playable = h264(media).next();
    let format = playable.or(media.formats.first());
    // `sendonly` is not looked at: back channels are audio, and some cameras mark their video so.
    let choice = match media.kind.as_str() {
        "video" if media.direction == Direction::Inactive || !media.is_rtp() => Choice::Disabled,
        "video" if playable.is_none() => Choice::UnknownCodec,
        "video" if taken => Choice::Surplus,
        "video" => Choice::Chosen,
        _ => Choice::NotVideo,
    };
    (format, choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(text: &str) -> Vec<Choice> {
        choose(&Sdp::parse(text.as_bytes())).0.iter().map(|info| info.choice).collect()
    }

    #[test]
    fn the_first_playable_video_is_chosen_among_all_sections() {
        let text = "m=audio 0 RTP/AVP 8\nm=application 0 RTP/AVP 107\nm=vana 0 RTP/AVP 96\n\
            m=video 0 RTP/AVP 26\nm=video 0 RTP/AVP 96\na=inactive\na=rtpmap:96 H264/90000\n\
            m=video 0 RTP/AVP 97 98\na=rtpmap:97 H265/90000\na=rtpmap:98 h264/90000\na=control:x\n\
            m=video 0 RTP/AVPF 99\na=rtpmap:99 H264/90000\na=control:x";
        assert_eq!(
            choices(text),
            [
                Choice::NotVideo,
                Choice::NotVideo,
                Choice::NotVideo,
                Choice::UnknownCodec,
                Choice::Disabled,
                Choice::Chosen,
                Choice::Surplus,
            ]
        );
        let chosen = choose(&Sdp::parse(text.as_bytes())).1.unwrap();
        assert_eq!((chosen.info.track, chosen.payload_types), (5, vec![98]));
        assert_eq!(chosen.info.control, "x");
    }

    #[test]
    fn video_marked_sendonly_is_played_all_the_same() {
        let text = "m=video 0 RTP/AVP 96\na=sendonly\na=rtpmap:96 H264/90000";
        assert_eq!(choices(text), [Choice::Chosen]);
    }

    #[test]
    fn what_is_offered_instead_has_a_name() {
        let offered = |text: &str| offered_codec(&choose(&Sdp::parse(text.as_bytes())).0);
        assert_eq!(offered("m=video 0 RTP/AVP 96\na=rtpmap:96 H265/90000"), "H265");
        assert_eq!(offered("m=video 0 RTP/AVP 96"), "unknown");
        assert_eq!(offered("m=audio 0 RTP/AVP 0"), "none");
        assert_eq!(offered(""), "none");
    }
}
