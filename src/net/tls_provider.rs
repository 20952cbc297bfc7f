//! The cryptography of TLS: what of ring a client needs. All of it, with ChaCha20 that no server
//! asks for alone and with keys of one's own, would be a hundred and fifty kilobytes more.

use std::sync::Arc;

use rustls::crypto::ring::{cipher_suite, kx_group};
use rustls::crypto::{
    CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom, WebPkiSupportedAlgorithms,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use rustls::{Error, SignatureScheme};
use webpki::ring as verified;

/// Ciphers and curves, the preferred ones first, and whose signatures are understood.
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ],
        kx_groups: vec![kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1],
        signature_verification_algorithms: SIGNATURES,
        secure_random: &System,
        key_provider: &System,
    }
}

/// In TLS 1.2 a signature's name leaves the curve open (RFC 8422 section 5.1.1).
const SIGNATURES: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        verified::ECDSA_P256_SHA256,
        verified::ECDSA_P256_SHA384,
        verified::ECDSA_P384_SHA256,
        verified::ECDSA_P384_SHA384,
        verified::ED25519,
        verified::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        verified::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        verified::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        verified::RSA_PKCS1_2048_8192_SHA256,
        verified::RSA_PKCS1_2048_8192_SHA384,
        verified::RSA_PKCS1_2048_8192_SHA512,
        verified::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
        verified::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
        verified::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    ],
    mapping: &[
        (
            SignatureScheme::ECDSA_NISTP256_SHA256,
            &[verified::ECDSA_P256_SHA256, verified::ECDSA_P384_SHA256],
        ),
        (
            SignatureScheme::ECDSA_NISTP384_SHA384,
            &[verified::ECDSA_P384_SHA384, verified::ECDSA_P256_SHA384],
        ),
        (SignatureScheme::ED25519, &[verified::ED25519]),
        (SignatureScheme::RSA_PSS_SHA256, &[verified::RSA_PSS_2048_8192_SHA256_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_SHA384, &[verified::RSA_PSS_2048_8192_SHA384_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_SHA512, &[verified::RSA_PSS_2048_8192_SHA512_LEGACY_KEY]),
        (SignatureScheme::RSA_PKCS1_SHA256, &[verified::RSA_PKCS1_2048_8192_SHA256]),
        (SignatureScheme::RSA_PKCS1_SHA384, &[verified::RSA_PKCS1_2048_8192_SHA384]),
        (SignatureScheme::RSA_PKCS1_SHA512, &[verified::RSA_PKCS1_2048_8192_SHA512]),
    ],
};

/// The operating system's randomness, and no keys: we are nobody's server.
#[derive(Debug)]
struct System;

impl SecureRandom for System {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        getrandom::fill(bytes).map_err(|_| GetRandomFailed)
    }
}

impl KeyProvider for System {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Err(Error::General("a client has no key".to_owned()))
    }
}
