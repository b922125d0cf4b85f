//! The consent log: what was said about messages, by phones and for them.

use crate::answer::{self, Answer};
use crate::console::Console;
use crate::form::Form;
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::visit::Visit;
use askama::Template;
use axum::extract::State;
use http::Uri;
use std::sync::Arc;
use textgate_dispatch::ConsentView;

/// Entries on a page.
const ON_A_PAGE: usize = 50;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/console/vs/{vs}/opt-outs/log", Need::Read, show)]
}

#[derive(Template)]
#[template(path = "consents.html")]
struct LogPage {
    page: Page,
    entries: Vec<ConsentView>,
    /// The address of the next, older page.
    next: Option<String>,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit, uri: Uri) -> Answer {
    let asked = Form::read(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let before = asked.get("before").parse().ok().filter(|before| i64::try_from(*before).is_ok());
    let found = console.dispatch.consents(visit.vs, None, before, ON_A_PAGE).await?;
    let text = visit.text();
    let page =
        Page::new(&console, &visit, text.get("opt_outs.log_title")).lead(text.get("opt_outs.log_lead"));
    let next = found.next.map(|next| format!("{}?before={next}", visit.to("opt-outs/log")));
    answer::html(&LogPage { page, entries: found.entries, next })
}
