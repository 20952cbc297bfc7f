//! The rows of the cost table: each load with its target.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::arguments::{Build, Options};
use crate::h264::Profile;
use crate::limits::Limit;
use crate::load::{Load, Pass, Timing};
use crate::process::{build_server, load_average, machine};
use crate::server::Server;
use crate::statistics::median;
use crate::{Failure, bare, table};

/// How long a load runs before it is measured: caches and buffers have their size.
const SETTLE: Duration = Duration::from_secs(4);
const SETTLE_QUICK: Duration = Duration::from_secs(1);
/// Long past the age at which a packet leaves a resend window: what grows after that leaks.
const SETTLE_FULL: Duration = Duration::from_secs(25);
/// Packets of the mean size are measured with this size where no row has run.
const MEAN_BYTES: usize = 1_000;
/// How often each row is measured, unless said.
const PASSES: usize = 3;

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub name: &'static str,
    pub load: Load,
    /// Whether the resend windows are full when it is measured.
    pub is_full: bool,
    /// CPU seconds per viewer x stream x minute.
    pub cpu_target_s: Option<f64>,
    pub rss_target_mb: Option<f64>,
}

const fn row(name: &'static str, viewers: usize, slots: usize, profile: Profile) -> Row {
    let load = Load { viewers, slots, cameras: slots, profile };
    Row { name, load, is_full: false, cpu_target_s: None, rss_target_mb: None }
}

const fn with_targets(row: Row, cpu_s: f64, rss_mb: f64) -> Row {
    Row { cpu_target_s: Some(cpu_s), rss_target_mb: Some(rss_mb), ..row }
}

pub const ROWS: &[Row] = &[
    with_targets(row("idle", 0, 1, Profile::SMALL), 0.0, 5.0),
    with_targets(row("1x9", 1, 9, Profile::SMALL), 0.10, 16.0),
    with_targets(row("10x1", 10, 1, Profile::SMALL), 0.06, 12.0),
    with_targets(row("50x1", 50, 1, Profile::SMALL), 0.03, 24.0),
    with_targets(row("10x1-1080p", 10, 1, Profile::LARGE), 0.15, 16.0),
    Row { is_full: true, ..row("10x1-full", 10, 1, Profile::SMALL) },
    Row { is_full: true, ..row("50x1-full", 50, 1, Profile::SMALL) },
];

/// What each further viewer may cost, in MB, with a full resend window.
pub const FURTHER_VIEWER_TARGET_MB: f64 = 0.3;

/// One row of one build.
#[derive(Debug, Serialize)]
pub struct Measured {
    pub row: &'static str,
    pub build: String,
    pub median: Pass,
    pub passes: Vec<Pass>,
}

/// The least that a packet costs.
#[derive(Debug, Serialize)]
pub struct LimitMeasured {
    pub name: String,
    /// CPU nanoseconds of a packet, in the median.
    pub ns_per_packet: f64,
}

/// Memory from 10 viewers to 50.
#[derive(Debug, Serialize)]
pub struct FurtherViewer {
    pub build: String,
    pub is_full: bool,
    pub rss_mb: f64,
}

/// A row without a server's work.
#[derive(Debug, Serialize)]
pub struct Bare {
    pub row: &'static str,
    /// CPU seconds per viewer x stream x minute, in the median.
    pub cpu_s: f64,
}

/// All of it.
#[derive(Debug, Serialize)]
pub struct Results {
    pub machine: String,
    pub load_average_before: f64,
    pub rows: Vec<Measured>,
    pub further_viewer: Vec<FurtherViewer>,
    pub mean_packet_bytes: usize,
    pub limits: Vec<LimitMeasured>,
    pub bare: Vec<Bare>,
}

/// Measures and prints.
pub fn run(options: &Options) -> Result<(), Failure> {
    let rows = chosen(&options.rows)?;
    let mut builds =
        vec![Build { name: "this".to_owned(), server: Server::Crosspoint(build_server()?) }];
    builds.extend(options.builds.iter().cloned());
    let load_average_before = load_average();
    let mut results = Results {
        machine: machine(),
        load_average_before,
        rows: measure(options, &rows, &builds)?,
        further_viewer: Vec::new(),
        mean_packet_bytes: MEAN_BYTES,
        limits: Vec::new(),
        bare: Vec::new(),
    };
    results.further_viewer = further_viewer(&results.rows, &builds);
    let sizes = results.rows.iter().map(|row| row.median.packet_bytes).filter(|&bytes| bytes > 0.0);
    let sizes: Vec<f64> = sizes.collect();
    if !sizes.is_empty() {
        results.mean_packet_bytes = median(&sizes).round() as usize;
    }
    results.limits = measure_limits(results.mean_packet_bytes)?;
    results.bare = measure_bare(options, &rows, &results.rows)?;
    let text = table::render(&results);
    print!("{text}");
    if let Some(path) = &options.markdown {
        std::fs::write(path, &text)?;
    }
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_string_pretty(&results)?)?;
    }
    Ok(())
}

fn chosen(names: &[String]) -> Result<Vec<Row>, Failure> {
    if names.is_empty() {
        return Ok(ROWS.to_vec());
    }
    let find = |name: &String| {
        let known: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        let row = ROWS.iter().find(|row| row.name == name).copied();
        row.ok_or(format!("{name}: no such row; there are {}", known.join(", ")).into())
    };
    names.iter().map(find).collect()
}

/// All rows of all builds, pass after pass: whatever else the machine does meets them all.
fn measure(options: &Options, rows: &[Row], builds: &[Build]) -> Result<Vec<Measured>, Failure> {
    let mut measured: Vec<(Row, &Build, Vec<Pass>)> =
        rows.iter().flat_map(|row| builds.iter().map(|build| (*row, build, Vec::new()))).collect();
    let count = options.passes.unwrap_or(PASSES);
    for pass in 1..=count {
        for (row, build, passes) in &mut measured {
            eprintln!("pass {pass} of {count}: {} ({})", row.name, build.name);
            passes.push(row.load.run(&build.server, &row.timing(options))?);
        }
    }
    let finish = |(row, build, passes): (Row, &Build, Vec<Pass>)| {
        let median = Pass::median(&passes)?;
        Ok(Measured { row: row.name, build: build.name.clone(), median, passes })
    };
    measured.into_iter().map(finish).collect()
}

impl Row {
    fn timing(&self, options: &Options) -> Timing {
        let settle = match (self.is_full, options.is_quick) {
            (true, _) => SETTLE_FULL,
            (false, true) => SETTLE_QUICK,
            (false, false) => SETTLE,
        };
        Timing { settle, window: options.window, writes_frames: options.writes_frames }
    }
}

fn further_viewer(rows: &[Measured], builds: &[Build]) -> Vec<FurtherViewer> {
    let mut found = Vec::new();
    for build in builds {
        let rss = |name: &str| {
            let row = rows.iter().find(|row| row.row == name && row.build == build.name)?;
            Some(row.median.rss_mb)
        };
        for (is_full, few, many) in [(false, "10x1", "50x1"), (true, "10x1-full", "50x1-full")] {
            if let (Some(few_mb), Some(many_mb)) = (rss(few), rss(many)) {
                let rss_mb = (many_mb - few_mb) / 40.0;
                found.push(FurtherViewer { build: build.name.clone(), is_full, rss_mb });
            }
        }
    }
    found
}

fn measure_limits(mean_bytes: usize) -> Result<Vec<LimitMeasured>, Failure> {
    eprintln!("the limits");
    let measure = |limit: Limit| {
        let figures: Result<Vec<f64>, Failure> =
            (0..PASSES).map(|_| limit.measure(mean_bytes)).collect();
        Ok(LimitMeasured { name: limit.name(mean_bytes), ns_per_packet: median(&figures?) })
    };
    Limit::all(mean_bytes).into_iter().map(measure).collect()
}

fn measure_bare(
    options: &Options,
    rows: &[Row],
    measured: &[Measured],
) -> Result<Vec<Bare>, Failure> {
    let mut bare = Vec::new();
    for row in rows.iter().filter(|row| row.load.viewers > 0 && !row.is_full) {
        eprintln!("{} without a server's work", row.name);
        let Some(measured) = measured.iter().find(|measured| measured.row == row.name) else {
            continue;
        };
        let passes: Result<Vec<f64>, Failure> = (0..options.passes.unwrap_or(PASSES))
            .map(|_| bare::measure(&row.load, &measured.median, options.window))
            .collect();
        bare.push(Bare { row: row.name, cpu_s: median(&passes?) });
    }
    Ok(bare)
}

/// The server that is measured where only one is.
pub fn only_build(options: &Options) -> Result<PathBuf, Failure> {
    let mut named = options.builds.iter().filter_map(|build| match &build.server {
        Server::Crosspoint(path) => Some(path.clone()),
        Server::Janus => None,
    });
    named.next().map_or_else(build_server, Ok)
}
