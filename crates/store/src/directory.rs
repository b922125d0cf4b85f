//! Everything that is not a message: virtual servers, their settings, gateways, keys, users and credits.

use crate::{AlertEntry, AlertEntryKind, Difference, NewUser, UserRecord, WebhookRecord};
use serde::{Deserialize, Serialize};
use textgate_sms::{GatewayId, VsId};

/// All of it, as it was after one change.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// Rises by one with each change.
    pub version: u64,
    /// The lowest number no virtual server ever had.
    pub next_vs: u32,
    /// The lowest number no gateway ever had.
    pub next_gateway: u32,
    /// The lowest number no user ever had.
    pub next_user: u32,
    /// The lowest number no webhook endpoint ever had.
    pub next_webhook: u32,
    /// All virtual servers; the root is always there.
    pub virtual_servers: Vec<VirtualServer>,
    /// Settings of those that have any.
    pub sms_settings: Vec<(VsId, SmsSettings)>,
    /// All gateways, by virtual server and position.
    pub gateways: Vec<GatewayRecord>,
    /// All API keys.
    pub api_keys: Vec<ApiKeyRecord>,
    /// All users, by number.
    pub users: Vec<UserRecord>,
    /// Settings of the passcode service, of those that have any; what they hold is dispatch's.
    pub otp_settings: Vec<(VsId, serde_json::Value)>,
    /// Templates of passcodes' texts, by virtual server, purpose and locale.
    pub otp_templates: Vec<OtpTemplate>,
    /// Rules of the fraud guard, as JSON that dispatch reads, of those that have any.
    pub guard_rules: Vec<(VsId, serde_json::Value)>,
    /// What is set for alerts, by virtual server, kind and name.
    pub alert_entries: Vec<AlertEntry>,
    /// All webhook endpoints, by number.
    pub webhooks: Vec<WebhookRecord>,
}

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualServer {
    /// Its number.
    pub id: VsId,
    /// Whose child it is; `None` for the root.
    pub parent: Option<VsId>,
    /// Its name among its siblings; empty for the root.
    pub name: String,
    /// When it was made (Unix time, ms).
    pub created_ms: i64,
}

/// SMS settings but for the gateways, which are records of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmsSettings {
    /// `true`: mode Custom, through its own gateways. `false`: mode Default, through the parent's.
    pub is_custom: bool,
    /// SMS Mobile Number, for Test send.
    pub test_number: Option<u64>,
    /// How long the primary may be silent (ms).
    pub failover_after_ms: u32,
    /// What dispatch keeps besides, as JSON (never a secret).
    pub more: serde_json::Value,
}

/// A configured gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayRecord {
    /// Its number, never used twice.
    pub id: GatewayId,
    /// Whose it is.
    pub vs: VsId,
    /// 0 is the primary, 1 the failover, and so on.
    pub position: u32,
    /// Its name, unique within the virtual server.
    pub name: String,
    /// Its plugin's name.
    pub plugin: String,
    /// Its settings, sealed.
    pub sealed_settings: Vec<u8>,
}

/// A template of passcodes' texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtpTemplate {
    /// Whose it is.
    pub vs: VsId,
    /// For which purpose.
    pub purpose: String,
    /// In which language, as a tag (`de`, `pt-BR`).
    pub locale: String,
    /// The text, with its variables.
    pub text: String,
}

/// What an API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything its virtual server can.
    Full,
    /// Send messages and read their state.
    Send,
}

/// An API key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// Its number.
    pub id: u32,
    /// Whose it is.
    pub vs: VsId,
    /// Its name, unique within the virtual server.
    pub name: String,
    /// SHA-256 of the secret (which is random and long, so a slow hash adds nothing).
    pub hash: [u8; 32],
    /// What it may do.
    pub role: Role,
    /// Requests a second; `None` is unlimited.
    pub rate: Option<u32>,
    /// When it was made (Unix time, ms).
    pub created_ms: i64,
}

/// One change of the directory. A virtual server is named by its id, or for one made in the same call by the id chosen for it.
#[derive(Clone)]
pub enum Change {
    /// A new virtual server under this id (chosen by the caller: the highest ever plus one, see [`Directory`]).
    AddVirtualServer {
        /// Its number; [`StoreError::Conflict`](crate::StoreError::Conflict) if taken or used before.
        id: VsId,
        /// Whose child.
        parent: VsId,
        /// Its name.
        name: String,
    },
    /// Another name.
    RenameVirtualServer {
        /// Which.
        id: VsId,
        /// The new name.
        name: String,
    },
    /// Removes a virtual server without children: its settings, gateways, templates, keys and users. Messages stay until pruned.
    RemoveVirtualServer {
        /// Which.
        id: VsId,
    },
    /// Puts settings and the whole list of gateways, in order. A gateway keeps its id by its name.
    PutSmsSettings {
        /// Whose.
        vs: VsId,
        /// The settings.
        settings: SmsSettings,
        /// The gateways, primary first.
        gateways: Vec<NewGateway>,
        /// What the audit log shows of it: settings are sealed for the store.
        difference: Difference,
    },
    /// Adds an API key, or replaces the one of this name.
    PutApiKey(NewApiKey),
    /// Removes an API key.
    RemoveApiKey {
        /// Whose.
        vs: VsId,
        /// Its name.
        name: String,
    },
    /// Adds a user, or puts the one of this number anew. Another password, role or virtual server ends all of its sessions.
    PutUser(NewUser),
    /// Removes a user and its sessions.
    RemoveUser {
        /// Which.
        id: u32,
    },
    /// Puts the passcode service's settings.
    PutOtpSettings {
        /// Whose.
        vs: VsId,
        /// The settings.
        settings: serde_json::Value,
    },
    /// Adds a template, or replaces the one of its purpose and locale.
    PutOtpTemplate(OtpTemplate),
    /// Removes a template.
    RemoveOtpTemplate {
        /// Whose.
        vs: VsId,
        /// Its purpose.
        purpose: String,
        /// Its locale.
        locale: String,
    },
    /// Puts a virtual server's rules for the fraud guard, or takes them away.
    PutGuardRules {
        /// Whose.
        vs: VsId,
        /// The rules as JSON (never a secret); `None`: none of its own.
        rules: Option<serde_json::Value>,
        /// What the audit log shows of it.
        difference: Difference,
    },
    /// Adds something that is set for alerts, or puts it in place of what has its name.
    PutAlertEntry {
        /// What.
        entry: AlertEntry,
        /// What the audit log shows of it: never a whole number.
        difference: Difference,
    },
    /// Removes it.
    RemoveAlertEntry {
        /// Whose.
        vs: VsId,
        /// What it is.
        kind: AlertEntryKind,
        /// Its name.
        name: String,
    },
    /// Adds a webhook endpoint, or puts the one of this number anew.
    PutWebhook(WebhookRecord),
    /// Removes a webhook endpoint and its events.
    RemoveWebhook {
        /// Which.
        id: u32,
    },
    /// Gives or takes credits.
    Allocate {
        /// To whom.
        vs: VsId,
        /// How many.
        allocation: Allocation,
        /// A remark for the ledger.
        note: String,
    },
}

/// A gateway to be put.
#[derive(Clone)]
pub struct NewGateway {
    /// Its number: the existing one of this name and virtual server, or a new one (higher than any used before).
    pub id: GatewayId,
    /// Its name.
    pub name: String,
    /// Its plugin's name.
    pub plugin: String,
    /// Its settings, sealed for this id.
    pub sealed_settings: Vec<u8>,
}

/// An API key to be put.
#[derive(Clone)]
pub struct NewApiKey {
    /// Whose.
    pub vs: VsId,
    /// Its name.
    pub name: String,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// What it may do.
    pub role: Role,
    /// Requests a second.
    pub rate: Option<u32>,
}

/// A change of an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocation {
    /// The total allocated from now on. Never below what is used.
    Total(u64),
    /// More, or less when negative. What remains never goes below zero.
    Add(i64),
}

/// A virtual server's SMS credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Credits {
    /// Given by the parent, in all.
    pub allocated: u64,
    /// Spent on segments.
    pub used: u64,
}

impl Credits {
    /// What is left.
    pub fn remaining(self) -> u64 {
        self.allocated.saturating_sub(self.used)
    }
}

/// One allocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerEntry {
    /// When (Unix time, ms).
    pub at_ms: i64,
    /// Who.
    pub actor: String,
    /// By how much the allocation changed.
    pub change: i64,
    /// The allocation afterwards.
    pub allocated: u64,
    /// The remark.
    pub note: String,
}
