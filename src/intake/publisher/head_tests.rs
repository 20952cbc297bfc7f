use super::*;

fn picture(width: u32, height: u32) -> Option<Picture> {
    Some(Picture { width, height })
}

const VP8_KEY: [u8; 10] = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x41];

#[test]
fn a_vp8_key_frame_says_its_size_behind_any_descriptor() {
    let key = Head { begins: true, is_key: true, is_disposable: false, picture: picture(640, 360) };
    for descriptor in [
        &[0x10][..],
        &[0x90, 0x80, 0x05],
        &[0x90, 0x80, 0x85, 0x05],
        &[0x90, 0xe0, 0x85, 0x05, 1, 2],
        &[0x90, 0x50, 1, 2],
    ] {
        let payload = [descriptor, &VP8_KEY].concat();
        assert_eq!(Head::parse(VideoCodec::Vp8, &payload), Some(key), "{descriptor:x?}");
    }
    let head = |bytes: &[u8]| Head::parse(VideoCodec::Vp8, bytes).unwrap();
    assert!(head(&[0x30, 0x01]).is_disposable && !head(&[0x30, 0x01]).is_key);
    assert!(!head(&[0x11, 0x00]).begins, "another partition");
    assert!(!head(&[0x00, 0x00]).is_key, "not the first packet");
}

#[test]
fn a_vp9_key_frame_says_its_size_in_its_structure_or_its_header() {
    // One layer with its size, and a group of one picture without references.
    let structure = [0x18, 0x05, 0x00, 0x02, 0xd0, 1, 0x00];
    let payload = [&[0x8a, 0x81, 0x23][..], &structure, &[0x82, 0x49]].concat();
    let head = Head::parse(VideoCodec::Vp9, &payload).unwrap();
    assert_eq!((head.is_key, head.picture), (true, picture(1280, 720)));
    // Profile 0, key frame, sync code, colour space 1 and range 0, then 640 and 360 less one.
    let bits = "10_0_0_0_0_1_0_010010011000001101000010_001_0_0000001001111111_0000000101100111_0";
    let frame = bytes(bits);
    let head = Head::parse(VideoCodec::Vp9, &[&[0x08][..], &frame].concat()).unwrap();
    assert_eq!((head.is_key, head.picture), (true, picture(640, 360)));
}

#[test]
fn a_vp9_picture_begins_with_its_lowest_layer() {
    let head = |bytes: &[u8]| Head::parse(VideoCodec::Vp9, bytes).unwrap();
    assert!(head(&[0x28, 0x00, 0x00, 0x80]).is_key);
    assert!(!head(&[0x28, 0x02, 0x00, 0x80]).begins, "the second layer");
    assert!(!head(&[0x68, 0x00, 0x00, 0x80]).is_key, "predicted");
    assert!(head(&[0x58, 0x03, 0x02, 0x80]).begins, "flexible, two references");
    assert!(!head(&[0x00, 0x80]).begins, "the middle of a frame");
}

#[test]
fn an_av1_sequence_begins_with_its_header() {
    // Not reduced, no timing, one operating point of level 8 with its tier; 10 and 9 bits.
    let bits = "000_0_0_0_0_00000_000000000000_01000_0_1001_1000_1001111111_101100111_000";
    let unit = bytes(bits);
    let picture = picture(640, 360);
    let alone = [&[0x18, 0x08][..], &unit].concat();
    let length = u8::try_from(unit.len() + 1).unwrap();
    let first_of_two = [&[0x28, length, 0x08][..], &unit, &[0x30, 1, 2]].concat();
    let with_lengths = [&[0x08, 1, 0x10, length + 1, 0x0a, length - 1][..], &unit].concat();
    for payload in [alone, first_of_two, with_lengths] {
        let head = Head::parse(VideoCodec::Av1, &payload).unwrap();
        assert_eq!((head.begins, head.is_key, head.picture), (true, true, picture), "{payload:x?}");
    }
    let head = Head::parse(VideoCodec::Av1, &[0x10, 0x30, 1]).unwrap();
    assert_eq!((head.begins, head.is_key), (true, false));
    assert!(!Head::parse(VideoCodec::Av1, &[0x98, 0x08, 1]).unwrap().begins, "a continuation");
}

#[test]
fn nothing_that_is_read_ends_the_program() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..200_000 {
        let length = random() % 24;
        let payload: Vec<u8> = (0..length).map(|_| random().to_le_bytes()[0]).collect();
        for codec in [VideoCodec::Vp8, VideoCodec::Vp9, VideoCodec::Av1, VideoCodec::H264] {
            let head = Head::parse(codec, &payload).unwrap_or_default();
            assert!(head.begins || !head.is_key);
        }
    }
}

/// Bits as text, filled up to whole bytes.
fn bytes(bits: &str) -> Vec<u8> {
    let bits: Vec<u8> = bits.bytes().filter(|byte| *byte != b'_').map(|byte| byte - b'0').collect();
    let byte = |bits: &[u8]| (0..8).fold(0, |sum, at| sum << 1 | bits.get(at).unwrap_or(&0));
    bits.chunks(8).map(byte).collect()
}
