//! Forgetting: old messages, texts past their time, and what only mattered for a while.

use super::alerts;
use super::command::Failure;
use super::early;
use super::figures;
use super::inbound;
use super::session::Session;
use crate::rules::EARLY_KEPT_MS;
use rusqlite::{Connection, params};
use textgate_sms::MessageId;

/// How many rows go in one transaction: a few milliseconds at most, so that an accept is not held up.
pub(super) const CHUNK: usize = 100;

/// Finished messages accepted before this, the oldest first. Passes over what is unfinished, which costs readers and not the
/// writer.
pub(super) fn old(connection: &Connection, before_ms: i64, limit: usize) -> rusqlite::Result<Vec<MessageId>> {
    let before = MessageId::first_at(before_ms).as_u64() as i64;
    ids(connection, "SELECT id FROM message WHERE id < ?1 AND state > 1 ORDER BY id LIMIT ?2", before, limit)
}

/// Messages with a text that ended before this.
pub(super) fn with_text(
    connection: &Connection,
    before_ms: i64,
    limit: usize,
) -> rusqlite::Result<Vec<MessageId>> {
    let sql = "SELECT id FROM message INDEXED BY message_with_text WHERE ended_ms < ?1 AND ended_ms IS NOT NULL AND text IS NOT NULL
               ORDER BY ended_ms LIMIT ?2";
    ids(connection, sql, before_ms, limit)
}

fn ids(connection: &Connection, sql: &str, border: i64, limit: usize) -> rusqlite::Result<Vec<MessageId>> {
    connection
        .prepare_cached(sql)?
        .query_map(params![border, limit as i64], |row| {
            row.get::<_, i64>(0).map(|id| MessageId::from_u64(id as u64))
        })?
        .collect()
}

/// Deletes these messages if they are finished. Answers how many.
pub(super) fn delete(session: &mut Session<'_>, ids: &[MessageId]) -> Result<usize, Failure> {
    let mut delete = session.connection.prepare_cached("DELETE FROM message WHERE id = ?1 AND state > 1")?;
    let mut gone = 0;
    for id in ids {
        gone += delete.execute([id.as_u64() as i64])?;
    }
    Ok(gone)
}

/// Deletes at most a chunk each of receipt ids, idempotency keys, early receipts and figures past their time, and of inbound messages
/// and alerts older than this. Answers how many; with 0 there is nothing left.
pub(super) fn expire(session: &mut Session<'_>, before_ms: &i64) -> Result<usize, Failure> {
    let now_ms = session.told_ms.max(*before_ms);
    let connection = session.connection;
    let mut gone = session.receipt_periods.expire(connection, now_ms, CHUNK)?;
    gone += session.key_periods.expire(connection, now_ms, CHUNK)?;
    gone += figures::expire(connection, now_ms, CHUNK)?;
    gone += early::expire(session, now_ms - EARLY_KEPT_MS, CHUNK)?;
    gone += alerts::expire(connection, *before_ms, CHUNK)?;
    gone += inbound::expire(connection, *before_ms, now_ms, CHUNK)?;
    Ok(gone)
}
