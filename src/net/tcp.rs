//! A non-blocking TCP connection with a bounded queue of what it still has to send.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;

/// One connection.
pub struct TcpConnection {
    stream: TcpStream,
    unsent: Vec<u8>,
    unsent_max_bytes: usize,
}

/// What a read gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOutcome {
    /// This many bytes. Fewer than asked for were all there is: the next ones are an event of
    /// their own, the other end's closing excepted if it had come already.
    Data(usize),
    /// Nothing now.
    WouldBlock,
    /// The other end has closed.
    Closed,
}

impl TcpConnection {
    /// Wraps a stream; what exceeds `unsent_max_bytes` unsent is an error on its sender.
    pub fn new(stream: TcpStream, unsent_max_bytes: usize) -> Self {
        if let Err(error) = stream.set_nodelay(true) {
            log::debug!("TCP_NODELAY: {error}");
        }
        Self { stream, unsent: Vec::new(), unsent_max_bytes }
    }

    /// For registration with the poll.
    pub fn stream_mut(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Our end's address and the other's, while connected.
    pub fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.stream.local_addr().ok().zip(self.stream.peer_addr().ok())
    }

    /// Gives the stream up; what is unsent is lost.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Reads once.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<ReadOutcome> {
        loop {
            return match self.stream.read(buffer) {
                Ok(0) => Ok(ReadOutcome::Closed),
                Ok(count) => Ok(ReadOutcome::Data(count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    Ok(ReadOutcome::WouldBlock)
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
        }
    }

    /// Sends, or keeps for [`TcpConnection::flush`] what the socket does not take now.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.unsent.len() + bytes.len() > self.unsent_max_bytes {
            return Err(io::Error::other("the other end reads too slowly"));
        }
        self.unsent.extend_from_slice(bytes);
        self.flush()
    }

    /// Bytes that wait to be sent.
    pub fn unsent_bytes(&self) -> usize {
        self.unsent.len()
    }

    /// Sends what the socket takes.
    pub fn flush(&mut self) -> io::Result<()> {
        let mut sent = 0;
        let result = loop {
            let rest = self.unsent.get(sent..).unwrap_or_default();
            if rest.is_empty() {
                break Ok(());
            }
            match self.stream.write(rest) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                // Not connected yet: the first writable event flushes.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.unsent.drain(..sent);
        result
    }
}
