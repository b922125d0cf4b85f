//! What JSON looks like: one description from which both the check of a body and its OpenAPI schema come.

use crate::time::{GIVEN, Given};
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use textgate_gateway::Problem;
use textgate_sms::Country;

/// The form of one value.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// A text of at most so many characters, without NUL.
    Text(usize),
    /// Yes or no.
    Flag,
    /// A whole number within these bounds.
    Integer(i64, i64),
    /// One of these words.
    OneOf(fn() -> Vec<&'static str>),
    /// A time as callers give it.
    TimeGiven,
    /// A time as it is shown.
    Time,
    /// A country by its two letters.
    Country,
    /// An IP address.
    Address,
    /// Overwrite: yes or no, or the type 1 to 7.
    Overwrite,
    /// A gateway's settings: an object of its plugin's fields, validated by the plugin.
    GatewaySettings,
    /// A list of at most so many of these.
    List(&'static Shape, usize),
    /// An object of exactly these properties.
    Object(&'static Object),
    /// Anything: it is described in words.
    Any,
}

/// An object with a name of its own in the OpenAPI document.
pub(crate) struct Object {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) properties: &'static [Property],
}

/// One property of an [`Object`].
pub(crate) struct Property {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) presence: Presence,
    pub(crate) about: &'static str,
}

/// Whether a property must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Always.
    Required,
    /// It may be left out or `null`.
    Optional,
    /// Taken, but not documented: another spelling of a property.
    Alias,
}

/// A property that must be there.
pub(crate) const fn required(name: &'static str, shape: Shape, about: &'static str) -> Property {
    Property { name, shape, presence: Presence::Required, about }
}

/// A property that may be left out.
pub(crate) const fn optional(name: &'static str, shape: Shape, about: &'static str) -> Property {
    Property { name, shape, presence: Presence::Optional, about }
}

/// Another spelling of a property.
pub(crate) const fn alias(name: &'static str, shape: Shape) -> Property {
    Property { name, shape, presence: Presence::Alias, about: "" }
}

// === check ===

impl Object {
    /// Every problem of a value that should be this object.
    pub(crate) fn check(&self, value: &Value, path: &str, problems: &mut Vec<Problem>) {
        let Value::Object(given) = value else {
            problems.push(Problem::new(path, "enter an object, as in {…}"));
            return;
        };
        for name in given.keys().filter(|name| !self.properties.iter().any(|p| p.name == **name)) {
            let known = self.properties.iter().filter(|p| p.presence != Presence::Alias).map(|p| p.name);
            let message =
                format!("there is no such field; the fields are {}", known.collect::<Vec<_>>().join(", "));
            problems.push(Problem::new(join(path, &shortened(name)), message));
        }
        for property in self.properties {
            let path = || join(path, property.name);
            match given.get(property.name) {
                None | Some(Value::Null) if property.presence == Presence::Required => {
                    problems.push(Problem::new(path(), "this field is required"));
                }
                None | Some(Value::Null) => {}
                Some(value) => property.shape.check(value, &path(), problems),
            }
        }
    }
}

impl Object {
    /// Takes out every optional property that is `null`: it counts as left out. A gateway's settings stay as they are: there
    /// `null` clears a secret.
    pub(crate) fn drop_nulls(&self, value: &mut Value) {
        let Value::Object(given) = value else { return };
        for property in self.properties {
            match given.get_mut(property.name) {
                Some(Value::Null) => drop(given.remove(property.name)),
                Some(value) => property.shape.drop_nulls(value),
                None => {}
            }
        }
    }
}

impl Shape {
    fn drop_nulls(&self, value: &mut Value) {
        match (self, value) {
            (Self::Object(object), value) => object.drop_nulls(value),
            (Self::List(of, _), Value::Array(entries)) => entries.iter_mut().for_each(|e| of.drop_nulls(e)),
            _ => {}
        }
    }

    /// Every problem of a value. No message holds any of the value: it may be a text, a code or a password.
    pub(crate) fn check(&self, value: &Value, path: &str, problems: &mut Vec<Problem>) {
        let mut wrong = |message: String| problems.push(Problem::new(path, message));
        match self {
            Self::Text(max) => match value {
                Value::String(text) if text.contains('\0') => wrong("remove the NUL characters".into()),
                // A text has at least as many bytes as characters.
                Value::String(text) if text.len() > *max && text.chars().count() > *max => {
                    wrong(format!("use at most {max} characters"));
                }
                Value::String(_) => {}
                _ => wrong("enter a text, as in \"…\"".into()),
            },
            Self::Country if value.as_str().is_none_or(|text| Country::parse(text).is_err()) => {
                wrong("enter a country by its two letters (ISO 3166-1), as in \"DE\"".into());
            }
            Self::Address if value.as_str().is_none_or(|text| text.parse::<IpAddr>().is_err()) => {
                wrong("enter an IP address, as in \"192.0.2.1\" or \"2001:db8::1\"".into());
            }
            Self::Flag if !value.is_boolean() => wrong("enter true or false".into()),
            Self::Integer(min, max) if !is_within(value, *min, *max) => {
                wrong(format!("enter a whole number from {min} to {max}"));
            }
            Self::OneOf(words) => {
                let words = words();
                if !value.as_str().is_some_and(|given| words.contains(&given)) {
                    wrong(format!("choose one of: {}", words.join(", ")));
                }
            }
            Self::TimeGiven => {
                if serde_json::from_value::<Given>(value.clone()).is_err() {
                    wrong(GIVEN.into());
                }
            }
            Self::Time => {
                if value.as_str().is_none_or(|text| Given::parse(text).is_none()) {
                    wrong("a time as in RFC 3339".into());
                }
            }
            Self::Overwrite if !value.is_boolean() && !is_within(value, 1, 7) => {
                wrong("enter true or false, or the type from 1 to 7".into());
            }
            Self::GatewaySettings if !value.is_object() => {
                wrong("enter an object of the plugin's fields; GET /v1/plugins lists them".into());
            }
            Self::List(of, max) => match value {
                Value::Array(entries) if entries.len() > *max => {
                    wrong(format!("use at most {max} entries"));
                }
                Value::Array(entries) => {
                    for (index, entry) in entries.iter().enumerate() {
                        of.check(entry, &format!("{path}[{index}]"), problems);
                    }
                }
                _ => wrong("enter a list, as in […]".into()),
            },
            Self::Object(object) => object.check(value, path, problems),
            Self::Country
            | Self::Address
            | Self::Flag
            | Self::Integer(..)
            | Self::Overwrite
            | Self::GatewaySettings
            | Self::Any => {}
        }
    }
}

fn is_within(value: &Value, min: i64, max: i64) -> bool {
    match (value.as_i64(), value.as_u64()) {
        (Some(n), _) => (min..=max).contains(&n),
        // Beyond i64: within the bounds only where they have no upper end.
        (None, Some(_)) => max == i64::MAX,
        (None, None) => false,
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A name from outside, short enough to be told back.
pub(crate) fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}

// === schema ===

impl Shape {
    /// Its JSON Schema (2020-12, as OpenAPI 3.1 has it). Objects stand under `components`; `seen` collects them.
    pub(crate) fn schema(&self, seen: &mut Vec<&'static Object>) -> Value {
        match self {
            Self::Text(max) => json!({"type": "string", "maxLength": max}),
            Self::Flag => json!({"type": "boolean"}),
            Self::Integer(min, max) => {
                let mut schema = json!({"type": "integer", "minimum": min});
                if *max != i64::MAX {
                    schema["maximum"] = json!(max);
                }
                schema
            }
            Self::OneOf(words) => json!({"type": "string", "enum": words()}),
            Self::TimeGiven => json!({"oneOf": [
                {"type": "string", "format": "date-time"},
                {"type": "integer", "minimum": 0, "description": "Unix seconds"},
            ]}),
            Self::Country => json!({"type": "string", "pattern": "^[A-Za-z]{2}$"}),
            Self::Address => json!({"type": "string", "maxLength": 45}),
            Self::Time => json!({"type": "string", "format": "date-time"}),
            Self::Overwrite => json!({"oneOf": [
                {"type": "boolean"},
                {"type": "integer", "minimum": 1, "maximum": 7},
            ]}),
            Self::GatewaySettings => json!({"$ref": "#/components/schemas/GatewaySettings"}),
            Self::List(of, max) => json!({"type": "array", "maxItems": max, "items": of.schema(seen)}),
            Self::Object(object) => {
                if !seen.iter().any(|known| known.name == object.name) {
                    seen.push(object);
                }
                json!({"$ref": format!("#/components/schemas/{}", object.name)})
            }
            Self::Any => json!({}),
        }
    }
}

impl Object {
    /// Its JSON Schema in full.
    pub(crate) fn schema(&self, seen: &mut Vec<&'static Object>) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for property in self.properties.iter().filter(|p| p.presence != Presence::Alias) {
            let mut schema = property.shape.schema(seen);
            match property.presence {
                Presence::Required => required.push(property.name),
                _ => schema = json!({"anyOf": [schema, {"type": "null"}]}),
            }
            if !property.about.is_empty() {
                schema["description"] = property.about.into();
            }
            properties.insert(property.name.to_owned(), schema);
        }
        json!({
            "type": "object",
            "description": self.about,
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static INNER: Object = Object {
        name: "Inner",
        about: "",
        properties: &[required("name", Shape::Text(4), ""), optional("on", Shape::Flag, "")],
    };
    static OUTER: Object = Object {
        name: "Outer",
        about: "",
        properties: &[
            required("count", Shape::Integer(1, 9), "How many."),
            optional("inner", Shape::List(&Shape::Object(&INNER), 2), ""),
            optional("overwrite", Shape::Overwrite, ""),
            optional("at", Shape::TimeGiven, ""),
            alias("inners", Shape::List(&Shape::Object(&INNER), 2)),
        ],
    };

    fn paths(value: Value) -> Vec<String> {
        let mut problems = Vec::new();
        OUTER.check(&value, "", &mut problems);
        problems.into_iter().map(|p| p.path).collect()
    }

    #[test]
    fn what_fits_has_no_problem() {
        assert!(paths(json!({"count": 1, "inner": [{"name": "äöüß", "on": null}], "at": 5})).is_empty());
        assert!(paths(json!({"count": 9, "overwrite": 7, "inners": [], "at": null})).is_empty());
    }

    #[test]
    fn every_problem_is_told_at_once_with_its_path() {
        let wrong = json!({
            "more": 1, "count": 10, "overwrite": 0, "at": "soon",
            "inner": [{"name": "12345", "on": 1}, {"name": "a\0"}],
        });
        assert_eq!(
            paths(wrong),
            ["more", "count", "inner[0].name", "inner[0].on", "inner[1].name", "overwrite", "at"]
        );
        assert_eq!(paths(json!({"count": null, "inner": [1, {}]})), ["count", "inner[0]", "inner[1].name"]);
        assert_eq!(paths(json!({"count": 1.0, "inner": [{}, {}, {}]})), ["count", "inner"]);
        assert_eq!(paths(json!([])), [""]);
    }

    #[test]
    fn no_message_tells_a_value() {
        let mut problems = Vec::new();
        OUTER.check(
            &json!({"count": "493817", "inner": "493817", "overwrite": "493817", "at": "493817"}),
            "",
            &mut problems,
        );
        assert_eq!(problems.len(), 4);
        assert!(problems.iter().all(|p| !p.message.contains("493817")));
    }

    #[test]
    fn nulls_of_optional_properties_are_taken_out() {
        let mut value = json!({"count": 1, "at": null, "inner": [{"name": "a", "on": null}]});
        OUTER.drop_nulls(&mut value);
        assert_eq!(value, json!({"count": 1, "inner": [{"name": "a"}]}));
    }

    #[test]
    fn a_schema_names_its_parts() {
        let mut seen = Vec::new();
        let schema = OUTER.schema(&mut seen);
        assert_eq!(schema["required"], json!(["count"]));
        assert_eq!(schema["properties"]["count"]["description"], "How many.");
        assert!(schema["properties"].get("inners").is_none());
        assert_eq!(seen.iter().map(|o| o.name).collect::<Vec<_>>(), ["Inner"]);
    }
}
