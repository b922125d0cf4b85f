//! What the machinery around asks for: health, metrics, and the description of the API itself. None of it needs a key.

use crate::answer::{self, Answer};
use crate::problem::{ProblemDetails, ProblemType};
use crate::routes::{Allowed, Route, Success};
use crate::shape::{Object, Shape, required};
use crate::state::Api;
use axum::extract::State;
use axum::routing::get;
use http::{StatusCode, Uri};
use serde_json::json;
use std::sync::Arc;

static HEALTH: Object = Object {
    name: "Health",
    about: "A sign of life.",
    properties: &[required("status", Shape::Text(16), "`ok`.")],
};

static PROBLEM_TYPE: Object = Object {
    name: "ProblemType",
    about: "A type of problem, and what to do about it.",
    properties: &[
        required("type", Shape::Text(128), "Its address."),
        required("title", Shape::Text(128), "Its name for people."),
        required("status", Shape::Integer(400, 599), "Its HTTP status."),
        required("meaning", Shape::Text(1024), "What it means and what to do."),
    ],
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route {
            method: "GET",
            path: "/healthz",
            id: "get_health",
            summary: "Whether the program is alive.",
            access: Allowed::Everybody,
            parameters: &[],
            body: None,
            success: Success::json(200, &HEALTH, "It is."),
            problems: &[],
            handler: get(healthz),
        },
        Route {
            method: "GET",
            path: "/readyz",
            id: "get_readiness",
            summary: "Whether messages are accepted now.",
            access: Allowed::Everybody,
            parameters: &[],
            body: None,
            success: Success::json(200, &HEALTH, "They are."),
            problems: &[ProblemType::NotReady],
            handler: get(readyz),
        },
        Route {
            method: "GET",
            path: "/metrics",
            id: "get_metrics",
            summary: "Metrics in the OpenMetrics text format, as Prometheus reads it.",
            access: Allowed::Everybody,
            parameters: &[],
            body: None,
            success: Success::other(OPEN_METRICS, "The metrics."),
            problems: &[],
            handler: get(metrics),
        },
        Route {
            method: "GET",
            path: "/openapi.json",
            id: "get_openapi",
            summary: "This document.",
            access: Allowed::Everybody,
            parameters: &[],
            body: None,
            success: Success::other("application/json", "An OpenAPI 3.1 document."),
            problems: &[],
            handler: get(openapi),
        },
        Route {
            method: "GET",
            path: "/problems/{slug}",
            id: "get_problem_type",
            summary: "What a problem's `type` means.",
            access: Allowed::Everybody,
            parameters: &[],
            body: None,
            success: Success::json(200, &PROBLEM_TYPE, "The type of problem."),
            problems: &[ProblemType::NotFound],
            handler: get(problem_type),
        },
    ]
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

async fn healthz() -> Answer {
    Ok(answer::json(StatusCode::OK, &json!({"status": "ok"})))
}

async fn readyz(State(api): State<Arc<Api>>) -> Answer {
    match api.dispatch.ready() {
        Ok(()) => Ok(answer::json(StatusCode::OK, &json!({"status": "ok"}))),
        Err(reason) => Err(ProblemDetails::new(ProblemType::NotReady, reason)),
    }
}

async fn metrics(State(api): State<Arc<Api>>) -> Answer {
    if !api.options.metrics {
        return Err(ProblemDetails::not_found("this address"));
    }
    Ok(answer::with_type(StatusCode::OK, OPEN_METRICS, api.dispatch.render_metrics()))
}

async fn openapi(State(api): State<Arc<Api>>) -> Answer {
    Ok(answer::with_type(StatusCode::OK, "application/json", api.openapi.clone()))
}

async fn problem_type(uri: Uri) -> Answer {
    // Slugs are plain ASCII: what is not one as it stands is none.
    let slug = uri.path().rsplit('/').next().unwrap_or_default();
    let kind =
        ProblemType::from_slug(slug).ok_or_else(|| ProblemDetails::not_found("this type of problem"))?;
    let shown = json!({
        "type": kind.address(),
        "title": kind.title(),
        "status": kind.status().as_u16(),
        "meaning": kind.meaning(),
    });
    Ok(answer::json(StatusCode::OK, &shown))
}
