//! The one thread that writes: takes all that waits, commits it with one sync, and answers.

use super::accept;
use super::checkpoint::Checkpoints;
use super::command::{Command, Queue};
use super::session::Session;
use crate::queue::Next;
use crate::{CommitStats, Observer, StoreError, WebhookBell};
use rusqlite::{Connection, ErrorCode};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most messages, outcomes and receipts in one transaction: some tens of milliseconds of work, so that after a burst nobody waits
/// for the whole of it.
const MOST_AT_ONCE: usize = 2_000;
/// After a failed write the next attempt waits so long, and twice as long after each further one.
const FIRST_RETRY: Duration = Duration::from_millis(50);
/// But never longer than this: so soon it goes on when there is room again.
const LAST_RETRY: Duration = Duration::from_secs(1);
/// How long a closing store goes on trying to write on a disk that fails.
pub(super) const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// Why the last write failed; `None` if it did not.
pub(super) type Health = Arc<Mutex<Option<StoreError>>>;

/// Trouble with the disk.
struct Fault {
    error: StoreError,
    retry_at: Instant,
    wait: Duration,
    /// When a closing store gives up.
    gives_up_at: Option<Instant>,
}

/// What the writer shares with the store's front.
pub(super) struct Surroundings {
    pub(super) queue: Arc<Queue>,
    pub(super) health: Health,
    pub(super) observer: Observer,
    /// How far the file may grow, in pages.
    pub(super) most_pages: Arc<AtomicU32>,
    /// Rung where a webhook endpoint is owed something new.
    pub(super) bell: Arc<WebhookBell>,
}

/// As far as SQLite itself allows.
pub(super) const UNLIMITED: u32 = u32::MAX - 1;

/// The writer's thread.
pub(super) struct Writer<'c> {
    surroundings: Surroundings,
    session: Session<'c>,
    pub(super) checkpoints: Checkpoints,
    work: VecDeque<Box<dyn Command>>,
    fault: Option<Fault>,
    limit: u32,
}

impl<'c> Writer<'c> {
    /// A writer on its connection.
    pub(super) fn new(
        surroundings: Surroundings,
        connection: &'c Connection,
        checkpoints: Checkpoints,
    ) -> rusqlite::Result<Self> {
        let (session, work) = (Session::new(connection)?, VecDeque::new());
        Ok(Self { surroundings, session, checkpoints, work, fault: None, limit: UNLIMITED })
    }

    /// Writes until the queue is closed and empty, or a closing store's patience has ended. Answers how it ended.
    pub(super) fn run(&mut self) -> Result<(), StoreError> {
        loop {
            let until = self.fault.as_ref().map(|fault| fault.retry_at);
            if self.fault.is_none() && !self.work.is_empty() {
                self.surroundings.queue.take_all(&mut self.work);
            } else if self.surroundings.queue.take(&mut self.work, until) == Next::Closing {
                return Ok(());
            }
            if let Some(error) = self.still_failing() {
                self.refuse_who_can_be(&error);
                if self.gives_up() {
                    self.refuse_all(&error);
                    return Err(error);
                }
                continue;
            }
            self.write();
        }
    }

    /// The trouble, while it is too early to try again.
    fn still_failing(&self) -> Option<StoreError> {
        let fault = self.fault.as_ref()?;
        (Instant::now() < fault.retry_at || self.gives_up()).then(|| fault.error.clone())
    }

    fn gives_up(&self) -> bool {
        let gives_up_at = self.fault.as_ref().and_then(|fault| fault.gives_up_at);
        gives_up_at.is_some_and(|at| at <= Instant::now())
    }

    /// One transaction with as much as fits.
    fn write(&mut self) {
        let mut weight = 0;
        let count = self.work.iter().take_while(|command| {
            let is_room = weight < MOST_AT_ONCE;
            weight += command.weight();
            is_room
        });
        let count = count.count();
        let mut batch: Vec<_> = self.work.drain(..count).collect();
        let began = Instant::now();
        let outcome = match self.commit(&mut batch, false) {
            Err(error) if is_of_an_operation(&error) => self.commit(&mut batch, true),
            outcome => outcome,
        };
        match outcome {
            Ok(()) => {
                let stats = CommitStats { took: began.elapsed(), operations: count };
                self.recovered();
                let owed = self.session.endpoints.take_owed();
                if !owed.is_empty() {
                    self.surroundings.bell.ring(owed);
                }
                for command in batch {
                    command.answer();
                }
                if count > 0 {
                    (self.surroundings.observer)(stats);
                }
                self.checkpoints.after_commit(self.session.connection, weight);
            }
            Err(error) => {
                for command in batch.into_iter().rev() {
                    self.work.push_front(command);
                }
                self.failed(&error);
            }
        }
    }

    fn commit(&mut self, batch: &mut [Box<dyn Command>], each_by_itself: bool) -> rusqlite::Result<()> {
        let outcome = self.try_commit(batch, each_by_itself);
        if outcome.is_err() {
            self.session.roll_back();
        }
        outcome
    }

    fn try_commit(&mut self, batch: &mut [Box<dyn Command>], each_by_itself: bool) -> rusqlite::Result<()> {
        let most_pages = self.surroundings.most_pages.load(Ordering::Relaxed);
        if most_pages != self.limit {
            self.limit = most_pages;
            let sql = format!("PRAGMA max_page_count = {most_pages}");
            self.session.connection.query_row(&sql, [], |_| Ok(()))?;
        }
        self.session.begin()?;
        if self.fault.is_some() {
            self.probe()?;
        }
        for command in &mut *batch {
            if !each_by_itself {
                command.apply(&mut self.session)?;
                continue;
            }
            let applied = self.session.in_savepoint(|session| Ok(command.apply(session)?));
            match applied {
                Ok(()) => {}
                Err(super::command::Failure::Sql(error)) if is_of_an_operation(&error) => {
                    tracing::error!(%error, "an operation does not fit the store; it is refused");
                    self.session.forget();
                    command.refuse(accept::in_words(&error));
                }
                Err(super::command::Failure::Sql(error)) => return Err(error),
                Err(super::command::Failure::Refused(error)) => command.refuse(error),
            }
        }
        self.session.commit()
    }

    /// After trouble: whether there is room again, even if nothing waits that needs it.
    fn probe(&self) -> rusqlite::Result<()> {
        let connection = self.session.connection;
        connection.execute_batch(
            "INSERT INTO inbound (id, gateway, at_ms, sealed) VALUES (-1, 0, 0, zeroblob(65536));
             DELETE FROM inbound WHERE id = -1;",
        )
    }

    fn failed(&mut self, error: &rusqlite::Error) {
        let wait = self.fault.as_ref().map_or(FIRST_RETRY, |fault| (fault.wait * 2).min(LAST_RETRY));
        let now = Instant::now();
        let gives_up_at = self.fault.as_ref().and_then(|fault| fault.gives_up_at);
        let gives_up_at =
            gives_up_at.or_else(|| self.surroundings.queue.is_closing().then(|| now + CLOSE_PATIENCE));
        let failure = StoreError::Unavailable(format!("{error}; free some space or check the disk"));
        if self.fault.is_none() {
            tracing::error!(%error, "the store cannot write; it tries again");
        }
        *self.surroundings.health.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure.clone());
        self.refuse_who_can_be(&failure);
        self.fault = Some(Fault { error: failure, retry_at: now + wait, wait, gives_up_at });
    }

    fn recovered(&mut self) {
        if self.fault.take().is_some() {
            tracing::info!("the store can write again");
            *self.surroundings.health.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Answers everybody who can come again; what must be kept stays.
    fn refuse_who_can_be(&mut self, error: &StoreError) {
        let (kept, refused) =
            std::mem::take(&mut self.work).into_iter().partition(|command| command.is_kept());
        self.work = kept;
        answer_all(refused, error);
    }

    fn refuse_all(&mut self, error: &StoreError) {
        answer_all(std::mem::take(&mut self.work), error);
    }
}

/// Answers all of these with this error.
pub(super) fn answer_all(commands: VecDeque<Box<dyn Command>>, error: &StoreError) {
    for mut command in commands {
        command.refuse(error.clone());
        command.answer();
    }
}

/// Whether an error is about one operation (a key used twice, a value that does not fit), not about the disk.
fn is_of_an_operation(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(code) => matches!(
            code,
            ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch
                | ErrorCode::TooBig
                | ErrorCode::ParameterOutOfRange
        ),
        // Errors of reading a row or binding a value have no code.
        None => true,
    }
}
