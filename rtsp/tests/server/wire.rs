//! The crate's client reads what the crate's server sends.

use std::time::{Duration, Instant};

use rtsp::audio::{Aac, Codec};
use rtsp::client::{self, Client, Event, Transport};
use rtsp::h264::{AccessUnit, Kind, packetize};
use rtsp::payloads::Memory;
use rtsp::server::{AudioPacket, Frame, Options, Output, Session, describe_h264};
use rtsp::url::Url;

use crate::bench::*;
use crate::support::h264::*;

/// The crate's client and server, connected by something that cuts bytes into pieces.
struct Wire {
    client: Client,
    server: Session,
    now: Instant,
    piece: usize,
    audio: Option<Codec>,
    events: Vec<Event>,
    access_units: Vec<AccessUnit>,
    asked: Vec<Output>,
}

impl Wire {
    fn new(piece: usize) -> Self {
        let now = Instant::now();
        let mut options = client::Options::new(Url::parse(URL).unwrap());
        options.transport = Transport::Tcp;
        Self {
            client: Client::new(options, 3),
            server: Session::new(now, NTP, 4, Options::default()),
            now,
            piece,
            audio: None,
            events: Vec::new(),
            access_units: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// Carries bytes until neither side has any.
    fn run(&mut self) {
        loop {
            if let Some(output) = self.client.poll_output() {
                match output {
                    client::Output::Connect { .. } => self.client.handle_connected(self.now),
                    client::Output::Send(bytes) => {
                        for piece in bytes.chunks(self.piece) {
                            self.server.handle_data(self.now, piece);
                        }
                    }
                    client::Output::Event(Event::AccessUnit(au)) => self.access_units.push(au),
                    client::Output::Event(event) => self.events.push(event),
                    other => self.asked.extend(unexpected(&other)),
                }
            } else if let Some(output) = self.server.poll_output() {
                match output {
                    Output::Send(bytes) => {
                        for piece in bytes.chunks(self.piece) {
                            self.client.handle_data(self.now, piece);
                        }
                    }
                    Output::Describe { name } => {
                        assert_eq!(name, "yard");
                        let video = describe_h264("Yard", Some(&sets_360()));
                        let described = match self.audio {
                            Some(codec) => video.with_audio(codec),
                            None => video,
                        };
                        self.server.describe_result(self.now, Ok(&described));
                    }
                    other => self.asked.push(other),
                }
            } else {
                return;
            }
        }
    }
}

fn unexpected(output: &client::Output) -> Option<Output> {
    assert!(matches!(output, client::Output::Disconnect), "{output:?}");
    None
}

#[test]
fn access_units_reach_the_client_equal_however_the_bytes_are_cut() {
    for piece in [1, 2, 3, 7, 100, 1460, 100_000] {
        let mut wire = Wire::new(piece);
        wire.client.start(wire.now);
        wire.run();
        assert_eq!(wire.asked, [Output::Play { name: "yard".to_owned() }]);
        assert!(wire.events.iter().any(|event| matches!(event, Event::Playing)));
        let mut sent: Vec<AccessUnit> = Vec::new();
        for n in 0..30u8 {
            let header = [IDR, REFERENCE, DISPOSABLE][usize::from(n % 10).min(n as usize % 3)];
            let slices = [slice(header, 0, 900, n), slice(header, 300, 4000, n)];
            let mut units = vec![&slices[0][..], &slices[1]];
            if n % 3 == 0 {
                units.splice(0..0, [[SPS_360, SPS_720][usize::from(n / 3 % 2)], PPS]);
            }
            let timestamp = u32::from(n) * FRAME;
            let in_force = sent.last().and_then(|au| au.parameter_sets.clone());
            let au = AccessUnit::from_nals(timestamp, wire.now, units, in_force.as_ref()).unwrap();
            let payloads = packetize(&au, 1200, &mut Memory::default());
            let (presented_at, is_key) = (wire.now, au.kind == Kind::Idr);
            let frame = Frame { timestamp, presented_at, is_key, payloads: &payloads };
            assert!(wire.server.write_frame(wire.now, &frame));
            sent.push(au);
            wire.now += Duration::from_millis(40);
            wire.client.handle_timeout(wire.now);
            wire.server.handle_timeout(wire.now);
            wire.run();
        }
        assert_eq!(wire.access_units.len(), sent.len(), "cut into {piece}");
        for (received, sent) in wire.access_units.iter().zip(&sent) {
            assert_eq!((received.timestamp, received.kind), (sent.timestamp, sent.kind));
            assert_eq!(received.parameter_sets, sent.parameter_sets);
            assert!(received.nals().eq(sent.nals()));
        }
        assert_eq!(wire.access_units[0].kind, Kind::Idr);
        assert!(wire.events.iter().any(|event| matches!(
            event,
            Event::SenderReport { ntp, .. } if ntp >> 32 == NTP >> 32
        )));

        assert!(wire.client.request_keyframe(wire.now));
        wire.run();
        assert_eq!(wire.asked[1..], [Output::KeyframeRequest]);
        wire.client.stop(wire.now);
        wire.run();
        assert_eq!(wire.asked.last(), Some(&Output::Close));
    }
}

#[test]
fn every_kind_of_audio_reaches_the_client_beside_the_video() {
    let aac = Codec::Aac(Aac::new(&[0x12, 0x10], 44_100).unwrap());
    let opus: &[u8] = &[0xfc, 1, 2, 3];
    let kinds = [
        (Codec::Pcmu, 160, &[0x55; 160][..]),
        (Codec::Pcma, 160, &[0x55; 160]),
        (Codec::G722, 160, &[0x55; 160]),
        (Codec::Opus, 960, opus),
        (aac, 1024, &[7; 400]),
    ];
    for (codec, ticks, payload) in kinds {
        let mut wire = Wire::new(1000);
        wire.audio = Some(codec);
        wire.client.start(wire.now);
        wire.run();
        assert_eq!(wire.asked.len(), 1, "{:?}", wire.asked);
        assert_eq!(wire.server.audio(), Some(codec));
        for n in 0..3 {
            let timestamp = 500 + n * ticks;
            let presented_at = wire.now;
            let packet = AudioPacket { timestamp, presented_at, is_start: n == 0, payload };
            assert!(wire.server.write_audio(wire.now, &packet));
            wire.run();
        }
        let sounds = wire.events.iter().filter_map(|event| match event {
            Event::Audio(sound) => Some(sound),
            _ => None,
        });
        let sounds: Vec<_> = sounds.collect();
        assert_eq!(sounds.len(), 3, "{codec:?}");
        for (n, sound) in (0u32..).zip(&sounds) {
            assert_eq!((sound.codec, sound.ends_at), (codec, 500 + (n + 1) * ticks));
            assert_eq!(sound.packets[0].payload[..], *payload);
        }
        let reports = wire.events.iter().filter(|e| matches!(e, Event::SenderReport { .. }));
        assert_eq!(reports.count(), 1, "at once, of the audio: no picture was sent");
    }
}
