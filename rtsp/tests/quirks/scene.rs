//! A camera, a client and a clock: what one sends, the other has to show.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rtsp::client::{Client, Error, Event, Options, Output, Quirk, Transport, UdpPort};
use rtsp::h264::AccessUnit;
use rtsp::url::Url;

use crate::camera::h264::{FRAME, IDR, PPS, REFERENCE, SPS_360, fu_a, slice, stap_a};
use crate::camera::{Camera, Said};

const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7));
/// Our ports for RTP and RTCP.
const PORTS: (u16, u16) = (4000, 4001);
pub const PERIOD: Duration = Duration::from_millis(40);
/// Pictures from one IDR to the next.
const GROUP: u32 = 25;

/// Slices of each picture.
pub type Pictures = Vec<Vec<Vec<u8>>>;

pub struct Scene {
    pub camera: Camera,
    pub client: Client,
    pub now: Instant,
    /// What came out.
    pub shown: Vec<AccessUnit>,
    pub events: Vec<Event>,
    pub hosts: Vec<String>,
    /// What has to come out.
    sent: Pictures,
    dialled: bool,
}

impl Scene {
    /// The client is told to play the camera; nothing has happened yet.
    pub fn new(camera: Camera, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::new(Url::parse(&camera.url).unwrap());
        if let Some(lock) = &camera.lock {
            let (user, password) = (lock.username.clone(), lock.password.clone());
            let credentials = rtsp::url::Credentials { username: user, password };
            options.url = options.url.with_credentials(Some(credentials));
        }
        change(&mut options);
        let (now, client) = (Instant::now(), Client::new(options, 1));
        let (shown, events, hosts, sent) = (vec![], vec![], vec![], vec![]);
        Self { camera, client, now, shown, events, hosts, sent, dialled: false }
    }

    /// As far as camera and client get without time passing.
    pub fn open(camera: Camera) -> Self {
        Self::opened(Self::new(camera, |_| {}))
    }

    /// The same, by UDP.
    pub fn open_udp(camera: Camera) -> Self {
        Self::opened(Self::new(camera, |options| options.transport = Transport::Udp))
    }

    pub fn opened(mut self) -> Self {
        self.client.start(self.now);
        self.settle();
        self
    }

    /// Lets both talk until neither has anything to say.
    pub fn settle(&mut self) {
        loop {
            if let Some(output) = self.client.poll_output() {
                self.handle_output(output);
            } else if std::mem::take(&mut self.dialled) {
                self.camera.connected();
                self.client.set_peer_address(ADDRESS);
                self.client.handle_connected(self.now);
            } else if let Some(said) = self.camera.poll() {
                self.handle_said(said);
            } else {
                return;
            }
        }
    }

    fn handle_output(&mut self, output: Output) {
        let (now, camera) = (self.now, &mut self.camera);
        match output {
            Output::Connect { host, .. } => {
                self.hosts.push(host);
                self.dialled = true;
            }
            Output::Disconnect => camera.disconnected(),
            Output::Send(bytes) => camera.receive(now, &bytes),
            Output::BindUdp { track } => {
                self.client.handle_udp_bound(now, track, PORTS.0, PORTS.1);
            }
            Output::SendDatagram { udp, port, data } => {
                let from = if udp.rtcp { PORTS.1 } else { PORTS.0 };
                camera.receive_datagram(now, from, port, &data);
            }
            Output::Event(Event::AccessUnit(unit)) => self.shown.push(unit),
            Output::JoinMulticast { .. } => panic!("no camera here sends by multicast"),
            Output::Event(event) => self.events.push(event),
        }
    }

    fn handle_said(&mut self, said: Said) {
        match said {
            Said::Bytes(bytes) => self.client.handle_data(self.now, &bytes),
            Said::Datagram { from, to_rtcp, data } => {
                let udp = UdpPort { track: self.track(), rtcp: to_rtcp };
                let source = SocketAddr::new(ADDRESS, from);
                self.client.handle_datagram(self.now, udp, source, &data);
            }
            Said::Close => {
                self.camera.disconnected();
                self.client.handle_closed(self.now, "end of stream");
            }
        }
    }

    fn track(&self) -> usize {
        let described = self.events.iter().rev().find_map(|event| match event {
            Event::Described { tracks } => Some(tracks),
            _ => None,
        });
        let chosen = rtsp::client::Choice::Chosen;
        described.unwrap().iter().find(|track| track.choice == chosen).unwrap().track
    }

    /// Lets time pass, stopping at every deadline.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        self.settle();
        while let Some(deadline) = self.client.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(deadline);
            self.client.handle_timeout(self.now);
            self.settle();
        }
        self.now = until;
    }

    /// An RTP packet without marker.
    pub fn part(&mut self, timestamp: u32, payload: &[u8]) {
        self.camera.send(self.now, timestamp, false, payload);
        self.settle();
    }

    /// An RTP packet with marker.
    pub fn last(&mut self, timestamp: u32, payload: &[u8]) {
        self.camera.send(self.now, timestamp, true, payload);
        self.settle();
    }

    pub fn say(&mut self, bytes: &[u8]) {
        self.camera.say(bytes);
        self.settle();
    }

    pub fn raw(&mut self, rtcp: bool, data: &[u8]) {
        self.camera.send_raw(self.now, rtcp, data);
        self.settle();
    }

    /// These slices have to come out as a picture.
    pub fn expect(&mut self, slices: &[&[u8]]) {
        self.sent.push(slices.iter().map(|slice| slice.to_vec()).collect());
    }

    /// The next picture of an ordinary stream: every 25th an IDR of several packets with its
    /// parameter sets.
    pub fn picture(&mut self) {
        let number = self.sent.len() as u32;
        let header = if number.is_multiple_of(GROUP) { IDR } else { REFERENCE };
        let unit = slice(header, 0, 900 + number as usize % 100, number as u8);
        let timestamp = number.wrapping_mul(FRAME);
        if header == IDR {
            self.part(timestamp, &stap_a(&[SPS_360, PPS]));
        }
        let fragments = fu_a(&unit, 3);
        for fragment in &fragments[..2] {
            self.part(timestamp, fragment);
        }
        self.last(timestamp, &fragments[2]);
        self.expect(&[&unit]);
    }

    /// Pictures, one each 40 ms.
    pub fn stream(&mut self, pictures: u32) {
        for _ in 0..pictures {
            self.picture();
            self.pass(PERIOD);
        }
    }

    /// Everything sent came out, byte for byte and in order.
    pub fn assert_shown(&self) {
        let shown: Pictures =
            self.shown.iter().map(|au| au.nals().map(<[u8]>::to_vec).collect()).collect();
        assert_eq!(self.errors(), []);
        let differ = shown.iter().zip(&self.sent).position(|(shown, sent)| shown != sent);
        assert_eq!((shown.len(), differ), (self.sent.len(), None), "{:?}", self.events);
    }

    /// Everything sent so far is not looked at.
    pub fn forget(&mut self) {
        self.shown.clear();
        self.sent.clear();
        self.events.retain(|event| matches!(event, Event::Described { .. }));
    }

    /// Why the camera was left alone.
    pub fn errors(&self) -> Vec<Error> {
        let error = |event: &Event| match event {
            Event::Offline { error, .. } => Some(error.clone()),
            _ => None,
        };
        self.events.iter().filter_map(error).collect()
    }

    pub fn met(&self, quirk: Quirk) -> bool {
        self.client.stats().quirks.contains(&quirk)
    }
}

/// Plays the camera for a second, by TCP: everything has to come out.
pub fn shows_pictures(camera: Camera) -> Scene {
    shows(Scene::open(camera))
}

/// The same, by UDP.
pub fn shows_pictures_by_udp(camera: Camera) -> Scene {
    let scene = shows(Scene::open_udp(camera));
    assert_eq!(scene.client.stats().transport, Some(rtsp::client::Carrier::Udp));
    scene
}

fn shows(mut scene: Scene) -> Scene {
    scene.stream(26);
    scene.assert_shown();
    scene
}

/// Plays the camera for so many seconds.
pub fn shows_for(camera: Camera, seconds: u32) -> Scene {
    let mut scene = Scene::open(camera);
    scene.stream(seconds * GROUP);
    scene.assert_shown();
    scene
}
