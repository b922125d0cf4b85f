//! What a call of the provider makes necessary: the certificate that it is signed with, and the request that it asks for.

use super::driver::Driver;
use super::exchange::{Answer, Call, Exchange, MOST_BODY};
use super::flight::Bounds;
use crate::{Callback, CallbackError, Received};
use reqwest::Url;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long a certificate is kept: whoever published it can take it back within a day.
const LASTS: Duration = Duration::from_secs(86_400);
/// Most certificates that are kept; a provider has one, and two while it changes.
const MOST: usize = 8;

/// Certificates that calls are signed with.
///
/// One is fetched at a time, so that a hundred calls at once fetch it once; and calls whose certificate is here do not wait for that.
#[derive(Default)]
pub(super) struct Certificates {
    held: Mutex<Vec<Held>>,
    fetching: tokio::sync::Mutex<()>,
}

struct Held {
    url: Url,
    certificate: Arc<[u8]>,
    until: Instant,
}

impl Certificates {
    fn get(&self, url: &Url) -> Option<Arc<[u8]>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let found = held.iter().find(|held| held.url == *url && held.until > Instant::now())?;
        Some(Arc::clone(&found.certificate))
    }

    fn keep(&self, url: Url, certificate: Arc<[u8]>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|held| held.url != url && held.until > Instant::now());
        if held.len() >= MOST {
            held.remove(0);
        }
        held.push(Held { url, certificate, until: Instant::now() + LASTS });
    }
}

impl<E: Exchange> Driver<E> {
    /// Reads a call, and does what has to be done before it can be read and before it is answered.
    pub(super) async fn read_call(&self, callback: &Callback<'_>) -> Result<Received, CallbackError> {
        let certificate = match self.exchange.certificate_call(callback)? {
            None => None,
            Some(call) => Some(self.certificate(callback, &call).await?),
        };
        let received = self.exchange.receive(callback, certificate.as_deref())?;
        // Only of a call that was taken: it is proven whose it is.
        if let Some(call) = self.exchange.confirmation_call(callback) {
            let answer = self.fetch(&call).await?;
            if !answer.status.is_success() {
                return Err(CallbackError::NotNow(format!("not confirmed: HTTP {}", answer.status.as_u16())));
            }
        }
        Ok(received)
    }

    async fn certificate(&self, callback: &Callback<'_>, call: &Call) -> Result<Arc<[u8]>, CallbackError> {
        if let Some(held) = self.certificates.get(&call.url) {
            return Ok(held);
        }
        let fetching = tokio::time::timeout(self.timeout, self.certificates.fetching.lock()).await;
        let _fetching =
            fetching.map_err(|_| CallbackError::NotNow("another certificate is being fetched".into()))?;
        if let Some(held) = self.certificates.get(&call.url) {
            return Ok(held);
        }
        let answer = self.fetch(call).await?;
        let certificate = self.exchange.certificate(callback, &answer).map_err(CallbackError::NotNow)?;
        let certificate: Arc<[u8]> = certificate.into();
        self.certificates.keep(call.url.clone(), Arc::clone(&certificate));
        Ok(certificate)
    }

    /// A request that is not a message's, by the client and under the guard of those that are.
    async fn fetch(&self, call: &Call) -> Result<Answer, CallbackError> {
        let client = self.client().await.map_err(|error| CallbackError::NotNow(error.to_string()))?;
        let (by, never) = (Instant::now() + self.timeout, CancellationToken::new());
        let bounds = Bounds { answer_by: by, valid_until: by, given_up: &never, most_body: MOST_BODY };
        let answer = self.ask(client, call, &bounds).await;
        answer.map_err(|outcome| CallbackError::NotNow(outcome.detail.into_owned()))
    }
}
