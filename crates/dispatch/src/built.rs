//! A gateway as its settings make it.

use serde_json::Value;
use std::sync::Arc;
use textgate_gateway::{Environment, Gateway, Plugins, Settings};

/// A gateway as its settings make it.
pub(crate) struct Built {
    pub(crate) name: String,
    pub(crate) plugin: String,
    /// As they were saved, secrets in clear: never shown.
    pub(crate) settings: Value,
    /// The gateway, or why these settings make none.
    pub(crate) gateway: Result<Arc<dyn Gateway>, String>,
}

impl Built {
    /// Builds it. Settings that make no gateway (after a change of version) are kept, to be mended.
    pub(crate) fn new(
        name: String,
        plugin: String,
        settings: Value,
        plugins: &Plugins,
        environment: &Environment,
    ) -> Self {
        let build = |valid: Settings| {
            let found = plugins.get(&plugin).ok_or_else(|| format!("no plugin is called {plugin}"))?;
            found.build(&valid, environment).map_err(|error| error.to_string())
        };
        let gateway = plugins
            .check(&plugin, &settings)
            .map_err(|problems| {
                let problems: Vec<String> =
                    problems.iter().map(|p| format!("{}: {}", p.path, p.message)).collect();
                problems.join("; ")
            })
            .and_then(build);
        Self { name, plugin, settings, gateway }
    }

    /// Whether these settings make the same gateway, whatever its name.
    pub(crate) fn is_same_gateway(&self, plugin: &str, settings: &Value) -> bool {
        self.plugin == plugin && self.settings == *settings && self.gateway.is_ok()
    }
}
