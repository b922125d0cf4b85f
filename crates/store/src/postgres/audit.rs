//! The audit log in PostgreSQL: entries are appended to the chain, listed, and verified.

use super::command::Failure;
use super::connect::Conn;
use super::schema::TURN;
use super::users::ancestry;
use crate::audit::{Gathering, Stored, stored_json};
use crate::{AuditCheck, AuditFilter, AuditNote, AuditPage, AuditPoint, Difference};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use textgate_sms::VsId;
use tokio_postgres::{Error, Row};

const COLUMNS: &str = "id, at_ms, actor, vs, scope, action, before, after, hash";

/// Waits until no other node changes the directory or appends to the log, until the end of this transaction: there is one chain.
pub(super) async fn take_turn(conn: &Conn) -> Result<(), Error> {
    conn.rows("SELECT pg_advisory_xact_lock($1)", &[&(TURN + 3)]).await.map(drop)
}

/// Appends one entry, in a turn. The virtual server's ancestors are those of `scope`, where it is already gone.
pub(super) async fn append(
    conn: &Conn,
    note: &AuditNote,
    scope: &str,
    difference: &Difference,
) -> Result<(), Error> {
    append_all(conn, &[(note, scope, difference)]).await
}

/// The same for several, in their order.
async fn append_all(conn: &Conn, all: &[(&AuditNote, &str, &Difference)]) -> Result<(), Error> {
    let mut head = head(conn).await?;
    let (mut entries, mut hashes) = (Vec::with_capacity(all.len()), Vec::with_capacity(all.len()));
    for (note, scope, difference) in all {
        let entry = Stored {
            id: head.id + 1,
            at_ms: note.at_ms,
            actor: note.actor.clone(),
            vs: note.vs.0,
            scope: (*scope).to_owned(),
            action: note.action.clone(),
            before: stored_json(&difference.before),
            after: stored_json(&difference.after),
        };
        head = AuditPoint { id: entry.id, hash: entry.hash(&head.hash) };
        hashes.push(head.hash.to_vec());
        entries.push(entry);
    }
    let texts = |read: fn(&Stored) -> &String| entries.iter().map(read).collect::<Vec<_>>();
    let ids: Vec<i64> = entries.iter().map(|entry| entry.id as i64).collect();
    let times: Vec<i64> = entries.iter().map(|entry| entry.at_ms).collect();
    let servers: Vec<i64> = entries.iter().map(|entry| i64::from(entry.vs)).collect();
    let sql = "INSERT INTO audit (id, at_ms, actor, vs, scope, action, before, after, hash)
               SELECT * FROM unnest($1::int8[], $2::int8[], $3::text[], $4::int8[], $5::text[], $6::text[], $7::text[],
                 $8::text[], $9::bytea[])";
    let (actors, scopes, actions) = (texts(|e| &e.actor), texts(|e| &e.scope), texts(|e| &e.action));
    let (before, after) = (texts(|e| &e.before), texts(|e| &e.after));
    conn.run(sql, &[&ids, &times, &actors, &servers, &scopes, &actions, &before, &after, &hashes]).await?;
    let seen = entries.iter().flat_map(|entry| {
        let above = entry.scope.split('.').filter_map(|vs| vs.parse::<i64>().ok());
        above.map(|vs| (vs, entry.id as i64))
    });
    let (seen_by, of): (Vec<i64>, Vec<i64>) = seen.unzip();
    // Where somebody cut entries off, their rows may be there still: the log goes on, and `verify` tells.
    let sql = "INSERT INTO audit_scope (vs, entry) SELECT * FROM unnest($1::int8[], $2::int8[]) ON CONFLICT DO NOTHING";
    conn.run(sql, &[&seen_by, &of]).await.map(drop)
}

/// The newest entry.
async fn head(conn: &Conn) -> Result<AuditPoint, Error> {
    let Some(row) = conn.row("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1", &[]).await? else {
        return Ok(AuditPoint::default());
    };
    let hash: &[u8] = row.try_get(1)?;
    Ok(AuditPoint { id: row.try_get::<_, i64>(0)? as u64, hash: hash.try_into().unwrap_or_default() })
}

/// Appends entries about what is not a change of the directory.
pub(super) async fn note(conn: &Conn, notes: &[AuditNote]) -> Result<(), Failure> {
    take_turn(conn).await?;
    let mut scopes = BTreeMap::new();
    for note in notes {
        if let Entry::Vacant(scope) = scopes.entry(note.vs) {
            scope.insert(ancestry(conn, note.vs).await?);
        }
    }
    let nothing = Difference::default();
    let all = notes.iter().filter_map(|note| Some((note, scopes.get(&note.vs)?.as_str(), &nothing)));
    Ok(append_all(conn, &all.collect::<Vec<_>>()).await?)
}

fn read(row: &Row) -> Result<(Stored, Vec<u8>), Error> {
    let entry = Stored {
        id: row.try_get::<_, i64>(0)? as u64,
        at_ms: row.try_get(1)?,
        actor: row.try_get(2)?,
        vs: row.try_get::<_, i64>(3)? as u32,
        scope: row.try_get(4)?,
        action: row.try_get(5)?,
        before: row.try_get(6)?,
        after: row.try_get(7)?,
    };
    Ok((entry, row.try_get(8)?))
}

/// A page of what fits, the newest first.
pub(super) async fn page(
    conn: &Conn,
    filter: &AuditFilter,
    before: Option<u64>,
    limit: usize,
) -> Result<AuditPage, Error> {
    let mut gathering = Gathering::new(filter, before, limit);
    let sql = format!(
        "SELECT {COLUMNS} FROM audit WHERE id IN
         (SELECT entry FROM audit_scope WHERE vs = $1 AND entry < $2 ORDER BY entry DESC LIMIT $3) ORDER BY id DESC"
    );
    let scope = i64::from(gathering.scope().0);
    loop {
        let rows = conn.rows(&sql, &[&scope, &gathering.before(), &(Gathering::CHUNK as i64)]).await?;
        let chunk = rows.iter().map(read).collect::<Result<_, _>>()?;
        if let Some(page) = gathering.take(chunk) {
            return Ok(page);
        }
    }
}

/// Verifies a part of the chain.
pub(super) async fn verify(conn: &Conn, from: AuditPoint, limit: usize) -> Result<AuditCheck, Error> {
    let mut at = from;
    let broken =
        |at, id, what: &str| Ok(AuditCheck { at, broken: Some((id, what.to_owned())), is_end: false });
    // Where somebody keeps a place of the chain: it must still be there.
    if from.id > 0 {
        let there = conn.row("SELECT hash FROM audit WHERE id = $1", &[&(from.id as i64)]).await?;
        match there.map(|row| row.try_get::<_, Vec<u8>>(0)).transpose()? {
            None => return broken(at, from.id, "is missing: the log was cut before or at it"),
            Some(hash) if hash != from.hash => {
                return broken(at, from.id, "has another hash: it, or one before it, was changed");
            }
            Some(_) => {}
        }
    }
    let limit = limit.clamp(1, 100_000);
    let sql = format!(
        "SELECT {COLUMNS}, array(SELECT s.vs FROM unnest(string_to_array(scope, '.')) AS u (vs)
           JOIN audit_scope AS s ON s.vs = u.vs::int8 AND s.entry = audit.id WHERE u.vs ~ '^[0-9]{{1,10}}$')
         FROM audit WHERE id > $1 ORDER BY id LIMIT $2"
    );
    let rows = conn.rows(&sql, &[&(from.id as i64), &(limit as i64)]).await?;
    for row in &rows {
        let id = row.try_get::<_, i64>(0)? as u64;
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
        let seen_by: Vec<i64> = row.try_get(9)?;
        if entry.scope.split('.').filter_map(|vs| vs.parse::<i64>().ok()).any(|vs| !seen_by.contains(&vs)) {
            return broken(at, id, "was hidden from a virtual server that may see it");
        }
        at = AuditPoint { id, hash: expected };
    }
    let is_end = rows.len() < limit;
    // The root sees every entry.
    let sql = "SELECT 1 FROM audit_scope WHERE vs = $1 AND entry > $2 LIMIT 1";
    if is_end && conn.row(sql, &[&i64::from(VsId::ROOT.0), &(at.id as i64)]).await?.is_some() {
        return broken(at, at.id + 1, "is missing: the log was cut after the entry before it");
    }
    Ok(AuditCheck { at, broken: None, is_end })
}
