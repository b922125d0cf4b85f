//! The contract of the store, kept by SQLite.

mod audit;
mod erasing;
mod faults;
mod files;

use crate::contract::{Stores, every_store_keeps, keeps};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use textgate_store::{SqliteOptions, SqliteStore, Store};

struct Sqlite {
    folder: TempDir,
}

impl Stores for Sqlite {
    fn open(&self) -> Arc<dyn Store> {
        self.open_backup(&self.folder.path().join("store"))
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn open_backup(&self, path: &Path) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(path, SqliteOptions::default()).unwrap())
    }
}

every_store_keeps!(Some(Sqlite { folder: tempfile::tempdir().unwrap() }));

keeps! { Some(Sqlite { folder: tempfile::tempdir().unwrap() });
    files:
        a_backup_opens_as_a_store_of_one_moment
        a_backup_overwrites_nothing;
}
