//! Comms > Messages: the list, as it grows; with filters, and as a file.

use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::field::{Choice, Control, Field};
use crate::form::{Form, Problems, escaped};
use crate::live;
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::visit::Visit;
use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use futures_util::stream;
use http::{HeaderValue, Uri, header};
use std::sync::Arc;
use textgate_dispatch::{DirectoryError, Dispatch, MessageView, UserRole};
use textgate_sms::{Kind, MessageId, MessageState, PhoneNumber, VsId};
use textgate_store::Filter;

/// Messages on a page.
const PAGE: usize = 50;
/// The filter's fields, in the order of the form.
const NAMES: [&str; 6] = ["status", "kind", "gateway", "to", "from", "until"];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/messages", Need::Read, show),
        Route::get("/console/vs/{vs}/messages/live", Need::Read, news),
        Route::get("/console/vs/{vs}/messages/export", Need::Read, export),
    ]
}

#[derive(Template)]
#[template(path = "messages.html")]
struct MessagesPage {
    page: Page,
    fields: Vec<Field>,
    is_filtered: bool,
    /// Whether this is the newest page, which grows.
    is_live: bool,
    rows: Vec<Row>,
    /// The address of the next, older page.
    next: Option<String>,
    /// How far back was looked, where that is not all and the page is not full.
    looked_back_to: Option<i64>,
    /// The address of the export, and whether it may have texts.
    export: String,
    may_read_texts: bool,
}

/// One message in the list.
struct Row {
    id: String,
    accepted_ms: i64,
    to: String,
    kind: &'static str,
    state: &'static str,
    state_kind: &'static str,
    gateway: String,
    reference: String,
}

/// What the form asks for.
struct Question {
    form: Form,
    filter: Filter,
    problems: Problems,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit, uri: Uri) -> Answer {
    let question = Question::read(&console.dispatch, &visit, &uri);
    let (dispatch, text, form) = (&console.dispatch, visit.text(), &question.form);
    let before = MessageId::parse(form.get("before"));
    let (rows, next) = if question.problems.is_empty() {
        let found = dispatch.messages(visit.vs, question.filter, before, PAGE).await?;
        (found.messages.into_iter().map(Row::of).collect(), found.next)
    } else {
        (Vec::new(), None)
    };
    let fields = fields(dispatch, &visit, form, &question.problems);
    let kept: String = NAMES
        .iter()
        .filter(|name| !form.trimmed(name).is_empty())
        .map(|name| format!("&{name}={}", escaped(form.trimmed(name))))
        .collect();
    let looked_back_to = next.as_deref().filter(|_| rows.len() < PAGE).and_then(MessageId::parse);
    answer::html(&MessagesPage {
        page: Page::new(&console, &visit, text.get("nav.messages"))
            .lead(text.get("messages.lead"))
            .problems(&question.problems, &fields),
        fields,
        is_filtered: !kept.is_empty(),
        is_live: before.is_none() && question.problems.is_empty(),
        rows,
        next: next.map(|next| format!("{}?before={next}{kept}", visit.to("messages"))),
        looked_back_to: looked_back_to.map(MessageId::accepted_ms),
        export: format!("{}?{}", visit.to("messages/export"), kept.trim_start_matches('&')),
        may_read_texts: may_read_texts(&visit),
    })
}

async fn news(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    match console.dispatch.watch(visit.vs) {
        Ok(watch) => Ok(live::of_messages(watch)),
        Err(DirectoryError::Conflict(_)) => Err(Failure::TooMany(10)),
        Err(error) => Err(error.into()),
    }
}

async fn export(State(console): State<Arc<Console>>, visit: Visit, uri: Uri) -> Answer {
    let question = Question::read(&console.dispatch, &visit, &uri);
    if let Some(problem) = question.problems.all().first() {
        return Err(Failure::Wrong(problem.message.clone()));
    }
    let with_texts = question.form.has("texts") && may_read_texts(&visit);
    let export = match console.dispatch.export(visit.vs, question.filter, with_texts) {
        Ok(export) => export,
        Err(DirectoryError::Conflict(_)) => return Err(Failure::TooMany(10)),
        Err(error) => return Err(error.into()),
    };
    let lines = stream::unfold(export, async |mut export| Some((export.next().await?, export)));
    let mut response = Response::new(Body::from_stream(lines));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    let name = HeaderValue::from_static("attachment; filename=\"messages.csv\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

/// Whether this person may read texts. Those of passcodes nobody may.
pub(super) fn may_read_texts(visit: &Visit) -> bool {
    visit.person.role != UserRole::Auditor
}

impl Question {
    fn read(dispatch: &Dispatch, visit: &Visit, uri: &Uri) -> Self {
        let form = Form::read(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
        let text = visit.text();
        let (mut filter, mut problems) = (Filter::default(), Problems::none());
        filter.state = MessageState::from_name(form.get("status"));
        filter.kind = Kind::from_name(form.get("kind"));
        match form.trimmed("gateway") {
            "" => {}
            name => match dispatch.gateway_named(visit.vs, name) {
                Some(id) => filter.gateway = Some(id),
                None => problems.add("gateway", text.get("messages.gateway_wrong")),
            },
        }
        match form.trimmed("to") {
            "" => {}
            number => match PhoneNumber::parse(number) {
                Ok(number) => filter.to = Some(number),
                Err(error) => problems.add("to", text.problem(&error.to_string())),
            },
        }
        let mut day = |name: &str, days: i64| {
            let value = form.trimmed(name);
            let day = value.parse::<jiff::civil::Date>().ok();
            if day.is_none() && !value.is_empty() {
                problems.add(name, text.get("audit.day_wrong"));
            }
            let midnight = day?.to_datetime(jiff::civil::Time::midnight());
            let at = jiff::tz::Offset::UTC.to_timestamp(midnight).ok()?;
            Some(at.as_millisecond() + days * 24 * 3_600_000)
        };
        // The last day counts as well.
        (filter.since_ms, filter.until_ms) = (day("from", 0), day("until", 1));
        Self { form, filter, problems }
    }
}

fn fields(dispatch: &Dispatch, visit: &Visit, form: &Form, problems: &Problems) -> Vec<Field> {
    let text = visit.text();
    let any = || Choice::new("", text.get("messages.any"));
    let choices = |list, names: Vec<&str>| {
        let named = names.into_iter().map(|name| Choice::new(name, text.word(list, name)));
        std::iter::once(any()).chain(named).collect()
    };
    let states = MessageState::ALL.iter().map(|state| state.name()).collect();
    let kinds = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let mut gateways = gateway_names(dispatch, visit.vs);
    let asked = form.trimmed("gateway").to_owned();
    if !asked.is_empty() && !gateways.contains(&asked) {
        gateways.push(asked);
    }
    let gateways =
        std::iter::once(any()).chain(gateways.into_iter().map(|name| Choice::new(name.clone(), name)));
    let mut to = Field::text("to", text.get("messages.number"));
    to.inputmode = "numeric";
    vec![
        Field::select("status", text.get("messages.state"), choices("state", states)),
        Field::select("kind", text.get("messages.kind"), choices("kind", kinds)),
        Field::select("gateway", text.get("messages.gateway"), gateways.collect()),
        to,
        Field::new(Control::Date, "from", text.get("audit.from")),
        Field::new(Control::Date, "until", text.get("audit.until")),
    ]
    .into_iter()
    .map(|field| field.filled(form, problems))
    .collect()
}

fn gateway_names(dispatch: &Dispatch, vs: VsId) -> Vec<String> {
    dispatch.gateways_now(vs).unwrap_or_default().into_iter().map(|gateway| gateway.name).collect()
}

/// The badge of a state.
pub(super) fn kind_of(state: MessageState) -> &'static str {
    match state {
        MessageState::Delivered => "good",
        MessageState::Sent => "info",
        MessageState::Accepted | MessageState::Scheduled | MessageState::Cancelled => "calm",
        MessageState::Expired | MessageState::Undelivered => "warn",
        MessageState::Failed => "bad",
    }
}

impl Row {
    fn of(message: MessageView) -> Self {
        Self {
            id: message.id,
            accepted_ms: message.accepted_ms,
            to: message.to,
            kind: message.kind.name(),
            state: message.status.name(),
            state_kind: kind_of(message.status),
            gateway: message.attempts.last().map(|attempt| attempt.gateway.clone()).unwrap_or_default(),
            reference: message.reference.unwrap_or_default(),
        }
    }
}
