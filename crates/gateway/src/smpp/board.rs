//! How the gateway as a whole is, from how each of its sending binds is.

use crate::{Health, Work};
use std::sync::{Arc, Mutex, PoisonError};

/// The sending binds of one run, and what was last told about them.
pub(super) struct Board {
    work: Arc<dyn Work>,
    /// Unanswered submit_sm on each bind.
    window: usize,
    inner: Mutex<Inner>,
}

struct Inner {
    binds: Vec<Health>,
    told: Health,
}

impl Board {
    /// So many binds, which try to connect.
    pub fn new(work: Arc<dyn Work>, binds: usize, window: usize) -> Self {
        work.health(Health::Connecting);
        let inner = Inner { binds: vec![Health::Connecting; binds], told: Health::Connecting };
        Self { work, window, inner: Mutex::new(inner) }
    }

    /// One bind is up.
    pub fn up(&self, bind: usize) {
        self.set(bind, Health::Up { window: u32::try_from(self.window).unwrap_or(u32::MAX) });
    }

    /// One bind is down.
    pub fn down(&self, bind: usize, reason: String, is_account: bool) {
        self.set(bind, Health::Down { reason, is_account });
    }

    /// The gateway is up while one bind is, and down when none is or will soon be.
    fn set(&self, bind: usize, health: Health) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        // The receiving bind has no place: messages leave without it.
        let Some(place) = inner.binds.get_mut(bind) else { return };
        *place = health.clone();
        let window = inner.binds.iter().filter_map(|bind| match bind {
            Health::Up { window } => Some(*window),
            _ => None,
        });
        let whole = match window.reduce(u32::saturating_add) {
            Some(window) => Health::Up { window },
            None if inner.binds.contains(&Health::Connecting) => Health::Connecting,
            None => health,
        };
        if inner.told != whole {
            inner.told = whole.clone();
            self.work.health(whole);
        }
    }
}
