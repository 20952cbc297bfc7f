//! Frames to samples: from the RTP payloads of a picture to the bytes that a file holds of it,
//! and from its headers to what the file says of the track.
//!
//! Pure. Payloads of publishers come as they were sent: nothing in them is believed.

mod av1;
mod h264;
mod h265;
mod nal;
mod vp8;
mod vp9;

use std::fmt;

use super::format::VideoFormat;
use super::limits;
use crate::engine::codec::VideoCodec;
use crate::engine::frame::Frame;

/// One picture as a file holds it: NAL units behind their lengths of four bytes, OBUs behind
/// their own sizes, or the codec's frame as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The bytes.
    pub data: Vec<u8>,
    /// For a key picture: what a decoder needs for it and for those that follow.
    pub format: Option<VideoFormat>,
}

/// Why a frame makes no sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleError {
    /// A payload ends too early, or contradicts itself or the one before it.
    Malformed,
    /// The payload format has ways that nothing here sends.
    Unsupported,
    /// Longer, or of more units, than any picture.
    TooLarge,
    /// A key picture whose headers are missing or can't be read.
    NoFormat,
}

impl SampleError {
    /// The word for it in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::TooLarge => "too_large",
            Self::NoFormat => "no_format",
        }
    }
}

impl fmt::Display for SampleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Makes samples of one source's frames.
#[derive(Debug, Default)]
pub struct Sampler {
    /// That of the newest key picture; later ones may leave their parameter sets out.
    format: Option<VideoFormat>,
}

impl Sampler {
    /// The next frame's sample, in order.
    ///
    /// # Errors
    /// Why there is none. What follows can't be decoded before the next key picture.
    pub fn sample(&mut self, frame: &Frame) -> Result<Sample, SampleError> {
        if frame.bytes() > limits::SAMPLE_MAX_BYTES {
            return Err(SampleError::TooLarge);
        }
        let payloads = || frame.payloads.iter();
        let before = self.format.as_ref().filter(|format| format.codec() == frame.codec);
        let sample = match frame.codec {
            VideoCodec::H264 => h264::sample(payloads(), frame.key, before),
            VideoCodec::H265 => h265::sample(payloads(), frame.key, before),
            VideoCodec::Vp8 => vp8::sample(payloads(), frame.key),
            VideoCodec::Vp9 => vp9::sample(payloads(), frame.key),
            VideoCodec::Av1 => av1::sample(payloads(), frame.key, before),
        }?;
        if sample.data.is_empty() {
            return Err(SampleError::Malformed);
        }
        if let Some(format) = &sample.format {
            let sides = [format.width, format.height];
            if !sides.iter().all(|side| (1..=limits::SIDE_MAX).contains(side)) {
                return Err(SampleError::NoFormat);
            }
            self.format = Some(format.clone());
        }
        Ok(sample)
    }
}
