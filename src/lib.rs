//! Crosspoint: cameras in over RTSP, browsers out over WebRTC, any input to any output,
//! switched instantly on the same track. ARCHITECTURE.md is the map.

pub mod cli;
pub mod control;
pub mod engine;
pub mod http;
pub mod limits;
pub mod peer;
