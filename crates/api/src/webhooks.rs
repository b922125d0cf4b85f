//! Webhooks of the own virtual server: endpoints, their secrets, their delivery logs, and events delivered again.

mod shapes;

use crate::access::{Access, FullAccess, path_parameter};
use crate::answer::{self, Answer};
use crate::body;
use crate::problem::{ProblemDetails, ProblemType};
use crate::query::{self, limit};
use crate::routes::{Allowed, Route, Success};
use crate::state::{Api, Door};
use crate::time::{Given, Shown};
use axum::extract::{FromRequestParts, Request, State};
use axum::routing::{get, post};
use http::request::Parts;
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use shapes::{
    CHANGE, LOG, LOG_PARAMETERS, MADE, NEW, PAGE_DEFAULT, PAGE_MOST, REPLAY, REPLAYED, WEBHOOK, WEBHOOKS,
};
use std::convert::Infallible;
use std::sync::Arc;
use textgate_dispatch::{WebhookChange, WebhookEventView, WebhookInput, WebhookView};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route {
            method: "GET",
            path: "/v1/webhooks",
            id: "list_webhooks",
            summary: "The webhooks, without their secrets.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &WEBHOOKS, "The webhooks."),
            problems: &[],
            handler: get(list),
        },
        Route {
            method: "POST",
            path: "/v1/webhooks",
            id: "add_webhook",
            summary: "Make a webhook. Its secret is told once.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&NEW),
            success: Success::json(201, &MADE, "The webhook was made."),
            problems: &[ProblemType::Conflict, ProblemType::StoreUnavailable],
            handler: post(add),
        },
        Route {
            method: "GET",
            path: "/v1/webhooks/{id}",
            id: "get_webhook",
            summary: "One webhook.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &WEBHOOK, "The webhook."),
            problems: &[ProblemType::NotFound],
            handler: get(show),
        },
        Route {
            method: "PATCH",
            path: "/v1/webhooks/{id}",
            id: "change_webhook",
            summary: "Change a webhook, switch it on or off.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&CHANGE),
            success: Success::json(200, &WEBHOOK, "The webhook as it is now."),
            problems: &[ProblemType::NotFound, ProblemType::StoreUnavailable],
            handler: axum::routing::patch(change),
        },
        Route {
            method: "DELETE",
            path: "/v1/webhooks/{id}",
            id: "remove_webhook",
            summary: "Remove a webhook, with what it is owed.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::nothing("It is gone."),
            problems: &[ProblemType::NotFound, ProblemType::StoreUnavailable],
            handler: axum::routing::delete(remove),
        },
        Route {
            method: "POST",
            path: "/v1/webhooks/{id}/secret",
            id: "rotate_webhook_secret",
            summary: "Give a webhook another secret. For 24 hours events are signed with the one before as well.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &MADE, "The webhook and its new secret."),
            problems: &[ProblemType::NotFound, ProblemType::StoreUnavailable],
            handler: post(rotate),
        },
        Route {
            method: "GET",
            path: "/v1/webhooks/{id}/events",
            id: "list_webhook_events",
            summary: "What a webhook was told, and is still owed, the newest first.",
            access: Allowed::FullKey,
            parameters: LOG_PARAMETERS,
            body: None,
            success: Success::json(200, &LOG, "The events."),
            problems: &[ProblemType::InvalidRequest, ProblemType::NotFound, ProblemType::StoreUnavailable],
            handler: get(log),
        },
        Route {
            method: "POST",
            path: "/v1/webhooks/{id}/replay",
            id: "replay_webhook_events",
            summary: "Deliver an event again, or all since a time, under the ids they had.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&REPLAY),
            success: Success::json(202, &REPLAYED, "They are owed once more."),
            problems: &[ProblemType::NotFound, ProblemType::StoreUnavailable],
            handler: post(replay),
        },
    ]
}

#[derive(Serialize)]
struct Webhook {
    id: u32,
    url: String,
    events: Vec<&'static str>,
    texts: bool,
    status: &'static str,
    former_secret_until: Option<Shown>,
    created_at: Shown,
}

impl From<WebhookView> for Webhook {
    fn from(view: WebhookView) -> Self {
        Self {
            id: view.id,
            url: view.url,
            events: view.events,
            texts: view.texts,
            status: view.status,
            former_secret_until: view.former_until_ms.map(Shown),
            created_at: Shown(view.created_ms),
        }
    }
}

#[derive(Serialize)]
struct WebhookList {
    webhooks: Vec<Webhook>,
}

#[derive(Serialize)]
struct Made {
    webhook: Webhook,
    secret: String,
}

#[derive(Deserialize)]
struct New {
    url: String,
    events: Vec<String>,
    texts: Option<bool>,
    enabled: Option<bool>,
}

#[derive(Deserialize)]
struct Change {
    url: Option<String>,
    events: Option<Vec<String>>,
    texts: Option<bool>,
    enabled: Option<bool>,
}

#[derive(Serialize)]
struct EventEntry {
    id: String,
    r#type: &'static str,
    message: Option<String>,
    inbound: Option<String>,
    alert: Option<String>,
    at: Shown,
    state: &'static str,
    attempts: u32,
    tried_at: Option<Shown>,
    answer: Option<String>,
}

impl From<WebhookEventView> for EventEntry {
    fn from(view: WebhookEventView) -> Self {
        Self {
            id: view.id,
            r#type: view.event,
            message: view.message,
            inbound: view.inbound,
            alert: view.alert,
            at: Shown(view.at_ms),
            state: view.state,
            attempts: view.attempts,
            tried_at: view.tried_ms.map(Shown),
            answer: view.answer,
        }
    }
}

#[derive(Serialize)]
struct Log {
    events: Vec<EventEntry>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Replay {
    event: Option<String>,
    since: Option<Given>,
}

#[derive(Serialize)]
struct Replayed {
    events: u64,
}

/// The number in the path; no webhook's where it is none.
struct PathId(u32);

impl FromRequestParts<Arc<Api>> for PathId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, Infallible> {
        let named = path_parameter(parts, "id").await;
        Ok(Self(named.and_then(|id| id.parse().ok()).unwrap_or(u32::MAX)))
    }
}

async fn list(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    let webhooks = api.dispatch.webhooks(access.vs)?.into_iter().map(Into::into).collect();
    Ok(answer::json(StatusCode::OK, &WebhookList { webhooks }))
}

async fn add(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, request: Request) -> Answer {
    let New { url, events, texts, enabled } = body::parse(&api.read(request).await?, &NEW)?;
    let (texts, is_on) = (texts.unwrap_or(false), enabled.unwrap_or(true));
    let input = WebhookInput { url, events, texts, is_on };
    let (webhook, secret) = api.dispatch.add_webhook(&access.actor, access.vs, input).await?;
    Ok(answer::json(StatusCode::CREATED, &Made { webhook: webhook.into(), secret }))
}

async fn show(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, PathId(id): PathId) -> Answer {
    Ok(answer::json(StatusCode::OK, &Webhook::from(api.dispatch.webhook(access.vs, id)?)))
}

async fn change(
    State(api): State<Arc<Api>>,
    FullAccess(access): FullAccess,
    PathId(id): PathId,
    request: Request,
) -> Answer {
    let Change { url, events, texts, enabled } = body::parse(&api.read(request).await?, &CHANGE)?;
    let input = WebhookChange { url, events, texts, is_on: enabled };
    let webhook = api.dispatch.change_webhook(&access.actor, access.vs, id, input).await?;
    Ok(answer::json(StatusCode::OK, &Webhook::from(webhook)))
}

async fn remove(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, PathId(id): PathId) -> Answer {
    api.dispatch.remove_webhook(&access.actor, access.vs, id).await?;
    Ok(answer::done())
}

async fn rotate(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, PathId(id): PathId) -> Answer {
    let (webhook, secret) = api.dispatch.rotate_webhook_secret(&access.actor, access.vs, id).await?;
    Ok(answer::json(StatusCode::OK, &Made { webhook: webhook.into(), secret }))
}

async fn log(
    State(api): State<Arc<Api>>,
    FullAccess(access): FullAccess,
    PathId(id): PathId,
    uri: Uri,
) -> Answer {
    let (cursor, most) = page_of(&uri, api.door)?;
    let page = api.dispatch.webhook_events(access.vs, id, cursor.as_deref(), most).await?;
    let events = page.events.into_iter().map(Into::into).collect();
    Ok(answer::json(StatusCode::OK, &Log { events, next: page.next }))
}

async fn replay(
    State(api): State<Arc<Api>>,
    FullAccess(access): FullAccess,
    PathId(id): PathId,
    request: Request,
) -> Answer {
    let replay: Replay = body::parse(&api.read(request).await?, &REPLAY)?;
    let events = asked_again(&api, &access, id, &replay).await?;
    Ok(answer::json(StatusCode::ACCEPTED, &Replayed { events }))
}

async fn asked_again(api: &Api, access: &Access, id: u32, replay: &Replay) -> Result<u64, ProblemDetails> {
    let since_ms = match (&replay.event, &replay.since) {
        (Some(_), None) => 0,
        (None, Some(since)) => since.0,
        (None, None) => return Err(ProblemDetails::invalid_field("event", "enter either event or since")),
        (Some(_), Some(_)) => {
            return Err(ProblemDetails::invalid_field("since", "enter either event or since, not both"));
        }
    };
    Ok(api.dispatch.replay_webhook(&access.actor, access.vs, id, replay.event.as_deref(), since_ms).await?)
}

fn page_of(uri: &Uri, door: Door) -> Result<(Option<String>, usize), ProblemDetails> {
    let (mut cursor, mut most) = (None, PAGE_DEFAULT);
    query::read(uri, LOG_PARAMETERS, door, |name, value| {
        match name {
            "cursor" => cursor = Some(value),
            _ => most = limit(&value, PAGE_MOST)?,
        }
        Ok(())
    })?;
    Ok((cursor, most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Object;

    fn fits(value: &impl Serialize, object: &Object) {
        let mut problems = Vec::new();
        object.check(&serde_json::to_value(value).unwrap(), "", &mut problems);
        assert_eq!(problems, [], "{}", object.name);
    }

    #[test]
    fn what_is_shown_is_what_is_described() {
        let webhook = || {
            Webhook::from(WebhookView {
                id: 1,
                url: "https://example.com/".into(),
                host: "a".into(),
                events: vec!["message.sent"],
                texts: false,
                status: "on",
                former_until_ms: Some(1),
                created_ms: 1,
            })
        };
        fits(&WebhookList { webhooks: vec![webhook()] }, &WEBHOOKS);
        fits(&Made { webhook: webhook(), secret: "whsec_x".into() }, &MADE);
        let event = WebhookEventView {
            id: "evt_1_0000000000000001".into(),
            event: "alert.raised",
            message: None,
            inbound: None,
            alert: Some("0123456789abc".into()),
            at_ms: 1,
            state: "given_up",
            attempts: 3,
            tried_ms: Some(2),
            answer: Some("HTTP 500".into()),
        };
        fits(&Log { events: vec![event.into()], next: None }, &LOG);
        fits(&Replayed { events: 1 }, &REPLAYED);
    }

    #[test]
    fn bodies_fit_their_descriptions() {
        let new: New =
            body::parse(br#"{"url":"https://a/","events":["message.sent"],"texts":true}"#, &NEW).unwrap();
        assert_eq!((new.events.len(), new.texts, new.enabled), (1, Some(true), None));
        for wrong in [r#"{"url":"https://a/"}"#, r#"{"url":"https://a/","events":["message.read"]}"#] {
            assert!(body::parse::<New>(wrong.as_bytes(), &NEW).is_err(), "{wrong}");
        }
        assert!(body::parse::<Change>(br#"{"enabled":false}"#, &CHANGE).is_ok());
        assert!(body::parse::<Replay>(br#"{"since":1800000000}"#, &REPLAY).unwrap().since.is_some());
    }
}
