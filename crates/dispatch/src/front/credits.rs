//! SMS credits: what a parent has given a child.

use super::{ENTRIES_MOST, server};
use crate::dispatch::Dispatch;
use crate::words::{CreditsView, DirectoryError};
use textgate_gateway::Problem;
use textgate_sms::VsId;
use textgate_store::{Allocation, Change, Credits, LedgerEntry};

/// More credits than anybody sends, and few enough that sums of them do not overflow.
pub(super) const MOST: u64 = 1_000_000_000_000;

/// Most characters of a remark.
const LONGEST_NOTE: usize = 255;

impl Dispatch {
    /// SMS credits of one virtual server.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn credits(&self, vs: VsId) -> Result<CreditsView, DirectoryError> {
        server(&self.engine.view.load(), vs)?;
        Ok(self.engine.store.credits(vs).await?.into())
    }

    /// Gives a virtual server SMS credits, or takes some that remain. A change by nothing is none, and not in the ledger.
    ///
    /// # Errors
    /// [`DirectoryError::Conflict`] for the root and below what is used, [`DirectoryError::Invalid`] at `credits`, `total` or `note`,
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn allocate(
        &self,
        actor: &str,
        vs: VsId,
        allocation: Allocation,
        note: &str,
    ) -> Result<CreditsView, DirectoryError> {
        self.engine
            .change_by_credits(actor, |view, credits| {
                let server = server(view, vs)?;
                let mut problems = Vec::new();
                if note.chars().count() > LONGEST_NOTE || note.chars().any(char::is_control) {
                    problems.push(Problem::new("note", "use at most 255 characters, in one line"));
                }
                let credits = credits.get(&vs).copied().unwrap_or_default();
                let (path, total) = match allocation {
                    Allocation::Total(total) => ("total", i128::from(total)),
                    Allocation::Add(change) => {
                        ("credits", i128::from(credits.allocated) + i128::from(change))
                    }
                };
                if total > i128::from(MOST) {
                    problems.push(Problem::new(path, too_many()));
                }
                if !problems.is_empty() {
                    return Err(DirectoryError::Invalid(problems));
                }
                if server.parent.is_none() {
                    return Err(DirectoryError::Conflict(NOT_FOR_THE_ROOT.into()));
                }
                if let Some(refusal) = below_used(credits, total) {
                    return Err(DirectoryError::Conflict(refusal));
                }
                // Not the total decided here: as it was asked for, so that the ledger's entry is true whatever happens.
                let change = Change::Allocate { vs, allocation, note: note.to_owned() };
                Ok((if total == i128::from(credits.allocated) { Vec::new() } else { vec![change] }, ()))
            })
            .await?;
        self.credits(vs).await
    }

    /// Allocations given to a virtual server, the newest first; at most 1,000.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn ledger(&self, vs: VsId, limit: usize) -> Result<Vec<LedgerEntry>, DirectoryError> {
        server(&self.engine.view.load(), vs)?;
        Ok(self.engine.store.ledger(vs, limit.min(ENTRIES_MOST)).await?)
    }
}

/// Why the root gets no credits.
pub(super) const NOT_FOR_THE_ROOT: &str =
    "the root is the service provider's own: nobody allocates SMS credits to it, and it needs none";

/// What to say where more than [`MOST`] would be allocated.
pub(super) fn too_many() -> String {
    format!("at most {MOST} SMS credits can be allocated")
}

/// Why an allocation cannot be this small, where it cannot.
pub(super) fn below_used(credits: Credits, total: i128) -> Option<String> {
    let used = credits.used;
    (total < i128::from(used))
        .then(|| format!("{used} SMS credits are used already; allocate at least as many"))
}
