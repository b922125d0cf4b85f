//! The tables, and how an older database is brought to them: one step per version, each in one transaction.
//!
//! Several nodes may start at once: they take turns by an advisory lock, and who comes later finds it done. A step only ever adds, so
//! that nodes of the version before go on while the first of the new version is started.

use super::connect::{Conn, words};
use crate::StoreError;

/// Where all tables are. Nothing else in the database is touched.
pub(super) const SCHEMA: &str = "textgate";
/// What nodes take turns by when they change tables: "TGat" and a number for the occasion.
pub(super) const TURN: i64 = 0x5447_6174_0001;

/// The steps from each version to the next. Steps are only ever added.
const STEPS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
    include_str!("schema/7.sql"),
    include_str!("schema/8.sql"),
];

/// What brought a database up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The version that was found; 0 where there were no tables.
    pub from: i64,
    /// The version it has now.
    pub to: i64,
}

/// What stands in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    version: i64,
    has_content: bool,
}

impl Found {
    /// Whether nothing was ever put in.
    pub fn is_new(self) -> bool {
        !self.has_content
    }

    /// For people.
    pub fn words(self) -> String {
        let known = STEPS.len() as i64;
        match self.version {
            0 => "reached; its tables are made at the first start".to_owned(),
            version if version < known => {
                format!("reached; its tables go from version {version} to {known} at the next start")
            }
            version if version > known => {
                format!("reached; its tables have version {version}, which takes a newer textgate")
            }
            version => format!("reached; its tables have version {version}"),
        }
    }
}

/// Looks what there is.
pub(super) async fn look(conn: &Conn, shown: &str) -> Result<Found, StoreError> {
    let cannot = |error: tokio_postgres::Error| StoreError::CannotOpen {
        path: shown.to_owned(),
        reason: words(&error),
    };
    let version = version(conn).await.map_err(cannot)?;
    let mut has_content = false;
    if version > 0 {
        let sql = "SELECT EXISTS (SELECT 1 FROM message) OR EXISTS (SELECT 1 FROM meta WHERE name = 'version' AND value > 0)";
        has_content =
            conn.client().query_one(sql, &[]).await.and_then(|row| row.try_get(0)).map_err(cannot)?;
    }
    Ok(Found { version, has_content })
}

/// Brings the database to the newest version, or says why not.
pub(super) async fn migrate(conn: &Conn, shown: &str) -> Result<Migrated, StoreError> {
    let cannot = |reason: String| StoreError::CannotOpen { path: shown.to_owned(), reason };
    let to = STEPS.len() as i64;
    // Without a lock first: a node that only starts needs no right to change tables.
    let found = version(conn).await.map_err(|error| cannot(words(&error)))?;
    if found == to {
        return Ok(Migrated { from: to, to });
    }
    if found > to {
        return Err(StoreError::TooNew { found, known: to });
    }
    let outcome = take_steps(conn).await;
    if outcome.is_err() {
        let _ = conn.batch("ROLLBACK").await;
    }
    match outcome {
        Ok(from) if from > to => Err(StoreError::TooNew { found: from, known: to }),
        Ok(from) => Ok(Migrated { from, to }),
        Err(error) => Err(cannot(format!(
            "its tables cannot be brought to version {to}: {}; give the role the right to do so (it must own the \
             database, or the schema {SCHEMA}), or run `textgate migrate` once with a store URL of a role that has it",
            words(&error)
        ))),
    }
}

/// Takes the steps that are missing. Answers the version that was found.
async fn take_steps(conn: &Conn) -> Result<i64, tokio_postgres::Error> {
    conn.batch(&format!("BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({TURN})"))
        .await?;
    // Another node may have been quicker.
    let found = version(conn).await?;
    let missing = STEPS.iter().skip(usize::try_from(found).unwrap_or(0));
    if found == 0 {
        conn.batch(&format!(
            "CREATE SCHEMA IF NOT EXISTS {SCHEMA}; CREATE TABLE {SCHEMA}.schema (version BIGINT NOT NULL);
             INSERT INTO {SCHEMA}.schema VALUES (0)"
        ))
        .await?;
    }
    for step in missing {
        conn.batch(step).await?;
    }
    if found < STEPS.len() as i64 {
        conn.batch(&format!("UPDATE {SCHEMA}.schema SET version = {}", STEPS.len())).await?;
    }
    conn.batch("COMMIT").await?;
    Ok(found)
}

/// The version of the tables; 0 where there are none.
async fn version(conn: &Conn) -> Result<i64, tokio_postgres::Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pg_class WHERE relname = 'schema' AND relnamespace = to_regnamespace($1))";
    // Asked of the catalogue itself: what this session remembers of it may be from before it waited for its turn.
    let there = conn.client().query_one(sql, &[&SCHEMA]).await?;
    if !there.try_get::<_, bool>(0)? {
        return Ok(0);
    }
    conn.client().query_one(&format!("SELECT version FROM {SCHEMA}.schema"), &[]).await?.try_get(0)
}
