//! Sign-in at an OpenID Connect provider: the console's, with an HTTP client of this program.

use crate::config::Config;
use crate::failure::Failure;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use reqwest::redirect::Policy;
use std::net::SocketAddr;
use std::sync::Arc;
use textgate_console::{LARGEST_ANSWER, LONGEST_ANSWER, Oidc, Transport};

/// Carries requests to the provider. Its address is the service provider's to choose, not a tenant's: the network guard has no say.
struct Http(reqwest::Client);

/// Sign-in as it is configured, if it is.
pub(crate) async fn sign_in(config: &Config, address: SocketAddr) -> Result<Option<Arc<Oidc>>, Failure> {
    let Some(options) = config.console.oidc.clone() else { return Ok(None) };
    let tls = textgate_gateway::system_tls().await.map_err(|error| Failure::failed(error.0))?;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        // A redirect could take the client's secret elsewhere.
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .user_agent(concat!("textgate/", env!("CARGO_PKG_VERSION")))
        .timeout(LONGEST_ANSWER)
        .build()
        .map_err(|error| Failure::failed(error.without_url()))?;
    // The configuration lets it be missing only where the listener is for this machine alone.
    let base = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let oidc = Oidc::new(options, &base, Arc::new(Http(client))).map_err(Failure::failed)?;
    Ok(Some(Arc::new(oidc)))
}

impl Transport for Http {
    fn carry(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, String>> {
        async move {
            let host = request.uri().host().unwrap_or_default().to_owned();
            let failed = |error: reqwest::Error| {
                let what = if error.is_timeout() { "did not answer in time" } else { "cannot be reached" };
                format!("{host} {what}: {}", causes(&error.without_url()))
            };
            let (parts, body) = request.into_parts();
            let sent = self.0.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
            let mut answer = sent.send().await.map_err(failed)?;
            let mut read = Vec::new();
            while let Some(chunk) = answer.chunk().await.map_err(failed)? {
                if read.len() + chunk.len() > LARGEST_ANSWER {
                    return Err(format!("{host} answered more than {} KiB", LARGEST_ANSWER >> 10));
                }
                read.extend_from_slice(&chunk);
            }
            let mut response = Response::new(Bytes::from(read));
            *response.status_mut() = answer.status();
            Ok(response)
        }
        .boxed()
    }
}

/// An error with what caused it: the first alone seldom says what to do.
fn causes(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said.push_str(&format!(": {error}"));
        cause = error.source();
    }
    said
}
