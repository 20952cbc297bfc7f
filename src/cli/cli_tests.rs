//! What command lines mean.

use super::*;

fn read(line: &str) -> Result<Command, String> {
    let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    parse(&arguments)
}

fn help(line: &str) -> String {
    match read(line) {
        Ok(Command::Help(text)) => text,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn demo_listens_where_it_is_told() {
    let expected = |listen: Option<&str>| {
        let listen = listen.map(|address| address.parse().unwrap());
        Ok(Command::Demo(DemoOptions { listen, switch_policy: SwitchPolicy::Cache }))
    };
    assert_eq!(read("demo"), expected(None));
    assert_eq!(read("demo --listen 10.0.0.1:80"), expected(Some("10.0.0.1:80")));
    assert_eq!(read("demo --listen=:80"), expected(Some("0.0.0.0:80")));
}

#[test]
fn run_and_check_take_a_file() {
    let expected = |switch_policy| {
        let (file, stdio) = (Some("a.yaml".to_owned()), false);
        Ok(Command::Run(RunOptions { file, switch_policy, stdio }))
    };
    assert_eq!(read("run -c a.yaml"), expected(SwitchPolicy::Cache));
    assert_eq!(read("run --config=a.yaml"), expected(SwitchPolicy::Cache));
    let line = "run --switch-policy wait-idr -c a.yaml";
    assert_eq!(read(line), expected(SwitchPolicy::WaitIdr));
    assert_eq!(read("check -c a.yaml"), Ok(Command::Check { file: "a.yaml".to_owned() }));
}

#[test]
#[cfg(all(feature = "record", feature = "room"))]
fn record_takes_a_room_as_other_recorders_do() {
    let line = "record --room testroom123 --record-room --record multi --password false \
                --noaudio --hls --stun-server stun:s --ice-transport-policy relay";
    let expected = RoomRecordOptions {
        access: RoomOptions {
            room: Some("testroom123".to_owned()),
            password: Some("false".to_owned()),
            ice_transport_policy: Some("relay".to_owned()),
            ..RoomOptions::default()
        },
        prefix: "multi".to_owned(),
        no_audio: true,
        hls: true,
        ..RoomRecordOptions::default()
    };
    assert_eq!(read(line), Ok(Command::RecordRoom(expected)));
    let error = |line| read(line).unwrap_err();
    assert!(error("record --room a").contains("--record PREFIX is missing"));
    assert!(error("record --room a --record b -c c").contains("--config does not go with"));
    assert!(error("record --room a --record b --noaudio=1").contains("takes no value"));
    assert!(error("record --view a --record b --record-streams c").contains("does not go with"));
    match read("record --view tUur6wt --record single --password false --noaudio") {
        Ok(Command::RecordRoom(options)) => {
            assert_eq!((options.view.as_deref(), options.access.room), (Some("tUur6wt"), None));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
#[cfg(all(feature = "record", feature = "room"))]
fn publish_takes_a_stream_of_a_file_into_a_room_or_none() {
    let mut expected = PublishOptions {
        file: "a.yaml".to_owned(),
        source: "camera1".to_owned(),
        stream: "door".to_owned(),
        access: RoomOptions::default(),
    };
    let line = "publish --stream door --source camera1 -c a.yaml";
    assert_eq!(read(line), Ok(Command::Publish(expected.clone())));
    expected.access.room = Some("r".to_owned());
    assert_eq!(read(&format!("{line} --room r")), Ok(Command::Publish(expected)));
    assert!(read("publish --stream door -c a.yaml").unwrap_err().contains("--source STREAM is"));
}

#[test]
#[cfg(feature = "record")]
fn record_takes_a_stream_of_a_file() {
    let options = |prefix: Option<&str>| RecordOptions {
        file: Some("a.yaml".to_owned()),
        stream: Some("door".to_owned()),
        prefix: prefix.map(str::to_owned),
        ..RecordOptions::default()
    };
    let line = "record --stream door -c a.yaml";
    assert_eq!(read(line), Ok(Command::Record(options(None))));
    let line = "record -s door -c a.yaml --record /rec/";
    assert_eq!(read(line), Ok(Command::Record(options(Some("/rec/")))));
    assert!(read("record -c a.yaml").unwrap_err().contains("--stream NAME is missing"));
}

#[test]
#[cfg(feature = "stdio")]
fn whoever_starts_us_may_speak_in_lines_and_have_processes_of_their_own() {
    let record = |line| match read(line) {
        Ok(Command::Record(options)) => options,
        other => panic!("{line}: {other:?}"),
    };
    let line = RecordOptions { stdio: true, ..RecordOptions::default() };
    assert_eq!(record("record --stdio"), line);
    assert_eq!(record("record --stdio --isolate"), RecordOptions { isolate: true, ..line });
    let file = Some("a.yaml".to_owned());
    let isolated = RecordOptions { file, isolate: true, ..RecordOptions::default() };
    assert_eq!(record("record --isolate -c a.yaml"), isolated);
    match read("record --room a --record b --stdio --isolate") {
        Ok(Command::RecordRoom(options)) => assert!(options.stdio && options.isolate),
        other => panic!("{other:?}"),
    }
    assert!(matches!(read("run --stdio"), Ok(Command::Run(RunOptions { file: None, .. }))));
    let error = |line| read(line).unwrap_err();
    assert!(error("record --isolate").contains("--config FILE is missing"));
    assert!(error("record --isolate -c a -s b").contains("does not go with --isolate"));
    assert!(error("record --stdio --record /rec/").contains("goes with --stream or --room"));
    assert!(error("record --stdio --hls").contains("goes with --stream or --room"));
}

#[test]
fn probe_takes_an_address_and_hides_it() {
    let command = read("probe rtsp://u:hunter2@h/a").unwrap();
    assert!(!format!("{command:?}").contains("hunter2"));
    let url = config::SecretUrl::new("rtsp://u:hunter2@h/a");
    assert_eq!(command, Command::Probe { url: url.clone(), keyframe: None });
    let command = read("probe --keyframe isapi:http://u:hunter2@h rtsp://u:hunter2@h/a");
    assert!(!format!("{command:?}").contains("hunter2"));
    let keyframe = Some(config::SecretUrl::new("isapi:http://u:hunter2@h"));
    assert_eq!(command, Ok(Command::Probe { url, keyframe }));
}

#[test]
fn version_and_help_go_by_several_names() {
    for line in ["version", "--version", "-V"] {
        assert_eq!(read(line), Ok(Command::Version));
    }
    for line in ["", "help", "--help", "-h"] {
        assert_eq!(help(line), overview());
    }
    for line in ["help run", "run --help", "run -c a.yaml -h"] {
        assert!(help(line).contains("-c, --config FILE"), "{line}");
    }
}

#[test]
fn the_help_names_every_command_and_flag() {
    let overview = overview();
    for verb in VERBS {
        assert!(overview.contains(&format!("crosspoint {}", verb.name)));
        for flag in verb.flags {
            assert!(help(&format!("help {}", verb.name)).contains(flag.name));
        }
    }
    assert!(overview.lines().all(|line| line.len() <= 100));
}

#[test]
fn mistakes_are_named() {
    for (line, expected) in [
        ("go", "unknown command go"),
        ("demo now", "unexpected now"),
        ("demo --lisen :80", "unknown option --lisen"),
        ("demo --listen", "--listen needs a value: ADDRESS"),
        ("demo --listen=", "--listen needs a value: ADDRESS"),
        ("demo --listen nowhere", "--listen: expected an address and port"),
        ("demo --listen :1 --listen :2", "--listen is given twice"),
        ("demo -c a.yaml", "unknown option -c"),
        ("run", "-c, --config FILE is missing"),
        ("run -c a --switch-policy fast", "expected cache or wait-idr"),
        ("probe", "an address is missing"),
        ("probe rtsp://h/a rtsp://h/b", "unexpected rtsp://h/b"),
        ("help nothing", "unknown command nothing"),
    ] {
        let error = read(line).unwrap_err();
        assert!(error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn no_mistake_repeats_a_password() {
    for line in ["rtsp://u:hunter2@h/a", "probe rtsp://h/a rtsp://u:hunter2@h/a"] {
        assert!(!read(line).unwrap_err().contains("hunter2"), "{line}");
    }
}
