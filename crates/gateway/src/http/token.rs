//! Tokens that authorize requests: asked for once, shared by all requests until they end or are refused.

use super::driver::Driver;
use super::exchange::Exchange;
use super::flight::Bounds;
use crate::Outcome;
use reqwest::Client;
use std::sync::Arc;
use std::time::{Duration, Instant};
use textgate_sms::OutcomeClass::{Account, Refused, Rejected, Unavailable, Uncertain};
use tokio::sync::Mutex;

/// A token is asked for again this long before its end, so that none ends on its way.
const MARGIN: Duration = Duration::from_secs(30);
/// Longest time a token is believed to last.
const LONGEST: Duration = Duration::from_secs(86_400);

/// The token of one account.
///
/// The lock is held while a token is asked for: waiting for it is waiting for the token, so that a hundred messages at
/// once ask once.
#[derive(Default)]
pub(super) struct Tokens(Mutex<Option<Held>>);

struct Held {
    text: Arc<str>,
    until: Instant,
}

impl Tokens {
    /// Keeps this token no longer, unless another one has taken its place.
    pub(super) async fn forget(&self, token: &Arc<str>) {
        let mut held = self.0.lock().await;
        if held.as_ref().is_some_and(|held| held.text == *token) {
            *held = None;
        }
    }
}

impl<E: Exchange> Driver<E> {
    /// The token for a request, where the provider wants one. Without it, nothing was sent.
    pub(super) async fn token(
        &self,
        client: &Client,
        bounds: &Bounds<'_>,
    ) -> Result<Option<Arc<str>>, Outcome> {
        if !self.exchange.wants_token() {
            return Ok(None);
        }
        let mut held = tokio::select! {
            held = self.tokens.0.lock() => held,
            when = bounds.end() => {
                return Err(Outcome::failed(Unavailable, format!("no token {when}")));
            }
        };
        if let Some(held) = held.as_ref().filter(|held| held.until > Instant::now()) {
            return Ok(Some(Arc::clone(&held.text)));
        }
        let answer = self.ask(client, &self.exchange.token_call()?, bounds).await;
        let token = answer.and_then(|answer| self.exchange.token(&answer)).map_err(without_token)?;
        let lasts = token.lasts.min(LONGEST);
        let until = Instant::now() + lasts.saturating_sub(MARGIN.min(lasts / 2));
        let text: Arc<str> = token.text.into();
        *held = Some(Held { text: Arc::clone(&text), until });
        Ok(Some(text))
    }
}

/// What it means for the message that there is no token: it was not sent, so nothing is uncertain, and what the provider
/// refuses here are the credentials.
fn without_token(mut outcome: Outcome) -> Outcome {
    outcome.class = match outcome.class {
        Uncertain => Unavailable,
        Refused | Rejected => Account,
        other => other,
    };
    outcome.detail = format!("no token: {}", outcome.detail).into();
    outcome
}
