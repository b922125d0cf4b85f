//! The texts' files are held to each other and to what uses them.

use super::*;
use regex_lite::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn texts(language: Language) -> BTreeMap<&'static str, &'static str> {
    language.texts().iter().map(|(key, text)| (key.as_str(), text.as_str())).collect()
}

fn placeholders(text: &str) -> BTreeSet<String> {
    let pattern = Regex::new(r"\{([a-z_]+)\}").unwrap();
    pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// Every template and source file of the console but for tests.
fn sources() -> Vec<(String, String)> {
    fn add(dir: &Path, to: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add(&path, to);
            } else if !path.ends_with("text_tests.rs") {
                to.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut all = Vec::new();
    for dir in ["src", "templates"] {
        add(&Path::new(env!("CARGO_MANIFEST_DIR")).join(dir), &mut all);
    }
    all
}

#[test]
fn every_language_has_the_same_keys_and_placeholders() {
    let (english, german) = (texts(Language::En), texts(Language::De));
    assert!(english.len() > 50, "the files are read");
    let keys = |texts: &BTreeMap<&'static str, &'static str>| texts.keys().copied().collect::<BTreeSet<_>>();
    let different: Vec<_> = keys(&english).symmetric_difference(&keys(&german)).copied().collect();
    assert!(different.is_empty(), "not in both languages: {different:?}");
    for (key, text) in &english {
        assert_eq!(placeholders(text), placeholders(german[key]), "{key}");
        assert!(!text.trim().is_empty() && !german[key].trim().is_empty(), "{key} is empty");
    }
}

#[test]
fn every_key_that_is_used_exists() {
    let key = Regex::new(r#"\b(?:t|text\.get|get|entry)\(\s*"([a-z_]+\.[a-z_0-9]+)""#).unwrap();
    let texts = texts(Language::En);
    for (file, source) in sources() {
        for found in key.captures_iter(&source) {
            assert!(texts.contains_key(&found[1]), "{file}: {} is in no file of texts", &found[1]);
        }
    }
}

#[test]
fn no_text_is_left_that_nothing_uses() {
    let sources: String = sources().into_iter().map(|(_, source)| source).collect();
    // A list's words are looked up by what they stand for.
    let list = Regex::new(r#"\bword\(\s*"([a-z_]+)""#).unwrap();
    let lists: BTreeSet<&str> =
        list.captures_iter(&sources).filter_map(|found| found.get(1)).map(|found| found.as_str()).collect();
    let is_used = |key: &str| {
        let list = key.split('.').next().unwrap_or_default();
        sources.contains(&format!("\"{key}\"")) || lists.contains(list)
    };
    let unused: Vec<_> = texts(Language::En).into_keys().filter(|key| !is_used(key)).collect();
    assert!(unused.is_empty(), "nothing uses {unused:?}");
}

#[test]
fn sentences_of_other_rooms_are_translated_by_what_they_say() {
    assert_eq!(Text::new(Language::De).problem("enter a name"), "Geben Sie einen Namen ein");
    assert_eq!(Text::new(Language::De).problem("unheard of"), "unheard of");
    assert_eq!(Text::new(Language::En).problem("enter a name"), "enter a name");
}

#[test]
fn the_language_that_is_wanted_most_is_taken() {
    for (header, language) in [
        ("de", Language::De),
        ("de-AT,en;q=0.5", Language::De),
        ("en-GB,de;q=0.9", Language::En),
        ("fr,de;q=0.4,en;q=0.3", Language::De),
        ("de;q=0,en", Language::En),
        ("fr", Language::En),
        ("", Language::En),
        ("de;q=nonsense", Language::En),
    ] {
        assert_eq!(Language::accepted(header), language, "{header}");
    }
}

#[test]
fn numbers_and_times_are_written_as_the_language_does() {
    let (english, german) = (Text::new(Language::En), Text::new(Language::De));
    assert_eq!(
        (english.number(1_234_567), german.number(1_234_567)),
        ("1,234,567".into(), "1.234.567".into())
    );
    assert_eq!((english.number(-1_000), english.number(999)), ("\u{2212}1,000".into(), "999".into()));
    let time = german.time(1_800_000_000_000).to_string();
    assert_eq!(time, "<time datetime=\"2027-01-15T08:00:00.000Z\">15.01.2027 08:00:00 UTC</time>");
}

#[test]
fn what_is_put_into_a_text_stands_in_its_place() {
    let phrase = Text::new(Language::En).get("virtual_servers.edit_title").with("name", "acme/{name}");
    assert_eq!(phrase.to_string(), "Change acme/{name}");
}
