//! Connections: what comes out must not depend on how the bytes were cut.

use std::time::Instant;

use crate::audio;
use crate::client::{self, Client, Options, Transport};
use crate::interleaved::Parser;
use crate::payloads::Payloads;
use crate::server::{self, AudioPacket, Frame, Refusal, Session};
use crate::tunnel::{Progress, Tunnel};
use crate::url::{Credentials, Url};

/// Longer inputs are cut in one place less often, to keep a run short.
const MAX_CUTS: usize = 300;
/// Timers run after the last byte: keep-alives, time-outs, the first back-off.
const TIMERS: usize = 6;

/// Runs whole, byte by byte and in two pieces, and compares what was seen.
pub(super) fn cut_anyhow(data: &[u8], run: impl Fn(&[&[u8]]) -> Vec<String>) {
    let whole = run(&[data]);
    let bytes: Vec<&[u8]> = data.chunks(1).collect();
    assert_eq!(run(&bytes), whole, "byte by byte");
    let step = data.len().div_ceil(MAX_CUTS).max(1);
    for at in (1..data.len()).step_by(step) {
        let (first, second) = data.split_at(at);
        assert_eq!(run(&[first, second]), whole, "cut at {at}");
    }
}

/// The items of a connection and how it ended.
pub(super) fn framing(pieces: &[&[u8]]) -> Vec<String> {
    let mut parser = Parser::new();
    parser.expect(&[0, 1], &[96]);
    let mut seen = Vec::new();
    for piece in pieces {
        parser.push(piece);
        loop {
            match parser.next() {
                Ok(Some(item)) => seen.push(format!("{item:?}")),
                Ok(None) => break,
                Err(error) => {
                    seen.push(format!("{error:?}"));
                    return seen;
                }
            }
        }
    }
    seen
}

/// A session from dialling to the first time the client hangs up.
pub(super) fn client(now: Instant, pieces: &[&[u8]]) -> Vec<String> {
    let mut seen = Vec::new();
    let Ok(url) = Url::parse("rtsp://user:Zq7-pass@192.0.2.1/stream?channel=1") else {
        return seen;
    };
    let options = Options { transport: Transport::Tcp, ..Options::new(url) };
    let mut client = Client::new(options, 1);
    client.start(now);
    let mut pieces = pieces.iter();
    let mut timers = 0;
    loop {
        while let Some(output) = client.poll_output() {
            let text = format!("{output:?}");
            assert!(!text.contains("Zq7-pass"), "{text}");
            seen.push(text);
            match output {
                client::Output::Connect { .. } => client.handle_connected(now),
                client::Output::Disconnect => return seen,
                _ => {}
            }
        }
        if let Some(piece) = pieces.next() {
            client.handle_data(now, piece);
        } else if let Some(due) = client.poll_timeout().filter(|_| timers < TIMERS) {
            timers += 1;
            assert!(due >= now, "a timer in the past");
            client.handle_timeout(due);
        } else {
            seen.push(format!("{:?}", client.stats()));
            return seen;
        }
    }
}

/// The opening of a tunnel up to the end of a reply, and what is asked next.
pub(super) fn tunnel(pieces: &[&[u8]]) -> Vec<String> {
    let Ok(url) = Url::parse("rtsp+http://user:Zq7-pass@192.0.2.1/stream?channel=1") else {
        return Vec::new();
    };
    let mut tunnel = Tunnel::new(&url, "fuzz", 1);
    let mut asked = tunnel.get();
    for piece in pieces {
        let progress = tunnel.handle_get_data(piece);
        match &progress {
            Ok(Progress::Incomplete) => continue,
            Ok(Progress::Again) => asked = tunnel.get(),
            Ok(Progress::Accepted) => asked = tunnel.post(),
            Err(_) => {}
        }
        let asked = String::from_utf8_lossy(&asked);
        assert!(!asked.contains("Zq7-pass"), "{asked}");
        let lines: Vec<&str> = asked.split("\r\n").collect();
        assert!(!lines.concat().contains(char::is_control), "{asked:?}");
        assert!(matches!(&lines[..], [head @ .., "", ""] if !head.contains(&"")), "{asked}");
        return vec![format!("{progress:?}"), asked.into()];
    }
    Vec::new()
}

/// A session from accepting to closing, of each kind of server. A stream with an `x` in its name
/// does not exist.
pub(super) fn server(now: Instant, pieces: &[&[u8]]) -> Vec<String> {
    let credentials = Credentials { username: "user".to_owned(), password: "Zq7-pass".to_owned() };
    let open =
        server::Options { credentials: None, udp_ports: Some((6970, 6971)), accepts_push: true };
    let closed = server::Options { credentials: Some(credentials), ..open.clone() };
    let kinds = [server::Options::default(), open, closed];
    kinds.into_iter().flat_map(|options| serve(now, pieces, options)).collect()
}

fn serve(now: Instant, pieces: &[&[u8]], options: server::Options) -> Vec<String> {
    let mut seen = Vec::new();
    // Events and outputs have no order among each other.
    let mut events = Vec::new();
    let mut session = Session::new(now, 0, 1, options);
    let description = server::describe_h264("stream", None).with_audio(audio::Codec::Pcma);
    let mut pieces = pieces.iter();
    let mut timers = 0;
    loop {
        let mut is_over = false;
        while let Some(output) = session.poll_output() {
            let is_there = |name: &str| !name.contains('x');
            match &output {
                // Whether media still goes out depends on how soon the caller looks.
                server::Output::Send(bytes) if bytes.starts_with(b"$") => {}
                server::Output::Send(bytes) => {
                    let text = String::from_utf8_lossy(bytes);
                    assert!(!text.contains("Zq7-pass"), "{text}");
                    seen.push(text.into());
                }
                server::Output::Close => is_over = true,
                server::Output::Describe { name } => {
                    let result =
                        if is_there(name) { Ok(&description) } else { Err(Refusal::NotFound) };
                    session.describe_result(now, result);
                }
                server::Output::Announce { name } => {
                    let answer = if is_there(name) { Ok(()) } else { Err(Refusal::Taken) };
                    session.announce_result(now, answer);
                }
                // Asked for once or twice, as the caller takes outputs between the pieces or not.
                server::Output::KeyframeRequest | server::Output::SendDatagram { .. } => {}
                server::Output::Play { name } => {
                    seen.push(format!("play {name}"));
                    let payloads = Payloads::from_iter([[0x65, 0x88, 0x80]]);
                    let (timestamp, presented_at, is_key) = (0, now, true);
                    let frame = Frame { timestamp, presented_at, is_key, payloads: &payloads };
                    session.write_frame(now, &frame);
                    let (is_start, payload) = (true, &[0x55; 160]);
                    let packet = AudioPacket { timestamp, presented_at, is_start, payload };
                    session.write_audio(now, &packet);
                }
                server::Output::Record { .. }
                | server::Output::RightPassword
                | server::Output::WrongPassword => seen.push(format!("{output:?}")),
            }
        }
        let heard = std::iter::from_fn(|| session.poll_event());
        events.extend(heard.map(|event| format!("{event:?}")));
        if is_over {
            return [seen, events].concat();
        }
        if let Some(piece) = pieces.next() {
            session.handle_data(now, piece);
        } else if let Some(due) = session.poll_timeout().filter(|_| timers < TIMERS) {
            timers += 1;
            session.handle_timeout(due);
        } else {
            return [seen, events].concat();
        }
    }
}
