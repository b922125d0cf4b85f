//! An installation moves: everything in an embedded store is copied into a new PostgreSQL database, and compared.
//!
//! Table by table, each in the order of its key and so many rows in a transaction, which also notes how far it came: a copy that
//! was interrupted goes on from there. At the end both sides are read again, and counts and checksums must agree. The embedded
//! store is locked meanwhile, and nothing in it is changed.

mod tables;
mod values;

use super::connect::{Conn, words};
use super::partitions::{Cut, Partitions};
use super::{Database, PostgresStore};
use crate::{StoreError, sqlite};
use rusqlite::Connection;
use std::path::Path;
use tables::{TABLES, Table};
use textgate_sms::MessageId;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::ToSql;
use values::{Sum, Value};

/// Rows in one transaction.
const CHUNK: usize = 5_000;

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyProgress {
    /// The table it is at.
    pub table: &'static str,
    /// Whether it is being compared, after it was copied.
    pub is_compared: bool,
    /// Rows done of all tables, both ways.
    pub done: u64,
    /// Rows to do, both ways.
    pub of: u64,
}

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Each table with its rows, which are the same on both sides.
    pub tables: Vec<(&'static str, u64)>,
    /// Rows that an earlier copy, which was interrupted, had brought already.
    pub before: u64,
}

/// Copies the embedded store in this file. Blocks the thread while it reads.
pub(super) async fn copy(
    from: &Path,
    to: &Database,
    mut progress: impl FnMut(CopyProgress),
) -> Result<Copied, StoreError> {
    let cannot = |reason: String| StoreError::CannotOpen { path: to.to_string(), reason };
    let sql = |error: tokio_postgres::Error| cannot(words(&error));
    let (_lock, source) = sqlite::locked(from)?;
    let read = |error: rusqlite::Error| StoreError::CannotOpen {
        path: from.display().to_string(),
        reason: error.to_string(),
    };
    PostgresStore::migrate(to).await?;
    let conn = to.reach().await?;
    begin(&conn, to).await?;
    let partitions = Partitions::default();
    partitions.load(&conn).await.map_err(sql)?;
    let mut counts = Vec::new();
    for table in TABLES {
        let count: i64 = source
            .query_row(&format!("SELECT count(*) FROM {}", table.from), [], |row| row.get(0))
            .map_err(read)?;
        counts.push(count as u64);
    }
    let of = counts.iter().sum::<u64>() * 2;
    let (mut done, mut before) = (0, 0);
    for (table, count) in TABLES.iter().zip(&counts) {
        let mut state = State::load(&conn, table).await.map_err(sql)?;
        before += state.rows;
        done += state.rows;
        while !state.is_done {
            let rows = table.rows(&source, state.last.as_deref(), CHUNK).map_err(read)?;
            let copied = rows.len() as u64;
            put(&conn, &partitions, table, rows, &mut state).await.map_err(sql)?;
            done += copied;
            progress(CopyProgress { table: table.from, is_compared: false, done, of });
        }
        if state.rows != *count {
            return Err(cannot(format!(
                "of the table {} {} rows were copied and {count} are there now: the embedded store was used after the copy \
                 began; drop the schema textgate in the database, and copy again",
                table.from, state.rows
            )));
        }
    }
    for (table, count) in TABLES.iter().zip(&counts) {
        let theirs = table.sum_there(&conn).await.map_err(sql)?;
        let ours = table.sum_here(&source).map_err(read)?;
        if ours != theirs {
            return Err(cannot(format!(
                "the table {} is not the same on both sides ({} rows here, {} there): drop the schema textgate in the \
                 database, and copy again",
                table.from, ours.rows, theirs.rows
            )));
        }
        done += count;
        progress(CopyProgress { table: table.from, is_compared: true, done, of });
    }
    finish(&conn).await.map_err(sql)?;
    Ok(Copied { tables: TABLES.iter().map(|table| table.from).zip(counts).collect(), before })
}

/// How far one table is.
struct State {
    rows: u64,
    /// The key of the last row, as text.
    last: Option<String>,
    is_done: bool,
}

impl State {
    async fn load(conn: &Conn, table: &Table) -> Result<Self, tokio_postgres::Error> {
        let row =
            conn.row("SELECT rows, last, is_done FROM copying WHERE source = $1", &[&table.from]).await?;
        let Some(row) = row else { return Ok(Self { rows: 0, last: None, is_done: false }) };
        Ok(Self { rows: row.try_get::<_, i64>(0)? as u64, last: row.try_get(1)?, is_done: row.try_get(2)? })
    }
}

/// Only into a database without anything in it, or with what an interrupted copy left.
async fn begin(conn: &Conn, to: &Database) -> Result<(), StoreError> {
    let cannot = |reason: String| StoreError::CannotOpen { path: to.to_string(), reason };
    let sql = |error: tokio_postgres::Error| cannot(words(&error));
    let begun = conn.row("SELECT to_regclass('copying') IS NOT NULL", &[]).await.map_err(sql)?;
    if begun.map(|row| row.try_get(0)).transpose().map_err(sql)?.unwrap_or(false) {
        return Ok(());
    }
    if !PostgresStore::look(to).await?.is_new() {
        return Err(cannot("it has something in it already; copy into a new database".to_owned()));
    }
    // What a new database has by itself stands in the other store, too.
    conn.batch(
        "BEGIN; CREATE TABLE copying (source TEXT PRIMARY KEY, rows BIGINT NOT NULL, last TEXT, is_done BOOLEAN NOT NULL);
         DELETE FROM meta; DELETE FROM virtual_server; DELETE FROM node; COMMIT",
    )
    .await
    .map_err(sql)
}

/// Numbers go on after those that were copied.
async fn finish(conn: &Conn) -> Result<(), tokio_postgres::Error> {
    conn.batch("BEGIN").await?;
    for table in ["early_receipt", "inbound", "ledger"] {
        conn.batch(&format!(
            "SELECT setval(pg_get_serial_sequence('{table}', 'id'), coalesce((SELECT max(id) FROM {table}), 0) + 1, false)"
        ))
        .await?;
    }
    conn.batch("DROP TABLE copying; COMMIT").await
}

/// Writes some rows, and how far it is with that.
async fn put(
    conn: &Conn,
    partitions: &Partitions,
    table: &Table,
    rows: Vec<Vec<Value>>,
    state: &mut State,
) -> Result<(), tokio_postgres::Error> {
    if let Some((cut, at)) = table.cut {
        for row in &rows {
            if let Some(Value::Long(Some(key))) = row.get(at) {
                let part = if cut == Cut::Message {
                    super::partitions::day(MessageId::from_u64(*key as u64))
                } else {
                    *key
                };
                partitions.make(conn, cut, part).await?;
            }
        }
    }
    state.is_done = rows.len() < CHUNK;
    state.rows += rows.len() as u64;
    state.last = rows.last().map(|row| table.key_of(row)).or(state.last.take());
    conn.batch("BEGIN").await?;
    let sink = conn.client().copy_in(&table.copy()).await?;
    let writer = BinaryCopyInWriter::new(sink, &table.types());
    let mut writer = std::pin::pin!(writer);
    for row in &rows {
        let values: Vec<&(dyn ToSql + Sync)> = row.iter().map(Value::to_sql).collect();
        writer.as_mut().write(&values).await?;
    }
    writer.finish().await?;
    conn.run(
        "INSERT INTO copying (source, rows, last, is_done) VALUES ($1, $2, $3, $4)
         ON CONFLICT (source) DO UPDATE SET rows = $2, last = $3, is_done = $4",
        &[&table.from, &(state.rows as i64), &state.last, &state.is_done],
    )
    .await?;
    conn.batch("COMMIT").await
}

impl Table {
    /// Rows after this key, in the order of the key.
    fn rows(
        &self,
        source: &Connection,
        after: Option<&str>,
        limit: usize,
    ) -> rusqlite::Result<Vec<Vec<Value>>> {
        let mut statement = source.prepare_cached(&self.select(after, limit))?;
        let rows = statement.query_map([], |row| self.read_here(row))?;
        rows.collect()
    }

    fn sum_here(&self, source: &Connection) -> rusqlite::Result<Sum> {
        let mut sum = Sum::default();
        let mut statement = source.prepare(&self.select(None, usize::MAX >> 1))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            sum.add(&self.read_here(row)?);
        }
        Ok(sum)
    }

    async fn sum_there(&self, conn: &Conn) -> Result<Sum, tokio_postgres::Error> {
        let mut sum = Sum::default();
        conn.batch(&format!("BEGIN; DECLARE compared NO SCROLL CURSOR FOR {}", self.select_there())).await?;
        loop {
            let rows = conn.client().query(&format!("FETCH {CHUNK} FROM compared"), &[]).await?;
            for row in &rows {
                sum.add(&self.read_there(row)?);
            }
            if rows.len() < CHUNK {
                break;
            }
        }
        conn.batch("COMMIT").await?;
        Ok(sum)
    }
}
