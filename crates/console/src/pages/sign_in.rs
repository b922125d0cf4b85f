//! Sign in: name and password, then the second factor where there is one; and sign out.

use super::preferences::own;
use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::cookies::{self, Keep};
use crate::field::Field;
use crate::form::{Form, Problems};
use crate::page::Page;
use crate::pending::First;
use crate::routes::{Need, Route};
use crate::visit::{Guest, Visit};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri, header};
use std::sync::Arc;
use textgate_dispatch::{SignIn, SignInRefusal};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/sign-in", Need::Nobody, show),
        Route::post("/console/sign-in", Need::Nobody, sign_in),
        Route::post("/console/sign-out", Need::Person, sign_out),
    ]
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    page: Page,
    next: String,
    /// In the second step: under which ticket the first one is kept.
    ticket: Option<String>,
    fields: Vec<Field>,
    refusal: Option<String>,
}

async fn show(State(console): State<Arc<Console>>, guest: Guest, uri: Uri) -> Answer {
    let query = Form::read(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let next = own(query.get("next")).to_owned();
    if guest.token.as_deref().is_some_and(|token| console.dispatch.session(token).is_some()) {
        return answer::see(&next);
    }
    answer::html(&first_step(&guest, next, &Form::default(), None))
}

async fn sign_in(State(console): State<Arc<Console>>, guest: Guest, form: Form) -> Answer {
    let next = own(form.get("next")).to_owned();
    let is_second = form.has("ticket");
    let text = guest.text;
    let first = if is_second {
        match console.pending.take(form.get("ticket")) {
            Some(first) => first,
            None => {
                let late = text.get("sign_in.too_late").into();
                return answer::wrong(&first_step(&guest, next, &Form::default(), Some(late)));
            }
        }
    } else {
        First { name: form.trimmed("name").to_owned(), password: form.get("password").to_owned() }
    };
    let code = is_second.then(|| form.trimmed("code").to_owned()).filter(|code| !code.is_empty());
    let attempt =
        SignIn { name: first.name.clone(), password: first.password.clone(), code, from: guest.from };
    match console.dispatch.sign_in(attempt).await {
        Ok(signed_in) => begin(&next, &signed_in.token),
        Err(SignInRefusal::SecondFactorNeeded) => {
            let wrong = is_second.then(|| text.get("sign_in.enter_code").into());
            let status = if is_second { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
            answer::with_status(status, &second_step(&console, &guest, next, first, wrong)?)
        }
        Err(SignInRefusal::Wrong) if is_second => {
            let wrong = text.get("sign_in.wrong_code").into();
            answer::wrong(&second_step(&console, &guest, next, first, Some(wrong))?)
        }
        Err(SignInRefusal::Wrong) => {
            let wrong = text.get("sign_in.wrong").into();
            answer::wrong(&first_step(&guest, next, &form, Some(wrong)))
        }
        Err(SignInRefusal::TooMany { wait_s }) => Err(Failure::TooMany(wait_s)),
        Err(SignInRefusal::StoreUnavailable) => Err(Failure::Unavailable),
    }
}

fn first_step(guest: &Guest, next: String, form: &Form, refusal: Option<String>) -> SignInPage {
    let text = guest.text;
    let none = Problems::none();
    let fields = vec![
        Field::text("name", text.get("sign_in.name")).required().autocomplete("username").filled(form, &none),
        Field::password("password", text.get("sign_in.password")).required().autocomplete("current-password"),
    ];
    let page = Page::outside(guest, text.get("sign_in.title"));
    SignInPage { page, next, ticket: None, fields, refusal }
}

fn second_step(
    console: &Console,
    guest: &Guest,
    next: String,
    first: First,
    refusal: Option<String>,
) -> Result<SignInPage, Failure> {
    let text = guest.text;
    let ticket = console.pending.keep(first).ok_or(Failure::Unavailable)?;
    let code = Field::text("code", text.get("sign_in.code"))
        .help(text.get("sign_in.code_help"))
        .required()
        .autocomplete("one-time-code");
    let page = Page::outside(guest, text.get("sign_in.second_title"));
    Ok(SignInPage { page, next, ticket: Some(ticket), fields: vec![code], refusal })
}

/// To the next page, with the session's cookie. Whoever has signed in is no guest any more.
pub(super) fn begin(next: &str, token: &str) -> Answer {
    let mut response = answer::see(next)?;
    put(&mut response, cookies::SESSION, token, Keep::Session)?;
    put(&mut response, cookies::GUEST, "", Keep::Gone)?;
    Ok(response)
}

async fn sign_out(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    if let Some(token) = &visit.guest.token {
        console.dispatch.sign_out(token).await?;
    }
    let mut response = answer::see("/console/sign-in")?;
    put(&mut response, cookies::SESSION, "", Keep::Gone)?;
    Ok(response)
}

fn put(response: &mut Response, name: &str, value: &str, keep: Keep) -> Result<(), Failure> {
    let cookie = cookies::set(name, value, keep).ok_or(Failure::Unavailable)?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(())
}
