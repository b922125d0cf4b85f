//! What every page has at hand.

use crate::oidc::Oidc;
use crate::pages::sms_settings::Owned;
use crate::pending::{First, Pending};
use std::sync::Arc;
use std::time::Duration;
use textgate_dispatch::Dispatch;

/// How long a second step of a sign-in may take.
const SECOND_STEP: Duration = Duration::from_secs(300);
/// How long secrets in a form that is not applied yet are kept.
const TYPED: Duration = Duration::from_secs(1_800);

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
    /// Sign-ins that want a code.
    pub(crate) pending: Pending<First>,
    /// Secrets of SMS settings that are not applied yet.
    pub(crate) typed: Pending<Owned>,
}

impl Console {
    pub(crate) fn new(dispatch: Dispatch, options: ConsoleOptions) -> Self {
        Self { dispatch, options, pending: Pending::new(SECOND_STEP), typed: Pending::new(TYPED) }
    }
}
