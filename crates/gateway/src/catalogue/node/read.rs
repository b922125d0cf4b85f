//! How trees of values are read from a file.

use super::{Chosen, Entries, Kind, Node, Scalar, Test};
use crate::catalogue::template::{Name, Template};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::fmt;
use toml::Spanned;

impl Test {
    fn parse(text: &str) -> Result<Self, String> {
        let name = |text: &str| Name::parse(text.trim());
        if let Some((left, right)) = text.split_once("!=") {
            return Ok(Self { name: name(left)?, is: Some(right.trim().to_owned()), is_negated: true });
        }
        if let Some((left, right)) = text.split_once('=') {
            return Ok(Self { name: name(left)?, is: Some(right.trim().to_owned()), is_negated: false });
        }
        match text.trim().strip_prefix('!') {
            Some(rest) => Ok(Self { name: name(rest)?, is: None, is_negated: true }),
            None => Ok(Self { name: name(text)?, is: None, is_negated: false }),
        }
    }
}

impl Node {
    fn as_fixed(&self) -> Option<&str> {
        match self {
            Self::Fixed(Scalar::Text(text)) => Some(text),
            _ => None,
        }
    }
}

impl Chosen {
    /// From the table's entries, of which one is `is`.
    fn read(entries: Vec<(String, Node)>, at: usize) -> Result<Self, String> {
        let mut chosen = Self {
            is: Node::Object(Vec::new()),
            when: Vec::new(),
            kind: None,
            map: None,
            otherwise: None,
            at,
        };
        for (key, node) in entries {
            match (key.as_str(), node) {
                ("is", node) => chosen.is = node,
                ("else", node) => chosen.otherwise = Some(node),
                ("map", Node::Object(entries)) => chosen.map = Some(entries),
                ("when", Node::List(tests)) => {
                    let wrong = || "`when` is a test or a list of tests".to_owned();
                    for test in &tests {
                        chosen.when.push(Test::parse(test.as_fixed().ok_or_else(wrong)?)?);
                    }
                }
                ("when", node) => {
                    let test = node.as_fixed().ok_or("`when` is a test such as \"flash\" or \"!flash\"")?;
                    chosen.when.push(Test::parse(test)?);
                }
                ("as", node) => {
                    chosen.kind = Some(match node.as_fixed() {
                        Some("string") => Kind::Text,
                        Some("number") => Kind::Number,
                        Some("bool") => Kind::Flag,
                        _ => return Err("`as` is \"string\", \"number\" or \"bool\"".to_owned()),
                    });
                }
                (key, _) => {
                    return Err(format!(
                        "a value with `is` has `when`, `as`, `map` and `else` besides, but no {key:?} like this"
                    ));
                }
            }
        }
        Ok(chosen)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Spanned::<Raw>::deserialize(deserializer)?;
        let at = raw.span().start;
        match raw.into_inner().0 {
            Self::Text(template) => Ok(Self::Text(Template { at, ..template })),
            Self::Object(entries) if entries.iter().any(|(key, _)| key == "is") => Chosen::read(entries, at)
                .map(|chosen| Self::Chosen(Box::new(chosen)))
                .map_err(D::Error::custom),
            node => Ok(node),
        }
    }
}

/// A node that does not know yet where it stands.
struct Raw(Node);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor).map(Raw)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, true or false, a list or a table")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Fixed(Scalar::Flag(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Fixed(Scalar::Number(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Fixed(Scalar::Fraction(value)))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Node, E> {
        let template = Template::parse(value).map_err(E::custom)?;
        match template.as_fixed() {
            Some(text) => Ok(Node::Fixed(Scalar::Text(text.to_owned()))),
            None => Ok(Node::Text(template)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = table.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Object(entries))
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Node::deserialize(deserializer)? {
            Node::Object(entries) if entries.iter().all(|(_, node)| !matches!(node, Node::Object(_))) => {
                Ok(Self(entries))
            }
            _ => Err(D::Error::custom("names and values, and no tables within")),
        }
    }
}
