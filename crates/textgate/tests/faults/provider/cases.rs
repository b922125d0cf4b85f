//! One way in which a provider fails, and what is expected of the program then.

use std::any::Any;

/// A gateway `main` that fails.
pub struct Case {
    pub name: String,
    /// Its block of the manifest.
    pub gateway: String,
    /// Whether it is up until it is asked to send.
    pub comes_up: bool,
    /// What its attempt may come to; `-` is no attempt at all.
    pub outcomes: &'static [&'static str],
    /// Who takes the message in the end, or how that ends.
    pub taken_by: &'static str,
    /// What has to live as long as the case.
    _peers: Vec<Box<dyn Any + Send + Sync>>,
}

impl Case {
    /// The failover takes it after one of these outcomes.
    pub fn new(name: impl Into<String>, gateway: String, outcomes: &'static [&'static str]) -> Self {
        Self { name: name.into(), gateway, comes_up: false, outcomes, taken_by: "backup", _peers: Vec::new() }
    }

    /// It is up before anything is sent.
    pub fn up(self) -> Self {
        Self { comes_up: true, ..self }
    }

    /// Who takes it, or how it ends.
    pub fn taken_by(self, taken_by: &'static str) -> Self {
        Self { taken_by, ..self }
    }

    /// This peer lives as long.
    pub fn with(mut self, peer: impl Any + Send + Sync) -> Self {
        self._peers.push(Box::new(peer));
        self
    }

    pub fn is_as_expected(&self, outcome: &str, taken_by: &str) -> bool {
        self.outcomes.contains(&outcome) && self.taken_by == taken_by
    }
}
