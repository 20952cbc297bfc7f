//! The committed corpus of the fuzz target, replayed without a fuzzer, and all that was captured.

use std::path::Path;

use crosspoint::room::fuzzing;

#[test]
fn every_message_of_the_corpus_passes_the_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/room_message");
    let mut inputs: Vec<_> =
        std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(inputs.len() >= 10, "the corpus is gone");
    for input in inputs {
        println!("{}", input.display());
        let bytes = std::fs::read(&input).unwrap();
        fuzzing::message(&bytes);
        for end in 0..bytes.len().min(300) {
            fuzzing::message(&bytes[..end]);
        }
    }
}

#[test]
fn every_captured_message_passes_the_target_with_each_byte_changed() {
    let text = include_str!("captured/custom-password-viewer.jsonl");
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let bytes = row["text"].as_str().unwrap_or_default().as_bytes();
        for at in (0..bytes.len()).step_by(7) {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1;
            fuzzing::message(&changed);
        }
    }
}
