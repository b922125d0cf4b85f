//! What the operations of a transaction came to, written at once: one round to the database, with the commit in it.

use super::connect::{Conn, Step, values};
use super::load::CLOCK_SLACK_MS;
use super::partitions::{Cut, day};
use super::passcodes;
use super::unit::Unit;
use crate::NewMessage;
use crate::awaiting::Awaiting;
use crate::rules::{MOST_EARLY, candidates, kept_error};
use crate::standing::{Standing, payers_stored};
use std::collections::BTreeMap;
use textgate_sms::MessageState;
use tokio_postgres::Error;

const CREDITS: &str = "UPDATE credits AS c SET used = greatest(c.used + u.spent, 0)
    FROM unnest($1::int8[], $2::int8[]) AS u (vs, spent) WHERE c.vs = u.vs";
const RECEIPT_IDS: &str = "INSERT INTO receipt_id (period, gateway, id, message, part)
    SELECT * FROM unnest($1::int8[], $2::int8[], $3::bytea[], $4::int8[], $5::int4[]) ON CONFLICT DO NOTHING";
const OLD_KEYS: &str = "DELETE FROM idempotency WHERE key = ANY($1::bytea[])";
const KEYS: &str = "INSERT INTO idempotency (period, key, request, message)
    SELECT * FROM unnest($1::int8[], $2::bytea[], $3::bytea[], $4::int8[])";
const EARLY_DONE: &str = "WITH gone AS (DELETE FROM early_candidate WHERE receipt = ANY($1::int8[]))
    DELETE FROM early_receipt WHERE id = ANY($1::int8[])";
/// The candidates of a receipt stand in one array, with the receipt's place among those of this statement.
const EARLY: &str =
    "WITH new AS MATERIALIZED (SELECT nextval(pg_get_serial_sequence('early_receipt', 'id')) AS id, u.*
      FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::int2[], $6::bytea[])
        AS u (place, at_ms, gateway, number, state, error)),
    kept AS (INSERT INTO early_receipt (id, at_ms, gateway, number, state, error)
      SELECT id, at_ms, gateway, number, state, error FROM new)
    INSERT INTO early_candidate (gateway, candidate, receipt, rank)
      SELECT new.gateway, c.candidate, new.id, c.rank
      FROM unnest($7::int8[], $8::bytea[], $9::int4[]) AS c (place, candidate, rank) JOIN new USING (place)
    ON CONFLICT DO NOTHING";
const EARLY_TOO_MANY: &str = "DELETE FROM early_receipt WHERE id <=
    (SELECT id FROM early_receipt ORDER BY id DESC OFFSET $1 LIMIT 1)";
const EARLY_ORPHANS: &str = "DELETE FROM early_candidate AS c WHERE c.receipt <
    coalesce((SELECT min(id) FROM early_receipt), 0)";

fn insert(day: i64) -> String {
    format!(
        "INSERT INTO {} (id, vs, number, changed_ms, expires_ms, ended_ms, due_ms, resend_of, node, state, marked, kind,
           segments, overwrite, flash, encoding, sender, reference, payers, awaiting, events, text)
         SELECT id, vs, number, changed_ms, expires_ms, ended_ms, due_ms, resend_of, $21::int2, state,
           CASE WHEN state NOT IN (2, 3) THEN state END, kind,
           segments, overwrite, flash, encoding, sender, reference, payers, awaiting, events, text
         FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::int8[],
           $9::int2[], $10::int2[], $11::int2[], $12::int2[], $13::bool[], $14::text[], $15::text[], $16::text[],
           $17::bytea[], $18::bytea[], $19::bytea[], $20::bytea[])
         AS u (id, vs, number, changed_ms, expires_ms, ended_ms, due_ms, resend_of, state, kind, segments, overwrite,
           flash, encoding, sender, reference, payers, awaiting, events, text)",
        Cut::Message.name(day)
    )
}

fn update(day: i64) -> String {
    format!(
        "UPDATE {} AS m SET node = CASE WHEN u.is_own THEN $10::int2 ELSE m.node END, state = u.state, marked = CASE WHEN u.state NOT IN (2, 3) THEN u.state END,
           changed_ms = u.changed_ms, ended_ms = u.ended_ms, payers = u.payers, awaiting = u.awaiting, events = u.events,
           text = CASE WHEN u.erases THEN NULL ELSE m.text END
         FROM unnest($1::int8[], $2::int2[], $3::int8[], $4::int8[], $5::bytea[], $6::bytea[], $7::bytea[], $8::bool[],
           $9::bool[]) AS u (id, state, changed_ms, ended_ms, payers, awaiting, events, erases, is_own)
         WHERE m.id = u.id",
        Cut::Message.name(day)
    )
}

/// Statements that write all of it, in the order in which they are to be sent.
pub(super) async fn steps<'a>(conn: &'a Conn, unit: &'a mut Unit, node: i16) -> Result<Vec<Step<'a>>, Error> {
    let mut fresh: BTreeMap<i64, Vec<(&NewMessage, Standing)>> = BTreeMap::new();
    for (id, one) in &unit.fresh {
        let (Some(message), Some(standing)) = (one.message(), unit.standings.remove(id)) else { continue };
        fresh.entry(day(*id)).or_default().push((message, standing));
        unit.changed.remove(id);
    }
    let mut changed: BTreeMap<i64, Vec<Standing>> = BTreeMap::new();
    for id in &unit.changed {
        if let Some(standing) = unit.standings.remove(id) {
            changed.entry(day(*id)).or_default().push(standing);
        }
    }
    let mut steps = Vec::new();
    for (day, rows) in fresh {
        steps.push(insert_step(conn, day, rows, node).await?);
    }
    for (day, rows) in changed {
        steps.push(update_step(conn, day, rows, node).await?);
    }
    if !unit.new_receipt_ids.is_empty() {
        let ids = &unit.new_receipt_ids;
        let periods: Vec<i64> = ids.iter().map(|(at_ms, ..)| Cut::ReceiptId.part(*at_ms)).collect();
        let gateways: Vec<i64> = ids.iter().map(|(_, (gateway, _), ..)| i64::from(gateway.0)).collect();
        let names: Vec<&[u8]> = ids.iter().map(|(_, (_, id), ..)| id.as_bytes()).collect();
        let messages: Vec<i64> = ids.iter().map(|(_, _, message, _)| message.as_u64() as i64).collect();
        let parts: Vec<i32> = ids.iter().map(|(.., part)| *part as i32).collect();
        let values = values![periods, gateways, names, messages, parts];
        steps.push(conn.step(conn.statement(RECEIPT_IDS).await?, values));
    }
    keys(conn, unit, &mut steps).await?;
    early(conn, unit, &mut steps).await?;
    passcodes::steps(conn, &unit.passcodes, &mut steps).await?;
    let spent = unit.spent.iter().filter(|(_, spent)| **spent != 0);
    let (payers, spent): (Vec<i64>, Vec<i64>) = spent.map(|(vs, spent)| (i64::from(vs.0), *spent)).unzip();
    if !payers.is_empty() {
        steps.push(conn.step(conn.statement(CREDITS).await?, values![payers, spent]));
    }
    Ok(steps)
}

async fn insert_step<'a>(
    conn: &'a Conn,
    day: i64,
    mut rows: Vec<(&'a NewMessage, Standing)>,
    node: i16,
) -> Result<Step<'a>, Error> {
    let statement = conn.statement(&insert(day)).await?;
    // Octets that do not stand in the request.
    let payers: Vec<Option<Vec<u8>>> =
        rows.iter().map(|(_, s)| payers_stored(&s.payers).map(|payers| payers.to_vec())).collect();
    let awaiting: Vec<Option<Vec<u8>>> =
        rows.iter().map(|(_, s)| s.awaiting.as_ref().map(|awaiting| awaiting.stored().to_vec())).collect();
    let events: Vec<Vec<u8>> = rows.iter_mut().map(|(_, s)| s.line.padded(0).to_vec()).collect();
    let texts: Vec<Option<&[u8]>> =
        rows.iter().map(|(m, s)| (!s.erases_text).then_some(m.sealed_text.as_slice())).collect();
    let longs = |read: &dyn Fn(&NewMessage, &Standing) -> i64| -> Vec<i64> {
        rows.iter().map(|(message, standing)| read(message, standing)).collect()
    };
    let shorts = |read: &dyn Fn(&NewMessage, &Standing) -> u8| -> Vec<i16> {
        rows.iter().map(|(message, standing)| i16::from(read(message, standing))).collect()
    };
    let ended: Vec<Option<i64>> = rows.iter().map(|(_, s)| s.ended_ms).collect();
    let due: Vec<Option<i64>> = rows.iter().map(|(m, _)| m.due_ms).collect();
    let resend_of: Vec<Option<i64>> =
        rows.iter().map(|(m, _)| m.resend_of.map(|id| id.as_u64() as i64)).collect();
    let overwrite: Vec<Option<i16>> = rows.iter().map(|(m, _)| m.overwrite.map(i16::from)).collect();
    let flash: Vec<Option<bool>> = rows.iter().map(|(m, _)| m.flash).collect();
    let encodings: Vec<&str> = rows.iter().map(|(m, _)| &*m.encoding).collect();
    let senders: Vec<Option<&str>> = rows.iter().map(|(m, _)| m.sender.as_deref()).collect();
    let references: Vec<Option<&str>> = rows.iter().map(|(m, _)| m.reference.as_deref()).collect();
    let values = values![
        longs(&|m, _| m.id.as_u64() as i64),
        longs(&|m, _| i64::from(m.vs.0)),
        longs(&|m, _| m.to.as_u64() as i64),
        longs(&|_, s| s.changed_ms),
        longs(&|m, _| m.expires_ms),
        ended,
        due,
        resend_of,
        shorts(&|_, s| s.state.code()),
        shorts(&|m, _| m.kind.code()),
        shorts(&|m, _| m.segments),
        overwrite,
        flash,
        encodings,
        senders,
        references,
        payers,
        awaiting,
        events,
        texts,
        node,
    ];
    Ok(conn.step(statement, values))
}

async fn update_step(conn: &Conn, day: i64, mut rows: Vec<Standing>, node: i16) -> Result<Step<'_>, Error> {
    let statement = conn.statement(&update(day)).await?;
    let ids: Vec<i64> = rows.iter().map(|s| s.id.as_u64() as i64).collect();
    let states: Vec<i16> = rows.iter().map(|s| i16::from(s.state.code())).collect();
    let changed: Vec<i64> = rows.iter().map(|s| s.changed_ms).collect();
    let ended: Vec<Option<i64>> = rows.iter().map(|s| s.ended_ms).collect();
    let payers: Vec<Option<Vec<u8>>> =
        rows.iter().map(|s| payers_stored(&s.payers).map(|payers| payers.to_vec())).collect();
    let awaiting: Vec<Option<Vec<u8>>> =
        rows.iter().map(|s| s.awaiting.as_ref().map(Awaiting::stored).map(<[u8]>::to_vec)).collect();
    let events: Vec<Vec<u8>> = rows.iter_mut().map(|s| s.line.padded(0).to_vec()).collect();
    let erases: Vec<bool> = rows.iter().map(|s| s.erases_text).collect();
    // What was scheduled and is accepted now belongs to whoever released it.
    let is_own: Vec<bool> = rows.iter().map(|s| s.is_moved && s.state == MessageState::Accepted).collect();
    let values = values![ids, states, changed, ended, payers, awaiting, events, erases, is_own, node];
    Ok(conn.step(statement, values))
}

async fn keys<'a>(conn: &'a Conn, unit: &'a Unit, steps: &mut Vec<Step<'a>>) -> Result<(), Error> {
    if !unit.old_keys.is_empty() {
        let old: Vec<&[u8]> = unit.old_keys.iter().map(<[u8; 16]>::as_slice).collect();
        steps.push(conn.step(conn.statement(OLD_KEYS).await?, values![old]));
    }
    // In the order of the keys, so that two nodes with the same ones wait for each other in no circle.
    let rows = unit.new_keys.iter().flat_map(|(key, (at_ms, stored))| {
        Cut::Idempotency.parts_nearby(*at_ms, CLOCK_SLACK_MS).map(move |period| (period, key, stored))
    });
    let (mut periods, mut keys, mut requests, mut messages) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (period, key, stored) in rows {
        periods.push(period);
        keys.push(key.as_slice());
        requests.push(stored.request.as_slice());
        messages.push(stored.message.as_u64() as i64);
    }
    if !keys.is_empty() {
        steps.push(conn.step(conn.statement(KEYS).await?, values![periods, keys, requests, messages]));
    }
    Ok(())
}

async fn early<'a>(conn: &'a Conn, unit: &'a Unit, steps: &mut Vec<Step<'a>>) -> Result<(), Error> {
    if !unit.early_done.is_empty() {
        let done: Vec<i64> = unit.early_done.iter().copied().collect();
        steps.push(conn.step(conn.statement(EARLY_DONE).await?, values![done]));
    }
    let new: Vec<_> = (0_i64..).zip(unit.new_early.iter().flatten()).collect();
    if new.is_empty() {
        return Ok(());
    }
    let places: Vec<i64> = new.iter().map(|(place, _)| *place).collect();
    let times: Vec<i64> = new.iter().map(|(_, receipt)| receipt.at_ms).collect();
    let gateways: Vec<i64> = new.iter().map(|(_, receipt)| i64::from(receipt.gateway.0)).collect();
    let numbers: Vec<Option<i64>> =
        new.iter().map(|(_, receipt)| receipt.number.map(|number| number.as_u64() as i64)).collect();
    let states: Vec<i16> = new.iter().map(|(_, receipt)| i16::from(receipt.state.code())).collect();
    let errors: Vec<Option<&[u8]>> = new
        .iter()
        .map(|(_, receipt)| receipt.error.as_deref().map(|error| kept_error(error).as_bytes()))
        .collect();
    let (mut of, mut ids, mut ranks) = (Vec::new(), Vec::new(), Vec::new());
    for (place, receipt) in &new {
        for (rank, id) in candidates(receipt) {
            of.push(*place);
            ids.push(id.as_bytes());
            ranks.push(rank as i32);
        }
    }
    let values = values![places, times, gateways, numbers, states, errors, of, ids, ranks];
    steps.push(conn.step(conn.statement(EARLY).await?, values));
    Ok(())
}

/// Forgets the oldest early receipts where there are too many.
pub(super) async fn bound_early(conn: &Conn) -> Result<(), Error> {
    if conn.run(EARLY_TOO_MANY, &[&(MOST_EARLY as i64)]).await? > 0 {
        conn.run(EARLY_ORPHANS, &[]).await?;
    }
    Ok(())
}

/// The numbers that the statements above have for `sent` and `delivered`.
const _: () = assert!(MessageState::Sent as u8 == 2 && MessageState::Delivered as u8 == 3);
