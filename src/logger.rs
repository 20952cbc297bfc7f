//! The log: one line an event on standard error, plain or JSON.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use config::{LogFormat, LogLevel};
use log::{LevelFilter, Log, Metadata, Record};

struct Logger {
    format: LogFormat,
}

/// Starts logging; later calls change nothing.
pub fn start(level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Off => LevelFilter::Off,
        LogLevel::Error => LevelFilter::Error,
        LogLevel::Warn => LevelFilter::Warn,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Debug => LevelFilter::Debug,
        LogLevel::Trace => LevelFilter::Trace,
    };
    if log::set_boxed_logger(Box::new(Logger { format })).is_ok() {
        log::set_max_level(level);
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Libraries tell ICE passwords at `debug`, and at `info` what is our `debug`.
        let is_own = metadata.target().starts_with("crosspoint");
        let foreign = if log::max_level() >= LevelFilter::Debug {
            log::Level::Info
        } else {
            log::Level::Warn
        };
        is_own || metadata.level() <= foreign
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = line(self.format, SystemTime::now(), record);
        // Nowhere is left to tell of a failure to log.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}

fn line(format: LogFormat, now: SystemTime, record: &Record<'_>) -> String {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (level, text) = (record.level(), record.args().to_string());
    match format {
        LogFormat::Text => {
            let (seconds, ms) = (since.as_secs() % 86_400, since.subsec_millis());
            let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            // What came from the network must not forge a line.
            let text = text.replace(['\n', '\r'], " ");
            format!("{hour:02}:{minute:02}:{second:02}.{ms:03} {level:<5} {text}\n")
        }
        LogFormat::Json => {
            let line = serde_json::json!({
                "time_ms": u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
                "level": level.as_str(),
                "text": text,
            });
            format!("{line}\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn record(format: LogFormat) -> String {
        let now = UNIX_EPOCH + Duration::from_millis(3_723_004);
        let args = format_args!("a\nb");
        line(format, now, &Record::builder().level(log::Level::Warn).args(args).build())
    }

    #[test]
    fn a_line_break_from_outside_forges_no_line() {
        assert_eq!(record(LogFormat::Text), "01:02:03.004 WARN  a b\n");
    }

    #[test]
    fn json_lines_are_json() {
        let value: serde_json::Value = serde_json::from_str(&record(LogFormat::Json)).unwrap();
        assert_eq!(value["text"], "a\nb");
        assert_eq!(value["time_ms"], 3_723_004);
    }
}
