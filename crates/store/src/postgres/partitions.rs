//! Tables cut by time, so that what is past its time goes as a whole: messages by days, receipt ids and idempotency keys by the
//! periods at the head of their keys.
//!
//! A partition is made ahead of its time by the [keeper](super::keeper), or on demand. Both take turns with other nodes by an
//! advisory lock, and neither holds up who reads or writes: it is made as a table of its own, and attached.

use super::connect::Conn;
use super::schema::{SCHEMA, TURN};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use textgate_sms::MessageId;

/// How long one partition of messages is (ms).
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;
const HOUR_MS: i64 = 3_600_000;
/// Days of messages, and periods of keys, that are made before they begin.
const AHEAD: i64 = 2;
/// Many updates hit a row soon after it was written: there should be room for them in its page.
const STORAGE: &str = "fillfactor = 80, autovacuum_vacuum_insert_scale_factor = 0.5";

/// A table that is cut by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Messages, by the day in which they were accepted.
    Message,
    /// Receipt ids: providers give up after 72 hours at most, and tell soon after.
    ReceiptId,
    /// Idempotency keys: 24 hours, as callers are told.
    Idempotency,
}

impl Cut {
    pub(super) const ALL: [Self; 3] = [Self::Message, Self::ReceiptId, Self::Idempotency];

    /// The table.
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::ReceiptId => "receipt_id",
            Self::Idempotency => "idempotency",
        }
    }

    fn length_ms(self) -> i64 {
        match self {
            Self::Message => DAY_MS,
            Self::ReceiptId => 6 * HOUR_MS,
            Self::Idempotency => 12 * HOUR_MS,
        }
    }

    /// How long entries are of use (ms); of messages, the caller says.
    pub(super) fn kept_ms(self) -> i64 {
        match self {
            Self::Message => 0,
            Self::ReceiptId => 96 * HOUR_MS,
            Self::Idempotency => 24 * HOUR_MS,
        }
    }

    /// The part that a time lies in.
    pub(super) fn part(self, at_ms: i64) -> i64 {
        at_ms.div_euclid(self.length_ms())
    }

    /// The parts in which something written now must stand so that nodes whose clocks differ by some minutes find it.
    pub(super) fn parts_nearby(self, at_ms: i64, slack_ms: i64) -> impl Iterator<Item = i64> {
        self.part(at_ms - slack_ms)..=self.part(at_ms + slack_ms)
    }

    /// The partition's name.
    pub(super) fn name(self, part: i64) -> String {
        format!("{}_{part}", self.table())
    }

    /// From and to (exclusive) in the partition key.
    fn bounds(self, part: i64) -> (i64, i64) {
        match self {
            Self::Message => {
                let first = |part: i64| MessageId::first_at(part * DAY_MS).as_u64() as i64;
                (first(part), first(part + 1))
            }
            Self::ReceiptId | Self::Idempotency => (part, part + 1),
        }
    }
}

/// The day of a message.
pub(super) fn day(id: MessageId) -> i64 {
    Cut::Message.part(id.accepted_ms())
}

/// Which partitions are known to be there. One that another node made, or dropped, is learned of when it is needed.
#[derive(Clone, Default)]
pub(super) struct Partitions {
    known: Arc<Mutex<[BTreeSet<i64>; 3]>>,
}

impl Partitions {
    /// Whether this one is there, as far as is known.
    pub(super) fn has(&self, cut: Cut, part: i64) -> bool {
        self.lock()[cut as usize].contains(&part)
    }

    /// All that are known, the oldest first.
    pub(super) fn all(&self, cut: Cut) -> Vec<i64> {
        self.lock()[cut as usize].iter().copied().collect()
    }

    /// Reads which there are, also what an interrupted [`drop`](Self::drop) left.
    pub(super) async fn load(&self, conn: &Conn) -> Result<(), tokio_postgres::Error> {
        let sql =
            "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace($1)";
        let rows = conn.rows(sql, &[&SCHEMA]).await?;
        let mut found: [BTreeSet<i64>; 3] = Default::default();
        for row in rows {
            let name: &str = row.try_get(0)?;
            let Some((table, part)) = name.rsplit_once('_') else { continue };
            if let Some(cut) = Cut::ALL.into_iter().find(|cut| cut.table() == table) {
                found[cut as usize].extend(part.parse::<i64>());
            }
        }
        *self.lock() = found;
        Ok(())
    }

    /// Makes this one where it is missing. Outside of a transaction.
    pub(super) async fn make(&self, conn: &Conn, cut: Cut, part: i64) -> Result<(), tokio_postgres::Error> {
        if self.has(cut, part) {
            return Ok(());
        }
        let made = make(conn, cut, part).await;
        if made.is_err() {
            let _ = conn.batch("ROLLBACK").await;
        }
        made?;
        self.lock()[cut as usize].insert(part);
        Ok(())
    }

    /// Makes those of this time and the ones that follow.
    pub(super) async fn make_ahead(&self, conn: &Conn, now_ms: i64) -> Result<(), tokio_postgres::Error> {
        for cut in Cut::ALL {
            for part in cut.part(now_ms)..=cut.part(now_ms) + AHEAD {
                self.make(conn, cut, part).await?;
            }
        }
        Ok(())
    }

    /// Drops this one, in steps that hold up nobody for long: it is detached beside what goes on, and then it is a table of its own.
    pub(super) async fn drop(&self, conn: &Conn, cut: Cut, part: i64) -> Result<(), tokio_postgres::Error> {
        self.lock()[cut as usize].remove(&part);
        let (table, name) = (cut.table(), cut.name(part));
        // What a detaching that was interrupted left.
        let pending = conn
            .row(
                "SELECT inhdetachpending FROM pg_inherits WHERE inhparent = to_regclass($1) AND inhrelid = to_regclass($2)",
                &[&table, &name],
            )
            .await?;
        let how = match pending {
            Some(row) if row.try_get::<_, bool>(0)? => Some("FINALIZE"),
            Some(_) => Some("CONCURRENTLY"),
            None => None,
        };
        if let Some(how) = how {
            conn.batch(&format!("ALTER TABLE {table} DETACH PARTITION {name} {how}")).await?;
        }
        conn.batch(&format!("DROP TABLE IF EXISTS {name}")).await
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, [BTreeSet<i64>; 3]> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn make(conn: &Conn, cut: Cut, part: i64) -> Result<(), tokio_postgres::Error> {
    conn.batch(&format!("BEGIN; SELECT pg_advisory_xact_lock({})", TURN + 1)).await?;
    let (table, name) = (cut.table(), cut.name(part));
    // Asked of the catalogue itself: what this session remembers of it may be from before it waited for its turn.
    let sql =
        "SELECT EXISTS (SELECT 1 FROM pg_class WHERE relname = $2 AND relnamespace = to_regnamespace($1))";
    let there = conn.row(sql, &[&SCHEMA, &name]).await?;
    let is_there = there.map(|row| row.try_get(0)).transpose()?.unwrap_or(false);
    if !is_there {
        let (from, to) = cut.bounds(part);
        let storage = if cut == Cut::Message { format!("WITH ({STORAGE})") } else { String::new() };
        conn.batch(&format!(
            "CREATE TABLE {name} (LIKE {table} INCLUDING ALL) {storage};
             ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({from}) TO ({to})"
        ))
        .await?;
    }
    conn.batch("COMMIT").await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_lies_within_the_bounds_of_its_day() {
        for at_ms in [0, 1_600_000_000_000, 1_800_000_000_000, 1_800_000_000_000 / DAY_MS * DAY_MS] {
            let id = MessageId::first_at(at_ms);
            let (from, to) = Cut::Message.bounds(day(id));
            assert!((from..to).contains(&(id.as_u64() as i64)), "{at_ms}");
        }
    }

    #[test]
    fn what_is_written_near_a_border_stands_on_both_sides() {
        let border = 12 * HOUR_MS * 1_000;
        let parts = |at_ms| Cut::Idempotency.parts_nearby(at_ms, 60_000).collect::<Vec<_>>();
        assert_eq!(parts(border + 59_000), [999, 1_000]);
        assert_eq!(parts(border - 59_000), [999, 1_000]);
        assert_eq!(parts(border + 61_000), [1_000]);
    }
}
