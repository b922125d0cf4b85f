//! What every page has at hand.

use crate::oidc::Oidc;
use crate::pending::Pending;
use std::sync::Arc;
use textgate_dispatch::Dispatch;

/// How the console is served.
#[derive(Debug, Clone, Default)]
pub struct ConsoleOptions {
    /// Proxies in front of the server, whose word about who asks (`X-Forwarded-For`) is taken.
    pub proxies: Vec<ipnet::IpNet>,
    /// Sign-in at an OpenID Connect provider, where there is one.
    pub oidc: Option<Arc<Oidc>>,
}

/// The engine, and how the console is served.
pub(crate) struct Console {
    pub(crate) dispatch: Dispatch,
    pub(crate) options: ConsoleOptions,
    pub(crate) pending: Pending,
}
