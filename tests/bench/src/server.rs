//! What is measured: a build of this engine, or another engine beside it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::folder::Folder;
use crate::process::Process;
use crate::{Failure, cameras, janus};

/// One to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// The program of this engine.
    Crosspoint(PathBuf),
    /// Janus, from where the system finds it.
    Janus,
}

/// How viewers come to it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Endpoint {
    /// Of its WebSocket.
    pub address: SocketAddr,
    pub protocol: Protocol,
    /// The address of this machine that viewers take media at.
    pub viewers_at: Ipv4Addr,
}

/// What is spoken over the WebSocket there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// One connection carries all slots of a viewer.
    Crosspoint,
    /// A connection carries one.
    Janus,
}

impl Server {
    /// Starts it with this many of the cameras at `at`.
    pub fn start(&self, cameras: usize, at: SocketAddr) -> Result<(Process, Endpoint), Failure> {
        match self {
            Self::Crosspoint(program) => {
                let names = (0..cameras).map(cameras::name);
                let streams: String =
                    names.map(|name| format!("  {name}: rtsp://{at}/{name}\n")).collect();
                let text = format!("streams:\n{streams}limits: {{viewers_max: 200}}\n");
                let (process, address) = serve(program, &text)?;
                let (protocol, viewers_at) = (Protocol::Crosspoint, Ipv4Addr::LOCALHOST);
                Ok((process, Endpoint { address, protocol, viewers_at }))
            }
            Self::Janus => {
                let (process, address) = janus::start(cameras, at)?;
                let (protocol, viewers_at) = (Protocol::Janus, janus::own_address()?);
                Ok((process, Endpoint { address, protocol, viewers_at }))
            }
        }
    }
}

impl Protocol {
    /// Connections of these viewers, and the slots of each.
    pub fn connections(self, viewers: usize, slots: usize) -> (usize, usize) {
        match self {
            Self::Crosspoint => (viewers, slots),
            Self::Janus => (viewers * slots, 1),
        }
    }
}

/// This engine with a configuration, on ports of its own; and where its page is.
pub fn serve(program: &Path, text: &str) -> Result<(Process, SocketAddr), Failure> {
    let text = format!(
        "api: {{listen: \"127.0.0.1:0\"}}\nwebrtc: {{listen: \"127.0.0.1:0\"}}\n\
         log: {{level: warn}}\n{text}"
    );
    let folder = Folder::new("configuration")?;
    let file = folder.path().join("crosspoint.yaml");
    std::fs::write(&file, text)?;
    let path = file.to_str().ok_or("the temporary folder is no text")?;
    let mut process = Process::start(program, &["run", "-c", path])?;
    let line = process.line()?; // it has read the file when it says its address
    let address = line.trim_start_matches("http://").trim_end_matches('/');
    Ok((process, address.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_that_no_connection_shares_have_one_each() {
        assert_eq!(Protocol::Crosspoint.connections(2, 9), (2, 9));
        assert_eq!(Protocol::Janus.connections(2, 9), (18, 1));
    }
}
