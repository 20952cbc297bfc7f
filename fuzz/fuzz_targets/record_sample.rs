#![no_main]

use std::time::Instant;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    crosspoint::record::fuzzing::record_sample(Instant::now(), data);
});
