//! What a room's streams are called among ours: `ROOM/STREAM`, and `ROOM/STREAM:1` for a second
//! video of the same publisher.

use std::fmt::Write;

use crate::room::crypto::digest;

/// Characters of a stream's part of a name.
const STREAM_MAX_CHARS: usize = 64;
/// Bytes of a hash that tell names apart which are the same once they are cleaned.
const HASH_BYTES: usize = 4;

/// The name of the `track`-th video of a stream, from 0. Anybody in the room chooses what streams
/// are called there: letters, digits and `_` are kept, as pages name theirs, all else becomes `_`
/// and a hash tells what it was. So no name is a path, a quality of another stream, or another
/// track.
pub(in crate::net) fn source_name(room: &str, stream: &str, track: usize) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut name = format!("{room}/");
    if !stream.is_empty() && stream.len() <= STREAM_MAX_CHARS && stream.chars().all(is_word) {
        name.push_str(stream);
    } else {
        let kept = STREAM_MAX_CHARS - 1 - 2 * HASH_BYTES;
        let cleaned = stream.chars().take(kept).map(|c| if is_word(c) { c } else { '_' });
        name.extend(cleaned);
        name.push('_');
        for byte in digest(stream).iter().take(HASH_BYTES) {
            let _ = write!(name, "{byte:02x}"); // writing into a String can't fail
        }
    }
    if track > 0 {
        let _ = write!(name, ":{track}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_pages_are_kept() {
        assert_eq!(source_name("studio", "camA_2", 0), "studio/camA_2");
        assert_eq!(source_name("studio", "camA_2", 1), "studio/camA_2:1");
    }

    #[test]
    fn hostile_names_are_cleaned_and_stay_apart() {
        let hostile = ["", "..", "../etc/passwd", "a/b", "a:b", "a:1", "a-360p", "a\u{202e}b", "é"];
        let long = ["x".repeat(65), "x".repeat(66)];
        let names = hostile.iter().copied().chain(long.iter().map(String::as_str));
        let mut names: Vec<_> = names.map(|name| source_name("r", name, 0)).collect();
        for name in &names {
            let stream = name.strip_prefix("r/").unwrap();
            assert!(!stream.is_empty() && stream.len() <= STREAM_MAX_CHARS, "{name}");
            assert!(stream.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name}");
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
