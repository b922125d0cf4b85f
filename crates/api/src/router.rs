//! The routers: every route of the table, and an answer for everything that is none.

use crate::answer::{self, Answer};
use crate::problem::{ProblemDetails, ProblemType};
use crate::rate::RateLimits;
use crate::routes::{self, Route};
use crate::state::{Api, ApiOptions, Door};
use axum::Router;
use axum::middleware;
use http::Method;
use std::sync::Arc;
use std::time::Instant;
use textgate_dispatch::Dispatch;

/// The API for programs: `/v1` with API keys, and `/healthz`, `/readyz`, `/metrics`, `/openapi.json` without.
pub fn router(dispatch: Dispatch, options: ApiOptions) -> Router {
    build(dispatch, options, Door::Keys, routes::public())
}

/// The same routes for the control socket, with the service provider's rights and without keys: only for a listener that nobody
/// else can open. A request acts for the root, or for the virtual server whose path it names in `?vs=` or
/// `X-Textgate-Virtual-Server`. Besides: `/control/apply`, `/control/backup` and `/control/status`.
pub fn control_router(dispatch: Dispatch) -> Router {
    let mut routes = routes::public();
    routes.extend(routes::control());
    build(dispatch, ApiOptions::default(), Door::Control, routes)
}

fn build(dispatch: Dispatch, options: ApiOptions, door: Door, routes: Vec<Route>) -> Router {
    let openapi = crate::openapi::document(&routes, dispatch.plugins());
    let api = Api { dispatch, options, door, rates: RateLimits::default(), openapi, started: Instant::now() };
    let mut router = Router::new();
    for route in routes {
        router = router.route(route.path, route.handler);
    }
    router
        .method_not_allowed_fallback(other_method)
        .fallback(nowhere)
        .layer(middleware::from_fn(answer::frame))
        .with_state(Arc::new(api))
}

async fn nowhere() -> Answer {
    let detail = "there is nothing at this address; /openapi.json lists what there is";
    Err(ProblemDetails::new(ProblemType::NotFound, detail))
}

/// axum adds `Allow`, which is all there is to say to OPTIONS (RFC 9110 §9.3.7). There is no CORS: keys do not belong into browsers.
async fn other_method(method: Method) -> Answer {
    if method == Method::OPTIONS {
        return Ok(answer::done());
    }
    let detail = "this address takes other methods; see Allow";
    Err(ProblemDetails::new(ProblemType::MethodNotAllowed, detail))
}
