//! Which library does the cryptography of DTLS (RFC 6347), SRTP (RFC 3711, RFC 7714) and STUN.
//!
//! AWS-LC is the fastest; the Rust crates make a program that is a third smaller, which counts
//! on a device with 64 MB. Both do the same and understand each other.

#[cfg(feature = "rust-crypto")]
mod certificate;
#[cfg(feature = "rust-crypto")]
mod dtls;
#[cfg(feature = "rust-crypto")]
mod srtp;

use str0m::config::CryptoProvider;

#[cfg(not(any(feature = "aws-lc", feature = "rust-crypto")))]
compile_error!("one of the features aws-lc (the default) and rust-crypto is needed");

/// The library of this build.
#[cfg(feature = "rust-crypto")]
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        srtp_provider: &srtp::Srtp,
        sha1_hmac_provider: &srtp::Srtp,
        sha1_provider: &srtp::Srtp,
        sha256_provider: &srtp::Srtp,
        dtls_provider: &dtls::Dtls,
    }
}

/// The library of this build.
#[cfg(not(feature = "rust-crypto"))]
pub fn provider() -> CryptoProvider {
    str0m::crypto::from_feature_flags()
}
