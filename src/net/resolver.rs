//! Names to addresses, on a thread of its own: the system's resolver blocks.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use mio::Waker;

use crate::limits;

/// A question: whose it is, and what to look up.
#[derive(Debug)]
struct Question {
    id: u64,
    host: String,
    port: u16,
}

/// An answer.
#[derive(Debug)]
pub struct Resolved {
    /// The number that was given with the question.
    pub id: u64,
    /// The addresses in the system's order, or why there are none.
    pub result: Result<Vec<SocketAddr>, String>,
}

/// The thread's two ends.
pub struct Resolver {
    questions: Sender<Question>,
    answers: Receiver<Resolved>,
}

impl Resolver {
    /// Starts the thread; the waker tells of answers.
    pub fn start(waker: Arc<Waker>) -> io::Result<Self> {
        let (questions, inbox) = bounded::<Question>(limits::RESOLVER_QUEUE_MAX);
        let (outbox, answers) = bounded(limits::RESOLVER_QUEUE_MAX);
        std::thread::Builder::new().name("resolver".into()).spawn(move || {
            for Question { id, host, port } in inbox {
                let result = (host.as_str(), port)
                    .to_socket_addrs()
                    .map(Iterator::collect)
                    .map_err(|error| error.to_string());
                if outbox.send(Resolved { id, result }).is_err() || waker.wake().is_err() {
                    return; // the loop has ended
                }
            }
        })?;
        Ok(Self { questions, answers })
    }

    /// Asks; an address needs no asking. False when too many questions wait.
    pub fn ask(&self, id: u64, host: &str, port: u16) -> bool {
        let question = Question { id, host: host.to_owned(), port };
        !matches!(self.questions.try_send(question), Err(TrySendError::Full(_)))
    }

    /// The next answer.
    pub fn poll(&self) -> Option<Resolved> {
        self.answers.try_recv().ok()
    }
}
