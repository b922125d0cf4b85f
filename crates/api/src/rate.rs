//! Requests a second, per API key where the key has a limit.

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, NotUntil, Quota, RateLimiter};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Beyond this many limiters, those of keys long gone are likely among them: all are begun anew.
const MOST_LIMITERS: usize = 100_000;

/// A limiter for each key that has a rate, made when the key is first seen.
#[derive(Default)]
pub(crate) struct RateLimits {
    clock: DefaultClock,
    limiters: RwLock<HashMap<u32, (u32, Arc<Limiter>)>>,
}

/// The limiter of one key.
struct Limiter {
    here: DefaultDirectRateLimiter,
    /// Requests that were let through elsewhere and are not counted here yet, because nothing was left.
    owed: AtomicU32,
}

impl RateLimits {
    /// Counts one request of this key, and so many that it made `elsewhere`. `Err`: it is one too many, and so many seconds must pass (at
    /// least 1).
    pub(crate) fn count(&self, key: u32, rate: u32, elsewhere: u32) -> Result<(), u64> {
        // A limit of none lets nothing through; the directory refuses it, but a rate must not divide by zero here.
        let Some(quota) = NonZeroU32::new(rate).map(Quota::per_second) else { return Err(1) };
        let limiter = self.known(key, rate).unwrap_or_else(|| self.made(key, rate, quota));
        let wait = |until: NotUntil<<DefaultClock as Clock>::Instant>| {
            until.wait_time_from(self.clock.now()).as_millis().div_ceil(1000).max(1) as u64
        };
        let mut owed = limiter.owed.swap(0, Ordering::Relaxed).saturating_add(elsewhere);
        let mut counted = Ok(());
        while owed > 0 && counted.is_ok() {
            counted = limiter.here.check().map_err(wait);
            owed -= u32::from(counted.is_ok());
        }
        if owed > 0 {
            // No more than a second's: what was told late is not held against the key for long.
            limiter.owed.fetch_add(owed.min(rate), Ordering::Relaxed);
        }
        counted.and_then(|()| limiter.here.check().map_err(wait))
    }

    fn known(&self, key: u32, rate: u32) -> Option<Arc<Limiter>> {
        let limiters = self.limiters.read().unwrap_or_else(PoisonError::into_inner);
        limiters.get(&key).filter(|(at, _)| *at == rate).map(|(_, limiter)| Arc::clone(limiter))
    }

    fn made(&self, key: u32, rate: u32, quota: Quota) -> Arc<Limiter> {
        let new = || Arc::new(Limiter { here: RateLimiter::direct(quota), owed: AtomicU32::new(0) });
        let mut limiters = self.limiters.write().unwrap_or_else(PoisonError::into_inner);
        if limiters.len() >= MOST_LIMITERS {
            limiters.clear();
        }
        let entry = limiters.entry(key).and_modify(|(at, limiter)| {
            if *at != rate {
                (*at, *limiter) = (rate, new());
            }
        });
        Arc::clone(&entry.or_insert_with(|| (rate, new())).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_send_its_rate_and_then_waits() {
        let rates = RateLimits::default();
        for _ in 0..5 {
            assert_eq!(rates.count(1, 5, 0), Ok(()));
        }
        assert_eq!(rates.count(1, 5, 0), Err(1));
        assert_eq!(rates.count(2, 5, 0), Ok(()), "another key has a limit of its own");
    }

    #[test]
    fn a_changed_rate_counts_at_once() {
        let rates = RateLimits::default();
        assert_eq!(rates.count(1, 1, 0), Ok(()));
        assert!(rates.count(1, 1, 0).is_err());
        assert_eq!(rates.count(1, 100, 0), Ok(()));
    }

    #[test]
    fn requests_on_other_nodes_count_as_those_here() {
        let rates = RateLimits::default();
        assert_eq!(rates.count(1, 5, 3), Ok(()));
        assert_eq!(rates.count(1, 5, 0), Ok(()));
        assert_eq!(rates.count(1, 5, 0), Err(1));
        assert_eq!(rates.count(2, 5, 4_000_000_000), Err(1));
        let limiter = rates.known(2, 5).unwrap();
        assert_eq!(
            limiter.owed.load(Ordering::Relaxed),
            5,
            "what is not counted yet is owed, and no more than a second's"
        );
    }

    #[test]
    fn a_rate_of_none_lets_nothing_through() {
        assert_eq!(RateLimits::default().count(1, 0, 0), Err(1));
    }
}
