//! The description of a stream (RFC 4566, RFC 6184 8.2.1, RFC 7798 7.2).

use std::fmt::Write as _;

use super::{CONTROL, PAYLOAD_TYPE};
use crate::video::{Codec, ParameterSets};

/// SDP for one track of these parameter sets' codec. `name` is the session's name; control
/// characters are left out.
#[must_use]
pub fn describe(name: &str, sets: &ParameterSets) -> String {
    match sets.codec {
        #[cfg(feature = "h265")]
        Codec::H265 => {
            let parameters = sets.to_h265_parameters().map(|(key, value)| format!("{key}={value}"));
            describe_track(name, Codec::H265.name(), Some(&parameters.join(";")))
        }
        _ => describe_h264(name, Some(sets)),
    }
}

/// SDP for one H.264 track, whether its parameter sets are known or not.
#[must_use]
pub fn describe_h264(name: &str, sets: Option<&ParameterSets>) -> String {
    let mut parameters = "packetization-mode=1".to_owned();
    if let Some(sets) = sets {
        let [profile, constraints, level] = sets.info.profile_level_id();
        // Writing to a string cannot fail.
        let _ = write!(
            parameters,
            ";profile-level-id={profile:02X}{constraints:02X}{level:02X};sprop-parameter-sets={}",
            sets.to_sprop()
        );
    }
    describe_track(name, Codec::H264.name(), Some(&parameters))
}

/// SDP for one track of a video codec that has no parameters, by its encoding name: `VP8`
/// (RFC 7741 section 6.1), `VP9` (RFC 9628 section 6.1).
#[must_use]
pub fn describe_plain(name: &str, encoding: &str) -> String {
    describe_track(name, encoding, None)
}

fn describe_track(name: &str, codec: &str, parameters: Option<&str>) -> String {
    let parameters = parameters
        .map(|parameters| format!("a=fmtp:{PAYLOAD_TYPE} {parameters}\r\n"))
        .unwrap_or_default();
    let name: String = name.chars().filter(|character| !character.is_control()).collect();
    let name = if name.is_empty() { "-" } else { &name };
    format!(
        "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns={name}\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
         a=control:*\r\na=range:npt=now-\r\nm=video 0 RTP/AVP {PAYLOAD_TYPE}\r\n\
         a=rtpmap:{PAYLOAD_TYPE} {codec}/90000\r\n{parameters}\
         a=control:{CONTROL}\r\n"
    )
}
