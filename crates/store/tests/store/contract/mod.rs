//! What every store must do, one function per sentence, whatever stands behind the trait.

pub mod accepting;
pub mod auditing;
pub mod directory;
pub mod figures;
pub mod files;
pub mod lists;
pub mod outcomes;
pub mod people;
pub mod receipts;
pub mod retention;
pub mod webhooks;

use smallvec::{SmallVec, smallvec};
use std::path::Path;
use std::sync::Arc;
use textgate_sms::*;
use textgate_store::*;

/// Where a contract test gets its stores.
pub trait Stores: Sync {
    /// Opens the store; after [`Store::close`], again with the same data.
    fn open(&self) -> Arc<dyn Store>;
    /// A folder for backups.
    fn folder(&self) -> &Path;
    /// Opens a backup.
    fn open_backup(&self, path: &Path) -> Arc<dyn Store>;
}

/// Closes the store and opens it again: what is still there is on disk.
pub async fn reopen(stores: &impl Stores, store: Arc<dyn Store>) -> Arc<dyn Store> {
    store.close().await.unwrap();
    drop(store);
    stores.open()
}

/// A moment, in milliseconds of Unix time.
pub const T: i64 = 1_800_000_000_000;
pub const VS: VsId = VsId(2);
pub const GATEWAY: GatewayId = GatewayId(1);

/// The `n`th id of a test: accepted at `T + n` ms.
pub fn id(n: u64) -> MessageId {
    MessageId::from_u64(MessageId::first_at(T).as_u64() + (n << 21))
}

pub fn number(n: u64) -> PhoneNumber {
    PhoneNumber::from_u64(15_550_100_000 + n).unwrap()
}

/// A message of one segment that nobody pays for.
pub fn message(n: u64) -> NewMessage {
    NewMessage {
        id: id(n),
        vs: VS,
        to: number(n),
        kind: Kind::Otp,
        sealed_text: format!("sealed text of message {n:06}").into_bytes(),
        sender: Some("Acme".into()),
        flash: Some(true),
        overwrite: Some(3),
        reference: Some(format!("reference {n}").into()),
        segments: 1,
        encoding: "gsm7".into(),
        due_ms: None,
        expires_ms: T + 300_000,
        idempotency: None,
        payers: smallvec![],
        resend_of: None,
    }
}

pub fn transition(to: MessageState) -> Transition {
    Transition { to, at_ms: T + 50, reason: "a reason".into(), erase_text: false, refund: false }
}

/// An attempt that was taken, under these ids, and the change to `sent`.
pub fn sent(n: u64, ids: &[&str]) -> Finished {
    let ids: SmallVec<[Box<str>; 1]> = ids.iter().map(|id| Box::from(*id)).collect();
    Finished {
        id: id(n),
        attempt: Some(attempt(OutcomeClass::Sent, &ids)),
        receipt_ids: ids,
        transition: Some(transition(MessageState::Sent)),
    }
}

pub fn attempt(class: OutcomeClass, ids: &[Box<str>]) -> Event {
    Event::Attempt {
        at_ms: T + 40,
        took_ms: 9,
        gateway: GATEWAY,
        class,
        detail: "ESME_ROK".into(),
        provider_ids: ids.iter().cloned().collect(),
    }
}

/// Only a change of state.
pub fn moved(n: u64, transition: Transition) -> Finished {
    Finished { id: id(n), attempt: None, receipt_ids: smallvec![], transition: Some(transition) }
}

pub fn receipt(candidates: &[&str], state: ReceiptState) -> ReceiptRecord {
    ReceiptRecord {
        gateway: GATEWAY,
        candidates: candidates.iter().map(|id| Box::from(*id)).collect(),
        number: None,
        state,
        error: None,
        at_ms: T + 60,
    }
}

pub async fn accept_one(store: &Arc<dyn Store>, message: NewMessage) -> Accepted {
    store.accept(vec![message]).await.unwrap().remove(0)
}

pub async fn read(store: &Arc<dyn Store>, n: u64) -> StoredMessage {
    store.message(VS, id(n)).await.unwrap().unwrap()
}

pub async fn state(store: &Arc<dyn Store>, n: u64) -> MessageState {
    read(store, n).await.state
}

/// Makes virtual server 2 below the root, and 3 below that.
pub async fn tenants(store: &Arc<dyn Store>) {
    let changes = vec![
        Change::AddVirtualServer { id: VsId(2), parent: VsId::ROOT, name: "acme".into() },
        Change::AddVirtualServer { id: VsId(3), parent: VsId(2), name: "sales".into() },
    ];
    store.change("test".into(), T, changes).await.unwrap();
}

pub async fn allocate(store: &Arc<dyn Store>, vs: VsId, total: u64) {
    let change = Change::Allocate { vs, allocation: Allocation::Total(total), note: "test".into() };
    store.change("test".into(), T, vec![change]).await.unwrap();
}

/// The newest entries of the audit log.
pub async fn audit(store: &Arc<dyn Store>, limit: usize) -> Vec<AuditEntry> {
    store.audit(AuditFilter::default(), None, limit).await.unwrap().entries
}
