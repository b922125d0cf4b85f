//! What the API and the console ask about alerts.

use super::tell::Why;
use super::words::{AlertEvent, AlertInput, AlertPage, AlertRefusal, AlertView, NoticeView, Raised};
use crate::dispatch::Dispatch;
use crate::engine::Engine;
use crate::words::DirectoryError;
use std::sync::Arc;
use textgate_sms::{MessageId, VsId};
use textgate_store::AlertRecord;
use tokio::sync::broadcast;

/// Most alerts of a page.
const PAGE_MOST: usize = 500;

impl Dispatch {
    /// Raises an alert: on disk when this answers, and its messages accepted or, with the reason in its notices, refused. One of the same
    /// `dedup_key` within the time that the settings say is counted instead.
    ///
    /// # Errors
    /// [`AlertRefusal`].
    pub async fn raise_alert(&self, vs: VsId, input: AlertInput) -> Result<Raised, AlertRefusal> {
        if self.engine.is_stopping() {
            return Err(AlertRefusal::Unavailable);
        }
        self.engine.raise_alert(vs, input).await
    }

    /// One alert of a virtual server.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn alert(&self, vs: VsId, id: MessageId) -> Result<AlertView, DirectoryError> {
        Ok(self.engine.shown(&self.engine.alert_of(vs, id).await?))
    }

    /// A page of a virtual server's alerts, the newest first: all, those that are not closed (`Some(true)`), or those that are.
    ///
    /// # Errors
    /// [`DirectoryError::StoreUnavailable`].
    pub async fn alerts(
        &self,
        vs: VsId,
        is_open: Option<bool>,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<AlertPage, DirectoryError> {
        let limit = limit.clamp(1, PAGE_MOST);
        let mut found = self.engine.store.alerts(vs, is_open, before, limit + 1).await?;
        let has_more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| has_more).map(|alert| alert.id.to_string());
        Ok(AlertPage { alerts: found.iter().map(|alert| self.engine.shown(alert)).collect(), next })
    }

    /// How many of a virtual server's alerts nobody has acknowledged. From memory: for a badge.
    pub fn open_alerts(&self, vs: VsId) -> usize {
        self.engine.alerts.lock().get(&vs).map_or(0, std::collections::BTreeSet::len)
    }

    /// Somebody sees to an alert. The alert afterwards; one that was acknowledged or closed before stays as it was.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn acknowledge_alert(
        &self,
        actor: &str,
        vs: VsId,
        id: MessageId,
    ) -> Result<AlertView, DirectoryError> {
        let alert = self.engine.alert_of(vs, id).await?;
        Ok(self.engine.shown(&self.engine.acknowledge(alert, actor).await?))
    }

    /// An alert is over. The alert afterwards.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn close_alert(
        &self,
        actor: &str,
        vs: VsId,
        id: MessageId,
    ) -> Result<AlertView, DirectoryError> {
        self.engine.alert_of(vs, id).await?;
        Ok(self.engine.shown(&self.engine.close_alert(id, actor).await?.0))
    }

    /// What happens to alerts from now on. Slow readers miss some.
    pub fn subscribe_alerts(&self) -> broadcast::Receiver<Arc<AlertEvent>> {
        self.engine.alerts.events.subscribe()
    }
}

impl Engine {
    async fn alert_of(&self, vs: VsId, id: MessageId) -> Result<AlertRecord, DirectoryError> {
        let found = self.store.alert(id).await?.filter(|alert| alert.vs == vs);
        found.ok_or_else(|| DirectoryError::NotFound("this alert".into()))
    }

    /// An alert for those who may see it.
    pub(crate) fn shown(&self, alert: &AlertRecord) -> AlertView {
        let (acknowledged_ms, acknowledged_by) = alert.acknowledged.clone().unzip();
        let (closed_ms, closed_by) = alert.closed.clone().unzip();
        let notice = |notice: &textgate_store::AlertNotice| NoticeView {
            contact: notice.contact.clone(),
            why: Why::NAMES.get(usize::from(notice.step)).copied().unwrap_or("raised"),
            message: notice.message.map(|id| MessageId::from_u64(id).to_string()),
            refusal: notice.refusal.clone(),
        };
        AlertView {
            id: alert.id.to_string(),
            severity: alert.severity,
            status: alert.state,
            origin: alert.origin.clone(),
            text: self.body_of(alert).text,
            dedup_key: alert.dedup_key.clone(),
            count: alert.count,
            raised_ms: alert.id.accepted_ms(),
            last_ms: alert.last_ms,
            escalate_ms: alert.escalate_ms,
            escalated_ms: alert.escalated_ms,
            acknowledged_ms,
            acknowledged_by,
            closed_ms,
            closed_by,
            notices: alert.notices.iter().map(notice).collect(),
        }
    }
}
