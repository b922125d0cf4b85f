//! API keys of the own virtual server and those below it.

use crate::access::{Target, path_parameter};
use crate::answer::{self, Answer};
use crate::body;
use crate::problem::{ProblemDetails, ProblemType};
use crate::routes::{Allowed, Route, Success};
use crate::shape::{Object, Shape, optional, required};
use crate::state::Api;
use crate::views::{self, API_KEY, ApiKeyShown, NAME};
use axum::extract::{FromRequestParts, Request, State};
use axum::routing::{delete, get, post};
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::Arc;
use textgate_store::Role;

const RATE: Shape = Shape::Integer(1, u32::MAX as i64);

static API_KEYS: Object = Object {
    name: "ApiKeys",
    about: "API keys, without their secrets.",
    properties: &[required("api_keys", Shape::List(&Shape::Object(&API_KEY), 100_000), "The keys.")],
};

static NEW: Object = Object {
    name: "NewApiKey",
    about: "An API key to be made.",
    properties: &[
        required("name", NAME, "Its name, unique within the virtual server."),
        optional("secret", Shape::Text(255), "Its secret, at least 24 characters; generated where left out."),
        optional("role", Shape::OneOf(views::roles), "What it may do; `full` where left out."),
        optional("rate", RATE, "Requests a second; unlimited where left out. A batch is one request."),
    ],
};

static MADE: Object = Object {
    name: "MadeApiKey",
    about: "An API key that was made, with its secret: it is told only now.",
    properties: &[
        required("name", NAME, "Its name."),
        required("role", Shape::OneOf(views::roles), "What it may do."),
        optional("rate", RATE, "Requests a second; null is unlimited."),
        required("secret", Shape::Text(255), "Send it as `Authorization: Bearer <secret>`."),
    ],
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route {
            method: "GET",
            path: "/v1/virtual-servers/{id}/api-keys",
            id: "list_api_keys",
            summary: "API keys of a virtual server, without their secrets.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &API_KEYS, "The keys."),
            problems: &[ProblemType::NotFound],
            handler: get(list),
        },
        Route {
            method: "POST",
            path: "/v1/virtual-servers/{id}/api-keys",
            id: "add_api_key",
            summary: "Make an API key. Its secret is told once.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&NEW),
            success: Success::json(201, &MADE, "The key was made."),
            problems: &[ProblemType::NotFound, ProblemType::Conflict, ProblemType::StoreUnavailable],
            handler: post(add),
        },
        Route {
            method: "DELETE",
            path: "/v1/virtual-servers/{id}/api-keys/{name}",
            id: "remove_api_key",
            summary: "Remove an API key: it is not known from now on.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::nothing("It is gone."),
            problems: &[ProblemType::NotFound, ProblemType::StoreUnavailable],
            handler: delete(remove),
        },
    ]
}

#[derive(Serialize)]
struct ApiKeysShown {
    api_keys: Vec<ApiKeyShown>,
}

#[derive(Deserialize)]
struct NewApiKey {
    name: String,
    secret: Option<String>,
    role: Option<Role>,
    rate: Option<u32>,
}

#[derive(Serialize)]
struct MadeApiKey {
    name: String,
    role: Role,
    rate: Option<u32>,
    secret: String,
}

async fn list(State(api): State<Arc<Api>>, target: Target) -> Answer {
    let api_keys = api.dispatch.api_keys(target.vs).into_iter().map(Into::into).collect();
    Ok(answer::json(StatusCode::OK, &ApiKeysShown { api_keys }))
}

async fn add(State(api): State<Arc<Api>>, target: Target, request: Request) -> Answer {
    let bytes = api.read(request).await?;
    let NewApiKey { name, secret, role, rate } = body::parse(&bytes, &NEW)?;
    // Replacing a key by a slip would lock out whoever uses it. Whoever means it removes the old one first.
    if api.dispatch.api_keys(target.vs).iter().any(|key| key.name == name) {
        let detail = "there is an API key of this name; remove it first, or choose another name";
        return Err(ProblemDetails::new(ProblemType::Conflict, detail));
    }
    let role = role.unwrap_or(Role::Full);
    let secret = api.dispatch.put_api_key(&target.access.actor, target.vs, &name, secret, role, rate).await?;
    Ok(answer::json(StatusCode::CREATED, &MadeApiKey { name, role, rate, secret }))
}

/// The key's name in the path; empty, and so no key's, where it is not even UTF-8.
struct KeyName(String);

impl FromRequestParts<Arc<Api>> for KeyName {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, Infallible> {
        Ok(Self(path_parameter(parts, "name").await.unwrap_or_default()))
    }
}

async fn remove(State(api): State<Arc<Api>>, target: Target, KeyName(name): KeyName) -> Answer {
    if !api.dispatch.api_keys(target.vs).iter().any(|key| key.name == name) {
        return Err(ProblemDetails::not_found("this API key"));
    }
    api.dispatch.remove_api_key(&target.access.actor, target.vs, &name).await?;
    Ok(answer::done())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_fit_their_descriptions() {
        let new: NewApiKey = body::parse(br#"{"name":"app","role":"send","rate":5}"#, &NEW).unwrap();
        assert_eq!((new.name.as_str(), new.role, new.rate), ("app", Some(Role::Send), Some(5)));
        for wrong in [r#"{"name":"a","role":"admin"}"#, r#"{"name":"a","rate":0}"#, r#"{"role":"full"}"#] {
            assert!(body::parse::<NewApiKey>(wrong.as_bytes(), &NEW).is_err(), "{wrong}");
        }
        let made = MadeApiKey { name: "a".into(), role: Role::Full, rate: None, secret: "s".into() };
        let mut problems = Vec::new();
        MADE.check(&serde_json::to_value(made).unwrap(), "", &mut problems);
        assert_eq!(problems, []);
    }

    #[test]
    fn the_roles_described_are_the_roles_there_are() {
        let names: Vec<_> = [Role::Full, Role::Send].map(|role| serde_json::to_value(role).unwrap()).into();
        assert_eq!(names, views::roles());
    }
}
