//! What all handlers share.

use crate::body;
use crate::problem::ProblemDetails;
use crate::rate::RateLimits;
use axum::extract::Request;
use bytes::Bytes;
use std::time::{Duration, Instant};
use textgate_dispatch::Dispatch;

/// What the public listener's owner may choose.
#[derive(Debug, Clone)]
pub struct ApiOptions {
    /// Whether `/metrics` is served here. It needs no key, and tells gateways' names but nothing of a tenant's messages.
    pub metrics: bool,
    /// Largest body of `POST /v1/messages/batch` (bytes).
    pub batch_body: usize,
    /// Largest manifest on the control socket (bytes): more than `textgate apply` reads from a file.
    pub manifest_body: usize,
    /// Largest body of everything else (bytes).
    pub body: usize,
    /// How long a body may take to arrive.
    pub body_time: Duration,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            metrics: true,
            batch_body: 1 << 20,
            manifest_body: 64 << 20,
            body: 64 << 10,
            body_time: Duration::from_secs(10),
        }
    }
}

/// How callers prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// By an API key.
    Keys,
    /// By having been able to open the control socket: its file's mode keeps everybody else out.
    Control,
}

/// The state behind the routes.
pub(crate) struct Api {
    pub(crate) dispatch: Dispatch,
    pub(crate) options: ApiOptions,
    pub(crate) door: Door,
    pub(crate) rates: RateLimits,
    /// The OpenAPI document, written once.
    pub(crate) openapi: Bytes,
    pub(crate) started: Instant,
}

impl Api {
    /// The body of a request that is not a batch.
    pub(crate) async fn read(&self, request: Request) -> Result<Bytes, ProblemDetails> {
        let (parts, body) = request.into_parts();
        body::read(&parts.headers, body, self.options.body, self.options.body_time).await
    }
}
