//! A kind of gateway, and the list of all kinds.

use crate::{Feature, Field, Gateway, Problem, Settings, Source, fields};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;

/// A kind of gateway: data first (its fields), then how one is built from settings.
pub trait Plugin: Send + Sync + 'static {
    /// The name in settings files and the API: `smpp`, `generic-http`.
    fn name(&self) -> &str;

    /// The name for people: `SMPP`, `Generic HTTP(s)`.
    fn label(&self) -> &str;

    /// Its settings. The console's form, validation, the schema, and the storage of secrets come from this list.
    fn fields(&self) -> &[Field];

    /// What the field list cannot say, such as two settings that exclude each other.
    fn check(&self, settings: &Settings) -> Vec<Problem>;

    /// A gateway from settings that passed [`validate`](crate::validate) and [`check`](Self::check). No I/O happens yet.
    fn build(&self, settings: &Settings, environment: &Environment) -> Result<Arc<dyn Gateway>, BuildError>;

    /// What is known of the provider, for a preconfigured one.
    fn provider(&self) -> Option<&Provider> {
        None
    }

    /// What it can do.
    fn features(&self) -> &[Feature] {
        self.provider().map(|provider| provider.features.as_slice()).unwrap_or_default()
    }
}

/// What is known of a preconfigured provider.
#[derive(Debug, Clone, Serialize)]
pub struct Provider {
    /// Its site.
    pub site: String,
    /// Where its API is documented.
    pub documentation: String,
    /// `["worldwide"]`, or ISO 3166 codes of the countries it is for.
    pub countries: Vec<String>,
    /// What it can do.
    pub features: Vec<Feature>,
    /// Why it is experimental, where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experimental: Option<String>,
    /// A remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How receipts come: `None` where the provider sends none, blank where the address goes with each message, else how
    /// the address is made known to the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipts: Option<String>,
    /// How the provider is told where messages of phones go; `None` where it brings none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbound: Option<String>,
    /// How many alerts and texts that wait anyway share one request, where the provider takes several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_once: Option<usize>,
    /// Where these facts are from.
    pub sources: Vec<Source>,
}

/// What a gateway gets from the program around it.
#[derive(Clone, Default)]
pub struct Environment {
    /// Which addresses a gateway may connect to.
    pub network: crate::NetworkGuard,
    /// Which devices of this machine a gateway may open.
    pub devices: crate::DeviceGuard,
    /// Which PINs SIMs were sent.
    pub pins: crate::PinNotes,
    /// The public address of this installation, without a slash at its end, where there is one.
    pub public_url: Option<String>,
    /// The address at which the provider of the gateway that is built can report; made from the public one.
    pub callback_url: Option<String>,
}

/// Why a gateway could not be built from its settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(pub String);

/// All plugins by name, in the order the console lists them.
#[derive(Clone)]
pub struct Plugins(Arc<[Arc<dyn Plugin>]>);

impl Plugins {
    /// A list of these plugins.
    pub fn new(plugins: Vec<Arc<dyn Plugin>>) -> Self {
        Self(plugins.into())
    }

    /// The plugin of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Plugin>> {
        self.0.iter().find(|p| p.name() == name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Plugin>> {
        self.0.iter()
    }

    /// Validates a gateway's settings as a whole: the fields by themselves, then together. Every problem at once.
    pub fn check(&self, plugin: &str, settings: &Value) -> Result<Settings, Vec<Problem>> {
        let Some(found) = self.get(plugin) else {
            let names: Vec<&str> = self.0.iter().map(|p| p.name()).collect();
            let message = format!("no plugin is called {plugin:?}; choose one of: {}", names.join(", "));
            return Err(vec![Problem::new("", message)]);
        };
        let (settings, mut problems) = fields::examine(found.fields(), settings);
        // What is wrong with a field by itself is said already, and what it does beside others cannot be told then.
        let told: HashSet<String> =
            problems.iter().map(|problem| field_of(&problem.path).to_owned()).collect();
        if !told.contains("") {
            let together = found.check(&settings).into_iter();
            problems.extend(together.filter(|problem| !told.contains(field_of(&problem.path))));
        }
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }
}

/// The field of a problem's path: `parameters` of `parameters[2].name`.
fn field_of(path: &str) -> &str {
    path.split(['[', '.']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GenericHttpPlugin, Plugins};
    use serde_json::json;

    #[test]
    fn what_is_wrong_with_fields_and_what_is_wrong_between_them_is_told_at_once() {
        let plugins = Plugins::new(vec![Arc::new(GenericHttpPlugin::new())]);
        let paths = |settings: Value| -> Vec<String> {
            let problems = plugins.check("generic-http", &settings).err().unwrap();
            problems.into_iter().map(|problem| problem.path).collect()
        };
        let settings = json!({
            "url": "http://h/?a=1&b=2", "destination_parameter": "to", "message_parameter": "text", "colour": "red",
            "timeout_s": 0, "use_proxy": true, "proxy_url": "ftp://p",
        });
        assert_eq!(paths(settings), ["colour", "timeout_s", "url", "proxy_url"]);
        // A field that is missing is not also wrong.
        assert_eq!(paths(json!({"destination_parameter": "to", "message_parameter": "text"})), ["url"]);
        assert_eq!(paths(json!("x")), [""]);
    }
}
