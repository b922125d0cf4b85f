//! Answers: pages, redirects, and the reasons why there is neither, each with a page of its own.

use crate::flash::Flash;
use askama::Template;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use textgate_dispatch::DirectoryError;

/// What a handler gives back.
pub type Answer = Result<Response, Failure>;

/// Why there is no page. The [gate](crate::gate) shows it in the layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// There is no such thing, or not for this person.
    NotFound,
    /// This person may not do that.
    Forbidden,
    /// The form is not one of ours, or of a session that has ended.
    Stale,
    /// The address is there, but not by this method.
    Method,
    /// More was sent than any form has.
    TooLarge,
    /// What was sent contradicts what is there, or is no form at all; the reason.
    Wrong(String),
    /// Too many tries; when to come again (s).
    TooMany(u64),
    /// The store cannot be read or written.
    Unavailable,
}

impl Failure {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Forbidden | Self::Stale => StatusCode::FORBIDDEN,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Wrong(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Its word in the lists `failure_title` and `failure_advice` of the texts.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Forbidden => "forbidden",
            Self::Stale => "stale",
            Self::Method => "method",
            Self::TooLarge => "too_large",
            Self::Wrong(_) => "wrong",
            Self::TooMany(_) => "too_many",
            Self::Unavailable => "unavailable",
        }
    }
}

impl IntoResponse for Failure {
    /// Only its status and itself: the gate, who knows for whom, makes the page.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::NotFound(_) => Self::NotFound,
            DirectoryError::StoreUnavailable(_) => Self::Unavailable,
            DirectoryError::Conflict(reason) => Self::Wrong(reason),
            DirectoryError::Invalid(problems) => Self::Wrong(
                problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; "),
            ),
        }
    }
}

/// A page.
pub fn html(template: &impl Template) -> Answer {
    with_status(StatusCode::OK, template)
}

/// A page with a form that has problems: 422, so that programs and histories see that nothing was done.
pub fn wrong(template: &impl Template) -> Answer {
    with_status(StatusCode::UNPROCESSABLE_ENTITY, template)
}

/// A page with this status.
pub fn with_status(status: StatusCode, template: &impl Template) -> Answer {
    let body = template.render().map_err(|error| {
        tracing::error!(%error, "a page cannot be written");
        Failure::Unavailable
    })?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Ok(response)
}

/// To another page, by GET (303).
pub fn see(location: &str) -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let location = HeaderValue::try_from(location).map_err(|_| Failure::NotFound)?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// The same, with a notice there.
pub fn see_with(location: &str, flash: &Flash) -> Answer {
    let mut response = see(location)?;
    flash.leave(&mut response);
    Ok(response)
}
