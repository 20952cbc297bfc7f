//! A program's standard error, in lines for the log: not too long, not too many, no secrets.

use std::time::Instant;

use super::limits::{LINE_MAX_BYTES, LINES_MAX, LINES_PERIOD};

/// Cuts it into lines.
#[derive(Debug, Default)]
pub struct Complaints {
    /// What is never shown: the path of the program's address.
    secret: String,
    partial: Vec<u8>,
    last: Option<String>,
    /// When the present period began, and the lines in it.
    period: Option<(Instant, u32)>,
}

impl Complaints {
    /// A program begins whose lines may hold `secret`.
    pub fn new(secret: String) -> Self {
        Self { secret, ..Self::default() }
    }

    /// The last line, if there is any.
    #[must_use]
    pub fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// Takes bytes; gives lines to log.
    pub fn handle_data(&mut self, now: Instant, data: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for byte in data {
            match byte {
                b'\n' | b'\r' => lines.extend(self.end_line(now)),
                _ if self.partial.len() < LINE_MAX_BYTES => self.partial.push(*byte),
                _ => {}
            }
        }
        lines
    }

    /// Nothing follows; gives what has no end of line.
    pub fn handle_end(&mut self, now: Instant) -> Option<String> {
        self.end_line(now)
    }

    fn end_line(&mut self, now: Instant) -> Option<String> {
        // A secret that the end of a long line cuts in two would not be recognized.
        let is_cut = self.partial.len() == LINE_MAX_BYTES;
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.partial)).into_owned();
        let line = if is_cut { up_to_last_space(&line) } else { &line };
        let line = self.clean(line);
        if line.is_empty() {
            return None;
        }
        self.last = Some(line.clone());
        let (since, count) = self.period.get_or_insert((now, 0));
        if now.saturating_duration_since(*since) >= LINES_PERIOD {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        match (*count).cmp(&LINES_MAX) {
            std::cmp::Ordering::Less => Some(line),
            std::cmp::Ordering::Equal => Some(format!("{line} (further lines are left out)")),
            std::cmp::Ordering::Greater => None,
        }
    }

    fn clean(&self, line: &str) -> String {
        let line = if self.secret.is_empty() {
            line.to_owned()
        } else {
            line.replace(&self.secret, "***")
        };
        let words = line.split(|c: char| c.is_whitespace() || c.is_control());
        let words = words.filter(|word| !word.is_empty()).map(config::redact_url);
        words.collect::<Vec<_>>().join(" ")
    }
}

fn up_to_last_space(line: &str) -> &str {
    line.rfind(char::is_whitespace).and_then(|at| line.get(..at)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_they_end_however_the_bytes_come() {
        let now = Instant::now();
        let mut complaints = Complaints::default();
        assert_eq!(complaints.handle_data(now, b"one\ntw"), ["one"]);
        assert_eq!(complaints.handle_data(now, b"o\r\r\n\x1b[31mred\xff"), ["two"]);
        assert_eq!(complaints.last(), Some("two"));
        assert_eq!(complaints.handle_end(now).as_deref(), Some("[31mred\u{fffd}"));
    }

    #[test]
    fn no_secret_is_in_a_line() {
        let now = Instant::now();
        let mut complaints = Complaints::new("0123abcd".to_owned());
        let data = b"rtsp://127.0.0.1:1/0123abcd: refused\n'rtsp://u:hunter2@h/a': 401 Auth\n";
        let lines = complaints.handle_data(now, data);
        assert_eq!(lines, ["rtsp://127.0.0.1:1/***: refused", "'rtsp://***@h/a': 401 Auth"]);
        let long = format!("{} rtsp://u:hunter2@host/a\n", "x".repeat(LINE_MAX_BYTES - 17));
        let lines = complaints.handle_data(now, long.as_bytes());
        assert!(!lines.concat().contains("hunter"), "{lines:?}");
    }

    #[test]
    fn a_line_is_not_longer_than_its_bound_and_lines_are_not_more() {
        let now = Instant::now();
        let mut complaints = Complaints::default();
        complaints.handle_data(now, &b"a ".repeat(LINE_MAX_BYTES));
        assert!(complaints.partial.len() <= LINE_MAX_BYTES);
        let many = complaints.handle_data(now, &b"x\n".repeat(1000));
        assert_eq!(many.len(), usize::try_from(LINES_MAX).unwrap());
        assert!(many.last().unwrap().contains("left out"));
        assert_eq!(complaints.handle_data(now + LINES_PERIOD, b"y\n"), ["y"]);
    }
}
