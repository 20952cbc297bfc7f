//! The committed corpus of the fuzz target, replayed without a fuzzer.

use std::path::Path;
use std::time::Instant;

use crosspoint::record::fuzzing::record_sample;

use super::media::{VIDEO, film};
use super::packets;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/record_sample")
}

#[test]
fn every_input_of_the_corpus_passes() {
    let inputs: Vec<_> = std::fs::read_dir(folder()).unwrap().collect();
    assert!(inputs.len() >= 5, "the corpus is gone");
    for input in inputs {
        record_sample(Instant::now(), &std::fs::read(input.unwrap().path()).unwrap());
    }
}

/// Makes the corpus anew where `RECORD_CORPUS` is set: the first pictures of each film, and the
/// same with a bad end.
#[test]
fn the_corpus_is_made_of_the_films() {
    for (number, codec) in VIDEO.into_iter().enumerate() {
        let mut input = vec![number as u8];
        for picture in film(codec).iter().take(3) {
            let payloads = packets::payloads(codec, picture);
            let last = payloads.len() - 1;
            for (index, payload) in payloads.iter().enumerate() {
                input.push(u8::from(index == last) | u8::from(picture.key) << 1);
                input.extend((payload.len() as u16).to_be_bytes());
                input.extend(payload);
            }
        }
        record_sample(Instant::now(), &input);
        if std::env::var_os("RECORD_CORPUS").is_some() {
            let name = codec.name().to_lowercase();
            std::fs::write(folder().join(&name), &input).unwrap();
            input.truncate(input.len() / 2);
            std::fs::write(folder().join(format!("{name}-cut")), &input).unwrap();
        }
    }
}
