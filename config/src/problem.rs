//! What is wrong with a file, in words that help to mend it and give no secret away.

use std::fmt;

/// One thing wrong with the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line in the file, from 1; 0 where the problem has no place.
    pub line: usize,
    /// Column in the line, from 1; 0 where the problem has no place.
    pub column: usize,
    /// The keys down to the place, joined by dots: `streams.door.transport`.
    pub path: String,
    /// What is wrong and what is expected.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// The known name nearest to a mistyped one, if any is near enough to be meant.
pub(crate) fn nearest<'a>(typed: &str, known: &[&'a str]) -> Option<&'a str> {
    let near_enough = if typed.chars().count() <= 4 { 1 } else { 2 };
    known
        .iter()
        .map(|name| (edit_distance(&typed.to_lowercase(), name), *name))
        .filter(|(distance, _)| *distance <= near_enough)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Insertions, deletions, replacements and swaps of neighbours between two names.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let at = |row: &[usize], i: usize| row.get(i).copied().unwrap_or(usize::MAX / 2);
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = at(&last, j) + usize::from(x != y);
            let mut best = replaced.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before_last, j - 1) + 1);
            }
            row.push(best);
        }
        before_last = last;
        last = row;
    }
    at(&last, b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_key() {
        let known = ["listen", "origin", "warm"];
        assert_eq!(nearest("lisen", &known), Some("listen"));
        assert_eq!(nearest("litsen", &known), Some("listen"));
        assert_eq!(nearest("Origin", &known), Some("origin"));
        assert_eq!(nearest("wram", &known), Some("warm"));
    }

    #[test]
    fn a_foreign_word_suggests_nothing() {
        assert_eq!(nearest("username", &["listen", "origin"]), None);
        assert_eq!(nearest("", &["listen"]), None);
    }
}
