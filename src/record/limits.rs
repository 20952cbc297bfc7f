//! Every bound of a recording that is not a setting, with its unit and why.

use std::time::Duration;

/// What one write holds at most of time: so much is lost when the process is killed.
pub const FRAGMENT: Duration = Duration::from_secs(1);

/// A key picture ends a fragment that is at least this long, so that readers can begin there.
pub const FRAGMENT_BEFORE_KEY: Duration = Duration::from_millis(500);

/// What one write holds at most of bytes; one picture more.
pub const FRAGMENT_MAX_BYTES: usize = 1024 * 1024;

/// A fragment whose source has stopped is written after this.
pub const FRAGMENT_STALE: Duration = Duration::from_secs(2);

/// How long pictures wait for the sound of the same time, and sound for pictures: sender reports
/// put both on one clock, and jitter buffers and large pictures make one of them come late.
pub const MERGE: Duration = Duration::from_millis(500);

/// How long the first pictures wait to see whether there is sound: a file's tracks are told at
/// its beginning.
pub const MERGE_FIRST: Duration = Duration::from_secs(1);

/// Bytes that wait for that at most: the largest group of pictures that is kept by default fits
/// twice.
pub const MERGE_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Frames that wait for that at most.
pub const MERGE_MAX_FRAMES: usize = 4_096;

/// Sound without pictures is recorded by itself after this.
pub const SOUND_ALONE: Duration = Duration::from_secs(3);

/// How far sound may be from where the sound before it ended without being taken for a gap.
pub const SOUND_JITTER: Duration = Duration::from_millis(40);

/// How far it may be from there for good: what captures jitter by.
pub const SOUND_EXACT: Duration = Duration::from_millis(10);

/// Of what it is further off than that, each packet takes this part back: a second or so, and it
/// is where it belongs, by steps of a millisecond that nobody hears.
pub const SOUND_FOLLOWS: u64 = 32;

/// A source is asked for a key picture that a new part or a repair waits for this often.
pub const KEY_INTERVAL: Duration = Duration::from_secs(2);

/// What was written is asked to be on the disk this often: so much is lost to a power cut.
pub const SYNC_INTERVAL: Duration = Duration::from_secs(10);

/// A part that could not be written is followed by the next attempt after this.
pub const RETRY: Duration = Duration::from_secs(10);

/// A full disk is looked at again after this.
pub const RETRY_FULL: Duration = Duration::from_secs(60);

/// A segment of HLS is at least this long: cameras whose every picture is a key would make one of
/// each.
pub const HLS_SEGMENT: Duration = Duration::from_secs(1);

/// A segment that is this long waits for a key picture that the source is asked for: longer than
/// the ten seconds that most cameras take at most.
pub const HLS_KEY_AFTER: Duration = Duration::from_secs(12);

/// Segments of sound without pictures, which can begin anywhere.
pub const HLS_SOUND_SEGMENT: Duration = Duration::from_secs(4);

/// What a playlist says at first that no segment is longer than, in seconds: players wait as long
/// for its next version, and stay three times as far behind. Longer segments raise it.
pub const HLS_TARGET_S: u64 = 6;

/// Segments of one playlist, after which a part ends: it is written anew with each of them. Two
/// hours at a key picture every two seconds, half a megabyte.
pub const HLS_SEGMENTS_MAX: u32 = 3_600;

/// Bytes of one picture.
pub const SAMPLE_MAX_BYTES: usize = 16 * 1024 * 1024;

/// NAL units or OBUs of one picture.
pub const SAMPLE_UNITS_MAX: usize = 4_096;

/// Parameter sets of one picture, and bytes of each.
pub const PARAMETER_SETS_MAX: usize = 64;

/// Bytes of one parameter set or sequence header.
pub const PARAMETER_SET_MAX_BYTES: usize = 4_096;

/// Pixels of a side: what the containers' 16 bits hold.
pub const SIDE_MAX: u32 = 65_535;

/// Bytes of one name in a path that was made from a template: file systems take 255, and the
/// number behind a name that is there already and the extension must fit too.
pub const NAME_MAX_BYTES: usize = 200;

const _: () = assert!(FRAGMENT.as_millis() < 30_000, "a Matroska block counts 32 767 ms");
