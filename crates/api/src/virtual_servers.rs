//! Virtual servers: the caller's own and all below it. Others do not exist for it.

use crate::access::{FullAccess, Target};
use crate::answer::{self, Answer};
use crate::body;
use crate::problem::ProblemType;
use crate::routes::{Allowed, Route, Success};
use crate::settings::MODE;
use crate::shape::{Object, Shape, optional, required};
use crate::state::Api;
use crate::views::{COUNT, CREDITS, NAME};
use axum::extract::{Request, State};
use axum::routing::{delete, get, patch, post};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use textgate_dispatch::VirtualServerView;
use textgate_sms::VsId;

static VIRTUAL_SERVER: Object = Object {
    name: "VirtualServer",
    about: "One tenant. A parent is its children's service provider.",
    properties: &[
        required("id", COUNT, "Its number."),
        required("path", Shape::Text(4096), "Names from the root down, with `/` between; `/` for the root."),
        required("name", NAME, "Its own name."),
        optional("parent", COUNT, "Its parent's number."),
        required("mode", MODE, "Its SMS settings' mode."),
        required("credits", Shape::Object(&CREDITS), "Its SMS credits."),
    ],
};

static VIRTUAL_SERVERS: Object = Object {
    name: "VirtualServers",
    about: "Virtual servers.",
    properties: &[required(
        "virtual_servers",
        Shape::List(&Shape::Object(&VIRTUAL_SERVER), 1_000_000),
        "The own, and all below it.",
    )],
};

static NEW: Object = Object {
    name: "NewVirtualServer",
    about: "A virtual server to be made.",
    properties: &[
        optional(
            "parent",
            Shape::Integer(1, u32::MAX as i64),
            "Whose child; the own virtual server's where left out.",
        ),
        required("name", NAME, "Its name, unique among its siblings."),
    ],
};

static RENAMING: Object = Object {
    name: "VirtualServerChange",
    about: "A change of a virtual server.",
    properties: &[required("name", NAME, "Its new name.")],
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route {
            method: "GET",
            path: "/v1/virtual-servers",
            id: "list_virtual_servers",
            summary: "The own virtual server, and all below it.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &VIRTUAL_SERVERS, "The virtual servers."),
            problems: &[ProblemType::StoreUnavailable],
            handler: get(list),
        },
        Route {
            method: "POST",
            path: "/v1/virtual-servers",
            id: "add_virtual_server",
            summary: "Make a virtual server below the own or one below it.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&NEW),
            success: Success::json(201, &VIRTUAL_SERVER, "It was made."),
            problems: &[ProblemType::NotFound, ProblemType::Conflict, ProblemType::StoreUnavailable],
            handler: post(add),
        },
        Route {
            method: "GET",
            path: "/v1/virtual-servers/{id}",
            id: "get_virtual_server",
            summary: "One virtual server.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::json(200, &VIRTUAL_SERVER, "The virtual server."),
            problems: &[ProblemType::NotFound, ProblemType::StoreUnavailable],
            handler: get(show),
        },
        Route {
            method: "PATCH",
            path: "/v1/virtual-servers/{id}",
            id: "change_virtual_server",
            summary: "Give a virtual server another name.",
            access: Allowed::FullKey,
            parameters: &[],
            body: Some(&RENAMING),
            success: Success::json(200, &VIRTUAL_SERVER, "The virtual server as it is now."),
            problems: &[ProblemType::NotFound, ProblemType::Conflict, ProblemType::StoreUnavailable],
            handler: patch(rename),
        },
        Route {
            method: "DELETE",
            path: "/v1/virtual-servers/{id}",
            id: "remove_virtual_server",
            summary: "Remove a virtual server that has no children, with its settings, gateways and API keys. Only one above it may.",
            access: Allowed::FullKey,
            parameters: &[],
            body: None,
            success: Success::nothing("It is gone."),
            problems: &[ProblemType::NotFound, ProblemType::Conflict, ProblemType::StoreUnavailable],
            handler: delete(remove),
        },
    ]
}

#[derive(Serialize)]
struct VirtualServersShown {
    virtual_servers: Vec<VirtualServerView>,
}

#[derive(Deserialize)]
struct NewVirtualServer {
    parent: Option<VsId>,
    name: String,
}

#[derive(Deserialize)]
struct Renaming {
    name: String,
}

async fn list(State(api): State<Arc<Api>>, FullAccess(access): FullAccess) -> Answer {
    let virtual_servers = api.dispatch.virtual_servers(access.vs).await?;
    Ok(answer::json(StatusCode::OK, &VirtualServersShown { virtual_servers }))
}

async fn add(State(api): State<Arc<Api>>, FullAccess(access): FullAccess, request: Request) -> Answer {
    let bytes = api.read(request).await?;
    let new: NewVirtualServer = body::parse(&bytes, &NEW)?;
    let parent = access.reach(&api, new.parent.unwrap_or(access.vs))?;
    let view = api.dispatch.add_virtual_server(&access.actor, parent, &new.name).await?;
    let mut response = answer::json(StatusCode::CREATED, &view);
    if let Ok(location) = HeaderValue::try_from(format!("/v1/virtual-servers/{}", view.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

async fn show(State(api): State<Arc<Api>>, target: Target) -> Answer {
    Ok(answer::json(StatusCode::OK, &api.dispatch.virtual_server(target.vs).await?))
}

async fn rename(State(api): State<Arc<Api>>, target: Target, request: Request) -> Answer {
    let bytes = api.read(request).await?;
    let Renaming { name } = body::parse(&bytes, &RENAMING)?;
    let view = api.dispatch.rename_virtual_server(&target.access.actor, target.vs, &name).await?;
    Ok(answer::json(StatusCode::OK, &view))
}

async fn remove(State(api): State<Arc<Api>>, target: Target) -> Answer {
    target.need_ancestor("only a virtual server above this one can remove it")?;
    api.dispatch.remove_virtual_server(&target.access.actor, target.vs).await?;
    Ok(answer::done())
}

#[cfg(test)]
mod tests {
    use super::*;
    use textgate_dispatch::{CreditsView, Mode};

    #[test]
    fn what_is_shown_is_what_is_described() {
        let view = VirtualServerView {
            id: VsId(2),
            path: "acme".into(),
            name: "acme".into(),
            parent: Some(VsId::ROOT),
            mode: Mode::Default,
            credits: CreditsView::default(),
        };
        let mut problems = Vec::new();
        let shown = VirtualServersShown { virtual_servers: vec![view] };
        VIRTUAL_SERVERS.check(&serde_json::to_value(shown).unwrap(), "", &mut problems);
        assert_eq!(problems, []);
    }

    #[test]
    fn bodies_fit_their_descriptions() {
        let new: NewVirtualServer = body::parse(br#"{"parent":3,"name":"acme"}"#, &NEW).unwrap();
        assert_eq!((new.parent, new.name.as_str()), (Some(VsId(3)), "acme"));
        assert!(body::parse::<NewVirtualServer>(br#"{"parent":0,"name":"a"}"#, &NEW).is_err());
        assert!(body::parse::<NewVirtualServer>(br#"{"parent":4294967296,"name":"a"}"#, &NEW).is_err());
        assert_eq!(body::parse::<Renaming>(br#"{"name":"b"}"#, &RENAMING).unwrap().name, "b");
    }
}
