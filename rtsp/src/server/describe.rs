//! The description of an H.264 stream (RFC 4566, RFC 6184 8.2.1).

use std::fmt::Write as _;

use super::{CONTROL, PAYLOAD_TYPE};
use crate::h264::ParameterSets;

/// SDP for one H.264 track. `name` is the session's name; control characters are left out.
#[must_use]
pub fn describe_h264(name: &str, sets: Option<&ParameterSets>) -> String {
    let name: String = name.chars().filter(|character| !character.is_control()).collect();
    let name = if name.is_empty() { "-" } else { &name };
    let mut sdp = format!(
        "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns={name}\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
         a=control:*\r\na=range:npt=now-\r\nm=video 0 RTP/AVP {PAYLOAD_TYPE}\r\n\
         a=rtpmap:{PAYLOAD_TYPE} H264/90000\r\na=fmtp:{PAYLOAD_TYPE} packetization-mode=1"
    );
    if let Some(sets) = sets {
        let [profile, constraints, level] = sets.info.profile_level_id();
        // Writing to a string cannot fail.
        let _ = write!(
            sdp,
            ";profile-level-id={profile:02X}{constraints:02X}{level:02X};sprop-parameter-sets={}",
            sets.to_sprop()
        );
    }
    sdp.push_str("\r\na=control:");
    sdp.push_str(CONTROL);
    sdp.push_str("\r\n");
    sdp
}
