//! How a room's names are hidden from its server, and its descriptions encrypted.
//!
//! None of it is strong: the key is one hash of the password, nothing is authenticated, and
//! without a password of one's own everybody has the same. What was decrypted is as hostile as
//! what was not.

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use sha2::{Digest, Sha256};

use super::options::Password;

/// What is hashed where no password is given.
const DEFAULT_PASSWORD: &str = "someEncryptionKey123";
/// The salt of the public page.
const DEFAULT_SALT: &str = "vdo.ninja";
/// Hosts of the page that have a salt of their own.
const SALTS: &[&str] = &["rtc.ninja", "versus.cam", "socialstream.ninja"];

const ROOM_MAX_CHARS: usize = 30;
const STREAM_MAX_CHARS: usize = 64;
/// As far as a stream's name is kept where a suffix follows.
const STREAM_BEFORE_SUFFIX_MAX_CHARS: usize = 44;
const SUFFIX_CHARS: usize = 6;
const ROOM_HASH_CHARS: usize = 16;

/// The salt that pages of this host use.
#[must_use]
pub fn salt_of(host: &str) -> &str {
    let is_under = |domain: &str| {
        host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let is_address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    if is_address
        || host == "localhost"
        || host == "steveseguin.github.io"
        || is_under(DEFAULT_SALT)
    {
        return DEFAULT_SALT;
    }
    SALTS.iter().find(|domain| is_under(domain)).copied().unwrap_or(host)
}

/// A password in use: names on the wire, and the cipher.
#[derive(Clone)]
pub struct Secret {
    /// None where nothing is hashed or encrypted.
    keyed: Option<Keyed>,
}

#[derive(Clone)]
struct Keyed {
    password: String,
    salt: String,
    key: [u8; 32],
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.keyed.is_some() { "Secret(***)" } else { "Secret(off)" })
    }
}

impl Secret {
    /// The password's, among pages with this salt ([`salt_of`]).
    #[must_use]
    pub fn new(password: &Password, salt: &str) -> Self {
        let password = match password {
            Password::Off => return Self { keyed: None },
            Password::Public => DEFAULT_PASSWORD.to_owned(),
            Password::Given(password) => encode_uri_component(password.trim()),
        };
        let key = Sha256::digest(format!("{password}{salt}")).into();
        Self { keyed: Some(Keyed { password, salt: salt.to_owned(), key }) }
    }

    /// Whether descriptions are encrypted.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.keyed.is_some()
    }

    /// A room's id on the wire.
    #[must_use]
    pub fn room_id(&self, room: &str) -> String {
        let room = sanitized(room, ROOM_MAX_CHARS);
        let Some(Keyed { password, salt, .. }) = &self.keyed else { return room };
        let mut hash = hex(&Sha256::digest(format!("{room}{password}{salt}")));
        hash.truncate(ROOM_HASH_CHARS);
        hash
    }

    /// A stream's id on the wire.
    #[must_use]
    pub fn stream_id(&self, stream: &str) -> String {
        let mut id = sanitized(stream, STREAM_MAX_CHARS);
        if let Some(suffix) = self.suffix() {
            // Sanitized: every character is a byte.
            id.truncate(STREAM_BEFORE_SUFFIX_MAX_CHARS);
            id.push_str(&suffix);
        }
        id
    }

    /// The name of a stream by its id on the wire.
    #[must_use]
    pub fn stream_name<'a>(&self, id: &'a str) -> &'a str {
        let suffix = self.suffix().unwrap_or_default();
        id.strip_suffix(suffix.as_str()).filter(|name| !name.is_empty()).unwrap_or(id)
    }

    fn suffix(&self) -> Option<String> {
        let mut suffix = hex(&self.keyed.as_ref()?.key);
        suffix.truncate(SUFFIX_CHARS);
        Some(suffix)
    }

    /// The ciphertext and the initialization vector in hexadecimal; none without a password.
    #[must_use]
    pub fn encrypt(&self, text: &str, vector: [u8; 16]) -> Option<(String, String)> {
        let key = self.keyed.as_ref()?.key;
        let cipher = cbc::Encryptor::<Aes256>::new(&key.into(), &vector.into());
        Some((hex(&cipher.encrypt_padded_vec::<Pkcs7>(text.as_bytes())), hex(&vector)))
    }

    /// The text of a ciphertext and vector; none if they are no such, or of another password.
    #[must_use]
    pub fn decrypt(&self, text: &str, vector: &str) -> Option<String> {
        let key = self.keyed.as_ref()?.key;
        let vector: [u8; 16] = unhex(vector)?.try_into().ok()?;
        let cipher = cbc::Decryptor::<Aes256>::new(&key.into(), &vector.into());
        let plain = cipher.decrypt_padded_vec::<Pkcs7>(&unhex(text)?).ok()?;
        // The page takes each byte for a character.
        let latin = |error: std::string::FromUtf8Error| {
            error.into_bytes().into_iter().map(char::from).collect()
        };
        Some(String::from_utf8(plain).unwrap_or_else(latin))
    }
}

/// As JavaScript's `encodeURIComponent`.
fn encode_uri_component(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b if b.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&b) => {
                encoded.push(char::from(b));
            }
            b => encoded.push_str(&format!("%{b:02X}")),
        }
    }
    encoded
}

/// Runs of what is neither letter, digit nor `_` become one `_`; cut to `max` characters.
fn sanitized(name: &str, max: usize) -> String {
    let mut clean = String::new();
    let mut was_word = true;
    for c in name.trim().chars() {
        let is_word = c.is_ascii_alphanumeric() || c == '_';
        if is_word {
            clean.push(c);
        } else if was_word {
            clean.push('_');
        }
        was_word = is_word;
    }
    clean.truncate(max);
    clean
}

/// A fingerprint by which a repeated description is known.
pub(crate) fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(password: &str) -> Secret {
        Secret::new(&Password::Given(password.to_owned()), DEFAULT_SALT)
    }

    #[test]
    fn names_are_hashed_as_captured_pages_did() {
        let public = Secret::new(&Password::Public, DEFAULT_SALT);
        assert_eq!(public.room_id("testroom123"), "f8a52950fcaa9910");
        assert_eq!(public.stream_id("camA"), "camA808d64");
        assert_eq!(secret("secret1").room_id("testroom123"), "24d321b3b76b6186");
        assert_eq!(secret(" secret1 ").stream_id("camA"), "camAd9d069");
        assert_eq!(public.stream_name("camA808d64"), "camA");
        assert_eq!(public.stream_name("camAd9d069"), "camAd9d069");
        assert_eq!(public.stream_name("808d64"), "808d64");
    }

    #[test]
    fn without_a_password_names_are_only_cleaned() {
        let off = Secret::new(&Password::Off, DEFAULT_SALT);
        assert_eq!(off.room_id(" my  room! \u{fc}b"), "my_room_b");
        assert_eq!(off.room_id(&"r".repeat(40)), "r".repeat(30));
        assert_eq!(off.stream_id(&"s".repeat(80)), "s".repeat(64));
        assert_eq!(off.encrypt("text", [0; 16]), None);
        let keyed = Secret::new(&Password::Public, DEFAULT_SALT);
        assert_eq!(keyed.stream_id(&"s".repeat(80)), "s".repeat(44) + "808d64");
    }

    #[test]
    fn a_password_is_encoded_before_it_is_hashed() {
        assert_eq!(encode_uri_component("a b/\u{fc}'(1)~"), "a%20b%2F%C3%BC'(1)~");
        assert_ne!(secret("a b").stream_id("x"), secret("ab").stream_id("x"));
    }

    #[test]
    fn the_salt_follows_from_the_pages_host() {
        for host in ["vdo.ninja", "beta.vdo.ninja", "localhost", "192.0.2.1", "[2001:db8::1]"] {
            assert_eq!(salt_of(host), "vdo.ninja");
        }
        assert_eq!(salt_of("www.versus.cam"), "versus.cam");
        assert_eq!(salt_of("notvdo.ninja"), "notvdo.ninja");
        assert_eq!(salt_of("meet.example"), "meet.example");
    }

    #[test]
    fn what_is_encrypted_is_decrypted_with_the_same_password_alone() {
        for text in ["", "{\"type\":\"offer\"}", &"x".repeat(1000)] {
            let (sealed, vector) = secret("a").encrypt(text, [7; 16]).unwrap();
            assert_eq!(secret("a").decrypt(&sealed, &vector).as_deref(), Some(text));
            assert_ne!(secret("b").decrypt(&sealed, &vector).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_no_ciphertext_is_nothing() {
        let vector = "00".repeat(16);
        for text in ["", "0", "zz", "\u{fc}\u{fc}", "00", &"00".repeat(15), &"00".repeat(16)] {
            assert_eq!(secret("a").decrypt(text, &vector), None, "{text}");
        }
        let (sealed, _) = secret("a").encrypt("text", [7; 16]).unwrap();
        assert_eq!(secret("a").decrypt(&sealed, "0707"), None);
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", secret("hunter2")), "Secret(***)");
    }
}
