//! The same camera read by three clients: this one, ffmpeg, and the crate retina.
//!
//! The camera is that of rtsp's tests, on a real loopback socket. Every slice that it sends has to
//! come out of our client, byte for byte and in order; where another client gives something else,
//! the table says why. It is committed as agreement.md, and a run that finds it otherwise fails.

#[path = "../../../rtsp/tests/camera/mod.rs"]
mod camera;
mod readers;
mod scenarios;
mod server;

use std::fmt::Write as _;

use scenarios::{Clip, SCENARIOS, Scenario};

/// What a client made of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// Everything, byte for byte.
    All,
    /// So many of the slices sent came out as they were.
    Part(usize),
    /// Nothing came out.
    Nothing,
}

impl Outcome {
    fn of(sent: &[Vec<u8>], got: &[Vec<u8>]) -> Self {
        // The last ones may still be on their way when the camera hangs up.
        let expected = &sent[..sent.len() - scenarios::LAST_PICTURES];
        if got.len() >= expected.len() && got[..expected.len()] == *expected {
            return Self::All;
        }
        match expected.iter().filter(|slice| got.contains(slice)).count() {
            0 => Self::Nothing,
            some => Self::Part(some),
        }
    }

    fn text(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Part(_) => "a part",
            Self::Nothing => "nothing",
        }
    }
}

fn run(scenario: &'static Scenario, read: impl Fn(Clip, &str) -> Vec<Vec<u8>>) -> Outcome {
    let served = server::serve(scenario);
    let got = read(scenario.clip, &served.url);
    let outcome = Outcome::of(&scenario.clip.sent(), &got);
    served.stop();
    outcome
}

fn main() {
    let mut table = String::from(
        "# Agreement\n\nWritten by `CROSSPOINT_UPDATE=1 tests/differential/run`: slices that come \
         out of each client, of those that\nthe camera sends. ffmpeg 5.1 (Debian 12), retina \
         0.4.21.\n\n\
         | camera | this client | ffmpeg | retina | why |\n| --- | --- | --- | --- | --- |\n",
    );
    let mut failures = Vec::new();
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.name.contains(&wanted)) {
        let ours = run(scenario, readers::ours);
        let others = [run(scenario, readers::ffmpeg), run(scenario, readers::retina)];
        let [ffmpeg, retina] = others.each_ref().map(Outcome::text);
        println!(
            "{:40} ours {ours:?}, ffmpeg {:?}, retina {:?}",
            scenario.name, others[0], others[1]
        );
        if ours != Outcome::All {
            failures.push(format!("{}: {ours:?}", scenario.name));
        }
        let agree = others.iter().all(|outcome| *outcome == Outcome::All);
        if agree != scenario.why.is_empty() {
            failures.push(format!("{}: agreement is {agree}, said otherwise", scenario.name));
        }
        let (name, why) = (scenario.name, scenario.why);
        writeln!(table, "| {name} | {} | {ffmpeg} | {retina} | {why} |", ours.text()).unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/agreement.md");
    if wanted.is_empty() && std::env::var_os("CROSSPOINT_UPDATE").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    if wanted.is_empty() && std::fs::read_to_string(path).unwrap_or_default() != table {
        failures.push("agreement.md is stale".to_owned());
    }
    if !failures.is_empty() {
        eprintln!("\n{}", failures.join("\n"));
        std::process::exit(1);
    }
}
