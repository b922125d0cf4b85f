//! Passcodes: made with their first message, checked and counted in one transaction, forgotten when their time is past.
//!
//! Whoever changes one holds its row until the commit, so that of many checks on several nodes each counts.

use super::command::Failure;
use super::connect::{Conn, Step, values};
use super::entries::small;
use super::unit::{Passcode, Unit};
use crate::passcode::{
    MOST_EXPIRED, MOST_PASSCODES, MOST_PASSCODES_LOOKED_AT, PASSCODES_KEPT_MS, messages_from_stored,
    messages_stored,
};
use crate::{
    NewMessage, NewPasscode, PasscodeAgain, PasscodeCheck, PasscodeChecked, PasscodeFilter, PasscodePage,
    PasscodeRecord, StoreError, rules,
};
use std::collections::BTreeMap;
use std::convert::Infallible;
use textgate_sms::{MessageId, PasscodeState, PhoneNumber, VsId};
use tokio_postgres::{Error, Row};

macro_rules! columns {
    () => {
        "id, vs, number, purpose, state, attempts, attempts_most, resends, resend_after_ms, is_watch_used, expires_ms,
         changed_ms, seed, messages, recipe"
    };
}

/// Those that a transaction may change, in the order in which all nodes hold them.
pub(super) const HELD: &str = concat!(
    "SELECT ",
    columns!(),
    ", digest FROM passcode WHERE id = ANY($1::int8[]) ORDER BY id FOR UPDATE"
);
const INSERT: &str = "INSERT INTO passcode (id, vs, number, purpose, state, attempts, attempts_most, resends,
      resend_after_ms, is_watch_used, expires_ms, changed_ms, seed, digest, messages, recipe)
    SELECT * FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::text[], $5::int2[], $6::int2[], $7::int2[], $8::int2[],
      $9::int8[], $10::bool[], $11::int8[], $12::int8[], $13::bytea[], $14::bytea[], $15::bytea[], $16::text[])";
/// With the seed goes the digest: neither stays of one that is final.
const UPDATE: &str = "UPDATE passcode AS p SET state = u.state, attempts = u.attempts, resends = u.resends,
      resend_after_ms = u.resend_after_ms, is_watch_used = u.is_watch_used, changed_ms = u.changed_ms,
      messages = u.messages, seed = CASE WHEN u.state = 0 THEN p.seed END,
      digest = CASE WHEN u.state = 0 THEN p.digest END
    FROM unnest($1::int8[], $2::int2[], $3::int2[], $4::int2[], $5::int8[], $6::bool[], $7::int8[], $8::bytea[])
      AS u (id, state, attempts, resends, resend_after_ms, is_watch_used, changed_ms, messages) WHERE p.id = u.id";
const ONE: &str = concat!("SELECT ", columns!(), " FROM passcode WHERE id = $1 AND vs = $2");
const THESE: &str =
    concat!("SELECT ", columns!(), " FROM passcode WHERE id = ANY($1::int8[]) ORDER BY id DESC");
const LOOK: &str = "WITH looked_at AS MATERIALIZED (SELECT id, number FROM passcode WHERE vs = $1 AND id < $2
      ORDER BY id DESC LIMIT $3)
    SELECT (SELECT min(id) FROM looked_at), (SELECT count(*) FROM looked_at),
      array(SELECT id FROM looked_at WHERE $4::int8 IS NULL OR number = $4 ORDER BY id DESC)";
const PENDING: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM passcode WHERE state = 0 AND (expires_ms, id) > ($1, $2) ORDER BY expires_ms, id LIMIT $3"
);
const EXPIRE: &str =
    "UPDATE passcode SET state = $3, changed_ms = expires_ms, resend_after_ms = NULL, seed = NULL,
      digest = NULL
    WHERE id IN (SELECT id FROM passcode WHERE state = 0 AND expires_ms <= $1 ORDER BY expires_ms, id LIMIT $2
      FOR UPDATE SKIP LOCKED)";
const FORGET: &str = "DELETE FROM passcode WHERE id IN
    (SELECT id FROM (SELECT id, state FROM passcode WHERE id < $1 ORDER BY id LIMIT $2) AS old WHERE state <> 0)";

/// Entries looked at in one statement, the first time; then more.
const FIRST_LOOK: usize = 500;
const LAST_LOOK: usize = 5_000;

/// The number that the statements above have for `pending`.
const _: () = assert!(PasscodeState::Pending as u8 == 0);

// === with a message, and by itself: in memory ===

/// A new one with its first message.
pub(super) fn add(unit: &mut Unit, message: &NewMessage, new: &NewPasscode) {
    let record = PasscodeRecord::new(message, new);
    let passcode = Passcode { record, digest: Some(new.digest), is_new: true, is_changed: false };
    unit.passcodes.insert(message.id, passcode);
}

/// Whether a message may carry this one again.
pub(super) fn may_go_again(unit: &Unit, vs: VsId, again: &PasscodeAgain) -> bool {
    let passcode = unit.passcodes.get(&again.passcode).filter(|passcode| passcode.record.vs == vs);
    passcode.is_some_and(|passcode| passcode.record.allows(again))
}

/// Notes that a message carries the code again: in the passcode, and in both messages' time lines.
pub(super) fn note_again(
    unit: &mut Unit,
    message: &NewMessage,
    again: &PasscodeAgain,
) -> Result<(), Infallible> {
    if let Some(passcode) = unit.passcodes.get_mut(&again.passcode) {
        passcode.record.carried_again(message.id, again);
        passcode.is_changed = true;
    }
    rules::note_again(unit, message.id, again)
}

/// Checks a code, and counts the attempt.
pub(super) fn check(unit: &mut Unit, check: &PasscodeCheck) -> Result<Option<PasscodeChecked>, StoreError> {
    unit.told_ms = check.at_ms;
    let Some(passcode) = held(unit, check.vs, check.id) else { return Ok(None) };
    let (answer, is_changed) = passcode.record.check(passcode.digest.as_ref(), check);
    passcode.is_changed |= is_changed;
    Ok(Some(answer))
}

/// Cancels a passcode that is pending.
pub(super) fn cancel(
    unit: &mut Unit,
    (vs, id, at_ms): &(VsId, MessageId, i64),
) -> Result<Option<(PasscodeRecord, bool)>, StoreError> {
    unit.told_ms = *at_ms;
    let Some(passcode) = held(unit, *vs, *id) else { return Ok(None) };
    let is_changed = passcode.record.cancel(*at_ms);
    passcode.is_changed |= is_changed;
    Ok(Some((passcode.record.clone(), is_changed)))
}

fn held(unit: &mut Unit, vs: VsId, id: MessageId) -> Option<&mut Passcode> {
    unit.passcodes.get_mut(&id).filter(|passcode| passcode.record.vs == vs)
}

/// One that is held.
pub(super) fn read_held(row: &Row) -> Result<Option<Passcode>, Error> {
    let digest = row.try_get::<_, Option<&[u8]>>(15)?.and_then(|digest| digest.try_into().ok());
    Ok(read(row)?.map(|record| Passcode { record, digest, is_new: false, is_changed: false }))
}

/// Statements that write those that are new or changed.
pub(super) async fn steps<'a>(
    conn: &'a Conn,
    passcodes: &'a BTreeMap<MessageId, Passcode>,
    steps: &mut Vec<Step<'a>>,
) -> Result<(), Error> {
    let new: Vec<&Passcode> = passcodes.values().filter(|passcode| passcode.is_new).collect();
    if !new.is_empty() {
        let digests: Vec<Option<&[u8]>> = new
            .iter()
            .map(|p| p.digest.as_ref().filter(|_| is_pending(p)).map(<[u8; 32]>::as_slice))
            .collect();
        let seeds: Vec<Option<&[u8]>> =
            new.iter().map(|p| p.record.seed.as_ref().map(<[u8; 16]>::as_slice)).collect();
        let purposes: Vec<&str> = new.iter().map(|p| &*p.record.purpose).collect();
        let recipes: Vec<&str> = new.iter().map(|p| &*p.record.recipe).collect();
        let values = values![
            longs(&new, |p| p.id.as_u64() as i64),
            longs(&new, |p| i64::from(p.vs.0)),
            longs(&new, |p| p.number.as_u64() as i64),
            purposes,
            shorts(&new, |p| p.state.code()),
            shorts(&new, |p| p.attempts),
            shorts(&new, |p| p.attempts_most),
            shorts(&new, |p| p.resends),
            pauses(&new),
            watched(&new),
            longs(&new, |p| p.expires_ms),
            longs(&new, |p| p.changed_ms),
            seeds,
            digests,
            messages(&new),
            recipes,
        ];
        steps.push(conn.step(conn.statement(INSERT).await?, values));
    }
    let changed: Vec<&Passcode> = passcodes.values().filter(|p| p.is_changed && !p.is_new).collect();
    if !changed.is_empty() {
        let values = values![
            longs(&changed, |p| p.id.as_u64() as i64),
            shorts(&changed, |p| p.state.code()),
            shorts(&changed, |p| p.attempts),
            shorts(&changed, |p| p.resends),
            pauses(&changed),
            watched(&changed),
            longs(&changed, |p| p.changed_ms),
            messages(&changed),
        ];
        steps.push(conn.step(conn.statement(UPDATE).await?, values));
    }
    Ok(())
}

fn is_pending(passcode: &Passcode) -> bool {
    passcode.record.state == PasscodeState::Pending
}

fn longs(all: &[&Passcode], read: impl Fn(&PasscodeRecord) -> i64) -> Vec<i64> {
    all.iter().map(|passcode| read(&passcode.record)).collect()
}

fn shorts(all: &[&Passcode], read: impl Fn(&PasscodeRecord) -> u8) -> Vec<i16> {
    all.iter().map(|passcode| i16::from(read(&passcode.record))).collect()
}

fn pauses(all: &[&Passcode]) -> Vec<Option<i64>> {
    all.iter().map(|passcode| passcode.record.resend_after_ms).collect()
}

fn watched(all: &[&Passcode]) -> Vec<bool> {
    all.iter().map(|passcode| passcode.record.is_watch_used).collect()
}

fn messages(all: &[&Passcode]) -> Vec<Vec<u8>> {
    all.iter().map(|passcode| messages_stored(&passcode.record.messages)).collect()
}

/// Ends at most so many whose time is over, and deletes as many that are older than they are kept. Answers how many. One that another
/// node has in hand goes another time.
pub(super) async fn expire(conn: &Conn, (now_ms, limit): &(i64, usize)) -> Result<usize, Failure> {
    let limit = (*limit).min(MOST_EXPIRED) as i64;
    let expired = i16::from(PasscodeState::Expired.code());
    let ended = conn.run(EXPIRE, &[now_ms, &limit, &expired]).await?;
    let first = MessageId::first_at(now_ms - PASSCODES_KEPT_MS).as_u64() as i64;
    let gone = conn.run(FORGET, &[&first, &limit]).await?;
    Ok((ended + gone) as usize)
}

// === reading ===

/// One passcode of this virtual server.
pub(super) async fn one(conn: &Conn, vs: VsId, id: MessageId) -> Result<Option<PasscodeRecord>, Error> {
    let row = conn.row(ONE, &[&(id.as_u64() as i64), &i64::from(vs.0)]).await?;
    row.as_ref().map(read).transpose().map(Option::flatten)
}

/// A page of a virtual server's passcodes, the newest first.
pub(super) async fn page(
    conn: &Conn,
    vs: VsId,
    filter: &PasscodeFilter,
    before: Option<MessageId>,
    limit: usize,
) -> Result<PasscodePage, Error> {
    let limit = limit.clamp(1, MOST_PASSCODES);
    let (vs, number) = (i64::from(vs.0), filter.to.map(|to| to.as_u64() as i64));
    let mut below = before.map_or(i64::MAX, |id| id.as_u64() as i64);
    let mut page = PasscodePage { passcodes: Vec::new(), next: None };
    let (mut look, mut looked_at) = (FIRST_LOOK, 0);
    loop {
        let Some(row) = conn.row(LOOK, &[&vs, &below, &(look as i64), &number]).await? else {
            return Ok(page);
        };
        let (lowest, count): (Option<i64>, i64) = (row.try_get(0)?, row.try_get(1)?);
        let Some(lowest) = lowest else { return Ok(page) };
        let ids: Vec<i64> = row.try_get(2)?;
        for ids in ids.chunks(FIRST_LOOK) {
            for row in conn.rows(THESE, &[&ids]).await? {
                let Some(passcode) = read(&row)?.filter(|passcode| filter.fits(passcode)) else { continue };
                if page.passcodes.len() == limit {
                    page.next = page.passcodes.last().map(|last| last.id);
                    return Ok(page);
                }
                page.passcodes.push(passcode);
            }
        }
        looked_at += count as usize;
        if (count as usize) < look {
            return Ok(page);
        }
        if looked_at >= MOST_PASSCODES_LOOKED_AT {
            page.next = Some(MessageId::from_u64(lowest as u64));
            return Ok(page);
        }
        (below, look) = (lowest, (look * 4).min(LAST_LOOK).min(MOST_PASSCODES_LOOKED_AT - looked_at));
    }
}

/// Passcodes stored as pending, by the end of their time, after this one.
pub(super) async fn pending(
    conn: &Conn,
    (after_ms, after): (i64, MessageId),
    limit: usize,
) -> Result<Vec<PasscodeRecord>, Error> {
    let rows = conn.rows(PENDING, &[&after_ms, &(after.as_u64() as i64), &(limit as i64)]).await?;
    rows.iter().filter_map(|row| read(row).transpose()).collect()
}

/// A passcode of a row with these columns; `None` where it is none that this version knows, which is logged.
fn read(row: &Row) -> Result<Option<PasscodeRecord>, Error> {
    let id = MessageId::from_u64(row.try_get::<_, i64>(0)? as u64);
    let short = |at| row.try_get::<_, i16>(at).map(|short| short as u8);
    let number = PhoneNumber::from_u64(row.try_get::<_, i64>(2)? as u64);
    let (Some(number), Some(state)) = (number, PasscodeState::from_code(short(4)?)) else {
        tracing::error!(passcode = %id, "a passcode's state or number is none that this version knows; it is left out");
        return Ok(None);
    };
    Ok(Some(PasscodeRecord {
        id,
        vs: VsId(small(row, 1)?),
        number,
        purpose: row.try_get::<_, String>(3)?.into(),
        state,
        attempts: short(5)?,
        attempts_most: short(6)?,
        resends: short(7)?,
        resend_after_ms: row.try_get(8)?,
        is_watch_used: row.try_get(9)?,
        expires_ms: row.try_get(10)?,
        changed_ms: row.try_get(11)?,
        seed: row.try_get::<_, Option<&[u8]>>(12)?.and_then(|seed| seed.try_into().ok()),
        messages: messages_from_stored(row.try_get(13)?),
        recipe: row.try_get::<_, String>(14)?.into(),
    }))
}
