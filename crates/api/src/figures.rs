//! Figures by time: what the console's charts show, for programs.

use crate::access::{FullAccess, unknown_virtual_server};
use crate::answer::{self, Answer};
use crate::problem::{ProblemDetails, ProblemType};
use crate::query::{self, query, time, yes_or_no};
use crate::routes::{Allowed, Parameter, Route, Success};
use crate::settings::LINE_STATUS;
use crate::shape::{Object, Shape, optional, required};
use crate::state::Api;
use crate::time::Shown;
use crate::views::COUNT;
use axum::extract::State;
use axum::routing::get;
use http::{StatusCode, Uri};
use serde::Serialize;
use std::sync::Arc;
use textgate_dispatch::{Forecast, GatewayNow, GatewaySeries, Scope, Series, SeriesStep};
use textgate_gateway::LineStatus;
use textgate_sms::{MessageState, OutcomeClass, VsId};
use textgate_store::{Figures, Histogram};

const NAME: Shape = Shape::Text(64);
/// As many steps as a series has at most.
const STEPS_MOST: usize = 1_502;

static PARAMETERS: &[Parameter] = &[
    query("from", Shape::TimeGiven, "From then; an hour before `to` where left out."),
    query("to", Shape::TimeGiven, "To before then; now where left out."),
    query(
        "step_s",
        Shape::Integer(60, i64::MAX),
        "How long a step is (s): whole minutes for the past 48 hours, whole hours for 35 days, whole days (of UTC) for 400. By \
         the span where left out.",
    ),
    query("gateway", NAME, "Only what this gateway did (its name)."),
    query("virtual_server", COUNT, "Of a virtual server below this one (its id)."),
    query("below", Shape::Flag, "Together with all virtual servers below it."),
];

static LATENCY: Object = Object {
    name: "Latency",
    about: "How long something took, within 3 %; null where there was nothing.",
    properties: &[
        required("count", COUNT, "How many were measured."),
        optional("p50_ms", Shape::Any, "The median (ms)."),
        optional("p95_ms", Shape::Any, "19 of 20 took no longer (ms)."),
        optional("p99_ms", Shape::Any, "99 of 100 took no longer (ms)."),
    ],
};

static ATTEMPTS: Object = Object {
    name: "AttemptCounts",
    about: "Attempts, by what they came to.",
    properties: &[
        required("sent", COUNT, ""),
        required("rejected", COUNT, ""),
        required("throttled", COUNT, ""),
        required("unavailable", COUNT, ""),
        required("account", COUNT, ""),
        required("uncertain", COUNT, ""),
        required("refused", COUNT, ""),
    ],
};

static FIGURES: Object = Object {
    name: "Figures",
    about: "What happened to messages.",
    properties: &[
        required("accepted", COUNT, "Messages accepted."),
        required("sent", COUNT, "Messages that a gateway took."),
        required("delivered", COUNT, "Messages whose receipts say so."),
        required("undelivered", COUNT, "Messages whose receipts say that they will not arrive."),
        required("failed", COUNT, "Messages that every gateway refused."),
        required("expired", COUNT, "Messages whose validity ended first."),
        required("cancelled", COUNT, "Messages called back."),
        required("failovers", COUNT, "Messages that went on to another gateway."),
        required("attempts", Shape::Object(&ATTEMPTS), "Attempts, by what they came to."),
        required("accept_to_sent", Shape::Object(&LATENCY), "From acceptance until a gateway had taken it."),
        required("sent_to_delivered", Shape::Object(&LATENCY), "From then until the receipt."),
    ],
};

static STEP: Object = Object {
    name: "SeriesStep",
    about: "One step of a series.",
    properties: &[
        required("at", Shape::Time, "When it begins."),
        required("figures", Shape::Object(&FIGURES), "What happened in it."),
    ],
};

static GATEWAY: Object = Object {
    name: "SeriesGateway",
    about: "What one gateway did, and how it is now.",
    properties: &[
        required("name", NAME, "Its name; its number where it has been removed since."),
        required("figures", Shape::Object(&FIGURES), "What it did, in all."),
        optional("health", NAME, "`connecting`, `up` or `down`; null where it is not used now."),
        optional("breaker", NAME, "`closed`, `open` or `half_open`."),
        optional("reason", Shape::Text(1024), "Why it is down."),
        optional(
            "lines",
            Shape::List(&Shape::Object(&LINE_STATUS), 32),
            "Its modems; left out where the gateway has none, or is the service provider's.",
        ),
    ],
};

static FORECAST: Object = Object {
    name: "CreditsForecast",
    about: "For how long the SMS credits last at the pace of the past week.",
    properties: &[
        required("remaining", COUNT, "Credits left."),
        required("per_day", Shape::Any, "Credits spent in a day, on average (a number)."),
        optional("days_left", Shape::Any, "Days until none remain (a number); null where none are spent."),
    ],
};

static SERIES: Object = Object {
    name: "Series",
    about: "Figures by time. Figures of the last seconds before a crash may be missing.",
    properties: &[
        required("from", Shape::Time, "When the first step begins."),
        required("to", Shape::Time, "When the last one ends."),
        required("step_s", COUNT, "How long each is (s)."),
        required("steps", Shape::List(&Shape::Object(&STEP), STEPS_MOST), "Every step, oldest first."),
        required("total", Shape::Object(&FIGURES), "The sum of all."),
        required(
            "gateways",
            Shape::List(&Shape::Object(&GATEWAY), 10_000),
            "Each gateway that did something, or is used now.",
        ),
        required("credits", Shape::Object(&FORECAST), "The SMS credits."),
    ],
};

pub(crate) fn routes() -> Vec<Route> {
    vec![Route {
        method: "GET",
        path: "/v1/metrics/series",
        id: "get_series",
        summary: "What happened to messages by time: counts, latencies, gateways, and for how long SMS credits last.",
        access: Allowed::FullKey,
        parameters: PARAMETERS,
        body: None,
        success: Success::json(200, &SERIES, "The series."),
        problems: &[ProblemType::InvalidRequest, ProblemType::NotFound, ProblemType::StoreUnavailable],
        handler: get(show),
    }]
}

async fn show(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, uri: Uri) -> Answer {
    let (mut from, mut to, mut step_s, mut gateway, mut of) = (None, None, None, None, None);
    let mut scope = Scope { vs: access.vs, with_below: false };
    query::read(&uri, PARAMETERS, api.door, |name, value| {
        match name {
            "from" => from = Some(time(&value)?),
            "to" => to = Some(time(&value)?),
            "step_s" => {
                let seconds = value.parse::<i64>().ok();
                step_s = seconds.filter(|seconds| (60..=i64::from(u32::MAX)).contains(seconds));
                step_s.ok_or("choose whole minutes: 60 or a multiple of it")?;
            }
            "below" => scope.with_below = yes_or_no(&value)?,
            "virtual_server" => of = Some(value),
            _ => gateway = Some(value),
        }
        Ok(())
    })?;
    if let Some(of) = of {
        scope.vs = access.reach(&api, of.parse().map(VsId).map_err(|_| unknown_virtual_server())?)?;
    }
    let gateway = match gateway.map(|name| api.dispatch.gateway_named(scope.vs, &name)) {
        Some(None) => {
            let unknown = "no gateway of this virtual server has this name";
            return Err(ProblemDetails::invalid_field("gateway", unknown));
        }
        found => found.flatten(),
    };
    let to = to.unwrap_or_else(|| api.dispatch.now_ms());
    let from = from.unwrap_or(to - 3_600_000);
    let step_ms =
        step_s.map_or_else(|| Series::usual_step_ms(to.saturating_sub(from)), |seconds| seconds * 1_000);
    let series = api.dispatch.series(scope, gateway, from, to, step_ms).await?;
    let now = api.dispatch.gateways_now(scope.vs)?;
    let forecast = api.dispatch.forecast(scope.vs).await?;
    Ok(answer::json(StatusCode::OK, &SeriesShown::new(&series, &now, forecast)))
}

#[derive(Serialize)]
struct SeriesShown<'a> {
    from: Shown,
    to: Shown,
    step_s: i64,
    steps: Vec<StepShown>,
    total: FiguresShown,
    gateways: Vec<GatewayShown<'a>>,
    credits: ForecastShown,
}

#[derive(Serialize)]
struct StepShown {
    at: Shown,
    figures: FiguresShown,
}

#[derive(Serialize)]
struct GatewayShown<'a> {
    name: &'a str,
    figures: FiguresShown,
    health: Option<&'a str>,
    breaker: Option<&'a str>,
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    lines: &'a [LineStatus],
}

#[derive(Serialize)]
struct ForecastShown {
    remaining: u64,
    per_day: f64,
    days_left: Option<f64>,
}

#[derive(Serialize)]
struct FiguresShown {
    accepted: u64,
    sent: u64,
    delivered: u64,
    undelivered: u64,
    failed: u64,
    expired: u64,
    cancelled: u64,
    failovers: u64,
    attempts: AttemptsShown,
    accept_to_sent: LatencyShown,
    sent_to_delivered: LatencyShown,
}

#[derive(Serialize)]
struct AttemptsShown {
    sent: u64,
    rejected: u64,
    throttled: u64,
    unavailable: u64,
    account: u64,
    uncertain: u64,
    refused: u64,
}

#[derive(Serialize)]
struct LatencyShown {
    count: u64,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
}

impl<'a> SeriesShown<'a> {
    fn new(series: &'a Series, now: &'a [GatewayNow], forecast: Forecast) -> Self {
        let nothing = Figures::default();
        let mut gateways: Vec<_> = now
            .iter()
            .map(|gateway| {
                let did = series.gateways.iter().find(|did| did.id == gateway.id);
                GatewayShown {
                    name: &gateway.name,
                    figures: FiguresShown::new(did.map_or(&nothing, |did| &did.figures)),
                    health: Some(gateway.status.health),
                    breaker: Some(gateway.status.breaker),
                    reason: gateway.status.reason.as_deref(),
                    lines: &gateway.status.lines,
                }
            })
            .collect();
        let is_past = |did: &&GatewaySeries| !now.iter().any(|gateway| gateway.id == did.id);
        gateways.extend(series.gateways.iter().filter(is_past).map(|did| GatewayShown {
            name: &did.name,
            figures: FiguresShown::new(&did.figures),
            health: None,
            breaker: None,
            reason: None,
            lines: &[],
        }));
        let step = |step: &SeriesStep| StepShown {
            at: Shown(step.at_ms),
            figures: FiguresShown::new(&step.figures),
        };
        Self {
            from: Shown(series.from_ms),
            to: Shown(series.to_ms),
            step_s: series.step_ms / 1_000,
            steps: series.steps.iter().map(step).collect(),
            total: FiguresShown::new(&series.total),
            gateways,
            credits: ForecastShown {
                remaining: forecast.credits.remaining,
                per_day: forecast.per_day,
                days_left: forecast.days_left,
            },
        }
    }
}

impl FiguresShown {
    fn new(figures: &Figures) -> Self {
        let attempts = |class| figures.attempts(class);
        Self {
            accepted: figures.came_to(MessageState::Accepted),
            sent: figures.came_to(MessageState::Sent),
            delivered: figures.came_to(MessageState::Delivered),
            undelivered: figures.came_to(MessageState::Undelivered),
            failed: figures.came_to(MessageState::Failed),
            expired: figures.came_to(MessageState::Expired),
            cancelled: figures.came_to(MessageState::Cancelled),
            failovers: figures.failovers,
            attempts: AttemptsShown {
                sent: attempts(OutcomeClass::Sent),
                rejected: attempts(OutcomeClass::Rejected),
                throttled: attempts(OutcomeClass::Throttled),
                unavailable: attempts(OutcomeClass::Unavailable),
                account: attempts(OutcomeClass::Account),
                uncertain: attempts(OutcomeClass::Uncertain),
                refused: attempts(OutcomeClass::Refused),
            },
            accept_to_sent: LatencyShown::new(&figures.to_sent),
            sent_to_delivered: LatencyShown::new(&figures.to_delivered),
        }
    }
}

impl LatencyShown {
    fn new(histogram: &Histogram) -> Self {
        let ms = |part| histogram.quantile(part).map(|micros| micros as f64 / 1_000.0);
        Self { count: histogram.count(), p50_ms: ms(0.5), p95_ms: ms(0.95), p99_ms: ms(0.99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use textgate_dispatch::{CreditsView, GatewayStatus};
    use textgate_sms::GatewayId;

    #[test]
    fn a_series_is_what_is_described() {
        let mut figures = Figures::default();
        figures.to_sent.record(1_500);
        let step = SeriesStep { at_ms: 60_000, figures: figures.clone() };
        let did = GatewaySeries { id: GatewayId(1), name: "main".into(), figures: figures.clone() };
        let series = Series {
            from_ms: 60_000,
            to_ms: 120_000,
            step_ms: 60_000,
            steps: vec![step],
            total: figures,
            gateways: vec![did],
        };
        let forecast = Forecast { credits: CreditsView::default(), per_day: 0.5, days_left: None };
        let line = LineStatus {
            line: "/dev/ttyUSB0".into(),
            health: "up",
            sim: "ready",
            registration: "home",
            ..LineStatus::default()
        };
        let status =
            GatewayStatus { health: "up", breaker: "closed", lines: vec![line], ..GatewayStatus::default() };
        let antenna = GatewayNow { id: GatewayId(2), name: "antenna".into(), is_own: true, status };
        let shown = serde_json::to_value(SeriesShown::new(&series, &[antenna], forecast)).unwrap();
        let mut problems = Vec::new();
        SERIES.check(&shown, "", &mut problems);
        assert_eq!(problems, []);
        assert_eq!(shown["steps"][0]["at"], "1970-01-01T00:01:00.000Z");
        assert!((shown["total"]["accept_to_sent"]["p50_ms"].as_f64().unwrap() - 1.5).abs() < 0.05);
        assert_eq!(shown["gateways"][0]["lines"][0]["registration"], "home");
        assert!(shown["gateways"][1]["health"].is_null() && shown["gateways"][1]["lines"].is_null());
    }
}
