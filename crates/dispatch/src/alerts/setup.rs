//! What is set for a virtual server's alerts: contacts, groups, templates, settings, read from the directory.

use super::conditions::Condition;
use super::quiet;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use textgate_gateway::Problem;
use textgate_sms::{PhoneNumber, Severity, VsId};
use textgate_store::{AlertEntry, AlertEntryKind};

/// All that is set for one virtual server's alerts.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    pub(crate) contacts: BTreeMap<String, Contact>,
    /// Names of contacts.
    pub(crate) groups: BTreeMap<String, Vec<String>>,
    pub(crate) templates: BTreeMap<String, String>,
    pub(crate) settings: AlertSettings,
}

/// Somebody who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contact {
    pub(crate) number: PhoneNumber,
    pub(crate) language: String,
}

/// Languages that textgate's own alerts have.
pub(super) const LANGUAGES: [&str; 2] = ["en", "de"];

/// The name of a condition that textgate watches, such as `gateway_down`.
pub type ConditionName = String;

/// What holds for all alerts of a virtual server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertSettings {
    /// Whom textgate's own alerts tell by SMS; nobody where left out: then they are only in the console and the API.
    pub group: Option<String>,
    /// Whom to tell where nobody acknowledges.
    pub escalate_group: Option<String>,
    /// After how long (s).
    pub escalate_after_s: u32,
    /// For how long an alert of the same key is counted, not sent (s).
    pub dedup_s: u32,
    /// When alerts wait.
    pub quiet_hours: Option<QuietHours>,
    /// Conditions that raise no alert.
    pub off: Vec<ConditionName>,
    /// For how long a condition must hold before it is raised, and be over before it is cleared (s).
    pub hold_s: u32,
    /// SMS credits: raised where less than this remains, in percent of what is allocated.
    pub credits_percent: u8,
    /// A provider's balance: raised below this, in the unit that it tells.
    pub balance_below: u32,
    /// Messages that wait for one gateway: raised above this.
    pub queue_over: u32,
    /// Delivery rate: raised where it is so many percentage points lower than before.
    pub delivery_drop_percent: u8,
    /// Time until a gateway has taken a message: raised where it is so many times longer than before.
    pub latency_factor: u8,
    /// Room where the store writes (the root's only): raised below this, in percent.
    pub disk_free_percent: u8,
    /// Certificates: raised so many days before they expire.
    pub expires_within_days: u16,
}

/// When alerts wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    /// From this time of day, as `22:00`.
    pub from: String,
    /// To before this one; may be on the next day.
    pub to: String,
    /// In this time zone, as `Europe/Berlin`.
    pub time_zone: String,
    /// Alerts of this severity and above do not wait.
    #[serde(default = "critical")]
    pub below: Severity,
}

fn critical() -> Severity {
    Severity::Critical
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self {
            group: None,
            escalate_group: None,
            escalate_after_s: 900,
            dedup_s: 3_600,
            quiet_hours: None,
            off: Vec::new(),
            hold_s: 15,
            credits_percent: 10,
            balance_below: 10,
            queue_over: 5_000,
            delivery_drop_percent: 20,
            latency_factor: 5,
            disk_free_percent: 5,
            expires_within_days: 14,
        }
    }
}

// === impl AlertSettings ===

impl AlertSettings {
    /// Whether a condition raises alerts.
    pub(super) fn watches(&self, condition: Condition) -> bool {
        !self.off.iter().any(|name| name == condition.name())
    }

    /// Everything that is wrong with them.
    pub(super) fn problems(&self, setup: &Setup) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |path: &str, message: String| problems.push(Problem::new(path, message));
        for (path, group) in [("group", &self.group), ("escalate_group", &self.escalate_group)] {
            if group.as_ref().is_some_and(|group| !setup.groups.contains_key(group)) {
                wrong(path, "there is no such group; make it first".into());
            }
        }
        let mut bounded = |path: &str, value: u64, from: u64, to: u64| {
            if !(from..=to).contains(&value) {
                wrong(path, format!("choose {from} to {to}"));
            }
        };
        bounded("escalate_after_s", self.escalate_after_s.into(), 60, 86_400);
        bounded("dedup_s", self.dedup_s.into(), 0, 604_800);
        bounded("hold_s", self.hold_s.into(), 0, 3_600);
        bounded("credits_percent", self.credits_percent.into(), 0, 99);
        bounded("queue_over", self.queue_over.into(), 1, 10_000_000);
        bounded("delivery_drop_percent", self.delivery_drop_percent.into(), 1, 100);
        bounded("latency_factor", self.latency_factor.into(), 2, 255);
        bounded("disk_free_percent", self.disk_free_percent.into(), 0, 99);
        bounded("expires_within_days", self.expires_within_days.into(), 1, 365);
        let names = || Condition::ALL.map(Condition::name).join(", ");
        for (at, name) in self.off.iter().enumerate() {
            if Condition::from_name(name).is_none() {
                wrong(&format!("off[{at}]"), format!("no condition has this name; they are {}", names()));
            }
        }
        if let Some(hours) = &self.quiet_hours {
            for (path, time) in [("quiet_hours.from", &hours.from), ("quiet_hours.to", &hours.to)] {
                if quiet::time_of_day(time).is_none() {
                    wrong(path, "enter a time of day, as in 22:00".into());
                }
            }
            if let Err(reason) = quiet::zone(&hours.time_zone) {
                wrong("quiet_hours.time_zone", reason);
            }
        }
        problems
    }
}

// === impl Contact ===

impl Contact {
    pub(super) fn to_body(&self) -> Value {
        json!({"number": self.number.to_string(), "language": self.language})
    }

    fn from_body(body: &Value) -> Option<Self> {
        let number = PhoneNumber::parse(body["number"].as_str()?).ok()?;
        Some(Self { number, language: body["language"].as_str().unwrap_or("en").to_owned() })
    }
}

// === impl Setup ===

impl Setup {
    /// What is set, by virtual server.
    pub(crate) fn of_all(entries: &[AlertEntry]) -> BTreeMap<VsId, Self> {
        let mut all: BTreeMap<VsId, Self> = BTreeMap::new();
        for AlertEntry { vs, kind, name, body } in entries {
            let setup = all.entry(*vs).or_default();
            match kind {
                AlertEntryKind::Contact => {
                    if let Some(contact) = Contact::from_body(body) {
                        setup.contacts.insert(name.clone(), contact);
                    }
                }
                AlertEntryKind::Group => {
                    let names = serde_json::from_value(body.clone()).unwrap_or_default();
                    setup.groups.insert(name.clone(), names);
                }
                AlertEntryKind::Template => {
                    setup.templates.insert(name.clone(), body.as_str().unwrap_or_default().to_owned());
                }
                AlertEntryKind::Settings => {
                    setup.settings = serde_json::from_value(body.clone()).unwrap_or_default();
                }
            }
        }
        all
    }

    /// The contacts of a group.
    pub(super) fn contacts_of(&self, group: &str) -> Vec<(String, Contact)> {
        let names = self.groups.get(group).into_iter().flatten();
        names.filter_map(|name| Some((name.clone(), self.contacts.get(name)?.clone()))).collect()
    }
}
