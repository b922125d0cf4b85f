//! The table of routes, from which the router and the tests are made, and the router itself.

use crate::answer::{self, Answer, Failure};
use crate::console::{Console, ConsoleOptions};
use crate::gate::{self, Gate};
use crate::{assets, pages};
use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, get, post};
use std::sync::Arc;
use textgate_dispatch::Dispatch;

/// Who may use a route. Beyond [`Person`](Self::Person), the path's `{vs}` must be theirs to see, or the answer is 404.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Anybody, signed in or not.
    Nobody,
    /// Anybody who is signed in: for what is their own.
    Person,
    /// Whoever sees the virtual server.
    Read,
    /// Administrators and auditors: what is about more than one's own work.
    Review,
    /// Administrators and operators.
    Change,
    /// Administrators.
    Administer,
}

/// One route.
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Its path; a virtual server's number is `{vs}`.
    pub path: &'static str,
    /// Who may use it.
    pub need: Need,
    handler: MethodRouter<Arc<Console>>,
}

impl Route {
    /// A page.
    pub(crate) fn get<H, T>(path: &'static str, need: Need, handler: H) -> Self
    where
        H: Handler<T, Arc<Console>>,
        T: 'static,
    {
        Self { method: "GET", path, need, handler: get(handler) }
    }

    /// What a form does.
    pub(crate) fn post<H, T>(path: &'static str, need: Need, handler: H) -> Self
    where
        H: Handler<T, Arc<Console>>,
        T: 'static,
    {
        Self { method: "POST", path, need, handler: post(handler) }
    }
}

/// Every route of the console.
pub fn table() -> Vec<Route> {
    pages::routes()
}

/// The console: everything under `/console`, and the way there from `/`.
pub fn router(dispatch: Dispatch, options: ConsoleOptions) -> Router {
    let console = Arc::new(Console::new(dispatch, options));
    let gated = |need, handler: MethodRouter<Arc<Console>>| {
        let gate = Gate { console: Arc::clone(&console), need };
        handler.layer(from_fn_with_state(gate, gate::pass))
    };
    let mut by_path: Vec<(&str, MethodRouter<Arc<Console>>)> = Vec::new();
    for route in table() {
        let gate = Gate { console: Arc::clone(&console), need: route.need };
        let handler = route.handler.layer(from_fn_with_state(gate, gate::pass));
        match by_path.iter_mut().find(|(path, _)| *path == route.path) {
            Some((_, methods)) => *methods = std::mem::take(methods).merge(handler),
            None => by_path.push((route.path, handler)),
        }
    }
    let mut router = Router::new()
        .route("/", gated(Need::Nobody, get(home)))
        .route("/console", gated(Need::Nobody, get(home)))
        .route("/console/static/{name}", gated(Need::Nobody, get(assets::show)))
        .route("/console/{*rest}", gated(Need::Nobody, any(nowhere)));
    for (path, methods) in by_path {
        router = router.route(path, methods);
    }
    let gate = Gate { console: Arc::clone(&console), need: Need::Nobody };
    // For addresses that are there by another method: the gate shows a page for it.
    let other_method = Handler::<_, Arc<Console>>::layer(other_method, from_fn_with_state(gate, gate::pass));
    router.method_not_allowed_fallback(other_method).with_state(console)
}

async fn home() -> Answer {
    answer::see("/console/")
}

async fn nowhere() -> Answer {
    Err(Failure::NotFound)
}

async fn other_method() -> Answer {
    Err(Failure::Method)
}
