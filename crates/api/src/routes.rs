//! The table of all routes: each one stands here once, with what serves it and what documents it.

use crate::problem::ProblemType;
use crate::shape::{Object, Shape};
use crate::state::Api;
use axum::routing::MethodRouter;
use std::sync::Arc;

/// One operation: its handler, and its place in the OpenAPI document.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// Its `operationId`.
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) access: Allowed,
    /// Query and header parameters; those in the path are known from the path.
    pub(crate) parameters: &'static [Parameter],
    pub(crate) body: Option<&'static Object>,
    pub(crate) success: Success,
    /// Errors of its own, beside those that its access and body bring.
    pub(crate) problems: &'static [ProblemType],
    pub(crate) handler: MethodRouter<Arc<Api>>,
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// Everybody, without a key.
    Everybody,
    /// Every API key.
    AnyKey,
    /// API keys of role `full`.
    FullKey,
    /// Only who may open the control socket.
    Control,
}

/// What a success looks like.
#[derive(Clone, Copy)]
pub(crate) struct Success {
    pub(crate) status: u16,
    pub(crate) about: &'static str,
    pub(crate) content: Content,
}

/// What a success carries.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    Nothing,
    Json(&'static Object),
    Other(&'static str),
}

/// A query or header parameter.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) is_header: bool,
    pub(crate) shape: Shape,
    pub(crate) about: &'static str,
}

impl Success {
    pub(crate) const fn json(status: u16, object: &'static Object, about: &'static str) -> Self {
        Self { status, about, content: Content::Json(object) }
    }

    pub(crate) const fn nothing(about: &'static str) -> Self {
        Self { status: 204, about, content: Content::Nothing }
    }

    pub(crate) const fn other(media_type: &'static str, about: &'static str) -> Self {
        Self { status: 200, about, content: Content::Other(media_type) }
    }
}

/// Every route of the public listener.
pub(crate) fn public() -> Vec<Route> {
    let mut routes = crate::messages::routes();
    routes.extend(crate::batch::routes());
    routes.extend(crate::export::routes());
    routes.extend(crate::events::routes());
    routes.extend(crate::otp::routes());
    routes.extend(crate::figures::routes());
    routes.extend(crate::guard::routes());
    routes.extend(crate::statistics::routes());
    routes.extend(crate::settings::routes());
    routes.extend(crate::trial::routes());
    routes.extend(crate::balance::routes());
    routes.extend(crate::virtual_servers::routes());
    routes.extend(crate::credits::routes());
    routes.extend(crate::api_keys::routes());
    routes.extend(crate::users::routes());
    routes.extend(crate::audit::routes());
    routes.extend(crate::alerts::routes());
    routes.extend(crate::alert_setup::routes());
    routes.extend(crate::webhooks::routes());
    routes.extend(crate::receipts::routes());
    routes.extend(crate::operations::routes());
    routes
}

/// The routes that only the control socket has.
pub(crate) fn control() -> Vec<Route> {
    let mut routes = crate::control::routes();
    routes.extend(crate::audit::control_routes());
    routes.extend(crate::keys::control_routes());
    routes
}
