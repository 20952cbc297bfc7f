//! Walks the tree and collects problems instead of stopping at the first.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::problem::nearest;
use crate::substitute::substitute;
use crate::tree::{Node, Value};
use crate::url::redact_url;

/// A problem whose place is not looked up yet.
#[derive(Debug)]
pub(crate) struct Found {
    pub node: u32,
    pub path: String,
    pub message: String,
}

/// A scalar as text.
pub(crate) struct Text {
    pub text: String,
    /// Whether it came from a variable, and must not be repeated in a message.
    from_variable: bool,
}

pub(crate) struct Reader<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    path: Vec<String>,
    found: Vec<Found>,
}

impl<'a> Reader<'a> {
    pub fn new(env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { env, path: Vec::new(), found: Vec::new() }
    }

    pub fn into_found(self) -> Vec<Found> {
        self.found
    }

    /// How many problems there are so far.
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// Notes a problem of this node at the present path.
    pub fn problem(&mut self, node: &Node, message: impl Into<String>) {
        let path = self.path.join(".").replace(".[", "[");
        self.found.push(Found { node: node.id, path, message: message.into() });
    }

    /// Runs `read` with `key` added to the path.
    pub fn within<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        // A misplaced address can stand where a key is expected.
        self.path.push(redact_url(key));
        let result = read(self);
        self.path.pop();
        result
    }

    /// Reads a section of known keys. Keys that are unknown or given twice are problems; `read`
    /// gets the others. Nothing at all is a section without keys.
    pub fn section<'n>(
        &mut self,
        node: &'n Node,
        keys: &[&'static str],
        mut read: impl FnMut(&mut Self, &'static str, &'n Node),
    ) {
        self.entries(node, |reader, key_node, key, value| {
            match keys.iter().find(|known| **known == key) {
                Some(known) => reader.within(known, |reader| read(reader, known, value)),
                None => reader.unknown(key_node, key, keys),
            }
        });
    }

    /// Reads a mapping of free keys, each once.
    pub fn entries<'n>(
        &mut self,
        node: &'n Node,
        mut read: impl FnMut(&mut Self, &'n Node, &str, &'n Node),
    ) {
        let entries = match &node.value {
            Value::Map(entries) => entries,
            Value::Null => return,
            _ => return self.problem(node, "expected keys with values (key: value)"),
        };
        let mut seen = BTreeSet::new();
        for (key_node, value) in entries {
            let Some(key) = self.key(key_node) else { continue };
            if seen.contains(&key) {
                self.within(&key, |reader| reader.problem(key_node, "is given twice"));
                continue;
            }
            read(self, key_node, &key, value);
            seen.insert(key);
        }
    }

    fn key(&mut self, node: &Node) -> Option<String> {
        match &node.value {
            Value::Text(text) => Some(text.clone()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            _ => {
                self.problem(node, "expected a name for a key; put it into quotes");
                None
            }
        }
    }

    fn unknown(&mut self, key_node: &Node, key: &str, keys: &[&'static str]) {
        let message = match nearest(key, keys) {
            Some(near) => format!("unknown key; did you mean {near}?"),
            None => format!("unknown key; expected one of: {}", keys.join(", ")),
        };
        self.within(key, |reader| reader.problem(key_node, message));
    }

    /// The items of a list; a single value is a list of one.
    pub fn items<'n>(&mut self, node: &'n Node, max: usize) -> Vec<(String, &'n Node)> {
        let items = match &node.value {
            Value::List(items) => items,
            _ => return vec![(String::new(), node)],
        };
        if items.len() > max {
            self.problem(node, format!("expected at most {max} entries"));
        }
        let numbered = items.iter().take(max).enumerate();
        numbered.map(|(i, item)| (format!("[{i}]"), item)).collect()
    }

    /// Reads each item of a list with `parse`.
    pub fn list<T>(
        &mut self,
        node: &Node,
        max: usize,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let mut values = Vec::new();
        for (index, item) in self.items(node, max) {
            values.extend(self.at_index(&index, |reader| reader.parsed(item, &parse)));
        }
        values
    }

    /// Runs `read` with a list index of [`Reader::items`] added to the path.
    pub fn at_index<T>(&mut self, index: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        if index.is_empty() { read(self) } else { self.within(index, read) }
    }

    /// A scalar as text, variables put in.
    pub fn text(&mut self, node: &Node) -> Option<Text> {
        let plain = |text: String| Some(Text { text, from_variable: false });
        let message = match &node.value {
            Value::Text(text) => match substitute(text, self.env) {
                Ok(done) => {
                    return Some(Text { text: done.text, from_variable: done.changed });
                }
                Err(message) => message,
            },
            Value::Integer(number) => return plain(number.to_string()),
            Value::Bool(value) => return plain(value.to_string()),
            Value::Null => "expected a value".to_owned(),
            Value::Float => "expected text; put a number with a point into quotes".to_owned(),
            Value::List(_) => "expected one value, not a list".to_owned(),
            Value::Map(_) => "expected one value, not keys".to_owned(),
        };
        self.problem(node, message);
        None
    }

    /// A scalar through `parse`, whose error says what is expected.
    pub fn parsed<T>(
        &mut self,
        node: &Node,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Text { text, from_variable } = self.text(node)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(message) => {
                // An address may carry a password; anything long is no typing error.
                let hidden = from_variable || text.contains(['@', '/', '=']) || text.len() > 40;
                let found = if hidden { String::new() } else { format!(" (found {text:?})") };
                self.problem(node, message + &found);
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, node: &Node) -> Option<bool> {
        self.parsed(node, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("expected true or false".to_owned()),
        })
    }

    /// A whole number in `range`.
    pub fn number(&mut self, node: &Node, range: &RangeInclusive<u64>) -> Option<usize> {
        let (least, most) = (*range.start(), *range.end());
        self.parsed(node, |text| {
            let number = text.parse().ok().filter(|number| range.contains(number));
            let number = number.and_then(|number| usize::try_from(number).ok());
            number.ok_or_else(|| format!("expected a whole number, {least} to {most}"))
        })
    }

    /// A size in bytes in `range`.
    pub fn bytes(&mut self, node: &Node, range: &RangeInclusive<u64>) -> Option<usize> {
        let (least, most) = (*range.start() >> 10, *range.end() >> 20);
        self.parsed(node, |text| {
            let size = crate::scalar::size(text)?;
            let size = Some(size).filter(|size| range.contains(size));
            let size = size.and_then(|size| usize::try_from(size).ok());
            size.ok_or_else(|| format!("expected a size from {least}KiB to {most}MiB"))
        })
    }
}
