//! Webhooks in PostgreSQL: endpoints, and the events that each is owed.
//!
//! An event is owed in the transaction of the change it tells of. Its number begins with the time, and follows the one before under the
//! lock of its endpoint's row, taken last of all rows and held until the commit: so whoever reads an endpoint's events in the order of
//! their numbers passes over none that another node commits later.

use super::command::Failure;
use super::connect::{Conn, Step, values};
use super::desk::{CHANNEL, Desk, Told, payload};
use super::entries::{number, small};
use super::node::Hold;
use super::unit::Unit;
use crate::webhook::MOST_KEPT;
use crate::{
    Difference, EventEntry, EventState, Owed, OwedEvent, StoreError, TriedEvent, WebhookKind, WebhookKinds,
    WebhookRecord, WebhookStatus, changes, first_event_at,
};
use std::collections::BTreeSet;
use textgate_sms::VsId;
use tokio_postgres::{Error, Row};

const COLUMNS: &str =
    "id, vs, url, kinds, has_texts, status, secret, former_secret, former_until_ms, created_ms";

/// All endpoints, by number.
pub(super) const ALL: &str =
    "SELECT id, vs, url, kinds, has_texts, status, secret, former_secret, former_until_ms, created_ms
    FROM webhook ORDER BY id";

/// Rows of endpoints, in one order on all nodes.
const HELD: &str = "SELECT id FROM webhook WHERE id = ANY($1::int8[]) ORDER BY id FOR NO KEY UPDATE";
/// In a statement of its own, which sees what was committed before the rows were held. An endpoint that is no more is owed nothing.
const OWE: &str = "WITH new AS MATERIALIZED
      (SELECT u.*, row_number() OVER (PARTITION BY u.endpoint ORDER BY u.place) AS nth
       FROM unnest($1::int8[], $2::int2[], $3::int8[], $4::int8[])
         WITH ORDINALITY AS u (endpoint, kind, subject, at_ms, place)),
    span AS (SELECT endpoint, count(*) AS count, max(at_ms) AS at_ms FROM new GROUP BY endpoint),
    begun AS (UPDATE webhook AS w SET last = greatest(w.last, (least(greatest(s.at_ms, 0), 8796093022207) << 20) - 1) + s.count
      FROM span AS s WHERE w.id = s.endpoint RETURNING w.id, w.last - s.count AS before)
    INSERT INTO webhook_event (endpoint, id, subject, at_ms, attempts, kind, state)
      SELECT new.endpoint, begun.before + new.nth, new.subject, new.at_ms, 0, new.kind, 0
      FROM new JOIN begun ON begun.id = new.endpoint";
/// What was pruned or removed meanwhile is none, and what the endpoint has stays so.
const TRIED: &str = "UPDATE webhook_event AS e
    SET state = u.state, attempts = e.attempts + u.count, tried_ms = u.at_ms, answer = u.answer
    FROM unnest($1::int8[], $2::int8[], $3::int2[], $4::int8[], $5::text[], $6::int4[])
      AS u (endpoint, id, state, at_ms, answer, count)
    WHERE e.endpoint = u.endpoint AND e.id = u.id AND (e.state = 0 OR u.state = 1)";
const NOTIFY: &str = "SELECT pg_notify($1, $2)";
const OWED: &str = "SELECT id, kind, subject, at_ms, attempts FROM webhook_event
    WHERE endpoint = $1 AND state = 0 AND id > $2 ORDER BY id LIMIT $3";
const LOG: &str = "SELECT id, kind, subject, at_ms, attempts, state, tried_ms, answer FROM webhook_event
    WHERE endpoint = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
const AGAIN: &str = "UPDATE webhook_event SET state = 0, attempts = 0 WHERE endpoint = $1 AND id IN
    (SELECT id FROM webhook_event WHERE endpoint = $1 AND id BETWEEN $2 AND $3 AND state <> 0
     ORDER BY id LIMIT $4 FOR UPDATE)";

/// An event that a transaction owes.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewEvent {
    pub(super) endpoint: u32,
    pub(super) kind: WebhookKind,
    pub(super) subject: u64,
    pub(super) at_ms: i64,
}

/// What is to be written of webhooks at the end of a transaction.
pub(super) struct Written {
    owed: Vec<NewEvent>,
    tried: Vec<(i32, TriedEvent)>,
}

// === in bulk ===

impl Written {
    /// Takes it out of a transaction.
    pub(super) fn of(unit: &mut Unit) -> Self {
        let tried = std::mem::take(&mut unit.tried);
        Self { owed: std::mem::take(&mut unit.owed), tried: tried.into_values().collect() }
    }

    /// The endpoints that are owed something new.
    pub(super) fn endpoints(&self) -> BTreeSet<u32> {
        self.owed.iter().map(|event| event.endpoint).collect()
    }

    /// Statements that write it, behind all others. Other nodes are told by a notification, and this one, once it is on disk, by its
    /// writer: most endpoints are owed something by the node that delivers it.
    pub(super) async fn steps<'a>(
        &'a self,
        conn: &'a Conn,
        desk: &Desk,
        hold: Hold,
        steps: &mut Vec<Step<'a>>,
    ) -> Result<(), Error> {
        if !self.tried.is_empty() {
            steps.push(self.tried(conn).await?);
        }
        if self.owed.is_empty() {
            return Ok(());
        }
        let endpoints = self.endpoints();
        let rows: Vec<i64> = endpoints.iter().map(|endpoint| i64::from(*endpoint)).collect();
        steps.push(conn.step(conn.statement(HELD).await?, values![rows]));
        let (of, kinds, subjects, times) = columns(&self.owed);
        steps.push(conn.step(conn.statement(OWE).await?, values![of, kinds, subjects, times]));
        let others: Vec<u32> =
            endpoints.into_iter().filter(|endpoint| !desk.delivers(*endpoint, hold)).collect();
        if !others.is_empty() {
            let said = payload(Owed::More, &others);
            steps.push(conn.step(conn.statement(NOTIFY).await?, values![CHANNEL, said]));
        }
        Ok(())
    }

    async fn tried<'a>(&'a self, conn: &'a Conn) -> Result<Step<'a>, Error> {
        let tried = &self.tried;
        let endpoints: Vec<i64> = tried.iter().map(|(_, one)| i64::from(one.endpoint)).collect();
        let ids: Vec<i64> = tried.iter().map(|(_, one)| one.id as i64).collect();
        let states: Vec<i16> = tried.iter().map(|(_, one)| i16::from(one.state.code())).collect();
        let times: Vec<i64> = tried.iter().map(|(_, one)| one.at_ms).collect();
        let answers: Vec<String> = tried.iter().map(|(_, one)| storable(one.kept_answer())).collect();
        let counts: Vec<i32> = tried.iter().map(|(count, _)| *count).collect();
        let values = values![endpoints, ids, states, times, answers, counts];
        Ok(conn.step(conn.statement(TRIED).await?, values))
    }
}

/// PostgreSQL's text cannot hold the character of code 0.
fn storable(answer: &str) -> String {
    answer.replace('\0', " ")
}

/// Endpoints, kinds, subjects and times, as a statement takes them.
type Columns = (Vec<i64>, Vec<i16>, Vec<i64>, Vec<i64>);

fn columns(events: &[NewEvent]) -> Columns {
    (
        events.iter().map(|event| i64::from(event.endpoint)).collect(),
        events.iter().map(|event| i16::from(event.kind.code())).collect(),
        events.iter().map(|event| event.subject as i64).collect(),
        events.iter().map(|event| event.at_ms).collect(),
    )
}

// === by itself ===

/// Owes the virtual server's endpoints an event, where they want it, in the transaction of an operation that speaks by itself.
pub(super) async fn owe(
    conn: &Conn,
    told: &Told,
    vs: VsId,
    kind: WebhookKind,
    subject: u64,
    at_ms: i64,
) -> Result<(), Error> {
    let wanted = told.of(vs).iter().filter(|(_, kinds)| kinds.has(kind));
    let events: Vec<NewEvent> =
        wanted.map(|(endpoint, _)| NewEvent { endpoint: *endpoint, kind, subject, at_ms }).collect();
    if events.is_empty() {
        return Ok(());
    }
    let (of, kinds, subjects, times) = columns(&events);
    conn.rows(HELD, &[&of]).await?;
    conn.run(OWE, &[&of, &kinds, &subjects, &times]).await?;
    let endpoints: Vec<u32> = events.iter().map(|event| event.endpoint).collect();
    conn.rows(NOTIFY, &[&CHANNEL, &payload(Owed::More, &endpoints)]).await.map(drop)
}

/// Which events to deliver again.
pub(super) struct Again {
    pub(super) endpoint: u32,
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) limit: usize,
}

/// Owes at most `limit` finished events of this range once more. Answers how many.
pub(super) async fn again(conn: &Conn, again: &Again) -> Result<usize, Failure> {
    let Again { endpoint, from, to, limit } = again;
    let border = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
    let of = i64::from(*endpoint);
    let owed = conn.run(AGAIN, &[&of, &border(*from), &border(*to), &(*limit as i64)]).await? as usize;
    if owed > 0 {
        conn.rows(NOTIFY, &[&CHANNEL, &payload(Owed::Again, &[*endpoint])]).await?;
    }
    Ok(owed)
}

// === endpoints ===

/// All endpoints, by number.
pub(super) async fn all(conn: &Conn) -> Result<Vec<WebhookRecord>, Error> {
    conn.rows(ALL, &[]).await?.iter().map(read).collect()
}

/// An endpoint of a row of [`ALL`].
pub(super) fn read(row: &Row) -> Result<WebhookRecord, Error> {
    let former = row.try_get::<_, Option<Vec<u8>>>(7)?.zip(row.try_get::<_, Option<i64>>(8)?);
    Ok(WebhookRecord {
        id: small(row, 0)?,
        vs: VsId(small(row, 1)?),
        url: row.try_get(2)?,
        kinds: WebhookKinds::from_bits(small(row, 3)?),
        has_texts: row.try_get(4)?,
        status: WebhookStatus::from_code(row.try_get::<_, i16>(5)? as u8).unwrap_or(WebhookStatus::Off),
        sealed_secret: row.try_get(6)?,
        former,
        created_ms: row.try_get(9)?,
    })
}

fn conflict<T>(message: String) -> Result<T, Failure> {
    Err(Failure::Refused(StoreError::Conflict(message)))
}

async fn one(conn: &Conn, id: u32) -> Result<Option<WebhookRecord>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM webhook WHERE id = $1");
    conn.row(&sql, &[&i64::from(id)]).await?.as_ref().map(read).transpose()
}

/// Adds an endpoint, or puts the one of this number anew. Who delivers to it stays.
pub(super) async fn put(conn: &Conn, webhook: &WebhookRecord) -> Result<(String, Difference), Failure> {
    let before = one(conn, webhook.id).await?;
    let next = number(conn, "next_webhook").await?;
    let told = changes::webhook_was_put(before.as_ref(), next, webhook).or_else(conflict)?;
    if before.is_none() {
        let sql = "UPDATE meta SET value = $1 WHERE name = 'next_webhook'";
        conn.run(sql, &[&(i64::from(webhook.id) + 1)]).await?;
    }
    let sql = format!(
        "INSERT INTO webhook ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (id) DO UPDATE SET url = $3, kinds = $4, has_texts = $5, status = $6, secret = $7,
           former_secret = $8, former_until_ms = $9"
    );
    let (former, until_ms) = webhook.former.as_ref().map(|(secret, until_ms)| (secret, until_ms)).unzip();
    conn.run(
        &sql,
        &[
            &i64::from(webhook.id),
            &i64::from(webhook.vs.0),
            &webhook.url,
            &i64::from(webhook.kinds.bits()),
            &webhook.has_texts,
            &i16::from(webhook.status.code()),
            &webhook.sealed_secret,
            &former,
            &until_ms,
            &webhook.created_ms,
        ],
    )
    .await?;
    Ok(told)
}

/// Removes an endpoint. Answers whose it was, and what was done. Its events go with the next tidying up.
pub(super) async fn remove(conn: &Conn, id: u32) -> Result<(VsId, (String, Difference)), Failure> {
    let before = one(conn, id).await?;
    let told = changes::webhook_was_removed(id, before.as_ref()).or_else(conflict)?;
    conn.run("DELETE FROM webhook WHERE id = $1", &[&i64::from(id)]).await?;
    Ok((before.map_or(VsId::ROOT, |before| before.vs), told))
}

// === events ===

fn read_event(row: &Row) -> Result<OwedEvent, Error> {
    Ok(OwedEvent {
        id: row.try_get::<_, i64>(0)? as u64,
        kind: WebhookKind::from_code(row.try_get::<_, i16>(1)? as u8).unwrap_or(WebhookKind::Failed),
        subject: row.try_get::<_, i64>(2)? as u64,
        at_ms: row.try_get(3)?,
        attempts: row.try_get::<_, i32>(4)? as u32,
    })
}

/// Events that an endpoint is owed after this one, in order.
pub(super) async fn owed(
    conn: &Conn,
    endpoint: u32,
    after: u64,
    limit: usize,
) -> Result<Vec<OwedEvent>, Error> {
    let rows = conn.rows(OWED, &[&i64::from(endpoint), &(after as i64), &(limit as i64)]).await?;
    rows.iter().map(read_event).collect()
}

/// An endpoint's delivery log before this event, the newest first.
pub(super) async fn log(
    conn: &Conn,
    endpoint: u32,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<EventEntry>, Error> {
    let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
    let rows = conn.rows(LOG, &[&i64::from(endpoint), &before, &(limit as i64)]).await?;
    rows.iter()
        .map(|row| {
            Ok(EventEntry {
                event: read_event(row)?,
                state: EventState::from_code(row.try_get::<_, i16>(5)? as u8).unwrap_or(EventState::Owed),
                tried_ms: row.try_get(6)?,
                answer: row.try_get(7)?,
            })
        })
        .collect()
}

/// Forgets finished events of before this time or beyond the number that is kept, and all of endpoints that are no more.
pub(super) async fn expire(conn: &Conn, before_ms: i64, chunk: i64) -> Result<(), Error> {
    let mut at = -1_i64;
    // One step from endpoint to endpoint, however many events each has.
    let next = "SELECT endpoint FROM webhook_event WHERE endpoint > $1 ORDER BY endpoint LIMIT 1";
    while let Some(row) = conn.row(next, &[&at]).await? {
        at = row.try_get(0)?;
        let is_removed = conn.row("SELECT 1 FROM webhook WHERE id = $1", &[&at]).await?.is_none();
        let excess = "SELECT id FROM webhook_event WHERE endpoint = $1 ORDER BY id DESC OFFSET $2 LIMIT 1";
        let excess = match is_removed {
            true => Some(i64::MAX - 1),
            false => conn.row(excess, &[&at, &MOST_KEPT]).await?.map(|row| row.try_get(0)).transpose()?,
        };
        let before = (first_event_at(before_ms) as i64).max(excess.map_or(0, |id| id + 1));
        let old = "DELETE FROM webhook_event WHERE endpoint = $1 AND id IN
            (SELECT id FROM webhook_event WHERE endpoint = $1 AND id < $2 AND (state <> 0 OR $3) ORDER BY id LIMIT $4
             FOR UPDATE SKIP LOCKED)";
        while conn.run(old, &[&at, &before, &is_removed, &chunk]).await? > 0 {}
    }
    Ok(())
}

/// The numbers that the statements above have for states.
const _: () = assert!(EventState::Owed as u8 == 0 && EventState::Delivered as u8 == 1);
