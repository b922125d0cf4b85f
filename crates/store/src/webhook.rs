//! Webhooks as a store keeps them: endpoints, and the events that each is owed.
//!
//! An event is a few numbers: which endpoint, what happened, to which message or alert and when. No number of a phone and no text is in it; what is
//! told of the message is read from its own row when the event is delivered.

mod bell;

pub use bell::{Owed, WebhookBell};

use crate::AlertStep;
use std::fmt;
use textgate_sms::{MessageState, VsId};

/// What an endpoint may be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum WebhookKind {
    /// A gateway took all of a message's segments.
    Sent = 0,
    /// Every segment reached the phone.
    Delivered = 1,
    /// A receipt says that it will not.
    Undelivered = 2,
    /// No gateway took it.
    Failed = 3,
    /// Its validity ended before a gateway took it.
    Expired = 4,
    /// It was called back.
    Cancelled = 5,
    /// A phone sent a message.
    Inbound = 6,
    /// An alert was raised.
    AlertRaised = 7,
    /// Nobody acknowledged it in time, and others are told.
    AlertEscalated = 8,
    /// Somebody sees to it.
    AlertAcknowledged = 9,
    /// It is over.
    AlertClosed = 10,
}

/// A set of [`WebhookKind`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WebhookKinds(u32);

/// How an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum WebhookStatus {
    /// Events are delivered.
    On = 0,
    /// Switched off by a person. It is owed nothing new, and what it was owed waits.
    Off = 1,
    /// Events are delivered still, but one was given up: nobody answered it for days.
    Failing = 2,
    /// It answered 410 Gone, and is off until a person switches it on again.
    Gone = 3,
}

/// An endpoint: an address that is told of events of one virtual server.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookRecord {
    /// Its number, never used twice.
    pub id: u32,
    /// Whose it is.
    pub vs: VsId,
    /// Where it is.
    pub url: String,
    /// What it is told of.
    pub kinds: WebhookKinds,
    /// Whether it is told texts: what alerts say.
    pub has_texts: bool,
    /// How it is.
    pub status: WebhookStatus,
    /// The secret that signs, sealed for its number.
    pub sealed_secret: Vec<u8>,
    /// The secret before, sealed likewise, and until when it signs besides (Unix time, ms).
    pub former: Option<(Vec<u8>, i64)>,
    /// When it was made (Unix time, ms).
    pub created_ms: i64,
}

/// An event that an endpoint is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwedEvent {
    /// Its number: rising for each endpoint, in the order in which things happened, and never used twice.
    pub id: u64,
    /// What happened.
    pub kind: WebhookKind,
    /// The number of the message or alert it happened to.
    pub subject: u64,
    /// When (Unix time, ms).
    pub at_ms: i64,
    /// How often it was tried in vain.
    pub attempts: u32,
}

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum EventState {
    /// It is owed.
    Owed = 0,
    /// The endpoint has it.
    Delivered = 1,
    /// It was tried for days in vain.
    GivenUp = 2,
}

/// What came of one attempt to deliver an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriedEvent {
    /// The endpoint.
    pub endpoint: u32,
    /// The event.
    pub id: u64,
    /// Where it stands now.
    pub state: EventState,
    /// When (Unix time, ms).
    pub at_ms: i64,
    /// What was answered, in a few words without anything of the answer's body.
    pub answer: String,
}

/// One entry of an endpoint's delivery log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventEntry {
    /// The event.
    pub event: OwedEvent,
    /// Where it stands.
    pub state: EventState,
    /// When it was last tried (Unix time, ms).
    pub tried_ms: Option<i64>,
    /// What was answered then.
    pub answer: Option<String>,
}

/// How far the time is shifted in an event's number: room for a million events in a millisecond.
const TIME_BITS: u32 = 20;
/// So many events of each endpoint are in its delivery log at most.
pub(crate) const MOST_KEPT: i64 = 50_000;
/// Most webhook events in one answer.
pub(crate) const MOST_EVENTS: usize = 1_000;
/// Most octets kept of what was answered.
const LONGEST_ANSWER: usize = 200;

/// The first number that an event of this time (Unix time, ms) can have.
pub fn first_event_at(at_ms: i64) -> u64 {
    (at_ms.clamp(0, i64::MAX >> TIME_BITS) << TIME_BITS) as u64
}

// === impl WebhookKind ===

impl WebhookKind {
    /// All of them, in order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Sent,
        Self::Delivered,
        Self::Undelivered,
        Self::Failed,
        Self::Expired,
        Self::Cancelled,
        Self::Inbound,
        Self::AlertRaised,
        Self::AlertEscalated,
        Self::AlertAcknowledged,
        Self::AlertClosed,
    ];

    /// Those that an endpoint can ask for. `inbound.received` comes with inbound messages: nobody owes it yet.
    pub const OFFERED: [Self; 10] = [
        Self::Sent,
        Self::Delivered,
        Self::Undelivered,
        Self::Failed,
        Self::Expired,
        Self::Cancelled,
        Self::AlertRaised,
        Self::AlertEscalated,
        Self::AlertAcknowledged,
        Self::AlertClosed,
    ];

    /// The event's type, as endpoints are told it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sent => "message.sent",
            Self::Delivered => "message.delivered",
            Self::Undelivered => "message.undelivered",
            Self::Failed => "message.failed",
            Self::Expired => "message.expired",
            Self::Cancelled => "message.cancelled",
            Self::Inbound => "inbound.received",
            Self::AlertRaised => "alert.raised",
            Self::AlertEscalated => "alert.escalated",
            Self::AlertAcknowledged => "alert.acknowledged",
            Self::AlertClosed => "alert.closed",
        }
    }

    /// The reverse of [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The number a store keeps.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The reverse of [`code`](Self::code).
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// The event of a change to this state; `None` where nobody is told.
    pub fn of_state(state: MessageState) -> Option<Self> {
        match state {
            MessageState::Accepted | MessageState::Scheduled => None,
            MessageState::Sent => Some(Self::Sent),
            MessageState::Delivered => Some(Self::Delivered),
            MessageState::Undelivered => Some(Self::Undelivered),
            MessageState::Failed => Some(Self::Failed),
            MessageState::Expired => Some(Self::Expired),
            MessageState::Cancelled => Some(Self::Cancelled),
        }
    }

    /// The event of a step with an alert; `None` where nobody is told.
    pub(crate) fn of_step(step: &AlertStep) -> Option<(Self, i64)> {
        match step {
            AlertStep::Told { .. } => None,
            AlertStep::Escalated { at_ms } => Some((Self::AlertEscalated, *at_ms)),
            AlertStep::Acknowledged { at_ms, .. } => Some((Self::AlertAcknowledged, *at_ms)),
            AlertStep::Closed { at_ms, .. } => Some((Self::AlertClosed, *at_ms)),
        }
    }

    /// Whether it happened to an alert.
    pub fn is_of_alert(self) -> bool {
        matches!(self, Self::AlertRaised | Self::AlertEscalated | Self::AlertAcknowledged | Self::AlertClosed)
    }

    /// The state that a message came to; `None` for an event of something else.
    pub fn state(self) -> Option<MessageState> {
        MessageState::ALL.iter().copied().find(|state| Self::of_state(*state) == Some(self))
    }
}

// === impl WebhookKinds ===

impl WebhookKinds {
    /// The set of these.
    pub fn of(kinds: impl IntoIterator<Item = WebhookKind>) -> Self {
        Self(kinds.into_iter().fold(0, |set, kind| set | 1 << kind.code()))
    }

    /// Whether this one is in it.
    pub fn has(self, kind: WebhookKind) -> bool {
        self.0 & 1 << kind.code() != 0
    }

    /// Those in it, by number.
    pub fn iter(self) -> impl Iterator<Item = WebhookKind> {
        WebhookKind::ALL.into_iter().filter(move |kind| self.has(*kind))
    }

    /// The number a store keeps.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// The reverse of [`bits`](Self::bits).
    pub fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

// === impl WebhookStatus ===

impl WebhookStatus {
    /// All of them, in order of their numbers.
    pub const ALL: [Self; 4] = [Self::On, Self::Off, Self::Failing, Self::Gone];

    /// The name in the API and the console.
    pub fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Failing => "failing",
            Self::Gone => "gone",
        }
    }

    /// The number a store keeps.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The reverse of [`code`](Self::code).
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Whether events are delivered, and new ones owed.
    pub fn is_on(self) -> bool {
        matches!(self, Self::On | Self::Failing)
    }
}

// === impl EventState ===

impl EventState {
    /// All of them, in order of their numbers.
    pub const ALL: [Self; 3] = [Self::Owed, Self::Delivered, Self::GivenUp];

    /// The name in the API and the console.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owed => "owed",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }

    /// The number a store keeps.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The reverse of [`code`](Self::code).
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

// === impl WebhookRecord ===

impl WebhookRecord {
    /// The host in its address, without what may be secret in it.
    pub fn host(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority.rsplit_once('@').map_or(authority, |(_, host)| host)
    }
}

impl fmt::Debug for WebhookRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An address may have a token in its path.
        f.debug_struct("WebhookRecord")
            .field("id", &self.id)
            .field("host", &self.host())
            .finish_non_exhaustive()
    }
}

// === impl TriedEvent ===

impl TriedEvent {
    /// What is kept of what was answered.
    pub(crate) fn kept_answer(&self) -> &str {
        &self.answer[..self.answer.floor_char_boundary(LONGEST_ANSWER)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_states_have_numbers_and_names_of_their_own() {
        for kind in WebhookKind::ALL {
            assert_eq!(WebhookKind::from_code(kind.code()), Some(kind));
            assert_eq!(WebhookKind::from_name(kind.name()), Some(kind));
            assert_eq!(
                kind.state().and_then(WebhookKind::of_state),
                (kind != WebhookKind::Inbound && !kind.is_of_alert()).then_some(kind)
            );
        }
        for status in WebhookStatus::ALL {
            assert_eq!(WebhookStatus::from_code(status.code()), Some(status));
        }
        for state in EventState::ALL {
            assert_eq!(EventState::from_code(state.code()), Some(state));
        }
        let set = WebhookKinds::of([WebhookKind::Sent, WebhookKind::Inbound]);
        assert_eq!(
            WebhookKinds::from_bits(set.bits()).iter().collect::<Vec<_>>(),
            [WebhookKind::Sent, WebhookKind::Inbound]
        );
    }

    #[test]
    fn a_host_is_told_without_what_may_be_secret() {
        let host = |url: &str| {
            let secret = Vec::new();
            let (kinds, status) = (WebhookKinds::default(), WebhookStatus::On);
            let record = WebhookRecord {
                id: 1,
                vs: VsId(1),
                url: url.into(),
                kinds,
                has_texts: false,
                status,
                sealed_secret: secret,
                former: None,
                created_ms: 0,
            };
            record.host().to_owned()
        };
        assert_eq!(host("https://u:p@example.com:8443/hook/s3cret?x=1"), "example.com:8443");
        assert_eq!(host("https://example.com?token=x"), "example.com");
    }
}
