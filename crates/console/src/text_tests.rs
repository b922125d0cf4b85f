//! The texts' files are held to each other and to what uses them.

use super::*;
use regex_lite::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use textgate_gateway::{
    Facts, Field, FieldKind, GenericHttpPlugin, ModemPlugin, Plugins, SmppPlugin, catalogue,
};

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

/// The plugins that are not a provider's.
fn protocols() -> Plugins {
    let plugins: Vec<std::sync::Arc<dyn textgate_gateway::Plugin>> = vec![
        std::sync::Arc::new(SmppPlugin::new()),
        std::sync::Arc::new(GenericHttpPlugin::new()),
        std::sync::Arc::new(ModemPlugin::new()),
    ];
    Plugins::new(plugins)
}

/// Everything that a field says of itself.
fn said_of(field: &Field) -> Vec<String> {
    let mut said = vec![field.label.to_string(), field.help.to_string()];
    said.extend(field.message.iter().map(ToString::to_string));
    if let FieldKind::Choice { choices, .. } = &field.kind {
        said.extend(choices.iter().map(|choice| choice.label.to_string()));
    }
    said
}

#[test]
fn what_this_programs_own_plugins_say_of_themselves_is_there_in_german() {
    let german = Text::new(Language::De);
    let mut said = BTreeSet::new();
    for plugin in protocols().iter() {
        said.insert(plugin.label().to_owned());
        said.extend(plugin.fields().iter().flat_map(said_of));
    }
    for plugin in catalogue(None).unwrap() {
        let facts = Facts::of(plugin.as_ref());
        let features =
            plugin.fields().iter().filter(|field| ["flash", "overwrite", "receipts"].contains(&&*field.name));
        said.extend(facts.common.into_iter().chain(features).flat_map(said_of));
    }
    assert!(said.len() > 100);
    let foreign: Vec<_> = said.iter().filter(|sentence| german.is_foreign(sentence)).collect();
    assert!(foreign.is_empty(), "not in de-plugins.toml: {foreign:#?}");
    assert!(said.iter().all(|sentence| !Text::ENGLISH.is_foreign(sentence)));
}

#[test]
fn no_german_is_left_for_what_no_plugin_says() {
    let mut said: BTreeSet<String> = BTreeSet::new();
    let catalogue = catalogue(None).unwrap();
    for plugin in protocols().iter().chain(catalogue.iter()) {
        said.insert(plugin.label().to_owned());
        said.extend(plugin.fields().iter().flat_map(said_of));
    }
    let left: Vec<&str> =
        Language::De.plugins().unwrap().english().filter(|english| !said.contains(*english)).collect();
    assert!(left.is_empty(), "no plugin says {left:#?}");
}

#[test]
fn what_is_wrong_with_the_settings_of_this_programs_own_plugins_is_told_in_german() {
    let wrong = serde_json::json!({
        // SMPP
        "host": "https://smsc", "port": 0, "encoding": "utf-9", "service_type": "sixsix", "sender": "x".repeat(19) + "ü",
        "tls": "maybe", "ca_certificate": "x", "window": "none",
        // Generic HTTP(s)
        "method": "PUT", "url": "http://h/?a=1&b=2", "use_proxy": true, "proxy_url": "ftp://p", "proxy_port": 0,
        "parameters": [{"name": "", "value": "x"}], "destination_parameter": "a\nb", "message_parameter": "x".repeat(200),
        // SMS modem
        "devices": "tcp://host", "pin": "12", "service_centre": "x", "baud": 1,
    });
    let german = Text::new(Language::De);
    for plugin in protocols().iter() {
        let own = wrong.as_object().unwrap().clone().into_iter();
        let own = own.filter(|(name, _)| plugin.fields().iter().any(|field| field.name == *name)).collect();
        let mut problems = protocols().check(plugin.name(), &serde_json::Value::Object(own)).err().unwrap();
        problems.extend(protocols().check(plugin.name(), &serde_json::json!({})).err().unwrap());
        assert!(problems.len() > 5, "{}: {problems:?}", plugin.name());
        for problem in problems {
            assert_ne!(german.problem(&problem.message), problem.message, "{}", plugin.name());
        }
    }
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
fn a_country_has_its_name_where_the_texts_have_it_and_its_letters_always() {
    let country = |letters| Country::parse(letters).unwrap();
    assert_eq!(Text::new(Language::De).country(country("CZ")), "Tschechien (CZ)");
    assert_eq!(Text::new(Language::En).country(country("FJ")), "FJ");
}

#[test]
fn what_is_put_into_a_text_stands_in_its_place() {
    let phrase = Text::new(Language::En).get("virtual_servers.edit_title").with("name", "acme/{name}");
    assert_eq!(phrase.to_string(), "Change acme/{name}");
}
