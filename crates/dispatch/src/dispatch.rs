//! The room's front: everything the API, the console and the command line can ask for.

use crate::words::*;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use textgate_gateway::{Environment, Plugins};
use textgate_sms::{MessageId, MessageState, VsId};
use textgate_store::{Allocation, AuditEntry, CommitStats, Filter, LedgerEntry, Role, Sealer, Store};
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
pub struct Dispatch {}

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
    /// Kinds of gateways.
    pub fn plugins(&self) -> &Plugins {
        todo!()
    }

    /// The caller whose API key has this secret. Constant in time but for the lookup of a SHA-256.
    pub fn authenticate(&self, secret: &str) -> Option<Caller> {
        todo!()
    }
    /// The virtual server of this path (`acme/sales`, `/`), if it is `within` or below it.
    pub fn find(&self, within: VsId, path: &str) -> Option<VsId> {
        todo!()
    }
    /// Whether `vs` is `within` or below it.
    pub fn is_within(&self, vs: VsId, within: VsId) -> bool {
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
    /// One message with its text (while it is kept), attempts and receipts.
    pub async fn message(&self, vs: VsId, id: MessageId) -> Result<MessageView, DirectoryError> {
        todo!()
    }
    /// A page of messages, the newest first.
    pub async fn messages(
        &self,
        vs: VsId,
        filter: Filter,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<MessagePage, DirectoryError> {
        todo!()
    }

    pub async fn settings(&self, vs: VsId) -> Result<SettingsView, DirectoryError> {
        todo!()
    }
    pub async fn put_settings(
        &self,
        actor: &str,
        vs: VsId,
        input: SettingsInput,
    ) -> Result<SettingsView, DirectoryError> {
        todo!()
    }
    /// Sends a test message to this number, or to the settings' SMS Mobile Number.
    pub async fn send_test(&self, vs: VsId, number: Option<String>) -> Result<Taken, Refusal> {
        todo!()
    }

    pub fn virtual_server(&self, vs: VsId) -> Result<VirtualServerView, DirectoryError> {
        todo!()
    }
    /// This virtual server and all below it.
    pub async fn virtual_servers(&self, within: VsId) -> Result<Vec<VirtualServerView>, DirectoryError> {
        todo!()
    }
    pub async fn add_virtual_server(
        &self,
        actor: &str,
        parent: VsId,
        name: &str,
    ) -> Result<VirtualServerView, DirectoryError> {
        todo!()
    }
    pub async fn rename_virtual_server(
        &self,
        actor: &str,
        vs: VsId,
        name: &str,
    ) -> Result<VirtualServerView, DirectoryError> {
        todo!()
    }
    pub async fn remove_virtual_server(&self, actor: &str, vs: VsId) -> Result<(), DirectoryError> {
        todo!()
    }

    pub async fn credits(&self, vs: VsId) -> Result<CreditsView, DirectoryError> {
        todo!()
    }
    pub async fn allocate(
        &self,
        actor: &str,
        vs: VsId,
        allocation: Allocation,
        note: &str,
    ) -> Result<CreditsView, DirectoryError> {
        todo!()
    }
    pub async fn ledger(&self, vs: VsId, limit: usize) -> Result<Vec<LedgerEntry>, DirectoryError> {
        todo!()
    }
    pub async fn audit(&self, limit: usize) -> Result<Vec<AuditEntry>, DirectoryError> {
        todo!()
    }

    pub fn api_keys(&self, vs: VsId) -> Vec<ApiKeyView> {
        todo!()
    }
    /// Adds or replaces a key; answers the secret, which is told only now (`None` in: generated).
    pub async fn put_api_key(
        &self,
        actor: &str,
        vs: VsId,
        name: &str,
        secret: Option<String>,
        role: Role,
        rate: Option<u32>,
    ) -> Result<String, DirectoryError> {
        todo!()
    }
    pub async fn remove_api_key(&self, actor: &str, vs: VsId, name: &str) -> Result<(), DirectoryError> {
        todo!()
    }

    /// Brings virtual servers, settings, keys and allocations to what the manifest says, all or nothing. With `dry_run` only says what would change.
    pub async fn apply(
        &self,
        actor: &str,
        manifest: Manifest,
        dry_run: bool,
    ) -> Result<Applied, DirectoryError> {
        todo!()
    }
    /// Writes a copy of the store.
    pub async fn backup(&self, to: PathBuf) -> Result<(), DirectoryError> {
        todo!()
    }
}

impl crate::Metrics {
    /// The observer to open the store with.
    pub fn on_commit(&self, stats: CommitStats) {
        let _ = stats;
    }
}
