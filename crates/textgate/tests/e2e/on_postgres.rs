//! Passcodes, the fraud guard, changes of keys and alerts once more, on the other store: the same tests, with another server under them.

mod kit {
    //! The kit, where a server's store is a database of its own.

    pub use super::super::kit::*;

    use super::super::kit::Server as Any;
    use super::super::postgres::{database, server};
    use server::Postgres;
    use std::ops::{Deref, DerefMut};
    use std::sync::Arc;
    use textgate_store::{Database, PostgresOptions, PostgresStore, Store};

    /// A server on PostgreSQL; on the embedded store, after telling so, where there is no PostgreSQL.
    pub struct Server {
        server: Any,
        url: Option<String>,
    }

    impl Server {
        /// Whether tests that take this one run on PostgreSQL.
        pub const ON_POSTGRES: bool = true;

        pub fn stopped() -> Self {
            let url = server::is_there().then(|| database(Postgres::shared()));
            Self { server: url.as_deref().map_or_else(Any::stopped, Any::stopped_on), url }
        }

        pub async fn start(manifest: &str) -> Self {
            let mut server = Self::stopped();
            server.apply(manifest);
            server.serve().await;
            server
        }

        /// What is kept, octet by octet: the files of the data directory and those of the database.
        pub fn kept(&self) -> Vec<(String, Vec<u8>)> {
            let mut kept = self.server.kept();
            kept.extend(
                self.url.iter().flat_map(|url| Postgres::shared().files(url.rsplit('/').next().unwrap())),
            );
            kept
        }

        /// The store, while the server is stopped.
        pub fn store(&self) -> Arc<dyn Store> {
            let Some(url) = &self.url else { return self.server.store() };
            let options = PostgresOptions { node: "a test".to_owned(), ..PostgresOptions::default() };
            Arc::new(PostgresStore::open(Database::parse(url).unwrap(), options).unwrap())
        }
    }

    impl Deref for Server {
        type Target = Any;

        fn deref(&self) -> &Any {
            &self.server
        }
    }

    impl DerefMut for Server {
        fn deref_mut(&mut self) -> &mut Any {
            &mut self.server
        }
    }
}

#[path = "alerts.rs"]
mod alerts;
#[path = "guard.rs"]
mod guard;
#[path = "keys.rs"]
mod keys;
#[path = "otp/mod.rs"]
mod otp;
