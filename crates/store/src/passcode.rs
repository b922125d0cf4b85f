//! One-time passcodes as a store keeps them: never the code, and nothing it could be known by without the key file.

use crate::NewMessage;
use smallvec::SmallVec;
use subtle::ConstantTimeEq;
use textgate_sms::{MessageId, PasscodeState, PhoneNumber, VsId};

/// What happens to a passcode when a message with its code is accepted, in the same transaction.
#[derive(Clone)]
pub enum PasscodeStep {
    /// It is made. Its id is the message's.
    New(NewPasscode),
    /// Its code is sent again by this message.
    Again(PasscodeAgain),
}

/// A passcode to be made. Number and virtual server are its message's.
#[derive(Clone)]
pub struct NewPasscode {
    /// What it is for, in the caller's words.
    pub purpose: Box<str>,
    /// How many codes may be tried.
    pub attempts_most: u8,
    /// When its time ends (Unix time, ms).
    pub expires_ms: i64,
    /// From when on it may be sent again (Unix time, ms); `None`: never.
    pub resend_after_ms: Option<i64>,
    /// Random; the code follows from it, the id and the number, under the key file's key.
    pub seed: [u8; 16],
    /// What stands for the code, keyed by the key file.
    pub digest: [u8; 32],
    /// What its texts are made from, as dispatch keeps it; never a code.
    pub recipe: Box<str>,
}

/// A passcode's code is sent again.
#[derive(Clone)]
pub struct PasscodeAgain {
    /// Which.
    pub passcode: MessageId,
    /// Why.
    pub by: Again,
    /// When (Unix time, ms).
    pub at_ms: i64,
    /// What the time line of the new message begins with.
    pub reason: Box<str>,
    /// A message that carried the code before, and what its time line says of this.
    pub before: Option<(MessageId, Box<str>)>,
}

/// Why a code is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Somebody asked for it, which the pause must allow.
    Request {
        /// From when on it may be sent once more (Unix time, ms); `None`: never.
        resend_after_ms: Option<i64>,
    },
    /// No receipt came: once for each passcode.
    Watch,
}

/// A code to be checked.
#[derive(Clone)]
pub struct PasscodeCheck {
    /// Of which virtual server.
    pub vs: VsId,
    /// Which passcode.
    pub id: MessageId,
    /// What stands for the code that was given.
    pub digest: [u8; 32],
    /// When (Unix time, ms).
    pub at_ms: i64,
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasscodeChecked {
    /// Where the passcode stands now.
    pub state: PasscodeState,
    /// Whether it was this check that brought it there. Only where this is so is `approved` a success.
    pub is_now: bool,
    /// How many codes may still be tried.
    pub attempts_left: u8,
}

/// A passcode as it stands.
#[derive(Clone)]
pub struct PasscodeRecord {
    /// Its id, which is that of its first message.
    pub id: MessageId,
    /// Whose it is.
    pub vs: VsId,
    /// Whose phone it proves.
    pub number: PhoneNumber,
    /// What it is for.
    pub purpose: Box<str>,
    /// Where it stands; one whose time is over may still be `pending` here, see [`state_at`](Self::state_at).
    pub state: PasscodeState,
    /// How many codes were tried.
    pub attempts: u8,
    /// How many may be.
    pub attempts_most: u8,
    /// How often it was sent again on request.
    pub resends: u8,
    /// From when on it may be sent again (Unix time, ms); `None`: not any more.
    pub resend_after_ms: Option<i64>,
    /// It was sent again because no receipt came.
    pub is_watch_used: bool,
    /// When its time ends (Unix time, ms).
    pub expires_ms: i64,
    /// When its state last changed (Unix time, ms).
    pub changed_ms: i64,
    /// What the code follows from; `None` once it is final.
    pub seed: Option<[u8; 16]>,
    /// What its texts are made from.
    pub recipe: Box<str>,
    /// The messages that carried its code, the first first.
    pub messages: SmallVec<[MessageId; 2]>,
}

impl PasscodeRecord {
    /// Where it stands at this moment (Unix time, ms): a pending one whose time is over is expired, whether or not that was written.
    pub fn state_at(&self, now_ms: i64) -> PasscodeState {
        match self.state {
            PasscodeState::Pending if self.expires_ms <= now_ms => PasscodeState::Expired,
            state => state,
        }
    }

    /// How many codes may still be tried.
    pub fn attempts_left(&self) -> u8 {
        self.attempts_most.saturating_sub(self.attempts)
    }

    /// Whether a message may carry its code once more.
    pub fn allows(&self, again: &PasscodeAgain) -> bool {
        self.state_at(again.at_ms) == PasscodeState::Pending
            && match again.by {
                Again::Request { .. } => self.resend_after_ms.is_some_and(|after| after <= again.at_ms),
                Again::Watch => !self.is_watch_used,
            }
    }
}

// === What every store does with one ===

impl PasscodeRecord {
    /// One that is made with this message.
    pub(crate) fn new(message: &NewMessage, new: &NewPasscode) -> Self {
        Self {
            id: message.id,
            vs: message.vs,
            number: message.to,
            purpose: new.purpose.clone(),
            state: PasscodeState::Pending,
            attempts: 0,
            attempts_most: new.attempts_most,
            resends: 0,
            resend_after_ms: new.resend_after_ms,
            is_watch_used: false,
            expires_ms: new.expires_ms,
            changed_ms: message.id.accepted_ms(),
            seed: Some(new.seed),
            recipe: new.recipe.clone(),
            messages: SmallVec::from_slice(&[message.id]),
        }
    }

    /// This message carries its code once more.
    pub(crate) fn carried_again(&mut self, message: MessageId, again: &PasscodeAgain) {
        self.messages.push(message);
        match again.by {
            Again::Request { resend_after_ms } => {
                self.resends = self.resends.saturating_add(1);
                self.resend_after_ms = resend_after_ms;
            }
            Again::Watch => self.is_watch_used = true,
        }
    }

    /// Checks a code against what stands for the right one, and counts the attempt. Where it becomes final, its store must erase
    /// that too. Answers what it came to, and whether there is anything to write.
    pub(crate) fn check(
        &mut self,
        digest: Option<&[u8; 32]>,
        check: &PasscodeCheck,
    ) -> (PasscodeChecked, bool) {
        let state = self.state_at(check.at_ms);
        if state != PasscodeState::Pending {
            let is_now = state != self.state;
            if is_now {
                self.end(state, check.at_ms);
            }
            return (PasscodeChecked { state, is_now, attempts_left: self.attempts_left() }, is_now);
        }
        self.attempts = self.attempts.saturating_add(1);
        let attempts_left = self.attempts_left();
        let is_right = digest.is_some_and(|digest| bool::from(digest.ct_eq(&check.digest)));
        let state = match is_right {
            // One that had none left before is not pending.
            true => PasscodeState::Approved,
            false if attempts_left == 0 => PasscodeState::TooManyAttempts,
            false => PasscodeState::Pending,
        };
        let is_now = state != PasscodeState::Pending;
        if is_now {
            self.end(state, check.at_ms);
        }
        (PasscodeChecked { state, is_now, attempts_left }, true)
    }

    /// Cancels it if it is pending. Answers whether it was.
    pub(crate) fn cancel(&mut self, at_ms: i64) -> bool {
        let is_pending = self.state_at(at_ms) == PasscodeState::Pending;
        if is_pending {
            self.end(PasscodeState::Cancelled, at_ms);
        }
        is_pending
    }

    fn end(&mut self, state: PasscodeState, at_ms: i64) {
        (self.state, self.changed_ms, self.resend_after_ms, self.seed) = (state, at_ms, None, None);
    }
}

/// How long passcodes are kept after they were made (ms): a week tells whoever is asked about one what became of it.
pub(crate) const PASSCODES_KEPT_MS: i64 = 7 * 24 * 3600 * 1000;
/// How many of each are ended and deleted in one transaction: a few milliseconds, so that an accept is not held up.
pub(crate) const MOST_EXPIRED: usize = 500;
/// Most passcodes on one page.
pub(crate) const MOST_PASSCODES: usize = 1_000;
/// Entries looked at for one page. A filter that fits fewer gets a short page, and goes on from `next`.
pub(crate) const MOST_PASSCODES_LOOKED_AT: usize = 20_000;

/// The messages of a passcode as they are stored: ids of 8 octets, little-endian.
pub(crate) fn messages_stored(messages: &[MessageId]) -> Vec<u8> {
    messages.iter().flat_map(|id| (id.as_u64() as i64).to_le_bytes()).collect()
}

/// The other way round.
pub(crate) fn messages_from_stored(octets: &[u8]) -> SmallVec<[MessageId; 2]> {
    octets.as_chunks().0.iter().map(|eight| MessageId::from_u64(i64::from_le_bytes(*eight) as u64)).collect()
}

/// Which passcodes a list shows. All that is set must hold.
#[derive(Debug, Clone, Default)]
pub struct PasscodeFilter {
    /// Only to this number.
    pub to: Option<PhoneNumber>,
    /// Only in this state, at `now_ms`.
    pub state: Option<PasscodeState>,
    /// Now (Unix time, ms).
    pub now_ms: i64,
}

impl PasscodeFilter {
    /// Whether a passcode is to be shown.
    pub fn fits(&self, passcode: &PasscodeRecord) -> bool {
        self.to.is_none_or(|to| to == passcode.number)
            && self.state.is_none_or(|state| state == passcode.state_at(self.now_ms))
    }
}

/// One page of a list, the newest first.
#[derive(Clone)]
pub struct PasscodePage {
    /// The passcodes.
    pub passcodes: Vec<PasscodeRecord>,
    /// Where the next page begins (passcodes older than this); `None` at the end. A page may end before it is full.
    pub next: Option<MessageId>,
}
