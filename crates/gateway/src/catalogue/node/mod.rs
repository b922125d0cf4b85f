//! Trees of typed values in a provider's file: what a body, a query, a form or a header is made of.

mod read;

use super::template::{Name, Part, Template};

/// One value, before it is known for a message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// As it stands.
    Fixed(Scalar),
    /// A text with places for values.
    Text(Template),
    /// A list.
    List(Vec<Node>),
    /// Names and values, in the file's order.
    Object(Vec<(String, Node)>),
    /// `{ is = …, when = …, as = …, map = …, else = … }`
    Chosen(Box<Chosen>),
}

/// A value under conditions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chosen {
    /// The value.
    pub is: Node,
    /// Only then; otherwise `otherwise`.
    pub when: Vec<Test>,
    /// As another type.
    pub kind: Option<Kind>,
    /// What it becomes by what it is; a value that is not in the list is none.
    pub map: Option<Vec<(String, Node)>>,
    /// The value where there is none.
    pub otherwise: Option<Node>,
    /// Where it stands in the file.
    pub at: usize,
}

/// The type a value is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text.
    Text,
    /// A whole number; what is none has no value.
    Number,
    /// True or false.
    Flag,
}

/// `name`, `!name`, `name=value` or `name!=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Test {
    /// Whose value.
    pub name: Name,
    /// The value it is compared with; without one, whether it has one that is neither empty nor false.
    pub is: Option<String>,
    /// Whether it must not be so.
    pub is_negated: bool,
}

/// A value without parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Another number.
    Fraction(f64),
    /// True or false.
    Flag(bool),
}

/// A [`Node`] with its values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    /// A value.
    Leaf(Scalar),
    /// A list.
    List(Vec<Tree>),
    /// Names and values.
    Object(Vec<(String, Tree)>),
}

/// Who knows values.
pub(crate) trait Values {
    /// The value of this name; `None` where it has none.
    fn value(&self, name: &Name) -> Option<Scalar>;
}

// === impl Scalar ===

impl Scalar {
    /// As text.
    pub fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
            Self::Fraction(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
        }
    }

    fn is_something(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Flag(flag) => *flag,
            Self::Number(_) | Self::Fraction(_) => true,
        }
    }

    fn into_kind(self, kind: Kind) -> Option<Self> {
        match kind {
            Kind::Text => Some(Self::Text(self.into_text())),
            Kind::Number => self.into_text().trim().parse().ok().map(Self::Number),
            Kind::Flag => Some(Self::Flag(match &self {
                Self::Text(text) => !matches!(text.as_str(), "" | "0" | "false" | "no"),
                Self::Number(number) => *number != 0,
                other => other.is_something(),
            })),
        }
    }
}

// === impl Tree ===

impl Tree {
    /// The list at a JSON pointer, where `/` is the whole.
    pub fn list_at(&mut self, pointer: &str) -> Option<&mut Vec<Tree>> {
        let mut at = self;
        for wanted in steps(pointer) {
            let Self::Object(entries) = at else { return None };
            at = &mut entries.iter_mut().find(|(name, _)| name == wanted)?.1;
        }
        match at {
            Self::List(list) => Some(list),
            _ => None,
        }
    }
}

/// The names on the way to a JSON pointer's place; of `/`, none.
pub(crate) fn steps(pointer: &str) -> impl Iterator<Item = &str> {
    pointer.split('/').filter(|name| !name.is_empty())
}

// === impl Test ===

impl Test {
    /// Whether it holds.
    pub fn holds(&self, values: &dyn Values) -> bool {
        let value = values.value(&self.name);
        let is = match &self.is {
            Some(wanted) => value.map(Scalar::into_text).unwrap_or_default() == *wanted,
            None => value.is_some_and(|value| value.is_something()),
        };
        is != self.is_negated
    }
}

// === impl Template ===

impl Template {
    /// Its text with the values in their places; `None` where one of them has no value.
    pub fn fill(&self, values: &dyn Values) -> Option<String> {
        self.fill_with(values, |value, into| into.push_str(value))
    }

    /// The same, with each value written by `write`.
    pub fn fill_with(&self, values: &dyn Values, write: impl Fn(&str, &mut String)) -> Option<String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Fixed(fixed) => text.push_str(fixed),
                Part::Place(name) => write(&values.value(name)?.into_text(), &mut text),
            }
        }
        Some(text)
    }
}

// === impl Node ===

impl Node {
    /// Its value, or none: what has no value is left out, and so is an object of which nothing is left.
    pub fn resolve(&self, values: &dyn Values) -> Option<Tree> {
        match self {
            Self::Fixed(scalar) => Some(Tree::Leaf(scalar.clone())),
            Self::Text(template) => match template.parts.as_slice() {
                // A place by itself keeps its type.
                [Part::Place(name)] => values.value(name).map(Tree::Leaf),
                _ => template.fill(values).map(|text| Tree::Leaf(Scalar::Text(text))),
            },
            Self::List(nodes) => {
                let list: Vec<Tree> = nodes.iter().filter_map(|node| node.resolve(values)).collect();
                (nodes.is_empty() || !list.is_empty()).then_some(Tree::List(list))
            }
            Self::Object(entries) => {
                let found = |(name, node): &(String, Node)| Some((name.clone(), node.resolve(values)?));
                let object: Vec<(String, Tree)> = entries.iter().filter_map(found).collect();
                (entries.is_empty() || !object.is_empty()).then_some(Tree::Object(object))
            }
            Self::Chosen(chosen) => chosen.resolve(values),
        }
    }

    /// Its value as a text; `None` where it has none, or parts.
    pub fn text(&self, values: &dyn Values) -> Option<String> {
        match self.resolve(values)? {
            Tree::Leaf(scalar) => Some(scalar.into_text()),
            Tree::List(_) | Tree::Object(_) => None,
        }
    }

    /// Calls `f` with each name in it that is not in the list at this JSON pointer. Answers whether there is such a list, of one
    /// entry.
    pub fn each_name_beside<'a>(&'a self, pointer: &str, f: &mut dyn FnMut(&'a Name, usize)) -> bool {
        let mut at = self;
        for wanted in steps(pointer) {
            let Self::Object(entries) = at else { return false };
            let mut next = None;
            for (name, node) in entries {
                if name == wanted { next = Some(node) } else { node.each_name(f) }
            }
            let Some(node) = next else { return false };
            at = node;
        }
        matches!(at, Self::List(list) if list.len() == 1)
    }

    /// Calls `f` with each name in it, and where it stands.
    pub fn each_name<'a>(&'a self, f: &mut dyn FnMut(&'a Name, usize)) {
        match self {
            Self::Fixed(_) => {}
            Self::Text(template) => template.names().for_each(|name| f(name, template.at)),
            Self::List(nodes) => nodes.iter().for_each(|node| node.each_name(f)),
            Self::Object(entries) => entries.iter().for_each(|(_, node)| node.each_name(f)),
            Self::Chosen(chosen) => {
                chosen.when.iter().for_each(|test| f(&test.name, chosen.at));
                chosen.is.each_name(f);
                chosen.map.iter().flatten().for_each(|(_, node)| node.each_name(f));
                if let Some(node) = &chosen.otherwise {
                    node.each_name(f);
                }
            }
        }
    }
}

impl Chosen {
    fn resolve(&self, values: &dyn Values) -> Option<Tree> {
        self.first_choice(values).or_else(|| self.otherwise.as_ref()?.resolve(values))
    }

    fn first_choice(&self, values: &dyn Values) -> Option<Tree> {
        if !self.when.iter().all(|test| test.holds(values)) {
            return None;
        }
        let mut tree = self.is.resolve(values)?;
        if let Some(map) = &self.map {
            let Tree::Leaf(scalar) = tree else { return None };
            let key = scalar.into_text();
            tree = map.iter().find(|(from, _)| *from == key)?.1.resolve(values)?;
        }
        match (self.kind, tree) {
            (Some(kind), Tree::Leaf(scalar)) => scalar.into_kind(kind).map(Tree::Leaf),
            (_, tree) => Some(tree),
        }
    }
}

/// Names and values, in the file's order: headers, a query, a form.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Entries(pub Vec<(String, Node)>);

impl Entries {
    /// Name and text of each value there is; a list gives its name several times.
    pub fn resolve(&self, values: &dyn Values) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for (name, node) in &self.0 {
            match node.resolve(values) {
                Some(Tree::Leaf(scalar)) => pairs.push((name.clone(), scalar.into_text())),
                Some(Tree::List(list)) => {
                    for entry in list {
                        if let Tree::Leaf(scalar) = entry {
                            pairs.push((name.clone(), scalar.into_text()));
                        }
                    }
                }
                Some(Tree::Object(_)) | None => {}
            }
        }
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::template::Word;

    struct Some3;

    impl Values for Some3 {
        fn value(&self, name: &Name) -> Option<Scalar> {
            match name {
                Name::Word(Word::To) => Some(Scalar::Text("155".into())),
                Name::Word(Word::Segments) => Some(Scalar::Number(3)),
                Name::Word(Word::Flash) => Some(Scalar::Flag(true)),
                _ => None,
            }
        }
    }

    fn tree(text: &str) -> Option<Tree> {
        #[derive(serde::Deserialize)]
        struct Whole {
            v: Node,
        }
        toml::from_str::<Whole>(&format!("v = {text}")).unwrap().v.resolve(&Some3)
    }

    fn text(text: &str) -> Option<Tree> {
        Some(Tree::Leaf(Scalar::Text(text.into())))
    }

    #[test]
    fn a_place_by_itself_keeps_its_type_and_in_a_text_it_is_text() {
        assert_eq!(tree(r#""{segments}""#), Some(Tree::Leaf(Scalar::Number(3))));
        assert_eq!(tree(r#""n{segments}""#), text("n3"));
        assert_eq!(tree(r#"{ is = "{segments}", as = "string" }"#), text("3"));
        assert_eq!(tree(r#"{ is = "{to}", as = "number" }"#), Some(Tree::Leaf(Scalar::Number(155))));
    }

    #[test]
    fn what_has_no_value_is_left_out_with_what_consists_of_it() {
        assert_eq!(tree(r#""{sender}""#), None);
        assert_eq!(tree(r#""from {sender}""#), None);
        assert_eq!(tree(r#"{ a = { b = "{sender}" }, c = ["{sender}"] }"#), None);
        assert_eq!(tree(r#"{ is = "{sender}", else = "x" }"#), text("x"));
    }

    #[test]
    fn conditions_and_maps_choose() {
        assert_eq!(tree(r#"{ is = 0, when = "flash" }"#), Some(Tree::Leaf(Scalar::Number(0))));
        assert_eq!(tree(r#"{ is = 0, when = "!flash" }"#), None);
        assert_eq!(tree(r#"{ is = 0, when = ["flash", "to=155", "to!=156", "!sender"] }"#), {
            Some(Tree::Leaf(Scalar::Number(0)))
        });
        assert_eq!(tree(r#"{ is = "{flash}", map = { true = "1", false = "0" } }"#), text("1"));
        assert_eq!(tree(r#"{ is = "{to}", map = { x = "1" }, else = "2" }"#), text("2"));
    }

    #[test]
    fn a_wrong_node_is_an_error_in_its_line() {
        for wrong in [r#"{ is = 1, when = "nobody" }"#, r#"{ is = 1, what = 2 }"#, r#""{nobody}""#] {
            #[derive(serde::Deserialize, Debug)]
            struct Whole {
                #[allow(dead_code)]
                v: Node,
            }
            let error = toml::from_str::<Whole>(&format!("\n\nv = {wrong}")).unwrap_err();
            assert!(error.span().is_some_and(|span| span.start >= 2), "{wrong}: {error}");
        }
    }
}
