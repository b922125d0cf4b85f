//! A plugin's settings as data: the one list behind the console's form, validation, the schema and secret storage.

use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;

type Text = Cow<'static, str>;

/// One setting of a plugin.
#[derive(Debug, Clone, Serialize)]
pub struct Field {
    /// Its name in settings files and the API.
    pub name: Text,
    /// Its label in the console.
    pub label: Text,
    /// What values it takes.
    #[serde(flatten)]
    pub kind: FieldKind,
    /// Its value where none is given; `null` where there is none.
    pub default: Value,
    /// Whether it must have a value (while it is shown).
    pub required: bool,
    /// What to enter, in a sentence.
    pub help: Text,
    /// A message shown beside it: what must be so before it is of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Text>,
    /// It only applies while this holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown_when: Option<Condition>,
}

/// What values a field takes.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FieldKind {
    /// A line of text.
    Text {
        /// Most characters it may have.
        max: usize,
    },
    /// Text of several lines, such as a certificate.
    LongText {
        /// Most characters it may have.
        max: usize,
    },
    /// A text that is written and never read back.
    Secret {
        /// Most characters it may have.
        max: usize,
    },
    /// A whole number.
    Number {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// Yes or no.
    Flag,
    /// One of a list.
    Choice {
        /// The list.
        choices: Vec<Choice>,
        /// Where set, a value that is not in the list is taken as it is, up to this many characters ("Other").
        #[serde(skip_serializing_if = "Option::is_none")]
        other: Option<usize>,
    },
    /// A list of `{name, value, is_password}`, in order.
    Pairs {
        /// Most entries.
        max: usize,
    },
}

/// One entry of a choice.
#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    /// The value in settings.
    pub value: Text,
    /// The label in the console, also understood as a value.
    pub label: Text,
}

/// When a field applies: while another one has one of these values.
#[derive(Debug, Clone, Serialize)]
pub struct Condition {
    /// The other field's name.
    pub field: Text,
    /// Its values, as in settings (`true` for a flag).
    pub is: Vec<Value>,
}

/// One thing that is wrong with settings, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The field's path: `host`, `parameters[2].name`; empty for the whole.
    pub path: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// A plugin's settings after validation: every field that applies is there, with its default where it was left out.
/// Secrets are in clear; `Debug` shows none of the values.
#[derive(Clone, PartialEq, Default)]
pub struct Settings(Map<String, Value>);

/// One entry of a [`FieldKind::Pairs`] field.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// The name.
    pub name: String,
    /// The value, in clear.
    pub value: String,
    /// Whether the value is hidden everywhere.
    pub is_password: bool,
}

// === impl Field ===

impl Field {
    /// A field with no default that may be left out.
    pub fn new(name: &'static str, label: &'static str, kind: FieldKind, help: &'static str) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            kind,
            default: Value::Null,
            required: false,
            help: help.into(),
            message: None,
            shown_when: None,
        }
    }

    /// The same with a default.
    #[must_use]
    pub fn with_default(mut self, default: impl Into<Value>) -> Self {
        self.default = default.into();
        self
    }

    /// The same, and it must have a value.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same, but it applies only while another field has this value.
    #[must_use]
    pub fn shown_when(mut self, field: &'static str, is: impl Into<Value>) -> Self {
        self.shown_when = Some(Condition { field: field.into(), is: vec![is.into()] });
        self
    }

    /// Whether the whole value is a secret. (A [`FieldKind::Pairs`] field may hold secrets in single entries.)
    pub fn is_secret(&self) -> bool {
        matches!(self.kind, FieldKind::Secret { .. })
    }
}

impl FieldKind {
    /// A closed list of `(value, label)`.
    pub fn choice(choices: &[(&'static str, &'static str)]) -> Self {
        let choices =
            choices.iter().map(|(value, label)| Choice { value: (*value).into(), label: (*label).into() });
        Self::Choice { choices: choices.collect(), other: None }
    }

    /// An open list: any other text up to `other` characters is taken too.
    pub fn choice_or_other(choices: &[(&'static str, &'static str)], other: usize) -> Self {
        match Self::choice(choices) {
            Self::Choice { choices, .. } => Self::Choice { choices, other: Some(other) },
            kind => kind,
        }
    }
}

impl Problem {
    /// A problem at a path.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }

    /// The same problem, seen from outside: `prefix` before its path.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        self.path = match (prefix.is_empty(), self.path.is_empty()) {
            (true, _) => self.path,
            (false, true) => prefix.to_owned(),
            (false, false) => format!("{prefix}.{}", self.path),
        };
        self
    }
}

// === impl Settings ===

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Settings {
    /// The text or choice of this name; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The number of this name.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    /// The flag of this name; false where there is none.
    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// The pairs of this name, in order.
    pub fn pairs(&self, name: &str) -> Vec<Pair> {
        let entries = self.0.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let text = |entry: &Value, key| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let pair = |entry: &Value| Pair {
            name: text(entry, "name"),
            value: text(entry, "value"),
            is_password: entry.get("is_password").and_then(Value::as_bool).unwrap_or_default(),
        };
        entries.iter().map(pair).collect()
    }

    /// The value of this name while its field applies, whatever it is.
    pub(crate) fn applying(&self, fields: &[Field], name: &str) -> Option<&Value> {
        let field = fields.iter().find(|field| field.name == name)?;
        if applies(field, &self.0) { self.0.get(name) } else { None }
    }

    /// Whether no field is wrong (and so left out), and none that is required is missing.
    pub(crate) fn is_complete(&self, fields: &[Field]) -> bool {
        fields.iter().all(|field| match self.0.get(&*field.name) {
            None => false,
            Some(value) => !(field.required && applies(field, &self.0) && is_blank(value)),
        })
    }

    /// The same settings with what `with` makes of each secret that has a value. It is told the secret, what it is called, and how long it may be.
    pub(crate) fn map_secrets(
        &self,
        fields: &[Field],
        mut with: impl FnMut(&str, &str, usize) -> String,
    ) -> Self {
        let mut settings = self.0.clone();
        let mut put = |value: &mut Value, name: &str, max: usize| {
            if let Some(secret) = value.as_str().filter(|secret| !secret.trim().is_empty()) {
                *value = Value::String(with(secret, name, max));
            }
        };
        for field in fields {
            match (&field.kind, settings.get_mut(&*field.name)) {
                (FieldKind::Secret { max }, Some(value)) => put(value, &field.label, *max),
                (FieldKind::Pairs { .. }, Some(Value::Array(entries))) => {
                    for entry in entries.iter_mut().filter(|entry| entry["is_password"] == true) {
                        let name = entry["name"].as_str().unwrap_or_default().to_owned();
                        put(&mut entry["value"], &name, usize::MAX);
                    }
                }
                _ => {}
            }
        }
        Self(settings)
    }

    /// Every secret that has a value, in clear.
    pub(crate) fn secrets(&self, fields: &[Field]) -> Vec<String> {
        let mut found = Vec::new();
        self.map_secrets(fields, |secret, _, _| {
            found.push(secret.trim().to_owned());
            String::new()
        });
        found
    }

    /// All of it as JSON, secrets in clear: for sealed storage and nothing else.
    pub fn to_json(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

// === validation ===

/// Checks settings against a plugin's fields. Gives them back complete and in one form, or every problem at once.
pub fn validate(fields: &[Field], settings: &Value) -> Result<Settings, Vec<Problem>> {
    match examine(fields, settings) {
        (settings, problems) if problems.is_empty() => Ok(settings),
        (_, problems) => Err(problems),
    }
}

/// Checks settings against a plugin's fields. Gives back what is right of them, without the fields that are wrong, and every
/// problem.
pub(crate) fn examine(fields: &[Field], settings: &Value) -> (Settings, Vec<Problem>) {
    let mut problems = Vec::new();
    let empty = Map::new();
    let given = match settings {
        Value::Object(given) => given,
        Value::Null => &empty,
        _ => {
            problems.push(Problem::new("", "settings are an object of field names and values"));
            return (Settings::default(), problems);
        }
    };
    for name in given.keys().filter(|name| !fields.iter().any(|f| f.name == **name)) {
        let known: Vec<&str> = fields.iter().map(|f| &*f.name).collect();
        let name: String = name.chars().take(64).collect();
        let message = format!("there is no such setting; the settings are {}", known.join(", "));
        problems.push(Problem::new(name, message));
    }
    let mut valid = Map::new();
    for field in fields {
        let value = match given.get(&*field.name) {
            None | Some(Value::Null) => field.default.clone(),
            // A blank in a form means "left out", for everything that is not text.
            Some(Value::String(text)) if text.is_empty() && !field.kind.takes_blank() => {
                field.default.clone()
            }
            Some(value) => match field.kind.accept(value) {
                Ok(value) => value,
                Err(found) => {
                    problems.extend(found.into_iter().map(|p| join(&field.name, p)));
                    continue;
                }
            },
        };
        valid.insert(field.name.to_string(), value);
    }
    for field in fields.iter().filter(|f| f.required && applies(f, &valid)) {
        let is_missing = match valid.get(&*field.name) {
            None => false, // it was given and wrong: said above
            Some(value) => is_blank(value),
        };
        if is_missing {
            problems.push(Problem::new(&*field.name, format!("enter {}", field.label)));
        }
    }
    (Settings(valid), problems)
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

fn join(field: &str, problem: Problem) -> Problem {
    Problem { path: format!("{field}{}", problem.path), message: problem.message }
}

/// Whether a field applies to these values.
fn applies(field: &Field, values: &Map<String, Value>) -> bool {
    field.shown_when.as_ref().is_none_or(|c| values.get(&*c.field).is_some_and(|v| c.is.contains(v)))
}

impl FieldKind {
    fn takes_blank(&self) -> bool {
        matches!(self, Self::Text { .. } | Self::LongText { .. } | Self::Secret { .. })
    }

    /// The value in its one form, or what is wrong with it (paths relative to the field).
    fn accept(&self, value: &Value) -> Result<Value, Vec<Problem>> {
        let wrong = |message: String| Err(vec![Problem::new("", message)]);
        match self {
            Self::Text { max } | Self::LongText { max } | Self::Secret { max } => {
                let text = match value {
                    Value::String(text) => text.clone(),
                    Value::Number(number) => number.to_string(),
                    _ => return wrong("enter a text".into()),
                };
                if text.chars().count() > *max {
                    return wrong(format!("use at most {max} characters"));
                }
                let is_line = !matches!(self, Self::LongText { .. });
                if text.chars().any(|c| c.is_control() && (is_line || !matches!(c, '\n' | '\r' | '\t'))) {
                    return wrong("remove control characters (such as line breaks)".into());
                }
                Ok(Value::String(text))
            }
            Self::Number { min, max } => {
                let number = match value {
                    Value::String(text) => text.trim().parse().ok(),
                    value => value.as_i64(),
                };
                match number {
                    Some(n) if (*min..=*max).contains(&n) => Ok(n.into()),
                    _ => wrong(format!("enter a whole number from {min} to {max}")),
                }
            }
            Self::Flag => match value {
                Value::Bool(_) => Ok(value.clone()),
                Value::String(text) if is_yes(text) => Ok(true.into()),
                Value::String(text) if is_no(text) => Ok(false.into()),
                _ => wrong("enter true or false".into()),
            },
            Self::Choice { choices, other } => accept_choice(choices, *other, value),
            Self::Pairs { max } => accept_pairs(*max, value),
        }
    }
}

fn is_yes(text: &str) -> bool {
    ["true", "yes"].iter().any(|yes| text.eq_ignore_ascii_case(yes))
}

fn is_no(text: &str) -> bool {
    ["false", "no"].iter().any(|no| text.eq_ignore_ascii_case(no))
}

fn accept_choice(choices: &[Choice], other: Option<usize>, value: &Value) -> Result<Value, Vec<Problem>> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        _ => String::new(),
    };
    let found =
        choices.iter().find(|c| c.value.eq_ignore_ascii_case(&text) || c.label.eq_ignore_ascii_case(&text));
    if let Some(choice) = found {
        return Ok(Value::String(choice.value.to_string()));
    }
    let is_plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    match other {
        Some(max) if is_plain && text.len() <= max => Ok(Value::String(text)),
        _ => {
            let values: Vec<&str> = choices.iter().map(|c| &*c.value).collect();
            let or = other.map(|max| format!(", or another of at most {max} characters")).unwrap_or_default();
            Err(vec![Problem::new("", format!("choose one of: {}{or}", values.join(", ")))])
        }
    }
}

fn accept_pairs(max: usize, value: &Value) -> Result<Value, Vec<Problem>> {
    let Value::Array(entries) = value else {
        return Err(vec![Problem::new("", "enter a list of {name, value, is_password}")]);
    };
    if entries.len() > max {
        return Err(vec![Problem::new("", format!("use at most {max} entries"))]);
    }
    let mut problems = Vec::new();
    let mut accepted = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let mut one = Map::new();
        let mut check = |key: &str, kind: FieldKind, default: Value| {
            let given = entry.get(key).filter(|v| !v.is_null()).unwrap_or(&default);
            match kind.accept(given) {
                Ok(value) => drop(one.insert(key.to_owned(), value)),
                Err(found) => {
                    problems.extend(
                        found.into_iter().map(|p| Problem::new(format!("[{index}].{key}"), p.message)),
                    );
                }
            }
        };
        check("name", FieldKind::Text { max: 128 }, Value::String(String::new()));
        check("value", FieldKind::LongText { max: 4096 }, Value::String(String::new()));
        check("is_password", FieldKind::Flag, Value::Bool(false));
        if one.get("name").and_then(Value::as_str).is_some_and(str::is_empty) {
            problems.push(Problem::new(format!("[{index}].name"), "enter the parameter's name"));
        }
        let known = ["name", "value", "is_password"];
        for key in
            entry.as_object().into_iter().flatten().map(|(k, _)| k).filter(|k| !known.contains(&k.as_str()))
        {
            let key: String = key.chars().take(64).collect();
            problems.push(Problem::new(
                format!("[{index}].{key}"),
                "an entry has only name, value and is_password",
            ));
        }
        accepted.push(Value::Object(one));
    }
    if problems.is_empty() { Ok(Value::Array(accepted)) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields() -> Vec<Field> {
        vec![
            Field::new("host", "Host", FieldKind::Text { max: 8 }, "The server.").required(),
            Field::new("port", "Port", FieldKind::Number { min: 1, max: 65535 }, "").with_default(2775),
            Field::new("password", "Password", FieldKind::Secret { max: 9 }, ""),
            Field::new("use_proxy", "Use Proxy", FieldKind::Flag, "").with_default(false),
            Field::new("proxy_url", "Proxy URL", FieldKind::Text { max: 99 }, "")
                .required()
                .shown_when("use_proxy", true),
            Field::new(
                "ton",
                "TON",
                FieldKind::choice(&[("unknown", "Unknown"), ("national", "National")]),
                "",
            )
            .with_default("unknown"),
            Field::new(
                "service",
                "Service",
                FieldKind::choice_or_other(&[("CMT", "Cellular Messaging")], 5),
                "",
            ),
            Field::new("parameters", "Parameters", FieldKind::Pairs { max: 2 }, "").with_default(json!([])),
        ]
    }

    fn paths(settings: Value) -> Vec<String> {
        validate(&fields(), &settings).unwrap_err().into_iter().map(|p| p.path).collect()
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let settings = validate(&fields(), &json!({"host": "h", "port": ""})).unwrap();
        assert_eq!((settings.text("host"), settings.number("port")), ("h", Some(2775)));
        assert_eq!((settings.text("ton"), settings.text("password")), ("unknown", ""));
        assert!(!settings.flag("use_proxy") && settings.pairs("parameters").is_empty());
    }

    #[test]
    fn every_problem_is_told_at_once_with_its_path() {
        let wrong = json!({
            "host": "much too long", "port": 0, "ton": "x", "nonsense": 1, "use_proxy": "yes",
            "parameters": [{"name": "a"}, {"name": "", "value": 1, "extra": true}],
        });
        assert_eq!(
            paths(wrong),
            ["nonsense", "host", "port", "ton", "parameters[1].name", "parameters[1].extra", "proxy_url"]
        );
        assert_eq!(paths(json!([])), [""]);
    }

    #[test]
    fn a_required_field_is_required_only_while_it_applies() {
        assert!(validate(&fields(), &json!({"host": "h"})).is_ok());
        assert_eq!(paths(json!({"host": " ", "use_proxy": true})), ["host", "proxy_url"]);
    }

    #[test]
    fn a_choice_is_known_by_value_or_label_in_any_case() {
        let settings =
            validate(&fields(), &json!({"host": "h", "ton": "NATIONAL", "service": "cellular messaging"}))
                .unwrap();
        assert_eq!((settings.text("ton"), settings.text("service")), ("national", "CMT"));
        assert_eq!(
            validate(&fields(), &json!({"host": "h", "service": "XYZ"})).unwrap().text("service"),
            "XYZ"
        );
        assert_eq!(paths(json!({"host": "h", "service": "TOOLONG"})), ["service"]);
    }

    #[test]
    fn debug_shows_no_value() {
        let settings = validate(&fields(), &json!({"host": "h", "password": "hunter2"})).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
