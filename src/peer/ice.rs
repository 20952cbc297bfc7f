//! Where a peer is reached besides the UDP socket: over TCP (RFC 6544), and by relays.

use std::net::SocketAddr;
use std::time::Instant;

use str0m::net::TcpType;
use str0m::{Candidate, Rtc};

use super::{EndReason, Peer, PeerOptions, Sink};

/// What ICE has besides the candidates of the UDP socket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ice {
    /// Addresses at which TCP connections are taken, in order of preference.
    pub tcp: Vec<SocketAddr>,
    /// Addresses that relays have for us, in order of preference.
    pub relayed: Vec<SocketAddr>,
    /// Whether viewers are checked by us as well. An agent that is lite has no relayed candidates
    /// (RFC 8445 section 2.5), and a relay lets through only whom it was told of: our own checks
    /// are what names them.
    pub is_full: bool,
}

/// Tells the peer connection where it is reached; the same as lines of SDP.
pub(super) fn add_candidates(rtc: &mut Rtc, options: &PeerOptions) -> Vec<String> {
    let udp = options.candidates.iter().map(|address| Candidate::host(*address, "udp"));
    let passive = |address: &SocketAddr| {
        Candidate::builder().tcp().host(*address).tcptype(TcpType::Passive).build()
    };
    let tcp = options.ice.tcp.iter().filter(|_| cfg!(feature = "ice-tcp")).map(passive);
    let relays = options.ice.relayed.iter().filter(|_| cfg!(feature = "turn"));
    let relayed = relays.map(|address| relayed(*address));
    let candidates = udp.chain(tcp).chain(relayed).flatten();
    candidates.filter_map(|candidate| rtc.add_local_candidate(candidate).map(line)).collect()
}

/// As it is signalled. Whose it is, credentials that may change, is said elsewhere.
fn line(candidate: &Candidate) -> String {
    let line = candidate.to_sdp_string();
    line.split_once(" ufrag ").map_or(line.as_str(), |(line, _)| line).to_owned()
}

/// Has all paths from these checked as if there had been no check before.
pub(super) fn check_anew(rtc: &mut Rtc, lines: &[String]) {
    for candidate in lines.iter().flat_map(|line| Candidate::from_sdp_string(line)) {
        rtc.direct_api().invalidate_candidate(&candidate);
        rtc.add_local_candidate(candidate);
    }
}

/// Where relayed datagrams come from is the relay's business: the related address, which RFC
/// 8839 section 5.1 wants, is the candidate's own.
fn relayed(address: SocketAddr) -> Result<Candidate, str0m::error::IceError> {
    Candidate::relayed(address, address, "udp")
}

impl Peer {
    /// A relay has an address for us. Its candidate, for signalling.
    pub fn add_relayed(
        &mut self,
        now: Instant,
        address: SocketAddr,
        sink: &mut Sink<'_>,
    ) -> Option<String> {
        let line = line(self.rtc.add_local_candidate(relayed(address).ok()?)?);
        if let Some(publishing) = &mut self.publishing {
            publishing.offered.candidates.push(line.clone());
        }
        self.tick(now, sink);
        Some(line)
    }

    /// A relay's address is lost. If media went by it, the connection is over: what else there
    /// may be would be found only after a silence.
    pub fn remove_relayed(&mut self, now: Instant, address: SocketAddr, sink: &mut Sink<'_>) {
        let Ok(candidate) = relayed(address) else { return };
        self.rtc.direct_api().invalidate_candidate(&candidate);
        if let Some(publishing) = &mut self.publishing {
            let is_it = |line: &String| {
                Candidate::from_sdp_string(line).is_ok_and(|other| other.addr() == address)
            };
            publishing.offered.candidates.retain(|line| !is_it(line));
        }
        if self.path.is_some_and(|path| path.source == address) {
            self.end(EndReason::ConnectionLost);
        }
        self.tick(now, sink);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::codec::{VideoCodec, VideoProfile};
    use crate::engine::frame::{Egress, Frame};
    use crate::limits;
    use crate::peer::{Datagram, Entropy, Event, Identity, NtpClock, Offering, Transmit};

    const DIRECT: &str = "192.0.2.2:2";
    const RELAYED: &str = "203.0.113.9:50000";

    fn options(candidates: &[&str], ice: Ice) -> PeerOptions {
        let candidates = candidates.iter().map(|text| text.parse().unwrap()).collect();
        let clock = NtpClock { at: Instant::now(), ntp: 0 };
        PeerOptions { candidates, resend_packets: 64, playout_delay: None, ice, clock }
    }

    fn relayed_only() -> PeerOptions {
        let relayed = vec![RELAYED.parse().unwrap()];
        options(&[], Ice { relayed, is_full: true, ..Ice::default() })
    }

    /// A viewer's peer, and ours with these options, its answer not yet given back.
    fn pair(now: Instant, options_: &PeerOptions) -> (Peer, Peer, String) {
        let identity = Identity::generate().unwrap();
        let theirs = options(&["192.0.2.1:1"], Ice::default());
        let video = VideoProfile::H264([0x42, 0xe0, 0x1f]);
        let offering = Offering { video, audio: &[], channel: None };
        let (viewer, offer) =
            Peer::offer(now, &theirs, &identity, Entropy([1; 32]), &offering).unwrap();
        let wished = offer.replace("a=sendonly", "a=recvonly");
        let (ours, answer) =
            Peer::accept(now, options_, &identity, Entropy([2; 32]), &wished, 1, &[]).unwrap();
        (viewer, ours, answer.sdp.replace("a=sendonly", "a=recvonly"))
    }

    /// Lets both talk for two seconds; the events of ours.
    fn talk(now: &mut Instant, viewer: &mut Peer, ours: &mut Peer) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..200 {
            *now += Duration::from_millis(10);
            let (mut to_ours, mut to_viewer) = (Vec::new(), Vec::new());
            viewer.handle_timeout(*now, &mut |datagram| to_ours.push(datagram));
            ours.handle_timeout(*now, &mut |datagram| to_viewer.push(datagram));
            while !(to_ours.is_empty() && to_viewer.is_empty()) {
                for one in std::mem::take(&mut to_ours) {
                    let sink = &mut |datagram| to_viewer.push(datagram);
                    ours.handle_datagram(*now, &Datagram::sent(*now, &one), sink);
                }
                for one in std::mem::take(&mut to_viewer) {
                    let sink = &mut |datagram| to_ours.push(datagram);
                    viewer.handle_datagram(*now, &Datagram::sent(*now, &one), sink);
                }
            }
            events.extend(std::iter::from_fn(|| ours.poll_event()));
        }
        events
    }

    #[test]
    fn a_peer_that_is_only_relayed_tells_no_other_address_and_ends_with_its_relay() {
        let mut now = Instant::now();
        let (mut viewer, mut ours, answer) = pair(now, &relayed_only());
        assert!(answer.contains(" 203.0.113.9 50000 typ relay"), "{answer}");
        assert!(!answer.contains("typ host") && !answer.contains("ice-lite"), "{answer}");
        viewer.accept_answer(now, &answer, &mut |_: Transmit| ()).unwrap();
        assert_eq!(talk(&mut now, &mut viewer, &mut ours), [Event::Connected]);
        let relayed = RELAYED.parse().unwrap();
        ours.remove_relayed(now, "203.0.113.9:1".parse().unwrap(), &mut |_: Transmit| ());
        assert_eq!(ours.poll_event(), None);
        ours.remove_relayed(now, relayed, &mut |_: Transmit| ());
        assert_eq!(ours.poll_event(), Some(Event::Ended(EndReason::ConnectionLost)));
    }

    #[test]
    fn a_relay_that_comes_later_has_a_candidate_of_its_own() {
        let mut now = Instant::now();
        let none = options(&[], Ice { is_full: true, ..Ice::default() });
        let (mut viewer, mut ours, answer) = pair(now, &none);
        assert!(!answer.contains("candidate:"), "{answer}");
        viewer.accept_answer(now, &answer, &mut |_: Transmit| ()).unwrap();
        assert_eq!(talk(&mut now, &mut viewer, &mut ours), []);
        let line = ours.add_relayed(now, RELAYED.parse().unwrap(), &mut |_: Transmit| ()).unwrap();
        viewer.add_remote_candidate(now, &line, &mut |_: Transmit| ());
        assert_eq!(talk(&mut now, &mut viewer, &mut ours), [Event::Connected]);
    }

    #[test]
    fn of_endless_candidates_only_some_are_taken() {
        let now = Instant::now();
        let (mut viewer, _, _) = pair(now, &relayed_only());
        for port in 1..1_000 {
            let line = format!("candidate:1 1 udp 1 192.0.2.9 {port} typ host");
            viewer.add_remote_candidate(now, &line, &mut |_: Transmit| ());
        }
        assert_eq!(viewer.trickled, limits::REMOTE_CANDIDATES_MAX);
    }

    /// What a frame that is sent now leaves from.
    fn picture_leaves_from(now: Instant, ours: &mut Peer, number: u64) -> Vec<SocketAddr> {
        let frame =
            Frame::new(VideoCodec::H264, true, false, now, [[0x65; 100]].into_iter().collect());
        let egress = Egress {
            frame: frame.into(),
            first_sequence_number: number,
            rtp_timestamp: 0,
            presented_at: now,
            playout_hint: false,
        };
        ours.queue(0, egress);
        let mut sources = Vec::new();
        ours.flush(now, &mut |datagram: Transmit| {
            let is_picture = datagram.contents[1] & 0x7f == 96;
            sources.extend(is_picture.then_some(datagram.source));
        });
        sources
    }

    #[test]
    fn pictures_take_the_better_path_once_there_is_one() {
        let mut now = Instant::now();
        let (mut viewer, mut ours, answer) = pair(now, &relayed_only());
        viewer.accept_answer(now, &answer, &mut |_: Transmit| ()).unwrap();
        assert_eq!(talk(&mut now, &mut viewer, &mut ours), [Event::Connected]);
        assert_eq!(picture_leaves_from(now, &mut ours, 1), [RELAYED.parse().unwrap()]);
        let direct = Candidate::host(DIRECT.parse().unwrap(), "udp").unwrap();
        viewer.add_remote_candidate(now, &direct.to_sdp_string(), &mut |_: Transmit| ());
        ours.rtc.add_local_candidate(direct);
        assert_eq!(talk(&mut now, &mut viewer, &mut ours), []);
        assert_eq!(picture_leaves_from(now, &mut ours, 2), [DIRECT.parse().unwrap()]);
    }

    #[test]
    fn without_relays_a_server_is_lite_and_takes_tcp_connections() {
        let tcp = vec![DIRECT.parse().unwrap()];
        let (_, _, answer) =
            pair(Instant::now(), &options(&[DIRECT], Ice { tcp, ..Ice::default() }));
        assert!(answer.contains("a=ice-lite"), "{answer}");
        assert!(answer.contains(" 192.0.2.2 2 typ host tcptype passive"), "{answer}");
        assert!(answer.contains(" udp ") && answer.contains(" tcp "), "{answer}");
    }
}
