//! HTTP/1.1 from the client's side, one request a connection: what media servers and cameras are
//! asked with.
//!
//! May not contain: sockets, clocks, threads, files or randomness. Bytes come in and go out.

pub mod limits;
mod message;
#[cfg(feature = "room")]
mod upgrade;
mod url;

pub use message::{Body, Response, ResponseError, parse, request};
#[cfg(feature = "room")]
pub use upgrade::{Upgrade, UpgradeError};
pub use url::Url;
