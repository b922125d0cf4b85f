//! The manifest of `apply`: TOML, whose secrets may stand in the environment or in files of their own.

use crate::config::{Environment, read_bounded, wrong_toml};
use crate::failure::Failure;
use serde::de::DeserializeOwned;
use std::path::Path;
use textgate_dispatch::Manifest;
use toml::{Table, Value};

/// Room for some ten thousand virtual servers.
const LARGEST_MANIFEST: u64 = 16 << 20;
/// Larger than any password or token.
const LARGEST_SECRET: u64 = 64 << 10;

/// Where secrets come from: the environment, and files beside the manifest.
pub(crate) struct Secrets<'a> {
    pub(crate) environment: Environment<'a>,
    pub(crate) folder: &'a Path,
}

/// The manifest in this file, with its secrets resolved.
pub(crate) fn load(path: &Path, environment: Environment<'_>) -> Result<Manifest, Failure> {
    let text = read_bounded(path, LARGEST_MANIFEST)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&path.display().to_string(), &text, &Secrets { environment, folder })
}

/// The value in this TOML text, with its secrets resolved. No error repeats a source line: it may hold a secret.
pub(crate) fn parse<T: DeserializeOwned>(
    name: &str,
    text: &str,
    secrets: &Secrets<'_>,
) -> Result<T, Failure> {
    let table: Table = text.parse().map_err(|error| wrong_toml(name, text, &error))?;
    let mut value = Value::Table(table);
    let mut problems = Vec::new();
    resolve(&mut value, "", secrets, &mut problems);
    if !problems.is_empty() {
        return Err(Failure::configuration(format_args!("{name}:\n  {}", problems.join("\n  "))));
    }
    value.try_into().map_err(|error: toml::de::Error| {
        Failure::configuration(format_args!("{name}: {}", without_values(&one_line(&error.to_string()))))
    })
}

/// What was expected where, without what was there: that may be a secret in the wrong place.
fn without_values(message: &str) -> &str {
    match message.rfind("expected ") {
        // The names of fields are the file's, and say which one is misspelt.
        Some(at) if !message.starts_with("unknown field") => message.get(at..).unwrap_or_default(),
        _ => message,
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Replaces each `{ env = "NAME" }` and `{ file = "PATH" }` below `value` by what it stands for; notes every one that cannot be had.
fn resolve(value: &mut Value, path: &str, secrets: &Secrets<'_>, problems: &mut Vec<String>) {
    match value {
        Value::Table(table) => {
            if let Some(found) = secrets.reference(table) {
                match found {
                    Ok(secret) => *value = Value::String(secret),
                    Err(why) => problems.push(format!("{path}: {why}")),
                }
                return;
            }
            for (key, value) in table.iter_mut() {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                resolve(value, &below, secrets, problems);
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter_mut().enumerate() {
                resolve(value, &format!("{path}[{index}]"), secrets, problems);
            }
        }
        _ => {}
    }
}

impl Secrets<'_> {
    /// What this table refers to, if it is a reference at all.
    fn reference(&self, table: &Table) -> Option<Result<String, String>> {
        let (key, value) = table.iter().next().filter(|_| table.len() == 1)?;
        let value = value.as_str()?;
        match key.as_str() {
            "env" => Some((self.environment)(value).ok_or_else(|| {
                format!(
                    "the environment variable {value} is not set; set it, or write the secret another way"
                )
            })),
            "file" => Some(self.read_secret(value)),
            _ => None,
        }
    }

    fn read_secret(&self, name: &str) -> Result<String, String> {
        let mut secret =
            read_bounded(&self.folder.join(name), LARGEST_SECRET).map_err(|failure| failure.to_string())?;
        // Editors and `echo` end a file with a line break that is not part of the secret.
        secret.truncate(secret.trim_end_matches(['\r', '\n']).len());
        if secret.is_empty() { Err(format!("the file {name} is empty")) } else { Ok(secret) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use textgate_dispatch::Mode;

    const EXAMPLE: &str = r#"
[[virtual_server]]
path = "acme"                      # "acme/sales" is its child
credits = 1000                     # optional: the allocation
[virtual_server.sms_settings]
mode = "custom"                    # or "default"
test_number = "15550100100"
failover_after_ms = 3000
[[virtual_server.sms_settings.gateway]]     # in order: primary, failover, …
plugin = "smpp"                    # "generic-http", later "modem" and the catalogue's names
name = "main"
[virtual_server.sms_settings.gateway.settings]
system_id = "esme"
password = { env = "SMSC_PASSWORD" }
host = "127.0.0.1"
port = 2775
encoding = "smcdefault"
window = 100
[[virtual_server.sms_settings.gateway]]
plugin = "generic-http"
settings = { url = "http://h/send", parameters = [{ name = "token", value = { file = "token" }, is_password = true }] }
[[virtual_server.api_key]]
name = "app"
secret = { env = "APP_KEY" }
"#;

    fn environment(name: &str) -> Option<String> {
        match name {
            "SMSC_PASSWORD" => Some("hunter2".into()),
            "APP_KEY" => Some("tg_0123456789012345678901234".into()),
            _ => None,
        }
    }

    fn read(text: &str, folder: &Path) -> Result<Manifest, Failure> {
        parse("m.toml", text, &Secrets { environment: &environment, folder })
    }

    #[test]
    fn the_documented_manifest_is_understood_and_its_secrets_are_found() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), "s3cret\n").unwrap();
        let path = dir.path().join("m.toml");
        std::fs::write(&path, EXAMPLE).unwrap();
        let manifest = load(&path, &environment).unwrap();
        let server = &manifest.virtual_server[0];
        assert_eq!((server.path.as_str(), server.credits), ("acme", Some(1000)));
        let settings = server.sms_settings.as_ref().unwrap();
        assert_eq!((settings.mode, settings.failover_after_ms), (Mode::Custom, Some(3000)));
        assert_eq!(settings.gateways[0].settings["password"], "hunter2");
        assert_eq!(settings.gateways[0].settings["port"], 2775);
        assert_eq!(settings.gateways[1].settings["parameters"][0]["value"], "s3cret");
        assert_eq!(server.api_key[0].secret.as_deref(), Some("tg_0123456789012345678901234"));
    }

    #[test]
    fn every_secret_that_cannot_be_had_is_told_with_its_path() {
        let text = "[[virtual_server]]\npath = \"a\"\n[[virtual_server.api_key]]\nname = \"x\"\nsecret = { env = \"NOPE\" }\n[[virtual_server.api_key]]\nname = \"y\"\nsecret = { file = \"missing\" }";
        let error = read(text, Path::new("/nonexistent")).err().unwrap().to_string();
        assert!(error.contains("virtual_server[0].api_key[0].secret") && error.contains("NOPE"), "{error}");
        assert!(
            error.contains("virtual_server[0].api_key[1].secret") && error.contains("missing"),
            "{error}"
        );
    }

    #[test]
    fn what_is_unknown_is_named() {
        let error =
            read("[[virtual_server]]\npath = \"a\"\ncredts = 5", Path::new("")).err().unwrap().to_string();
        assert!(error.contains("credts"), "{error}");
    }

    #[test]
    fn a_secret_in_the_wrong_place_is_not_repeated() {
        for wrong in [
            "credits = { env = \"SMSC_PASSWORD\" }",
            "[virtual_server.sms_settings]\nmode = { env = \"SMSC_PASSWORD\" }",
        ] {
            let text = format!("[[virtual_server]]\npath = \"a\"\n{wrong}");
            let error = read(&text, Path::new("")).err().unwrap().to_string();
            assert!(error.contains("expected ") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn broken_toml_is_told_by_its_line_without_repeating_a_secret() {
        let error = read("[[virtual_server]]\npath = \"a\"\nsecret = \"hunter2", Path::new(""))
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("line 3") && !error.contains("hunter2"), "{error}");
    }
}
