//! A page of a list of messages: whatever it is filtered by, and however long the history, a bounded look at an index.
//!
//! What an index tells (number, kind, rare states) is decided from the index alone. Only what passes is looked up in its row.

use super::connect::Conn;
use super::list::{COLUMNS, read};
use crate::events::TimeLine;
use crate::{Filter, Page};
use std::time::{Duration, Instant};
use textgate_sms::{MessageId, MessageState, VsId};
use tokio_postgres::{Error, Row};

/// Most messages on one page.
const MOST: usize = 1_000;
/// Entries of an index that are looked at for one page. A filter that fits fewer gets a short page, and goes on from `next`.
const MOST_ENTRIES: usize = 200_000;
/// Entries looked at in one statement, the first time; then more.
const FIRST_LOOK: usize = 2_000;
const LAST_LOOK: usize = 50_000;
/// Rows looked up in one statement.
const ROWS: usize = 500;
/// On a slow or cold disk a page ends after this, but not before it has looked at some rows.
const PATIENCE: Duration = Duration::from_millis(150);

/// The index that knows a state best, as a condition. What is left of the filter is decided behind it.
fn search(state: Option<MessageState>) -> &'static str {
    use MessageState::{Accepted, Cancelled, Delivered, Expired, Failed, Scheduled, Sent, Undelivered};
    match state {
        None | Some(Sent | Delivered) => "vs = $1 AND $4::int2 IS NOT NULL",
        Some(Scheduled | Undelivered | Failed | Expired | Cancelled) => {
            "vs = $1 AND marked = $4::int2 AND marked IN (1, 4, 5, 6, 7)"
        }
        // Of all virtual servers: they are few, or will soon be.
        Some(Accepted) => "marked = 0 AND $1::int8 IS NOT NULL AND $4::int2 IS NOT NULL",
    }
}

/// A page of a virtual server's messages, the newest first.
pub(super) async fn page(
    conn: &Conn,
    vs: VsId,
    filter: &Filter,
    before: Option<MessageId>,
    limit: usize,
) -> Result<Page, Error> {
    let limit = limit.clamp(1, MOST);
    let until = filter.until_ms.map(|ms| MessageId::first_at(ms).as_u64() as i64);
    let before = before.map(|id| id.as_u64() as i64);
    let mut below = [until, before].into_iter().flatten().min().unwrap_or(i64::MAX);
    let from = filter.since_ms.map_or(0, |ms| MessageId::first_at(ms).as_u64() as i64);
    let state = filter.state.map_or(-1, |state| i16::from(state.code()));
    let (number, kind) =
        (filter.to.map(|to| to.as_u64() as i64), filter.kind.map(|kind| i16::from(kind.code())));
    let sql = format!(
        "WITH looked_at AS MATERIALIZED (SELECT id, vs, number, kind FROM message WHERE {} AND id < $2 AND id >= $3
           ORDER BY id DESC LIMIT $5)
         SELECT (SELECT min(id) FROM looked_at), (SELECT count(*) FROM looked_at),
           array(SELECT id FROM looked_at WHERE vs = $1 AND ($6::int8 IS NULL OR number = $6)
             AND ($7::int2 IS NULL OR kind = $7) ORDER BY id DESC)",
        search(filter.state)
    );
    let mut page = Page { messages: Vec::new(), next: None };
    let patience = Instant::now() + PATIENCE;
    let (mut look, mut looked_at) = (FIRST_LOOK, 0);
    loop {
        let vs = i64::from(vs.0);
        let Some(row) = conn.row(&sql, &[&vs, &below, &from, &state, &(look as i64), &number, &kind]).await?
        else {
            return Ok(page);
        };
        let (lowest, count): (Option<i64>, i64) = (row.try_get(0)?, row.try_get(1)?);
        let Some(lowest) = lowest else { return Ok(page) };
        let is_last = (count as usize) < look;
        let passed: Vec<i64> = row.try_get(2)?;
        for (at, ids) in passed.chunks(ROWS).enumerate() {
            let seen = at * ROWS + ids.len();
            let room = limit - page.messages.len();
            let mut fits = rows(conn, filter, ids).await?;
            if fits.len() > room || (fits.len() == room && !(is_last && seen == passed.len())) {
                fits.truncate(room);
                page.messages.extend(fits);
                page.next = page.messages.last().map(|message| message.id);
                return Ok(page);
            }
            page.messages.extend(fits);
            if Instant::now() >= patience && !(is_last && seen == passed.len()) {
                page.next = ids.last().map(|id| MessageId::from_u64(*id as u64));
                return Ok(page);
            }
        }
        if is_last {
            return Ok(page);
        }
        below = lowest;
        looked_at += count as usize;
        if looked_at >= MOST_ENTRIES || Instant::now() >= patience {
            page.next = Some(MessageId::from_u64(lowest as u64));
            return Ok(page);
        }
        look = (look * 4).min(LAST_LOOK);
    }
}

/// Of these messages, those that fit what only a row tells.
async fn rows(conn: &Conn, filter: &Filter, ids: &[i64]) -> Result<Vec<crate::StoredMessage>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM message WHERE id = ANY($1::int8[]) ORDER BY id DESC");
    let mut fitting = Vec::new();
    for row in conn.rows(&sql, &[&ids]).await? {
        if fits(&row, filter)? {
            fitting.extend(read(&row)?);
        }
    }
    Ok(fitting)
}

fn fits(row: &Row, filter: &Filter) -> Result<bool, Error> {
    if let Some(state) = filter.state
        && row.try_get::<_, i16>(2)? != i16::from(state.code())
    {
        return Ok(false);
    }
    if let Some(reference) = &filter.reference
        && row.try_get::<_, Option<&str>>(13)? != Some(reference)
    {
        return Ok(false);
    }
    Ok(match filter.gateway {
        Some(gateway) => TimeLine::from_stored(row.try_get(14)?).has_attempt_at(gateway),
        None => true,
    })
}
