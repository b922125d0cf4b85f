//! Secrets in gateway settings: kept where a form comes back with them blank, and never shown.

use serde_json::{Map, Value, json};
use std::collections::HashMap;
use textgate_gateway::{Field, FieldKind};

/// `given`, with the stored secrets where it leaves them blank or out. `null` clears one, because it is not blank.
///
/// A stored secret goes with whatever host or URL is given beside it. Whoever may put these settings owns the account, or is its
/// owner's service provider, and could read the secret at a host of their own: holding it back would protect nobody.
pub(super) fn merge(fields: &[Field], given: Value, stored: Option<&Value>) -> Value {
    let mut given = match given {
        Value::Object(given) => given,
        Value::Null => Map::new(),
        other => return other, // no settings at all: validation says so
    };
    for field in fields {
        let Some(stored) = stored.and_then(|stored| stored.get(&*field.name)) else { continue };
        match field.kind {
            FieldKind::Secret { .. } if is_blank(given.get(&*field.name)) => {
                given.insert(field.name.to_string(), stored.clone());
            }
            FieldKind::Pairs { .. } => {
                if let Some(Value::Array(entries)) = given.get_mut(&*field.name) {
                    keep_passwords(entries, stored);
                }
            }
            _ => {}
        }
    }
    Value::Object(given)
}

/// Puts the stored value into each blank password entry: that of the same name, and among several the one at the same place.
fn keep_passwords(entries: &mut [Value], stored: &Value) {
    let mut passwords: HashMap<String, Vec<&Value>> = HashMap::new();
    for entry in stored.as_array().into_iter().flatten().filter(|entry| is_password(entry)) {
        passwords.entry(name_of(entry)).or_default().push(&entry["value"]);
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    // An entry that is no password any more gets nothing: its value would be shown from then on.
    for entry in entries.iter_mut().filter(|entry| is_password(entry)) {
        let name = name_of(entry);
        let place = seen.entry(name.clone()).or_default();
        let kept = passwords.get(&name).and_then(|values| values.get(*place));
        *place += 1;
        if let (Some(entry), Some(kept)) = (entry.as_object_mut(), kept)
            && is_blank(entry.get("value"))
        {
            entry.insert("value".into(), (*kept).clone());
        }
    }
}

/// Settings as they may be shown, with `""` for each secret, and which secrets have a value: `password`, `parameters[token]`.
/// What the plugin does not know is left out, as it may be a secret.
pub(super) fn hide(fields: &[Field], settings: &Value) -> (Value, Vec<String>) {
    let (mut shown, mut set) = (Map::new(), Vec::new());
    for field in fields {
        let Some(value) = settings.get(&*field.name) else { continue };
        let value = match field.kind {
            FieldKind::Secret { .. } => {
                if !is_blank(Some(value)) && !value.is_null() {
                    set.push(field.name.to_string());
                }
                Value::from("")
            }
            FieldKind::Pairs { .. } => {
                let entries = value.as_array().map(Vec::as_slice).unwrap_or_default();
                Value::Array(entries.iter().map(|entry| hide_entry(&field.name, entry, &mut set)).collect())
            }
            _ => value.clone(),
        };
        shown.insert(field.name.to_string(), value);
    }
    (Value::Object(shown), set)
}

fn hide_entry(field: &str, entry: &Value, set: &mut Vec<String>) -> Value {
    if !is_password(entry) {
        return entry.clone();
    }
    let name = name_of(entry);
    if !is_blank(entry.get("value")) {
        set.push(format!("{field}[{name}]"));
    }
    json!({"name": name, "value": "", "is_password": true})
}

fn is_blank(value: Option<&Value>) -> bool {
    value.is_none_or(|value| value.as_str() == Some(""))
}

/// As the fields' validation reads a flag.
pub(super) fn is_password(entry: &Value) -> bool {
    match &entry["is_password"] {
        Value::Bool(is) => *is,
        Value::String(text) => ["true", "yes"].iter().any(|yes| text.eq_ignore_ascii_case(yes)),
        _ => false,
    }
}

pub(super) fn name_of(entry: &Value) -> String {
    match &entry["name"] {
        Value::String(name) => name.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Vec<Field> {
        vec![
            Field::new("host", "Host", FieldKind::Text { max: 99 }, ""),
            Field::new("password", "Password", FieldKind::Secret { max: 99 }, ""),
            Field::new("parameters", "Parameters", FieldKind::Pairs { max: 9 }, ""),
        ]
    }

    fn stored() -> Value {
        json!({"host": "h", "password": "hunter2", "parameters": [
            {"name": "token", "value": "s1", "is_password": true},
            {"name": "token", "value": "s2", "is_password": true},
            {"name": "plain", "value": "p", "is_password": false},
        ]})
    }

    fn merged(given: Value) -> Value {
        merge(&fields(), given, Some(&stored()))
    }

    #[test]
    fn a_secret_that_is_blank_or_left_out_keeps_its_value_and_null_clears_it() {
        for given in [json!(null), json!({}), json!({"password": ""})] {
            assert_eq!(merged(given)["password"], "hunter2");
        }
        assert_eq!(merged(json!({"password": null}))["password"], Value::Null);
        assert_eq!(merged(json!({"password": "new"}))["password"], "new");
        assert_eq!(merge(&fields(), json!({}), None), json!({}));
        assert_eq!(merged(json!({})).get("host"), None, "only secrets are kept");
    }

    #[test]
    fn password_entries_are_matched_by_name_and_among_several_by_place() {
        let values = |parameters: Value| -> Vec<Value> {
            let merged = merged(json!({"parameters": parameters}));
            merged["parameters"].as_array().unwrap().iter().map(|entry| entry["value"].clone()).collect()
        };
        let password = |value: Value| json!({"name": "token", "value": value, "is_password": true});
        assert_eq!(values(json!([password(json!("")), password(json!(""))])), ["s1", "s2"]);
        assert_eq!(values(json!([password(json!("new")), password(json!(""))])), ["new", "s2"]);
        assert_eq!(values(json!([{"name": "token", "is_password": "Yes"}])), ["s1"]);
        assert_eq!(values(json!([password(Value::Null)])), [Value::Null]);
        assert_eq!(values(json!([{"name": "other", "value": "", "is_password": true}])), [""]);
    }

    #[test]
    fn a_password_entry_that_becomes_a_plain_one_does_not_get_the_secret() {
        let given = json!({"parameters": [{"name": "token", "value": "", "is_password": false}]});
        assert_eq!(merged(given)["parameters"][0]["value"], "");
    }

    #[test]
    fn secrets_are_shown_as_blank_with_which_of_them_are_set() {
        let mut settings = stored();
        settings["unknown"] = json!("hunter3");
        let (shown, set) = hide(&fields(), &settings);
        assert_eq!(set, ["password", "parameters[token]", "parameters[token]"]);
        assert_eq!((&shown["password"], &shown["host"]), (&json!(""), &json!("h")));
        assert_eq!(
            (&shown["parameters"][0]["value"], &shown["parameters"][2]["value"]),
            (&json!(""), &json!("p"))
        );
        for secret in ["hunter2", "hunter3", "s1", "s2"] {
            assert!(!shown.to_string().contains(secret), "{secret}");
        }
        assert_eq!(hide(&fields(), &json!({"password": null})).1, Vec::<String>::new());
    }
}
