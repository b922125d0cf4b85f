//! The shared store: PostgreSQL, for several nodes or one.
//!
//! Every operation that writes is queued when it is called; the writer, a thread of its own with one connection, takes all that waits
//! into one transaction and answers when it is committed, as for SQLite. It costs a round to the database to read what the
//! operations need ([`load`]) and one to write what they came to with the commit in it ([`flush`]), however many they are. Messages are
//! moved by the same [rules](crate::rules) in between. Readers have connections of their own; a third kind, the [`keeper`]'s, shows
//! that this node is alive and makes partitions ahead.

mod accept;
mod adopt;
mod alerts;
mod audit;
mod change;
mod command;
mod connect;
mod copy;
mod desk;
mod entries;
mod erasure;
mod figures;
mod flush;
mod front;
mod guard;
mod inbound;
mod keeper;
mod lease;
mod list;
mod load;
mod node;
mod opt_out;
mod otp;
mod page;
mod partitions;
mod passcodes;
mod peers;
mod readers;
mod retention;
mod schema;
mod sealed;
mod sign_ins;
mod tls;
mod unit;
mod users;
mod webhooks;
mod writer;

pub use connect::Database;
pub use copy::{Copied, CopyProgress};
pub use schema::{Found, Migrated};

use crate::queue::{Urgency, Waiting};
use crate::*;
use command::{Queue, Speak, Task, Way};
use connect::Conn;
use desk::Desk;
use futures_util::future::{BoxFuture, ready};
use lease::Lease;
use partitions::Partitions;
use readers::Readers;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use textgate_sms::MessageId;
use tokio::sync::oneshot;
use tokio_postgres::Error;
use writer::{Surroundings, Writer};

/// How a [`PostgresStore`] is opened.
#[derive(Clone)]
pub struct PostgresOptions {
    /// Hears what each commit cost, on the writer's thread: it must be quick.
    pub observer: Observer,
    /// Most messages that wait to be accepted; beyond it `accept` answers [`StoreError::Busy`] at once.
    pub accepts_waiting: usize,
    /// The node's name: another that comes with the same one takes its place.
    pub node: String,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { observer: Arc::new(|_| ()), accepts_waiting: 10_000, node: "textgate".to_owned() }
    }
}

/// A transaction that takes longer makes the store count as unwell, though it may still come to a good end.
const SLOW: Duration = Duration::from_secs(3);

/// How the writer is.
#[derive(Default)]
pub(crate) struct Health {
    error: Mutex<Option<StoreError>>,
    since: Mutex<Option<Instant>>,
}

impl Health {
    fn begins(&self) {
        *lock(&self.since) = Some(Instant::now());
    }

    fn ends(&self) {
        *lock(&self.since) = None;
    }

    fn fails(&self, error: StoreError) {
        *lock(&self.error) = Some(error);
    }

    fn recovers(&self) {
        *lock(&self.error) = None;
    }

    fn is(&self) -> Result<(), StoreError> {
        if let Some(error) = lock(&self.error).clone() {
            return Err(error);
        }
        if lock(&self.since).is_some_and(|since| since.elapsed() > SLOW) {
            return Err(StoreError::Unavailable(
                "PostgreSQL is slow: a transaction takes seconds; look at its load, its locks and its disk"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A store in a PostgreSQL database, shared with other nodes. Dropping it writes what waits and closes it, as
/// [`close`](Store::close) does.
pub struct PostgresStore {
    queue: Arc<Queue>,
    readers: Arc<Readers>,
    health: Arc<Health>,
    partitions: Partitions,
    told_ms: Arc<AtomicI64>,
    lease: Arc<Lease>,
    desk: Arc<Desk>,
    accepts_waiting: usize,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl PostgresStore {
    /// Opens the store in this database, and brings its tables to the newest version. Blocks until it is reached.
    ///
    /// [`StoreError::TooNew`] where a newer version made the tables, [`StoreError::CannotOpen`] for anything else in the way.
    pub fn open(database: Database, options: PostgresOptions) -> Result<Self, StoreError> {
        let shown = database.to_string();
        let cannot = |reason: String| StoreError::CannotOpen { path: shown.clone(), reason };
        let (queue, health) = (Arc::new(Queue::default()), Arc::new(Health::default()));
        let (partitions, told_ms) = (Partitions::default(), Arc::new(AtomicI64::new(0)));
        let readers = Arc::new(Readers::new(database.clone()));
        let (lease, desk) = (Arc::new(Lease::new()), Arc::<Desk>::default());
        let surroundings = Surroundings {
            database,
            queue: queue.clone(),
            health: health.clone(),
            observer: options.observer,
            partitions: partitions.clone(),
            told_ms: told_ms.clone(),
            name: options.node.into(),
            lease: lease.clone(),
            desk: desk.clone(),
            readers: readers.clone(),
        };
        let (tell_started, started) = mpsc::channel();
        let run = {
            let (queue, readers) = (queue.clone(), readers.clone());
            move || {
                let outcome = write(surroundings, &tell_started);
                readers.close();
                writer::answer_all(queue.closed(outcome), &StoreError::Closed);
            }
        };
        let thread = std::thread::Builder::new().name("textgate-write".to_owned()).spawn(run);
        let thread = thread.map_err(|error| cannot(error.to_string()))?;
        match started.recv() {
            Ok(started) => started?,
            Err(_) => return Err(cannot("the writer did not start".to_owned())),
        }
        let (accepts_waiting, writer) = (options.accepts_waiting, Mutex::new(Some(thread)));
        Ok(Self { queue, readers, health, partitions, told_ms, lease, desk, accepts_waiting, writer })
    }

    /// Brings the tables to the newest version, and does nothing else.
    pub async fn migrate(database: &Database) -> Result<Migrated, StoreError> {
        let conn = database.reach().await?;
        schema::migrate(&conn, &database.to_string()).await
    }

    /// Copies the embedded store in this file into a new database, and compares both. Goes on where an earlier copy was interrupted.
    /// Blocks the thread while it reads the file.
    pub async fn copy(
        from: &Path,
        to: &Database,
        progress: impl FnMut(CopyProgress),
    ) -> Result<Copied, StoreError> {
        copy::copy(from, to, progress).await
    }

    /// Looks what there is, and changes nothing.
    pub async fn look(database: &Database) -> Result<Found, StoreError> {
        let conn = database.reach().await?;
        schema::look(&conn, &database.to_string()).await
    }

    /// Whether nothing was ever put in.
    pub async fn is_new(&self) -> Result<bool, StoreError> {
        let (directory, newest) = (self.directory().await?, self.newest().await?);
        Ok(directory.version == 0 && newest.as_u64() == 0)
    }

    /// Queues an operation now, and answers when it is committed.
    fn write<I: Send + Sync + 'static, T: Send + 'static>(
        &self,
        input: I,
        urgency: Urgency,
        weight: usize,
        is_kept: bool,
        waiting: Option<Waiting>,
        way: Way<I, T>,
    ) -> Answer<'static, T> {
        self.entrust(input, urgency, weight, is_kept, waiting, way, |_, _| Vec::new())
    }

    /// The same for what makes its caller see to messages.
    #[allow(clippy::too_many_arguments, reason = "all of a task")]
    fn entrust<I: Send + Sync + 'static, T: Send + 'static>(
        &self,
        input: I,
        urgency: Urgency,
        weight: usize,
        is_kept: bool,
        waiting: Option<Waiting>,
        way: Way<I, T>,
        entrusts: fn(&I, &T) -> Vec<MessageId>,
    ) -> Answer<'static, T> {
        let (reply, answer) = oneshot::channel();
        let outcome = Err(StoreError::Closed);
        let task = Task { input, way, weight, is_kept, waiting, entrusts, outcome, reply };
        if let Err(error) = self.queue.push(Box::new(task), urgency) {
            return Box::pin(ready(Err(error)));
        }
        Box::pin(async { answer.await.unwrap_or(Err(StoreError::Closed)) })
    }

    /// Queues what is never refused and never forgotten.
    fn keep<I: Send + Sync + 'static, T: Send + 'static>(
        &self,
        input: I,
        weight: usize,
        way: Way<I, T>,
    ) -> Answer<'static, T> {
        self.write(input, Urgency::Lingers, weight, true, None, way)
    }

    /// Queues what somebody waits for, and what speaks to the database by itself.
    fn now<I: Send + Sync + 'static, T: Send + 'static>(
        &self,
        input: I,
        speak: Speak<I, T>,
    ) -> Answer<'static, T> {
        self.write(input, Urgency::Now, 1, false, None, Way::Alone(speak))
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl for<'a> Fn(&'a Conn) -> BoxFuture<'a, Result<T, Error>> + Send + Sync + 'static,
    ) -> Answer<'static, T> {
        Box::pin(self.readers.clone().read(read))
    }
}

/// The writer's thread, from its first statement to its last.
fn write(
    surroundings: Surroundings,
    started: &mpsc::Sender<Result<(), StoreError>>,
) -> Result<(), StoreError> {
    let fails = |error: StoreError| {
        let _ = started.send(Err(error));
        Err(StoreError::Closed)
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fails(StoreError::Unavailable(error.to_string())),
    };
    runtime.block_on(async {
        let mut writer = match start(&surroundings).await {
            Ok(writer) => writer,
            Err(error) => return fails(error),
        };
        let keeper = tokio::spawn(keeper::keep(surroundings));
        let _ = started.send(Ok(()));
        let outcome = writer.run().await;
        keeper.abort();
        writer.leave().await;
        outcome
    })
}

async fn start(surroundings: &Surroundings) -> Result<Writer, StoreError> {
    let (database, shown) = (&surroundings.database, surroundings.database.to_string());
    let cannot =
        |error: Error| StoreError::CannotOpen { path: shown.clone(), reason: connect::words(&error) };
    let conn = database.reach().await?;
    schema::migrate(&conn, &shown).await?;
    surroundings.partitions.load(&conn).await.map_err(cannot)?;
    let newest = list::newest(&conn).await.map_err(cannot)?;
    desk::first(&conn, &surroundings.desk).await.map_err(cannot)?;
    surroundings.told_ms.store(newest.accepted_ms(), Ordering::Relaxed);
    let sent = Instant::now();
    let hold = node::register(&conn, &surroundings.name, true).await?;
    surroundings.lease.taken(hold, sent);
    Ok(Writer::new(surroundings.clone(), conn, hold))
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.queue.close(None);
        let writer = lock(&self.writer).take();
        if let Some(writer) = writer {
            let _ = writer.join();
        }
    }
}
