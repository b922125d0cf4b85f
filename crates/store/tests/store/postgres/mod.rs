//! The contract of the store, kept by PostgreSQL.

mod copying;
mod faults;
mod nodes;
mod peers;
mod proxy;
mod server;
mod tls;

use crate::contract::{Stores, every_store_keeps};
use server::Postgres;
use std::path::Path;
use std::sync::Arc;
use textgate_store::{Database, PostgresOptions, PostgresStore, Store};

/// One database.
struct OnPostgres {
    url: String,
}

impl OnPostgres {
    /// A new one; `None`, after telling so, where there is no server.
    fn new() -> Option<Self> {
        server::is_there().then(|| Self { url: Postgres::shared().database() })
    }
}

/// The store in this database.
fn open(url: &str) -> Arc<dyn Store> {
    open_as(url, PostgresOptions::default())
}

fn open_as(url: &str, options: PostgresOptions) -> Arc<dyn Store> {
    Arc::new(PostgresStore::open(Database::parse(url).unwrap(), options).unwrap())
}

impl Stores for OnPostgres {
    fn open(&self) -> Arc<dyn Store> {
        open(&self.url)
    }

    fn folder(&self) -> &Path {
        unreachable!("it writes no files")
    }

    fn open_backup(&self, _: &Path) -> Arc<dyn Store> {
        unreachable!("it makes no backups")
    }

    /// Days go as a whole.
    fn prunes_in_steps_of(&self) -> u64 {
        24 * 3600 * 1000
    }
}

every_store_keeps!(OnPostgres::new());
