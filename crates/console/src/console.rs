//! What every page has at hand.

use crate::pending::Pending;
use textgate_dispatch::Dispatch;

/// How the console is served.
#[derive(Debug, Clone, Default)]
pub struct ConsoleOptions {
    /// Proxies in front of the server, whose word about who asks (`X-Forwarded-For`) is taken.
    pub proxies: Vec<ipnet::IpNet>,
}

/// The engine, and how the console is served.
pub(crate) struct Console {
    pub(crate) dispatch: Dispatch,
    pub(crate) options: ConsoleOptions,
    pub(crate) pending: Pending,
}
