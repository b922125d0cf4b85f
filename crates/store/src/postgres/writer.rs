//! The one task that writes: takes all that waits, commits it in as few rounds to the database as can be, and answers.
//!
//! Where the connection breaks while a commit is under way, nobody can tell at once whether it happened. Such a batch is *in doubt*:
//! it is neither answered nor tried again until the mark of its transaction ([`node`](super::node)) was found, or cannot be written
//! any more.

mod strays;
mod trouble;

use super::command::{Command, Failure, Queue, Task, Trouble, Way, silent, trouble, unavailable};
use super::connect::{Conn, Database, in_order, values};
use super::desk::Desk;
use super::lease::Lease;
use super::load::Needs;
use super::node::{self, FENCE, Hold};
use super::partitions::{Cut, Partitions};
use super::readers::Readers;
use super::webhooks::Written;
use super::{Health, flush};
use crate::queue::{Next, Urgency};
use crate::{CommitStats, Observer, Owed, StoreError};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use strays::Strays;
use textgate_sms::MessageId;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use trouble::{CLOSE_PATIENCE, gone};

/// Most messages, outcomes and receipts in one transaction, so that after a burst nobody waits for the whole of it.
const MOST_AT_ONCE: usize = 2_000;
/// Most operations by themselves in one transaction: each holds its rows until the commit.
const MOST_ALONE: usize = 64;
/// How long one round may take; then the connection counts as broken.
const PATIENCE: Duration = Duration::from_secs(12);
/// How often a transaction that others were in the way of is tried before it is cut up.
const MOST_AGAIN: u32 = 5;

type Batch = Vec<Box<dyn Command>>;

/// Trouble with the database.
struct Fault {
    error: StoreError,
    retry_at: Instant,
    wait: Duration,
    /// When a closing store gives up.
    gives_up_at: Option<Instant>,
}

/// A batch that was committed or not.
struct Doubt {
    mark: i64,
    batch: Batch,
    since: Instant,
    /// Messages of callers who were told meanwhile that it is not known.
    unheard: Vec<MessageId>,
}

impl Doubt {
    fn new(mark: i64) -> Self {
        Self { mark, batch: Vec::new(), since: Instant::now(), unheard: Vec::new() }
    }
}

/// What the writer shares with the store's front and the keeper.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) database: Database,
    pub(super) queue: Arc<Queue>,
    pub(super) health: Arc<Health>,
    pub(super) observer: Observer,
    pub(super) partitions: Partitions,
    pub(super) told_ms: Arc<AtomicI64>,
    /// The node's name.
    pub(super) name: Arc<str>,
    /// Its right to send.
    pub(super) lease: Arc<Lease>,
    /// What it knows of webhook endpoints.
    pub(super) desk: Arc<Desk>,
    /// Who reads beside the writer.
    pub(super) readers: Arc<Readers>,
}

impl Surroundings {
    /// Has the writer write, though there is nothing to be written.
    pub(super) fn wake_writer(&self) {
        let (reply, _) = tokio::sync::oneshot::channel();
        let (way, outcome) = (Way::Alone(|_, ()| Box::pin(async { Ok(()) })), Err(StoreError::Closed));
        let nothing = Task {
            input: (),
            way,
            weight: 1,
            is_kept: false,
            waiting: None,
            entrusts: |_, _| Vec::new(),
            outcome,
            reply,
        };
        // Refused only where the store is closing.
        let _ = self.queue.push(Box::new(nothing), Urgency::Now);
    }
}

/// The writer.
pub(super) struct Writer {
    surroundings: Surroundings,
    conn: Option<Conn>,
    hold: Hold,
    work: VecDeque<Box<dyn Command>>,
    doubt: Option<Doubt>,
    /// Messages that were accepted, of callers who heard that this is not known.
    abandoned: Vec<MessageId>,
    fault: Option<Fault>,
    again: u32,
    early: usize,
    strays: Strays,
}

impl Writer {
    /// A writer on its connection.
    pub(super) fn new(surroundings: Surroundings, conn: Conn, hold: Hold) -> Self {
        let work = VecDeque::new();
        let (conn, abandoned) = (Some(conn), Vec::new());
        let (fault, again, early, strays) = (None, 0, 0, Strays::default());
        Self { surroundings, conn, hold, work, doubt: None, abandoned, fault, again, early, strays }
    }

    /// Writes until the queue is closed and empty, or a closing store's patience has ended. Answers how it ended.
    pub(super) async fn run(&mut self) -> Result<(), StoreError> {
        loop {
            if self.fault.is_some() {
                self.wait_for_the_database().await?;
            } else if self.work.is_empty() {
                let queue = Arc::clone(&self.surroundings.queue);
                if queue.taken(&mut self.work, None).await == Next::Closing {
                    return Ok(());
                }
            } else {
                self.surroundings.queue.take_all(&mut self.work);
            }
            if self.fault.is_none() && !self.work.is_empty() {
                self.write().await;
            }
        }
    }

    /// Gives up the number, as the last thing.
    pub(super) async fn leave(&mut self) {
        if let Some(conn) = &self.conn {
            let _ = timeout(CLOSE_PATIENCE, node::leave(conn, self.hold)).await;
        }
    }

    // === Writing ===

    /// One transaction with as much as fits of what comes first.
    async fn write(&mut self) {
        // While nothing was to be written the server may have been restarted: nobody is refused for that.
        if self.conn.as_ref().is_none_or(Conn::is_broken)
            && let Err(error) = self.connect_again().await
        {
            return self.failed(error);
        }
        let is_bulk = self.work.front().is_some_and(|command| command.is_bulk());
        let mut weight = 0;
        let most = if is_bulk { MOST_AT_ONCE } else { MOST_ALONE };
        let like = self.work.iter().take_while(|command| {
            let is_room = weight < most && command.is_bulk() == is_bulk;
            weight += if is_bulk { command.weight() } else { 1 };
            is_room
        });
        let count = like.count();
        let mut batch: Batch = self.work.drain(..count).collect();
        let began = Instant::now();
        match self.commit(&mut batch).await {
            Ok(()) => self.committed(batch, began),
            Err(Trouble::Operation(_)) => self.one_by_one(batch).await,
            Err(trouble) => self.not_committed(batch, trouble).await,
        }
    }

    fn committed(&mut self, batch: Batch, began: Instant) {
        self.again = 0;
        let stats = CommitStats { took: began.elapsed(), operations: batch.len() };
        batch.into_iter().for_each(|command| command.answer());
        (self.surroundings.observer)(stats);
    }

    /// Each in a transaction of its own, so that one which does not fit harms no other.
    async fn one_by_one(&mut self, batch: Batch) {
        let mut rest = VecDeque::from(batch);
        while let Some(command) = rest.pop_front() {
            let began = Instant::now();
            let mut alone = vec![command];
            match self.commit(&mut alone).await {
                Ok(()) => self.committed(alone, began),
                Err(Trouble::Operation(error)) => {
                    tracing::error!(%error, "an operation does not fit the store; it is refused");
                    for mut command in alone {
                        command.refuse(error.clone());
                        command.answer();
                    }
                }
                Err(trouble) => {
                    rest.into_iter().rev().for_each(|command| self.work.push_front(command));
                    self.not_committed(alone, trouble).await;
                    return;
                }
            }
        }
    }

    /// What was not written goes back to the head of the queue, or waits in doubt.
    async fn not_committed(&mut self, batch: Batch, trouble: Trouble) {
        match &mut self.doubt {
            Some(doubt) => doubt.batch = batch,
            None => batch.into_iter().rev().for_each(|command| self.work.push_front(command)),
        }
        match trouble {
            Trouble::Again(why) => {
                self.again += 1;
                tracing::debug!(why, "another transaction was in the way; it is tried again");
                if self.again > MOST_AGAIN {
                    self.failed(StoreError::Unavailable(format!("PostgreSQL: {why}; it is tried again")));
                }
            }
            Trouble::Fenced => {
                self.failed(StoreError::Unavailable(
                    "this node was taken for gone, and begins anew".to_owned(),
                ));
            }
            Trouble::Database(error) | Trouble::Operation(error) => self.failed(error),
        }
    }

    async fn commit(&mut self, batch: &mut Batch) -> Result<(), Trouble> {
        let Some(conn) = self.conn.take() else { return Err(Trouble::Database(gone())) };
        self.surroundings.health.begins();
        let is_bulk = batch.first().is_some_and(|command| command.is_bulk());
        let outcome = if is_bulk { self.bulk(&conn, batch).await } else { self.alone(&conn, batch).await };
        self.surroundings.health.ends();
        let is_of_use = !conn.is_broken() && !matches!(outcome, Err(Trouble::Database(_)));
        if is_of_use {
            self.conn = Some(conn);
        }
        outcome
    }

    /// Reads what all of them need, applies them in memory, and writes what came of it.
    async fn bulk(&mut self, conn: &Conn, batch: &mut Batch) -> Result<(), Trouble> {
        let mut needs = Needs::default();
        batch.iter().for_each(|command| command.needs(&mut needs));
        let partitions = self.surroundings.partitions.clone();
        let wanted = [
            (Cut::Message, &needs.days),
            (Cut::Idempotency, &needs.keys_at),
            (Cut::ReceiptId, &needs.receipt_ids_at),
        ];
        for (cut, parts) in wanted {
            for part in parts {
                partitions.make(conn, cut, *part).await.map_err(|error| trouble(&error))?;
            }
        }
        let loaded = timeout(PATIENCE, needs.load(conn, &partitions)).await;
        let mut unit = match loaded {
            Ok(Ok(unit)) => unit,
            Ok(Err(error)) => return Err(self.rolled_back(conn, &error).await),
            Err(_) => return Err(Trouble::Database(silent())),
        };
        unit.told = self.surroundings.desk.told();
        for command in &mut *batch {
            if let Err(error) = command.apply(&mut unit) {
                if unit.is_begun {
                    let _ = conn.batch("ROLLBACK").await;
                }
                return Err(Trouble::Operation(error));
            }
        }
        self.surroundings.told_ms.fetch_max(unit.told_ms, Ordering::Relaxed);
        let is_begun = unit.is_begun;
        if unit.is_unchanged() {
            let ended = if is_begun { conn.batch("COMMIT").await } else { Ok(()) };
            return ended.map_err(|error| trouble(&error));
        }
        let (webhooks, desk) = (Written::of(&mut unit), self.surroundings.desk.clone());
        let steps = async {
            let mut steps = flush::steps(conn, &mut unit, self.hold.id).await?;
            webhooks.steps(conn, &desk, self.hold, &mut steps).await?;
            Ok::<_, tokio_postgres::Error>(steps)
        };
        let mut steps = match steps.await {
            Ok(steps) => steps,
            Err(error) => return Err(self.rolled_back(conn, &error).await),
        };
        if !is_begun {
            steps.insert(0, conn.plain("BEGIN"));
        }
        self.finish(conn, steps).await?;
        let owed = webhooks.endpoints();
        if !owed.is_empty() {
            // Those that others deliver to are not run here, and heard by those.
            desk.bell.ring(owed.into_iter().map(|endpoint| (endpoint, Owed::More)));
        }
        self.early_were_kept(conn, &unit.new_early).await;
        Ok(())
    }

    /// One after the other, each so that its failure undoes nothing but itself.
    async fn alone(&mut self, conn: &Conn, batch: &mut Batch) -> Result<(), Trouble> {
        let is_one = batch.len() == 1;
        conn.batch("BEGIN").await.map_err(|error| trouble(&error))?;
        for command in &mut *batch {
            if !is_one {
                conn.batch("SAVEPOINT operation").await.map_err(|error| trouble(&error))?;
            }
            let spoken = timeout(PATIENCE, command.speak(conn)).await;
            let refused = match spoken {
                Err(_) => return Err(Trouble::Database(silent())),
                Ok(Ok(())) => None,
                Ok(Err(Failure::Refused(error))) => Some(error),
                Ok(Err(Failure::Sql(error))) => match trouble(&error) {
                    Trouble::Operation(error) => Some(error),
                    trouble => {
                        let _ = conn.batch("ROLLBACK").await;
                        return Err(trouble);
                    }
                },
            };
            let end = match &refused {
                Some(_) if is_one => "ROLLBACK",
                Some(_) => "ROLLBACK TO operation; RELEASE operation",
                None if is_one => "",
                None => "RELEASE operation",
            };
            if !end.is_empty() {
                conn.batch(end).await.map_err(|error| trouble(&error))?;
            }
            if let Some(error) = refused {
                command.refuse(error);
                if is_one {
                    return Ok(());
                }
            }
        }
        self.finish(conn, Vec::new()).await
    }

    /// Sends these statements with the fence and the commit, and waits for the disk.
    async fn finish<'a>(
        &mut self,
        conn: &'a Conn,
        mut steps: Vec<super::connect::Step<'a>>,
    ) -> Result<(), Trouble> {
        let hold = self.hold;
        let mark = hold.next_mark();
        let fence = match conn.statement(FENCE).await {
            Ok(fence) => fence,
            Err(error) => return Err(self.rolled_back(conn, &error).await),
        };
        steps.push(conn.step(fence, values![hold.id, hold.epoch, mark, hold.written]));
        steps.push(conn.plain("COMMIT"));
        let (fence, commit) = (steps.len() - 2, steps.len() - 1);
        let sent = Instant::now();
        let Ok(answers) = timeout(PATIENCE, in_order(steps)).await else {
            self.doubt = Some(Doubt::new(mark));
            return Err(Trouble::Database(silent()));
        };
        let first = answers
            .iter()
            .enumerate()
            .find_map(|(at, answer)| answer.as_ref().err().map(|error| (at, error)));
        let Some((at, error)) = first else {
            self.hold.written = mark;
            self.surroundings.lease.extend(sent);
            return Ok(());
        };
        if at == fence && error.code() == Some(&SqlState::DIVISION_BY_ZERO) {
            return Err(Trouble::Fenced);
        }
        if at == commit || error.as_db_error().is_none() {
            self.doubt = Some(Doubt::new(mark));
            return Err(Trouble::Database(unavailable(error)));
        }
        self.gone_partition(conn, error).await;
        Err(trouble(error))
    }

    /// Ends a transaction in which something went wrong.
    async fn rolled_back(&self, conn: &Conn, error: &tokio_postgres::Error) -> Trouble {
        let _ = timeout(PATIENCE, conn.batch("ROLLBACK")).await;
        self.gone_partition(conn, error).await;
        trouble(error)
    }

    /// Another node dropped a partition: what there is, is read again.
    async fn gone_partition(&self, conn: &Conn, error: &tokio_postgres::Error) {
        if error.code() == Some(&SqlState::UNDEFINED_TABLE) {
            let _ = self.surroundings.partitions.load(conn).await;
        }
    }
}

/// Answers all of these with this error.
pub(super) fn answer_all(commands: impl IntoIterator<Item = Box<dyn Command>>, error: &StoreError) {
    for mut command in commands {
        command.refuse(error.clone());
        command.answer();
    }
}
