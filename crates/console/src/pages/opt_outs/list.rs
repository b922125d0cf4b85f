//! The list: searched, added to one by one and from a file's lines, and taken from with a reason.

use super::PAGE;
use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::field::{Control, Field};
use crate::flash::Flash;
use crate::form::{Form, Problems, escaped};
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::visit::Visit;
use askama::Template;
use axum::extract::State;
use http::Uri;
use std::sync::Arc;
use textgate_dispatch::{ConsentBy, DirectoryError, NewOptOut, OptOutView};
use textgate_gateway::Problem;
use textgate_store::ConsentSource;

/// Opt-outs on a page.
const ON_A_PAGE: usize = 50;
/// Most problems of a list that are shown.
const MOST_PROBLEMS: usize = 20;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/opt-outs", Need::Read, show),
        Route::post("/console/vs/{vs}/opt-outs", Need::Change, add),
        Route::post("/console/vs/{vs}/opt-outs/remove", Need::Change, remove),
        Route::post("/console/vs/{vs}/opt-outs/import", Need::Change, import),
    ]
}

#[derive(Template)]
#[template(path = "opt_outs.html")]
struct ListPage {
    page: Page,
    search: Field,
    is_searched: bool,
    opt_outs: Vec<OptOutView>,
    /// The address of the next, older page.
    next: Option<String>,
    /// The forms, where the person may change.
    forms: Option<Forms>,
}

struct Forms {
    one: Vec<Field>,
    list: Field,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit, uri: Uri) -> Answer {
    let asked = Form::read(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    answer::html(&page(&console, &visit, &asked, &Form::default(), Problems::none()).await?)
}

async fn add(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let number = form.trimmed("number");
    let new = NewOptOut {
        number: number.to_owned(),
        sender: Some(form.trimmed("sender").to_owned()),
        note: form.trimmed("note").to_owned(),
    };
    match console.dispatch.add_opt_out(&by(&visit), visit.vs, new).await {
        Ok(_) => answer::see_with(&visit.to(PAGE), &Flash::done("opt_out_added", number)),
        Err(error) => {
            let problems = Problems::of_refusal(error, "number", visit.text())?;
            answer::wrong(&page(&console, &visit, &Form::default(), &form, problems).await?)
        }
    }
}

async fn remove(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let id = form.get("id").parse().unwrap_or(u64::MAX);
    let note: String = form.trimmed("note").chars().take(255).collect();
    match console.dispatch.remove_opt_out(&by(&visit), visit.vs, id, &note).await {
        // Ended by the phone, or by somebody else meanwhile, is ended all the same.
        Ok(()) | Err(DirectoryError::NotFound(_)) => {
            answer::see_with(&visit.to(PAGE), &Flash::done("opt_out_removed", ""))
        }
        Err(error) => Err(Failure::from(error)),
    }
}

async fn import(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let text = visit.text();
    match console.dispatch.import_opt_outs(&visit.actor(), visit.vs, form.get("list")).await {
        Ok(imported) => {
            let count = imported.added.to_string();
            answer::see_with(&visit.to(PAGE), &Flash::done("opt_outs_imported", &count))
        }
        Err(error) => {
            let error = match error {
                // Each line by its number, all of them at the one field.
                DirectoryError::Invalid(problems) => {
                    let told = problems.into_iter().take(MOST_PROBLEMS).map(|problem| {
                        let line = problem.path.strip_prefix("line ").map(str::to_owned);
                        let message = text.problem(&problem.message);
                        Problem::new(
                            "list",
                            line.map_or(message.clone(), |line| {
                                text.get("opt_outs.line")
                                    .with("line", line)
                                    .with("problem", message)
                                    .to_string()
                            }),
                        )
                    });
                    DirectoryError::Invalid(told.collect())
                }
                error => error,
            };
            let problems = Problems::of_refusal(error, "list", text)?;
            answer::wrong(&page(&console, &visit, &Form::default(), &form, problems).await?)
        }
    }
}

fn by(visit: &Visit) -> ConsentBy {
    ConsentBy { actor: visit.actor(), source: ConsentSource::Console }
}

async fn page(
    console: &Console,
    visit: &Visit,
    asked: &Form,
    form: &Form,
    mut problems: Problems,
) -> Result<ListPage, Failure> {
    let text = visit.text();
    let number = Some(asked.trimmed("search")).filter(|number| !number.is_empty());
    let before = asked.get("before").parse().ok().filter(|before| i64::try_from(*before).is_ok());
    let (opt_outs, next) = match console.dispatch.opt_outs(visit.vs, number, before, ON_A_PAGE).await {
        Ok(page) => (page.opt_outs, page.next),
        // The number that is looked for is none.
        Err(DirectoryError::Invalid(wrong)) => {
            wrong.iter().for_each(|problem| problems.add("search", text.problem(&problem.message)));
            (Vec::new(), None)
        }
        Err(error) => return Err(error.into()),
    };
    let forms = visit.person.may_change(&console.dispatch, visit.vs).then(|| {
        let numeric = |mut field: Field| {
            field.inputmode = "numeric";
            field
        };
        let one = vec![
            numeric(Field::text("number", text.get("opt_outs.number")))
                .help(text.get("contacts.number_help"))
                .required(),
            Field::text("sender", text.get("opt_outs.sender"))
                .help(text.get("opt_outs.sender_help"))
                .mark(text.get("form.optional")),
            Field::text("note", text.get("opt_outs.note"))
                .help(text.get("opt_outs.note_help"))
                .mark(text.get("form.optional")),
        ];
        let list = Field::new(Control::Area, "list", text.get("opt_outs.list"))
            .help(text.get("opt_outs.list_help"))
            .required();
        let one = one.into_iter().map(|field| field.filled(form, &problems)).collect();
        Forms { one, list: list.filled(form, &problems) }
    });
    let mut search = Field::text("search", text.get("opt_outs.number")).filled(asked, &problems);
    search.inputmode = "numeric";
    let fields = forms.iter().flat_map(|forms| forms.one.iter().chain([&forms.list])).chain([&search]);
    let page = Page::new(console, visit, text.get("nav.opt_outs"))
        .lead(text.get("opt_outs.lead"))
        .problems(&problems, fields);
    let kept = number.map_or_else(String::new, |number| format!("&search={}", escaped(number)));
    Ok(ListPage {
        page,
        is_searched: number.is_some(),
        search,
        opt_outs,
        next: next.map(|next| format!("{}?before={next}{kept}", visit.to(PAGE))),
        forms,
    })
}
