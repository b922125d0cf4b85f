//! What is true, whatever the engine believes: who holds a message, what providers took, what was answered. Rules are checked
//! here as things happen; the first that is broken ends the run.

use super::breaker::Breaker;
use super::dice::Dice;
use super::schedule::{Mood, SLOTS, Wellness};
use crate::engine::Engine;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use textgate_gateway::{Outcome, Submission};
use textgate_sms::{GatewayId, Kind, MessageId, OutcomeClass, ReceiptState};
use textgate_store::{Event, StoredMessage};
use tokio::sync::Notify;
use tokio::time::Instant;

/// The wall clock when a run begins.
pub(super) const START_MS: i64 = 1_800_000_000_000;

/// One provider, outside: it outlives every crash of the program.
pub(super) struct Slot {
    pub(super) mood: Mood,
    pub(super) wellness: Wellness,
    pub(super) room: usize,
    pub(super) dice: Dice,
    /// Rises when its settings change.
    pub(super) version: u32,
    /// Whether it sends receipts.
    pub(super) reports: bool,
}

/// What is true of one message.
#[derive(Debug, Default)]
pub(super) struct Truth {
    pub(super) tag: u32,
    pub(super) expires_ms: i64,
    /// The gateway that has it in hand.
    pub(super) holder: Option<GatewayId>,
    /// Gateways that had it in hand since the start: until when, and whether they refused it.
    pub(super) asked: BTreeMap<GatewayId, (i64, bool)>,
    /// How often a provider really took it.
    pub(super) times_taken: u32,
    /// How often the engine could not know whether one did.
    pub(super) excuses: u32,
    /// A gateway answered `Sent`, and the engine must remember.
    pub(super) is_sent: bool,
    /// The engine knows of a segment that was certainly or possibly taken.
    pub(super) is_possibly_taken: bool,
    /// What the engine knew was lost in a crash.
    pub(super) is_murky: bool,
    /// A cancel answered true.
    pub(super) is_cancelled: bool,
    /// It was submitted before it was on disk.
    pub(super) is_early: bool,
    /// The caller has its 202.
    pub(super) is_answered: bool,
    /// Since when it waits in vain.
    pub(super) vain_since_ms: Option<i64>,
}

/// A receipt that a provider still has to deliver.
pub(super) struct Pending {
    pub(super) gateway: GatewayId,
    pub(super) due_ms: i64,
    pub(super) id: String,
    pub(super) state: ReceiptState,
}

pub(super) struct State {
    pub(super) slots: Vec<Slot>,
    pub(super) truths: BTreeMap<MessageId, Truth>,
    pub(super) by_tag: BTreeMap<u32, MessageId>,
    pub(super) breakers: BTreeMap<GatewayId, Breaker>,
    pub(super) running: BTreeSet<GatewayId>,
    pub(super) receipts: Vec<Pending>,
    pub(super) kept_receipts: BTreeSet<(GatewayId, String)>,
    pub(super) by_key: BTreeMap<(u32, u8), MessageId>,
    next_provider_id: u64,
    /// The wall clock (START_MS is 0) at this instant.
    held: Option<(i64, Instant)>,
    pub(super) engine: Option<Arc<Engine>>,
    pub(super) broken: Option<String>,
    pub(super) trace: Option<Vec<String>>,
    pub(super) submissions: u64,
}

/// The world around the engine.
pub(super) struct World {
    state: Mutex<State>,
    /// A provider changed.
    pub(super) changed: Notify,
}

impl World {
    pub(super) fn new(dice: &mut Dice, is_traced: bool) -> Arc<Self> {
        let slot = |_| Slot {
            mood: Mood::Good(1),
            wellness: Wellness::Up,
            room: 10,
            dice: dice.fork(),
            version: 0,
            reports: dice.percent(50),
        };
        let state = State {
            slots: (0..SLOTS).map(slot).collect(),
            truths: BTreeMap::new(),
            by_tag: BTreeMap::new(),
            breakers: BTreeMap::new(),
            running: BTreeSet::new(),
            receipts: Vec::new(),
            kept_receipts: BTreeSet::new(),
            by_key: BTreeMap::new(),
            next_provider_id: 0,
            held: None,
            engine: None,
            broken: None,
            trace: is_traced.then(Vec::new),
            submissions: 0,
        };
        Arc::new(Self { state: Mutex::new(state), changed: Notify::new() })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Notes what happened, where somebody wants to read it.
    pub(super) fn note(&self, what: impl FnOnce() -> String) {
        self.lock().note(what);
    }

    /// A rule is broken.
    pub(super) fn broken(&self, what: impl Into<String>) {
        self.lock().broken(what.into());
    }

    /// A gateway took these. `after`: the lanes behind it, by kind.
    pub(super) fn taken(&self, gateway: GatewayId, room: usize, taken: &[Box<Submission>]) {
        let mut state = self.lock();
        if taken.len() > room {
            state.broken(format!("gateway {gateway} got {} with room for {room}", taken.len()));
        }
        state.submissions += taken.len() as u64;
        let (now, now_ms) = (Instant::now(), state.now_ms());
        if let Some(what) = state.breakers.entry(gateway).or_default().taken(taken.len(), now.into_std()) {
            state.broken(format!("gateway {gateway}: {what}"));
        }
        for submission in taken {
            let id = submission.id;
            let routing = &submission.routing;
            // A passcode that nothing can refuse any more may overtake its commit.
            let may_overlap = submission.kind == Kind::Otp && routing.vs == routing.gateways_of;
            if !may_overlap && !state.truths.contains_key(&id) {
                state.broken(format!("{id} is submitted and is not on disk"));
            }
            let early = || Truth { expires_ms: routing.expires_ms, is_early: true, ..Truth::default() };
            let truth = state.truths.entry(id).or_insert_with(early);
            let tag = truth.tag;
            let mut wrong = Vec::new();
            if let Some(other) = truth.holder {
                wrong.push(format!("is at {other} already"));
            }
            if submission.valid_until <= now.into_std() || truth.expires_ms <= now_ms + START_MS {
                wrong.push("is past its validity".to_owned());
            }
            if truth.is_cancelled {
                wrong.push("was cancelled".to_owned());
            }
            if truth.is_sent {
                wrong.push("was sent".to_owned());
            }
            if submission.routing.gateway != gateway {
                wrong.push(format!("was meant for {}", submission.routing.gateway));
            }
            truth.holder = Some(gateway);
            truth.asked.insert(gateway, (now_ms, false));
            truth.vain_since_ms = None;
            for what in wrong {
                state.broken(format!("#{tag} is submitted to {gateway} and {what}"));
            }
            state.note(|| format!("gateway {gateway} takes #{tag} ({})", submission.kind));
        }
        if taken.windows(2).any(|two| two[0].kind > two[1].kind) {
            state.broken(format!("gateway {gateway} got a later lane before an earlier one"));
        }
    }

    /// A provider takes a message, or begins to: from now on nobody can be sure that it did not.
    pub(super) fn really_taken(&self, id: MessageId) {
        if let Some(truth) = self.lock().truths.get_mut(&id) {
            truth.times_taken += 1;
        }
    }

    /// Gateways give these back.
    pub(super) fn done(&self, gateway: GatewayId, finished: &[(Box<Submission>, Outcome)]) {
        let mut state = self.lock();
        let (now, now_ms) = (Instant::now().into_std(), state.now_ms());
        let classes: Vec<OutcomeClass> = finished.iter().map(|(_, outcome)| outcome.class).collect();
        state.breakers.entry(gateway).or_default().finished(&classes, now);
        for (submission, outcome) in finished {
            let Some(truth) = state.truths.get_mut(&submission.id) else { continue };
            truth.holder = None;
            truth.asked.insert(gateway, (now_ms, outcome.class == OutcomeClass::Refused));
            truth.is_sent |= outcome.class == OutcomeClass::Sent;
            truth.is_possibly_taken |= outcome.segments_sent > 0;
            if outcome.class == OutcomeClass::Uncertain
                || outcome.segments_sent > 0 && outcome.class != OutcomeClass::Sent
            {
                truth.excuses += 1;
            }
            let tag = truth.tag;
            state.note(|| format!("gateway {gateway} gives back #{tag}: {}", outcome.class));
        }
    }

    /// The program is gone, in whatever way: what it had in hand is nobody's, and it knows what is on disk.
    pub(super) fn program_ended(&self, disk: &BTreeMap<MessageId, StoredMessage>) {
        let mut state = self.lock();
        state.engine = None;
        state.breakers.clear();
        state.running.clear();
        for (id, truth) in &mut state.truths {
            if truth.holder.take().is_some() {
                truth.excuses += 1;
                truth.is_murky = true;
            }
            truth.asked.clear();
            truth.vain_since_ms = None;
            let Some(stored) = disk.get(id) else { continue };
            if truth.is_sent && stored.state.is_unfinished() {
                truth.is_sent = false;
                truth.excuses += 1;
            }
            let known = stored.events.iter().any(|event| match event {
                Event::Attempt { class, provider_ids, .. } => {
                    *class == OutcomeClass::Uncertain || !provider_ids.is_empty()
                }
                _ => false,
            });
            truth.is_murky |= truth.is_possibly_taken && !known;
            truth.is_possibly_taken = known;
        }
    }

    /// The clock goes on from here.
    pub(super) fn begins(&self, now_ms: i64, engine: Arc<Engine>) {
        let mut state = self.lock();
        state.held = Some((now_ms, Instant::now()));
        state.engine = Some(engine);
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.lock().now_ms()
    }
}

impl State {
    pub(super) fn now_ms(&self) -> i64 {
        self.held.map_or(0, |(then_ms, then)| then_ms + then.elapsed().as_millis() as i64)
    }

    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        let now_ms = self.now_ms();
        if let Some(trace) = &mut self.trace {
            let line = format!("{now_ms:>8} ms  {}", what());
            if std::env::var_os("TEXTGATE_LIVE").is_some() {
                println!("{line}");
            }
            trace.push(line);
        }
    }

    pub(super) fn broken(&mut self, what: String) {
        self.note(|| format!("BROKEN: {what}"));
        self.broken.get_or_insert(what);
    }

    pub(super) fn provider_id(&mut self) -> String {
        self.next_provider_id += 1;
        format!("p{}", self.next_provider_id)
    }

    /// How people call a message.
    pub(super) fn name(&self, id: MessageId) -> String {
        self.truths.get(&id).map_or_else(|| id.to_string(), |truth| format!("#{}", truth.tag))
    }
}

/// Whether every lane ahead of what was taken is empty.
pub(super) fn is_in_order(taken: &[Box<Submission>], waiting: [u64; 3]) -> bool {
    let last = taken.last().map_or(Kind::Otp, |submission| submission.kind);
    waiting.iter().take(usize::from(last.code())).all(|count| *count == 0)
}
