//! `/console/`: the way to the first page of the person's own virtual server. Where nothing can be sent yet, that is the SMS settings.

use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::nav;
use crate::routes::{Need, Route};
use crate::visit::Visit;
use axum::extract::State;
use std::sync::Arc;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/console/", Need::Person, show)]
}

async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    let settings = console.dispatch.settings(visit.vs).await?;
    let can_send = !settings.gateways.is_empty() || settings.default_unavailable.is_none();
    if !can_send && visit.person.may_change(&console.dispatch, visit.vs) {
        return answer::see(&visit.to("sms-settings"));
    }
    let sections = nav::sections(visit.text(), visit.vs, visit.person.role, "");
    let first = sections.first().and_then(|section| section.links.first()).ok_or(Failure::NotFound)?;
    answer::see(&first.address)
}
