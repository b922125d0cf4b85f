//! Periods of time at the head of keys that come in random order: writes touch the newest range of the table only, and what
//! is past its time goes range by range.

use rusqlite::{Connection, OptionalExtension};

/// One table whose key begins with a period.
#[derive(Clone, Copy)]
pub(super) struct PeriodTable {
    name: &'static str,
    length_ms: i64,
    /// How long entries are of use (ms).
    pub(super) kept_ms: i64,
}

const HOUR_MS: i64 = 3_600_000;

/// Receipt ids: providers give up after 72 hours at most, and tell soon after.
pub(super) const RECEIPT_IDS: PeriodTable =
    PeriodTable { name: "receipt_id", length_ms: 6 * HOUR_MS, kept_ms: 96 * HOUR_MS };
/// Idempotency keys: 24 hours, as callers are told.
pub(super) const IDEMPOTENCY: PeriodTable =
    PeriodTable { name: "idempotency", length_ms: 12 * HOUR_MS, kept_ms: 24 * HOUR_MS };

/// Which periods of a table have entries, the newest first. May name one that is empty: that costs a search and no more.
pub(super) struct Periods {
    table: PeriodTable,
    present: Vec<i64>,
}

impl Periods {
    /// Reads which there are: one search for each.
    pub(super) fn load(connection: &Connection, table: PeriodTable) -> rusqlite::Result<Self> {
        let mut present = Vec::new();
        let sql = format!("SELECT period FROM {} WHERE period < ?1 ORDER BY period DESC LIMIT 1", table.name);
        let mut statement = connection.prepare(&sql)?;
        let mut last = i64::MAX;
        while let Some(period) = statement.query_row([last], |row| row.get(0)).optional()? {
            present.push(period);
            last = period;
        }
        Ok(Self { table, present })
    }

    /// The period of a time, for an entry that is about to be written.
    pub(super) fn enter(&mut self, at_ms: i64) -> i64 {
        let period = at_ms.div_euclid(self.table.length_ms);
        if self.present.first() != Some(&period)
            && let Err(at) = self.present.binary_search_by(|other| period.cmp(other))
        {
            self.present.insert(at, period);
        }
        period
    }

    /// Those to search, the newest first.
    pub(super) fn present(&self) -> impl Iterator<Item = i64> + use<> {
        self.present.clone().into_iter()
    }

    /// The one so many before the newest.
    pub(super) fn nth(&self, n: usize) -> Option<i64> {
        self.present.get(n).copied()
    }

    /// The first period that is still of use at `now_ms`.
    pub(super) fn first_of_use(&self, now_ms: i64) -> i64 {
        (now_ms - self.table.kept_ms).div_euclid(self.table.length_ms)
    }

    /// Deletes at most `limit` entries past their time; answers how many went.
    pub(super) fn expire(
        &mut self,
        connection: &Connection,
        now_ms: i64,
        limit: usize,
    ) -> rusqlite::Result<usize> {
        let first = self.first_of_use(now_ms);
        if self.present.last().is_none_or(|oldest| *oldest >= first) {
            return Ok(0);
        }
        let key = match self.table.name {
            "receipt_id" => "(period, gateway, id, message, part)",
            _ => "(period, key)",
        };
        let columns = key.trim_matches(['(', ')']);
        let sql = format!(
            "DELETE FROM {name} WHERE {key} IN (SELECT {columns} FROM {name} WHERE period < ?1 ORDER BY period LIMIT ?2)",
            name = self.table.name
        );
        let gone = connection.prepare_cached(&sql)?.execute(rusqlite::params![first, limit as i64])?;
        if gone < limit {
            self.present.retain(|period| *period >= first);
        }
        Ok(gone)
    }
}
