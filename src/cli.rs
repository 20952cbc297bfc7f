//! The command line's arguments: each command and flag stands once in a table, from which
//! both the reading and the help text come.

#[cfg(test)]
mod cli_tests;
#[cfg(all(feature = "record", feature = "room"))]
mod room;

use std::fmt::Write;
use std::net::SocketAddr;

#[cfg(all(feature = "record", feature = "room"))]
pub use self::room::{PublishOptions, RoomOptions, RoomRecordOptions};

/// What the program is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Serve the built-in cameras.
    Demo(DemoOptions),
    /// Serve a configuration file.
    Run(RunOptions),
    /// Record one stream of a configuration file.
    #[cfg(feature = "record")]
    Record(RecordOptions),
    /// Record everybody in a room, or one stream.
    #[cfg(all(feature = "record", feature = "room"))]
    RecordRoom(RoomRecordOptions),
    /// Publish one stream of a configuration file in a room.
    #[cfg(all(feature = "record", feature = "room"))]
    Publish(PublishOptions),
    /// Check a configuration file and say everything that is wrong with it.
    Check {
        /// The file.
        file: String,
    },
    /// Look at a camera and say what it sends.
    Probe {
        /// Its address.
        url: config::SecretUrl,
        /// How to ask it for keyframes as well, which may hold a password.
        keyframe: Option<config::SecretUrl>,
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
    /// The configuration file; `None` is the first line of standard input.
    pub file: Option<String>,
    /// How switches begin.
    pub switch_policy: SwitchPolicy,
    /// Commands and events in lines.
    pub stdio: bool,
}

/// Options of `record`.
#[cfg(feature = "record")]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordOptions {
    /// The configuration file; `None` is the first line of standard input.
    pub file: Option<String>,
    /// The stream; `None` is everything that the file wants recorded.
    pub stream: Option<String>,
    /// What the path of each file begins with; `None` is what the file says.
    pub prefix: Option<String>,
    /// Playlists beside the files, whatever the file says.
    pub hls: bool,
    /// Commands and events in lines.
    pub stdio: bool,
    /// A process for each stream.
    pub isolate: bool,
}

/// Where files go whose paths begin so.
#[cfg(feature = "record")]
#[must_use]
pub fn record_path(prefix: &str) -> String {
    format!("{prefix}{{stream}}-{{date}}-{{time}}")
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

/// A flag.
#[derive(Debug, PartialEq, Eq)]
struct Flag {
    name: &'static str,
    short: Option<&'static str>,
    /// What its value is called; nothing for one that has none.
    value: &'static str,
    help: &'static str,
}

/// A command.
#[derive(Debug)]
struct Verb {
    name: &'static str,
    /// The one argument that is no flag.
    operand: Option<&'static str>,
    flags: &'static [&'static Flag],
    help: &'static str,
}

const LISTEN: Flag = Flag {
    name: "--listen",
    short: None,
    value: "ADDRESS",
    help: "where the page is served [127.0.0.1:1984]; :1984 is every interface",
};
const CONFIG: Flag =
    Flag { name: "--config", short: Some("-c"), value: "FILE", help: "the configuration file" };
const SWITCH_POLICY: Flag = Flag {
    name: "--switch-policy",
    short: None,
    value: "POLICY",
    help: "cache, or for benchmarks only wait-idr, as other servers do [cache]",
};
const KEYFRAME: Flag = Flag {
    name: "--keyframe",
    short: None,
    value: "WAY",
    help: "ask it for keyframes as well, up to 2 minutes: a value of keyframe:, or any",
};

#[cfg(feature = "record")]
const STREAM: Flag =
    Flag { name: "--stream", short: Some("-s"), value: "NAME", help: "the stream of the file" };
#[cfg(feature = "record")]
const PREFIX: Flag = Flag {
    name: "--record",
    short: None,
    value: "PREFIX",
    help: "what each file's path begins with, such as /rec/; else as the file's record: says",
};

#[cfg(feature = "record")]
const HLS: Flag = Flag {
    name: "--hls",
    short: None,
    value: "",
    help: "a playlist of HLS beside each file that can have one",
};
#[cfg(feature = "stdio")]
const STDIO: Flag = Flag {
    name: "--stdio",
    short: None,
    value: "",
    help: "commands and events in lines of JSON; without a file the first one is the configuration",
};
#[cfg(feature = "stdio")]
const ISOLATE: Flag = Flag {
    name: "--isolate",
    short: None,
    value: "",
    help: "a process for each stream: one that crashes is started again, the others go on",
};

#[cfg(all(feature = "record", feature = "room"))]
mod room_flags {
    use super::Flag;

    const fn flag(name: &'static str, value: &'static str, help: &'static str) -> Flag {
        Flag { name, short: None, value, help }
    }

    pub const ROOM: Flag = flag("--room", "NAME", "a room of VDO.Ninja: everybody in it");
    pub const SERVER: Flag = flag("--server", "URL", "its signalling server, ws:// or wss://");
    pub const PASSWORD: Flag =
        flag("--password", "TEXT", "its password, or false; ${NAME} is of the environment");
    pub const VIEW: Flag = flag("--view", "NAME", "one stream, in that room or in none");
    pub const STREAMS: Flag = flag("--record-streams", "A,B", "these alone");
    pub const NO_AUDIO: Flag = flag("--noaudio", "", "no sound");
    pub const NO_VIDEO: Flag = flag("--novideo", "", "no pictures");
    pub const TURN: Flag =
        flag("--turn-server", "URL", "a relay, turn:USER:PASSWORD@HOST:PORT or turns:...");
    pub const POLICY: Flag =
        flag("--ice-transport-policy", "WAY", "all, or relay: by relays alone [all]");
    pub const RELAYS_FROM: Flag = flag(
        "--relays-from",
        "URL",
        "a list of relays, or false [the service's in its own rooms, without --turn-server]",
    );
    pub const RECORD_ROOM: Flag = flag("--record-room", "", "what --room means here anyway");
    pub const STUN: Flag =
        flag("--stun-server", "URL", "not needed: publishers' checks find our address");
    pub const SOURCE: Flag = flag("--source", "STREAM", "the stream of the file");
    pub const NAME: Flag = flag("--stream", "NAME", "what it is called there");
}

const VERBS: &[Verb] = &[
    Verb {
        name: "demo",
        operand: None,
        flags: &[&LISTEN, &SWITCH_POLICY],
        help: "serve six built-in cameras",
    },
    Verb {
        name: "run",
        operand: None,
        flags: &[
            &CONFIG,
            &SWITCH_POLICY,
            #[cfg(feature = "stdio")]
            &STDIO,
        ],
        help: "serve the cameras of a configuration file",
    },
    #[cfg(feature = "record")]
    Verb {
        name: "record",
        operand: None,
        flags: &[
            &STREAM,
            &CONFIG,
            &PREFIX,
            &HLS,
            #[cfg(feature = "stdio")]
            &STDIO,
            #[cfg(feature = "stdio")]
            &ISOLATE,
            #[cfg(feature = "room")]
            &room_flags::ROOM,
            #[cfg(feature = "room")]
            &room_flags::VIEW,
            #[cfg(feature = "room")]
            &room_flags::SERVER,
            #[cfg(feature = "room")]
            &room_flags::PASSWORD,
            #[cfg(feature = "room")]
            &room_flags::STREAMS,
            #[cfg(feature = "room")]
            &room_flags::NO_AUDIO,
            #[cfg(feature = "room")]
            &room_flags::NO_VIDEO,
            #[cfg(feature = "room")]
            &room_flags::TURN,
            #[cfg(feature = "room")]
            &room_flags::POLICY,
            #[cfg(feature = "room")]
            &room_flags::RELAYS_FROM,
            #[cfg(feature = "room")]
            &room_flags::RECORD_ROOM,
            #[cfg(feature = "room")]
            &room_flags::STUN,
        ],
        help: "record one stream, or a room, until it is interrupted",
    },
    #[cfg(all(feature = "record", feature = "room"))]
    Verb {
        name: "publish",
        operand: None,
        flags: &[
            &CONFIG,
            &room_flags::SOURCE,
            &room_flags::NAME,
            &room_flags::ROOM,
            &room_flags::SERVER,
            &room_flags::PASSWORD,
            &room_flags::TURN,
            &room_flags::POLICY,
            &room_flags::RELAYS_FROM,
        ],
        help: "publish one stream in a room until it is interrupted",
    },
    Verb {
        name: "check",
        operand: None,
        flags: &[&CONFIG],
        help: "say everything that is wrong with a configuration file",
    },
    Verb {
        name: "probe",
        operand: Some("URL"),
        flags: &[&KEYFRAME],
        help: "say what a camera sends",
    },
    Verb { name: "version", operand: None, flags: &[], help: "say the version" },
    Verb { name: "help", operand: Some("COMMAND"), flags: &[], help: "explain a command" },
];

/// Reads the arguments behind the program's name.
///
/// # Errors
/// A text for the user that names the mistake, without repeating an address.
pub fn parse(arguments: &[String]) -> Result<Command, String> {
    let Some((first, rest)) = arguments.split_first() else { return Ok(Command::Help(overview())) };
    match first.as_str() {
        "-h" | "--help" => return Ok(Command::Help(overview())),
        "-V" | "--version" => return Ok(Command::Version),
        _ => {}
    }
    let verb = find(first)?;
    if rest.iter().any(|argument| argument == "-h" || argument == "--help") {
        return Ok(Command::Help(explain(verb)));
    }
    let given = Given::read(verb, rest)?;
    match verb.name {
        "demo" => {
            let listen = given.value(&LISTEN).map(config::parse_listen).transpose();
            let listen = listen.map_err(|error| format!("--listen: {error}"))?;
            Ok(Command::Demo(DemoOptions { listen, switch_policy: given.switch_policy()? }))
        }
        "run" => {
            let stdio = given.has_stdio();
            let file = given.file(verb, stdio)?;
            Ok(Command::Run(RunOptions { file, switch_policy: given.switch_policy()?, stdio }))
        }
        #[cfg(all(feature = "record", feature = "room"))]
        "record" if given.has_room() => given.room_record(verb).map(Command::RecordRoom),
        #[cfg(feature = "record")]
        "record" => given.record(verb).map(Command::Record),
        #[cfg(all(feature = "record", feature = "room"))]
        "publish" => Ok(Command::Publish(PublishOptions {
            file: given.required(verb, &CONFIG)?,
            source: given.required(verb, &room_flags::SOURCE)?,
            stream: given.required(verb, &room_flags::NAME)?,
            access: given.room(),
        })),
        "check" => Ok(Command::Check { file: given.required(verb, &CONFIG)? }),
        "probe" => match given.operand {
            Some(url) => {
                let keyframe = given.value(&KEYFRAME).map(config::SecretUrl::new);
                Ok(Command::Probe { url: config::SecretUrl::new(url), keyframe })
            }
            None => Err(format!("an address is missing\n\n{}", explain(verb))),
        },
        "version" => Ok(Command::Version),
        _ => match given.operand {
            Some(name) => Ok(Command::Help(explain(find(name)?))),
            None => Ok(Command::Help(overview())),
        },
    }
}

fn find(name: &str) -> Result<&'static Verb, String> {
    let found = VERBS.iter().find(|verb| verb.name == name);
    // An address could stand here by mistake.
    found.ok_or_else(|| format!("unknown command {}\n\n{}", config::redact_url(name), overview()))
}

/// The arguments behind a command.
#[derive(Debug, Default)]
struct Given<'a> {
    values: Vec<(&'static Flag, &'a str)>,
    operand: Option<&'a str>,
}

impl<'a> Given<'a> {
    fn read(verb: &Verb, arguments: &'a [String]) -> Result<Self, String> {
        let mut given = Self::default();
        let mut arguments = arguments.iter().map(String::as_str);
        while let Some(argument) = arguments.next() {
            if !argument.starts_with('-') {
                if verb.operand.is_none() || given.operand.is_some() {
                    let shown = config::redact_url(argument);
                    return Err(format!("unexpected {shown}\n\n{}", explain(verb)));
                }
                given.operand = Some(argument);
                continue;
            }
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (argument, None),
            };
            let is_it = |flag: &&&Flag| flag.name == name || flag.short == Some(name);
            let Some(flag) = verb.flags.iter().find(is_it) else {
                return Err(format!("unknown option {name}\n\n{}", explain(verb)));
            };
            if flag.value.is_empty() {
                if value.is_some() {
                    return Err(format!("{name} takes no value"));
                }
                given.values.push((flag, ""));
                continue;
            }
            let value = value.or_else(|| arguments.next()).filter(|value| !value.is_empty());
            let Some(value) = value else {
                return Err(format!("{name} needs a value: {}", flag.value));
            };
            if given.value(flag).is_some() {
                return Err(format!("{name} is given twice"));
            }
            given.values.push((flag, value));
        }
        Ok(given)
    }

    fn value(&self, flag: &Flag) -> Option<&'a str> {
        self.values.iter().find(|(found, _)| *found == flag).map(|(_, value)| *value)
    }

    fn required(&self, verb: &Verb, flag: &Flag) -> Result<String, String> {
        let value = self.value(flag).map(str::to_owned);
        value.ok_or_else(|| format!("{} is missing\n\n{}", usage_of(flag), explain(verb)))
    }

    fn has_stdio(&self) -> bool {
        #[cfg(feature = "stdio")]
        let has = self.value(&STDIO).is_some();
        #[cfg(not(feature = "stdio"))]
        let has = false;
        has
    }

    #[cfg(feature = "record")]
    fn has_isolate(&self) -> bool {
        #[cfg(feature = "stdio")]
        let has = self.value(&ISOLATE).is_some();
        #[cfg(not(feature = "stdio"))]
        let has = false;
        has
    }

    /// The configuration file, which may be left out where a line can stand for it.
    fn file(&self, verb: &Verb, stdio: bool) -> Result<Option<String>, String> {
        match self.value(&CONFIG) {
            None if stdio => Ok(None),
            _ => self.required(verb, &CONFIG).map(Some),
        }
    }

    #[cfg(feature = "record")]
    fn record(&self, verb: &Verb) -> Result<RecordOptions, String> {
        let (stdio, isolate) = (self.has_stdio(), self.has_isolate());
        let file = self.file(verb, stdio)?;
        let stream = match self.value(&STREAM) {
            Some(_) if isolate => return Err("--stream does not go with --isolate".to_owned()),
            None if stdio || isolate => None,
            _ => Some(self.required(verb, &STREAM)?),
        };
        let prefix = self.value(&PREFIX).map(str::to_owned);
        if prefix.is_some() && stream.is_none() {
            return Err("--record goes with --stream or --room".to_owned());
        }
        let hls = self.value(&HLS).is_some();
        if hls && stream.is_none() {
            return Err("--hls goes with --stream or --room".to_owned());
        }
        Ok(RecordOptions { file, stream, prefix, hls, stdio, isolate })
    }

    #[cfg(all(feature = "record", feature = "room"))]
    fn has_room(&self) -> bool {
        [&room_flags::ROOM, &room_flags::VIEW].iter().any(|flag| self.value(flag).is_some())
    }

    #[cfg(all(feature = "record", feature = "room"))]
    fn room(&self) -> RoomOptions {
        let text = |flag| self.value(flag).map(str::to_owned);
        RoomOptions {
            room: text(&room_flags::ROOM),
            server: text(&room_flags::SERVER),
            password: text(&room_flags::PASSWORD),
            turn_server: text(&room_flags::TURN),
            relays_from: text(&room_flags::RELAYS_FROM),
            ice_transport_policy: text(&room_flags::POLICY),
        }
    }

    #[cfg(all(feature = "record", feature = "room"))]
    fn room_record(&self, verb: &Verb) -> Result<RoomRecordOptions, String> {
        for flag in [&STREAM, &CONFIG] {
            if self.value(flag).is_some() {
                return Err(format!("{} does not go with --room and --view", flag.name));
            }
        }
        if self.value(&room_flags::VIEW).is_some() && self.value(&room_flags::STREAMS).is_some() {
            return Err("--record-streams does not go with --view".to_owned());
        }
        let text = |flag| self.value(flag).map(str::to_owned);
        Ok(RoomRecordOptions {
            access: self.room(),
            view: text(&room_flags::VIEW),
            prefix: self.required(verb, &PREFIX)?,
            hls: self.value(&HLS).is_some(),
            streams: text(&room_flags::STREAMS),
            no_audio: self.value(&room_flags::NO_AUDIO).is_some(),
            no_video: self.value(&room_flags::NO_VIDEO).is_some(),
            stdio: self.has_stdio(),
            isolate: self.has_isolate(),
        })
    }

    fn switch_policy(&self) -> Result<SwitchPolicy, String> {
        match self.value(&SWITCH_POLICY) {
            None | Some("cache") => Ok(SwitchPolicy::Cache),
            Some("wait-idr") => Ok(SwitchPolicy::WaitIdr),
            Some(_) => Err("--switch-policy: expected cache or wait-idr".to_owned()),
        }
    }
}

/// The whole help text.
fn overview() -> String {
    let mut text = String::from(
        "Cameras in over RTSP, browsers out over WebRTC, switched instantly.\n\nUsage:\n",
    );
    for verb in VERBS {
        // Writing into a String can't fail.
        let _ = writeln!(text, "  crosspoint {:<28}{}", synopsis(verb), verb.help);
    }
    text.push_str("\ncrosspoint help COMMAND explains a command's options.\n");
    text
}

/// The help text of one command.
fn explain(verb: &Verb) -> String {
    let mut text = format!("crosspoint {}\n  {}\n", synopsis(verb), verb.help);
    for flag in verb.flags {
        let _ = writeln!(text, "  {:<28}{}", usage_of(flag), flag.help);
    }
    text
}

/// A command with what it needs and may be given.
fn synopsis(verb: &Verb) -> String {
    let mut text = verb.name.to_owned();
    for flag in verb.flags {
        // The policy is for benchmarks: its explanation is enough.
        match flag.short {
            Some(short) => text.push_str(&format!(" {short} {}", flag.value)),
            None if **flag == LISTEN => text.push_str(&format!(" [{} {}]", flag.name, flag.value)),
            None => {}
        }
    }
    match verb.operand {
        Some(operand) if verb.name == "help" => text.push_str(&format!(" [{operand}]")),
        Some(operand) => text.push_str(&format!(" {operand}")),
        None => {}
    }
    text
}

fn usage_of(flag: &Flag) -> String {
    match flag.short {
        Some(short) => format!("{short}, {} {}", flag.name, flag.value),
        None => format!("{} {}", flag.name, flag.value).trim_end().to_owned(),
    }
}
