//! Secrets that were typed into a form which had to be shown again: kept in memory under a ticket, so that they need not go back to the
//! browser, and need not be typed again.

use std::collections::BTreeMap;
use textgate_dispatch::SessionId;
use textgate_sms::VsId;

/// Secrets by the names of their controls. Has no `Debug`.
#[derive(Clone, Default)]
pub(crate) struct Secrets(BTreeMap<String, String>);

/// Whose secrets they are, and for which virtual server.
pub(crate) struct Owned {
    pub(crate) session: SessionId,
    pub(crate) vs: VsId,
    pub(crate) secrets: Secrets,
}

impl Secrets {
    pub(super) fn put(&mut self, control: String, secret: String) {
        if !secret.is_empty() {
            self.0.insert(control, secret);
        }
    }

    pub(super) fn get(&self, control: &str) -> Option<&str> {
        self.0.get(control).map(String::as_str)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
