//! Names to addresses, on a thread of its own: the system's resolver blocks.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use mio::Waker;

use super::Endpoint;
use crate::limits;

/// Whose question it is, and which of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asker {
    /// Who is told of the answer.
    pub endpoint: Endpoint,
    /// The asker's own number.
    pub question: u32,
}

/// A question: whose it is, and what to look up.
#[derive(Debug)]
struct Question {
    asker: Asker,
    host: String,
    port: u16,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Resolved {
    /// As it was given with the question.
    pub asker: Asker,
    /// The addresses in the system's order, or why there are none.
    pub result: Result<Vec<SocketAddr>, String>,
}

/// The thread's two ends.
pub(super) struct Resolver {
    questions: Sender<Question>,
    answers: Receiver<Resolved>,
}

impl Resolver {
    /// Starts the thread; the waker tells of answers.
    pub fn start(waker: Arc<Waker>) -> io::Result<Self> {
        let (questions, inbox) = bounded::<Question>(limits::RESOLVER_QUEUE_MAX);
        let (outbox, answers) = bounded(limits::RESOLVER_QUEUE_MAX);
        std::thread::Builder::new().name("resolver".into()).spawn(move || {
            for Question { asker, host, port } in inbox {
                let result = (host.as_str(), port)
                    .to_socket_addrs()
                    .map(Iterator::collect)
                    .map_err(|error| error.to_string());
                if outbox.send(Resolved { asker, result }).is_err() || waker.wake().is_err() {
                    return; // the loop has ended
                }
            }
        })?;
        Ok(Self { questions, answers })
    }

    /// Asks; an address needs no asking. False when too many questions wait.
    pub fn ask(&self, asker: Asker, host: &str, port: u16) -> bool {
        let question = Question { asker, host: host.to_owned(), port };
        !matches!(self.questions.try_send(question), Err(TrySendError::Full(_)))
    }

    /// The next answer.
    pub fn poll(&self) -> Option<Resolved> {
        self.answers.try_recv().ok()
    }
}
