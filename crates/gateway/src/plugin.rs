//! A kind of gateway, and the list of all kinds.

use crate::{Feature, Field, Gateway, Problem, Settings, Source, validate};
use serde::Serialize;
use serde_json::Value;
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

    /// A gateway from settings that passed [`validate`] and [`check`](Self::check). No I/O happens yet.
    fn build(&self, settings: &Settings, environment: &Environment) -> Result<Arc<dyn Gateway>, BuildError>;

    /// What is known of the provider, for a preconfigured one.
    fn provider(&self) -> Option<&Provider> {
        None
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
    /// Where these facts are from.
    pub sources: Vec<Source>,
}

/// What a gateway gets from the program around it.
#[derive(Clone, Default)]
pub struct Environment {
    /// Which addresses a gateway may connect to.
    pub network: crate::NetworkGuard,
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
        let settings = validate(found.fields(), settings)?;
        match found.check(&settings) {
            problems if problems.is_empty() => Ok(settings),
            problems => Err(problems),
        }
    }
}
