//! One bind's submissions: taken as the window and the pace allow, written, answered, and handed back with one outcome
//! each. Does no I/O: it writes into the outbox and is told what came.

use super::buffers::Outbox;
use super::gateway::Shared;
use super::message::{Key, Message, Messages};
use super::pdu::decode::SubmitResp;
use super::settings::Account;
use super::window::{Slot, Window};
use super::{answer, status, text};
use crate::{Outcome, Submission, Work};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Instant;
use textgate_sms::OutcomeClass::{Refused, Throttled, Unavailable, Uncertain};

/// Most submissions taken at a time. How many segments they have is seen only then, and all of them are ahead of the
/// next passcode; so few are taken that one turn's surprise stays small.
const TAKE: usize = 8;

/// What a bind has in hand.
pub(super) struct Session<'a> {
    account: &'a Account,
    shared: &'a Shared,
    work: &'a dyn Work,
    pub outbox: Outbox,
    pub window: Window,
    messages: Messages,
    /// Messages with parts still to be written.
    unsent: VecDeque<Key>,
    #[expect(clippy::vec_box, reason = "submissions travel boxed, so that handing one on moves a pointer")]
    taken: Vec<Box<Submission>>,
    finished: Vec<(Box<Submission>, Outcome)>,
    /// Parts of the longest message lately.
    parts: usize,
    /// Nothing is due before; `None`: nothing is at all.
    due: Option<Instant>,
    accepted: u32,
    is_throttled: bool,
    /// The rendered answer, kept for its memory.
    line: String,
}

/// Why no more was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// Nothing more waits: new work is announced.
    Empty,
    /// The window or the socket is full: an answer makes room.
    Full,
    /// The pace lets the next one leave at this time.
    Paced(Instant),
}

/// What the connection's state says of PDUs that are still in the outbox.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// It lives: a PDU that has begun to leave will arrive whole.
    Up,
    /// It is lost: a PDU that has not left whole never arrives.
    Lost,
}

impl<'a> Session<'a> {
    pub fn new(account: &'a Account, shared: &'a Shared, work: &'a dyn Work) -> Self {
        Self {
            account,
            shared,
            work,
            outbox: Outbox::default(),
            window: Window::new(account.window),
            messages: Messages::default(),
            unsent: VecDeque::new(),
            taken: Vec::new(),
            finished: Vec::new(),
            parts: 1,
            due: None,
            accepted: 0,
            is_throttled: false,
            line: String::new(),
        }
    }

    /// Whether no message is in hand.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// When [`expire`](Self::expire) has something to do.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether there is room to take something.
    pub fn has_room(&self) -> bool {
        self.unsent.is_empty() && self.window.room() > 0
    }

    // === out ===

    /// Writes what may leave now: first the parts of what was taken, then new messages while `takes`.
    pub fn fill(&mut self, takes: bool, now: Instant) -> Filled {
        if let Some(stopped_by) = self.write_unsent(now) {
            return stopped_by;
        }
        if !takes {
            return Filled::Empty;
        }
        loop {
            let room = self.window.room();
            if room == 0 || self.outbox.is_full() {
                return Filled::Full;
            }
            let wanted = (room / self.parts).clamp(1, TAKE);
            let granted = self.shared.pace().grant(wanted, now);
            if granted == 0 {
                return Filled::Paced(self.shared.pace().next_at());
            }
            self.work.take(granted, &mut self.taken);
            let mut taken = std::mem::take(&mut self.taken);
            let came = taken.len();
            let written = taken.drain(..).filter_map(|submission| self.admit(submission, now)).count();
            self.taken = taken;
            if written < granted {
                self.shared.pace().give_back(granted - written);
            }
            if let Some(stopped_by) = self.write_unsent(now) {
                return stopped_by;
            }
            if came < granted {
                return Filled::Empty;
            }
        }
    }

    /// Writes the first part of a new message; `None` where it cannot go.
    fn admit(&mut self, submission: Box<Submission>, now: Instant) -> Option<()> {
        let refused = if submission.valid_until <= now || submission.answer_by <= now {
            Err(Outcome::failed(Unavailable, "not sent: its time had run out"))
        } else {
            text::check_sender(&submission)
                .and_then(|()| text::prepare(&self.account.format, &submission.text))
        };
        let prepared = match refused {
            Ok(prepared) => prepared,
            Err(outcome) => {
                self.finished.push((submission, outcome));
                return None;
            }
        };
        let parts = prepared.pdus();
        // Sinks by itself, so that one long message is soon forgotten.
        self.parts = usize::from(parts).max(self.parts - self.parts.div_ceil(8)).max(1);
        let reference = if parts > 1 { self.shared.reference.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let hand_back_at = submission.answer_by;
        let key = self.messages.put(Message {
            submission,
            prepared,
            reference,
            next: 0,
            again: SmallVec::new(),
            unanswered: 0,
            accepted: 0,
            ids: SmallVec::new(),
            failure: None,
            hand_back_at,
        });
        self.write_part(key, now);
        if parts > 1 {
            self.unsent.push_back(key);
        }
        Some(())
    }

    /// Writes parts of messages in hand; says what stopped it, if anything is left.
    fn write_unsent(&mut self, now: Instant) -> Option<Filled> {
        while let Some(key) = self.unsent.front().copied() {
            let Some(message) = self.messages.get(key).filter(|message| message.has_unsent()) else {
                self.unsent.pop_front();
                continue;
            };
            if message.submission.valid_until <= now {
                message.fail(Unavailable, "its validity ended before all of it was sent");
                self.finish_if_answered(key);
                continue;
            }
            if self.window.room() == 0 || self.outbox.is_full() {
                return Some(Filled::Full);
            }
            let mut pace = self.shared.pace();
            if pace.grant(1, now) == 0 {
                return Some(Filled::Paced(pace.next_at()));
            }
            drop(pace);
            self.write_part(key, now);
        }
        None
    }

    fn write_part(&mut self, key: Key, now: Instant) {
        let Some(message) = self.messages.get(key) else { return };
        let sequence = self.window.next_free();
        let start = self.outbox.position();
        let part = message.take_next();
        let submission = &message.submission;
        message.prepared.write(
            &mut self.outbox.octets,
            &self.account.format,
            submission,
            text::Part { number: part, reference: message.reference, sequence },
            now,
        );
        let length = usize::try_from(self.outbox.position() - start).unwrap_or(usize::MAX);
        message.unanswered += 1;
        message.hand_back_at = submission.answer_by.min(now + self.account.response_timeout);
        let due = message.hand_back_at.min(submission.valid_until);
        self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
        // A little more patience than the message's own, as its late answer only costs a place in the window.
        let release_at = now + 2 * self.account.response_timeout;
        self.window.put(Slot { sequence, message: key, part, start, length, release_at });
    }

    // === back ===

    /// An answer to a submit_sm. One to nothing, or to a message that was handed back, only frees its place.
    pub fn answered(&mut self, sequence: u32, command_status: u32, answer: &SubmitResp<'_>) {
        let Some(slot) = self.window.take(sequence) else { return };
        let Some(message) = self.messages.get(slot.message) else { return };
        message.unanswered = message.unanswered.saturating_sub(1);
        if command_status == status::ROK {
            message.accepted += 1;
            self.accepted += 1;
            if !answer.message_id.is_empty() {
                message.ids.push(answer::bounded(answer.message_id).into());
            }
            if !self.account.success_contains.is_empty() {
                answer::render(&mut self.line, answer);
                if !self.line.contains(&*self.account.success_contains) {
                    message.fail(Refused, "ESME_ROK, but the answer lacks the success string");
                }
            }
        } else {
            let class = status::class(command_status);
            self.is_throttled |= class == Throttled;
            if class == Throttled && message.is_begun() {
                if !message.has_unsent() {
                    self.unsent.push_back(slot.message);
                }
                message.again.push(slot.part);
                return;
            }
            let name = status::name(command_status);
            match answer.status_text.map(answer::bounded).filter(|text| !text.is_empty()) {
                // The provider's words about a status; they could quote what was sent, so only plain words are kept.
                Some(text) if answer::is_harmless(&text, &message.submission) => {
                    message.fail(class, format!("{name}: {text}"));
                }
                _ => message.fail(class, name),
            }
        }
        self.finish_if_answered(slot.message);
    }

    fn finish_if_answered(&mut self, key: Key) {
        let is_done = |message: &mut Message| message.unanswered == 0 && !message.has_unsent();
        if self.messages.get(key).is_some_and(is_done)
            && let Some(message) = self.messages.take(key)
        {
            self.finished.push(message.finish(0));
        }
    }

    /// Hands back what is due: what must not leave any more, what was not answered in time; and frees the places of
    /// answers that never came.
    pub fn expire(&mut self, now: Instant) {
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        let due: Vec<(Key, bool)> = self
            .messages
            .iter()
            .filter(|(_, m)| m.hand_back_at <= now || m.submission.valid_until <= now)
            .map(|(key, m)| (key, m.hand_back_at <= now))
            .collect();
        for (key, is_over) in due {
            self.withdraw(key, Line::Up, "not sent in time");
            if is_over {
                self.give_up(key, "sent, but no answer in time");
            } else {
                self.finish_if_answered(key);
            }
        }
        let late: Vec<u32> =
            self.window.iter().filter(|slot| slot.release_at <= now).map(|slot| slot.sequence).collect();
        for sequence in late {
            self.window.take(sequence);
        }
        let of_messages = self.messages.iter().map(|(_, m)| {
            if m.submission.valid_until <= now {
                m.hand_back_at
            } else {
                m.hand_back_at.min(m.submission.valid_until)
            }
        });
        self.due = of_messages.chain(self.window.iter().map(|slot| slot.release_at)).min();
    }

    /// Hands everything back: what left as uncertain, what did not as unavailable.
    pub fn hand_back_all(&mut self, line: Line, why: &str) {
        let keys: Vec<Key> = self.messages.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.withdraw(key, line, &format!("not sent: {why}"));
            self.give_up(key, &format!("sent, but no answer: {why}"));
        }
        self.unsent.clear();
        self.settle();
    }

    /// Sees to it that no more of a message leaves.
    fn withdraw(&mut self, key: Key, line: Line, why: &str) {
        let written = self.outbox.written();
        let still_here = |slot: &&Slot| {
            slot.message == key
                && match line {
                    Line::Up => slot.start >= written,
                    Line::Lost => slot.end() > written,
                }
        };
        let mut withdrawn: Vec<Slot> = if self.outbox.is_empty() {
            Vec::new()
        } else {
            self.window.iter().filter(still_here).copied().collect()
        };
        // From the back, so that the places of those before stay true.
        withdrawn.sort_unstable_by_key(|slot| std::cmp::Reverse(slot.start));
        for slot in &withdrawn {
            self.window.take(slot.sequence);
            if line == Line::Up && self.outbox.cut(slot.start, slot.length) {
                self.window.moved_up(slot.start, slot.length);
            }
        }
        let Some(message) = self.messages.get(key) else { return };
        let count = u8::try_from(withdrawn.len()).unwrap_or(u8::MAX);
        message.unanswered = message.unanswered.saturating_sub(count);
        if count > 0 || message.has_unsent() {
            message.fail(Unavailable, why.to_owned());
        }
    }

    /// Hands one message back. What was written of it keeps its place in the window until its answer comes.
    fn give_up(&mut self, key: Key, why: &str) {
        let Some(mut message) = self.messages.take(key) else { return };
        let uncertain = message.unanswered;
        if uncertain > 0 {
            message.fail(Uncertain, why.to_owned());
        }
        self.finished.push(message.finish(uncertain));
    }

    /// Tells the pace what the SMSC took and whether it throttles, before more is written.
    pub fn tell_pace(&mut self, now: Instant) {
        if self.accepted > 0 || self.is_throttled {
            let mut pace = self.shared.pace();
            pace.accepted(self.accepted, now);
            if self.is_throttled && pace.throttled(now) {
                tracing::debug!("the SMSC throttles; sending slower");
            }
            (self.accepted, self.is_throttled) = (0, false);
        }
    }

    /// Hands back what is finished.
    pub fn settle(&mut self) {
        if !self.finished.is_empty() {
            self.work.done(&mut self.finished);
            self.finished.clear();
        }
    }
}
