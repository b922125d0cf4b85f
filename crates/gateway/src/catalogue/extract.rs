//! What is read out of a provider's answer or call: a place in JSON, a header, a parameter, or what a pattern finds.

use super::node::{Scalar, Values};
use super::template::Name;
use regex_lite::{Regex, RegexBuilder};
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use std::cell::OnceCell;

/// Most characters of what is read; ids and codes are far shorter.
const MOST: usize = 256;
/// Largest compiled pattern (octets): the time a search takes is its size times the body's.
const LARGEST_PATTERN: usize = 16 * 1024;
/// Most pairs of a form that are looked at.
const MOST_PAIRS: usize = 256;

/// Where something is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// `/messages/0/id`: in JSON (RFC 6901).
    Pointer(String),
    /// `header:X-Id`
    Header(String),
    /// `regex:ID: (\S+)`: the first group, or all of it, in the body.
    Pattern(Regex),
    /// `body`: all of it, without blanks around it.
    Body,
    /// `param:id`, or just `id`: a parameter of a form (the body) or query.
    Param(String),
}

/// One place, or several of which the first that has something counts.
#[derive(Debug, Clone)]
pub(crate) struct Places(Vec<Place>);

/// A condition on what is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Check {
    /// Where.
    pub at: Places,
    /// It is one of these.
    #[serde(default)]
    pub is: Vec<String>,
    /// It is none of these; nothing there is none of these, too.
    #[serde(default)]
    pub is_not: Vec<String>,
    /// This pattern finds something in it.
    #[serde(default)]
    pub matches: Option<Pattern>,
}

/// A regular expression.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Pattern(pub Regex);

/// An answer or call that things are read out of.
pub(crate) struct Document<'a> {
    headers: &'a HeaderMap,
    body: &'a [u8],
    query: &'a str,
    json: OnceCell<Option<Value>>,
    params: OnceCell<Vec<(String, String)>>,
}

// === impl Place ===

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        RegexBuilder::new(&text)
            .size_limit(LARGEST_PATTERN)
            .build()
            .map(Self)
            .map_err(|error| format!("the pattern is wrong: {error}"))
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl Place {
    /// Reads a place.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return Ok(Self::Pointer(text.to_owned()));
        }
        if let Some(name) = text.strip_prefix("header:") {
            return Ok(Self::Header(name.to_ascii_lowercase()));
        }
        if let Some(pattern) = text.strip_prefix("regex:") {
            return Pattern::try_from(pattern.to_owned()).map(|pattern| Self::Pattern(pattern.0));
        }
        match text {
            "body" => Ok(Self::Body),
            name => {
                let name = name.strip_prefix("param:").unwrap_or(name);
                let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.[]".contains(c);
                if name.is_empty() || !name.chars().all(is_name) {
                    let places = "/in/json, header:Name, regex:…, body, or a parameter's name";
                    return Err(format!("there is no place {name:?}; a place is {places}"));
                }
                Ok(Self::Param(name.to_owned()))
            }
        }
    }
}

impl Places {
    /// Whether one of them is looked for in the whole body, whichever entry of a list is meant.
    pub fn any_in_whole_body(&self) -> bool {
        self.0.iter().any(|place| matches!(place, Place::Pattern(_) | Place::Body))
    }
}

impl From<Place> for Places {
    fn from(place: Place) -> Self {
        Self(vec![place])
    }
}

impl<'de> Deserialize<'de> for Places {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PlacesVisitor;

        impl<'de> serde::de::Visitor<'de> for PlacesVisitor {
            type Value = Places;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a place, or a list of places")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Places, E> {
                Place::parse(text).map(Places::from).map_err(E::custom)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Places, A::Error> {
                let mut places = Vec::new();
                while let Some(place) = list.next_element()? {
                    places.push(place);
                }
                Ok(Places(places))
            }
        }
        deserializer.deserialize_any(PlacesVisitor)
    }
}

impl Check {
    /// Whether it holds for this item of the document.
    pub fn holds(&self, document: &Document<'_>, item: Option<&Value>) -> bool {
        let found = document.find(&self.at, item);
        let is = |wanted: &[String]| found.as_ref().is_some_and(|found| wanted.contains(found));
        if !self.is_not.is_empty() {
            return !is(&self.is_not);
        }
        if let Some(pattern) = &self.matches {
            return found.is_some_and(|found| pattern.0.is_match(&found));
        }
        if self.is.is_empty() { found.is_some() } else { is(&self.is) }
    }
}

// === impl Document ===

impl<'a> Document<'a> {
    /// An answer.
    pub fn new(headers: &'a HeaderMap, body: &'a [u8]) -> Self {
        Self::of_call(headers, body, "")
    }

    /// A call, which has a query.
    pub fn of_call(headers: &'a HeaderMap, body: &'a [u8], query: &'a str) -> Self {
        Self { headers, body, query, json: OnceCell::new(), params: OnceCell::new() }
    }

    /// The body as JSON; `None` where it is none.
    pub fn json(&self) -> Option<&Value> {
        // The parser gives up beyond 128 levels, so that no nesting overflows the stack.
        self.json.get_or_init(|| serde_json::from_slice(self.body).ok()).as_ref()
    }

    /// The parameters of the query, then of the form in the body.
    pub fn params(&self) -> &[(String, String)] {
        self.params.get_or_init(|| {
            let mut pairs = pairs(self.query.as_bytes());
            pairs.extend(self.form());
            pairs
        })
    }

    /// The parameters of the form in the body.
    pub fn form(&self) -> Vec<(String, String)> {
        let is_json = self.body.iter().find(|b| !b.is_ascii_whitespace()).is_some_and(|b| b"{[<".contains(b));
        if is_json { Vec::new() } else { pairs(self.body) }
    }

    /// The entries of the list at a JSON pointer, or the one thing that is there. `/` alone is the whole.
    pub fn items(&self, pointer: &str, most: usize) -> Vec<&Value> {
        match self.at(pointer) {
            Some(Value::Array(list)) => list.iter().take(most).collect(),
            Some(value) => vec![value],
            None => Vec::new(),
        }
    }

    /// The entries of the list at a JSON pointer; none where no list is there.
    pub fn list(&self, pointer: &str, most: usize) -> Vec<&Value> {
        match self.at(pointer) {
            Some(Value::Array(list)) => list.iter().take(most).collect(),
            _ => Vec::new(),
        }
    }

    fn at(&self, pointer: &str) -> Option<&Value> {
        self.json()?.pointer(if pointer == "/" { "" } else { pointer })
    }

    /// What is at the first of these places that has something. JSON pointers are looked for in the item, where there is one.
    pub fn find(&self, places: &Places, item: Option<&Value>) -> Option<String> {
        let found = places.0.iter().find_map(|place| self.find_one(place, item))?;
        Some(if found.len() > MOST { found.chars().take(MOST).collect() } else { found })
    }

    /// What is in this entry of a list itself, and not elsewhere in the answer.
    pub fn find_in_entry(&self, places: &Places, item: &Value) -> Option<String> {
        let own = places.0.iter().filter(|place| matches!(place, Place::Pointer(_)));
        let found = own.into_iter().find_map(|place| self.find_one(place, Some(item)))?;
        Some(if found.len() > MOST { found.chars().take(MOST).collect() } else { found })
    }

    /// The same for what may be long, such as a signature; what is longer than it has to be is none.
    pub fn find_long(&self, places: &Places, item: Option<&Value>, most: usize) -> Option<String> {
        places.0.iter().find_map(|place| self.find_one(place, item)).filter(|found| found.len() <= most)
    }

    fn find_one(&self, place: &Place, item: Option<&Value>) -> Option<String> {
        let found = match place {
            Place::Pointer(pointer) => scalar(item.or_else(|| self.json())?.pointer(pointer)?)?,
            Place::Header(name) => self.headers.get(name.as_str())?.to_str().ok()?.to_owned(),
            Place::Pattern(pattern) => {
                let text = String::from_utf8_lossy(self.body);
                let found = pattern.captures(&text)?;
                found.get(1).or_else(|| found.get(0))?.as_str().to_owned()
            }
            Place::Body => String::from_utf8_lossy(self.body).trim().to_owned(),
            Place::Param(name) => self.params().iter().find(|(key, _)| key == name)?.1.clone(),
        };
        let found = found.trim();
        (!found.is_empty()).then(|| found.to_owned())
    }
}

/// A call's values: parameters, headers, places in its JSON.
impl Values for Document<'_> {
    fn value(&self, name: &Name) -> Option<Scalar> {
        let place = match name {
            Name::Param(name) => Place::Param(name.clone()),
            Name::Header(name) => Place::Header(name.clone()),
            Name::Pointer(pointer) => Place::Pointer(pointer.clone()),
            Name::Setting(_) | Name::Word(_) => return None,
        };
        self.find_one(&place, None).map(Scalar::Text)
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The pairs of application/x-www-form-urlencoded (URL Standard §5.1).
fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    let pair = |pair: &[u8]| {
        let mut halves = pair.splitn(2, |b| *b == b'=');
        let name = decode(halves.next().unwrap_or_default());
        (name, decode(halves.next().unwrap_or_default()))
    };
    encoded.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).take(MOST_PAIRS).map(pair).collect()
}

fn decode(encoded: &[u8]) -> String {
    let mut octets = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => octets.push(b' '),
            b'%' => {
                let digit = |at: usize| after.get(at).and_then(|b| char::from(*b).to_digit(16));
                if let (Some(high), Some(low)) = (digit(0), digit(1)) {
                    octets.push((high * 16 + low) as u8);
                    rest = after.get(2..).unwrap_or_default();
                } else {
                    octets.push(b'%');
                }
            }
            other => octets.push(*other),
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(place: &str, body: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert("x-id", "h1".parse().unwrap());
        let place = Places::from(Place::parse(place).unwrap());
        Document::of_call(&headers, body.as_bytes(), "q=1+2%2B&empty=").find(&place, None)
    }

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn each_kind_of_place_is_found() {
        assert_eq!(find("/a/0/b", r#"{"a":[{"b":7}]}"#), text("7"));
        assert_eq!(find("header:X-ID", ""), text("h1"));
        assert_eq!(find(r"regex:ID: (\S+)", "x ID: 12\n"), text("12"));
        assert_eq!(find("regex:OK", "x OK"), text("OK"));
        assert_eq!(find("body", " a b\n"), text("a b"));
        assert_eq!(find("param:id", "x=1&id=%C3%A9"), text("é"));
        assert_eq!(find("q", "anything"), text("1 2+"));
    }

    #[test]
    fn what_is_not_there_or_of_another_type_is_none() {
        for body in
            ["", "{", "null", "[]", r#"{"a":null}"#, r#"{"a":{"b":1}}"#, r#"{"a":[1]}"#, r#"{"a":""}"#]
        {
            assert_eq!(find("/a", body), None, "{body}");
        }
        assert_eq!(find("empty", ""), None);
        assert_eq!(find("id", r#"{"id=1&id":2}"#), None);
        let deep = format!("{}1{}", "[".repeat(30_000), "]".repeat(30_000));
        assert_eq!(find("/0", &deep), None);
        assert_eq!(find("body", &"x".repeat(5_000)).map(|found| found.len()), Some(MOST));
    }

    #[test]
    fn broken_percent_encoding_stays_as_it_is() {
        assert_eq!(decode(b"%zz%4%41%"), "%zz%4A%");
    }
}
