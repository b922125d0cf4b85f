//! Messages as a store keeps them.

use crate::PasscodeStep;
use smallvec::SmallVec;
use std::borrow::Cow;
use textgate_sms::{GatewayId, Kind, MessageId, MessageState, OutcomeClass, PhoneNumber, ReceiptState, VsId};

/// A message to be accepted. Everything that could refuse it has been decided, but for credits and idempotency.
#[derive(Clone)]
pub struct NewMessage {
    /// Its id, new.
    pub id: MessageId,
    /// Whose it is.
    pub vs: VsId,
    /// Where it goes.
    pub to: PhoneNumber,
    /// What it is for.
    pub kind: Kind,
    /// The text, sealed.
    pub sealed_text: Vec<u8>,
    /// The sender the caller asked for.
    pub sender: Option<Box<str>>,
    /// Flash as asked for.
    pub flash: Option<bool>,
    /// Overwrite as asked for: 0 is off, 1 to 7 the type.
    pub overwrite: Option<u8>,
    /// The caller's own name for it.
    pub reference: Option<Box<str>>,
    /// Segments, as the first gateway would send it: what it costs.
    pub segments: u8,
    /// The encoding's name.
    pub encoding: Cow<'static, str>,
    /// When it is to be sent, in milliseconds of Unix time; then it starts as `scheduled`.
    pub due_ms: Option<i64>,
    /// When its validity ends, in milliseconds of Unix time.
    pub expires_ms: i64,
    /// The caller's protection against sending twice.
    pub idempotency: Option<Idempotency>,
    /// The virtual servers that each pay `segments` credits: all of them, or the message is refused.
    pub payers: SmallVec<[VsId; 2]>,
    /// The message that it repeats on somebody's request.
    pub resend_of: Option<MessageId>,
    /// It carries the code of a passcode, which is made or changed in the same transaction: none without the other.
    pub passcode: Option<Box<PasscodeStep>>,
}

/// An Idempotency-Key, hashed together with its virtual server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idempotency {
    /// Hash of virtual server and key.
    pub key: [u8; 16],
    /// Keyed hash of the request, so that one key cannot stand for two requests.
    pub request: [u8; 16],
}

/// What became of one message in an `accept`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is on disk.
    New,
    /// The same request under the same key was accepted before: this is that message. Nothing was charged.
    Duplicate {
        /// Its id.
        id: MessageId,
        /// Where it stands.
        state: MessageState,
        /// Its segments.
        segments: u8,
        /// Its encoding.
        encoding: String,
    },
    /// The key was used for another request.
    IdempotencyConflict,
    /// A payer has too few credits. Nothing was written or charged.
    NoCredits {
        /// Which one.
        payer: VsId,
        /// What it has left.
        remaining: u64,
    },
    /// Its passcode may not be sent again: it is not pending, its time is over, or its pause is not. Nothing was written or
    /// charged.
    NotAgain,
}

/// One attempt, and what follows from it, to be recorded.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The message.
    pub id: MessageId,
    /// The attempt; `None` where the state changes without one (expired, cancelled at shutdown).
    pub attempt: Option<Event>,
    /// For each segment taken, the canonical id under which receipts will come; empty where none will.
    pub receipt_ids: SmallVec<[Box<str>; 1]>,
    /// The new state, where it changes.
    pub transition: Option<Transition>,
}

/// A change of state.
#[derive(Debug, Clone)]
pub struct Transition {
    /// The new state.
    pub to: MessageState,
    /// When, in milliseconds of Unix time.
    pub at_ms: i64,
    /// Why, for people: never a text or a whole number.
    pub reason: Cow<'static, str>,
    /// Erase the text in the same transaction.
    pub erase_text: bool,
    /// Give the credits back to those who were charged.
    pub refund: bool,
}

/// One entry of a message's time line.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The state changed.
    State {
        /// When (Unix time, ms).
        at_ms: i64,
        /// To what.
        to: MessageState,
        /// Why.
        reason: Cow<'static, str>,
    },
    /// It was submitted to a gateway.
    Attempt {
        /// When the gateway took it from its lane (Unix time, ms).
        at_ms: i64,
        /// How long until the outcome was known (ms).
        took_ms: u32,
        /// To which gateway.
        gateway: GatewayId,
        /// What it came to.
        class: OutcomeClass,
        /// Why.
        detail: Cow<'static, str>,
        /// The provider's ids, as it wrote them.
        provider_ids: SmallVec<[Box<str>; 1]>,
    },
    /// A receipt came.
    Receipt {
        /// When (Unix time, ms).
        at_ms: i64,
        /// From which gateway.
        gateway: GatewayId,
        /// For which segment, from 0.
        segment: u8,
        /// What it says.
        state: ReceiptState,
        /// The provider's error code.
        error: Option<Box<str>>,
    },
}

/// A receipt to be matched and recorded.
#[derive(Debug, Clone)]
pub struct ReceiptRecord {
    /// The gateway it came from.
    pub gateway: GatewayId,
    /// Canonical ids it may mean, the likeliest first.
    pub candidates: SmallVec<[Box<str>; 2]>,
    /// The phone it names: decides between candidates.
    pub number: Option<PhoneNumber>,
    /// What it says.
    pub state: ReceiptState,
    /// The provider's error code.
    pub error: Option<Box<str>>,
    /// When it came (Unix time, ms).
    pub at_ms: i64,
}

/// What a receipt did: told to whoever listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The message.
    pub id: MessageId,
    /// Whose it is.
    pub vs: VsId,
    /// Where it went.
    pub to: Option<PhoneNumber>,
    /// The gateway that the receipt came from.
    pub gateway: GatewayId,
    /// Its state changed to this.
    pub changed_to: Option<MessageState>,
    /// How long after it was sent (ms); `None` where its state did not change, or the receipt was there before.
    pub since_sent_ms: Option<u64>,
}

/// A message as it stands.
#[derive(Clone)]
pub struct StoredMessage {
    /// Its id.
    pub id: MessageId,
    /// Whose it is.
    pub vs: VsId,
    /// Where it goes.
    pub to: PhoneNumber,
    /// What it is for.
    pub kind: Kind,
    /// Where it stands.
    pub state: MessageState,
    /// The sealed text; `None` once erased.
    pub sealed_text: Option<Vec<u8>>,
    /// The sender asked for.
    pub sender: Option<Box<str>>,
    /// Flash as asked for.
    pub flash: Option<bool>,
    /// Overwrite as asked for: 0 is off, 1 to 7 the type.
    pub overwrite: Option<u8>,
    /// The caller's own name for it.
    pub reference: Option<Box<str>>,
    /// Segments.
    pub segments: u8,
    /// The encoding's name.
    pub encoding: String,
    /// When it was or is to be sent.
    pub due_ms: Option<i64>,
    /// When its validity ends.
    pub expires_ms: i64,
    /// When the state last changed.
    pub changed_ms: i64,
    /// The virtual servers that were charged for it.
    pub payers: SmallVec<[VsId; 2]>,
    /// The message that it repeats on somebody's request.
    pub resend_of: Option<MessageId>,
    /// The time line: attempts, receipts and changes after acceptance, oldest first.
    pub events: Vec<Event>,
}

/// Which messages a list shows. All that is set must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only in this state.
    pub state: Option<MessageState>,
    /// Only to this number.
    pub to: Option<PhoneNumber>,
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Only with an attempt at this gateway.
    pub gateway: Option<GatewayId>,
    /// Only with this reference.
    pub reference: Option<String>,
    /// Accepted at or after (Unix time, ms).
    pub since_ms: Option<i64>,
    /// Accepted before (Unix time, ms).
    pub until_ms: Option<i64>,
}

/// One page of a list, the newest first.
#[derive(Clone)]
pub struct Page {
    /// The messages.
    pub messages: Vec<StoredMessage>,
    /// Where the next page begins (messages older than this); `None` at the end. A page may end before it is full, or with
    /// nothing on it, where much was looked at and little of it fits.
    pub next: Option<MessageId>,
}
