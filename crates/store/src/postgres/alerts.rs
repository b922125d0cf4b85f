//! Alerts in PostgreSQL, and what is set for them.
//!
//! Nodes take turns: of two that raise the same alert at the same time, the second counts what the first left.

use super::audit;
use super::command::Failure;
use super::connect::Conn;
use super::desk::Desk;
use super::entries::small;
use super::webhooks;
use crate::alert::MOST_OF_A_CODE;
use crate::{AlertEntry, AlertEntryKind, AlertRecord, AlertStep, NewAlert, StoreError, WebhookKind, changes};
use std::sync::Arc;
use textgate_sms::{AlertState, MessageId, Severity, VsId};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

const COLUMNS: &str = "id, vs, severity, state, origin, dedup_key, count, last_ms, escalate_ms, escalated_ms,
    acknowledged_ms, acknowledged_by, closed_ms, closed_by, code, sealed, notices";

const BY_KEY: &str =
    "SELECT id FROM alert WHERE vs = $1 AND dedup_key = $2 AND state < 2 AND dedup_key IS NOT NULL
    AND id >= $3 ORDER BY id DESC LIMIT 1";

/// What is set for alerts. In the order of octets, as in SQLite, whatever the database's locale says.
pub(super) const ENTRIES: &str =
    "SELECT vs, kind, name, body FROM alert_entry ORDER BY vs, kind, name COLLATE \"C\"";

fn number(id: MessageId) -> i64 {
    id.as_u64() as i64
}

/// An alert of a row with these [`COLUMNS`]; `None` where it is none that this version knows, which is logged.
fn read(row: &Row) -> Result<Option<AlertRecord>, Error> {
    let id = MessageId::from_u64(row.try_get::<_, i64>(0)? as u64);
    let short = |at| row.try_get::<_, i16>(at).map(|code| code as u8);
    let when = |ms, by| -> Result<Option<(i64, String)>, Error> {
        Ok(row.try_get::<_, Option<i64>>(ms)?.zip(row.try_get::<_, Option<String>>(by)?))
    };
    let (Some(severity), Some(state)) = (Severity::from_code(short(2)?), AlertState::from_code(short(3)?))
    else {
        tracing::error!(alert = %id, "an alert's severity or state is none that this version knows; it is left out");
        return Ok(None);
    };
    Ok(Some(AlertRecord {
        id,
        vs: VsId(small(row, 1)?),
        severity,
        state,
        origin: row.try_get(4)?,
        dedup_key: row.try_get(5)?,
        count: small(row, 6)?,
        last_ms: row.try_get(7)?,
        escalate_ms: row.try_get(8)?,
        escalated_ms: row.try_get(9)?,
        acknowledged: when(10, 11)?,
        closed: when(12, 13)?,
        code: row.try_get(14)?,
        sealed: row.try_get(15)?,
        notices: serde_json::from_str(row.try_get(16)?).unwrap_or_default(),
    }))
}

async fn write(conn: &Conn, alert: &AlertRecord) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO alert ({COLUMNS})
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
         ON CONFLICT (id) DO UPDATE SET state = $4, count = $7, last_ms = $8, escalate_ms = $9, escalated_ms = $10,
           acknowledged_ms = $11, acknowledged_by = $12, closed_ms = $13, closed_by = $14, notices = $17"
    );
    let (acknowledged_ms, acknowledged_by) = alert.acknowledged.as_ref().map(|(ms, by)| (ms, by)).unzip();
    let (closed_ms, closed_by) = alert.closed.as_ref().map(|(ms, by)| (ms, by)).unzip();
    conn.run(
        &sql,
        &[
            &number(alert.id),
            &i64::from(alert.vs.0),
            &i16::from(alert.severity.code()),
            &i16::from(alert.state.code()),
            &alert.origin,
            &alert.dedup_key,
            &i64::from(alert.count),
            &alert.last_ms,
            &alert.escalate_ms,
            &alert.escalated_ms,
            &acknowledged_ms,
            &acknowledged_by,
            &closed_ms,
            &closed_by,
            &alert.code,
            &alert.sealed,
            &serde_json::to_string(&alert.notices).unwrap_or_default(),
        ],
    )
    .await
    .map(drop)
}

/// Raises alerts, or counts them.
pub(super) async fn raise(
    conn: &Conn,
    (new, desk): &(Vec<NewAlert>, Arc<Desk>),
) -> Result<Vec<(AlertRecord, bool)>, Failure> {
    audit::take_turn(conn).await?;
    let count = format!(
        "UPDATE alert SET count = least(count + 1, {}), last_ms = $2 WHERE id = $1 RETURNING {COLUMNS}",
        u32::MAX
    );
    let mut raised = Vec::with_capacity(new.len());
    for NewAlert { record, since_ms } in new {
        let since = number(MessageId::first_at(*since_ms));
        let there = match &record.dedup_key {
            Some(key) => conn.row(BY_KEY, &[&i64::from(record.vs.0), key, &since]).await?,
            None => None,
        };
        let Some(there) = there else {
            write(conn, record).await?;
            let (kind, subject) = (WebhookKind::AlertRaised, record.id.as_u64());
            webhooks::owe(conn, &desk.told(), record.vs, kind, subject, record.last_ms).await?;
            raised.push((record.clone(), true));
            continue;
        };
        let counted = conn.row(&count, &[&there.try_get::<_, i64>(0)?, &record.last_ms]).await?;
        let counted = counted.as_ref().map(read).transpose()?.flatten();
        raised.extend(counted.map(|counted| (counted, false)));
    }
    Ok(raised)
}

/// Takes a step with an alert, where it can be taken: of several nodes, one takes it.
pub(super) async fn step(
    conn: &Conn,
    (id, step, desk): &(MessageId, AlertStep, Arc<Desk>),
) -> Result<Option<(AlertRecord, bool)>, Failure> {
    audit::take_turn(conn).await?;
    let sql = format!("SELECT {COLUMNS} FROM alert WHERE id = $1 FOR UPDATE");
    let row = conn.row(&sql, &[&number(*id)]).await?;
    let Some(mut alert) = row.as_ref().map(read).transpose()?.flatten() else { return Ok(None) };
    let is_taken = alert.take(step);
    if is_taken {
        write(conn, &alert).await?;
        if let Some((kind, at_ms)) = WebhookKind::of_step(step) {
            webhooks::owe(conn, &desk.told(), alert.vs, kind, alert.id.as_u64(), at_ms).await?;
        }
    }
    Ok(Some((alert, is_taken)))
}

async fn all(conn: &Conn, condition: &str, bound: &[&(dyn ToSql + Sync)]) -> Result<Vec<AlertRecord>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM alert WHERE {condition}");
    conn.rows(&sql, bound).await?.iter().filter_map(|row| read(row).transpose()).collect()
}

/// One alert.
pub(super) async fn one(conn: &Conn, id: MessageId) -> Result<Option<AlertRecord>, Error> {
    Ok(all(conn, "id = $1", &[&number(id)]).await?.pop())
}

/// Alerts of a virtual server, the newest first.
pub(super) async fn list(
    conn: &Conn,
    vs: VsId,
    is_open: Option<bool>,
    before: Option<MessageId>,
    limit: usize,
) -> Result<Vec<AlertRecord>, Error> {
    let condition = match is_open {
        None => "vs = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        Some(true) => "vs = $1 AND id < $2 AND state < 2 ORDER BY id DESC LIMIT $3",
        Some(false) => "vs = $1 AND id < $2 AND state = 2 ORDER BY id DESC LIMIT $3",
    };
    all(conn, condition, &[&i64::from(vs.0), &before.map_or(i64::MAX, number), &(limit as i64)]).await
}

/// All alerts that are not closed.
pub(super) async fn open(conn: &Conn, after: MessageId, limit: usize) -> Result<Vec<AlertRecord>, Error> {
    all(conn, "state < 2 AND id > $1 ORDER BY id LIMIT $2", &[&number(after), &(limit as i64)]).await
}

/// Alerts nobody has acknowledged, by their code.
pub(super) async fn by_code(conn: &Conn, code: &str) -> Result<Vec<AlertRecord>, Error> {
    all(conn, "code = $1 AND state = 0 ORDER BY id LIMIT $2", &[&code, &(MOST_OF_A_CODE as i64)]).await
}

/// Deletes at most so many alerts that were raised before this. Answers how many.
pub(super) async fn expire(conn: &Conn, before_ms: i64, limit: i64) -> Result<u64, Error> {
    let sql = "DELETE FROM alert WHERE id IN (SELECT id FROM alert WHERE id < $1 ORDER BY id LIMIT $2
                 FOR UPDATE SKIP LOCKED)";
    conn.run(sql, &[&number(MessageId::first_at(before_ms)), &limit]).await
}

// === what is set for alerts ===

/// An entry of [`ENTRIES`]. What a newer version set besides is left alone.
pub(super) fn read_entry(row: &Row) -> Result<Option<AlertEntry>, Error> {
    let Some(kind) = AlertEntryKind::from_code(row.try_get::<_, i16>(1)? as u8) else { return Ok(None) };
    let body = serde_json::from_str(row.try_get(3)?).unwrap_or_default();
    Ok(Some(AlertEntry { vs: VsId(small(row, 0)?), kind, name: row.try_get(2)?, body }))
}

/// Puts an entry. Answers what was done.
pub(super) async fn put(conn: &Conn, entry: &AlertEntry) -> Result<String, Failure> {
    let (vs, kind) = (i64::from(entry.vs.0), i16::from(entry.kind.code()));
    let sql = "SELECT 1 FROM alert_entry WHERE vs = $1 AND kind = $2 AND name = $3";
    let is_there = conn.row(sql, &[&vs, &kind, &entry.name]).await?.is_some();
    let sql = "INSERT INTO alert_entry (vs, kind, name, body) VALUES ($1, $2, $3, $4)
               ON CONFLICT (vs, kind, name) DO UPDATE SET body = $4";
    conn.run(sql, &[&vs, &kind, &entry.name, &entry.body.to_string()]).await?;
    Ok(changes::alert_entry_was_put(entry, is_there))
}

/// Removes an entry. Answers what was done.
pub(super) async fn remove(
    conn: &Conn,
    vs: VsId,
    kind: AlertEntryKind,
    name: &str,
) -> Result<String, Failure> {
    let sql = "DELETE FROM alert_entry WHERE vs = $1 AND kind = $2 AND name = $3";
    let gone = conn.run(sql, &[&i64::from(vs.0), &i16::from(kind.code()), &name]).await?;
    changes::alert_entry_was_removed(kind, name, gone > 0)
        .map_err(|message| Failure::Refused(StoreError::Conflict(message)))
}
