//! Opt-outs and the consent log in PostgreSQL.
//!
//! Nodes take turns, so that entries are committed in the order of their numbers: a node that has seen one has seen all before it. Each
//! hears of new ones with the commit.

use super::audit::take_turn;
use super::change::{set_number, tell_nodes};
use super::command::Failure;
use super::connect::Conn;
use super::entries::{number, small};
use crate::opt_out::MOST;
use crate::{ConsentRecord, ConsentSource, NewConsent, OptOutRecord, PhoneKey, Wish};
use std::collections::{BTreeMap, BTreeSet};
use textgate_sms::VsId;
use tokio_postgres::{Error, Row};

const COLUMNS: &str = "id, vs, key, sender, at_ms, source, sealed";
const LOG_COLUMNS: &str = "id, vs, key, sender, is_out, at_ms, source, actor, note, sealed";

/// What is set, of those virtual servers that have anything.
pub(super) const SETTINGS: &str = "SELECT vs, settings FROM opt_out_settings ORDER BY vs";

/// Opt-outs that there are, as the transaction goes: by virtual server and phone, with each one's number.
type There = BTreeMap<(i64, Vec<u8>), BTreeMap<String, i64>>;

/// Writes what was said, where it changes anything. Answers for each whether it did.
pub(super) async fn consent(conn: &Conn, all: &[NewConsent]) -> Result<Vec<bool>, Failure> {
    take_turn(conn).await?;
    let mut next = number(conn, "next_consent").await?;
    let first = next;
    let mut there = there(conn, all).await?;
    let (mut log, mut gone, mut put) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
    let mut changed = Vec::with_capacity(all.len());
    for one in all {
        let of_phone = there.entry((i64::from(one.vs.0), one.key.to_vec())).or_default();
        let before = next;
        if one.wish == Wish::Out {
            if !of_phone.contains_key(&one.sender) {
                of_phone.insert(one.sender.clone(), next);
                put.insert(next, one);
                log.push(one.entry(next as u64, &one.sender));
                next += 1;
            }
        } else {
            let ended: Vec<String> = of_phone.keys().filter(|sender| one.ends(sender)).cloned().collect();
            for sender in ended {
                // One that began in this call was never written.
                if let Some(id) = of_phone.remove(&sender)
                    && put.remove(&id).is_none()
                {
                    gone.insert(id);
                }
                log.push(one.entry(next as u64, &sender));
                next += 1;
            }
        }
        changed.push(next > before);
    }
    if next == first {
        return Ok(changed);
    }
    let gone: Vec<i64> = gone.into_iter().collect();
    conn.run("DELETE FROM opt_out WHERE id = ANY($1::int8[])", &[&gone]).await?;
    insert(conn, &put).await?;
    append(conn, &log).await?;
    set_number(conn, "next_consent", next).await?;
    tell_nodes(conn).await?;
    Ok(changed)
}

async fn there(conn: &Conn, all: &[NewConsent]) -> Result<There, Error> {
    let (servers, keys): (Vec<i64>, Vec<&[u8]>) =
        all.iter().map(|one| (i64::from(one.vs.0), one.key.as_slice())).unzip();
    let sql = "SELECT o.vs, o.key, o.sender, o.id FROM opt_out AS o
               JOIN (SELECT DISTINCT * FROM unnest($1::int8[], $2::bytea[])) AS u (vs, key)
                 ON o.vs = u.vs AND o.key = u.key";
    let mut there = There::new();
    for row in conn.rows(sql, &[&servers, &keys]).await? {
        let of_phone = there.entry((row.try_get(0)?, row.try_get(1)?)).or_default();
        of_phone.insert(row.try_get(2)?, row.try_get(3)?);
    }
    Ok(there)
}

async fn insert(conn: &Conn, put: &BTreeMap<i64, &NewConsent>) -> Result<(), Error> {
    let ids: Vec<i64> = put.keys().copied().collect();
    let servers: Vec<i64> = put.values().map(|one| i64::from(one.vs.0)).collect();
    let keys: Vec<&[u8]> = put.values().map(|one| one.key.as_slice()).collect();
    let senders: Vec<&str> = put.values().map(|one| one.sender.as_str()).collect();
    let times: Vec<i64> = put.values().map(|one| one.at_ms).collect();
    let sources: Vec<i16> = put.values().map(|one| i16::from(one.source.code())).collect();
    let sealed: Vec<Option<&[u8]>> = put.values().map(|one| one.sealed.as_deref()).collect();
    let sql = "INSERT INTO opt_out (id, vs, key, sender, at_ms, source, sealed)
               SELECT * FROM unnest($1::int8[], $2::int8[], $3::bytea[], $4::text[], $5::int8[], $6::int2[], $7::bytea[])";
    conn.run(sql, &[&ids, &servers, &keys, &senders, &times, &sources, &sealed]).await.map(drop)
}

async fn append(conn: &Conn, log: &[ConsentRecord]) -> Result<(), Error> {
    let longs = |read: fn(&ConsentRecord) -> i64| log.iter().map(read).collect::<Vec<i64>>();
    let texts = |read: fn(&ConsentRecord) -> &str| log.iter().map(read).collect::<Vec<&str>>();
    let keys: Vec<&[u8]> = log.iter().map(|entry| entry.key.as_slice()).collect();
    let outs: Vec<bool> = log.iter().map(|entry| entry.is_out).collect();
    let sources: Vec<i16> = log.iter().map(|entry| i16::from(entry.source.code())).collect();
    let sealed: Vec<Option<&[u8]>> = log.iter().map(|entry| entry.sealed.as_deref()).collect();
    let sql = "INSERT INTO consent (id, vs, key, sender, is_out, at_ms, source, actor, note, sealed)
               SELECT * FROM unnest($1::int8[], $2::int8[], $3::bytea[], $4::text[], $5::bool[], $6::int8[], $7::int2[],
                 $8::text[], $9::text[], $10::bytea[])";
    let (ids, servers, times) = (longs(|e| e.id as i64), longs(|e| i64::from(e.vs.0)), longs(|e| e.at_ms));
    let (senders, actors, notes) = (texts(|e| &e.sender), texts(|e| &e.actor), texts(|e| &e.note));
    conn.run(sql, &[&ids, &servers, &keys, &senders, &outs, &times, &sources, &actors, &notes, &sealed])
        .await
        .map(drop)
}

fn key(row: &Row, at: usize) -> Result<PhoneKey, Error> {
    Ok(row.try_get::<_, &[u8]>(at)?.try_into().unwrap_or_default())
}

fn read(row: &Row) -> Result<OptOutRecord, Error> {
    Ok(OptOutRecord {
        id: row.try_get::<_, i64>(0)? as u64,
        vs: VsId(small(row, 1)?),
        key: key(row, 2)?,
        sender: row.try_get(3)?,
        at_ms: row.try_get(4)?,
        source: ConsentSource::from_code(row.try_get::<_, i16>(5)? as u8),
        sealed: row.try_get(6)?,
    })
}

fn read_entry(row: &Row) -> Result<ConsentRecord, Error> {
    Ok(ConsentRecord {
        id: row.try_get::<_, i64>(0)? as u64,
        vs: VsId(small(row, 1)?),
        key: key(row, 2)?,
        sender: row.try_get(3)?,
        is_out: row.try_get(4)?,
        at_ms: row.try_get(5)?,
        source: ConsentSource::from_code(row.try_get::<_, i16>(6)? as u8),
        actor: row.try_get(7)?,
        note: row.try_get(8)?,
        sealed: row.try_get(9)?,
    })
}

/// The rows of a page, the newest first.
async fn page(
    conn: &Conn,
    (columns, table): (&str, &str),
    vs: VsId,
    phone: Option<PhoneKey>,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Row>, Error> {
    let before = before.map_or(i64::MAX, |before| before as i64);
    let (vs, limit) = (i64::from(vs.0), limit.clamp(1, MOST) as i64);
    match phone {
        Some(phone) => {
            let sql = format!(
                "SELECT {columns} FROM {table} WHERE vs = $1 AND key = $4 AND id < $2 ORDER BY id DESC LIMIT $3"
            );
            conn.rows(&sql, &[&vs, &before, &limit, &phone.as_slice()]).await
        }
        None => {
            let sql =
                format!("SELECT {columns} FROM {table} WHERE vs = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
            conn.rows(&sql, &[&vs, &before, &limit]).await
        }
    }
}

/// Opt-outs of a virtual server, or of one of its phones, the newest first.
pub(super) async fn list(
    conn: &Conn,
    vs: VsId,
    phone: Option<PhoneKey>,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<OptOutRecord>, Error> {
    page(conn, (COLUMNS, "opt_out"), vs, phone, before, limit).await?.iter().map(read).collect()
}

/// Opt-outs of all virtual servers after this one.
pub(super) async fn after(conn: &Conn, after: u64, limit: usize) -> Result<Vec<OptOutRecord>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM opt_out WHERE id > $1 ORDER BY id LIMIT $2");
    let rows = conn.rows(&sql, &[&(after as i64), &(limit.clamp(1, MOST) as i64)]).await?;
    rows.iter().map(read).collect()
}

/// Entries of a virtual server's consent log, or of those about one of its phones, the newest first.
pub(super) async fn log(
    conn: &Conn,
    vs: VsId,
    phone: Option<PhoneKey>,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<ConsentRecord>, Error> {
    page(conn, (LOG_COLUMNS, "consent"), vs, phone, before, limit).await?.iter().map(read_entry).collect()
}

/// Entries of all consent logs after this one.
pub(super) async fn log_after(conn: &Conn, after: u64, limit: usize) -> Result<Vec<ConsentRecord>, Error> {
    let sql = format!("SELECT {LOG_COLUMNS} FROM consent WHERE id > $1 ORDER BY id LIMIT $2");
    let rows = conn.rows(&sql, &[&(after as i64), &(limit.clamp(1, MOST) as i64)]).await?;
    rows.iter().map(read_entry).collect()
}

/// The newest entry's number; 0 where there was none.
pub(super) async fn newest(conn: &Conn) -> Result<u64, Error> {
    Ok((number(conn, "next_consent").await?.max(1) - 1) as u64)
}

/// Puts a virtual server's settings.
pub(super) async fn put_settings(conn: &Conn, vs: VsId, settings: &serde_json::Value) -> Result<(), Error> {
    let sql = "INSERT INTO opt_out_settings (vs, settings) VALUES ($1, $2) ON CONFLICT (vs) DO UPDATE SET settings = $2";
    conn.run(sql, &[&i64::from(vs.0), &settings.to_string()]).await.map(drop)
}
