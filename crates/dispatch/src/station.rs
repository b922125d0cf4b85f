//! One configured gateway as dispatch sees it: how it was built, what waits for it, how it is.

use crate::words::GatewayStatus;
use arc_swap::ArcSwap;
use serde_json::Value;
use std::sync::Arc;
use textgate_gateway::{Environment, Gateway, Plugins, Settings};
use textgate_sms::{GatewayId, VsId};

/// One gateway, for as long as it is configured. It outlives changes of its settings, with what waits in it.
pub(crate) struct Station {
    pub(crate) id: GatewayId,
    pub(crate) vs: VsId,
    built: ArcSwap<Built>,
}

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
            .map_err(|problems| problems.iter().map(|p| format!("{}: {}", p.path, p.message)).collect())
            .map_err(|problems: Vec<String>| problems.join("; "))
            .and_then(build);
        Self { name, plugin, settings, gateway }
    }
}

impl std::fmt::Debug for Station {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Station").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Station {
    pub(crate) fn new(id: GatewayId, vs: VsId, built: Built) -> Self {
        Self { id, vs, built: ArcSwap::from_pointee(built) }
    }

    /// How it is built now.
    pub(crate) fn built(&self) -> arc_swap::Guard<Arc<Built>> {
        self.built.load()
    }

    /// Other settings, or another name.
    pub(crate) fn rebuild(&self, built: Built) {
        self.built.store(Arc::new(built));
    }

    /// How it is now, for people.
    pub(crate) fn status(&self) -> GatewayStatus {
        GatewayStatus::default()
    }
}
