//! What carries a session's media, as SETUP agrees on it (RFC 2326 12.39).

use crate::message::Request;
use crate::transport::TransportHeader;

/// The way of one track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    /// Channels of the connection, for RTP and RTCP.
    Tcp(u8, u8),
    /// The peer's UDP ports for RTP and RTCP.
    Udp(u16, u16),
}

impl Carrier {
    /// The first offer of a SETUP that can be taken, and how it is answered. `udp_ports` are ours,
    /// if there are any; `first_channel` is taken where the peer leaves the choice to us.
    pub(super) fn agree(
        request: &Request,
        udp_ports: Option<(u16, u16)>,
        first_channel: u8,
    ) -> Option<(Self, TransportHeader)> {
        let mut offers = request.headers.get_all("Transport").flat_map(TransportHeader::parse_all);
        offers.find_map(|offer| {
            if offer.multicast {
                return None;
            }
            if offer.tcp {
                let free = (first_channel, first_channel.saturating_add(1));
                let channels = offer.interleaved.filter(|(rtp, rtcp)| rtp != rtcp).unwrap_or(free);
                let interleaved = Some(channels);
                let agreed = TransportHeader { tcp: true, interleaved, ..Default::default() };
                return Some((Self::Tcp(channels.0, channels.1), agreed));
            }
            let (rtp, rtcp) = offer.client_port?;
            let server_port = Some(udp_ports?);
            let client_port = Some((rtp, rtcp));
            let agreed = TransportHeader { client_port, server_port, ..Default::default() };
            Some((Self::Udp(rtp, rtcp), agreed))
        })
    }

    /// Whether this is a way of interleaved data, and if so whether that of RTCP.
    pub(super) fn is_rtcp_channel(self, channel: u8) -> Option<bool> {
        match self {
            Self::Tcp(rtp, rtcp) if channel == rtp || channel == rtcp => Some(channel == rtcp),
            _ => None,
        }
    }

    /// The peer's ports that datagrams come this way from.
    pub(super) fn udp_ports(self) -> impl Iterator<Item = u16> {
        let ports = match self {
            Self::Udp(rtp, rtcp) => [Some(rtp), Some(rtcp)],
            Self::Tcp(..) => [None, None],
        };
        ports.into_iter().flatten()
    }

    /// Whether datagrams of this port come this way.
    pub(super) fn has_port(self, port: u16) -> bool {
        self.udp_ports().any(|own| own == port)
    }
}

/// Appends an interleaved frame (RFC 2326 10.12); false if it would be too long.
pub(super) fn push_interleaved(out: &mut Vec<u8>, channel: u8, data: &[u8]) -> bool {
    let Ok(length) = u16::try_from(data.len()) else { return false };
    out.extend([b'$', channel]);
    out.extend(length.to_be_bytes());
    out.extend(data);
    true
}
