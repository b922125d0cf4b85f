//! The two halves of a sign-in: away to the provider, and back from it.

use super::base64url;
use super::error::{self, OidcError};
use super::provider::{AGAIN, ClientProof, FRESH, Provider, json};
use super::token::{Expected, Token};
use super::transport::Transport;
use super::voucher::{Voucher, Vouchers};
use crate::form::{Form, escaped};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use textgate_dispatch::{ExternalSignIn, OidcOptions};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Most sign-ins that wait for the provider at once.
const MOST_AT_ONCE: usize = 32;
/// Where the provider sends browsers back to.
pub(crate) const CALLBACK: &str = "/console/sign-in/oidc/callback";

/// Sign-in at one provider.
pub struct Oidc {
    pub(crate) options: OidcOptions,
    /// The console's address for the outside, without a slash at its end.
    base: String,
    transport: Arc<dyn Transport>,
    vouchers: Vouchers,
    /// The provider as it was last heard of, and when it is asked again.
    provider: Mutex<Option<(Arc<Provider>, Instant)>>,
    turns: Semaphore,
}

/// A browser's way to the provider.
pub(crate) struct Away {
    pub(crate) location: String,
    /// What it has to bring back.
    pub(crate) cookie: String,
}

/// Somebody who came back signed in.
#[derive(Debug)]
pub(crate) struct Back {
    pub(crate) sign_in: ExternalSignIn,
    /// Where they wanted to go.
    pub(crate) next: String,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// Never with a secret.
impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Oidc").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Oidc {
    /// Sign-in as configured, for a console that the outside reaches at `base`. Asks nobody yet.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn new(options: OidcOptions, base: &str, transport: Arc<dyn Transport>) -> Result<Self, String> {
        let vouchers =
            Vouchers::new().map_err(|_| "the system's random number generator failed".to_owned())?;
        Ok(Self {
            options,
            base: base.trim_end_matches('/').to_owned(),
            transport,
            vouchers,
            provider: Mutex::new(None),
            turns: Semaphore::new(MOST_AT_ONCE),
        })
    }

    /// Where to send a browser, which wants to go to `next` afterwards (OpenID Connect Core 1.0 §3.1.2.1).
    pub(crate) async fn begin(&self, next: &str) -> Result<Away, OidcError> {
        let _turn = self.turn()?;
        let provider = self.provider().await?;
        let voucher = self
            .vouchers
            .begin(next, now_s())
            .map_err(|_| OidcError::Unreachable("the system's random number generator failed".into()))?;
        let challenge = base64url(&Sha256::digest(voucher.verifier.as_bytes()));
        let (scope, callback) = (self.options.scopes.join(" "), self.callback());
        let location = with_query(
            &provider.metadata.authorization_endpoint,
            &[
                ("response_type", "code"),
                ("client_id", &self.options.client_id),
                ("redirect_uri", &callback),
                ("scope", &scope),
                ("state", &voucher.state),
                ("nonce", &voucher.nonce),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ],
        );
        Ok(Away { location, cookie: voucher.cookie })
    }

    /// Who came back with this cookie and this query (§3.1.2.5). Uses both up.
    pub(crate) async fn finish(&self, cookie: &str, query: &Form, from: IpAddr) -> Result<Back, OidcError> {
        let redeemed = self.vouchers.redeem(cookie, query.get("state"), now_s());
        let (voucher, next) = redeemed.ok_or(OidcError::Stale)?;
        let _turn = self.turn()?;
        let provider = self.provider().await?;
        // Against another provider's code (RFC 9207 §2.4).
        let names_itself = provider.metadata.authorization_response_iss_parameter_supported;
        if (query.has("iss") || names_itself) && query.get("iss") != self.options.issuer {
            return Err(OidcError::Untrusted("another issuer sent the browser back"));
        }
        if query.has("error") {
            return Err(OidcError::Refused(error::code(query.get("error"))));
        }
        if query.get("code").is_empty() {
            return Err(OidcError::Untrusted("the provider sent the browser back without a code"));
        }
        let id_token = self.exchange(&provider, query.get("code"), &voucher).await?;
        let token = Token::read(&id_token).map_err(OidcError::Untrusted)?;
        if !token.is_signed_by(&provider.keys) && !token.is_signed_by(&self.renewed(&provider).await?.keys) {
            return Err(OidcError::Untrusted("the ID token's signature is by none of the provider's keys"));
        }
        let OidcOptions { issuer, client_id, claim, .. } = &self.options;
        let expected = Expected { issuer, client_id, nonce: &voucher.nonce, now_s: now_s() };
        let claims = token.claims(&expected).map_err(OidcError::Untrusted)?;
        let sign_in = ExternalSignIn {
            issuer: issuer.clone(),
            subject: claims.text("sub").to_owned(),
            name: claims.name().to_owned(),
            values: claims.values(claim),
            from,
        };
        Ok(Back { sign_in, next })
    }

    /// Where people sign out at the provider, where it lets them (RP-Initiated Logout 1.0 §2). Without an `id_token_hint`, as no token is
    /// kept here: the provider asks whether they want to.
    pub(crate) async fn sign_out(&self) -> Option<String> {
        let _turn = self.turn().ok()?;
        let provider = self.provider().await.ok()?;
        let back = format!("{}/console/sign-in", self.base);
        let query = [("client_id", self.options.client_id.as_str()), ("post_logout_redirect_uri", &back)];
        Some(with_query(provider.metadata.end_session_endpoint.as_deref()?, &query))
    }

    /// Redeems the code (§3.1.3) for an ID token. What else comes with it is dropped.
    async fn exchange(
        &self,
        provider: &Provider,
        code: &str,
        voucher: &Voucher,
    ) -> Result<String, OidcError> {
        let OidcOptions { client_id, client_secret, .. } = &self.options;
        let mut fields = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", self.callback()),
            ("code_verifier", voucher.verifier.clone()),
        ];
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&provider.metadata.token_endpoint)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        match provider.proof {
            // Both are written as in a form before they are joined (RFC 6749 §2.3.1).
            ClientProof::Basic => {
                let pair = STANDARD.encode(format!("{}:{}", escaped(client_id), escaped(client_secret)));
                request = request.header(header::AUTHORIZATION, format!("Basic {pair}"));
            }
            ClientProof::Post => {
                fields.extend([("client_id", client_id.clone()), ("client_secret", client_secret.clone())]);
            }
        }
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let request = request
            .body(Bytes::from(body.join("&")))
            .map_err(|_| OidcError::Untrusted("the provider's token endpoint is no address"))?;
        let answer = self.transport.carry(request).await.map_err(OidcError::Unreachable)?;
        let status = answer.status();
        if status == StatusCode::OK {
            return Ok(json::<Tokens>(answer.body(), "its tokens")?.id_token);
        }
        #[derive(Deserialize)]
        struct Problem {
            error: String,
        }
        match json::<Problem>(answer.body(), "an error") {
            // The code was used or is too old: with another one it may go well.
            Ok(problem) if problem.error == "invalid_grant" => Err(OidcError::Stale),
            Ok(problem) if status.is_client_error() => Err(OidcError::Refused(error::code(&problem.error))),
            _ => Err(OidcError::Unreachable(format!("the token endpoint answered {}", status.as_u16()))),
        }
    }

    /// The provider as it was last heard of, asked again where that was long ago.
    async fn provider(&self) -> Result<Arc<Provider>, OidcError> {
        let kept = self.provider.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((provider, again)) = &kept
            && Instant::now() < *again
        {
            return Ok(Arc::clone(provider));
        }
        match Provider::discover(&*self.transport, &self.options.issuer).await {
            Ok(provider) => Ok(self.keep(Arc::new(provider), Instant::now() + FRESH)),
            Err(error) => {
                let (provider, _) =
                    kept.filter(|(provider, _)| provider.is_usable()).ok_or_else(|| error.clone())?;
                tracing::warn!(%error, "the OpenID Connect provider cannot be asked anew; what it said before is used on");
                Ok(self.keep(provider, Instant::now() + AGAIN))
            }
        }
    }

    /// The provider with its keys as they are now: it may have begun to sign with another one. Only a token from the provider itself
    /// leads here, so nobody else can make us ask.
    async fn renewed(&self, provider: &Provider) -> Result<Arc<Provider>, OidcError> {
        let renewed = provider.with_new_keys(&*self.transport).await?;
        Ok(self.keep(Arc::new(renewed), Instant::now() + FRESH))
    }

    fn keep(&self, provider: Arc<Provider>, again: Instant) -> Arc<Provider> {
        *self.provider.lock().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(&provider), again));
        provider
    }

    fn turn(&self) -> Result<SemaphorePermit<'_>, OidcError> {
        self.turns.try_acquire().map_err(|_| OidcError::Busy)
    }

    fn callback(&self) -> String {
        format!("{}{CALLBACK}", self.base)
    }
}

/// An address with these parameters added to its query.
fn with_query(address: &str, parameters: &[(&str, &str)]) -> String {
    let mut address = address.to_owned();
    for (name, value) in parameters {
        address.push(if address.contains('?') { '&' } else { '?' });
        address.push_str(&format!("{name}={}", escaped(value)));
    }
    address
}

/// Now (Unix time, s).
fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
