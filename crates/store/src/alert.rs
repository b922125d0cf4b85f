//! Alerts: who hears of them, what is set for them, and what became of each.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use textgate_sms::{AlertState, MessageId, Severity, VsId};

/// Alerts of one code that are looked at.
pub(crate) const MOST_OF_A_CODE: usize = 100;

/// What an [`AlertEntry`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertEntryKind {
    /// Somebody who is told.
    Contact,
    /// Several of them.
    Group,
    /// A text with places to fill in.
    Template,
    /// What is set for all alerts of a virtual server; its name is empty.
    Settings,
}

/// One thing that is set for a virtual server's alerts. The store keeps it and does not read it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertEntry {
    /// Whose.
    pub vs: VsId,
    /// What it is.
    pub kind: AlertEntryKind,
    /// Its name, unique within virtual server and kind.
    pub name: String,
    /// What it says, as JSON (never a secret).
    pub body: Value,
}

/// One alert.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRecord {
    /// Its id, of the same sequence as messages'.
    pub id: MessageId,
    /// Whose.
    pub vs: VsId,
    /// How much it matters.
    pub severity: Severity,
    /// Where it stands.
    pub state: AlertState,
    /// Who raised it: `api`, or the name of a condition that textgate watches.
    pub origin: String,
    /// The caller's name for what it is about.
    pub dedup_key: Option<String>,
    /// How often it was raised.
    pub count: u32,
    /// When it was raised last (Unix time, ms); first when its id says.
    pub last_ms: i64,
    /// When others are told, unless somebody acknowledges it before.
    pub escalate_ms: Option<i64>,
    /// When others were told.
    pub escalated_ms: Option<i64>,
    /// When, and by whom, it was acknowledged.
    pub acknowledged: Option<(i64, String)>,
    /// When, and by whom, it was closed.
    pub closed: Option<(i64, String)>,
    /// What a reply has in it that acknowledges this alert.
    pub code: String,
    /// What it says and to whom, sealed.
    pub sealed: Vec<u8>,
    /// Who was told, by which message.
    pub notices: Vec<AlertNotice>,
}

/// One message that tells of an alert, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertNotice {
    /// The contact's name; empty where it went to a number.
    pub contact: String,
    /// Why it was sent: 0 at first, 1 escalated, 2 it is over.
    pub step: u8,
    /// The message's id as a number.
    pub message: Option<u64>,
    /// Why there is none.
    pub refusal: Option<String>,
}

/// An alert to be raised.
#[derive(Debug, Clone)]
pub struct NewAlert {
    /// The alert, with count 1.
    pub record: AlertRecord,
    /// One of the same `dedup_key` that is not closed and was first raised at or after this (Unix time, ms) is counted instead.
    pub since_ms: i64,
}

/// What happens to an alert.
#[derive(Debug, Clone)]
pub enum AlertStep {
    /// These were told; others are to be told then.
    Told {
        /// Whom, added to those before.
        notices: Vec<AlertNotice>,
        /// When others are told, where that is new.
        escalate_ms: Option<i64>,
    },
    /// Others are being told. Only where it is open, has a time for that, and they were not told before.
    Escalated {
        /// When (Unix time, ms).
        at_ms: i64,
    },
    /// Somebody sees to it. Only where it is open.
    Acknowledged {
        /// When (Unix time, ms).
        at_ms: i64,
        /// Who.
        by: String,
    },
    /// It is over. Only where it is not closed.
    Closed {
        /// When (Unix time, ms).
        at_ms: i64,
        /// Who says so.
        by: String,
    },
}

impl AlertRecord {
    /// Takes a step where that is possible: the same in every store. Answers whether it was.
    #[must_use]
    pub fn take(&mut self, step: &AlertStep) -> bool {
        match step {
            AlertStep::Told { notices, escalate_ms } => {
                self.notices.extend(notices.iter().cloned());
                self.escalate_ms = escalate_ms.or(self.escalate_ms);
                true
            }
            AlertStep::Escalated { at_ms } => {
                let may = self.state == AlertState::Open
                    && self.escalate_ms.is_some()
                    && self.escalated_ms.is_none();
                if may {
                    self.escalated_ms = Some(*at_ms);
                }
                may
            }
            AlertStep::Acknowledged { at_ms, by } => {
                let may = self.state == AlertState::Open;
                if may {
                    self.state = AlertState::Acknowledged;
                    self.acknowledged = Some((*at_ms, by.clone()));
                }
                may
            }
            AlertStep::Closed { at_ms, by } => {
                let may = self.state != AlertState::Closed;
                if may {
                    self.state = AlertState::Closed;
                    self.closed = Some((*at_ms, by.clone()));
                }
                may
            }
        }
    }
}

impl AlertEntryKind {
    /// All of them, by their codes.
    pub const ALL: [Self; 4] = [Self::Contact, Self::Group, Self::Template, Self::Settings];

    /// The number a store keeps.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The reverse of [`code`](Self::code).
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// What it is called in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Group => "group",
            Self::Template => "alert template",
            Self::Settings => "alert settings",
        }
    }
}
