//! `docs/providers.md`, from the providers themselves.

use crate::{Field, FieldKind, Plugin, Provider};
use std::fmt::Write as _;
use std::sync::Arc;

/// The page about all of these plugins that are preconfigured providers, in their order (Markdown).
pub fn documentation(plugins: &[Arc<dyn Plugin>]) -> String {
    let providers: Vec<(&Arc<dyn Plugin>, &Provider)> =
        plugins.iter().filter_map(|plugin| Some((plugin, plugin.provider()?))).collect();
    let mut page = String::from(
        "# Providers\n\n<!-- Written by `textgate plugins docs` from the files in catalogue/; do not change it by hand. -->\n\n",
    );
    let _ = writeln!(
        page,
        "{} preconfigured providers. Each has the proxy and connection settings of the Generic HTTP(s) plugin besides its own.\n",
        providers.len()
    );
    page.push_str("| provider | plugin | features | |\n|---|---|---|---|\n");
    for (plugin, provider) in &providers {
        let remark = if provider.experimental.is_some() { "experimental" } else { "" };
        let name = plugin.name();
        let _ = writeln!(
            page,
            "| [{}](#{name}) | `{name}` | {} | {remark} |",
            plugin.label(),
            features(provider)
        );
    }
    for (plugin, provider) in &providers {
        one(plugin.as_ref(), provider, &mut page);
    }
    page
}

fn features(provider: &Provider) -> String {
    let names = provider.features.iter().filter_map(|feature| serde_json::to_value(feature).ok());
    let names: Vec<String> = names.filter_map(|name| name.as_str().map(str::to_owned)).collect();
    names.join(", ")
}

fn one(plugin: &dyn Plugin, provider: &Provider, page: &mut String) {
    let name = plugin.name();
    let _ = writeln!(page, "\n## {}\n\n<a id=\"{name}\"></a>", plugin.label());
    let _ = writeln!(
        page,
        "Plugin `{name}`. <{}>, API: <{}>. Countries: {}. Features: {}.",
        provider.site,
        provider.documentation,
        provider.countries.join(", "),
        features(provider)
    );
    if let Some(reason) = &provider.experimental {
        let _ = writeln!(page, "\n**Experimental:** {reason}");
    }
    if let Some(note) = &provider.note {
        let _ = writeln!(page, "\n{note}");
    }
    page.push_str("\n| setting | label | kind | default | |\n|---|---|---|---|---|\n");
    let common = common_names();
    for field in plugin.fields().iter().filter(|field| !common.contains(&field.name.to_string())) {
        row(field, page);
    }
    match provider.receipts.as_deref() {
        None => page.push_str("\nReceipts: none over HTTP.\n"),
        Some("") => page.push_str("\nReceipts: the address goes with each message.\n"),
        Some(setup) => {
            let _ = writeln!(page, "\nReceipts: {setup}");
        }
    }
    if let Some(most) = provider.at_once {
        let _ = writeln!(page, "\nUp to {most} alerts and texts that wait anyway share one request.");
    }
    page.push_str("\nSources:\n\n");
    for source in &provider.sources {
        let note = source.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
        let _ = writeln!(page, "- {} ({}){note}", source.at, source.read);
    }
}

/// The settings that every provider has.
fn common_names() -> Vec<String> {
    let mut names: Vec<String> =
        crate::http::proxy_fields().iter().map(|field| field.name.to_string()).collect();
    names.extend(crate::http::connection_fields().iter().map(|field| field.name.to_string()));
    names.push("api_address".to_owned());
    names
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
