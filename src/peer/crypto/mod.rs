//! The cryptography of DTLS (RFC 6347), SRTP (RFC 3711, RFC 7714) and STUN: what browsers ask
//! for and no more. ring does what every packet passes and what has to do with curves; what it
//! does not have, AES in counter mode and HMAC-SHA1 for SRTP's oldest profile, the Rust crates do.

mod certificate;
mod der;
mod dtls;
mod exchange;
pub mod gcm;
mod keying;
mod signature;
mod srtp;
mod suite;

use str0m::config::CryptoProvider;

use self::keying::Overheard;
pub use self::keying::{Keying, Keys, overhear};

/// What str0m uses; its DTLS is overheard.
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        srtp_provider: &srtp::Srtp,
        sha1_hmac_provider: &srtp::Srtp,
        sha1_provider: &srtp::Srtp,
        sha256_provider: &srtp::Srtp,
        dtls_provider: &Overheard(&dtls::Dtls),
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::time::Instant;

    use super::*;

    const PACKET: [u8; 1200] = [7; 1200];
    const HEADER: [u8; 12] = [0x80; 12];

    #[test]
    fn a_sealed_packet_opens_and_a_changed_one_does_not() {
        let srtp = provider().srtp_provider;
        let mut sealed = [0; 1216];
        let mut opened = [0; 1200];
        let mut sender = srtp.aead_aes_128_gcm().create_cipher([3; 16], true);
        let mut receiver = srtp.aead_aes_128_gcm().create_cipher([3; 16], false);
        sender.encrypt(&[1; 12], &HEADER, &PACKET, &mut sealed).unwrap();
        let (start, end) = HEADER.split_at(5);
        receiver.decrypt(&[1; 12], &[start, end], &sealed, &mut opened).unwrap();
        assert_eq!(opened, PACKET);
        sealed[600] ^= 1;
        assert!(receiver.decrypt(&[1; 12], &[&HEADER], &sealed, &mut opened).is_err());
    }

    #[test]
    fn hashes_and_ciphers_are_those_of_their_standards() {
        let crypto = provider();
        // RFC 2202 section 3, test case 2.
        let mac =
            crypto.sha1_hmac_provider.sha1_hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(mac[..4], [0xef, 0xfc, 0xdf, 0x6a]);
        // FIPS 197 appendix C.1.
        let key = 0x0001_0203_0405_0607_0809_0A0B_0C0D_0E0F_u128.to_be_bytes();
        let block = 0x0011_2233_4455_6677_8899_AABB_CCDD_EEFF_u128.to_be_bytes();
        let mut out = [0; 16];
        crypto.srtp_provider.srtp_aes_128_ecb_round(&key, &block, &mut out);
        assert_eq!(out[..4], [0x69, 0xc4, 0xe0, 0xd8]);
        // RFC 3711 appendix B.2: the first of the key stream.
        let key = 0x2B7E_1516_28AE_D2A6_ABF7_1588_09CF_4F3C_u128.to_be_bytes();
        let iv = 0xF0F1_F2F3_F4F5_F6F7_F8F9_FAFB_FCFD_0000_u128.to_be_bytes();
        let mut cipher = crypto.srtp_provider.aes_128_cm_sha1_80().create_cipher(key, true);
        cipher.encrypt(&iv, &[0; 16], &mut out).unwrap();
        assert_eq!(out[..4], [0xe0, 0x3e, 0xad, 0x09]);
    }

    /// `cargo test --release -- --ignored --nocapture what_a_packet_costs`
    #[test]
    #[ignore = "a measurement"]
    fn what_a_packet_costs() {
        let crypto = provider();
        let srtp = crypto.srtp_provider;
        let mut out = [0; 1216];
        let mut gcm_128 = srtp.aead_aes_128_gcm().create_cipher([3; 16], true);
        let mut gcm_256 = srtp.aead_aes_256_gcm().create_cipher([3; 32], true);
        let mut cm = srtp.aes_128_cm_sha1_80().create_cipher([3; 16], true);
        measure("AEAD_AES_128_GCM", || {
            gcm_128.encrypt(&[1; 12], &HEADER, &PACKET, &mut out).unwrap()
        });
        measure("AEAD_AES_256_GCM", || {
            gcm_256.encrypt(&[1; 12], &HEADER, &PACKET, &mut out).unwrap()
        });
        measure("AES_CM_128_HMAC_SHA1_80", || {
            cm.encrypt(&[1; 16], &PACKET, &mut out).unwrap();
            black_box(crypto.sha1_hmac_provider.sha1_hmac(&[5; 20], &[&HEADER, &PACKET]));
        });
    }

    fn measure(name: &str, mut encrypt: impl FnMut()) {
        const PACKETS: u32 = 2000;
        let cost = (0..7).map(|_| {
            let start = Instant::now();
            (0..PACKETS).for_each(|_| encrypt());
            start.elapsed() / PACKETS
        });
        println!("{name}: {:?} for 1200 bytes", cost.min().unwrap());
    }
}
