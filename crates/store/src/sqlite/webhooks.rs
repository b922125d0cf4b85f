//! Webhooks in SQLite: endpoints, and the events that each is owed.
//!
//! An event is owed in the transaction of the change it tells of, as one row of a few octets and one entry of a partial index that holds only
//! what is owed. Its number begins with the time, so that rows are appended for each endpoint, a number is never used twice, and the
//! oldest go as a range. Who has endpoints is known in memory: a virtual server without one costs a look at an empty table.

use super::command::Failure;
use super::entries::number;
use super::retention::CHUNK;
use super::session::Session;
use crate::webhook::MOST_KEPT;
use crate::{
    Difference, EventEntry, EventState, Owed, OwedEvent, StoreError, TriedEvent, WebhookKind, WebhookKinds,
    WebhookRecord, WebhookStatus, changes, first_event_at,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use smallvec::SmallVec;
use std::collections::{BTreeMap, HashMap};
use textgate_sms::VsId;

/// The tables. state of an event: see `EventState`; subject: the number of the message or alert.
pub(super) const STEP: &str = "
INSERT INTO meta VALUES ('next_webhook', 1);

CREATE TABLE webhook (
    id INTEGER PRIMARY KEY,
    vs INTEGER NOT NULL,
    url TEXT NOT NULL,
    kinds INTEGER NOT NULL,
    has_texts INTEGER NOT NULL,
    status INTEGER NOT NULL,
    secret BLOB NOT NULL,
    former_secret BLOB,
    former_until_ms INTEGER,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_by_vs ON webhook (vs);

CREATE TABLE webhook_event (
    endpoint INTEGER NOT NULL,
    id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    subject INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    state INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    tried_ms INTEGER,
    answer TEXT,
    PRIMARY KEY (endpoint, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_owed ON webhook_event (endpoint, id) WHERE state = 0;
";

const COLUMNS: &str =
    "id, vs, url, kinds, has_texts, status, secret, former_secret, former_until_ms, created_ms";
const OWED: &str = "SELECT id, kind, subject, at_ms, attempts FROM webhook_event INDEXED BY webhook_owed
                    WHERE endpoint = ?1 AND state = 0 AND id > ?2 ORDER BY id LIMIT ?3";
const LOG: &str = "SELECT id, kind, subject, at_ms, attempts, state, tried_ms, answer FROM webhook_event
                   WHERE endpoint = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
/// What is searched, for the test of plans.
#[cfg(test)]
pub(super) const SEARCHES: [&str; 2] = [OWED, LOG];

/// The first number of an event at this time.
fn first_at(at_ms: i64) -> i64 {
    first_event_at(at_ms) as i64
}

/// The endpoints of one virtual server, each with what it is told of.
type Told = SmallVec<[(u32, WebhookKinds); 1]>;

/// Who is told of what, and the last number that was given.
#[derive(Default)]
pub(super) struct Endpoints {
    by_vs: Option<HashMap<u32, Told>>,
    last: i64,
    /// Owed something by the transaction that is open, or by one that never happened: to be told in vain harms nobody.
    owed: BTreeMap<u32, Owed>,
}

impl Endpoints {
    /// What is in memory may be of a transaction that never happened: it is read again when needed.
    pub(super) fn forget(&mut self) {
        self.by_vs = None;
    }

    /// Reads it now, rather than when it is first needed.
    pub(super) fn load(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut by_vs: HashMap<u32, Told> = HashMap::new();
        for webhook in all(connection)? {
            let newest: Option<i64> = connection
                .prepare_cached("SELECT max(id) FROM webhook_event WHERE endpoint = ?1")?
                .query_row([webhook.id], |row| row.get(0))?;
            self.last = self.last.max(newest.unwrap_or(0));
            if webhook.status.is_on() {
                by_vs.entry(webhook.vs.0).or_default().push((webhook.id, webhook.kinds));
            }
        }
        self.by_vs = Some(by_vs);
        Ok(())
    }

    /// Whom to tell that there is something new, once it is on disk.
    pub(super) fn take_owed(&mut self) -> BTreeMap<u32, Owed> {
        std::mem::take(&mut self.owed)
    }
}

/// Owes the virtual server's endpoints an event, where they want it.
pub(super) fn owe(
    session: &mut Session<'_>,
    vs: VsId,
    kind: WebhookKind,
    subject: u64,
    at_ms: i64,
) -> rusqlite::Result<()> {
    let connection = session.connection;
    let endpoints = &mut session.endpoints;
    if endpoints.by_vs.is_none() {
        endpoints.load(connection)?;
    }
    let Some(found) = endpoints.by_vs.as_ref().and_then(|by_vs| by_vs.get(&vs.0)) else { return Ok(()) };
    for (endpoint, kinds) in found {
        if !kinds.has(kind) {
            continue;
        }
        endpoints.last = first_at(at_ms).max(endpoints.last + 1);
        connection
            .prepare_cached(
                "INSERT INTO webhook_event (endpoint, id, kind, subject, at_ms, state, attempts)
                 VALUES (?1, ?2, ?3, ?4, ?5, 0, 0)",
            )?
            .execute(params![endpoint, endpoints.last, kind.code(), subject as i64, at_ms])?;
        endpoints.owed.entry(*endpoint).or_insert(Owed::More);
    }
    Ok(())
}

/// All endpoints, by number.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<WebhookRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM webhook ORDER BY id");
    connection.prepare_cached(&sql)?.query_map([], read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<WebhookRecord> {
    let former = match (row.get::<_, Option<Vec<u8>>>(7)?, row.get::<_, Option<i64>>(8)?) {
        (Some(secret), Some(until_ms)) => Some((secret, until_ms)),
        _ => None,
    };
    Ok(WebhookRecord {
        id: row.get(0)?,
        vs: VsId(row.get(1)?),
        url: row.get(2)?,
        kinds: WebhookKinds::from_bits(row.get(3)?),
        has_texts: row.get(4)?,
        status: WebhookStatus::from_code(row.get(5)?).unwrap_or(WebhookStatus::Off),
        sealed_secret: row.get(6)?,
        former,
        created_ms: row.get(9)?,
    })
}

fn read_event(row: &Row<'_>) -> rusqlite::Result<OwedEvent> {
    Ok(OwedEvent {
        id: row.get::<_, i64>(0)? as u64,
        kind: WebhookKind::from_code(row.get(1)?).unwrap_or(WebhookKind::Failed),
        subject: row.get::<_, i64>(2)? as u64,
        at_ms: row.get(3)?,
        attempts: row.get(4)?,
    })
}

// === changes of endpoints ===

fn conflict<T>(message: String) -> Result<T, Failure> {
    Err(Failure::Refused(StoreError::Conflict(message)))
}

fn one(connection: &Connection, id: u32) -> rusqlite::Result<Option<WebhookRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM webhook WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id], read).optional()
}

/// Adds an endpoint, or puts the one of this number anew.
pub(super) fn put(
    session: &mut Session<'_>,
    webhook: &WebhookRecord,
) -> Result<(String, Difference), Failure> {
    let connection = session.connection;
    let before = one(connection, webhook.id)?;
    let next = number(connection, "next_webhook")?;
    let told = changes::webhook_was_put(before.as_ref(), next, webhook).or_else(conflict)?;
    if before.is_none() {
        connection
            .prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'next_webhook'")?
            .execute([i64::from(webhook.id) + 1])?;
    }
    let (former, until_ms) = match &webhook.former {
        Some((secret, until_ms)) => (Some(secret), Some(until_ms)),
        None => (None, None),
    };
    connection
        .prepare_cached("INSERT OR REPLACE INTO webhook VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?
        .execute(params![
            webhook.id,
            webhook.vs.0,
            webhook.url,
            webhook.kinds.bits(),
            webhook.has_texts,
            webhook.status.code(),
            webhook.sealed_secret,
            former,
            until_ms,
            webhook.created_ms,
        ])?;
    session.endpoints.forget();
    Ok(told)
}

/// The virtual server of an endpoint, or the conflict that it is not there.
pub(super) fn remove(session: &mut Session<'_>, id: u32) -> Result<(VsId, (String, Difference)), Failure> {
    let connection = session.connection;
    let before = one(connection, id)?;
    let told = changes::webhook_was_removed(id, before.as_ref()).or_else(conflict)?;
    connection.prepare_cached("DELETE FROM webhook WHERE id = ?1")?.execute([id])?;
    session.endpoints.forget();
    Ok((before.map_or(VsId::ROOT, |before| before.vs), told))
}

// === events ===

/// Events that an endpoint is owed after this one, in order.
pub(super) fn owed(
    connection: &Connection,
    endpoint: u32,
    after: u64,
    limit: usize,
) -> rusqlite::Result<Vec<OwedEvent>> {
    connection
        .prepare_cached(OWED)?
        .query_map(params![endpoint, after as i64, limit as i64], read_event)?
        .collect()
}

/// An endpoint's delivery log before this event, the newest first.
pub(super) fn log(
    connection: &Connection,
    endpoint: u32,
    before: Option<u64>,
    limit: usize,
) -> rusqlite::Result<Vec<EventEntry>> {
    let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
    connection
        .prepare_cached(LOG)?
        .query_map(params![endpoint, before, limit as i64], |row| {
            Ok(EventEntry {
                event: read_event(row)?,
                state: EventState::from_code(row.get(5)?).unwrap_or(EventState::Owed),
                tried_ms: row.get(6)?,
                answer: row.get(7)?,
            })
        })?
        .collect()
}

/// Writes what came of attempts. What was pruned or removed meanwhile is none, and what the endpoint has stays so.
pub(super) fn tried(session: &mut Session<'_>, tried: &[TriedEvent]) -> Result<(), Failure> {
    let mut update = session.connection.prepare_cached(
        "UPDATE webhook_event SET state = ?3, attempts = attempts + 1, tried_ms = ?4, answer = ?5
         WHERE endpoint = ?1 AND id = ?2 AND (state = 0 OR ?3 = 1)",
    )?;
    for one in tried {
        let (id, state) = (one.id as i64, one.state.code());
        update.execute(params![one.endpoint, id, state, one.at_ms, one.kept_answer()])?;
    }
    Ok(())
}

/// Which events to deliver again.
pub(super) struct Again {
    pub(super) endpoint: u32,
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) limit: usize,
}

/// Owes at most `limit` finished events of this range once more. Answers how many.
pub(super) fn again(session: &mut Session<'_>, again: &Again) -> Result<usize, Failure> {
    let (from, to) = (again.from as i64, i64::try_from(again.to).unwrap_or(i64::MAX));
    let changed = session
        .connection
        .prepare_cached(
            "UPDATE webhook_event SET state = 0, attempts = 0 WHERE endpoint = ?1 AND id IN
             (SELECT id FROM webhook_event WHERE endpoint = ?1 AND id BETWEEN ?2 AND ?3 AND state <> 0
              ORDER BY id LIMIT ?4)",
        )?
        .execute(params![again.endpoint, from, to, again.limit as i64])?;
    if changed > 0 {
        session.endpoints.owed.insert(again.endpoint, Owed::Again);
    }
    Ok(changed)
}

/// Up to where each endpoint's finished events may go: those of before this time, those beyond the number that is kept, and all of endpoints
/// that are no more. Counting costs readers and not the writer.
pub(super) fn borders(connection: &Connection, before_ms: i64) -> rusqlite::Result<Vec<Border>> {
    // One step from endpoint to endpoint, however many events each has.
    let mut next = connection
        .prepare_cached("SELECT endpoint FROM webhook_event WHERE endpoint > ?1 ORDER BY endpoint LIMIT 1")?;
    let mut excess = connection.prepare_cached(
        "SELECT id FROM webhook_event WHERE endpoint = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2",
    )?;
    let (mut borders, mut at) = (Vec::new(), -1_i64);
    while let Some(endpoint) = next.query_row([at], |row| row.get::<_, u32>(0)).optional()? {
        at = i64::from(endpoint);
        let is_removed = one(connection, endpoint)?.is_none();
        let before = if is_removed {
            i64::MAX
        } else {
            let excess: Option<i64> =
                excess.query_row(params![endpoint, MOST_KEPT], |row| row.get(0)).optional()?;
            first_at(before_ms).max(excess.map_or(0, |id| id + 1))
        };
        borders.push(Border { endpoint, before, is_removed });
    }
    Ok(borders)
}

/// Up to where an endpoint's events may go.
pub(super) struct Border {
    endpoint: u32,
    before: i64,
    is_removed: bool,
}

/// Deletes a chunk of the first endpoint's events that has any before its border. Answers how many.
pub(super) fn expire(session: &mut Session<'_>, borders: &Vec<Border>) -> Result<usize, Failure> {
    let mut delete = session.connection.prepare_cached(
        "DELETE FROM webhook_event WHERE endpoint = ?1 AND id IN
         (SELECT id FROM webhook_event WHERE endpoint = ?1 AND id < ?2 AND (state <> 0 OR ?3) ORDER BY id LIMIT ?4)",
    )?;
    for border in borders {
        let gone =
            delete.execute(params![border.endpoint, border.before, border.is_removed, CHUNK as i64])?;
        if gone > 0 {
            return Ok(gone);
        }
    }
    Ok(0)
}

/// Forgets the endpoints of a virtual server that is removed; their events go with the next tidying up.
pub(super) fn remove_all_of(session: &mut Session<'_>, vs: VsId) -> rusqlite::Result<()> {
    session.connection.prepare_cached("DELETE FROM webhook WHERE vs = ?1")?.execute([vs.0])?;
    session.endpoints.forget();
    Ok(())
}
