//! What all parts of the room share: the store, the snapshot of the directory, and the way a change gets into force.

use crate::clock::Clock;
use crate::station::{Built, Station};
use crate::view::View;
use crate::words::{DirectoryError, Happening, What};
use crate::{Limits, Metrics, Parts, StartError};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::Arc;
use textgate_gateway::{Environment, Plugins};
use textgate_sms::{GatewayId, MessageId, VsId};
use textgate_store::{Change, Credits, Directory, GatewayRecord, Purpose, Sealer, Store, StoreError};
use tokio::sync::{Mutex, OwnedMutexGuard, broadcast};

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
    /// Held while the directory changes, so that changes are decided one after the other on what is there.
    changing: Arc<Mutex<()>>,
}

impl Engine {
    /// Reads the directory. Starts nothing.
    pub(crate) async fn open(parts: Parts, clock: Clock) -> Result<Arc<Self>, StartError> {
        let Parts { store, sealer, plugins, environment, limits, metrics } = parts;
        let directory = store.directory().await?;
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
            changing: Arc::default(),
        };
        let stations = engine.stations(&directory)?;
        engine.view.store(Arc::new(View::new(directory, stations)));
        Ok(Arc::new(engine))
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
        let change = tokio::spawn(async move {
            let _one_at_a_time = turn;
            let directory = engine.store.change(actor, engine.clock.now_ms(), changes).await?;
            let stations =
                engine.stations(&directory).map_err(|error| DirectoryError::Conflict(error.to_string()))?;
            let view = Arc::new(View::new(directory, stations));
            engine.view.store(Arc::clone(&view));
            Ok(view)
        });
        let interrupted = |_| DirectoryError::StoreUnavailable("the change was interrupted".into());
        change.await.map_err(interrupted)?
    }

    /// A station for each gateway of the directory: those there are keep theirs, with what waits in it.
    fn stations(&self, directory: &Directory) -> Result<HashMap<GatewayId, Arc<Station>>, StartError> {
        let before = self.view.load();
        let station = |record: &GatewayRecord| {
            let built = self.build(record)?;
            let station = match before.stations.get(&record.id) {
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

    fn build(&self, record: &GatewayRecord) -> Result<Built, StartError> {
        let owner = u64::from(record.id.0);
        let sealed = &record.sealed_settings;
        let plain = self.sealer.unseal(Purpose::Settings, owner, sealed).map_err(|_| StartError::WrongKey)?;
        let settings = serde_json::from_slice(&plain).map_err(|_| StartError::WrongKey)?;
        Ok(Built::new(record.name.clone(), record.plugin.clone(), settings, &self.plugins, &self.environment))
    }

    /// Seals a gateway's settings for the store.
    pub(crate) fn seal_settings(&self, id: GatewayId, settings: &textgate_gateway::Settings) -> Vec<u8> {
        let plain = settings.to_json().to_string();
        self.sealer.seal(Purpose::Settings, u64::from(id.0), plain.as_bytes())
    }

    /// Tells whoever listens.
    pub(crate) fn tell(&self, id: MessageId, vs: VsId, what: impl FnOnce() -> What) {
        if self.happenings.receiver_count() > 0 {
            let happening = Happening { id, vs, at_ms: self.clock.now_ms(), what: what() };
            // An error says only that the last listener has just gone.
            let _ = self.happenings.send(Arc::new(happening));
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
