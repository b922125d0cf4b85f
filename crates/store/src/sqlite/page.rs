//! A page of a list of messages: whatever it is filtered by, and however long the history, a bounded look at an index.
//!
//! What an index tells (number, kind, rare states) is decided from the index alone. Only what passes is looked up in its row.

use super::list::{COLUMNS, read};
use crate::events::TimeLine;
use crate::{Filter, Page};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};
use std::time::{Duration, Instant};
use textgate_sms::{MessageId, MessageState, VsId};

/// Most messages on one page.
const MOST: usize = 1_000;
/// What one page may cost, where a look at an index entry costs 1. Some tens of milliseconds; a filter that fits fewer gets a
/// short page, and goes on from `next`.
const BUDGET: u32 = 200_000;
/// What a look at a row costs.
const ROW: u32 = 10;
/// On a slow or cold disk a page ends after this, but not before it has looked at some rows.
const PATIENCE: Duration = Duration::from_millis(150);
/// Between two looks at the clock.
const CLOCK: u32 = 64 * ROW;

/// Any message of a virtual server.
const BY_VS: &str = "SELECT id, number, kind FROM message INDEXED BY message_by_vs
                     WHERE vs = ?1 AND id < ?2 AND id >= ?3 ORDER BY id DESC";
/// Those in one of the states that few are in.
const RARE: &str = "SELECT id, number, kind FROM message INDEXED BY message_rare
                    WHERE vs = ?1 AND state = ?4 AND (state = 1 OR state > 3) AND id < ?2 AND id >= ?3 ORDER BY id DESC";
/// Those that are on their way, of all virtual servers: they are few, or will soon be.
const ON_THEIR_WAY: &str = "SELECT id, number, kind, vs FROM message INDEXED BY message_accepted
                            WHERE state = 0 AND id < ?2 AND id >= ?3 ORDER BY id DESC";
/// What is searched, for the test of plans.
#[cfg(test)]
pub(super) const SEARCHES: [&str; 3] = [BY_VS, RARE, ON_THEIR_WAY];

/// A page of a virtual server's messages, the newest first.
pub(super) fn page(
    connection: &Connection,
    vs: VsId,
    filter: &Filter,
    before: Option<MessageId>,
    limit: usize,
) -> rusqlite::Result<Page> {
    let limit = limit.clamp(1, MOST);
    let until = filter.until_ms.map(|ms| MessageId::first_at(ms).as_u64() as i64);
    let before = before.map(|id| id.as_u64() as i64);
    let below = [until, before].into_iter().flatten().min().unwrap_or(i64::MAX);
    let from = filter.since_ms.map_or(0, |ms| MessageId::first_at(ms).as_u64() as i64);
    let search = search(filter.state);
    let mut entries = connection.prepare_cached(search)?;
    let mut rows = match filter.state {
        Some(state) if search == RARE => entries.query(params![vs.0, below, from, state.code()])?,
        _ => entries.query(params![vs.0, below, from])?,
    };
    let mut lookup = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM message WHERE id = ?1"))?;
    let mut page = Page { messages: Vec::new(), next: None };
    let mut budget = Budget::new();
    let mut last = None;
    while let Some(entry) = rows.next()? {
        if page.messages.len() >= limit || budget.is_spent() {
            page.next = last;
            break;
        }
        let id: i64 = entry.get(0)?;
        last = Some(MessageId::from_u64(id as u64));
        let is_of_all = search == ON_THEIR_WAY;
        let is_candidate = fits_entry(entry, filter)? && (!is_of_all || entry.get(3) == Ok(vs.0));
        budget.spend(if is_candidate || is_of_all { ROW } else { 1 });
        if is_candidate {
            look_up(&mut lookup, id, filter, &mut page)?;
        }
    }
    Ok(page)
}

/// The index that knows this state best.
fn search(state: Option<MessageState>) -> &'static str {
    use MessageState::{Accepted, Cancelled, Delivered, Expired, Failed, Scheduled, Sent, Undelivered};
    match state {
        None | Some(Sent | Delivered) => BY_VS,
        Some(Scheduled | Undelivered | Failed | Expired | Cancelled) => RARE,
        Some(Accepted) => ON_THEIR_WAY,
    }
}

/// What the index tells.
fn fits_entry(entry: &Row<'_>, filter: &Filter) -> rusqlite::Result<bool> {
    Ok(filter.to.is_none_or(|to| entry.get(1) == Ok(to.as_u64() as i64))
        && filter.kind.is_none_or(|kind| entry.get(2) == Ok(kind.code())))
}

/// What only the row tells; it is read as a whole when all of it fits.
fn look_up(
    lookup: &mut CachedStatement<'_>,
    id: i64,
    filter: &Filter,
    page: &mut Page,
) -> rusqlite::Result<()> {
    let fits = |row: &Row<'_>| -> rusqlite::Result<bool> {
        Ok(filter.state.is_none_or(|state| row.get(2) == Ok(state.code()))
            && match &filter.reference {
                Some(reference) => row.get_ref(13)?.as_str_or_null()? == Some(reference),
                None => true,
            }
            && match filter.gateway {
                Some(gateway) => TimeLine::from_stored(row.get(14)?).has_attempt_at(gateway),
                None => true,
            })
    };
    let found = lookup.query_row([id], |row| if fits(row)? { read(row).map(Some) } else { Ok(None) });
    page.messages.extend(found.optional()?.flatten());
    Ok(())
}

/// What is left to look at.
struct Budget {
    left: u32,
    until: Instant,
    next_clock: u32,
}

impl Budget {
    fn new() -> Self {
        Self { left: BUDGET, until: Instant::now() + PATIENCE, next_clock: BUDGET - CLOCK }
    }

    fn spend(&mut self, cost: u32) {
        self.left = self.left.saturating_sub(cost);
    }

    fn is_spent(&mut self) -> bool {
        if self.left < self.next_clock {
            self.next_clock = self.left.saturating_sub(CLOCK);
            if Instant::now() >= self.until {
                self.left = 0;
            }
        }
        self.left == 0
    }
}
