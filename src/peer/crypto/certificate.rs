//! A self-signed certificate (RFC 5280) with a P-256 key. A peer compares its fingerprint with
//! the one in the SDP (RFC 8122) and looks at nothing else in it.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use sha2::{Digest, Sha256};
use str0m::config::DtlsCert;

use super::der::{
    BIT_STRING, EXPLICIT_0, GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, Reader, SEQUENCE, SET,
    UTC_TIME, UTF8_STRING, element,
};

/// An INTEGER 2, which is version 3.
const V3: &[u8] = &[INTEGER, 1, 2];
/// ecdsa-with-SHA256, RFC 5758 section 3.2.
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
/// id-ecPublicKey on secp256r1, RFC 5480 section 2.1.1.
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
/// id-at-commonName.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
/// No device has to know the time to be believed: RFC 5280 section 4.1.2.5 has the end.
const NOT_BEFORE: &[u8] = b"000101000000Z";
const NOT_AFTER: &[u8] = b"99991231235959Z";

/// A new key and its certificate; none if the system has no randomness.
pub fn self_signed() -> Option<DtlsCert> {
    let random = SystemRandom::new();
    let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).ok()?;
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, private.as_ref(), &random)
        .ok()?;
    let public = element(
        SEQUENCE,
        &[
            &element(SEQUENCE, &[&identifier(EC_PUBLIC_KEY), &identifier(P256)]),
            &element(BIT_STRING, &[&[0], key.public_key().as_ref()]),
        ],
    );
    let algorithm = element(SEQUENCE, &[&identifier(ECDSA_WITH_SHA256)]);
    let name =
        element(SEQUENCE, &[&identifier(COMMON_NAME), &element(UTF8_STRING, &[b"Crosspoint"])]);
    let name = element(SEQUENCE, &[&element(SET, &[&name])]);
    let validity =
        [element(UTC_TIME, &[NOT_BEFORE]), element(GENERALIZED_TIME, &[NOT_AFTER])].concat();
    let signed = element(
        SEQUENCE,
        &[
            &element(EXPLICIT_0, &[V3]),
            &element(INTEGER, &[&serial(&public)]),
            &algorithm,
            &name,
            &element(SEQUENCE, &[&validity]),
            &name,
            &public,
        ],
    );
    let signature = key.sign(&random, &signed).ok()?;
    let signature = element(BIT_STRING, &[&[0], signature.as_ref()]);
    Some(DtlsCert {
        certificate: element(SEQUENCE, &[&signed, &algorithm, &signature]),
        private_key: private.as_ref().to_vec(),
    })
}

fn identifier(identifier: &[u8]) -> Vec<u8> {
    element(OBJECT_IDENTIFIER, &[identifier])
}

/// A positive number that no other certificate has: Firefox refuses one it has seen before.
fn serial(public_key: &[u8]) -> [u8; 16] {
    let mut serial = [0x40; 16];
    for (byte, hashed) in serial.iter_mut().skip(1).zip(Sha256::digest(public_key)) {
        *byte = hashed;
    }
    serial
}

/// Why a certificate's key is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoKey {
    /// It is no certificate.
    Malformed,
    /// Its key is for something else.
    OtherAlgorithm,
    /// It is on another curve.
    OtherCurve,
}

/// The key that a certificate is about (RFC 5280 section 4.1): a point on P-256. Nothing else in it
/// is looked at, for it is known by its fingerprint as a whole.
pub fn public_key(certificate: &[u8]) -> Result<&[u8], NoKey> {
    let (mut algorithm, key) = subject_public_key(certificate).ok_or(NoKey::Malformed)?;
    let of = |algorithm: &mut Reader<'_>, identifier: &[u8]| {
        algorithm.take(OBJECT_IDENTIFIER).is_some_and(|found| found == identifier)
    };
    if !of(&mut algorithm, EC_PUBLIC_KEY) {
        return Err(NoKey::OtherAlgorithm);
    }
    of(&mut algorithm, P256).then_some(key).ok_or(NoKey::OtherCurve)
}

/// Its algorithm, and the whole bytes of the key.
fn subject_public_key(certificate: &[u8]) -> Option<(Reader<'_>, &[u8])> {
    let mut signed = Reader(certificate).enter(SEQUENCE)?.enter(SEQUENCE)?;
    signed.take(EXPLICIT_0); // the version, but of the first
    signed.take(INTEGER)?;
    signed.take(SEQUENCE)?; // how it is signed
    signed.take(SEQUENCE)?; // by whom
    signed.take(SEQUENCE)?; // from when to when
    signed.take(SEQUENCE)?; // for whom
    let mut info = signed.enter(SEQUENCE)?;
    let algorithm = info.enter(SEQUENCE)?;
    let (unused_bits, key) = info.take(BIT_STRING)?.split_first()?;
    (*unused_bits == 0).then_some((algorithm, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_certificates_are_alike() {
        let (one, other) = (self_signed().unwrap(), self_signed().unwrap());
        assert_ne!(one.certificate, other.certificate);
        assert_ne!(one.private_key, other.private_key);
    }

    #[test]
    fn a_key_is_found_in_certificates_of_others_if_it_is_of_the_kind_that_is_wanted() {
        // As OpenSSL makes them: P-256 with extensions, P-384, Ed25519, RSA.
        let find = |certificate: &'static [u8]| public_key(certificate).map(<[u8]>::len);
        assert_eq!(find(include_bytes!("certificates/p256.der")), Ok(65));
        assert_eq!(find(include_bytes!("certificates/p384.der")), Err(NoKey::OtherCurve));
        assert_eq!(find(include_bytes!("certificates/ed25519.der")), Err(NoKey::OtherAlgorithm));
        assert_eq!(find(include_bytes!("certificates/rsa.der")), Err(NoKey::OtherAlgorithm));
        assert_eq!(find(b"garbage"), Err(NoKey::Malformed));
    }
}
