//! What the provider says of itself (OpenID Connect Discovery 1.0 §3), and its keys.

use super::error::OidcError;
use super::keys::Keys;
use super::transport::{Transport, is_safe};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::{Duration, Instant};

/// How long metadata and keys are used before they are asked for again.
pub(super) const FRESH: Duration = Duration::from_secs(3_600);
/// How long they are used after that while they cannot be had.
const STALE: Duration = Duration::from_secs(24 * 3_600);
/// When they are asked for again after that failed.
pub(super) const AGAIN: Duration = Duration::from_secs(60);

/// The metadata, as far as it matters here.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    jwks_uri: String,
    /// Where people sign out (OpenID Connect RP-Initiated Logout 1.0 §2.1).
    pub(super) end_session_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Whether the provider names itself when it sends browsers back (RFC 9207 §3).
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// How this server proves at the token endpoint who it is (OpenID Connect Core 1.0 §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientProof {
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`.
    Post,
}

/// A provider as it was last heard of.
pub(super) struct Provider {
    pub(super) metadata: Metadata,
    pub(super) proof: ClientProof,
    pub(super) keys: Keys,
    since: Instant,
}

impl Provider {
    /// Asks the provider about itself.
    pub(super) async fn discover(transport: &dyn Transport, issuer: &str) -> Result<Self, OidcError> {
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata: Metadata = json(&get(transport, &address).await?, "its metadata")?;
        // Or another's metadata would be used for tokens of this issuer (Discovery §4.3).
        if metadata.issuer != issuer {
            return Err(OidcError::Untrusted(
                "the provider's metadata names another issuer; console.oidc.issuer must be exactly that",
            ));
        }
        let endpoints = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
        if !endpoints.into_iter().chain(&metadata.end_session_endpoint).all(|address| is_safe(address)) {
            return Err(OidcError::Untrusted("an address in the provider's metadata is not https"));
        }
        let methods = metadata.token_endpoint_auth_methods_supported.as_deref();
        let has = |method: &str| methods.is_none_or(|methods| methods.iter().any(|it| it == method));
        let proof = match (has("client_secret_basic"), has("client_secret_post")) {
            (true, _) => ClientProof::Basic,
            (_, true) => ClientProof::Post,
            _ => {
                return Err(OidcError::Untrusted(
                    "the provider takes no client secret at its token endpoint",
                ));
            }
        };
        let keys = Self::keys(transport, &metadata).await?;
        Ok(Self { metadata, proof, keys, since: Instant::now() })
    }

    /// The same provider with its keys as they are now.
    pub(super) async fn with_new_keys(&self, transport: &dyn Transport) -> Result<Self, OidcError> {
        let keys = Self::keys(transport, &self.metadata).await?;
        Ok(Self { metadata: self.metadata.clone(), proof: self.proof, keys, since: self.since })
    }

    async fn keys(transport: &dyn Transport, metadata: &Metadata) -> Result<Keys, OidcError> {
        let body = get(transport, &metadata.jwks_uri).await?;
        Keys::read(&body)
            .ok_or_else(|| OidcError::Unreachable("the provider's keys are no JSON Web Key Set".into()))
    }

    /// Whether it may be used on where it cannot be asked again, so that a short outage changes nothing.
    pub(super) fn is_usable(&self) -> bool {
        self.since.elapsed() < FRESH + STALE
    }
}

async fn get(transport: &dyn Transport, address: &str) -> Result<Bytes, OidcError> {
    let request = Request::builder()
        .method(Method::GET)
        .uri(address)
        .header(header::ACCEPT, "application/json")
        .body(Bytes::new())
        .map_err(|_| OidcError::Untrusted("an address of the provider is none"))?;
    let answer = transport.carry(request).await.map_err(OidcError::Unreachable)?;
    if answer.status() != StatusCode::OK {
        return Err(OidcError::Unreachable(format!("{address} answered {}", answer.status().as_u16())));
    }
    Ok(answer.into_body())
}

/// What a body in JSON says.
pub(super) fn json<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, OidcError> {
    // Not what serde says: it repeats values.
    serde_json::from_slice(body)
        .map_err(|_| OidcError::Unreachable(format!("the provider's answer is not what {what} should be")))
}
