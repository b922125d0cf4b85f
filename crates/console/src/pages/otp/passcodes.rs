//! The passcodes of the last week: where each stands, by number; never a code.

use super::{Tab, tabs};
use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::field::{Choice, Field};
use crate::flash::Flash;
use crate::form::{Form, Problems, escaped};
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::visit::Visit;
use askama::Template;
use axum::extract::State;
use http::Uri;
use std::sync::Arc;
use textgate_dispatch::{PasscodeRefusal, PasscodeView};
use textgate_sms::{MessageId, PasscodeState, PhoneNumber};

/// Passcodes on a page.
const PAGE: usize = 50;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/passcodes", Need::Read, show),
        Route::post("/console/vs/{vs}/passcodes/cancel", Need::Change, cancel),
    ]
}

#[derive(Template)]
#[template(path = "passcodes.html")]
struct PasscodesPage {
    page: Page,
    tabs: Vec<Tab>,
    fields: Vec<Field>,
    is_filtered: bool,
    rows: Vec<Row>,
    /// The address of the next, older page.
    next: Option<String>,
    may_change: bool,
}

/// One passcode in the list.
struct Row {
    id: String,
    created_ms: i64,
    to: String,
    purpose: String,
    state: &'static str,
    state_kind: &'static str,
    is_pending: bool,
    attempts_left: u8,
    messages: Vec<String>,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit, uri: Uri) -> Answer {
    let form = Form::read(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let text = visit.text();
    let mut problems = Problems::none();
    let to = match form.trimmed("to") {
        "" => None,
        number => match PhoneNumber::parse(number) {
            Ok(number) => Some(number),
            Err(error) => {
                problems.add("to", text.problem(&error.to_string()));
                None
            }
        },
    };
    let state = PasscodeState::from_name(form.get("status"));
    let before = MessageId::parse(form.get("before"));
    let (rows, next) = if problems.is_empty() {
        let found = console.dispatch.passcodes(visit.vs, to, state, before, PAGE).await.map_err(failure)?;
        (found.passcodes.into_iter().map(Row::of).collect(), found.next)
    } else {
        (Vec::new(), None)
    };
    let kept: String = ["to", "status"]
        .iter()
        .filter(|name| !form.trimmed(name).is_empty())
        .map(|name| format!("&{name}={}", escaped(form.trimmed(name))))
        .collect();
    let fields = fields(&visit, &form, &problems);
    let page = Page::new(&console, &visit, text.get("otp.passcodes"))
        .lead(text.get("otp.lead"))
        .problems(&problems, &fields);
    let may_change = visit.person.may_change(&console.dispatch, visit.vs);
    answer::html(&PasscodesPage {
        tabs: tabs(&page, "passcodes", may_change),
        page,
        fields,
        is_filtered: !kept.is_empty(),
        rows,
        next: next.map(|next| format!("{}?before={next}{kept}", visit.to("passcodes"))),
        may_change,
    })
}

async fn cancel(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let id = MessageId::parse(form.get("id")).ok_or(Failure::NotFound)?;
    match console.dispatch.cancel_passcode(visit.vs, id).await {
        Ok(_) => answer::see_with(&visit.to("passcodes"), &Flash::done("passcode_cancelled", "")),
        Err(refusal) => Err(failure(refusal)),
    }
}

fn failure(refusal: PasscodeRefusal) -> Failure {
    Failure::from(textgate_dispatch::DirectoryError::from(refusal))
}

fn fields(visit: &Visit, form: &Form, problems: &Problems) -> Vec<Field> {
    let text = visit.text();
    let states = PasscodeState::ALL.iter().map(|state| state.name());
    let any = Choice::new("", text.get("messages.any"));
    let named = states.map(|name| Choice::new(name, text.word("passcode_state", name)));
    let mut to = Field::text("to", text.get("messages.number"));
    to.inputmode = "numeric";
    vec![
        to.filled(form, problems),
        Field::select("status", text.get("messages.state"), std::iter::once(any).chain(named).collect())
            .filled(form, problems),
    ]
}

impl Row {
    fn of(passcode: PasscodeView) -> Self {
        Self {
            id: passcode.id.to_string(),
            created_ms: passcode.created_ms,
            to: passcode.to,
            purpose: passcode.purpose,
            state: passcode.status.name(),
            state_kind: match passcode.status {
                PasscodeState::Approved => "good",
                PasscodeState::Pending => "info",
                PasscodeState::TooManyAttempts => "bad",
                PasscodeState::Expired => "warn",
                PasscodeState::Cancelled => "calm",
            },
            is_pending: passcode.status == PasscodeState::Pending,
            attempts_left: passcode.attempts_left,
            messages: passcode.messages.iter().map(ToString::to_string).collect(),
        }
    }
}
