//! The plugin of a run: gateways that behave as the schedule says, and tell the world what really happens.

use super::schedule::{Mood, Wellness};
use super::world::{Pending, World, is_in_order};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use textgate_gateway::*;
use textgate_sms::{GatewayId, OutcomeClass, ReceiptState};
use tokio::time::{Instant, sleep, sleep_until};

/// The kind of gateway in a run.
pub(super) struct ModelPlugin(pub(super) Arc<World>);

impl Plugin for ModelPlugin {
    fn name(&self) -> &str {
        "model"
    }

    fn label(&self) -> &str {
        "Model"
    }

    fn fields(&self) -> &[Field] {
        static FIELDS: OnceLock<Vec<Field>> = OnceLock::new();
        FIELDS.get_or_init(|| {
            let number = |name: &'static str| {
                Field::new(name, name, FieldKind::Number { min: 0, max: 1_000_000 }, "A number.")
            };
            vec![number("slot"), number("gateway"), number("version")]
        })
    }

    fn check(&self, _: &Settings) -> Vec<Problem> {
        Vec::new()
    }

    fn build(&self, settings: &Settings, _: &Environment) -> Result<Arc<dyn Gateway>, BuildError> {
        let number = |name| settings.number(name).unwrap_or_default();
        let gateway = GatewayId(number("gateway") as u32);
        self.0.lock().breakers.entry(gateway).or_default().rebuilt();
        Ok(Arc::new(ModelGateway { world: Arc::clone(&self.0), slot: number("slot") as usize, gateway }))
    }
}

struct ModelGateway {
    world: Arc<World>,
    slot: usize,
    gateway: GatewayId,
}

type Landed = (Box<Submission>, Outcome);

impl Gateway for ModelGateway {
    fn plan(&self, text: &str) -> Result<Plan, PlanError> {
        Ok(Plan { segments: u8::try_from(text.len().div_ceil(160).max(1)).unwrap(), encoding: "gsm7" })
    }

    fn run(self: Arc<Self>, work: Arc<dyn Work>, stop: Stop) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if !self.world.lock().running.insert(self.gateway) {
                self.world.broken(format!("gateway {} runs twice", self.gateway));
            }
            self.work(&*work, &stop).await;
            self.world.lock().running.remove(&self.gateway);
        })
    }
}

impl ModelGateway {
    async fn work(&self, work: &dyn Work, stop: &Stop) {
        let mut flights = FuturesUnordered::new();
        let mut said = None;
        loop {
            let mut changed = pin!(self.world.changed.notified());
            changed.as_mut().enable();
            let (wellness, room) = {
                let state = self.world.lock();
                (state.slots[self.slot].wellness, state.slots[self.slot].room)
            };
            if said != Some(wellness) {
                said = Some(wellness);
                self.says(work, wellness);
            }
            let mut ready = pin!(work.ready().notified());
            ready.as_mut().enable();
            let room = room.saturating_sub(flights.len());
            if wellness == Wellness::Up && room > 0 && !stop.token.is_cancelled() {
                for submission in self.take(work, room) {
                    flights.push(self.fly(submission, stop));
                }
            }
            if stop.token.is_cancelled() && flights.is_empty() {
                return;
            }
            let report = self.next_report();
            tokio::select! {
                biased;
                Some(landed) = flights.next() => {
                    let mut all: Vec<Landed> = vec![landed];
                    while let Some(Some(another)) = flights.next().now_or_never() {
                        all.push(another);
                    }
                    self.world.done(self.gateway, &all);
                    work.done(&mut all);
                }
                () = changed => {}
                () = stop.token.cancelled(), if !stop.token.is_cancelled() => {}
                () = ready => {}
                () = self.report(work, report), if report.is_some() => {}
            }
        }
    }

    fn says(&self, work: &dyn Work, wellness: Wellness) {
        let health = match wellness {
            Wellness::Up => Health::Up { window: 10 },
            Wellness::Connecting => Health::Connecting,
            Wellness::Down => Health::Down { reason: "gone".into(), is_account: false },
        };
        let mut state = self.world.lock();
        state.note(|| format!("gateway {} says {wellness:?}", self.gateway));
        let breaker = state.breakers.entry(self.gateway).or_default();
        breaker.heard(wellness == Wellness::Up, wellness == Wellness::Down);
        drop(state);
        work.health(health);
    }

    fn take(&self, work: &dyn Work, room: usize) -> Vec<Box<Submission>> {
        let mut taken = Vec::new();
        work.take(room, &mut taken);
        self.world.taken(self.gateway, room, &taken);
        let engine = self.world.lock().engine.clone();
        let view = engine.as_ref().map(|engine| engine.view.load_full());
        if let Some(station) = view.as_ref().and_then(|view| view.stations.get(&self.gateway)) {
            if !taken.is_empty() && !is_in_order(&taken, station.status().waiting) {
                self.world.broken(format!("gateway {} got a later lane first", self.gateway));
            }
            if let Some(stray) = taken.iter().find(|s| s.routing.gateways_of != station.vs) {
                self.world.broken(format!("{} leaves by gateways that are not its own", stray.id));
            }
        }
        taken
    }

    /// One submission: until the provider answers, or the time for that is over.
    async fn fly(&self, submission: Box<Submission>, stop: &Stop) -> Landed {
        let (mood, chance) = {
            let mut state = self.world.lock();
            let slot = &mut state.slots[self.slot];
            let mood = match slot.mood {
                Mood::Mixed if slot.dice.percent(50) => Mood::Good(slot.dice.below(50)),
                Mood::Mixed => Mood::Always(slot.dice.pick(OutcomeClass::ALL), slot.dice.below(2_000)),
                mood => mood,
            };
            (mood, slot.dice.percent(50))
        };
        let (class, ms) = match mood {
            Mood::Good(ms) => (OutcomeClass::Sent, ms),
            Mood::Always(class, ms) => (class, ms),
            Mood::Silent | Mood::Mixed => (OutcomeClass::Uncertain, u64::MAX >> 20),
            Mood::Partly => (OutcomeClass::Refused, 5),
            Mood::Throttles(_) => (OutcomeClass::Throttled, 1),
        };
        let is_partly = matches!(mood, Mood::Partly) && submission.routing.segments > 1;
        if class == OutcomeClass::Sent || is_partly || class == OutcomeClass::Uncertain && chance {
            self.world.really_taken(submission.id);
        }
        let answer_at = Instant::now() + Duration::from_millis(ms);
        let is_answered = tokio::select! {
            biased;
            () = sleep_until(answer_at) => true,
            () = sleep_until(submission.answer_by.into()) => false,
            () = async { stop.token.cancelled().await; sleep(stop.drain).await } => false,
        };
        let outcome = match class {
            class @ (OutcomeClass::Sent | OutcomeClass::Uncertain) if !is_answered => {
                let uncertain = Outcome::failed(OutcomeClass::Uncertain, "no answer");
                let _ = class;
                Outcome { segments_sent: submission.routing.segments, ..uncertain }
            }
            OutcomeClass::Sent => self.sent(&submission),
            OutcomeClass::Uncertain => {
                let uncertain = Outcome::failed(class, "no answer");
                Outcome { segments_sent: submission.routing.segments, ..uncertain }
            }
            class => {
                let retry_after = match mood {
                    Mood::Throttles(ms) => Some(Duration::from_millis(ms)),
                    _ => None,
                };
                let mut failed = Outcome { retry_after, ..Outcome::failed(class, "model") };
                if is_partly {
                    failed.provider_ids.push(self.world.lock().provider_id().into());
                    failed.segments_sent = 1;
                }
                failed
            }
        };
        (submission, outcome)
    }

    /// The provider took it; a receipt may come, also before this is known.
    fn sent(&self, submission: &Submission) -> Outcome {
        let mut state = self.world.lock();
        let id = state.provider_id();
        let now_ms = state.now_ms();
        let slot = &mut state.slots[self.slot];
        if slot.reports {
            let due_ms = now_ms + slot.dice.pick(&[0, 0, 5, 1_000, 20_000]);
            let state_told = slot.dice.pick(&[ReceiptState::Delivered, ReceiptState::Undelivered]);
            state.receipts.push(Pending { gateway: self.gateway, due_ms, id: id.clone(), state: state_told });
        }
        drop(state);
        Outcome::sent([id.into_boxed_str()].into_iter().collect(), submission.routing.segments)
    }

    /// When the next receipt is due here.
    fn next_report(&self) -> Option<i64> {
        let state = self.world.lock();
        if state.slots[self.slot].wellness != Wellness::Up {
            return None;
        }
        state.receipts.iter().filter(|p| p.gateway == self.gateway).map(|p| p.due_ms).min()
    }

    /// Delivers it; what is not kept comes again.
    async fn report(&self, work: &dyn Work, due_ms: Option<i64>) {
        let Some(due_ms) = due_ms else { return };
        let wait = u64::try_from(due_ms - self.world.now_ms()).unwrap_or(0);
        sleep(Duration::from_millis(wait)).await;
        let found = {
            let state = self.world.lock();
            let is_it = |p: &&Pending| p.gateway == self.gateway && p.due_ms == due_ms;
            state.receipts.iter().find(is_it).map(|p| (p.id.clone(), p.state))
        };
        let Some((id, state)) = found else { return };
        let candidates = [canonical_id(&id)].into_iter().collect();
        let kept = work.receipts(vec![Receipt { candidates, number: None, state, error: None }]).await;
        let mut world = self.world.lock();
        let at = world.receipts.iter().position(|p| p.gateway == self.gateway && p.id == id);
        match (kept, at) {
            (Ok(()), Some(at)) => {
                world.receipts.remove(at);
                world.kept_receipts.insert((self.gateway, id));
            }
            (Err(_), Some(at)) => world.receipts[at].due_ms = world.now_ms() + 1_000,
            (_, None) => {}
        }
    }
}
