//! Which client of the RTSP server a datagram is of: all of them share one pair of UDP sockets.
//!
//! May not contain: sockets, clocks. What a client may have here is what its session has agreed
//! on, so there are no more entries than sessions have ports.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Addresses that datagrams of clients come from, with the client's key.
#[derive(Debug, Default)]
pub(super) struct RtspPorts {
    /// Without the zone that an IPv6 address may have, which only datagrams tell.
    clients: BTreeMap<(IpAddr, u16), usize>,
}

impl RtspPorts {
    /// The client at an address.
    pub fn find(&self, from: SocketAddr) -> Option<usize> {
        self.clients.get(&(from.ip(), from.port())).copied()
    }

    /// A client's session has agreed on other ports than before. Who comes last to an address has
    /// it: whoever had it before was left behind by a client that lost its power.
    pub fn replace(&mut self, key: usize, ip: IpAddr, before: &[u16], after: &[u16]) {
        for port in before {
            if self.clients.get(&(ip, *port)) == Some(&key) {
                self.clients.remove(&(ip, *port));
            }
        }
        self.clients.extend(after.iter().map(|port| ((ip, *port), key)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn ports(of: &[(usize, &[u16])]) -> RtspPorts {
        let mut ports = RtspPorts::default();
        for (key, after) in of {
            ports.replace(*key, IP, &[], after);
        }
        ports
    }

    #[test]
    fn a_datagram_is_of_the_client_whose_address_and_port_it_has() {
        let ports = ports(&[(7, &[5000, 5001]), (8, &[6000, 6001])]);
        assert_eq!(ports.find(SocketAddr::new(IP, 5001)), Some(7));
        assert_eq!(ports.find(SocketAddr::new(IP, 6000)), Some(8));
        assert_eq!(ports.find(SocketAddr::new(IP, 5002)), None);
        let elsewhere = "127.0.0.2:5001".parse().expect("an address");
        assert_eq!(ports.find(elsewhere), None);
    }

    #[test]
    fn a_client_that_leaves_or_moves_leaves_nothing_behind() {
        let mut ports = ports(&[(7, &[5000, 5001])]);
        ports.replace(7, IP, &[5000, 5001], &[5001, 5002]);
        assert_eq!(ports.find(SocketAddr::new(IP, 5000)), None);
        assert_eq!(ports.find(SocketAddr::new(IP, 5001)), Some(7));
        ports.replace(7, IP, &[5001, 5002], &[]);
        assert!(ports.clients.is_empty());
    }

    #[test]
    fn whoever_comes_last_keeps_an_address_when_the_one_before_leaves() {
        let mut ports = ports(&[(7, &[5000]), (8, &[5000])]);
        ports.replace(7, IP, &[5000], &[]);
        assert_eq!(ports.find(SocketAddr::new(IP, 5000)), Some(8));
    }
}
