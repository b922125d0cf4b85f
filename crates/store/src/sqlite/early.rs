//! Receipts that came before their message was recorded as sent: kept for a while, and found again by any id they may mean.

use super::session::Session;
use crate::ReceiptRecord;
use crate::rules::{EarlyReceipt, MOST_EARLY, candidates, kept_error};
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use textgate_sms::{GatewayId, PhoneNumber, ReceiptState};

/// Hashes of the ids that early receipts wait for, so that recording asks the disk only where one is likely.
#[derive(Default)]
pub(super) struct Early {
    hashes: Option<HashMap<u64, u32>>,
    count: usize,
}

fn hash(gateway: GatewayId, candidate: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (gateway.0, candidate).hash(&mut hasher);
    hasher.finish()
}

impl Early {
    /// What is in memory may be of a transaction that never happened: it is read again when needed.
    pub(super) fn forget(&mut self) {
        self.hashes = None;
    }

    /// Reads it now, rather than when it is first needed.
    pub(super) fn load(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.hashes(connection).map(drop)
    }

    fn hashes(&mut self, connection: &Connection) -> rusqlite::Result<&mut HashMap<u64, u32>> {
        if self.hashes.is_none() {
            let mut hashes = HashMap::new();
            let mut statement = connection.prepare("SELECT gateway, candidate FROM early_candidate")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                *hashes.entry(hash(GatewayId(row.get(0)?), row.get_ref(1)?.as_str()?)).or_default() += 1;
            }
            self.count = connection
                .query_row("SELECT count(*) FROM early_receipt", [], |row| row.get::<_, i64>(0))?
                as usize;
            self.hashes = Some(hashes);
        }
        Ok(self.hashes.get_or_insert_default())
    }
}

/// Keeps a receipt that matches nothing yet.
pub(super) fn keep(session: &mut Session<'_>, receipt: &ReceiptRecord) -> rusqlite::Result<()> {
    let connection = session.connection;
    session.early.hashes(connection)?;
    if session.early.count >= MOST_EARLY {
        let oldest = connection.query_row("SELECT min(id) FROM early_receipt", [], |row| row.get(0))?;
        remove(session, oldest)?;
    }
    connection
        .prepare_cached(
            "INSERT INTO early_receipt (at_ms, gateway, number, state, error) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            receipt.at_ms,
            receipt.gateway.0,
            receipt.number.map(|number| number.as_u64() as i64),
            receipt.state.code(),
            receipt.error.as_deref().map(kept_error),
        ])?;
    let id = connection.last_insert_rowid();
    session.early.count += 1;
    let mut insert =
        connection.prepare_cached("INSERT OR IGNORE INTO early_candidate VALUES (?1, ?2, ?3, ?4)")?;
    for (rank, candidate) in candidates(receipt) {
        if insert.execute(params![receipt.gateway.0, candidate, id, rank as i64])? == 1 {
            *session.early.hashes(connection)?.entry(hash(receipt.gateway, candidate)).or_default() += 1;
        }
    }
    Ok(())
}

/// The receipts that wait for this id, oldest first.
pub(super) fn find(
    session: &mut Session<'_>,
    gateway: GatewayId,
    candidate: &str,
) -> rusqlite::Result<Vec<EarlyReceipt>> {
    let connection = session.connection;
    if !session.early.hashes(connection)?.contains_key(&hash(gateway, candidate)) {
        return Ok(Vec::new());
    }
    connection
        .prepare_cached(
            "SELECT early_receipt.id, rank, at_ms, number, state, error
             FROM early_candidate JOIN early_receipt ON early_receipt.id = receipt
             WHERE early_candidate.gateway = ?1 AND candidate = ?2 ORDER BY receipt LIMIT 16",
        )?
        .query_map(params![gateway.0, candidate], |row| {
            Ok(EarlyReceipt {
                id: row.get(0)?,
                rank: row.get::<_, i64>(1)? as usize,
                receipt: ReceiptRecord {
                    gateway,
                    candidates: Default::default(),
                    at_ms: row.get(2)?,
                    number: row.get::<_, Option<i64>>(3)?.and_then(|n| PhoneNumber::from_u64(n as u64)),
                    state: ReceiptState::from_code(row.get(4)?).unwrap_or(ReceiptState::Pending),
                    error: row.get::<_, Option<String>>(5)?.map(String::into_boxed_str),
                },
            })
        })?
        .collect()
}

/// Forgets a receipt that found its message.
pub(super) fn done(session: &mut Session<'_>, early: &EarlyReceipt) -> rusqlite::Result<()> {
    remove(session, early.id)
}

/// Deletes at most `limit` receipts that came before `before_ms`; answers how many.
pub(super) fn expire(session: &mut Session<'_>, before_ms: i64, limit: usize) -> rusqlite::Result<usize> {
    let old: Vec<i64> = session
        .connection
        .prepare_cached(
            "SELECT id FROM (SELECT id, at_ms FROM early_receipt ORDER BY id LIMIT ?2) WHERE at_ms < ?1",
        )?
        .query_map(params![before_ms, limit as i64], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for id in &old {
        remove(session, *id)?;
    }
    Ok(old.len())
}

/// Deletes receipts that name this number; answers how many.
pub(super) fn erase(session: &mut Session<'_>, number: PhoneNumber) -> rusqlite::Result<usize> {
    // Ids that modems' receipts are found by have the number in them.
    let named: Vec<i64> = session
        .connection
        .prepare_cached(
            "SELECT id FROM early_receipt WHERE number = ?1
             UNION SELECT receipt FROM early_candidate WHERE instr(candidate, ?2) > 0",
        )?
        .query_map(params![number.as_u64() as i64, number.to_string()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for id in &named {
        remove(session, *id)?;
    }
    Ok(named.len())
}

fn remove(session: &mut Session<'_>, id: i64) -> rusqlite::Result<()> {
    let connection = session.connection;
    session.early.hashes(connection)?;
    {
        let mut statement =
            connection.prepare_cached("SELECT gateway, candidate FROM early_candidate WHERE receipt = ?1")?;
        let mut rows = statement.query([id])?;
        while let Some(row) = rows.next()? {
            let key = hash(GatewayId(row.get(0)?), row.get_ref(1)?.as_str()?);
            if let Some(hashes) = &mut session.early.hashes
                && let Some(count) = hashes.get_mut(&key)
            {
                *count -= 1;
                if *count == 0 {
                    hashes.remove(&key);
                }
            }
        }
    }
    connection.prepare_cached("DELETE FROM early_candidate WHERE receipt = ?1")?.execute([id])?;
    let gone = connection.prepare_cached("DELETE FROM early_receipt WHERE id = ?1")?.execute([id])?;
    session.early.count = session.early.count.saturating_sub(gone);
    Ok(())
}
