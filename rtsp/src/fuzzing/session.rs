//! Connections: what comes out must not depend on how the bytes were cut.

use std::time::Instant;

use crate::client::{self, Client, Options, Transport};
use crate::interleaved::Parser;
use crate::server::{self, NotFound, Session};
use crate::tunnel::{Progress, Tunnel};
use crate::url::Url;

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

/// A session from accepting to closing. A path with an `x` in it does not exist.
pub(super) fn server(now: Instant, pieces: &[&[u8]]) -> Vec<String> {
    let mut seen = Vec::new();
    let mut session = Session::new(now, 0, 1);
    let sdp = server::describe_h264("stream", None);
    let mut pieces = pieces.iter();
    let mut timers = 0;
    loop {
        while let Some(output) = session.poll_output() {
            match &output {
                // Whether media still goes out depends on how soon the caller looks.
                server::Output::Send(bytes) if bytes.starts_with(b"$") => {}
                server::Output::Send(bytes) => seen.push(String::from_utf8_lossy(bytes).into()),
                server::Output::Close => return seen,
                server::Output::Describe { path } => {
                    let exists = !path.contains('x');
                    session.describe_result(now, if exists { Ok(&sdp) } else { Err(NotFound) });
                }
                // Asked for once or twice, as the caller takes outputs between the pieces or not.
                server::Output::KeyframeRequest => {}
                server::Output::Play { path } => {
                    seen.push(format!("play {path}"));
                    session.write_rtp(now, &[0x65, 0x88, 0x80], 0, true);
                }
            }
        }
        if let Some(piece) = pieces.next() {
            session.handle_data(now, piece);
        } else if let Some(due) = session.poll_timeout().filter(|_| timers < TIMERS) {
            timers += 1;
            session.handle_timeout(due);
        } else {
            return seen;
        }
    }
}
