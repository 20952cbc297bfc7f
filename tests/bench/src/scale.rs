//! How cost grows with one thing at a time, as plots.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::Failure;
use crate::arguments::Options;
use crate::h264::Profile;
use crate::load::{Load, Pass, Timing};
use crate::plot::{self, Panel};
use crate::process::{load_average, machine};
use crate::rows::only_build;
use crate::server::Server;

/// How long a load runs before it is measured, at least.
const SETTLE: Duration = Duration::from_secs(3);

/// One thing that grows.
struct Dimension {
    name: &'static str,
    axis: &'static str,
    values: &'static [f64],
    load: fn(f64) -> Load,
}

const SMALL: Profile = Profile::SMALL;

const DIMENSIONS: &[Dimension] = &[
    Dimension {
        name: "viewers",
        axis: "viewers, one slot each, one camera (360p, 1 Mbit/s)",
        values: &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0],
        load: |count| Load { viewers: count as usize, slots: 1, cameras: 1, profile: SMALL },
    },
    Dimension {
        name: "slots",
        axis: "slots of one viewer, each with its own camera (360p, 1 Mbit/s)",
        values: &[1.0, 2.0, 4.0, 6.0, 9.0],
        load: |count| Load {
            viewers: 1,
            slots: count as usize,
            cameras: count as usize,
            profile: SMALL,
        },
    },
    Dimension {
        name: "cameras",
        axis: "cameras (360p, 1 Mbit/s) of 16 viewers, one slot each",
        values: &[1.0, 2.0, 4.0, 8.0, 16.0],
        load: |count| Load { viewers: 16, slots: 1, cameras: count as usize, profile: SMALL },
    },
    Dimension {
        name: "bitrate",
        axis: "Mbit/s of one camera, ten viewers",
        values: &[0.5, 1.0, 2.0, 4.0, 8.0],
        load: |megabits| ten(Profile { bits_per_second: (megabits * 1e6) as u64, ..SMALL }),
    },
    Dimension {
        name: "gop",
        axis: "seconds from IDR to IDR of one camera (360p, 1 Mbit/s), ten viewers",
        values: &[1.0, 2.0, 5.0, 10.0],
        load: |seconds| ten(Profile { gop_frames: seconds as u64 * 30, ..SMALL }),
    },
];

fn ten(profile: Profile) -> Load {
    Load { viewers: 10, slots: 1, cameras: 1, profile }
}

#[derive(Debug, Serialize)]
struct Results {
    machine: String,
    load_average_before: f64,
    dimensions: Vec<Measured>,
}

#[derive(Debug, Serialize)]
struct Measured {
    name: &'static str,
    axis: &'static str,
    points: Vec<Point>,
}

#[derive(Debug, Serialize)]
struct Point {
    value: f64,
    /// CPU time of the server as a share of one core.
    core_percent: f64,
    median: Pass,
}

/// Measures, and writes a plot for each thing that grows. Names of rows are names of these.
pub fn run(options: &Options) -> Result<(), Failure> {
    let server = Server::Crosspoint(only_build(options)?);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scale");
    std::fs::create_dir_all(&folder)?;
    let mut results =
        Results { machine: machine(), load_average_before: load_average(), dimensions: Vec::new() };
    let wanted = |name: &str| options.rows.is_empty() || options.rows.iter().any(|row| row == name);
    for dimension in DIMENSIONS.iter().filter(|dimension| wanted(dimension.name)) {
        let measured = dimension.measure(&server, options)?;
        let panel = |title, figure: fn(&Point) -> f64| Panel {
            title,
            points: measured.points.iter().map(|point| (point.value, figure(point))).collect(),
        };
        let panels = [
            panel("CPU, % of one core", |point| point.core_percent),
            panel("memory (RSS), MB", |point| point.median.rss_mb),
        ];
        let path = folder.join(format!("{}.svg", dimension.name));
        std::fs::write(path, plot::render(dimension.axis, &panels))?;
        results.dimensions.push(measured);
    }
    let json = options.json.clone().unwrap_or_else(|| folder.join("scale.json"));
    std::fs::write(json, serde_json::to_string_pretty(&results)?)?;
    Ok(())
}

impl Dimension {
    fn measure(&self, server: &Server, options: &Options) -> Result<Measured, Failure> {
        let mut points = Vec::new();
        for &value in self.values {
            let load = (self.load)(value);
            let gop = Duration::from_secs_f64(load.profile.gop_s());
            let timing = Timing {
                settle: SETTLE.max(gop),
                window: options.window,
                writes_frames: options.writes_frames,
            };
            let passes: Result<Vec<Pass>, Failure> =
                (0..options.passes.unwrap_or(1)).map(|_| load.run(server, &timing)).collect();
            let median = Pass::median(&passes?)?;
            let tracks = (load.viewers * load.slots) as f64;
            let core_percent = median.cpu_s * tracks / 60.0 * 100.0;
            println!("{} {value}: {core_percent:.1} %, {:.1} MB", self.name, median.rss_mb);
            points.push(Point { value, core_percent, median });
        }
        Ok(Measured { name: self.name, axis: self.axis, points })
    }
}
