//! API keys: by which programs come in. A secret is shown once, in the answer to the form that made it.

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
use textgate_dispatch::{ApiKeyView, DirectoryError};
use textgate_store::Role;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/api-keys", Need::Review, show),
        Route::post("/console/vs/{vs}/api-keys", Need::Administer, add),
        Route::post("/console/vs/{vs}/api-keys/remove", Need::Administer, remove),
    ]
}

#[derive(Template)]
#[template(path = "api_keys.html")]
struct KeysPage {
    page: Page,
    keys: Vec<ApiKeyView>,
    /// The form, where the person may add.
    fields: Option<Vec<Field>>,
    /// Name and secret of the key that was made just now.
    made: Option<(String, String)>,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    let form = Form::default().or("role", "full");
    answer::html(&page(&console, &visit, &form, Problems::none(), None))
}

async fn add(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let text = visit.text();
    let name = form.trimmed("name");
    // The operation would put a new secret in place of the old one; here, and when a browser repeats the form, that is a mistake.
    if console.dispatch.api_keys(visit.vs).iter().any(|key| key.name == name) {
        let problems = Problems::at("name", text.get("api_keys.taken"));
        return answer::wrong(&page(&console, &visit, &form, problems, None));
    }
    let rate = match form.trimmed("rate") {
        "" => None,
        // What is no number is as wrong as none, and told together with what else is wrong.
        rate => Some(rate.parse::<u32>().unwrap_or(0)),
    };
    let role = if form.get("role") == "send" { Role::Send } else { Role::Full };
    match console.dispatch.put_api_key(&visit.actor(), visit.vs, name, None, role, rate).await {
        Ok(secret) => {
            let made = Some((name.to_owned(), secret));
            let form = Form::default().or("role", "full");
            answer::html(&page(&console, &visit, &form, Problems::none(), made))
        }
        Err(error) => {
            let problems = Problems::of_refusal(error, "name", text)?;
            answer::wrong(&page(&console, &visit, &form, problems, None))
        }
    }
}

async fn remove(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let name = form.get("name");
    match console.dispatch.remove_api_key(&visit.actor(), visit.vs, name).await {
        // Removed by somebody else meanwhile is removed all the same.
        Ok(()) | Err(DirectoryError::NotFound(_)) => {
            answer::see_with(&visit.to("api-keys"), &Flash::done("api_key_removed", name))
        }
        Err(error) => Err(Failure::from(error)),
    }
}

fn page(
    console: &Console,
    visit: &Visit,
    form: &Form,
    problems: Problems,
    made: Option<(String, String)>,
) -> KeysPage {
    let text = visit.text();
    let fields = visit.person.may_administer(&console.dispatch, visit.vs).then(|| {
        let roles = ["full", "send"].map(|role| {
            Choice::new(role, text.word("key_role", role)).help(text.word("key_role_help", role))
        });
        vec![
            Field::text("name", text.get("api_keys.name"))
                .help(text.get("form.name_help"))
                .required()
                .filled(form, &problems),
            Field::radios("role", text.get("api_keys.role"), roles.into()).filled(form, &problems),
            Field::number("rate", text.get("api_keys.rate"))
                .help(text.get("api_keys.rate_help"))
                .mark(text.get("form.optional"))
                .filled(form, &problems),
        ]
    });
    let page = Page::new(console, visit, text.get("nav.api_keys"))
        .lead(text.get("api_keys.lead"))
        .problems(&problems, fields.iter().flatten());
    KeysPage { page, keys: console.dispatch.api_keys(visit.vs), fields, made }
}
