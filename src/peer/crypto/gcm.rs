//! AES in Galois counter mode (RFC 5116 section 5.1), by the processor's own instructions where
//! it has any.

use std::fmt;

use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

pub const NONCE_BYTES: usize = 12;
pub const TAG_BYTES: usize = 16;

/// A cipher with its key, which stays out of debug output. Whoever calls sees to it that no
/// nonce comes twice.
pub struct Gcm(LessSafeKey);

impl fmt::Debug for Gcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gcm(..)")
    }
}

impl Gcm {
    /// None unless the key has 16 or 32 bytes.
    pub fn new(key: &[u8]) -> Option<Self> {
        let algorithm =
            if key.len() == AES_128_GCM.key_len() { &AES_128_GCM } else { &AES_256_GCM };
        Some(Self(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?)))
    }

    /// Encrypts; the tag. None if there is more than AES-GCM can take.
    pub fn seal_in_place(
        &self,
        nonce: [u8; NONCE_BYTES],
        associated: &[u8],
        text: &mut [u8],
    ) -> Option<[u8; TAG_BYTES]> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(associated), text).ok()?;
        tag.as_ref().try_into().ok()
    }

    /// Decrypts what ends with its tag. None if it is not what was sent.
    pub fn open_in_place<'a>(
        &self,
        nonce: [u8; NONCE_BYTES],
        associated: &[u8],
        sealed: &'a mut [u8],
    ) -> Option<&'a mut [u8]> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.open_in_place(nonce, Aad::from(associated), sealed).ok()
    }

    /// Encrypts into what is longer by the tag; none if it is not.
    pub fn seal(
        &self,
        nonce: [u8; NONCE_BYTES],
        associated: &[u8],
        plain: &[u8],
        sealed: &mut [u8],
    ) -> Option<()> {
        let (text, tag) = sealed.split_at_mut_checked(plain.len())?;
        let tag: &mut [u8; TAG_BYTES] = tag.try_into().ok()?;
        text.copy_from_slice(plain);
        *tag = self.seal_in_place(nonce, associated, text)?;
        Some(())
    }

    /// Decrypts what ends with its tag; how many bytes, none if it is not what was sent.
    pub fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        associated: &[u8],
        sealed: &[u8],
        plain: &mut [u8],
    ) -> Option<usize> {
        let (text, tag) = sealed.split_last_chunk::<TAG_BYTES>()?;
        let plain = plain.get_mut(..text.len())?;
        plain.copy_from_slice(text);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self.0.open_in_place_separate_tag(
            nonce,
            Aad::from(associated),
            (*tag).into(),
            plain,
            0..,
        );
        opened.ok().map(|text| text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7714 section 16.1.1.
    const KEY: [u8; 16] = 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f_u128.to_be_bytes();
    const NONCE: [u8; 12] =
        [0x51, 0x75, 0x3c, 0x65, 0x80, 0xc2, 0x72, 0x6f, 0x20, 0x71, 0x84, 0x14];
    const HEADER: [u8; 12] = [0x80, 0x40, 0xf1, 0x7b, 0x80, 0x41, 0xf8, 0xd3, 0x55, 1, 0xa0, 0xb2];
    const TEXT: &[u8] = b"Gallia est omnis divisa in partes tres";

    #[test]
    fn a_packet_is_sealed_as_in_rfc_7714() {
        let gcm = Gcm::new(&KEY).unwrap();
        let mut sealed = [0; 54];
        gcm.seal(NONCE, &HEADER, TEXT, &mut sealed).unwrap();
        assert_eq!(sealed[..4], [0xf2, 0x4d, 0xe3, 0xa3]);
        assert_eq!(sealed[50..], [0xe4, 0x39, 0x0c, 0xce]);
    }

    #[test]
    fn what_was_sealed_opens_and_nothing_else_does() {
        for key in [&[3; 16][..], &[3; 32]] {
            let gcm = Gcm::new(key).unwrap();
            let (mut sealed, mut plain) = ([0; 54], [0; 38]);
            gcm.seal(NONCE, &HEADER, TEXT, &mut sealed).unwrap();
            assert_eq!(gcm.open(NONCE, &HEADER, &sealed, &mut plain), Some(38));
            assert_eq!(plain, TEXT);
            assert_eq!(gcm.open_in_place(NONCE, &HEADER, &mut sealed.clone()).unwrap(), TEXT);
            for at in 0..sealed.len() {
                let mut changed = sealed;
                changed[at] ^= 1;
                assert_eq!(gcm.open(NONCE, &HEADER, &changed, &mut plain), None);
                assert!(gcm.open_in_place(NONCE, &HEADER, &mut changed).is_none());
                assert_eq!(gcm.open(NONCE, &HEADER, &sealed[..at], &mut plain), None);
            }
        }
    }

    #[test]
    fn lengths_that_can_not_be_are_refused() {
        assert!(Gcm::new(&[0; 24]).is_none());
        let gcm = Gcm::new(&KEY).unwrap();
        for bytes in [0, 38, 53, 55] {
            assert_eq!(gcm.seal(NONCE, &HEADER, TEXT, &mut vec![0; bytes]), None);
        }
    }
}
