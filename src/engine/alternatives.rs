//! What a viewer is shown who can't decode a stream: another quality of the same.
//!
//! `door-360p` is a quality of `door`. Of the qualities below the one that was asked for the best
//! comes first, then the smallest of those above: whoever asked for a small picture has a reason.

/// For each of these streams the others that may stand for it, the best first.
#[must_use]
pub fn alternatives(names: &[&str]) -> Vec<Vec<usize>> {
    names.iter().map(|name| of(name, names)).collect()
}

fn of(name: &str, names: &[&str]) -> Vec<usize> {
    let (family, height) = split(name, names);
    let others = names.iter().enumerate().filter(|(_, other)| **other != name);
    let kin = others.map(|(index, other)| (split(other, names), index));
    let mut heights: Vec<(u32, usize)> = kin
        .filter(|((other, _), _)| *other == family)
        .map(|((_, height), index)| (height, index))
        .collect();
    heights.sort_by_key(|(other, _)| match *other < height {
        true => (false, u32::MAX - other),
        false => (true, *other),
    });
    heights.into_iter().map(|(_, index)| index).collect()
}

/// The stream that a name is a quality of, and its height in rows; the stream itself is above all.
fn split<'a>(name: &'a str, names: &[&str]) -> (&'a str, u32) {
    let quality = || {
        let (stream, quality) = name.rsplit_once('-')?;
        let rows = quality.strip_suffix('p')?;
        let is_height = (2..=4).contains(&rows.len()) && rows.bytes().all(|b| b.is_ascii_digit());
        let height = rows.parse().ok().filter(|_| is_height && names.contains(&stream))?;
        Some((stream, height))
    };
    quality().unwrap_or((name, u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, names: &[&'static str]) -> Vec<&'static str> {
        of(name, names).into_iter().map(|index| names[index]).collect()
    }

    #[test]
    fn the_best_quality_below_comes_first_then_the_smallest_above() {
        let names = ["door-360p", "yard", "door", "door-1080p", "door-720p"];
        assert_eq!(named("door", &names), ["door-1080p", "door-720p", "door-360p"]);
        assert_eq!(named("door-720p", &names), ["door-360p", "door-1080p", "door"]);
        assert_eq!(named("yard", &names), [""; 0]);
    }

    #[test]
    fn a_name_that_only_looks_like_a_quality_is_a_stream_of_its_own() {
        let names = ["gate-1080p", "door", "door-12345p", "door-main", "door-p", "door-36xp"];
        for name in names {
            assert_eq!(named(name, &names), [""; 0], "{name}");
        }
    }
}
