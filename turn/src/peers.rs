//! Whom an allocation lets through: permissions, which are for addresses, and channels, which
//! are for peers and save 32 bytes a datagram (RFC 8656 sections 9 and 12).
//!
//! Both are renewed while they are used, and left to end otherwise: an allocation that is there
//! for days would keep the addresses of all who ever watched.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::frames::CHANNELS;
use super::limits::{
    CHANNEL_AFTER, CHANNEL_LIFETIME, CHANNEL_REST, HELD_MAX, HELD_MAX_BYTES, IDLE, PEERS_MAX,
    PERMISSION_LIFETIME, REFUSED_FOR, RENEW_BEFORE,
};

/// What the server is to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To let through what comes from this address.
    Permission(IpAddr),
    /// To call this peer by a number.
    Channel(SocketAddr, u16),
}

/// How a datagram goes to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As channel data of this number.
    Channel(u16),
    /// As an indication.
    Indication,
    /// Not yet, or not at all.
    None,
}

/// A datagram that waits.
pub type Held = (SocketAddr, Vec<u8>);

/// Permissions and channels of one allocation.
#[derive(Debug, Default)]
pub struct Peers {
    permissions: BTreeMap<IpAddr, Permission>,
    channels: BTreeMap<SocketAddr, Channel>,
    numbers: BTreeMap<u16, SocketAddr>,
    next_number: u16,
    wishes: Vec<Wish>,
}

#[derive(Debug)]
struct Permission {
    state: State,
    used_at: Instant,
    held: Vec<Held>,
}

#[derive(Debug)]
struct Channel {
    number: u16,
    state: State,
    used_at: Instant,
    datagrams: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was asked for yet.
    Unasked,
    Asked,
    Granted {
        until: Instant,
    },
    /// It is asked for again while it is in use.
    Renewed {
        until: Instant,
    },
    Refused {
        until: Instant,
    },
}

impl State {
    fn is_granted(self, now: Instant) -> bool {
        matches!(self, Self::Granted { until } | Self::Renewed { until } if until > now)
    }

    /// Whether it has to be asked for to be had.
    fn is_over(self, now: Instant) -> bool {
        match self {
            Self::Unasked => true,
            Self::Asked => false,
            Self::Granted { until } | Self::Renewed { until } | Self::Refused { until } => {
                until <= now
            }
        }
    }

    /// Whether it is time to ask again for what is still granted.
    fn is_due(self, now: Instant) -> bool {
        matches!(self, Self::Granted { until } if until <= now + RENEW_BEFORE)
    }

    fn renew(&mut self) {
        if let Self::Granted { until } = *self {
            *self = Self::Renewed { until };
        }
    }
}

impl Peers {
    /// The next wish.
    pub fn poll_wish(&mut self) -> Option<Wish> {
        self.wishes.pop()
    }

    /// Lets an address through, though nothing was sent there.
    pub fn permit(&mut self, now: Instant, ip: IpAddr) {
        self.permission(now, ip);
    }

    /// How this datagram gets to the peer. It is kept, if it is one of the first, where the
    /// address must be permitted before.
    pub fn way(&mut self, now: Instant, peer: SocketAddr, datagram: &[u8]) -> Way {
        if let Some(number) = self.channel(now, peer) {
            // A channel lasts longer than the permission that it came with.
            self.heard(now, peer);
            return Way::Channel(number);
        }
        let Some(permission) = self.permission(now, peer.ip()) else { return Way::None };
        if permission.state.is_granted(now) {
            return Way::Indication;
        }
        let is_kept = permission.state == State::Asked
            && permission.held.len() < HELD_MAX
            && datagram.len() <= HELD_MAX_BYTES;
        if is_kept {
            permission.held.push((peer, datagram.to_vec()));
        }
        Way::None
    }

    /// The address' permission, asked for if need be. None where there are too many.
    fn permission(&mut self, now: Instant, ip: IpAddr) -> Option<&mut Permission> {
        if self.permissions.len() >= PEERS_MAX && !self.permissions.contains_key(&ip) {
            return None;
        }
        let new = || Permission { state: State::Unasked, used_at: now, held: Vec::new() };
        let permission = self.permissions.entry(ip).or_insert_with(new);
        permission.used_at = now;
        if permission.state.is_over(now) {
            permission.state = State::Asked;
            self.wishes.push(Wish::Permission(ip));
        }
        Some(permission)
    }

    /// The peer's number, if it has one. One is asked for when enough was sent there.
    fn channel(&mut self, now: Instant, peer: SocketAddr) -> Option<u16> {
        if !self.channels.contains_key(&peer) {
            let number = self.free_number()?;
            let (state, used_at, datagrams) = (State::Unasked, now, 0);
            self.channels.insert(peer, Channel { number, state, used_at, datagrams });
            self.numbers.insert(number, peer);
        }
        let channel = self.channels.get_mut(&peer)?;
        channel.used_at = now;
        channel.datagrams = channel.datagrams.saturating_add(1);
        if channel.state.is_granted(now) {
            return Some(channel.number);
        }
        let is_permitted =
            self.permissions.get(&peer.ip()).is_some_and(|one| one.state.is_granted(now));
        if is_permitted && channel.datagrams > CHANNEL_AFTER && channel.state.is_over(now) {
            channel.state = State::Asked;
            self.wishes.push(Wish::Channel(peer, channel.number));
        }
        None
    }

    fn free_number(&mut self) -> Option<u16> {
        if self.channels.len() >= PEERS_MAX {
            return None;
        }
        let count = CHANNELS.end() - CHANNELS.start() + 1;
        let first = self.next_number;
        let all = (0..count).map(|step| CHANNELS.start() + (first + step) % count);
        let number = all.into_iter().find(|number| !self.numbers.contains_key(number))?;
        self.next_number = (number - CHANNELS.start() + 1) % count;
        Some(number)
    }

    /// Whose number this is.
    pub fn peer_of(&mut self, now: Instant, number: u16) -> Option<SocketAddr> {
        let peer = *self.numbers.get(&number)?;
        self.heard(now, peer);
        Some(peer)
    }

    /// A datagram of this peer's has come, or goes there.
    pub fn heard(&mut self, now: Instant, peer: SocketAddr) {
        if let Some(permission) = self.permissions.get_mut(&peer.ip()) {
            permission.used_at = now;
        }
        if let Some(channel) = self.channels.get_mut(&peer) {
            channel.used_at = now;
        }
    }

    /// The server grants it. What waited for that can go now.
    pub fn handle_granted(&mut self, now: Instant, wish: Wish) -> Vec<Held> {
        match wish {
            Wish::Permission(ip) => {
                let Some(permission) = self.permissions.get_mut(&ip) else { return Vec::new() };
                permission.state = State::Granted { until: now + PERMISSION_LIFETIME };
                std::mem::take(&mut permission.held)
            }
            Wish::Channel(peer, _) => {
                if let Some(channel) = self.channels.get_mut(&peer) {
                    channel.state = State::Granted { until: now + CHANNEL_LIFETIME };
                }
                Vec::new()
            }
        }
    }

    /// The server does not grant it, or does not answer.
    pub fn handle_refused(&mut self, now: Instant, wish: Wish) {
        let refused = State::Refused { until: now + REFUSED_FOR };
        match wish {
            Wish::Permission(ip) => {
                if let Some(permission) = self.permissions.get_mut(&ip) {
                    permission.state = refused;
                    permission.held.clear();
                }
            }
            Wish::Channel(peer, _) => {
                if let Some(channel) = self.channels.get_mut(&peer) {
                    channel.state = refused;
                }
            }
        }
    }

    /// Renews what is in use, forgets what is not.
    pub fn sweep(&mut self, now: Instant) {
        let is_used = |used_at: Instant| now < used_at + IDLE;
        for (ip, permission) in &mut self.permissions {
            if is_used(permission.used_at) && permission.state.is_due(now) {
                permission.state.renew();
                self.wishes.push(Wish::Permission(*ip));
            }
        }
        for (peer, channel) in &mut self.channels {
            if is_used(channel.used_at) && channel.state.is_due(now) {
                channel.state.renew();
                self.wishes.push(Wish::Channel(*peer, channel.number));
            }
        }
        self.permissions
            .retain(|_, permission| is_used(permission.used_at) || !permission.state.is_over(now));
        let numbers = &mut self.numbers;
        self.channels.retain(|_, channel| {
            let rests_until = match channel.state {
                State::Granted { until } | State::Renewed { until } => until + CHANNEL_REST,
                // Whether the server has bound it is not known where it has not answered.
                State::Asked | State::Refused { .. } => {
                    channel.used_at + CHANNEL_LIFETIME + CHANNEL_REST
                }
                State::Unasked => now,
            };
            let is_kept = is_used(channel.used_at) || rests_until > now;
            if !is_kept {
                numbers.remove(&channel.number);
            }
            is_kept
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Addresses with a permission, and peers with a number, asked for or granted.
    fn counts(peers: &Peers) -> (usize, usize) {
        (peers.permissions.len(), peers.channels.len())
    }

    fn peer(port: u16) -> SocketAddr {
        ([192, 0, 2, 1], port).into()
    }

    fn wishes(peers: &mut Peers) -> Vec<Wish> {
        std::iter::from_fn(|| peers.poll_wish()).collect()
    }

    /// Grants whatever is wished.
    fn grant_all(peers: &mut Peers, now: Instant) -> Vec<Held> {
        let wishes = wishes(peers);
        wishes.into_iter().flat_map(|wish| peers.handle_granted(now, wish)).collect()
    }

    #[test]
    fn the_first_datagrams_wait_for_the_permission() {
        let now = Instant::now();
        let mut peers = Peers::default();
        for count in 0..=u8::try_from(HELD_MAX).unwrap() {
            assert_eq!(peers.way(now, peer(1), &[count]), Way::None);
        }
        assert_eq!(peers.way(now, peer(2), &[9; HELD_MAX_BYTES + 1]), Way::None);
        assert_eq!(wishes(&mut peers), [Wish::Permission(peer(1).ip())]);
        let held = peers.handle_granted(now, Wish::Permission(peer(1).ip()));
        assert_eq!(held.len(), HELD_MAX);
        assert_eq!(held[0], (peer(1), vec![0]));
        assert_eq!(peers.way(now, peer(3), &[]), Way::Indication);
    }

    #[test]
    fn a_refused_address_is_asked_for_again_only_after_a_while() {
        let now = Instant::now();
        let mut peers = Peers::default();
        assert_eq!(peers.way(now, peer(1), &[]), Way::None);
        wishes(&mut peers);
        peers.handle_refused(now, Wish::Permission(peer(1).ip()));
        assert_eq!(peers.way(now, peer(1), &[]), Way::None);
        assert_eq!(wishes(&mut peers), []);
        assert_eq!(peers.way(now + REFUSED_FOR, peer(1), &[]), Way::None);
        assert_eq!(wishes(&mut peers).len(), 1);
    }

    #[test]
    fn who_is_sent_much_gets_a_channel() {
        let now = Instant::now();
        let mut peers = Peers::default();
        peers.way(now, peer(1), &[]);
        grant_all(&mut peers, now);
        let mut indications = 0;
        let number = loop {
            match peers.way(now, peer(1), &[]) {
                Way::Indication => indications += 1,
                Way::Channel(number) => break number,
                Way::None => panic!("permitted"),
            }
            grant_all(&mut peers, now);
        };
        assert_eq!((number, indications), (*CHANNELS.start(), CHANNEL_AFTER));
        assert_eq!(peers.peer_of(now, number), Some(peer(1)));
        assert_eq!(peers.peer_of(now, number + 9), None);
    }

    #[test]
    fn what_is_used_is_renewed_before_it_ends_and_the_rest_is_forgotten() {
        let mut now = Instant::now();
        let mut peers = Peers::default();
        for ip in [1, 2] {
            for _ in 0..=CHANNEL_AFTER + 1 {
                peers.way(now, ([192, 0, 2, ip], 1).into(), &[]);
                grant_all(&mut peers, now);
            }
        }
        assert_eq!(counts(&peers), (2, 2));
        let mut renewed = Vec::new();
        for _ in 0..200 {
            now += Duration::from_secs(10);
            let way = peers.way(now, peer(1), &[]);
            assert!(matches!(way, Way::Channel(_)), "{way:?}");
            peers.sweep(now);
            for wish in wishes(&mut peers) {
                peers.handle_granted(now, wish);
                renewed.push(wish);
            }
        }
        let count = |wish| renewed.iter().filter(|one| **one == wish).count();
        // 2000 s: every 240 s a permission, every 540 s a channel.
        assert_eq!(count(Wish::Permission(peer(1).ip())), 8);
        assert_eq!(count(Wish::Channel(peer(1), 0x4000)), 3);
        assert_eq!(renewed.len(), 11);
        assert_eq!(counts(&peers), (1, 1));
    }

    #[test]
    fn a_number_rests_before_it_is_anothers() {
        let now = Instant::now();
        let mut peers = Peers::default();
        for _ in 0..=CHANNEL_AFTER + 1 {
            peers.way(now, peer(1), &[]);
            grant_all(&mut peers, now);
        }
        let end = now + CHANNEL_LIFETIME + CHANNEL_REST;
        peers.sweep(end - Duration::from_secs(1));
        assert_eq!(counts(&peers), (0, 1));
        peers.sweep(end);
        assert_eq!(counts(&peers), (0, 0));
        assert!(peers.numbers.is_empty());
    }

    #[test]
    fn there_is_an_end_to_both() {
        let now = Instant::now();
        let mut peers = Peers::default();
        for number in 0..u16::try_from(PEERS_MAX + 10).unwrap() {
            let [high, low] = number.to_be_bytes();
            peers.way(now, ([10, 0, high, low], 1).into(), &[]);
        }
        assert_eq!(counts(&peers), (PEERS_MAX, PEERS_MAX));
        assert_eq!(peers.numbers.len(), PEERS_MAX);
    }
}
