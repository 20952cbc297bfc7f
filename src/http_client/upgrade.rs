//! Asking for a WebSocket (RFC 6455 section 4.1).

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::limits;
use super::message::header;
use super::url::Url;
use crate::http::upgrade::accept_key;

/// A WebSocket that was asked for.
#[derive(Debug)]
pub struct Upgrade {
    key: String,
}

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpgradeError {
    /// Not HTTP/1.1, or no end of its headers in sight.
    Malformed,
    /// Another status than 101.
    Status(u16),
    /// The server does not say that it has understood.
    NotAccepted,
}

impl fmt::Display for UpgradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("no WebSocket: not an HTTP response"),
            // What a proxy says besides is its business: the status tells enough.
            Self::Status(status) => write!(f, "the server answers {status}"),
            Self::NotAccepted => f.write_str("no WebSocket: the server does not accept it"),
        }
    }
}

impl Upgrade {
    /// By these random bytes.
    #[must_use]
    pub fn new(nonce: [u8; 16]) -> Self {
        Self { key: BASE64_STANDARD.encode(nonce) }
    }

    /// The request.
    #[must_use]
    pub fn request(&self, url: &Url) -> Vec<u8> {
        let (target, authority, key) = (url.target(), url.authority(), &self.key);
        let text = format!(
            "GET {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: crosspoint\r\n\
            Connection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        );
        text.into_bytes()
    }

    /// Reads the response: how long it is, behind which the WebSocket begins; none while it is not
    /// whole.
    ///
    /// # Errors
    /// When it is no such response, or would be longer than 64 kB.
    pub fn parse(&self, bytes: &[u8]) -> Result<Option<usize>, UpgradeError> {
        let mut headers = [httparse::EMPTY_HEADER; limits::HEADERS_MAX];
        let mut head = httparse::Response::new(&mut headers);
        let length = match head.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if bytes.len() <= limits::RESPONSE_MAX_BYTES => {
                return Ok(None);
            }
            _ => return Err(UpgradeError::Malformed),
        };
        let status = head.code.unwrap_or_default();
        if status != 101 {
            return Err(UpgradeError::Status(status));
        }
        let has = |name, token: &str| {
            let tokens = header(head.headers, name).unwrap_or_default().split(',');
            tokens.into_iter().any(|it| it.trim().eq_ignore_ascii_case(token))
        };
        // The answer to the key is compared as it is (section 4.1, point 4).
        let answer = header(head.headers, "sec-websocket-accept");
        let is_accepted = has("upgrade", "websocket")
            && has("connection", "upgrade")
            && answer == Some(&*accept_key(&self.key));
        if is_accepted { Ok(Some(length)) } else { Err(UpgradeError::NotAccepted) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: [u8; 16] = *b"the sample nonce";
    const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    #[test]
    fn a_request_is_as_in_rfc_6455_section_1_2() {
        let url = Url::parse("http://server.example.com:80/chat?room=1").unwrap();
        let request = String::from_utf8(Upgrade::new(NONCE).request(&url)).unwrap();
        assert!(request.starts_with("GET /chat?room=1 HTTP/1.1\r\nHost: server.example.com"));
        assert!(request.contains("\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
        assert!(request.ends_with("\r\n\r\n"));
    }

    #[test]
    fn the_web_socket_begins_behind_its_answer() {
        let upgrade = Upgrade::new(NONCE);
        let bytes = [ANSWER.as_bytes(), &[0x81, 0]].concat();
        assert_eq!(upgrade.parse(&bytes), Ok(Some(ANSWER.len())));
        let listed = ANSWER.replace(": Upgrade", ": keep-alive, upgrade");
        assert_eq!(upgrade.parse(listed.as_bytes()), Ok(Some(listed.len())));
        for end in 0..ANSWER.len() {
            assert_eq!(upgrade.parse(&bytes[..end]), Ok(None), "{end}");
        }
    }

    #[test]
    fn what_is_not_accepted_says_so() {
        let upgrade = Upgrade::new(NONCE);
        let parse = |text: &str| upgrade.parse(text.as_bytes());
        assert_eq!(parse("HTTP/1.1 404 No\r\n\r\n"), Err(UpgradeError::Status(404)));
        assert_eq!(parse("SSH-2.0\r\n\r\n"), Err(UpgradeError::Malformed));
        for (header, other) in [
            ("upgrade: WebSocket", "upgrade: h2c"),
            ("Connection: Upgrade", "Connection: close"),
            ("s3pPLM", "S3PPLM"),
        ] {
            assert_eq!(parse(&ANSWER.replace(header, other)), Err(UpgradeError::NotAccepted));
        }
        let endless = format!("HTTP/1.1 101 Ok\r\nx: {}", "x".repeat(limits::RESPONSE_MAX_BYTES));
        assert_eq!(parse(&endless), Err(UpgradeError::Malformed));
    }
}
