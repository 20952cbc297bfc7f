//! What a fuzzer runs on messages, and a test on its corpus. Not an interface.

use super::crypto::Secret;
use super::data::Data;
use super::limits;
use super::message::{Message, Signal};
use super::options::Password;

/// Any bytes as a message of the WebSocket and of a data channel, with and without a password:
/// whatever is taken is within its limits.
pub fn message(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for password in [Password::Off, Password::Public, Password::Given("secret1".to_owned())] {
        let secret = Secret::new(&password, "vdo.ninja");
        if let Some(message) = Message::parse(&text, &secret) {
            check(&message);
        }
        if let Some(data) = Data::parse(&text, &secret) {
            let sdp = data.description.map(|description| description.sdp.len());
            assert!(sdp.is_none_or(|bytes| (1..=limits::SDP_MAX_BYTES).contains(&bytes)));
            assert!(data.ping.is_none_or(|ping| ping.len() <= 6 * 64 + 2));
        }
    }
}

fn check(message: &Message) {
    let ids = [&message.uuid, &message.from, &message.room, &message.session];
    for id in ids.into_iter().flatten() {
        assert!((1..=limits::ID_MAX_BYTES).contains(&id.len()));
        assert!(!id.contains(|c: char| c.is_control() || c.is_whitespace()));
    }
    match &message.signal {
        Signal::Listing(members) => assert!(members.len() <= limits::MEMBERS_MAX),
        Signal::Description(description) => {
            assert!((1..=limits::SDP_MAX_BYTES).contains(&description.sdp.len()));
        }
        Signal::Candidates(came) => {
            assert!(came.candidates.len() <= limits::CANDIDATES_PER_MESSAGE_MAX);
            assert!(!came.candidates.iter().any(|line| line.contains(['\r', '\n'])));
        }
        Signal::Notice(_, words) => {
            assert!(words.chars().count() <= limits::NOTICE_MAX_CHARS);
            assert!(!words.contains(char::is_control));
        }
        _ => {}
    }
}
