//! What the operations of a transaction have to know, read at once: at most three rounds to the database, however many they are.
//!
//! Rows that may be changed are locked, always in one order (messages by id, then passcodes by id, then credits by virtual server),
//! so that two nodes wait for each other but never in a circle.

use super::connect::{Conn, Step, in_order, values};
use super::partitions::{Cut, Partitions, day};
use super::passcodes;
use super::unit::{Account, Earlier, ReceiptKey, StoredKey, Unit};
use crate::awaiting::Awaiting;
use crate::events::TimeLine;
use crate::rules::EarlyReceipt;
use crate::standing::{Standing, payers_from_stored};
use crate::{Finished, NewMessage, PasscodeStep, ReceiptRecord, rules};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use textgate_sms::{GatewayId, MessageId, MessageState, PhoneNumber, ReceiptState, VsId};
use tokio_postgres::{Error, Row};

const KEYS: &str =
    "SELECT key, request, message FROM idempotency WHERE key = ANY($1::bytea[]) ORDER BY period DESC";
const EARLIER: &str = "SELECT id, state, segments, encoding FROM message WHERE id = ANY($1::int8[])";
/// At most 16, the newest first.
const UNDER: &str =
    "SELECT u.at, r.message, r.part FROM unnest($1::int8[], $2::int8[], $3::bytea[]) AS u (at, gateway, id)
    CROSS JOIN LATERAL (SELECT message, part FROM receipt_id WHERE gateway = u.gateway AND id = u.id
    ORDER BY message DESC, part DESC LIMIT 16) AS r";
const EARLY: &str = "SELECT u.at, e.id, c.rank, e.at_ms, e.number, e.state, e.error
    FROM unnest($1::int8[], $2::int8[], $3::bytea[]) AS u (at, gateway, id)
    CROSS JOIN LATERAL (SELECT receipt, rank FROM early_candidate WHERE gateway = u.gateway AND candidate = u.id
    ORDER BY receipt LIMIT 16) AS c JOIN early_receipt AS e ON e.id = c.receipt ORDER BY e.id";
const CREDITS: &str =
    "SELECT vs, allocated, used FROM credits WHERE vs = ANY($1::int8[]) ORDER BY vs FOR UPDATE";

fn standings(day: i64) -> String {
    format!(
        "SELECT id, vs, state, number, segments, changed_ms, ended_ms, payers, awaiting, events, octet_length(text)
         FROM {} WHERE id = ANY($1::int8[]) ORDER BY id FOR UPDATE",
        Cut::Message.name(day)
    )
}

/// What the operations of one transaction have to know.
#[derive(Default)]
pub(super) struct Needs {
    ids: BTreeSet<MessageId>,
    /// Accepted by this transaction: there is nothing to read.
    fresh: BTreeSet<MessageId>,
    keys: BTreeSet<[u8; 16]>,
    payers: BTreeSet<VsId>,
    passcodes: BTreeSet<MessageId>,
    under: BTreeSet<ReceiptKey>,
    early: BTreeSet<ReceiptKey>,
    gives_back: bool,
    /// The days of messages to be accepted, and the times at which keys and receipt ids are written.
    pub(super) days: BTreeSet<i64>,
    pub(super) keys_at: BTreeSet<i64>,
    pub(super) receipt_ids_at: BTreeSet<i64>,
}

/// By how much the clocks of nodes may differ: an idempotency key that is used near the border of a period stands on both sides
/// of it, so that two nodes cannot each find it unused (ms).
pub(super) const CLOCK_SLACK_MS: i64 = 10 * 60_000;

impl Needs {
    /// To accept these.
    pub(super) fn accept(&mut self, messages: &[NewMessage]) {
        for message in messages {
            self.fresh.insert(message.id);
            self.days.insert(day(message.id));
            self.payers.extend(message.payers.iter().copied());
            if let Some(PasscodeStep::Again(again)) = message.passcode.as_deref() {
                self.passcodes.insert(again.passcode);
                self.ids.extend(again.before.as_ref().map(|(id, _)| *id));
            }
            if let Some(idempotency) = &message.idempotency {
                self.keys.insert(idempotency.key);
                let at_ms = message.id.accepted_ms();
                self.keys_at.extend(Cut::Idempotency.parts_nearby(at_ms, CLOCK_SLACK_MS));
            }
        }
    }

    /// To record these.
    pub(super) fn record(&mut self, finished: &[Finished]) {
        for one in finished {
            self.ids.insert(one.id);
            self.gives_back |= one.transition.as_ref().is_some_and(|transition| transition.refund);
            let Some(crate::Event::Attempt { gateway, at_ms, .. }) = &one.attempt else { continue };
            let ids = one.receipt_ids.iter().filter(|id| rules::is_id(id));
            let before = self.early.len();
            self.early.extend(ids.map(|id| (*gateway, id.clone())));
            if self.early.len() > before {
                self.receipt_ids_at.insert(Cut::ReceiptId.part(*at_ms));
            }
        }
    }

    /// To record these.
    pub(super) fn receipts(&mut self, receipts: &[ReceiptRecord]) {
        for receipt in receipts {
            let ids = rules::candidates(receipt).map(|(_, id)| (receipt.gateway, Box::from(id)));
            self.under.extend(ids);
        }
    }

    /// To change these.
    pub(super) fn messages(&mut self, ids: &[MessageId], gives_back: bool) {
        self.ids.extend(ids);
        self.gives_back |= gives_back;
    }

    /// To check or change this one.
    pub(super) fn passcode(&mut self, id: MessageId) {
        self.passcodes.insert(id);
    }

    /// Reads all of it, in a transaction that it begins where there is anything to read.
    pub(super) async fn load(mut self, conn: &Conn, partitions: &Partitions) -> Result<Unit, Error> {
        let mut unit = Unit::default();
        if self.reads_nothing() {
            return Ok(unit);
        }
        unit.is_begun = true;
        let mut steps = vec![conn.plain("BEGIN")];
        if self.keys.is_empty() && self.under.is_empty() {
            // Nothing that is read says what else there is to read.
            self.rows(conn, partitions, &mut unit, steps).await?;
            return Ok(unit);
        }
        let (keys, under): (Vec<&[u8]>, _) =
            (self.keys.iter().map(<[u8; 16]>::as_slice).collect(), keyed(&self.under));
        let (asks_keys, asks_under) = (!keys.is_empty(), !self.under.is_empty());
        if asks_keys {
            steps.push(conn.step(conn.statement(KEYS).await?, values![keys]));
        }
        if asks_under {
            steps.push(conn.step(conn.statement(UNDER).await?, values![under.0, under.1, under.2]));
        }
        let mut answers = all(in_order(steps).await)?.into_iter().skip(1);
        if asks_keys {
            for row in answers.next().unwrap_or_default() {
                let key = StoredKey { request: octets(&row, 1)?, message: message_id(&row, 2)? };
                unit.keys.entry(octets(&row, 0)?).or_default().push(key);
            }
        }
        if asks_under {
            let asked: Vec<ReceiptKey> = std::mem::take(&mut self.under).into_iter().collect();
            for row in answers.next().unwrap_or_default() {
                let Some(key) = asked.get(row.try_get::<_, i64>(0)? as usize) else { continue };
                let message = message_id(&row, 1)?;
                unit.under.entry(key.clone()).or_default().push((message, row.try_get::<_, i32>(2)? as u32));
                self.ids.insert(message);
            }
            for key in asked {
                unit.under.entry(key).or_default();
            }
        }
        self.rows(conn, partitions, &mut unit, Vec::new()).await?;
        Ok(unit)
    }

    fn reads_nothing(&self) -> bool {
        self.keys.is_empty()
            && self.under.is_empty()
            && self.early.is_empty()
            && self.payers.is_empty()
            && self.passcodes.is_empty()
            && self.ids.is_subset(&self.fresh)
    }

    /// Reads rows by their keys, behind what is to be sent before.
    async fn rows<'a>(
        &self,
        conn: &'a Conn,
        partitions: &Partitions,
        unit: &mut Unit,
        mut steps: Vec<Step<'a>>,
    ) -> Result<(), Error> {
        let before = steps.len();
        let days = self.by_day(conn, partitions).await?;
        let earlier: BTreeSet<i64> =
            unit.keys.values().flatten().map(|key| key.message.as_u64() as i64).collect();
        let early = keyed(&self.early);
        let reads_credits = !self.payers.is_empty() && !self.gives_back;
        if !self.early.is_empty() {
            steps.push(conn.step(conn.statement(EARLY).await?, values![early.0, early.1, early.2]));
        }
        if !earlier.is_empty() {
            let earlier: Vec<i64> = earlier.iter().copied().collect();
            steps.push(conn.step(conn.statement(EARLIER).await?, values![earlier]));
        }
        for (day, ids) in &days {
            steps.push(conn.step(conn.statement(&standings(*day)).await?, values![ids.clone()]));
        }
        if !self.passcodes.is_empty() {
            let ids: Vec<i64> = self.passcodes.iter().map(|id| id.as_u64() as i64).collect();
            steps.push(conn.step(conn.statement(passcodes::HELD).await?, values![ids]));
        }
        if reads_credits {
            steps.push(conn.step(conn.statement(CREDITS).await?, values![numbers(&self.payers)]));
        }
        let mut answers = all(in_order(steps).await)?.into_iter().skip(before);
        if !self.early.is_empty() {
            let asked: Vec<&ReceiptKey> = self.early.iter().collect();
            for row in answers.next().unwrap_or_default() {
                let Some(key) = asked.get(row.try_get::<_, i64>(0)? as usize) else { continue };
                unit.early.entry((*key).clone()).or_default().push(early_receipt(key.0, &row)?);
            }
        }
        if !earlier.is_empty() {
            for row in answers.next().unwrap_or_default() {
                let earlier = Earlier {
                    state: state(&row, 1)?,
                    segments: segments(&row, 2)?,
                    encoding: row.try_get(3)?,
                };
                unit.earlier.insert(message_id(&row, 0)?, earlier);
            }
        }
        for _ in &days {
            for row in answers.next().unwrap_or_default() {
                let standing = standing(&row)?;
                unit.standings.insert(standing.id, standing);
            }
        }
        if !self.passcodes.is_empty() {
            for row in answers.next().unwrap_or_default() {
                let passcode = passcodes::read_held(&row)?;
                unit.passcodes.extend(passcode.map(|passcode| (passcode.record.id, passcode)));
            }
        }
        if reads_credits {
            accounts(unit, answers.next().unwrap_or_default())?;
        } else if self.gives_back {
            self.credits_of_all(conn, unit).await?;
        }
        Ok(())
    }

    /// Who is charged, and who may get something back, in one order: two rounds, because the second are known only now.
    async fn credits_of_all(&self, conn: &Conn, unit: &mut Unit) -> Result<(), Error> {
        let mut payers = self.payers.clone();
        payers.extend(unit.standings.values().flat_map(|standing| standing.payers.iter().copied()));
        if !payers.is_empty() {
            let rows = conn.rows(CREDITS, &[&numbers(&payers)]).await?;
            accounts(unit, rows)?;
        }
        Ok(())
    }

    /// The messages to be read, by their partitions.
    async fn by_day(&self, conn: &Conn, partitions: &Partitions) -> Result<BTreeMap<i64, Vec<i64>>, Error> {
        let mut days: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for id in self.ids.difference(&self.fresh) {
            days.entry(day(*id)).or_default().push(id.as_u64() as i64);
        }
        let is_known = |day: &i64| partitions.has(Cut::Message, *day);
        if !days.keys().all(is_known) {
            // Another node may have made it.
            partitions.load(conn).await?;
        }
        days.retain(|day, _| is_known(day));
        Ok(days)
    }
}

/// Places, gateways and ids of what is asked for.
fn keyed(keys: &BTreeSet<ReceiptKey>) -> (Vec<i64>, Vec<i64>, Vec<&[u8]>) {
    let places = (0..keys.len() as i64).collect();
    let gateways = keys.iter().map(|(gateway, _)| i64::from(gateway.0)).collect();
    (places, gateways, keys.iter().map(|(_, id)| id.as_bytes()).collect())
}

fn numbers(all: &BTreeSet<VsId>) -> Vec<i64> {
    all.iter().map(|vs| i64::from(vs.0)).collect()
}

fn accounts(unit: &mut Unit, rows: Vec<Row>) -> Result<(), Error> {
    for row in rows {
        let account = Account { allocated: row.try_get(1)?, used: row.try_get(2)? };
        unit.accounts.insert(VsId(row.try_get::<_, i64>(0)? as u32), account);
    }
    Ok(())
}

fn standing(row: &Row) -> Result<Standing, Error> {
    Ok(Standing {
        id: message_id(row, 0)?,
        vs: VsId(row.try_get::<_, i64>(1)? as u32),
        state: state(row, 2)?,
        number: row.try_get::<_, i64>(3)? as u64,
        segments: segments(row, 4)?,
        changed_ms: row.try_get(5)?,
        ended_ms: row.try_get(6)?,
        payers: row.try_get::<_, Option<&[u8]>>(7)?.map(payers_from_stored).unwrap_or_default(),
        awaiting: row.try_get::<_, Option<&[u8]>>(8)?.and_then(Awaiting::from_stored),
        line: TimeLine::from_stored(row.try_get(9)?),
        text: row.try_get::<_, Option<i32>>(10)?.map(|length| length as usize),
        erases_text: false,
        is_refunded: false,
        is_moved: false,
        moves: SmallVec::new(),
        size: 0,
    })
}

pub(super) fn early_receipt(gateway: GatewayId, row: &Row) -> Result<EarlyReceipt, Error> {
    let error = row.try_get::<_, Option<&[u8]>>(6)?;
    let receipt = ReceiptRecord {
        gateway,
        candidates: Default::default(),
        at_ms: row.try_get(3)?,
        number: row.try_get::<_, Option<i64>>(4)?.and_then(|number| PhoneNumber::from_u64(number as u64)),
        state: ReceiptState::from_code(row.try_get::<_, i16>(5)? as u8).unwrap_or(ReceiptState::Pending),
        error: error.map(|error| String::from_utf8_lossy(error).into_owned().into_boxed_str()),
    };
    Ok(EarlyReceipt { id: row.try_get(1)?, rank: row.try_get::<_, i32>(2)? as usize, receipt })
}

fn message_id(row: &Row, at: usize) -> Result<MessageId, Error> {
    Ok(MessageId::from_u64(row.try_get::<_, i64>(at)? as u64))
}

fn state(row: &Row, at: usize) -> Result<MessageState, Error> {
    Ok(MessageState::from_code(row.try_get::<_, i16>(at)? as u8).unwrap_or(MessageState::Failed))
}

fn segments(row: &Row, at: usize) -> Result<u8, Error> {
    Ok(row.try_get::<_, i16>(at)? as u8)
}

fn octets(row: &Row, at: usize) -> Result<[u8; 16], Error> {
    let octets: &[u8] = row.try_get(at)?;
    Ok(octets.try_into().unwrap_or_default())
}

/// The first error, or all answers.
pub(super) fn all(answers: Vec<Result<Vec<Row>, Error>>) -> Result<Vec<Vec<Row>>, Error> {
    answers.into_iter().collect()
}
