//! Users of the own virtual server and those below it: who may sign in to the console.

use crate::access::{Access, FullAccess, path_parameter};
use crate::answer::{self, Answer};
use crate::body;
use crate::problem::{ProblemDetails, ProblemType};
use crate::routes::{Allowed, Route, Success};
use crate::shape::{Object, Shape, optional, required};
use crate::state::Api;
use crate::time::Shown;
use crate::views::COUNT;
use axum::extract::{FromRequestParts, Request, State};
use axum::routing::{delete, get, patch, post};
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use textgate_dispatch::{InvitationLink, UserChange, UserInput, UserRole, UserView};
use textgate_sms::VsId;

const USER_NAME: Shape = Shape::Text(128);
const PASSWORD: Shape = Shape::Text(256);

pub(crate) fn roles() -> Vec<&'static str> {
    UserRole::ALL.iter().map(|role| role.name()).collect()
}

static USER: Object = Object {
    name: "User",
    about: "Somebody who may sign in to the console.",
    properties: &[
        required("id", COUNT, "Its id."),
        required("name", USER_NAME, "Its name."),
        required("virtual_server", COUNT, "The id of its virtual server."),
        required("path", Shape::Text(4096), "That one's path."),
        required("role", Shape::OneOf(roles), "What it may do there."),
        required("has_password", Shape::Flag, "Whether it has set a password."),
        required("has_second_factor", Shape::Flag, "Whether it has set a second factor."),
        required("recovery_codes", COUNT, "How many of its recovery codes are left."),
        optional("invited_until", Shape::Time, "Until when its one-time link is good; null without one."),
        optional("issuer", Shape::Text(1024), "The OpenID Connect provider it signs in at."),
        required("created_at", Shape::Time, "When it was made."),
        optional("seen_at", Shape::Time, "When one of its sessions was last used; null without one."),
    ],
};

static USERS: Object = Object {
    name: "Users",
    about: "Users.",
    properties: &[required("users", Shape::List(&Shape::Object(&USER), 1_000_000), "The users, by name.")],
};

static LINK: Object = Object {
    name: "InvitationLink",
    about: "A one-time link by which a user sets a password.",
    properties: &[
        required(
            "url",
            Shape::Text(4096),
            "The link; without a public address of the server, only its path.",
        ),
        required("expires_at", Shape::Time, "Until when it is good."),
    ],
};

static ADDED: Object = Object {
    name: "AddedUser",
    about: "A user that was made.",
    properties: &[
        required("user", Shape::Object(&USER), "The user."),
        optional(
            "invitation",
            Shape::Object(&LINK),
            "The link to set a password, where none was given: told only now.",
        ),
    ],
};

static NEW: Object = Object {
    name: "NewUser",
    about: "A user to be made.",
    properties: &[
        required(
            "name",
            USER_NAME,
            "Its name: letters, digits and . _ - + @; unique over the whole installation in any case.",
        ),
        required(
            "role",
            Shape::OneOf(roles),
            "`administrator`: everything, here and below; `operator`: settings, sending and messages here; `auditor`: reads, here and below, no texts and no secrets.",
        ),
        optional("virtual_server", COUNT, "The id of its virtual server; the key's own where left out."),
        optional(
            "password",
            PASSWORD,
            "Its password, at least 12 characters; where left out, a link is made to set one.",
        ),
    ],
};

static CHANGE: Object = Object {
    name: "UserChange",
    about: "What of a user is to be other. What is left out stays as it is.",
    properties: &[
        optional("name", USER_NAME, "Its name."),
        optional("role", Shape::OneOf(roles), "What it may do. Another role ends its sessions."),
    ],
};

pub(crate) fn routes() -> Vec<Route> {
    let get_user = |method, id, summary, success, handler| Route {
        method,
        path: "/v1/users/{user}",
        id,
        summary,
        access: Allowed::FullKey,
        parameters: &[],
        body: None,
        success,
        problems: &[ProblemType::NotFound, ProblemType::StoreUnavailable],
        handler,
    };
    let link = |path, id, summary, handler| Route {
        method: "POST",
        path,
        id,
        summary,
        access: Allowed::FullKey,
        parameters: &[],
        body: None,
        success: Success::json(201, &LINK, "The link: told only now."),
        problems: &[ProblemType::NotFound, ProblemType::Conflict, ProblemType::StoreUnavailable],
        handler,
    };
    vec![
        Route {
            method: "GET",
            path: "/v1/users",
            id: "list_users",
            summary: "Users of the own virtual server and those below it.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &USERS, "The users."),
            problems: &[ProblemType::NotFound],
            handler: get(list),
        },
        Route {
            method: "POST",
            path: "/v1/users",
            id: "add_user",
            summary: "Make a user, here or below.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&NEW),
            success: Success::json(201, &ADDED, "The user was made."),
            problems: &[ProblemType::NotFound, ProblemType::Conflict, ProblemType::StoreUnavailable],
            handler: post(add),
        },
        get_user("GET", "get_user", "One user.", Success::json(200, &USER, "The user."), get(show)),
        Route {
            method: "PATCH",
            path: "/v1/users/{user}",
            id: "change_user",
            summary: "Change a user's name or role.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&CHANGE),
            success: Success::json(200, &USER, "The user as it is now."),
            problems: &[ProblemType::NotFound, ProblemType::Conflict, ProblemType::StoreUnavailable],
            handler: patch(change),
        },
        get_user(
            "DELETE",
            "remove_user",
            "Remove a user, and end its sessions.",
            Success::nothing("It is gone."),
            delete(remove),
        ),
        link(
            "/v1/users/{user}/invitation",
            "invite_user",
            "Make a new link by which a user sets a password. Its password stays until then.",
            post(invite),
        ),
        link(
            "/v1/users/{user}/reset",
            "reset_user",
            "Take a user's password and second factor away, end its sessions, and make a link to set a new password.",
            post(reset),
        ),
    ]
}

#[derive(Serialize)]
struct UserShown {
    id: u32,
    name: String,
    virtual_server: VsId,
    path: String,
    role: UserRole,
    has_password: bool,
    has_second_factor: bool,
    recovery_codes: usize,
    invited_until: Option<Shown>,
    issuer: Option<String>,
    created_at: Shown,
    seen_at: Option<Shown>,
}

impl From<UserView> for UserShown {
    fn from(user: UserView) -> Self {
        Self {
            id: user.id,
            name: user.name,
            virtual_server: user.vs,
            path: user.path,
            role: user.role,
            has_password: user.has_password,
            has_second_factor: user.has_totp,
            recovery_codes: user.recovery_codes,
            invited_until: user.invited_until_ms.map(Shown),
            issuer: user.issuer,
            created_at: Shown(user.created_ms),
            seen_at: user.seen_ms.map(Shown),
        }
    }
}

#[derive(Serialize)]
struct UsersShown {
    users: Vec<UserShown>,
}

#[derive(Serialize)]
struct LinkShown {
    url: String,
    expires_at: Shown,
}

impl LinkShown {
    fn new(api: &Api, link: &InvitationLink) -> Self {
        Self { url: api.dispatch.outside(&link.path()), expires_at: Shown(link.expires_ms) }
    }
}

#[derive(Serialize)]
struct AddedShown {
    user: UserShown,
    invitation: Option<LinkShown>,
}

#[derive(Deserialize)]
struct NewUser {
    name: String,
    role: UserRole,
    virtual_server: Option<u32>,
    password: Option<String>,
}

#[derive(Deserialize)]
struct Change {
    name: Option<String>,
    role: Option<UserRole>,
}

/// A caller of role `full`, and the user of `{user}` in the path, which is of its virtual server or one below it, or does not exist.
struct TargetUser {
    access: Access,
    user: u32,
}

impl FromRequestParts<Arc<Api>> for TargetUser {
    type Rejection = ProblemDetails;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ProblemDetails> {
        let FullAccess(access) = FullAccess::from_request_parts(parts, api).await?;
        let id = path_parameter(parts, "user").await.and_then(|id| id.parse().ok());
        let user = id.ok_or_else(|| ProblemDetails::not_found("this user"))?;
        api.dispatch.user(access.vs, user)?;
        Ok(Self { access, user })
    }
}

async fn list(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    let users = api.dispatch.users(access.vs)?.into_iter().map(Into::into).collect();
    Ok(answer::json(StatusCode::OK, &UsersShown { users }))
}

async fn add(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, request: Request) -> Answer {
    let bytes = api.read(request).await?;
    let NewUser { name, role, virtual_server, password } = body::parse(&bytes, &NEW)?;
    let vs = match virtual_server {
        Some(id) => access.reach(&api, VsId(id))?,
        None => access.vs,
    };
    let added = api.dispatch.add_user(&access.actor, vs, UserInput { name, role, password }).await?;
    let invitation = added.link.map(|link| LinkShown::new(&api, &link));
    Ok(answer::json(StatusCode::CREATED, &AddedShown { user: added.user.into(), invitation }))
}

async fn show(State(api): State<Arc<Api>>, TargetUser { access, user }: TargetUser) -> Answer {
    Ok(answer::json(StatusCode::OK, &UserShown::from(api.dispatch.user(access.vs, user)?)))
}

async fn change(
    State(api): State<Arc<Api>>,
    TargetUser { access, user }: TargetUser,
    request: Request,
) -> Answer {
    let bytes = api.read(request).await?;
    let Change { name, role } = body::parse(&bytes, &CHANGE)?;
    let changed = api.dispatch.change_user(&access.actor, access.vs, user, UserChange { name, role }).await?;
    Ok(answer::json(StatusCode::OK, &UserShown::from(changed)))
}

async fn remove(State(api): State<Arc<Api>>, TargetUser { access, user }: TargetUser) -> Answer {
    api.dispatch.remove_user(&access.actor, access.vs, user).await?;
    Ok(answer::done())
}

async fn invite(State(api): State<Arc<Api>>, TargetUser { access, user }: TargetUser) -> Answer {
    let link = api.dispatch.invite(&access.actor, access.vs, user).await?;
    Ok(answer::json(StatusCode::CREATED, &LinkShown::new(&api, &link)))
}

async fn reset(State(api): State<Arc<Api>>, TargetUser { access, user }: TargetUser) -> Answer {
    let link = api.dispatch.reset_user(&access.actor, access.vs, user).await?;
    Ok(answer::json(StatusCode::CREATED, &LinkShown::new(&api, &link)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_what_is_described() {
        let view = UserView {
            id: 1,
            name: "ada".into(),
            vs: VsId(2),
            path: "acme".into(),
            role: UserRole::Operator,
            has_password: true,
            has_totp: false,
            recovery_codes: 0,
            invited_until_ms: Some(1),
            issuer: None,
            created_ms: 2,
            seen_ms: None,
        };
        let invitation = Some(LinkShown { url: "/console/invitation/x".into(), expires_at: Shown(1) });
        let added = AddedShown { user: view.into(), invitation };
        let mut problems = Vec::new();
        ADDED.check(&serde_json::to_value(added).unwrap(), "", &mut problems);
        assert_eq!(problems, []);
    }

    #[test]
    fn bodies_fit_their_descriptions() {
        let new: NewUser =
            body::parse(br#"{"name":"ada","role":"auditor","virtual_server":3}"#, &NEW).unwrap();
        assert_eq!((new.role, new.virtual_server, new.password), (UserRole::Auditor, Some(3), None));
        for wrong in
            [r#"{"name":"a"}"#, r#"{"name":"a","role":"full"}"#, r#"{"name":"a","role":"auditor","x":1}"#]
        {
            assert!(body::parse::<NewUser>(wrong.as_bytes(), &NEW).is_err(), "{wrong}");
        }
        let change: Change = body::parse(br#"{"role":"operator"}"#, &CHANGE).unwrap();
        assert_eq!((change.name, change.role), (None, Some(UserRole::Operator)));
    }
}
