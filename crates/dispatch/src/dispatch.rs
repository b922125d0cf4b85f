//! The room's front: everything the API, the console and the command line can ask for.

use crate::clock::Clock;
use crate::engine::Engine;
use crate::words::*;
use std::sync::Arc;
use std::time::Duration;
use textgate_gateway::{Environment, Plugins, Problem};
use textgate_sms::{Kind, MessageId, MessageState, VsId};
use textgate_store::{Sealer, Store};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

/// What a test message says.
pub(crate) const TEST_TEXT: &str = "This is a test message from textgate.";

/// What a dispatch is made of.
pub struct Parts {
    /// Where messages survive.
    pub store: Arc<dyn Store>,
    /// The key file's keys.
    pub sealer: Sealer,
    /// Kinds of gateways.
    pub plugins: Plugins,
    /// What gateways may reach.
    pub environment: Environment,
    /// Bounds.
    pub limits: Limits,
    /// Commit latencies, as the store's observer gives them, go into the metrics.
    pub metrics: Arc<crate::Metrics>,
}

/// Bounds of the whole program.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Most messages waiting in memory; beyond it new ones are refused for a while.
    pub waiting: usize,
    /// How long history is kept (days).
    pub history_days: u32,
    /// How long texts other than passcodes are kept after they are finished (days); 0 erases them when sent, as passcodes always are.
    pub text_days: u32,
    /// How long open windows may drain on shutdown or when a gateway's settings change.
    pub drain: Duration,
    /// How long a session of the console lasts without being used.
    pub session_idle: Duration,
    /// How long a session of the console lasts at most.
    pub session_life: Duration,
    /// How webhooks are delivered.
    pub webhooks: crate::WebhookLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            waiting: 250_000,
            history_days: 90,
            text_days: 30,
            drain: Duration::from_secs(5),
            session_idle: Duration::from_secs(30 * 60),
            session_life: Duration::from_secs(12 * 3600),
            webhooks: crate::WebhookLimits::default(),
        }
    }
}

/// Why a dispatch did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] textgate_store::StoreError),
    /// The key file does not belong to the store.
    #[error(
        "the gateway settings in the store cannot be decrypted: the key file is not the one they were written with; restore it from your backup"
    )]
    WrongKey,
    /// The key file lacks a key.
    #[error(
        "what is in the store is sealed under key {0}, which is not in the key file: restore the key file that belongs to this store, or to this backup of it"
    )]
    NoSuchKey(u16),
}

/// The engine. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Dispatch {
    pub(crate) engine: Arc<Engine>,
}

impl Dispatch {
    /// Reads the store, starts the gateways, and sends what is unfinished.
    pub async fn start(parts: Parts) -> Result<Self, StartError> {
        let dispatch = Self::open(parts).await?;
        dispatch.engine.run().await?;
        Ok(dispatch)
    }

    /// Reads the store and starts nothing: for changes to a store whose server is stopped. What is accepted here is sent by the
    /// next [`start`](Self::start).
    pub async fn open(parts: Parts) -> Result<Self, StartError> {
        Ok(Self { engine: Engine::open(parts, Clock::default()).await? })
    }

    /// Ends every [`Watch`](crate::Watch), so that answers that would go on for ever do not hold up a listener that stops.
    pub fn end_watches(&self) {
        self.engine.ending().cancel();
    }

    /// Cancelled when answers that would go on for ever are to end.
    pub fn ending(&self) -> CancellationToken {
        self.engine.ending().clone()
    }

    /// Stops accepting, drains the windows, records, and closes the store; at most about the drain bound.
    pub async fn shutdown(&self) {
        self.engine.stop().await;
    }

    /// From now on [`ready`](Self::ready) says no, so that load balancers choose another node; what comes all the same is accepted
    /// until [`shutdown`](Self::shutdown).
    pub fn leave(&self) {
        self.engine.leave();
    }

    /// Whether messages are accepted now; the reason if not. For `/readyz`.
    pub fn ready(&self) -> Result<(), String> {
        if self.engine.is_leaving() || self.engine.is_stopping() {
            return Err("the server is stopping".to_owned());
        }
        self.engine.store.health().map_err(|error| error.to_string())
    }

    /// Metrics in the OpenMetrics text format.
    pub fn render_metrics(&self) -> String {
        let blocks = self.engine.guard.blocks_in_force(self.engine.clock.now_ms());
        self.engine.metrics.guard_blocks.set(i64::try_from(blocks).unwrap_or(i64::MAX));
        self.engine.metrics.render(&self.engine.view.load())
    }

    /// A path as an address by which the outside reaches it; the path alone where no public address is configured.
    pub fn outside(&self, path: &str) -> String {
        format!("{}{path}", self.engine.environment.public_url.as_deref().unwrap_or_default())
    }

    /// What happens to messages from now on, for the demo and the console. Slow readers miss some.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Happening>> {
        self.engine.happenings.subscribe()
    }

    /// Accepts messages of one virtual server: each answered on its own, after it is on disk. What was begun is carried through,
    /// even where the future is dropped.
    pub async fn accept(&self, vs: VsId, requests: Vec<Request>) -> Vec<Result<Taken, Refusal>> {
        self.engine.accept(vs, requests).await
    }

    /// Calls a message back: its state afterwards, and whether this call changed it. A message that is with a gateway at this
    /// moment is not called back.
    pub async fn cancel(&self, vs: VsId, id: MessageId) -> Result<(MessageState, bool), DirectoryError> {
        self.engine.cancel(vs, id).await
    }

    /// Sends a test message to this number, or to the settings' SMS Mobile Number. Its attempts tell what each provider answered.
    ///
    /// # Errors
    /// [`Refusal`]; what is wrong with the number has the path `number`.
    pub async fn send_test(&self, vs: VsId, number: Option<String>) -> Result<Taken, Refusal> {
        let wrong = |message: &str| Refusal::Invalid(vec![Problem::new("number", message)]);
        let set = self.engine.view.load().server(vs).and_then(|server| server.settings.test_number);
        let to = number
            .or_else(|| set.map(|number| number.to_string()))
            .ok_or_else(|| wrong("enter a number, or set the SMS Mobile Number in the SMS settings"))?;
        let request = Request {
            to,
            text: TEST_TEXT.to_owned(),
            kind: Some(Kind::Alert),
            validity_s: Some(300),
            is_test: true,
            ..Request::default()
        };
        let mut answers = self.accept(vs, vec![request]).await;
        let answer = answers.pop().unwrap_or(Err(Refusal::StoreUnavailable));
        // The caller knows the number by that name.
        answer.map_err(|refusal| match refusal {
            Refusal::Invalid(mut problems) => {
                problems.iter_mut().filter(|p| p.path == "to").for_each(|p| p.path = "number".to_owned());
                Refusal::Invalid(problems)
            }
            other => other,
        })
    }
}
