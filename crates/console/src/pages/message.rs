//! One message: what became of it, moment by moment; sending it again, and calling it back.

use super::messages::{kind_of, may_read_texts};
use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::flash::Flash;
use crate::form::Form;
use crate::live;
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::visit::Visit;
use askama::Template;
use axum::extract::{Path, State};
use std::collections::HashMap;
use std::sync::Arc;
use textgate_dispatch::{DirectoryError, MessageView, Refusal, ResendRefusal};
use textgate_sms::{Kind, MessageId, MessageState, OutcomeClass, ReceiptState};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/messages/{id}", Need::Read, show),
        Route::get("/console/vs/{vs}/messages/{id}/live", Need::Read, news),
        Route::post("/console/vs/{vs}/messages/{id}/cancel", Need::Change, cancel),
        Route::post("/console/vs/{vs}/messages/{id}/resend", Need::Change, resend),
    ]
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    page: Page,
    message: MessageView,
    state_kind: &'static str,
    text: TextShown,
    line: Vec<Moment>,
    may_cancel: bool,
    may_resend: bool,
    is_unfinished: bool,
    /// So that pressing the button twice sends once.
    once: String,
}

/// What is shown of the text.
enum TextShown {
    Text(String),
    /// Passcodes are shown to nobody.
    Passcode,
    /// It is not this person's to read.
    NotYours,
    Erased,
}

/// One entry of the time line.
struct Moment {
    at_ms: i64,
    /// Within one millisecond: what comes before what.
    rank: u8,
    kind: &'static str,
    what: String,
    gateway: String,
    about: Vec<String>,
}

type Ids = Path<HashMap<String, String>>;

async fn show(State(console): State<Arc<Console>>, visit: Visit, Path(ids): Ids) -> Answer {
    let id = id_of(&ids)?;
    answer::html(&page(&console, &visit, id, None).await?)
}

/// News of the virtual server's messages: of others than this one, they only cost a look.
async fn news(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    match console.dispatch.watch(visit.vs) {
        Ok(watch) => Ok(live::of_messages(watch)),
        Err(DirectoryError::Conflict(_)) => Err(Failure::TooMany(10)),
        Err(error) => Err(error.into()),
    }
}

async fn cancel(State(console): State<Arc<Console>>, visit: Visit, Path(ids): Ids) -> Answer {
    let id = id_of(&ids)?;
    match console.dispatch.cancel(visit.vs, id).await? {
        (MessageState::Cancelled, _) => {
            answer::see_with(&visit.to(&format!("messages/{id}")), &Flash::done("message_cancelled", ""))
        }
        (_, _) => {
            let why = visit.text().get("message.too_late").into();
            answer::wrong(&page(&console, &visit, id, Some(why)).await?)
        }
    }
}

async fn resend(State(console): State<Arc<Console>>, visit: Visit, Path(ids): Ids, form: Form) -> Answer {
    let id = id_of(&ids)?;
    let once = form.get("once");
    let key = (once.len() == 32 && once.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| format!("console-{}-{id}-{once}", visit.person.user));
    match console.dispatch.resend(visit.vs, id, key).await {
        Ok(taken) => {
            let there = visit.to(&format!("messages/{}", taken.id));
            answer::see_with(&there, &Flash::done("message_resent", ""))
        }
        Err(ResendRefusal::NotFound) => Err(Failure::NotFound),
        Err(ResendRefusal::StoreUnavailable(_) | ResendRefusal::Refused(Refusal::StoreUnavailable)) => {
            Err(Failure::Unavailable)
        }
        Err(refused) => {
            let why = visit.text().problem(&refused.to_string());
            answer::wrong(&page(&console, &visit, id, Some(why)).await?)
        }
    }
}

fn id_of(ids: &HashMap<String, String>) -> Result<MessageId, Failure> {
    ids.get("id").and_then(|id| MessageId::parse(id)).ok_or(Failure::NotFound)
}

async fn page(
    console: &Console,
    visit: &Visit,
    id: MessageId,
    problem: Option<String>,
) -> Result<MessagePage, Failure> {
    let mut message = console.dispatch.message(visit.vs, id).await?;
    let text = match message.text.take() {
        _ if message.kind == Kind::Otp => TextShown::Passcode,
        _ if !may_read_texts(visit) => TextShown::NotYours,
        Some(text) => TextShown::Text(text),
        None => TextShown::Erased,
    };
    let may_change = visit.person.may_change(&console.dispatch, visit.vs);
    let is_unfinished = message.status.is_unfinished();
    let mut random = [0u8; 16];
    getrandom::fill(&mut random).map_err(|_| Failure::Unavailable)?;
    let title = visit.text().get("message.title").with("number", &message.to);
    let mut page = Page::new(console, visit, title);
    if let Some(problem) = problem {
        page = page.problems(&crate::form::Problems::at("", problem), []);
    }
    Ok(MessagePage {
        page,
        state_kind: kind_of(message.status),
        line: line(visit, &message),
        may_cancel: may_change && is_unfinished,
        may_resend: may_change && matches!(text, TextShown::Text(_)) && !is_unfinished,
        is_unfinished,
        text,
        message,
        once: random.iter().map(|octet| format!("{octet:02x}")).collect(),
    })
}

/// Changes, attempts and receipts in the order in which they happened.
fn line(visit: &Visit, message: &MessageView) -> Vec<Moment> {
    let text = visit.text();
    let mut line = Vec::new();
    for attempt in &message.attempts {
        let is_sent = attempt.outcome == OutcomeClass::Sent;
        let took = text.get("message.took").with("time", text.number(attempt.took_ms));
        let mut about = vec![String::from(took)];
        about.extend(Some(attempt.detail.clone()).filter(|detail| !detail.is_empty()));
        if !attempt.provider_ids.is_empty() {
            about.push(text.get("message.provider_ids").with("ids", attempt.provider_ids.join(", ")).into());
        }
        line.push(Moment {
            // When its outcome was known: what follows from it is not before it.
            at_ms: attempt.at_ms + i64::from(attempt.took_ms),
            rank: 1,
            kind: if is_sent { "good" } else { "warn" },
            what: text.word("outcome", attempt.outcome.name()).into(),
            gateway: attempt.gateway.clone(),
            about,
        });
    }
    for receipt in &message.receipts {
        let mut about = Vec::new();
        if message.segments > 1 {
            about.push(text.get("message.segment").with("number", receipt.segment).into());
        }
        if let Some(error) = &receipt.error {
            about.push(text.get("message.error").with("code", error).into());
        }
        line.push(Moment {
            at_ms: receipt.at_ms,
            rank: 3,
            kind: match receipt.status {
                ReceiptState::Delivered => "good",
                ReceiptState::Pending => "calm",
                _ => "warn",
            },
            what: text
                .get("message.receipt")
                .with("state", text.word("receipt", receipt.status.name()))
                .into(),
            gateway: receipt.gateway.clone(),
            about,
        });
    }
    for change in &message.history {
        line.push(Moment {
            at_ms: change.at_ms,
            rank: match change.status {
                MessageState::Accepted | MessageState::Scheduled => 0,
                MessageState::Delivered | MessageState::Undelivered => 4,
                _ => 2,
            },
            kind: kind_of(change.status),
            what: text.word("state", change.status.name()).into(),
            gateway: String::new(),
            about: vec![change.reason.clone()],
        });
    }
    line.sort_by_key(|moment| (moment.at_ms, moment.rank));
    line
}
