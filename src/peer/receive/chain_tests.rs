use super::*;
use crate::engine::gop::GopLimits;
use crate::engine::hub::{self, Hub, HubOptions, SwitchPolicy};
use crate::engine::keyframe::Method;
use crate::engine::source::{Health, SourceId, SourceOptions};
use crate::engine::viewer::ViewerId;
use crate::intake::publisher::Publisher;
use crate::intake::{Intake, News};

/// Publisher, source, slot and viewer, in a world of their own.
struct Chain {
    now: Instant,
    publisher: Link,
    viewer: Link,
    feed: Publisher,
    intake: Intake,
    hub: Hub,
    source: SourceId,
    keyframes: u32,
    mid: Mid,
}

impl Chain {
    fn new() -> Self {
        let mut now = Instant::now();
        let publisher = connected(&mut now, &wanted(&[H264]), (1, 0, false));
        let mid = Mid::from(publisher.tracks()[0].mid.as_str());
        let mut browser = Browser::new(now, 4);
        let mut changes = browser.rtc.sdp_api();
        changes.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        let (offer, pending) = changes.apply().unwrap();
        let identity = Identity::generate().unwrap();
        let (options, entropy) = (options(address(3)), Entropy([3; 32]));
        let offer = offer.to_sdp_string();
        let (peer, answer) =
            Peer::accept(now, &options, &identity, entropy, &offer, 1, &[]).unwrap();
        browser.answered(&answer.sdp, pending);
        let mut viewer = Link::new(browser, peer);
        viewer.run(&mut now, Duration::from_millis(500));
        let mut hub = Hub::new(HubOptions {
            policy: SwitchPolicy::Replay,
            burst_bytes: 1_000_000,
            burst_bytes_per_second: 10_000_000,
            gop_total_max_bytes: 10_000_000,
        });
        let source = SourceOptions {
            warm: true,
            linger: Duration::from_secs(1),
            gop: GopLimits { max_frames: 1000, max_bytes: 1_000_000 },
            keyframe: vec![Method::Rtcp],
        };
        let source = hub.add_source(now, "mast".to_owned(), source);
        hub.add_viewer(now, ViewerId(1), [(Some(source), 1)].into_iter());
        hub.handle_connected(now, ViewerId(1));
        let (feed, intake) = (Publisher::default(), Intake::default());
        Self { now, publisher, viewer, feed, intake, hub, source, keyframes: 0, mid }
    }

    /// One step of everything.
    fn step(&mut self) {
        self.now += TICK;
        let now = self.now;
        self.publisher.step(now);
        let mut news = Vec::new();
        for received in self.publisher.received.drain(..) {
            if let Received::Packet(_, packet) = received {
                self.feed.handle_packet(now, packet, &mut self.intake, &mut news);
            }
        }
        self.feed.handle_timeout(now, &mut self.intake, &mut news);
        let mut asks = self.feed.poll_keyframe_request(now);
        for item in news {
            match item {
                News::Frame(frame) => self.hub.handle_frame(now, self.source, &frame),
                News::Gap => self.hub.handle_gap(now, self.source),
                News::Health(health) => {
                    assert!(matches!(health, Health::Live(_)), "{health:?}");
                    self.hub.handle_health(now, self.source, health);
                }
                _ => {}
            }
        }
        self.hub.handle_timeout(now);
        while let Some(output) = self.hub.poll_output() {
            match output {
                hub::Output::Frame(key, egress) => self.viewer.peer.queue(key.position, egress),
                hub::Output::RequestKeyframe(..) => asks = true,
                _ => {}
            }
        }
        let Link { peer, to_browser, .. } = &mut self.viewer;
        peer.flush(now, &mut |datagram| to_browser.push_back(datagram));
        if asks {
            let Link { peer, to_browser, .. } = &mut self.publisher;
            peer.request_picture(0, &mut |datagram| to_browser.push_back(datagram));
        }
        self.viewer.step(now);
    }

    /// Sends so many frames, 40 ms apart, each with its number; a key frame when one is asked for.
    fn publish(&mut self, frames: u32) {
        let mid = self.mid;
        let h264 = self.publisher.browser.payload_type(mid, RtcCodec::H264);
        let (mut number, mut wants_key) = (10_u64, true);
        for frame in 1..=frames {
            let mut send = |payload: &[u8]| {
                let time = frame * 3_600;
                self.publisher.browser.send(self.now, mid, h264, number, time, payload);
                number += 1;
            };
            let head = if wants_key { IDR } else { DELTA };
            if std::mem::take(&mut wants_key) {
                send(SETS);
                self.keyframes += 1;
            }
            let payload = [&head[..], &name(frame), &[0x55; 400]].concat();
            send(&payload);
            for _ in 0..8 {
                self.step();
            }
            let asked = |event: &RtcEvent| matches!(event, RtcEvent::KeyframeRequest(_));
            wants_key = self.publisher.browser.events.iter().any(asked);
            self.publisher.browser.events.clear();
        }
    }

    /// The numbers of the frames that the viewer has.
    fn seen(&self) -> Vec<u32> {
        let packet = |event: &RtcEvent| match event {
            RtcEvent::RtpPacket(packet) if packet.payload.len() > 100 => {
                Some(frame_of(&packet.payload[6..9]))
            }
            _ => None,
        };
        self.viewer.browser.events.iter().filter_map(packet).collect()
    }
}

/// A frame's number in three bytes of which none is zero: no start code can come about.
fn name(frame: u32) -> [u8; 3] {
    [14, 7, 0].map(|shift| 0x80 | (frame >> shift & 0x7f) as u8)
}

fn frame_of(name: &[u8]) -> u32 {
    name.iter().fold(0, |frame, byte| frame << 7 | u32::from(byte & 0x7f))
}

#[test]
fn what_is_published_is_seen() {
    let mut chain = Chain::new();
    chain.publish(200);
    let seen = chain.seen();
    assert_eq!(seen.first(), Some(&1), "{seen:?}");
    assert_eq!(seen.len(), 200);
    // One at the start, then every four seconds.
    assert_eq!(chain.keyframes, 2);
}

#[test]
fn one_packet_in_ten_lost_on_the_way_to_us_is_sent_again_and_nothing_is_missing() {
    let mut chain = Chain::new();
    chain.publisher.lost_one_in = 10;
    chain.publish(300);
    let seen = chain.seen();
    assert!(seen.is_sorted(), "{seen:?}");
    assert!(seen.len() >= 296, "{} of 300", seen.len());
    assert!(chain.publisher.passed > 300, "some were sent again");
}
