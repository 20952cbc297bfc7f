//! A self-signed certificate (RFC 5280) with a P-256 key. A peer compares its fingerprint with
//! the one in the SDP (RFC 8122) and looks at nothing else in it.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use sha2::{Digest, Sha256};
use str0m::config::DtlsCert;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const UTF8_STRING: u8 = 0x0c;
const GENERALIZED_TIME: u8 = 0x18;
const UTC_TIME: u8 = 0x17;
/// The explicit tag of the version.
const VERSION: u8 = 0xa0;
/// An INTEGER 2, which is version 3.
const V3: &[u8] = &[INTEGER, 1, 2];
/// ecdsa-with-SHA256, RFC 5758 section 3.2.
const ECDSA_WITH_SHA256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
/// id-ecPublicKey on secp256r1, RFC 5480 section 2.1.1.
const EC_PUBLIC_KEY: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
/// id-at-commonName.
const COMMON_NAME: &[u8] = &[0x06, 3, 0x55, 4, 3];
/// No device has to know the time to be believed: RFC 5280 section 4.1.2.5 has the end.
const NOT_BEFORE: &[u8] = b"000101000000Z";
const NOT_AFTER: &[u8] = b"99991231235959Z";

/// A new key and its certificate; none if the system has no randomness.
pub fn self_signed() -> Option<DtlsCert> {
    let random = SystemRandom::new();
    let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).ok()?;
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, private.as_ref(), &random)
        .ok()?;
    let public = tagged(
        SEQUENCE,
        &[
            &tagged(SEQUENCE, &[EC_PUBLIC_KEY, P256]),
            &tagged(BIT_STRING, &[&[0], key.public_key().as_ref()]),
        ],
    );
    let algorithm = tagged(SEQUENCE, &[ECDSA_WITH_SHA256]);
    let name = tagged(SEQUENCE, &[COMMON_NAME, &tagged(UTF8_STRING, &[b"Crosspoint"])]);
    let name = tagged(SEQUENCE, &[&tagged(SET, &[&name])]);
    let validity =
        [tagged(UTC_TIME, &[NOT_BEFORE]), tagged(GENERALIZED_TIME, &[NOT_AFTER])].concat();
    let signed = tagged(
        SEQUENCE,
        &[
            &tagged(VERSION, &[V3]),
            &tagged(INTEGER, &[&serial(&public)]),
            &algorithm,
            &name,
            &tagged(SEQUENCE, &[&validity]),
            &name,
            &public,
        ],
    );
    let signature = key.sign(&random, &signed).ok()?;
    let signature = tagged(BIT_STRING, &[&[0], signature.as_ref()]);
    Some(DtlsCert {
        certificate: tagged(SEQUENCE, &[&signed, &algorithm, &signature]),
        private_key: private.as_ref().to_vec(),
    })
}

/// A positive number that no other certificate has: Firefox refuses one it has seen before.
fn serial(public_key: &[u8]) -> [u8; 16] {
    let mut serial = [0x40; 16];
    for (byte, hashed) in serial.iter_mut().skip(1).zip(Sha256::digest(public_key)) {
        *byte = hashed;
    }
    serial
}

/// One DER element (X.690 section 8.1) of at most 65535 bytes.
fn tagged(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let [.., high, low] = content.len().to_be_bytes();
    let mut element = match (high, low) {
        (0, 0..=127) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    element.extend(content);
    element
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_in_the_shortest_form() {
        assert_eq!(tagged(4, &[&[7; 3]]), [4, 3, 7, 7, 7]);
        assert_eq!(tagged(4, &[&[0; 128]]).get(..3), Some([4, 0x81, 128].as_slice()));
        assert_eq!(tagged(4, &[&[0; 300]]).get(..4), Some([4, 0x82, 1, 44].as_slice()));
    }

    #[test]
    fn no_two_certificates_are_alike() {
        let (one, other) = (self_signed().unwrap(), self_signed().unwrap());
        assert_ne!(one.certificate, other.certificate);
        assert_ne!(one.private_key, other.private_key);
    }
}
