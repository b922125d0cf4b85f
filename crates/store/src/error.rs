//! What can go wrong with a store, by what the caller can do about it.

/// Why an operation was not done. Nothing of it has happened then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Too much waits to be written: answer 503 and let the caller come again.
    #[error("the store is busy; try again in a moment")]
    Busy,
    /// The disk is full, or gives errors; or the database is gone. The store recovers by itself.
    #[error("the store cannot write ({0}); it goes on by itself when that is over")]
    Unavailable(String),
    /// A change of the directory does not fit what is there (a name is taken, a virtual server is missing).
    #[error("{0}")]
    Conflict(String),
    /// The store could not be opened: there is no such folder, it may not be read or written, or it is something else.
    #[error("cannot open the store {path}: {reason}")]
    CannotOpen {
        /// The store's file.
        path: String,
        /// What is in the way.
        reason: String,
    },
    /// The files were written by a newer version.
    #[error(
        "the store has schema {found}, and this version of textgate knows {known}: run the newer version"
    )]
    TooNew {
        /// The schema's number on disk.
        found: i64,
        /// The newest this version knows.
        known: i64,
    },
    /// Another process uses the files.
    #[error("{0} is in use by another textgate: stop it first")]
    Locked(String),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}
