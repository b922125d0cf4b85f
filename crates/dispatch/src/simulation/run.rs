//! One run: lives of the program, one after the other on the same disk, until every message has its end.

use super::callers::{accept, cancel, put};
use super::check::{books, census};
use super::dice::Dice;
use super::disk::Disk;
use super::provider::ModelPlugin;
use super::pulse;
use super::schedule::{DiskMood, Mood, Schedule, Step, Wellness};
use super::store::{CLOSE_PATIENCE, ModelStore};
use super::world::{START_MS, World};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::view::Settings;
use crate::words::Mode;
use crate::{Limits, Parts};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use textgate_gateway::{Environment, Plugins};
use textgate_sms::{MessageState, VsId};
use textgate_store::{Allocation, Change, Credits, Directory, Sealer, Store, VirtualServer};
use tokio::time::{Instant, sleep, sleep_until};

const DRAIN: Duration = Duration::from_secs(2);
/// Longest shutdown: the drain, a store that cannot write, and a little.
const LONGEST_STOP: Duration = Duration::from_secs(2 + CLOSE_PATIENCE.as_secs() + 3);
/// After the last step everything is mended; by then every message has its end.
const LONGEST_END_MS: i64 = 900_000;
/// Looks at the clock in one second of a run, however much happens (measured: a third of it).
const MOST_BEATS_PER_S: u64 = 3_000;

/// What a run did, to be summed up.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) accepted: u64,
    pub(super) submissions: u64,
    pub(super) sent: u64,
    pub(super) failed: u64,
    pub(super) expired: u64,
    pub(super) cancelled: u64,
    pub(super) lives: u64,
    pub(super) simulated_ms: u64,
    pub(super) most_beats: u64,
}

/// A rule that was broken, and what led to it.
pub(super) struct Broken {
    pub(super) what: String,
    pub(super) trace: Vec<String>,
}

/// How a life of the program ended.
enum End {
    Crash { away_ms: i64, clock_jump_ms: i64 },
    Stopped,
    Over,
}

struct Run {
    world: Arc<World>,
    disk: Arc<Mutex<Disk>>,
    disk_mood: Arc<Mutex<DiskMood>>,
    dice: Dice,
    /// Since the beginning, by the wall clock.
    now_ms: i64,
    /// Steps are timed by the steady clock: how far it went in earlier lives.
    steady_ms: u64,
    tally: Tally,
    steps: std::vec::IntoIter<(u64, Step)>,
    next: Option<(u64, Step)>,
}

/// Runs this schedule.
pub(super) fn run(schedule: &Schedule, is_traced: bool) -> Result<Tally, Broken> {
    let mut dice = Dice::new(schedule.seed ^ 0x5EED);
    let world = World::new(&mut dice, is_traced);
    let server = |id, parent: Option<u32>, name: &str| VirtualServer {
        id: VsId(id),
        parent: parent.map(VsId),
        name: name.to_owned(),
        created_ms: 0,
    };
    let virtual_servers = vec![
        server(1, None, ""),
        server(2, Some(1), "acme"),
        server(3, Some(2), "sales"),
        server(4, Some(1), "own"),
    ];
    let credits = |allocated| Credits { allocated, used: 0 };
    let disk = Disk {
        directory: Directory { virtual_servers, next_vs: 5, next_gateway: 1, ..Directory::default() },
        credits: [(VsId(2), credits(60)), (VsId(3), credits(40))].into_iter().collect(),
        ..Disk::default()
    };
    let mut steps = schedule.steps.clone().into_iter();
    let next = steps.next();
    let mut run = Run {
        world: Arc::clone(&world),
        disk: Arc::new(Mutex::new(disk)),
        disk_mood: Arc::new(Mutex::new(DiskMood::Takes(3))),
        dice,
        now_ms: 0,
        steady_ms: 0,
        tally: Tally::default(),
        steps,
        next,
    };
    run.lives();
    pulse::over();
    let mut state = world.lock();
    run.tally.submissions = state.submissions;
    match state.broken.take() {
        Some(what) => Err(Broken { what, trace: state.trace.take().unwrap_or_default() }),
        None => Ok(run.tally),
    }
}

impl Run {
    fn lives(&mut self) {
        loop {
            self.tally.lives += 1;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let end = runtime.block_on(self.life());
            // Everything that runs ends here, as it is.
            drop(runtime);
            self.world.program_ended(&self.disk.lock().unwrap().messages);
            if self.world.lock().broken.is_some() {
                return;
            }
            match end {
                End::Crash { away_ms, clock_jump_ms } => {
                    self.world.note(|| "the program is killed".to_owned());
                    self.now_ms += away_ms + clock_jump_ms;
                }
                End::Stopped => self.now_ms += 10,
                End::Over => break,
            }
        }
        let disk = self.disk.lock().unwrap();
        books(&self.world, &disk);
        self.tally.accepted = disk.messages.len() as u64;
        for message in disk.messages.values() {
            match message.state {
                MessageState::Failed => self.tally.failed += 1,
                MessageState::Expired => self.tally.expired += 1,
                MessageState::Cancelled => self.tally.cancelled += 1,
                _ => self.tally.sent += 1,
            }
        }
    }

    /// One life of the program: until it is killed, stopped, or everything is over.
    async fn life(&mut self) -> End {
        let began = Instant::now();
        let clock = Clock::held(START_MS + self.now_ms);
        let store = ModelStore::new(&self.world, &self.disk, &self.disk_mood, self.dice.fork());
        tokio::spawn(Arc::clone(&store).write());
        let parts = Parts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            sealer: Sealer::new(&[7; 32]).unwrap(),
            plugins: Plugins::new(vec![Arc::new(ModelPlugin(Arc::clone(&self.world)))]),
            environment: Environment::default(),
            limits: Limits { drain: DRAIN, ..Limits::default() },
            metrics: Arc::default(),
        };
        let engine = Engine::open(parts, clock).await.unwrap();
        self.world.begins(self.now_ms + began.elapsed().as_millis() as i64, Arc::clone(&engine));
        engine.run().await.unwrap();
        pulse::next_step();
        let mut life = Life { engine, store, began, stopping: None, pulsed: Instant::now() };
        let end = self.steps(&mut life).await;
        self.now_ms += began.elapsed().as_millis() as i64;
        self.steady_ms += began.elapsed().as_millis() as u64;
        self.tally.simulated_ms = self.steady_ms;
        end
    }

    async fn steps(&mut self, life: &mut Life) -> End {
        while let Some((at_ms, step)) = self.next.take() {
            let due = life.began + Duration::from_millis(at_ms.saturating_sub(self.steady_ms));
            // Long times are looked at in between.
            let look = Instant::now() + Duration::from_secs(2);
            if look < due || life.stopping.is_some() && Instant::now() < due {
                self.next = Some((at_ms, step));
                sleep_until(look.min(due)).await;
            } else {
                sleep_until(due).await;
                let end = self.perform(life, step).await;
                self.next = self.steps.next();
                if let Some(end) = end {
                    return end;
                }
            }
            self.look(life).await;
            if self.world.lock().broken.is_some() || life.is_stopped(&self.world) {
                return End::Stopped;
            }
        }
        while life.stopping.is_some() {
            sleep(Duration::from_millis(500)).await;
            if life.is_stopped(&self.world) {
                return End::Stopped;
            }
        }
        self.end(life).await
    }

    /// Lets everything happen that happens without time passing, and looks at it.
    async fn look(&mut self, life: &mut Life) {
        for _ in 0..40 {
            tokio::task::yield_now().await;
        }
        let passed_s = life.pulsed.elapsed().as_secs() + 1;
        life.pulsed = Instant::now();
        let beats = pulse::next_step();
        self.tally.most_beats = self.tally.most_beats.max(beats / passed_s);
        if beats / passed_s > MOST_BEATS_PER_S {
            self.world.broken(format!("{beats} looks at the clock in {passed_s} s"));
        }
        if life.stopping.is_none() {
            census(&self.world, &life.engine, &life.store, &self.disk.lock().unwrap());
        }
    }

    async fn perform(&mut self, life: &mut Life, step: Step) -> Option<End> {
        self.world.note(|| format!("{step:?}"));
        match step {
            Step::Accept { vs, drafts, hangs_up_after_ms } => {
                tokio::spawn(accept(
                    Arc::clone(&self.world),
                    Arc::clone(&self.disk),
                    Arc::clone(&life.engine),
                    VsId(vs),
                    drafts,
                    hangs_up_after_ms,
                ));
            }
            Step::Cancel { tag, hangs_up_after_ms } => {
                tokio::spawn(cancel(
                    Arc::clone(&self.world),
                    Arc::clone(&life.engine),
                    tag,
                    hangs_up_after_ms,
                ));
            }
            Step::Answers { slot, mood } => self.world.lock().slots[slot as usize].mood = mood,
            Step::Says { slot, wellness } => self.world.lock().slots[slot as usize].wellness = wellness,
            Step::Window { slot, room } => self.world.lock().slots[slot as usize].room = room,
            Step::Settings { vs, is_custom, slots, changed, on_uncertain } => {
                if let Some(slot) = changed {
                    self.world.lock().slots[slot as usize].version += 1;
                }
                let mode = if is_custom { Mode::Custom } else { Mode::Default };
                let settings = Settings { mode, on_uncertain, ..Settings::default() };
                tokio::spawn(put(
                    Arc::clone(&self.world),
                    Arc::clone(&life.engine),
                    VsId(vs),
                    settings,
                    slots,
                ));
            }
            Step::Disk(mood) => *self.disk_mood.lock().unwrap() = mood,
            Step::Credits { vs, more } => {
                let allocation = Allocation::Add(more);
                let change = Change::Allocate { vs: VsId(vs), allocation, note: String::new() };
                let engine = Arc::clone(&life.engine);
                tokio::spawn(async move {
                    let _ = engine.change_by_credits("model", |_, _| Ok((vec![change], ()))).await;
                });
            }
            Step::Shutdown if life.stopping.is_none() => {
                let engine = Arc::clone(&life.engine);
                life.stopping = Some((Instant::now(), tokio::spawn(async move { engine.stop().await })));
            }
            Step::Shutdown => {}
            Step::Crash { after_yields, away_ms, clock_jump_ms } => {
                for _ in 0..after_yields {
                    tokio::task::yield_now().await;
                }
                return Some(End::Crash { away_ms, clock_jump_ms });
            }
        }
        self.world.changed.notify_waiters();
        None
    }

    /// Mends everything, and waits until every message has its end.
    async fn end(&mut self, life: &mut Life) -> End {
        self.world.note(|| "everything is mended".to_owned());
        *self.disk_mood.lock().unwrap() = DiskMood::Takes(3);
        for slot in &mut self.world.lock().slots {
            (slot.mood, slot.wellness, slot.room) = (Mood::Good(1), Wellness::Up, 10);
        }
        self.world.changed.notify_waiters();
        let mended_ms = self.world.now_ms();
        let is_open = |disk: &Disk| disk.messages.values().any(|message| message.state.is_unfinished());
        loop {
            sleep(Duration::from_secs(5)).await;
            self.look(life).await;
            if self.world.lock().broken.is_some() {
                return End::Over;
            }
            let is_over = !is_open(&self.disk.lock().unwrap()) && life.engine.waiting() == 0;
            if is_over && life.store.unsettled().is_empty() {
                break;
            }
            // Once more for what may have waited through a jump of the clock.
            if self.world.now_ms() > mended_ms + LONGEST_END_MS {
                self.world.broken("not every message has its end");
                return End::Over;
            }
        }
        self.expired_in_vain(life, mended_ms);
        // Receipts on their way arrive.
        sleep(Duration::from_secs(60)).await;
        self.look(life).await;
        if life.engine.waiting() != 0 {
            self.world.broken(format!("{} are counted, and none is there", life.engine.waiting()));
        }
        self.told();
        let stop = Instant::now();
        if tokio::time::timeout(LONGEST_STOP, life.engine.stop()).await.is_err() {
            self.world.broken("the end does not come");
        }
        if stop.elapsed() > Duration::from_secs(1) {
            self.world.broken("nothing is there to drain, and the stop takes its time");
        }
        End::Over
    }

    /// After everything was mended, what had time left and gateways was sent.
    fn expired_in_vain(&self, life: &Life, mended_ms: i64) {
        let disk = self.disk.lock().unwrap();
        let view = life.engine.view.load_full();
        for message in disk.messages.values().filter(|m| m.state == MessageState::Expired) {
            let owner = match message.payers.last() {
                None => Some(message.vs),
                Some(payer) => view.server(*payer).and_then(|server| server.parent),
            };
            // Who was paid is forgotten with the refund: only those that paid nothing can be asked.
            let is_custom = disk.charged[&message.id].is_empty();
            let has_way =
                owner.is_some_and(|owner| view.route(owner).is_some_and(|route| route.gateways_of == owner));
            if is_custom && has_way && message.expires_ms - START_MS > mended_ms + 130_000 {
                let name = self.world.lock().name(message.id);
                self.world.broken(format!("{name} expired though everything was mended long before"));
            }
        }
    }

    /// What a kept receipt said is the state of its message.
    fn told(&self) {
        let disk = self.disk.lock().unwrap();
        let mut state = self.world.lock();
        for message in disk.messages.values().filter(|m| m.state == MessageState::Sent) {
            let is_told = message.events.iter().any(|event| match event {
                textgate_store::Event::Attempt { gateway, class, provider_ids, .. } => {
                    *class == textgate_sms::OutcomeClass::Sent
                        && provider_ids
                            .iter()
                            .any(|id| state.kept_receipts.contains(&(*gateway, id.to_string())))
                }
                _ => false,
            });
            if is_told {
                let name = state.name(message.id);
                state.broken(format!("the receipt of {name} was kept, and changed nothing"));
            }
        }
    }
}

struct Life {
    engine: Arc<Engine>,
    store: Arc<ModelStore>,
    began: Instant,
    stopping: Option<(Instant, tokio::task::JoinHandle<()>)>,
    pulsed: Instant,
}

impl Life {
    /// Whether a shutdown has ended; it must not take too long.
    fn is_stopped(&self, world: &World) -> bool {
        let Some((since, task)) = &self.stopping else { return false };
        if since.elapsed() > LONGEST_STOP {
            world.broken(format!("the shutdown goes on for {:?}", since.elapsed()));
        }
        task.is_finished()
    }
}
