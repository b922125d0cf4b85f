//! Comms > Alerts: those that are open, to be acknowledged and closed, and those that are over. Also what the link in an alert's message
//! opens, for whoever has it.

use super::messages::may_read_texts;
use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::flash::Flash;
use crate::form::Form;
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::visit::{Guest, Visit};
use askama::Template;
use axum::extract::{Path, State};
use http::Uri;
use std::sync::Arc;
use textgate_dispatch::AlertView;
use textgate_sms::{AlertState, MessageId, Severity};

/// Alerts that are over on one page.
const PAGE: usize = 50;
/// Open alerts that are shown; nobody looks at more.
const OPEN_MOST: usize = 200;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/alerts", Need::Read, show),
        Route::post("/console/vs/{vs}/alerts/acknowledge", Need::Change, acknowledge),
        Route::post("/console/vs/{vs}/alerts/close", Need::Change, close),
        Route::get("/console/alert/{token}", Need::Nobody, show_link),
        Route::post("/console/alert/{token}", Need::Nobody, acknowledge_link),
    ]
}

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    page: Page,
    open: Vec<Row>,
    closed: Vec<Row>,
    /// The address of the next, older page.
    next: Option<String>,
    may_change: bool,
}

#[derive(Template)]
#[template(path = "alert_link.html")]
struct LinkPage {
    page: Page,
    row: Row,
}

/// One alert.
struct Row {
    alert: AlertView,
    badge: &'static str,
    is_open: bool,
    /// How many were told, and how many could not be.
    told: usize,
    refusals: Vec<String>,
}

impl Row {
    /// As this person may see it: what programs write is for no auditor.
    fn of(mut alert: AlertView, may_read_texts: bool) -> Self {
        if !may_read_texts && alert.origin == "api" {
            alert.text = "…".to_owned();
        }
        let badge = match (alert.status, alert.severity) {
            (AlertState::Closed, _) => "calm",
            (_, Severity::Critical) => "bad",
            (_, Severity::Warning) => "warn",
            (_, Severity::Info) => "info",
        };
        let told = alert.notices.iter().filter(|notice| notice.message.is_some()).count();
        let mut refusals: Vec<String> =
            alert.notices.iter().filter_map(|notice| notice.refusal.clone()).collect();
        refusals.sort();
        refusals.dedup();
        let is_open = alert.status == AlertState::Open;
        Self { badge, is_open, told, refusals, alert }
    }
}

async fn show(State(console): State<Arc<Console>>, visit: Visit, uri: Uri) -> Answer {
    let form = Form::read(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let (dispatch, before) = (&console.dispatch, MessageId::parse(form.get("before")));
    let open = dispatch.alerts(visit.vs, Some(true), None, OPEN_MOST).await?.alerts;
    let closed = dispatch.alerts(visit.vs, Some(false), before, PAGE).await?;
    let text = visit.text();
    let may_read_texts = may_read_texts(&visit);
    let row = |alert| Row::of(alert, may_read_texts);
    answer::html(&AlertsPage {
        page: Page::new(&console, &visit, text.get("nav.alerts")).lead(text.get("alerts.lead")),
        open: open.into_iter().map(row).collect(),
        closed: closed.alerts.into_iter().map(row).collect(),
        next: closed.next.map(|next| format!("{}?before={next}", visit.to("alerts"))),
        may_change: visit.person.may_change(dispatch, visit.vs),
    })
}

/// The alert that a form names.
fn named(form: &Form) -> Result<MessageId, Failure> {
    MessageId::parse(form.get("id")).ok_or(Failure::NotFound)
}

async fn acknowledge(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    console.dispatch.acknowledge_alert(&visit.actor(), visit.vs, named(&form)?).await?;
    answer::see_with(&visit.to("alerts"), &Flash::done("alert_acknowledged", ""))
}

async fn close(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    console.dispatch.close_alert(&visit.actor(), visit.vs, named(&form)?).await?;
    answer::see_with(&visit.to("alerts"), &Flash::done("alert_closed", ""))
}

/// Shows, and does nothing: previews of links come here, too.
async fn show_link(State(console): State<Arc<Console>>, guest: Guest, Path(token): Path<String>) -> Answer {
    let alert = console.dispatch.alert_by_link(&token).await?;
    let page = Page::outside(&guest, guest.text.get("alerts.link_title"));
    answer::html(&LinkPage { page, row: Row::of(alert, true) })
}

async fn acknowledge_link(
    State(console): State<Arc<Console>>,
    guest: Guest,
    Path(token): Path<String>,
    _: Form,
) -> Answer {
    console.dispatch.acknowledge_by_link(&token).await?;
    answer::see_with(&guest.here, &Flash::done("alert_acknowledged", ""))
}
