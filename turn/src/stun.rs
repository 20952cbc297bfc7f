//! STUN messages as TURN has them: RFC 8489 section 5, with the attributes of RFC 8656
//! section 18. Read without copying, written in one go.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;

/// Bytes before the attributes.
pub const HEADER_BYTES: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// An integrity attribute, its header included.
const INTEGRITY_BYTES: usize = 24;

/// What names a request and its response.
pub type TransactionId = [u8; 12];

/// Attribute types (RFC 8489 section 18.3, RFC 8656 section 18).
pub mod kind {
    pub const USERNAME: u16 = 0x0006;
    pub const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub const ERROR_CODE: u16 = 0x0009;
    pub const CHANNEL_NUMBER: u16 = 0x000c;
    pub const LIFETIME: u16 = 0x000d;
    pub const XOR_PEER_ADDRESS: u16 = 0x0012;
    pub const DATA: u16 = 0x0013;
    pub const REALM: u16 = 0x0014;
    pub const NONCE: u16 = 0x0015;
    pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    pub const REQUESTED_TRANSPORT: u16 = 0x0019;
    /// Written as it is; the others' addresses are masked.
    pub const ALTERNATE_SERVER: u16 = 0x8023;
}

/// The two bits of a message's class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// What is asked for, or told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Allocate,
    Refresh,
    Send,
    Data,
    CreatePermission,
    ChannelBind,
}

const METHODS: [(Method, u16); 6] = [
    (Method::Allocate, 3),
    (Method::Refresh, 4),
    (Method::Send, 6),
    (Method::Data, 7),
    (Method::CreatePermission, 8),
    (Method::ChannelBind, 9),
];
const CLASSES: [(Class, u16); 4] = [
    (Class::Request, 0),
    (Class::Indication, 0x010),
    (Class::Success, 0x100),
    (Class::Error, 0x110),
];
const CLASS_BITS: u16 = 0x110;

/// The key of long-term credentials (RFC 8489 section 9.2.2, with MD5, which every server takes).
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 16]);

impl Key {
    pub fn new(username: &str, realm: &str, credential: &str) -> Self {
        Self(Md5::digest(format!("{username}:{realm}:{credential}")).into())
    }

    fn hmac(&self, parts: [&[u8]; 3]) -> Option<[u8; 20]> {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.0).ok()?;
        parts.into_iter().for_each(|part| mac.update(part));
        Some(mac.finalize().into_bytes().into())
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

/// A message that was received.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    pub class: Class,
    pub method: Method,
    pub transaction: TransactionId,
    bytes: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads one whole message; None if it is none, or none of TURN.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (head, attributes) = bytes.split_at_checked(HEADER_BYTES)?;
        let kind = number(head, 0)?;
        let length = usize::from(number(head, 2)?);
        let is_sound = length == attributes.len()
            && length.is_multiple_of(4)
            && head.get(4..8)? == COOKIE.as_slice();
        let class = CLASSES.iter().find(|(_, bits)| *bits == kind & CLASS_BITS)?.0;
        let method = METHODS.iter().find(|(_, bits)| *bits == kind & !CLASS_BITS)?.0;
        let transaction = head.get(8..)?.try_into().ok()?;
        is_sound.then_some(Self { class, method, transaction, bytes })
    }

    /// The attributes with where each of them begins, up to the one that protects those before.
    fn attributes(self) -> impl Iterator<Item = (usize, u16, &'a [u8])> {
        let mut at = HEADER_BYTES;
        let mut is_over = false;
        std::iter::from_fn(move || {
            let begin = at;
            let kind = number(self.bytes, begin).filter(|_| !is_over)?;
            let length = usize::from(number(self.bytes, begin + 2)?);
            let value = self.bytes.get(begin + 4..begin + 4 + length)?;
            at = begin + 4 + length.next_multiple_of(4);
            is_over = kind == kind::MESSAGE_INTEGRITY;
            Some((begin, kind, value))
        })
    }

    /// The first attribute of a kind.
    pub fn attribute(self, kind: u16) -> Option<&'a [u8]> {
        self.attributes().find(|(_, found, _)| *found == kind).map(|(_, _, value)| value)
    }

    /// An attribute that is text of at most this many bytes.
    pub fn text(self, kind: u16, max_bytes: usize) -> Option<&'a str> {
        let value = self.attribute(kind).filter(|value| value.len() <= max_bytes)?;
        std::str::from_utf8(value).ok()
    }

    /// An attribute that is a number of 32 bits.
    pub fn number(self, kind: u16) -> Option<u32> {
        Some(u32::from_be_bytes(self.attribute(kind)?.try_into().ok()?))
    }

    /// An attribute that is an address, masked (RFC 8489 section 14.2) unless it is an alternate
    /// server's.
    pub fn address(self, kind: u16) -> Option<SocketAddr> {
        let value = self.attribute(kind)?;
        let mut mask = [0; 16];
        if kind != kind::ALTERNATE_SERVER {
            mask = mask_of(self.transaction);
        }
        let [_, family, port @ ..] = value.first_chunk::<4>()?;
        let [high, low, ..] = mask;
        let port = u16::from_be_bytes(*port) ^ u16::from_be_bytes([high, low]);
        let masked = value.get(4..)?;
        let mut octets = [0; 16];
        for ((octet, byte), mask) in octets.iter_mut().zip(masked).zip(mask) {
            *octet = byte ^ mask;
        }
        let ip: IpAddr = match (family, masked.len()) {
            (1, 4) => Ipv4Addr::from(*octets.first_chunk::<4>()?).into(),
            (2, 16) => Ipv6Addr::from(octets).into(),
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }

    /// The code of an error response, 300 to 699 (RFC 8489 section 14.8).
    pub fn error_code(self) -> Option<u16> {
        let [_, _, class, rest] = self.attribute(kind::ERROR_CODE)?.first_chunk::<4>()?;
        Some(u16::from(class & 7) * 100 + u16::from(*rest))
    }

    /// Whether the message's integrity is this key's; None where it has none.
    pub fn is_signed_by(self, key: &Key) -> Option<bool> {
        let mut attributes = self.attributes();
        let (at, _, signature) =
            attributes.find(|(_, kind, _)| *kind == kind::MESSAGE_INTEGRITY)?;
        let length = length_field(at + INTEGRITY_BYTES);
        let head = self.bytes.get(..2)?;
        let expected = key.hmac([head, &length, self.bytes.get(4..at)?])?;
        // Whoever could measure the comparison can't ask twice with one transaction.
        Some(expected == *signature)
    }
}

/// What becomes a message.
#[derive(Debug)]
pub struct Builder {
    bytes: Vec<u8>,
    transaction: TransactionId,
}

impl Builder {
    pub fn new(class: Class, method: Method, transaction: TransactionId) -> Self {
        let bits = |found: Option<u16>| found.unwrap_or_default();
        let class = bits(CLASSES.iter().find(|(one, _)| *one == class).map(|(_, bits)| *bits));
        let method = bits(METHODS.iter().find(|(one, _)| *one == method).map(|(_, bits)| *bits));
        let mut bytes = Vec::with_capacity(128);
        bytes.extend((class | method).to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(COOKIE);
        bytes.extend(transaction);
        Self { bytes, transaction }
    }

    /// Adds an attribute of at most 65535 bytes.
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.bytes.extend(kind.to_be_bytes());
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend(value.iter().take(usize::from(length)));
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    /// Adds a number.
    pub fn number(self, kind: u16, value: u32) -> Self {
        self.attribute(kind, &value.to_be_bytes())
    }

    /// Adds a masked address.
    pub fn address(self, kind: u16, address: SocketAddr) -> Self {
        let mask = mask_of(self.transaction);
        let [high, low, ..] = mask;
        let port = address.port() ^ u16::from_be_bytes([high, low]);
        let (family, octets) = match address.ip() {
            IpAddr::V4(ip) => (1, ip.octets().to_vec()),
            IpAddr::V6(ip) => (2, ip.octets().to_vec()),
        };
        let mut value = vec![0, family];
        value.extend(port.to_be_bytes());
        value.extend(octets.iter().zip(mask).map(|(octet, mask)| octet ^ mask));
        self.attribute(kind, &value)
    }

    /// The message, its integrity protected by the key.
    pub fn sign(mut self, key: &Key) -> Vec<u8> {
        self.set_length(INTEGRITY_BYTES);
        let signature = key.hmac([&self.bytes, &[], &[]]).unwrap_or_default();
        self.attribute(kind::MESSAGE_INTEGRITY, &signature).finish()
    }

    /// The message.
    pub fn finish(mut self) -> Vec<u8> {
        self.set_length(0);
        self.bytes
    }

    fn set_length(&mut self, more: usize) {
        let length = length_field(self.bytes.len() + more);
        if let Some(field) = self.bytes.get_mut(2..4) {
            field.copy_from_slice(&length);
        }
    }
}

/// The length field of a message of this many bytes.
fn length_field(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes.saturating_sub(HEADER_BYTES)).unwrap_or(u16::MAX).to_be_bytes()
}

/// The cookie and the transaction, which addresses are masked with: some routers rewrite
/// addresses wherever they see them.
fn mask_of(transaction: TransactionId) -> [u8; 16] {
    let mut mask = [0; 16];
    for (byte, value) in mask.iter_mut().zip(COOKIE.into_iter().chain(transaction)) {
        *byte = value;
    }
    mask
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk::<2>()?))
}

#[cfg(test)]
#[path = "stun_tests.rs"]
mod tests;
