//! What callers hand in and get back about alerts.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use textgate_gateway::Problem;
use textgate_sms::{AlertState, MessageId, Severity, VsId};

/// An alert that somebody wants raised: one of `to` and `group`, one of `text` and `template`.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct AlertInput {
    /// The number to tell.
    pub to: Option<String>,
    /// The group to tell.
    pub group: Option<String>,
    /// What to say.
    pub text: Option<String>,
    /// The template that says it.
    pub template: Option<String>,
    /// What stands in the template's places.
    pub variables: BTreeMap<String, String>,
    /// How much it matters; `warning` where left out.
    pub severity: Option<Severity>,
    /// What it is about: another of the same key within the time that the settings say is counted, not sent.
    pub dedup_key: Option<String>,
    /// Whom to tell where nobody acknowledges; the settings' group where left out.
    pub escalate_group: Option<String>,
    /// After how long (s); as the settings say where left out.
    pub escalate_after_s: Option<u32>,
}

/// An alert as its virtual server sees it.
#[derive(Debug, Clone, Serialize)]
pub struct AlertView {
    /// Its id.
    pub id: String,
    /// How much it matters.
    pub severity: Severity,
    /// Where it stands.
    pub status: AlertState,
    /// Who raised it: `api`, or the name of a condition that textgate watches.
    pub origin: String,
    /// What it says.
    pub text: String,
    /// The caller's name for what it is about.
    pub dedup_key: Option<String>,
    /// How often it was raised.
    pub count: u32,
    /// When it was raised first (Unix time, ms).
    pub raised_ms: i64,
    /// When it was raised last.
    pub last_ms: i64,
    /// When others are told, unless somebody acknowledges it before.
    pub escalate_ms: Option<i64>,
    /// When others were told.
    pub escalated_ms: Option<i64>,
    /// When somebody acknowledged it.
    pub acknowledged_ms: Option<i64>,
    /// Who.
    pub acknowledged_by: Option<String>,
    /// When it was closed.
    pub closed_ms: Option<i64>,
    /// By whom.
    pub closed_by: Option<String>,
    /// Who was told.
    pub notices: Vec<NoticeView>,
}

/// Who was told of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeView {
    /// The contact's name; empty where it went to a number.
    pub contact: String,
    /// `raised`, `escalated` or `cleared`.
    pub why: &'static str,
    /// The message's id.
    pub message: Option<String>,
    /// Why there is no message.
    pub refusal: Option<String>,
}

/// An alert that was raised, or counted.
#[derive(Debug, Clone)]
pub struct Raised {
    /// The alert.
    pub alert: AlertView,
    /// Whether it is new: otherwise one of its key was there, and nothing was sent.
    pub is_new: bool,
}

/// A page of alerts, the newest first.
#[derive(Debug, Clone)]
pub struct AlertPage {
    /// The alerts.
    pub alerts: Vec<AlertView>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// Somebody who is told, as it comes in.
#[derive(Debug, Clone, Deserialize)]
pub struct ContactInput {
    /// The number: only digits, beginning with a country code.
    pub number: String,
    /// The language of textgate's own alerts: `en` or `de`; `en` where left out.
    #[serde(default)]
    pub language: Option<String>,
}

/// Somebody who is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContactView {
    /// The name.
    pub name: String,
    /// The number.
    pub number: String,
    /// The language.
    pub language: String,
}

/// Several contacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupView {
    /// The name.
    pub name: String,
    /// The contacts' names.
    pub contacts: Vec<String>,
}

/// A text with places to fill in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertTemplateView {
    /// The name.
    pub name: String,
    /// The text: a place is `{name}`.
    pub text: String,
    /// The places.
    pub variables: Vec<String>,
}

/// Something that happened to an alert: what webhooks can tell.
#[derive(Debug, Clone)]
pub struct AlertEvent {
    /// Whose alert.
    pub vs: VsId,
    /// Which.
    pub id: MessageId,
    /// What.
    pub what: AlertHappened,
    /// When (Unix time, ms).
    pub at_ms: i64,
}

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertHappened {
    /// It is new.
    Raised,
    /// It was raised again.
    Counted,
    /// Nobody acknowledged it in time: others are told.
    Escalated,
    /// Somebody sees to it.
    Acknowledged,
    /// It is over.
    Closed,
}

impl AlertHappened {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Raised, Self::Counted, Self::Escalated, Self::Acknowledged, Self::Closed];

    /// Its name in metrics and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Counted => "counted",
            Self::Escalated => "escalated",
            Self::Acknowledged => "acknowledged",
            Self::Closed => "closed",
        }
    }
}

/// Why an alert was not raised. Nothing was kept and nothing sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlertRefusal {
    /// The request is wrong; each problem names its field.
    #[error("the alert cannot be raised as it is")]
    Invalid(Vec<Problem>),
    /// No gateway is set for this virtual server, nor above it.
    #[error(
        "no SMS gateway is configured: add one in the SMS settings, or ask your service provider for SMS credits"
    )]
    NotConfigured,
    /// The store cannot write, or the program is stopping.
    #[error("the alert could not be stored; try again in a moment")]
    Unavailable,
}
