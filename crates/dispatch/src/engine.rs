//! What all parts of the room share: the store, the snapshot of the directory, and the way a change gets into force.

use crate::accounts::{self, Accounts};
use crate::agenda::{self, Agenda};
use crate::built::Built;
use crate::clock::Clock;
use crate::figures::{self, Counters};
use crate::retention;
use crate::runners::Runners;
use crate::station::Station;
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
use textgate_store::{Change, Credits, Directory, GatewayRecord, Purpose, Sealer, Store, StoreError};
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
    pub(crate) ids: std::sync::Mutex<IdSequence>,
    pub(crate) accounts: Accounts,
    pub(crate) webhooks: Webhooks,
    /// Messages in memory that are not finished.
    waiting: AtomicUsize,
    runners: Runners,
    /// Whether gateways run: not for commands on a store without a server.
    is_running: AtomicBool,
    /// Cancelled when nothing more is accepted.
    stopping: CancellationToken,
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
        let newest = store.newest().await?;
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
            ids: std::sync::Mutex::new(IdSequence::new(0, newest)),
            accounts: Accounts::default(),
            webhooks: Webhooks::default(),
            waiting: AtomicUsize::new(0),
            runners: Runners::default(),
            is_running: AtomicBool::new(false),
            stopping: CancellationToken::new(),
            ending: CancellationToken::new(),
            tasks: TaskTracker::new(),
            changing: Arc::default(),
        };
        let stations = engine.stations(&directory)?;
        engine.view.store(Arc::new(View::new(directory, stations)));
        engine.load_sessions().await?;
        Ok(Arc::new(engine))
    }

    /// Starts the gateways, and goes on with what is unfinished.
    pub(crate) async fn run(self: &Arc<Self>) -> Result<(), StoreError> {
        self.is_running.store(true, Ordering::Release);
        self.recover().await?;
        self.runners.follow(self, &self.view.load());
        self.tasks.spawn(agenda::keep(Arc::clone(self), self.stopping.clone()));
        self.tasks.spawn(figures::keep(Arc::clone(self), self.stopping.clone()));
        self.tasks.spawn(retention::keep(Arc::clone(self), self.stopping.clone()));
        self.tasks.spawn(accounts::keep(Arc::clone(self), self.stopping.clone()));
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

    /// Cancelled when answers that would go on for ever are to end.
    pub(crate) fn ending(&self) -> &CancellationToken {
        &self.ending
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
            let stations =
                engine.stations(&directory).map_err(|error| DirectoryError::Conflict(error.to_string()))?;
            let view = Arc::new(View::new(directory, stations));
            let before = engine.view.swap(Arc::clone(&view));
            engine.follow(&before, &view);
            Ok(view)
        });
        let interrupted = |_| DirectoryError::StoreUnavailable("the change was interrupted".into());
        change.await.map_err(interrupted)?
    }

    /// Brings what runs in line with a new snapshot.
    fn follow(self: &Arc<Self>, before: &View, view: &View) {
        if !self.is_running() || self.is_stopping() {
            return;
        }
        self.runners.follow(self, view);
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
                None => Arc::new(Station::new(record.id, record.vs, built)),
            };
            Ok((record.id, station))
        };
        directory.gateways.iter().map(station).collect()
    }

    fn build(&self, record: &GatewayRecord, before: Option<&Built>) -> Result<Built, StartError> {
        let owner = u64::from(record.id.0);
        let sealed = &record.sealed_settings;
        let plain = self.sealer.unseal(Purpose::Settings, owner, sealed).map_err(|_| StartError::WrongKey)?;
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
