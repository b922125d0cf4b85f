//! What people's sign-ins need in memory: sessions, limits on attempts, places for password hashes.
//!
//! The store keeps sessions as hashes of their tokens; here they are ready to be found for each request. Users themselves are in the
//! directory's snapshot.

mod failures;
mod limits;
pub(crate) mod passwords;
mod sessions;
pub(crate) mod tokens;
pub(crate) mod totp;

use crate::engine::Engine;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::time::Instant;
use textgate_store::StoreError;
use tokio_util::sync::CancellationToken;

pub(crate) use failures::{Failures, Who};
pub(crate) use limits::Limits;
pub(crate) use sessions::{Live, MOST_OF_A_USER, Sessions};

/// Between two rounds of tidying up.
const ROUND: Duration = Duration::from_secs(60);

/// Everything about people that is in memory only.
#[derive(Default)]
pub(crate) struct Accounts {
    pub(crate) passwords: passwords::Passwords,
    pub(crate) sessions: Sessions,
    pub(crate) limits: Limits,
    pub(crate) failures: Failures,
    /// The token of the link that makes the first user.
    set_up: Mutex<Option<String>>,
}

impl Accounts {
    /// The set-up link's token, for as long as the program runs.
    pub(crate) fn set_up(&self) -> MutexGuard<'_, Option<String>> {
        self.set_up.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends sessions whose time is past, and writes failed sign-ins that were only counted, until `stop`.
pub(crate) async fn keep(engine: Arc<Engine>, stop: CancellationToken) {
    let mut told = None;
    loop {
        if let Err(error) = tidy(&engine, &mut told).await {
            tracing::warn!(%error, "sessions cannot be tidied up; trying again later");
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {
                engine.tell_failures(true);
                return;
            }
            () = tokio::time::sleep(ROUND) => {}
        }
    }
}

async fn tidy(engine: &Engine, told: &mut Option<Instant>) -> Result<(), StoreError> {
    engine.tell_failures(false);
    let (idle_ms, life_ms) = engine.lifetimes_ms();
    let now_ms = engine.clock.now_ms();
    engine.accounts.sessions.expire(now_ms - idle_ms, now_ms - life_ms);
    // A session in use may have been written a minute ago.
    let written_ms = i64::try_from(ROUND.as_millis()).unwrap_or(0);
    engine.store.expire_sessions(now_ms - idle_ms - written_ms, now_ms - life_ms).await?;
    engine.tell_audit_head(told).await
}
