//! The `Transport` and `Session` headers (RFC 2326 12.39, 12.37).
//!
//! Reading is lenient: parameters come in any order, some are empty, hold spaces or nonsense.
//! What can not be read is as if it had not been said.

use std::net::IpAddr;
use std::time::Duration;

use crate::limits::MAX_SESSION_ID_BYTES;

/// One transport specification of a `Transport` header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransportHeader {
    /// Media goes into the RTSP connection: `RTP/AVP/TCP`, or `interleaved` given without it.
    pub tcp: bool,
    /// `multicast` is given.
    pub multicast: bool,
    /// Channels for RTP and RTCP.
    pub interleaved: Option<(u8, u8)>,
    /// UDP ports of the client.
    pub client_port: Option<(u16, u16)>,
    /// UDP ports of the server.
    pub server_port: Option<(u16, u16)>,
    /// UDP ports of a multicast group.
    pub port: Option<(u16, u16)>,
    /// Where media is sent to: the multicast group.
    pub destination: Option<IpAddr>,
    /// Where media is sent from.
    pub source: Option<IpAddr>,
    /// How many routers a multicast packet may pass.
    pub ttl: Option<u8>,
    /// Synchronisation source; a hint at best.
    pub ssrc: Option<u32>,
}

impl TransportHeader {
    /// Reads the first specification of a header value.
    #[must_use]
    pub fn parse(value: &str) -> Self {
        Self::parse_all(value).next().unwrap_or_default()
    }

    /// Reads all specifications of a header value, in order of preference.
    pub fn parse_all(value: &str) -> impl Iterator<Item = Self> {
        value.split(',').map(Self::parse_one)
    }

    fn parse_one(value: &str) -> Self {
        let mut parts = value.split(';').map(str::trim);
        let protocol = parts.next().unwrap_or("").to_ascii_uppercase();
        let mut header = Self { tcp: protocol.ends_with("/TCP"), ..Self::default() };
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "multicast" => header.multicast = true,
                "interleaved" => header.interleaved = pair(value),
                "client_port" => header.client_port = pair(value).filter(sent_to),
                "server_port" => header.server_port = pair(value).filter(sent_to),
                "port" => header.port = pair(value).filter(sent_to),
                "destination" => header.destination = value.trim().parse().ok(),
                "source" => header.source = value.trim().parse().ok(),
                "ttl" => header.ttl = value.trim().parse().ok(),
                "ssrc" => header.ssrc = u32::from_str_radix(value.trim(), 16).ok(),
                _ => {}
            }
        }
        header.tcp |= header.interleaved.is_some();
        header
    }

    /// The multicast group that the server sends to: its address, and the ports for RTP and RTCP.
    #[must_use]
    pub fn group(&self) -> Option<(IpAddr, (u16, u16))> {
        let address = self.destination.filter(IpAddr::is_multicast)?;
        // Some servers name the ports as they do for unicast.
        let ports = self.port.or(self.server_port).or(self.client_port)?;
        Some((address, ports))
    }

    /// The value to send: what a client or a server of unicast has to say.
    #[must_use]
    pub fn to_value(&self) -> String {
        let mut value = String::from(if self.tcp { "RTP/AVP/TCP" } else { "RTP/AVP" });
        value.push_str(if self.multicast { ";multicast" } else { ";unicast" });
        if let Some((rtp, rtcp)) = self.interleaved {
            value.push_str(&format!(";interleaved={rtp}-{rtcp}"));
        }
        for (name, ports) in [("client_port", self.client_port), ("server_port", self.server_port)]
        {
            if let Some((rtp, rtcp)) = ports {
                value.push_str(&format!(";{name}={rtp}-{rtcp}"));
            }
        }
        if let Some(ssrc) = self.ssrc {
            value.push_str(&format!(";ssrc={ssrc:08X}"));
        }
        value
    }
}

fn sent_to(ports: &(u16, u16)) -> bool {
    ports.0 != 0 && ports.1 != 0
}

/// `a-b`, or `a` alone, which stands for `a` and the next.
fn pair<T>(value: &str) -> Option<(T, T)>
where
    T: std::str::FromStr + Copy + TryFrom<u32>,
    u32: From<T>,
{
    let (first, second) = value.split_once('-').unwrap_or((value, ""));
    let first: T = first.trim().parse().ok()?;
    let next = || T::try_from(u32::from(first) + 1).ok();
    let second = second.trim().parse().ok().or_else(next)?;
    Some((first, second))
}

/// A `Session` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionHeader {
    /// The identifier, as sent.
    pub id: String,
    /// Time after which the server ends a silent session. 60 s unless it says otherwise.
    pub timeout: Duration,
}

/// Timeout of a server that names none (RFC 2326 12.37).
pub const DEFAULT_SESSION_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest timeout believed: beyond a day it makes no difference, and timers could overflow.
const MAX_SESSION_TIMEOUT_S: u64 = 24 * 60 * 60;

impl SessionHeader {
    /// Reads a header value; none without an identifier, or if that exceeds
    /// [`MAX_SESSION_ID_BYTES`].
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let id = parts.next().filter(|id| !id.is_empty() && id.len() <= MAX_SESSION_ID_BYTES)?;
        let seconds = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            let seconds: u64 = value.trim().parse().ok().filter(|seconds| *seconds > 0)?;
            name.trim().eq_ignore_ascii_case("timeout").then_some(seconds)
        });
        let timeout = seconds.map_or(DEFAULT_SESSION_TIMEOUT, |seconds| {
            Duration::from_secs(seconds.min(MAX_SESSION_TIMEOUT_S))
        });
        Some(Self { id: id.to_owned(), timeout })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(value: &str) -> TransportHeader {
        TransportHeader::parse(value)
    }

    #[test]
    fn channels_are_read_in_every_form() {
        let channels = |value| parse(value).interleaved;
        assert_eq!(channels("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=1"), Some((0, 1)));
        assert_eq!(channels("RTP/AVP/TCP;unicast;interleaved=10"), Some((10, 11)));
        assert_eq!(channels("RTP/AVP/TCP;ssrc=1; Interleaved = 3 - 4 "), Some((3, 4)));
        assert_eq!(channels("RTP/AVP/TCP;interleaved=255"), None);
        assert_eq!(channels("RTP/AVP/TCP;interleaved=255-"), None);
        assert_eq!(channels("RTP/AVP/TCP;interleaved="), None);
        assert_eq!(channels("RTP/AVP/TCP;interleaved=300-301"), None);
    }

    #[test]
    fn interleaved_without_tcp_is_tcp_all_the_same() {
        assert!(parse("RTP/AVP;unicast;interleaved=0-1").tcp);
        assert!(parse("rtp/avp/tcp").tcp);
        assert!(!parse("RTP/AVP;unicast;client_port=1-2").tcp);
        assert!(!parse("").tcp);
    }

    #[test]
    fn ports_that_lead_nowhere_are_as_if_not_said() {
        let ports = |value| parse(value).server_port;
        assert_eq!(ports("RTP/AVP;server_port=5000-5001;source="), Some((5000, 5001)));
        assert_eq!(ports("RTP/AVP;server_port=5000"), Some((5000, 5001)));
        assert_eq!(ports("RTP/AVP;source=x;server_port=0-0"), None);
        assert_eq!(ports("RTP/AVP;server_port=65535"), None);
        assert_eq!(ports("RTP/AVP;server_port=99999-1"), None);
        assert_eq!(ports("RTP/AVP;client_port=5000-5001"), None);
    }

    #[test]
    fn a_multicast_group_is_read() {
        let header = parse(
            "RTP/AVP;multicast;destination=239.1.2.3; source=192.0.2.7 ;port=5000-5001;ttl=3",
        );
        assert!(header.multicast && !header.tcp);
        assert_eq!(header.destination, Some(IpAddr::from([239, 1, 2, 3])));
        assert_eq!(header.source, Some(IpAddr::from([192, 0, 2, 7])));
        assert_eq!((header.port, header.ttl), (Some((5000, 5001)), Some(3)));
        assert_eq!(header.group(), Some((IpAddr::from([239, 1, 2, 3]), (5000, 5001))));
        let odd = parse("RTP/AVP;multicast;destination=cam;source=;port=0;ttl=900");
        let nothing = TransportHeader { multicast: true, ..TransportHeader::default() };
        assert_eq!((&odd, odd.group()), (&nothing, None));
        let unicast = parse("RTP/AVP;multicast;destination=10.0.0.1;port=5000-5001");
        assert_eq!(unicast.group(), None);
        assert_eq!(odd.to_value(), "RTP/AVP;multicast");
    }

    #[test]
    fn sources_are_read_with_spaces_and_without_zeros_and_nonsense_is_ignored() {
        let ssrc = |value| parse(value).ssrc;
        assert_eq!(ssrc("RTP/AVP;ssrc= d6d6627"), Some(0x0d6d_6627));
        assert_eq!(ssrc("RTP/AVP;ssrc=DEADBEEF"), Some(0xdead_beef));
        assert_eq!(ssrc("RTP/AVP;ssrc=xyz"), None);
        assert_eq!(ssrc("RTP/AVP;ssrc=123456789"), None);
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let header = TransportHeader {
            tcp: true,
            interleaved: Some((2, 3)),
            ssrc: Some(0xabc),
            ..TransportHeader::default()
        };
        assert_eq!(header.to_value(), "RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=00000ABC");
        assert_eq!(parse(&header.to_value()), header);
        let udp = TransportHeader { client_port: Some((4000, 4001)), ..TransportHeader::default() };
        assert_eq!(udp.to_value(), "RTP/AVP;unicast;client_port=4000-4001");
        assert_eq!(parse(&udp.to_value()), udp);
    }

    #[test]
    fn alternatives_are_read_in_order() {
        let all: Vec<bool> =
            TransportHeader::parse_all("RTP/AVP;client_port=1-2,RTP/AVP/TCP;interleaved=0-1")
                .map(|header| header.tcp)
                .collect();
        assert_eq!(all, [false, true]);
    }

    #[test]
    fn sessions_are_read_in_every_form() {
        let session = |value| SessionHeader::parse(value).map(|s| (s.id, s.timeout.as_secs()));
        let found = |id: &str, timeout| Some((id.to_owned(), timeout));
        assert_eq!(session("12$ab;timeout=30"), found("12$ab", 30));
        assert_eq!(session(" 7 ; x=1; Timeout = 15 "), found("7", 15));
        assert_eq!(session("7"), found("7", 60));
        for odd in ["7;timeout=0", "7;timeout=-5", "7;timeout=", "7;timeout=x"] {
            assert_eq!(session(odd), found("7", 60), "{odd}");
        }
        assert_eq!(session("7;timeout=99999999999"), found("7", 86_400));
        assert_eq!(session(""), None);
        assert_eq!(session(";timeout=5"), None);
        assert_eq!(session(&"x".repeat(100_000)), None);
    }

    proptest! {
        #[test]
        fn no_header_value_panics(value in "[RTP/AVC;=,0-9a-z_ -]{0,120}", odd in ".{0,60}") {
            for text in [&value, &odd] {
                TransportHeader::parse_all(text).for_each(|header| drop(header.to_value()));
                let _ = SessionHeader::parse(text);
            }
        }
    }
}
