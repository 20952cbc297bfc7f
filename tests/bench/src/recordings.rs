//! What a recorded stream costs, of a camera and of a publisher, beside the same stream that is
//! only received, and beside the least: its bytes written, its packets decrypted.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::arguments::Options;
use crate::folder::Folder;
use crate::h264::Profile;
use crate::limits::{self, Limit};
use crate::process::{Process, load_average, machine};
use crate::rows::only_build;
use crate::server::serve;
use crate::statistics::percentile;
use crate::tail::{Seen, Tail};
use crate::{Failure, cameras, publisher};

/// Until every file has a picture: the first ones wait to see whether there is sound.
const BEGIN_WITHIN: Duration = Duration::from_secs(20);
/// Until all is as it stays.
const SETTLE: Duration = Duration::from_secs(3);
/// Bytes of a publisher's packet in the mean, for the limit.
const PACKET_BYTES: usize = 1_000;
/// Writes of the limit.
const WRITES: usize = 200;

/// Where streams come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Cameras,
    Publishers,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    name: &'static str,
    from: From,
    streams: usize,
    is_recorded: bool,
}

const fn row(name: &'static str, from: From, streams: usize, is_recorded: bool) -> Row {
    Row { name, from, streams, is_recorded }
}

const ROWS: &[Row] = &[
    row("1 camera", From::Cameras, 1, true),
    row("10 cameras", From::Cameras, 10, true),
    row("50 cameras", From::Cameras, 50, true),
    row("50 cameras, no files", From::Cameras, 50, false),
    row("1 publisher", From::Publishers, 1, true),
    row("10 publishers", From::Publishers, 10, true),
    row("50 publishers", From::Publishers, 50, true),
    row("50 publishers, no files", From::Publishers, 50, false),
];

/// Measures and prints.
pub fn run(options: &Options) -> Result<(), Failure> {
    let server = only_build(options)?;
    let profile = Profile::SMALL;
    println!("{}, load {:.1}\n", machine(), load_average());
    println!(
        "| streams of 1 Mbit/s | CPU s* | of a core, all | RSS MB | kB/s a file | pictures | lost \
         | latency ms p50 / p99 / max | load |\n| --- {}|",
        "| ---: ".repeat(8)
    );
    let is_wanted =
        |row: &&Row| options.rows.is_empty() || options.rows.iter().any(|name| name == row.name);
    for row in ROWS.iter().filter(is_wanted) {
        let folder = Folder::new("recordings")?;
        let line = row.run(&server, folder.path(), profile, options.window)?;
        println!("{line}");
    }
    println!(
        "\n\\* CPU seconds of the server per stream and minute. Latency: from the picture's \
         instant to its being in the file; a write holds a second.\n"
    );
    print_limits(profile)
}

fn print_limits(profile: Profile) -> Result<(), Failure> {
    let folder = Folder::new("recordings")?;
    let bytes = (profile.bits_per_second / 8) as usize;
    let write_ns = limits::write(folder.path(), bytes, WRITES)?;
    let decrypt_ns = Limit::Decrypt(PACKET_BYTES).measure(PACKET_BYTES)?;
    let packets = bytes as f64 / PACKET_BYTES as f64;
    println!("| limit | CPU s a stream and minute |\n| --- | ---: |");
    println!("| {bytes} bytes a second written | {:.4} |", write_ns * 60.0 / 1e9);
    println!(
        "| {packets:.0} packets a second decrypted | {:.4} |",
        decrypt_ns * packets * 60.0 / 1e9
    );
    Ok(())
}

impl Row {
    fn run(
        &self,
        server: &Path,
        folder: &Path,
        profile: Profile,
        window: Duration,
    ) -> Result<String, Failure> {
        let names: Vec<String> = (0..self.streams).map(cameras::name).collect();
        let mut text = String::from("warm: true\n");
        if self.is_recorded {
            let path = folder.join("{stream}/{part}");
            text += &format!("record: {{\"*\": {{path: {path:?}, min_free: 0}}}}\n");
        }
        // What sends is held until the end of the row.
        let mut sender;
        let process = match self.from {
            From::Cameras => {
                let (cameras, writes_frames) = (self.streams, false);
                let order = cameras::Order { cameras, profile, writes_frames };
                sender = Process::start_role("cameras", &order)?;
                let at = sender.line()?;
                let stream = |name| format!("  {name}: rtsp://{at}/{name}\n");
                let streams: String = names.iter().map(stream).collect();
                serve(server, &format!("{text}streams:\n{streams}"))?.0
            }
            From::Publishers => {
                let streams: String = names.iter().map(|name| format!("  {name}:\n")).collect();
                let rtsp = "rtsp: {listen: \"127.0.0.1:0\"}\n";
                let (process, server) = serve(server, &format!("{text}{rtsp}streams:\n{streams}"))?;
                let order = publisher::Order { server, publishers: self.streams, profile };
                sender = Process::start_role("publishers", &order)?;
                sender.line()?;
                process
            }
        };
        let frame = Duration::from_secs(1) / profile.frames_per_second as u32;
        let mut tail = Tail::new(folder, frame);
        let give_up_at = Instant::now() + BEGIN_WITHIN;
        while self.is_recorded && tail.begun() < self.streams {
            if Instant::now() > give_up_at {
                return Err(format!("{} of {} files are begun", tail.begun(), self.streams).into());
            }
            tail.follow(Instant::now() + Duration::from_millis(100))?;
        }
        tail.follow(Instant::now() + SETTLE)?;
        tail.reset();
        let before_s = process.cpu_s()?;
        let mut seen = tail.follow(Instant::now() + window)?;
        let spent_s = process.cpu_s()? - before_s;
        let rss_mb = process.memory()?.rss_mb;
        Ok(self.line(&mut seen, spent_s / window.as_secs_f64(), rss_mb, window))
    }

    fn line(&self, seen: &mut Seen, cores: f64, rss_mb: f64, window: Duration) -> String {
        seen.latencies_us.sort_by(f64::total_cmp);
        let streams = self.streams as f64;
        let files = format!(
            "{:.0} | {} | {}",
            seen.bytes as f64 / window.as_secs_f64() / streams / 1e3,
            seen.frames,
            seen.lost
        );
        let latency = [0.5, 0.99, 1.0]
            .map(|share| format!("{:.0}", percentile(&seen.latencies_us, share) / 1e3))
            .join(" / ");
        let (files, latency) = match self.is_recorded {
            true => (files, latency),
            false => (" | | ".to_owned(), String::new()),
        };
        format!(
            "| {} | {:.3} | {:.1} % | {rss_mb:.1} | {files} | {latency} | {:.1} |",
            self.name,
            cores * 60.0 / streams,
            cores * 100.0,
            load_average()
        )
    }
}
