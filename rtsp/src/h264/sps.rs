//! The sequence parameter set (H.264 7.3.2.1.1, E.1.1).

/// What a sequence parameter set tells about the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamInfo {
    /// `profile_idc`: 66 Baseline, 77 Main, 100 High, ...
    pub profile_idc: u8,
    /// The byte of `constraint_set*_flag`s between profile and level.
    pub constraint_flags: u8,
    /// `level_idc`: ten times the level.
    pub level_idc: u8,
    /// Luma samples of a row after cropping.
    pub width: u32,
    /// Luma rows after cropping.
    pub height: u32,
    /// Whether pictures may be fields.
    pub interlaced: bool,
    /// From the VUI, if it has the bitstream restrictions: 0 means decoding order is output order.
    pub max_num_reorder_frames: Option<u8>,
    /// Frames in 1000 seconds, if the VUI has timing: 25 fps is 25 000. Often wrong.
    pub frames_per_1000_s: Option<u32>,
}

impl StreamInfo {
    /// The three bytes of `profile-level-id` (RFC 6184 8.1).
    pub fn profile_level_id(&self) -> [u8; 3] {
        [self.profile_idc, self.constraint_flags, self.level_idc]
    }
}
