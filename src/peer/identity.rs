//! Who the server is to its peers: one DTLS certificate for all, fresh ICE credentials for
//! each.

use std::sync::Arc;

use str0m::IceCreds;
use str0m::config::{CryptoProvider, DtlsCert};

use super::crypto;

/// The DTLS certificate, made once: its making costs more than a handshake.
#[derive(Debug, Clone)]
pub struct Identity {
    certificate: DtlsCert,
    crypto: Arc<CryptoProvider>,
}

impl Identity {
    /// A new self-signed certificate.
    ///
    /// # Errors
    /// When the crypto library can't make one.
    pub fn generate() -> Result<Self, NoCertificate> {
        let crypto = Arc::new(crypto::provider());
        let certificate = crypto.dtls_provider.generate_certificate().ok_or(NoCertificate)?;
        Ok(Self { certificate, crypto })
    }

    pub(super) fn certificate(&self) -> DtlsCert {
        self.certificate.clone()
    }

    pub(super) fn crypto(&self) -> Arc<CryptoProvider> {
        Arc::clone(&self.crypto)
    }
}

/// The crypto library could not make a certificate.
#[derive(Debug)]
pub struct NoCertificate;

impl std::fmt::Display for NoCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the crypto library could not make a DTLS certificate")
    }
}

impl std::error::Error for NoCertificate {}

/// Random bytes for one peer's ICE credentials (RFC 8445 section 5.3: at least 24 bits of
/// user name, 128 of password). str0m's own come from a generator that can be guessed.
#[derive(Clone, Copy)]
pub struct Entropy(pub [u8; 32]);

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy(..)")
    }
}

impl Entropy {
    pub(super) fn into_credentials(self) -> IceCreds {
        let (user, password) = self.0.split_at(8);
        IceCreds { ufrag: ice_chars(user), pass: ice_chars(password) }
    }
}

/// One ICE character for six bits of each byte.
fn ice_chars(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte & 63)))
        .map(|&char| char::from(char))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_carry_enough_entropy_and_only_ice_characters() {
        let mut bytes = [0; 32];
        for (value, byte) in (0u8..).step_by(7).zip(&mut bytes) {
            *byte = value;
        }
        let credentials = Entropy(bytes).into_credentials();
        assert_eq!(credentials.ufrag.len() * 6, 48);
        assert_eq!(credentials.pass.len() * 6, 144);
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
        assert!(credentials.ufrag.chars().chain(credentials.pass.chars()).all(valid));
    }

    #[test]
    fn entropy_does_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", Entropy([7; 32])), "Entropy(..)");
    }
}
