//! Bringing the WAL back into the file without holding up the writer.
//!
//! A thread of its own copies the pages and syncs the file, which may take tens of milliseconds, while the writer goes on. What
//! the writer added meanwhile is a little; it copies that itself, between two commits, and the WAL begins anew. Without this last
//! step a WAL under constant load would never be empty at any moment, and grow without end.

use super::files;
use crate::StoreError;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Pages in the WAL that are worth a checkpoint: 4 MiB, half the room that a new WAL has.
const WORTH_IT: i64 = 1024;
/// The writer looks how long the WAL is once in so many commits.
const COMMITS_BETWEEN_LOOKS: u32 = 16;

/// The writer's end of it.
pub(super) struct Checkpoints {
    copier: Option<(SyncSender<()>, JoinHandle<()>)>,
    is_copied: Arc<AtomicBool>,
    commits: u32,
}

impl Checkpoints {
    /// Starts the thread that copies.
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let connection = files::writing(path)?;
        let (sender, receiver) = sync_channel(1);
        let is_copied = Arc::new(AtomicBool::new(false));
        let done = is_copied.clone();
        let copier = move || {
            while receiver.recv().is_ok() {
                if let Err(error) = checkpoint(&connection) {
                    tracing::warn!(%error, "checkpoint failed; it is tried again");
                }
                done.store(true, Ordering::Release);
            }
        };
        let thread = std::thread::Builder::new().name("textgate-copy".to_owned()).spawn(copier);
        let thread = thread.map_err(|error| StoreError::CannotOpen {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        Ok(Self { copier: Some((sender, thread)), is_copied, commits: 0 })
    }

    /// Called by the writer after each commit.
    pub(super) fn after_commit(&mut self, connection: &Connection) {
        if self.is_copied.swap(false, Ordering::Acquire) {
            if let Err(error) = checkpoint(connection) {
                tracing::warn!(%error, "checkpoint failed; it is tried again");
            }
            return;
        }
        self.commits += 1;
        if self.commits >= COMMITS_BETWEEN_LOOKS {
            self.commits = 0;
            // NOOP only tells: frames in the WAL, and how many of them are copied.
            let waiting = connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)").and_then(|mut look| {
                look.query_row([], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))
            });
            if waiting.is_ok_and(|waiting| waiting >= WORTH_IT)
                && let Some((copier, _)) = &self.copier
            {
                // Full only while the thread is at it.
                let _ = copier.try_send(());
            }
        }
    }

    /// Ends the thread.
    pub(super) fn stop(&mut self) {
        if let Some((sender, thread)) = self.copier.take() {
            drop(sender);
            let _ = thread.join();
        }
    }
}

fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?.query_row([], |_| Ok(()))
}
