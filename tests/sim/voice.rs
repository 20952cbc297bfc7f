//! What a simulated camera says, beside its pictures: a packet each 20 ms that names it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crosspoint::engine::codec::AudioCodec;
use crosspoint::engine::frame::{AudioEgress, AudioFrame};

use super::{instant, ms};

/// From one packet to the next.
pub const EVERY: Duration = Duration::from_millis(20);

/// The codec of each camera. Viewers take all but the last.
pub const CODECS: [AudioCodec; 5] =
    [AudioCodec::Pcmu, AudioCodec::Opus, AudioCodec::Pcma, AudioCodec::Pcmu, AudioCodec::G722];

/// A packet as it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    pub camera: usize,
    pub number: u32,
}

impl Word {
    /// The packet that a camera has ready now. One of them hears before it sees: its audio is
    /// for later; that of another comes late.
    pub fn frame(self, now: Duration) -> AudioFrame {
        let lead = [ms(0), ms(0), ms(35), ms(0), ms(0)][self.camera];
        let lag = [ms(0), ms(60), ms(0), ms(5), ms(0)][self.camera];
        let codec = CODECS[self.camera];
        let [a, b, c, d] = self.number.to_be_bytes();
        let payload = vec![0xfc, u8::try_from(self.camera).unwrap(), a, b, c, d].into();
        let captured_at: Instant = instant(now + lead) - lag;
        AudioFrame { codec, captured_at, ticks: codec.clock_hz() / 50, payload }
    }

    pub fn read(payload: &[u8]) -> Option<Self> {
        let [0xfc, camera, number @ ..] = payload else { return None };
        let number = u32::from_be_bytes(number.try_into().ok()?);
        Some(Self { camera: usize::from(*camera), number })
    }
}

/// A packet as a viewer hears it.
#[derive(Debug)]
pub struct Heard {
    pub position: usize,
    pub sequence_number: u64,
    pub rtp_timestamp: u32,
    pub word: Word,
}

/// The shadow of a slot's audio.
#[derive(Debug, Default)]
pub struct Voice {
    /// When a packet was sent last.
    pub sent_at: Duration,
    /// By sequence number.
    sent: BTreeMap<u64, (Word, u32)>,
    /// Where the newest packet ends, in 48 kHz, and its codec.
    end: Option<(u32, AudioCodec)>,
}

impl Voice {
    /// A packet leaves the slot, which shows this camera.
    pub fn send(
        &mut self,
        now: Duration,
        shown: Option<usize>,
        egress: &AudioEgress,
    ) -> Result<(), String> {
        let AudioEgress { frame, sequence_number, rtp_timestamp, .. } = egress;
        let word = Word::read(&frame.payload).ok_or("audio that no camera sent")?;
        if shown != Some(word.camera) {
            return Err(format!("{word:?} though {shown:?} is shown"));
        }
        if frame.codec != CODECS[word.camera] || frame.codec == CODECS[4] {
            return Err(format!("{word:?} in {}", frame.codec));
        }
        if egress.presented_at > instant(now) {
            return Err(format!("{word:?} before its time"));
        }
        if let Some((last, (before, _))) = self.sent.last_key_value()
            && (*sequence_number != last + 1
                || (before.camera == word.camera && before.number >= word.number))
        {
            return Err(format!("{word:?} with {sequence_number} behind {before:?} with {last}"));
        }
        if let Some((end, codec)) = self.end.filter(|(_, codec)| *codec == frame.codec)
            && rtp_timestamp.wrapping_sub(end) > 60 * codec.clock_hz()
        {
            return Err(format!("{word:?} overlaps with what was said before"));
        }
        self.end = Some((rtp_timestamp.wrapping_add(frame.ticks), frame.codec));
        self.sent.insert(*sequence_number, (word, *rtp_timestamp));
        self.sent_at = now;
        Ok(())
    }

    /// What is heard is what was sent under that number.
    pub fn hear(&self, heard: &Heard) -> Result<(), String> {
        let sent = self.sent.get(&heard.sequence_number);
        if sent == Some(&(heard.word, heard.rtp_timestamp)) {
            return Ok(());
        }
        Err(format!("{heard:?}, but {sent:?} was sent"))
    }
}
