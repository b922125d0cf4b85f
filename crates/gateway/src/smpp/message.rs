//! The messages that one bind has in hand, from taking them to handing them back.

use super::text::Prepared;
use crate::{Outcome, Submission};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::time::Instant;
use textgate_sms::OutcomeClass::{self, Account, Refused, Rejected, Sent, Throttled, Unavailable, Uncertain};

/// One message's place; a place that is used again has another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Key {
    place: u32,
    generation: u32,
}

/// One message in hand.
pub(super) struct Message {
    pub submission: Box<Submission>,
    pub prepared: Prepared,
    /// The reference that its parts share.
    pub reference: u16,
    /// The next part to be written; all are where it is `prepared.pdus()`.
    pub next: u8,
    /// Parts that the SMSC did not take because it was too fast for it; written again when the pace lets them.
    pub again: SmallVec<[u8; 2]>,
    /// Parts written and not answered.
    pub unanswered: u8,
    /// Parts that the SMSC took.
    pub accepted: u8,
    pub ids: SmallVec<[Box<str>; 1]>,
    /// The worst that befell a part.
    pub failure: Option<Failure>,
    /// When it is handed back, come what may.
    pub hand_back_at: Instant,
}

/// Why a part was not taken, or may not have been.
pub(super) struct Failure {
    pub class: OutcomeClass,
    pub detail: Cow<'static, str>,
}

impl Message {
    /// Whether parts are still to be written, and worth it: a message that surely lacks a part is of no use.
    pub fn has_unsent(&self) -> bool {
        (self.next < self.prepared.pdus() || !self.again.is_empty()) && self.failure.is_none()
    }

    /// The part to be written now.
    pub fn take_next(&mut self) -> u8 {
        self.again.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }

    /// Whether a part that the SMSC was too busy for is worth another try within this attempt: where other parts of
    /// the message were taken, or may be, a new attempt would send those twice.
    pub fn is_begun(&self) -> bool {
        self.failure.is_none() && (self.accepted > 0 || self.unanswered > 0)
    }

    /// Notes that a part failed; the worst is kept.
    pub fn fail(&mut self, class: OutcomeClass, detail: impl Into<Cow<'static, str>>) {
        if self.failure.as_ref().is_none_or(|failure| severity(failure.class) < severity(class)) {
            self.failure = Some(Failure { class, detail: detail.into() });
        }
    }

    /// The outcome, now that no part is awaited any more; `uncertain` of them may have been taken.
    pub fn finish(self, uncertain: u8) -> (Box<Submission>, Outcome) {
        let segments = self.prepared.segments();
        let outcome = match self.failure {
            None => Outcome { detail: Cow::Borrowed("ESME_ROK"), ..Outcome::sent(self.ids, segments) },
            Some(Failure { class, detail }) => {
                let parts = self.accepted.saturating_add(uncertain);
                // A message_payload is one PDU and all segments.
                let segments_sent = if self.prepared.pdus() == 1 && parts > 0 { segments } else { parts };
                Outcome { provider_ids: self.ids, segments_sent, ..Outcome::failed(class, detail) }
            }
        };
        (self.submission, outcome)
    }
}

/// Which of two failures of one message counts. A part that was surely not taken weighs more than one that perhaps
/// was: the message is then surely incomplete at this gateway, and sending it by another cannot double it.
fn severity(class: OutcomeClass) -> u8 {
    match class {
        Sent => 0,
        Uncertain => 1,
        Throttled => 2,
        Unavailable => 3,
        Refused => 4,
        Account => 5,
        Rejected => 6,
    }
}

/// The messages in hand, by key.
#[derive(Default)]
pub(super) struct Messages {
    places: Vec<(u32, Option<Message>)>,
    free: Vec<u32>,
    count: usize,
}

impl Messages {
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn put(&mut self, message: Message) -> Key {
        self.count += 1;
        if let Some(place) = self.free.pop()
            && let Some((generation, slot)) = self.places.get_mut(place as usize)
        {
            *slot = Some(message);
            return Key { place, generation: *generation };
        }
        // Bounded by the window, so far below 2^32.
        let place = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push((1, Some(message)));
        Key { place, generation: 1 }
    }

    pub fn get(&mut self, key: Key) -> Option<&mut Message> {
        match self.places.get_mut(key.place as usize) {
            Some((generation, message)) if *generation == key.generation => message.as_mut(),
            _ => None,
        }
    }

    pub fn take(&mut self, key: Key) -> Option<Message> {
        match self.places.get_mut(key.place as usize) {
            Some((generation, message)) if *generation == key.generation => {
                let message = message.take()?;
                *generation = generation.wrapping_add(1);
                self.free.push(key.place);
                self.count -= 1;
                Some(message)
            }
            _ => None,
        }
    }

    /// All of them with their keys.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &Message)> {
        let places = self.places.iter().zip(0..);
        places.filter_map(|((generation, message), place)| {
            message.as_ref().map(|message| (Key { place, generation: *generation }, message))
        })
    }
}
