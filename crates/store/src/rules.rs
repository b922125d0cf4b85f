//! What follows from outcomes, receipts and requests for a message: the same in every store, whatever it reads and writes by.

use crate::awaiting::Awaiting;
use crate::standing::Standing;
use crate::{Event, Finished, Matched, PasscodeAgain, ReceiptRecord, Transition, WebhookKind};
use smallvec::SmallVec;
use std::borrow::Cow;
use textgate_sms::{GatewayId, MessageId, MessageState, OutcomeClass, PhoneNumber, ReceiptState, VsId};

/// How many messages with one receipt id are looked at.
const MOST_MATCHES: usize = 16;
/// How many ids of one receipt are looked at.
const MOST_CANDIDATES: usize = 8;
/// Longest id or error code that is kept, in octets: providers' ids have at most 64 (SMPP 3.4 §5.3.2.12), or are UUIDs.
pub(crate) const LONGEST_ID: usize = 255;
/// How long early receipts are kept (ms): as long as a full disk may hold up the record they wait for.
pub(crate) const EARLY_KEPT_MS: i64 = 24 * 3_600_000;
/// How many early receipts are kept at most; beyond it the oldest go. A provider that floods with receipts for unknown messages
/// gains nothing.
pub(crate) const MOST_EARLY: usize = 100_000;

/// A receipt that came before its message was recorded as sent, and how likely it means the id it was found by (0 is the likeliest).
#[derive(Debug, Clone)]
pub(crate) struct EarlyReceipt {
    pub(crate) id: i64,
    pub(crate) rank: usize,
    pub(crate) receipt: ReceiptRecord,
}

/// Messages under one receipt id, and which part of each it is.
pub(crate) type Under = SmallVec<[(MessageId, u32); 1]>;

/// One transaction of a store, as the rules see it.
pub(crate) trait Ground {
    /// What its reads and writes may fail with.
    type Error;

    /// Takes note of the time an operation names: a store has no clock of its own.
    fn told(&mut self, at_ms: i64);

    /// Takes a message out, to be [saved](Ground::save) or [put back](Ground::put_back); `None` if there is no such.
    fn load(&mut self, id: MessageId) -> Result<Option<Standing>, Self::Error>;

    /// Writes a message back, and [owes](Ground::owe) what there is to be told of it.
    fn save(&mut self, standing: Standing) -> Result<(), Self::Error>;

    /// Puts a message back unchanged.
    fn put_back(&mut self, standing: Standing);

    /// Gives every payer `segments` credits back. One whose virtual server is gone gets nothing.
    fn refund(&mut self, payers: &[VsId], segments: u8) -> Result<(), Self::Error>;

    /// Owes the webhook endpoints of a virtual server that want it an event, in this transaction: what happened, to what (the number of
    /// a message, an alert, an inbound message), and when.
    fn owe(&mut self, vs: VsId, kind: WebhookKind, subject: u64, at_ms: i64) -> Result<(), Self::Error>;

    /// Remembers a receipt id of a message, and which part of it has it: attempt * 256 + segment.
    fn add_receipt_id(
        &mut self,
        at_ms: i64,
        gateway: GatewayId,
        id: &str,
        message: MessageId,
        part: u32,
    ) -> Result<(), Self::Error>;

    /// Messages under a receipt id, the newest first, at most 8: those of the period so many before the newest. `None` past the
    /// oldest.
    fn under_receipt_id(
        &mut self,
        gateway: GatewayId,
        id: &str,
        period: usize,
    ) -> Result<Option<Under>, Self::Error>;

    /// Keeps a receipt that matches nothing yet.
    fn keep_early(&mut self, receipt: &ReceiptRecord) -> Result<(), Self::Error>;

    /// The receipts that wait for this id, oldest first, at most 16.
    fn find_early(&mut self, gateway: GatewayId, id: &str) -> Result<Vec<EarlyReceipt>, Self::Error>;

    /// Forgets a receipt that found its message.
    fn early_is_done(&mut self, early: &EarlyReceipt) -> Result<(), Self::Error>;
}

/// Whether receipts can come under this id.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len())
}

/// The ids that a receipt may mean, with how likely each is (0 is the likeliest).
pub(crate) fn candidates(receipt: &ReceiptRecord) -> impl Iterator<Item = (usize, &str)> {
    let candidates = receipt.candidates.iter().take(MOST_CANDIDATES).enumerate();
    candidates.map(|(rank, id)| (rank, &**id)).filter(|(_, id)| is_id(id))
}

/// An error code as it is kept.
pub(crate) fn kept_error(error: &str) -> &str {
    &error[..error.floor_char_boundary(LONGEST_ID)]
}

// === Outcomes ===

/// Records outcomes, in order. Answers what receipts that had come early changed.
pub(crate) fn record<G: Ground>(ground: &mut G, finished: &[Finished]) -> Result<Vec<Matched>, G::Error> {
    let mut matched = Vec::new();
    for one in finished {
        // One that was pruned meanwhile has nothing to record in.
        if let Some(mut standing) = ground.load(one.id)? {
            record_one(ground, &mut standing, one, &mut matched)?;
            ground.save(standing)?;
        }
    }
    Ok(matched)
}

fn record_one<G: Ground>(
    ground: &mut G,
    standing: &mut Standing,
    finished: &Finished,
    matched: &mut Vec<Matched>,
) -> Result<(), G::Error> {
    let mut number = 0;
    if let Some(attempt) = &finished.attempt {
        standing.push(attempt);
        number = attempt_number(standing);
    }
    if let Some(Event::Attempt { gateway, class, at_ms, .. }) = &finished.attempt {
        ground.told(*at_ms);
        // A provider that gives one id to several segments tells of them in one receipt.
        let ids = || {
            (0..=u8::MAX).zip(&finished.receipt_ids).filter(|(n, id)| {
                is_id(id) && !finished.receipt_ids.iter().take(usize::from(*n)).any(|o| o == *id)
            })
        };
        for (segment, id) in ids() {
            let part = u32::from(number) << 8 | u32::from(segment);
            ground.add_receipt_id(*at_ms, *gateway, id, finished.id, part)?;
        }
        if *class == OutcomeClass::Sent && standing.awaiting.is_none() {
            standing.awaiting = Awaiting::new(number, ids().map(|(segment, _)| segment));
        }
    }
    if let Some(transition) = &finished.transition {
        change(ground, standing, transition)?;
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
        apply_early(ground, standing, *gateway, number, finished, matched)?;
    }
    Ok(())
}

/// Makes a change of state, and gives back what it gives back.
fn change<G: Ground>(
    ground: &mut G,
    standing: &mut Standing,
    transition: &Transition,
) -> Result<(), G::Error> {
    ground.told(transition.at_ms);
    let payers = standing.change(transition);
    if payers.is_empty() { Ok(()) } else { ground.refund(&payers, standing.segments) }
}

/// Attempts are numbered from 1; all past 255 share that number.
fn attempt_number(standing: &Standing) -> u8 {
    standing.line.attempts().min(255) as u8
}

fn apply_early<G: Ground>(
    ground: &mut G,
    standing: &mut Standing,
    gateway: GatewayId,
    attempt: u8,
    finished: &Finished,
    matched: &mut Vec<Matched>,
) -> Result<(), G::Error> {
    for (segment, id) in (0..=u8::MAX).zip(&finished.receipt_ids).filter(|(_, id)| is_id(id)) {
        for early in ground.find_early(gateway, id)? {
            if is_meant(&early.receipt, early.rank, standing.number) {
                matched.push(apply(standing, attempt, segment, &early.receipt));
                ground.early_is_done(&early)?;
            }
        }
    }
    Ok(())
}

// === Receipts ===

/// Records receipts, in order. Answers what each did; `None` where it was kept for later.
pub(crate) fn record_receipts<G: Ground>(
    ground: &mut G,
    receipts: &[ReceiptRecord],
) -> Result<Vec<Option<Matched>>, G::Error> {
    let mut all = Vec::with_capacity(receipts.len());
    for receipt in receipts {
        ground.told(receipt.at_ms);
        let matched = match find(ground, receipt)? {
            Some((mut standing, part)) => {
                let matched = apply(&mut standing, (part >> 8) as u8, part as u8, receipt);
                ground.save(standing)?;
                Some(matched)
            }
            None => {
                if candidates(receipt).next().is_some() {
                    ground.keep_early(receipt)?;
                }
                None
            }
        };
        all.push(matched);
    }
    Ok(all)
}

/// The message that a receipt is about: the likeliest whose number it names, the newest first; where none has that number, the
/// newest under the likeliest id, because providers write numbers in ways of their own.
fn find<G: Ground>(ground: &mut G, receipt: &ReceiptRecord) -> Result<Option<(Standing, u32)>, G::Error> {
    let mut second_best: Option<(MessageId, u32)> = None;
    let mut looked_at = 0;
    'all: for (rank, candidate) in candidates(receipt) {
        for period in 0.. {
            let Some(under) = ground.under_receipt_id(receipt.gateway, candidate, period)? else { break };
            for (id, part) in under {
                let Some(standing) = ground.load(id)? else { continue };
                if receipt.number.is_none_or(|number| number.as_u64() == standing.number) {
                    return Ok(Some((standing, part)));
                }
                if second_best.is_none() && is_meant(receipt, rank, standing.number) {
                    second_best = Some((id, part));
                }
                ground.put_back(standing);
                looked_at += 1;
                if looked_at >= MOST_MATCHES {
                    break 'all;
                }
            }
        }
    }
    let Some((id, part)) = second_best else { return Ok(None) };
    Ok(ground.load(id)?.map(|standing| (standing, part)))
}

/// Whether a receipt that names an id as its `rank`th candidate means a message to this number.
fn is_meant(receipt: &ReceiptRecord, rank: usize, number: u64) -> bool {
    rank == 0 || receipt.number.is_none_or(|own| own.as_u64() == number)
}

/// Adds a receipt to a message, and draws the conclusion. One that says the same again changes nothing. Answers what it did.
fn apply(standing: &mut Standing, attempt: u8, segment: u8, receipt: &ReceiptRecord) -> Matched {
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

// === Requests ===

/// What to cancel.
pub(crate) struct Cancel {
    pub(crate) vs: VsId,
    pub(crate) id: MessageId,
    pub(crate) at_ms: i64,
}

/// Cancels a message that is unfinished.
pub(crate) fn cancel<G: Ground>(
    ground: &mut G,
    cancel: &Cancel,
) -> Result<Option<(MessageState, bool)>, G::Error> {
    ground.told(cancel.at_ms);
    let Some(mut standing) = ground.load(cancel.id)? else { return Ok(None) };
    let (state, vs) = (standing.state, standing.vs);
    if vs != cancel.vs || !state.is_unfinished() {
        ground.put_back(standing);
        return Ok((vs == cancel.vs).then_some((state, false)));
    }
    let transition = Transition {
        to: MessageState::Cancelled,
        at_ms: cancel.at_ms,
        reason: Cow::Borrowed("cancelled on request"),
        erase_text: true,
        refund: !standing.line.may_have_been_taken(),
    };
    change(ground, &mut standing, &transition)?;
    ground.save(standing)?;
    Ok(Some((MessageState::Cancelled, true)))
}

/// Moves scheduled messages to `accepted`. Answers which it moved.
pub(crate) fn release<G: Ground>(
    ground: &mut G,
    ids: &[MessageId],
    at_ms: i64,
) -> Result<Vec<MessageId>, G::Error> {
    ground.told(at_ms);
    let mut released = Vec::new();
    for id in ids {
        let Some(mut standing) = ground.load(*id)? else { continue };
        if standing.state != MessageState::Scheduled {
            ground.put_back(standing);
            continue;
        }
        let transition = Transition {
            to: MessageState::Accepted,
            at_ms,
            reason: Cow::Borrowed("its time has come"),
            erase_text: false,
            refund: false,
        };
        change(ground, &mut standing, &transition)?;
        ground.save(standing)?;
        released.push(*id);
    }
    Ok(released)
}

/// Notes in the time lines of this message, and of one before it, that it carries a passcode's code again.
pub(crate) fn note_again<G: Ground>(
    ground: &mut G,
    message: MessageId,
    again: &PasscodeAgain,
) -> Result<(), G::Error> {
    let before = again.before.as_ref().map(|(id, reason)| (*id, reason));
    for (id, reason) in before.into_iter().chain([(message, &again.reason)]) {
        // One that was pruned meanwhile has no time line.
        if let Some(mut standing) = ground.load(id)? {
            let to = standing.state;
            standing.push(&Event::State { at_ms: again.at_ms, to, reason: reason.to_string().into() });
            ground.save(standing)?;
        }
    }
    Ok(())
}

/// Erases the texts of these messages if they are finished. Answers how many.
pub(crate) fn erase<G: Ground>(ground: &mut G, ids: &[MessageId]) -> Result<usize, G::Error> {
    let mut erased = 0;
    for id in ids {
        let Some(mut standing) = ground.load(*id)? else { continue };
        if !standing.state.is_unfinished() && standing.erase_text() {
            ground.save(standing)?;
            erased += 1;
        } else {
            ground.put_back(standing);
        }
    }
    Ok(erased)
}
