//! Webhooks: who is owed events gets them, each at least once, those of one message in their order.
//!
//! What is owed stands in the store, written with what it tells of. Nothing is polled: the store's bell tells for whom a commit brought
//! something, and each endpoint has a task of its own that reads it, delivers it and notes what came of it. Of several nodes, one has
//! an endpoint's task: the store says which.

mod body;
mod endpoint;
mod pause;
mod window;

pub(crate) use body::{event_id, event_of_id};

use crate::engine::Engine;
use crate::words::DirectoryError;
use endpoint::Endpoint;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use textgate_gateway::WebhookClient;
use textgate_store::{Change, Owed, WebhookRecord, WebhookStatus};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Whom a change is said to be by that nobody asked for.
const ACTOR: &str = "textgate";
/// After the HTTP client could not be set up.
const CLIENT_PAUSE: Duration = Duration::from_secs(30);

/// How events are delivered.
#[derive(Debug, Clone)]
pub struct WebhookLimits {
    /// The pause after the first attempt in vain; each further one is three times as long.
    pub first_pause: Duration,
    /// The longest of them.
    pub longest_pause: Duration,
    /// An event that is as old as this, and has just been tried in vain, is given up.
    pub given_up_after: Duration,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Most attempts at one endpoint at once.
    pub at_once: usize,
}

impl Default for WebhookLimits {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_secs(5),
            longest_pause: Duration::from_secs(4 * 3600),
            given_up_after: Duration::from_secs(3 * 24 * 3600),
            timeout: Duration::from_secs(15),
            at_once: 4,
        }
    }
}

/// What others tell whoever sees to the endpoints.
#[derive(Default)]
pub(crate) struct Webhooks {
    changed: Notify,
}

impl Webhooks {
    /// The directory changed, or which endpoints are this node's.
    pub(crate) fn follow(&self) {
        self.changed.notify_one();
    }
}

/// One endpoint's task.
struct Runner {
    /// As it was when it was last looked at.
    webhook: WebhookRecord,
    endpoint: Arc<Endpoint>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Sees to all endpoints until `stop`.
pub(crate) async fn keep(engine: Arc<Engine>, stop: CancellationToken) {
    let bell = engine.store.webhook_bell();
    let mut runners: BTreeMap<u32, Runner> = BTreeMap::new();
    let mut client = None;
    loop {
        let changed = engine.webhooks.changed.notified();
        if client.is_none()
            && engine.view.load().directory.webhooks.iter().any(|webhook| webhook.status.is_on())
        {
            match WebhookClient::new(&engine.environment.network).await {
                Ok(made) => client = Some(made),
                Err(error) => {
                    tracing::error!(%error, "webhooks cannot be delivered; trying again in a moment");
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(CLIENT_PAUSE) => continue,
                    }
                }
            }
        }
        if let Some(client) = &client {
            follow(&engine, client, &mut runners);
        }
        tokio::pin!(changed);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    runners.values().for_each(|runner| runner.stop.cancel());
                    for runner in std::mem::take(&mut runners).into_values() {
                        // Only a panic could be told here, and was logged.
                        let _ = runner.task.await;
                    }
                    return;
                }
                () = &mut changed => break,
                owed = bell.heard() => {
                    for (id, owed) in owed {
                        match (runners.get(&id), owed) {
                            (Some(runner), Owed::More) => runner.endpoint.ring(),
                            (Some(runner), Owed::Again) => runner.endpoint.again(),
                            (None, _) => {}
                        }
                    }
                }
            }
        }
    }
}

/// Makes what runs what the directory says.
fn follow(engine: &Arc<Engine>, client: &WebhookClient, runners: &mut BTreeMap<u32, Runner>) {
    let view = engine.view.load();
    let is_ours = |webhook: &WebhookRecord| webhook.status.is_on() && engine.store.delivers(webhook.id);
    runners.retain(|id, runner| {
        let webhook = view.webhook(*id).filter(|webhook| is_ours(webhook) && !runner.task.is_finished());
        let Some(webhook) = webhook else {
            runner.stop.cancel();
            return false;
        };
        if *webhook != runner.webhook {
            // Its address or its secret may be another one, which is reason enough to try again.
            runner.webhook = webhook.clone();
            runner.endpoint.again();
        }
        true
    });
    for webhook in view.directory.webhooks.iter().filter(|webhook| is_ours(webhook)) {
        runners.entry(webhook.id).or_insert_with(|| {
            let (endpoint, stop) = (Arc::new(Endpoint::new(webhook.id)), CancellationToken::new());
            let run = endpoint::run(Arc::clone(engine), client.clone(), Arc::clone(&endpoint), stop.clone());
            Runner { webhook: webhook.clone(), endpoint, stop, task: tokio::spawn(run) }
        });
    }
}

impl Engine {
    /// Marks an endpoint, where it is not so already.
    async fn mark_webhook(self: &Arc<Self>, id: u32, status: WebhookStatus) {
        let marked: Result<_, DirectoryError> = self
            .change(ACTOR, |view| {
                let found =
                    view.webhook(id).filter(|webhook| webhook.status.is_on() && webhook.status != status);
                let mut changes = Vec::new();
                if let Some(webhook) = found {
                    let mut webhook = webhook.clone();
                    webhook.status = status;
                    changes.push(Change::PutWebhook(webhook));
                }
                Ok((changes, ()))
            })
            .await;
        match marked {
            Ok(_) => tracing::info!(webhook = id, status = status.name(), "webhook marked"),
            Err(error) => {
                tracing::warn!(webhook = id, %error, "a webhook cannot be marked; it goes on as it is")
            }
        }
    }
}
