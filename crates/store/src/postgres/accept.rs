//! Accepting: the decision on credits and idempotency, in memory.

use super::partitions::Cut;
use super::passcodes;
use super::unit::{Fresh, StoredKey, Unit};
use crate::standing::Standing;
use crate::{Accepted, Idempotency, NewMessage, PasscodeStep, StoreError};
use std::sync::Arc;
use textgate_sms::{MessageId, MessageState};

/// What PostgreSQL cannot hold, and no message needs.
pub(super) fn has_nul(messages: &[NewMessage]) -> bool {
    let texts = |message: &NewMessage| {
        let passcode = match message.passcode.as_deref() {
            Some(PasscodeStep::New(new)) => [Some(&*new.purpose), Some(&*new.recipe)],
            _ => [None, None],
        };
        let own = [Some(&*message.encoding), message.sender.as_deref(), message.reference.as_deref()];
        own.into_iter().chain(passcode).flatten().any(|text| text.contains('\0'))
    };
    messages.iter().any(texts)
}

/// The messages that were accepted.
pub(super) fn accepted(messages: &Arc<Vec<NewMessage>>, answers: &Vec<Accepted>) -> Vec<MessageId> {
    let both = messages.iter().zip(answers);
    both.filter(|(_, answer)| **answer == Accepted::New).map(|(message, _)| message.id).collect()
}

/// Accepts each message, or says why not.
pub(super) fn accept(unit: &mut Unit, messages: &Arc<Vec<NewMessage>>) -> Result<Vec<Accepted>, StoreError> {
    (0..messages.len()).map(|at| accept_one(unit, &Fresh { messages: messages.clone(), at })).collect()
}

fn accept_one(unit: &mut Unit, fresh: &Fresh) -> Result<Accepted, StoreError> {
    let Some(message) = fresh.message() else { return Err(StoreError::Closed) };
    let accepted_ms = message.id.accepted_ms();
    unit.told_ms = accepted_ms;
    if let Some(idempotency) = &message.idempotency
        && let Some(before) = find_before(unit, idempotency, accepted_ms)
    {
        return Ok(before);
    }
    if let Some(PasscodeStep::Again(again)) = message.passcode.as_deref()
        && !passcodes::may_go_again(unit, message.vs, again)
    {
        return Ok(Accepted::NotAgain);
    }
    if let Err((payer, remaining)) = unit.charge(&message.payers, message.segments) {
        return Ok(Accepted::NoCredits { payer, remaining });
    }
    if unit.fresh.contains_key(&message.id) {
        return Err(StoreError::Conflict(format!("the message id {} is used twice", message.id)));
    }
    let state = if message.due_ms.is_some() { MessageState::Scheduled } else { MessageState::Accepted };
    let standing = Standing {
        id: message.id,
        vs: message.vs,
        state,
        number: message.to.as_u64(),
        segments: message.segments,
        awaiting: None,
        line: Default::default(),
        payers: message.payers.clone(),
        changed_ms: accepted_ms,
        ended_ms: None,
        text: Some(message.sealed_text.len()),
        erases_text: false,
        is_refunded: false,
        is_moved: false,
        moves: Default::default(),
        size: 0,
    };
    unit.standings.insert(message.id, standing);
    unit.fresh.insert(message.id, fresh.clone());
    if let Some(Idempotency { key, request }) = message.idempotency {
        unit.new_keys.insert(key, (accepted_ms, StoredKey { request, message: message.id }));
    }
    match message.passcode.as_deref() {
        Some(PasscodeStep::New(new)) => passcodes::add(unit, message, new),
        Some(PasscodeStep::Again(again)) => {
            let Ok(()) = passcodes::note_again(unit, message, again);
        }
        None => {}
    }
    Ok(Accepted::New)
}

/// What the key says, where it was used in the last 24 hours.
fn find_before(unit: &mut Unit, idempotency: &Idempotency, now_ms: i64) -> Option<Accepted> {
    let is_of_use = |key: &StoredKey| now_ms - key.message.accepted_ms() < Cut::Idempotency.kept_ms();
    if let Some((_, key)) = unit.new_keys.get(&idempotency.key)
        && is_of_use(key)
    {
        if key.request != idempotency.request {
            return Some(Accepted::IdempotencyConflict);
        }
        let standing = unit.standings.get(&key.message)?;
        let encoding = unit.fresh.get(&key.message)?.message()?.encoding.to_string();
        let (id, state, segments) = (key.message, standing.state, standing.segments);
        return Some(Accepted::Duplicate { id, state, segments, encoding });
    }
    let stored = unit.keys.get(&idempotency.key)?;
    for key in stored.iter().filter(|key| is_of_use(key)) {
        if key.request != idempotency.request {
            return Some(Accepted::IdempotencyConflict);
        }
        // A message that was pruned meanwhile leaves nothing to answer with: the key is free again.
        if let Some(earlier) = unit.earlier.get(&key.message) {
            // Its state may have changed in this very transaction.
            let state = unit.standings.get(&key.message).map_or(earlier.state, |standing| standing.state);
            let (segments, encoding) = (earlier.segments, earlier.encoding.clone());
            return Some(Accepted::Duplicate { id: key.message, state, segments, encoding });
        }
    }
    unit.old_keys.insert(idempotency.key);
    None
}
