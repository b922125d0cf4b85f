//! Receipts: finding the message that each is about, and what follows for it.

use super::command::Failure;
use super::early;
use super::session::Session;
use super::standing::Standing;
use crate::{Event, Matched, ReceiptRecord};
use rusqlite::params;
use textgate_sms::{MessageId, PhoneNumber, ReceiptState};

/// How many messages with one receipt id are looked at.
const MOST_MATCHES: usize = 16;

/// Records receipts, in order. Answers what each did; `None` where it was kept for later.
pub(super) fn record_receipts(
    session: &mut Session<'_>,
    receipts: &[ReceiptRecord],
) -> Result<Vec<Option<Matched>>, Failure> {
    receipts.iter().map(|receipt| record_one(session, receipt)).collect()
}

fn record_one(session: &mut Session<'_>, receipt: &ReceiptRecord) -> Result<Option<Matched>, Failure> {
    session.told(receipt.at_ms);
    let Some((mut standing, part)) = find(session, receipt)? else {
        early::keep(session, receipt)?;
        return Ok(None);
    };
    let matched = apply(&mut standing, (part >> 8) as u8, part as u8, receipt);
    standing.save(session)?;
    Ok(Some(matched))
}

/// The message that a receipt is about: the likeliest whose number it names, the newest first; where none has that number, the
/// newest under the likeliest id, because providers write numbers in ways of their own.
fn find(session: &mut Session<'_>, receipt: &ReceiptRecord) -> rusqlite::Result<Option<(Standing, u32)>> {
    let mut second_best = None;
    let mut looked_at = 0;
    for (rank, candidate) in early::candidates(receipt) {
        for period in session.receipt_periods.present() {
            let found: Vec<(i64, u32)> = session
                .statements
                .find_receipt_id
                .query_map(params![period, receipt.gateway.0, candidate], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?
                .collect::<Result<_, _>>()?;
            for (id, part) in found {
                let Some(standing) = Standing::load(session, MessageId::from_u64(id as u64))? else {
                    continue;
                };
                if receipt.number.is_none_or(|number| number.as_u64() == standing.number) {
                    return Ok(Some((standing, part)));
                }
                if second_best.is_none() && is_meant(receipt, rank, standing.number) {
                    second_best = Some((standing, part));
                }
                looked_at += 1;
                if looked_at >= MOST_MATCHES {
                    return Ok(second_best);
                }
            }
        }
    }
    Ok(second_best)
}

/// Whether a receipt that names an id as its `rank`th candidate means a message to this number.
pub(super) fn is_meant(receipt: &ReceiptRecord, rank: usize, number: u64) -> bool {
    rank == 0 || receipt.number.is_none_or(|own| own.as_u64() == number)
}

/// Adds a receipt to a message, and draws the conclusion. One that says the same again changes nothing. Answers what it did.
pub(super) fn apply(standing: &mut Standing, attempt: u8, segment: u8, receipt: &ReceiptRecord) -> Matched {
    if !standing.line.has_receipt(receipt.gateway, segment, receipt.state, receipt.error.as_deref()) {
        standing.push(&Event::Receipt {
            at_ms: receipt.at_ms,
            gateway: receipt.gateway,
            segment,
            state: receipt.state,
            error: receipt.error.clone(),
        });
    }
    if receipt.state != ReceiptState::Pending
        && let Some(awaiting) = &mut standing.awaiting
    {
        awaiting.receipt(attempt, segment, receipt.state == ReceiptState::Delivered);
    }
    let since_sent_ms = standing.since_sent_ms(receipt.at_ms);
    let changed_to = standing.settle(receipt.at_ms, || match &receipt.error {
        Some(error) if receipt.state != ReceiptState::Delivered => {
            format!("receipt: {}, error {error}", receipt.state)
        }
        _ => format!("receipt: {}", receipt.state),
    });
    let since_sent_ms = changed_to.and(since_sent_ms);
    let to = PhoneNumber::from_u64(standing.number);
    Matched { id: standing.id, vs: standing.vs, to, gateway: receipt.gateway, changed_to, since_sent_ms }
}
