//! How the gateway as a whole is, from how each of its sending connections is.

use crate::{Health, Work};
use std::sync::{Arc, Mutex, PoisonError};

/// The sending connections of one run, and what was last told about them.
pub(crate) struct Board {
    work: Arc<dyn Work>,
    inner: Mutex<Inner>,
}

struct Inner {
    /// `None`: another node's.
    connections: Vec<Option<Health>>,
    told: Health,
}

impl Board {
    /// So many connections, which are being made.
    pub fn new(work: Arc<dyn Work>, connections: usize) -> Self {
        work.health(Health::Connecting);
        let inner =
            Inner { connections: vec![Some(Health::Connecting); connections], told: Health::Connecting };
        Self { work, inner: Mutex::new(inner) }
    }

    /// One is up, with room for so many unanswered submissions.
    pub fn up(&self, connection: usize, window: u32) {
        self.set(connection, Some(Health::Up { window }));
    }

    /// One is down.
    pub fn down(&self, connection: usize, reason: String, is_account: bool) {
        self.set(connection, Some(Health::Down { reason, is_account }));
    }

    /// One is being made.
    pub fn connecting(&self, connection: usize) {
        self.set(connection, Some(Health::Connecting));
    }

    /// One is another node's to make.
    pub fn gone(&self, connection: usize) {
        self.set(connection, None);
    }

    /// The gateway is up while one of them is, and down when none is or will soon be.
    fn set(&self, connection: usize, health: Option<Health>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        // One that only receives has no place: messages leave without it.
        let Some(place) = inner.connections.get_mut(connection) else { return };
        *place = health.clone();
        let there = || inner.connections.iter().flatten();
        let window = there().filter_map(|connection| match connection {
            Health::Up { window } => Some(*window),
            _ => None,
        });
        let whole = match window.reduce(u32::saturating_add) {
            Some(window) => Health::Up { window },
            None if there().any(|connection| *connection == Health::Connecting) => Health::Connecting,
            // Of several that are down, any: where the last one up is another node's now, one of the rest.
            None => match health.or_else(|| there().next().cloned()) {
                Some(down) => down,
                None => Health::Connecting,
            },
        };
        if inner.told != whole {
            inner.told = whole.clone();
            self.work.health(whole);
        }
    }
}
