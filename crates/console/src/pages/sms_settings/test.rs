//! Send test: the message's way through the gateways, shown as it happens.

use super::draft::Draft;
use super::{PAGE, refusal, shown};
use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::form::Problems;
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::visit::Visit;
use askama::Template;
use axum::extract::{Path, State};
use std::collections::HashMap;
use std::sync::Arc;
use textgate_dispatch::MessageView;
use textgate_sms::{MessageId, MessageState, OutcomeClass, ReceiptState};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/console/vs/{vs}/sms-settings/test/{id}", Need::Read, show)]
}

#[derive(Template)]
#[template(path = "sms_test.html")]
struct TestPage {
    page: Page,
    steps: Steps,
}

/// What has happened so far.
struct Steps {
    message: MessageView,
    attempts: Vec<Attempt>,
    /// The badge of where it stands.
    kind: &'static str,
    /// Nothing more will happen.
    is_final: bool,
}

struct Attempt {
    gateway: String,
    at_ms: i64,
    took_ms: u32,
    outcome: &'static str,
    kind: &'static str,
    /// Why, in the standard's or this program's words.
    detail: String,
    /// The provider's own words.
    answer: Option<String>,
    ids: String,
}

/// Sends the test message by what was just applied, and leads to what becomes of it.
pub(super) async fn send(console: &Console, visit: &Visit, draft: &Draft) -> Answer {
    match console.dispatch.send_test(visit.vs, Some(draft.test_number.clone())).await {
        Ok(taken) => answer::see(&visit.to(&format!("{PAGE}/test/{}", taken.id))),
        Err(refused) => {
            // The settings are applied all the same.
            let saved = console.dispatch.settings(visit.vs).await?;
            let draft = Draft { preview_text: draft.preview_text.clone(), ..Draft::of(&saved) };
            let problems = Problems::at("test_number", refusal(visit.text(), refused));
            answer::wrong(&shown(console, visit, &saved, &draft, &problems, None, false)?)
        }
    }
}

async fn show(
    State(console): State<Arc<Console>>,
    visit: Visit,
    Path(path): Path<HashMap<String, String>>,
) -> Answer {
    let steps = found(&console, &visit, &path).await?;
    let text = visit.text();
    let page = Page::new(&console, &visit, text.get("sms_test.title"))
        .lead(text.get("sms_test.lead").with("number", &steps.message.to));
    answer::html(&TestPage { page, steps })
}

async fn found(console: &Console, visit: &Visit, path: &HashMap<String, String>) -> Result<Steps, Failure> {
    let id: Option<MessageId> = path.get("id").and_then(|id| MessageId::parse(id));
    let message = console.dispatch.message(visit.vs, id.ok_or(Failure::NotFound)?).await?;
    Ok(Steps::of(message))
}

impl Steps {
    fn of(message: MessageView) -> Self {
        use MessageState::{Cancelled, Delivered, Expired, Failed, Sent, Undelivered};
        let attempts = message.attempts.iter().map(|attempt| {
            let told = attempt.detail.split_once("; the provider answered: ");
            let (detail, answer) = told.map_or((attempt.detail.as_str(), None), |(d, a)| (d, Some(a)));
            Attempt {
                gateway: attempt.gateway.clone(),
                at_ms: attempt.at_ms,
                took_ms: attempt.took_ms,
                outcome: attempt.outcome.name(),
                kind: match attempt.outcome {
                    OutcomeClass::Sent => "good",
                    OutcomeClass::Throttled | OutcomeClass::Uncertain => "warn",
                    _ => "bad",
                },
                detail: detail.to_owned(),
                answer: answer.map(str::to_owned),
                ids: attempt.provider_ids.join(", "),
            }
        });
        Self {
            attempts: attempts.collect(),
            kind: match message.status {
                Delivered | Sent => "good",
                Undelivered | Failed | Expired => "bad",
                _ => "info",
            },
            is_final: matches!(message.status, Delivered | Undelivered | Failed | Expired | Cancelled),
            message,
        }
    }
}
