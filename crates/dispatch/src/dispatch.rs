//! The room's front: everything the API, the console and the command line can ask for.

use crate::engine::Engine;
use crate::words::*;
use std::sync::Arc;
use std::time::Duration;
use textgate_gateway::{Environment, Plugins};
use textgate_sms::{MessageId, MessageState, VsId};
use textgate_store::{CommitStats, Sealer, Store};
use tokio::sync::broadcast;

/// What a dispatch is made of.
pub struct Parts {
    /// Where messages survive.
    pub store: Arc<dyn Store>,
    /// The key file's key.
    pub sealer: Sealer,
    /// Kinds of gateways.
    pub plugins: Plugins,
    /// What gateways may reach.
    pub environment: Environment,
    /// Bounds.
    pub limits: Limits,
    /// Commit latencies, as the store's observer gives them, go into the metrics.
    pub metrics: Arc<crate::Metrics>,
}

/// Bounds of the whole program.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Most messages waiting in memory; beyond it new ones are refused for a while.
    pub waiting: usize,
    /// How long history is kept (days).
    pub history_days: u32,
    /// How long texts other than passcodes are kept after they are finished (days); 0 erases them when sent, as passcodes always are.
    pub text_days: u32,
    /// How long open windows may drain on shutdown or when a gateway's settings change.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { waiting: 250_000, history_days: 90, text_days: 30, drain: Duration::from_secs(5) }
    }
}

/// Why a dispatch did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] textgate_store::StoreError),
    /// The key file does not belong to the store.
    #[error(
        "the gateway settings in the store cannot be decrypted: the key file is not the one they were written with; restore it from your backup"
    )]
    WrongKey,
}

/// The engine. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Dispatch {
    pub(crate) engine: Arc<Engine>,
}

#[allow(unused_variables, clippy::todo, missing_docs)]
impl Dispatch {
    /// Reads the store, starts the gateways, and sends what is unfinished.
    pub async fn start(parts: Parts) -> Result<Self, StartError> {
        todo!()
    }
    /// Stops accepting, drains the windows, records, and closes the store; at most about the drain bound.
    pub async fn shutdown(&self) {
        todo!()
    }
    /// Whether messages are accepted now; the reason if not. For `/readyz`.
    pub fn ready(&self) -> Result<(), String> {
        todo!()
    }
    /// Metrics in the Prometheus text format.
    pub fn render_metrics(&self) -> String {
        todo!()
    }
    /// What happens to messages from now on, for the demo and the console. Slow readers miss some.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Happening>> {
        todo!()
    }
    /// Accepts messages of one virtual server: each answered on its own, after it is on disk.
    pub async fn accept(&self, vs: VsId, requests: Vec<Request>) -> Vec<Result<Taken, Refusal>> {
        todo!()
    }
    /// Calls a message back: its state afterwards, and whether this call changed it.
    pub async fn cancel(&self, vs: VsId, id: MessageId) -> Result<(MessageState, bool), DirectoryError> {
        todo!()
    }
    /// Sends a test message to this number, or to the settings' SMS Mobile Number.
    pub async fn send_test(&self, vs: VsId, number: Option<String>) -> Result<Taken, Refusal> {
        todo!()
    }
}

impl crate::Metrics {
    /// The observer to open the store with.
    pub fn on_commit(&self, stats: CommitStats) {
        let _ = stats;
    }
}
