//! `textgate plugins`: kinds of gateways, and the providers' files.

use crate::cli::PluginsCommand;
use crate::config::Config;
use crate::failure::{Done, Failure};
use crate::output::{Output, Tone};
use crate::rooms;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use textgate_gateway::{CataloguePlugin, Plugin, documentation};

pub(super) fn run<W: Write>(config: &Config, command: &PluginsCommand, output: &mut Output<W>) -> Done {
    match command {
        PluginsCommand::List { json } => list(config, *json, output),
        PluginsCommand::Show { name, json } => show(config, name, *json, output),
        PluginsCommand::Check { files } => check(files, output),
        PluginsCommand::Docs => {
            let plugins: Vec<Arc<dyn Plugin>> = rooms::plugins(config)?.iter().cloned().collect();
            Ok(output.line(documentation(&plugins).trim_end())?)
        }
    }
}

fn list<W: Write>(config: &Config, is_json: bool, output: &mut Output<W>) -> Done {
    let plugins = rooms::plugins(config)?;
    if is_json {
        let all: Vec<Value> = plugins.iter().map(|plugin| as_json(plugin.as_ref())).collect();
        return Ok(output.line(Value::from(all))?);
    }
    let row = |plugin: &Arc<dyn Plugin>| {
        let provider = plugin.provider();
        let features = words(plugin.as_ref());
        let remark = provider.and_then(|provider| provider.experimental.as_ref()).map(|_| "experimental");
        vec![
            plugin.name().to_owned(),
            plugin.label().to_owned(),
            features,
            remark.unwrap_or_default().to_owned(),
        ]
    };
    Ok(output.table(&["plugin", "label", "features", ""], plugins.iter().map(row).collect())?)
}

fn show<W: Write>(config: &Config, name: &str, is_json: bool, output: &mut Output<W>) -> Done {
    let plugins = rooms::plugins(config)?;
    let plugin = plugins.get(name).ok_or_else(|| {
        Failure::failed(format_args!("no plugin is called {name:?}; see textgate plugins list"))
    })?;
    if is_json {
        return Ok(output.line(as_json(plugin.as_ref()))?);
    }
    output.line(format_args!("{} ({})", output.tone(Tone::Strong, plugin.label()), plugin.name()))?;
    output.line(format_args!("features      {}", words(plugin.as_ref())))?;
    if let Some(provider) = plugin.provider() {
        output.line(format_args!("site          {}", provider.site))?;
        output.line(format_args!("documentation {}", provider.documentation))?;
        output.line(format_args!("countries     {}", provider.countries.join(", ")))?;
        if let Some(reason) = &provider.experimental {
            output.line(format_args!("experimental  {}", output.tone(Tone::Notice, reason)))?;
        }
        if let Some(note) = &provider.note {
            output.line(format_args!("note          {note}"))?;
        }
        match provider.receipts.as_deref() {
            None => {}
            Some("") => output.line("receipts      their address goes with each message")?,
            Some(setup) => output.line(format_args!("receipts      {setup}"))?,
        }
        if let Some(setup) = &provider.inbound {
            output.line(format_args!("inbound       {setup}"))?;
        }
        for source in &provider.sources {
            output.line(format_args!("source        {} ({})", source.at, source.read))?;
        }
    }
    output.gap()?;
    let rows = plugin.fields().iter().map(|field| {
        let shown = json!(field);
        let kind = shown["kind"].as_str().unwrap_or_default().to_owned();
        let default = match &field.default {
            Value::Null if field.required => "(required)".to_owned(),
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let message = field.message.as_ref().map(|message| format!(" {message}")).unwrap_or_default();
        vec![
            field.name.to_string(),
            field.label.to_string(),
            kind,
            default,
            format!("{}{message}", field.help),
        ]
    });
    Ok(output.table(&["setting", "label", "kind", "default", "help"], rows.collect())?)
}

fn check<W: Write>(files: &[PathBuf], output: &mut Output<W>) -> Done {
    let mut wrong = Vec::new();
    for file in files {
        match CataloguePlugin::read(file) {
            Ok(plugin) => {
                let right = format!("{}: {} is right", file.display(), plugin.label());
                output.line(output.tone(Tone::Good, right))?;
            }
            Err(error) => wrong.push(error.to_string()),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Failure::failed(wrong.join("\n"))) }
}

fn as_json(plugin: &dyn Plugin) -> Value {
    json!({
        "name": plugin.name(),
        "label": plugin.label(),
        "features": plugin.features(),
        "fields": plugin.fields(),
        "provider": plugin.provider(),
    })
}

/// What a plugin can do, in words.
fn words(plugin: &dyn Plugin) -> String {
    let words: Vec<&str> = plugin.features().iter().map(|feature| feature.name()).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::plain;

    fn shown(command: &PluginsCommand) -> Result<String, String> {
        let config = Config::load(None, &|_| None).unwrap();
        let mut output = plain();
        run(&config, command, &mut output).map_err(|failure| failure.to_string())?;
        Ok(output.text())
    }

    #[test]
    fn plugins_are_listed_and_shown_for_people_and_for_programs() {
        let list = shown(&PluginsCommand::List { json: false }).unwrap();
        assert!(list.contains("twilio") && list.contains("Generic HTTP(s)"), "{list}");
        let list: Value =
            serde_json::from_str(&shown(&PluginsCommand::List { json: true }).unwrap()).unwrap();
        assert!(list.as_array().unwrap().iter().any(|plugin| plugin["provider"]["site"].is_string()));
        let show = |name: &str, json| shown(&PluginsCommand::Show { name: name.into(), json });
        let clickatell = show("clickatell", false).unwrap();
        assert!(clickatell.contains("purchased the customization feature"), "{clickatell}");
        assert_eq!(serde_json::from_str::<Value>(&show("smpp", true).unwrap()).unwrap()["label"], "SMPP");
        assert!(show("nobody", false).unwrap_err().contains("plugins list"));
        assert!(shown(&PluginsCommand::Docs).unwrap().starts_with("# Providers\n"));
    }

    #[test]
    fn a_wrong_file_is_told_with_its_line_and_a_right_one_is_right() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.toml");
        std::fs::write(&path, "name = \"bad\"\n\nlabel = []").unwrap();
        let error = shown(&PluginsCommand::Check { files: vec![path] }).unwrap_err();
        assert!(error.contains("bad.toml, line 3: "), "{error}");
        let ours = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../catalogue/vonage.toml");
        assert!(shown(&PluginsCommand::Check { files: vec![ours] }).unwrap().contains("is right"));
    }
}
