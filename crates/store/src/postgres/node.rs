//! Nodes: who shares the work on this database, and who still may write.
//!
//! Each node holds a number and an *epoch*. Every transaction that it writes says both, and is refused where the number has another
//! epoch by now: somebody took it for silent, and its unfinished messages have other owners. The same statement leaves a *mark*, and
//! asks for the one before it, so that a transaction whose answer was lost is either found done or can never be done any more.

use super::connect::{Conn, words};
use super::peers;
use super::schema::TURN;
use crate::StoreError;
use std::time::Duration;
use tokio_postgres::Error;

/// How long a node may be silent before others take over what it has not finished.
pub(super) const LEASE: Duration = Duration::from_secs(10);
/// Between two signs of life.
pub(super) const BEAT: Duration = Duration::from_secs(1);
/// How many there can be: the number is a part of every message's id.
const MOST: i16 = 256;

/// Fails with a division by zero where this node no longer holds its number.
pub(super) const FENCE: &str = "WITH held AS (UPDATE node SET written = $3, seen = clock_timestamp()
    WHERE id = $1 AND epoch = $2 AND written = $4 RETURNING 1) SELECT 1 / count(*)::int4 FROM held";

/// The right to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hold {
    /// The node's number.
    pub(super) id: i16,
    /// Its epoch.
    pub(super) epoch: i64,
    /// The mark of its last transaction.
    pub(super) written: i64,
}

impl Hold {
    /// The mark of its next transaction.
    pub(super) fn next_mark(self) -> i64 {
        self.written.wrapping_add(1)
    }
}

/// Takes a number: the one that this name had, or else one that nobody uses. Where it `starts`, whoever holds the number under its
/// name is fenced: that is what it was before it was killed. One that was fenced itself leaves it to who has it now.
pub(super) async fn register(conn: &Conn, name: &str, starts: bool) -> Result<Hold, StoreError> {
    let unavailable = |error: Error| super::command::unavailable(&error);
    let outcome = take_number(conn, name, starts).await;
    if !matches!(outcome, Ok(Some(_))) {
        let _ = conn.batch("ROLLBACK").await;
    }
    outcome.map_err(unavailable)?.ok_or_else(|| {
        StoreError::Unavailable(format!("there are {MOST} nodes already, which is as many as there can be"))
    })
}

async fn take_number(conn: &Conn, name: &str, starts: bool) -> Result<Option<Hold>, Error> {
    conn.batch(&format!("BEGIN; SELECT pg_advisory_xact_lock({})", TURN + 2)).await?;
    let mut own = None;
    let mut free = None;
    let mut next = 0;
    for row in conn.rows("SELECT id, name, is_up FROM node ORDER BY id", &[]).await? {
        let (id, of, is_up): (i16, String, bool) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if of == name && (starts || !is_up) {
            own = own.or(Some(id));
        }
        if id == next {
            next += 1;
        }
        if !is_up {
            free = free.or(Some(id));
        }
    }
    let Some(id) = own.or(free).or((next < MOST).then_some(next)) else { return Ok(None) };
    // No mark of another holder may look like one of ours.
    let mut mark = [0; 8];
    let _ = getrandom::fill(&mut mark);
    let written = i64::from_le_bytes(mark) >> 1;
    // Against who is giving it messages at this moment: they are among those that are read back, and are not taken on besides.
    conn.rows("SELECT 1 FROM node WHERE id = $1 FOR UPDATE", &[&id]).await?;
    peers::forget_handed_to(conn, id).await?;
    let row = conn
        .row(
            "INSERT INTO node (id, name, epoch, written, is_up, seen)
             VALUES ($1, $2, nextval('node_epoch'), $3, true, clock_timestamp())
             ON CONFLICT (id) DO UPDATE SET name = $2, epoch = nextval('node_epoch'), written = $3, is_up = true,
               is_running = false, seen = clock_timestamp() RETURNING epoch",
            &[&id, &name, &written],
        )
        .await?;
    conn.batch("COMMIT").await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Hold { id, epoch: row.try_get(0)?, written }))
}

/// The mark that the number has, and whether it is still held. `None` where the number is gone.
pub(super) async fn mark(conn: &Conn, hold: Hold) -> Result<Option<(i64, bool)>, Error> {
    let row = conn.row("SELECT written, epoch FROM node WHERE id = $1", &[&hold.id]).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get::<_, i64>(1)? == hold.epoch))).transpose()
}

/// Gives the number up: what is unfinished is others' at once.
pub(super) async fn leave(conn: &Conn, hold: Hold) {
    let left = async {
        conn.batch("BEGIN").await?;
        conn.run("UPDATE node SET is_up = false WHERE id = $1 AND epoch = $2", &[&hold.id, &hold.epoch])
            .await?;
        peers::tell(conn, peers::LEFT).await?;
        conn.batch("COMMIT").await
    };
    if let Err(error) = left.await {
        tracing::warn!(
            error = words(&error),
            "this node could not say that it left; others find out by its silence"
        );
    }
}

/// A sign of life. Answers whether the number is still held.
pub(super) async fn beat(conn: &Conn, hold: Hold) -> Result<bool, Error> {
    let held = conn
        .run(
            "UPDATE node SET seen = clock_timestamp() WHERE id = $1 AND epoch = $2",
            &[&hold.id, &hold.epoch],
        )
        .await?;
    Ok(held == 1)
}

/// Fences the nodes that are silent.
pub(super) async fn fence_the_silent(conn: &Conn) -> Result<(), Error> {
    let silent = conn
        .rows(
            "UPDATE node SET is_up = false, epoch = nextval('node_epoch') WHERE id IN
             (SELECT id FROM node WHERE is_up AND seen < clock_timestamp() - $1 * interval '1 ms'
              ORDER BY id FOR UPDATE SKIP LOCKED) RETURNING id, name",
            &[&(LEASE.as_millis() as f64)],
        )
        .await?;
    for row in &silent {
        let (id, name): (i16, String) = (row.try_get(0)?, row.try_get(1)?);
        tracing::warn!(node = id, name, "a node is silent; what it has not finished is taken over");
    }
    Ok(())
}

/// All that are gone, with their epochs.
pub(super) async fn gone(conn: &Conn) -> Result<Vec<(i16, i64)>, Error> {
    let gone = conn.rows("SELECT id, epoch FROM node WHERE NOT is_up ORDER BY id", &[]).await?;
    gone.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// The nodes that are there, with their epochs, and whether they run gateways.
pub(super) async fn there(conn: &Conn) -> Result<Vec<(i16, i64, bool)>, Error> {
    let rows = conn.rows("SELECT id, epoch, is_running FROM node WHERE is_up ORDER BY id", &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}
