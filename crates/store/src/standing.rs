//! Where a message stands: the part of its row that changes, moved by the rules, whichever store it was read from.

use crate::awaiting::{Awaiting, Verdict};
use crate::events::TimeLine;
use crate::{Event, Transition, WebhookKind};
use smallvec::SmallVec;
use std::borrow::Cow;
use textgate_sms::{MessageId, MessageState, VsId};

/// The changing part of one message. Its store fills it, and writes back what is other than before.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) id: MessageId,
    pub(crate) vs: VsId,
    pub(crate) state: MessageState,
    pub(crate) number: u64,
    pub(crate) segments: u8,
    pub(crate) awaiting: Option<Awaiting>,
    pub(crate) line: TimeLine,
    /// Who was charged; emptied when they got it back.
    pub(crate) payers: SmallVec<[VsId; 2]>,
    pub(crate) changed_ms: i64,
    /// When it ceased to be unfinished.
    pub(crate) ended_ms: Option<i64>,
    /// How long the sealed text is (octets); `None` once erased.
    pub(crate) text: Option<usize>,
    /// The text goes when this is written back.
    pub(crate) erases_text: bool,
    /// Payers got their credits back, and are no more.
    pub(crate) is_refunded: bool,
    /// It was unfinished when its state changed: more than the state has to be written back.
    pub(crate) is_moved: bool,
    /// Where it came to and when, to be told to whoever wants to know.
    pub(crate) moves: SmallVec<[(MessageState, i64); 1]>,
    /// How long its row is, for a store that keeps rows at their size.
    pub(crate) size: usize,
}

impl Standing {
    /// Makes a change of state if the rules allow it: unfinished to anything later, `sent` to what receipts say. What is final
    /// stays. Answers who is to get credits back for it, `segments` each; none twice.
    pub(crate) fn change(&mut self, transition: &Transition) -> SmallVec<[VsId; 2]> {
        use MessageState::{Accepted, Delivered, Scheduled, Sent, Undelivered};
        let is_allowed = match self.state {
            Accepted => !matches!(transition.to, Accepted | Scheduled),
            Scheduled => transition.to != Scheduled,
            Sent => matches!(transition.to, Delivered | Undelivered),
            _ => false,
        };
        if !is_allowed {
            return SmallVec::new();
        }
        self.move_to(transition.to, transition.at_ms, transition.reason.clone());
        self.erases_text |= transition.erase_text;
        if !transition.refund {
            return SmallVec::new();
        }
        // Taken out, so that it happens once.
        self.is_refunded = !self.payers.is_empty();
        std::mem::take(&mut self.payers)
    }

    /// Draws the conclusion from the receipts that came. Answers the state it led to, if any.
    pub(crate) fn settle(&mut self, at_ms: i64, reason: impl FnOnce() -> String) -> Option<MessageState> {
        let verdict = self.awaiting.as_ref()?.verdict();
        let to = match (self.state, verdict) {
            (MessageState::Sent, Verdict::Delivered) => MessageState::Delivered,
            (MessageState::Sent, Verdict::Undelivered) => MessageState::Undelivered,
            _ => return None,
        };
        self.move_to(to, at_ms, Cow::Owned(reason()));
        Some(to)
    }

    /// How long after it was sent something came at `at_ms`; `None` where it is not sent, or that came before.
    pub(crate) fn since_sent_ms(&self, at_ms: i64) -> Option<u64> {
        (self.state == MessageState::Sent).then(|| u64::try_from(at_ms - self.changed_ms).ok()).flatten()
    }

    /// Erases the text when it is saved. Answers whether there is one.
    pub(crate) fn erase_text(&mut self) -> bool {
        self.erases_text = self.text.is_some();
        self.erases_text
    }

    /// Adds an event. Answers whether it was kept.
    pub(crate) fn push(&mut self, event: &Event) -> bool {
        self.line.push(self.id.accepted_ms(), event)
    }

    /// What there is to be told of it since it was read: what happened, and when.
    pub(crate) fn take_moves(&mut self) -> impl Iterator<Item = (WebhookKind, i64)> + use<> {
        let moves = std::mem::take(&mut self.moves);
        moves.into_iter().filter_map(|(to, at_ms)| Some((WebhookKind::of_state(to)?, at_ms)))
    }

    fn move_to(&mut self, to: MessageState, at_ms: i64, reason: Cow<'static, str>) {
        self.is_moved |= self.state.is_unfinished();
        if self.state.is_unfinished() && !to.is_unfinished() {
            self.ended_ms = Some(at_ms);
        }
        (self.state, self.changed_ms) = (to, at_ms);
        self.moves.push((to, at_ms));
        self.push(&Event::State { at_ms, to, reason });
    }
}

/// The stored form of who was charged; `None` for nobody.
pub(crate) fn payers_stored(payers: &[VsId]) -> Option<SmallVec<[u8; 8]>> {
    (!payers.is_empty()).then(|| payers.iter().flat_map(|payer| payer.0.to_le_bytes()).collect())
}

/// The reverse of [`payers_stored`].
pub(crate) fn payers_from_stored(octets: &[u8]) -> SmallVec<[VsId; 2]> {
    octets.as_chunks().0.iter().map(|four| VsId(u32::from_le_bytes(*four))).collect()
}
