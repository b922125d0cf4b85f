//! Webhooks: the addresses that are told of events, each with a page for its settings and its delivery log. A secret is shown once, in
//! the answer to the form that made it.

use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::field::Field;
use crate::flash::Flash;
use crate::form::{Form, Problems, escaped};
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::visit::Visit;
use askama::Template;
use axum::extract::{Path, State};
use http::Uri;
use std::collections::HashMap;
use std::sync::Arc;
use textgate_dispatch::{DirectoryError, WebhookChange, WebhookEventView, WebhookInput, WebhookView};
use textgate_store::WebhookKind;

/// Events on a page of the log.
const PAGE: usize = 50;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/webhooks", Need::Review, show),
        Route::post("/console/vs/{vs}/webhooks", Need::Administer, add),
        Route::get("/console/vs/{vs}/webhooks/{webhook}", Need::Review, one),
        Route::post("/console/vs/{vs}/webhooks/{webhook}", Need::Administer, change),
        Route::post("/console/vs/{vs}/webhooks/{webhook}/secret", Need::Administer, rotate),
        Route::post("/console/vs/{vs}/webhooks/{webhook}/replay", Need::Administer, replay),
        Route::post("/console/vs/{vs}/webhooks/{webhook}/remove", Need::Administer, remove),
    ]
}

#[derive(Template)]
#[template(path = "webhooks.html")]
struct WebhooksPage {
    page: Page,
    webhooks: Vec<WebhookView>,
    /// The form, where the person may add.
    fields: Option<Vec<Field>>,
}

#[derive(Template)]
#[template(path = "webhook.html")]
struct WebhookPage {
    page: Page,
    webhook: WebhookView,
    /// The form, where the person may change.
    fields: Option<Vec<Field>>,
    /// The secret that was made just now.
    made: Option<String>,
    events: Vec<WebhookEventView>,
    /// The address of the next, older page of the log.
    next: Option<String>,
    since: Field,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    let form =
        WebhookKind::ALL.iter().fold(Form::default(), |form, kind| form.or(&name_of(kind.name()), "on"));
    answer::html(&list(&console, &visit, &form, &Problems::none())?)
}

async fn add(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let (url, events, texts) = read(&form);
    let input = WebhookInput { url, events, texts, is_on: true };
    match console.dispatch.add_webhook(&visit.actor(), visit.vs, input).await {
        Ok((webhook, secret)) => {
            let form = filled(&webhook);
            answer::html(
                &detail(&console, &visit, webhook, &form, &Problems::none(), Some(secret), None).await?,
            )
        }
        Err(error) => {
            let problems = Problems::of_refusal(error, "url", visit.text())?;
            answer::wrong(&list(&console, &visit, &form, &problems)?)
        }
    }
}

async fn one(
    State(console): State<Arc<Console>>,
    visit: Visit,
    Path(path): Path<HashMap<String, String>>,
    uri: Uri,
) -> Answer {
    let webhook = console.dispatch.webhook(visit.vs, number(&path)?)?;
    let query = Form::read(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let before = Some(query.trimmed("before").to_owned()).filter(|before| !before.is_empty());
    let form = filled(&webhook);
    answer::html(&detail(&console, &visit, webhook, &form, &Problems::none(), None, before).await?)
}

async fn change(
    State(console): State<Arc<Console>>,
    visit: Visit,
    Path(path): Path<HashMap<String, String>>,
    form: Form,
) -> Answer {
    let webhook = console.dispatch.webhook(visit.vs, number(&path)?)?;
    let (url, events, texts) = read(&form);
    let input = WebhookChange {
        url: Some(url),
        events: Some(events),
        texts: Some(texts),
        is_on: Some(form.has("enabled")),
    };
    let id = webhook.id;
    match console.dispatch.change_webhook(&visit.actor(), visit.vs, id, input).await {
        Ok(_) => answer::see_with(&visit.to(&format!("webhooks/{id}")), &Flash::done("webhook_changed", "")),
        Err(error) => {
            let problems = Problems::of_refusal(error, "url", visit.text())?;
            answer::wrong(&detail(&console, &visit, webhook, &form, &problems, None, None).await?)
        }
    }
}

async fn rotate(
    State(console): State<Arc<Console>>,
    visit: Visit,
    Path(path): Path<HashMap<String, String>>,
) -> Answer {
    let rotated = console.dispatch.rotate_webhook_secret(&visit.actor(), visit.vs, number(&path)?).await;
    let (webhook, secret) = rotated?;
    let form = filled(&webhook);
    answer::html(&detail(&console, &visit, webhook, &form, &Problems::none(), Some(secret), None).await?)
}

async fn replay(
    State(console): State<Arc<Console>>,
    visit: Visit,
    Path(path): Path<HashMap<String, String>>,
    form: Form,
) -> Answer {
    let webhook = console.dispatch.webhook(visit.vs, number(&path)?)?;
    let event = Some(form.trimmed("event")).filter(|event| !event.is_empty());
    let since = form.trimmed("since").parse::<jiff::civil::Date>().ok();
    let midnight = |day: jiff::civil::Date| {
        jiff::tz::Offset::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::midnight())).ok()
    };
    let since_ms = since.and_then(midnight).map(|at| at.as_millisecond());
    if event.is_none() && since_ms.is_none() {
        let problems = Problems::at("since", visit.text().get("audit.day_wrong"));
        let form = filled(&webhook);
        return answer::wrong(&detail(&console, &visit, webhook, &form, &problems, None, None).await?);
    }
    let (id, since_ms) = (webhook.id, since_ms.unwrap_or(0));
    let count = console.dispatch.replay_webhook(&visit.actor(), visit.vs, id, event, since_ms).await?;
    let done = Flash::done("webhook_replayed", &visit.text().number(count));
    answer::see_with(&visit.to(&format!("webhooks/{id}")), &done)
}

async fn remove(
    State(console): State<Arc<Console>>,
    visit: Visit,
    Path(path): Path<HashMap<String, String>>,
) -> Answer {
    match console.dispatch.remove_webhook(&visit.actor(), visit.vs, number(&path)?).await {
        // Removed by somebody else meanwhile is removed all the same.
        Ok(()) | Err(DirectoryError::NotFound(_)) => {
            answer::see_with(&visit.to("webhooks"), &Flash::done("webhook_removed", ""))
        }
        Err(error) => Err(Failure::from(error)),
    }
}

fn number(path: &HashMap<String, String>) -> Result<u32, Failure> {
    path.get("webhook").and_then(|webhook| webhook.parse().ok()).ok_or(Failure::NotFound)
}

/// The form's name of an event's box.
fn name_of(event: &str) -> String {
    event.replace('.', "_")
}

/// Address, events, and whether texts are told.
fn read(form: &Form) -> (String, Vec<String>, bool) {
    let chosen = WebhookKind::ALL.iter().filter(|kind| form.has(&name_of(kind.name())));
    let events = chosen.map(|kind| kind.name().to_owned()).collect();
    (form.trimmed("url").to_owned(), events, form.has("texts"))
}

/// The form of a webhook as it is.
fn filled(webhook: &WebhookView) -> Form {
    let mut form = Form::default().or("url", &*webhook.url);
    for event in &webhook.events {
        form = form.or(&name_of(event), "on");
    }
    if webhook.texts {
        form = form.or("texts", "on");
    }
    if matches!(webhook.status, "on" | "failing") {
        form = form.or("enabled", "on");
    }
    form
}

fn fields_of(visit: &Visit, form: &Form, problems: &Problems, has_switch: bool) -> Vec<Field> {
    let text = visit.text();
    let mut fields = vec![
        Field::text("url", text.get("webhooks.url"))
            .help(text.get("webhooks.url_help"))
            .required()
            .filled(form, problems),
    ];
    for (at, kind) in WebhookKind::ALL.iter().enumerate() {
        let name = name_of(kind.name());
        let field = Field::check(&*name, text.word("webhook_event", &name)).class("pair");
        let mut field = field.filled(form, problems);
        if at == 0 {
            field.errors.extend(problems.of("events").map(str::to_owned));
        }
        fields.push(field);
    }
    fields.push(
        Field::check("texts", text.get("webhooks.texts"))
            .help(text.get("webhooks.texts_help"))
            .filled(form, problems),
    );
    if has_switch {
        fields.push(Field::check("enabled", text.get("webhooks.enabled")).filled(form, problems));
    }
    fields
}

fn list(console: &Console, visit: &Visit, form: &Form, problems: &Problems) -> Result<WebhooksPage, Failure> {
    let text = visit.text();
    let may_change = visit.person.may_administer(&console.dispatch, visit.vs);
    let fields = may_change.then(|| fields_of(visit, form, problems, false));
    let page = Page::new(console, visit, text.get("nav.webhooks"))
        .lead(text.get("webhooks.lead"))
        .problems(problems, fields.iter().flatten());
    Ok(WebhooksPage { page, webhooks: console.dispatch.webhooks(visit.vs)?, fields })
}

async fn detail(
    console: &Console,
    visit: &Visit,
    webhook: WebhookView,
    form: &Form,
    problems: &Problems,
    made: Option<String>,
    before: Option<String>,
) -> Result<WebhookPage, Failure> {
    let text = visit.text();
    let may_change = visit.person.may_administer(&console.dispatch, visit.vs);
    let fields = may_change.then(|| fields_of(visit, form, problems, true));
    let log = console.dispatch.webhook_events(visit.vs, webhook.id, before.as_deref(), PAGE).await?;
    let since = Field::new(crate::field::Control::Date, "since", text.get("webhooks.since"))
        .filled(&Form::default(), problems);
    let address = visit.to(&format!("webhooks/{}", webhook.id));
    let page = Page::new(console, visit, text.get("webhooks.one").with("number", webhook.id))
        .problems(problems, fields.iter().flatten().chain([&since]));
    let next = log.next.map(|next| format!("{address}?before={}", escaped(&next)));
    Ok(WebhookPage { page, webhook, fields, made, events: log.events, next, since })
}
