//! The command line's arguments.

use std::net::SocketAddr;

/// What the program is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Serve the built-in cameras.
    Demo(DemoOptions),
    /// Serve a configuration file.
    Run(RunOptions),
    /// Check a configuration file and say everything that is wrong with it.
    Check {
        /// The file.
        file: String,
    },
    /// Look at a camera and say what it sends.
    Probe {
        /// Its address.
        url: config::SecretUrl,
    },
    /// Say the version.
    Version,
    /// Print this text.
    Help(String),
}

/// Options of `demo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoOptions {
    /// Where the page is served; `None` is the configuration's default.
    pub listen: Option<SocketAddr>,
    /// How switches begin.
    pub switch_policy: SwitchPolicy,
}

/// Options of `run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOptions {
    /// The configuration file.
    pub file: String,
    /// How switches begin.
    pub switch_policy: SwitchPolicy,
}

/// How a switched slot gets its first picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SwitchPolicy {
    /// From the cached group of pictures.
    #[default]
    Cache,
    /// From the camera's next key picture; for comparison in benchmarks only.
    WaitIdr,
}

/// Reads the arguments behind the program's name.
///
/// # Errors
/// A text for the user that names the mistake.
pub fn parse(_arguments: &[String]) -> Result<Command, String> {
    Ok(Command::Version)
}
