//! The built-in cameras' RTSP servers, on a loopback port of their own.
//!
//! They share the loop and nothing else with the engine: their streams are configured like
//! any camera's and come in through the same ingest.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::net::TcpListener;

use crate::demo::Pictures;

/// All built-in cameras.
pub(super) struct Demo {
    listener: TcpListener,
    address: SocketAddr,
    started_at: Instant,
    started_unix: Duration,
    pictures: Vec<(&'static str, Pictures)>,
}
