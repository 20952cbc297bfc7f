//! The committed corpora of the fuzz targets, replayed without a fuzzer.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::path::Path;
use std::time::Instant;

use rtsp::fuzzing::TARGETS;

#[test]
fn every_input_of_the_corpora_passes_its_target() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for &(name, target) in TARGETS {
        let mut inputs: Vec<_> = std::fs::read_dir(corpora.join(name))
            .unwrap_or_else(|error| panic!("corpus of {name}: {error}"))
            .map(|entry| entry.unwrap().path())
            .collect();
        inputs.sort();
        assert!(inputs.len() >= 5, "the corpus of {name} is gone");
        for input in inputs {
            // Shown if the target fails.
            println!("{}", input.display());
            target(Instant::now(), &std::fs::read(&input).unwrap());
        }
    }
}
