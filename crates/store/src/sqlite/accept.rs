//! Accepting: the decision on credits and idempotency, and one row.

use super::command::Failure;
use super::passcodes;
use super::periods::IDEMPOTENCY;
use super::session::Session;
use crate::standing::payers_stored;
use crate::{Accepted, Idempotency, NewMessage, PasscodeStep, StoreError};
use rusqlite::{OptionalExtension, params};
use textgate_sms::{Kind, MessageId, MessageState};

/// Room for the events to come (octets), so that the row need not grow: a passcode's text makes room when it is erased, other
/// texts stay.
fn room(kind: Kind) -> i64 {
    match kind {
        Kind::Otp => 24,
        Kind::Alert | Kind::Text => 96,
    }
}

/// Accepts each message, or says why not.
pub(super) fn accept(session: &mut Session<'_>, messages: &[NewMessage]) -> Result<Vec<Accepted>, Failure> {
    messages.iter().map(|message| accept_one(session, message)).collect()
}

fn accept_one(session: &mut Session<'_>, message: &NewMessage) -> Result<Accepted, Failure> {
    let accepted_ms = message.id.accepted_ms();
    session.told_ms = accepted_ms;
    if let Some(key) = &message.idempotency
        && let Some(before) = find_before(session, key, accepted_ms)?
    {
        return Ok(before);
    }
    let again = match message.passcode.as_deref() {
        Some(PasscodeStep::Again(again)) => match passcodes::to_go_again(session, message.vs, again)? {
            Some(passcode) => Some((again, passcode)),
            None => return Ok(Accepted::NotAgain),
        },
        _ => None,
    };
    let charged = session.purse.charge(&mut session.statements, &message.payers, message.segments)?;
    if let Err((payer, remaining)) = charged {
        return Ok(Accepted::NoCredits { payer, remaining });
    }
    let state = if message.due_ms.is_some() { MessageState::Scheduled } else { MessageState::Accepted };
    let id = message.id.as_u64() as i64;
    session
        .statements
        .insert
        .execute(params![
            id,
            message.vs.0,
            state.code(),
            message.kind.code(),
            message.to.as_u64() as i64,
            message.segments,
            accepted_ms,
            message.expires_ms,
            message.due_ms,
            message.flash,
            message.overwrite,
            &*message.encoding,
            message.sender.as_deref(),
            message.reference.as_deref(),
            payers_stored(&message.payers).as_deref(),
            room(message.kind),
            &message.sealed_text,
            message.resend_of.map(|id| id.as_u64() as i64),
        ])
        .map_err(|error| taken(error, message.id))?;
    if let Some(Idempotency { key, request }) = &message.idempotency {
        let period = session.key_periods.enter(accepted_ms);
        session.statements.add_key.execute(params![period, key, request, id])?;
    }
    if let Some(PasscodeStep::New(new)) = message.passcode.as_deref() {
        passcodes::add(session, message, new)?;
    } else if let Some((again, passcode)) = again {
        passcodes::note_again(session, message, passcode, again)?;
    }
    Ok(Accepted::New)
}

/// An id that is taken fails its call alone; the transaction then runs again with each operation by itself.
fn taken(error: rusqlite::Error, id: MessageId) -> Failure {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) {
        tracing::error!(message = %id, "message id used twice");
    }
    Failure::Sql(error)
}

/// What the key says, where it was used in the last 24 hours.
fn find_before(
    session: &mut Session<'_>,
    idempotency: &Idempotency,
    now_ms: i64,
) -> Result<Option<Accepted>, Failure> {
    for period in session.key_periods.present() {
        let row = session
            .statements
            .find_key
            .query_row(params![period, idempotency.key], |row| {
                Ok((row.get::<_, [u8; 16]>(0)?, MessageId::from_u64(row.get::<_, i64>(1)? as u64)))
            })
            .optional()?;
        let Some((request, id)) = row else { continue };
        if now_ms - id.accepted_ms() >= IDEMPOTENCY.kept_ms {
            continue;
        }
        if request != idempotency.request {
            return Ok(Some(Accepted::IdempotencyConflict));
        }
        let message = session
            .connection
            .prepare_cached("SELECT state, segments, encoding FROM message WHERE id = ?1")?
            .query_row([id.as_u64() as i64], |row| {
                Ok(Accepted::Duplicate {
                    id,
                    state: MessageState::from_code(row.get(0)?).unwrap_or(MessageState::Failed),
                    segments: row.get(1)?,
                    encoding: row.get(2)?,
                })
            });
        // A message that was pruned meanwhile leaves nothing to answer with: the key is free again.
        if let Some(duplicate) = message.optional()? {
            return Ok(Some(duplicate));
        }
    }
    Ok(None)
}

/// A caller's error in words: what SQLite refused without the disk being to blame.
pub(super) fn in_words(error: &rusqlite::Error) -> StoreError {
    StoreError::Conflict(format!("the store cannot hold this: {error}"))
}
