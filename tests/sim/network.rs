//! A network that loses, delays, repeats and reorders.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::prng::Prng;

/// Time that a datagram takes on the wire: no burst arrives in one instant.
const SERIALIZATION: Duration = Duration::from_micros(50);

#[derive(Debug, Clone, Copy)]
pub struct Weather {
    pub delay: Duration,
    /// Added by chance to one datagram in ten, so that others overtake it.
    pub jitter: Duration,
    pub loss_per_mille: u64,
    pub repeat_per_mille: u64,
}

#[derive(Debug)]
pub struct Datagram {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub data: Vec<u8>,
}

/// One direction between the server and one viewer.
#[derive(Debug)]
pub struct Link {
    pub weather: Weather,
    pub is_down: bool,
    /// Nothing is overtaken. So it begins: media that overtakes the end of the DTLS handshake
    /// is lost, and so is, with str0m, what is overtaken by a stream's later packets before
    /// any of it came.
    pub is_in_order: bool,
    /// When the last datagram was through.
    free_at: Duration,
    prng: Prng,
}

impl Link {
    pub fn new(weather: Weather, prng: Prng) -> Self {
        Self { weather, is_down: false, is_in_order: true, free_at: Duration::ZERO, prng }
    }
}

#[derive(Debug, Default)]
pub struct Network {
    /// By the time of arrival, and the order of sending.
    under_way: BTreeMap<(Duration, u64), Datagram>,
    sent: u64,
    pub lost: u64,
}

impl Network {
    pub fn send(&mut self, now: Duration, link: &mut Link, datagram: Datagram) {
        let Weather { delay, jitter, loss_per_mille, repeat_per_mille } = link.weather;
        // Drawn for every datagram alike, so that one decision does not shift the next.
        let (is_lost, is_repeated) =
            (link.prng.chance(loss_per_mille), link.prng.chance(repeat_per_mille));
        let is_held_up = link.prng.chance(100) && !link.is_in_order;
        let held_up = link.prng.ms(0, u64::try_from(jitter.as_millis()).unwrap());
        link.free_at = link.free_at.max(now) + SERIALIZATION;
        let arrival = link.free_at + delay + if is_held_up { held_up } else { Duration::ZERO };
        // DTLS sends again after a time of its own choice, which no seed reaches: a world in
        // which a handshake was lost would not be the same twice.
        let is_handshake = datagram.data.first().is_some_and(|byte| (20..64).contains(byte));
        if (is_lost && !is_handshake) || link.is_down {
            self.lost += 1;
            return;
        }
        self.sent += 1;
        if is_repeated {
            let Datagram { from, to, data } = &datagram;
            let copy = Datagram { from: *from, to: *to, data: data.clone() };
            self.under_way.insert((arrival + delay, self.sent), copy);
            self.sent += 1;
        }
        self.under_way.insert((arrival, self.sent), datagram);
    }

    pub fn poll_timeout(&self) -> Option<Duration> {
        self.under_way.keys().next().map(|(arrival, _)| *arrival)
    }

    pub fn receive(&mut self, now: Duration) -> Option<Datagram> {
        let first = self.under_way.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}
