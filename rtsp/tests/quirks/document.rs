//! docs/cameras.md, written from the rows and from the tests that there are.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::rows::{ROWS, RULES, Row};
use crate::{NOT_HANDLED, TESTED};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cameras.md");

/// `module::test` of each row, or why there is none.
struct States {
    tests: BTreeMap<usize, Vec<&'static str>>,
    reasons: BTreeMap<usize, &'static str>,
}

fn states() -> States {
    let mut states = States { tests: BTreeMap::new(), reasons: BTreeMap::new() };
    for (test, rows) in TESTED {
        for row in *rows {
            states.tests.entry(*row).or_default().push(test);
        }
    }
    for (rows, reason) in NOT_HANDLED {
        for row in *rows {
            assert_eq!(states.reasons.insert(*row, reason), None, "row {row}");
        }
    }
    states
}

fn document() -> String {
    let states = states();
    let mut out = String::from(
        "# Cameras\n\nWhat cameras and servers are known to do, and the test by which it is \
         known that the client\nputs up with it. The tests play a camera of their own, which \
         shares no code with the client.\nWritten by `CROSSPOINT_UPDATE=1 cargo test -p rtsp \
         --test quirks`; a test fails where it is stale.\nNone of the cameras themselves were at \
         hand: what they do comes from the public sources and threads\nof retina, gortsplib, \
         go2rtc, ffmpeg, GStreamer, live555, ZLMediaKit, Scrypted and others.\n\n",
    );
    let (handled, all) = (states.tests.len(), ROWS.len());
    writeln!(out, "{handled} of {all} are handled.\n").unwrap();
    out += "| # | camera or server | what it does | rules | test or reason | state |\n\
            | ---: | --- | --- | --- | --- | --- |\n";
    for Row { number, camera, does, rules } in ROWS {
        let rules: Vec<String> = rules.iter().map(|rule| format!("R{rule}")).collect();
        let (how, state) = match states.tests.get(number) {
            Some(tests) => (tests.iter().map(|test| link(test)).collect(), "handled"),
            None => (vec![states.reasons[number].to_owned()], "not handled"),
        };
        let (how, rules) = (how.join("<br>"), rules.join(", "));
        writeln!(out, "| {number} | {camera} | {does} | {rules} | {how} | {state} |").unwrap();
    }
    out += "\n## Rules\n\n";
    for (number, rule) in RULES {
        writeln!(out, "- **R{number}** {rule}").unwrap();
    }
    out
}

fn link(test: &str) -> String {
    let (module, _) = test.split_once("::").unwrap();
    format!("[`{test}`](../rtsp/tests/quirks/{module}.rs)")
}

#[test]
fn the_document_is_up_to_date() {
    let document = document();
    if std::env::var_os("CROSSPOINT_UPDATE").is_some() {
        std::fs::write(PATH, &document).unwrap();
    }
    let written = std::fs::read_to_string(PATH).unwrap_or_default();
    let differs = written.lines().zip(document.lines()).find(|(old, new)| old != new);
    assert!(
        written == document,
        "docs/cameras.md is stale, CROSSPOINT_UPDATE=1 writes it anew: {differs:?}"
    );
}

#[test]
fn every_row_has_either_a_test_or_a_reason() {
    let states = states();
    let numbers: Vec<usize> = ROWS.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=ROWS.len()).collect::<Vec<usize>>());
    for number in numbers {
        let (test, reason) = (states.tests.get(&number), states.reasons.get(&number));
        assert!(test.is_some() != reason.is_some(), "row {number}: {test:?} {reason:?}");
    }
    let known = |number: &usize| (1..=ROWS.len()).contains(number);
    assert!(states.tests.keys().chain(states.reasons.keys()).all(known));
}

#[test]
fn every_rule_is_one_and_is_used() {
    let used: Vec<u8> = ROWS.iter().flat_map(|row| row.rules).copied().collect();
    let known: Vec<u8> = RULES.iter().map(|(number, _)| *number).collect();
    assert!(known.is_sorted_by(|a, b| a < b));
    assert_eq!(used.iter().find(|rule| !known.contains(rule)), None);
    assert_eq!(known.iter().find(|rule| !used.contains(rule)), None);
}
