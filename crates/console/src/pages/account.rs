//! Account: what people do with their own: password, second factor with its recovery codes, and the end of a session.

use super::sign_in;
use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::field::Field;
use crate::flash::Flash;
use crate::form::{Form, Problems};
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::visit::Visit;
use askama::Template;
use axum::extract::State;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use std::sync::Arc;
use textgate_dispatch::{SessionView, TotpOffer, UserView};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/account", Need::Person, show),
        Route::post("/console/account/sessions", Need::Person, end_sessions),
        Route::post("/console/account/password", Need::Person, change_password),
        Route::get("/console/account/second-factor", Need::Person, offer),
        Route::post("/console/account/second-factor", Need::Person, confirm),
        Route::post("/console/account/second-factor/remove", Need::Person, remove),
    ]
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    page: Page,
    user: UserView,
    sessions: Vec<SessionView>,
    password: Vec<Field>,
    proof: Field,
}

#[derive(Template)]
#[template(path = "second_factor.html")]
struct OfferPage {
    page: Page,
    /// A picture as a data address: SVG, which the policy of the page lets in as an image only.
    picture: Option<String>,
    secret: String,
    code: Field,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct CodesPage {
    page: Page,
    codes: Vec<String>,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    answer::html(&page(&console, &visit, Problems::none(), Problems::none())?)
}

async fn end_sessions(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    console.dispatch.end_other_sessions(&visit.person).await?;
    answer::see_with("/console/account", &Flash::done("sessions_ended", ""))
}

async fn change_password(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    if form.get("new") != form.get("again") {
        let problems = Problems::at("again", visit.text().get("account.not_the_same"));
        return answer::wrong(&page(&console, &visit, problems, Problems::none())?);
    }
    match console.dispatch.change_password(&visit.person, form.get("old"), form.get("new")).await {
        Ok(signed_in) => {
            let mut response = sign_in::begin("/console/account", &signed_in.token)?;
            Flash::done("password_changed", "").leave(&mut response);
            Ok(response)
        }
        Err(error) => {
            let problems = Problems::of_refusal(error, "old", visit.text())?;
            answer::wrong(&page(&console, &visit, problems, Problems::none())?)
        }
    }
}

async fn offer(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    let offer = console.dispatch.begin_totp(&visit.person)?;
    answer::html(&offered(&console, &visit, &offer, &Problems::none()))
}

async fn confirm(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    match console.dispatch.confirm_totp(&visit.person, form.trimmed("code")).await {
        Ok(codes) => {
            let text = visit.text();
            let page = Page::new(&console, &visit, text.get("account.codes_title"))
                .lead(text.get("account.codes_lead"));
            answer::html(&CodesPage { page, codes })
        }
        Err(error) => {
            let problems = Problems::of_refusal(error, "code", visit.text())?;
            let offer = console.dispatch.begin_totp(&visit.person)?;
            answer::wrong(&offered(&console, &visit, &offer, &problems))
        }
    }
}

async fn remove(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    match console.dispatch.remove_totp(&visit.person, form.get("password")).await {
        Ok(()) => answer::see_with("/console/account", &Flash::done("second_factor_removed", "")),
        Err(error) => {
            let problems = Problems::of_refusal(error, "password", visit.text())?;
            answer::wrong(&page(&console, &visit, Problems::none(), problems)?)
        }
    }
}

fn page(
    console: &Console,
    visit: &Visit,
    of_password: Problems,
    of_proof: Problems,
) -> Result<AccountPage, Failure> {
    let text = visit.text();
    let none = Form::default();
    let new = "new-password";
    let password = vec![
        Field::password("old", text.get("account.old"))
            .required()
            .autocomplete("current-password")
            .filled(&none, &of_password),
        Field::password("new", text.get("account.new"))
            .help(text.get("account.password_help"))
            .required()
            .autocomplete(new)
            .filled(&none, &of_password),
        Field::password("again", text.get("account.again"))
            .required()
            .autocomplete(new)
            .filled(&none, &of_password),
    ];
    let proof = Field::password("password", text.get("account.old"))
        .required()
        .autocomplete("current-password")
        .filled(&none, &of_proof);
    let page = Page::new(console, visit, text.get("nav.account"))
        .problems(&of_password, &password)
        .problems(&of_proof, [&proof]);
    let user = console.dispatch.user(visit.person.vs, visit.person.user)?;
    Ok(AccountPage { page, user, sessions: console.dispatch.sessions(&visit.person), password, proof })
}

fn offered(console: &Console, visit: &Visit, offer: &TotpOffer, problems: &Problems) -> OfferPage {
    let text = visit.text();
    let code = Field::text("code", text.get("account.first_code"))
        .required()
        .autocomplete("one-time-code")
        .filled(&Form::default(), problems);
    let page = Page::new(console, visit, text.get("account.second_factor"))
        .lead(text.get("account.offer_lead"))
        .problems(problems, [&code]);
    // In groups of four, to be typed.
    let letters: Vec<char> = offer.secret.chars().collect();
    let secret =
        letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ");
    OfferPage { page, picture: picture(&offer.uri), secret, code }
}

/// The QR code of this text as a data address; `None` where it is too long for one.
fn picture(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let picture = code.render::<svg::Color<'_>>().min_dimensions(240, 240).quiet_zone(true).build();
    Some(format!("data:image/svg+xml,{}", crate::form::escaped(&picture)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qr_code_is_a_picture_that_can_stand_in_an_attribute() {
        let address = picture("otpauth://totp/textgate:ada?secret=JBSWY3DPEHPK3PXP&issuer=textgate").unwrap();
        assert!(address.starts_with("data:image/svg+xml,%3C%3Fxml") && !address.contains(['"', '<', ' ']));
        assert_eq!(picture(&"x".repeat(10_000)), None);
    }
}
