//! Connections that read beside the writer, and tidy up.

use super::command::unavailable;
use super::connect::{Conn, Database};
use crate::StoreError;
use futures_util::future::BoxFuture;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use tokio_postgres::Error;

/// How many read at once. A database serves so many connections with a process each: few nodes with few connections are quicker
/// than many.
const READERS: usize = 4;

/// A few connections, opened when first needed.
pub(super) struct Readers {
    database: Database,
    idle: Mutex<Vec<Conn>>,
    turns: Semaphore,
    is_closed: AtomicBool,
}

impl Readers {
    /// None is open yet.
    pub(super) fn new(database: Database) -> Self {
        Self {
            database,
            idle: Mutex::default(),
            turns: Semaphore::new(READERS),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Reads in a task of its own: where whoever asked hangs up, the connection is still good for the next.
    pub(super) async fn read<T: Send + 'static>(
        self: Arc<Self>,
        read: impl for<'a> Fn(&'a Conn) -> BoxFuture<'a, Result<T, Error>> + Send + Sync + 'static,
    ) -> Result<T, StoreError> {
        let readers = self.clone();
        let _turn = self.turns.acquire().await.map_err(|_| StoreError::Closed)?;
        let done = tokio::spawn(async move { readers.read_here(read).await }).await;
        done.unwrap_or_else(|_| Err(StoreError::Unavailable("a reader stopped".to_owned())))
    }

    async fn read_here<T>(
        &self,
        read: impl for<'a> Fn(&'a Conn) -> BoxFuture<'a, Result<T, Error>>,
    ) -> Result<T, StoreError> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        // An idle connection may have been closed meanwhile, by a server that restarted: then a new one is asked.
        if let Some(conn) = self.take() {
            match read(&conn).await {
                Ok(found) => {
                    self.put_back(conn);
                    return Ok(found);
                }
                Err(_) if conn.is_broken() => {}
                // It is being shut down.
                Err(error) if error.code().is_some_and(|code| code.code().starts_with("57P")) => {}
                Err(error) => return Err(unavailable(&error)),
            }
        }
        let conn = self.database.connect(None).await.map_err(|error| error.unavailable())?;
        let found = read(&conn).await.map_err(|error| unavailable(&error))?;
        self.put_back(conn);
        Ok(found)
    }

    fn take(&self) -> Option<Conn> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(conn) = idle.pop() {
            if !conn.is_broken() {
                return Some(conn);
            }
        }
        None
    }

    fn put_back(&self, conn: Conn) {
        if !self.is_closed.load(Ordering::Acquire) {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
        }
    }

    /// Whoever reads next has a new connection.
    pub(super) fn begin_anew(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Ends reading; who reads now finishes first.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.turns.close();
        self.begin_anew();
    }
}
