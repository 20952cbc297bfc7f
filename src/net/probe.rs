//! `crosspoint probe URL`: looks at one camera for some seconds and says what it sends.
//!
//! A small blocking loop of its own around the same client that the server uses: what the
//! probe can play, the server can.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use config::SecretUrl;
use rtsp::client::{Client, Event, Options, Output, TrackInfo, Transport};
use rtsp::h264::{AccessUnit, Kind, StreamInfo};

use super::server::random_u64;

/// How long to look at most.
const WATCH: Duration = Duration::from_secs(25);
/// Two whole groups of pictures are enough.
const KEYS_ENOUGH: usize = 3;
/// Longest wait in one read.
const TICK: Duration = Duration::from_millis(20);

/// Looks at a camera; the report, ready to be printed.
///
/// # Errors
/// Why the camera could not be played.
pub fn run(url: &SecretUrl) -> Result<String, String> {
    let parsed = rtsp::url::Url::parse(url.expose()).map_err(|error| error.to_string())?;
    let mut options = Options::new(parsed);
    options.transport = Transport::Tcp;
    let mut probe = Probe {
        client: Client::new(options, random_u64()),
        tcp: None,
        findings: Findings::new(Instant::now()),
    };
    probe.watch()?;
    Ok(probe.report(url))
}

struct Probe {
    client: Client,
    tcp: Option<TcpStream>,
    findings: Findings,
}

struct Findings {
    started_at: Instant,
    tracks: Vec<TrackInfo>,
    stream: Option<StreamInfo>,
    key_times: Vec<Instant>,
    frames: u32,
    bytes: usize,
    has_b_slices: bool,
    gop_frames: Vec<u32>,
    frames_since_key: u32,
}

impl Findings {
    fn new(started_at: Instant) -> Self {
        Self {
            started_at,
            tracks: Vec::new(),
            stream: None,
            key_times: Vec::new(),
            frames: 0,
            bytes: 0,
            has_b_slices: false,
            gop_frames: Vec::new(),
            frames_since_key: 0,
        }
    }

    fn add(&mut self, unit: &AccessUnit) {
        if unit.kind == Kind::Idr {
            if !self.key_times.is_empty() {
                self.gop_frames.push(self.frames_since_key);
            }
            self.key_times.push(unit.received_at);
            self.frames_since_key = 0;
            self.stream = unit.parameter_sets.as_ref().map(|sets| sets.info);
        }
        self.frames += 1;
        self.frames_since_key += 1;
        self.bytes += unit.bytes();
        self.has_b_slices |= unit.has_b_slices;
    }
}

impl Probe {
    fn watch(&mut self) -> Result<(), String> {
        let end = self.findings.started_at + WATCH;
        self.client.start(self.findings.started_at);
        let mut buffer = vec![0; 64 * 1024];
        while Instant::now() < end && self.findings.key_times.len() < KEYS_ENOUGH {
            self.pump()?;
            self.read(&mut buffer);
            let now = Instant::now();
            if self.client.poll_timeout().is_some_and(|at| at <= now) {
                self.client.handle_timeout(now);
            }
        }
        self.client.stop(Instant::now());
        // The goodbye is a courtesy; its failure changes nothing of what was found.
        let _ = self.pump();
        Ok(())
    }

    fn pump(&mut self) -> Result<(), String> {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Connect { host, port } => self.connect(&host, port),
                Output::Disconnect => self.tcp = None,
                Output::Send(bytes) => {
                    if let Some(Err(error)) = self.tcp.as_mut().map(|tcp| tcp.write_all(&bytes)) {
                        self.tcp = None;
                        self.client.handle_closed(Instant::now(), &error.to_string());
                    }
                }
                Output::BindUdp { track } => {
                    self.client.handle_udp_failed(Instant::now(), track, "the probe uses TCP");
                }
                Output::SendDatagram { .. } => {}
                Output::Event(Event::Described { tracks }) => self.findings.tracks = tracks,
                Output::Event(Event::AccessUnit(unit)) => self.findings.add(&unit),
                Output::Event(Event::Offline { error, .. }) => return Err(error.to_string()),
                Output::Event(Event::Unsupported { codec }) => {
                    return Err(format!("the camera sends {codec}; only H264 can be shown"));
                }
                Output::Event(_) => {}
            }
        }
        Ok(())
    }

    fn connect(&mut self, host: &str, port: u16) {
        let connected = (host, port).to_socket_addrs().and_then(|mut addresses| {
            let address = addresses.next().ok_or(ErrorKind::NotFound)?;
            let tcp = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
            tcp.set_read_timeout(Some(TICK))?;
            Ok((address.ip(), tcp))
        });
        match connected {
            Ok((ip, tcp)) => {
                self.tcp = Some(tcp);
                self.client.set_peer_address(ip);
                self.client.handle_connected(Instant::now());
            }
            Err(error) => {
                self.client.handle_connect_failed(Instant::now(), &error.to_string());
            }
        }
    }

    fn read(&mut self, buffer: &mut [u8]) {
        let Some(tcp) = &mut self.tcp else { return std::thread::sleep(TICK) };
        let now = Instant::now();
        match tcp.read(buffer) {
            Ok(0) => {
                self.tcp = None;
                self.client.handle_closed(now, "closed by the camera");
            }
            Ok(count) => self.client.handle_data(now, buffer.get(..count).unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => {
                self.tcp = None;
                self.client.handle_closed(now, &error.to_string());
            }
        }
    }

    fn report(&self, url: &SecretUrl) -> String {
        let findings = &self.findings;
        let mut text = format!("{}\n", url.redacted());
        let mut row = |name: &str, value: String| {
            // Writing into a String can't fail.
            let _ = writeln!(text, "  {name:<22}{value}");
        };
        for track in &findings.tracks {
            row(
                &format!("track {} {}", track.track, track.kind),
                format!("{} / {} Hz ({})", track.codec, track.clock_rate_hz, track.choice.as_str()),
            );
        }
        if let Some(stream) = &findings.stream {
            let [profile, flags, level] = stream.profile_level_id();
            row("profile-level-id", format!("{profile:02x}{flags:02x}{level:02x}"));
            row("resolution", format!("{} x {}", stream.width, stream.height));
        }
        let first_key = findings.key_times.first();
        row(
            "first IDR after",
            match first_key {
                Some(at) => format!("{} ms", (*at - findings.started_at).as_millis()),
                None => format!("none in {} s", WATCH.as_secs()),
            },
        );
        if let (Some(first), Some(last)) = (first_key, findings.key_times.last())
            && let Ok(gops) = u32::try_from(findings.gop_frames.len())
            && gops > 0
        {
            let period = (*last - *first) / gops;
            row("GOP", format!("{} ms, {:?} frames", period.as_millis(), findings.gop_frames));
        }
        row("frames", findings.frames.to_string());
        row("B-frames", if findings.has_b_slices { "yes: switch them off" } else { "no" }.into());
        let stats = self.client.stats();
        row("packets", format!("{} ({} lost)", stats.packets, stats.lost));
        let quirks: Vec<&str> = stats.quirks.iter().map(|quirk| quirk.as_str()).collect();
        let quirks = if quirks.is_empty() { "none".to_owned() } else { quirks.join(", ") };
        row("quirks", quirks);
        text
    }
}
