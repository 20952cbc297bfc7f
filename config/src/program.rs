//! Programs out of the file, `exec:` and `echo:`, and how a command is cut into words.

use crate::limits::{COMMAND_MAX_BYTES, COMMAND_MAX_WORDS};
use crate::model::{OUTPUT, Program};

/// Reads the command behind `exec:`. No error repeats any of it.
pub(crate) fn exec(text: &str) -> Result<Program, String> {
    let expected = format!("expected a program that pushes RTSP, such as exec:ffmpeg ... {OUTPUT}");
    if text.contains('#') {
        return Err("exec: has no options behind #".to_owned());
    }
    let words = words(text)?;
    if words.is_empty() || words.first().is_some_and(|word| word.contains(OUTPUT)) {
        return Err(expected);
    }
    if !words.iter().any(|word| word.contains(OUTPUT)) {
        return Err(format!("{expected}: {OUTPUT} becomes the address that it pushes to"));
    }
    Ok(Program { words, reads: None, prints: false })
}

/// Reads the command behind `echo:`. No error repeats any of it.
pub(crate) fn echo(text: &str) -> Result<Program, String> {
    let words = words(text)?;
    if words.is_empty() {
        return Err("expected a program that prints an rtsp:// address behind echo:".to_owned());
    }
    Ok(Program { words, reads: None, prints: true })
}

/// Cuts a command at its spaces. A word that begins with `'` or `"` ends at the next one of the
/// kind. Nothing else has a meaning: there is no shell.
pub(crate) fn words(text: &str) -> Result<Vec<String>, String> {
    if text.len() > COMMAND_MAX_BYTES {
        return Err(format!("expected at most {COMMAND_MAX_BYTES} bytes"));
    }
    if text.contains(|c: char| c.is_control() && !c.is_whitespace()) {
        return Err("expected a command without control characters".to_owned());
    }
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = if first == '"' || first == '\'' {
            let inside = rest.get(1..).unwrap_or_default();
            let (word, behind) =
                inside.split_once(first).ok_or("expected a second quote behind the first one")?;
            if behind.starts_with(|c: char| !c.is_whitespace()) {
                return Err("expected a space behind the second quote".to_owned());
            }
            rest = behind;
            word
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let (word, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
            rest = behind;
            word
        };
        words.push(word.to_owned());
        rest = rest.trim_start();
    }
    if words.len() > COMMAND_MAX_WORDS {
        return Err(format!("expected at most {COMMAND_MAX_WORDS} words"));
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_cut_at_spaces_that_no_quotes_keep() {
        let cut = |text| words(text).unwrap();
        assert_eq!(cut(" a  b\tc\nd "), ["a", "b", "c", "d"]);
        assert_eq!(cut("a 'b c' \"d 'e'\" ''"), ["a", "b c", "d 'e'", ""]);
        assert_eq!(
            cut("drawtext=text='x' $HOME `id` \\n"),
            ["drawtext=text='x'", "$HOME", "`id`", "\\n"]
        );
        assert_eq!(cut(""), [""; 0]);
    }

    #[test]
    fn half_a_pair_of_quotes_and_too_much_are_refused() {
        assert!(words("a 'b c").unwrap_err().contains("second quote"));
        assert!(words("a 'b'c").unwrap_err().contains("expected a space"));
        assert!(words("a\0b").unwrap_err().contains("control"));
        assert!(words(&"a ".repeat(COMMAND_MAX_WORDS + 1)).unwrap_err().contains("words"));
        assert!(words(&"a".repeat(COMMAND_MAX_BYTES + 1)).unwrap_err().contains("bytes"));
    }

    #[test]
    fn a_program_has_to_be_told_where_to_push() {
        let program = exec("ffmpeg -i 'a b.mp4' -f rtsp {output}?x").unwrap();
        assert_eq!(program.words[4], "rtsp");
        assert_eq!(program.arguments("rtsp://h/1")[5], "rtsp://h/1?x");
        for text in ["", "ffmpeg -i hunter2 -f rtsp -", "{output}", "x {output}#killsignal=15"] {
            let error = exec(text).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn arguments_do_not_show() {
        let program = exec("/bin/x --password hunter2 {output}").unwrap();
        assert_eq!(program.shown(), "exec:/bin/x");
        assert!(!format!("{program:?}").contains("hunter2"));
        assert_eq!(echo("/bin/y hunter2").unwrap().shown(), "echo:/bin/y");
        assert!(echo(" ").is_err());
    }
}
