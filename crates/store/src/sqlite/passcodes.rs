//! Passcodes: made with their first message, checked and counted in one transaction, forgotten when their time is past.

use super::command::Failure;
use super::session::Session;
use crate::passcode::{
    MOST_EXPIRED, MOST_PASSCODES, MOST_PASSCODES_LOOKED_AT, PASSCODES_KEPT_MS, messages_from_stored,
    messages_stored,
};
use crate::{
    NewMessage, NewPasscode, PasscodeAgain, PasscodeCheck, PasscodeChecked, PasscodeFilter, PasscodePage,
    PasscodeRecord, rules,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use textgate_sms::{MessageId, PasscodeState, PhoneNumber, VsId};

const COLUMNS: &str = "id, vs, number, purpose, state, attempts, attempts_most, resends, resend_after_ms, is_watch_used, \
                       expires_ms, changed_ms, seed, messages, recipe";

/// What is searched, for the test of plans.
#[cfg(test)]
pub(super) const SEARCHES: [&str; 4] = [BY_VS, PENDING_AT, PENDING_AFTER, PAST];

const BY_VS: &str =
    "SELECT id, number FROM passcode INDEXED BY passcode_by_vs WHERE vs = ?1 AND id < ?2 ORDER BY id DESC";
const PENDING_AT: &str = "SELECT id FROM passcode INDEXED BY passcode_pending
                          WHERE state = 0 AND expires_ms = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
const PENDING_AFTER: &str = "SELECT id FROM passcode INDEXED BY passcode_pending
                             WHERE state = 0 AND expires_ms > ?1 ORDER BY expires_ms, id LIMIT ?2";
#[cfg(test)]
const PAST: &str = "SELECT id FROM passcode WHERE id < ?1 ORDER BY id LIMIT ?2";

// === with a message ===

/// Writes a new passcode with its first message.
pub(super) fn add(
    session: &mut Session<'_>,
    message: &NewMessage,
    new: &NewPasscode,
) -> rusqlite::Result<()> {
    let id = message.id.as_u64() as i64;
    session
        .connection
        .prepare_cached(
            "INSERT INTO passcode (id, vs, number, purpose, state, attempts, attempts_most, resends, resend_after_ms,
             is_watch_used, expires_ms, changed_ms, seed, digest, messages, recipe)
             VALUES (?1, ?2, ?3, ?4, 0, 0, ?5, 0, ?6, 0, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            id,
            message.vs.0,
            message.to.as_u64() as i64,
            &*new.purpose,
            new.attempts_most,
            new.resend_after_ms,
            new.expires_ms,
            message.id.accepted_ms(),
            new.seed,
            new.digest,
            id.to_le_bytes(),
            &*new.recipe,
        ])
        .map(drop)
}

/// The passcode that a message is to carry again, where it may.
pub(super) fn to_go_again(
    session: &Session<'_>,
    vs: VsId,
    again: &PasscodeAgain,
) -> rusqlite::Result<Option<PasscodeRecord>> {
    Ok(one(session.connection, vs, again.passcode)?.filter(|passcode| passcode.allows(again)))
}

/// Notes that a message carries the code again: in the passcode, and in both messages' time lines.
pub(super) fn note_again(
    session: &mut Session<'_>,
    message: &NewMessage,
    mut passcode: PasscodeRecord,
    again: &PasscodeAgain,
) -> rusqlite::Result<()> {
    passcode.carried_again(message.id, again);
    session
        .connection
        .prepare_cached(
            "UPDATE passcode SET resends = ?2, resend_after_ms = ?3, is_watch_used = ?4, messages = ?5 WHERE id = ?1",
        )?
        .execute(params![
            passcode.id.as_u64() as i64,
            passcode.resends,
            passcode.resend_after_ms,
            passcode.is_watch_used,
            messages_stored(&passcode.messages)
        ])?;
    rules::note_again(session, message.id, again)
}

// === by itself ===

/// Checks a code, and counts the attempt.
pub(super) fn check(
    session: &mut Session<'_>,
    check: &PasscodeCheck,
) -> Result<Option<PasscodeChecked>, Failure> {
    session.told_ms = check.at_ms;
    let Some(mut passcode) = one(session.connection, check.vs, check.id)? else { return Ok(None) };
    let digest: Option<[u8; 32]> = session
        .connection
        .prepare_cached("SELECT digest FROM passcode WHERE id = ?1")?
        .query_row([passcode.id.as_u64() as i64], |row| row.get(0))?;
    let (answer, is_changed) = passcode.check(digest.as_ref(), check);
    if answer.is_now {
        end(session.connection, &passcode)?;
    } else if is_changed {
        session
            .connection
            .prepare_cached("UPDATE passcode SET attempts = ?2 WHERE id = ?1")?
            .execute(params![passcode.id.as_u64() as i64, passcode.attempts])?;
    }
    Ok(Some(answer))
}

/// Cancels a passcode that is pending.
pub(super) fn cancel(
    session: &mut Session<'_>,
    (vs, id, at_ms): &(VsId, MessageId, i64),
) -> Result<Option<(PasscodeRecord, bool)>, Failure> {
    session.told_ms = *at_ms;
    let Some(mut passcode) = one(session.connection, *vs, *id)? else { return Ok(None) };
    let is_changed = passcode.cancel(*at_ms);
    if is_changed {
        end(session.connection, &passcode)?;
    }
    Ok(Some((passcode, is_changed)))
}

/// Writes a passcode that is final, and erases what its code could be known by.
fn end(connection: &Connection, passcode: &PasscodeRecord) -> rusqlite::Result<()> {
    let PasscodeRecord { id, state, attempts, changed_ms, .. } = passcode;
    connection
        .prepare_cached(
            "UPDATE passcode SET state = ?2, attempts = ?3, changed_ms = ?4, resend_after_ms = NULL, seed = NULL,
             digest = NULL WHERE id = ?1",
        )?
        .execute(params![id.as_u64() as i64, state.code(), attempts, changed_ms])
        .map(drop)
}

/// Ends at most so many whose time is over, and deletes as many that are older than they are kept. Answers how many.
pub(super) fn expire(session: &mut Session<'_>, (now_ms, limit): &(i64, usize)) -> Result<usize, Failure> {
    session.told_ms = *now_ms;
    let limit = i64::try_from((*limit).min(MOST_EXPIRED)).unwrap_or(0);
    let mut done = session
        .connection
        .prepare_cached(
            "UPDATE passcode SET state = ?3, changed_ms = expires_ms, resend_after_ms = NULL, seed = NULL, digest = NULL
             WHERE id IN (SELECT id FROM passcode INDEXED BY passcode_pending WHERE state = 0 AND expires_ms <= ?1
             ORDER BY expires_ms LIMIT ?2)",
        )?
        .execute(params![now_ms, limit, PasscodeState::Expired.code()])?;
    let first = MessageId::first_at(now_ms - PASSCODES_KEPT_MS).as_u64() as i64;
    done += session
        .connection
        .prepare_cached(
            "DELETE FROM passcode WHERE state <> 0 AND id IN (SELECT id FROM passcode WHERE id < ?1 ORDER BY id LIMIT ?2)",
        )?
        .execute(params![first, limit])?;
    Ok(done)
}

// === reading ===

/// One passcode of this virtual server.
pub(super) fn one(
    connection: &Connection,
    vs: VsId,
    id: MessageId,
) -> rusqlite::Result<Option<PasscodeRecord>> {
    let found = by_id(connection, id.as_u64() as i64)?;
    Ok(found.filter(|passcode| passcode.vs == vs))
}

fn by_id(connection: &Connection, id: i64) -> rusqlite::Result<Option<PasscodeRecord>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM passcode WHERE id = ?1"))?
        .query_row([id], read)
        .optional()
}

/// A page of a virtual server's passcodes, the newest first.
pub(super) fn page(
    connection: &Connection,
    vs: VsId,
    filter: &PasscodeFilter,
    before: Option<MessageId>,
    limit: usize,
) -> rusqlite::Result<PasscodePage> {
    let limit = limit.clamp(1, MOST_PASSCODES);
    let before = before.map_or(i64::MAX, |id| id.as_u64() as i64);
    let mut entries = connection.prepare_cached(BY_VS)?;
    let mut rows = entries.query(params![vs.0, before])?;
    let mut page = PasscodePage { passcodes: Vec::new(), next: None };
    let mut last = None;
    let mut looked_at = 0;
    while let Some(entry) = rows.next()? {
        if page.passcodes.len() >= limit || looked_at >= MOST_PASSCODES_LOOKED_AT {
            page.next = last;
            break;
        }
        let id: i64 = entry.get(0)?;
        last = Some(MessageId::from_u64(id as u64));
        looked_at += 1;
        if filter.to.is_none_or(|to| entry.get(1) == Ok(to.as_u64() as i64)) {
            page.passcodes.extend(by_id(connection, id)?.filter(|passcode| filter.fits(passcode)));
        }
    }
    Ok(page)
}

/// Passcodes stored as pending, by the end of their time, after this one.
pub(super) fn pending(
    connection: &Connection,
    (after_ms, after): (i64, MessageId),
    limit: usize,
) -> rusqlite::Result<Vec<PasscodeRecord>> {
    let id = |row: &Row<'_>| row.get::<_, i64>(0);
    // Two searches, so that many of one moment are not gone through again for each page.
    let mut ids: Vec<i64> = connection
        .prepare_cached(PENDING_AT)?
        .query_map(params![after_ms, after.as_u64() as i64, limit as i64], id)?
        .collect::<Result<_, _>>()?;
    let rest = limit - ids.len();
    for later in connection.prepare_cached(PENDING_AFTER)?.query_map(params![after_ms, rest as i64], id)? {
        ids.push(later?);
    }
    let found = ids.into_iter().map(|id| by_id(connection, id));
    found.filter_map(Result::transpose).collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<PasscodeRecord> {
    let damaged = |column, what: &str| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Integer,
            format!("the {what} of a passcode is none that this version knows").into(),
        )
    };
    Ok(PasscodeRecord {
        id: MessageId::from_u64(row.get::<_, i64>(0)? as u64),
        vs: VsId(row.get(1)?),
        number: PhoneNumber::from_u64(row.get::<_, i64>(2)? as u64).ok_or_else(|| damaged(2, "number"))?,
        purpose: row.get::<_, String>(3)?.into(),
        state: PasscodeState::from_code(row.get(4)?).ok_or_else(|| damaged(4, "state"))?,
        attempts: row.get(5)?,
        attempts_most: row.get(6)?,
        resends: row.get(7)?,
        resend_after_ms: row.get(8)?,
        is_watch_used: row.get(9)?,
        expires_ms: row.get(10)?,
        changed_ms: row.get(11)?,
        seed: row.get(12)?,
        messages: messages_from_stored(row.get_ref(13)?.as_blob()?),
        recipe: row.get::<_, String>(14)?.into(),
    })
}
