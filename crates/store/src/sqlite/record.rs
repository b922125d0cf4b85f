//! What became of messages: outcomes, cancelling, release of what was scheduled.

use super::awaiting::Awaiting;
use super::command::Failure;
use super::early;
use super::receipts;
use super::session::Session;
use super::standing::Standing;
use crate::{Event, Finished, InboundRecord, Matched, StoredMessage, Transition};
use rusqlite::params;
use std::borrow::Cow;
use textgate_sms::{GatewayId, MessageId, MessageState, OutcomeClass, PhoneNumber, VsId};

/// Records outcomes, in order. Answers what receipts that had come early changed.
pub(super) fn record(session: &mut Session<'_>, finished: &[Finished]) -> Result<Vec<Matched>, Failure> {
    let mut matched = Vec::new();
    for one in finished {
        // One that was pruned meanwhile has nothing to record in.
        if let Some(standing) = Standing::load(session, one.id)? {
            record_one(session, standing, one, &mut matched)?;
        }
    }
    Ok(matched)
}

fn record_one(
    session: &mut Session<'_>,
    mut standing: Standing,
    finished: &Finished,
    matched: &mut Vec<Matched>,
) -> rusqlite::Result<()> {
    let mut number = 0;
    if let Some(attempt) = &finished.attempt {
        standing.push(attempt);
        number = attempt_number(&standing);
    }
    if let Some(Event::Attempt { gateway, class, at_ms, .. }) = &finished.attempt {
        session.told(*at_ms);
        let period = session.receipt_periods.enter(*at_ms);
        // A provider that gives one id to several segments tells of them in one receipt.
        let ids = || {
            (0..=u8::MAX).zip(&finished.receipt_ids).filter(|(n, id)| {
                early::is_id(id) && !finished.receipt_ids.iter().take(usize::from(*n)).any(|o| o == *id)
            })
        };
        for (segment, id) in ids() {
            let part = u32::from(number) << 8 | u32::from(segment);
            let message = finished.id.as_u64() as i64;
            session.statements.add_receipt_id.execute(params![period, gateway.0, id, message, part])?;
        }
        if *class == OutcomeClass::Sent && standing.awaiting.is_none() {
            standing.awaiting = Awaiting::new(number, ids().map(|(segment, _)| segment));
        }
    }
    if let Some(transition) = &finished.transition {
        session.told(transition.at_ms);
        standing.change(session, transition)?;
        // Receipts may have come between the attempt and the change to `sent`.
        let changed_to = standing.settle(transition.at_ms, || "receipts came before".to_owned());
        if changed_to.is_some() {
            let gateway = standing.line.last_receipt_from().unwrap_or(GatewayId(0));
            let (id, vs) = (standing.id, standing.vs);
            let to = PhoneNumber::from_u64(standing.number);
            matched.push(Matched { id, vs, to, gateway, changed_to, since_sent_ms: None });
        }
    }
    if let Some(Event::Attempt { gateway, .. }) = &finished.attempt {
        apply_early(session, &mut standing, *gateway, number, finished, matched)?;
    }
    standing.save(session)
}

/// Attempts are numbered from 1; all past 255 share that number.
fn attempt_number(standing: &Standing) -> u8 {
    standing.line.attempts().min(255) as u8
}

fn apply_early(
    session: &mut Session<'_>,
    standing: &mut Standing,
    gateway: GatewayId,
    attempt: u8,
    finished: &Finished,
    matched: &mut Vec<Matched>,
) -> rusqlite::Result<()> {
    for (segment, id) in (0..=u8::MAX).zip(&finished.receipt_ids).filter(|(_, id)| early::is_id(id)) {
        for early in early::find(session, gateway, id)? {
            if receipts::is_meant(&early.receipt, early.rank, standing.number) {
                matched.push(receipts::apply(standing, attempt, segment, &early.receipt));
                early::done(session, &early)?;
            }
        }
    }
    Ok(())
}

/// What to cancel.
pub(super) struct Cancel {
    pub(super) vs: VsId,
    pub(super) id: MessageId,
    pub(super) at_ms: i64,
}

/// Cancels a message that is unfinished.
pub(super) fn cancel(
    session: &mut Session<'_>,
    cancel: &Cancel,
) -> Result<Option<(MessageState, bool)>, Failure> {
    session.told(cancel.at_ms);
    let Some(mut standing) = Standing::load(session, cancel.id)?.filter(|found| found.vs == cancel.vs) else {
        return Ok(None);
    };
    if !standing.state.is_unfinished() {
        return Ok(Some((standing.state, false)));
    }
    let transition = Transition {
        to: MessageState::Cancelled,
        at_ms: cancel.at_ms,
        reason: Cow::Borrowed("cancelled on request"),
        erase_text: true,
        refund: !standing.line.may_have_been_taken(),
    };
    standing.change(session, &transition)?;
    standing.save(session)?;
    Ok(Some((MessageState::Cancelled, true)))
}

/// Moves scheduled messages to `accepted`. Answers those it moved.
pub(super) fn release(
    session: &mut Session<'_>,
    (ids, at_ms): &(Vec<MessageId>, i64),
) -> Result<Vec<StoredMessage>, Failure> {
    session.told(*at_ms);
    let mut released = Vec::new();
    for id in ids {
        let found = Standing::load(session, *id)?;
        let Some(mut standing) = found.filter(|found| found.state == MessageState::Scheduled) else {
            continue;
        };
        let transition = Transition {
            to: MessageState::Accepted,
            at_ms: *at_ms,
            reason: Cow::Borrowed("its time has come"),
            erase_text: false,
            refund: false,
        };
        standing.change(session, &transition)?;
        standing.save(session)?;
        released.extend(super::list::message(session.connection, *id)?);
    }
    Ok(released)
}

/// Keeps messages that phones sent.
pub(super) fn record_inbound(session: &mut Session<'_>, inbound: &[InboundRecord]) -> Result<(), Failure> {
    let mut insert = session
        .connection
        .prepare_cached("INSERT INTO inbound (gateway, at_ms, sealed) VALUES (?1, ?2, ?3)")?;
    for message in inbound {
        insert.execute(params![message.gateway.0, message.at_ms, message.sealed])?;
        session.told_ms = message.at_ms;
    }
    Ok(())
}
