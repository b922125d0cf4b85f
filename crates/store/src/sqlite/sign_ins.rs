//! Sessions in SQLite, and the one-time codes they began with.

use super::command::Failure;
use super::session::Session;
use super::{audit, users};
use crate::{AuditNote, Difference, NewSession, SessionId, SessionRecord};
use rusqlite::{Connection, Row, params};

/// All sessions.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<SessionRecord>> {
    let read = |row: &Row<'_>| {
        Ok(SessionRecord {
            id: SessionId(row.get(0)?),
            user: row.get(1)?,
            generation: row.get(2)?,
            began_ms: row.get(3)?,
            seen_ms: row.get(4)?,
        })
    };
    connection
        .prepare_cached("SELECT id, user, generation, began_ms, seen_ms FROM session ORDER BY began_ms, id")?
        .query_map([], read)?
        .collect()
}

/// Begins a session, unless its code was used or its user is another by now.
pub(super) fn begin(session: &mut Session<'_>, new: &NewSession) -> Result<bool, Failure> {
    let connection = session.connection;
    let SessionRecord { id, user, generation, began_ms, seen_ms } = new.session;
    let is_there = connection
        .prepare_cached("SELECT 1 FROM user WHERE id = ?1 AND generation = ?2")?
        .exists(params![user, generation])?;
    if !is_there || !use_step(connection, user, new.totp_step)? {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "INSERT INTO session (id, user, generation, began_ms, seen_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![id.0, user, generation, began_ms, seen_ms])?;
    connection
        .prepare_cached(
            "DELETE FROM session WHERE id IN
             (SELECT id FROM session WHERE user = ?1 ORDER BY began_ms DESC LIMIT -1 OFFSET ?2)",
        )?
        .execute(params![user, new.most])?;
    note(connection, &new.note)?;
    Ok(true)
}

fn use_step(connection: &Connection, user: u32, step: Option<u64>) -> rusqlite::Result<bool> {
    let Some(step) = step else { return Ok(true) };
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    let used = connection
        .prepare_cached("UPDATE user SET totp_step = ?2 WHERE id = ?1 AND totp_step < ?2")?
        .execute(params![user, step])?;
    Ok(used == 1)
}

/// Uses up a code's time step.
pub(super) fn use_totp_step(session: &mut Session<'_>, (user, step): &(u32, u64)) -> Result<bool, Failure> {
    Ok(use_step(session.connection, *user, Some(*step))?)
}

fn note(connection: &Connection, note: &AuditNote) -> rusqlite::Result<()> {
    audit::append(connection, note, &users::ancestry(connection, note.vs)?, &Difference::default())
}

/// Writes when sessions were last used.
pub(super) fn touch(session: &mut Session<'_>, seen: &Vec<(SessionId, i64)>) -> Result<(), Failure> {
    let mut touch =
        session.connection.prepare_cached("UPDATE session SET seen_ms = max(seen_ms, ?2) WHERE id = ?1")?;
    for (id, seen_ms) in seen {
        touch.execute(params![id.0, seen_ms])?;
    }
    Ok(())
}

/// Ends a session.
pub(super) fn end(session: &mut Session<'_>, (id, told): &(SessionId, AuditNote)) -> Result<bool, Failure> {
    let connection = session.connection;
    let gone = connection.prepare_cached("DELETE FROM session WHERE id = ?1")?.execute([id.0])? > 0;
    if gone {
        note(connection, told)?;
    }
    Ok(gone)
}

/// Ends sessions whose time is past.
pub(super) fn expire(session: &mut Session<'_>, (seen, began): &(i64, i64)) -> Result<usize, Failure> {
    let sql = "DELETE FROM session WHERE seen_ms < ?1 OR began_ms < ?2";
    Ok(session.connection.prepare_cached(sql)?.execute(params![seen, began])?)
}
