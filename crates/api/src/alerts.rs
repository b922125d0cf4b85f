//! Alerts: raising one, reading them, acknowledging and closing them.

use crate::access::{Access, PathId};
use crate::answer::{self, Answer};
use crate::body;
use crate::problem::{ProblemDetails, ProblemType};
use crate::query::{self, cursor, limit, query};
use crate::routes::{Allowed, Parameter, Route, Success};
use crate::shape::{Object, Shape, optional, required};
use crate::state::Api;
use crate::time::Shown;
use crate::views::{COUNT, NAME};
use axum::extract::{Request, State};
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, Uri, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use textgate_dispatch::{AlertInput, AlertPage, AlertRefusal, AlertView, NoticeView};
use textgate_sms::{AlertState, Severity};

/// Most alerts of one page, and how many where the caller does not say.
const PAGE_MOST: usize = 200;
const PAGE_DEFAULT: usize = 50;

const TEXT: Shape = Shape::Text(4_096);
const WHO: Shape = Shape::Text(255);

static ALERT_REQUEST: Object = Object {
    name: "AlertRequest",
    about: "An alert to be raised: to a number or a group, with a text or a template.",
    properties: &[
        optional("to", Shape::Text(64), "The phone number: only digits, beginning with a country code."),
        optional("group", NAME, "The group of contacts."),
        optional("text", Shape::Text(1_000), "What it says."),
        optional("template", NAME, "The alert template that says it."),
        optional("variables", Shape::Any, "An object: what stands in each place of the template."),
        optional("severity", Shape::OneOf(severities), "How much it matters; `warning` where left out."),
        optional(
            "dedup_key",
            Shape::Text(255),
            "What it is about: another alert of the same key within the time set in the alert settings is counted, not sent.",
        ),
        optional(
            "escalate_group",
            NAME,
            "Who is told where nobody acknowledges; as in the alert settings where left out.",
        ),
        optional(
            "escalate_after_s",
            Shape::Integer(60, 86_400),
            "After how long (s); as in the alert settings where left out.",
        ),
    ],
};

pub(crate) static ALERT: Object = Object {
    name: "Alert",
    about: "An alert, and what became of it.",
    properties: &[
        required("id", Shape::Text(13), "Its id."),
        required("severity", Shape::OneOf(severities), "How much it matters."),
        required("status", Shape::OneOf(states), "Where it stands."),
        required("origin", NAME, "Who raised it: `api`, or the condition that textgate watches."),
        required("text", TEXT, "What it says."),
        optional("dedup_key", Shape::Text(255), "What it is about."),
        required("count", COUNT, "How often it was raised."),
        required("raised_at", Shape::Time, "When it was raised first."),
        required("last_raised_at", Shape::Time, "When it was raised last."),
        optional(
            "escalates_at",
            Shape::Time,
            "When others are told, unless somebody acknowledges it before.",
        ),
        optional("escalated_at", Shape::Time, "When others were told."),
        optional("acknowledged_at", Shape::Time, "When somebody acknowledged it."),
        optional("acknowledged_by", WHO, "Who."),
        optional("closed_at", Shape::Time, "When it was closed."),
        optional("closed_by", WHO, "By whom."),
        required("notices", Shape::List(&Shape::Object(&NOTICE), 1_000), "Who was told."),
    ],
};

static NOTICE: Object = Object {
    name: "AlertNotice",
    about: "Who was told of an alert.",
    properties: &[
        required("contact", Shape::Text(64), "The contact; empty where it went to a number."),
        required("why", Shape::OneOf(reasons), "Because it was raised, escalated, or is over."),
        optional("message", Shape::Text(13), "The message's id."),
        optional("refusal", TEXT, "Why there is no message."),
    ],
};

static ALERTS: Object = Object {
    name: "Alerts",
    about: "A page of alerts, the newest first.",
    properties: &[
        required("alerts", Shape::List(&Shape::Object(&ALERT), PAGE_MOST), "The alerts."),
        optional("next", Shape::Text(13), "Pass it as `cursor` for the next page; null at the end."),
    ],
};

static LIST_PARAMETERS: &[Parameter] = &[
    query(
        "status",
        Shape::OneOf(lists),
        "`open`: those that are not closed; `closed`: those that are. All where left out.",
    ),
    query("cursor", Shape::Text(13), "`next` of the page before."),
    query("limit", Shape::Integer(1, PAGE_MOST as i64), "How many at most; 50 where left out."),
];

pub(crate) fn severities() -> Vec<&'static str> {
    Severity::ALL.iter().map(|severity| severity.name()).collect()
}

fn states() -> Vec<&'static str> {
    AlertState::ALL.iter().map(|state| state.name()).collect()
}

fn reasons() -> Vec<&'static str> {
    vec!["raised", "escalated", "cleared"]
}

fn lists() -> Vec<&'static str> {
    vec!["open", "closed"]
}

pub(crate) fn routes() -> Vec<Route> {
    let step = |path, id, summary, about, handler| Route {
        method: "POST",
        path,
        id,
        summary,
        access: Allowed::AnyKey,
        parameters: &[],
        body: None,
        success: Success::json(200, &ALERT, about),
        problems: &[ProblemType::NotFound, ProblemType::StoreUnavailable],
        handler,
    };
    vec![
        Route {
            method: "POST",
            path: "/v1/alerts",
            id: "raise_alert",
            summary: "Raise an alert. It is on disk, and its messages are accepted, when this is answered.",
            access: Allowed::AnyKey,
            parameters: &[],
            body: Some(&ALERT_REQUEST),
            success: Success::json(
                202,
                &ALERT,
                "The alert was raised, or counted: then its `count` is more than 1, and nothing was sent.",
            ),
            problems: &[ProblemType::NotConfigured, ProblemType::StoreUnavailable],
            handler: post(raise),
        },
        Route {
            method: "GET",
            path: "/v1/alerts",
            id: "list_alerts",
            summary: "Alerts, the newest first.",
            access: Allowed::AnyKey,
            parameters: LIST_PARAMETERS,
            body: None,
            success: Success::json(200, &ALERTS, "A page of alerts."),
            problems: &[ProblemType::InvalidRequest, ProblemType::StoreUnavailable],
            handler: get(list),
        },
        Route {
            method: "GET",
            path: "/v1/alerts/{id}",
            id: "get_alert",
            summary: "One alert.",
            access: Allowed::AnyKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &ALERT, "The alert."),
            problems: &[ProblemType::NotFound, ProblemType::StoreUnavailable],
            handler: get(show),
        },
        step(
            "/v1/alerts/{id}/acknowledge",
            "acknowledge_alert",
            "Say that somebody sees to it: it is not escalated any more.",
            "The alert; as it was where it had been acknowledged or closed before.",
            post(acknowledge),
        ),
        step(
            "/v1/alerts/{id}/close",
            "close_alert",
            "Say that it is over.",
            "The alert, closed now or before.",
            post(close),
        ),
    ]
}

#[derive(Deserialize)]
struct AlertRequest {
    to: Option<String>,
    group: Option<String>,
    text: Option<String>,
    template: Option<String>,
    variables: Option<Value>,
    severity: Option<Severity>,
    dedup_key: Option<String>,
    escalate_group: Option<String>,
    escalate_after_s: Option<u32>,
}

#[derive(Serialize)]
pub(crate) struct AlertShown {
    id: String,
    severity: Severity,
    status: AlertState,
    origin: String,
    text: String,
    dedup_key: Option<String>,
    count: u32,
    raised_at: Shown,
    last_raised_at: Shown,
    escalates_at: Option<Shown>,
    escalated_at: Option<Shown>,
    acknowledged_at: Option<Shown>,
    acknowledged_by: Option<String>,
    closed_at: Option<Shown>,
    closed_by: Option<String>,
    notices: Vec<NoticeView>,
}

#[derive(Serialize)]
struct PageShown {
    alerts: Vec<AlertShown>,
    next: Option<String>,
}

impl From<AlertView> for AlertShown {
    fn from(alert: AlertView) -> Self {
        Self {
            id: alert.id,
            severity: alert.severity,
            status: alert.status,
            origin: alert.origin,
            text: alert.text,
            dedup_key: alert.dedup_key,
            count: alert.count,
            raised_at: Shown(alert.raised_ms),
            last_raised_at: Shown(alert.last_ms),
            escalates_at: alert.escalate_ms.map(Shown),
            escalated_at: alert.escalated_ms.map(Shown),
            acknowledged_at: alert.acknowledged_ms.map(Shown),
            acknowledged_by: alert.acknowledged_by,
            closed_at: alert.closed_ms.map(Shown),
            closed_by: alert.closed_by,
            notices: alert.notices,
        }
    }
}

impl From<AlertRefusal> for ProblemDetails {
    fn from(refusal: AlertRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            AlertRefusal::Invalid(problems) => Self::invalid(problems),
            AlertRefusal::NotConfigured => Self::new(ProblemType::NotConfigured, detail),
            AlertRefusal::Unavailable => Self::new(ProblemType::StoreUnavailable, detail),
        }
    }
}

/// What stands in a template's places: an object of texts.
fn variables(given: Option<Value>) -> Result<BTreeMap<String, String>, ProblemDetails> {
    let Some(given) = given else { return Ok(BTreeMap::new()) };
    let wrong = |path: &str| {
        ProblemDetails::invalid_field(path, "enter an object of texts, as in {\"host\":\"db1\"}")
    };
    let Value::Object(given) = given else { return Err(wrong("variables")) };
    let text = |(name, value): (String, Value)| match value {
        Value::String(text) => Ok((name, text)),
        _ => Err(wrong("variables")),
    };
    given.into_iter().map(text).collect()
}

async fn raise(State(api): State<Arc<Api>>, access: Access, request: Request) -> Answer {
    let bytes = api.read(request).await?;
    let given: AlertRequest = body::parse(&bytes, &ALERT_REQUEST)?;
    let input = AlertInput {
        to: given.to,
        group: given.group,
        text: given.text,
        template: given.template,
        variables: variables(given.variables)?,
        severity: given.severity,
        dedup_key: given.dedup_key,
        escalate_group: given.escalate_group,
        escalate_after_s: given.escalate_after_s,
    };
    let raised = api.dispatch.raise_alert(access.vs, input).await?;
    let shown = AlertShown::from(raised.alert);
    let mut response = answer::json(StatusCode::ACCEPTED, &shown);
    if let Ok(location) = HeaderValue::try_from(format!("/v1/alerts/{}", shown.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

async fn show(State(api): State<Arc<Api>>, access: Access, id: PathId) -> Answer {
    let alert = api.dispatch.alert(access.vs, id.of("this alert")?).await?;
    Ok(answer::json(StatusCode::OK, &AlertShown::from(alert)))
}

async fn acknowledge(State(api): State<Arc<Api>>, access: Access, id: PathId) -> Answer {
    let alert = api.dispatch.acknowledge_alert(&access.actor, access.vs, id.of("this alert")?).await?;
    Ok(answer::json(StatusCode::OK, &AlertShown::from(alert)))
}

async fn close(State(api): State<Arc<Api>>, access: Access, id: PathId) -> Answer {
    let alert = api.dispatch.close_alert(&access.actor, access.vs, id.of("this alert")?).await?;
    Ok(answer::json(StatusCode::OK, &AlertShown::from(alert)))
}

async fn list(State(api): State<Arc<Api>>, access: Access, uri: Uri) -> Answer {
    let (mut is_open, mut before, mut most) = (None, None, PAGE_DEFAULT);
    query::read(&uri, LIST_PARAMETERS, api.door, |name, value| {
        match (name, &*value) {
            ("status", "open" | "closed") => is_open = Some(value == "open"),
            ("status", _) => return Err("choose one of: open, closed".to_owned()),
            ("cursor", _) => before = Some(cursor(&value)?),
            _ => most = limit(&value, PAGE_MOST)?,
        }
        Ok(())
    })?;
    let AlertPage { alerts, next } = api.dispatch.alerts(access.vs, is_open, before, most).await?;
    let alerts = alerts.into_iter().map(AlertShown::from).collect();
    Ok(answer::json(StatusCode::OK, &PageShown { alerts, next }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bodies_fit_their_descriptions() {
        let body = br#"{"group":"ops","template":"down","variables":{"host":"db1"},"severity":"critical","dedup_key":"k"}"#;
        let given: AlertRequest = body::parse(body, &ALERT_REQUEST).unwrap();
        assert_eq!(given.severity, Some(Severity::Critical));
        assert_eq!(variables(given.variables).unwrap()["host"], "db1");
        for wrong in [r#"{"severity":"urgent"}"#, r#"{"escalate_after_s":5}"#, r#"{"numbers":[]}"#] {
            assert!(body::parse::<AlertRequest>(wrong.as_bytes(), &ALERT_REQUEST).is_err(), "{wrong}");
        }
        for wrong in [json!([]), json!("x"), json!({"host": 1})] {
            assert_eq!(variables(Some(wrong)).unwrap_err().status(), 400);
        }
        let notice =
            NoticeView { contact: "Ann".into(), why: "raised", message: None, refusal: Some("no".into()) };
        let shown = AlertShown {
            id: "0".repeat(13),
            severity: Severity::Info,
            status: AlertState::Closed,
            origin: "api".into(),
            text: "t".into(),
            dedup_key: None,
            count: 1,
            raised_at: Shown(0),
            last_raised_at: Shown(0),
            escalates_at: None,
            escalated_at: Some(Shown(0)),
            acknowledged_at: None,
            acknowledged_by: None,
            closed_at: None,
            closed_by: None,
            notices: vec![notice],
        };
        let mut problems = Vec::new();
        ALERT.check(&serde_json::to_value(shown).unwrap(), "", &mut problems);
        assert_eq!(problems, []);
    }
}
