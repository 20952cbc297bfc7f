//! The way of a frame to its receiver: headers of its own before payloads that all share.

use std::time::{Duration, Instant};

use super::Peer;
use super::audio::{self, AudioTrack};
use super::formats::{self, Formats};
use super::path::Sink;
use super::resends::{Resends, Sent};
use super::sdp::{Format, SentStream};
use super::stream::{Moment, Outlet, Stream};
use crate::engine::codec::VideoCodec;
use crate::engine::frame::Egress;
use crate::limits;

/// Where a slot's packets go.
#[derive(Debug)]
pub(super) struct Track {
    pub formats: Formats,
    pub stream: Stream,
    pub resends: Resends,
    /// By which its receiver knows the extension of the playout delay.
    playout_delay_id: Option<u8>,
}

impl Track {
    /// In these formats. What is sent again has a stream of its own where one of them has a payload
    /// type for it.
    pub fn new(
        chosen: &[(VideoCodec, &Format<'_>)],
        stream: &SentStream,
        resend_packets: usize,
        playout_delay_id: Option<u8>,
    ) -> Self {
        let resend = stream.resend.filter(|_| formats::have_resends(chosen));
        Self {
            formats: Formats::of(chosen),
            stream: Stream::new(stream),
            resends: Resends::new(resend, resend_packets),
            playout_delay_id,
        }
    }

    fn write(
        &mut self,
        now: Instant,
        egress: Egress,
        playout_delay: Option<(Duration, Duration)>,
        outlet: &mut Outlet<'_, '_>,
    ) {
        // Never media under a foreign payload type.
        let Some(format) = self.formats.get(egress.frame.codec) else { return };
        let extension = playout_delay.zip(self.playout_delay_id);
        let extension = extension.map(|(delay, id)| playout_delay_element(id, delay));
        let (rtp_timestamp, presented_at) = (egress.rtp_timestamp, egress.presented_at);
        let moment = Moment { rtp_timestamp, at: presented_at, clock_hz: formats::CLOCK_HZ };
        let number = self.stream.number(egress.first_sequence_number);
        let sent = Sent { at: now, number, egress, format, extension };
        let frame = &sent.egress.frame;
        for (index, payload) in frame.payloads.iter().enumerate() {
            // No packetizer comes near.
            if payload.len() <= limits::RTP_PASSED_ON_MAX_BYTES {
                outlet.send(&sent.header(self.stream.ssrc, index), payload);
            }
        }
        self.stream.count(moment, frame.payloads.len(), frame.bytes());
        self.resends.keep(sent);
    }
}

impl Peer {
    /// Queues a frame for [`Peer::flush`].
    pub fn queue(&mut self, position: usize, egress: Egress) {
        self.outbox.push((position, egress));
    }

    /// Whether [`Peer::flush`] has something to do.
    #[must_use]
    pub fn has_queued(&self) -> bool {
        !self.outbox.is_empty() || !self.audio_outbox.is_empty()
    }

    /// Sends what was queued; nothing before DTLS is up.
    pub fn flush(&mut self, now: Instant, sink: &mut Sink<'_>) {
        let mut outbox = std::mem::take(&mut self.outbox);
        for (position, egress) in outbox.drain(..) {
            let delay = egress.playout_hint.then(|| self.playout_delay_of(position)).flatten();
            let outlet = Outlet::open(&mut self.srtp, self.path, &mut *sink);
            if let (Some(Some(track)), Some(mut outlet)) = (self.tracks.get_mut(position), outlet) {
                track.write(now, egress, delay, &mut outlet);
            }
        }
        self.outbox = outbox; // keeps its memory for the next turn
        if audio::ENABLED {
            self.flush_audio(sink);
        }
        self.report(now, sink);
    }
}

/// What is sent, of all tracks.
pub(super) fn streams<'a>(
    video: &'a mut [Option<Track>],
    audio: &'a mut [AudioTrack],
) -> impl Iterator<Item = &'a mut Stream> {
    let video = video.iter_mut().flatten().map(|track| &mut track.stream);
    video.chain(audio.iter_mut().map(|track| &mut track.stream))
}

/// The element of the playout delay extension: its least and most in hundredths of a second, in
/// twelve bits each.
fn playout_delay_element(id: u8, (min, max): (Duration, Duration)) -> [u8; 4] {
    const DATA_BYTES: u8 = 3;
    let hundredths =
        |delay: Duration| u32::try_from(delay.as_millis() / 10).map_or(0xfff, |it| it.min(0xfff));
    let [_, a, b, c] = (hundredths(min) << 12 | hundredths(max)).to_be_bytes();
    [id << 4 | (DATA_BYTES - 1), a, b, c]
}
