//! File names from a template: `/rec/{stream}/{date}-{time}.mp4`.
//!
//! What stands before the first placeholder's component is the directory that nothing leaves;
//! it comes from the configuration and is taken as it is. Everything behind it is made of names
//! that file systems take everywhere, whatever the stream is called: streams of rooms are named by
//! strangers.

use std::fmt::Write;

use config::RECORD_PLACEHOLDERS as PLACEHOLDERS;

use super::limits::NAME_MAX_BYTES;
use crate::date;

/// Bytes of a stream's name that go into a path.
const STREAM_MAX_BYTES: usize = 96;
/// Names that Windows keeps for devices, whatever stands behind their dot.
const RESERVED: &[&str] = &["con", "prn", "aux", "nul"];
const NUMBERED: &[&str] = &["com", "lpt"];

/// A template that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    directory: String,
    /// Components behind the directory, the last one without its extension.
    components: Vec<String>,
    extension: Option<String>,
}

/// What goes into the placeholders.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// `{stream}`: the name of what is recorded.
    pub stream: &'a str,
    /// `{date}` and `{time}`: the first picture's, in UTC, in seconds since 1970.
    pub unix_s: u64,
    /// `{part}`: from 1 on.
    pub part: u64,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is expected instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = "expected a path such as /rec/{stream}/{date}-{time}.mp4";
        if text.is_empty() || text.contains('\0') {
            return Err(expected.to_owned());
        }
        let fixed = text.find('{').unwrap_or(text.len());
        let split = text.get(..fixed).and_then(|fixed| fixed.rfind('/'));
        let (directory, rest) = match split {
            Some(0) => ("/", text.get(1..)),
            Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
            None => (".", Some(text)),
        };
        let mut components: Vec<String> =
            rest.unwrap_or_default().split('/').map(str::to_owned).collect();
        let last = components.last_mut().ok_or(expected)?;
        let mut extension = None;
        if let Some((stem, end)) = last.clone().rsplit_once('.')
            && !end.contains(['{', '}'])
            && !end.is_empty()
        {
            extension = Some(end.to_owned());
            *last = stem.to_owned();
        }
        if components.iter().any(|component| component.is_empty() || component == "..") {
            return Err(format!("{expected}, with a name between any two slashes"));
        }
        for component in &components {
            check(component)?;
        }
        Ok(Self { directory: directory.to_owned(), components, extension })
    }

    /// The directory that all files are below.
    #[must_use]
    pub fn directory(&self) -> &str {
        &self.directory
    }

    /// What the template ends in.
    #[must_use]
    pub fn extension(&self) -> Option<&str> {
        self.extension.as_deref()
    }

    /// A path below the directory, its names divided by `/`, without extension.
    #[must_use]
    pub fn path(&self, values: &Values<'_>) -> String {
        let names = self.components.iter().map(|component| name(&fill(component, values)));
        names.collect::<Vec<_>>().join("/")
    }
}

fn check(component: &str) -> Result<(), String> {
    let mut rest = component;
    while let Some((_, behind)) = rest.split_once('{') {
        let (placeholder, behind) = behind.split_once('}').unwrap_or_default();
        if !PLACEHOLDERS.contains(&placeholder) {
            return Err(format!("expected one of {{{}}}", PLACEHOLDERS.join("}, {")));
        }
        rest = behind;
    }
    Ok(())
}

/// Puts the values in. A value is never looked at for placeholders.
fn fill(component: &str, values: &Values<'_>) -> String {
    let iso = date::format_iso(values.unix_s);
    let (date, time) = iso.trim_end_matches('Z').split_once('T').unwrap_or_default();
    let mut filled = String::new();
    let mut rest = component;
    while let Some((before, behind)) = rest.split_once('{') {
        let (placeholder, behind) = behind.split_once('}').unwrap_or((behind, ""));
        filled.push_str(before);
        match placeholder {
            "stream" => filled.push_str(truncated(values.stream, STREAM_MAX_BYTES)),
            "date" => filled.push_str(date),
            "time" => filled.push_str(&time.replace(':', "-")),
            // Writing into a String can't fail.
            _ => drop(write!(filled, "{:03}", values.part)),
        }
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

/// A text as one name: letters, digits and a few signs; no dots at the ends, nothing hidden,
/// nothing that a system keeps for itself.
fn name(text: &str) -> String {
    let safe = |c: char| c.is_alphanumeric() || "-_.+@, ()".contains(c);
    let safe: String = text.chars().map(|c| if safe(c) { c } else { '_' }).collect();
    let mut name = truncated(&safe, NAME_MAX_BYTES).to_owned();
    // A dot in front hides a file, or is a way out; one behind is lost on Windows.
    let kept = name.trim_end_matches(['.', ' ']).len();
    let lost = name.len() - kept;
    name.truncate(kept);
    name.extend(std::iter::repeat_n('_', lost));
    let kept = name.trim_start_matches(['.', ' ']).len();
    let lost = name.len() - kept;
    name.replace_range(..lost, &"_".repeat(lost));
    if name.is_empty() || is_reserved(&name) {
        name.insert(0, '_');
    }
    name
}

fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let is_numbered = |prefix: &&str| {
        stem.strip_prefix(*prefix).is_some_and(|number| number.chars().count() == 1)
    };
    RESERVED.contains(&stem.as_str()) || NUMBERED.iter().any(is_numbered)
}

/// The beginning of a text, at most so many bytes, of whole characters.
fn truncated(text: &str, max_bytes: usize) -> &str {
    let mut end = text.len().min(max_bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNIX_S: u64 = 784_111_777;

    fn path(template: &str, stream: &str) -> String {
        let values = Values { stream, unix_s: UNIX_S, part: 7 };
        Template::parse(template).unwrap().path(&values)
    }

    #[test]
    fn placeholders_are_filled() {
        let template = "/rec/{stream}/{date}-{time}_{part}.mp4";
        assert_eq!(path(template, "door"), "door/1994-11-06-08-49-37_007");
        let template = Template::parse(template).unwrap();
        assert_eq!((template.directory(), template.extension()), ("/rec", Some("mp4")));
    }

    #[test]
    fn the_directory_is_what_no_placeholder_reaches() {
        for (text, directory, extension) in [
            ("{stream}.webm", ".", Some("webm")),
            ("/{stream}", "/", None),
            ("../rec/a/{date}/x", "../rec/a", None),
            ("/rec/film", "/rec", None),
            ("/rec/v{part}.{stream}", "/rec", None),
        ] {
            let template = Template::parse(text).unwrap();
            assert_eq!((template.directory(), template.extension()), (directory, extension));
        }
    }

    #[test]
    fn mistakes_are_refused() {
        for text in
            ["", "/rec/", "/rec/{name}.mp4", "/rec/{stream", "/rec/{stream}/../x", "/rec/a\0{part}"]
        {
            assert!(Template::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn hostile_names_stay_names() {
        for (stream, expected) in [
            ("../../etc/passwd", "___.._etc_passwd"),
            ("..", "__"),
            ("", "_"),
            (".hidden", "_hidden"),
            ("/etc/shadow", "_etc_shadow"),
            ("a\0b\nc\\d", "a_b_c_d"),
            ("CON", "_CON"),
            ("nul.txt", "_nul.txt"),
            ("com1", "_com1"),
            ("com10", "com10"),
            ("LPT\u{b9}", "_LPT\u{b9}"),
            ("{date}", "_date_"),
            ("trailing. ", "trailing__"),
            ("Tür 1 \u{202e}gpj", "Tür 1 _gpj"),
            ("C:evil", "C_evil"),
        ] {
            assert_eq!(path("/rec/{stream}", stream), expected, "{stream:?}");
        }
    }

    #[test]
    fn long_names_end_at_a_whole_character() {
        let made = path("/rec/{stream}{stream}{stream}", &"ä".repeat(500));
        assert!(made.len() <= NAME_MAX_BYTES && made.chars().all(|c| c == 'ä'), "{made}");
    }

    proptest! {
        #[test]
        fn whatever_a_stream_is_called_its_file_is_below_the_directory(stream in any::<String>()) {
            let made = path("/rec/{stream}/x{stream}", &stream);
            let names: Vec<&str> = made.split('/').collect();
            prop_assert_eq!(names.len(), 2);
            for name in names {
                prop_assert!(!name.is_empty() && name.len() <= NAME_MAX_BYTES);
                prop_assert!(!name.starts_with('.') && !name.ends_with(['.', ' ']));
                prop_assert!(!name.contains(|c: char| c.is_control() || c == '\\' || c == ':'));
            }
        }
    }
}
