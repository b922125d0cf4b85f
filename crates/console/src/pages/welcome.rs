//! First passwords: the set-up link that makes the first user (and asks where users are), and the invitation by which a user sets theirs.

use super::fraud_guard::countries_of;
use super::sign_in;
use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::field::Field;
use crate::flash::Flash;
use crate::form::{Form, Problems};
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::visit::Guest;
use askama::Template;
use axum::extract::{Path, State};
use std::sync::Arc;
use textgate_sms::VsId;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/set-up/{token}", Need::Nobody, show_set_up),
        Route::post("/console/set-up/{token}", Need::Nobody, set_up),
        Route::get("/console/invitation/{token}", Need::Nobody, show_invitation),
        Route::post("/console/invitation/{token}", Need::Nobody, accept),
    ]
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage {
    page: Page,
    fields: Vec<Field>,
    /// Whose password it is, where that is known.
    name: Option<String>,
    button: String,
}

async fn show_set_up(State(console): State<Arc<Console>>, guest: Guest, Path(token): Path<String>) -> Answer {
    if !console.dispatch.is_set_up_token(&token) {
        return Err(Failure::NotFound);
    }
    answer::html(&set_up_page(&console, &guest, &Form::default(), Problems::none())?)
}

async fn set_up(
    State(console): State<Arc<Console>>,
    guest: Guest,
    Path(token): Path<String>,
    form: Form,
) -> Answer {
    if !console.dispatch.is_set_up_token(&token) {
        return Err(Failure::NotFound);
    }
    let mut problems = not_the_same(&guest, &form).unwrap_or_default();
    let countries = countries_of(&form, guest.text, &mut problems);
    if !problems.is_empty() {
        return answer::wrong(&set_up_page(&console, &guest, &form, problems)?);
    }
    match console.dispatch.set_up(&token, form.trimmed("name"), form.get("password"), countries).await {
        Ok(signed_in) => sign_in::begin("/console/", &signed_in.token),
        Err(error) => {
            let problems = Problems::of_refusal(error, "name", guest.text)?;
            answer::wrong(&set_up_page(&console, &guest, &form, problems)?)
        }
    }
}

async fn show_invitation(
    State(console): State<Arc<Console>>,
    guest: Guest,
    Path(token): Path<String>,
) -> Answer {
    let name = console.dispatch.invitation(&token).ok_or(Failure::NotFound)?;
    answer::html(&invitation_page(&guest, name, &Problems::none()))
}

async fn accept(
    State(console): State<Arc<Console>>,
    guest: Guest,
    Path(token): Path<String>,
    form: Form,
) -> Answer {
    let name = console.dispatch.invitation(&token).ok_or(Failure::NotFound)?;
    if let Some(problems) = not_the_same(&guest, &form) {
        return answer::wrong(&invitation_page(&guest, name, &problems));
    }
    match console.dispatch.accept_invitation(&token, form.get("password")).await {
        Ok(_) => answer::see_with("/console/sign-in", &Flash::done("password_set", &name)),
        Err(error) => {
            let problems = Problems::of_refusal(error, "password", guest.text)?;
            answer::wrong(&invitation_page(&guest, name, &problems))
        }
    }
}

fn not_the_same(guest: &Guest, form: &Form) -> Option<Problems> {
    let is_same = form.get("password") == form.get("again");
    (!is_same).then(|| Problems::at("again", guest.text.get("account.not_the_same")))
}

fn passwords(guest: &Guest, problems: &Problems) -> [Field; 2] {
    let text = guest.text;
    let field = |name, label| {
        Field::password(name, text.get(label))
            .required()
            .autocomplete("new-password")
            .filled(&Form::default(), problems)
    };
    let password = field("password", "sign_in.password").help(text.get("account.password_help"));
    [password, field("again", "account.again")]
}

fn set_up_page(
    console: &Console,
    guest: &Guest,
    form: &Form,
    problems: Problems,
) -> Result<WelcomePage, Failure> {
    let text = guest.text;
    let name = Field::text("name", text.get("users.name"))
        .help(text.get("users.name_help"))
        .required()
        .autocomplete("username")
        .filled(form, &problems);
    let mut fields: Vec<Field> = [name].into_iter().chain(passwords(guest, &problems)).collect();
    // Where a manifest put rules before, they are not asked for again.
    if console.dispatch.guard(VsId::ROOT)?.own.is_none() {
        let countries = Field::text("countries", text.get("welcome.countries"))
            .mark(text.get("form.optional"))
            .help(text.get("welcome.countries_help"))
            .filled(form, &problems);
        fields.push(countries);
    }
    let page = Page::outside(guest, text.get("welcome.set_up_title"))
        .lead(text.get("welcome.set_up_lead"))
        .problems(&problems, &fields);
    Ok(WelcomePage { page, fields, name: None, button: text.get("welcome.set_up_button").into() })
}

fn invitation_page(guest: &Guest, name: String, problems: &Problems) -> WelcomePage {
    let text = guest.text;
    let fields = passwords(guest, problems).to_vec();
    let page = Page::outside(guest, text.get("welcome.title").with("name", &name))
        .lead(text.get("welcome.lead"))
        .problems(problems, &fields);
    WelcomePage { page, fields, name: Some(name), button: text.get("welcome.button").into() }
}
