//! What a room is entered with.

use std::collections::BTreeSet;
use std::fmt;

/// Which of the two kinds of server it is; they differ in who names the peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// The server names peers and relays (the public one).
    Assigned,
    /// Clients name themselves, the server sends everything to everybody.
    Custom,
}

impl Flavour {
    /// The kind of the service's own servers; of others it is learned.
    #[must_use]
    pub fn of_host(host: &str) -> Option<Self> {
        let hosts = ["wss.vdo.ninja", "proxywss.rtc.ninja"];
        hosts.contains(&host).then_some(Self::Assigned)
    }
}

/// What the room's names and descriptions are hidden with.
#[derive(Clone, PartialEq, Eq)]
pub enum Password {
    /// Nothing is hashed or encrypted (`&password=false`).
    Off,
    /// What pages use that were given none.
    Public,
    /// As given to the pages.
    Given(String),
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::Public => "Public",
            Self::Given(_) => "Given(***)",
        })
    }
}

/// What is done in the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Watch every stream of the room.
    WatchAll,
    /// Watch streams of these names, whenever they are there.
    Watch(BTreeSet<String>),
    /// Watch one stream, in the room or where there is none.
    View(String),
    /// Publish a stream of this name.
    Publish(String),
    /// Be there, and ask for nothing: others do so through us ([`super::Share`]).
    Attend,
}

/// How a room is entered, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomOptions {
    /// Its name as people type it; none for a stream that is in no room.
    pub room: Option<String>,
    /// Its password.
    pub password: Password,
    /// Host of the page that the others use: the salt follows from it.
    pub page_host: String,
    /// Which kind of server; learned from what it says where none is given.
    pub flavour: Option<Flavour>,
    /// What for.
    pub role: Role,
    /// Whether publishers are asked for audio.
    pub audio: bool,
    /// Whether publishers are asked for video.
    pub video: bool,
    /// Names of streams that are not watched: those that we publish there ourselves.
    pub except: BTreeSet<String>,
    /// What others see as our name.
    pub label: String,
}

impl Default for RoomOptions {
    fn default() -> Self {
        Self {
            room: None,
            password: Password::Public,
            page_host: "vdo.ninja".to_owned(),
            flavour: None,
            role: Role::WatchAll,
            audio: true,
            video: true,
            except: BTreeSet::new(),
            label: "Crosspoint".to_owned(),
        }
    }
}
