//! The load generator: a process of many viewers in one thread.
//!
//! It says what it does in lines of JSON, and its owner reads the server's CPU time between
//! [`News::Started`] and [`News::Ended`].

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::server::Endpoint;
use crate::statistics::{median, percentile};
use crate::viewer::{Seen, Viewer};
use crate::{Failure, stamp};

/// From one viewer's connection to the next one's.
const CONNECT_INTERVAL: Duration = Duration::from_millis(20);
/// All must see all their pictures within this time: a GOP of 10 s may have just begun.
const PICTURES_WITHIN: Duration = Duration::from_secs(30);
/// How often the WebSockets are looked at.
const CONTROL_INTERVAL: Duration = Duration::from_secs(1);

/// What the process is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    pub server: Endpoint,
    pub viewers: usize,
    pub slots: usize,
    pub cameras: usize,
    /// Between the last first picture and the measurement.
    pub settle: Duration,
    /// How long to measure.
    pub window: Duration,
}

/// What the process says, in this order.
#[derive(Debug, Serialize, Deserialize)]
pub enum News {
    /// Everybody sees all their pictures.
    Connected(FirstPictures),
    /// The measurement begins.
    Started,
    /// It has ended.
    Ended(Box<Report>),
}

/// Time from connecting to the first frame on every slot, in ms.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct FirstPictures {
    /// Of the first viewer, for whom the cameras have to be connected: it waits for an IDR.
    pub cold_ms: f64,
    /// Of the others, in the median; none without others.
    pub warm_ms: Option<f64>,
}

/// What was seen in the measurement.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    pub seconds: f64,
    pub packets: u64,
    pub bytes: u64,
    pub frames: u64,
    pub lost: u64,
    pub latency_p50_us: f64,
    pub latency_p99_us: f64,
    pub latency_max_us: f64,
    /// CPU seconds of the load generator itself: above nine tenths of the time it was the
    /// bottleneck.
    pub own_cpu_s: f64,
}

struct Viewers {
    poll: Poll,
    batch: Batch,
    viewers: Vec<Viewer>,
    control_at: Instant,
}

/// Connects, waits, measures; then ends at once, viewers and all.
pub fn run(order: &Order) -> Result<(), Failure> {
    let mut viewers = Viewers::new()?;
    let first = viewers.connect(order)?;
    say(&News::Connected(first))?;
    viewers.live_until(Instant::now() + order.settle)?;
    viewers.viewers.iter_mut().for_each(Viewer::reset);
    let (started_at, cpu_ns) = (Instant::now(), stamp::thread_cpu_ns());
    say(&News::Started)?;
    viewers.live_until(started_at + order.window)?;
    let now = Instant::now();
    let seen: Vec<Seen> = viewers.viewers.iter_mut().map(|viewer| viewer.take_seen(now)).collect();
    let mut report = summarize(&seen);
    report.seconds = (now - started_at).as_secs_f64();
    report.own_cpu_s = (stamp::thread_cpu_ns() - cpu_ns) as f64 / 1e9;
    say(&News::Ended(Box::new(report)))
}

fn say(news: &News) -> Result<(), Failure> {
    println!("{}", serde_json::to_string(news)?);
    Ok(())
}

fn summarize(seen: &[Seen]) -> Report {
    let mut latencies: Vec<f64> = seen
        .iter()
        .flat_map(|seen| seen.latencies_us.iter().map(|&micros| f64::from(micros)))
        .collect();
    latencies.sort_by(f64::total_cmp);
    Report {
        packets: seen.iter().map(|seen| seen.packets).sum(),
        bytes: seen.iter().map(|seen| seen.bytes).sum(),
        frames: seen.iter().map(|seen| seen.frames).sum(),
        lost: seen.iter().map(|seen| seen.lost).sum(),
        latency_p50_us: percentile(&latencies, 0.5),
        latency_p99_us: percentile(&latencies, 0.99),
        latency_max_us: percentile(&latencies, 1.0),
        ..Report::default()
    }
}

impl Viewers {
    fn new() -> Result<Self, Failure> {
        let (viewers, control_at) = (Vec::new(), Instant::now());
        Ok(Self { poll: Poll::new()?, batch: Batch::new(), viewers, control_at })
    }

    fn connect(&mut self, order: &Order) -> Result<FirstPictures, Failure> {
        let give_up_at = Instant::now() + PICTURES_WITHIN;
        let protocol = order.server.protocol;
        let (connections, slots) = protocol.connections(order.viewers, order.slots);
        for index in 0..connections {
            let cameras = (0..slots).map(|slot| (index * slots + slot) % order.cameras);
            let cameras: Vec<usize> = cameras.collect();
            let mut viewer = Viewer::connect(order.server, &cameras)?;
            let token = Token(self.viewers.len());
            self.poll.registry().register(viewer.socket_mut(), token, Interest::READABLE)?;
            self.viewers.push(viewer);
            if index == 0 {
                self.await_pictures(give_up_at)?;
            }
            self.live_until(Instant::now() + CONNECT_INTERVAL)?;
        }
        self.await_pictures(give_up_at)?;
        let mut times_ms = self.viewers.iter().filter_map(|viewer| viewer.first_pictures);
        let mut times_ms = std::iter::from_fn(|| Some(times_ms.next()?.as_secs_f64() * 1e3));
        let cold_ms = times_ms.next().unwrap_or_default();
        let warm_ms: Vec<f64> = times_ms.collect();
        Ok(FirstPictures { cold_ms, warm_ms: (!warm_ms.is_empty()).then(|| median(&warm_ms)) })
    }

    fn await_pictures(&mut self, give_up_at: Instant) -> Result<(), Failure> {
        while self.viewers.iter().any(|viewer| viewer.first_pictures.is_none()) {
            if Instant::now() > give_up_at {
                return Err("not every slot got a picture".into());
            }
            self.live_until(Instant::now() + Duration::from_millis(5))?;
        }
        Ok(())
    }

    fn live_until(&mut self, end: Instant) -> Result<(), Failure> {
        let mut events = Events::with_capacity(256);
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            self.handle_timeouts(now)?;
            let timeouts = self.viewers.iter().map(Viewer::poll_timeout);
            let next = timeouts.chain([end, self.control_at]).min().unwrap_or(end);
            match self.poll.poll(&mut events, Some(next.saturating_duration_since(now))) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            let now = Instant::now();
            for event in &events {
                self.viewers[event.token().0].handle_readable(now, &mut self.batch)?;
            }
        }
    }

    fn handle_timeouts(&mut self, now: Instant) -> Result<(), Failure> {
        for viewer in &mut self.viewers {
            if viewer.poll_timeout() <= now {
                viewer.handle_timeout(now)?;
            }
        }
        if self.control_at <= now {
            self.control_at = now + CONTROL_INTERVAL;
            for viewer in &mut self.viewers {
                viewer.serve_control()?;
            }
        }
        Ok(())
    }
}
