//! A page for each reason why there is none.

use crate::answer::{self, Failure};
use crate::console::Console;
use crate::page::Page;
use crate::visit::{Guest, Visit};
use askama::Template;
use axum::response::Response;
use http::{HeaderValue, header};

/// In the layout of who is signed in.
#[derive(Template)]
#[template(path = "failure.html")]
struct Inside {
    page: Page,
    advice: String,
}

/// For guests.
#[derive(Template)]
#[template(path = "failure_outside.html")]
struct Outside {
    page: Page,
    advice: String,
}

/// The page of this failure.
pub(crate) fn show(
    console: &Console,
    visit: Option<&Visit>,
    guest: &Guest,
    failure: &Failure,
) -> Option<Response> {
    let text = guest.text;
    let title = text.word("failure_title", failure.word());
    let advice = match failure {
        Failure::Wrong(reason) => text.problem(reason),
        Failure::TooMany(wait_s) => {
            text.word("failure_advice", failure.word()).with("seconds", wait_s).into()
        }
        _ => text.word("failure_advice", failure.word()).into(),
    };
    // Of a virtual server that is not theirs, a person is shown their own.
    let visit = visit.map(|visit| match failure {
        Failure::NotFound => Visit { vs: visit.person.vs, ..visit.clone() },
        _ => visit.clone(),
    });
    let answer = match visit {
        Some(visit) => {
            let page = Page::new(console, &visit, title);
            answer::with_status(failure.status(), &Inside { page, advice })
        }
        None => answer::with_status(failure.status(), &Outside { page: Page::outside(guest, title), advice }),
    };
    let mut response = answer.ok()?;
    let wait_s = match failure {
        Failure::TooMany(wait_s) => Some(*wait_s),
        Failure::Unavailable => Some(5),
        _ => None,
    };
    if let Some(wait_s) = wait_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_s));
    }
    Some(response)
}
