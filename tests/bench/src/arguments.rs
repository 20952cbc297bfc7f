//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::server::Server;
use crate::{bare, cameras, publisher, viewers};

pub const HELP: &str = "\
crosspoint-bench [OPTIONS]               what viewers cost, beside the targets and the limits
crosspoint-bench scale [OPTIONS]         how that grows; writes docs/scale
crosspoint-bench instructions [--check]  instructions a packet; writes docs/instructions.md,
                                         or fails where it has become 5 % worse
crosspoint-bench recordings [OPTIONS]    what files of cameras and of publishers cost
crosspoint-bench vanish                  what memory viewers leave behind that say no goodbye

  --row NAME              only this row, or this plot; may be repeated
  --crosspoint NAME=PATH  another build to measure beside this one; may be repeated
  --janus                 Janus too, as Debian packages it, with the same cameras and viewers
  --passes N              how often each row is measured: 3, or 1 for scale
  --seconds S             how long each time, 10
  --quick                 one pass of 3 s
  --frame-writes          cameras write a frame at once, not a packet at a time
  --json FILE             the figures of every pass
  --markdown FILE         the tables, which are printed too";

/// What is measured, by the name in the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    pub name: String,
    pub server: Server,
}

/// How to measure, and what.
#[derive(Debug, Clone)]
pub struct Options {
    pub rows: Vec<String>,
    pub builds: Vec<Build>,
    /// Where it was said.
    pub passes: Option<usize>,
    pub window: Duration,
    pub is_quick: bool,
    pub writes_frames: bool,
    pub json: Option<PathBuf>,
    pub markdown: Option<PathBuf>,
}

/// What to do.
#[derive(Debug)]
pub enum Command {
    Help,
    Run(Options),
    Scale(Options),
    Vanish(Options),
    Recordings(Options),
    Instructions {
        check: bool,
    },
    /// The roles that this program starts itself in.
    Bare(bare::Order),
    Cameras(cameras::Order),
    Viewers(viewers::Order),
    Publishers(publisher::Order),
    HotPath {
        stage: String,
        frames: u64,
    },
}

/// Reads the words behind the program's name; the text of a mistake.
pub fn parse(words: &[String]) -> Result<Command, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["help" | "--help" | "-h", ..] => Ok(Command::Help),
        ["bare", order] => json(order).map(Command::Bare),
        ["cameras", order] => json(order).map(Command::Cameras),
        ["viewers", order] => json(order).map(Command::Viewers),
        ["publishers", order] => json(order).map(Command::Publishers),
        ["hot-path", stage, frames] => {
            Ok(Command::HotPath { stage: stage.to_owned(), frames: number(frames)? })
        }
        ["instructions"] => Ok(Command::Instructions { check: false }),
        ["instructions", "--check"] => Ok(Command::Instructions { check: true }),
        ["vanish", ref rest @ ..] => options(rest).map(Command::Vanish),
        ["recordings", ref rest @ ..] => options(rest).map(Command::Recordings),
        ["scale", ref rest @ ..] => options(rest).map(Command::Scale),
        ref rest => options(rest).map(Command::Run),
    }
}

fn options(words: &[&str]) -> Result<Options, String> {
    let mut options = Options {
        rows: Vec::new(),
        builds: Vec::new(),
        passes: None,
        window: Duration::from_secs(10),
        is_quick: false,
        writes_frames: false,
        json: None,
        markdown: None,
    };
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word}: a value is missing"));
        match word {
            "--row" => options.rows.push(value()?.to_owned()),
            "--crosspoint" => options.builds.push(build(value()?)),
            "--janus" => {
                options.builds.push(Build { name: "Janus".to_owned(), server: Server::Janus });
            }
            "--passes" => options.passes = Some(number::<usize>(value()?)?.max(1)),
            "--seconds" => options.window = Duration::from_secs(number::<u64>(value()?)?.max(1)),
            "--quick" => {
                (options.passes, options.window) = (Some(1), Duration::from_secs(3));
                options.is_quick = true;
            }
            "--frame-writes" => options.writes_frames = true,
            "--json" => options.json = Some(value()?.into()),
            "--markdown" => options.markdown = Some(value()?.into()),
            _ => return Err(format!("{word}: no such option\n\n{HELP}")),
        }
    }
    Ok(options)
}

fn build(word: &str) -> Build {
    let (name, path) = word.split_once('=').unwrap_or((word, word));
    Build { name: name.to_owned(), server: Server::Crosspoint(path.into()) }
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("{word}: not a number"))
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Result<Options, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match parse(&words)? {
            Command::Run(options) => Ok(options),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn options_are_read() {
        let read = options("--row 10x1 --row idle --crosspoint old=/tmp/x --seconds 4").unwrap();
        assert_eq!(read.rows, ["10x1", "idle"]);
        assert_eq!(read.builds, [build("old=/tmp/x")]);
        assert_eq!((read.passes, read.window), (None, Duration::from_secs(4)));
        assert_eq!(options("--quick").unwrap().passes, Some(1));
    }

    #[test]
    fn mistakes_are_told() {
        for line in ["--rows x", "--row", "--seconds soon", "10x1"] {
            assert!(options(line).is_err(), "{line}");
        }
    }
}
