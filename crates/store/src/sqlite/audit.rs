//! The audit log in SQLite: entries are appended to the chain, listed, and verified.

use super::session::Session;
use super::users::ancestry;
use crate::audit::{Gathering, Stored, stored_json};
use crate::{AuditCheck, AuditFilter, AuditNote, AuditPage, AuditPoint, Difference};
use rusqlite::{Connection, OptionalExtension, Row, params};
use textgate_sms::VsId;

const COLUMNS: &str = "id, at_ms, actor, vs, scope, action, before, after, hash";

/// Appends one entry. The virtual server's ancestors are those of `scope`, where it is already gone.
pub(super) fn append(
    connection: &Connection,
    note: &AuditNote,
    scope: &str,
    difference: &Difference,
) -> rusqlite::Result<()> {
    let head = head(connection)?;
    let entry = Stored {
        id: head.id + 1,
        at_ms: note.at_ms,
        actor: note.actor.clone(),
        vs: note.vs.0,
        scope: scope.to_owned(),
        action: note.action.clone(),
        before: stored_json(&difference.before),
        after: stored_json(&difference.after),
    };
    insert(connection, &entry, &entry.hash(&head.hash))
}

fn insert(connection: &Connection, entry: &Stored, hash: &[u8; 32]) -> rusqlite::Result<()> {
    let Stored { id, at_ms, actor, vs, scope, action, before, after } = entry;
    let id = *id as i64;
    connection
        .prepare_cached(&format!(
            "INSERT INTO audit ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        ))?
        .execute(params![id, at_ms, actor, vs, scope, action, before, after, hash])?;
    // Where somebody cut entries off, their rows may be there still: the log goes on, and `verify` tells.
    let mut insert =
        connection.prepare_cached("INSERT OR IGNORE INTO audit_scope (vs, entry) VALUES (?1, ?2)")?;
    for vs in scope.split('.').filter_map(|vs| vs.parse::<u32>().ok()) {
        insert.execute(params![vs, id])?;
    }
    Ok(())
}

/// The newest entry.
fn head(connection: &Connection) -> rusqlite::Result<AuditPoint> {
    let head = connection
        .prepare_cached("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| Ok(AuditPoint { id: row.get::<_, i64>(0)? as u64, hash: row.get(1)? }))
        .optional()?;
    Ok(head.unwrap_or_default())
}

/// Appends entries about what is not a change of the directory.
pub(super) fn note(session: &mut Session<'_>, notes: &Vec<AuditNote>) -> Result<(), super::command::Failure> {
    for note in notes {
        let scope = ancestry(session.connection, note.vs)?;
        append(session.connection, note, &scope, &Difference::default())?;
    }
    Ok(())
}

/// Chains what the log of an older version held.
pub(super) fn chain_old(connection: &Connection) -> rusqlite::Result<()> {
    let mut old = connection.prepare("SELECT at_ms, actor, vs, action FROM old_audit ORDER BY id")?;
    let notes = old.query_map([], |row| {
        let vs = VsId(row.get(2)?);
        Ok(AuditNote { at_ms: row.get(0)?, actor: row.get(1)?, vs, action: row.get(3)? })
    })?;
    for note in notes {
        let note = note?;
        append(connection, &note, &ancestry(connection, note.vs)?, &Difference::default())?;
    }
    drop(old);
    connection.execute_batch("DROP TABLE old_audit;")
}

fn read(row: &Row<'_>) -> rusqlite::Result<(Stored, Vec<u8>)> {
    let entry = Stored {
        id: row.get::<_, i64>(0)? as u64,
        at_ms: row.get(1)?,
        actor: row.get(2)?,
        vs: row.get(3)?,
        scope: row.get(4)?,
        action: row.get(5)?,
        before: row.get(6)?,
        after: row.get(7)?,
    };
    Ok((entry, row.get(8)?))
}

/// A page of what fits, the newest first.
pub(super) fn page(
    connection: &Connection,
    filter: &AuditFilter,
    before: Option<u64>,
    limit: usize,
) -> rusqlite::Result<AuditPage> {
    let mut gathering = Gathering::new(filter, before, limit);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM audit WHERE id IN
         (SELECT entry FROM audit_scope WHERE vs = ?1 AND entry < ?2 ORDER BY entry DESC LIMIT ?3) ORDER BY id DESC"
    ))?;
    loop {
        let place = params![gathering.scope().0, gathering.before(), Gathering::CHUNK as i64];
        let chunk = statement.query_map(place, read)?.collect::<Result<_, _>>()?;
        if let Some(page) = gathering.take(chunk) {
            return Ok(page);
        }
    }
}

/// Verifies a part of the chain.
pub(super) fn verify(
    connection: &Connection,
    from: AuditPoint,
    limit: usize,
) -> rusqlite::Result<AuditCheck> {
    let mut at = from;
    let broken =
        |at, id, what: &str| Ok(AuditCheck { at, broken: Some((id, what.to_owned())), is_end: false });
    // Where somebody keeps a place of the chain: it must still be there.
    if from.id > 0 {
        let there = connection
            .prepare_cached("SELECT hash FROM audit WHERE id = ?1")?
            .query_row([from.id as i64], |row| row.get::<_, Vec<u8>>(0))
            .optional()?;
        match there {
            None => return broken(at, from.id, "is missing: the log was cut before or at it"),
            Some(hash) if hash != from.hash => {
                return broken(at, from.id, "has another hash: it, or one before it, was changed");
            }
            Some(_) => {}
        }
    }
    let mut seen = 0;
    let mut statement = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM audit WHERE id > ?1 ORDER BY id LIMIT ?2"))?;
    let mut scopes = connection.prepare_cached("SELECT 1 FROM audit_scope WHERE vs = ?1 AND entry = ?2")?;
    let mut rows = statement.query(params![from.id as i64, limit.clamp(1, 100_000) as i64])?;
    while let Some(row) = rows.next()? {
        let id = row.get::<_, i64>(0)? as u64;
        if id != at.id + 1 {
            return broken(at, at.id + 1, "is missing");
        }
        let Ok((entry, hash)) = read(row) else {
            return broken(at, id, "cannot be read: it was changed");
        };
        let expected = entry.hash(&at.hash);
        if hash != expected {
            return broken(at, id, "was changed: its content does not have its hash");
        }
        for vs in entry.scope.split('.').filter_map(|vs| vs.parse::<u32>().ok()) {
            if !scopes.exists(params![vs, id as i64])? {
                return broken(at, id, "was hidden from a virtual server that may see it");
            }
        }
        at = AuditPoint { id, hash: expected };
        seen += 1;
    }
    let is_end = seen < limit.clamp(1, 100_000);
    // The root sees every entry.
    if is_end && scopes_after(connection, at.id)? {
        return broken(at, at.id + 1, "is missing: the log was cut after the entry before it");
    }
    Ok(AuditCheck { at, broken: None, is_end })
}

fn scopes_after(connection: &Connection, id: u64) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM audit_scope WHERE vs = ?1 AND entry > ?2";
    connection.prepare_cached(sql)?.exists(params![VsId::ROOT.0, id as i64])
}
