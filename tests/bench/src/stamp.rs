//! Clocks, and the time at which a frame left its camera, carried in the frame itself.
//!
//! Camera and viewer are processes of one machine and read one monotonic clock, so the
//! difference is the way through the server, measured from outside.

use nix::time::{ClockId, clock_gettime};

/// Bytes of a stamp: nanoseconds in hexadecimal digits, which need no emulation prevention.
pub const STAMP_BYTES: usize = 16;
/// Where it stands in a slice's NAL unit: behind its header and a slice header of 3 bytes.
pub const STAMP_AT: usize = 4;

const FU_A: u8 = 28;
const FU_START: u8 = 0x80;

/// Nanoseconds on a clock of the system.
fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock).expect("Linux has this clock");
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
}

/// Nanoseconds on the clock that cameras and viewers share.
pub fn monotonic_ns() -> u64 {
    nanoseconds(ClockId::CLOCK_MONOTONIC)
}

/// Nanoseconds on the wall clock, in which the kernel stamps datagrams.
pub fn realtime_ns() -> u64 {
    nanoseconds(ClockId::CLOCK_REALTIME)
}

/// CPU time of this thread in nanoseconds.
pub fn thread_cpu_ns() -> u64 {
    nanoseconds(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// Writes a stamp into a slice's NAL unit.
pub fn write(nal: &mut [u8], ns: u64) {
    nal[STAMP_AT..STAMP_AT + STAMP_BYTES].copy_from_slice(format!("{ns:016x}").as_bytes());
}

/// The stamp in an RTP payload (RFC 6184), if it is the first one of a slice.
pub fn read(payload: &[u8]) -> Option<u64> {
    let nal_type = payload.first()? & 31;
    let header_bytes = match nal_type {
        1 | 5 => 0,
        FU_A if payload.get(1)? & FU_START != 0 => 1,
        _ => return None,
    };
    let at = header_bytes + STAMP_AT;
    let digits = std::str::from_utf8(payload.get(at..at + STAMP_BYTES)?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

/// Finds the stamps of the slices in a file's bytes; where nothing more can begin that is not
/// there as a whole.
pub fn each(bytes: &[u8], mut found: impl FnMut(u64)) -> usize {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let mut at = 0;
    while let Some(slice) = bytes.get(at..at + STAMP_AT + STAMP_BYTES) {
        let digits = &slice[STAMP_AT..];
        if !matches!(slice[0], 0x41 | 0x65) || !digits.iter().all(is_digit) {
            at += 1;
            continue;
        }
        let text = std::str::from_utf8(digits).unwrap_or_default();
        if let Ok(ns) = u64::from_str_radix(text, 16) {
            found(ns);
        }
        at += slice.len();
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_found_wherever_a_read_ends() {
        let mut file = vec![0x41; 30];
        for ns in [7, u64::MAX] {
            let mut nal = vec![0xff; 40];
            nal[0] = 0x65;
            write(&mut nal, ns);
            file.extend(nal);
        }
        for cut in 0..file.len() {
            let mut found = Vec::new();
            let end = each(&file[..cut], |ns| found.push(ns));
            each(&file[end..], |ns| found.push(ns));
            assert_eq!(found, [7, u64::MAX], "{cut}");
        }
    }

    #[test]
    fn a_stamp_is_read_from_whole_and_from_fragmented_slices() {
        let mut nal = [0xff; 100];
        nal[0] = 0x65;
        write(&mut nal, 0x0123_4567_89ab_cdef);
        assert_eq!(read(&nal), Some(0x0123_4567_89ab_cdef));
        let first = [&[0x7c, 0x85], &nal[1..]].concat();
        assert_eq!(read(&first), Some(0x0123_4567_89ab_cdef));
        let middle = [&[0x7c, 0x05], &nal[1..]].concat();
        assert_eq!(read(&middle), None);
        assert_eq!(read(&nal[..10]), None);
    }
}
