#![no_main]

use std::time::Instant;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rtsp::fuzzing::audio(Instant::now(), data));
