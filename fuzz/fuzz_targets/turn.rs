#![no_main]

use std::time::Instant;

libfuzzer_sys::fuzz_target!(|data: &[u8]| turn::fuzzing::client(Instant::now(), data));
