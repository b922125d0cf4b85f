//! Reading messages: some by their ids, and what a restart needs.

use super::connect::Conn;
use crate::StoredMessage;
use crate::events::TimeLine;
use crate::standing::payers_from_stored;
use textgate_sms::{Kind, MessageId, MessageState, PhoneNumber, VsId};
use tokio_postgres::{Error, Row};

/// What [`read`] reads.
pub(super) const COLUMNS: &str =
    "id, vs, state, kind, number, segments, changed_ms, expires_ms, due_ms, flash, overwrite, encoding,
                       sender, reference, events, text, payers, resend_of";

/// A message of a row with these [`COLUMNS`]; `None` where it is none that this version knows, which is logged.
pub(super) fn read(row: &Row) -> Result<Option<StoredMessage>, Error> {
    let id = MessageId::from_u64(row.try_get::<_, i64>(0)? as u64);
    let short = |at| row.try_get::<_, i16>(at).map(|code| code as u8);
    let text = |at| row.try_get::<_, Option<String>>(at).map(|text| text.map(String::into_boxed_str));
    let words = (
        MessageState::from_code(short(2)?),
        Kind::from_code(short(3)?),
        PhoneNumber::from_u64(row.try_get::<_, i64>(4)? as u64),
    );
    let (Some(state), Some(kind), Some(to)) = words else {
        tracing::error!(message = %id, "a message's state, kind or number is none that this version knows; it is left out");
        return Ok(None);
    };
    Ok(Some(StoredMessage {
        id,
        vs: VsId(row.try_get::<_, i64>(1)? as u32),
        state,
        kind,
        to,
        segments: short(5)?,
        changed_ms: row.try_get(6)?,
        expires_ms: row.try_get(7)?,
        due_ms: row.try_get(8)?,
        flash: row.try_get(9)?,
        overwrite: row.try_get::<_, Option<i16>>(10)?.map(|overwrite| overwrite as u8),
        encoding: row.try_get(11)?,
        sender: text(12)?,
        reference: text(13)?,
        events: TimeLine::from_stored(row.try_get(14)?).events(id.accepted_ms()),
        sealed_text: row.try_get(15)?,
        payers: row.try_get::<_, Option<&[u8]>>(16)?.map(payers_from_stored).unwrap_or_default(),
        resend_of: row.try_get::<_, Option<i64>>(17)?.map(|id| MessageId::from_u64(id as u64)),
    }))
}

/// All messages of these rows.
pub(super) fn read_all(rows: &[Row]) -> Result<Vec<StoredMessage>, Error> {
    rows.iter().filter_map(|row| read(row).transpose()).collect()
}

/// One message.
pub(super) async fn message(conn: &Conn, id: MessageId) -> Result<Option<StoredMessage>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM message WHERE id = $1");
    let row = conn.row(&sql, &[&(id.as_u64() as i64)]).await?;
    row.as_ref().map(read).transpose().map(Option::flatten)
}

/// These messages, in the order of the ids given.
pub(super) async fn messages(conn: &Conn, ids: &[MessageId]) -> Result<Vec<StoredMessage>, Error> {
    let numbers: Vec<i64> = ids.iter().map(|id| id.as_u64() as i64).collect();
    let sql = format!("SELECT {COLUMNS} FROM message WHERE id = ANY($1::int8[])");
    let mut found = read_all(&conn.rows(&sql, &[&numbers]).await?)?;
    found.sort_by_key(|message| ids.iter().position(|id| *id == message.id));
    Ok(found)
}

/// A node's messages in state `accepted` after this one.
pub(super) async fn unfinished(
    conn: &Conn,
    node: i16,
    after: MessageId,
    limit: usize,
) -> Result<Vec<StoredMessage>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM message WHERE marked = 0 AND node = $1 AND id > $2 ORDER BY id LIMIT $3"
    );
    read_all(&conn.rows(&sql, &[&node, &(after.as_u64() as i64), &(limit as i64)]).await?)
}

/// A node's scheduled messages by time due, after this one.
pub(super) async fn scheduled(
    conn: &Conn,
    node: i16,
    (after_ms, after): (i64, MessageId),
    limit: usize,
) -> Result<Vec<(i64, MessageId)>, Error> {
    let sql = "SELECT due_ms, id FROM message WHERE marked = 1 AND node = $1 AND (due_ms, id) > ($2, $3)
               ORDER BY due_ms, id LIMIT $4";
    let rows = conn.rows(sql, &[&node, &after_ms, &(after.as_u64() as i64), &(limit as i64)]).await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, MessageId::from_u64(row.try_get::<_, i64>(1)? as u64))))
        .collect()
}

/// The newest alerts and texts to a number that were paid for.
pub(super) async fn paid_to(
    conn: &Conn,
    number: PhoneNumber,
    limit: usize,
) -> Result<Vec<(MessageId, VsId)>, Error> {
    let sql = "SELECT id, vs FROM message WHERE number = $1 AND payers IS NOT NULL AND kind <> 0 ORDER BY id DESC LIMIT $2";
    let rows = conn.rows(sql, &[&(number.as_u64() as i64), &(limit as i64)]).await?;
    let read = |row: &Row| {
        let (id, vs): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        Ok((MessageId::from_u64(id as u64), VsId(u32::try_from(vs).unwrap_or(0))))
    };
    rows.iter().map(read).collect()
}

/// The newest id there is, of messages, alerts and what phones sent; 0 where there is none.
pub(super) async fn newest(conn: &Conn) -> Result<MessageId, Error> {
    let sql = "SELECT greatest((SELECT id FROM message ORDER BY id DESC LIMIT 1),
                 (SELECT id FROM alert ORDER BY id DESC LIMIT 1), (SELECT id FROM inbound ORDER BY id DESC LIMIT 1),
                 (SELECT id FROM inbound_part ORDER BY id DESC LIMIT 1))";
    let row = conn.row(sql, &[]).await?;
    let newest = row.map(|row| row.try_get::<_, Option<i64>>(0)).transpose()?.flatten();
    Ok(MessageId::from_u64(newest.unwrap_or(0) as u64))
}
