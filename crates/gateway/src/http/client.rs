//! The HTTP client of one gateway: pool, TLS, proxy, and the network guard as its resolver.

use super::options::Options;
use crate::certificate::Expiry;
use crate::{BuildError, NetworkGuard, trust};
use reqwest::redirect::Policy;
use std::sync::Arc;
use std::time::Duration;

/// How long an unused connection is kept. Apache and Node close theirs after 5 s by default; a request that meets a
/// connection that is just being closed has no answer and is uncertain, so this side closes first. A new connection
/// costs a few round trips, a doubled or lost message costs more.
const IDLE: Duration = Duration::from_secs(4);

/// How this program introduces itself (RFC 9110 §10.1.5).
pub(crate) const USER_AGENT: &str = concat!("textgate/", env!("CARGO_PKG_VERSION"));

/// A client that connects only where the guard permits.
pub(crate) async fn connect(
    options: &Options,
    guard: &NetworkGuard,
    expiry: &Arc<Expiry>,
) -> Result<reqwest::Client, BuildError> {
    let unbuilt =
        |what: &dyn std::fmt::Display| BuildError(format!("the HTTP client cannot be set up: {what}"));
    let mut tls = trust::client_config(&options.own_ca, Arc::clone(expiry)).await?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];

    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(guard.clone())
        .redirect(Policy::none())
        .referer(false)
        .user_agent(USER_AGENT)
        .connect_timeout(options.timeout)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(options.connections)
        .tcp_nodelay(true)
        // Many messages share one HTTP/2 connection; a dead one must not take them all to their timeout.
        .http2_keep_alive_interval(Duration::from_secs(5))
        .http2_keep_alive_timeout(Duration::from_secs(5));
    let builder = match &options.proxy {
        // Also without one: the environment's HTTP_PROXY is the machine's business, not a tenant's.
        None => builder.no_proxy(),
        Some(proxy) => {
            // `Url` puts a slash after the host, which a SOCKS proxy's address does not have.
            let url = proxy.url.as_str().trim_end_matches('/');
            let mut found = reqwest::Proxy::all(url).map_err(|error| unbuilt(&error.without_url()))?;
            if let Some((username, password)) = &proxy.account {
                found = found.basic_auth(username, password);
            }
            builder.proxy(found)
        }
    };
    builder.build().map_err(|error| unbuilt(&error.without_url()))
}
