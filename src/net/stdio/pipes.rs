//! Standard input and output as the loop needs them: neither ever blocks it.
//!
//! Both are used under numbers of their own. What epoll refuses, as regular files and `/dev/null`,
//! is always ready: it is read a little in each turn, and written at once.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd;

use mio::event::Source;
use mio::unix::pipe::{Receiver, Sender};
use mio::{Interest, Registry, Token};

use crate::stdio::limits::READ_BUDGET_BYTES;
use crate::stdio::{Full, Line, Lines, Outbox, Weight};

/// Bytes of one read.
const READ_BYTES: usize = 16 * 1024;

/// Both, and the lines on them.
pub struct Pipes {
    input: Receiver,
    output: Sender,
    /// The input has to be looked at unasked.
    is_unpolled: bool,
    has_ended: bool,
    lines: Lines,
    outbox: Outbox,
    /// Nobody is there to read what we write.
    is_deaf: bool,
}

/// What came of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) enum Read {
    /// Nothing more is there now.
    Nothing,
    /// There may be more.
    More,
    /// The other end is closed.
    Ended,
}

impl Pipes {
    /// Takes standard input and output, without changing either yet.
    ///
    /// # Errors
    /// The system's, where it has no more descriptors.
    pub fn open() -> io::Result<Self> {
        Ok(Self {
            input: Receiver::from(io::stdin().as_fd().try_clone_to_owned()?),
            output: Sender::from(io::stdout().as_fd().try_clone_to_owned()?),
            is_unpolled: false,
            has_ended: false,
            lines: Lines::default(),
            outbox: Outbox::default(),
            is_deaf: false,
        })
    }

    /// Waits for the first line, which nothing can be done without; none where there is none.
    ///
    /// # Errors
    /// The system's, and that it is too long or no UTF-8.
    pub fn first_line(&mut self) -> io::Result<Option<String>> {
        self.input.set_nonblocking(false)?;
        let bad = |text: &str| io::Error::new(ErrorKind::InvalidData, text);
        loop {
            match self.lines.poll() {
                Some(Line::Text(text)) => return Ok(Some(text)),
                Some(Line::TooLong) => return Err(bad("the first line is too long")),
                Some(Line::NotUtf8) => return Err(bad("the first line is no UTF-8")),
                None if self.has_ended => return Ok(None),
                None => {
                    self.read_some()?;
                }
            }
        }
    }

    /// Has both watched; true where the input has to be looked at unasked.
    pub(in crate::net) fn register(
        &mut self,
        registry: &Registry,
        input: Token,
        output: Token,
    ) -> io::Result<bool> {
        self.input.set_nonblocking(true)?;
        self.output.set_nonblocking(true)?;
        self.is_unpolled = watch(registry, &mut self.input, input, Interest::READABLE)?;
        watch(registry, &mut self.output, output, Interest::WRITABLE)?;
        Ok(self.is_unpolled)
    }

    fn read_some(&mut self) -> io::Result<usize> {
        let mut buffer = [0; READ_BYTES];
        loop {
            match self.input.read(&mut buffer) {
                Ok(count) => {
                    self.has_ended = count == 0;
                    self.lines.push(buffer.get(..count).unwrap_or_default());
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads what is there, within a budget; each line goes to `take`.
    pub(in crate::net) fn read(&mut self, mut take: impl FnMut(Line)) -> Read {
        let mut budget = READ_BUDGET_BYTES;
        loop {
            while let Some(line) = self.lines.poll() {
                take(line);
            }
            if self.has_ended {
                return Read::Ended;
            }
            if budget == 0 {
                return Read::More;
            }
            match self.read_some() {
                Ok(count) => budget = budget.saturating_sub(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return if self.is_unpolled { Read::More } else { Read::Nothing };
                }
                Err(error) => {
                    log::warn!("standard input: {error}");
                    self.has_ended = true;
                }
            }
        }
    }

    /// Queues a line for the end of the turn.
    pub(in crate::net) fn push(&mut self, weight: Weight, line: String) -> Result<(), Full> {
        if self.is_deaf { Ok(()) } else { self.outbox.push(weight, line) }
    }

    /// Writes what is taken now. False once nobody is there to read it.
    pub(in crate::net) fn flush(&mut self) -> bool {
        while !self.outbox.front().is_empty() {
            match self.output.write(self.outbox.front()) {
                Ok(count) => self.outbox.advance(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) => {
                    log::warn!("standard output: {error}");
                    self.give_up();
                }
            }
        }
        !self.is_deaf
    }

    /// Writes no more.
    pub(in crate::net) fn give_up(&mut self) {
        self.is_deaf = true;
        self.outbox = Outbox::default();
    }

    /// Whether something is still to be read by somebody.
    pub(in crate::net) fn has_unsent(&self) -> bool {
        !self.outbox.is_empty()
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        // A terminal is others' as well.
        for restored in [self.input.set_nonblocking(false), self.output.set_nonblocking(false)] {
            if let Err(error) = restored {
                log::debug!("standard input and output: {error}");
            }
        }
    }
}

/// True where there is no watching it, because it is always ready.
fn watch(
    registry: &Registry,
    source: &mut dyn Source,
    token: Token,
    interest: Interest,
) -> io::Result<bool> {
    match registry.register(source, token, interest) {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(true),
        Err(error) => Err(error),
    }
}
