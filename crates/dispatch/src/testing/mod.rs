//! What this room's tests share.

mod company;
mod inbound;
mod memory;
mod opt_outs;
pub(crate) mod passcodes;
mod scripted;

pub(crate) use company::Company;
pub(crate) use memory::MemoryStore;
pub(crate) use scripted::{Reaction, Script, ScriptedPlugin, down};

use crate::clock::Clock;
use crate::engine::Engine;
use crate::view::Settings;
use crate::words::{Mode, OnUncertain, Request};
use crate::{Dispatch, Limits, Parts};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use textgate_gateway::{Environment, Overwrite, Plugins, Routing, Submission};
use textgate_sms::{GatewayId, Kind, MessageId, MessageState, PhoneNumber, VsId};
use textgate_store::{Change, Difference, Directory, NewGateway, Sealer, Store, VirtualServer};

/// A message on its way, valid for a minute.
pub(crate) fn submission(id: u64, kind: Kind) -> Box<Submission> {
    let now = Instant::now();
    Box::new(Submission {
        id: MessageId::from_u64(id),
        to: PhoneNumber::parse("15550100100").unwrap(),
        kind,
        text: "text".into(),
        sender: None,
        flash: None,
        overwrite: Overwrite::AsSet,
        valid_until: now + Duration::from_secs(60),
        answer_by: now,
        is_test: false,
        routing: Routing::new(VsId::ROOT, VsId::ROOT, 1, now, i64::MAX),
    })
}

/// The wall clock when a test begins.
pub(crate) const START_MS: i64 = 1_800_000_000_000;

/// The engine with the root's gateways, which are scripted, on a store in memory, under a clock that tests hold.
pub(crate) struct Bench {
    pub(crate) dispatch: Dispatch,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) plugin: ScriptedPlugin,
}

impl Bench {
    /// Gateways with these keys, primary first.
    pub(crate) async fn with(keys: &[&str]) -> Self {
        let bench = Self::stopped(keys, Arc::default(), Limits::default()).await;
        bench.dispatch.engine.run().await.unwrap();
        bench
    }

    /// The same, with nothing running yet.
    pub(crate) async fn stopped(keys: &[&str], store: Arc<MemoryStore>, limits: Limits) -> Self {
        let root = VirtualServer { id: VsId::ROOT, parent: None, name: String::new(), created_ms: 0 };
        *store.directory.lock().unwrap() = Directory { virtual_servers: vec![root], ..Directory::default() };
        let plugin = ScriptedPlugin::default();
        let parts = Parts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            sealer: Sealer::new(&[7; 32]).unwrap(),
            plugins: Plugins::new(vec![Arc::new(plugin.clone())]),
            environment: Environment::default(),
            limits,
            metrics: Arc::default(),
        };
        let engine = Engine::open(parts, Clock::held(START_MS)).await.unwrap();
        let bench = Self { dispatch: Dispatch { engine }, store, plugin };
        bench.set(keys, OnUncertain::Failover).await;
        bench
    }

    /// Ends this engine, and begins another one on the same store with the same gateways.
    pub(crate) async fn again(bench: &Self, limits: Limits) -> Self {
        bench.dispatch.shutdown().await;
        let store = Arc::clone(&bench.store);
        let plugin = bench.plugin.clone();
        let parts = Parts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            sealer: Sealer::new(&[7; 32]).unwrap(),
            plugins: Plugins::new(vec![Arc::new(plugin.clone())]),
            environment: Environment::default(),
            limits,
            metrics: Arc::default(),
        };
        let engine = Engine::open(parts, bench.dispatch.engine.clock).await.unwrap();
        let bench = Self { dispatch: Dispatch { engine }, store, plugin };
        bench.dispatch.engine.run().await.unwrap();
        bench
    }

    /// Puts the root's gateways.
    pub(crate) async fn set(&self, keys: &[&str], on_uncertain: OnUncertain) {
        self.set_as(keys, Settings { on_uncertain, ..Settings::default() }).await;
    }

    /// The same with other settings.
    pub(crate) async fn set_as(&self, keys: &[&str], settings: Settings) {
        let engine = &self.dispatch.engine;
        let settings = Settings { mode: Mode::Custom, ..settings };
        let gateway = |key: &&str| {
            let id = GatewayId(u32::from(key.as_bytes()[0]));
            let valid = engine.plugins.check("scripted", &json!({"key": key})).unwrap();
            let sealed_settings = engine.seal_settings(id, &valid);
            NewGateway { id, name: (*key).to_owned(), plugin: "scripted".into(), sealed_settings }
        };
        let gateways = keys.iter().map(gateway).collect();
        let change = Change::PutSmsSettings {
            vs: VsId::ROOT,
            settings: settings.to_record(),
            gateways,
            difference: Difference::default(),
        };
        engine.change("test", |_| Ok((vec![change], ()))).await.unwrap();
    }

    pub(crate) fn script(&self, key: &str) -> Arc<Script> {
        self.plugin.script(key)
    }

    /// Accepts one message of this kind.
    pub(crate) async fn accept(&self, kind: Kind) -> MessageId {
        self.accept_as(Request { kind: Some(kind), ..request() }).await
    }

    pub(crate) async fn accept_as(&self, request: Request) -> MessageId {
        let mut answers = self.dispatch.accept(VsId::ROOT, vec![request]).await;
        answers.remove(0).unwrap().id
    }

    /// Lets everything happen that happens without time passing.
    pub(crate) async fn settle(&self) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn state(&self, id: MessageId) -> MessageState {
        self.store.messages.lock().unwrap()[&id].state
    }
}

/// A message that can be sent.
pub(crate) fn request() -> Request {
    Request { to: "15550100100".into(), text: "hello".into(), ..Request::default() }
}
