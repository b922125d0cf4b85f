//! Messages as CSV, streamed.

use crate::access::Access;
use crate::answer::{self, Answer};
use crate::messages::Question;
use crate::problem::{ProblemDetails, ProblemType};
use crate::query::query;
use crate::routes::{Allowed, Parameter, Route, Success};
use crate::shape::Shape;
use crate::state::Api;
use crate::views;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use futures_util::stream;
use http::{HeaderValue, StatusCode, Uri, header};
use std::sync::Arc;
use textgate_dispatch::DirectoryError;

static PARAMETERS: &[Parameter] = &[
    query("status", Shape::OneOf(views::states), "Only in this status."),
    query("to", Shape::Text(15), "Only to this number."),
    query("kind", Shape::OneOf(views::kinds), "Only of this kind."),
    query("gateway", Shape::Text(64), "Only with an attempt at this gateway (its name)."),
    query("reference", Shape::Text(255), "Only with this reference."),
    query("since", Shape::TimeGiven, "Only accepted at this time or later."),
    query("until", Shape::TimeGiven, "Only accepted before this time."),
    query(
        "texts",
        Shape::Flag,
        "With the texts that are kept, but for those of passcodes; without where left out.",
    ),
];

pub(crate) fn routes() -> Vec<Route> {
    vec![Route {
        method: "GET",
        path: "/v1/messages.csv",
        id: "export_messages",
        summary: "All messages that fit, the newest first, as CSV. What a spreadsheet would take for a formula begins with an apostrophe.",
        access: Allowed::AnyKey,
        parameters: PARAMETERS,
        body: None,
        success: Success::other("text/csv", "The messages, with a header line."),
        problems: &[ProblemType::InvalidRequest, ProblemType::Busy, ProblemType::StoreUnavailable],
        handler: get(export),
    }]
}

async fn export(State(api): State<Arc<Api>>, access: Access, uri: Uri) -> Answer {
    let question = Question::parse(&uri, PARAMETERS, &api, access.vs)?;
    let export = api.dispatch.export(access.vs, question.filter, question.with_texts);
    let export = export.map_err(|error| match error {
        DirectoryError::Conflict(why) => ProblemDetails::new(ProblemType::Busy, why),
        other => other.into(),
    })?;
    // An error in between breaks the answer off, which a client sees.
    let lines = stream::unfold(export, async |mut export| Some((export.next().await?, export)));
    let mut response = answer::with_type(
        StatusCode::OK,
        "text/csv; charset=utf-8; header=present",
        Body::from_stream(lines),
    );
    let name = HeaderValue::from_static("attachment; filename=\"messages.csv\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}
