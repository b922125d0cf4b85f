//! A copy of the whole store as of one moment, while everything goes on.

use super::files;
use super::readers::Readers;
use crate::StoreError;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::fs::File;
use std::path::Path;

/// Pages copied at a time (4 MiB); between two steps it is seen whether the store closes.
const STEP: i32 = 1024;

/// Writes a copy to a file that must not be there yet. Removes what it wrote if it fails.
///
/// One read transaction lasts from the first page to the last: what is written meanwhile is not in the copy, and the WAL grows
/// until it ends.
pub(super) fn backup(readers: &Readers, to: &Path) -> Result<(), StoreError> {
    let unavailable =
        |reason: String| StoreError::Unavailable(format!("backup to {}: {reason}", to.display()));
    match files::create_new(to) {
        Ok(Some(_)) => {}
        Ok(None) => {
            return Err(StoreError::Conflict(format!(
                "{} exists already: choose another name, or remove it",
                to.display()
            )));
        }
        Err(error) => return Err(unavailable(error.to_string())),
    }
    let outcome = copy(readers, to).map_err(unavailable).and_then(|is_complete| {
        if !is_complete {
            return Err(StoreError::Closed);
        }
        let synced = File::open(to).and_then(|file| file.sync_all()).and_then(|()| files::sync_parent(to));
        synced.map_err(|error| unavailable(error.to_string()))
    });
    if outcome.is_err() {
        let _ = std::fs::remove_file(to);
    }
    outcome
}

fn copy(readers: &Readers, to: &Path) -> Result<bool, String> {
    let from = files::reading(readers.path()).map_err(|error| error.to_string())?;
    let steps = || -> rusqlite::Result<bool> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(to, flags)?;
        // Nobody reads it before it is complete and synced as a whole.
        copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
        let moment = from.unchecked_transaction()?;
        moment.query_row("SELECT count(*) FROM meta", [], |_| Ok(()))?;
        let backup = Backup::new(&moment, &mut copy)?;
        while !readers.is_closed() {
            match backup.step(STEP)? {
                StepResult::Done => return Ok(true),
                StepResult::More => {}
                // Held up by another: SQLite's own timeout has passed.
                _ => return Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(5), None)),
            }
        }
        Ok(false)
    };
    steps().map_err(|error| error.to_string())
}
