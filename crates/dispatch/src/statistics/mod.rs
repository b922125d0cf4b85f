//! How well each gateway does for each country: what it takes, what arrives, and how many passcodes are entered.
//!
//! In memory, with decay: what happened lately counts most, and a restart begins anew. From here comes the `adaptive` order of gateways
//! (`choice.rs`). Memory is bounded by the gateways that are configured, times the countries that exist.

mod choice;
mod record;
#[cfg(test)]
mod simulated;

pub(crate) use choice::Choice;

use crate::guard::table::{Kept, Table};
use record::Record;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use textgate_sms::{Country, GatewayId, MessageState, OutcomeClass, PhoneNumber, VsId};

/// Passcodes that may still be entered: to whom, and by which gateway they left.
const OPEN_MOST: usize = 1 << 16;

/// All of it.
pub(crate) struct Statistics {
    /// Held for some hundred nanoseconds per outcome, receipt and conversion; never over I/O.
    state: Mutex<State>,
    random: RandomState,
}

struct State {
    records: HashMap<(GatewayId, Option<Country>), Record>,
    open: Table<Open>,
    dice: choice::Dice,
}

/// A passcode that a gateway took.
#[derive(Clone, Copy, Default)]
struct Open {
    gateway: u32,
    sent_s: u32,
    is_open: bool,
}

impl Kept for Open {
    fn worth(&self, now_s: u32) -> f32 {
        f32::from(u8::from(self.is_open)) / (1.0 + now_s.saturating_sub(self.sent_s) as f32)
    }
}

/// One gateway's figures for one country, as much of them as counts now.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct GatewayStanding {
    /// The gateway.
    pub gateway: GatewayId,
    /// Its name.
    pub name: String,
    /// The country; `None`: numbers of no country.
    pub country: Option<Country>,
    /// Submissions.
    pub attempts: f32,
    /// Those that it took.
    pub sent: f32,
    /// How long an answer to a submission takes on average (ms).
    pub submit_ms: f32,
    /// Messages whose receipts say that they arrived.
    pub delivered: f32,
    /// Messages whose receipts say that they did not.
    pub undelivered: f32,
    /// Passcodes whose time to be entered has passed.
    pub passcodes: f32,
    /// Those that were entered.
    pub converted: f32,
}

impl Statistics {
    pub(crate) fn new() -> Self {
        let random = RandomState::new();
        let dice = choice::Dice::new(random.hash_one(0u8));
        let state = State { records: HashMap::new(), open: Table::new(OPEN_MOST), dice };
        Self { state: Mutex::new(state), random }
    }

    /// With choices that a seed repeats.
    #[cfg(test)]
    pub(crate) fn seeded(seed: u64) -> Self {
        let statistics = Self::new();
        statistics.lock().dice = choice::Dice::new(seed);
        statistics
    }

    /// A gateway had a message in hand for so long, and it came to this.
    pub(crate) fn attempt(
        &self,
        gateway: GatewayId,
        to: PhoneNumber,
        class: OutcomeClass,
        took_ms: u32,
        now_ms: i64,
    ) {
        let (now_s, country) = (seconds(now_ms), to.country());
        let mut state = self.lock();
        state.record(gateway, country).attempt(class == OutcomeClass::Sent, took_ms, now_s);
    }

    /// A gateway took a passcode: it may be entered from now on.
    pub(crate) fn passcode_sent(&self, vs: VsId, gateway: GatewayId, to: PhoneNumber, now_ms: i64) {
        let (now_s, country, key) = (seconds(now_ms), to.country(), self.random.hash_one((vs, to)));
        let mut state = self.lock();
        state.record(gateway, country).passcode(now_s);
        *state.open.entry(key, now_s) = Open { gateway: gateway.0, sent_s: now_s, is_open: true };
    }

    /// A message that a gateway took came to this by its receipts.
    pub(crate) fn receipt(&self, gateway: GatewayId, to: PhoneNumber, came_to: MessageState, now_ms: i64) {
        let is_delivered = match came_to {
            MessageState::Delivered => true,
            MessageState::Undelivered => false,
            _ => return,
        };
        let (now_s, country) = (seconds(now_ms), to.country());
        self.lock().record(gateway, country).receipt(is_delivered, now_s);
    }

    /// The passcode that was last sent to this number was entered.
    pub(crate) fn converted(&self, vs: VsId, to: PhoneNumber, now_ms: i64) {
        let (now_s, country, key) = (seconds(now_ms), to.country(), self.random.hash_one((vs, to)));
        let mut state = self.lock();
        let Some(open) = state.open.get(key).filter(|open| open.is_open) else { return };
        open.is_open = false;
        let gateway = GatewayId(open.gateway);
        state.record(gateway, country).converted(now_s);
    }

    /// Which of these gateways goes first for this number, and why. `None` where there is nothing to choose by: the order as it is set.
    pub(crate) fn choose(
        &self,
        gateways: impl Iterator<Item = GatewayId>,
        country: Option<Country>,
        now_ms: i64,
    ) -> Option<Choice> {
        let mut state = self.lock();
        let State { records, dice, .. } = &mut *state;
        choice::choose(records, dice, gateways, country, seconds(now_ms))
    }

    /// What is known of these gateways, by country.
    pub(crate) fn standings(&self, gateways: &[(GatewayId, String)], now_ms: i64) -> Vec<GatewayStanding> {
        let mut state = self.lock();
        let mut shown = Vec::new();
        for ((gateway, country), record) in &mut state.records {
            let Some((_, name)) = gateways.iter().find(|(id, _)| id == gateway) else { continue };
            record.advance(seconds(now_ms));
            shown.push(record.shown(*gateway, name.clone(), *country));
        }
        drop(state);
        let place = |standing: &GatewayStanding| gateways.iter().position(|(id, _)| *id == standing.gateway);
        shown.sort_by_key(|standing| (standing.country.is_none(), standing.country, place(standing)));
        shown
    }

    /// Forgets gateways that are gone.
    pub(crate) fn tidy(&self, is_there: impl Fn(GatewayId) -> bool) {
        self.lock().records.retain(|(gateway, _), _| is_there(*gateway));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn record(&mut self, gateway: GatewayId, country: Option<Country>) -> &mut Record {
        self.records.entry((gateway, country)).or_default()
    }
}

/// A time in seconds: good until 2106.
fn seconds(ms: i64) -> u32 {
    u32::try_from(ms.div_euclid(1_000)).unwrap_or(0)
}
