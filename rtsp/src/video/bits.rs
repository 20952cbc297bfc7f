//! The bit reader of NAL units (H.264 7.3.1, 9.1; H.265 7.3.1.1, 9.2).

/// Reads bits of a NAL unit, skipping emulation prevention bytes (H.264 7.4.1) on the way.
#[derive(Debug, Clone)]
pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    /// Index of the byte read from next.
    at: usize,
    /// Bits of that byte already read, 0..=7.
    bit: u8,
    /// Zero bytes directly before `at`.
    zeros: u8,
}

impl<'a> Bits<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, bit: 0, zeros: 0 }
    }

    /// u(1)
    pub(crate) fn bit(&mut self) -> Option<bool> {
        let mut byte = *self.bytes.get(self.at)?;
        if self.bit == 0 && self.zeros >= 2 && byte == 3 {
            self.at += 1;
            self.zeros = 0;
            byte = *self.bytes.get(self.at)?;
        }
        let value = byte & (0x80 >> self.bit) != 0;
        self.bit += 1;
        if self.bit == 8 {
            self.bit = 0;
            self.at += 1;
            self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        }
        Some(value)
    }

    /// u(n), n at most 32.
    pub(crate) fn u(&mut self, count: u8) -> Option<u32> {
        let mut value = 0u32;
        for _ in 0..count {
            value = (value << 1) | u32::from(self.bit()?);
        }
        Some(value)
    }

    /// ue(v) (H.264 9.1); `None` beyond 32 bits, which no field has.
    pub(crate) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0u8;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let suffix = self.u(zeros)?;
        Some(((1u32 << zeros) - 1).wrapping_add(suffix))
    }

    /// se(v) (H.264 9.1.1)
    pub(crate) fn se(&mut self) -> Option<i64> {
        let code = i64::from(self.ue()?);
        Some(if code % 2 == 0 { -(code / 2) } else { (code + 1) / 2 })
    }

    /// Bytes used, the current one included, if the next bit is the stop bit and only zero bits
    /// follow it in its byte (H.264 7.3.2.11).
    pub(crate) fn bytes_at_stop_bit(mut self) -> Option<usize> {
        if !self.bit()? {
            return None;
        }
        while self.bit != 0 {
            if self.bit()? {
                return None;
            }
        }
        Some(self.at)
    }
}
