//! A camera that is away for an hour, with somebody who waits for it, in virtual time: what it
//! costs in attempts, and that it costs no memory.
//!
//! A test binary of its own, because it counts what the whole program allocates.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test may fail")]

use std::time::{Duration, Instant};

use crosspoint::engine::gop::GopLimits;
use crosspoint::engine::hub::{Hub, HubOptions, Output as Wish, SwitchPolicy};
use crosspoint::engine::keyframe::Method;
use crosspoint::engine::source::{SourceId, SourceOptions};
use crosspoint::engine::viewer::ViewerId;
use crosspoint::intake::{Intake, News};
use peak_alloc::PeakAlloc;
use rtsp::client::{Client, Options, Output};
use rtsp::url::Url;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// Containers may have grown to another power of two, nothing more.
const SLACK_BYTES: usize = 1024;

/// What is wrong with it.
#[derive(Debug, Clone, Copy)]
enum Away {
    Unreachable,
    /// It closes each connection.
    Closing,
    /// It takes connections and says nothing.
    Silent,
    /// It answers each request by 503.
    Busy,
}

/// A camera's client, what it feeds, and a viewer who waits.
struct World {
    now: Instant,
    away: Away,
    client: Client,
    intake: Intake,
    hub: Hub,
    source: SourceId,
    attempts: Vec<Instant>,
}

impl World {
    fn new(away: Away) -> Self {
        let now = Instant::now();
        let mut hub = Hub::new(HubOptions {
            policy: SwitchPolicy::Replay,
            burst_bytes: 100_000,
            burst_bytes_per_second: 5_000_000,
            gop_total_max_bytes: 1_000_000,
        });
        let gop = GopLimits { max_frames: 100, max_bytes: 1_000_000 };
        let (linger, keyframe) = (Duration::from_secs(20), vec![Method::Rtcp, Method::Session]);
        let options = SourceOptions { warm: false, linger, gop, keyframe };
        let source = hub.add_source(now, "door".to_owned(), options);
        let viewer = ViewerId(1);
        hub.add_viewer(now, viewer, [(Some(source), 7)].into_iter());
        hub.handle_connected(now, viewer);
        let client = Client::new(Options::new(Url::parse("rtsp://cam/live").unwrap()), 1);
        // Not counted as the memory that they are part of.
        let attempts = Vec::with_capacity(10_000);
        Self { now, away, client, intake: Intake::default(), hub, source, attempts }
    }

    /// Steps everything until nobody has anything to say.
    fn settle(&mut self) {
        loop {
            if let Some(wish) = self.hub.poll_output() {
                match wish {
                    Wish::Start(_) => self.client.start(self.now),
                    Wish::Stop(_) => self.client.stop(self.now),
                    _ => {}
                }
            } else if let Some(output) = self.client.poll_output() {
                self.answer(output);
            } else {
                return;
            }
        }
    }

    /// Does as the camera does.
    fn answer(&mut self, output: Output) {
        match (output, self.away) {
            (Output::Connect { .. }, away) => {
                self.attempts.push(self.now);
                match away {
                    Away::Unreachable => {
                        self.client.handle_connect_failed(self.now, "unreachable");
                    }
                    Away::Closing => {
                        self.client.handle_connected(self.now);
                        self.client.handle_closed(self.now, "closed");
                    }
                    Away::Silent | Away::Busy => self.client.handle_connected(self.now),
                }
            }
            (Output::Send(request), Away::Busy) => {
                let request = String::from_utf8(request).unwrap();
                let number = request.lines().find(|line| line.starts_with("CSeq")).unwrap();
                let reply = format!("RTSP/1.0 503 Service Unavailable\r\n{number}\r\n\r\n");
                self.client.handle_data(self.now, reply.as_bytes());
            }
            (Output::Event(event), _) => {
                let mut news = Vec::new();
                self.intake.handle_event(event, &mut news);
                for item in news {
                    if let News::Health(health) = item {
                        self.hub.handle_health(self.now, self.source, health);
                    }
                }
            }
            _ => {}
        }
    }

    /// Lets time pass, from deadline to deadline.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.settle();
        loop {
            let next = self.client.poll_timeout().into_iter().chain(self.hub.poll_timeout()).min();
            self.now = next.map_or(end, |at| at.min(end)).max(self.now);
            if self.now == end {
                return;
            }
            self.client.handle_timeout(self.now);
            self.hub.handle_timeout(self.now);
            self.settle();
        }
    }
}

#[test]
fn a_camera_that_is_away_for_an_hour_costs_few_attempts_and_no_memory() {
    for away in [Away::Unreachable, Away::Closing, Away::Silent, Away::Busy] {
        let mut world = World::new(away);
        world.pass(MINUTE);
        let minute_bytes = ALLOCATOR.current_usage();
        let minute_attempts = world.attempts.len();
        world.pass(HOUR - MINUTE);
        let grown_bytes = ALLOCATOR.current_usage().saturating_sub(minute_bytes);
        let attempts = world.attempts.len() - minute_attempts;
        println!("{away:?}: {attempts} attempts in 59 minutes, {grown_bytes} bytes more");
        assert!(grown_bytes <= SLACK_BYTES, "{away:?}: {grown_bytes} bytes more than at first");
        assert!(attempts <= 59 * 2, "{away:?}: {attempts} attempts");
        assert!(attempts >= 80, "{away:?}: {attempts} attempts: given up?");
    }
}
