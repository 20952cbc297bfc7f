//! RTSP without sockets.
