//! Connections that read beside the writer.

use super::files;
use crate::StoreError;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// How many read at once: with two cores, more would only wait for each other.
const READERS: usize = 3;

/// A few connections, opened when first needed.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    turns: Semaphore,
    is_closed: AtomicBool,
}

impl Readers {
    /// None is open yet.
    pub(super) fn new(path: PathBuf) -> Self {
        let (turns, is_closed) = (Semaphore::new(READERS), AtomicBool::new(false));
        Self { path, idle: Mutex::default(), turns, is_closed }
    }

    /// Reads on a thread that may block.
    pub(super) async fn read<T: Send + 'static>(
        self: Arc<Self>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = self.clone();
        let _turn = self.turns.acquire().await.map_err(|_| StoreError::Closed)?;
        let done = tokio::task::spawn_blocking(move || readers.read_here(read)).await;
        done.unwrap_or_else(|_| Err(StoreError::Unavailable("a reader stopped".to_owned())))
    }

    fn read_here<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        if self.is_closed() {
            return Err(StoreError::Closed);
        }
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => files::reading(&self.path)?,
        };
        let outcome = read(&connection).map_err(|error| StoreError::Unavailable(error.to_string()));
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // One that failed may be broken: the next reader opens another.
        if outcome.is_ok() && !self.is_closed() {
            idle.push(connection);
        }
        outcome
    }

    /// Whether reading has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// The store's file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Ends reading; who reads now finishes first.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.turns.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
