//! What nodes share out among them: connections, what they say of gateways, and messages that go from one to another.
//!
//! A node holds a connection under its epoch: when it is fenced, it holds none any more, without a word. Who claims takes a turn, so that
//! no two find one connection free. A message that is given to another node is its own with the commit; that it was given stands in
//! `handed` until it was taken on.

use super::command::Failure;
use super::connect::Conn;
use super::lease::Lease;
use super::list::{self, COLUMNS};
use super::node::Hold;
use super::schema::TURN;
use crate::{Claims, GatewayWord, HandOver, Handed, Holding, Peers, Says};
use std::collections::HashMap;
use std::sync::Arc;
use textgate_sms::{GatewayId, MessageId};
use tokio_postgres::{Error, Row};

/// On this channel nodes hear that something is held or said otherwise.
pub(super) const CHANNEL: &str = "textgate_peers";
/// What is said there by a node that leaves.
pub(super) const LEFT: &str = "left";
/// On this channel a node hears, by its number, that it was given messages.
pub(super) const HANDED: &str = "textgate_handed";

/// On this channel nodes tell each other things in passing: the node's number, and octets in hexadecimal digits.
pub(super) const TOLD: &str = "textgate_told";
/// What is said on the first when the fraud guard's blocks were changed, and when alerts were.
pub(super) const GUARD: &str = "guard";
pub(super) const ALERTS: &str = "alerts";

/// A node that has not shown for so long that it is there is given nothing (s).
const SILENT_S: f64 = 2.5;

/// Messages that go to another node, under the hold of when they were to go.
pub(super) struct Going {
    pub(super) lease: Arc<Lease>,
    pub(super) epoch: i64,
    pub(super) hand_over: HandOver,
}

fn gateway(row: &Row, at: usize) -> Result<GatewayId, Error> {
    row.try_get::<_, i64>(at).map(|id| GatewayId(id as u32))
}

fn node(row: &Row, at: usize) -> Result<u8, Error> {
    row.try_get::<_, i16>(at).map(|id| id as u8)
}

/// What is now.
pub(super) async fn read(conn: &Conn) -> Result<Peers, Error> {
    let members = conn.rows("SELECT id FROM node WHERE is_up AND is_running ORDER BY id", &[]).await?;
    let holdings = conn
        .rows(
            "SELECT h.gateway, h.connection, h.node FROM holding AS h JOIN node AS n ON n.id = h.node
             WHERE n.is_up AND n.epoch = h.epoch ORDER BY h.gateway, h.connection",
            &[],
        )
        .await?;
    let words = conn
        .rows(
            "SELECT w.gateway, w.node, w.state, w.until_ms, w.is_account, w.reason
             FROM gateway_word AS w JOIN node AS n ON n.id = w.node
             WHERE n.is_up AND n.epoch = w.epoch ORDER BY w.gateway, w.node",
            &[],
        )
        .await?;
    let holding = |row: &Row| {
        let connection = row.try_get::<_, i16>(1)? as u8;
        Ok(Holding { gateway: gateway(row, 0)?, connection, node: node(row, 2)? })
    };
    Ok(Peers {
        members: members.iter().map(|row| node(row, 0)).collect::<Result<_, Error>>()?,
        holdings: holdings.iter().map(holding).collect::<Result<_, Error>>()?,
        words: words.iter().map(word).collect::<Result<_, Error>>()?,
    })
}

fn word(row: &Row) -> Result<GatewayWord, Error> {
    let says = match row.try_get::<_, i16>(2)? {
        0 => Says::Up,
        1 => Says::Paused { until_ms: row.try_get(3)?, is_account: row.try_get(4)? },
        _ => Says::Down { reason: row.try_get(5)? },
    };
    Ok(GatewayWord { gateway: gateway(row, 0)?, node: node(row, 1)?, says })
}

/// Leaves, takes and says; answers what is then.
pub(super) async fn claim(conn: &Conn, lease: &Lease, claims: &Claims) -> Result<Peers, Failure> {
    let Hold { id, epoch, .. } = lease.hold();
    conn.batch(&format!("SELECT pg_advisory_xact_lock({})", TURN + 4)).await?;
    let joins = "UPDATE node SET is_running = true WHERE id = $1 AND epoch = $2 AND NOT is_running";
    let mut changed = conn.run(joins, &[&id, &epoch]).await?;
    if changed > 0 {
        // What whoever had this number before has left behind.
        conn.run("DELETE FROM holding WHERE node = $1 AND epoch <> $2", &[&id, &epoch]).await?;
        conn.run("DELETE FROM gateway_word WHERE node = $1 AND epoch <> $2", &[&id, &epoch]).await?;
    }
    let parts = |pairs: &[(GatewayId, u8)]| -> (Vec<i64>, Vec<i16>) {
        pairs.iter().map(|(gateway, connection)| (i64::from(gateway.0), i16::from(*connection))).unzip()
    };
    if !claims.leave.is_empty() {
        let (gateways, connections) = parts(&claims.leave);
        let sql = "DELETE FROM holding AS h USING unnest($1::int8[], $2::int2[]) AS u (gateway, connection)
                   WHERE h.gateway = u.gateway AND h.connection = u.connection AND h.node = $3";
        changed += conn.run(sql, &[&gateways, &connections, &id]).await?;
    }
    if !claims.take.is_empty() {
        let (gateways, connections) = parts(&claims.take);
        let sql = "INSERT INTO holding AS h (gateway, connection, node, epoch)
                   SELECT u.gateway, u.connection, $3, $4 FROM unnest($1::int8[], $2::int2[]) AS u (gateway, connection)
                   ON CONFLICT (gateway, connection) DO UPDATE SET node = $3, epoch = $4
                   WHERE NOT EXISTS (SELECT 1 FROM node AS n WHERE n.id = h.node AND n.epoch = h.epoch AND n.is_up)";
        changed += conn.run(sql, &[&gateways, &connections, &id, &epoch]).await?;
    }
    for (gateway, says) in &claims.say {
        changed += say(conn, (id, epoch), *gateway, says.as_ref()).await?;
    }
    if changed > 0 {
        tell(conn, "").await?;
    }
    Ok(read(conn).await?)
}

async fn say(
    conn: &Conn,
    (id, epoch): (i16, i64),
    gateway: GatewayId,
    says: Option<&Says>,
) -> Result<u64, Error> {
    let gateway = i64::from(gateway.0);
    let (state, until_ms, is_account, reason): (i16, i64, bool, &str) = match says {
        None => {
            let sql = "DELETE FROM gateway_word WHERE gateway = $1 AND node = $2";
            return conn.run(sql, &[&gateway, &id]).await;
        }
        Some(Says::Up) => (0, 0, false, ""),
        Some(Says::Paused { until_ms, is_account }) => (1, *until_ms, *is_account, ""),
        Some(Says::Down { reason }) => (2, 0, false, reason),
    };
    let sql = "INSERT INTO gateway_word (gateway, node, epoch, state, until_ms, is_account, reason)
               VALUES ($1, $2, $3, $4, $5, $6, $7)
               ON CONFLICT (node, gateway) DO UPDATE SET epoch = $3, state = $4, until_ms = $5, is_account = $6, reason = $7";
    conn.run(sql, &[&gateway, &id, &epoch, &state, &until_ms, &is_account, &reason]).await
}

/// Every node hears, with the commit, that something is otherwise.
pub(super) async fn tell(conn: &Conn, what: &str) -> Result<(), Error> {
    conn.rows("SELECT pg_notify($1, $2)", &[&CHANNEL, &what]).await.map(drop)
}

/// Tells others something in passing.
pub(super) async fn tell_in_passing(
    conn: &Conn,
    (lease, what): &(Arc<Lease>, Vec<u8>),
) -> Result<(), Failure> {
    use std::fmt::Write as _;
    let mut text = format!("{}:", lease.hold().id);
    for octet in what {
        // Writing into a String cannot fail.
        let _ = write!(text, "{octet:02x}");
    }
    Ok(conn.rows("SELECT pg_notify($1, $2)", &[&TOLD, &text]).await.map(drop)?)
}

/// Who told what; `None` where this is nothing that a node tells.
pub(super) fn read_told(text: &str) -> Option<(u8, Vec<u8>)> {
    let (node, digits) = text.split_once(':')?;
    let pairs = digits.as_bytes().chunks(2);
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    Some((node.parse().ok()?, pairs.map(octet).collect::<Option<_>>()?))
}

/// Gives messages to another node.
pub(super) async fn hand_over(conn: &Conn, going: &Going) -> Result<Option<Vec<MessageId>>, Failure> {
    let Hold { id, epoch, .. } = going.lease.hold();
    let HandOver { gateway, to, messages } = &going.hand_over;
    let (gateway, to) = (i64::from(gateway.0), i16::from(*to));
    // Who begins anew in between reads its messages back, and would have these twice: the row is held against that until the commit,
    // and against nothing else that its node does.
    let there = "SELECT 1 FROM node AS n WHERE n.id = $1 AND n.is_up
                 AND n.seen > clock_timestamp() - $3 * interval '1 second' AND EXISTS (SELECT 1 FROM gateway_word AS w
                   WHERE w.node = n.id AND w.epoch = n.epoch AND w.gateway = $2 AND w.state < 2)
                 FOR KEY SHARE OF n";
    if epoch != going.epoch || conn.row(there, &[&to, &gateway, &SILENT_S]).await?.is_none() {
        return Ok(None);
    }
    let mut ids: Vec<i64> = messages.iter().map(|(id, _)| id.as_u64() as i64).collect();
    ids.sort_unstable();
    let sql = "UPDATE message SET node = $1 WHERE id = ANY($2::int8[]) AND marked = 0 AND node = $3 RETURNING id, kind";
    let went = conn.rows(sql, &[&to, &ids, &id]).await?;
    let went: HashMap<i64, i16> =
        went.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, Error>>()?;
    if went.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let (mut gone, mut kinds, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for (message, note) in messages {
        let message = message.as_u64() as i64;
        if let Some(kind) = went.get(&message) {
            gone.push(message);
            kinds.push(*kind);
            notes.push(*note as i64);
        }
    }
    let sql = "INSERT INTO handed (node, kind, message, notes)
               SELECT $1, u.kind, u.message, u.notes FROM unnest($2::int2[], $3::int8[], $4::int8[]) AS u (kind, message, notes)";
    conn.run(sql, &[&to, &kinds, &gone, &notes]).await?;
    conn.rows("SELECT pg_notify($1, $2)", &[&HANDED, &to.to_string()]).await?;
    Ok(Some(gone.into_iter().map(|id| MessageId::from_u64(id as u64)).collect()))
}

/// Takes on what others gave to this node.
pub(super) async fn take_on(conn: &Conn, lease: &Lease, limit: usize) -> Result<Vec<Handed>, Failure> {
    let id = lease.hold().id;
    let sql = "DELETE FROM handed WHERE node = $1 AND (kind, message) IN
               (SELECT kind, message FROM handed WHERE node = $1 ORDER BY kind, message LIMIT $2) RETURNING message, notes";
    let rows = conn.rows(sql, &[&id, &(limit as i64)]).await?;
    let notes: HashMap<i64, i64> =
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, Error>>()?;
    if notes.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = notes.keys().copied().collect();
    let sql =
        format!("SELECT {COLUMNS} FROM message WHERE id = ANY($1::int8[]) AND marked = 0 AND node = $2");
    let mut messages = list::read_all(&conn.rows(&sql, &[&ids, &id]).await?)?;
    messages.sort_by_key(|message| (message.kind, message.id));
    let notes_of = |id: MessageId| notes.get(&(id.as_u64() as i64)).copied().unwrap_or(0) as u64;
    Ok(messages.into_iter().map(|message| Handed { notes: notes_of(message.id), message }).collect())
}

/// What was given to a node is taken on otherwise: with all of its messages, or by whoever took them over.
pub(super) async fn forget_handed_to(conn: &Conn, node: i16) -> Result<(), Error> {
    conn.run("DELETE FROM handed WHERE node = $1", &[&node]).await.map(drop)
}

/// The same for these messages.
pub(super) async fn forget_handed(conn: &Conn, messages: &[i64]) -> Result<(), Error> {
    conn.run("DELETE FROM handed WHERE message = ANY($1::int8[])", &[&messages]).await.map(drop)
}
