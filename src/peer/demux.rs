//! Finds the peer of a datagram on the one UDP socket, without asking every peer.
//!
//! An address that was heard before names its peer. A new one must first send a STUN binding
//! request whose user name starts with our fragment (RFC 8445 section 7.2.2); it is believed
//! only after the peer has checked the message's integrity.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use str0m::ice::StunMessage;

use crate::limits;

/// Where datagrams go. `K` names a peer.
#[derive(Debug)]
pub struct Demux<K> {
    by_address: BTreeMap<SocketAddr, K>,
    by_ufrag: BTreeMap<String, K>,
}

impl<K> Default for Demux<K> {
    fn default() -> Self {
        Self { by_address: BTreeMap::new(), by_ufrag: BTreeMap::new() }
    }
}

/// Who a datagram may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<K> {
    /// This peer: it has proven this address.
    Known(K),
    /// This peer says the user name; it must prove it, then call [`Demux::learn`].
    Claimed(K),
    /// Nobody.
    Unknown,
}

impl<K: Copy + PartialEq> Demux<K> {
    /// A peer came.
    pub fn insert(&mut self, ufrag: &str, key: K) {
        self.by_ufrag.insert(ufrag.to_owned(), key);
    }

    /// A peer has another fragment (ICE restart).
    pub fn rename(&mut self, before: &str, ufrag: &str, key: K) {
        self.by_ufrag.remove(before);
        self.insert(ufrag, key);
    }

    /// A peer left.
    pub fn remove(&mut self, key: K) {
        self.by_ufrag.retain(|_, peer| *peer != key);
        self.by_address.retain(|_, peer| *peer != key);
    }

    /// Who this datagram is for.
    #[must_use]
    pub fn route(&self, from: SocketAddr, data: &[u8]) -> Route<K> {
        let claimed = || {
            let message = StunMessage::parse(data).ok()?;
            let (local, _) = message.split_username()?;
            self.by_ufrag.get(local).copied()
        };
        // A browser can come back for a second peer from the address of its first.
        match (self.by_address.get(&from), super::is_stun(data).then(claimed).flatten()) {
            (Some(known), Some(key)) if *known != key => Route::Claimed(key),
            (Some(known), _) => Route::Known(*known),
            (None, Some(key)) => Route::Claimed(key),
            (None, None) => Route::Unknown,
        }
    }

    /// This peer has asked something there, and will be answered: an answer names nobody. If the
    /// address has proven to be another's, it stays that one's.
    pub fn expect(&mut self, from: SocketAddr, key: K) {
        if !self.by_address.contains_key(&from) {
            self.learn(from, key);
        }
    }

    /// The address is this peer's.
    pub fn learn(&mut self, from: SocketAddr, key: K) {
        if self.by_address.len() >= limits::PEER_ADDRESSES_MAX {
            self.by_address.clear(); // they are learned anew within a STUN interval
        }
        self.by_address.insert(from, key);
    }
}
