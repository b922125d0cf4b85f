//! Webhook endpoints of a virtual server: made, changed, removed, their delivery log, and events delivered again.

use super::{invalid, server};
use crate::dispatch::Dispatch;
use crate::view::View;
use crate::webhooks::{event_id, event_of_id};
use crate::words::{DirectoryError, WebhookChange, WebhookEventView, WebhookInput, WebhookLog, WebhookView};
use textgate_gateway::{Problem, WebhookSecret, problem_of_webhook_url};
use textgate_sms::{MessageId, VsId};
use textgate_store::{
    AuditNote, Change, EventEntry, Purpose, WebhookKind, WebhookKinds, WebhookRecord, WebhookStatus,
    first_event_at,
};

/// Most endpoints of one virtual server: each costs a row for each event.
const MOST: usize = 10;
/// How long a secret that was replaced still signs besides the new one (ms).
const ROTATION_MS: i64 = 24 * 3600 * 1000;
/// Events that are owed again in one transaction.
const AGAIN: usize = 500;
/// Most entries of one page of the log.
const PAGE_MOST: usize = 200;

impl Dispatch {
    /// The endpoints of a virtual server, by number.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] for the virtual server.
    pub fn webhooks(&self, vs: VsId) -> Result<Vec<WebhookView>, DirectoryError> {
        let view = self.engine.view.load();
        server(&view, vs)?;
        let now_ms = self.engine.clock.now_ms();
        Ok(view
            .directory
            .webhooks
            .iter()
            .filter(|webhook| webhook.vs == vs)
            .map(|w| shown(w, now_ms))
            .collect())
    }

    /// One endpoint.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], also for another virtual server's.
    pub fn webhook(&self, vs: VsId, id: u32) -> Result<WebhookView, DirectoryError> {
        Ok(shown(&self.webhook_record(vs, id)?, self.engine.clock.now_ms()))
    }

    /// Adds an endpoint. Answers it and its secret, which is told only now.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `url` or `events`, [`DirectoryError::Conflict`] where there are too many,
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn add_webhook(
        &self,
        actor: &str,
        vs: VsId,
        input: WebhookInput,
    ) -> Result<(WebhookView, String), DirectoryError> {
        let kinds = self.checked(Some(&input.url), Some(&input.events))?;
        let secret = new_secret()?;
        let created_ms = self.engine.clock.now_ms();
        // Sealed before its turn to change has come.
        let held = self.engine.sealer.hold();
        let (view, id) = self
            .engine
            .change(actor, |view| {
                server(view, vs)?;
                if view.directory.webhooks.iter().filter(|webhook| webhook.vs == vs).count() >= MOST {
                    let reason = format!("a virtual server can have {MOST} webhooks; remove some first");
                    return Err(DirectoryError::Conflict(reason));
                }
                let id = view.directory.next_webhook;
                let webhook = WebhookRecord {
                    id,
                    vs,
                    url: input.url.clone(),
                    kinds: kinds.unwrap_or_default(),
                    has_texts: input.texts,
                    status: if input.is_on { WebhookStatus::On } else { WebhookStatus::Off },
                    sealed_secret: self.seal(id, &secret),
                    former: None,
                    created_ms,
                };
                Ok((vec![Change::PutWebhook(webhook)], id))
            })
            .await?;
        drop(held);
        Ok((shown(found(&view, vs, id)?, created_ms), secret.shown()))
    }

    /// Changes an endpoint: what is `None` stays.
    ///
    /// # Errors
    /// As [`add_webhook`](Self::add_webhook).
    pub async fn change_webhook(
        &self,
        actor: &str,
        vs: VsId,
        id: u32,
        input: WebhookChange,
    ) -> Result<WebhookView, DirectoryError> {
        found(&self.engine.view.load(), vs, id)?;
        let kinds = self.checked(input.url.as_deref(), input.events.as_deref())?;
        self.put_webhook(actor, vs, id, |webhook| {
            if let Some(url) = input.url {
                webhook.url = url;
            }
            webhook.kinds = kinds.unwrap_or(webhook.kinds);
            webhook.has_texts = input.texts.unwrap_or(webhook.has_texts);
            match input.is_on {
                Some(true) if !webhook.status.is_on() => webhook.status = WebhookStatus::On,
                Some(false) => webhook.status = WebhookStatus::Off,
                _ => {}
            }
        })
        .await
    }

    /// Gives an endpoint another secret, which is told only now. The one before signs besides for 24 hours.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn rotate_webhook_secret(
        &self,
        actor: &str,
        vs: VsId,
        id: u32,
    ) -> Result<(WebhookView, String), DirectoryError> {
        let secret = new_secret()?;
        let until_ms = self.engine.clock.now_ms() + ROTATION_MS;
        let held = self.engine.sealer.hold();
        let view = self
            .put_webhook(actor, vs, id, |webhook| {
                let former = std::mem::replace(&mut webhook.sealed_secret, self.seal(id, &secret));
                webhook.former = Some((former, until_ms));
            })
            .await?;
        drop(held);
        Ok((view, secret.shown()))
    }

    /// Removes an endpoint with its events.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn remove_webhook(&self, actor: &str, vs: VsId, id: u32) -> Result<(), DirectoryError> {
        self.engine
            .change(actor, |view| found(view, vs, id).map(|_| (vec![Change::RemoveWebhook { id }], ())))
            .await?;
        Ok(())
    }

    /// A page of an endpoint's delivery log, the newest event first, from behind `before`; at most 200.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::Invalid`] at `cursor`, [`DirectoryError::StoreUnavailable`].
    pub async fn webhook_events(
        &self,
        vs: VsId,
        id: u32,
        before: Option<&str>,
        limit: usize,
    ) -> Result<WebhookLog, DirectoryError> {
        self.webhook_record(vs, id)?;
        let before = match before {
            None => None,
            Some(text) => {
                let wrong = || invalid("cursor", "enter `next` of the page before");
                Some(event_of_id(id, text).ok_or_else(wrong)?)
            }
        };
        let limit = limit.clamp(1, PAGE_MOST);
        let entries = self.engine.store.event_log(id, before, limit).await?;
        let last = entries.last().map(|entry| event_id(id, entry.event.id));
        let next = last.filter(|_| entries.len() == limit);
        Ok(WebhookLog { events: entries.into_iter().map(|entry| logged(id, entry)).collect(), next })
    }

    /// Delivers a finished event again, or all since a time (Unix time, ms), under the ids they had. Answers how many.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::Invalid`] at `event`, [`DirectoryError::StoreUnavailable`].
    pub async fn replay_webhook(
        &self,
        actor: &str,
        vs: VsId,
        id: u32,
        event: Option<&str>,
        since_ms: i64,
    ) -> Result<u64, DirectoryError> {
        let webhook = self.webhook_record(vs, id)?;
        let (from, to) = match event {
            Some(text) => {
                let wrong = || invalid("event", "enter the id of an event in this webhook's delivery log");
                let event = event_of_id(id, text).ok_or_else(wrong)?;
                (event, event)
            }
            None => (first_event_at(since_ms), u64::MAX >> 1),
        };
        let note = AuditNote {
            at_ms: self.engine.clock.now_ms(),
            actor: actor.to_owned(),
            vs,
            action: format!("asked for events of webhook {id} at {} again", webhook.host()),
        };
        self.engine.store.note(vec![note]).await?;
        let mut count = 0;
        loop {
            let owed = self.engine.store.owe_again(id, from, to, AGAIN).await?;
            count += owed as u64;
            // Those that are owed by now are not finished any more: the next step finds those behind them.
            if owed < AGAIN {
                break;
            }
        }
        Ok(count)
    }

    fn webhook_record(&self, vs: VsId, id: u32) -> Result<WebhookRecord, DirectoryError> {
        found(&self.engine.view.load(), vs, id).cloned()
    }

    async fn put_webhook(
        &self,
        actor: &str,
        vs: VsId,
        id: u32,
        change: impl FnOnce(&mut WebhookRecord),
    ) -> Result<WebhookView, DirectoryError> {
        let (view, ()) = self
            .engine
            .change(actor, |view| {
                let before = found(view, vs, id)?;
                let mut webhook = before.clone();
                change(&mut webhook);
                let is_same = webhook == *before;
                Ok((if is_same { Vec::new() } else { vec![Change::PutWebhook(webhook)] }, ()))
            })
            .await?;
        Ok(shown(found(&view, vs, id)?, self.engine.clock.now_ms()))
    }

    fn seal(&self, id: u32, secret: &WebhookSecret) -> Vec<u8> {
        self.engine.sealer.seal(Purpose::Webhook, id.into(), secret.octets())
    }

    /// The kinds of these events, or everything that is wrong.
    fn checked(
        &self,
        url: Option<&str>,
        events: Option<&[String]>,
    ) -> Result<Option<WebhookKinds>, DirectoryError> {
        let guard = &self.engine.environment.network;
        let wrong_url = url.and_then(|url| problem_of_webhook_url(url, guard));
        let mut problems: Vec<Problem> =
            wrong_url.map(|problem| Problem::new("url", problem)).into_iter().collect();
        let kinds: Option<Vec<Option<WebhookKind>>> =
            events.map(|events| events.iter().map(|name| offered(name)).collect());
        match &kinds {
            Some(kinds) if kinds.is_empty() => {
                problems.push(Problem::new("events", "choose at least one event"))
            }
            Some(kinds) if kinds.contains(&None) => {
                let names: Vec<&str> = WebhookKind::OFFERED.map(WebhookKind::name).into();
                problems.push(Problem::new("events", format!("choose of: {}", names.join(", "))));
            }
            _ => {}
        }
        if problems.is_empty() {
            Ok(kinds.map(|kinds| WebhookKinds::of(kinds.into_iter().flatten())))
        } else {
            Err(DirectoryError::Invalid(problems))
        }
    }
}

/// The kind of this name, where it can be asked for.
fn offered(name: &str) -> Option<WebhookKind> {
    WebhookKind::from_name(name).filter(|kind| WebhookKind::OFFERED.contains(kind))
}

fn new_secret() -> Result<WebhookSecret, DirectoryError> {
    let failed = || DirectoryError::StoreUnavailable("the system's random number generator failed".into());
    WebhookSecret::random().ok_or_else(failed)
}

fn found(view: &View, vs: VsId, id: u32) -> Result<&WebhookRecord, DirectoryError> {
    let found = view.webhook(id).filter(|webhook| webhook.vs == vs);
    found.ok_or_else(|| DirectoryError::NotFound("this webhook".into()))
}

fn shown(webhook: &WebhookRecord, now_ms: i64) -> WebhookView {
    WebhookView {
        id: webhook.id,
        url: webhook.url.clone(),
        host: webhook.host().to_owned(),
        events: webhook.kinds.iter().map(WebhookKind::name).collect(),
        texts: webhook.has_texts,
        status: webhook.status.name(),
        former_until_ms: webhook
            .former
            .as_ref()
            .map(|(_, until_ms)| *until_ms)
            .filter(|until_ms| *until_ms > now_ms),
        created_ms: webhook.created_ms,
    }
}

fn logged(endpoint: u32, entry: EventEntry) -> WebhookEventView {
    let event = entry.event;
    WebhookEventView {
        id: event_id(endpoint, event.id),
        event: event.kind.name(),
        message: event.kind.state().map(|_| MessageId::from_u64(event.subject).to_string()),
        alert: event.kind.is_of_alert().then(|| MessageId::from_u64(event.subject).to_string()),
        at_ms: event.at_ms,
        state: entry.state.name(),
        attempts: event.attempts,
        tried_ms: entry.tried_ms,
        answer: entry.answer,
    }
}
