//! One RTP stream to one receiver (RFC 3550): its numbers, and what its reports tell.

use std::time::Instant;

use rtsp::rtcp::SenderReport;

use super::path::{Path, Sink};
use super::reports::NtpClock;
use super::sdp::SentStream;
use super::srtp::{Header, Srtp};

/// Where packets leave.
pub(super) struct Outlet<'a, 'b> {
    pub srtp: &'a mut Srtp,
    pub path: Path,
    pub sink: &'a mut Sink<'b>,
}

impl<'a, 'b> Outlet<'a, 'b> {
    /// None before DTLS is up.
    pub fn open(
        srtp: &'a mut Option<Srtp>,
        path: Option<Path>,
        sink: &'a mut Sink<'b>,
    ) -> Option<Self> {
        Some(Self { srtp: srtp.as_mut()?, path: path?, sink })
    }

    /// Sends a packet.
    pub fn send(&mut self, header: &Header, payload: &[u8]) {
        let bytes = self.srtp.sealed_bytes(header, payload);
        self.sink.send_in_place(&self.path, bytes, &mut |packet| {
            self.srtp.seal(header, payload, packet);
        });
    }

    /// Sends a compound of reports.
    pub fn send_reports(&mut self, compound: &[u8]) {
        if let Some(packet) = self.srtp.seal_rtcp(compound) {
            self.sink.send(self.path.datagram(packet));
        }
    }
}

/// Random numbers for streams, each another one (RFC 3550 section 8.1).
pub(super) struct Ssrcs<'a> {
    random: &'a mut dyn FnMut() -> u32,
    taken: Vec<u32>,
}

impl<'a> Ssrcs<'a> {
    pub fn new(random: &'a mut dyn FnMut() -> u32) -> Self {
        Self { random, taken: Vec::new() }
    }

    pub fn next(&mut self) -> u32 {
        loop {
            let ssrc = (self.random)();
            if !self.taken.contains(&ssrc) {
                self.taken.push(ssrc);
                return ssrc;
            }
        }
    }

    /// A canonical name of 96 random bits (RFC 7022 section 4.2).
    pub fn name(&mut self) -> String {
        let [a, b, c] = [(); 3].map(|()| self.next());
        format!("{a:08x}{b:08x}{c:08x}")
    }
}

/// The stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub ssrc: u32,
    /// Its canonical name (RFC 3550 section 6.5.1).
    pub cname: String,
    /// What sequence numbers are extended by in front of the first: a receiver's rollover counter
    /// begins with 0 (RFC 3711 section 3.3.1), whatever was sent to others before.
    rollovers_before: Option<u64>,
    packets: u32,
    payload_bytes: u32,
    newest: Option<Moment>,
    /// Something was sent since the last report.
    is_news: bool,
}

/// What a timestamp stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub rtp_timestamp: u32,
    pub at: Instant,
    pub clock_hz: u32,
}

impl Stream {
    /// The one that was described so.
    pub fn new(described: &SentStream) -> Self {
        Self {
            ssrc: described.ssrc,
            cname: described.cname.clone(),
            rollovers_before: None,
            packets: 0,
            payload_bytes: 0,
            newest: None,
            is_news: false,
        }
    }

    /// The number that a packet has in this stream.
    pub fn number(&mut self, sequence_number: u64) -> u64 {
        sequence_number - *self.rollovers_before.get_or_insert(sequence_number & !0xffff)
    }

    /// Notes packets that were sent.
    pub fn count(&mut self, moment: Moment, packets: usize, payload_bytes: usize) {
        #[expect(clippy::cast_possible_truncation, reason = "counted modulo 2^32")]
        let (packets, payload_bytes) = (packets as u32, payload_bytes as u32);
        self.packets = self.packets.wrapping_add(packets);
        self.payload_bytes = self.payload_bytes.wrapping_add(payload_bytes);
        self.newest = Some(moment);
        self.is_news = true;
    }

    /// What is to be told, if something was sent since it was told last.
    pub fn report(&mut self, now: Instant, clock: NtpClock) -> Option<SenderReport> {
        let newest = self.newest.filter(|_| std::mem::take(&mut self.is_news))?;
        let since = now.saturating_duration_since(newest.at).as_nanos();
        #[expect(clippy::cast_possible_truncation, reason = "RTP timestamps are modulo 2^32")]
        let ticks = (since * u128::from(newest.clock_hz) / 1_000_000_000) as u32;
        Some(SenderReport {
            ssrc: self.ssrc,
            ntp: clock.ntp(now),
            rtp_timestamp: newest.rtp_timestamp.wrapping_add(ticks),
            packets: self.packets,
            bytes: self.payload_bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn stream() -> Stream {
        Stream::new(&SentStream {
            ssrc: 7,
            resend: None,
            cname: "name".to_owned(),
            stream_id: String::new(),
            track_id: String::new(),
        })
    }

    #[test]
    fn a_report_tells_what_was_sent_at_its_own_moment_and_only_news() {
        let now = Instant::now();
        let clock = NtpClock { at: now, ntp: 5 << 32 };
        let mut stream = stream();
        assert_eq!(stream.report(now, clock), None);
        let moment = Moment { rtp_timestamp: u32::MAX, at: now, clock_hz: 90_000 };
        stream.count(moment, 3, 1_000);
        stream.count(moment, 1, 200);
        let report = stream.report(now + Duration::from_millis(1500), clock).unwrap();
        let expected = SenderReport {
            ssrc: 7,
            ntp: 6 << 32 | 1 << 31,
            rtp_timestamp: 134_999,
            packets: 4,
            bytes: 1_200,
        };
        assert_eq!(report, expected);
        assert_eq!(stream.report(now + Duration::from_secs(3), clock), None);
    }

    #[test]
    fn numbers_begin_with_rollover_counter_0_for_each_receiver() {
        let mut stream = stream();
        assert_eq!(
            [0x3_fffe, 0x3_ffff, 0x4_0000].map(|number| stream.number(number)),
            [0xfffe, 0xffff, 0x1_0000]
        );
    }
}
