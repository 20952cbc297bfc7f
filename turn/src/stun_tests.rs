//! The test vectors of RFC 5769, and what a message must not be.

use proptest::prelude::*;

use super::*;

/// Section 2.4: a request with long-term credentials.
const LONG_TERM_REQUEST: [u8; 116] = [
    0x00, 0x01, 0x00, 0x60, 0x21, 0x12, 0xa4, 0x42, 0x78, 0xad, 0x34, 0x33, 0xc6, 0xad, 0x72, 0xc0,
    0x29, 0xda, 0x41, 0x2e, 0x00, 0x06, 0x00, 0x12, 0xe3, 0x83, 0x9e, 0xe3, 0x83, 0x88, 0xe3, 0x83,
    0xaa, 0xe3, 0x83, 0x83, 0xe3, 0x82, 0xaf, 0xe3, 0x82, 0xb9, 0x00, 0x00, 0x00, 0x15, 0x00, 0x1c,
    0x66, 0x2f, 0x2f, 0x34, 0x39, 0x39, 0x6b, 0x39, 0x35, 0x34, 0x64, 0x36, 0x4f, 0x4c, 0x33, 0x34,
    0x6f, 0x4c, 0x39, 0x46, 0x53, 0x54, 0x76, 0x79, 0x36, 0x34, 0x73, 0x41, 0x00, 0x14, 0x00, 0x0b,
    0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x2e, 0x6f, 0x72, 0x67, 0x00, 0x00, 0x08, 0x00, 0x14,
    0xf6, 0x70, 0x24, 0x65, 0x6d, 0xd6, 0x4a, 0x3e, 0x02, 0xb8, 0xe0, 0x71, 0x2e, 0x85, 0xc9, 0xa2,
    0x8c, 0xa8, 0x96, 0x66,
];
/// Sections 2.2 and 2.3, without their fingerprints: those of messages that TURN does not have.
const MAPPED_V4: [u8; 12] =
    [0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
const MAPPED_V6: [u8; 24] = [
    0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79,
    0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9,
];
const VECTOR_TRANSACTION: TransactionId =
    [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

/// TURN knows no binding requests: the same bytes as one for an allocation can't be signed anew
/// but by us.
fn as_allocate(binding: &[u8]) -> Vec<u8> {
    let mut bytes = binding.to_vec();
    bytes[1] = 3;
    bytes
}

#[test]
fn the_long_term_vector_of_rfc_5769_has_its_integrity() {
    let key = Key::new("マトリックス", "example.org", "TheMatrIX");
    let signature = key.hmac([&LONG_TERM_REQUEST[..92], &[], &[]]).unwrap();
    assert_eq!(signature, LONG_TERM_REQUEST[96..]);
}

#[test]
fn what_is_signed_is_signed_as_in_the_vector() {
    let key = Key::new("マトリックス", "example.org", "TheMatrIX");
    let transaction = LONG_TERM_REQUEST[8..20].try_into().unwrap();
    let ours = Builder::new(Class::Request, Method::Allocate, transaction)
        .attribute(kind::USERNAME, "マトリックス".as_bytes())
        .attribute(kind::NONCE, b"f//499k954d6OL34oL9FSTvy64sA")
        .attribute(kind::REALM, b"example.org")
        .sign(&key);
    assert_eq!(ours[..96], as_allocate(&LONG_TERM_REQUEST)[..96]);
    let message = Message::parse(&ours).unwrap();
    assert_eq!(message.is_signed_by(&key), Some(true));
    assert_eq!(message.is_signed_by(&Key::new("a", "b", "c")), Some(false));
    assert_eq!(message.text(kind::REALM, 20), Some("example.org"));
    for at in (0..ours.len()).filter(|at| !(4..20).contains(at)) {
        let mut changed = ours.clone();
        changed[at] ^= 1;
        let is_signed = Message::parse(&changed).and_then(|one| one.is_signed_by(&key));
        assert_ne!(is_signed, Some(true), "byte {at} changed");
    }
}

#[test]
fn the_masked_addresses_of_rfc_5769_are_read_and_written() {
    for (vector, address) in [
        (&MAPPED_V4[..], "192.0.2.1:32853"),
        (&MAPPED_V6[..], "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
    ] {
        let address: SocketAddr = address.parse().unwrap();
        let new = || Builder::new(Class::Success, Method::Allocate, VECTOR_TRANSACTION);
        let ours = new().address(0x20, address).finish();
        assert_eq!(&ours[HEADER_BYTES..], vector);
        assert_eq!(Message::parse(&ours).unwrap().address(0x20), Some(address));
    }
}

#[test]
fn an_alternate_server_is_not_masked() {
    let value = [0, 1, 0x0d, 0x96, 192, 0, 2, 7];
    let message = Builder::new(Class::Error, Method::Allocate, [3; 12])
        .attribute(kind::ERROR_CODE, &[0, 0, 3, 0])
        .attribute(kind::ALTERNATE_SERVER, &value)
        .finish();
    let message = Message::parse(&message).unwrap();
    assert_eq!(message.error_code(), Some(300));
    assert_eq!(message.address(kind::ALTERNATE_SERVER), "192.0.2.7:3478".parse().ok());
}

#[test]
fn attributes_behind_the_integrity_are_nobodys() {
    let key = Key::new("u", "r", "p");
    let mut bytes = Builder::new(Class::Success, Method::Allocate, [1; 12]).sign(&key);
    bytes.extend([0, 0x0d, 0, 4, 0, 0, 0, 9]);
    let length = u16::try_from(bytes.len() - HEADER_BYTES).unwrap().to_be_bytes();
    bytes[2..4].copy_from_slice(&length);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.is_signed_by(&key), Some(true));
    assert_eq!(message.number(kind::LIFETIME), None);
}

proptest! {
    #[test]
    fn no_bytes_can_do_harm(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let key = Key::new("u", "r", "p");
        if let Some(head) = bytes.get_mut(4..8) {
            head.copy_from_slice(&COOKIE);
        }
        let length = u16::try_from(bytes.len().saturating_sub(HEADER_BYTES)).unwrap();
        if let Some(head) = bytes.get_mut(..4) {
            head.copy_from_slice(&[1, 3, length.to_be_bytes()[0], length.to_be_bytes()[1]]);
        }
        if let Some(message) = Message::parse(&bytes) {
            let _ = message.is_signed_by(&key);
            let _ = message.error_code();
            for kind in [kind::ALTERNATE_SERVER, kind::XOR_PEER_ADDRESS] {
                let _ = message.address(kind);
            }
        }
    }
}
