//! How long to wait before a connection is tried again.

use std::time::Duration;

/// How long to wait before the next attempt.
#[derive(Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// A connection that was up so long begins anew: its end has nothing to do with the attempts before.
    pub(crate) const STABLE: Duration = Duration::from_secs(10);
    const FIRST: Duration = Duration::from_millis(100);
    const MOST: Duration = Duration::from_secs(30);
    /// Wrong credentials stay wrong until a person acts, and providers lock accounts that try too often.
    const FIRST_FOR_ACCOUNT: Duration = Duration::from_secs(15);
    const MOST_FOR_ACCOUNT: Duration = Duration::from_secs(120);

    /// Doubles each time, from half to all of it by chance, so that many gateways don't come back as one.
    pub(crate) fn next(&mut self, is_account: bool) -> Duration {
        let (first, most) = if is_account {
            (Self::FIRST_FOR_ACCOUNT, Self::MOST_FOR_ACCOUNT)
        } else {
            (Self::FIRST, Self::MOST)
        };
        let whole = first.saturating_mul(1 << self.attempts.min(16)).min(most);
        self.attempts = self.attempts.saturating_add(1);
        let chance = f64::from(random()) / f64::from(u32::MAX);
        whole.mul_f64(0.5 + chance / 2.0)
    }
}

/// A number by chance; a fixed one where the system has none, as nothing secret depends on it.
pub(crate) fn random() -> u32 {
    getrandom::u32().unwrap_or(0x9E37_79B9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_retry_is_quick_and_none_waits_longer_than_half_a_minute() {
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = (0..20).map(|_| backoff.next(false)).collect();
        assert!(waits[0] <= Duration::from_millis(100), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= Backoff::MOST) && waits[19] >= Backoff::MOST / 2);
        assert!(waits.windows(2).take(7).all(|pair| pair[1] * 2 >= pair[0]), "{waits:?}");
    }

    #[test]
    fn wrong_credentials_are_not_tried_again_soon() {
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = (0..9).map(|_| backoff.next(true)).collect();
        assert!(waits[0] >= Duration::from_secs(7) && waits[8] <= Backoff::MOST_FOR_ACCOUNT);
    }
}
