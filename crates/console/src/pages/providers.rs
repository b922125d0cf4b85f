//! Comms > Providers: what each SMS Plugin can do and wants to know, before somebody chooses it. The same facts as `docs/providers.md`.

use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::field::{Choice, Field};
use crate::form::{Form, escaped};
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::text::Text;
use crate::visit::Visit;
use askama::Template;
use axum::extract::{Path, State};
use http::Uri;
use std::collections::HashMap;
use std::sync::Arc;
use textgate_gateway::{Facts, Feature, FieldKind, Provider, Receipts};

const PAGE: &str = "providers";
/// Longest search (characters).
const LONGEST_SEARCH: usize = 100;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/providers", Need::Person, home),
        Route::get("/console/vs/{vs}/providers", Need::Read, list),
        Route::get("/console/vs/{vs}/providers/{plugin}", Need::Read, show),
    ]
}

#[derive(Template)]
#[template(path = "providers.html")]
struct ProvidersPage {
    page: Page,
    filter: [Field; 2],
    is_filtered: bool,
    /// Preconfigured providers, then the other plugins; those of them that fit.
    groups: [Group; 2],
}

struct Group {
    title: String,
    rows: Vec<Row>,
}

/// One plugin in the list.
struct Row {
    label: String,
    address: String,
    abilities: String,
    countries: String,
    is_experimental: bool,
}

#[derive(Template)]
#[template(path = "provider.html")]
struct ProviderPage {
    page: Page,
    name: String,
    provider: Option<Provider>,
    abilities: Vec<String>,
    countries: String,
    /// How receipts come.
    receipts: String,
    /// They are set up in the provider's own words.
    is_receipts_foreign: bool,
    /// How messages of phones come.
    inbound: String,
    is_inbound_foreign: bool,
    at_once: Option<usize>,
    own: Vec<Setting>,
    common: Vec<Setting>,
    may_use: bool,
}

/// One setting.
struct Setting {
    label: String,
    name: String,
    /// What values it takes.
    kind: String,
    default: String,
    is_required: bool,
    help: String,
    is_help_foreign: bool,
    message: Option<String>,
    is_message_foreign: bool,
    /// When it applies, where not always.
    condition: Option<String>,
}

async fn home(visit: Visit) -> Answer {
    answer::see(&visit.to(PAGE))
}

async fn list(State(console): State<Arc<Console>>, visit: Visit, uri: Uri) -> Answer {
    let text = visit.text();
    let question = Form::read(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let search: String = question.trimmed("q").chars().take(LONGEST_SEARCH).collect();
    let wanted = Feature::ALL.into_iter().find(|feature| feature.name() == question.get("can"));
    let plugins: Vec<Facts<'_>> = console.dispatch.plugins().iter().map(|p| Facts::of(p.as_ref())).collect();
    let fits = |facts: &&Facts<'_>| {
        wanted.is_none_or(|feature| facts.features.contains(&feature)) && is_found(text, facts, &search)
    };
    let row = |facts: &Facts<'_>| Row {
        label: text.plugin(facts.label),
        address: format!("{}/{}", visit.to(PAGE), escaped(facts.name)),
        abilities: abilities(text, facts).join(", "),
        countries: facts.provider.map(|provider| countries(text, provider)).unwrap_or_default(),
        is_experimental: facts.provider.is_some_and(|provider| provider.experimental.is_some()),
    };
    let group = |key, is_preconfigured| {
        let of_it = plugins.iter().filter(|facts| facts.provider.is_some() == is_preconfigured);
        Group { title: text.get(key).into(), rows: of_it.filter(|facts| fits(facts)).map(row).collect() }
    };
    let groups = [group("sms_settings.preconfigured", true), group("sms_settings.protocols", false)];
    let mut search_field = Field::text("q", text.get("providers.search"));
    search_field.placeholder = text.get("providers.search_example").into();
    let can = std::iter::once(Choice::new("", text.get("providers.anything")));
    let can = can.chain(Feature::ALL.map(|f| Choice::new(f.name(), text.word("feature", f.name()))));
    let filter = [
        search_field.value(search.clone()),
        Field::select("can", text.get("providers.can"), can.collect())
            .value(wanted.map(Feature::name).unwrap_or_default()),
    ];
    answer::html(&ProvidersPage {
        page: Page::new(&console, &visit, text.get("nav.providers")).lead(text.get("providers.lead")),
        is_filtered: wanted.is_some() || !search.is_empty(),
        filter,
        groups,
    })
}

async fn show(
    State(console): State<Arc<Console>>,
    visit: Visit,
    Path(path): Path<HashMap<String, String>>,
) -> Answer {
    let text = visit.text();
    let plugin = path.get("plugin").and_then(|name| console.dispatch.plugins().get(name));
    let plugin = plugin.ok_or(Failure::NotFound)?;
    let facts = Facts::of(plugin.as_ref());
    let settings = |fields: &[&textgate_gateway::Field]| -> Vec<Setting> {
        fields.iter().map(|field| Setting::of(text, plugin.fields(), field)).collect()
    };
    let receipts = match facts.receipts {
        Receipts::None => text.get("providers.receipts_none").into(),
        Receipts::Connection => text.get("providers.receipts_connection").into(),
        Receipts::WithMessage => text.get("providers.receipts_with_message").into(),
        Receipts::SetUp(setup) => text.plugin(setup),
    };
    let setup = facts.provider.and_then(|provider| provider.inbound.as_deref());
    let inbound = match setup {
        Some(setup) => text.plugin(setup),
        None if facts.features.contains(&Feature::Inbound) => text.get("providers.inbound_connection").into(),
        None => text.get("providers.inbound_none").into(),
    };
    answer::html(&ProviderPage {
        page: Page::new(&console, &visit, text.plugin(facts.label).into()),
        name: facts.name.to_owned(),
        provider: facts.provider.cloned(),
        abilities: abilities(text, &facts),
        countries: facts.provider.map(|provider| countries(text, provider)).unwrap_or_default(),
        receipts,
        is_inbound_foreign: setup.is_some_and(|setup| text.is_foreign(setup)),
        inbound,
        is_receipts_foreign: matches!(facts.receipts, Receipts::SetUp(setup) if text.is_foreign(setup)),
        at_once: facts.at_once,
        own: settings(&facts.own),
        common: settings(&facts.common),
        may_use: visit.person.may_change(&console.dispatch, visit.vs),
    })
}

/// Whether every word of a search is in a plugin's names, its countries or its site.
fn is_found(text: Text, facts: &Facts<'_>, search: &str) -> bool {
    let provider = facts.provider.map(|provider| format!("{} {}", countries(text, provider), provider.site));
    let here = format!("{} {} {}", facts.label, facts.name, provider.unwrap_or_default()).to_lowercase();
    search.to_lowercase().split_whitespace().all(|word| here.contains(word))
}

/// What a plugin can do, in words.
fn abilities(text: Text, facts: &Facts<'_>) -> Vec<String> {
    // In one order, whatever that of a provider's file.
    let features = Feature::ALL.into_iter().filter(|feature| facts.features.contains(feature));
    let mut words: Vec<String> =
        features.map(|feature| text.word("feature", feature.name()).into()).collect();
    let more = [("providers.proxy", facts.has_proxy), ("providers.batch", facts.at_once.is_some())];
    words.extend(more.into_iter().filter(|(_, has)| *has).map(|(key, _)| String::from(text.get(key))));
    words
}

fn countries(text: Text, provider: &Provider) -> String {
    let names = provider.countries.iter().map(|country| String::from(text.word("country", country)));
    names.collect::<Vec<_>>().join(", ")
}

impl Setting {
    fn of(text: Text, all: &[textgate_gateway::Field], field: &textgate_gateway::Field) -> Self {
        let word = |value: &serde_json::Value| shown(text, field, value);
        let condition = field.shown_when.as_ref().and_then(|condition| {
            let other = all.iter().find(|other| other.name == condition.field)?;
            let values: Vec<String> = condition.is.iter().map(|value| shown(text, other, value)).collect();
            let words = format!("{}: {}", text.plugin(&other.label), values.join(", "));
            Some(text.get("sms_settings.applies").with("condition", words).into())
        });
        Self {
            label: text.plugin(&field.label),
            name: field.name.to_string(),
            kind: kind(text, &field.kind),
            default: word(&field.default),
            is_required: field.required && field.default.is_null(),
            help: text.plugin(&field.help),
            is_help_foreign: text.is_foreign(&field.help),
            message: field.message.as_ref().map(|message| text.plugin(message)),
            is_message_foreign: field.message.as_ref().is_some_and(|message| text.is_foreign(message)),
            condition,
        }
    }
}

/// What values a field takes, in words.
fn kind(text: Text, kind: &FieldKind) -> String {
    match kind {
        FieldKind::Text { .. } => text.word("field_kind", "text").into(),
        FieldKind::LongText { .. } => text.word("field_kind", "long_text").into(),
        FieldKind::Secret { .. } => text.word("field_kind", "secret").into(),
        FieldKind::Pairs { .. } => text.word("field_kind", "pairs").into(),
        FieldKind::Flag => text.word("field_kind", "flag").into(),
        FieldKind::Number { min, max } => {
            let number = text.word("field_kind", "number");
            number.with("min", min).with("max", max).into()
        }
        FieldKind::Choice { choices, other } => {
            let mut labels: Vec<String> = choices.iter().map(|choice| text.plugin(&choice.label)).collect();
            labels.extend(other.map(|_| String::from(text.get("sms_settings.other"))));
            labels.join(", ")
        }
    }
}

/// A value of a field as the form shows it; empty where there is none.
fn shown(text: Text, field: &textgate_gateway::Field, value: &serde_json::Value) -> String {
    use serde_json::Value;
    match (&field.kind, value) {
        (FieldKind::Flag, Value::Bool(flag)) => {
            text.word("yes_no", if *flag { "true" } else { "false" }).into()
        }
        (FieldKind::Choice { choices, .. }, Value::String(value)) => {
            let choice = choices.iter().find(|choice| choice.value == *value);
            choice.map_or_else(|| value.clone(), |choice| text.plugin(&choice.label))
        }
        (_, Value::String(value)) => value.clone(),
        (_, Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}
