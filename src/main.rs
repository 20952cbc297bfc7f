//! The command line.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is where printing belongs")]

use std::io;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use config::Config;
use crosspoint::cli::{self, Command, DemoOptions};
use crosspoint::engine::hub::SwitchPolicy;
use crosspoint::logger;
#[cfg(feature = "stdio")]
use crosspoint::net::Supervisor;
use crosspoint::net::{Pipes, Server, ServerOptions, probe};
#[cfg(feature = "stdio")]
use crosspoint::stdio;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match cli::parse(&arguments) {
        Ok(Command::Version) => {
            println!("crosspoint {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Ok(Command::Help(text)) => {
            println!("{text}");
            Ok(())
        }
        Ok(Command::Demo(options)) => demo(&options),
        Ok(Command::Run(options)) => begin(options.file.as_deref(), None, options.stdio, |given| {
            serve(given.config()?, policy(options.switch_policy), given)
        }),
        #[cfg(feature = "record")]
        Ok(Command::Record(options)) => record(&options),
        #[cfg(all(feature = "record", feature = "room"))]
        Ok(Command::RecordRoom(options)) => record_room(&options),
        #[cfg(all(feature = "record", feature = "room"))]
        Ok(Command::Publish(options)) => publish(&options),
        Ok(Command::Check { file }) => read(&file).map(|config| {
            println!("{file}: {} streams, no mistakes", config.streams.len());
        }),
        Ok(Command::Probe { url, keyframe }) => {
            probe::run(&url, keyframe.as_ref()).map(|report| print!("{report}"))
        }
        Err(text) => Err(text),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{}", text.trim_end());
            ExitCode::FAILURE
        }
    }
}

/// Reads a configuration file, or says everything that is wrong with it.
fn read(file: &str) -> Result<Config, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    parse(file, &text)
}

/// Reads a configuration that comes from `file`.
fn parse(file: &str, text: &str) -> Result<Config, String> {
    let config = config::parse(text, &|name| std::env::var(name).ok()).map_err(|problems| {
        problems.iter().map(|problem| format!("{file}:{problem}\n")).collect::<String>()
    })?;
    match needs_tls(&config) {
        Some(what) if cfg!(not(feature = "tls")) => {
            Err(format!("{file}: {what} needs a build with the feature tls"))
        }
        _ => Ok(config),
    }
}

/// The first address of a file that is reached through TLS.
fn needs_tls(config: &Config) -> Option<String> {
    let begins = |url: &config::SecretUrl, scheme| url.expose().starts_with(scheme);
    let is_tls = |camera: &config::CameraUrl| begins(&camera.url, "rtsps");
    let stream = config.streams.iter().find(|stream| stream.urls().iter().any(is_tls));
    let publish = config.publish.iter().find(|publish| begins(&publish.url, "https:"));
    let stream = stream.map(|stream| format!("streams.{}: rtsps://", stream.name));
    stream.or(publish.map(|publish| format!("publish.{}: https://", publish.stream)))
}

fn demo(options: &DemoOptions) -> Result<(), String> {
    if cfg!(not(feature = "demo")) {
        return Err("this build has no built-in cameras".to_owned());
    }
    let mut config = Config::default();
    if let Some(listen) = options.listen {
        config.api.listen = listen;
        config.webrtc.listen.set_ip(listen.ip());
    }
    // Any free port: a demo must not fail because another program has 8555.
    config.webrtc.listen.set_port(0);
    run(config, policy(options.switch_policy), true)
}

/// Runs a server that records, and serves nobody.
#[cfg(feature = "record")]
fn record(options: &cli::RecordOptions) -> Result<(), String> {
    begin(options.file.as_deref(), None, options.stdio, |given| {
        if options.isolate {
            return isolated(given);
        }
        let mut config = given.config()?;
        if let Some(stream) = &options.stream {
            let record = record_of(&config, &given.name, stream, options.prefix.as_deref())?;
            let hls = options.hls || record.hls;
            config.record = vec![config::Record { hls, ..record }];
            config.rooms.clear();
        }
        serve_nobody(&mut config, options.stream.is_some());
        serve(config, SwitchPolicy::Replay, given)
    })
}

/// How one stream is to be recorded.
#[cfg(feature = "record")]
fn record_of(
    config: &Config,
    file: &str,
    name: &str,
    prefix: Option<&str>,
) -> Result<config::Record, String> {
    if config.stream(name).is_none() {
        return Err(format!("{file}: no stream {name}"));
    }
    let configured = config.record.iter().find(|record| record.stream == name).cloned();
    match prefix {
        Some(prefix) => {
            let path = config::parse_record_path(&cli::record_path(prefix))
                .map_err(|why| format!("--record: {why}"))?;
            let record = config::Record::new(name.to_owned(), path.clone());
            Ok(config::Record { path, ..configured.unwrap_or(record) })
        }
        None => configured.ok_or_else(|| format!("{file}: no record.{name}; give --record PREFIX")),
    }
}

/// Leaves out what is for others, so that it can run beside a server of the same file. Ports are
/// any that are free, but for those that were chosen where that counts.
#[cfg(feature = "record")]
fn serve_nobody(config: &mut Config, is_beside: bool) {
    config.publish.clear();
    config.room_publish.clear();
    let is_recorded =
        |stream: &&config::Stream| config.record.iter().any(|record| record.stream == stream.name);
    let mut recorded = config.streams.iter().filter(is_recorded);
    if is_beside && !recorded.any(|stream| stream.source == config::Source::Pushed) {
        config.rtsp = None;
    }
    let chosen = config.webrtc.listen;
    let default = config::Api::default().listen;
    if is_beside || config.api.listen.port() == default.port() {
        config.api = config::Api::default();
        config.api.listen.set_port(0);
    }
    // Publishers of rooms come from elsewhere.
    config.webrtc.listen = match config.rooms.is_empty() {
        _ if !is_beside && chosen.port() != config::WEBRTC_DEFAULT_PORT => chosen,
        true => (std::net::Ipv4Addr::LOCALHOST, 0).into(),
        false => (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
    };
}

/// Runs a server that records a room and serves nobody.
#[cfg(all(feature = "record", feature = "room"))]
fn record_room(options: &cli::RoomRecordOptions) -> Result<(), String> {
    let file = options.to_file()?;
    begin(None, Some(file), options.stdio, |given| {
        if options.isolate {
            return isolated(given);
        }
        let mut config = given.config()?;
        serve_nobody(&mut config, true);
        serve(config, SwitchPolicy::Replay, given)
    })
}

/// Runs a server that publishes one stream in a room, and serves nobody else.
#[cfg(all(feature = "record", feature = "room"))]
fn publish(options: &cli::PublishOptions) -> Result<(), String> {
    let room = parse("options", &options.to_file()?)?;
    let mut config = read(&options.file)?;
    let Some(source) = config.stream(&options.source).map(|stream| stream.source.clone()) else {
        return Err(format!("{}: no stream {}", options.file, options.source));
    };
    let rtsp = config.rtsp.take_if(|_| source == config::Source::Pushed);
    config.record.clear();
    config.rooms = room.rooms;
    serve_nobody(&mut config, true);
    config.rtsp = rtsp;
    config.room_publish = vec![options.published()];
    if !room.webrtc.relays.is_empty() {
        config.webrtc.relays = room.webrtc.relays;
    }
    if options.access.ice_transport_policy.is_some() {
        config.webrtc.ice_transport_policy = room.webrtc.ice_transport_policy;
    }
    run(config, SwitchPolicy::Replay, false)
}

/// A configuration, where it comes from, and who is spoken with.
struct Given {
    name: String,
    text: String,
    pipes: Option<Pipes>,
}

impl Given {
    fn config(&self) -> Result<Config, String> {
        parse(&self.name, &self.text)
    }
}

/// How what was begun has ended.
type Ended = Result<(), String>;

/// Begins something with a configuration: of a file, given, or the first line of standard input.
/// Why it can't be is told in lines as well, where somebody is spoken with.
fn begin(
    file: Option<&str>,
    text: Option<String>,
    stdio: bool,
    act: impl FnOnce(Given) -> Result<Ended, String>,
) -> Result<(), String> {
    let io = |error: io::Error| format!("standard input: {error}");
    let given = || {
        let mut pipes = if stdio { Some(Pipes::open().map_err(io)?) } else { None };
        let (name, text) = match (file, text, &mut pipes) {
            (Some(file), ..) => {
                let text = std::fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?;
                (file.to_owned(), text)
            }
            (None, Some(text), _) => ("options".to_owned(), text),
            (None, None, Some(pipes)) => {
                let line = pipes.first_line().map_err(io)?;
                ("standard input".to_owned(), line.ok_or("standard input: no configuration")?)
            }
            (None, None, None) => return Err("no configuration".to_owned()),
        };
        Ok(Given { name, text, pipes })
    };
    let begun = given().and_then(act);
    #[cfg(feature = "stdio")]
    if let (Err(text), true) = (&begun, stdio) {
        let now = SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let event = stdio::Event::error(stdio::Code::Configuration, text.trim_end());
        let line = event.to_line(u64::try_from(now.as_millis()).unwrap_or(u64::MAX)) + "\n";
        // Who has gone is told nothing.
        let _ = io::Write::write_all(&mut io::stdout(), line.as_bytes());
    }
    begun?
}

/// Runs a supervisor, and a process for each stream.
#[cfg(feature = "stdio")]
fn isolated(given: Given) -> Result<Ended, String> {
    let config = given.config()?;
    let whole = config::to_json(&given.text).ok_or("the configuration can't be passed on")?;
    logger::start(config.log.level, config.log.format);
    let (now, unix_now) = (Instant::now(), SystemTime::now());
    let mut supervisor = Supervisor::new(config, whole, given.pipes, now, unix_now)
        .map_err(|error| error.to_string())?;
    Ok(supervisor.run().map_err(|error| error.to_string()))
}

/// The command line knows no such flag.
#[cfg(all(feature = "record", not(feature = "stdio")))]
fn isolated(_: Given) -> Result<Ended, String> {
    Err("this build has no workers".to_owned())
}

fn run(config: Config, policy: SwitchPolicy, demo: bool) -> Result<(), String> {
    start(config, ServerOptions { policy, demo }, None)?
}

fn serve(config: Config, policy: SwitchPolicy, given: Given) -> Result<Ended, String> {
    start(config, ServerOptions { policy, demo: false }, given.pipes)
}

fn start(config: Config, options: ServerOptions, pipes: Option<Pipes>) -> Result<Ended, String> {
    logger::start(config.log.level, config.log.format);
    let is_silent = pipes.is_some();
    let (now, unix_now) = (Instant::now(), SystemTime::now());
    let mut server = Server::with_pipes(config, options, pipes, now, unix_now)
        .map_err(|error| error.to_string())?;
    if !is_silent {
        println!("http://{}/", server.http_addr());
    }
    Ok(server.run().map_err(|error| error.to_string()))
}

fn policy(policy: cli::SwitchPolicy) -> SwitchPolicy {
    match policy {
        cli::SwitchPolicy::Cache => SwitchPolicy::Replay,
        cli::SwitchPolicy::WaitIdr => SwitchPolicy::WaitForIdr,
    }
}
