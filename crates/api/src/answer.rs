//! Answers: JSON with its status, and the frame that every answer gets.

use crate::problem::ProblemDetails;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What a handler gives back.
pub(crate) type Answer = Result<Response, ProblemDetails>;

/// JSON with this status.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    // Writing to memory what only holds texts and numbers does not fail.
    let mut body = Vec::with_capacity(128);
    let _ = serde_json::to_writer(&mut body, value);
    with_type(status, "application/json", body)
}

/// This body, of this media type.
pub(crate) fn with_type(
    status: StatusCode,
    media_type: &'static str,
    body: impl Into<axum::body::Body>,
) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// Done, and nothing to say.
pub(crate) fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

static REQUESTS: AtomicU64 = AtomicU64::new(1);

/// Around every request: a number for the log and the caller, headers for browsers and caches that come by, and one
/// event when it is done. The event never holds the query, the body or a header: they may hold texts, numbers and keys.
pub(crate) async fn frame(request: Request, next: Next) -> Response {
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    let is_private = !matches!(
        request.uri().path(),
        "/healthz" | "/readyz" | "/metrics" | "/openapi.json" // nothing of a tenant's
    );
    let told = tracing::enabled!(tracing::Level::DEBUG).then(|| {
        let route = request.extensions().get::<MatchedPath>().cloned();
        (request.method().clone(), route, Instant::now())
    });
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert("x-request-id", HeaderValue::from(number));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if is_private {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some((method, route, since)) = told {
        tracing::debug!(
            request = number,
            %method,
            route = route.as_ref().map_or("none", MatchedPath::as_str),
            status = response.status().as_u16(),
            took_us = since.elapsed().as_micros() as u64,
            "answered"
        );
    }
    response
}
