//! DTLS's key exchange (RFC 8422) on two curves. Every browser has both; P-384, the third that
//! the DTLS library knows, would be a hundred kilobytes of the program.

use std::fmt;

use dimpl::CryptoError;
use dimpl::crypto::{ActiveKeyExchange, Buf, NamedGroup, SupportedKxGroup};
use p256::ecdh;
use p256::elliptic_curve::Generate;

/// What is offered, the preferred one first.
pub static GROUPS: &[&dyn SupportedKxGroup] = &[&X25519, &P256];

/// RFC 7748 section 6.1.
#[derive(Debug)]
struct X25519;

/// secp256r1.
#[derive(Debug)]
struct P256;

impl SupportedKxGroup for X25519 {
    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }

    fn start_exchange(&self, mut public: Buf) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        let secret = x25519_dalek::EphemeralSecret::random();
        public.clear();
        public.extend_from_slice(x25519_dalek::PublicKey::from(&secret).as_bytes());
        Ok(Box::new(Exchange { secret: Secret::X25519(secret), public }))
    }
}

impl SupportedKxGroup for P256 {
    fn name(&self) -> NamedGroup {
        NamedGroup::Secp256r1
    }

    fn start_exchange(&self, mut public: Buf) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        let secret = ecdh::EphemeralSecret::generate();
        public.clear();
        public.extend_from_slice(&p256::PublicKey::from(&secret).to_sec1_bytes());
        Ok(Box::new(Exchange { secret: Secret::P256(secret), public }))
    }
}

/// A key pair of one handshake.
struct Exchange {
    secret: Secret,
    public: Buf,
}

enum Secret {
    X25519(x25519_dalek::EphemeralSecret),
    P256(ecdh::EphemeralSecret),
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange(..)")
    }
}

impl ActiveKeyExchange for Exchange {
    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn complete(self: Box<Self>, theirs: &[u8], shared: &mut Buf) -> Result<(), CryptoError> {
        let refused = CryptoError::InvalidPublicKey(self.group());
        shared.clear();
        match self.secret {
            Secret::X25519(secret) => {
                let Ok(theirs) = <[u8; 32]>::try_from(theirs) else { return Err(refused) };
                let agreed = secret.diffie_hellman(&theirs.into());
                // One of a small order would decide the result alone: RFC 7748 section 6.1.
                if !agreed.was_contributory() {
                    return Err(refused);
                }
                shared.extend_from_slice(agreed.as_bytes());
            }
            Secret::P256(secret) => {
                let theirs = p256::PublicKey::from_sec1_bytes(theirs).map_err(|_| refused)?;
                shared.extend_from_slice(secret.diffie_hellman(&theirs).raw_secret_bytes());
            }
        }
        Ok(())
    }

    fn group(&self) -> NamedGroup {
        match self.secret {
            Secret::X25519(_) => NamedGroup::X25519,
            Secret::P256(_) => NamedGroup::Secp256r1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sides_agree_on_every_curve() {
        for group in GROUPS {
            let [ours, theirs] = [(), ()].map(|()| group.start_exchange(Buf::new()).unwrap());
            let [our_key, their_key] = [&ours, &theirs].map(|side| side.pub_key().to_vec());
            let [mut one, mut other] = [Buf::new(), Buf::new()];
            ours.complete(&their_key, &mut one).unwrap();
            theirs.complete(&our_key, &mut other).unwrap();
            assert_eq!(one.len(), 32);
            assert_eq!(one[..], other[..], "{:?}", group.name());
        }
    }

    #[test]
    fn a_point_that_decides_alone_is_refused() {
        for (group, point) in [(&X25519 as &dyn SupportedKxGroup, &[0; 32][..]), (&P256, &[0])] {
            let ours = group.start_exchange(Buf::new()).unwrap();
            let refused = ours.complete(point, &mut Buf::new());
            assert_eq!(refused, Err(CryptoError::InvalidPublicKey(group.name())));
        }
    }
}
