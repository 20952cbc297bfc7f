//! A track of H.264 packets and what the assembler makes of them.

use std::time::{Duration, Instant};

use rtsp::h264::{AccessUnit, Assembler, DropReason, Output, Packet, ParameterSets};

#[path = "../camera/h264.rs"]
mod writer;

pub use writer::*;

pub fn sets_360() -> ParameterSets {
    ParameterSets::from_nals([SPS_360, PPS]).unwrap()
}

/// An assembler, a clock and what came out so far.
pub struct Track {
    pub assembler: Assembler,
    pub now: Instant,
    pub outputs: Vec<Output>,
}

impl Track {
    pub fn new() -> Self {
        Self::with(None)
    }

    /// A track that has had its parameter sets from the SDP.
    pub fn described() -> Self {
        Self::with(Some(sets_360()))
    }

    pub fn with(sprop: Option<ParameterSets>) -> Self {
        Self { assembler: Assembler::new(sprop), now: Instant::now(), outputs: Vec::new() }
    }

    pub fn packet(&mut self, timestamp: u32, marker: bool, lost_before: bool, payload: &[u8]) {
        self.now += Duration::from_micros(100);
        let packet = Packet { timestamp, marker, lost_before, payload };
        self.assembler.handle_packet(self.now, &packet);
        self.outputs.extend(std::iter::from_fn(|| self.assembler.poll_output()));
    }

    /// A packet without marker.
    pub fn part(&mut self, timestamp: u32, payload: &[u8]) {
        self.packet(timestamp, false, false, payload);
    }

    /// A packet with marker.
    pub fn last(&mut self, timestamp: u32, payload: &[u8]) {
        self.packet(timestamp, true, false, payload);
    }

    pub fn wait(&mut self, time: Duration) {
        self.now += time;
        self.assembler.handle_timeout(self.now);
        self.outputs.extend(std::iter::from_fn(|| self.assembler.poll_output()));
    }

    pub fn access_units(&self) -> Vec<&AccessUnit> {
        self.outputs
            .iter()
            .filter_map(|output| match output {
                Output::AccessUnit(au) => Some(au),
                Output::Dropped { .. } => None,
            })
            .collect()
    }

    /// Each access unit as its list of NAL units.
    pub fn nals(&self) -> Vec<Vec<Vec<u8>>> {
        self.access_units().iter().map(|au| au.nals().map(<[u8]>::to_vec).collect()).collect()
    }

    /// Reasons and whether they break prediction.
    pub fn drops(&self) -> Vec<(DropReason, bool)> {
        let dropped = |output: &Output| match output {
            Output::AccessUnit(_) => None,
            Output::Dropped { reason, breaks_prediction } => Some((*reason, *breaks_prediction)),
        };
        self.outputs.iter().filter_map(dropped).collect()
    }

    /// That these access units came out, and nothing was dropped.
    pub fn expect(&self, expected: &[&[&[u8]]]) {
        assert_eq!(self.drops(), []);
        let expected: Vec<Vec<Vec<u8>>> =
            expected.iter().map(|units| units.iter().map(|unit| unit.to_vec()).collect()).collect();
        assert_eq!(self.nals(), expected);
    }
}
