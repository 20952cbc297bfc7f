//! One stream of RTP that comes (RFC 3550): its numbers, what of it is missing, and what its sender
//! is told.

use std::time::Instant;

use rtsp::rtcp::{ReportBlock, SenderReport};
use rtsp::rtp::{Arrival, Reception};

use super::head::Head;
use super::missing::Missing;
use super::window::Window;

/// The stream of one source.
#[derive(Debug)]
pub struct Stream {
    pub ssrc: u32,
    /// The number of the track that it belongs to.
    pub track: usize,
    /// Whether it carries what another one lost (RFC 4588).
    pub is_resend: bool,
    pub window: Window,
    pub missing: Missing,
    pub heard_at: Instant,
    reception: Option<Reception>,
    /// The NTP timestamp of the newest sender report, and when it came.
    reported: Option<(u64, Instant)>,
    /// Something came since the last report on it.
    is_news: bool,
}

impl Stream {
    /// Begins with this packet, which is still to be counted and taken.
    pub fn new(now: Instant, head: &Head<'_>, track: usize, is_resend: bool) -> Self {
        Self {
            ssrc: head.ssrc,
            track,
            is_resend,
            window: Window::new(head.sequence_number),
            missing: Missing::default(),
            heard_at: now,
            reception: None,
            reported: None,
            is_news: false,
        }
    }

    /// A packet came, for the first time.
    pub fn count(&mut self, arrived_at: Instant, head: &Head<'_>, clock_hz: u32) {
        let (is_first, number) = (self.reception.is_none(), head.sequence_number);
        let begin = || Reception::new(arrived_at, number, false); // counts it
        let reception = self.reception.get_or_insert_with(begin);
        if !is_first && reception.receive(number) == Arrival::Discard {
            reception.count_late();
        }
        reception.arrived(arrived_at, head.rtp_timestamp, clock_hz);
        self.heard_at = arrived_at;
        self.is_news = true;
    }

    /// The packet of this number is there; what is asked for follows from that.
    pub fn take(&mut self, now: Instant, number: u64, has_resends: bool) {
        let passed_over = self.window.insert(number);
        self.missing.handle(now, number);
        if has_resends && !passed_over.is_empty() {
            self.missing.note(now, passed_over);
        }
    }

    /// Its sender has reported.
    pub fn handle_report(&mut self, now: Instant, report: &SenderReport) {
        self.reported = Some((report.ntp, now));
    }

    /// What is to be reported, if something came since the last report.
    pub fn report(&mut self, now: Instant) -> Option<ReportBlock> {
        if self.is_resend || !std::mem::take(&mut self.is_news) {
            return None;
        }
        let figures = self.reception.as_mut()?.report();
        let last = self.reported.map(|(ntp, at)| (ntp, now.saturating_duration_since(at)));
        Some(ReportBlock::new(self.ssrc, figures, last))
    }
}
