//! Administration > Personal data: what is kept of one number, and its erasure.

use crate::answer::{self, Answer};
use crate::console::Console;
use crate::field::Field;
use crate::flash::Flash;
use crate::form::{Form, Problems};
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::text::Text;
use crate::visit::Visit;
use askama::Template;
use axum::extract::State;
use std::sync::Arc;
use textgate_dispatch::PersonalDataOf;

const PAGE: &str = "personal-data";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/personal-data", Need::Administer, show),
        Route::post("/console/vs/{vs}/personal-data", Need::Administer, look),
        Route::post("/console/vs/{vs}/personal-data/erase", Need::Administer, erase),
    ]
}

#[derive(Template)]
#[template(path = "personal_data.html")]
struct DataPage {
    page: Page,
    field: Field,
    /// What was found, where somebody has looked.
    found: Option<Found>,
}

struct Found {
    number: String,
    rows: Vec<Row>,
}

/// What one virtual server keeps.
struct Row {
    path: Option<String>,
    /// What it is, and how much of it.
    counts: Vec<(String, usize)>,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    answer::html(&page(&console, &visit, &Form::default(), &Problems::none(), None))
}

async fn look(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let text = visit.text();
    match console.dispatch.personal_data(&visit.actor(), visit.vs, form.trimmed("number")).await {
        Ok(data) => {
            let rows = data.virtual_servers.into_iter().map(|of| Row::of(of, text)).collect();
            let found = Found { number: data.number, rows };
            answer::html(&page(&console, &visit, &form, &Problems::none(), Some(found)))
        }
        Err(error) => {
            let problems = Problems::of_refusal(error, "number", text)?;
            answer::wrong(&page(&console, &visit, &form, &problems, None))
        }
    }
}

async fn erase(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let erased = console.dispatch.erase_number(&visit.actor(), visit.vs, form.trimmed("number")).await;
    match erased {
        // The number itself is not repeated: it would stand in a cookie.
        Ok(erased) => {
            let key = if erased.was_searched { "number_erased_everywhere" } else { "number_erased" };
            answer::see_with(&visit.to(PAGE), &Flash::done(key, ""))
        }
        Err(error) => {
            let problems = Problems::of_refusal(error, "number", visit.text())?;
            answer::wrong(&page(&console, &visit, &form, &problems, None))
        }
    }
}

fn page(
    console: &Console,
    visit: &Visit,
    form: &Form,
    problems: &Problems,
    found: Option<Found>,
) -> DataPage {
    let text = visit.text();
    let mut field = Field::text("number", text.get("personal_data.number"))
        .help(text.get("contacts.number_help"))
        .required()
        .filled(form, problems);
    field.inputmode = "numeric";
    let page = Page::new(console, visit, text.get("nav.personal_data"))
        .lead(text.get("personal_data.lead"))
        .problems(problems, [&field]);
    DataPage { page, field, found }
}

impl Row {
    fn of(of: PersonalDataOf, text: Text) -> Self {
        let counts = [
            ("messages", of.messages.len()),
            ("passcodes", of.passcodes.len()),
            ("inbound", of.inbound.len()),
            ("contacts", of.contacts.len()),
            ("alerts", of.alerts.len()),
            ("opt_outs", of.opt_outs.len()),
            ("consents", of.consents.len()),
            ("test_number", usize::from(of.is_test_number)),
        ];
        let shown = |(what, count): &(&str, usize)| (text.word("personal_kind", what).to_string(), *count);
        Self { path: of.path, counts: counts.iter().filter(|(_, count)| *count > 0).map(shown).collect() }
    }
}
