//! Sessions in PostgreSQL, and the one-time codes they began with.

use super::change::tell_nodes;
use super::command::Failure;
use super::connect::Conn;
use super::entries::{digest, small};
use super::{audit, users};
use crate::{AuditNote, Difference, NewSession, SessionId, SessionRecord};
use tokio_postgres::Error;

/// All sessions.
pub(super) async fn all(conn: &Conn) -> Result<Vec<SessionRecord>, Error> {
    let sql = "SELECT id, person, generation, began_ms, seen_ms FROM session ORDER BY began_ms, id";
    let rows = conn.rows(sql, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(SessionRecord {
                id: SessionId(digest(row, 0)?),
                user: small(row, 1)?,
                generation: small(row, 2)?,
                began_ms: row.try_get(3)?,
                seen_ms: row.try_get(4)?,
            })
        })
        .collect()
}

/// Begins a session, unless its code was used or its user is another by now.
pub(super) async fn begin(conn: &Conn, new: &NewSession) -> Result<bool, Failure> {
    let SessionRecord { id, user, generation, began_ms, seen_ms } = new.session;
    let (user, generation) = (i64::from(user), i64::from(generation));
    // Held until the commit, so that it stays who it is.
    let sql = "SELECT 1 FROM person WHERE id = $1 AND generation = $2 FOR UPDATE";
    let is_there = conn.row(sql, &[&user, &generation]).await?.is_some();
    if !is_there || !use_step(conn, user, new.totp_step).await? {
        return Ok(false);
    }
    let sql = "INSERT INTO session (id, person, generation, began_ms, seen_ms) VALUES ($1, $2, $3, $4, $5)";
    conn.run(sql, &[&id.0.as_slice(), &user, &generation, &began_ms, &seen_ms]).await?;
    let sql = "DELETE FROM session WHERE id IN
               (SELECT id FROM session WHERE person = $1 ORDER BY began_ms DESC OFFSET $2)";
    conn.run(sql, &[&user, &i64::from(new.most)]).await?;
    note(conn, &new.note).await?;
    tell_nodes(conn).await?;
    Ok(true)
}

async fn use_step(conn: &Conn, user: i64, step: Option<u64>) -> Result<bool, Error> {
    let Some(step) = step else { return Ok(true) };
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    let sql = "UPDATE person SET totp_step = $2 WHERE id = $1 AND totp_step < $2";
    Ok(conn.run(sql, &[&user, &step]).await? == 1)
}

/// Uses up a code's time step.
pub(super) async fn use_totp_step(conn: &Conn, (user, step): &(u32, u64)) -> Result<bool, Failure> {
    Ok(use_step(conn, i64::from(*user), Some(*step)).await?)
}

async fn note(conn: &Conn, note: &AuditNote) -> Result<(), Error> {
    audit::take_turn(conn).await?;
    audit::append(conn, note, &users::ancestry(conn, note.vs).await?, &Difference::default()).await
}

/// Writes when sessions were last used.
pub(super) async fn touch(conn: &Conn, seen: &[(SessionId, i64)]) -> Result<(), Failure> {
    // In one order on all nodes.
    let mut seen: Vec<_> = seen.iter().map(|(id, seen_ms)| (id.0.as_slice(), *seen_ms)).collect();
    seen.sort_unstable();
    let (ids, times): (Vec<&[u8]>, Vec<i64>) = seen.into_iter().unzip();
    let sql = "UPDATE session AS s SET seen_ms = greatest(s.seen_ms, u.seen_ms)
               FROM unnest($1::bytea[], $2::int8[]) AS u (id, seen_ms) WHERE s.id = u.id";
    Ok(conn.run(sql, &[&ids, &times]).await.map(drop)?)
}

/// Ends a session.
pub(super) async fn end(conn: &Conn, (id, told): &(SessionId, AuditNote)) -> Result<bool, Failure> {
    let gone = conn.run("DELETE FROM session WHERE id = $1", &[&id.0.as_slice()]).await? > 0;
    if gone {
        note(conn, told).await?;
        tell_nodes(conn).await?;
    }
    Ok(gone)
}

/// Ends sessions whose time is past.
pub(super) async fn expire(conn: &Conn, (seen, began): &(i64, i64)) -> Result<usize, Failure> {
    let sql = "DELETE FROM session WHERE seen_ms < $1 OR began_ms < $2";
    Ok(conn.run(sql, &[seen, began]).await? as usize)
}
