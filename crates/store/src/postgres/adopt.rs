//! Taking over what nodes that are gone have not finished.

use super::command::Failure;
use super::connect::Conn;
use super::lease::Lease;
use super::list::{self, COLUMNS};
use super::peers;
use crate::StoredMessage;
use textgate_sms::MessageId;
use tokio_postgres::Error;

/// Held until the commit, so that a node which comes back with its number waits, and then finds them gone.
const GONE: &str = "SELECT id FROM node WHERE NOT is_up ORDER BY id FOR SHARE";

/// Who has messages that were accepted while nobody waited for the answer any more.
const NOBODY: i16 = -1;

/// Gives these messages to whoever takes them over, if they are unfinished.
pub(super) async fn abandon(conn: &Conn, ids: &[MessageId]) -> Result<(), Error> {
    let ids: Vec<i64> = ids.iter().map(|id| id.as_u64() as i64).collect();
    let sql = "UPDATE message SET node = $1 WHERE id = ANY($2::int8[]) AND marked IN (0, 1)";
    conn.run(sql, &[&NOBODY, &ids]).await.map(drop)
}

/// Takes over at most so many messages, passcodes first. Each goes to one node only: who is quicker takes more.
pub(super) async fn adopt(conn: &Conn, lease: &Lease, limit: usize) -> Result<Vec<StoredMessage>, Failure> {
    let own = lease.hold().id;
    let gone = conn.rows(GONE, &[]).await?;
    let mut gone = gone.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i16>, _>>()?;
    gone.push(NOBODY);
    let mut adopted = take(conn, "marked = 0", "kind, id", own, &gone, limit).await?;
    if adopted.len() < limit {
        adopted.extend(take(conn, "marked = 1", "due_ms, id", own, &gone, limit - adopted.len()).await?);
    }
    Ok(adopted)
}

async fn take(
    conn: &Conn,
    which: &str,
    order: &str,
    own: i16,
    gone: &[i16],
    limit: usize,
) -> Result<Vec<StoredMessage>, Error> {
    let chosen = format!(
        "SELECT id FROM message WHERE {which} AND node = ANY($1::int2[]) ORDER BY {order} LIMIT $2 FOR UPDATE SKIP LOCKED"
    );
    let chosen = conn.rows(&chosen, &[&gone, &(limit as i64)]).await?;
    let chosen = chosen.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let update = format!("UPDATE message SET node = $1 WHERE id = ANY($2::int8[]) RETURNING {COLUMNS}");
    let mut adopted = list::read_all(&conn.rows(&update, &[&own, &chosen]).await?)?;
    peers::forget_handed(conn, &chosen).await?;
    adopted.sort_by_key(|message| (message.kind, message.id));
    Ok(adopted)
}

/// Whether nodes that are gone have left something.
pub(super) async fn is_there_any(conn: &Conn, gone: &[i16]) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM message WHERE marked = 0 AND node = ANY($1::int2[]))
               OR EXISTS (SELECT 1 FROM message WHERE marked = 1 AND node = ANY($1::int2[]))";
    let row = conn.row(sql, &[&gone]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
}
