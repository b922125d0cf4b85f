//! What goes into a gateway, and what comes out of it.

use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, Instant};
use textgate_sms::{GatewayId, Kind, MessageId, OutcomeClass, PhoneNumber, ReplaceType, VsId};

/// One message on its way to one gateway. Waits boxed in a lane, so moving it is moving a pointer.
pub struct Submission {
    /// The message's id.
    pub id: MessageId,
    /// Where it goes.
    pub to: PhoneNumber,
    /// What it is for.
    pub kind: Kind,
    /// The text as the caller gave it.
    pub text: Box<str>,
    /// The sender the caller asked for, instead of the gateway's own.
    pub sender: Option<Box<str>>,
    /// Flash as the caller asked for; `None`: as the gateway's settings say.
    pub flash: Option<bool>,
    /// Overwrite as the caller asked for.
    pub overwrite: Overwrite,
    /// Nothing leaves after this; the provider is told what remains of it.
    pub valid_until: Instant,
    /// The gateway hands the message back by then, as [`OutcomeClass::Uncertain`] where it was written and not
    /// answered, as [`OutcomeClass::Unavailable`] where it was not written.
    pub answer_by: Instant,
    /// Somebody sends it to see what happens: its outcome quotes the provider's answer.
    pub is_test: bool,
    /// The dispatcher's notes; a gateway carries them along and never looks.
    pub routing: Routing,
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the text, never the whole number.
        f.debug_struct("Submission").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// The dispatcher's notes on a message's way through its gateways.
#[derive(Debug, Clone)]
pub struct Routing {
    /// Whose message it is.
    pub vs: VsId,
    /// Whose gateways it uses: `vs` itself, or the ancestor that pays for the way in mode Default.
    pub gateways_of: VsId,
    /// The gateway it is with, or waits for.
    pub gateway: GatewayId,
    /// Gateways tried in this round, one bit for each position.
    pub tried: u8,
    /// Those of them that had it in hand; it left the others because they were slow.
    pub asked: u8,
    /// Which list of gateways these bits speak of.
    pub order: u16,
    /// Which gateway goes first, by its position.
    pub first: u8,
    /// Why that one, where it was chosen for this message; told with its first attempt.
    pub chosen: Option<Box<str>>,
    /// The dispatcher's tenure in which it came into memory.
    pub tenure: u32,
    /// How often all gateways were tried in vain.
    pub round: u16,
    /// How long the gateway it is with may be silent (ms).
    pub patience_ms: u32,
    /// It leaves in another message's request, and takes no place of its own in the window.
    pub is_along: bool,
    /// A gateway failed in this round in a way that may pass.
    pub is_worth_another_round: bool,
    /// So many gateways may have taken it without telling.
    pub uncertain: u8,
    /// Segments that gateways certainly or possibly took in earlier attempts; where there are any, credits stay spent.
    pub segments_sent: u8,
    /// Segments charged when it was accepted.
    pub segments: u8,
    /// When it was accepted, or read back from the store.
    pub accepted_at: Instant,
    /// Since when it is where it is: in its lane, or with the gateway that took it.
    pub since: Instant,
    /// End of its validity by the wall clock, in milliseconds of Unix time: it also holds over a suspended machine.
    pub expires_ms: i64,
}

impl Routing {
    /// The notes of a message that has been nowhere yet.
    pub fn new(vs: VsId, gateways_of: VsId, segments: u8, now: Instant, expires_ms: i64) -> Self {
        Self {
            vs,
            gateways_of,
            gateway: GatewayId(0),
            tried: 0,
            asked: 0,
            order: 0,
            first: 0,
            chosen: None,
            tenure: 0,
            round: 0,
            patience_ms: 0,
            is_along: false,
            is_worth_another_round: false,
            uncertain: 0,
            segments_sent: 0,
            segments,
            accepted_at: now,
            since: now,
            expires_ms,
        }
    }
}

/// Overwrite as the caller of one message wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overwrite {
    /// As the gateway's settings say.
    #[default]
    AsSet,
    /// Not.
    Off,
    /// Replace the earlier message of this type from this sender.
    Type(ReplaceType),
}

/// What one attempt came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its class, which decides what happens next.
    pub class: OutcomeClass,
    /// The provider's id of each segment it took, as it wrote them.
    pub provider_ids: SmallVec<[Box<str>; 1]>,
    /// Why, for people: the standard's name of the status, the HTTP status, the connection's error. Bounded, and
    /// never the message's text, its number or a secret.
    pub detail: Cow<'static, str>,
    /// What the provider answered to a [test](Submission::is_test), in its own words: bounded, and without secrets, the number and the
    /// text.
    pub answer: Option<Box<str>>,
    /// The provider asks to wait this long.
    pub retry_after: Option<Duration>,
    /// Segments that the provider certainly or possibly took; credits go back only where this is 0 at every gateway.
    pub segments_sent: u8,
}

impl Outcome {
    /// The provider took all segments under these ids.
    pub fn sent(provider_ids: SmallVec<[Box<str>; 1]>, segments: u8) -> Self {
        Self {
            class: OutcomeClass::Sent,
            provider_ids,
            detail: Cow::Borrowed(""),
            answer: None,
            retry_after: None,
            segments_sent: segments,
        }
    }

    /// The provider took nothing.
    pub fn failed(class: OutcomeClass, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            class,
            provider_ids: SmallVec::new(),
            detail: detail.into(),
            answer: None,
            retry_after: None,
            segments_sent: 0,
        }
    }
}

/// How a gateway would send a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Segments on the air, 1 to 255.
    pub segments: u8,
    /// The encoding's name in the API: `gsm7`, `ucs2`, `latin1`, …
    pub encoding: &'static str,
}

/// A text that a gateway cannot send; the message says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PlanError(pub String);
