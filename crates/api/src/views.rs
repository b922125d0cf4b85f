//! What the API shows, as structs of its own, each with the description its schema comes from. A change of the engine's types
//! does not change the API by accident.

use crate::shape::{Object, Shape, optional, required};
use crate::time::Shown;
use serde::Serialize;
use serde_json::Value;
use textgate_dispatch::{
    ApiKeyView, AttemptView, CreditsView, MessagePage, MessageView, ReceiptView, StateView, Taken,
};
use textgate_sms::{Kind, MessageState, OutcomeClass, ReceiptState, VsId};
use textgate_store::{AuditEntry, Difference, LedgerEntry, Role};

pub(crate) fn kinds() -> Vec<&'static str> {
    Kind::ALL.iter().map(|kind| kind.name()).collect()
}

pub(crate) fn states() -> Vec<&'static str> {
    MessageState::ALL.iter().map(|state| state.name()).collect()
}

pub(crate) fn outcomes() -> Vec<&'static str> {
    OutcomeClass::ALL.iter().map(|class| class.name()).collect()
}

fn receipt_states() -> Vec<&'static str> {
    ReceiptState::ALL.iter().map(|state| state.name()).collect()
}

pub(crate) fn roles() -> Vec<&'static str> {
    vec!["full", "send"]
}

pub(crate) const COUNT: Shape = Shape::Integer(0, i64::MAX);
pub(crate) const NAME: Shape = Shape::Text(64);
const LINE: Shape = Shape::Text(1024);

// === messages ===

/// A message that was accepted.
#[derive(Serialize)]
pub(crate) struct TakenShown<'a> {
    id: String,
    status: MessageState,
    segments: u8,
    encoding: &'a str,
}

pub(crate) static TAKEN: Object = Object {
    name: "AcceptedMessage",
    about: "A message that was accepted: it is on disk, and will be sent.",
    properties: &[
        required("id", Shape::Text(13), "Its id."),
        required(
            "status",
            Shape::OneOf(states),
            "`accepted` or `scheduled`; for a repeated request, where it stands by now.",
        ),
        required("segments", Shape::Integer(1, 255), "How many SMS it takes: what it costs in SMS credits."),
        required("encoding", NAME, "Its encoding."),
    ],
};

impl<'a> TakenShown<'a> {
    pub(crate) fn new(taken: &'a Taken) -> Self {
        Self {
            id: taken.id.to_string(),
            status: taken.state,
            segments: taken.segments,
            encoding: &taken.encoding,
        }
    }

    /// Where the message is to be found.
    pub(crate) fn location(&self) -> String {
        format!("/v1/messages/{}", self.id)
    }
}

/// A message.
#[derive(Serialize)]
pub(crate) struct MessageShown {
    id: String,
    status: MessageState,
    to: String,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    sender: Option<String>,
    reference: Option<String>,
    segments: u8,
    encoding: String,
    accepted_at: Shown,
    send_at: Option<Shown>,
    expires_at: Shown,
    changed_at: Shown,
    #[serde(skip_serializing_if = "Option::is_none")]
    resend_of: Option<String>,
    history: Vec<StateShown>,
    attempts: Vec<AttemptShown>,
    receipts: Vec<ReceiptShown>,
}

pub(crate) static MESSAGE: Object = Object {
    name: "Message",
    about: "A message, and what became of it.",
    properties: &[
        required("id", Shape::Text(13), "Its id."),
        required("status", Shape::OneOf(states), "Where it stands."),
        required("to", Shape::Text(15), "The number it goes to."),
        required("kind", Shape::OneOf(kinds), "What it is for."),
        optional(
            "text",
            Shape::Text(65_535),
            "The text, while it is kept; never in lists, and never a passcode's.",
        ),
        optional("sender", NAME, "The sender asked for."),
        optional("reference", Shape::Text(255), "The caller's own name for it."),
        required("segments", Shape::Integer(1, 255), "How many SMS it takes."),
        required("encoding", NAME, "Its encoding."),
        required("accepted_at", Shape::Time, "When it was accepted."),
        optional("send_at", Shape::Time, "When it is or was to be sent, where asked for."),
        required("expires_at", Shape::Time, "When its validity ends: nothing is sent after it."),
        required("changed_at", Shape::Time, "When its status last changed."),
        optional(
            "resend_of",
            Shape::Text(13),
            "The message that it repeats, where it was sent again on request.",
        ),
        required(
            "history",
            Shape::List(&Shape::Object(&STATE), 100_000),
            "Each change of status, oldest first.",
        ),
        required("attempts", Shape::List(&Shape::Object(&ATTEMPT), 100_000), "Each attempt, oldest first."),
        required("receipts", Shape::List(&Shape::Object(&RECEIPT), 100_000), "Each receipt, oldest first."),
    ],
};

/// A change of status.
#[derive(Serialize)]
struct StateShown {
    status: MessageState,
    at: Shown,
    reason: String,
}

static STATE: Object = Object {
    name: "StatusChange",
    about: "A change of a message's status.",
    properties: &[
        required("status", Shape::OneOf(states), "The new status."),
        required("at", Shape::Time, "When."),
        required("reason", LINE, "Why."),
    ],
};

/// One attempt.
#[derive(Serialize)]
struct AttemptShown {
    gateway: String,
    at: Shown,
    took_ms: u32,
    outcome: OutcomeClass,
    detail: String,
    provider_ids: Vec<String>,
}

static ATTEMPT: Object = Object {
    name: "Attempt",
    about: "One submission of a message to one gateway.",
    properties: &[
        required("gateway", NAME, "The gateway's name."),
        required("at", Shape::Time, "When."),
        required("took_ms", COUNT, "How long until the outcome was known (ms)."),
        required("outcome", Shape::OneOf(outcomes), "What it came to."),
        required("detail", LINE, "Why."),
        required("provider_ids", Shape::List(&LINE, 255), "The provider's ids for its segments."),
    ],
};

/// One receipt.
#[derive(Serialize)]
struct ReceiptShown {
    gateway: String,
    at: Shown,
    segment: u8,
    status: ReceiptState,
    error: Option<String>,
}

static RECEIPT: Object = Object {
    name: "Receipt",
    about: "What the provider reported later about one segment.",
    properties: &[
        required("gateway", NAME, "The gateway's name."),
        required("at", Shape::Time, "When it came."),
        required("segment", Shape::Integer(0, 255), "Which segment, from 1."),
        required("status", Shape::OneOf(receipt_states), "What it says."),
        optional("error", LINE, "The provider's error code."),
    ],
};

/// A page of messages.
#[derive(Serialize)]
pub(crate) struct PageShown {
    messages: Vec<MessageShown>,
    next: Option<String>,
}

pub(crate) static PAGE: Object = Object {
    name: "MessagePage",
    about: "A page of messages, the newest first.",
    properties: &[
        required(
            "messages",
            Shape::List(&Shape::Object(&MESSAGE), 200),
            "The messages, without their texts.",
        ),
        optional(
            "next",
            NAME,
            "Pass it as `cursor` for the next page; null at the end. A page may end before it is full, or hold nothing, where much \
             was looked at and little of it fits.",
        ),
    ],
};

impl From<MessageView> for MessageShown {
    fn from(view: MessageView) -> Self {
        Self {
            id: view.id,
            status: view.status,
            to: view.to,
            kind: view.kind,
            text: view.text,
            sender: view.sender,
            reference: view.reference,
            segments: view.segments,
            encoding: view.encoding,
            accepted_at: Shown(view.accepted_ms),
            send_at: view.send_at_ms.map(Shown),
            expires_at: Shown(view.expires_ms),
            changed_at: Shown(view.changed_ms),
            resend_of: view.resend_of,
            history: view.history.into_iter().map(Into::into).collect(),
            attempts: view.attempts.into_iter().map(Into::into).collect(),
            receipts: view.receipts.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<StateView> for StateShown {
    fn from(view: StateView) -> Self {
        Self { status: view.status, at: Shown(view.at_ms), reason: view.reason }
    }
}

impl From<AttemptView> for AttemptShown {
    fn from(view: AttemptView) -> Self {
        Self {
            gateway: view.gateway,
            at: Shown(view.at_ms),
            took_ms: view.took_ms,
            outcome: view.outcome,
            detail: view.detail,
            provider_ids: view.provider_ids,
        }
    }
}

impl From<ReceiptView> for ReceiptShown {
    fn from(view: ReceiptView) -> Self {
        Self {
            gateway: view.gateway,
            at: Shown(view.at_ms),
            segment: view.segment,
            status: view.status,
            error: view.error,
        }
    }
}

impl From<MessagePage> for PageShown {
    fn from(page: MessagePage) -> Self {
        Self { messages: page.messages.into_iter().map(Into::into).collect(), next: page.next }
    }
}

// === credits, keys, audit ===

pub(crate) static CREDITS: Object = Object {
    name: "Allocation",
    about: "SMS credits: one is one segment.",
    properties: &[
        required("allocated", COUNT, "Given by the parent, in all."),
        required("used", COUNT, "Spent."),
        required("remaining", COUNT, "Left."),
    ],
};

/// `CreditsView` under a name of the API's own.
#[derive(Serialize)]
pub(crate) struct CreditsShown {
    allocated: u64,
    used: u64,
    remaining: u64,
}

impl From<CreditsView> for CreditsShown {
    fn from(view: CreditsView) -> Self {
        Self { allocated: view.allocated, used: view.used, remaining: view.remaining }
    }
}

/// One allocation.
#[derive(Serialize)]
pub(crate) struct LedgerShown {
    at: Shown,
    actor: String,
    change: i64,
    allocated: u64,
    note: String,
}

pub(crate) static LEDGER_ENTRY: Object = Object {
    name: "AllocationEntry",
    about: "One allocation of SMS credits.",
    properties: &[
        required("at", Shape::Time, "When."),
        required("actor", LINE, "Who."),
        required("change", Shape::Integer(i64::MIN, i64::MAX), "By how much the allocation changed."),
        required("allocated", COUNT, "The allocation afterwards."),
        required("note", LINE, "The remark."),
    ],
};

impl From<LedgerEntry> for LedgerShown {
    fn from(entry: LedgerEntry) -> Self {
        Self {
            at: Shown(entry.at_ms),
            actor: entry.actor,
            change: entry.change,
            allocated: entry.allocated,
            note: entry.note,
        }
    }
}

/// An API key.
#[derive(Serialize)]
pub(crate) struct ApiKeyShown {
    name: String,
    role: Role,
    rate: Option<u32>,
    created_at: Shown,
}

pub(crate) static API_KEY: Object = Object {
    name: "ApiKey",
    about: "An API key; its secret is told only when it is made.",
    properties: &[
        required("name", NAME, "Its name."),
        required(
            "role",
            Shape::OneOf(roles),
            "`full`: everything its virtual server can; `send`: send messages and read them.",
        ),
        optional("rate", Shape::Integer(1, u32::MAX as i64), "Requests a second; null is unlimited."),
        required("created_at", Shape::Time, "When it was made."),
    ],
};

impl From<ApiKeyView> for ApiKeyShown {
    fn from(view: ApiKeyView) -> Self {
        Self { name: view.name, role: view.role, rate: view.rate, created_at: Shown(view.created_ms) }
    }
}

/// One entry of the audit log.
#[derive(Serialize)]
pub(crate) struct AuditShown {
    id: u64,
    at: Shown,
    actor: String,
    virtual_server: VsId,
    action: String,
    before: Value,
    after: Value,
    hash: String,
}

pub(crate) static AUDIT_ENTRY: Object = Object {
    name: "AuditEntry",
    about: "Something that was done, and by whom.",
    properties: &[
        required("id", COUNT, "Its number: 1, 2, 3, without gaps."),
        required("at", Shape::Time, "When."),
        required("actor", LINE, "Who: `user NAME`, `key PATH/NAME`, `control` for the command line."),
        required("virtual_server", COUNT, "On which virtual server (its id)."),
        required("action", LINE, "What was done."),
        optional(
            "before",
            Shape::Any,
            "What was other before, by its name; null where nothing was there. Secrets are `set` or `not set`.",
        ),
        optional("after", Shape::Any, "The same afterwards. A secret that was replaced is `changed`."),
        required(
            "hash",
            Shape::Text(64),
            "SHA-256 over the hash of the entry before and this entry's content.",
        ),
    ],
};

/// Octets as hexadecimal digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

impl From<AuditEntry> for AuditShown {
    fn from(entry: AuditEntry) -> Self {
        let Difference { before, after } = entry.difference;
        Self {
            id: entry.id,
            at: Shown(entry.at_ms),
            actor: entry.actor,
            virtual_server: entry.vs,
            action: entry.action,
            before,
            after,
            hash: hex(&entry.hash),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(value: &impl Serialize, object: &Object) {
        let mut problems = Vec::new();
        object.check(&serde_json::to_value(value).unwrap(), "", &mut problems);
        assert_eq!(problems, [], "{}", object.name);
    }

    fn message() -> MessageView {
        MessageView {
            id: "0000000000000".into(),
            status: MessageState::Delivered,
            to: "15550100100".into(),
            kind: Kind::Otp,
            text: Some("x".into()),
            sender: None,
            reference: Some("r".into()),
            segments: 1,
            encoding: "gsm7".into(),
            accepted_ms: 1,
            send_at_ms: Some(2),
            expires_ms: 3,
            changed_ms: 4,
            resend_of: Some("0000000000001".into()),
            history: vec![StateView { status: MessageState::Sent, at_ms: 5, reason: "r".into() }],
            attempts: vec![AttemptView {
                gateway: "main".into(),
                at_ms: 6,
                took_ms: 7,
                outcome: OutcomeClass::Sent,
                detail: "ok".into(),
                provider_ids: vec!["a".into()],
            }],
            receipts: vec![ReceiptView {
                gateway: "main".into(),
                at_ms: 8,
                segment: 1,
                status: ReceiptState::Delivered,
                error: None,
            }],
        }
    }

    #[test]
    fn what_is_shown_is_what_is_described() {
        let page = MessagePage { messages: vec![message()], next: None };
        fits(&PageShown::from(page), &PAGE);
        fits(&MessageShown::from(message()), &MESSAGE);
        fits(&CreditsShown::from(CreditsView { allocated: 3, used: 1, remaining: 2 }), &CREDITS);
        let entry =
            LedgerEntry { at_ms: 0, actor: "a".into(), change: -1, allocated: 2, note: String::new() };
        fits(&LedgerShown::from(entry), &LEDGER_ENTRY);
        let key = ApiKeyView { name: "app".into(), role: Role::Send, rate: Some(1), created_ms: 0 };
        fits(&ApiKeyShown::from(key), &API_KEY);
        let difference = Difference { before: Value::Null, after: serde_json::json!({"a": 1}) };
        let (actor, action) = ("a".into(), "x".into());
        let entry = AuditEntry { id: 1, at_ms: 0, actor, vs: VsId(1), action, difference, hash: [7; 32] };
        fits(&AuditShown::from(entry), &AUDIT_ENTRY);
    }

    #[test]
    fn times_are_shown_as_rfc_3339() {
        let json = serde_json::to_value(MessageShown::from(message())).unwrap();
        assert_eq!(json["accepted_at"], "1970-01-01T00:00:00.001Z");
        assert_eq!(json["history"][0]["at"], "1970-01-01T00:00:00.005Z");
        assert!(!json.to_string().contains("_ms\":1"), "no field is in Unix milliseconds");
    }
}
