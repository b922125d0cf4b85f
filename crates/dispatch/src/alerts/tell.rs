//! Who is told of an alert, and by which messages.

use super::quiet;
use super::raise::Body;
use super::setup::Contact;
use crate::engine::Engine;
use crate::words::{Refusal, Request};
use std::sync::Arc;
use textgate_sms::{Kind, PhoneNumber, Severity};
use textgate_store::{AlertNotice, AlertRecord, AlertStep};

/// Why somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Raised = 0,
    Escalated = 1,
    Cleared = 2,
}

impl Why {
    pub(super) const NAMES: [&'static str; 3] = ["raised", "escalated", "cleared"];

    pub(super) fn code(self) -> u8 {
        self as u8
    }
}

impl Engine {
    /// Sends the messages of an alert, and notes them in it. The same call again, as after a crash, sends none twice. Answers the
    /// alert afterwards.
    pub(super) async fn tell_of(self: &Arc<Self>, alert: AlertRecord, why: Why) -> AlertRecord {
        let body = self.body_of(&alert);
        let recipients = self.recipients(&alert, &body, why);
        let now_ms = self.clock.now_ms();
        let settings = self.view.load().alert_setup(alert.vs).settings.clone();
        let held =
            settings.quiet_hours.as_ref().and_then(|quiet| quiet::held_until(quiet, alert.severity, now_ms));
        let requests: Vec<Request> = recipients
            .iter()
            .map(|(name, contact)| Request {
                to: contact.number.to_string(),
                text: self.message_text(&alert, &body, &contact.language, why),
                kind: Some(Kind::Alert),
                send_at_ms: held,
                reference: Some(format!("alert {}", alert.id)),
                // Not the contact's position: groups change.
                idempotency_key: Some(format!("alert {} {} {name} {}", alert.id, why.code(), contact.number)),
                ..Request::default()
            })
            .collect();
        if requests.is_empty() {
            return alert;
        }
        let answers = self.accept(alert.vs, requests).await;
        let notices = recipients.into_iter().zip(answers).map(|((name, _), answer)| AlertNotice {
            contact: name,
            step: why.code(),
            message: answer.as_ref().ok().map(|taken| taken.id.as_u64()),
            refusal: answer.err().map(|refusal| reason(&refusal)),
        });
        let notices = notices.collect();
        // Who must act has the same time, whenever they are told.
        let escalates =
            why == Why::Raised && body.escalate_group.is_some() && alert.severity > Severity::Info;
        let escalate_ms = escalates.then(|| held.unwrap_or(now_ms) + i64::from(body.escalate_after_s) * 1000);
        match self.store.step_alert(alert.id, AlertStep::Told { notices, escalate_ms }).await {
            Ok(Some((alert, _))) => {
                if let Some(escalate_ms) = escalate_ms {
                    self.agenda.ring(escalate_ms, crate::agenda::Alarm::Escalate(alert.id));
                }
                alert
            }
            Ok(None) => alert,
            Err(error) => {
                tracing::warn!(alert = %alert.id, %error, "who was told of an alert cannot be noted");
                alert
            }
        }
    }

    fn recipients(&self, alert: &AlertRecord, body: &Body, why: Why) -> Vec<(String, Contact)> {
        let view = self.view.load();
        let setup = view.alert_setup(alert.vs);
        let of_group = |group: &Option<String>| match group {
            Some(group) => setup.contacts_of(group),
            None => Vec::new(),
        };
        let to = || {
            let number = body.to.as_deref().and_then(|to| PhoneNumber::parse(to).ok());
            number.map(|number| (String::new(), Contact { number, language: "en".into() }))
        };
        match why {
            Why::Raised => of_group(&body.group).into_iter().chain(to()).collect(),
            Why::Escalated => of_group(&body.escalate_group),
            Why::Cleared => {
                let mut told: Vec<&str> = alert.notices.iter().map(|notice| &*notice.contact).collect();
                told.sort_unstable();
                told.dedup();
                let contact = |name: &str| Some((name.to_owned(), setup.contacts.get(name)?.clone()));
                told.into_iter().filter_map(contact).collect()
            }
        }
    }

    /// What a message of the alert says in this language.
    fn message_text(&self, alert: &AlertRecord, body: &Body, language: &str, why: Why) -> String {
        let text = body.texts.get(language).unwrap_or(&body.text);
        let is_german = language == "de";
        if why == Why::Cleared {
            return if is_german { format!("Vorbei: {text}") } else { format!("Over: {text}") };
        }
        // To say that one has seen what is only good to know is a segment for nothing.
        if alert.severity == Severity::Info {
            return text.clone();
        }
        let code = &alert.code;
        let link = self.alert_link(alert.id);
        let how = match (is_german, link) {
            (false, Some(link)) => format!("Acknowledge: {link} or reply {code}"),
            (false, None) => format!("To acknowledge, reply {code}"),
            (true, Some(link)) => format!("Quittieren: {link} oder Antwort {code}"),
            (true, None) => format!("Zum Quittieren antworten: {code}"),
        };
        format!("{text}\n{how}")
    }
}

/// Why somebody was not told, for the alert's record: never a number or text.
fn reason(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Invalid(problems) => {
            problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}
