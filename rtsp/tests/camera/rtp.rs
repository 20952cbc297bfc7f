//! RTP, RTCP and interleaved frames, byte by byte (RFC 3550 5.1, 6.4, 6.6; RFC 2326 10.12).

pub fn packet(
    payload_type: u8,
    marker: bool,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    payload: &[u8],
) -> Vec<u8> {
    let mut out = vec![0x80, u8::from(marker) << 7 | payload_type];
    out.extend(sequence.to_be_bytes());
    out.extend(timestamp.to_be_bytes());
    out.extend(ssrc.to_be_bytes());
    out.extend(payload);
    out
}

/// `$`, the channel, the length, and what is in it.
pub fn frame(channel: u8, data: &[u8]) -> Vec<u8> {
    let mut out = vec![b'$', channel];
    out.extend((data.len() as u16).to_be_bytes());
    out.extend(data);
    out
}

/// A sender report without blocks.
pub fn sender_report(ssrc: u32, timestamp: u32) -> Vec<u8> {
    let mut out = vec![0x80, 200, 0, 6];
    out.extend(ssrc.to_be_bytes());
    out.extend(0xe5b0_0000_0000_0000_u64.to_be_bytes());
    out.extend(timestamp.to_be_bytes());
    out.extend([0, 0, 0, 1, 0, 0, 0, 9]);
    out
}
