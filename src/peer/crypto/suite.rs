//! DTLS's cipher suite: AES-128 in Galois counter mode with SHA-256, which RFC 8827 section 6.5
//! (1.2) and RFC 8446 section 9.1 (1.3) ask of everybody; and the hashes that go with it.

use std::fmt;

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use dimpl::crypto::{
    Aad, Buf, Cipher, Dtls12CipherSuite, Dtls13CipherSuite, HashAlgorithm, HashContext,
    HashProvider, HmacProvider, Nonce, SecureRandom, SupportedDtls12CipherSuite,
    SupportedDtls13CipherSuite, TmpBuf,
};
use dimpl::{CryptoError, CryptoOperation};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use super::gcm::{Gcm, NONCE_BYTES, TAG_BYTES};

const KEY_BYTES: usize = 16;
/// What of a nonce is agreed on in DTLS 1.2, and what each record carries: RFC 5288 section 3.
const NONCE_12_BYTES: (usize, usize) = (4, 8);

/// The one suite, and its parts.
#[derive(Debug)]
pub struct AesGcmSha256;

impl SupportedDtls12CipherSuite for AesGcmSha256 {
    fn suite(&self) -> Dtls12CipherSuite {
        Dtls12CipherSuite::ECDHE_ECDSA_AES128_GCM_SHA256
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::SHA256
    }

    fn key_lengths(&self) -> (usize, usize, usize) {
        (0, KEY_BYTES, NONCE_12_BYTES.0)
    }

    fn explicit_nonce_len(&self) -> usize {
        NONCE_12_BYTES.1
    }

    fn tag_len(&self) -> usize {
        TAG_BYTES
    }

    fn create_cipher(&self, key: &[u8]) -> Result<Box<dyn Cipher>, CryptoError> {
        Records::keyed(key)
    }
}

impl SupportedDtls13CipherSuite for AesGcmSha256 {
    fn suite(&self) -> Dtls13CipherSuite {
        Dtls13CipherSuite::AES_128_GCM_SHA256
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::SHA256
    }

    fn key_len(&self) -> usize {
        KEY_BYTES
    }

    fn iv_len(&self) -> usize {
        NONCE_BYTES
    }

    fn tag_len(&self) -> usize {
        TAG_BYTES
    }

    fn create_cipher(&self, key: &[u8]) -> Result<Box<dyn Cipher>, CryptoError> {
        Records::keyed(key)
    }

    fn encrypt_sn(&self, key: &[u8], sample: &[u8; 16]) -> [u8; 16] {
        let mut block = (*sample).into();
        // Its length is `key_len`. With another one, no peer would understand the records.
        if let Ok(cipher) = Aes128::new_from_slice(key) {
            cipher.encrypt_block(&mut block);
        }
        block.into()
    }
}

/// The records of one direction.
#[derive(Debug)]
struct Records(Gcm);

impl Records {
    fn keyed(key: &[u8]) -> Result<Box<dyn Cipher>, CryptoError> {
        let refused = CryptoError::OperationFailed(CryptoOperation::CreateCipher);
        Ok(Box::new(Self(Gcm::new(key).ok_or(refused)?)))
    }
}

impl Cipher for Records {
    fn encrypt(&mut self, text: &mut Buf, aad: Aad, nonce: Nonce) -> Result<(), CryptoError> {
        let refused = CryptoError::OperationFailed(CryptoOperation::Encrypt);
        let tag = self.0.seal_in_place(nonce_of(&nonce)?, &aad, text.as_mut()).ok_or(refused)?;
        text.extend_from_slice(&tag);
        Ok(())
    }

    fn decrypt(&mut self, sealed: &mut TmpBuf, aad: Aad, nonce: Nonce) -> Result<(), CryptoError> {
        let refused = CryptoError::OperationFailed(CryptoOperation::Decrypt);
        let text = self.0.open_in_place(nonce_of(&nonce)?, &aad, sealed.as_mut()).ok_or(refused)?;
        let length = text.len();
        sealed.truncate(length);
        Ok(())
    }
}

fn nonce_of(bytes: &[u8]) -> Result<[u8; NONCE_BYTES], CryptoError> {
    bytes.first_chunk().copied().ok_or(CryptoError::InvalidNonce)
}

fn failed<E>(operation: CryptoOperation) -> impl Fn(E) -> CryptoError {
    move |_| CryptoError::OperationFailed(operation)
}

impl HashProvider for AesGcmSha256 {
    fn create_hash(&self, _: HashAlgorithm) -> Box<dyn HashContext> {
        Box::new(Transcript(Sha256::new())) // no suite has another
    }
}

/// What has been said in a handshake.
struct Transcript(Sha256);

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transcript(..)")
    }
}

impl HashContext for Transcript {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn clone_and_finalize(&self, out: &mut Buf) {
        out.clear();
        out.extend_from_slice(&self.0.clone().finalize());
    }
}

impl HmacProvider for AesGcmSha256 {
    fn hmac(
        &self,
        hash: HashAlgorithm,
        key: &[u8],
        data: &[u8],
        out: &mut [u8],
    ) -> Result<usize, CryptoError> {
        if hash != HashAlgorithm::SHA256 {
            return Err(CryptoError::UnsupportedHmacHash(hash));
        }
        let refused = failed(CryptoOperation::ComputeHmac);
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).map_err(refused)?;
        let code = mac.chain_update(data).finalize().into_bytes();
        let out = out.get_mut(..code.len());
        out.ok_or(CryptoError::OperationFailed(CryptoOperation::ComputeHmac))?
            .copy_from_slice(&code);
        Ok(code.len())
    }
}

impl SecureRandom for AesGcmSha256 {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        getrandom::fill(bytes).map_err(failed(CryptoOperation::FillRandom))
    }
}
