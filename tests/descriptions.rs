//! The committed corpus of the fuzz target, replayed without a fuzzer, whole and damaged.

use std::path::Path;

use crosspoint::peer::fuzzing;

#[test]
fn every_description_of_the_corpus_passes_the_target_whatever_is_missing_of_it() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/description");
    let mut inputs: Vec<_> =
        std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(inputs.len() >= 5, "the corpus is gone");
    for input in inputs {
        println!("{}", input.display());
        let bytes = std::fs::read(&input).unwrap();
        fuzzing::description(&bytes);
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        for at in 0..lines.len() {
            fuzzing::description(&lines[..at].concat());
            fuzzing::description(&[&lines[..at], &lines[at + 1..]].concat().concat());
            let mut swapped = lines.clone();
            swapped.swap(at, (at * 7 + 3) % lines.len());
            fuzzing::description(&swapped.concat());
        }
        for at in (0..bytes.len()).step_by(3) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 7);
            fuzzing::description(&changed);
        }
    }
}
