//! RTSP without sockets.

pub mod h264;
