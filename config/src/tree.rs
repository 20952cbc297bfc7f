//! The file as a tree whose nodes can be found again.
//!
//! The YAML library gives no places to its values, but it does give a place to an error that
//! is raised while a value is read. So every node is numbered in reading order, and a node's
//! place is asked for by reading the file once more with an error raised at its number. That
//! costs one pass per problem and nothing for a file without one.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::limits::{DEPTH_MAX, NODES_MAX};

/// A numbered value.
#[derive(Debug)]
pub(crate) struct Node {
    pub id: u32,
    pub value: Value,
}

#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    /// A number with a point; as text it would not be what was written (`1.10` is 1.1).
    Float,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// A place in the file, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub line: usize,
    pub column: usize,
}

/// A file that is no YAML, or more than the limits allow.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub place: Option<Place>,
    pub message: String,
}

/// Reads the whole file.
pub(crate) fn read(text: &str) -> Result<Node, SyntaxError> {
    run(text, None).map_err(|error| {
        let place = place_of(&error);
        let message = error.to_string();
        // The place is a field of its own; the library appends it to its words too.
        let words = message.split(" at line ").next().unwrap_or_default();
        SyntaxError { place, message: words.to_owned() }
    })
}

/// Where the node of this number stands.
pub(crate) fn locate(text: &str, id: u32) -> Option<Place> {
    run(text, Some(id)).err().as_ref().and_then(place_of)
}

fn place_of(error: &serde_yaml::Error) -> Option<Place> {
    error.location().map(|at| Place { line: at.line(), column: at.column() })
}

fn run(text: &str, fail_at: Option<u32>) -> Result<Node, serde_yaml::Error> {
    let mut counter = Counter { next: 0, fail_at };
    let seed = Seed { counter: &mut counter, depth: 0 };
    seed.deserialize(serde_yaml::Deserializer::from_str(text))
}

struct Counter {
    next: u32,
    fail_at: Option<u32>,
}

struct Seed<'a> {
    counter: &'a mut Counter,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let id = self.counter.next;
        self.counter.next += 1;
        let refusal = if id >= NODES_MAX {
            Some("more values than a configuration can need")
        } else if self.depth > DEPTH_MAX {
            Some("nested deeper than a configuration can need")
        } else if self.counter.fail_at == Some(id) {
            Some("here")
        } else {
            None
        };
        let visitor = Reader { counter: self.counter, depth: self.depth, refusal };
        let value = deserializer.deserialize_any(visitor)?;
        Ok(Node { id, value })
    }
}

struct Reader<'a> {
    counter: &'a mut Counter,
    depth: usize,
    /// Raised inside of the visitor: only there does the library know the place.
    refusal: Option<&'static str>,
}

impl Reader<'_> {
    fn admit<E: de::Error>(&self) -> Result<(), E> {
        self.refusal.map_or(Ok(()), |text| Err(E::custom(text)))
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plain YAML without tags")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        self.admit().map(|()| Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        self.admit().map(|()| Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        self.admit().map(|()| Value::Integer(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        // No key takes a number of this size; as text it is shown as it was written.
        self.admit()?;
        Ok(i64::try_from(value).map_or_else(|_| Value::Text(value.to_string()), Value::Integer))
    }

    fn visit_f64<E: de::Error>(self, _value: f64) -> Result<Value, E> {
        self.admit().map(|()| Value::Float)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        self.admit().map(|()| Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        self.admit()?;
        let Self { counter, depth, .. } = self;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(Seed { counter, depth: depth + 1 })? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        self.admit()?;
        let Self { counter, depth, .. } = self;
        let mut entries = Vec::new();
        while let Some(key) = access.next_key_seed(Seed { counter, depth: depth + 1 })? {
            let value = access.next_value_seed(Seed { counter, depth: depth + 1 })?;
            entries.push((key, value));
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'a>(node: &'a Node, text: &str) -> Option<&'a Node> {
        match &node.value {
            Value::Text(found) if found == text => Some(node),
            Value::List(items) => items.iter().find_map(|item| find(item, text)),
            Value::Map(entries) => {
                entries.iter().find_map(|(key, value)| find(key, text).or(find(value, text)))
            }
            _ => None,
        }
    }

    fn place(text: &str, of: &str) -> (usize, usize) {
        let root = read(text).unwrap();
        let at = locate(text, find(&root, of).unwrap().id).unwrap();
        (at.line, at.column)
    }

    #[test]
    fn keys_and_values_are_found_where_they_stand() {
        let text =
            "# a comment\na:\n  b: one\n\n  'c c': [x, 'y', \"z\"]\nd: {e: two}\nf: |\n  m\n";
        assert_eq!(place(text, "b"), (3, 3));
        assert_eq!(place(text, "one"), (3, 6));
        assert_eq!(place(text, "c c"), (5, 3));
        assert_eq!(place(text, "z"), (5, 19));
        assert_eq!(place(text, "two"), (6, 8));
        assert_eq!(place(text, "m\n"), (7, 4));
    }

    #[test]
    fn broken_yaml_says_where() {
        let error = read("a:\n  b: [1\nc: 2\n").unwrap_err();
        assert!(error.place.unwrap().line >= 2, "{error:?}");
        assert!(!error.message.contains(" at line "), "{error:?}");
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..9 {
            let below = format!("*a{}", level - 1);
            let line = format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(", "));
            text.push_str(&line);
        }
        assert!(read(&text).is_err());
    }

    #[test]
    fn deep_nesting_is_refused() {
        let at_limit = "[".repeat(DEPTH_MAX) + &"]".repeat(DEPTH_MAX);
        assert!(read(&at_limit).is_ok());
        for depth in [DEPTH_MAX + 2, 120, 5000] {
            let text = "[".repeat(depth) + &"]".repeat(depth);
            assert!(read(&text).is_err(), "depth {depth}");
        }
    }

    #[test]
    fn a_tag_is_refused() {
        assert!(read("a: !include secrets.yaml\n").is_err());
    }
}
