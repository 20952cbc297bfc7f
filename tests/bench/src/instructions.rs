//! Instructions of a packet on its way, counted by valgrind: the same on a busy machine.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;
use crate::hot_path::{FRAMES_MAX, Stage, VIEWERS};
use crate::process::{machine, rustc};

/// Frames of the shorter run: the first group of pictures fills caches and is not counted.
const FRAMES_BEFORE: u64 = 60;
/// Runs of each kind: handshakes draw random numbers, and take a million instructions more or
/// less, which is 3 % of what the frames after them take.
const RUNS: u64 = 6;
/// How much worse a figure may be than the table's.
const TOLERANCE: f64 = 1.05;

/// One line of the table.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    what: String,
    per: String,
    instructions: u64,
}

/// One run under valgrind.
struct Count {
    instructions: u64,
    camera_packets: u64,
    viewer_packets: u64,
}

/// Counts, and writes the table; or compares with it.
pub fn run(check: bool) -> Result<(), Failure> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        if check {
            eprintln!("warning: instructions were not checked: valgrind is not installed");
            return Ok(());
        }
        return Err("valgrind is not installed (Debian: apt install valgrind)".into());
    }
    let path = table_path();
    let lines = count()?;
    let text = render(&lines);
    if !check {
        print!("{text}");
        std::fs::write(&path, text)?;
        return Ok(());
    }
    let known =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    compare(&parse(&known), &lines)
}

fn table_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/instructions.md")
}

fn count() -> Result<Vec<Line>, Failure> {
    let ingest = stage(Stage::Ingest)?;
    let fanout = stage(Stage::Fanout)?;
    let whole = stage(Stage::Whole)?;
    let frames = FRAMES_MAX - FRAMES_BEFORE;
    let line = |what: &str, per: &str, instructions: u64, of: u64| Line {
        what: what.to_owned(),
        per: per.to_owned(),
        instructions: instructions / of,
    };
    let (sent, read) = (whole.viewer_packets, ingest.camera_packets);
    let matrix = fanout.instructions - ingest.instructions;
    let peers = whole.instructions - fanout.instructions;
    Ok(vec![
        line("RTSP to frames (rtsp, intake)", "packet read", ingest.instructions, read),
        line("RTSP to frames (rtsp, intake)", "frame", ingest.instructions, frames),
        line("cache and fan-out (hub)", "packet sent", matrix, sent),
        line("write, SRTP included (peer)", "packet sent", peers, sent),
        line("whole", "packet sent", whole.instructions, sent),
    ])
}

/// What the frames after the first ones cost up to a stage.
fn stage(stage: Stage) -> Result<Count, Failure> {
    eprintln!("valgrind: {}", stage.name());
    let (before, all) = (average(stage, FRAMES_BEFORE)?, average(stage, FRAMES_MAX)?);
    Ok(Count {
        instructions: all.instructions.saturating_sub(before.instructions),
        camera_packets: all.camera_packets - before.camera_packets,
        viewer_packets: all.viewer_packets - before.viewer_packets,
    })
}

fn average(stage: Stage, frames: u64) -> Result<Count, Failure> {
    let mut average = valgrind(stage, frames)?;
    for _ in 1..RUNS {
        average.instructions += valgrind(stage, frames)?.instructions;
    }
    average.instructions /= RUNS;
    Ok(average)
}

fn valgrind(stage: Stage, frames: u64) -> Result<Count, Failure> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["hot-path", stage.name(), &frames.to_string()])
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("valgrind: {errors}").into());
    }
    let collected = errors.lines().find_map(|line| line.split_once("Collected : "));
    let (_, instructions) = collected.ok_or("valgrind counted nothing")?;
    let printed = String::from_utf8(output.stdout)?;
    let (camera_packets, viewer_packets) =
        printed.trim().split_once(' ').ok_or("the way says nothing")?;
    Ok(Count {
        instructions: instructions.trim().parse()?,
        camera_packets: camera_packets.parse()?,
        viewer_packets: viewer_packets.parse()?,
    })
}

fn render(lines: &[Line]) -> String {
    let mut text = format!(
        "# Instructions of a packet\n\n\
         Written by `cargo run --release -p crosspoint-bench -- instructions`; with `--check` \
         that command fails where a figure has become 5 % worse. One camera (360p, 1 Mbit/s, \
         30 frames a second, GOP of 2 s), {VIEWERS} viewers, no sockets; valgrind's callgrind \
         counts. The crypto library chooses its code by the processor.\n\n\
         {}; {}\n\n| way | per | instructions |\n| --- | --- | ---: |\n",
        machine(),
        rustc()
    );
    for line in lines {
        // Writing to a string can't fail.
        let _ = writeln!(text, "| {} | {} | {} |", line.what, line.per, line.instructions);
    }
    text
}

fn parse(text: &str) -> Vec<Line> {
    let line = |row: &str| {
        let mut cells = row.strip_prefix('|')?.split('|').map(str::trim);
        let (what, per) = (cells.next()?.to_owned(), cells.next()?.to_owned());
        Some(Line { what, per, instructions: cells.next()?.parse().ok()? })
    };
    text.lines().filter_map(line).collect()
}

fn compare(known: &[Line], counted: &[Line]) -> Result<(), Failure> {
    let mut worse = Vec::new();
    for line in counted {
        let (what, per) = (&line.what, &line.per);
        let same = |other: &&Line| other.what == *what && other.per == *per;
        let Some(before) = known.iter().find(same) else {
            return Err(format!("the table has no line for {what}, {per}").into());
        };
        let factor = line.instructions as f64 / before.instructions as f64;
        let text = format!(
            "{what}, {per}: {} instead of {} ({:+.1} %)",
            line.instructions,
            before.instructions,
            (factor - 1.0) * 100.0
        );
        println!("{text}");
        if factor > TOLERANCE {
            worse.push(text);
        }
    }
    match worse[..] {
        [] => Ok(()),
        _ => Err(format!("more instructions than the table allows:\n{}", worse.join("\n")).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(instructions: u64) -> Vec<Line> {
        vec![Line { what: "whole".to_owned(), per: "packet sent".to_owned(), instructions }]
    }

    #[test]
    fn a_written_table_is_read_again() {
        assert_eq!(parse(&render(&line(4711))), line(4711));
    }

    #[test]
    fn what_is_five_percent_worse_fails() {
        assert!(compare(&line(1000), &line(1050)).is_ok());
        assert!(compare(&line(1000), &line(10)).is_ok());
        assert!(compare(&line(1000), &line(1051)).is_err());
        assert!(compare(&[], &line(1)).is_err());
    }
}
