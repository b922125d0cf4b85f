//! The files of a store: who may read them, who uses them, and how each connection is set up.

use super::schema;
use crate::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Writing into a WAL that has its blocks already costs half the sync of one that grows (measured: 100 against 190 µs), so a
/// new one is filled with zeros first: as many octets as are written between two checkpoints, about.
const WAL_ROOM: usize = 8 << 20;
/// A WAL that grew past this, because a backup held it back, is cut to it when it begins anew (octets).
const WAL_LIMIT: u32 = 64 << 20;

/// The right to use the files: held by one process, and given up when it ends in whatever way.
pub(crate) struct Lock {
    _file: File,
}

/// Takes the lock, makes the file where it is missing, and brings it to the newest schema.
pub(super) fn prepare(path: &Path) -> Result<Lock, StoreError> {
    let cannot = |error: io::Error| StoreError::CannotOpen {
        path: path.display().to_string(),
        reason: error.to_string(),
    };
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock = private(&PathBuf::from(lock_path)).map_err(cannot)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StoreError::Locked(path.display().to_string())),
        Err(TryLockError::Error(error)) => return Err(cannot(error)),
    }
    // Looked at before anything about it is changed: it may be another program's.
    let file = private(path).map_err(cannot)?;
    schema::migrate(&open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, "PRAGMA synchronous = FULL")?, path)?;
    // SQLite gives the files beside it the mode that this one has.
    file.set_permissions(Permissions::from_mode(0o600)).map_err(cannot)?;
    drop(writing(path)?);
    // Only where the last connection just went and took the WAL with it; what a crash left is used as it is.
    // Zeros are no WAL header, so SQLite begins at the start. Without room on the disk it goes on without.
    let mut wal_path = path.as_os_str().to_owned();
    wal_path.push("-wal");
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&wal_path);
    if let Ok(mut wal) = made
        && wal.write_all(&vec![0; WAL_ROOM]).and_then(|()| wal.sync_all()).is_err()
    {
        let _ = std::fs::remove_file(&wal_path);
    }
    // SQLite does this for files it makes itself; without it a power failure could take the whole file.
    sync_parent(path).map_err(cannot)?;
    Ok(Lock { _file: lock })
}

/// A file that only its owner may read, made where it is missing.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// A connection that writes.
///
/// `secure_delete` is ON and not FAST: FAST zeroes what is deleted inside a page, but not pages that become free as a whole,
/// which is where long texts stand. The price is paid when history is pruned, not per message.
pub(super) fn writing(path: &Path) -> Result<Connection, StoreError> {
    let setup = format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -4096; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = {WAL_LIMIT};"
    );
    open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, &setup)
}

/// A connection that reads: it neither waits for the writer nor holds it up.
pub(super) fn reading(path: &Path) -> Result<Connection, StoreError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, "PRAGMA cache_size = -1024; PRAGMA temp_store = MEMORY;")
}

fn open(path: &Path, flags: OpenFlags, setup: &str) -> Result<Connection, StoreError> {
    // Each connection is used by one thread at a time, so SQLite needs no mutex of its own.
    let connect = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        connection.execute_batch(setup)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    };
    connect().map_err(|error| StoreError::CannotOpen {
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}

/// A new file that only its owner may read; `None` where one is already there.
pub(super) fn create_new(path: &Path) -> io::Result<Option<File>> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes a new file's name survive a power failure.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_synced_and_what_is_deleted_is_zeroed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let _lock = prepare(&path).unwrap();
        let connection = writing(&path).unwrap();
        for (pragma, value) in [("synchronous", 2), ("secure_delete", 1), ("wal_autocheckpoint", 0)] {
            let found: i64 = connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0)).unwrap();
            assert_eq!(found, value, "{pragma}");
        }
        let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
        let reader = reading(&path).unwrap();
        assert!(reader.execute_batch("DELETE FROM meta").is_err(), "a reader cannot write");
    }

    #[test]
    fn a_new_wal_has_room_and_one_that_a_crash_left_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (path, wal) = (folder.path().join("store"), folder.path().join("store-wal"));
        drop(prepare(&path).unwrap());
        assert_eq!(std::fs::metadata(&wal).unwrap().len(), WAL_ROOM as u64);
        let connection = writing(&path).unwrap();
        connection.execute_batch("UPDATE meta SET value = 9 WHERE name = 'version'").unwrap();
        // A copy of the files as a crash would leave them.
        let (crashed, crashed_wal) = (folder.path().join("crashed"), folder.path().join("crashed-wal"));
        std::fs::copy(&path, &crashed).unwrap();
        std::fs::copy(&wal, &crashed_wal).unwrap();
        let _lock = prepare(&crashed).unwrap();
        let sql = "SELECT value FROM meta WHERE name = 'version'";
        let value: i64 = writing(&crashed).unwrap().query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(value, 9);
    }
}
