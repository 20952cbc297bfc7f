//! The walls between the rooms of the house, read off the sources.
//!
//! Crates hold their walls by the compiler; modules of one crate need a test. Tests inside the
//! sources (`#[cfg(test)]`) may do what they like but be too long or too wide.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on fails"
)]

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 600;
const COLUMNS_MAX: usize = 100;

/// Words that may stand only in some places.
struct Wall {
    words: &'static [&'static str],
    /// Where they are looked for: prefixes of paths.
    within: &'static [&'static str],
    /// Where they may stand all the same.
    allowed: &'static [&'static str],
    because: &'static str,
}

const EVERYWHERE: &[&str] = &["src/", "rtsp/src/", "config/src/", "turn/src/"];
/// The rooms that time, bytes and chance enter as arguments.
const PURE: &[&str] = &[
    "src/engine/",
    "src/control/",
    "src/http/",
    "src/room/",
    "src/whip/",
    "src/exec/",
    "src/stdio/",
    "src/http_client/",
    "src/camera_api/",
    "src/relay_list/",
    "src/demo/",
    "src/intake.rs",
    "src/intake/",
    "src/peer/",
    "src/record/",
    "src/date.rs",
    "src/limits.rs",
    "rtsp/src/",
    "config/src/",
    "turn/src/",
];
/// The rooms whose runs must be the same from the same inputs.
const ORDERED: &[&str] = &[
    "src/engine/",
    "src/control/",
    "src/http/",
    "src/room/",
    "src/whip/",
    "src/exec/",
    "src/stdio/",
    "src/http_client/",
    "src/camera_api/",
    "src/relay_list/",
    "src/demo/",
    "src/record/",
    "src/intake.rs",
    "src/intake/",
    "rtsp/src/",
    "config/src/",
    "turn/src/",
];

const WALLS: &[Wall] = &[
    Wall {
        words: &["mio::", "use mio", "socket2::", "quinn_udp::", "signal_hook", "rustix::"],
        within: EVERYWHERE,
        allowed: &["src/net/"],
        because: "only net knows sockets and readiness: what knows neither can be simulated",
    },
    Wall {
        words: &["rustls"],
        within: EVERYWHERE,
        allowed: &["src/net/"],
        because: "only net encrypts connections: whip sees what is said on them",
    },
    Wall {
        words: &["tungstenite"],
        within: EVERYWHERE,
        allowed: &["src/net/"],
        because: "only net frames WebSocket messages: control sees messages, not bytes",
    },
    Wall {
        words: &["str0m"],
        within: EVERYWHERE,
        allowed: &["src/peer/"],
        because: "only peer knows str0m: it must be drained after every mutation, and peer has \
                  no method that forgets to",
    },
    Wall {
        words: &["serde_yaml", "yaml_serde"],
        within: EVERYWHERE,
        allowed: &["config/src/"],
        because: "only config knows the YAML parser: everybody else sees checked values",
    },
    Wall {
        words: &["rtsp::"],
        within: &["src/engine/", "src/http/", "src/control/"],
        allowed: &["src/engine/frame.rs"], // RTP payloads are alike wherever they come from
        because: "to the matrix and to viewers a camera is frames and health, however it is \
                  reached",
    },
    Wall {
        words: &[
            "rtsp::audio",
            "rtsp::client",
            "rtsp::h264",
            "rtsp::h265",
            "rtsp::receive",
            "rtsp::server",
            "rtsp::video",
            "rtsp::{",
        ],
        within: &["src/peer/"],
        allowed: &[],
        because: "peer reads and writes RTCP, and knows no camera",
    },
    Wall {
        words: &["crate::net", "crate::peer", "crate::http", "crate::control", "crate::intake"],
        within: &["src/engine/"],
        allowed: &[],
        because: "the engine holds the matrix and knows nobody around it",
    },
    Wall {
        words: &["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "ToSocketAddrs"],
        within: EVERYWHERE,
        allowed: &["src/net/"],
        because: "sockets are net's: bytes come in as arguments and go out as outputs",
    },
    Wall {
        words: &["Instant::now", ".elapsed()"],
        within: EVERYWHERE,
        allowed: &["src/net/", "src/main.rs"],
        because: "time is an argument: a clock that is read in the middle can't be simulated",
    },
    Wall {
        words: &["SystemTime::now", "UNIX_EPOCH"],
        within: EVERYWHERE,
        allowed: &["src/net/", "src/main.rs", "src/logger.rs"],
        because: "the wall clock is for the log; everything else is told the time",
    },
    Wall {
        words: &["SystemTime"],
        within: PURE,
        allowed: &["src/demo/", "rtsp/src/"],
        because: "the wall clock jumps; only RTCP's sender reports need it, as an argument",
    },
    Wall {
        words: &["std::thread", "thread::", "std::process", "process::Command"],
        within: EVERYWHERE,
        allowed: &["src/net/", "src/main.rs"],
        because: "one thread runs the loop; another exists only for what can block, in net",
    },
    Wall {
        words: &["std::fs", "fs::read", "fs::write", "File::"],
        within: EVERYWHERE,
        allowed: &["src/net/", "src/main.rs"],
        because: "the disk can hang: only main reads it, once, before the loop runs",
    },
    Wall {
        words: &["std::env", "env::var"],
        within: EVERYWHERE,
        allowed: &["src/main.rs", "src/logger.rs", "src/net/"],
        because: "the environment is an input like any other and comes in as an argument",
    },
    Wall {
        words: &["getrandom", "rand::", "fastrand", "RandomState"],
        within: PURE,
        allowed: &["src/peer/crypto/"],
        because: "chance is a seed in an argument, but for keys: the same seed, the same run",
    },
    Wall {
        words: &["HashMap", "HashSet"],
        within: ORDERED,
        allowed: &[],
        because: "their order differs from run to run: BTreeMap, or Vec",
    },
    Wall {
        words: &["unsafe "],
        within: EVERYWHERE,
        allowed: &[],
        because: "the system calls that need it live in quinn-udp, socket2 and mio",
    },
];

/// A source file, by its path from the root.
struct Source {
    path: String,
    text: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Breach {
    path: String,
    line: usize,
    what: String,
    because: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:{}: {}\n    {}", self.path, self.line, self.what, self.because)
    }
}

/// Lines that are code of the product: comments blanked, test modules cut off.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text
        .lines()
        .position(|line| line.trim() == "#[cfg(test)]")
        .filter(|start| opens_the_last_module(text, *start))
        .unwrap_or(usize::MAX);
    let uncommented = |line: &'_ str| line.find("//").unwrap_or(line.len());
    (1..).zip(text.lines()).take(end).map(move |(number, line)| {
        // A URL is no comment, but nothing that is banned follows one.
        (number, &line[..uncommented(line)])
    })
}

/// Test modules stand last in a file; a single test-only item may stand anywhere.
fn opens_the_last_module(text: &str, start: usize) -> bool {
    let next = text.lines().nth(start + 1).unwrap_or_default();
    next.starts_with("mod ") && next.ends_with('{')
}

fn breaches(source: &Source) -> Vec<Breach> {
    let breach = |line, what: String, because: &str| Breach {
        path: source.path.clone(),
        line,
        what,
        because: because.to_owned(),
    };
    let is_in = |places: &[&str]| places.iter().any(|place| source.path.starts_with(place));
    let is_test = source.path.ends_with("_tests.rs") || source.path.contains("/tests/");
    let mut found = Vec::new();
    for wall in WALLS.iter().filter(|wall| is_in(wall.within) && !is_in(wall.allowed)) {
        for (number, line) in code(&source.text).filter(|_| !is_test) {
            if let Some(word) = wall.words.iter().find(|word| contains_word(line, word)) {
                found.push(breach(number, format!("`{word}` in `{}`", line.trim()), wall.because));
            }
        }
    }
    let lines = source.text.lines().count();
    if lines >= LINES_MAX {
        let what = format!("{lines} lines");
        found.push(breach(lines, what, "one idea a file: fewer than 600 lines"));
    }
    for (number, line) in (1..).zip(source.text.lines()) {
        let columns = line.chars().count();
        if columns > COLUMNS_MAX {
            let because = "at most 100 columns: two files beside each other on a screen";
            found.push(breach(number, format!("{columns} columns"), because));
        }
    }
    found
}

/// Whether a word stands in a line, and not as the end of a longer one.
fn contains_word(line: &str, word: &str) -> bool {
    let starts_like_a_name = word.starts_with(|c: char| c.is_alphanumeric());
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !starts_like_a_name || !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in EVERYWHERE {
        collect(&root.join(folder), &mut paths);
    }
    paths.sort();
    let name = |path: &Path| path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
    paths
        .iter()
        .map(|path| Source { path: name(path), text: fs::read_to_string(path).unwrap() })
        .collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

#[test]
fn every_room_keeps_within_its_walls() {
    let sources = sources();
    for room in ["src/engine/hub/mod.rs", "src/peer/mod.rs", "rtsp/src/lib.rs", "config/src/lib.rs"]
    {
        assert!(sources.iter().any(|source| source.path == room), "{room} was not read");
    }
    let found: Vec<String> =
        sources.iter().flat_map(breaches).map(|breach| breach.to_string()).collect();
    assert!(found.is_empty(), "\n{}", found.concat());
}

/// What is found in a file of this text.
fn planted(path: &str, text: &str) -> Vec<(usize, String)> {
    let source = Source { path: path.to_owned(), text: text.to_owned() };
    breaches(&source).into_iter().map(|breach| (breach.line, breach.because)).collect()
}

#[test]
fn a_planted_breach_of_each_wall_is_found() {
    for wall in WALLS {
        for word in wall.words {
            for place in wall.within {
                let path =
                    if place.ends_with('/') { format!("{place}x.rs") } else { (*place).into() };
                let is_allowed = wall.allowed.iter().any(|allowed| path.starts_with(allowed));
                let found = planted(&path, &format!("fn f() {{\n    let x = {word}();\n}}\n"));
                let is_found = found.contains(&(2, wall.because.to_owned()));
                assert_eq!(is_found, !is_allowed, "`{word}` in {path}");
            }
            for place in wall.allowed {
                let found = planted(place, &format!("use {word};\n"));
                assert!(found.iter().all(|(_, because)| because != wall.because), "{place}");
            }
        }
    }
}

#[test]
fn comments_and_tests_may_name_what_code_may_not() {
    let text =
        "// Instant::now\nfn f() {} // HashMap\n\n#[cfg(test)]\nmod tests {\n    HashMap\n}\n";
    assert_eq!(planted("src/engine/x.rs", text), []);
    let after_one_item = "#[cfg(test)]\nuse x;\nuse std::collections::HashMap;\n";
    assert_eq!(planted("src/engine/x.rs", after_one_item).len(), 1);
    assert_eq!(planted("rtsp/src/auth_tests.rs", "use std::fs;\n"), []);
    assert_eq!(planted("src/engine/latest.rs", "use std::fs;\n").len(), 1);
}

#[test]
fn a_longer_word_is_another_word() {
    assert_eq!(planted("src/engine/x.rs", "operand::f();\nFakeHashMap\n"), []);
    assert_eq!(planted("src/engine/x.rs", "rand::f();\n").len(), 1);
}

#[test]
fn long_files_and_wide_lines_are_found() {
    assert_eq!(planted("src/x.rs", &"\n".repeat(LINES_MAX - 1)), []);
    assert_eq!(planted("src/x.rs", &"\n".repeat(LINES_MAX)).len(), 1);
    assert_eq!(planted("src/x.rs", &"ä".repeat(COLUMNS_MAX)), []);
    assert_eq!(planted("src/x.rs", &"x".repeat(COLUMNS_MAX + 1)).len(), 1);
}
