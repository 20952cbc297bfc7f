//! NAL units behind their lengths, as MP4 and Matroska hold H.264 and H.265.

use super::{Sample, SampleError, limits};
use crate::record::format::VideoFormat;

const LENGTH_BYTES: usize = 4;

/// Takes the units of one picture, whole or in fragments.
#[derive(Debug, Default)]
pub(super) struct Units {
    data: Vec<u8>,
    /// Where the length of a unit that is not whole yet stands.
    open: Option<usize>,
    count: usize,
    sets: Vec<Vec<u8>>,
}

/// What is done with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It is part of the picture.
    Keep,
    /// It is a parameter set.
    Set,
    /// It only marks or fills.
    Drop,
}

impl Units {
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Begins a unit.
    pub fn begin(&mut self) -> Result<(), SampleError> {
        if self.is_open() {
            return Err(SampleError::Malformed);
        }
        self.count += 1;
        if self.count > limits::SAMPLE_UNITS_MAX {
            return Err(SampleError::TooLarge);
        }
        self.open = Some(self.data.len());
        self.data.extend_from_slice(&[0; LENGTH_BYTES]);
        Ok(())
    }

    /// Goes on with it.
    pub fn push(&mut self, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
    }

    /// Ends it; `classify` is given its bytes.
    pub fn end(&mut self, classify: impl FnOnce(&[u8]) -> Use) -> Result<(), SampleError> {
        let start = self.open.take().ok_or(SampleError::Malformed)?;
        let unit = self.data.get(start + LENGTH_BYTES..).unwrap_or_default();
        match classify(unit) {
            Use::Keep => {
                let length = u32::try_from(unit.len()).map_err(|_| SampleError::TooLarge)?;
                if let Some(place) = self.data.get_mut(start..start + LENGTH_BYTES) {
                    place.copy_from_slice(&length.to_be_bytes());
                }
                return Ok(());
            }
            Use::Set if unit.len() > limits::PARAMETER_SET_MAX_BYTES => {
                return Err(SampleError::TooLarge);
            }
            // Some are sent more than once, in case that one is lost.
            Use::Set if !self.sets.iter().any(|set| set == unit) => {
                if self.sets.len() >= limits::PARAMETER_SETS_MAX {
                    return Err(SampleError::TooLarge);
                }
                self.sets.push(unit.to_vec());
            }
            Use::Set | Use::Drop => {}
        }
        self.data.truncate(start);
        Ok(())
    }

    /// A whole unit.
    pub fn whole(
        &mut self,
        unit: &[u8],
        classify: impl FnOnce(&[u8]) -> Use,
    ) -> Result<(), SampleError> {
        self.begin()?;
        self.push(unit);
        self.end(classify)
    }

    /// Units that stand in one payload behind lengths of two bytes (STAP-A, AP).
    pub fn aggregate(
        &mut self,
        mut rest: &[u8],
        classify: impl Fn(&[u8]) -> Use,
    ) -> Result<(), SampleError> {
        while !rest.is_empty() {
            let (length, behind) = rest.split_first_chunk().ok_or(SampleError::Malformed)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (unit, behind) = behind.split_at_checked(length).ok_or(SampleError::Malformed)?;
            if !unit.is_empty() {
                self.whole(unit, &classify)?;
            }
            rest = behind;
        }
        Ok(())
    }

    /// The picture's sample. A key picture's parameter sets make its format; those of another
    /// stand in front of it, as far as the format `before` does not have them.
    pub fn finish(
        self,
        key: bool,
        before: Option<&VideoFormat>,
        format: impl FnOnce(&[Vec<u8>], Option<&VideoFormat>) -> Result<VideoFormat, SampleError>,
    ) -> Result<Sample, SampleError> {
        if self.is_open() {
            return Err(SampleError::Malformed);
        }
        let Self { data, sets, .. } = self;
        if key {
            return Ok(Sample { data, format: Some(format(&sets, before)?) });
        }
        let is_known = |set: &Vec<u8>| before.is_some_and(|format| format.setup.has_set(set));
        let news: Vec<Vec<u8>> = sets.into_iter().filter(|set| !is_known(set)).collect();
        let data = if news.is_empty() { data } else { prepend(&news, data) };
        Ok(Sample { data, format: None })
    }
}

/// Puts units in front of a picture: parameter sets that its file does not have.
fn prepend(units: &[Vec<u8>], data: Vec<u8>) -> Vec<u8> {
    let mut all = Vec::with_capacity(data.len() + 256);
    for unit in units {
        // Bounded by what one parameter set may have.
        all.extend_from_slice(&u32::try_from(unit.len()).unwrap_or(0).to_be_bytes());
        all.extend_from_slice(unit);
    }
    all.extend_from_slice(&data);
    all
}
