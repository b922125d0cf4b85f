//! Which addresses a gateway may connect to, so that a tenant's URL cannot reach the host's own network.

use ipnet::IpNet;
use std::sync::Arc;

/// The ranges a gateway may connect to beyond the public internet.
#[derive(Debug, Clone, Default)]
pub struct NetworkGuard {
    allow: Arc<[IpNet]>,
}

impl NetworkGuard {
    /// A guard that lets these ranges through, and everything public.
    pub fn allowing(ranges: impl IntoIterator<Item = IpNet>) -> Self {
        Self { allow: ranges.into_iter().collect() }
    }
}
