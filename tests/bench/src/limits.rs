//! What the same packets cost without a server: the crypto library alone, the kernel alone.

use std::io::IoSlice;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, sendmmsg, sendmsg};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::Failure;
use crate::batch::Batch;
use crate::stamp::thread_cpu_ns;

/// Packets of one measurement.
const PACKETS: usize = 20_000;
/// RTP header with the extensions that the server writes; SRTP leaves it readable.
const HEADER_BYTES: usize = 28;
/// Datagrams of one `sendmmsg`.
const MANY: usize = 32;

/// One way of doing the least that can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// AES-128-GCM of packets of this many bytes, as SRTP uses it (RFC 7714).
    Encrypt(usize),
    /// The same the other way round.
    Decrypt(usize),
    /// `sendto`, one system call a datagram.
    Sendto,
    /// `sendmmsg` of 32 datagrams.
    Sendmmsg,
    /// One `sendmsg` of this many datagrams, which the kernel cuts up (UDP GSO).
    Gso(usize),
}

impl Limit {
    /// The ways beside one another, for packets of the mean size.
    pub fn all(mean_bytes: usize) -> Vec<Self> {
        use Limit::{Encrypt, Gso, Sendmmsg, Sendto};
        vec![Encrypt(1_200), Encrypt(mean_bytes), Sendto, Sendmmsg, Gso(8), Gso(32)]
    }

    pub fn name(self, mean_bytes: usize) -> String {
        match self {
            Self::Encrypt(bytes) => format!("AES-128-GCM, {bytes} bytes"),
            Self::Decrypt(bytes) => format!("AES-128-GCM opened, {bytes} bytes"),
            Self::Sendto => format!("sendto, {mean_bytes} bytes"),
            Self::Sendmmsg => format!("sendmmsg x{MANY}, {mean_bytes} bytes"),
            Self::Gso(count) => format!("GSO x{count}, {mean_bytes} bytes"),
        }
    }

    /// CPU nanoseconds of a packet, in the calling thread.
    pub fn measure(self, mean_bytes: usize) -> Result<f64, Failure> {
        match self {
            Self::Encrypt(bytes) => encrypt(bytes),
            Self::Decrypt(bytes) => decrypt(bytes),
            Self::Sendto | Self::Sendmmsg | Self::Gso(_) => self.send(mean_bytes),
        }
    }

    fn send(self, bytes: usize) -> Result<f64, Failure> {
        let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        sender.connect(receiver.local_addr()?)?;
        let drain = Drain::start(receiver)?;
        let data = vec![0x5a; bytes * MANY];
        let started_ns = thread_cpu_ns();
        match self {
            Self::Gso(count) => {
                let size = bytes as u16;
                let cut = [ControlMessage::UdpGsoSegments(&size)];
                let train = [IoSlice::new(&data[..bytes * count])];
                let (fd, flags) = (sender.as_raw_fd(), MsgFlags::empty());
                for _ in 0..PACKETS / count {
                    let sent = sendmsg::<SockaddrIn>(fd, &train, &cut, flags, None);
                    sent.map_err(|errno| format!("UDP GSO: {errno}"))?;
                }
            }
            Self::Sendmmsg => send_many(&sender, &data, bytes)?,
            _ => {
                for _ in 0..PACKETS {
                    sender.send(&data[..bytes])?;
                }
            }
        }
        let spent_ns = thread_cpu_ns() - started_ns;
        drop(drain);
        Ok(spent_ns as f64 / PACKETS as f64)
    }
}

fn send_many(sender: &UdpSocket, data: &[u8], bytes: usize) -> Result<(), Failure> {
    let slices: Vec<[IoSlice<'_>; 1]> =
        data.chunks(bytes).map(|datagram| [IoSlice::new(datagram)]).collect();
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(MANY, None);
    for _ in 0..PACKETS / MANY {
        let (fd, flags) = (sender.as_raw_fd(), MsgFlags::empty());
        match sendmmsg(fd, &mut headers, &slices, [None; MANY], [], flags) {
            Ok(_) | Err(Errno::ECONNREFUSED) => {}
            Err(errno) => return Err(format!("sendmmsg: {errno}").into()),
        }
    }
    Ok(())
}

fn encrypt(bytes: usize) -> Result<f64, Failure> {
    let key = UnboundKey::new(&AES_128_GCM, &[7; 16]).map_err(|_| "the key was refused")?;
    let key = LessSafeKey::new(key);
    let mut packet = vec![0x5a; bytes];
    let started_ns = thread_cpu_ns();
    for number in 0..PACKETS as u32 {
        let nonce = nonce(number);
        let (header, payload) = packet.split_at_mut(HEADER_BYTES);
        let tag = key
            .seal_in_place_separate_tag(nonce, Aad::from(&header), payload)
            .map_err(|_| "the packet could not be encrypted")?;
        packet[0] ^= std::hint::black_box(tag).as_ref()[0];
    }
    Ok((thread_cpu_ns() - started_ns) as f64 / PACKETS as f64)
}

fn decrypt(bytes: usize) -> Result<f64, Failure> {
    let key = UnboundKey::new(&AES_128_GCM, &[7; 16]).map_err(|_| "the key was refused")?;
    let key = LessSafeKey::new(key);
    let header = [0x5a; HEADER_BYTES];
    let mut sealed = vec![0x5a; bytes - HEADER_BYTES];
    key.seal_in_place_append_tag(nonce(0), Aad::from(&header), &mut sealed)
        .map_err(|_| "the packet could not be encrypted")?;
    let mut packet = vec![0; sealed.len()];
    let started_ns = thread_cpu_ns();
    for _ in 0..PACKETS {
        packet.copy_from_slice(&sealed);
        let opened = key.open_in_place(nonce(0), Aad::from(&header), &mut packet);
        std::hint::black_box(opened.map_err(|_| "the packet could not be decrypted")?);
    }
    Ok((thread_cpu_ns() - started_ns) as f64 / PACKETS as f64)
}

fn nonce(number: u32) -> Nonce {
    let mut nonce = [0; 12];
    nonce[..4].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

/// CPU nanoseconds of the calling thread for each of `count` writes of so many bytes at the end of
/// a file in this folder, which is deleted again.
pub fn write(folder: &Path, bytes: usize, count: usize) -> Result<f64, Failure> {
    let path = folder.join("limit");
    let file = std::fs::File::create(&path)?;
    let data = vec![0x5a; bytes];
    let started_ns = thread_cpu_ns();
    for turn in 0..count {
        file.write_all_at(&data, (turn * bytes) as u64)?;
    }
    let spent_ns = thread_cpu_ns() - started_ns;
    std::fs::remove_file(path)?;
    Ok(spent_ns as f64 / count as f64)
}

/// Reads what a socket gets, in a thread of its own.
struct Drain {
    is_over: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drain {
    fn start(socket: UdpSocket) -> Result<Self, Failure> {
        crate::batch::prepare(&socket)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let mut batch = Batch::new();
            while !flag.load(Ordering::Relaxed) {
                match batch.receive(socket.as_raw_fd(), |_, _, _| {}) {
                    Ok(true) => {}
                    _ => std::thread::sleep(Duration::from_micros(50)),
                }
            }
        });
        Ok(Self { is_over, thread: Some(thread) })
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
