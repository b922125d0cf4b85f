//! Sign in at an OpenID Connect provider: to it, back from it, and out there as well.

use super::preferences::own;
use super::sign_in;
use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::cookies::{self, Keep};
use crate::form::Form;
use crate::oidc::{self, OidcError};
use crate::routes::{Need, Route};
use crate::visit::Guest;
use axum::extract::State;
use http::{HeaderMap, StatusCode, Uri};
use std::sync::Arc;
use textgate_dispatch::{ExternalRefusal, SignInRefusal};

/// Where a sign-in begins.
pub(super) const BEGIN: &str = "/console/sign-in/oidc";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(BEGIN, Need::Nobody, begin),
        Route::get(oidc::CALLBACK, Need::Nobody, finish),
        Route::get("/console/sign-out/oidc", Need::Nobody, sign_out),
    ]
}

async fn begin(State(console): State<Arc<Console>>, guest: Guest, uri: Uri) -> Answer {
    let oidc = console.options.oidc.as_ref().ok_or(Failure::NotFound)?;
    let query = Form::read(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    match oidc.begin(own(query.get("next"))).await {
        Ok(away) => {
            let mut response = answer::see(&away.location)?;
            sign_in::put(&mut response, cookies::OIDC, &away.cookie, Keep::For(oidc::LIFE_S))?;
            Ok(response)
        }
        Err(error) => refuse(&console, guest, &error),
    }
}

async fn finish(
    State(console): State<Arc<Console>>,
    mut guest: Guest,
    headers: HeaderMap,
    uri: Uri,
) -> Answer {
    let oidc = console.options.oidc.as_ref().ok_or(Failure::NotFound)?;
    // The address has the code in it: no page that is shown here may repeat it.
    guest.here = "/console/sign-in".to_owned();
    let dispatch = &console.dispatch;
    dispatch.begin_external(guest.from).map_err(|refusal| match refusal {
        SignInRefusal::TooMany { wait_s } => Failure::TooMany(wait_s),
        _ => Failure::Unavailable,
    })?;
    let query = Form::read(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let cookie = cookies::get(&headers, cookies::OIDC).unwrap_or_default();
    let back = match oidc.finish(cookie, &query, guest.from).await {
        Ok(back) => back,
        Err(error) => {
            match error {
                OidcError::Unreachable(_) | OidcError::Busy => dispatch.undecided_external(guest.from),
                _ => dispatch.failed_external(),
            }
            return refuse(&console, guest, &error);
        }
    };
    match dispatch.sign_in_external(back.sign_in, &oidc.options.roles).await {
        Ok(signed_in) => {
            let mut response = sign_in::begin(own(&back.next), &signed_in.token)?;
            sign_in::put(&mut response, cookies::OIDC, "", Keep::Gone)?;
            Ok(response)
        }
        Err(ExternalRefusal::StoreUnavailable) => Err(Failure::Unavailable),
        Err(refusal) => {
            let text = guest.text;
            let why = match &refusal {
                ExternalRefusal::NameTaken(name) => text.get("oidc.name_taken").with("name", name),
                ExternalRefusal::NameInvalid(why) => {
                    text.get("oidc.name_invalid").with("reason", text.problem(why))
                }
                _ => text.get("oidc.no_role"),
            };
            say(
                &console,
                guest,
                StatusCode::FORBIDDEN,
                &why.with("provider", &oidc.options.label).to_string(),
            )
        }
    }
}

async fn sign_out(State(console): State<Arc<Console>>) -> Answer {
    let oidc = console.options.oidc.as_ref().ok_or(Failure::NotFound)?;
    answer::see(&oidc.sign_out().await.ok_or(Failure::NotFound)?)
}

/// The sign-in page with what went wrong. Why it did is for the log: nobody outside needs to know.
fn refuse(console: &Console, guest: Guest, error: &OidcError) -> Answer {
    let (status, key) = match error {
        OidcError::Stale => (StatusCode::BAD_REQUEST, guest.text.get("oidc.stale")),
        OidcError::Refused(_) => (StatusCode::FORBIDDEN, guest.text.get("oidc.refused")),
        OidcError::Unreachable(_) => (StatusCode::BAD_GATEWAY, guest.text.get("oidc.unreachable")),
        OidcError::Untrusted(_) => (StatusCode::BAD_GATEWAY, guest.text.get("oidc.untrusted")),
        OidcError::Busy => return Err(Failure::TooMany(1)),
    };
    tracing::warn!(%error, "a sign-in at the OpenID Connect provider came to nothing");
    let label = console.options.oidc.as_ref().map_or("", |oidc| oidc.options.label.as_str());
    say(console, guest, status, &key.with("provider", label).to_string())
}

fn say(console: &Console, guest: Guest, status: StatusCode, why: &str) -> Answer {
    let page = sign_in::first_step(console, &guest, "/console/".into(), &Form::default(), Some(why.into()));
    let mut response = answer::with_status(status, &page)?;
    sign_in::put(&mut response, cookies::OIDC, "", Keep::Gone)?;
    Ok(response)
}
