//! The form as a person left it: read from what is saved or from what was sent, changed by the form's buttons, and made into what
//! dispatch takes. Nothing that was typed gets lost on the way, and the controls are named by the paths of dispatch's problems.

use super::kept::Secrets;
use crate::form::Form;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use textgate_dispatch::{GatewayInput, GatewayOrder, Mode, OnUncertain, SettingsInput, SettingsView};
use textgate_gateway::{FieldKind, Plugin, Plugins};

/// Most gateways and rows that a form is read for; dispatch has its own bounds, and its own words about them.
const MOST_GATEWAYS: usize = 16;
const MOST_ROWS: usize = 100;
/// What a choice with a value of its own is sent as.
pub(super) const OTHER: &str = "other";

/// SMS settings as they stand in the form.
#[derive(Default, Clone)]
pub(super) struct Draft {
    pub(super) mode: String,
    pub(super) test_number: String,
    pub(super) failover_after_ms: String,
    pub(super) on_uncertain: String,
    pub(super) gateway_order: String,
    pub(super) preview_text: String,
    pub(super) gateways: Vec<Gateway>,
}

/// One gateway as it stands in the form.
#[derive(Default, Clone)]
pub(super) struct Gateway {
    pub(super) name: String,
    pub(super) plugin: String,
    /// Values by the fields' names, as they were typed.
    pub(super) values: BTreeMap<String, String>,
    /// What was typed for Other.
    pub(super) others: BTreeMap<String, String>,
    /// Rows of Add Parameter.
    pub(super) rows: BTreeMap<String, Vec<Row>>,
    /// Secrets that were typed.
    pub(super) typed: BTreeMap<String, String>,
    /// Secrets that are to be removed.
    pub(super) cleared: BTreeSet<String>,
}

/// One row of Add Parameter. A password's value is here only where it was typed.
#[derive(Default, Clone)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) is_password: bool,
}

/// The beginning of the names of a gateway's controls.
pub(super) fn prefix(position: usize) -> String {
    format!("gateways[{position}]")
}

impl Draft {
    /// What is saved.
    pub(super) fn of(view: &SettingsView) -> Self {
        let gateway = |gateway: &textgate_dispatch::GatewayView| {
            let mut draft =
                Gateway { name: gateway.name.clone(), plugin: gateway.plugin.clone(), ..Gateway::default() };
            for (name, value) in gateway.settings.as_object().into_iter().flatten() {
                match value {
                    Value::String(text) => drop(draft.values.insert(name.clone(), text.clone())),
                    Value::Array(entries) => {
                        drop(draft.rows.insert(name.clone(), entries.iter().map(Row::of).collect()));
                    }
                    Value::Number(number) => drop(draft.values.insert(name.clone(), number.to_string())),
                    Value::Bool(flag) => drop(draft.values.insert(name.clone(), flag.to_string())),
                    Value::Null | Value::Object(_) => {}
                }
            }
            draft
        };
        let mut gateways: Vec<Gateway> = view.gateways.iter().map(gateway).collect();
        // A newcomer's first gateway is there to be filled in.
        let is_new = gateways.is_empty();
        if is_new {
            gateways.push(Gateway::default());
        }
        let is_custom = view.mode == Mode::Custom || (is_new && view.default_unavailable.is_some());
        Self {
            mode: if is_custom { "custom" } else { "default" }.to_owned(),
            test_number: view.test_number.clone().unwrap_or_default(),
            failover_after_ms: view.failover_after_ms.to_string(),
            on_uncertain: match view.on_uncertain {
                OnUncertain::Failover => "failover",
                OnUncertain::Sent => "sent",
            }
            .to_owned(),
            gateway_order: match view.gateway_order {
                GatewayOrder::Fixed => "fixed",
                GatewayOrder::Adaptive => "adaptive",
            }
            .to_owned(),
            preview_text: String::new(),
            gateways,
        }
    }

    /// What was sent. Secrets that were typed before are taken from `secrets`; answers also the names of those that should be
    /// there and are not any more.
    pub(super) fn read(plugins: &Plugins, form: &Form, secrets: &Secrets) -> (Self, Vec<String>) {
        let mut lost = Vec::new();
        let text = |name: &str| form.trimmed(name).to_owned();
        let mut draft = Self {
            mode: text("mode"),
            test_number: text("test_number"),
            failover_after_ms: text("failover_after_ms"),
            on_uncertain: text("on_uncertain"),
            gateway_order: text("gateway_order"),
            preview_text: form.get("preview_text").to_owned(),
            gateways: Vec::new(),
        };
        for position in 0..MOST_GATEWAYS {
            let at = prefix(position);
            if !form.has(&format!("{at}.plugin")) {
                break;
            }
            let was = plugins.get(form.get(&format!("{at}.was")));
            let mut gateway = Gateway {
                name: text(&format!("{at}.name")),
                plugin: text(&format!("{at}.plugin")),
                ..Gateway::default()
            };
            if let Some(was) = was {
                gateway.read(&**was, form, secrets, &at, &mut lost);
                if was.name() != gateway.plugin {
                    gateway.turn_into_another();
                    lost.retain(|name| !name.starts_with(&at));
                }
            }
            draft.gateways.push(gateway);
        }
        (draft, lost)
    }

    /// Chooses a plugin for the gateway that is still to be filled in, or for one more. Answers its position; `None` where there is no room.
    pub(super) fn choose(&mut self, plugin: &str) -> Option<usize> {
        let blank = self.gateways.iter().position(|gateway| gateway.plugin.is_empty());
        let position = blank.unwrap_or(self.gateways.len());
        if position >= super::page::MOST_GATEWAYS {
            return None;
        }
        if blank.is_none() {
            self.gateways.push(Gateway::default());
        }
        self.gateways.get_mut(position)?.plugin = plugin.to_owned();
        "custom".clone_into(&mut self.mode);
        Some(position)
    }

    /// The secrets that were typed, by the names of their controls.
    pub(super) fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        for (position, gateway) in self.gateways.iter().enumerate() {
            let at = prefix(position);
            for (name, secret) in &gateway.typed {
                secrets.put(format!("{at}.settings.{name}"), secret.clone());
            }
            for (name, rows) in &gateway.rows {
                for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.is_password) {
                    secrets.put(format!("{at}.settings.{name}[{index}].value"), row.value.clone());
                }
            }
        }
        secrets
    }

    /// Leaves out gateways that nobody has begun to fill in, where they are not what is asked for.
    pub(super) fn drop_blank(&mut self) {
        let is_custom = self.mode == "custom";
        self.gateways.retain(|gateway| is_custom || !gateway.plugin.is_empty() || !gateway.name.is_empty());
    }

    /// What dispatch takes.
    pub(super) fn input(&self, plugins: &Plugins) -> SettingsInput {
        let is_custom = self.mode == "custom";
        SettingsInput {
            mode: if is_custom { Mode::Custom } else { Mode::Default },
            test_number: Some(self.test_number.clone()).filter(|number| !number.is_empty()),
            // What is no number is out of every bound.
            failover_after_ms: match self.failover_after_ms.as_str() {
                "" => None,
                number => Some(number.parse().unwrap_or(0)),
            },
            on_uncertain: if self.on_uncertain == "sent" { OnUncertain::Sent } else { OnUncertain::Failover },
            gateway_order: match self.gateway_order.as_str() {
                "adaptive" => GatewayOrder::Adaptive,
                _ => GatewayOrder::Fixed,
            },
            gateways: self.gateways.iter().map(|gateway| gateway.input(plugins)).collect(),
        }
    }
}

impl Gateway {
    /// What was sent for a gateway of this plugin.
    fn read(
        &mut self,
        plugin: &dyn Plugin,
        form: &Form,
        secrets: &Secrets,
        at: &str,
        lost: &mut Vec<String>,
    ) {
        for field in plugin.fields() {
            let (name, control) = (field.name.to_string(), format!("{at}.settings.{}", field.name));
            match &field.kind {
                FieldKind::Secret { .. } => {
                    if form.has(&format!("{control}~clear")) {
                        self.cleared.insert(name);
                    } else if let Some(secret) = typed(form, secrets, &control, lost) {
                        self.typed.insert(name, secret);
                    }
                }
                FieldKind::Pairs { .. } => {
                    drop(self.rows.insert(name, read_rows(form, secrets, &control, lost)));
                }
                FieldKind::Choice { .. } | FieldKind::Flag => {
                    if form.has(&control) {
                        self.values.insert(name.clone(), form.trimmed(&control).to_owned());
                        self.others.insert(name, form.trimmed(&format!("{control}~other")).to_owned());
                    }
                }
                FieldKind::Text { .. } | FieldKind::LongText { .. } | FieldKind::Number { .. } => {
                    if form.has(&control) {
                        self.values.insert(name, form.get(&control).to_owned());
                    }
                }
            }
        }
    }

    /// Another plugin was chosen: what both have stays, but no secret goes from one provider to another. The proxy's is nobody else's.
    fn turn_into_another(&mut self) {
        self.typed.retain(|name, _| name == "proxy_password");
        self.cleared.clear();
        for row in self.rows.values_mut().flatten().filter(|row| row.is_password) {
            row.value.clear();
        }
    }

    /// What dispatch takes.
    pub(super) fn input(&self, plugins: &Plugins) -> GatewayInput {
        let mut settings = Map::new();
        for field in plugins.get(&self.plugin).map(|plugin| plugin.fields()).unwrap_or_default() {
            let name = &*field.name;
            let value = match &field.kind {
                FieldKind::Secret { .. } if self.cleared.contains(name) => Some(Value::Null),
                // A new gateway has nothing to keep, also where one of the name that it will get was removed with this form.
                FieldKind::Secret { .. } => match self.typed.get(name) {
                    Some(secret) => Some(secret.clone().into()),
                    None => self.name.is_empty().then_some(Value::Null),
                },
                FieldKind::Pairs { .. } => {
                    self.rows.get(name).map(|rows| rows.iter().map(|row| self.row(row)).collect())
                }
                FieldKind::Choice { other: Some(_), .. } => {
                    let other = self.others.get(name).filter(|other| !other.is_empty());
                    let value = self.values.get(name);
                    let is_other = value.is_some_and(|value| value == OTHER);
                    other.filter(|_| is_other).or(value).map(|value| value.clone().into())
                }
                _ => self.values.get(name).map(|value| value.clone().into()),
            };
            if let Some(value) = value {
                settings.insert(name.to_owned(), value);
            }
        }
        let name = Some(self.name.clone()).filter(|name| !name.is_empty());
        GatewayInput { name, plugin: self.plugin.clone(), settings: Value::Object(settings) }
    }

    fn row(&self, row: &Row) -> Value {
        let is_none = row.is_password && row.value.is_empty() && self.name.is_empty();
        let value = if is_none { Value::Null } else { row.value.clone().into() };
        json!({"name": row.name.trim(), "value": value, "is_password": row.is_password})
    }
}

impl Row {
    fn of(entry: &Value) -> Self {
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        Self { name: text("name"), value: text("value"), is_password: entry["is_password"] == true }
    }
}

/// A secret as it was typed now or before.
fn typed(form: &Form, secrets: &Secrets, control: &str, lost: &mut Vec<String>) -> Option<String> {
    let now = form.get(control);
    if !now.is_empty() {
        return Some(now.to_owned());
    }
    if !form.has(&format!("{control}~kept")) {
        return None;
    }
    let before = secrets.get(control);
    if before.is_none() {
        lost.push(control.to_owned());
    }
    before.map(str::to_owned)
}

/// The rows of a form; those that are blank are none.
fn read_rows(form: &Form, secrets: &Secrets, control: &str, lost: &mut Vec<String>) -> Vec<Row> {
    let mut rows = Vec::new();
    for index in 0..MOST_ROWS {
        let at = format!("{control}[{index}]");
        if !form.has(&format!("{at}.name")) {
            break;
        }
        let is_password = form.has(&format!("{at}.is_password"));
        let value = format!("{at}.value");
        let value = match is_password {
            true => typed(form, secrets, &value, lost).unwrap_or_default(),
            false => form.get(&value).to_owned(),
        };
        let row = Row { name: form.get(&format!("{at}.name")).to_owned(), value, is_password };
        if !row.name.trim().is_empty() || !row.value.is_empty() {
            rows.push(row);
        }
    }
    rows
}
