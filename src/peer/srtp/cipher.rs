//! The three profiles of SRTP that browsers have: AES-CM with HMAC-SHA1 (RFC 3711), and AES-GCM
//! with keys of two lengths (RFC 7714). RTP and RTCP differ in labels and order alone.

use std::fmt;

use str0m::config::CryptoProvider;
use str0m::crypto::dtls::SrtpProfile;
use str0m::crypto::{Aes128CmSha1_80Cipher, Sha1HmacProvider};

use super::keys::{Labels, Master};
use crate::peer::crypto::gcm::{self, Gcm};

/// Of the 20 bytes of HMAC-SHA1.
const HMAC_TAG_BYTES: usize = 10;

/// Packets of one kind in one direction.
pub enum Cipher {
    Gcm { cipher: Box<Gcm>, salt: [u8; gcm::NONCE_BYTES] },
    Cm { cipher: Box<dyn Aes128CmSha1_80Cipher>, salt: [u8; 14], authentication: Authentication },
}

/// HMAC-SHA1 (RFC 3711 section 4.2.1).
pub struct Authentication {
    hmac: &'static dyn Sha1HmacProvider,
    key: [u8; 20],
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher(..)")
    }
}

/// Which packet: its source, and its number without an end (RFC 3711 sections 3.3.1 and 3.4).
pub type Place = (u32, u64);

/// What is not encrypted, and vouched for.
#[derive(Debug, Clone, Copy)]
pub struct Legible<'a> {
    /// By AES-GCM.
    pub associated: &'a [u8],
    /// By HMAC-SHA1: what stands before, and what is taken to stand behind.
    pub around: (&'a [u8], &'a [u8]),
}

impl Cipher {
    /// None for a profile that is not known.
    pub fn new(
        crypto: &CryptoProvider,
        profile: SrtpProfile,
        master: &Master<'_>,
        labels: Labels,
        encrypts: bool,
    ) -> Option<Self> {
        let srtp = crypto.srtp_provider;
        let gcm = |key: &[u8]| {
            let cipher = Box::new(Gcm::new(key)?);
            Some(Self::Gcm { cipher, salt: master.derive(labels.salt) })
        };
        match profile {
            SrtpProfile::AEAD_AES_128_GCM => gcm(&master.derive::<16>(labels.key)),
            SrtpProfile::AEAD_AES_256_GCM => gcm(&master.derive::<32>(labels.key)),
            SrtpProfile::AES128_CM_SHA1_80 => {
                let key = master.derive(labels.key);
                let cipher = srtp.aes_128_cm_sha1_80().create_cipher(key, encrypts);
                let key = master.derive(labels.authentication_key);
                let authentication = Authentication { hmac: crypto.sha1_hmac_provider, key };
                Some(Self::Cm { cipher, salt: master.derive(labels.salt), authentication })
            }
            _ => None,
        }
    }

    /// What a packet is longer by, the index of RTCP apart.
    pub fn tag_bytes(&self) -> usize {
        match self {
            Self::Gcm { .. } => gcm::TAG_BYTES,
            Self::Cm { .. } => HMAC_TAG_BYTES,
        }
    }

    /// Whether the tag stands behind the index of RTCP (RFC 3711 section 3.4) or in front of it
    /// (RFC 7714 section 9.2).
    pub fn has_tag_behind_index(&self) -> bool {
        matches!(self, Self::Cm { .. })
    }

    /// Encrypts into a body that is longer by the tag. False if it can't be done.
    pub fn seal(
        &mut self,
        place: Place,
        legible: Legible<'_>,
        plain: &[u8],
        body: &mut [u8],
    ) -> bool {
        if body.len() != plain.len() + self.tag_bytes() {
            return false;
        }
        match self {
            Self::Gcm { cipher, salt } => {
                cipher.seal(nonce(*salt, place), legible.associated, plain, body).is_some()
            }
            Self::Cm { cipher, salt, authentication } => {
                let (text, tag) = body.split_at_mut(plain.len());
                let is_encrypted = cipher.encrypt(&iv(*salt, place), plain, text).is_ok();
                tag.copy_from_slice(&authentication.tag(legible, text));
                is_encrypted
            }
        }
    }

    /// Decrypts a body that ends with its tag; none if it is not what was sent.
    pub fn open(&mut self, place: Place, legible: Legible<'_>, body: &[u8]) -> Option<Vec<u8>> {
        let (text, tag) = body.split_at_checked(body.len().checked_sub(self.tag_bytes())?)?;
        let mut plain = vec![0; text.len()];
        let is_sound = match self {
            Self::Gcm { cipher, salt } => {
                cipher.open(nonce(*salt, place), legible.associated, body, &mut plain).is_some()
            }
            Self::Cm { cipher, salt, authentication } => {
                is_same(&authentication.tag(legible, text), tag)
                    && cipher.decrypt(&iv(*salt, place), text, &mut plain).is_ok()
            }
        };
        is_sound.then_some(plain)
    }
}

/// RFC 7714 sections 8.1 and 9.1.
fn nonce(salt: [u8; 12], (ssrc, index): Place) -> [u8; 12] {
    let mut nonce = salt;
    let number = (u128::from(ssrc) << 48 | u128::from(index)).to_be_bytes();
    nonce.iter_mut().zip(number.iter().skip(4)).for_each(|(byte, own)| *byte ^= own);
    nonce
}

/// RFC 3711 section 4.1.1.
fn iv(salt: [u8; 14], (ssrc, index): Place) -> [u8; 16] {
    let mut iv = (u128::from(ssrc) << 64 | u128::from(index) << 16).to_be_bytes();
    iv.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
    iv
}

/// Takes the same time wherever they differ.
fn is_same(own: &[u8; HMAC_TAG_BYTES], tag: &[u8]) -> bool {
    let difference = own.iter().zip(tag).fold(0, |sum, (own, theirs)| sum | (own ^ theirs));
    tag.len() == own.len() && difference == 0
}

impl Authentication {
    fn tag(&self, legible: Legible<'_>, text: &[u8]) -> [u8; HMAC_TAG_BYTES] {
        let (before, behind) = legible.around;
        let whole = self.hmac.sha1_hmac(&self.key, &[before, text, behind]);
        let mut tag = [0; HMAC_TAG_BYTES];
        tag.iter_mut().zip(whole).for_each(|(byte, own)| *byte = own);
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nonce_is_that_of_rfc_7714_section_16_1_1() {
        let number = nonce(*b"Quid pro quo", (0x5501_a0b2, 0xf17b));
        assert_eq!(
            number,
            [0x51, 0x75, 0x3c, 0x65, 0x80, 0xc2, 0x72, 0x6f, 0x20, 0x71, 0x84, 0x14]
        );
    }

    #[test]
    fn the_counter_block_begins_as_in_rfc_3711_section_4_1_1() {
        let block = iv([0xff; 14], (0x0102_0304, 0x0506_0708_090a));
        let whole = u128::from_be_bytes(block) ^ (u128::MAX << 16);
        assert_eq!(whole, 0x0102_0304_0506_0708_090a_0000);
    }
}
