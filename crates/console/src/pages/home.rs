//! `/console/`: the way to the first page of the person's own virtual server.

use crate::answer::{self, Answer, Failure};
use crate::nav;
use crate::routes::{Need, Route};
use crate::visit::Visit;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/console/", Need::Person, show)]
}

async fn show(visit: Visit) -> Answer {
    let sections = nav::sections(visit.text(), visit.vs, visit.person.role, "", 0);
    let first = sections.first().and_then(|section| section.links.first()).ok_or(Failure::NotFound)?;
    answer::see(&first.address)
}
