//! What a fuzzer runs on publishers' offers. Not an interface.

use super::take::{Terms, take_up};
use crate::engine::codec::{AudioCodec, VideoCodec};
use crate::intake::publisher::Codec;
use crate::peer::sdp::{Description, Line};

/// Takes up an offer; the answer's m-lines.
pub fn taken_up<'o>(offer: &'o Description<'_>) -> Vec<Line<'o>> {
    let codecs = VideoCodec::ALL.into_iter().map(Codec::Video);
    let codecs = codecs.chain(AudioCodec::OF_BROWSERS.into_iter().map(Codec::Audio)).collect();
    let terms = Terms { codecs, video_tracks: 2, audio_tracks: 1, message_max_bytes: 1 };
    let taken = take_up(offer, &terms);
    assert!(taken.tracks.len() <= terms.video_tracks + terms.audio_tracks);
    assert!(taken.tracks.iter().all(|track| !track.formats.is_empty()));
    taken.lines
}
