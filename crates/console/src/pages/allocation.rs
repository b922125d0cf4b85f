//! Snapshot > Allocation: the SMS Credits of a virtual server and of those below it; for their service provider, a form that allocates
//! and takes back, and the ledger of who did what.

use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::field::{Choice, Field};
use crate::flash::Flash;
use crate::form::{Form, Problems};
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::visit::Visit;
use askama::Template;
use axum::extract::State;
use std::sync::Arc;
use textgate_dispatch::{Mode, VirtualServerView};
use textgate_store::{Allocation, LedgerEntry};

/// Most lines of the ledger on the page.
const LEDGER_MOST: usize = 100;
/// Most virtual servers in the table.
const ROWS_MOST: usize = 500;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/allocation", Need::Read, show),
        Route::post("/console/vs/{vs}/allocation", Need::Administer, allocate),
    ]
}

#[derive(Template)]
#[template(path = "allocation.html")]
struct AllocationPage {
    page: Page,
    server: VirtualServerView,
    /// Those below it; the first of many.
    below: Vec<VirtualServerView>,
    has_more: bool,
    ledger: Vec<LedgerEntry>,
    /// The form, where this person is above the virtual server.
    fields: Option<Vec<Field>>,
    /// How much of the allocation is used (%); `None` where nothing is allocated.
    used_percent: Option<u64>,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    let form = Form::default().or("direction", "allocate");
    answer::html(&page(&console, &visit, &form, Problems::none()).await?)
}

async fn allocate(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    if !visit.person.is_above(&console.dispatch, visit.vs) {
        return Err(Failure::Forbidden);
    }
    let text = visit.text();
    let amount: Option<i64> = form.trimmed("credits").parse().ok().filter(|amount| *amount > 0);
    let Some(amount) = amount else {
        let problems = Problems::at("credits", text.get("allocation.enter_credits"));
        return answer::wrong(&page(&console, &visit, &form, problems).await?);
    };
    let is_back = form.get("direction") == "take_back";
    let change = Allocation::Add(if is_back { -amount } else { amount });
    let note = form.trimmed("note");
    match console.dispatch.allocate(&visit.actor(), visit.vs, change, note).await {
        Ok(_) => {
            let done = if is_back { "taken_back" } else { "allocated" };
            answer::see_with(&visit.to("allocation"), &Flash::done(done, &text.number(amount)))
        }
        Err(error) => {
            let problems = Problems::of_refusal(error, "credits", text)?;
            answer::wrong(&page(&console, &visit, &form, problems).await?)
        }
    }
}

async fn page(
    console: &Console,
    visit: &Visit,
    form: &Form,
    problems: Problems,
) -> Result<AllocationPage, Failure> {
    let (dispatch, text) = (&console.dispatch, visit.text());
    let server = dispatch.virtual_server(visit.vs).await?;
    let mut below = dispatch.virtual_servers(visit.vs).await?;
    below.retain(|other| other.id != visit.vs);
    // An operator sees exactly one.
    below.retain(|other| visit.person.may_read(dispatch, other.id));
    let has_more = below.len() > ROWS_MOST;
    below.truncate(ROWS_MOST);
    let may_allocate = visit.person.is_above(dispatch, visit.vs);
    let fields = may_allocate.then(|| {
        let directions = vec![
            Choice::new("allocate", text.get("allocation.allocate")),
            Choice::new("take_back", text.get("allocation.take_back")),
        ];
        vec![
            Field::radios("direction", text.get("allocation.direction"), directions)
                .class("inline")
                .filled(form, &problems),
            Field::number("credits", text.get("allocation.sms_credits")).required().filled(form, &problems),
            Field::text("note", text.get("allocation.remark"))
                .mark(text.get("form.optional"))
                .filled(form, &problems),
        ]
    });
    let used = u128::from(server.credits.used) * 100;
    let used_percent = used.checked_div(u128::from(server.credits.allocated));
    let page = Page::new(console, visit, text.get("nav.allocation"))
        .lead(text.get("allocation.lead"))
        .problems(&problems, fields.iter().flatten());
    Ok(AllocationPage {
        page,
        below,
        has_more,
        ledger: dispatch.ledger(visit.vs, LEDGER_MOST).await?,
        fields,
        used_percent: used_percent.map(|percent| percent.min(100) as u64),
        server,
    })
}
