//! Templates of alerts: a text with places such as `{host}`. What is put in is never read again as a template.

use std::collections::BTreeMap;
use textgate_gateway::Problem;

/// Most characters of a template, and of what is put in one place.
pub(super) const LONGEST: usize = 1_000;
const LONGEST_VALUE: usize = 255;
/// Most places of a template.
const MOST_PLACES: usize = 20;
/// Most characters of a place's name.
const LONGEST_NAME: usize = 32;

enum Part<'a> {
    Text(&'a str),
    Place(&'a str),
}

/// Reads a template, or says what is wrong with it.
fn parts(template: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (text, from) = rest.split_at(at);
        parts.push(Part::Text(text));
        let inner = from.strip_prefix('{').ok_or("a } closes no place: write a place as {name}")?;
        let (name, after) =
            inner.split_once('}').ok_or("a { opens a place that does not end: write it as {name}")?;
        if !is_name(name) {
            return Err(
                "the name of a place is at most 32 lower-case letters, digits and _, beginning with a letter"
                    .into(),
            );
        }
        parts.push(Part::Place(name));
        rest = after;
    }
    parts.push(Part::Text(rest));
    Ok(parts)
}

fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// The places of a template, each once, in the order of their names.
///
/// # Errors
/// What is wrong with the template.
pub(super) fn places(template: &str) -> Result<Vec<String>, String> {
    if template.trim().is_empty() {
        return Err("enter a text".into());
    }
    if template.chars().count() > LONGEST {
        return Err(format!("use at most {LONGEST} characters"));
    }
    let mut names: Vec<String> = parts(template)?
        .into_iter()
        .filter_map(|part| match part {
            Part::Place(name) => Some(name.to_owned()),
            Part::Text(_) => None,
        })
        .collect();
    names.sort();
    names.dedup();
    if names.len() > MOST_PLACES {
        return Err(format!("use at most {MOST_PLACES} places"));
    }
    Ok(names)
}

/// The template with its places filled in. Every place needs a value, and every value a place.
///
/// # Errors
/// Every problem, by `variables.NAME`.
pub(super) fn fill(template: &str, values: &BTreeMap<String, String>) -> Result<String, Vec<Problem>> {
    let wrong = |path: String, message: String| Problem::new(path, message);
    let known = places(template).map_err(|reason| vec![wrong("template".into(), reason)])?;
    let mut problems = Vec::new();
    for name in known.iter().filter(|name| !values.contains_key(*name)) {
        problems.push(wrong(format!("variables.{name}"), "the template needs this value".into()));
    }
    for (name, value) in values {
        let path = || format!("variables.{}", name.chars().take(64).collect::<String>());
        if !known.contains(name) {
            let places = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            problems.push(wrong(path(), format!("the template has no such place; it has {places}")));
        } else if value.chars().count() > LONGEST_VALUE {
            problems.push(wrong(path(), format!("use at most {LONGEST_VALUE} characters")));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let parts = parts(template).map_err(|reason| vec![wrong("template".into(), reason)])?;
    let filled = parts.into_iter().map(|part| match part {
        Part::Text(text) => text,
        Part::Place(name) => values.get(name).map_or("", String::as_str),
    });
    Ok(filled.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_put_in_is_not_read_again() {
        let filled = fill("{host} is {state}: {host}", &values(&[("host", "{state}"), ("state", "down")]));
        assert_eq!(filled.unwrap(), "{state} is down: {state}");
    }

    #[test]
    fn a_template_is_checked_when_it_is_saved() {
        assert_eq!(places("a {b} c {a} {b}").unwrap(), ["a", "b"]);
        for wrong in
            ["", " ", "{", "}", "a } b", "{a", "{}", "{A}", "{1}", "{a b}", "{{a}}", &"x".repeat(1_001)]
        {
            assert!(places(wrong).is_err(), "{wrong}");
        }
        let many: String = (0..21).map(|n| format!("{{a{n}}}")).collect();
        assert!(places(&many).is_err());
    }

    #[test]
    fn every_missing_and_every_needless_value_is_told() {
        let problems = fill("{a} {b}", &values(&[("b", "1"), ("c", "2")])).unwrap_err();
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["variables.a", "variables.c"]);
        assert!(fill("{a}", &values(&[("a", &"x".repeat(256))])).is_err());
    }
}
