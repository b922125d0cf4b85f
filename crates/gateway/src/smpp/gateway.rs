//! The gateway: keeps its binds bound, each in a task of its own, until it is told to stop.

use super::connect::{self, Bound, Fault};
use super::pace::Pace;
use super::preview;
use super::settings::{Account, BindMode};
use super::text;
use super::turn::{self, Ended};
use crate::backoff::{Backoff, random};
use crate::board::Board;
use crate::certificate::Expiry;
use crate::shares::while_held;
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
    /// When the SMSC's certificate expires.
    pub expiry: Arc<Expiry>,
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
        Self { account, guard, shared: Shared { pace, reference }, expiry: Arc::default() }
    }

    /// Keeps one sending bind bound while it is this node's; with the first goes the one that receives.
    async fn keep(self: Arc<Self>, bind: usize, board: Arc<Board>, work: Arc<dyn Work>, stop: Stop) {
        let (shares, binds) = (work.shares(), self.account.binds);
        let told = |begun| {
            let part = f64::from(begun) / (binds.max(1) as f64);
            let limit = self.account.throughput.map(|limit| f64::from(limit) * part);
            self.shared.pace().limit(limit);
        };
        while_held(shares.as_deref(), bind, &board, &stop, told, |stop| {
            let (smpp, board, work) = (&self, &board, &*work);
            async move {
                match smpp.account.bind {
                    BindMode::Transceiver => {
                        smpp.keep_bound(Role::Transceiver, bind, board, work, &stop).await
                    }
                    BindMode::TransmitterAndReceiver if bind == 0 => {
                        let sending = smpp.keep_bound(Role::Transmitter, bind, board, work, &stop);
                        let receiving = smpp.keep_bound(Role::Receiver, binds, board, work, &stop);
                        tokio::join!(sending, receiving);
                    }
                    BindMode::TransmitterAndReceiver => {
                        smpp.keep_bound(Role::Transmitter, bind, board, work, &stop).await;
                    }
                }
            }
        })
        .await;
    }

    /// Keeps one bind bound.
    async fn keep_bound(&self, role: Role, bind: usize, board: &Board, work: &dyn Work, stop: &Stop) {
        let mut backoff = Backoff::default();
        let mut was_up_for = Duration::ZERO;
        while !stop.token.is_cancelled() {
            let bound = tokio::select! {
                biased;
                () = stop.token.cancelled() => return,
                bound = connect::bind(self, role) => bound,
            };
            let fault = match bound {
                Ok(bound) => {
                    let since = Instant::now();
                    match self.serve(role, bind, bound, board, work, stop).await {
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
        board.up(bind, u32::try_from(self.account.window).unwrap_or(u32::MAX));
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

    fn exclusive(&self) -> u32 {
        u32::try_from(self.account.binds)
            .ok()
            .and_then(|binds| 1_u32.checked_shl(binds))
            .map_or(u32::MAX, |above| above - 1)
    }

    fn certificate_expires_ms(&self) -> Option<i64> {
        self.expiry.ms()
    }

    fn run(self: Arc<Self>, work: Arc<dyn Work>, stop: Stop) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let binds = self.account.binds;
            let board = Arc::new(Board::new(work.clone(), binds));
            let mut tasks = JoinSet::new();
            for bind in 0..binds {
                tasks.spawn(self.clone().keep(bind, board.clone(), work.clone(), stop.clone()));
            }
            while let Some(ended) = tasks.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(%error, "an SMPP bind's task broke");
                }
            }
        })
    }
}
