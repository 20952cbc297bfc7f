//! NAL unit headers, the start of slice headers and the bit reader (H.264 7.3.1, 7.3.3, 9.1).

/// Slice of a picture that is not an IDR picture.
pub(super) const SLICE: u8 = 1;
/// Slice of an IDR picture.
pub(super) const IDR_SLICE: u8 = 5;
/// Supplemental enhancement information.
pub(super) const SEI: u8 = 6;
/// Sequence parameter set.
pub(super) const SPS: u8 = 7;
/// Picture parameter set.
pub(super) const PPS: u8 = 8;
/// Access unit delimiter.
pub(super) const ACCESS_UNIT_DELIMITER: u8 = 9;
/// Single-time aggregation packet without decoding order number (RFC 6184 5.7.1).
pub(super) const STAP_A: u8 = 24;
/// Fragmentation unit without decoding order number (RFC 6184 5.8).
pub(super) const FU_A: u8 = 28;

/// The first byte of a NAL unit (H.264 7.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NalHeader {
    /// The forbidden bit: a network element found the unit damaged (RFC 6184 1.3).
    pub(super) forbidden: bool,
    /// `nal_ref_idc`, 0..=3; 0 means nothing is predicted from it.
    pub(super) ref_idc: u8,
    /// `nal_unit_type`, 0..=31.
    pub(super) unit_type: u8,
}

impl NalHeader {
    pub(super) fn parse(byte: u8) -> Self {
        Self { forbidden: byte & 0x80 != 0, ref_idc: (byte >> 5) & 3, unit_type: byte & 0x1f }
    }

    /// The header of a NAL unit, unless it is empty.
    pub(super) fn of(unit: &[u8]) -> Option<Self> {
        unit.first().map(|&byte| Self::parse(byte))
    }

    pub(super) fn is_slice(self) -> bool {
        matches!(self.unit_type, SLICE | IDR_SLICE)
    }

    pub(super) fn is_parameter_set(self) -> bool {
        matches!(self.unit_type, SPS | PPS)
    }
}

/// The first three fields of a slice header (H.264 7.3.3), enough to order and sort slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SliceHead {
    pub(super) nal: NalHeader,
    /// 0 for the first slice of a picture, as long as slices come in order.
    pub(super) first_mb: u32,
    /// `slice_type` modulo 5.
    slice_type: u32,
    pub(super) pps_id: u8,
}

impl SliceHead {
    /// `None` if the unit is no slice or ends inside these fields.
    pub(super) fn parse(unit: &[u8]) -> Option<Self> {
        let nal = NalHeader::of(unit).filter(|header| header.is_slice())?;
        let mut bits = Bits::new(unit.get(1..)?);
        let first_mb = bits.ue()?;
        let slice_type = bits.ue().filter(|&slice_type| slice_type < 10)? % 5;
        let pps_id = u8::try_from(bits.ue()?).ok()?;
        Some(Self { nal, first_mb, slice_type, pps_id })
    }

    pub(super) fn is_b(&self) -> bool {
        self.slice_type == 1
    }

    /// Whether it cannot belong to the picture that began with `first` (H.264 7.4.1.2.4), given
    /// that slices come in order.
    pub(super) fn begins_picture(&self, first: NalHeader) -> bool {
        self.first_mb == 0
            || self.nal.unit_type != first.unit_type
            || (self.nal.ref_idc == 0) != (first.ref_idc == 0)
    }

    /// I or SI: predicted from nothing.
    pub(super) fn is_intra(&self) -> bool {
        matches!(self.slice_type, 2 | 4)
    }
}

/// Reads bits of a NAL unit, skipping emulation prevention bytes (H.264 7.4.1) on the way.
#[derive(Debug, Clone)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// Index of the byte read from next.
    at: usize,
    /// Bits of that byte already read, 0..=7.
    bit: u8,
    /// Zero bytes directly before `at`.
    zeros: u8,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, bit: 0, zeros: 0 }
    }

    /// u(1)
    pub(super) fn bit(&mut self) -> Option<bool> {
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
    pub(super) fn u(&mut self, count: u8) -> Option<u32> {
        let mut value = 0u32;
        for _ in 0..count {
            value = (value << 1) | u32::from(self.bit()?);
        }
        Some(value)
    }

    /// ue(v) (H.264 9.1); `None` beyond 32 bits, which no field has.
    pub(super) fn ue(&mut self) -> Option<u32> {
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
    pub(super) fn se(&mut self) -> Option<i64> {
        let code = i64::from(self.ue()?);
        Some(if code % 2 == 0 { -(code / 2) } else { (code + 1) / 2 })
    }

    /// Bytes used, the current one included, if the next bit is the stop bit and only zero bits
    /// follow it in its byte (H.264 7.3.2.11).
    pub(super) fn bytes_at_stop_bit(mut self) -> Option<usize> {
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
