//! Which media section of a description is played.

use std::sync::Arc;

use crate::client::{Choice, TrackInfo};
use crate::sdp::{Direction, Format, Media, Sdp};
use crate::video::{Codec, ParameterSets};

/// The track to set up.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) info: TrackInfo,
    pub(crate) codec: Codec,
    /// All payload types of the track that carry its codec.
    pub(crate) payload_types: Vec<u8>,
}

/// The codecs that are played, the one that more viewers can decode first.
const PLAYED: &[Codec] =
    if cfg!(feature = "h265") { &[Codec::H264, Codec::H265] } else { &[Codec::H264] };

/// All sections with the verdict on each, and the one that is played.
pub(crate) fn choose(sdp: &Sdp) -> (Vec<TrackInfo>, Option<Chosen>) {
    let has = |codec: &Codec| {
        sdp.media.iter().any(|media| is_open_video(media) && carries(media, *codec))
    };
    let codec = PLAYED.iter().copied().find(has);
    let mut chosen: Option<Chosen> = None;
    let mut tracks = Vec::new();
    for (track, media) in sdp.media.iter().enumerate() {
        let (format, choice) = verdict(media, codec, chosen.is_some());
        let info = TrackInfo {
            track,
            kind: media.kind.clone(),
            codec: format.map_or_else(String::new, |f| f.codec.clone()),
            payload_type: format.map_or(0, |f| f.payload_type),
            clock_rate_hz: format.map_or(0, |f| f.clock_rate_hz),
            control: media.control.clone().unwrap_or_default(),
            choice,
            parameter_sets: format
                .zip(codec)
                .filter(|_| choice == Choice::Chosen)
                .and_then(|(format, codec)| parameter_sets(format, codec))
                .map(Arc::new),
            audio: None,
        };
        if choice == Choice::Chosen
            && let Some(codec) = codec
        {
            chosen = Some(Chosen {
                info: info.clone(),
                codec,
                payload_types: formats(media, codec).map(|f| f.payload_type).collect(),
            });
        }
        tracks.push(info);
    }
    (tracks, chosen)
}

/// Those of the description, if they are all there.
fn parameter_sets(format: &Format, codec: Codec) -> Option<ParameterSets> {
    match codec {
        Codec::H264 => format.parameter("sprop-parameter-sets").and_then(ParameterSets::from_sprop),
        #[cfg(feature = "h265")]
        Codec::H265 => {
            let names = ["sprop-vps", "sprop-sps", "sprop-pps"];
            ParameterSets::from_h265_sprop(names.iter().filter_map(|name| format.parameter(name)))
        }
        #[cfg(not(feature = "h265"))]
        Codec::H265 => None,
    }
}

/// Name of the video codec that is offered but not played; `none` without video.
pub(crate) fn offered_codec(tracks: &[TrackInfo]) -> String {
    let video = tracks.iter().find(|info| info.choice == Choice::UnknownCodec);
    let named = video.map(|info| info.codec.as_str()).filter(|codec| !codec.is_empty());
    named.unwrap_or(if video.is_some() { "unknown" } else { "none" }).to_owned()
}

/// The formats of a codec that are understood: DONL fields are not (RFC 7798 4.4).
fn formats(media: &Media, codec: Codec) -> impl Iterator<Item = &Format> {
    let in_order = move |format: &&Format| {
        codec == Codec::H264
            || format.parameter("sprop-max-don-diff").is_none_or(|most| most.trim() == "0")
    };
    media.formats.iter().filter(move |format| format.codec == codec.name()).filter(in_order)
}

fn carries(media: &Media, codec: Codec) -> bool {
    formats(media, codec).next().is_some()
}

fn is_open_video(media: &Media) -> bool {
    media.kind == "video" && media.direction != Direction::Inactive && media.is_rtp()
}

/// `codec` is the one that is played of this description, if any is.
fn verdict(media: &Media, codec: Option<Codec>, taken: bool) -> (Option<&Format>, Choice) {
    let playable = PLAYED.iter().find_map(|codec| formats(media, *codec).next());
    let wanted = codec.and_then(|codec| formats(media, codec).next());
    let format = wanted.or(playable).or(media.formats.first());
    // `sendonly` is not looked at: back channels are audio, and some cameras mark their video so.
    let choice = match media.kind.as_str() {
        "video" if !is_open_video(media) => Choice::Disabled,
        "video" if playable.is_none() => Choice::UnknownCodec,
        "video" if taken || wanted.is_none() => Choice::Surplus,
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

    #[cfg(feature = "h265")]
    #[test]
    fn h265_is_played_where_there_is_no_h264() {
        let h265 = "m=video 0 RTP/AVP 97\na=rtpmap:97 H265/90000\na=control:a\n";
        let h264 = "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=control:b\n";
        let chosen = |text: &str| choose(&Sdp::parse(text.as_bytes())).1.unwrap();
        assert_eq!(chosen(h265).codec, Codec::H265);
        assert_eq!(chosen(&[h265, h264].concat()).info.control, "b");
        assert_eq!(choices(&[h265, h264].concat()), [Choice::Surplus, Choice::Chosen]);
        assert_eq!(choices(&[h265, h265].concat()), [Choice::Chosen, Choice::Surplus]);
        let inactive = [h264, "a=inactive\n", h265].concat();
        assert_eq!(choices(&inactive), [Choice::Disabled, Choice::Chosen]);
    }

    #[cfg(feature = "h265")]
    #[test]
    fn h265_out_of_decoding_order_is_not_played() {
        let h265 = "m=video 0 RTP/AVP 97\na=rtpmap:97 H265/90000\na=fmtp:97 sprop-max-don-diff=";
        assert_eq!(choices(&[h265, "2"].concat()), [Choice::UnknownCodec]);
        assert_eq!(choices(&[h265, "0"].concat()), [Choice::Chosen]);
    }

    #[test]
    fn what_is_offered_instead_has_a_name() {
        let offered = |text: &str| offered_codec(&choose(&Sdp::parse(text.as_bytes())).0);
        assert_eq!(offered("m=video 0 RTP/AVP 96\na=rtpmap:96 AV1/90000"), "AV1");
        assert_eq!(offered("m=video 0 RTP/AVP 96"), "unknown");
        assert_eq!(offered("m=audio 0 RTP/AVP 0"), "none");
        assert_eq!(offered(""), "none");
    }
}
