//! SRTP's ciphers and the hashes beside them, as str0m asks for them.

use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes256};
use ctr::Ctr128BE;
use ctr::cipher::{InnerIvInit, StreamCipher, StreamCipherCoreWrapper};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use str0m::crypto::{
    AeadAes128GcmCipher, AeadAes256GcmCipher, Aes128CmSha1_80Cipher, CryptoError, Sha1HmacProvider,
    Sha1Provider, Sha256Provider, SrtpProvider, SupportedAeadAes128Gcm, SupportedAeadAes256Gcm,
    SupportedAes128CmSha1_80,
};

use super::gcm::{Gcm, NONCE_BYTES, TAG_BYTES};

/// Makes the ciphers of a session.
#[derive(Debug)]
pub struct Srtp;

impl SrtpProvider for Srtp {
    fn aes_128_cm_sha1_80(&self) -> &'static dyn SupportedAes128CmSha1_80 {
        &Srtp
    }

    fn aead_aes_128_gcm(&self) -> &'static dyn SupportedAeadAes128Gcm {
        &Srtp
    }

    fn aead_aes_256_gcm(&self) -> &'static dyn SupportedAeadAes256Gcm {
        &Srtp
    }

    fn srtp_aes_128_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        encrypt_block::<Aes128>(key, input, output);
    }

    fn srtp_aes_256_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        encrypt_block::<Aes256>(key, input, output);
    }
}

impl SupportedAes128CmSha1_80 for Srtp {
    fn create_cipher(&self, key: [u8; 16], _encrypt: bool) -> Box<dyn Aes128CmSha1_80Cipher> {
        Box::new(Keyed(Aes128::new(&key.into())))
    }
}

impl SupportedAeadAes128Gcm for Srtp {
    fn create_cipher(&self, key: [u8; 16], _encrypt: bool) -> Box<dyn AeadAes128GcmCipher> {
        Box::new(Keyed(Gcm::new(&key)))
    }
}

impl SupportedAeadAes256Gcm for Srtp {
    fn create_cipher(&self, key: [u8; 32], _encrypt: bool) -> Box<dyn AeadAes256GcmCipher> {
        Box::new(Keyed(Gcm::new(&key)))
    }
}

/// A cipher with its key, which stays out of debug output.
struct Keyed<C>(C);

impl<C> std::fmt::Debug for Keyed<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyed(..)")
    }
}

impl Aes128CmSha1_80Cipher for Keyed<Aes128> {
    fn encrypt(&mut self, iv: &[u8; 16], input: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
        let out = out.get_mut(..input.len()).ok_or_else(failed)?;
        let core = ctr::CtrCore::inner_iv_init(self.0.clone(), &(*iv).into());
        let mut cipher: Ctr128BE<Aes128> = StreamCipherCoreWrapper::from_core(core);
        cipher.apply_keystream_b2b(input, out);
        Ok(())
    }

    fn decrypt(&mut self, iv: &[u8; 16], input: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
        self.encrypt(iv, input, out)
    }
}

/// No key of the right length is refused, but the types don't say so.
impl AeadAes128GcmCipher for Keyed<Option<Gcm>> {
    fn encrypt(
        &mut self,
        iv: &[u8; 12],
        aad: &[u8],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), CryptoError> {
        seal(&self.0, *iv, aad, input, output)
    }

    fn decrypt(
        &mut self,
        iv: &[u8; 12],
        aads: &[&[u8]],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, CryptoError> {
        open(&self.0, *iv, aads, input, output)
    }
}

impl AeadAes256GcmCipher for Keyed<Option<Gcm>> {
    fn encrypt(
        &mut self,
        iv: &[u8; 12],
        aad: &[u8],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), CryptoError> {
        seal(&self.0, *iv, aad, input, output)
    }

    fn decrypt(
        &mut self,
        iv: &[u8; 12],
        aads: &[&[u8]],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, CryptoError> {
        open(&self.0, *iv, aads, input, output)
    }
}

fn seal(
    gcm: &Option<Gcm>,
    iv: [u8; NONCE_BYTES],
    aad: &[u8],
    plain: &[u8],
    output: &mut [u8],
) -> Result<(), CryptoError> {
    let sealed = output.get_mut(..plain.len() + TAG_BYTES).ok_or_else(failed)?;
    gcm.as_ref().and_then(|gcm| gcm.seal(iv, aad, plain, sealed)).ok_or_else(failed)
}

fn open(
    gcm: &Option<Gcm>,
    iv: [u8; NONCE_BYTES],
    aads: &[&[u8]],
    sealed: &[u8],
    output: &mut [u8],
) -> Result<usize, CryptoError> {
    let gcm = gcm.as_ref().ok_or_else(failed)?;
    let opened = match aads {
        [aad] => gcm.open(iv, aad, sealed, output),
        _ => gcm.open(iv, &aads.concat(), sealed, output),
    };
    opened.ok_or_else(failed)
}

/// One block; none where the lengths are wrong, which str0m's key derivation never has.
fn encrypt_block<C: BlockCipherEncrypt + KeyInit>(key: &[u8], input: &[u8], output: &mut [u8]) {
    let Ok(cipher) = C::new_from_slice(key) else { return };
    let Ok(mut block) = Block::<C>::try_from(input) else { return };
    cipher.encrypt_block(&mut block);
    if let Some(output) = output.get_mut(..block.len()) {
        output.copy_from_slice(&block);
    }
}

fn failed() -> CryptoError {
    CryptoError::Other("a packet could not be encrypted or is not authentic".to_owned())
}

impl Sha1Provider for Srtp {
    fn sha1(&self, data: &[u8]) -> [u8; 20] {
        Sha1::digest(data).into()
    }
}

impl Sha256Provider for Srtp {
    fn sha256(&self, data: &[u8]) -> [u8; 32] {
        Sha256::digest(data).into()
    }
}

impl Sha1HmacProvider for Srtp {
    fn sha1_hmac(&self, key: &[u8], payloads: &[&[u8]]) -> [u8; 20] {
        // HMAC takes keys of every length (RFC 2104 section 2).
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key) else { return [0; 20] };
        for payload in payloads {
            mac.update(payload);
        }
        mac.finalize().into_bytes().into()
    }
}
