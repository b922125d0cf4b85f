//! What the front answers about the directory and about messages: one file for each subject.

use crate::dispatch::Dispatch;
use crate::words::*;
use std::path::PathBuf;
use textgate_gateway::Plugins;
use textgate_sms::{MessageId, VsId};
use textgate_store::{Allocation, AuditEntry, Filter, LedgerEntry, Role};

#[allow(unused_variables, clippy::todo, missing_docs)]
impl Dispatch {
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
