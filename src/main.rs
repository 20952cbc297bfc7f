//! The command line.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is where printing belongs")]

use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use config::Config;
use crosspoint::cli::{self, Command, DemoOptions};
use crosspoint::engine::hub::SwitchPolicy;
use crosspoint::logger;
use crosspoint::net::{Server, ServerOptions, probe};

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
        Ok(Command::Run(options)) => {
            read(&options.file).and_then(|config| run(config, policy(options.switch_policy), false))
        }
        #[cfg(feature = "record")]
        Ok(Command::Record(options)) => record(&options),
        #[cfg(all(feature = "record", feature = "room"))]
        Ok(Command::RecordRoom(options)) => record_room(&options),
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

/// Runs a server that records one stream and serves nobody.
#[cfg(feature = "record")]
fn record(options: &cli::RecordOptions) -> Result<(), String> {
    let mut config = read(&options.file)?;
    let name = &options.stream;
    let stream =
        config.stream(name).ok_or_else(|| format!("{}: no stream {name}", options.file))?;
    let is_pushed = stream.source == config::Source::Pushed;
    let configured = config.record.iter().find(|record| record.stream == *name).cloned();
    let record = match &options.prefix {
        Some(prefix) => {
            let path = config::parse_record_path(&cli::record_path(prefix))
                .map_err(|why| format!("--record: {why}"))?;
            let record = config::Record::new(name.clone(), path.clone());
            config::Record { path, ..configured.unwrap_or(record) }
        }
        None => configured
            .ok_or_else(|| format!("{}: no record.{name}; give --record PREFIX", options.file))?,
    };
    let hls = options.hls || record.hls;
    config.record = vec![config::Record { hls, ..record }];
    config.publish.clear();
    if !is_pushed {
        config.rtsp = None;
    }
    // Beside a server of the same file.
    config.api = config::Api::default();
    config.api.listen.set_port(0);
    config.webrtc.listen = config.api.listen;
    run(config, SwitchPolicy::Replay, false)
}

/// Runs a server that records a room and serves nobody.
#[cfg(all(feature = "record", feature = "room"))]
fn record_room(options: &cli::RoomRecordOptions) -> Result<(), String> {
    let mut config = parse("options", &options.to_file()?)?;
    config.api.listen.set_port(0);
    // Publishers come from elsewhere.
    config.webrtc.listen = (std::net::Ipv4Addr::UNSPECIFIED, 0).into();
    run(config, SwitchPolicy::Replay, false)
}

fn run(config: Config, policy: SwitchPolicy, demo: bool) -> Result<(), String> {
    logger::start(config.log.level, config.log.format);
    let options = ServerOptions { policy, demo };
    let mut server = Server::new(config, options, Instant::now(), SystemTime::now())
        .map_err(|error| error.to_string())?;
    println!("http://{}/", server.http_addr());
    server.run().map_err(|error| error.to_string())
}

fn policy(policy: cli::SwitchPolicy) -> SwitchPolicy {
    match policy {
        cli::SwitchPolicy::Cache => SwitchPolicy::Replay,
        cli::SwitchPolicy::WaitIdr => SwitchPolicy::WaitForIdr,
    }
}
