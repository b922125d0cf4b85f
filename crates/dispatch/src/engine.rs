//! What all parts of the room share: the store, the snapshot of the directory, and the way a change gets into force.

use crate::accounts::{self, Accounts};
use crate::agenda::{self, Agenda};
use crate::alerts::Alerts;
use crate::built::Built;
use crate::clock::Clock;
use crate::exchange::{self, Exchange};
use crate::figures::{self, Counters};
use crate::guard::Guard;
use crate::inbound::{self, Inbox};
use crate::nodes::{self, Tenure};
use crate::opt_out::{OptOuts, Replies};
use crate::otp::Watches;
use crate::peers::{self, Company};
use crate::retention;
use crate::rotation::Rotation;
use crate::runners::Runners;
use crate::station::Station;
use crate::statistics::Statistics;
use crate::unrecorded::Unrecorded;
use crate::view::View;
use crate::watching::Watchers;
use crate::webhooks::{self, Webhooks};
use crate::words::{DirectoryError, Happening, What};
use crate::{Limits, Metrics, Parts, StartError};
use arc_swap::ArcSwap;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use textgate_gateway::{Environment, Plugins};
use textgate_sms::{GatewayId, IdSequence, Kind, MessageId, VsId};
use textgate_store::{
    Change, Credits, Directory, GatewayRecord, Purpose, SealError, Sealer, Store, StoreError,
};
use tokio::sync::{Mutex, OwnedMutexGuard, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many happenings a slow reader may be behind before it misses some.
const HAPPENINGS: usize = 4_096;

/// The engine behind [`Dispatch`](crate::Dispatch).
pub(crate) struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) sealer: Sealer,
    pub(crate) plugins: Plugins,
    pub(crate) environment: Environment,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    pub(crate) view: ArcSwap<View>,
    pub(crate) happenings: broadcast::Sender<Arc<Happening>>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) counters: Counters,
    pub(crate) agenda: Agenda,
    pub(crate) watches: Watches,
    pub(crate) ids: std::sync::Mutex<IdSequence>,
    pub(crate) accounts: Accounts,
    /// A change of the key that seals.
    pub(crate) rotation: Mutex<Rotation>,
    pub(crate) guard: Guard,
    pub(crate) statistics: Statistics,
    pub(crate) tenure: Tenure,
    pub(crate) company: Company,
    pub(crate) exchange: Exchange,
    pub(crate) alerts: Alerts,
    pub(crate) opt_outs: OptOuts,
    /// Answers to phones' words.
    pub(crate) replies: Replies,
    pub(crate) webhooks: Webhooks,
    pub(crate) inbox: Inbox,
    pub(crate) unrecorded: Unrecorded,
    /// Messages in memory that are not finished.
    waiting: AtomicUsize,
    runners: Runners,
    /// Whether gateways run: not for commands on a store without a server.
    is_running: AtomicBool,
    /// Cancelled when nothing more is accepted.
    stopping: CancellationToken,
    /// Whether whoever chooses between nodes should choose another: about to stop.
    is_leaving: AtomicBool,
    /// Cancelled when answers that would go on for ever are to end: then, or before.
    ending: CancellationToken,
    tasks: TaskTracker,
    /// Held while the directory changes, so that changes are decided one after the other on what is there.
    changing: Arc<Mutex<()>>,
}

impl Engine {
    /// Reads the directory. Starts nothing.
    pub(crate) async fn open(parts: Parts, clock: Clock) -> Result<Arc<Self>, StartError> {
        let Parts { store, sealer, plugins, environment, limits, metrics } = parts;
        let directory = store.directory().await?;
        let (node, newest) = (store.node(), store.newest().await?);
        let guard = Guard::new(clock.now_ms());
        guard.restore(&store.guard_blocks().await?);
        let engine = Self {
            store,
            sealer,
            plugins,
            environment,
            limits,
            metrics,
            clock,
            view: ArcSwap::default(),
            happenings: broadcast::channel(HAPPENINGS).0,
            watchers: Arc::default(),
            counters: Counters::default(),
            agenda: Agenda::default(),
            watches: Watches::default(),
            ids: std::sync::Mutex::new(IdSequence::new(node, newest)),
            accounts: Accounts::default(),
            rotation: Mutex::default(),
            guard,
            statistics: Statistics::new(),
            tenure: Tenure::default(),
            company: Company::default(),
            exchange: Exchange::default(),
            alerts: Alerts::default(),
            opt_outs: OptOuts::default(),
            replies: Replies::default(),
            webhooks: Webhooks::default(),
            inbox: Inbox::default(),
            unrecorded: Unrecorded::default(),
            waiting: AtomicUsize::new(0),
            runners: Runners::default(),
            is_running: AtomicBool::new(false),
            stopping: CancellationToken::new(),
            is_leaving: AtomicBool::new(false),
            ending: CancellationToken::new(),
            tasks: TaskTracker::new(),
            changing: Arc::default(),
        };
        let stations = engine.stations(&directory)?;
        // Also where nothing is sealed yet: what one node seals, every other has to read.
        let mark = engine.sealer.digest(&[b"the key file of this installation"]);
        if engine.store.key_mark(mark).await? != mark {
            return Err(StartError::WrongKey);
        }
        engine.view.store(Arc::new(View::new(directory, stations)));
        engine.load_sessions().await?;
        engine.load_opt_outs().await?;
        Ok(Arc::new(engine))
    }

    /// Starts the gateways, and goes on with what is unfinished.
    pub(crate) async fn run(self: &Arc<Self>) -> Result<(), StartError> {
        self.is_running.store(true, Ordering::Release);
        self.watch_again().await?;
        self.recover().await?;
        self.recover_alerts().await?;
        self.begin_conditions_anew();
        self.runners.follow(self, &self.view.load());
        self.tasks.spawn(agenda::keep(Arc::clone(self), self.stopping.clone()));
        self.tasks.spawn(figures::keep(Arc::clone(self), self.stopping.clone()));
        self.tasks.spawn(retention::keep(Arc::clone(self), self.stopping.clone()));
        self.tasks.spawn(accounts::keep(Arc::clone(self), self.stopping.clone()));
        self.tasks.spawn(nodes::keep(Arc::clone(self), self.stopping.clone()));
        if self.store.is_shared() {
            self.tasks.spawn(peers::keep_right(Arc::clone(self), self.stopping.clone()));
            self.tasks.spawn(exchange::keep(Arc::clone(self), self.stopping.clone()));
        }
        self.tasks.spawn(inbound::keep(Arc::clone(self), self.stopping.clone()));
        self.look_at_conditions().await;
        self.tasks.spawn(webhooks::keep(Arc::clone(self), self.stopping.clone()));
        Ok(())
    }

    /// Accepts nothing more, drains the gateways, records what came of it, and closes the store.
    pub(crate) async fn stop(&self) {
        self.stopping.cancel();
        self.ending.cancel();
        {
            // A change on its way would start gateways that nobody stops; one that comes later finds the engine stopping.
            let _no_change = self.changing.lock().await;
            self.runners.stop().await;
        }
        self.tasks.close();
        self.tasks.wait().await;
        if let Err(error) = self.flush_figures(true).await {
            tracing::warn!(%error, "the last figures could not be stored");
        }
        if let Err(error) = self.store.close().await {
            tracing::error!(%error, "the store was not closed in order; what it could not write is found unfinished by the next start");
        }
    }

    /// Lets this go on by itself; a stop waits for it.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Cancelled when answers that would go on for ever are to end.
    pub(crate) fn ending(&self) -> &CancellationToken {
        &self.ending
    }

    /// From now on it is not ready, and accepts all the same.
    pub(crate) fn leave(&self) {
        self.is_leaving.store(true, Ordering::Release);
    }

    /// Whether it is about to stop.
    pub(crate) fn is_leaving(&self) -> bool {
        self.is_leaving.load(Ordering::Acquire)
    }

    /// Cancelled when nothing more is accepted.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Whether nothing more is accepted.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Whether gateways run, and the agenda is kept.
    pub(crate) fn is_running(&self) -> bool {
        self.is_running.load(Ordering::Acquire)
    }

    /// Takes a place among the messages that wait, if there is one. The last tenth is kept for passcodes, and half of it for
    /// alerts: a burst of texts must not be what keeps a passcode out.
    pub(crate) fn take_place(&self, kind: Kind) -> bool {
        let kept = match kind {
            Kind::Otp => 0,
            Kind::Alert => self.limits.waiting / 20,
            Kind::Text => self.limits.waiting / 10,
        };
        if self.waiting.fetch_add(1, Ordering::Relaxed) < self.limits.waiting - kept {
            return true;
        }
        self.dropped(1);
        false
    }

    /// Takes a place in any case: for a message that was accepted before.
    pub(crate) fn claim_place(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// So many messages are no longer in memory.
    pub(crate) fn dropped(&self, messages: usize) {
        self.waiting.fetch_sub(messages, Ordering::Relaxed);
    }

    /// How many messages have a place.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Changes the directory: `decide` says how, from the snapshot that is in force; nothing else changes meanwhile. The
    /// changes are on disk and in force when this returns the new snapshot. No changes: nothing is written.
    pub(crate) async fn change<T>(
        self: &Arc<Self>,
        actor: &str,
        decide: impl FnOnce(&View) -> Result<(Vec<Change>, T), DirectoryError>,
    ) -> Result<(Arc<View>, T), DirectoryError> {
        let turn = Arc::clone(&self.changing).lock_owned().await;
        let (changes, answer) = decide(&self.view.load())?;
        Ok((self.put_in_force(turn, actor, changes).await?, answer))
    }

    /// The same for what depends on SMS credits. What is allocated does not change meanwhile; what is used may.
    pub(crate) async fn change_by_credits<T>(
        self: &Arc<Self>,
        actor: &str,
        decide: impl FnOnce(&View, &HashMap<VsId, Credits>) -> Result<(Vec<Change>, T), DirectoryError>,
    ) -> Result<(Arc<View>, T), DirectoryError> {
        let turn = Arc::clone(&self.changing).lock_owned().await;
        let credits = self.store.all_credits().await?.into_iter().collect();
        let (changes, answer) = decide(&self.view.load(), &credits)?;
        Ok((self.put_in_force(turn, actor, changes).await?, answer))
    }

    async fn put_in_force(
        self: &Arc<Self>,
        turn: OwnedMutexGuard<()>,
        actor: &str,
        changes: Vec<Change>,
    ) -> Result<Arc<View>, DirectoryError> {
        if changes.is_empty() {
            return Ok(self.view.load_full());
        }
        let (engine, actor) = (Arc::clone(self), actor.to_owned());
        // A task of its own: whoever asked may hang up at any await, and what is on disk must get into force all the same.
        let change = self.tasks.spawn(async move {
            let _one_at_a_time = turn;
            let directory = engine.store.change(actor, engine.clock.now_ms(), changes).await?;
            engine.take_in(directory)
        });
        let interrupted = |_| DirectoryError::StoreUnavailable("the change was interrupted".into());
        change.await.map_err(interrupted)?
    }

    /// Puts the directory as it is on disk in force.
    fn take_in(self: &Arc<Self>, directory: Directory) -> Result<Arc<View>, DirectoryError> {
        let stations =
            self.stations(&directory).map_err(|error| DirectoryError::Conflict(error.to_string()))?;
        Ok(self.swap(directory, stations))
    }

    /// A turn to change the directory: nothing else changes until it is dropped.
    pub(crate) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.changing).lock_owned().await
    }

    /// Reads the directory anew, within a turn: it was changed otherwise than by [`change`](Self::change).
    pub(crate) async fn read_directory(
        self: &Arc<Self>,
        _turn: &OwnedMutexGuard<()>,
    ) -> Result<(), DirectoryError> {
        let directory = self.store.directory().await?;
        self.take_in(directory).map(drop)
    }

    /// Puts in force what another node changed.
    pub(crate) async fn reread_directory(self: &Arc<Self>) -> Result<(), StoreError> {
        let _no_change = self.changing.lock().await;
        let directory = self.store.directory().await?;
        if directory.version == self.view.load().directory.version {
            return Ok(());
        }
        let stations = match self.stations(&directory) {
            Ok(stations) => stations,
            Err(error) => {
                tracing::error!(%error, "what another node changed cannot be put in force here: has it the same key file?");
                return Ok(());
            }
        };
        self.swap(directory, stations);
        Ok(())
    }

    fn swap(
        self: &Arc<Self>,
        directory: Directory,
        stations: BTreeMap<GatewayId, Arc<Station>>,
    ) -> Arc<View> {
        let view = Arc::new(View::new(directory, stations));
        let before = self.view.swap(Arc::clone(&view));
        self.opt_outs.keep_only(|vs| view.server(vs).is_some());
        self.follow(&before, &view);
        let looking = Arc::clone(self);
        // Other settings, credits or gateways: what is raised or over by them is seen now.
        self.spawn(async move { looking.look_at_conditions().await });
        view
    }

    /// Brings what runs in line with a new snapshot.
    fn follow(self: &Arc<Self>, before: &View, view: &View) {
        if !self.is_running() || self.is_stopping() {
            return;
        }
        self.runners.follow(self, view);
        self.has_changed_for_others();
        self.webhooks.follow();
        for removed in before.stations.values().filter(|s| !view.stations.contains_key(&s.id)) {
            for submission in removed.remove() {
                self.route(submission);
            }
        }
        // Another order, or another gateway, may be a way for what waits in vain.
        self.look_everywhere();
    }

    /// A station for each gateway of the directory: those there are keep theirs, with what waits in it.
    fn stations(&self, directory: &Directory) -> Result<BTreeMap<GatewayId, Arc<Station>>, StartError> {
        let before = self.view.load();
        let station = |record: &GatewayRecord| {
            let there = before.stations.get(&record.id);
            let built = self.build(record, there.map(|station| station.built()).as_deref().map(|b| &**b))?;
            let station = match there {
                Some(station) => {
                    station.rebuild(built);
                    Arc::clone(station)
                }
                None => Arc::new(Station::new(record.id, record.vs, built, self.store.is_shared())),
            };
            Ok((record.id, station))
        };
        directory.gateways.iter().map(station).collect()
    }

    fn build(&self, record: &GatewayRecord, before: Option<&Built>) -> Result<Built, StartError> {
        let owner = u64::from(record.id.0);
        let sealed = &record.sealed_settings;
        let plain = self.sealer.unseal(Purpose::Settings, owner, sealed).map_err(|error| match error {
            SealError::NoSuchKey(key) => StartError::NoSuchKey(key),
            _ => StartError::WrongKey,
        })?;
        let settings = serde_json::from_slice(&plain).map_err(|_| StartError::WrongKey)?;
        let (name, plugin) = (record.name.clone(), record.plugin.clone());
        if let Some(before) = before
            && before.is_same_gateway(&plugin, &settings)
        {
            // Only its name or place changed: it goes on without a break.
            return Ok(Built { name, plugin, settings, gateway: before.gateway.clone() });
        }
        let mut environment = self.environment.clone();
        // Without a public address no provider can report, so none is told to.
        environment.callback_url = environment.public_url.is_some().then(|| self.receipt_url(record.id));
        Ok(Built::new(name, plugin, settings, &self.plugins, &environment))
    }

    /// Seals a gateway's settings for the store.
    pub(crate) fn seal_settings(&self, id: GatewayId, settings: &textgate_gateway::Settings) -> Vec<u8> {
        let plain = settings.to_json().to_string();
        self.sealer.seal(Purpose::Settings, u64::from(id.0), plain.as_bytes())
    }

    /// Tells whoever listens, and the log at `debug`.
    pub(crate) fn tell(&self, id: MessageId, vs: VsId, what: impl FnOnce() -> What) {
        let is_logged = tracing::enabled!(tracing::Level::DEBUG);
        let (is_heard, is_watched) = (self.happenings.receiver_count() > 0, self.watchers.are_there());
        if !is_logged && !is_heard && !is_watched {
            return;
        }
        let what = what();
        if is_logged {
            log(id, vs, &what);
        }
        if is_heard || is_watched {
            let (at_ms, at) = (self.clock.now_ms(), self.clock.now());
            let happening = Arc::new(Happening { id, vs, at_ms, at, what });
            self.watchers.tell(&happening);
            // An error says only that the last listener has just gone.
            let _ = self.happenings.send(happening);
        }
    }
}

/// One step of a message's way: by its id, and never with its number or text.
fn log(id: MessageId, vs: VsId, what: &What) {
    match what {
        What::Accepted => tracing::debug!(message = %id, virtual_server = vs.0, "accepted"),
        What::Attempt { gateway, class, detail } => {
            tracing::debug!(message = %id, virtual_server = vs.0, gateway, outcome = class.name(), detail, "attempt");
        }
        What::Receipt { gateway, state } => {
            tracing::debug!(message = %id, virtual_server = vs.0, gateway, receipt = state.name(), "receipt");
        }
        What::State(state) => {
            tracing::debug!(message = %id, virtual_server = vs.0, state = state.name(), "changed");
        }
    }
}

impl From<StoreError> for DirectoryError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(message) => Self::Conflict(message),
            other => Self::StoreUnavailable(other.to_string()),
        }
    }
}
