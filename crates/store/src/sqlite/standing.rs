//! Where a message stands: the part of its row that changes, read, moved by the rules, and written back.

use super::awaiting::{Awaiting, Verdict};
use super::session::Session;
use super::webhooks;
use crate::events::TimeLine;
use crate::{Event, Transition, WebhookKind};
use rusqlite::{OptionalExtension, Row, params};
use smallvec::SmallVec;
use std::borrow::Cow;
use textgate_sms::{MessageId, MessageState, VsId};

/// At most so much room is kept in a row for later events (octets). A row of unchanged size is overwritten in place; one that
/// grows splits its page, and one that shrinks leaves a gap that rising ids never fill.
const MOST_ROOM: usize = 200;

/// The changing part of one message.
pub(super) struct Standing {
    pub(super) id: MessageId,
    pub(super) vs: VsId,
    pub(super) state: MessageState,
    pub(super) number: u64,
    pub(super) segments: u8,
    pub(super) awaiting: Option<Awaiting>,
    pub(super) line: TimeLine,
    payers: SmallVec<[VsId; 2]>,
    changed_ms: i64,
    ended_ms: Option<i64>,
    text: Option<usize>,
    erases_text: bool,
    is_moved: bool,
    /// Where it came to and when, to be told to whoever wants to know.
    moves: SmallVec<[(MessageState, i64); 2]>,
    size: usize,
}

impl Standing {
    /// Reads a message; `None` if there is no such.
    pub(super) fn load(session: &mut Session<'_>, id: MessageId) -> rusqlite::Result<Option<Self>> {
        let read = |row: &Row<'_>| {
            let payers = match row.get_ref(6)?.as_blob_or_null()? {
                Some(octets) => payers_from_stored(octets),
                None => SmallVec::new(),
            };
            let mut standing = Self {
                id,
                vs: VsId(row.get(0)?),
                state: MessageState::from_code(row.get(1)?).unwrap_or(MessageState::Failed),
                number: row.get::<_, i64>(2)? as u64,
                segments: row.get(3)?,
                changed_ms: row.get(4)?,
                ended_ms: row.get(5)?,
                payers,
                awaiting: row.get_ref(7)?.as_blob_or_null()?.and_then(Awaiting::from_stored),
                line: TimeLine::from_stored(row.get(8)?),
                text: row.get::<_, Option<i64>>(9)?.map(|length| length as usize),
                erases_text: false,
                is_moved: false,
                moves: SmallVec::new(),
                size: 0,
            };
            standing.size = standing.size_without_line() + blob_size(row.get_ref(8)?.as_blob()?.len());
            Ok(standing)
        };
        session.statements.standing.query_row([id.as_u64() as i64], read).optional()
    }

    /// Makes a change of state if the rules allow it: unfinished to anything later, `sent` to what receipts say. What is final
    /// stays. Answers whether it was made.
    pub(super) fn change(
        &mut self,
        session: &mut Session<'_>,
        transition: &Transition,
    ) -> rusqlite::Result<bool> {
        use MessageState::{Accepted, Delivered, Scheduled, Sent, Undelivered};
        let is_allowed = match self.state {
            Accepted => !matches!(transition.to, Accepted | Scheduled),
            Scheduled => transition.to != Scheduled,
            Sent => matches!(transition.to, Delivered | Undelivered),
            _ => false,
        };
        if !is_allowed {
            return Ok(false);
        }
        self.move_to(transition.to, transition.at_ms, transition.reason.clone());
        self.erases_text |= transition.erase_text;
        if transition.refund {
            // Taken out, so that it happens once.
            let payers = std::mem::take(&mut self.payers);
            session.purse.refund(&mut session.statements, &payers, self.segments)?;
        }
        Ok(true)
    }

    /// Draws the conclusion from the receipts that came. Answers the state it led to, if any.
    pub(super) fn settle(&mut self, at_ms: i64, reason: impl FnOnce() -> String) -> Option<MessageState> {
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
    pub(super) fn since_sent_ms(&self, at_ms: i64) -> Option<u64> {
        (self.state == MessageState::Sent).then(|| u64::try_from(at_ms - self.changed_ms).ok()).flatten()
    }

    /// Erases the text when it is saved.
    pub(super) fn erase_text(&mut self) -> bool {
        self.erases_text = self.text.is_some();
        self.erases_text
    }

    /// Adds an event. Answers whether it was kept.
    pub(super) fn push(&mut self, event: &Event) -> bool {
        self.line.push(self.id.accepted_ms(), event)
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

    /// Writes it back, in a row of the same size where that can be.
    pub(super) fn save(mut self, session: &mut Session<'_>) -> rusqlite::Result<()> {
        for (to, at_ms) in &self.moves {
            if let Some(kind) = WebhookKind::of_state(*to) {
                webhooks::owe(session, self.vs, kind, self.id.as_u64(), *at_ms)?;
            }
        }
        if self.erases_text {
            self.text = None;
        }
        let rest = self.size_without_line();
        let room = self.size.saturating_sub(rest).min(self.line.used() + MOST_ROOM);
        // The blob that takes as much as that, its length included.
        let room =
            (room.saturating_sub(2)..=room).rev().find(|length| blob_size(*length) <= room).unwrap_or(0);
        let id = self.id.as_u64() as i64;
        let (state, changed, ended) = (self.state.code(), self.changed_ms, self.ended_ms);
        let payers = payers_stored(&self.payers);
        let payers = payers.as_deref();
        let awaiting = self.awaiting.as_ref().map(Awaiting::stored);
        let events = self.line.padded(room);
        let statements = &mut session.statements;
        if self.erases_text {
            statements.finish_erased.execute(params![id, state, changed, ended, payers, awaiting, events])?;
        } else if self.is_moved {
            statements.finish.execute(params![id, state, changed, ended, payers, awaiting, events])?;
        } else {
            // Leaves out what only the end of being unfinished changes, and with it an index.
            statements.progress.execute(params![id, state, changed, awaiting, events])?;
        }
        Ok(())
    }

    /// Octets that the changing columns but the time line take in SQLite's record format.
    fn size_without_line(&self) -> usize {
        let state = usize::from(self.state.code() > 1);
        let times = int_size(self.changed_ms) + self.ended_ms.map_or(0, int_size);
        let payers = if self.payers.is_empty() { 1 } else { blob_size(self.payers.len() * 4) };
        let awaiting = self.awaiting.as_ref().map_or(1, |awaiting| blob_size(awaiting.stored().len()));
        state + times + payers + awaiting + self.text.map_or(1, blob_size)
    }
}

/// The stored form of who was charged; `None` for nobody.
pub(super) fn payers_stored(payers: &[VsId]) -> Option<SmallVec<[u8; 8]>> {
    (!payers.is_empty()).then(|| payers.iter().flat_map(|payer| payer.0.to_le_bytes()).collect())
}

/// The reverse of [`payers_stored`].
pub(super) fn payers_from_stored(octets: &[u8]) -> SmallVec<[VsId; 2]> {
    octets.as_chunks().0.iter().map(|four| VsId(u32::from_le_bytes(*four))).collect()
}

/// A blob and its entry in the record's header.
fn blob_size(length: usize) -> usize {
    // The header has 2 * length + 12 as a varint of 7 bits an octet.
    length
        + match length {
            0..=57 => 1,
            58..=8185 => 2,
            _ => 3,
        }
}

fn int_size(n: i64) -> usize {
    match n {
        0 | 1 => 0,
        -0x80..=0x7f => 1,
        -0x8000..=0x7fff => 2,
        -0x80_0000..=0x7f_ffff => 3,
        -0x8000_0000..=0x7fff_ffff => 4,
        -0x8000_0000_0000..=0x7fff_ffff_ffff => 6,
        _ => 8,
    }
}
