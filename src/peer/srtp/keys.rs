//! What a session's keys are derived from, and how (RFC 3711 section 4.3, RFC 7714 section 11).

use str0m::crypto::SrtpProvider;
use str0m::crypto::dtls::SrtpProfile;

use crate::peer::crypto::Keying;

/// Bytes of a block of AES.
const BLOCK: usize = 16;

/// What is derived for packets of one kind (RFC 3711 section 4.3.2).
#[derive(Debug, Clone, Copy)]
pub struct Labels {
    pub key: u8,
    pub authentication_key: u8,
    pub salt: u8,
}

pub const RTP: Labels = Labels { key: 0, authentication_key: 1, salt: 2 };
pub const RTCP: Labels = Labels { key: 3, authentication_key: 4, salt: 5 };

/// The master key and salt of one direction.
pub struct Master<'a> {
    crypto: &'static dyn SrtpProvider,
    key: &'a [u8],
    salt: &'a [u8],
}

impl<'a> Master<'a> {
    /// Ours, or the other side's (RFC 5764 section 4.2); none where the material is too short.
    pub fn of(
        crypto: &'static dyn SrtpProvider,
        keying: &'a Keying,
        is_ours: bool,
    ) -> Option<Self> {
        let (key_bytes, salt_bytes) = match keying.profile {
            SrtpProfile::AES128_CM_SHA1_80 => (16, 14),
            SrtpProfile::AEAD_AES_128_GCM => (16, 12),
            SrtpProfile::AEAD_AES_256_GCM => (32, 12),
            _ => return None,
        };
        let (keys, salts) = keying.material.split_at_checked(2 * key_bytes)?;
        let second = usize::from(keying.is_client != is_ours);
        let key = keys.chunks_exact(key_bytes).nth(second)?;
        let salt = salts.chunks_exact(salt_bytes).nth(second)?;
        Some(Self { crypto, key, salt })
    }

    /// As many bytes as are asked for.
    pub fn derive<const N: usize>(&self, label: u8) -> [u8; N] {
        let mut derived = [0; N];
        for (counter, bytes) in (0_u16..).zip(derived.chunks_mut(BLOCK)) {
            let mut input = [0; BLOCK];
            let [high, low] = counter.to_be_bytes();
            input.iter_mut().zip(self.salt).for_each(|(byte, salt)| *byte = *salt);
            let [.., labelled, _, _, _, _, _, _, first, second] = &mut input;
            *labelled ^= label;
            (*first, *second) = (high, low);
            let mut block = [0; BLOCK];
            match self.key.len() {
                16 => self.crypto.srtp_aes_128_ecb_round(self.key, &input, &mut block),
                _ => self.crypto.srtp_aes_256_ecb_round(self.key, &input, &mut block),
            }
            bytes.iter_mut().zip(block).for_each(|(byte, derived)| *byte = derived);
        }
        derived
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::crypto::provider;

    #[test]
    fn keys_are_those_of_rfc_3711_appendix_b_3() {
        let key = 0xE1F9_7A0D_3E01_8BE0_D64F_A32C_06DE_4139_u128.to_be_bytes();
        let salt = [14, 198, 117, 173, 73, 138, 254, 235, 182, 150, 11, 58, 171, 230];
        let material = [&[0; 16][..], &key, &[0; 14], &salt].concat();
        let profile = SrtpProfile::AES128_CM_SHA1_80;
        let keying = Keying { material, profile, is_client: false };
        let master = Master::of(provider().srtp_provider, &keying, true).unwrap();
        let key = 0xC61E_7A93_744F_39EE_1073_4AFE_3FF7_A087_u128;
        assert_eq!(u128::from_be_bytes(master.derive(RTP.key)), key);
        let salt: [u8; 14] = master.derive(RTP.salt);
        assert_eq!(salt[..4], [0x30, 0xcb, 0xbc, 0x08]);
        let authentication_key: [u8; 20] = master.derive(RTP.authentication_key);
        assert_eq!(authentication_key[..4], [0xce, 0xbe, 0x32, 0x1f]);
        assert_eq!(authentication_key[16..], [0x6d, 0x38, 0xba, 0xa4]);
    }
}
