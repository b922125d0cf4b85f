//! Opt-outs and the consent log in SQLite.

use super::change::set_number;
use super::command::Failure;
use super::entries::number;
use super::session::Session;
use crate::opt_out::MOST;
use crate::{ConsentRecord, ConsentSource, NewConsent, OptOutRecord, PhoneKey, Wish};
use rusqlite::{Connection, Row, params};
use serde_json::Value;
use textgate_sms::VsId;

const SENDERS: &str = "SELECT id, sender FROM opt_out WHERE vs = ?1 AND key = ?2";
const LIST: &str = "SELECT id, vs, key, sender, at_ms, source, sealed FROM opt_out
                    WHERE vs = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
const OF_PHONE: &str = "SELECT id, vs, key, sender, at_ms, source, sealed FROM opt_out
                        WHERE vs = ?1 AND key = ?4 AND id < ?2 ORDER BY id DESC LIMIT ?3";
const AFTER: &str = "SELECT id, vs, key, sender, at_ms, source, sealed FROM opt_out
                     WHERE id > ?1 ORDER BY id LIMIT ?2";
const LOG: &str = "SELECT id, vs, key, sender, is_out, at_ms, source, actor, note, sealed FROM consent
                   WHERE vs = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
const LOG_OF_PHONE: &str = "SELECT id, vs, key, sender, is_out, at_ms, source, actor, note, sealed FROM consent
                            INDEXED BY consent_by_phone WHERE vs = ?1 AND key = ?4 AND id < ?2 ORDER BY id DESC LIMIT ?3";
const LOG_AFTER: &str = "SELECT id, vs, key, sender, is_out, at_ms, source, actor, note, sealed FROM consent
                         WHERE id > ?1 ORDER BY id LIMIT ?2";

/// The searches, for the test that none reads a whole table. A phone has few opt-outs, which are sorted.
#[cfg(test)]
pub(super) const SEARCHES: [&str; 6] = [SENDERS, LIST, AFTER, LOG, LOG_OF_PHONE, LOG_AFTER];

/// Writes what was said, where it changes anything. Answers for each whether it did.
pub(super) fn consent(session: &mut Session<'_>, all: &Vec<NewConsent>) -> Result<Vec<bool>, Failure> {
    let connection = session.connection;
    let mut next = number(connection, "next_consent")?;
    let mut changed = Vec::with_capacity(all.len());
    let (mut senders, mut put) = (
        connection.prepare_cached(SENDERS)?,
        connection.prepare_cached(
            "INSERT INTO opt_out (id, vs, key, sender, at_ms, source, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?,
    );
    for one in all {
        session.told_ms = session.told_ms.max(one.at_ms);
        let there: Vec<(i64, String)> = senders
            .query_map(params![one.vs.0, one.key], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let before = next;
        if one.wish == Wish::Out {
            if there.iter().all(|(_, sender)| *sender != one.sender) {
                put.execute(params![
                    next,
                    one.vs.0,
                    one.key,
                    one.sender,
                    one.at_ms,
                    one.source.code(),
                    one.sealed
                ])?;
                append(connection, &one.entry(next as u64, &one.sender))?;
                next += 1;
            }
        } else {
            for (id, sender) in there.iter().filter(|(_, sender)| one.ends(sender)) {
                connection.prepare_cached("DELETE FROM opt_out WHERE id = ?1")?.execute([id])?;
                append(connection, &one.entry(next as u64, sender))?;
                next += 1;
            }
        }
        changed.push(next > before);
    }
    set_number(connection, "next_consent", next)?;
    Ok(changed)
}

fn append(connection: &Connection, entry: &ConsentRecord) -> rusqlite::Result<()> {
    let ConsentRecord { id, vs, key, sender, is_out, at_ms, source, actor, note, sealed } = entry;
    connection
        .prepare_cached(
            "INSERT INTO consent (id, vs, key, sender, is_out, at_ms, source, actor, note, sealed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![*id as i64, vs.0, key, sender, is_out, at_ms, source.code(), actor, note, sealed])
        .map(drop)
}

fn read(row: &Row<'_>) -> rusqlite::Result<OptOutRecord> {
    Ok(OptOutRecord {
        id: row.get::<_, i64>(0)? as u64,
        vs: VsId(row.get(1)?),
        key: row.get(2)?,
        sender: row.get(3)?,
        at_ms: row.get(4)?,
        source: ConsentSource::from_code(row.get(5)?),
        sealed: row.get(6)?,
    })
}

fn read_entry(row: &Row<'_>) -> rusqlite::Result<ConsentRecord> {
    Ok(ConsentRecord {
        id: row.get::<_, i64>(0)? as u64,
        vs: VsId(row.get(1)?),
        key: row.get(2)?,
        sender: row.get(3)?,
        is_out: row.get(4)?,
        at_ms: row.get(5)?,
        source: ConsentSource::from_code(row.get(6)?),
        actor: row.get(7)?,
        note: row.get(8)?,
        sealed: row.get(9)?,
    })
}

/// How far back a page goes, and how much is on it.
fn bounds(before: Option<u64>, limit: usize) -> (i64, i64) {
    (before.map_or(i64::MAX, |before| before as i64), limit.clamp(1, MOST) as i64)
}

/// Opt-outs of a virtual server, or of one of its phones, the newest first.
pub(super) fn list(
    connection: &Connection,
    vs: VsId,
    key: Option<PhoneKey>,
    before: Option<u64>,
    limit: usize,
) -> rusqlite::Result<Vec<OptOutRecord>> {
    let (before, limit) = bounds(before, limit);
    match key {
        Some(key) => {
            connection.prepare_cached(OF_PHONE)?.query_map(params![vs.0, before, limit, key], read)?.collect()
        }
        None => connection.prepare_cached(LIST)?.query_map(params![vs.0, before, limit], read)?.collect(),
    }
}

/// Opt-outs of all virtual servers after this one.
pub(super) fn after(
    connection: &Connection,
    after: u64,
    limit: usize,
) -> rusqlite::Result<Vec<OptOutRecord>> {
    let limit = limit.clamp(1, MOST) as i64;
    connection.prepare_cached(AFTER)?.query_map(params![after as i64, limit], read)?.collect()
}

/// Entries of a virtual server's consent log, or of those about one of its phones, the newest first.
pub(super) fn log(
    connection: &Connection,
    vs: VsId,
    key: Option<PhoneKey>,
    before: Option<u64>,
    limit: usize,
) -> rusqlite::Result<Vec<ConsentRecord>> {
    let (before, limit) = bounds(before, limit);
    match key {
        Some(key) => connection
            .prepare_cached(LOG_OF_PHONE)?
            .query_map(params![vs.0, before, limit, key], read_entry)?
            .collect(),
        None => {
            connection.prepare_cached(LOG)?.query_map(params![vs.0, before, limit], read_entry)?.collect()
        }
    }
}

/// Entries of all consent logs after this one.
pub(super) fn log_after(
    connection: &Connection,
    after: u64,
    limit: usize,
) -> rusqlite::Result<Vec<ConsentRecord>> {
    let limit = limit.clamp(1, MOST) as i64;
    connection.prepare_cached(LOG_AFTER)?.query_map(params![after as i64, limit], read_entry)?.collect()
}

/// The newest entry's number; 0 where there was none.
pub(super) fn newest(connection: &Connection) -> rusqlite::Result<u64> {
    Ok((number(connection, "next_consent")? - 1) as u64)
}

// === what is set ===

/// Settings of those virtual servers that have any.
pub(super) fn settings(connection: &Connection) -> rusqlite::Result<Vec<(VsId, Value)>> {
    let read = |row: &Row<'_>| {
        let settings: String = row.get(1)?;
        Ok((VsId(row.get(0)?), serde_json::from_str(&settings).unwrap_or_default()))
    };
    connection
        .prepare_cached("SELECT vs, settings FROM opt_out_settings ORDER BY vs")?
        .query_map([], read)?
        .collect()
}

/// Puts a virtual server's settings.
pub(super) fn put_settings(connection: &Connection, vs: VsId, settings: &Value) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO opt_out_settings (vs, settings) VALUES (?1, ?2)")?
        .execute(params![vs.0, settings.to_string()])
        .map(drop)
}
