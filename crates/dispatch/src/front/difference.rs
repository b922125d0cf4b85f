//! What a change of SMS settings shows in the audit log: what was there before and afterwards, with secrets only said to be `set`,
//! `not set` or `changed`.

use super::secrets::{is_password, name_of};
use crate::view::Settings;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use textgate_gateway::{Field, FieldKind, Plugins};
use textgate_sms::PhoneNumber;
use textgate_store::Difference;

/// A value that may be shown, or a secret that may not.
enum Shown {
    Plain(Value),
    Secret(Value),
    Parts(BTreeMap<String, Shown>),
}

/// One gateway, before or after.
pub(super) struct Gateway<'a> {
    pub(super) name: &'a str,
    pub(super) plugin: &'a str,
    pub(super) settings: &'a Value,
}

/// What is other between two states of SMS settings.
pub(super) fn of_settings(
    plugins: &Plugins,
    before: (&Settings, &[Gateway<'_>]),
    after: (&Settings, &[Gateway<'_>]),
) -> Difference {
    let (before, after) = (shown(plugins, before), shown(plugins, after));
    let (before, after) = compare(Some(&before), Some(&after)).unwrap_or_default();
    Difference { before, after }
}

fn shown(plugins: &Plugins, (settings, gateways): (&Settings, &[Gateway<'_>])) -> Shown {
    let order: Vec<&str> = gateways.iter().map(|gateway| gateway.name).collect();
    let gateway = |gateway: &Gateway<'_>| {
        // What no plugin knows by now may be a secret.
        let fields = plugins.get(gateway.plugin).map(|plugin| plugin.fields()).unwrap_or_default();
        let parts = [
            ("plugin".to_owned(), Shown::Plain(json!(gateway.plugin))),
            ("settings".to_owned(), of_gateway(fields, gateway.settings)),
        ];
        (gateway.name.to_owned(), Shown::Parts(parts.into()))
    };
    let parts = [
        ("mode", Shown::Plain(json!(settings.mode))),
        ("test_number", Shown::Plain(json!(settings.test_number.map(PhoneNumber::masked)))),
        ("failover_after_ms", Shown::Plain(json!(settings.failover_after_ms))),
        ("on_uncertain", Shown::Plain(json!(settings.on_uncertain))),
        ("gateway_order", Shown::Plain(json!(settings.gateway_order))),
        ("order", Shown::Plain(json!(order))),
        ("gateways", Shown::Parts(gateways.iter().map(gateway).collect())),
    ];
    Shown::Parts(parts.into_iter().map(|(name, shown)| (name.to_owned(), shown)).collect())
}

fn of_gateway(fields: &[Field], settings: &Value) -> Shown {
    let mut parts = BTreeMap::new();
    for field in fields {
        let Some(value) = settings.get(&*field.name) else { continue };
        let shown = match field.kind {
            FieldKind::Secret { .. } => Shown::Secret(value.clone()),
            FieldKind::Pairs { .. } => of_pairs(value),
            _ => Shown::Plain(value.clone()),
        };
        parts.insert(field.name.to_string(), shown);
    }
    Shown::Parts(parts)
}

/// Parameters by name; a second one of the same name is `name (2)`.
fn of_pairs(entries: &Value) -> Shown {
    let mut parts: BTreeMap<String, Shown> = BTreeMap::new();
    for entry in entries.as_array().into_iter().flatten() {
        let (name, value) = (name_of(entry), entry["value"].clone());
        let names = (1..).map(|n| if n == 1 { name.clone() } else { format!("{name} ({n})") });
        if let Some(free) = names.into_iter().find(|name| !parts.contains_key(name)) {
            parts.insert(free, if is_password(entry) { Shown::Secret(value) } else { Shown::Plain(value) });
        }
    }
    Shown::Parts(parts)
}

/// What is other, before and after; `None` where nothing is.
fn compare(before: Option<&Shown>, after: Option<&Shown>) -> Option<(Value, Value)> {
    let masked = |shown: Option<&Shown>| shown.map(mask).unwrap_or_default();
    match (before, after) {
        (Some(Shown::Parts(before)), Some(Shown::Parts(after))) => {
            let (mut from, mut to) = (Map::new(), Map::new());
            for name in before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))) {
                if let Some((old, new)) = compare(before.get(name), after.get(name)) {
                    from.insert(name.clone(), old);
                    to.insert(name.clone(), new);
                }
            }
            (!from.is_empty()).then(|| (from.into(), to.into()))
        }
        (Some(Shown::Plain(a)), Some(Shown::Plain(b))) if a == b => None,
        (Some(Shown::Secret(a)), Some(Shown::Secret(b))) if a == b => None,
        (Some(Shown::Secret(a)), Some(Shown::Secret(b))) if is_set(a) && is_set(b) => {
            Some((json!("set"), json!("changed")))
        }
        (None, None) => None,
        (before, after) => {
            let (before, after) = (masked(before), masked(after));
            (before != after).then_some((before, after))
        }
    }
}

fn mask(shown: &Shown) -> Value {
    match shown {
        Shown::Plain(value) => value.clone(),
        Shown::Secret(value) => json!(if is_set(value) { "set" } else { "not set" }),
        Shown::Parts(parts) => parts.iter().map(|(name, shown)| (name.clone(), mask(shown))).collect(),
    }
}

fn is_set(secret: &Value) -> bool {
    !secret.is_null() && secret.as_str() != Some("")
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

    fn compared(before: Value, after: Value) -> Option<(Value, Value)> {
        compare(Some(&of_gateway(&fields(), &before)), Some(&of_gateway(&fields(), &after)))
    }

    #[test]
    fn only_what_is_other_is_shown_and_no_secret_ever() {
        let before = json!({"host": "a", "password": "hunter2", "parameters": [
            {"name": "token", "value": "s1", "is_password": true}, {"name": "plain", "value": "p", "is_password": false},
        ]});
        assert_eq!(compared(before.clone(), before.clone()), None);
        let after = json!({"host": "b", "password": "hunter3", "parameters": [
            {"name": "token", "value": "s2", "is_password": true}, {"name": "plain", "value": "q", "is_password": false},
        ]});
        let (old, new) = compared(before.clone(), after).unwrap();
        assert_eq!(
            old,
            json!({"host": "a", "password": "set", "parameters": {"token": "set", "plain": "p"}})
        );
        assert_eq!(
            new,
            json!({"host": "b", "password": "changed", "parameters": {"token": "changed", "plain": "q"}})
        );
        let (old, new) = compared(before, json!({"host": "a", "password": null, "parameters": []})).unwrap();
        assert_eq!(old, json!({"password": "set", "parameters": {"token": "set", "plain": "p"}}));
        assert_eq!(new, json!({"password": "not set", "parameters": {"token": null, "plain": null}}));
    }

    #[test]
    fn a_parameter_that_becomes_a_secret_does_not_show_it() {
        let pair = |value: &str, is_password| json!({"parameters": [{"name": "k", "value": value, "is_password": is_password}]});
        let (old, new) = compared(pair("open", false), pair("hidden", true)).unwrap();
        assert_eq!((old, new), (json!({"parameters": {"k": "open"}}), json!({"parameters": {"k": "set"}})));
    }
}
