//! The rules of the assembler, checked on everything that comes out of it.

use std::time::{Duration, Instant};

use crate::payloads::Memory;
use crate::video::limits::{MAX_ACCESS_UNIT_BYTES, MAX_NALS};
use crate::video::{AccessUnit, Assembler, Kind, Output, Packet, Syntax, packetize};

pub(super) fn run<S: Syntax>(mut now: Instant, data: &[u8]) {
    let mut assembler = Assembler::<S>::new(None);
    let mut joined = false;
    let mut rest = data;
    while let Some((&[flags, timestamp, high, low], after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([high, low])).min(after.len());
        let (payload, after) = after.split_at(length);
        rest = after;
        if flags & 8 != 0 {
            assembler.handle_discontinuity();
        }
        let packet = Packet {
            timestamp: u32::from(timestamp),
            marker: flags & 1 != 0,
            lost_before: flags & 2 != 0,
            payload,
        };
        assembler.handle_packet(now, &packet);
        if flags & 4 != 0 {
            now += Duration::from_secs(1);
            assembler.handle_timeout(now);
        }
        while let Some(output) = assembler.poll_output() {
            check::<S>(now, &mut joined, output);
        }
    }
}

fn check<S: Syntax>(now: Instant, joined: &mut bool, output: Output) {
    match output {
        Output::Dropped { breaks_prediction: true, .. } => *joined = false,
        Output::Dropped { .. } => assert!(*joined, "a disposable one before an IDR"),
        Output::AccessUnit(au) => {
            *joined |= au.kind == Kind::Idr;
            assert!(*joined, "a delta before an IDR");
            assert!(au.parameter_sets.as_ref().is_some_and(|sets| sets.codec == S::CODEC));
            assert!(au.received_at <= now);
            assert!(au.bytes() <= MAX_ACCESS_UNIT_BYTES);
            assert!((1..=MAX_NALS).contains(&au.nals().count()));
            if au.kind == Kind::Idr {
                returns::<S>(now, &au);
            }
        }
    }
}

/// An IDR stands alone: its packets make the same access unit again.
fn returns<S: Syntax>(now: Instant, au: &AccessUnit) {
    for max_payload in [S::HEADER_BYTES + 2, 100, 1200] {
        let payloads = packetize(au, max_payload, &mut Memory::default());
        let mut assembler = Assembler::<S>::new(None);
        for (index, payload) in payloads.iter().enumerate() {
            assert!(payload.len() <= max_payload);
            let marker = index + 1 == payloads.len();
            let timestamp = au.timestamp;
            let packet = Packet { timestamp, marker, lost_before: false, payload };
            assembler.handle_packet(now, &packet);
        }
        let output = assembler.poll_output();
        assert!(
            matches!(&output, Some(Output::AccessUnit(again)) if again.nals().eq(au.nals())
                && again.parameter_sets == au.parameter_sets),
            "{au:?} came back as {output:?}"
        );
    }
}
