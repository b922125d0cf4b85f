//! The fraud guard's rules and blocked ranges in SQLite.

use super::audit;
use super::command::Failure;
use super::session::Session;
use crate::{AuditNote, GuardBlock};
use rusqlite::{Connection, Row, params};
use serde_json::Value;
use textgate_sms::VsId;

/// Blocks to keep and to forget, and what the audit log is told of it.
pub(super) type Blocks = (Vec<GuardBlock>, Vec<(VsId, u64)>, Vec<AuditNote>);

/// All blocks that are kept.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<GuardBlock>> {
    let read = |row: &Row<'_>| {
        Ok(GuardBlock {
            vs: VsId(row.get(0)?),
            range: row.get::<_, i64>(1)? as u64,
            began_ms: row.get(2)?,
            until_ms: row.get(3)?,
            times: row.get(4)?,
            excused_until_ms: row.get(5)?,
        })
    };
    connection
        .prepare_cached(
            "SELECT vs, range, began_ms, until_ms, times, excused_until_ms FROM guard_block ORDER BY vs, range",
        )?
        .query_map([], read)?
        .collect()
}

/// Keeps and forgets blocks. Those of a virtual server that is gone are not kept.
pub(super) fn keep(session: &mut Session<'_>, (put, gone, notes): &Blocks) -> Result<(), Failure> {
    let connection = session.connection;
    let mut forget = connection.prepare_cached("DELETE FROM guard_block WHERE vs = ?1 AND range = ?2")?;
    for (vs, range) in gone {
        forget.execute(params![vs.0, *range as i64])?;
    }
    let mut keep = connection.prepare_cached(
        "INSERT OR REPLACE INTO guard_block (vs, range, began_ms, until_ms, times, excused_until_ms)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM virtual_server WHERE id = ?1)",
    )?;
    for block in put {
        let GuardBlock { vs, range, began_ms, until_ms, times, excused_until_ms } = *block;
        keep.execute(params![vs.0, range as i64, began_ms, until_ms, times, excused_until_ms])?;
    }
    audit::note(session, notes)
}

/// Rules of those virtual servers that have any.
pub(super) fn rules(connection: &Connection) -> rusqlite::Result<Vec<(VsId, Value)>> {
    let read = |row: &Row<'_>| {
        let rules: String = row.get(1)?;
        Ok((VsId(row.get(0)?), serde_json::from_str(&rules).unwrap_or_default()))
    };
    connection.prepare_cached("SELECT vs, rules FROM guard_rules ORDER BY vs")?.query_map([], read)?.collect()
}

/// Puts a virtual server's rules, or takes them away.
pub(super) fn put_rules(connection: &Connection, vs: VsId, rules: Option<&Value>) -> rusqlite::Result<()> {
    match rules {
        Some(rules) => connection
            .prepare_cached("INSERT OR REPLACE INTO guard_rules (vs, rules) VALUES (?1, ?2)")?
            .execute(params![vs.0, rules.to_string()])?,
        None => connection.prepare_cached("DELETE FROM guard_rules WHERE vs = ?1")?.execute([vs.0])?,
    };
    Ok(())
}
