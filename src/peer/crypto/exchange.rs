//! DTLS's key exchange (RFC 8422) on two curves. Every browser has both; P-384, the third that
//! the DTLS library knows, would be a hundred kilobytes of the program.

use dimpl::crypto::{ActiveKeyExchange, Buf, NamedGroup, SupportedKxGroup};
use dimpl::{CryptoError, CryptoOperation};
use ring::agreement::{
    Algorithm, ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral,
};
use ring::rand::SystemRandom;

/// What is offered, the preferred one first: RFC 7748 section 6.1, and secp256r1.
pub static GROUPS: &[&dyn SupportedKxGroup] = &[
    &Curve { name: NamedGroup::X25519, algorithm: &X25519 },
    &Curve { name: NamedGroup::Secp256r1, algorithm: &ECDH_P256 },
];

#[derive(Debug)]
struct Curve {
    name: NamedGroup,
    algorithm: &'static Algorithm,
}

impl SupportedKxGroup for Curve {
    fn name(&self) -> NamedGroup {
        self.name
    }

    fn start_exchange(&self, mut public: Buf) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        let refused = |_| CryptoError::OperationFailed(CryptoOperation::GenerateEphemeralKey);
        let private = EphemeralPrivateKey::generate(self.algorithm, &SystemRandom::new());
        let private = private.map_err(refused)?;
        public.clear();
        public.extend_from_slice(private.compute_public_key().map_err(refused)?.as_ref());
        Ok(Box::new(Exchange { group: self.name, private, public }))
    }
}

/// A key pair of one handshake.
#[derive(Debug)]
struct Exchange {
    group: NamedGroup,
    private: EphemeralPrivateKey,
    public: Buf,
}

impl ActiveKeyExchange for Exchange {
    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn complete(self: Box<Self>, theirs: &[u8], shared: &mut Buf) -> Result<(), CryptoError> {
        // A point that is not on the curve is refused, and one that would decide the result
        // alone: RFC 7748 section 6.1.
        let theirs = UnparsedPublicKey::new(self.private.algorithm(), theirs);
        shared.clear();
        agree_ephemeral(self.private, &theirs, |agreed| shared.extend_from_slice(agreed))
            .map_err(|_| CryptoError::InvalidPublicKey(self.group))
    }

    fn group(&self) -> NamedGroup {
        self.group
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
        for (group, point) in GROUPS.iter().zip([&[0; 32][..], &[0]]) {
            let ours = group.start_exchange(Buf::new()).unwrap();
            let refused = ours.complete(point, &mut Buf::new());
            assert_eq!(refused, Err(CryptoError::InvalidPublicKey(group.name())));
        }
    }
}
