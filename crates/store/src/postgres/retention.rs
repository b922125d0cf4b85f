//! Forgetting: old messages, texts past their time, and what only mattered for a while. Beside the writer, in statements that each
//! are a transaction of their own.

use super::connect::{Conn, words};
use super::partitions::{Cut, DAY_MS, Partitions};
use super::{alerts, figures, webhooks};
use crate::rules::EARLY_KEPT_MS;
use tokio_postgres::Error;

/// Rows that go in one statement.
const CHUNK: i64 = 1_000;
/// Messages that are counted of a day that goes as a whole: how many more there were nobody needs to know.
const COUNTED: i64 = 100_000;

const EARLY: &str = "WITH old AS (SELECT id FROM early_receipt WHERE at_ms < $1 ORDER BY id LIMIT $2),
    gone AS (DELETE FROM early_candidate WHERE receipt IN (SELECT id FROM old))
    DELETE FROM early_receipt WHERE id IN (SELECT id FROM old)";
const INBOUND: &str = "DELETE FROM inbound WHERE id IN
    (SELECT id FROM (SELECT id, at_ms FROM inbound ORDER BY id LIMIT $2) AS oldest WHERE at_ms < $1)";
const TEXTS: &str = "UPDATE message SET text = NULL WHERE id IN
    (SELECT id FROM message WHERE ended_ms < $1 AND ended_ms IS NOT NULL AND text IS NOT NULL
     ORDER BY ended_ms LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// Forgets messages of days that ended before this, and what else is past its time. Answers how many messages went, at
/// least.
pub(super) async fn prune(
    conn: &Conn,
    partitions: &Partitions,
    before_ms: i64,
    now_ms: i64,
    limit: usize,
) -> Result<usize, Error> {
    partitions.load(conn).await?;
    for cut in [Cut::ReceiptId, Cut::Idempotency] {
        let first = cut.part(now_ms - cut.kept_ms());
        for part in partitions.all(cut).into_iter().filter(|part| *part < first) {
            drop_partition(conn, partitions, cut, part).await?;
        }
    }
    figures::expire(conn, now_ms).await?;
    while conn.run(EARLY, &[&(now_ms - EARLY_KEPT_MS), &CHUNK]).await? > 0 {}
    while conn.run(INBOUND, &[&before_ms, &CHUNK]).await? > 0 {}
    while alerts::expire(conn, before_ms, CHUNK).await? > 0 {}
    webhooks::expire(conn, before_ms, CHUNK).await?;
    let mut gone = 0;
    for day in partitions.all(Cut::Message).into_iter().filter(|day| (day + 1) * DAY_MS <= before_ms) {
        if gone >= limit {
            break;
        }
        gone += prune_day(conn, partitions, day, limit - gone).await?;
    }
    Ok(gone)
}

/// A day goes as a whole, unless something in it is still to be sent.
async fn prune_day(conn: &Conn, partitions: &Partitions, day: i64, limit: usize) -> Result<usize, Error> {
    let table = Cut::Message.name(day);
    let is_unfinished = format!(
        "SELECT EXISTS (SELECT 1 FROM {table} WHERE marked = 0) OR EXISTS (SELECT 1 FROM {table} WHERE marked = 1)"
    );
    let row = conn.client().query_one(&is_unfinished, &[]).await?;
    if row.try_get(0)? {
        let rows = format!(
            "DELETE FROM {table} WHERE id IN
             (SELECT id FROM {table} WHERE ended_ms IS NOT NULL ORDER BY id LIMIT {limit} FOR UPDATE SKIP LOCKED)"
        );
        return Ok(conn.client().execute(&rows, &[]).await? as usize);
    }
    let count = format!("SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {COUNTED}) AS counted");
    let count: i64 = conn.client().query_one(&count, &[]).await?.try_get(0)?;
    drop_partition(conn, partitions, Cut::Message, day).await?;
    Ok(count as usize)
}

/// One that is in use now goes another time.
async fn drop_partition(conn: &Conn, partitions: &Partitions, cut: Cut, part: i64) -> Result<(), Error> {
    let dropped = partitions.drop(conn, cut, part).await;
    if let Err(error) = &dropped
        && error.as_db_error().is_some()
    {
        tracing::info!(
            partition = cut.name(part),
            error = words(error),
            "an old partition stays until the next round"
        );
        return Ok(());
    }
    dropped
}

/// Erases texts of messages that ended before this. Answers how many.
pub(super) async fn erase(conn: &Conn, finished_before_ms: i64, limit: usize) -> Result<usize, Error> {
    Ok(conn.run(TEXTS, &[&finished_before_ms, &(limit as i64)]).await? as usize)
}
