//! What survives: one trait of whole operations, each one transaction, and the stores behind it.
//!
//! Nothing else writes SQL. This room knows `sms` and nobody above it: it keeps what dispatch decided, and decides by
//! itself only what must be decided inside the transaction (credits, idempotency).

mod audit;
mod directory;
mod error;
mod events;
mod figures;
mod message;
mod seal;
mod sqlite;
mod store;
mod user;
mod webhook;

pub use audit::{AuditCheck, AuditEntry, AuditFilter, AuditNote, AuditPage, AuditPoint, Difference};
pub use directory::{
    Allocation, ApiKeyRecord, Change, Credits, Directory, GatewayRecord, LedgerEntry, NewApiKey, NewGateway,
    Role, SmsSettings, VirtualServer,
};
pub use error::StoreError;
pub use figures::{Figures, FiguresQuestion, Histogram, KeptFigures, Resolution, Tally};
pub use message::{
    Accepted, Event, Filter, Finished, Idempotency, InboundRecord, Matched, NewMessage, Page, ReceiptRecord,
    StoredMessage, Transition,
};
pub use seal::{Purpose, SealError, Sealer};
pub use sqlite::{Observer, SqliteOptions, SqliteStore};
pub use store::{Answer, CommitStats, Store};
pub use user::{External, Invitation, NewSession, NewUser, SessionId, SessionRecord, UserRecord, UserRole};
pub use webhook::{
    EventEntry, EventState, OwedEvent, TriedEvent, WebhookBell, WebhookKind, WebhookKinds, WebhookRecord,
    WebhookStatus,
};
