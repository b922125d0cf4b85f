//! One endpoint's task: reads what it is owed, delivers it, and notes what came of it.

use super::body::event_id;
use super::window::{Next, Window};
use crate::engine::Engine;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use textgate_gateway::{Undelivered, WebhookClient, WebhookPost, WebhookSecret};
use textgate_store::{EventState, OwedEvent, Purpose, TriedEvent, WebhookRecord, WebhookStatus};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// After the store could not be read, and while this node may not send.
const READ_PAUSE: Duration = Duration::from_secs(1);

/// What others may tell an endpoint's task.
pub(super) struct Endpoint {
    id: u32,
    bell: Notify,
    reads_again: AtomicBool,
}

impl Endpoint {
    pub(super) fn new(id: u32) -> Self {
        Self { id, bell: Notify::new(), reads_again: AtomicBool::new(false) }
    }

    /// It is owed something new.
    pub(super) fn ring(&self) {
        self.bell.notify_one();
    }

    /// It is owed something old again, or is other than before.
    pub(super) fn again(&self) {
        self.reads_again.store(true, Ordering::Release);
        self.ring();
    }
}

/// Delivers until `stop`, or until another node does. What is under way then has the drain bound to end; what has not ended is
/// delivered again by whoever comes next.
pub(super) async fn run(
    engine: Arc<Engine>,
    client: WebhookClient,
    endpoint: Arc<Endpoint>,
    stop: CancellationToken,
) {
    let mut window = Window::new();
    // Tasks of their own: one that holds a reader of the store must go on while this one waits for a reader.
    let mut flights = JoinSet::new();
    let limits = engine.limits.webhooks.clone();
    'delivers: loop {
        if endpoint.reads_again.swap(false, Ordering::AcqRel) {
            window.again();
        }
        let mut look_at = None;
        if let Some((after, room)) = window.wants() {
            match engine.store.owed_events(endpoint.id, after, room).await {
                Ok(events) => window.add(events, room),
                Err(error) => {
                    tracing::warn!(webhook = endpoint.id, %error, "owed events cannot be read; trying again in a moment");
                    look_at = Some(engine.clock.now() + READ_PAUSE);
                }
            }
        }
        let next_at = loop {
            if !engine.store.delivers(endpoint.id) {
                // Another node has it by now; where it comes back, all is read anew.
                break 'delivers;
            }
            if !engine.store.may_send() {
                break Some(engine.clock.now() + READ_PAUSE);
            }
            match window.next(engine.clock.now(), limits.at_once) {
                Next::Try(event) => {
                    flights.spawn(attempt(Arc::clone(&engine), client.clone(), endpoint.id, event));
                }
                Next::Wait(at) => break [at, look_at].into_iter().flatten().min(),
            }
        };
        let sleep = async {
            match next_at {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(Ok((event, outcome))) = flights.join_next() => settle(&engine, endpoint.id, &mut window, &event, outcome).await,
            // A ring that nobody waited for is kept.
            () = endpoint.bell.notified() => window.more(),
            () = sleep => {}
        }
    }
    let drained = async {
        while let Some(Ok((event, outcome))) = flights.join_next().await {
            settle(&engine, endpoint.id, &mut window, &event, outcome).await;
        }
    };
    let _ = tokio::time::timeout(engine.limits.drain, drained).await;
}

/// One attempt.
async fn attempt(
    engine: Arc<Engine>,
    client: WebhookClient,
    endpoint: u32,
    event: OwedEvent,
) -> (OwedEvent, Result<u16, Undelivered>) {
    let webhook = engine.view.load().webhook(endpoint).cloned();
    let Some(webhook) = webhook else { return (event, Err(Undelivered::because("it was removed"))) };
    let body = match engine.event_body(&webhook, &event).await {
        Ok(body) => body,
        Err(error) => return (event, Err(Undelivered::because(format!("not sent: {error}")))),
    };
    let now_ms = engine.clock.now_ms();
    let secrets = secrets(&engine, &webhook, now_ms);
    if secrets.is_empty() {
        return (event, Err(Undelivered::because("its secret cannot be decrypted: rotate it")));
    }
    let post = WebhookPost {
        url: &webhook.url,
        id: &event_id(endpoint, event.id),
        at_s: now_ms.div_euclid(1_000),
        body,
        secrets: &secrets,
        timeout: engine.limits.webhooks.timeout,
    };
    let outcome = client.deliver(post).await;
    (event, outcome)
}

/// What signs now: the secret, and the one before it while that still counts.
fn secrets(engine: &Engine, webhook: &WebhookRecord, now_ms: i64) -> Vec<WebhookSecret> {
    let former = webhook.former.as_ref().filter(|(_, until_ms)| *until_ms > now_ms).map(|(sealed, _)| sealed);
    let sealed = [Some(&webhook.sealed_secret), former].into_iter().flatten();
    let unseal = |sealed: &Vec<u8>| engine.sealer.unseal(Purpose::Webhook, webhook.id.into(), sealed).ok();
    sealed.filter_map(unseal).map(WebhookSecret::from_octets).collect()
}

/// Notes what came of an attempt, and draws the conclusion.
async fn settle(
    engine: &Arc<Engine>,
    endpoint: u32,
    window: &mut Window,
    event: &OwedEvent,
    outcome: Result<u16, Undelivered>,
) {
    let (now, now_ms) = (engine.clock.now(), engine.clock.now_ms());
    let limits = &engine.limits.webhooks;
    let is_old = now_ms.saturating_sub(event.at_ms)
        >= i64::try_from(limits.given_up_after.as_millis()).unwrap_or(i64::MAX);
    let (state, answer) = match &outcome {
        Ok(status) => (EventState::Delivered, format!("HTTP {status}")),
        Err(undelivered) if is_old => (EventState::GivenUp, undelivered.to_string()),
        Err(undelivered) => (EventState::Owed, undelivered.to_string()),
    };
    engine.metrics.on_webhook(state, now_ms.saturating_sub(event.at_ms));
    match &outcome {
        Err(undelivered) if state == EventState::Owed => {
            window.failed(event.id, now, undelivered.retry_after, limits);
        }
        outcome => window.done(event.id, outcome.is_ok()),
    }
    tracing::debug!(webhook = endpoint, event = event.id, state = state.name(), answer, "event tried");
    // Queued by the call, and kept: nobody waits for it.
    drop(engine.store.tried_events(vec![TriedEvent {
        endpoint,
        id: event.id,
        state,
        at_ms: now_ms,
        answer,
    }]));
    let status = engine.view.load().webhook(endpoint).map(|webhook| webhook.status);
    match outcome {
        Err(Undelivered { is_gone: true, .. }) => engine.mark_webhook(endpoint, WebhookStatus::Gone).await,
        Err(_) if state == EventState::GivenUp && status == Some(WebhookStatus::On) => {
            engine.mark_webhook(endpoint, WebhookStatus::Failing).await;
        }
        Ok(_) if status == Some(WebhookStatus::Failing) => {
            engine.mark_webhook(endpoint, WebhookStatus::On).await
        }
        _ => {}
    }
}
