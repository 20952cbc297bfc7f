//! Bodies of the fuzz targets; the corpora are replayed by the plain tests.

use std::time::{Duration, Instant};

use crate::{Client, Options, Output};

/// A target: a moment to begin at, and the input.
pub type Target = fn(Instant, &[u8]);

/// All targets by the names of their corpora.
pub const TARGETS: [(&str, Target); 1] = [("turn", client)];

/// A server that says anything at any time. The first byte says whether it is reached by a stream;
/// pieces are as long as the byte before each says, and time passes between them. Whatever comes,
/// the client has a deadline, and asks for no more than it may.
pub fn client(mut now: Instant, input: &[u8]) {
    let Some((first, mut rest)) = input.split_first() else { return };
    let (username, credential) = ("u".to_owned(), "p".to_owned());
    let options = Options { username, credential, is_stream: first & 1 == 1, seed: [7; 32] };
    let mut client = Client::new(options);
    client.start(now);
    while let Some((length, more)) = rest.split_first() {
        let (piece, next) = more.split_at_checked(usize::from(*length)).unwrap_or((more, &[]));
        rest = next;
        let mut sent = 0;
        while let Some(output) = client.poll_output() {
            match output {
                Output::Connect { .. } => client.handle_connected(now),
                Output::Send(bytes) => sent += bytes.len(),
                _ => {}
            }
        }
        assert!(sent < 1 << 16, "{sent} bytes sent at a time");
        let mut peer = ([192, 0, 2, length % 4], 9).into();
        client.handle_data(now, piece, &mut |from, _| peer = from);
        client.send(now, peer, piece, &mut |_| ());
        assert!(client.poll_timeout().is_some(), "the client sleeps for ever");
        now += Duration::from_millis(u64::from(*length) * 100);
        client.handle_timeout(now);
    }
}
