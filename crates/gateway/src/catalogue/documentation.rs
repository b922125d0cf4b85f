//! `docs/providers.md`, from the providers themselves.

use crate::{Facts, Feature, Field, FieldKind, Plugin, Provider, Receipts};
use std::fmt::Write as _;
use std::sync::Arc;

/// The page about all of these plugins that are preconfigured providers, in their order (Markdown).
pub fn documentation(plugins: &[Arc<dyn Plugin>]) -> String {
    let facts = plugins.iter().map(|plugin| Facts::of(plugin.as_ref()));
    let providers: Vec<(Facts<'_>, &Provider)> =
        facts.filter_map(|facts| facts.provider.map(|provider| (facts, provider))).collect();
    let mut page = String::from(
        "# Providers\n\n<!-- Written by `textgate plugins docs` from the files in catalogue/; do not change it by hand. -->\n\n",
    );
    let _ = writeln!(
        page,
        "{} preconfigured providers. Each has the proxy and connection settings of the Generic HTTP(s) plugin besides its own.\n",
        providers.len()
    );
    page.push_str("| provider | plugin | features | |\n|---|---|---|---|\n");
    for (facts, provider) in &providers {
        let remark = if provider.experimental.is_some() { "experimental" } else { "" };
        let (name, label) = (facts.name, facts.label);
        let _ = writeln!(page, "| [{label}](#{name}) | `{name}` | {} | {remark} |", features(facts.features));
    }
    for (facts, provider) in &providers {
        one(facts, provider, &mut page);
    }
    page
}

fn features(features: &[Feature]) -> String {
    let names: Vec<&str> = features.iter().map(|feature| feature.name()).collect();
    names.join(", ")
}

fn one(facts: &Facts<'_>, provider: &Provider, page: &mut String) {
    let name = facts.name;
    let _ = writeln!(page, "\n## {}\n\n<a id=\"{name}\"></a>", facts.label);
    let _ = writeln!(
        page,
        "Plugin `{name}`. <{}>, API: <{}>. Countries: {}. Features: {}.",
        provider.site,
        provider.documentation,
        provider.countries.join(", "),
        features(facts.features)
    );
    if let Some(reason) = &provider.experimental {
        let _ = writeln!(page, "\n**Experimental:** {reason}");
    }
    if let Some(note) = &provider.note {
        let _ = writeln!(page, "\n{note}");
    }
    page.push_str("\n| setting | label | kind | default | |\n|---|---|---|---|---|\n");
    for field in &facts.own {
        row(field, page);
    }
    match facts.receipts {
        Receipts::None | Receipts::Connection => page.push_str("\nReceipts: none over HTTP.\n"),
        Receipts::WithMessage => page.push_str("\nReceipts: the address goes with each message.\n"),
        Receipts::SetUp(setup) => {
            let _ = writeln!(page, "\nReceipts: {setup}");
        }
    }
    if let Some(setup) = &provider.inbound {
        let _ = writeln!(page, "\nMessages of phones: {setup}");
    }
    if let Some(most) = facts.at_once {
        let _ = writeln!(page, "\nUp to {most} alerts and texts that wait anyway share one request.");
    }
    page.push_str("\nSources:\n\n");
    for source in &provider.sources {
        let note = source.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
        let _ = writeln!(page, "- {} ({}){note}", source.at, source.read);
    }
}

fn row(field: &Field, page: &mut String) {
    let kind = match &field.kind {
        FieldKind::Choice { choices, .. } => {
            let values: Vec<String> = choices.iter().map(|choice| format!("`{}`", choice.value)).collect();
            values.join(", ")
        }
        FieldKind::Number { min, max } => format!("number, {min} to {max}"),
        FieldKind::Secret { .. } => "secret".into(),
        FieldKind::Flag => "yes or no".into(),
        FieldKind::Text { .. } | FieldKind::LongText { .. } => "text".into(),
        FieldKind::Pairs { .. } => "list".into(),
    };
    let default = match &field.default {
        serde_json::Value::Null if field.required => "(required)".to_owned(),
        serde_json::Value::Null => String::new(),
        value => format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
    };
    let message = field.message.as_ref().map(|message| format!(" **{message}**")).unwrap_or_default();
    let text = format!("{}{message}", field.help).replace('|', "\\|");
    let _ = writeln!(page, "| `{}` | {} | {kind} | {default} | {text} |", field.name, field.label);
}
