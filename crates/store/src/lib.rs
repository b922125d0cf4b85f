//! What survives: one trait of whole operations, each one transaction, and the stores behind it.
//!
//! Nothing else writes SQL. This room knows `sms` and nobody above it: it keeps what dispatch decided, and decides by
//! itself only what must be decided inside the transaction (credits, idempotency).

mod alert;
mod audit;
mod awaiting;
mod changes;
mod directory;
mod error;
mod events;
mod figures;
mod guard;
mod keys;
mod message;
mod passcode;
mod postgres;
mod queue;
mod rules;
mod seal;
mod sealed;
mod sqlite;
mod standing;
mod store;
mod user;
mod webhook;

pub use alert::{AlertEntry, AlertEntryKind, AlertNotice, AlertRecord, AlertStep, NewAlert};
pub use audit::{AuditCheck, AuditEntry, AuditFilter, AuditNote, AuditPage, AuditPoint, Difference};
pub use directory::{
    Allocation, ApiKeyRecord, Change, Credits, Directory, GatewayRecord, LedgerEntry, NewApiKey, NewGateway,
    OtpTemplate, Role, SmsSettings, VirtualServer,
};
pub use error::StoreError;
pub use figures::{Figures, FiguresQuestion, Histogram, KeptFigures, Resolution, Tally};
pub use guard::GuardBlock;
pub use keys::{KeyFile, Keys, KeysError, MOST_KEYS, Octets, SealingKey};
pub use message::{
    Accepted, Event, Filter, Finished, Idempotency, InboundRecord, Matched, NewMessage, Page, ReceiptRecord,
    StoredMessage, Transition,
};
pub use passcode::{
    Again, NewPasscode, PasscodeAgain, PasscodeCheck, PasscodeChecked, PasscodeFilter, PasscodePage,
    PasscodeRecord, PasscodeStep,
};
pub use postgres::{Copied, CopyProgress, Database, Found, Migrated, PostgresOptions, PostgresStore};
pub use seal::{Held, Purpose, SealError, Sealer, Superseded, key_of};
pub use sealed::{Resealed, Sealed, SealedPage, SealedPlace};
pub use sqlite::{SqliteOptions, SqliteStore};
pub use store::{Answer, CommitStats, Notice, Observer, Store};
pub use user::{External, Invitation, NewSession, NewUser, SessionId, SessionRecord, UserRecord, UserRole};
pub use webhook::{
    EventEntry, EventState, Owed, OwedEvent, TriedEvent, WebhookBell, WebhookKind, WebhookKinds,
    WebhookRecord, WebhookStatus, first_event_at,
};
