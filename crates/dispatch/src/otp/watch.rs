//! Delivery that is watched: where no receipt comes in time, a passcode is sent again by another gateway, once.
//!
//! Only messages that carry passcodes are remembered here, each until its receipt comes or its passcode's time is over. Nothing is
//! polled: the agenda says when to look. After a start nothing is learned yet, so only a time that was set counts.

use super::pace::{CallingCode, Paces};
use super::resend::{Occasion, sent_by};
use super::words::PasscodeRefusal;
use crate::engine::Engine;
use crate::view::View;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use textgate_gateway::Submission;
use textgate_sms::{GatewayId, Kind, MessageId, MessageState, PasscodeState, VsId};
use textgate_store::{Again, Matched, NewMessage, PasscodeRecord, PasscodeStep, StoreError, StoredMessage};

/// Most messages that are watched at once; more are sent, and not watched.
const MOST: usize = 250_000;
/// A code that ends sooner than this after its receipt was missed is not sent again.
const WORTH_IT: Duration = Duration::from_secs(30);
/// How many passcodes a start reads at once.
const PAGE: usize = 1_000;

/// The messages whose receipts are waited for, and what was learned from those that came.
#[derive(Default)]
pub(crate) struct Watches {
    /// How many messages there are: where there are none, the way of others takes no lock here.
    count: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    watched: HashMap<MessageId, Watched>,
    paces: Paces,
}

/// One message with a passcode's code.
#[derive(Clone, Copy)]
struct Watched {
    vs: VsId,
    passcode: MessageId,
    country: CallingCode,
    /// When the passcode's time is over.
    until: Instant,
    /// The gateway that took it, when, and how long its receipt may take; `None` until one did.
    sent: Option<Sent>,
}

#[derive(Clone, Copy)]
struct Sent {
    gateway: GatewayId,
    at: Instant,
    /// `None`: nothing is missed, whatever comes.
    patience: Option<Duration>,
    /// The provider says that it will not arrive.
    is_undelivered: bool,
}

/// What a look at a message found.
enum Found {
    /// Nothing is to be done, or not any more.
    Nothing,
    /// Its receipt is missed.
    Missed(Watched, Sent),
}

// === impl Watches ===

impl Watches {
    /// Whether anything is watched.
    fn are_there(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    fn begin(&self, id: MessageId, watched: Watched) {
        let mut state = self.lock();
        if state.watched.len() < MOST && state.watched.insert(id, watched).is_none() {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Remembers a message no longer: it was not accepted, or no gateway took it.
    pub(crate) fn forget(&self, id: MessageId) {
        if self.are_there() && self.lock().watched.remove(&id).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Remembers no longer what no gateway has taken yet: it is another node's to send.
    pub(crate) fn forget_unsent(&self) {
        let mut state = self.lock();
        let before = state.watched.len();
        state.watched.retain(|_, watched| watched.sent.is_some());
        self.count.fetch_sub(before - state.watched.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === on the way of a message ===

impl Engine {
    /// A message that is about to be accepted carries a passcode's code.
    pub(crate) fn watch(&self, message: &NewMessage, step: &PasscodeStep, now: Instant, now_ms: i64) {
        let passcode = match step {
            PasscodeStep::New(_) => message.id,
            PasscodeStep::Again(again) => again.passcode,
        };
        let life = Duration::from_millis(u64::try_from(message.expires_ms - now_ms).unwrap_or(0));
        let country = CallingCode::of(message.to);
        let watched = Watched { vs: message.vs, passcode, country, until: now + life, sent: None };
        self.watches.begin(message.id, watched);
    }

    /// A message that another node accepted is this one's to send. Where it carries no passcode's code, that is found when its receipt is
    /// missed.
    pub(crate) fn watch_taken_on(&self, message: &StoredMessage) {
        if message.kind != Kind::Otp {
            return;
        }
        let (now, now_ms) = (self.clock.now(), self.clock.now_ms());
        let life = Duration::from_millis(u64::try_from(message.expires_ms - now_ms).unwrap_or(0));
        let country = CallingCode::of(message.to);
        let watched =
            Watched { vs: message.vs, passcode: message.id, country, until: now + life, sent: None };
        self.watches.begin(message.id, watched);
    }

    /// A gateway took a message: if it carries a passcode's code, its receipt is waited for.
    pub(crate) fn await_receipt(&self, submission: &Submission) {
        if self.watches.are_there() {
            self.await_receipt_since(submission.id, submission.routing.gateway, self.clock.now());
        }
    }

    fn await_receipt_since(&self, id: MessageId, gateway: GatewayId, at: Instant) {
        let view = self.view.load();
        let mut state = self.watches.lock();
        let State { watched, paces } = &mut *state;
        let Some(watched) = watched.get_mut(&id) else { return };
        let patience = patience(&view, paces, watched, gateway);
        watched.sent = Some(Sent { gateway, at, patience, is_undelivered: false });
        let worth_it = watched.until.checked_sub(WORTH_IT);
        let missed_at = patience.map(|patience| at + patience);
        let look =
            missed_at.filter(|at| worth_it.is_some_and(|latest| *at <= latest)).unwrap_or(watched.until);
        drop(state);
        self.agenda.watch(look, id);
    }

    /// A receipt changed a message's state.
    pub(crate) fn hear_receipt(&self, matched: &Matched) {
        if !self.watches.are_there() {
            return;
        }
        let now = self.clock.now();
        let mut state = self.watches.lock();
        let State { watched, paces } = &mut *state;
        let Some(entry) = watched.get_mut(&matched.id) else { return };
        let Some(sent) = &mut entry.sent else { return };
        paces.heard(sent.gateway, entry.country, now.saturating_duration_since(sent.at));
        match matched.changed_to {
            Some(MessageState::Undelivered) if !sent.is_undelivered => {
                sent.is_undelivered = true;
                drop(state);
                self.agenda.watch(now, matched.id);
            }
            _ => {
                drop(state);
                self.watches.forget(matched.id);
            }
        }
    }

    /// The time has come to look at a message.
    pub(crate) fn look_after(self: &Arc<Self>, id: MessageId) {
        let Found::Missed(watched, sent) = self.found(id) else { return };
        let engine = Arc::clone(self);
        self.spawn(async move {
            if let Err(refusal) = engine.resend_missed(id, watched, sent).await {
                tracing::debug!(message = %id, %refusal, "a passcode without a receipt was not sent again");
            }
        });
    }

    fn found(&self, id: MessageId) -> Found {
        let (now, view) = (self.clock.now(), self.view.load());
        let mut state = self.watches.lock();
        let State { watched, paces } = &mut *state;
        let Some(entry) = watched.get_mut(&id) else { return Found::Nothing };
        let (seen, Some(sent)) = (*entry, entry.sent) else { return Found::Nothing };
        if now >= seen.until {
            if !sent.is_undelivered {
                paces.missed(sent.gateway, seen.country);
            }
            drop(state);
            self.watches.forget(id);
            return Found::Nothing;
        }
        let is_missed =
            sent.is_undelivered || sent.patience.is_some_and(|patience| now >= sent.at + patience);
        // Once is enough; what comes later still teaches how long receipts take.
        if let Some(sent) = &mut entry.sent {
            sent.patience = None;
        }
        drop(state);
        match sent.is_undelivered {
            true => self.watches.forget(id),
            false => self.agenda.watch(seen.until, id),
        }
        match is_missed && view.otp(seen.vs).settings.watch {
            true => Found::Missed(seen, sent),
            false => Found::Nothing,
        }
    }

    /// Sends a passcode again by another gateway than the one that brought no receipt.
    async fn resend_missed(
        self: &Arc<Self>,
        id: MessageId,
        watched: Watched,
        sent: Sent,
    ) -> Result<(), PasscodeRefusal> {
        let Watched { vs, passcode, .. } = watched;
        let passcode = self.store.passcode(vs, passcode).await?.ok_or(PasscodeRefusal::NotFound)?;
        // Checked, cancelled, or sent again meanwhile: there is nothing to make up for.
        let state = passcode.state_at(self.clock.now_ms());
        if state != PasscodeState::Pending || passcode.is_watch_used || passcode.messages.last() != Some(&id)
        {
            return Ok(());
        }
        // Another node may have heard the receipt.
        let message = self.store.message(vs, id).await?;
        if message.is_none_or(|message| message.state == MessageState::Delivered) {
            return Ok(());
        }
        if !is_other_well(&self.view.load(), vs, sent.gateway) {
            tracing::debug!(message = %id, "no receipt came, and no other gateway could send the passcode again");
            return Ok(());
        }
        let gateway = self.gateway_name(sent.gateway);
        let waited = self.clock.now().saturating_duration_since(sent.at).as_secs();
        let missed = match sent.is_undelivered {
            true => "its receipt says that it was not delivered".to_owned(),
            false => format!("no receipt came within {waited} s"),
        };
        let new = self.next_id(self.clock.now_ms());
        let occasion = Occasion {
            id: new,
            by: Again::Watch,
            reason: format!(
                "a passcode that is sent again by itself: {gateway} took {id} and {missed}, so another gateway goes first"
            ),
            avoid: Some(sent.gateway),
            before: Some((id, format!("{missed}: the passcode is sent again by another gateway, as {new}"))),
            idempotency: None,
        };
        self.send_again(&passcode, occasion).await?;
        self.metrics.passcodes.resent_by_watch.inc();
        tracing::debug!(message = %id, gateway, again = %new, "no receipt came in time; the passcode is sent again");
        Ok(())
    }

    // === after a start ===

    /// Goes on to watch the passcodes that live. To be called before gateways run.
    pub(crate) async fn watch_again(&self) -> Result<(), StoreError> {
        let mut after = (self.clock.now_ms(), MessageId::from_u64(u64::MAX));
        loop {
            let page = self.store.pending_passcodes(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = (last.expires_ms, last.id);
            for passcode in page {
                self.watch_one_again(&passcode).await?;
            }
        }
    }

    async fn watch_one_again(&self, passcode: &PasscodeRecord) -> Result<(), StoreError> {
        let Some(id) = passcode.messages.last() else { return Ok(()) };
        let Some(message) = self.store.message(passcode.vs, *id).await? else { return Ok(()) };
        let (now, now_ms) = (self.clock.now(), self.clock.now_ms());
        let remaining = u64::try_from(passcode.expires_ms - now_ms).unwrap_or(0);
        let watched = Watched {
            vs: passcode.vs,
            passcode: passcode.id,
            country: CallingCode::of(passcode.number),
            until: now + Duration::from_millis(remaining),
            sent: None,
        };
        match (message.state, sent_by(&message)) {
            (MessageState::Accepted, _) => self.watches.begin(*id, watched),
            (MessageState::Sent, Some(gateway)) => {
                self.watches.begin(*id, watched);
                let since = Duration::from_millis(u64::try_from(now_ms - message.changed_ms).unwrap_or(0));
                self.await_receipt_since(*id, gateway, now.checked_sub(since).unwrap_or(now));
            }
            _ => {}
        }
        Ok(())
    }
}

/// How long this message's receipt may take; `None` where nothing is to be missed.
fn patience(view: &View, paces: &Paces, watched: &Watched, gateway: GatewayId) -> Option<Duration> {
    let settings = &view.otp(watched.vs).settings;
    match settings.watch_after_s {
        _ if !settings.watch => None,
        Some(after) => Some(Duration::from_secs(after.into())),
        None => paces.patience(gateway, watched.country),
    }
}

/// Whether another gateway of this virtual server takes messages.
fn is_other_well(view: &View, vs: VsId, but: GatewayId) -> bool {
    view.route(vs).is_some_and(|route| route.stations.iter().any(|s| s.id != but && s.is_well()))
}
