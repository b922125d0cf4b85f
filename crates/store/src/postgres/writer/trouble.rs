//! What the writer does while the database takes nothing, and how it begins again.

use super::super::adopt;
use super::super::command::{silent, unavailable};
use super::super::connect::Conn;
use super::super::node::{self, FENCE, Hold};
use super::{Batch, Fault, PATIENCE, Writer, answer_all};
use crate::queue::Next;
use crate::{Notice, StoreError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;

/// After a failed write the next attempt waits so long, and twice as long after each further one.
const FIRST_RETRY: Duration = Duration::from_millis(50);
/// But never longer than this: so soon it goes on when the database is back.
const LAST_RETRY: Duration = Duration::from_secs(1);
/// How long a closing store goes on trying.
pub(super) const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
/// How long callers whose commit is in doubt wait to hear what became of it.
const DOUBT_PATIENCE: Duration = Duration::from_secs(3);

impl Writer {
    /// A connection anew, and what goes with it.
    pub(super) async fn connect_again(&mut self) -> Result<(), StoreError> {
        let conn = self.surroundings.database.connect(None).await.map_err(|error| error.unavailable())?;
        timeout(PATIENCE, self.begin_again(conn)).await.unwrap_or_else(|_| Err(silent()))
    }

    pub(super) fn failed(&mut self, error: StoreError) {
        self.conn = None;
        let wait = self.fault.as_ref().map_or(FIRST_RETRY, |fault| (fault.wait * 2).min(LAST_RETRY));
        let now = Instant::now();
        let gives_up_at = self.fault.as_ref().and_then(|fault| fault.gives_up_at);
        let gives_up_at =
            gives_up_at.or_else(|| self.surroundings.queue.is_closing().then(|| now + CLOSE_PATIENCE));
        if self.fault.as_ref().is_none_or(|fault| fault.error != error) {
            tracing::error!(%error, "the store cannot write; it tries again");
        }
        self.surroundings.health.fails(error.clone());
        // Their connections may be to a machine that is gone, and nobody is to wait until that is certain.
        self.surroundings.readers.begin_anew();
        self.refuse_who_can_be(&error);
        self.fault = Some(Fault { error, retry_at: now + wait, wait, gives_up_at });
    }

    /// Answers everybody who can come again, until the database takes writes again or the time has come to look.
    pub(super) async fn wait_for_the_database(&mut self) -> Result<(), StoreError> {
        let Some((until, error)) = self.fault.as_ref().map(|fault| (fault.retry_at, fault.error.clone()))
        else {
            return Ok(());
        };
        let queue = Arc::clone(&self.surroundings.queue);
        while queue.taken(&mut self.work, Some(until)).await == Next::Work {
            self.refuse_who_can_be(&error);
        }
        self.give_up_waiting();
        let gives_up_at = self.fault.as_ref().and_then(|fault| fault.gives_up_at);
        if gives_up_at.is_some_and(|at| at <= Instant::now()) {
            self.doubt.take().into_iter().for_each(|doubt| self.work.extend(doubt.batch));
            answer_all(std::mem::take(&mut self.work), &error);
            return Err(error);
        }
        let database = self.surroundings.database.clone();
        let mut connecting = tokio::spawn(async move { database.connect(None).await });
        let connected = loop {
            let far = Instant::now() + PATIENCE;
            tokio::select! {
                biased;
                connected = &mut connecting => break connected,
                next = queue.taken(&mut self.work, Some(far)) => if next == Next::Work {
                    self.refuse_who_can_be(&error);
                } else {
                    connecting.abort();
                },
            }
        };
        let tried = match connected {
            Ok(Ok(conn)) => timeout(PATIENCE, self.begin_again(conn)).await.unwrap_or_else(|_| Err(silent())),
            Ok(Err(error)) => Err(error.unavailable()),
            Err(_) => Err(silent()),
        };
        match tried {
            Ok(()) => {
                self.fault = None;
                self.again = 0;
                self.surroundings.health.recovers();
                tracing::info!("the store can write again");
            }
            Err(error) => self.failed(error),
        }
        Ok(())
    }

    /// Tells callers whose commit is in doubt for long that it is not known.
    fn give_up_waiting(&mut self) {
        let Some(doubt) = self.doubt.as_mut().filter(|doubt| doubt.since.elapsed() > DOUBT_PATIENCE) else {
            return;
        };
        let (kept, others): (Batch, Batch) =
            std::mem::take(&mut doubt.batch).into_iter().partition(|command| command.is_kept());
        doubt.batch = kept;
        for command in others {
            doubt.unheard.extend(command.give_up(unknown()));
        }
    }

    /// Finds out what became of a batch in doubt, takes a new number where this node was fenced, and sees whether the database
    /// takes writes.
    async fn begin_again(&mut self, conn: Conn) -> Result<(), StoreError> {
        let unavailable = |error: tokio_postgres::Error| unavailable(&error);
        self.surroundings.partitions.load(&conn).await.map_err(unavailable)?;
        let mut is_held = self.find_out(&conn).await.map_err(unavailable)?;
        if is_held {
            // From here on what is in doubt cannot be committed any more: its fence asks for the mark before this one.
            let probe = self.probe(&conn).await;
            is_held = match probe {
                Ok(()) => true,
                Err(error) if error.code() == Some(&SqlState::DIVISION_BY_ZERO) => {
                    let _ = conn.batch("ROLLBACK").await;
                    // It may have been committed between the look and the probe.
                    self.find_out(&conn).await.map_err(unavailable)? && {
                        self.probe(&conn).await.map_err(unavailable)?;
                        true
                    }
                }
                Err(error) => return Err(unavailable(error)),
            };
        }
        if !is_held {
            tracing::error!(
                "this node was taken for gone, and others have what it had not finished; it begins anew"
            );
            let sent = Instant::now();
            self.hold = node::register(&conn, &self.surroundings.name, false).await?;
            self.surroundings.lease.taken(self.hold, sent);
        }
        if self.surroundings.lease.is_fenced() {
            // Nothing is accepted before what was held under the old epoch is let go: what is read then is all there is.
            return Err(StoreError::Unavailable("this node was taken for gone, and begins anew".to_owned()));
        }
        if let Some(doubt) = self.doubt.take() {
            doubt.batch.into_iter().rev().for_each(|command| self.work.push_front(command));
        }
        self.conn = Some(conn);
        Ok(())
    }

    /// Answers a batch in doubt where it was committed. Answers whether this node still holds its number.
    async fn find_out(&mut self, conn: &Conn) -> Result<bool, tokio_postgres::Error> {
        let Some((written, is_held)) = node::mark(conn, self.hold).await? else { return Ok(false) };
        if is_held {
            // Only this node writes marks in its epoch: whatever it is, it is of one of its transactions.
            self.hold.written = written;
        }
        if self.doubt.as_ref().is_some_and(|doubt| doubt.mark == written)
            && let Some(doubt) = self.doubt.take()
        {
            self.abandoned.extend(doubt.unheard);
            doubt.batch.into_iter().for_each(|command| command.answer());
            // It may have owed events, and nobody was told.
            self.surroundings.desk.ring_all();
        }
        if !self.abandoned.is_empty() {
            // They are on disk, so they are sent; nobody has them in memory.
            adopt::abandon(conn, &self.abandoned).await?;
            self.abandoned.clear();
            self.surroundings.lease.tell(Notice::Adoptable);
        }
        Ok(is_held)
    }

    async fn probe(&mut self, conn: &Conn) -> Result<(), tokio_postgres::Error> {
        let (hold, mark) = (self.hold, self.hold.next_mark_of_probe());
        conn.rows(FENCE, &[&hold.id, &hold.epoch, &mark, &hold.written]).await?;
        self.hold.written = mark;
        Ok(())
    }

    /// Answers everybody who can come again; what must be kept stays.
    fn refuse_who_can_be(&mut self, error: &StoreError) {
        let (kept, refused) =
            std::mem::take(&mut self.work).into_iter().partition(|command| command.is_kept());
        self.work = kept;
        answer_all(refused, error);
    }
}

impl Hold {
    /// Other than the mark of any transaction that may be in doubt.
    fn next_mark_of_probe(self) -> i64 {
        self.written.wrapping_add(2)
    }
}

fn unknown() -> StoreError {
    StoreError::Unavailable(
        "PostgreSQL went away in the middle of a commit, and it is not known whether that happened; repeat the request under its \
         Idempotency-Key"
            .to_owned(),
    )
}

pub(super) fn gone() -> StoreError {
    StoreError::Unavailable(
        "PostgreSQL: the connection is gone; see whether it runs and can be reached".to_owned(),
    )
}
