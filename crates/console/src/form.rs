//! What a person filled in: the pairs of a form, in order, and what is wrong with them.

use crate::answer::Failure;
use crate::text::Text;
use textgate_dispatch::DirectoryError;
use textgate_gateway::Problem;

/// Most fields of a form: more than any page has.
const MOST_FIELDS: usize = 2_000;

/// The fields of a form that was sent; none of a form that is shown for the first time.
#[derive(Debug, Clone, Default)]
pub struct Form {
    pairs: Vec<(String, String)>,
}

/// What is wrong with a form.
#[derive(Debug, Clone, Default)]
pub struct Problems(Vec<Problem>);

// === impl Form ===

impl Form {
    /// Reads `application/x-www-form-urlencoded`; `None` where it has more fields than any form of ours, or is not UTF-8.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let mut pairs = Vec::new();
        for part in body.split(|b| *b == b'&').filter(|part| !part.is_empty()) {
            if pairs.len() == MOST_FIELDS {
                return None;
            }
            let at = part.iter().position(|b| *b == b'=');
            let (name, value) = at.map_or((part, &b""[..]), |at| (&part[..at], &part[at + 1..]));
            pairs.push((decode(name)?, decode(value)?));
        }
        Some(Self { pairs })
    }

    /// The pairs as they came.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// The value of a field as it was typed; empty where it was not sent.
    pub fn get(&self, name: &str) -> &str {
        self.pairs.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// The same without spaces around it.
    pub fn trimmed(&self, name: &str) -> &str {
        self.get(name).trim()
    }

    /// Whether a field was sent: a box is checked, a button was pressed.
    pub fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(found, _)| found == name)
    }

    /// With this field as well, where it was not sent: what a form shows at first.
    #[must_use]
    pub fn or(mut self, name: &str, value: impl Into<String>) -> Self {
        if !self.has(name) {
            self.pairs.push((name.to_owned(), value.into()));
        }
        self
    }
}

/// Percent-decoding with `+` as space (WHATWG URL §5.1).
fn decode(part: &[u8]) -> Option<String> {
    let hex = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
    let mut octets = Vec::with_capacity(part.len());
    let mut at = 0;
    while let Some(&octet) = part.get(at) {
        let escaped =
            (octet == b'%').then(|| Some(hex(part.get(at + 1))? << 4 | hex(part.get(at + 2))?)).flatten();
        at += if escaped.is_some() { 3 } else { 1 };
        octets.push(match (escaped, octet) {
            (Some(value), _) => u8::try_from(value).ok()?,
            (None, b'+') => b' ',
            (None, octet) => octet,
        });
    }
    String::from_utf8(octets).ok()
}

/// A value for a query or a path's part: all but unreserved characters escaped (RFC 3986 §2.3).
pub fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for octet in value.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            escaped.push(char::from(octet));
        } else {
            escaped.push_str(&format!("%{octet:02X}"));
        }
    }
    escaped
}

// === impl Problems ===

#[allow(dead_code, reason = "whole, whichever of it today's pages use")]
impl Problems {
    /// No problem.
    pub fn none() -> Self {
        Self::default()
    }

    /// One problem, at this field.
    pub fn at(path: &str, message: impl Into<String>) -> Self {
        Self(vec![Problem::new(path, message)])
    }

    /// What dispatch refused, in this language: wrong fields by their paths, and what contradicts what is there at this field.
    ///
    /// # Errors
    /// Whatever is no problem of the form.
    pub fn of_refusal(error: DirectoryError, field: &str, text: Text) -> Result<Self, Failure> {
        match error {
            DirectoryError::Invalid(problems) => {
                let told = |problem: Problem| Problem::new(problem.path, text.problem(&problem.message));
                Ok(Self(problems.into_iter().map(told).collect()))
            }
            DirectoryError::Conflict(reason) => Ok(Self::at(field, text.problem(&reason))),
            error => Err(error.into()),
        }
    }

    /// Adds one.
    pub fn add(&mut self, path: &str, message: impl Into<String>) {
        self.0.push(Problem::new(path, message));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those at this field.
    pub fn of<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |problem| problem.path == path).map(|problem| problem.message.as_str())
    }

    /// All of them.
    pub fn all(&self) -> &[Problem] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let form = Form::read(b"name=Z%C3%BCrich+AG&csrf=a%2Bb&on=&x").unwrap();
        assert_eq!((form.get("name"), form.get("csrf")), ("Zürich AG", "a+b"));
        assert!(form.has("on") && form.has("x") && !form.has("y"));
        assert_eq!(form.or("y", "1").or("x", "2").pairs().len(), 5);
    }

    #[test]
    fn what_is_not_utf_8_or_has_no_end_of_fields_is_refused() {
        assert!(Form::read(b"a=%ff").is_none());
        assert!(Form::read("a&".repeat(MOST_FIELDS).as_bytes()).is_some());
        assert!(Form::read("a&".repeat(MOST_FIELDS + 1).as_bytes()).is_none());
    }

    #[test]
    fn a_lone_percent_sign_stands_for_itself() {
        assert_eq!(Form::read(b"a=100%&b=%zz%4").unwrap().get("b"), "%zz%4");
    }

    #[test]
    fn what_is_escaped_is_read_again_as_it_was() {
        let odd = "a b/ü?&=%\"<";
        assert_eq!(decode(escaped(odd).as_bytes()).as_deref(), Some(odd));
    }
}
