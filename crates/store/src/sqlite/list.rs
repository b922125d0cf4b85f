//! Reading messages: one, a page of a list, what a restart needs.

use super::standing::payers_from_stored;
use crate::events::TimeLine;
use crate::{Filter, Page, StoredMessage};
use rusqlite::{Connection, OptionalExtension, Row, params};
use textgate_sms::{Kind, MessageId, MessageState, PhoneNumber, VsId};

/// Most messages on one page.
const MOST: usize = 1_000;
/// Rows looked at for one page (tens of milliseconds). A filter that fits fewer gets a short page, and goes on from `next`.
const MOST_LOOKED_AT: usize = 20_000;

const COLUMNS: &str =
    "id, vs, state, kind, number, segments, changed_ms, expires_ms, due_ms, flash, overwrite, encoding,
                       sender, reference, events, text, payers";

fn read(row: &Row<'_>) -> rusqlite::Result<StoredMessage> {
    let id = MessageId::from_u64(row.get::<_, i64>(0)? as u64);
    let number = row.get::<_, i64>(4)?;
    let text = |at| row.get::<_, Option<String>>(at).map(|text| text.map(String::into_boxed_str));
    Ok(StoredMessage {
        id,
        vs: VsId(row.get(1)?),
        state: MessageState::from_code(row.get(2)?).ok_or_else(|| damaged(2, "state"))?,
        kind: Kind::from_code(row.get(3)?).ok_or_else(|| damaged(3, "kind"))?,
        to: PhoneNumber::from_u64(number as u64).ok_or_else(|| damaged(4, "number"))?,
        segments: row.get(5)?,
        changed_ms: row.get(6)?,
        expires_ms: row.get(7)?,
        due_ms: row.get(8)?,
        flash: row.get(9)?,
        overwrite: row.get(10)?,
        encoding: row.get(11)?,
        sender: text(12)?,
        reference: text(13)?,
        events: TimeLine::from_stored(row.get(14)?).events(id.accepted_ms()),
        sealed_text: row.get(15)?,
        payers: row.get_ref(16)?.as_blob_or_null()?.map(payers_from_stored).unwrap_or_default(),
    })
}

fn damaged(column: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(
        column,
        rusqlite::types::Type::Integer,
        format!("the {what} of a message is none that this version knows").into(),
    )
}

/// One message.
pub(super) fn message(connection: &Connection, id: MessageId) -> rusqlite::Result<Option<StoredMessage>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM message WHERE id = ?1"))?
        .query_row([id.as_u64() as i64], read)
        .optional()
}

/// Messages in state `accepted` after this one.
pub(super) fn unfinished(
    connection: &Connection,
    after: MessageId,
    limit: usize,
) -> rusqlite::Result<Vec<StoredMessage>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM message INDEXED BY message_accepted WHERE state = 0 AND id > ?1 ORDER BY id LIMIT ?2"
        ))?
        .query_map(params![after.as_u64() as i64, limit as i64], read)?
        .collect()
}

/// Scheduled messages by time due, after this one.
pub(super) fn scheduled(
    connection: &Connection,
    (after_ms, after): (i64, MessageId),
    limit: usize,
) -> rusqlite::Result<Vec<(i64, MessageId)>> {
    let read = |row: &Row<'_>| Ok((row.get(0)?, MessageId::from_u64(row.get::<_, i64>(1)? as u64)));
    // Two searches, so that many due at one moment are not gone through again for each page.
    let mut found = connection
        .prepare_cached(
            "SELECT due_ms, id FROM message INDEXED BY message_scheduled WHERE state = 1 AND due_ms = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        )?
        .query_map(params![after_ms, after.as_u64() as i64, limit as i64], read)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let rest = limit - found.len();
    let mut later = connection.prepare_cached(
        "SELECT due_ms, id FROM message INDEXED BY message_scheduled WHERE state = 1 AND due_ms > ?1 ORDER BY due_ms, id LIMIT ?2",
    )?;
    for row in later.query_map(params![after_ms, rest as i64], read)? {
        found.push(row?);
    }
    Ok(found)
}

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
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM message INDEXED BY message_by_vs WHERE vs = ?1 AND id < ?2 AND id >= ?3 ORDER BY id DESC"
    ))?;
    let mut rows = statement.query(params![vs.0, below, from])?;
    let mut page = Page { messages: Vec::new(), next: None };
    let mut looked_at = 0;
    let mut last = None;
    while let Some(row) = rows.next()? {
        if page.messages.len() >= limit || looked_at >= MOST_LOOKED_AT {
            page.next = last;
            break;
        }
        looked_at += 1;
        last = Some(MessageId::from_u64(row.get::<_, i64>(0)? as u64));
        if fits(row, filter)? {
            page.messages.push(read(row)?);
        }
    }
    Ok(page)
}

/// Looks at the few columns a filter is about, before a row is read as a whole.
fn fits(row: &Row<'_>, filter: &Filter) -> rusqlite::Result<bool> {
    Ok(filter.state.is_none_or(|state| row.get(2) == Ok(state.code()))
        && filter.kind.is_none_or(|kind| row.get(3) == Ok(kind.code()))
        && filter.to.is_none_or(|to| row.get(4) == Ok(to.as_u64() as i64))
        && match &filter.reference {
            Some(reference) => row.get_ref(13)?.as_str_or_null()? == Some(reference),
            None => true,
        })
}

/// The newest id there is; 0 where there is none.
pub(super) fn newest(connection: &Connection) -> rusqlite::Result<MessageId> {
    let newest =
        connection.query_row("SELECT max(id) FROM message", [], |row| row.get::<_, Option<i64>>(0))?;
    Ok(MessageId::from_u64(newest.unwrap_or(0) as u64))
}
