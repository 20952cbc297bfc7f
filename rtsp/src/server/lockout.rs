//! Addresses that guess passwords, and how long they have to wait.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

use super::limits::{
    LOCKOUT_ADDRESSES, LOCKOUT_FREE, LOCKOUT_MAX, LOCKOUT_MEMORY, LOCKOUT_MIN, MAX_WRONG_ANSWERS,
};

/// What is known of all addresses.
#[derive(Debug, Default)]
pub struct Lockout {
    addresses: BTreeMap<IpAddr, Failures>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    fn until(self) -> Instant {
        match self.count.checked_sub(LOCKOUT_FREE + 1) {
            None => self.last,
            Some(doublings) => {
                let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
                self.last + LOCKOUT_MIN.saturating_mul(factor).min(LOCKOUT_MAX)
            }
        }
    }
}

// A connection's own bound must not be what an address notices first.
const _: () = assert!(MAX_WRONG_ANSWERS <= LOCKOUT_FREE);

impl Lockout {
    /// Whether a connection from this address is to be refused now.
    #[must_use]
    pub fn is_locked(&self, now: Instant, address: IpAddr) -> bool {
        self.addresses.get(&network(address)).is_some_and(|failures| now < failures.until())
    }

    /// A wrong password came from this address.
    pub fn handle_wrong(&mut self, now: Instant, address: IpAddr) {
        let is_remembered = |failures: &Failures| now < failures.last + LOCKOUT_MEMORY;
        self.addresses.retain(|_, failures| is_remembered(failures));
        if self.addresses.len() >= LOCKOUT_ADDRESSES {
            let oldest = self.addresses.iter().min_by_key(|(_, failures)| failures.last);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                self.addresses.remove(&oldest);
            }
        }
        let failures =
            self.addresses.entry(network(address)).or_insert(Failures { count: 0, last: now });
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
    }

    /// The right password came from this address.
    pub fn handle_right(&mut self, address: IpAddr) {
        self.addresses.remove(&network(address));
    }
}

/// Who has one IPv6 address has all of its /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn locked_for(lockout: &Lockout, now: Instant, address: IpAddr) -> u64 {
        (0..).find(|ms| !lockout.is_locked(now + Duration::from_millis(*ms), address)).unwrap()
    }

    #[test]
    fn each_further_guess_costs_twice_the_time() {
        let now = Instant::now();
        let mut lockout = Lockout::default();
        let waits: Vec<u64> = (0..12)
            .map(|_| {
                lockout.handle_wrong(now, A);
                locked_for(&lockout, now, A) / 1000
            })
            .collect();
        assert_eq!(waits, [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert!(!lockout.is_locked(now, "192.0.2.2".parse().unwrap()));
        lockout.handle_right(A);
        assert!(!lockout.is_locked(now, A));
    }

    #[test]
    fn time_forgives() {
        let now = Instant::now();
        let mut lockout = Lockout::default();
        for _ in 0..20 {
            lockout.handle_wrong(now, A);
        }
        let later = now + LOCKOUT_MEMORY;
        lockout.handle_wrong(later, A);
        assert!(!lockout.is_locked(later, A));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_mapped_ipv4_is_ipv4() {
        let now = Instant::now();
        let mut lockout = Lockout::default();
        for n in 0..4 {
            lockout.handle_wrong(now, format!("2001:db8::{n}").parse().unwrap());
            lockout.handle_wrong(now, "::ffff:192.0.2.1".parse().unwrap());
        }
        assert!(lockout.is_locked(now, "2001:db8::ffff".parse().unwrap()));
        assert!(!lockout.is_locked(now, "2001:db8:0:1::1".parse().unwrap()));
        assert!(lockout.is_locked(now, A));
        assert!(!lockout.is_locked(now, "192.0.2.2".parse().unwrap()));
    }

    #[test]
    fn no_more_addresses_are_remembered_than_the_limit() {
        let now = Instant::now();
        let mut lockout = Lockout::default();
        for n in 0..LOCKOUT_ADDRESSES + 10 {
            let ip = IpAddr::V4(u32::try_from(n).unwrap().into());
            lockout.handle_wrong(now + Duration::from_millis(n as u64), ip);
        }
        assert_eq!(lockout.addresses.len(), LOCKOUT_ADDRESSES);
    }
}
