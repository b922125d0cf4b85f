//! Figures of what happens to messages: counted in memory beside the messages' way, and handed to the store every few seconds.
//!
//! What is not handed over yet is lost in a crash, and with it a few seconds of a chart: messages never are. Memory is bounded by
//! the virtual servers that had something to count since the last time, and their gateways.

use crate::engine::Engine;
use crate::view::View;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use textgate_gateway::Submission;
use textgate_sms::{GatewayId, MessageState, OutcomeClass, VsId};
use textgate_store::{Figures, FiguresQuestion, KeptFigures, Matched, StoreError, Tally, Transition};
use tokio::sync::{RwLock, watch};
use tokio_util::sync::CancellationToken;

const MINUTE_MS: i64 = 60_000;
/// How often figures go to the store.
const FLUSH: Duration = Duration::from_secs(5);
/// So many tallies go at once, so that some hundred busy virtual servers are written every time; where more owe something, they
/// take turns, and an eighth of them goes.
const FLUSHED_AT_ONCE: usize = 500;
/// Tallies of one transaction: a few milliseconds, so that an accept never waits for long behind one.
const STEP: usize = 50;
/// Most tallies kept while the store cannot take them; beyond it the oldest are forgotten.
const OWED_MOST: usize = 200_000;

/// No gateway, or none that is told apart.
pub(crate) const NO_GATEWAY: GatewayId = GatewayId(0);

/// The counters of this moment, and those that the store has not taken yet.
#[derive(Default)]
pub(crate) struct Counters {
    /// Held for some nanoseconds per message: to find an entry and add to it.
    now: Mutex<HashMap<Key, Figures>>,
    /// Held for writing while the store takes a part, so that whoever reads sees each figure once.
    owed: RwLock<BTreeMap<Owed, Figures>>,
    /// What was counted since conditions were last looked at, by virtual server and gateway.
    recent: Mutex<HashMap<(VsId, GatewayId), Figures>>,
    /// Rises whenever figures went to the store.
    changed: watch::Sender<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    minute: i64,
    vs: VsId,
    gateway: GatewayId,
}

/// What the store is owed, the oldest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Owed {
    minute: i64,
    vs: VsId,
    is_below: bool,
    gateway: GatewayId,
}

// === impl Counters ===

impl Counters {
    /// Adds to the figures of this minute, virtual server and gateway.
    pub(crate) fn count(&self, at_ms: i64, vs: VsId, gateway: GatewayId, add: impl FnOnce(&mut Figures)) {
        let key = Key { minute: at_ms.div_euclid(MINUTE_MS), vs, gateway };
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        add(now.entry(key).or_default());
    }

    /// Hears when figures went to the store.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Takes what was counted since the last time.
    pub(crate) fn take_recent(&self) -> HashMap<(VsId, GatewayId), Figures> {
        std::mem::take(&mut *self.recent())
    }

    fn recent(&self) -> MutexGuard<'_, HashMap<(VsId, GatewayId), Figures>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves what was counted to what is owed, and adds it to the sums of the virtual servers above.
    fn gather(&self, owed: &mut BTreeMap<Owed, Figures>, view: &View) {
        let counted = std::mem::take(&mut *self.now.lock().unwrap_or_else(PoisonError::into_inner));
        let mut recent = self.recent();
        for (Key { vs, gateway, .. }, figures) in &counted {
            recent.entry((*vs, *gateway)).or_default().add(figures);
        }
        drop(recent);
        for (Key { minute, vs, gateway }, figures) in counted {
            for above in view.up(vs).skip(1) {
                // A gateway is told apart by those who have it or send through it; the others' would be without bound.
                let is_known = above.gateways.contains(&gateway)
                    || above
                        .route
                        .as_ref()
                        .is_some_and(|route| route.stations.iter().any(|s| s.id == gateway));
                let gateway = if is_known { gateway } else { NO_GATEWAY };
                let key = Owed { minute, vs: above.id, is_below: true, gateway };
                // What they paid is counted as their own.
                let below = Figures { credits_spent: 0, credits_returned: 0, ..figures.clone() };
                if !below.is_empty() {
                    owed.entry(key).or_default().add(&below);
                }
            }
            owed.entry(Owed { minute, vs, is_below: false, gateway }).or_default().add(&figures);
        }
    }
}

// === what is counted ===

impl Engine {
    /// A message was accepted, and these paid for it.
    pub(crate) fn count_accepted(&self, at_ms: i64, vs: VsId, payers: &[VsId], segments: u8) {
        self.counters.count(at_ms, vs, NO_GATEWAY, |figures| figures.count(MessageState::Accepted));
        for payer in payers {
            self.counters
                .count(at_ms, *payer, NO_GATEWAY, |figures| figures.credits_spent += u64::from(segments));
        }
    }

    /// A gateway had a message in hand.
    pub(crate) fn count_attempt(&self, now_ms: i64, vs: VsId, gateway: GatewayId, class: OutcomeClass) {
        self.counters.count(now_ms, vs, gateway, |figures| {
            if let Some(count) = figures.attempts.get_mut(usize::from(class.code())) {
                *count += 1;
            }
        });
    }

    /// A message goes on to another gateway than this one.
    pub(crate) fn count_failover(&self, submission: &Submission, from: GatewayId) {
        let now_ms = self.clock.now_ms();
        self.counters.count(now_ms, submission.routing.vs, from, |figures| figures.failovers += 1);
    }

    /// A message's way through its gateways has ended so.
    pub(crate) fn count_settled(&self, submission: &Submission, transition: &Transition) {
        let routing = &submission.routing;
        let is_sent = transition.to == MessageState::Sent;
        self.counters.count(transition.at_ms, routing.vs, routing.gateway, |figures| {
            figures.count(transition.to);
            if is_sent {
                figures.to_sent.record(micros(self.clock.now(), routing.accepted_at));
            }
        });
        if transition.refund {
            let view = self.view.load();
            // All on the way up to whose gateways they are.
            let payers = view.up(routing.vs).take_while(|server| server.id != routing.gateways_of);
            for payer in payers {
                self.count_returned(transition.at_ms, payer.id, routing.segments);
            }
        }
    }

    /// Credits were given back.
    pub(crate) fn count_returned(&self, at_ms: i64, payer: VsId, segments: u8) {
        self.counters
            .count(at_ms, payer, NO_GATEWAY, |figures| figures.credits_returned += u64::from(segments));
    }

    /// A receipt changed a message's state.
    pub(crate) fn count_matched(&self, matched: &Matched) {
        let Some(state) = matched.changed_to else { return };
        self.counters.count(self.clock.now_ms(), matched.vs, matched.gateway, |figures| {
            figures.count(state);
            if let (MessageState::Delivered, Some(ms)) = (state, matched.since_sent_ms) {
                figures.to_delivered.record(ms.saturating_mul(1_000));
            }
        });
    }

    /// Hands figures to the store: all, or the oldest of many.
    pub(crate) async fn flush_figures(&self, is_last: bool) -> Result<(), StoreError> {
        let mut owed = self.counters.owed.write().await;
        self.counters.gather(&mut owed, &self.view.load());
        if owed.is_empty() {
            return Ok(());
        }
        let most = if is_last { owed.len() } else { FLUSHED_AT_ONCE.max(owed.len() / 8) };
        let keys: Vec<Owed> = owed.keys().take(most).copied().collect();
        let mut outcome = Ok(());
        for step in keys.chunks(STEP) {
            let tally = |key: &Owed| {
                let (vs, is_below, gateway) = (key.vs, key.is_below, key.gateway);
                let figures = owed.get(key).cloned().unwrap_or_default();
                Tally { vs, is_below, gateway, at_ms: key.minute * MINUTE_MS, figures }
            };
            outcome = self.store.add_figures(step.iter().map(tally).collect()).await;
            if outcome.is_err() {
                break;
            }
            step.iter().for_each(|key| drop(owed.remove(key)));
        }
        while owed.len() > OWED_MOST {
            owed.pop_first();
        }
        drop(owed);
        self.counters.changed.send_modify(|times| *times += 1);
        outcome
    }

    /// Figures of the store and of memory, in no order; each is seen once.
    pub(crate) async fn figures(&self, question: FiguresQuestion) -> Result<Vec<KeptFigures>, StoreError> {
        self.counters.gather(&mut *self.counters.owed.write().await, &self.view.load());
        let owed = self.counters.owed.read().await;
        let mut found = self.store.figures(question).await?;
        let step_ms = question.resolution.step_ms();
        let from_ms = question.from_ms.div_euclid(step_ms) * step_ms;
        for (key, figures) in owed.iter() {
            let at_ms = (key.minute * MINUTE_MS).div_euclid(step_ms) * step_ms;
            let is_asked = key.vs == question.vs && key.is_below == question.is_below;
            if is_asked && (from_ms..question.to_ms).contains(&at_ms) {
                found.push(KeptFigures { at_ms, gateway: key.gateway, figures: figures.clone() });
            }
        }
        Ok(found)
    }
}

fn micros(now: Instant, since: Instant) -> u64 {
    u64::try_from(now.saturating_duration_since(since).as_micros()).unwrap_or(u64::MAX)
}

/// Hands figures to the store until `stop`, and then the rest.
pub(crate) async fn keep(engine: Arc<Engine>, stop: CancellationToken) {
    let mut is_warned = false;
    tokio::select! {
        biased;
        () = stop.cancelled() => return,
        () = engine.learn_what_is_usual() => {}
    }
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(FLUSH) => {}
        }
        match engine.flush_figures(false).await {
            Ok(()) => is_warned = false,
            Err(error) if !is_warned => {
                tracing::warn!(%error, "figures cannot be stored; they wait in memory");
                is_warned = true;
            }
            Err(_) => {}
        }
        engine.measure().await;
    }
}
