//! SQLite as the ground the [rules](crate::rules) stand on: one row read, one row written at a time.

use super::session::Session;
use super::{early, webhooks};
use crate::awaiting::Awaiting;
use crate::events::TimeLine;
use crate::rules::{EarlyReceipt, Ground, Under};
use crate::standing::{Standing, payers_from_stored};
use crate::{ReceiptRecord, WebhookKind};
use rusqlite::{OptionalExtension, Row, params};
use smallvec::SmallVec;
use textgate_sms::{GatewayId, MessageId, MessageState, VsId};

/// At most so much room is kept in a row for later events (octets). A row of unchanged size is overwritten in place; one that
/// grows splits its page, and one that shrinks leaves a gap that rising ids never fill.
const MOST_ROOM: usize = 200;

impl Ground for Session<'_> {
    type Error = rusqlite::Error;

    fn told(&mut self, at_ms: i64) {
        self.told_ms = at_ms;
    }

    fn load(&mut self, id: MessageId) -> rusqlite::Result<Option<Standing>> {
        let read = |row: &Row<'_>| {
            let payers = match row.get_ref(6)?.as_blob_or_null()? {
                Some(octets) => payers_from_stored(octets),
                None => SmallVec::new(),
            };
            let mut standing = Standing {
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
                is_refunded: false,
                is_moved: false,
                moves: SmallVec::new(),
                size: 0,
            };
            standing.size = size_without_line(&standing) + blob_size(row.get_ref(8)?.as_blob()?.len());
            Ok(standing)
        };
        self.statements.standing.query_row([id.as_u64() as i64], read).optional()
    }

    /// In a row of the same size where that can be.
    fn save(&mut self, mut standing: Standing) -> rusqlite::Result<()> {
        for (kind, at_ms) in standing.take_moves() {
            self.owe(standing.vs, kind, standing.id.as_u64(), at_ms)?;
        }
        if standing.erases_text {
            standing.text = None;
        }
        let rest = size_without_line(&standing);
        let room = standing.size.saturating_sub(rest).min(standing.line.used() + MOST_ROOM);
        // The blob that takes as much as that, its length included.
        let room =
            (room.saturating_sub(2)..=room).rev().find(|length| blob_size(*length) <= room).unwrap_or(0);
        let id = standing.id.as_u64() as i64;
        let (state, changed, ended) = (standing.state.code(), standing.changed_ms, standing.ended_ms);
        let awaiting = standing.awaiting.as_ref().map(Awaiting::stored);
        let events = standing.line.padded(room);
        let statements = &mut self.statements;
        if standing.is_refunded {
            // By itself, as it is seldom and changes an index.
            statements.refunded.execute([id])?;
        }
        if standing.erases_text {
            statements.finish_erased.execute(params![id, state, changed, ended, awaiting, events])?;
        } else if standing.is_moved {
            statements.finish.execute(params![id, state, changed, ended, awaiting, events])?;
        } else {
            // Leaves out what only the end of being unfinished changes, and with it an index.
            statements.progress.execute(params![id, state, changed, awaiting, events])?;
        }
        Ok(())
    }

    fn put_back(&mut self, _: Standing) {}

    fn refund(&mut self, payers: &[VsId], segments: u8) -> rusqlite::Result<()> {
        self.purse.refund(&mut self.statements, payers, segments)
    }

    fn owe(&mut self, vs: VsId, kind: WebhookKind, subject: u64, at_ms: i64) -> rusqlite::Result<()> {
        webhooks::owe(self, vs, kind, subject, at_ms)
    }

    fn add_receipt_id(
        &mut self,
        at_ms: i64,
        gateway: GatewayId,
        id: &str,
        message: MessageId,
        part: u32,
    ) -> rusqlite::Result<()> {
        let period = self.receipt_periods.enter(at_ms);
        let message = message.as_u64() as i64;
        self.statements.add_receipt_id.execute(params![period, gateway.0, id, message, part]).map(drop)
    }

    fn under_receipt_id(
        &mut self,
        gateway: GatewayId,
        id: &str,
        period: usize,
    ) -> rusqlite::Result<Option<Under>> {
        let Some(period) = self.receipt_periods.nth(period) else { return Ok(None) };
        let read = |row: &Row<'_>| Ok((MessageId::from_u64(row.get::<_, i64>(0)? as u64), row.get(1)?));
        let found = self.statements.find_receipt_id.query_map(params![period, gateway.0, id], read)?;
        found.collect::<rusqlite::Result<_>>().map(Some)
    }

    fn keep_early(&mut self, receipt: &ReceiptRecord) -> rusqlite::Result<()> {
        early::keep(self, receipt)
    }

    fn find_early(&mut self, gateway: GatewayId, id: &str) -> rusqlite::Result<Vec<EarlyReceipt>> {
        early::find(self, gateway, id)
    }

    fn early_is_done(&mut self, early: &EarlyReceipt) -> rusqlite::Result<()> {
        early::done(self, early)
    }
}

/// Octets that the changing columns but the time line take in SQLite's record format.
fn size_without_line(standing: &Standing) -> usize {
    let state = usize::from(standing.state.code() > 1);
    let times = int_size(standing.changed_ms) + standing.ended_ms.map_or(0, int_size);
    let payers = if standing.payers.is_empty() { 1 } else { blob_size(standing.payers.len() * 4) };
    let awaiting = standing.awaiting.as_ref().map_or(1, |awaiting| blob_size(awaiting.stored().len()));
    state + times + payers + awaiting + standing.text.map_or(1, blob_size)
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
