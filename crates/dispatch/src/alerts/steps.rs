//! What becomes of an alert: acknowledged, escalated, closed; and what a start goes on with.

use super::tell::Why;
use super::words::AlertHappened;
use crate::agenda::Alarm;
use crate::engine::Engine;
use crate::words::DirectoryError;
use std::sync::Arc;
use std::time::Duration;
use textgate_sms::{AlertState, MessageId, MessageState};
use textgate_store::{AlertRecord, AlertStep, StoreError};

/// How many are read at once.
const PAGE: usize = 1_000;
/// After the store could not take a step that is due.
const AGAIN: Duration = Duration::from_secs(5);

impl Engine {
    /// Somebody sees to an alert. Messages about it that are held back need not come any more.
    pub(super) async fn acknowledge(
        self: &Arc<Self>,
        alert: AlertRecord,
        by: &str,
    ) -> Result<AlertRecord, DirectoryError> {
        let step = AlertStep::Acknowledged { at_ms: self.clock.now_ms(), by: by.to_owned() };
        let Some((alert, is_new)) = self.store.step_alert(alert.id, step).await? else {
            return Err(DirectoryError::NotFound("this alert".into()));
        };
        if is_new {
            self.happened(&alert, AlertHappened::Acknowledged);
            self.cancel_held(&alert).await;
        }
        Ok(alert)
    }

    /// An alert is over. Answers it, and whether this call closed it.
    pub(super) async fn close_alert(
        self: &Arc<Self>,
        id: MessageId,
        by: &str,
    ) -> Result<(AlertRecord, bool), DirectoryError> {
        let step = AlertStep::Closed { at_ms: self.clock.now_ms(), by: by.to_owned() };
        let Some((alert, is_new)) = self.store.step_alert(id, step).await? else {
            return Err(DirectoryError::NotFound("this alert".into()));
        };
        if is_new {
            self.happened(&alert, AlertHappened::Closed);
            self.cancel_held(&alert).await;
        }
        Ok((alert, is_new))
    }

    async fn cancel_held(self: &Arc<Self>, alert: &AlertRecord) {
        for id in alert.notices.iter().filter_map(|notice| notice.message).map(MessageId::from_u64) {
            let held = self.store.message(alert.vs, id).await;
            let is_held =
                held.is_ok_and(|found| found.is_some_and(|message| message.state == MessageState::Scheduled));
            if is_held && let Err(error) = self.cancel(alert.vs, id).await {
                tracing::warn!(alert = %alert.id, %error, "a message that is held back cannot be cancelled; it will be sent");
            }
        }
    }

    /// Nobody acknowledged in time, unless somebody did: others are told.
    pub(crate) async fn escalate(self: &Arc<Self>, id: MessageId) {
        let now_ms = self.clock.now_ms();
        match self.store.step_alert(id, AlertStep::Escalated { at_ms: now_ms }).await {
            Ok(Some((alert, true))) => {
                self.happened(&alert, AlertHappened::Escalated);
                self.tell_of(alert, Why::Escalated).await;
            }
            Ok(_) => {}
            Err(StoreError::Closed) => {}
            Err(error) => {
                tracing::warn!(alert = %id, %error, "an alert cannot be escalated; trying again in a moment");
                let again_ms = i64::try_from(AGAIN.as_millis()).unwrap_or(0);
                self.agenda.ring(now_ms + again_ms, Alarm::Escalate(id));
            }
        }
    }

    /// Goes on with alerts from before the start: those whose messages are not noted are told (no message twice), and what is to be
    /// escalated is on the agenda again.
    pub(crate) async fn recover_alerts(self: &Arc<Self>) -> Result<(), StoreError> {
        self.go_on_with_alerts(true).await
    }

    /// Takes note of what other nodes raised and what became of it; goes on with what those have left that are gone.
    pub(crate) async fn reread_alerts(self: &Arc<Self>) -> Result<(), StoreError> {
        self.go_on_with_alerts(false).await
    }

    async fn go_on_with_alerts(self: &Arc<Self>, is_start: bool) -> Result<(), StoreError> {
        let own = self.store.node();
        let members = if self.store.is_shared() { self.store.peers().await?.members } else { Vec::new() };
        let mut all = Vec::new();
        let mut after = MessageId::from_u64(0);
        loop {
            let page = self.store.open_alerts(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            all.extend(page);
        }
        self.alerts.note_all(&all);
        let mut elsewhere = Vec::new();
        for alert in all {
            // Every node rings; one takes the step.
            if let Some(escalate_ms) = alert.escalate_ms.filter(|_| alert.escalated_ms.is_none()) {
                self.agenda.ring(escalate_ms, Alarm::Escalate(alert.id));
            }
            let node = alert.id.node();
            if node != own && members.contains(&node) {
                elsewhere.push((alert.id, self.body_of(&alert).subjects));
            } else if is_start || node != own {
                self.go_on_with(alert, is_start).await;
            }
        }
        let settle = self.alerts.conditions.are_elsewhere(&elsewhere, self.clock.now_ms());
        if let Some(settle_ms) = settle {
            self.agenda.ring(settle_ms, Alarm::Conditions);
        }
        Ok(())
    }

    /// Goes on with an alert that nobody else sees to.
    async fn go_on_with(self: &Arc<Self>, alert: AlertRecord, is_start: bool) {
        let body = self.body_of(&alert);
        let new = self.alerts.conditions.recover(alert.id, &body.subjects);
        if !is_start {
            self.begin_anew_with(new);
        }
        let was_told = |why: Why| alert.notices.iter().any(|notice| notice.step == why.code());
        let is_open = alert.state == AlertState::Open;
        let why = match alert.escalated_ms {
            Some(_) if is_open && !was_told(Why::Escalated) => Some(Why::Escalated),
            None if is_open && !was_told(Why::Raised) => Some(Why::Raised),
            _ => None,
        };
        if let Some(why) = why {
            self.tell_of(alert, why).await;
        }
    }

    /// Does what is due.
    pub(crate) fn rung(self: &Arc<Self>, alarm: Alarm) {
        let engine = Arc::clone(self);
        self.spawn(async move {
            match alarm {
                Alarm::Escalate(id) => engine.escalate(id).await,
                Alarm::Conditions => engine.settle_conditions().await,
                Alarm::Inbound => engine.look_at_inbound_again(),
            }
        });
    }
}
