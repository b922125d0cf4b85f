//! The audit log: read by whom it concerns, and verified.

use super::{ENTRIES_MOST, server};
use crate::dispatch::Dispatch;
use crate::engine::Engine;
use crate::words::DirectoryError;
use std::time::{Duration, Instant};
use textgate_sms::VsId;
use textgate_store::{AuditCheck, AuditFilter, AuditPage, AuditPoint, StoreError};

/// Entries verified in one step: some milliseconds.
const STEP: usize = 1_000;
/// How often the log tells where the chain is.
const TOLD_EACH: Duration = Duration::from_secs(24 * 3600);

impl Dispatch {
    /// A page of the audit log of this virtual server and all below it, the newest first; at most 1,000 entries. A filter that few
    /// entries fit gets short pages: go on from `next`.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn audit(
        &self,
        within: VsId,
        filter: AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<AuditPage, DirectoryError> {
        server(&self.engine.view.load(), within)?;
        let filter = AuditFilter { within: Some(within), ..filter };
        Ok(self.engine.store.audit(filter, before, limit.min(ENTRIES_MOST)).await?)
    }

    /// Verifies the audit log from its beginning, or from a place that was kept elsewhere, to its end or to the first entry that is not
    /// as it was written. Works in steps, and holds up nobody.
    ///
    /// # Errors
    /// [`DirectoryError::StoreUnavailable`].
    pub async fn verify_audit(&self, from: Option<AuditPoint>) -> Result<AuditCheck, DirectoryError> {
        let mut at = AuditPoint::default();
        // The place that was kept is compared first: the chain up to it may be sound, and another one.
        if let Some(kept) = from.filter(|kept| kept.id > 0) {
            let check = self.engine.store.verify_audit(kept, 1).await?;
            if check.broken.as_ref().is_some_and(|(id, _)| *id == kept.id) {
                return Ok(check);
            }
        }
        loop {
            let check = self.engine.store.verify_audit(at, STEP).await?;
            if check.broken.is_some() || check.is_end {
                return Ok(check);
            }
            at = check.at;
            tokio::task::yield_now().await;
        }
    }
}

impl Engine {
    /// Tells the log where the audit log's chain is, at the start and once a day: what is shipped elsewhere cannot be changed here.
    pub(crate) async fn tell_audit_head(&self, told: &mut Option<Instant>) -> Result<(), StoreError> {
        if told.is_some_and(|told| self.clock.now() < told + TOLD_EACH) {
            return Ok(());
        }
        if let Some(head) = self.store.audit(AuditFilter::default(), None, 1).await?.entries.first() {
            let hash: String = head.hash.iter().map(|octet| format!("{octet:02x}")).collect();
            tracing::info!(entry = head.id, hash, "the audit log's newest entry");
        }
        *told = Some(self.clock.now());
        Ok(())
    }
}
