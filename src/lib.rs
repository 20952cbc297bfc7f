//! Crosspoint: cameras in over RTSP, browsers out over WebRTC, any input to any output,
//! switched instantly on the same track. ARCHITECTURE.md is the map.

pub mod assets;
pub mod camera_api;
pub mod cli;
pub mod control;
mod date;
#[cfg(feature = "demo")]
pub mod demo;
pub mod engine;
pub mod exec;
pub mod http;
pub mod http_client;
pub mod intake;
pub mod limits;
pub mod logger;
pub mod net;
pub mod peer;
#[cfg(feature = "record")]
pub mod record;
#[cfg(feature = "turn")]
pub mod relay_list;
#[cfg(feature = "room")]
pub mod room;
#[cfg(feature = "stdio")]
pub mod stdio;
pub mod whip;
