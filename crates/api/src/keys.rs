//! The key file, on the control socket only: which keys there are, and changing the one that seals, step by step.

use crate::access::FullAccess;
use crate::answer::{self, Answer};
use crate::body;
use crate::problem::{ProblemDetails, ProblemType};
use crate::routes::{Allowed, Route, Success};
use crate::shape::{Object, Shape, optional, required};
use crate::state::Api;
use crate::time::Shown;
use crate::views::COUNT;
use axum::extract::{Request, State};
use axum::routing::{get, post};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use textgate_dispatch::{DirectoryError, KeyUse, KeyView, RotationView};

static KEY: Object = Object {
    name: "SealingKey",
    about: "A key of the key file.",
    properties: &[
        required("id", COUNT, "Its number."),
        optional("made_at", Shape::Time, "When it was made, where that is known."),
        required(
            "use",
            Shape::OneOf(uses),
            "`seals`: what is new; `opens`: what was sealed before; `waits` for the next change of keys.",
        ),
    ],
};

static KEYS: Object = Object {
    name: "SealingKeys",
    about: "The key file.",
    properties: &[required("keys", Shape::List(&Shape::Object(&KEY), 64), "Its keys, the oldest first.")],
};

static ROTATION: Object = Object {
    name: "KeyRotation",
    about: "How far a change of keys is.",
    properties: &[
        required("key", COUNT, "The key that seals."),
        required("is_done", Shape::Flag, "Whether everything is sealed under it."),
        required("is_verifying", Shape::Flag, "Whether everything is looked through once more."),
        required("percent", Shape::Integer(0, 100), "How much of this pass is done."),
        required("looked_at", COUNT, "What was looked at."),
        required("resealed", COUNT, "What was sealed anew."),
        required("unreadable", COUNT, "What no key opens; it is left as it is."),
        required("dropped", Shape::List(&COUNT, 64), "Keys that went from the key file."),
    ],
};

static STEP: Object = Object {
    name: "KeyRotationStep",
    about: "How to go on with a change of keys.",
    properties: &[optional(
        "keep_old",
        Shape::Flag,
        "Keep the old keys at the end: other nodes still seal under them.",
    )],
};

const PROBLEMS: &[ProblemType] = &[ProblemType::Conflict, ProblemType::StoreUnavailable];

pub(crate) fn control_routes() -> Vec<Route> {
    vec![
        Route {
            method: "GET",
            path: "/control/keys",
            id: "list_sealing_keys",
            summary: "Which keys the key file has.",
            access: Allowed::Control,
            parameters: &[],
            body: None,
            success: Success::json(200, &KEYS, "The keys."),
            problems: &[],
            handler: get(list),
        },
        Route {
            method: "POST",
            path: "/control/keys",
            id: "add_sealing_key",
            summary: "Add a key that waits for the next change of keys.",
            access: Allowed::Control,
            parameters: &[],
            body: None,
            success: Success::json(200, &KEYS, "The keys."),
            problems: PROBLEMS,
            handler: post(add),
        },
        Route {
            method: "POST",
            path: "/control/keys/rotation",
            id: "begin_key_rotation",
            summary: "Begin a change of the key that seals, or go on with one that broke off.",
            access: Allowed::Control,
            parameters: &[],
            body: None,
            success: Success::json(200, &ROTATION, "It has begun."),
            problems: PROBLEMS,
            handler: post(begin),
        },
        Route {
            method: "POST",
            path: "/control/keys/rotation/step",
            id: "step_key_rotation",
            summary: "Seal some more anew; at the end, drop the old keys.",
            access: Allowed::Control,
            parameters: &[],
            body: Some(&STEP),
            success: Success::json(200, &ROTATION, "How far it is."),
            problems: PROBLEMS,
            handler: post(step),
        },
    ]
}

fn uses() -> Vec<&'static str> {
    vec!["opens", "seals", "waits"]
}

#[derive(Serialize)]
struct KeysShown {
    keys: Vec<KeyShown>,
}

#[derive(Serialize)]
struct KeyShown {
    id: u16,
    made_at: Option<Shown>,
    r#use: KeyUse,
}

#[derive(Deserialize)]
struct Step {
    #[serde(default)]
    keep_old: Option<bool>,
}

fn shown(keys: Vec<KeyView>) -> KeysShown {
    let shown = |key: KeyView| KeyShown { id: key.id, made_at: key.made_ms.map(Shown), r#use: key.r#use };
    KeysShown { keys: keys.into_iter().map(shown).collect() }
}

async fn list(State(api): State<Arc<Api>>, _: FullAccess) -> Answer {
    Ok(answer::json(StatusCode::OK, &shown(api.dispatch.keys())))
}

async fn add(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    let keys = api.dispatch.add_key(&access.actor).await.map_err(told)?;
    Ok(answer::json(StatusCode::OK, &shown(keys)))
}

async fn begin(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    let view: RotationView = api.dispatch.begin_rotation(&access.actor).await.map_err(told)?;
    Ok(answer::json(StatusCode::OK, &view))
}

async fn step(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, request: Request) -> Answer {
    let bytes = api.read(request).await?;
    let Step { keep_old } = body::parse(&bytes, &STEP)?;
    let keeps_old = keep_old.unwrap_or_default();
    let view = api.dispatch.rotation_step(&access.actor, keeps_old).await.map_err(told)?;
    Ok(answer::json(StatusCode::OK, &view))
}

/// Who may open the control socket may know why: it is their disk.
fn told(error: DirectoryError) -> ProblemDetails {
    match error {
        DirectoryError::StoreUnavailable(_) => {
            ProblemDetails::new(ProblemType::StoreUnavailable, error.to_string())
        }
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_what_is_described() {
        let view = |r#use| KeyView { id: 1, made_ms: Some(0), r#use };
        let keys = shown(vec![view(KeyUse::Opens), view(KeyUse::Seals), view(KeyUse::Waits)]);
        let rotation = RotationView {
            key: 1,
            is_done: true,
            is_verifying: false,
            percent: 50,
            looked_at: 1,
            resealed: 1,
            unreadable: 0,
            dropped: vec![0],
        };
        let mut problems = Vec::new();
        KEYS.check(&serde_json::to_value(keys).unwrap(), "", &mut problems);
        ROTATION.check(&serde_json::to_value(rotation).unwrap(), "", &mut problems);
        assert_eq!(problems, []);
    }
}
