//! Alerts in SQLite, and what is set for them.

use super::command::Failure;
use super::session::Session;
use super::webhooks;
use crate::alert::MOST_OF_A_CODE;
use crate::{AlertEntry, AlertEntryKind, AlertRecord, AlertStep, NewAlert, StoreError, WebhookKind, changes};
use rusqlite::{Connection, OptionalExtension, Row, params};
use textgate_sms::{AlertState, MessageId, Severity, VsId};

const COLUMNS: &str = "id, vs, severity, state, origin, dedup_key, count, last_ms, escalate_ms, escalated_ms,
                       acknowledged_ms, acknowledged_by, closed_ms, closed_by, code, sealed, notices";

const BY_KEY: &str =
    "SELECT id FROM alert INDEXED BY alert_by_key WHERE vs = ?1 AND dedup_key = ?2 AND state < 2
                      AND dedup_key IS NOT NULL AND id >= ?3 ORDER BY id DESC LIMIT 1";
const ALL: &str = "SELECT * FROM alert WHERE vs = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
const OPEN: &str =
    "SELECT * FROM alert INDEXED BY alert_open WHERE state < 2 AND id > ?1 ORDER BY id LIMIT ?2";
const BY_CODE: &str =
    "SELECT * FROM alert INDEXED BY alert_by_code WHERE code = ?1 AND state = 0 ORDER BY id LIMIT ?2";
const OLD: &str = "SELECT id FROM alert WHERE id < ?1 ORDER BY id LIMIT ?2";

/// The searches, for the test that none reads a whole table.
#[cfg(test)]
pub(super) const SEARCHES: [&str; 5] = [BY_KEY, ALL, OPEN, BY_CODE, OLD];

fn number(id: MessageId) -> i64 {
    id.as_u64() as i64
}

fn read(row: &Row<'_>) -> rusqlite::Result<AlertRecord> {
    let damaged = |column, what: &str| {
        let reason = format!("the {what} of an alert is none that this version knows");
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Integer, reason.into())
    };
    let when = |ms: usize, by: usize| -> rusqlite::Result<Option<(i64, String)>> {
        Ok(row.get::<_, Option<i64>>(ms)?.zip(row.get::<_, Option<String>>(by)?))
    };
    let notices: String = row.get(16)?;
    Ok(AlertRecord {
        id: MessageId::from_u64(row.get::<_, i64>(0)? as u64),
        vs: VsId(row.get(1)?),
        severity: Severity::from_code(row.get(2)?).ok_or_else(|| damaged(2, "severity"))?,
        state: AlertState::from_code(row.get(3)?).ok_or_else(|| damaged(3, "state"))?,
        origin: row.get(4)?,
        dedup_key: row.get(5)?,
        count: row.get(6)?,
        last_ms: row.get(7)?,
        escalate_ms: row.get(8)?,
        escalated_ms: row.get(9)?,
        acknowledged: when(10, 11)?,
        closed: when(12, 13)?,
        code: row.get(14)?,
        sealed: row.get(15)?,
        notices: serde_json::from_str(&notices).unwrap_or_default(),
    })
}

fn write(connection: &Connection, alert: &AlertRecord) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT OR REPLACE INTO alert ({COLUMNS})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
    );
    let (acknowledged_ms, acknowledged_by) = alert.acknowledged.as_ref().map(|(ms, by)| (ms, by)).unzip();
    let (closed_ms, closed_by) = alert.closed.as_ref().map(|(ms, by)| (ms, by)).unzip();
    connection.prepare_cached(&sql)?.execute(params![
        number(alert.id),
        alert.vs.0,
        alert.severity.code(),
        alert.state.code(),
        alert.origin,
        alert.dedup_key,
        alert.count,
        alert.last_ms,
        alert.escalate_ms,
        alert.escalated_ms,
        acknowledged_ms,
        acknowledged_by,
        closed_ms,
        closed_by,
        alert.code,
        alert.sealed,
        serde_json::to_string(&alert.notices).unwrap_or_default(),
    ])?;
    Ok(())
}

fn all(
    connection: &Connection,
    sql: &str,
    bound: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<Vec<AlertRecord>> {
    connection.prepare_cached(sql)?.query_map(bound, read)?.collect()
}

/// Raises alerts, or counts them.
pub(super) fn raise(
    session: &mut Session<'_>,
    new: &Vec<NewAlert>,
) -> Result<Vec<(AlertRecord, bool)>, Failure> {
    let connection = session.connection;
    let mut raised = Vec::with_capacity(new.len());
    for NewAlert { record, since_ms } in new {
        let since = number(MessageId::first_at(*since_ms));
        let there: Option<i64> = match &record.dedup_key {
            Some(key) => connection
                .prepare_cached(BY_KEY)?
                .query_row(params![record.vs.0, key, since], |row| row.get(0))
                .optional()?,
            None => None,
        };
        let Some(there) = there else {
            write(connection, record)?;
            webhooks::owe(session, record.vs, WebhookKind::AlertRaised, record.id.as_u64(), record.last_ms)?;
            raised.push((record.clone(), true));
            continue;
        };
        connection
            .prepare_cached("UPDATE alert SET count = count + 1, last_ms = ?2 WHERE id = ?1")?
            .execute(params![there, record.last_ms])?;
        let counted = one(connection, MessageId::from_u64(there as u64))?;
        raised.extend(counted.map(|counted| (counted, false)));
    }
    Ok(raised)
}

/// Takes a step with an alert, where it can be taken.
pub(super) fn step(
    session: &mut Session<'_>,
    (id, step): &(MessageId, AlertStep),
) -> Result<Option<(AlertRecord, bool)>, Failure> {
    let Some(mut alert) = one(session.connection, *id)? else { return Ok(None) };
    let is_taken = alert.take(step);
    if is_taken {
        write(session.connection, &alert)?;
        if let Some((kind, at_ms)) = WebhookKind::of_step(step) {
            webhooks::owe(session, alert.vs, kind, alert.id.as_u64(), at_ms)?;
        }
    }
    Ok(Some((alert, is_taken)))
}

/// One alert.
pub(super) fn one(connection: &Connection, id: MessageId) -> rusqlite::Result<Option<AlertRecord>> {
    connection.prepare_cached("SELECT * FROM alert WHERE id = ?1")?.query_row([number(id)], read).optional()
}

/// Alerts of a virtual server, the newest first.
pub(super) fn list(
    connection: &Connection,
    vs: VsId,
    is_open: Option<bool>,
    before: Option<MessageId>,
    limit: usize,
) -> rusqlite::Result<Vec<AlertRecord>> {
    let before = before.map_or(i64::MAX, number);
    // Those that are open are few; those that are not are nearly all.
    let wanted = match is_open {
        None => return all(connection, ALL, &[&vs.0, &before, &(limit as i64)]),
        Some(true) => "state < 2",
        Some(false) => "state = 2",
    };
    let sql = format!("SELECT * FROM alert WHERE vs = ?1 AND id < ?2 AND {wanted} ORDER BY id DESC LIMIT ?3");
    all(connection, &sql, &[&vs.0, &before, &(limit as i64)])
}

/// All alerts that are not closed.
pub(super) fn open(
    connection: &Connection,
    after: MessageId,
    limit: usize,
) -> rusqlite::Result<Vec<AlertRecord>> {
    all(connection, OPEN, &[&number(after), &(limit as i64)])
}

/// Alerts nobody has acknowledged, by their code.
pub(super) fn by_code(connection: &Connection, code: &str) -> rusqlite::Result<Vec<AlertRecord>> {
    all(connection, BY_CODE, &[&code, &(MOST_OF_A_CODE as i64)])
}

/// Deletes at most so many alerts that were raised before this. Answers how many.
pub(super) fn expire(connection: &Connection, before_ms: i64, limit: usize) -> rusqlite::Result<usize> {
    let sql = format!("DELETE FROM alert WHERE id IN ({OLD})");
    let before = number(MessageId::first_at(before_ms));
    connection.prepare_cached(&sql)?.execute(params![before, limit as i64])
}

// === what is set for alerts ===

/// All that is set for alerts.
pub(super) fn entries(connection: &Connection) -> rusqlite::Result<Vec<AlertEntry>> {
    let read = |row: &Row<'_>| {
        let (kind, body): (u8, String) = (row.get(1)?, row.get(3)?);
        // What a newer version set besides is left alone.
        let Some(kind) = AlertEntryKind::from_code(kind) else { return Ok(None) };
        let body = serde_json::from_str(&body).unwrap_or_default();
        Ok(Some(AlertEntry { vs: VsId(row.get(0)?), kind, name: row.get(2)?, body }))
    };
    let all: rusqlite::Result<Vec<Option<AlertEntry>>> = connection
        .prepare_cached("SELECT vs, kind, name, body FROM alert_entry ORDER BY vs, kind, name")?
        .query_map([], read)?
        .collect();
    Ok(all?.into_iter().flatten().collect())
}

/// Puts an entry. Answers what was done.
pub(super) fn put(connection: &Connection, entry: &AlertEntry) -> Result<String, Failure> {
    let is_there = connection
        .prepare_cached("SELECT 1 FROM alert_entry WHERE vs = ?1 AND kind = ?2 AND name = ?3")?
        .exists(params![entry.vs.0, entry.kind.code(), entry.name])?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO alert_entry (vs, kind, name, body) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![entry.vs.0, entry.kind.code(), entry.name, entry.body.to_string()])?;
    Ok(changes::alert_entry_was_put(entry, is_there))
}

/// Removes an entry. Answers what was done.
pub(super) fn remove(
    connection: &Connection,
    vs: VsId,
    kind: AlertEntryKind,
    name: &str,
) -> Result<String, Failure> {
    let gone = connection
        .prepare_cached("DELETE FROM alert_entry WHERE vs = ?1 AND kind = ?2 AND name = ?3")?
        .execute(params![vs.0, kind.code(), name])?;
    changes::alert_entry_was_removed(kind, name, gone > 0)
        .map_err(|message| Failure::Refused(StoreError::Conflict(message)))
}
