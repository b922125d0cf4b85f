//! One transaction in memory: what was read for it, what the operations made of it, and what is to be written.

use super::desk::Told;
use super::webhooks::NewEvent;
use crate::rules::{EarlyReceipt, Ground, Under};
use crate::standing::Standing;
use crate::{EventState, InboundRecord, NewMessage, PasscodeRecord, ReceiptRecord, TriedEvent, WebhookKind};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::Arc;
use textgate_sms::{GatewayId, MessageId, VsId};

/// An id that a provider gave.
pub(super) type ReceiptKey = (GatewayId, Box<str>);

/// An idempotency key as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoredKey {
    pub(super) request: [u8; 16],
    pub(super) message: MessageId,
}

/// Where a message under an idempotency key stands.
#[derive(Debug, Clone)]
pub(super) struct Earlier {
    pub(super) state: textgate_sms::MessageState,
    pub(super) segments: u8,
    pub(super) encoding: String,
}

/// What is left of one payer's credits, as read for this transaction, which holds its row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    pub(super) allocated: i64,
    pub(super) used: i64,
}

/// A message that this transaction accepts, in the request that brought it.
#[derive(Clone)]
pub(super) struct Fresh {
    pub(super) messages: Arc<Vec<NewMessage>>,
    pub(super) at: usize,
}

impl Fresh {
    pub(super) fn message(&self) -> Option<&NewMessage> {
        self.messages.get(self.at)
    }
}

/// A passcode whose row this transaction holds, or that it makes.
pub(super) struct Passcode {
    pub(super) record: PasscodeRecord,
    /// What stands for its code; `None` once it is final.
    pub(super) digest: Option<[u8; 32]>,
    pub(super) is_new: bool,
    pub(super) is_changed: bool,
}

/// The transaction.
#[derive(Default)]
pub(super) struct Unit {
    /// Messages that were read or accepted. One that is being worked on is out.
    pub(super) standings: HashMap<MessageId, Standing>,
    /// Those that are to be written back.
    pub(super) changed: BTreeSet<MessageId>,
    /// Those that are new.
    pub(super) fresh: BTreeMap<MessageId, Fresh>,
    /// Messages under receipt ids that were asked for.
    pub(super) under: HashMap<ReceiptKey, Under>,
    /// Receipt ids to be written: when, which, and whose part.
    pub(super) new_receipt_ids: Vec<(i64, ReceiptKey, MessageId, u32)>,
    /// Early receipts under receipt ids that were asked for.
    pub(super) early: HashMap<ReceiptKey, Vec<EarlyReceipt>>,
    /// Early receipts to be written; `None` where its message came in the same transaction.
    pub(super) new_early: Vec<Option<ReceiptRecord>>,
    /// Early receipts that found their message.
    pub(super) early_done: BTreeSet<i64>,
    /// Idempotency keys that were asked for and found.
    pub(super) keys: HashMap<[u8; 16], Vec<StoredKey>>,
    /// The messages under those.
    pub(super) earlier: HashMap<MessageId, Earlier>,
    /// Idempotency keys to be written: when, and what.
    pub(super) new_keys: BTreeMap<[u8; 16], (i64, StoredKey)>,
    /// Idempotency keys whose time is past, or whose message is gone.
    pub(super) old_keys: BTreeSet<[u8; 16]>,
    /// Credits that were read.
    pub(super) accounts: HashMap<VsId, Account>,
    /// By how much `used` changes, for each virtual server.
    pub(super) spent: BTreeMap<VsId, i64>,
    /// Passcodes that were asked for, or are new.
    pub(super) passcodes: BTreeMap<MessageId, Passcode>,
    /// Messages that phones sent.
    pub(super) inbound: Vec<InboundRecord>,
    /// Which webhook endpoints are told of what.
    pub(super) told: Arc<Told>,
    /// Events that they are owed.
    pub(super) owed: Vec<NewEvent>,
    /// What came of attempts to deliver events: how many of each, and the last.
    pub(super) tried: BTreeMap<(u32, u64), (i32, TriedEvent)>,
    /// The latest time that an operation named.
    pub(super) told_ms: i64,
    /// The transaction was begun, to read something.
    pub(super) is_begun: bool,
}

impl Unit {
    /// Charges every payer `segments` credits. All of them or none: else who has too few, and what it has left.
    pub(super) fn charge(&mut self, payers: &[VsId], segments: u8) -> Result<(), (VsId, u64)> {
        let cost = i64::from(segments);
        for (done, payer) in payers.iter().enumerate() {
            let remaining = match self.accounts.get_mut(payer) {
                Some(account) if account.allocated - account.used >= cost => {
                    account.used += cost;
                    *self.spent.entry(*payer).or_default() += cost;
                    continue;
                }
                Some(account) => (account.allocated - account.used).max(0) as u64,
                None => 0,
            };
            self.give_back(payers.get(..done).unwrap_or_default(), segments);
            return Err((*payer, remaining));
        }
        Ok(())
    }

    fn give_back(&mut self, payers: &[VsId], segments: u8) {
        let cost = i64::from(segments);
        for payer in payers {
            if let Some(account) = self.accounts.get_mut(payer) {
                account.used = (account.used - cost).max(0);
            }
            *self.spent.entry(*payer).or_default() -= cost;
        }
    }

    /// Whether there is nothing to write.
    pub(super) fn is_unchanged(&self) -> bool {
        self.changed.is_empty()
            && self.fresh.is_empty()
            && self.new_receipt_ids.is_empty()
            && self.new_early.iter().all(Option::is_none)
            && self.early_done.is_empty()
            && self.new_keys.is_empty()
            && self.old_keys.is_empty()
            && self.spent.values().all(|spent| *spent == 0)
            && self.passcodes.values().all(|passcode| !passcode.is_new && !passcode.is_changed)
            && self.inbound.is_empty()
            && self.owed.is_empty()
            && self.tried.is_empty()
    }

    /// Notes what came of attempts to deliver events.
    pub(super) fn note_tried(&mut self, tried: &[TriedEvent]) {
        for one in tried {
            let noted = self.tried.entry((one.endpoint, one.id)).or_insert_with(|| (0, one.clone()));
            noted.0 = noted.0.saturating_add(1);
            if noted.1.state != EventState::Delivered {
                noted.1 = one.clone();
            }
        }
    }
}

/// The rules' ground is all in memory: nothing can go wrong.
impl Ground for Unit {
    type Error = Infallible;

    fn told(&mut self, at_ms: i64) {
        self.told_ms = at_ms;
    }

    fn load(&mut self, id: MessageId) -> Result<Option<Standing>, Infallible> {
        Ok(self.standings.remove(&id))
    }

    fn save(&mut self, mut standing: Standing) -> Result<(), Infallible> {
        self.changed.insert(standing.id);
        for (kind, at_ms) in standing.take_moves() {
            self.owe(standing.vs, kind, standing.id.as_u64(), at_ms)?;
        }
        self.put_back(standing);
        Ok(())
    }

    fn put_back(&mut self, standing: Standing) {
        self.standings.insert(standing.id, standing);
    }

    fn refund(&mut self, payers: &[VsId], segments: u8) -> Result<(), Infallible> {
        self.give_back(payers, segments);
        Ok(())
    }

    fn owe(&mut self, vs: VsId, kind: WebhookKind, subject: u64, at_ms: i64) -> Result<(), Infallible> {
        let wanted = self.told.of(vs).iter().filter(|(_, kinds)| kinds.has(kind));
        self.owed.extend(wanted.map(|(endpoint, _)| NewEvent { endpoint: *endpoint, kind, subject, at_ms }));
        Ok(())
    }

    fn add_receipt_id(
        &mut self,
        at_ms: i64,
        gateway: GatewayId,
        id: &str,
        message: MessageId,
        part: u32,
    ) -> Result<(), Infallible> {
        let key: ReceiptKey = (gateway, id.into());
        // Where a receipt of this transaction asks for it, it finds this one too.
        if let Some(under) = self.under.get_mut(&key)
            && !under.contains(&(message, part))
        {
            under.push((message, part));
            under.sort_unstable_by(|one, other| other.cmp(one));
        }
        self.new_receipt_ids.push((at_ms, key, message, part));
        Ok(())
    }

    /// All are in one period here: they were read in their order.
    fn under_receipt_id(
        &mut self,
        gateway: GatewayId,
        id: &str,
        period: usize,
    ) -> Result<Option<Under>, Infallible> {
        if period > 0 {
            return Ok(None);
        }
        Ok(self.under.get(&(gateway, id.into())).cloned())
    }

    fn keep_early(&mut self, receipt: &ReceiptRecord) -> Result<(), Infallible> {
        self.new_early.push(Some(receipt.clone()));
        Ok(())
    }

    fn find_early(&mut self, gateway: GatewayId, id: &str) -> Result<Vec<EarlyReceipt>, Infallible> {
        let stored = self.early.get(&(gateway, id.into())).into_iter().flatten();
        let mut found: Vec<EarlyReceipt> =
            stored.filter(|early| !self.early_done.contains(&early.id)).cloned().collect();
        // Those of this transaction have no number yet: they are told by their place, below 0.
        for (at, early) in (1_i64..).zip(&self.new_early) {
            let Some(receipt) = early.as_ref().filter(|receipt| receipt.gateway == gateway) else { continue };
            if let Some((rank, _)) = crate::rules::candidates(receipt).find(|(_, candidate)| *candidate == id)
            {
                found.push(EarlyReceipt { id: -at, rank, receipt: receipt.clone() });
            }
        }
        Ok(found)
    }

    fn early_is_done(&mut self, early: &EarlyReceipt) -> Result<(), Infallible> {
        match usize::try_from(-early.id) {
            Ok(at) if at > 0 => {
                if let Some(new) = self.new_early.get_mut(at - 1) {
                    *new = None;
                }
            }
            _ => drop(self.early_done.insert(early.id)),
        }
        Ok(())
    }
}
