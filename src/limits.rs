//! Every bound of the program that is not a setting, with its unit and why.

use std::time::Duration;

/// Payload bytes of one RTP packet to a browser: 1280 (the least IPv6 MTU) less IP, UDP,
/// RTP header with extensions and the SRTP tag.
pub const RTP_PAYLOAD_MAX_BYTES: usize = 1_150;

/// Bytes of one SDP offer: Chromium offers 5 KB per video m-line.
pub const SDP_MAX_BYTES: usize = 384 * 1024;

/// m-lines of one SDP offer: the most slots that can be configured, and an audio line.
pub const SDP_MAX_MEDIA: usize = 65;

/// Slots of one viewer, the most that can be configured.
pub const SLOTS_MAX: usize = 64;

/// How long a sent packet can be asked for again (RFC 4588). A receiver that has waited this
/// long asks for a picture instead.
pub const RESEND_MAX_AGE: Duration = Duration::from_secs(3);

/// Viewers' addresses that are remembered: a viewer has one, for a moment two.
pub const PEER_ADDRESSES_MAX: usize = 4_096;

const _: () = assert!(SLOTS_MAX < SDP_MAX_MEDIA);
