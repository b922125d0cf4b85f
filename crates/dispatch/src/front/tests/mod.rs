//! The directory on the embedded store, with a plugin whose settings have everything that settings can have.

mod keys;
mod manifest;
mod messages;
mod people;
mod preview;
mod privacy;
mod rotation;
mod series;
mod servers;
mod settings;

use crate::testing::ScriptedPlugin;
use crate::words::{DirectoryError, SettingsInput, SettingsView};
use crate::{Dispatch, Limits, Parts};
use serde_json::{Value, json};
use std::sync::Arc;
use textgate_gateway::*;
use textgate_sms::VsId;
use textgate_store::{Allocation, Sealer, SqliteOptions, SqliteStore};

/// `fake`: text, number, secret, pairs, a condition, and a check of two settings together.
struct FakePlugin {
    fields: Vec<Field>,
    scripted: ScriptedPlugin,
}

impl FakePlugin {
    fn new() -> Self {
        let text = |name, label| Field::new(name, label, FieldKind::Text { max: 32 }, "");
        let fields = vec![
            text("host", "Host").required(),
            Field::new("port", "Port", FieldKind::Number { min: 1, max: 65_535 }, "").with_default(2775),
            Field::new("password", "Password", FieldKind::Secret { max: 32 }, ""),
            Field::new("use_proxy", "Use Proxy", FieldKind::Flag, "").with_default(false),
            text("proxy_url", "Proxy URL").required().shown_when("use_proxy", true),
            Field::new("parameters", "Parameters", FieldKind::Pairs { max: 4 }, ""),
        ];
        Self { fields, scripted: ScriptedPlugin::default() }
    }
}

impl Plugin for FakePlugin {
    fn name(&self) -> &str {
        "fake"
    }

    fn label(&self) -> &str {
        "Fake"
    }

    fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn check(&self, settings: &Settings) -> Vec<Problem> {
        let is_wrong = settings.text("host") == "needs-password" && settings.text("password").is_empty();
        if is_wrong { vec![Problem::new("password", "enter Password")] } else { Vec::new() }
    }

    fn build(&self, settings: &Settings, environment: &Environment) -> Result<Arc<dyn Gateway>, BuildError> {
        self.scripted.build(settings, environment)
    }
}

/// The front on a store of its own.
struct Bench {
    dispatch: Dispatch,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { dispatch: open(&folder).await, folder }
    }

    /// The same store, read anew.
    async fn reopened(self) -> Self {
        self.dispatch.shutdown().await;
        let Self { folder, .. } = self;
        Self { dispatch: open(&folder).await, folder }
    }

    /// Makes the last virtual server of this path.
    async fn add(&self, path: &str) -> VsId {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("/", path));
        let parent = self.dispatch.find(VsId::ROOT, parent).unwrap();
        self.dispatch.add_virtual_server("test", parent, name).await.unwrap().id
    }

    async fn put(&self, vs: VsId, input: Value) -> Result<SettingsView, DirectoryError> {
        let input: SettingsInput = serde_json::from_value(input).unwrap();
        self.dispatch.put_settings("test", vs, input).await
    }

    /// The root sends through a gateway of its own.
    async fn with_provider() -> Self {
        let bench = Self::new().await;
        bench.put(VsId::ROOT, custom(json!({"host": "h"}))).await.unwrap();
        bench
    }

    async fn give(&self, vs: VsId, total: u64) {
        self.dispatch.allocate("test", vs, Allocation::Total(total), "").await.unwrap();
    }

    fn version(&self) -> u64 {
        self.dispatch.engine.view.load().directory.version
    }

    /// A gateway's settings as they are used, secrets in clear.
    fn clear(&self, vs: VsId, position: usize) -> Value {
        let view = self.dispatch.engine.view.load();
        let id = view.server(vs).unwrap().gateways[position];
        view.stations[&id].built().settings.clone()
    }
}

async fn open(folder: &tempfile::TempDir) -> Dispatch {
    Dispatch::open(parts(folder)).await.unwrap()
}

fn parts(folder: &tempfile::TempDir) -> Parts {
    let store = SqliteStore::open(folder.path().join("store"), SqliteOptions::default()).unwrap();
    let plugins: Vec<Arc<dyn Plugin>> = vec![Arc::new(FakePlugin::new()), Arc::new(GenericHttpPlugin::new())];
    Parts {
        store: Arc::new(store),
        sealer: Sealer::new(&[7; 32]).unwrap(),
        plugins: Plugins::new(plugins),
        environment: Environment::default(),
        limits: Limits::default(),
        metrics: Arc::default(),
    }
}

/// Mode Custom through one gateway `main` with these settings.
fn custom(settings: Value) -> Value {
    json!({"mode": "custom", "gateways": [{"name": "main", "plugin": "fake", "settings": settings}]})
}

fn paths<T>(answer: Result<T, DirectoryError>) -> Vec<String> {
    match answer.err().unwrap() {
        DirectoryError::Invalid(problems) => problems.into_iter().map(|problem| problem.path).collect(),
        other => panic!("{other:?}"),
    }
}

fn is_conflict<T>(answer: Result<T, DirectoryError>) -> bool {
    matches!(answer, Err(DirectoryError::Conflict(_)))
}

fn is_unknown<T>(answer: Result<T, DirectoryError>) -> bool {
    matches!(answer, Err(DirectoryError::NotFound(_)))
}
