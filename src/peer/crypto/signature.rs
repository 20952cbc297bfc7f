//! DTLS's signatures: ECDSA on P-256 with SHA-256, which is what every browser's certificate is
//! for (RFC 8827 section 6.5) and what dimpl asks for.

use std::fmt;

use dimpl::crypto::{
    Buf, HashAlgorithm, KeyProvider, NamedGroup, SignatureAlgorithm, SignatureVerifier, SigningKey,
};
use dimpl::{CryptoError, CryptoOperation};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, UnparsedPublicKey,
};

use super::certificate::{NoKey, public_key};

/// Reads keys as `certificate` writes them, and checks what others have signed.
#[derive(Debug)]
pub struct Ecdsa;

impl KeyProvider for Ecdsa {
    fn load_private_key(&self, pkcs8: &[u8]) -> Result<Box<dyn SigningKey>, CryptoError> {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8, &random)
            .map_err(|_| CryptoError::InvalidPrivateKey)?;
        Ok(Box::new(Key { key, random }))
    }
}

struct Key {
    key: EcdsaKeyPair,
    random: SystemRandom,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl SigningKey for Key {
    fn sign(&mut self, data: &[u8], hash: HashAlgorithm, out: &mut Buf) -> Result<(), CryptoError> {
        if hash != HashAlgorithm::SHA256 {
            let group = NamedGroup::Secp256r1;
            return Err(CryptoError::SigningKeyUnsupportedHash { group, hash });
        }
        let signature = self
            .key
            .sign(&self.random, data)
            .map_err(|_| CryptoError::OperationFailed(CryptoOperation::Sign))?;
        out.clear();
        out.extend_from_slice(signature.as_ref());
        Ok(())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::SHA256
    }

    fn supported_hash_algorithms(&self) -> &[HashAlgorithm] {
        &[HashAlgorithm::SHA256]
    }
}

impl SignatureVerifier for Ecdsa {
    fn verify_signature(
        &self,
        certificate: &[u8],
        data: &[u8],
        signature: &[u8],
        hash: HashAlgorithm,
        algorithm: SignatureAlgorithm,
    ) -> Result<(), CryptoError> {
        if algorithm != SignatureAlgorithm::ECDSA {
            return Err(CryptoError::UnsupportedSignatureAlgorithm(algorithm));
        }
        let group = NamedGroup::Secp256r1;
        if hash != HashAlgorithm::SHA256 {
            let signature = algorithm;
            return Err(CryptoError::UnsupportedSignatureVerification { signature, hash, group });
        }
        verification_key(certificate)?.verify(data, signature).map_err(|_| {
            let signature = algorithm;
            CryptoError::SignatureVerificationFailed { signature, hash, group }
        })
    }
}

fn verification_key(certificate: &[u8]) -> Result<UnparsedPublicKey<&[u8]>, CryptoError> {
    let point = public_key(certificate).map_err(|error| match error {
        NoKey::Malformed => CryptoError::CertificateParseFailed,
        NoKey::OtherAlgorithm => CryptoError::UnsupportedPublicKeyAlgorithm,
        NoKey::OtherCurve => CryptoError::UnsupportedEcCurve,
    })?;
    Ok(UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point))
}

#[cfg(test)]
mod tests {
    use super::super::certificate::self_signed;
    use super::*;

    const SHA256: HashAlgorithm = HashAlgorithm::SHA256;
    const ECDSA: SignatureAlgorithm = SignatureAlgorithm::ECDSA;

    #[test]
    fn who_has_the_key_is_believed_and_nobody_else() {
        let (ours, theirs) = (self_signed().unwrap(), self_signed().unwrap());
        let mut key = Ecdsa.load_private_key(&ours.private_key).unwrap();
        let mut signed = Buf::new();
        key.sign(b"hello", SHA256, &mut signed).unwrap();
        let verify = |certificate: &[u8], said: &[u8]| {
            Ecdsa.verify_signature(certificate, said, &signed, SHA256, ECDSA)
        };
        assert_eq!(verify(&ours.certificate, b"hello"), Ok(()));
        assert!(verify(&ours.certificate, b"hallo").is_err());
        assert!(verify(&theirs.certificate, b"hello").is_err());
    }

    #[test]
    fn what_is_no_certificate_or_no_key_is_refused() {
        let ours = self_signed().unwrap();
        for length in 0..ours.certificate.len() {
            let cut = ours.certificate.get(..length).unwrap();
            assert!(Ecdsa.verify_signature(cut, b"", b"", SHA256, ECDSA).is_err());
        }
        assert!(Ecdsa.load_private_key(b"no key").is_err());
    }
}
