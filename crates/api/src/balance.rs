//! What is left at a gateway's provider.

use crate::access::{FullAccess, path_parameter};
use crate::answer::{self, Answer};
use crate::problem::{ProblemDetails, ProblemType};
use crate::routes::{Allowed, Route, Success};
use crate::shape::{Object, Shape, required};
use crate::state::Api;
use axum::extract::{Request, State};
use axum::routing::get;
use http::StatusCode;
use serde_json::json;
use std::sync::Arc;
use textgate_dispatch::BalanceRefusal;

static BALANCE: Object = Object {
    name: "Balance",
    about: "What is left at a gateway's provider.",
    properties: &[
        required("amount", Shape::Any, "How much (a number)."),
        required(
            "unit",
            Shape::Text(64),
            "Of what: `EUR`, `credits`; blank where the provider does not say.",
        ),
    ],
};

pub(crate) fn routes() -> Vec<Route> {
    vec![Route {
        method: "GET",
        path: "/v1/sms-settings/gateways/{name}/balance",
        id: "get_gateway_balance",
        summary: "Ask the provider of a gateway what is left there, where it can be asked.",
        access: Allowed::FullKey,
        parameters: &[],
        body: None,
        success: Success::json(200, &BALANCE, "What is left."),
        problems: &[ProblemType::NotFound, ProblemType::ProviderUnavailable],
        handler: get(show),
    }]
}

async fn show(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, request: Request) -> Answer {
    let (mut parts, _) = request.into_parts();
    let name = path_parameter(&mut parts, "name").await;
    let name = name.ok_or_else(|| ProblemDetails::not_found("this gateway"))?;
    let balance = api.dispatch.balance(access.vs, &name).await.map_err(|refusal| match refusal {
        BalanceRefusal::NotFound(what) => ProblemDetails::not_found(&what),
        BalanceRefusal::NoAnswer(reason) => ProblemDetails::new(ProblemType::ProviderUnavailable, reason),
    })?;
    Ok(answer::json(StatusCode::OK, &json!({"amount": balance.amount, "unit": balance.unit})))
}
