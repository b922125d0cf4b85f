//! Messages of phones in PostgreSQL: their parts, the whole ones, and the rules that say whose they are.
//!
//! Parts of one message may come to different nodes. Those that keep parts take turns, so that the last of two which come at the same
//! time sees the other.

use super::command::Failure;
use super::connect::Conn;
use super::desk::Desk;
use super::entries::small;
use super::{audit, webhooks};
use crate::inbound::{MOST_WAITING, PartThere, Placing, SAME_FOR_MS, place};
use crate::{
    InboundFilter, InboundPartRecord, InboundParts, InboundRecord, RipeInbound, StoredInbound, WebhookKind,
};
use std::sync::Arc;
use textgate_sms::{GatewayId, MessageId, VsId};
use tokio_postgres::{Error, Row};

const COLUMNS: &str = "id, vs, gateway, at_ms, sealed";

/// Keeps messages; of two nodes that keep the same one, the second finds it there.
const RECORD: &str = "INSERT INTO inbound (id, vs, gateway, at_ms, is_heard, phone, key, sealed)
    SELECT id, vs, gateway, at_ms, false, phone, key, sealed
    FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::bytea[], $6::bytea[], $7::bytea[])
      AS u (id, vs, gateway, at_ms, phone, key, sealed)
    ON CONFLICT DO NOTHING RETURNING id";
const USED: &str = "UPDATE inbound_part SET sealed = NULL
    WHERE message = ANY($1::int8[]) AND message IS NOT NULL AND sealed IS NOT NULL";
const GROUP: &str = "SELECT number, digest, at_ms, message IS NULL FROM inbound_part WHERE grouping = $1";
const WAITING: &str = "SELECT count(*) FROM (SELECT 1 FROM inbound_part WHERE gateway = $1 AND message IS NULL LIMIT $2) AS waiting";
const MADE_OF: &str = "SELECT message, gateway, at_ms, number, total, sealed FROM inbound_part
    WHERE message = ANY($1::int8[]) AND message IS NOT NULL AND sealed IS NOT NULL ORDER BY message, number";
const RIPE: &str =
    "SELECT DISTINCT message FROM inbound_part WHERE message IS NOT NULL AND sealed IS NOT NULL
    ORDER BY message LIMIT $1";

fn id(number: i64) -> MessageId {
    MessageId::from_u64(number as u64)
}

fn number(id: MessageId) -> i64 {
    id.as_u64() as i64
}

/// 16 octets.
fn hash(row: &Row, at: usize) -> Result<[u8; 16], Error> {
    Ok(row.try_get::<_, &[u8]>(at)?.try_into().unwrap_or_default())
}

/// Keeps whole messages, and owes those who are told of them. Answers which are new.
pub(super) async fn record(
    conn: &Conn,
    (inbound, desk): &(Vec<InboundRecord>, Arc<Desk>),
) -> Result<Vec<bool>, Failure> {
    let ids: Vec<i64> = inbound.iter().map(|message| number(message.id)).collect();
    let servers: Vec<i64> = inbound.iter().map(|message| i64::from(message.vs.0)).collect();
    let gateways: Vec<i64> = inbound.iter().map(|message| i64::from(message.gateway.0)).collect();
    let times: Vec<i64> = inbound.iter().map(|message| message.at_ms).collect();
    let phones: Vec<&[u8]> = inbound.iter().map(|message| message.phone.as_slice()).collect();
    let keys: Vec<Option<&[u8]>> =
        inbound.iter().map(|message| message.key.as_ref().map(<[u8; 16]>::as_slice)).collect();
    let sealed: Vec<&[u8]> = inbound.iter().map(|message| message.sealed.as_slice()).collect();
    let rows = conn.rows(RECORD, &[&ids, &servers, &gateways, &times, &phones, &keys, &sealed]).await?;
    let mut new = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
    conn.run(USED, &[&ids]).await?;
    // One that was given twice is new once.
    let is_new = |id: &i64| new.iter().position(|new| new == id).map(|at| new.swap_remove(at)).is_some();
    let new: Vec<bool> = ids.iter().map(is_new).collect();
    for message in inbound.iter().zip(&new).filter_map(|(message, is_new)| is_new.then_some(message)) {
        webhooks::owe(
            conn,
            &desk.told(),
            message.vs,
            WebhookKind::Inbound,
            message.id.as_u64(),
            message.at_ms,
        )
        .await?;
    }
    Ok(new)
}

/// Keeps a part. Answers what is to be put together now.
pub(super) async fn record_part(conn: &Conn, part: &InboundPartRecord) -> Result<Vec<InboundParts>, Failure> {
    audit::take_turn(conn).await?;
    let group = part.group.as_slice();
    let mut there = Vec::new();
    for row in conn.rows(GROUP, &[&group]).await? {
        there.push(PartThere {
            number: row.try_get::<_, i16>(0)? as u8,
            digest: hash(&row, 1)?,
            at_ms: row.try_get(2)?,
            is_waiting: row.try_get(3)?,
        });
    }
    let waiting = conn.row(WAITING, &[&i64::from(part.gateway.0), &(MOST_WAITING as i64)]).await?;
    let waiting = waiting.map(|row| row.try_get::<_, i64>(0)).transpose()?.unwrap_or(0);
    let Placing { is_kept, closes_before, is_ripe } =
        place(part, &there, usize::try_from(waiting).unwrap_or(0));
    let mut made = Vec::new();
    if closes_before {
        made.extend(ripen(conn, group).await?);
    }
    if is_kept {
        let sql = "INSERT INTO inbound_part (id, gateway, at_ms, grouping, number, total, digest, sealed)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
        conn.run(
            sql,
            &[
                &number(part.id),
                &i64::from(part.gateway.0),
                &part.at_ms,
                &group,
                &i16::from(part.number),
                &i16::from(part.total),
                &part.digest.as_slice(),
                &part.sealed,
            ],
        )
        .await?;
    }
    if is_ripe {
        made.extend(ripen(conn, group).await?);
    }
    Ok(if made.is_empty() { Vec::new() } else { made_of(conn, &made).await? })
}

/// Waits no longer for what is missing beside these. Answers the message that they make.
async fn ripen(conn: &Conn, group: &[u8]) -> Result<Option<i64>, Error> {
    let sql = "UPDATE inbound_part SET message = (SELECT min(id) FROM inbound_part WHERE grouping = $1 AND message IS NULL)
               WHERE grouping = $1 AND message IS NULL RETURNING message";
    let rows = conn.rows(sql, &[&group]).await?;
    rows.first().map(|row| row.try_get(0)).transpose()
}

/// What these messages are made of, in order.
async fn made_of(conn: &Conn, messages: &[i64]) -> Result<Vec<InboundParts>, Error> {
    let mut made: Vec<InboundParts> = Vec::new();
    for row in conn.rows(MADE_OF, &[&messages]).await? {
        let message = id(row.try_get(0)?);
        if made.last().is_none_or(|last| last.id != message) {
            made.push(InboundParts {
                id: message,
                gateway: GatewayId(small(&row, 1)?),
                at_ms: 0,
                total: row.try_get::<_, i16>(4)? as u8,
                parts: Vec::new(),
            });
        }
        if let Some(last) = made.last_mut() {
            last.at_ms = last.at_ms.max(row.try_get(2)?);
            last.parts.push((row.try_get::<_, i16>(3)? as u8, row.try_get(5)?));
        }
    }
    Ok(made)
}

/// Gives up waiting, and answers what is to be put together.
pub(super) async fn ripe(conn: &Conn, (before_ms, limit): &(i64, usize)) -> Result<RipeInbound, Failure> {
    audit::take_turn(conn).await?;
    let limit = *limit as i64;
    let sql = "SELECT DISTINCT grouping FROM inbound_part WHERE message IS NULL AND at_ms < $1 LIMIT $2";
    for row in conn.rows(sql, &[before_ms, &limit]).await? {
        ripen(conn, row.try_get(0)?).await?;
    }
    let rows = conn.rows(RIPE, &[&limit]).await?;
    let messages = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
    let ripe = made_of(conn, &messages).await?;
    let oldest = conn.row("SELECT min(at_ms) FROM inbound_part WHERE message IS NULL", &[]).await?;
    Ok(RipeInbound { ripe, oldest_ms: oldest.map(|row| row.try_get(0)).transpose()?.flatten() })
}

fn read(row: &Row) -> Result<StoredInbound, Error> {
    Ok(StoredInbound {
        id: id(row.try_get(0)?),
        vs: VsId(small(row, 1)?),
        gateway: GatewayId(small(row, 2)?),
        at_ms: row.try_get(3)?,
        sealed: row.try_get(4)?,
    })
}

/// What nobody has heard yet: of this node, whose number is in an id's bits 13 to 20, and of others from before.
pub(super) async fn unheard(
    conn: &Conn,
    node: i16,
    others_before_ms: i64,
    limit: usize,
) -> Result<Vec<StoredInbound>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM inbound WHERE NOT is_heard AND ((id >> 13) & 255 = $1 OR at_ms < $2) ORDER BY id LIMIT $3"
    );
    let rows = conn.rows(&sql, &[&i64::from(node), &others_before_ms, &(limit as i64)]).await?;
    rows.iter().map(read).collect()
}

/// Notes that these were heard.
pub(super) async fn heard(conn: &Conn, ids: &[MessageId]) -> Result<(), Failure> {
    let ids: Vec<i64> = ids.iter().map(|id| number(*id)).collect();
    conn.run("UPDATE inbound SET is_heard = true WHERE id = ANY($1::int8[])", &[&ids]).await?;
    Ok(())
}

/// A virtual server's messages, the newest first.
pub(super) async fn list(
    conn: &Conn,
    vs: VsId,
    filter: InboundFilter,
    before: Option<MessageId>,
    limit: usize,
) -> Result<Vec<StoredInbound>, Error> {
    let (vs, before, limit) = (i64::from(vs.0), before.map_or(i64::MAX, number), limit as i64);
    let rows = match filter.phone {
        None => {
            let sql =
                format!("SELECT {COLUMNS} FROM inbound WHERE vs = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
            conn.rows(&sql, &[&vs, &before, &limit]).await?
        }
        Some(phone) => {
            let sql = format!(
                "SELECT {COLUMNS} FROM inbound WHERE phone = $4 AND phone IS NOT NULL AND vs = $1 AND id < $2
                 ORDER BY id DESC LIMIT $3"
            );
            conn.rows(&sql, &[&vs, &before, &limit, &phone.as_slice()]).await?
        }
    };
    rows.iter().map(read).collect()
}

/// One message of this virtual server.
pub(super) async fn one(conn: &Conn, vs: VsId, id: MessageId) -> Result<Option<StoredInbound>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM inbound WHERE id = $1 AND vs = $2");
    conn.row(&sql, &[&number(id), &i64::from(vs.0)]).await?.as_ref().map(read).transpose()
}

/// Deletes at most so many of each: messages from before this, and parts of messages that were put together long ago. Answers how many.
pub(super) async fn expire(conn: &Conn, before_ms: i64, now_ms: i64, limit: i64) -> Result<u64, Error> {
    let messages = "DELETE FROM inbound WHERE id IN
        (SELECT id FROM (SELECT id, at_ms FROM inbound ORDER BY id LIMIT $2) AS oldest WHERE at_ms < $1)";
    let parts = "DELETE FROM inbound_part WHERE id IN
        (SELECT id FROM inbound_part WHERE at_ms < $1 AND message IS NOT NULL AND sealed IS NULL LIMIT $2)";
    let gone = conn.run(messages, &[&before_ms, &limit]).await?;
    Ok(gone + conn.run(parts, &[&(now_ms - SAME_FOR_MS), &limit]).await?)
}

/// Puts a virtual server's rules, or takes them away.
pub(super) async fn put_rules(conn: &Conn, vs: VsId, rules: Option<&serde_json::Value>) -> Result<(), Error> {
    let vs = i64::from(vs.0);
    match rules {
        Some(rules) => {
            let sql = "INSERT INTO inbound_rules (vs, rules) VALUES ($1, $2) ON CONFLICT (vs) DO UPDATE SET rules = $2";
            conn.run(sql, &[&vs, &rules.to_string()]).await.map(drop)
        }
        None => conn.run("DELETE FROM inbound_rules WHERE vs = $1", &[&vs]).await.map(drop),
    }
}
