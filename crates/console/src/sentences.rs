//! Sentences of the rooms below, in another language of the console: what plugins say of themselves, and what is wrong with what was
//! typed. Each stands by its English. Some have something in them that is different each time, written `{name}` in both.

use std::collections::HashMap;

/// The sentences of one file in `texts/`.
#[derive(Default)]
pub(crate) struct Sentences {
    whole: HashMap<String, String>,
    /// Those with something in them, the most particular first: `enter {label}` also fits what another says better.
    open: Vec<Open>,
}

/// A sentence with something in it.
struct Open {
    /// What stands before, between and behind the placeholders.
    literals: Vec<String>,
    /// The placeholders' names.
    names: Vec<String>,
    /// The sentence in the other language.
    other: String,
}

impl Sentences {
    /// The sentences of a file; none where it is wrong, which a test finds.
    pub(crate) fn read(file: &str) -> Self {
        let all: HashMap<String, String> = toml::from_str(file).unwrap_or_default();
        let (open, whole): (Vec<_>, Vec<_>) = all.into_iter().partition(|(english, _)| english.contains('{'));
        let mut open: Vec<Open> =
            open.into_iter().map(|(english, other)| Open::new(&english, other)).collect();
        let length = |open: &Open| open.literals.iter().map(String::len).sum::<usize>();
        open.sort_by(|a, b| length(b).cmp(&length(a)).then_with(|| a.literals.cmp(&b.literals)));
        Self { whole: whole.into_iter().collect(), open }
    }

    /// The sentence in the other language; `label` says what a field is called there.
    pub(crate) fn get(&self, english: &str, label: impl Fn(&str) -> String) -> Option<String> {
        if let Some(whole) = self.whole.get(english) {
            return Some(whole.clone());
        }
        let (open, found) = self.open.iter().find_map(|open| Some((open, open.fit(english)?)))?;
        let mut other = open.other.clone();
        for (name, value) in open.names.iter().zip(found) {
            let value = if name == "label" { label(value) } else { value.to_owned() };
            other = other.replace(&format!("{{{name}}}"), &value);
        }
        Some(other)
    }

    /// All English sentences.
    #[cfg(test)]
    pub(crate) fn english(&self) -> impl Iterator<Item = &str> {
        self.whole.keys().map(String::as_str)
    }
}

impl Open {
    fn new(english: &str, other: String) -> Self {
        let (mut literals, mut names) = (Vec::new(), Vec::new());
        let mut rest = english;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, behind) = behind.split_once('}').unwrap_or((behind, ""));
            literals.push(before.to_owned());
            names.push(name.to_owned());
            rest = behind;
        }
        literals.push(rest.to_owned());
        Self { literals, names, other }
    }

    /// What stands in the placeholders, where this sentence is one of these.
    fn fit<'a>(&self, english: &'a str) -> Option<Vec<&'a str>> {
        let (first, others) = self.literals.split_first()?;
        let mut rest = english.strip_prefix(first.as_str())?;
        let mut found = Vec::new();
        for (index, literal) in others.iter().enumerate() {
            let is_last = index + 1 == others.len();
            let value = if is_last {
                rest.strip_suffix(literal.as_str())?
            } else {
                let (value, behind) = rest.split_once(literal.as_str())?;
                rest = behind;
                value
            };
            let is_label = self.names.get(index).is_some_and(|name| name == "label");
            // A label begins with a capital: `enter Host` names a field, `enter a text` does not.
            if value.is_empty() || (is_label && value.starts_with(char::is_lowercase)) {
                return None;
            }
            found.push(value);
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences() -> Sentences {
        Sentences::read(
            "\"enter a text\" = \"Text eingeben\"\n\"enter {label}\" = \"{label} eingeben\"\n\
             \"enter {min} to {max}\" = \"{min} bis {max} eingeben\"\n\"remove {what}: {corrected}\" = \"ohne {what}: {corrected}\"\n",
        )
    }

    fn said(english: &str) -> Option<String> {
        sentences().get(english, |label| format!("«{label}»"))
    }

    #[test]
    fn a_sentence_is_found_by_its_english_with_what_is_in_it() {
        assert_eq!(said("enter a text").as_deref(), Some("Text eingeben"));
        assert_eq!(said("enter Host").as_deref(), Some("«Host» eingeben"));
        assert_eq!(said("enter 1 to 65535").as_deref(), Some("1 bis 65535 eingeben"));
        assert_eq!(said("remove + and spaces: 1555").as_deref(), Some("ohne + and spaces: 1555"));
    }

    #[test]
    fn what_is_no_sentence_of_the_file_is_none() {
        for unknown in ["enter a whole URL", "enter ", "leave Host", "remove : 1", ""] {
            assert_eq!(said(unknown), None, "{unknown}");
        }
    }
}
