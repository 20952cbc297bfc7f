//! Bytes to lines, of a bounded length.

use super::limits::LINE_MAX_BYTES;

/// Cuts bytes into lines, wherever they come apart.
#[derive(Debug, Default)]
pub struct Lines {
    bytes: Vec<u8>,
    /// How far it was looked for an end of line.
    searched: usize,
    /// What is left of a line that was too long goes unread.
    is_skipping: bool,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Without its end, which may have been `\r\n`.
    Text(String),
    /// One of more than [`LINE_MAX_BYTES`]; told once, however long it is.
    TooLong,
    /// One that is not UTF-8.
    NotUtf8,
}

impl Lines {
    /// Takes bytes. [`Lines::poll`] has to be called until there is no line: what is kept is
    /// bounded only so.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next line. Empty ones are none.
    pub fn poll(&mut self) -> Option<Line> {
        loop {
            let unsearched = self.bytes.get(self.searched..).unwrap_or_default();
            let Some(at) = unsearched.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.bytes.len();
                if self.is_skipping {
                    self.clear();
                } else if self.bytes.len() > LINE_MAX_BYTES {
                    self.clear();
                    self.is_skipping = true;
                    return Some(Line::TooLong);
                }
                return None;
            };
            let mut line: Vec<u8> = self.bytes.drain(..=self.searched + at).collect();
            self.searched = 0;
            if std::mem::take(&mut self.is_skipping) {
                continue;
            }
            while matches!(line.last(), Some(b'\n' | b'\r')) {
                line.pop();
            }
            if line.len() > LINE_MAX_BYTES {
                return Some(Line::TooLong);
            }
            if !line.is_empty() {
                return Some(String::from_utf8(line).map_or(Line::NotUtf8, Line::Text));
            }
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.searched = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(lines: &mut Lines) -> Vec<Line> {
        std::iter::from_fn(|| lines.poll()).collect()
    }

    #[test]
    fn lines_end_where_they_end_however_the_bytes_come() {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for byte in b"one\r\n\n{\"two\": 2}\n\xff\nthr" {
            lines.push(&[*byte]);
            found.extend(all(&mut lines));
        }
        let text = |text: &str| Line::Text(text.to_owned());
        assert_eq!(found, [text("one"), text("{\"two\": 2}"), Line::NotUtf8]);
        lines.push(b"ee\nfour\n");
        assert_eq!(all(&mut lines), [text("three"), text("four")]);
    }

    #[test]
    fn a_line_that_is_too_long_is_told_once_and_not_kept() {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for _ in 0..40 {
            lines.push(&[b'x'; LINE_MAX_BYTES / 10]);
            found.extend(all(&mut lines));
            assert!(lines.bytes.len() <= LINE_MAX_BYTES);
        }
        lines.push(b"end\nnext\n");
        found.extend(all(&mut lines));
        assert_eq!(found, [Line::TooLong, Line::Text("next".to_owned())]);
        let mut at_once = vec![b'x'; LINE_MAX_BYTES + 1];
        at_once.extend_from_slice(b"\nnext\n");
        lines.push(&at_once);
        assert_eq!(all(&mut lines), [Line::TooLong, Line::Text("next".to_owned())]);
    }
}
