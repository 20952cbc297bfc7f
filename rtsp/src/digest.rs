//! The hashes of digest authentication (RFC 2617 3.2.2, RFC 7616 3.4.1).

use md5::{Digest, Md5};
use sha2::Sha256;

/// How a digest is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithm {
    /// The hash.
    pub hash: Hash,
    /// The `-sess` variant: both nonces go into the hash of the password.
    pub session: bool,
}

/// Hash functions in use by cameras.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hash {
    /// MD5, the default and still the most frequent.
    Md5,
    /// SHA-256 (RFC 7616), the default of newer cameras.
    Sha256,
}

impl Algorithm {
    /// MD5 without session: what a challenge without `algorithm` means.
    pub const MD5: Self = Self { hash: Hash::Md5, session: false };

    /// From the `algorithm` parameter; none if unknown (`SHA-512-256`, `token`).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_uppercase();
        let (name, session) = match name.strip_suffix("-SESS") {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        let hash = match name {
            "MD5" | "" => Hash::Md5,
            "SHA-256" | "SHA256" => Hash::Sha256,
            _ => return None,
        };
        Some(Self { hash, session })
    }
}

impl Hash {
    /// The hash of `text`, in lower-case hexadecimal.
    #[must_use]
    pub fn hex(self, text: &[u8]) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(text)),
            Self::Sha256 => hex(&Sha256::digest(text)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What goes into one `response`.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// How it is computed.
    pub algorithm: Algorithm,
    /// User name.
    pub username: &'a str,
    /// Realm as sent by the server, without its quotes.
    pub realm: &'a str,
    /// Password.
    pub password: &'a str,
    /// Nonce as sent by the server.
    pub nonce: &'a str,
    /// Method of the request.
    pub method: &'a str,
    /// URI of the request, byte for byte.
    pub uri: &'a str,
    /// Client nonce.
    pub cnonce: &'a str,
    /// Count of requests with this nonce if `qop=auth` is used; none for the form of RFC 2069.
    pub count: Option<u32>,
}

/// The `response` parameter.
#[must_use]
pub fn response(input: &Input<'_>) -> String {
    let Input { username, realm, password, nonce, method, uri, cnonce, .. } = input;
    let hash = |text: String| input.algorithm.hash.hex(text.as_bytes());
    let mut ha1 = hash(format!("{username}:{realm}:{password}"));
    if input.algorithm.session {
        ha1 = hash(format!("{ha1}:{nonce}:{cnonce}"));
    }
    let ha2 = hash(format!("{method}:{uri}"));
    match input.count {
        Some(count) => hash(format!("{ha1}:{nonce}:{count:08x}:{cnonce}:auth:{ha2}")),
        None => hash(format!("{ha1}:{nonce}:{ha2}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC_2617: Input<'_> = Input {
        algorithm: Algorithm::MD5,
        username: "Mufasa",
        realm: "testrealm@host.com",
        password: "Circle Of Life",
        nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        method: "GET",
        uri: "/dir/index.html",
        cnonce: "0a4f113b",
        count: Some(1),
    };

    const RFC_7616: Input<'_> = Input {
        realm: "http-auth@example.org",
        password: "Circle of Life",
        nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        ..RFC_2617
    };

    #[test]
    fn the_examples_of_the_rfcs_are_met() {
        assert_eq!(response(&RFC_2617), "6629fae49393a05397450978507c4ef1");
        assert_eq!(response(&RFC_7616), "8ca523f5e9506fed4657c9700eebdbec");
        let sha256 = Algorithm { hash: Hash::Sha256, session: false };
        assert_eq!(
            response(&Input { algorithm: sha256, ..RFC_7616 }),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn without_count_the_form_of_rfc_2069_is_used() {
        let input = Input { count: None, ..RFC_2617 };
        assert_eq!(response(&input), "670fd8c2df070c60b045671b8b24ff02");
    }

    #[test]
    fn the_session_variant_hashes_both_nonces() {
        let session = Algorithm { hash: Hash::Md5, session: true };
        let other = Input { algorithm: session, cnonce: "1", ..RFC_2617 };
        let one = Input { algorithm: session, ..RFC_2617 };
        assert_ne!(response(&one), response(&RFC_2617));
        assert_ne!(response(&one), response(&other));
    }

    #[test]
    fn algorithms_are_known_in_any_spelling_and_unknown_ones_are_not_guessed() {
        let known = |name| Algorithm::from_name(name).map(|a| (a.hash, a.session));
        assert_eq!(known("md5"), Some((Hash::Md5, false)));
        assert_eq!(known("MD5-sess"), Some((Hash::Md5, true)));
        assert_eq!(known("SHA-256-SESS"), Some((Hash::Sha256, true)));
        assert_eq!(known("SHA-512-256"), None);
        assert_eq!(known("token"), None);
    }
}
