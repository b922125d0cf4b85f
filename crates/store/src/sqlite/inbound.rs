//! Messages of phones in SQLite: their parts, the whole ones, and the rules that say whose they are.

use super::command::Failure;
use super::session::Session;
use super::webhooks;
use crate::inbound::{PartThere, Placing, SAME_FOR_MS, place};
use crate::{
    InboundFilter, InboundPartRecord, InboundParts, InboundRecord, RipeInbound, StoredInbound, WebhookKind,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use textgate_sms::{GatewayId, MessageId, VsId};

// inbound: id is of the same sequence as messages' from here on. phone: a keyed hash, by which one phone's are found. key: what a
// provider calls it, hashed. What was kept before had neither, and nobody who would hear of it.
// inbound_part: message is the one that it makes, once nothing is waited for any more; sealed goes when that one is recorded, and the
// row somewhat later, as long as the same part may come again.
pub(super) const STEP: &str = "
ALTER TABLE inbound ADD COLUMN vs INTEGER NOT NULL DEFAULT 1;
ALTER TABLE inbound ADD COLUMN is_heard INTEGER NOT NULL DEFAULT 1;
ALTER TABLE inbound ADD COLUMN phone BLOB;
ALTER TABLE inbound ADD COLUMN key BLOB;
UPDATE inbound SET vs = coalesce((SELECT vs FROM gateway WHERE gateway.id = inbound.gateway), 1);
CREATE INDEX inbound_by_vs ON inbound (vs, id);
CREATE INDEX inbound_by_phone ON inbound (phone, id) WHERE phone IS NOT NULL;
CREATE UNIQUE INDEX inbound_by_key ON inbound (key) WHERE key IS NOT NULL;
CREATE INDEX inbound_unheard ON inbound (id) WHERE is_heard = 0;

CREATE TABLE inbound_part (
    id INTEGER PRIMARY KEY,
    gateway INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    grouping BLOB NOT NULL,
    number INTEGER NOT NULL,
    total INTEGER NOT NULL,
    digest BLOB NOT NULL,
    message INTEGER,
    sealed BLOB
) STRICT;
CREATE INDEX inbound_part_by_group ON inbound_part (grouping);
CREATE INDEX inbound_part_waiting ON inbound_part (gateway, at_ms, grouping) WHERE message IS NULL;
CREATE INDEX inbound_part_ripe ON inbound_part (message) WHERE message IS NOT NULL AND sealed IS NOT NULL;

CREATE TABLE inbound_rules (vs INTEGER PRIMARY KEY, rules TEXT NOT NULL) STRICT;
";

const COLUMNS: &str = "id, vs, gateway, at_ms, sealed";
const GROUP: &str = "SELECT number, digest, at_ms, message IS NULL FROM inbound_part WHERE grouping = ?1";
const WAITING: &str = "SELECT 1 FROM inbound_part WHERE gateway = ?1 AND message IS NULL LIMIT ?2";
/// What one message is made of.
const MADE_OF: &str = "SELECT id, gateway, at_ms, number, total, sealed FROM inbound_part
    WHERE message = ?1 AND message IS NOT NULL AND sealed IS NOT NULL ORDER BY number";
const RIPE: &str = "SELECT DISTINCT message FROM inbound_part WHERE message > ?1 AND message IS NOT NULL
    AND sealed IS NOT NULL ORDER BY message LIMIT ?2";

/// Searches that run often, held to their plans.
#[cfg(test)]
pub(super) const SEARCHES: [&str; 7] = [
    GROUP,
    WAITING,
    "SELECT DISTINCT message FROM inbound_part WHERE message > 0 AND message IS NOT NULL
     AND sealed IS NOT NULL ORDER BY message LIMIT 9",
    "SELECT id FROM inbound WHERE is_heard = 0 AND id > 0 ORDER BY id LIMIT 9",
    "SELECT id FROM inbound WHERE vs = 1 AND id < 9 ORDER BY id DESC LIMIT 9",
    "SELECT id FROM inbound WHERE phone = x'00' AND phone IS NOT NULL AND vs = 1 AND id < 9 ORDER BY id DESC LIMIT 9",
    "SELECT id FROM inbound_part WHERE id > 1 ORDER BY id LIMIT 9",
];

fn id(number: i64) -> MessageId {
    MessageId::from_u64(number as u64)
}

fn number(id: MessageId) -> i64 {
    id.as_u64() as i64
}

/// Keeps whole messages, and owes those who are told of them. Answers which are new.
pub(super) fn record(session: &mut Session<'_>, inbound: &[InboundRecord]) -> Result<Vec<bool>, Failure> {
    let connection = session.connection;
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO inbound (id, vs, gateway, at_ms, is_heard, phone, key, sealed)
         VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7)",
    )?;
    let mut used = connection.prepare_cached(
        "UPDATE inbound_part SET sealed = NULL WHERE message = ?1 AND message IS NOT NULL AND sealed IS NOT NULL",
    )?;
    let mut new = Vec::with_capacity(inbound.len());
    for message in inbound {
        let InboundRecord { id, vs, gateway, at_ms, phone, key, sealed } = message;
        let is_new = insert.execute(params![number(*id), vs.0, gateway.0, at_ms, phone, key, sealed])? > 0;
        if is_new {
            webhooks::owe(session, *vs, WebhookKind::Inbound, id.as_u64(), *at_ms)?;
        }
        new.push(is_new);
        used.execute([number(*id)])?;
        session.told_ms = *at_ms;
    }
    Ok(new)
}

/// Keeps a part. Answers what is to be put together now.
pub(super) fn record_part(
    session: &mut Session<'_>,
    part: &InboundPartRecord,
) -> Result<Vec<InboundParts>, Failure> {
    session.told_ms = part.at_ms;
    let connection = session.connection;
    let there: Vec<PartThere> = connection
        .prepare_cached(GROUP)?
        .query_map([part.group], |row| {
            let (number, digest, at_ms, is_waiting) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(PartThere { number, digest, at_ms, is_waiting })
        })?
        .collect::<Result<_, _>>()?;
    let mut waiting = connection.prepare_cached(WAITING)?;
    let mut waiting = waiting.query(params![part.gateway.0, crate::inbound::MOST_WAITING as i64])?;
    let mut count = 0;
    while waiting.next()?.is_some() {
        count += 1;
    }
    let Placing { is_kept, closes_before, is_ripe } = place(part, &there, count);
    let mut made = Vec::new();
    if closes_before {
        made.extend(ripen(connection, &part.group)?);
    }
    if is_kept {
        connection
            .prepare_cached(
                "INSERT OR IGNORE INTO inbound_part (id, gateway, at_ms, grouping, number, total, digest, sealed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                number(part.id),
                part.gateway.0,
                part.at_ms,
                part.group,
                part.number,
                part.total,
                part.digest,
                part.sealed
            ])?;
    }
    if is_ripe {
        made.extend(ripen(connection, &part.group)?);
    }
    made.into_iter().map(|message| made_of(connection, message).map_err(Failure::from)).collect()
}

/// Waits no longer for what is missing beside these. Answers the message that they make.
fn ripen(connection: &Connection, group: &[u8]) -> rusqlite::Result<Option<i64>> {
    let message: Option<i64> = connection
        .prepare_cached("SELECT min(id) FROM inbound_part WHERE grouping = ?1 AND message IS NULL")?
        .query_row([group], |row| row.get(0))?;
    connection
        .prepare_cached("UPDATE inbound_part SET message = ?2 WHERE grouping = ?1 AND message IS NULL")?
        .execute(params![group, message])?;
    Ok(message)
}

fn made_of(connection: &Connection, message: i64) -> rusqlite::Result<InboundParts> {
    let mut of =
        InboundParts { id: id(message), gateway: GatewayId(0), at_ms: 0, total: 0, parts: Vec::new() };
    let mut statement = connection.prepare_cached(MADE_OF)?;
    let mut rows = statement.query([message])?;
    while let Some(row) = rows.next()? {
        of.gateway = GatewayId(row.get(1)?);
        of.at_ms = of.at_ms.max(row.get(2)?);
        of.total = row.get(4)?;
        of.parts.push((row.get(3)?, row.get(5)?));
    }
    Ok(of)
}

/// Gives up waiting, and answers what is to be put together.
pub(super) fn ripe(
    session: &mut Session<'_>,
    (before_ms, limit): &(i64, usize),
) -> Result<RipeInbound, Failure> {
    let connection = session.connection;
    // Seldom, and over what waits.
    let late: Vec<Vec<u8>> = connection
        .prepare_cached(
            "SELECT DISTINCT grouping FROM inbound_part WHERE message IS NULL AND at_ms < ?1 LIMIT ?2",
        )?
        .query_map(params![before_ms, *limit as i64], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for group in late {
        ripen(connection, &group)?;
    }
    let messages: Vec<i64> = connection
        .prepare_cached(RIPE)?
        .query_map(params![-1, *limit as i64], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let ripe = messages.into_iter().map(|message| made_of(connection, message)).collect::<Result<_, _>>()?;
    let oldest_ms = connection
        .prepare_cached("SELECT min(at_ms) FROM inbound_part WHERE message IS NULL")?
        .query_row([], |row| row.get(0))?;
    Ok(RipeInbound { ripe, oldest_ms })
}

fn read(row: &Row<'_>) -> rusqlite::Result<StoredInbound> {
    Ok(StoredInbound {
        id: id(row.get(0)?),
        vs: VsId(row.get(1)?),
        gateway: GatewayId(row.get(2)?),
        at_ms: row.get(3)?,
        sealed: row.get(4)?,
    })
}

/// What nobody has heard yet.
pub(super) fn unheard(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<StoredInbound>> {
    let sql = format!("SELECT {COLUMNS} FROM inbound WHERE is_heard = 0 AND id > 0 ORDER BY id LIMIT ?1");
    connection.prepare_cached(&sql)?.query_map([limit as i64], read)?.collect()
}

/// Notes that these were heard.
pub(super) fn heard(session: &mut Session<'_>, ids: &[MessageId]) -> Result<(), Failure> {
    let mut update = session.connection.prepare_cached("UPDATE inbound SET is_heard = 1 WHERE id = ?1")?;
    for id in ids {
        update.execute([number(*id)])?;
    }
    Ok(())
}

/// A virtual server's messages, the newest first.
pub(super) fn list(
    connection: &Connection,
    vs: VsId,
    filter: InboundFilter,
    before: Option<MessageId>,
    limit: usize,
) -> rusqlite::Result<Vec<StoredInbound>> {
    let (before, limit) = (before.map_or(i64::MAX, number), limit as i64);
    match filter.phone {
        None => {
            let sql =
                format!("SELECT {COLUMNS} FROM inbound WHERE vs = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
            connection.prepare_cached(&sql)?.query_map(params![vs.0, before, limit], read)?.collect()
        }
        Some(phone) => {
            let sql = format!(
                "SELECT {COLUMNS} FROM inbound WHERE phone = ?4 AND phone IS NOT NULL AND vs = ?1 AND id < ?2
                 ORDER BY id DESC LIMIT ?3"
            );
            connection.prepare_cached(&sql)?.query_map(params![vs.0, before, limit, phone], read)?.collect()
        }
    }
}

/// One message of this virtual server.
pub(super) fn one(
    connection: &Connection,
    vs: VsId,
    id: MessageId,
) -> rusqlite::Result<Option<StoredInbound>> {
    let sql = format!("SELECT {COLUMNS} FROM inbound WHERE id = ?1 AND vs = ?2");
    connection.prepare_cached(&sql)?.query_row(params![number(id), vs.0], read).optional()
}

/// Deletes at most so many of each: messages from before this, and parts of messages that were put together long ago. Answers how many.
pub(super) fn expire(
    connection: &Connection,
    before_ms: i64,
    now_ms: i64,
    limit: usize,
) -> rusqlite::Result<usize> {
    let messages = connection
        .prepare_cached(
            "DELETE FROM inbound WHERE id IN
             (SELECT id FROM (SELECT id, at_ms FROM inbound ORDER BY id LIMIT ?2) WHERE at_ms < ?1)",
        )?
        .execute(params![before_ms, limit as i64])?;
    let parts = connection
        .prepare_cached(
            "DELETE FROM inbound_part WHERE id IN
             (SELECT id FROM inbound_part WHERE at_ms < ?1 AND message IS NOT NULL AND sealed IS NULL LIMIT ?2)",
        )?
        .execute(params![now_ms - SAME_FOR_MS, limit as i64])?;
    Ok(messages + parts)
}

// === whose they are ===

/// Rules of those virtual servers that have any.
pub(super) fn rules(connection: &Connection) -> rusqlite::Result<Vec<(VsId, Value)>> {
    let read = |row: &Row<'_>| {
        let rules: String = row.get(1)?;
        Ok((VsId(row.get(0)?), serde_json::from_str(&rules).unwrap_or_default()))
    };
    connection
        .prepare_cached("SELECT vs, rules FROM inbound_rules ORDER BY vs")?
        .query_map([], read)?
        .collect()
}

/// Puts a virtual server's rules, or takes them away.
pub(super) fn put_rules(connection: &Connection, vs: VsId, rules: Option<&Value>) -> rusqlite::Result<()> {
    match rules {
        Some(rules) => connection
            .prepare_cached("INSERT OR REPLACE INTO inbound_rules (vs, rules) VALUES (?1, ?2)")?
            .execute(params![vs.0, rules.to_string()])?,
        None => connection.prepare_cached("DELETE FROM inbound_rules WHERE vs = ?1")?.execute([vs.0])?,
    };
    Ok(())
}
