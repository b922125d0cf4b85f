//! Reading messages: one, and what a restart needs.

use crate::StoredMessage;
use crate::events::TimeLine;
use crate::standing::payers_from_stored;
use rusqlite::{Connection, OptionalExtension, Row, params};
use textgate_sms::{Kind, MessageId, MessageState, PhoneNumber, VsId};

/// What [`read`] reads.
pub(super) const COLUMNS: &str =
    "id, vs, state, kind, number, segments, changed_ms, expires_ms, due_ms, flash, overwrite, encoding,
                       sender, reference, events, text, payers, resend_of";

/// A message of a row with these [`COLUMNS`].
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<StoredMessage> {
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
        resend_of: row.get::<_, Option<i64>>(17)?.map(|id| MessageId::from_u64(id as u64)),
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

/// The newest alerts and texts to a number that were paid for.
pub(super) fn paid_to(
    connection: &Connection,
    number: PhoneNumber,
    limit: usize,
) -> rusqlite::Result<Vec<(MessageId, VsId)>> {
    let read = |row: &Row<'_>| Ok((MessageId::from_u64(row.get::<_, i64>(0)? as u64), VsId(row.get(1)?)));
    connection
        .prepare_cached(
            "SELECT id, vs FROM message INDEXED BY message_paid WHERE number = ?1 AND payers IS NOT NULL AND kind <> 0
             ORDER BY id DESC LIMIT ?2",
        )?
        .query_map(params![number.as_u64() as i64, limit as i64], read)?
        .collect()
}

/// The newest id there is; 0 where there is none.
pub(super) fn newest(connection: &Connection) -> rusqlite::Result<MessageId> {
    let newest = connection.query_row(
        "SELECT max(coalesce((SELECT max(id) FROM message), 0), coalesce((SELECT max(id) FROM alert), 0),
           coalesce((SELECT max(id) FROM inbound), 0), coalesce((SELECT max(id) FROM inbound_part), 0))",
        [],
        |row| row.get::<_, Option<i64>>(0),
    )?;
    Ok(MessageId::from_u64(newest.unwrap_or(0) as u64))
}
