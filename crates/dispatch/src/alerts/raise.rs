//! How an alert comes in: checked, on disk, and then told.

use super::tell::Why;
use super::template;
use super::words::{AlertEvent, AlertHappened, AlertInput, AlertRefusal, Raised};
use crate::accept::{CarriedThrough, problem_of_text};
use crate::engine::Engine;
use crate::view::View;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use textgate_gateway::Problem;
use textgate_sms::{AlertState, MessageId, PhoneNumber, Severity, VsId};
use textgate_store::{AlertRecord, NewAlert, Purpose};

/// The origin of alerts that programs raise.
pub(super) const API: &str = "api";
/// Most characters of an alert's text, so that it leaves room for how to acknowledge it.
const LONGEST_TEXT: usize = 1_000;
/// Most characters of a `dedup_key`.
const LONGEST_KEY: usize = 255;

/// What an alert says and to whom: sealed in its record.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Body {
    pub(super) text: String,
    /// The text in other languages, by their tags.
    pub(super) texts: BTreeMap<String, String>,
    pub(super) to: Option<String>,
    pub(super) group: Option<String>,
    pub(super) escalate_group: Option<String>,
    pub(super) escalate_after_s: u32,
    /// The conditions it is about.
    pub(super) subjects: Vec<String>,
}

impl Engine {
    /// Raises an alert, or counts it. What was begun is carried through even where the caller goes away.
    pub(crate) fn raise_alert(
        self: &Arc<Self>,
        vs: VsId,
        input: AlertInput,
    ) -> CarriedThrough<Result<Raised, AlertRefusal>> {
        let engine = Arc::clone(self);
        CarriedThrough::new(async move { engine.raise_one(vs, input).await })
    }

    async fn raise_one(self: Arc<Self>, vs: VsId, input: AlertInput) -> Result<Raised, AlertRefusal> {
        let held = self.sealer.hold();
        let (new, since_ms) = {
            let view = self.view.load();
            if view.route(vs).is_none() {
                return Err(AlertRefusal::NotConfigured);
            }
            let (severity, key) = (input.severity.unwrap_or(Severity::Warning), input.dedup_key.clone());
            let body = checked(&view, vs, input).map_err(AlertRefusal::Invalid)?;
            let since_ms = self.clock.now_ms() - i64::from(view.alert_setup(vs).settings.dedup_s) * 1000;
            (self.new_alert(vs, API, severity, key, &body), since_ms)
        };
        let new = NewAlert { record: new, since_ms };
        let stored = self.store.raise_alerts(vec![new]);
        drop(held);
        let raised = stored.await.map_err(|error| {
            tracing::warn!(%error, "an alert cannot be stored");
            AlertRefusal::Unavailable
        })?;
        let Some((alert, is_new)) = raised.into_iter().next() else { return Err(AlertRefusal::Unavailable) };
        self.happened(&alert, if is_new { AlertHappened::Raised } else { AlertHappened::Counted });
        let alert = if is_new { self.tell_of(alert, Why::Raised).await } else { alert };
        Ok(Raised { alert: self.shown(&alert), is_new })
    }

    /// The record of a new alert.
    pub(super) fn new_alert(
        &self,
        vs: VsId,
        origin: &str,
        severity: Severity,
        dedup_key: Option<String>,
        body: &Body,
    ) -> AlertRecord {
        let now_ms = self.clock.now_ms();
        let id = self.next_id(now_ms);
        AlertRecord {
            id,
            vs,
            severity,
            state: AlertState::Open,
            origin: origin.to_owned(),
            dedup_key,
            count: 1,
            last_ms: now_ms,
            escalate_ms: None,
            escalated_ms: None,
            acknowledged: None,
            closed: None,
            code: self.alert_code(id),
            sealed: self.seal_body(id, body),
            notices: Vec::new(),
        }
    }

    fn seal_body(&self, id: MessageId, body: &Body) -> Vec<u8> {
        let plain = serde_json::to_vec(body).unwrap_or_default();
        self.sealer.seal(Purpose::Alert, id.as_u64(), &plain)
    }

    /// What an alert says and to whom; nothing where it cannot be decrypted.
    pub(super) fn body_of(&self, alert: &AlertRecord) -> Body {
        let plain = self.sealer.unseal(Purpose::Alert, alert.id.as_u64(), &alert.sealed).ok();
        plain.and_then(|plain| serde_json::from_slice(&plain).ok()).unwrap_or_default()
    }

    /// What an alert says.
    pub(crate) fn alert_text(&self, alert: &AlertRecord) -> String {
        self.body_of(alert).text
    }

    /// Notes where an alert stands, counts what happened, and tells whoever listens: the one place through which all goes.
    pub(super) fn happened(&self, alert: &AlertRecord, what: AlertHappened) {
        self.alerts.note(alert);
        self.metrics.on_alert(what);
        tracing::info!(alert = %alert.id, virtual_server = alert.vs.0, origin = alert.origin, what = what.name(), "alert");
        let event = AlertEvent { vs: alert.vs, id: alert.id, what, at_ms: self.clock.now_ms() };
        // An error says only that nobody listens.
        let _ = self.alerts.events.send(Arc::new(event));
    }
}

/// What the alert says and to whom, or everything that is wrong with it.
fn checked(view: &View, vs: VsId, input: AlertInput) -> Result<Body, Vec<Problem>> {
    let setup = view.alert_setup(vs);
    let mut problems = Vec::new();
    let text = match (&input.text, &input.template) {
        (Some(text), None) => {
            if let Some(problem) = problem_of_text(text) {
                problems.push(Problem::new("text", problem));
            } else if text.chars().count() > LONGEST_TEXT {
                problems.push(Problem::new("text", format!("use at most {LONGEST_TEXT} characters")));
            }
            if !input.variables.is_empty() {
                problems.push(Problem::new("variables", "only a template has places to fill in"));
            }
            text.clone()
        }
        (None, Some(name)) => match setup.templates.get(name) {
            Some(template) => template::fill(template, &input.variables).unwrap_or_else(|wrong| {
                problems.extend(wrong);
                String::new()
            }),
            None => {
                problems.push(Problem::new("template", "there is no such alert template"));
                String::new()
            }
        },
        _ => {
            problems.push(Problem::new("text", "give either a text or a template"));
            String::new()
        }
    };
    match (&input.to, &input.group) {
        (Some(to), None) => {
            if let Err(error) = PhoneNumber::parse(to) {
                problems.push(Problem::new("to", error.to_string()));
            }
        }
        (None, Some(group)) => match setup.groups.get(group) {
            Some(contacts) if contacts.is_empty() => {
                problems.push(Problem::new("group", "this group has no contacts; add some first"));
            }
            Some(_) => {}
            None => problems.push(Problem::new("group", "there is no such group")),
        },
        _ => problems.push(Problem::new("to", "give either a number (to) or a group")),
    }
    if input.escalate_group.as_ref().is_some_and(|group| !setup.groups.contains_key(group)) {
        problems.push(Problem::new("escalate_group", "there is no such group"));
    }
    if input.escalate_after_s.is_some_and(|after| !(60..=86_400).contains(&after)) {
        problems.push(Problem::new("escalate_after_s", "choose 60 to 86400"));
    }
    if input.dedup_key.as_ref().is_some_and(|key| key.is_empty() || key.chars().count() > LONGEST_KEY) {
        problems.push(Problem::new("dedup_key", format!("use 1 to {LONGEST_KEY} characters")));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Body {
        text,
        texts: BTreeMap::new(),
        to: input.to,
        group: input.group,
        escalate_group: input.escalate_group.or_else(|| setup.settings.escalate_group.clone()),
        escalate_after_s: input.escalate_after_s.unwrap_or(setup.settings.escalate_after_s),
        subjects: Vec::new(),
    })
}
