//! A plugin's field list as controls, in its order, with what is in them and what is wrong with them.

use super::draft::{Gateway, OTHER, Row};
use crate::field::{Choice, Control, Field};
use crate::form::Problems;
use crate::text::Text;
use serde_json::Value;
use textgate_gateway::{FieldKind, Plugin};

/// Settings that only few need: they stand behind a button.
const RARE: &[&str] = &[
    "sender_parameter",
    "ca_certificate",
    "timeout_s",
    "connections",
    "api_address",
    "sender_ton",
    "sender_npi",
    "unencodable",
    "long_messages",
    "validity_period",
    "bind",
    "binds",
    "window",
    "throughput",
    "receipt_id_base",
    "enquire_link_s",
    "response_timeout_s",
    "connect_timeout_s",
];

/// Fields that apply together: always, or while another one has one of some values.
pub(super) struct Block {
    pub(super) condition: Option<Condition>,
    pub(super) fields: Vec<FieldView>,
}

/// When a block applies.
#[derive(PartialEq, Eq)]
pub(super) struct Condition {
    /// The other control's name.
    pub(super) control: String,
    /// Its values, with `|` between.
    pub(super) values: String,
    /// The same in words: `Use Proxy: Yes`.
    pub(super) words: String,
}

/// One field with what a plain control lacks.
pub(super) struct FieldView {
    pub(super) field: Field,
    pub(super) more: More,
}

/// What a plain control lacks.
pub(super) enum More {
    Nothing,
    /// The value for Other.
    Other(Field),
    /// A secret: whether it was typed and is kept, and the box that removes the one that is saved.
    Secret {
        is_kept: bool,
        clear: Option<Field>,
    },
    /// Rows of Add Parameter.
    Rows {
        label: String,
        rows: Vec<RowView>,
    },
}

/// One row of Add Parameter.
pub(super) struct RowView {
    pub(super) index: usize,
    pub(super) name: Field,
    pub(super) value: Field,
    pub(super) is_password: Field,
    pub(super) is_kept: bool,
}

/// What the fields of one gateway are made from.
pub(super) struct Maker<'a> {
    pub(super) text: Text,
    pub(super) plugin: &'a dyn Plugin,
    pub(super) gateway: &'a Gateway,
    pub(super) problems: &'a Problems,
    /// The beginning of the controls' names: `gateways[0]`.
    pub(super) at: &'a str,
    /// Secrets that are saved: `password`, `parameters[token]`.
    pub(super) secrets_set: &'a [String],
}

impl Maker<'_> {
    /// The fields that most need, and those that few do.
    pub(super) fn blocks(&self) -> (Vec<Block>, Vec<Block>) {
        let (mut usual, mut rare) = (Vec::new(), Vec::new());
        for field in self.plugin.fields() {
            let blocks: &mut Vec<Block> = if RARE.contains(&&*field.name) { &mut rare } else { &mut usual };
            let condition = self.condition(field);
            let view = self.field(field);
            match blocks.last_mut().filter(|block| block.condition == condition) {
                Some(block) => block.fields.push(view),
                None => blocks.push(Block { condition, fields: vec![view] }),
            }
        }
        (usual, rare)
    }

    fn condition(&self, field: &textgate_gateway::Field) -> Option<Condition> {
        let condition = field.shown_when.as_ref()?;
        let other = self.plugin.fields().iter().find(|other| other.name == condition.field)?;
        let values: Vec<String> = condition.is.iter().map(plain).collect();
        let word = |value: &String| match &other.kind {
            FieldKind::Flag => self.flag_word(other, value),
            FieldKind::Choice { choices, .. } => {
                let choice = choices.iter().find(|choice| choice.value == *value);
                choice.map_or_else(|| value.clone(), |choice| self.text.plugin(&choice.label))
            }
            _ => value.clone(),
        };
        let words: Vec<String> = values.iter().map(word).collect();
        Some(Condition {
            control: format!("{}.settings.{}", self.at, condition.field),
            values: values.join("|"),
            words: format!("{}: {}", self.text.plugin(&other.label), words.join(", ")),
        })
    }

    fn flag_word(&self, field: &textgate_gateway::Field, value: &str) -> String {
        // The page's own words for this one.
        match &*field.name {
            "plus_for_spaces" => self.text.word("flag", value).into(),
            _ => self.text.word("yes_no", value).into(),
        }
    }

    fn field(&self, field: &textgate_gateway::Field) -> FieldView {
        let (name, control) = (&*field.name, format!("{}.settings.{}", self.at, field.name));
        let value = self.gateway.values.get(name).cloned().unwrap_or_else(|| plain(&field.default));
        let made = |kind: Control| {
            let mut made = Field::new(kind, control.clone(), self.text.plugin(&field.label));
            made.help = Some(self.text.plugin(&field.help)).filter(|help| !help.is_empty());
            made.message = field.message.as_ref().map(|message| self.text.plugin(message));
            made.is_help_foreign = self.text.is_foreign(&field.help);
            made.is_message_foreign =
                field.message.as_ref().is_some_and(|message| self.text.is_foreign(message));
            made.is_required = field.required;
            made.mark = field.required.then(|| self.text.get("sms_settings.required").into());
            made.errors = self.problems.of(&control).map(|problem| self.text.problem(problem)).collect();
            made
        };
        let none = More::Nothing;
        let (field, more) = match &field.kind {
            FieldKind::Text { .. } => (made(Control::Text).value(value), none),
            FieldKind::Number { .. } => {
                (Field { inputmode: "numeric", ..made(Control::Number).value(value) }.class("short"), none)
            }
            FieldKind::LongText { .. } => (made(Control::Area).value(value).class("full"), none),
            FieldKind::Flag => {
                let choices = ["true", "false"].map(|word| Choice::new(word, self.flag_word(field, word)));
                (made(Control::Radios(choices.into())).value(value).class("inline"), none)
            }
            FieldKind::Choice { choices, other } => self.choice(&control, choices, *other, value, made),
            FieldKind::Secret { .. } => self.secret(name, &control, made(Control::Password)),
            FieldKind::Pairs { .. } => {
                let rows = self.gateway.rows.get(name).map(Vec::as_slice).unwrap_or_default();
                let rows = rows.iter().enumerate().map(|(index, row)| self.row(name, &control, index, row));
                let more = More::Rows { label: self.text.plugin(&field.label), rows: rows.collect() };
                (made(Control::Text).class("full"), more)
            }
        };
        FieldView { field, more }
    }

    fn choice(
        &self,
        control: &str,
        choices: &[textgate_gateway::Choice],
        other: Option<usize>,
        value: String,
        made: impl Fn(Control) -> Field,
    ) -> (Field, More) {
        let mut shown: Vec<Choice> = choices
            .iter()
            .map(|choice| Choice::new(&*choice.value, self.text.plugin(&choice.label)))
            .collect();
        let Some(most) = other else { return (made(Control::Select(shown)).value(value), More::Nothing) };
        shown.push(Choice::new(OTHER, self.text.get("sms_settings.other")));
        let is_listed = value == OTHER || choices.iter().any(|choice| choice.value == value);
        let name = control.rsplit('.').next().unwrap_or_default();
        let typed = self.gateway.others.get(name).filter(|_| is_listed).cloned();
        let own = typed.unwrap_or_else(|| if is_listed { String::new() } else { value.clone() });
        let other = Field::text(format!("{control}~other"), self.text.get("sms_settings.other_value"))
            .help(self.text.get("sms_settings.other_help").with("max", most))
            .value(own)
            .class("short");
        let value = if is_listed { value } else { OTHER.to_owned() };
        (made(Control::Select(shown)).value(value), More::Other(other))
    }

    fn secret(&self, name: &str, control: &str, mut field: Field) -> (Field, More) {
        let is_set = self.secrets_set.iter().any(|set| set == name);
        let is_kept = self.gateway.typed.contains_key(name);
        let is_cleared = self.gateway.cleared.contains(name);
        // Never what browsers have in store for the person who signs in here.
        field.autocomplete = "new-password";
        field.mark = match field.mark.filter(|_| !is_set && !is_kept) {
            Some(required) => Some(required),
            None => Some(self.state(is_set, is_kept)),
        };
        let clear = (is_set && !field.is_required).then(|| {
            Field::check(format!("{control}~clear"), self.text.get("sms_settings.clear"))
                .value(if is_cleared { "on" } else { "" })
        });
        (field, More::Secret { is_kept, clear })
    }

    fn state(&self, is_set: bool, is_kept: bool) -> String {
        let word = match (is_kept, is_set) {
            (true, _) => "kept",
            (_, true) => "set",
            _ => "not_set",
        };
        self.text.word("secret_state", word).into()
    }

    fn row(&self, field: &str, control: &str, index: usize, row: &Row) -> RowView {
        let at = format!("{control}[{index}]");
        let errors = |control: &str| -> Vec<String> {
            self.problems.of(control).map(|problem| self.text.problem(problem)).collect()
        };
        let mut name = Field::text(format!("{at}.name"), self.text.get("sms_settings.parameter_name"));
        name = name.value(row.name.clone());
        name.errors = errors(&name.name);
        let label = self.text.get("sms_settings.parameter_value");
        let is_kept = row.is_password && !row.value.is_empty();
        let mut value = if row.is_password {
            let is_set = self.secrets_set.contains(&format!("{field}[{}]", row.name));
            let mut value = Field::password(format!("{at}.value"), label).mark(self.state(is_set, is_kept));
            value.autocomplete = "new-password";
            value
        } else {
            Field::text(format!("{at}.value"), label).value(row.value.clone())
        };
        value.errors = errors(&value.name);
        let is_password =
            Field::check(format!("{at}.is_password"), self.text.get("sms_settings.is_password"))
                .value(if row.is_password { "on" } else { "" });
        RowView { index, name, value, is_password, is_kept }
    }
}

impl Block {
    /// Whether something is wrong in it.
    pub(super) fn has_errors(&self) -> bool {
        self.fields.iter().any(FieldView::has_errors)
    }
}

impl FieldView {
    fn has_errors(&self) -> bool {
        let of_rows = match &self.more {
            More::Rows { rows, .. } => {
                rows.iter().any(|row| !row.name.errors.is_empty() || !row.value.errors.is_empty())
            }
            _ => false,
        };
        of_rows || !self.field.errors.is_empty()
    }

    /// Every control of it, for the summary of problems.
    pub(super) fn controls(&self) -> Vec<&Field> {
        let mut all = vec![&self.field];
        if let More::Rows { rows, .. } = &self.more {
            all.extend(rows.iter().flat_map(|row| [&row.name, &row.value]));
        }
        all
    }
}

/// A value as a control has it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
        other => other.to_string(),
    }
}
