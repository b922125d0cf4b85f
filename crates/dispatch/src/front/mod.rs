//! What the front answers about the directory and about messages: one file for each subject.
//!
//! Ids that come in here are already authorised by whoever asks, but for [`Dispatch::find`], which shows nothing of what
//! is outside.

mod account;
mod api_keys;
mod audit;
mod balance;
mod callbacks;
mod credits;
mod difference;
mod draft;
mod export;
mod external;
mod guard;
mod manifest;
mod messages;
pub(crate) mod names;
mod preview;
mod resend;
mod secrets;
mod series;
mod servers;
mod settings;
mod sign_in;
mod statistics;
#[cfg(test)]
mod tests;
mod users;
mod webhooks;

pub use balance::BalanceRefusal;
pub use callbacks::CallbackRefusal;
pub use export::Export;
pub use resend::ResendRefusal;
pub use series::{Forecast, GatewayNow, GatewaySeries, Scope, Series, SeriesStep};

use crate::dispatch::Dispatch;
use crate::view::{Server, View};
use crate::words::DirectoryError;
use std::path::PathBuf;
use textgate_gateway::Problem;
use textgate_sms::VsId;

/// Most entries of a list that is not paged.
const ENTRIES_MOST: usize = 1_000;

impl Dispatch {
    /// Writes a complete copy of the store to a new file, while everything goes on.
    ///
    /// # Errors
    /// [`DirectoryError::Conflict`] where the file is there already, [`DirectoryError::StoreUnavailable`] where it cannot be written.
    pub async fn backup(&self, to: PathBuf) -> Result<(), DirectoryError> {
        Ok(self.engine.store.backup(to).await?)
    }
}

/// The virtual server, or that it does not exist.
fn server(view: &View, vs: VsId) -> Result<&Server, DirectoryError> {
    view.server(vs).ok_or_else(|| DirectoryError::NotFound("this virtual server".into()))
}

/// The one thing that is wrong.
fn invalid(path: &str, message: impl Into<String>) -> DirectoryError {
    DirectoryError::Invalid(vec![Problem::new(path, message)])
}
