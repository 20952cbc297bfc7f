//! The matrix, its peers and their demultiplexer, put together as the event loop does it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use crosspoint::engine::hub::{Hub, HubOptions, Output, SwitchPolicy};
use crosspoint::engine::source::SourceId;
use crosspoint::engine::viewer::{SlotKey, ViewerId};
use crosspoint::peer::{
    Datagram as Arrived, Demux, EndReason, Entropy, Event, Ice, Identity, NtpClock, Peer,
    PeerOptions, Route, Transmit,
};

use super::network::Datagram;
use super::prng::Prng;
use super::{instant, ms, since_base};

pub const ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 8555);

pub const GOP_TOTAL_MAX_BYTES: usize = 400_000;

static IDENTITY: LazyLock<Identity> = LazyLock::new(|| Identity::generate().unwrap());

#[derive(Debug)]
pub struct Server {
    pub hub: Hub,
    peers: BTreeMap<ViewerId, Peer>,
    demux: Demux<ViewerId>,
    options: PeerOptions,
    /// Sent, but not yet taken.
    pub outbox: Vec<Datagram>,
}

/// What the world learns of what the server did.
#[derive(Debug)]
pub enum Done {
    Hub(Output),
    Connected(ViewerId),
    PictureLoss(SlotKey),
    Ended(ViewerId, EndReason),
}

fn sink(outbox: &mut Vec<Datagram>) -> impl FnMut(Transmit) {
    |transmit| {
        outbox.push(Datagram {
            from: transmit.source,
            to: transmit.destination,
            data: transmit.contents.to_vec(),
        });
    }
}

impl Server {
    pub fn new() -> Self {
        Self {
            hub: Hub::new(HubOptions {
                policy: SwitchPolicy::Replay,
                burst_bytes: 100_000,
                burst_bytes_per_second: 5_000_000,
                gop_total_max_bytes: GOP_TOTAL_MAX_BYTES,
            }),
            peers: BTreeMap::new(),
            demux: Demux::default(),
            options: PeerOptions {
                candidates: vec![ADDRESS],
                resend_packets: 2_000,
                playout_delay: Some((ms(0), ms(0))),
                ice: Ice::default(),
                clock: NtpClock { at: instant(Duration::ZERO), ntp: 0 },
            },
            outbox: Vec::new(),
        }
    }

    /// Takes a viewer's slots and offer; the answer.
    pub fn join(
        &mut self,
        now: Duration,
        id: ViewerId,
        sources: &[SourceId],
        offer: &str,
        prng: &mut Prng,
    ) -> String {
        let slots = sources.iter().map(|source| (Some(*source), prng.draw()));
        self.hub.add_viewer(instant(now), id, slots);
        let mut entropy = [0; 32];
        for chunk in entropy.chunks_mut(8) {
            chunk.copy_from_slice(&prng.draw().to_le_bytes());
        }
        let (peer, answer) = Peer::accept(
            instant(now),
            &self.options,
            &IDENTITY,
            Entropy(entropy),
            offer,
            sources.len(),
            &(0..sources.len()).collect::<Vec<_>>(),
        )
        .unwrap();
        for position in 0..sources.len() {
            assert_eq!(peer.slot_error(position), None);
            let key = SlotKey { viewer: id, position };
            self.hub.set_codecs(instant(now), key, peer.codecs(position));
            let codecs = peer.audio_codecs(position);
            self.hub.accept_audio(instant(now), key, codecs, prng.draw());
        }
        self.demux.insert(peer.ufrag(), id);
        self.peers.insert(id, peer);
        answer.sdp
    }

    pub fn handle_datagram(&mut self, now: Duration, datagram: &Datagram) {
        let Datagram { from, to, data } = datagram;
        let (id, is_new) = match self.demux.route(*from, data) {
            Route::Known(id) => (id, false),
            Route::Claimed(id) => (id, true),
            Route::Unknown => return,
        };
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let arrived = Arrived::udp(instant(now), *from, *to, data);
        if is_new {
            if !peer.accepts(instant(now), &arrived) {
                return;
            }
            self.demux.learn(*from, id);
        }
        peer.handle_datagram(instant(now), &arrived, &mut sink(&mut self.outbox));
    }

    pub fn poll_timeout(&self) -> Option<Duration> {
        let peers = self.peers.values().map(Peer::poll_timeout);
        peers.chain(self.hub.poll_timeout()).min().map(since_base)
    }

    pub fn handle_timeout(&mut self, now: Duration) {
        let now = instant(now);
        if self.hub.poll_timeout().is_some_and(|due| due <= now) {
            self.hub.handle_timeout(now);
        }
        for peer in self.peers.values_mut().filter(|peer| peer.poll_timeout() <= now) {
            peer.handle_timeout(now, &mut sink(&mut self.outbox));
        }
    }

    /// The next thing that happened; none when everything has come to rest.
    pub fn poll(&mut self, now: Duration) -> Option<Done> {
        let now = instant(now);
        match self.hub.poll_output() {
            Some(Output::Frame(key, egress)) => {
                if let Some(peer) = self.peers.get_mut(&key.viewer) {
                    peer.queue(key.position, egress.clone());
                }
                return Some(Done::Hub(Output::Frame(key, egress)));
            }
            Some(Output::Probe(key, egress)) => {
                if let Some(peer) = self.peers.get_mut(&key.viewer) {
                    peer.queue(key.position, egress.clone());
                }
                return Some(Done::Hub(Output::Probe(key, egress)));
            }
            Some(Output::Audio(key, egress)) => {
                if let Some(peer) = self.peers.get_mut(&key.viewer) {
                    peer.queue_audio(key.position, egress.clone());
                }
                return Some(Done::Hub(Output::Audio(key, egress)));
            }
            Some(output) => return Some(Done::Hub(output)),
            None => {}
        }
        for (id, peer) in &mut self.peers {
            if peer.has_queued() {
                peer.flush(now, &mut sink(&mut self.outbox));
            }
            match peer.poll_event() {
                None => {}
                Some(Event::Connected) => {
                    self.hub.handle_connected(now, *id);
                    return Some(Done::Connected(*id));
                }
                Some(Event::PictureLoss { position }) => {
                    self.hub.handle_picture_loss(now, SlotKey { viewer: *id, position });
                    return Some(Done::PictureLoss(SlotKey { viewer: *id, position }));
                }
                Some(Event::Loss { position }) => {
                    self.hub.handle_loss(now, SlotKey { viewer: *id, position });
                }
                Some(Event::Ended(reason)) => {
                    let id = *id;
                    self.remove(super::since_base(now), id);
                    return Some(Done::Ended(id, reason));
                }
            }
        }
        None
    }

    fn remove(&mut self, now: Duration, id: ViewerId) {
        if let Some(mut peer) = self.peers.remove(&id) {
            peer.close(instant(now), &mut sink(&mut self.outbox));
        }
        self.demux.remove(id);
        self.hub.remove_viewer(instant(now), id);
    }
}
