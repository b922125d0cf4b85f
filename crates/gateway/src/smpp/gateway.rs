//! The gateway: keeps its binds bound, each in a task of its own, until it is told to stop.

use super::board::Board;
use super::connect::{self, Bound, Fault};
use super::pace::Pace;
use super::preview;
use super::settings::{Account, BindMode};
use super::text;
use super::turn::{self, Ended};
use crate::{Gateway, NetworkGuard, Plan, PlanError, Preview, PreviewError, Stop, Submission, Work};
use futures_util::future::BoxFuture;
use std::sync::atomic::AtomicU16;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// One account at an SMSC.
pub(super) struct Smpp {
    pub account: Account,
    pub guard: NetworkGuard,
    pub shared: Shared,
}

/// What the binds of an account share.
pub(super) struct Shared {
    pace: Mutex<Pace>,
    /// The next reference for the parts of a text. One number for all binds, so that two texts to one phone differ.
    pub reference: AtomicU16,
}

/// What a bind is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Transceiver,
    Transmitter,
    Receiver,
}

impl Role {
    /// Whether messages leave by it.
    pub fn sends(self) -> bool {
        self != Self::Receiver
    }
}

impl Shared {
    /// The account's pace. Held for a moment, never over an await.
    pub fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Smpp {
    /// A gateway for this account. Connects to nothing yet.
    pub fn new(account: Account, guard: NetworkGuard) -> Self {
        let pace = Mutex::new(Pace::new(account.throughput, Instant::now()));
        // Not from 0 after each start: a phone may still have parts of an old text.
        let reference = AtomicU16::new(random() as u16);
        Self { account, guard, shared: Shared { pace, reference } }
    }

    /// Keeps one bind bound.
    async fn keep_bound(
        self: Arc<Self>,
        role: Role,
        bind: usize,
        board: Arc<Board>,
        work: Arc<dyn Work>,
        stop: Stop,
    ) {
        let mut backoff = Backoff::default();
        let mut was_up_for = Duration::ZERO;
        while !stop.token.is_cancelled() {
            let bound = tokio::select! {
                biased;
                () = stop.token.cancelled() => return,
                bound = connect::bind(&self, role) => bound,
            };
            let fault = match bound {
                Ok(bound) => {
                    let since = Instant::now();
                    match self.serve(role, bind, bound, &board, &*work, &stop).await {
                        Ended::Stopped => return,
                        Ended::Lost(reason) => {
                            was_up_for = since.elapsed();
                            Fault { reason, is_account: false }
                        }
                    }
                }
                Err(fault) => fault,
            };
            if was_up_for >= Backoff::STABLE {
                backoff = Backoff::default();
            }
            was_up_for = Duration::ZERO;
            let wait = backoff.next(fault.is_account);
            tracing::warn!(?role, bind, reason = %fault.reason, wait_ms = wait.as_millis() as u64, "SMPP bind down");
            board.down(bind, fault.reason, fault.is_account);
            tokio::select! {
                () = stop.token.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn serve(
        &self,
        role: Role,
        bind: usize,
        bound: Bound,
        board: &Board,
        work: &dyn Work,
        stop: &Stop,
    ) -> Ended {
        tracing::info!(?role, bind, "SMPP bind up");
        board.up(bind);
        turn::serve(self, role, bound, work, stop).await
    }
}

impl Gateway for Smpp {
    fn plan(&self, text: &str) -> Result<Plan, PlanError> {
        text::plan(&self.account.format, text)
    }

    fn preview(&self, submission: &Submission) -> Result<Preview, PreviewError> {
        preview::preview(self, submission)
    }

    fn run(self: Arc<Self>, work: Arc<dyn Work>, stop: Stop) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let binds = self.account.binds;
            let board = Arc::new(Board::new(work.clone(), binds, self.account.window));
            let mut tasks = JoinSet::new();
            let mut start = |role, bind| {
                let bound = self.clone().keep_bound(role, bind, board.clone(), work.clone(), stop.clone());
                tasks.spawn(bound);
            };
            let sending = match self.account.bind {
                BindMode::Transceiver => Role::Transceiver,
                BindMode::TransmitterAndReceiver => {
                    start(Role::Receiver, binds);
                    Role::Transmitter
                }
            };
            (0..binds).for_each(|bind| start(sending, bind));
            while let Some(ended) = tasks.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(%error, "an SMPP bind's task broke");
                }
            }
        })
    }
}

/// How long to wait before the next attempt.
#[derive(Default)]
struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// A bind that was up so long begins anew: its end has nothing to do with the attempts before.
    const STABLE: Duration = Duration::from_secs(10);
    const FIRST: Duration = Duration::from_millis(100);
    const MOST: Duration = Duration::from_secs(30);
    /// Wrong credentials stay wrong until a person acts, and SMSCs lock accounts that try too often.
    const FIRST_FOR_ACCOUNT: Duration = Duration::from_secs(15);
    const MOST_FOR_ACCOUNT: Duration = Duration::from_secs(120);

    /// Doubles each time, from half to all of it by chance, so that many gateways don't come back as one.
    fn next(&mut self, is_account: bool) -> Duration {
        let (first, most) = if is_account {
            (Self::FIRST_FOR_ACCOUNT, Self::MOST_FOR_ACCOUNT)
        } else {
            (Self::FIRST, Self::MOST)
        };
        let whole = first.saturating_mul(1 << self.attempts.min(16)).min(most);
        self.attempts = self.attempts.saturating_add(1);
        let chance = f64::from(random()) / f64::from(u32::MAX);
        whole.mul_f64(0.5 + chance / 2.0)
    }
}

/// A number by chance; a fixed one where the system has none, as nothing secret depends on it.
fn random() -> u32 {
    getrandom::u32().unwrap_or(0x9E37_79B9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_retry_is_quick_and_none_waits_longer_than_half_a_minute() {
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = (0..20).map(|_| backoff.next(false)).collect();
        assert!(waits[0] <= Duration::from_millis(100), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= Backoff::MOST) && waits[19] >= Backoff::MOST / 2);
        assert!(waits.windows(2).take(7).all(|pair| pair[1] * 2 >= pair[0]), "{waits:?}");
    }

    #[test]
    fn wrong_credentials_are_not_tried_again_soon() {
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = (0..9).map(|_| backoff.next(true)).collect();
        assert!(waits[0] >= Duration::from_secs(7) && waits[8] <= Backoff::MOST_FOR_ACCOUNT);
    }
}
