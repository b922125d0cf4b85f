//! How well each gateway does for each country.

use crate::access::{FullAccess, Target};
use crate::answer::{self, Answer};
use crate::problem::ProblemType;
use crate::routes::{Allowed, Route, Success};
use crate::shape::{Object, Shape, optional, required};
use crate::state::Api;
use crate::views::NAME;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use textgate_dispatch::GatewayStanding;
use textgate_sms::{Country, VsId};

static STANDING: Object = Object {
    name: "GatewayStanding",
    about: "What one gateway did for one country. Counts fade (half after six hours, and to the last some hundred messages), so they are not whole.",
    properties: &[
        required("gateway", NAME, "Its name."),
        optional("country", Shape::Country, "The country; null: numbers of no country."),
        required("attempts", Shape::Any, "Submissions (a number)."),
        required("sent", Shape::Any, "Those that it took (a number)."),
        required(
            "submit_ms",
            Shape::Any,
            "How long an answer to a submission takes on average (ms, a number).",
        ),
        required("delivered", Shape::Any, "Messages whose receipts say that they arrived (a number)."),
        required(
            "undelivered",
            Shape::Any,
            "Messages whose receipts say otherwise, or did not come (a number).",
        ),
        required("passcodes", Shape::Any, "Passcodes whose time to be entered has passed (a number)."),
        required("converted", Shape::Any, "Those that were entered (a number)."),
    ],
};

static STATISTICS: Object = Object {
    name: "GatewayStatistics",
    about: "How well each gateway does for each country, lately. In memory: a restart begins anew.",
    properties: &[required(
        "statistics",
        Shape::List(&Shape::Object(&STANDING), 10_000),
        "By country, then in the order of gateways.",
    )],
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route {
            method: "GET",
            path: "/v1/gateways/statistics",
            id: "get_gateway_statistics",
            summary: "How well each gateway does for each country: what it takes, what arrives, how many codes are entered.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &STATISTICS, "The statistics."),
            problems: &[],
            handler: get(show),
        },
        Route {
            method: "GET",
            path: "/v1/virtual-servers/{id}/gateways/statistics",
            id: "get_gateway_statistics_of",
            summary: "How well each gateway of a virtual server does for each country: the own or one below.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &STATISTICS, "The statistics."),
            problems: &[ProblemType::NotFound],
            handler: get(show_of),
        },
    ]
}

async fn show(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    shown(&api, access.vs)
}

async fn show_of(State(api): State<Arc<Api>>, target: Target) -> Answer {
    shown(&api, target.vs)
}

fn shown(api: &Api, vs: VsId) -> Answer {
    let statistics = api.dispatch.gateway_statistics(vs)?.iter().map(StandingShown::from).collect();
    Ok(answer::json(StatusCode::OK, &StatisticsShown { statistics }))
}

#[derive(Serialize)]
struct StatisticsShown {
    statistics: Vec<StandingShown>,
}

#[derive(Serialize)]
struct StandingShown {
    gateway: String,
    country: Option<Country>,
    attempts: f64,
    sent: f64,
    submit_ms: f64,
    delivered: f64,
    undelivered: f64,
    passcodes: f64,
    converted: f64,
}

impl From<&GatewayStanding> for StandingShown {
    fn from(standing: &GatewayStanding) -> Self {
        // A tenth is as exact as a count that fades can be.
        let tenths = |count: f32| (f64::from(count) * 10.0).round() / 10.0;
        Self {
            gateway: standing.name.clone(),
            country: standing.country,
            attempts: tenths(standing.attempts),
            sent: tenths(standing.sent),
            submit_ms: tenths(standing.submit_ms),
            delivered: tenths(standing.delivered),
            undelivered: tenths(standing.undelivered),
            passcodes: tenths(standing.passcodes),
            converted: tenths(standing.converted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use textgate_sms::GatewayId;

    #[test]
    fn what_is_shown_is_what_is_described() {
        let standing = GatewayStanding {
            gateway: GatewayId(1),
            name: "main".into(),
            country: Country::parse("DE").ok(),
            attempts: 10.06,
            sent: 9.0,
            submit_ms: 81.5,
            delivered: 8.0,
            undelivered: 1.0,
            passcodes: 5.0,
            converted: 4.0,
        };
        let shown = serde_json::to_value(StatisticsShown { statistics: vec![(&standing).into()] }).unwrap();
        let mut problems = Vec::new();
        STATISTICS.check(&shown, "", &mut problems);
        assert_eq!(problems, []);
        assert_eq!(shown["statistics"][0]["attempts"], 10.1);
    }
}
