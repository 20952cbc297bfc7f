//! One load: its cameras, the server, its viewers, and what the server spent on them.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::h264::Profile;
use crate::process::{Process, load_average};
use crate::server::Server;
use crate::statistics::median;
use crate::viewers::{FirstPictures, News, Report};
use crate::{Failure, cameras, viewers};

/// What is asked of a server.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub viewers: usize,
    /// Of each viewer.
    pub slots: usize,
    pub cameras: usize,
    pub profile: Profile,
}

/// How it is measured.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub settle: Duration,
    pub window: Duration,
    /// See [`cameras::Order::writes_frames`].
    pub writes_frames: bool,
}

/// One pass over one load.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Pass {
    /// CPU seconds of the server per viewer x stream x minute; per minute if there are none.
    pub cpu_s: f64,
    /// CPU microseconds of the server per RTP packet that arrived.
    pub cpu_us_per_packet: f64,
    pub packets_per_second: f64,
    /// Mean bytes of a packet, RTP header and SRTP tag included.
    pub packet_bytes: f64,
    pub frames_per_second: f64,
    pub lost: f64,
    pub rss_mb: f64,
    pub anonymous_mb: f64,
    pub latency_p50_us: f64,
    pub latency_p99_us: f64,
    pub latency_max_us: f64,
    pub cold_ms: f64,
    pub warm_ms: f64,
    /// Share of one core that the load generator took.
    pub viewers_cpu: f64,
    pub load_average: f64,
}

impl Load {
    /// Runs it once.
    pub fn run(&self, server: &Server, timing: &Timing) -> Result<Pass, Failure> {
        let order = cameras::Order {
            cameras: self.cameras,
            profile: self.profile,
            writes_frames: timing.writes_frames,
        };
        let mut cameras = Process::start_role("cameras", &order)?;
        let at: SocketAddr = cameras.line()?.parse()?;
        let (server, endpoint) = server.start(self.cameras, at)?;
        if self.viewers == 0 {
            return idle(&server, timing);
        }
        let order = viewers::Order {
            server: endpoint,
            viewers: self.viewers,
            slots: self.slots,
            cameras: self.cameras,
            settle: timing.settle,
            window: timing.window,
        };
        let mut viewers = Process::start_role("viewers", &order)?;
        let News::Connected(first) = viewers.news()? else { return Err(disorder()) };
        let News::Started = viewers.news()? else { return Err(disorder()) };
        let before_s = server.cpu_s()?;
        let News::Ended(report) = viewers.news()? else { return Err(disorder()) };
        let spent_s = server.cpu_s()? - before_s;
        self.evaluate(&server, &report, first, spent_s)
    }

    fn evaluate(
        &self,
        server: &Process,
        report: &Report,
        first: FirstPictures,
        spent_s: f64,
    ) -> Result<Pass, Failure> {
        let memory = server.memory()?;
        let tracks = (self.viewers * self.slots) as f64;
        let packets = report.packets.max(1) as f64;
        Ok(Pass {
            cpu_s: spent_s / tracks / (report.seconds / 60.0),
            cpu_us_per_packet: spent_s * 1e6 / packets,
            packets_per_second: report.packets as f64 / report.seconds,
            packet_bytes: report.bytes as f64 / packets,
            frames_per_second: report.frames as f64 / report.seconds / tracks,
            lost: report.lost as f64,
            rss_mb: memory.rss_mb,
            anonymous_mb: memory.anonymous_mb,
            latency_p50_us: report.latency_p50_us,
            latency_p99_us: report.latency_p99_us,
            latency_max_us: report.latency_max_us,
            cold_ms: first.cold_ms,
            warm_ms: first.warm_ms.unwrap_or_default(),
            viewers_cpu: report.own_cpu_s / report.seconds,
            load_average: load_average(),
        })
    }
}

impl Pass {
    /// Each figure's median; but all that was lost, and the highest latency.
    pub fn median(passes: &[Self]) -> Result<Self, Failure> {
        let passes: Vec<Map<String, Value>> = passes
            .iter()
            .map(|pass| serde_json::from_value(serde_json::to_value(pass)?))
            .collect::<Result<_, _>>()?;
        let mut medians = Map::new();
        for key in passes.first().ok_or("no pass")?.keys() {
            let figures: Vec<f64> = passes.iter().filter_map(|pass| pass[key].as_f64()).collect();
            let figure = match key.as_str() {
                "lost" => figures.iter().sum(),
                "latency_max_us" => figures.iter().copied().fold(0.0, f64::max),
                _ => median(&figures),
            };
            medians.insert(key.clone(), figure.into());
        }
        Ok(serde_json::from_value(Value::Object(medians))?)
    }
}

/// A server that nobody asks for anything.
fn idle(server: &Process, timing: &Timing) -> Result<Pass, Failure> {
    std::thread::sleep(timing.settle);
    let before_s = server.cpu_s()?;
    std::thread::sleep(timing.window);
    let memory = server.memory()?;
    Ok(Pass {
        cpu_s: (server.cpu_s()? - before_s) / (timing.window.as_secs_f64() / 60.0),
        rss_mb: memory.rss_mb,
        anonymous_mb: memory.anonymous_mb,
        load_average: load_average(),
        ..Pass::default()
    })
}

fn disorder() -> Failure {
    "the load generator speaks out of turn".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_hide_no_loss() {
        let pass =
            |cpu_s, lost, latency_max_us| Pass { cpu_s, lost, latency_max_us, ..Pass::default() };
        let median = Pass::median(&[pass(3.0, 0.0, 9.0), pass(1.0, 5.0, 7.0), pass(2.0, 0.0, 8.0)]);
        let median = median.unwrap();
        assert_eq!((median.cpu_s, median.lost, median.latency_max_us), (2.0, 5.0, 9.0));
    }
}
