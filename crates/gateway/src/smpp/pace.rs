//! How fast segments may leave: the account's throughput limit, and slowing down when the SMSC says that it is too fast.
//!
//! A token bucket, shared by all binds of an account. Its rate is the limit from the settings; where the SMSC throttles
//! (ESME_RTHROTTLED, ESME_RMSGQFUL), the rate falls by a factor and then rises by equal steps (AIMD) until it is where
//! it was. Time comes in from outside.

use std::time::{Duration, Instant};

/// How much of a second's tokens may be spent at once. Small, so that the provider's count over any second holds;
/// larger than the timer's resolution, so that the rate is reached.
const BURST_S: f64 = 0.02;
/// What remains of the rate when the SMSC throttles: at most this much, less where it took less, but not all at once.
const FACTOR: f64 = 0.7;
const LEAST_FACTOR: f64 = 0.3;
/// The answers to one window say "throttled" many times, and mean it once.
const ONE_CUT_EACH: Duration = Duration::from_millis(250);
/// How often the rate rises, and by how much of what it was when it was last cut.
const RISE_EACH: Duration = Duration::from_millis(500);
const RISE: f64 = 0.05;
/// A rate this many times above the one that was throttled is no limit any more.
const FREE_AT: f64 = 2.0;
/// And not before so long without throttling.
const FREE_AFTER: Duration = Duration::from_secs(10);
/// Slower than this it never gets, so that it finds out when the SMSC is willing again.
const LEAST: f64 = 1.0;

/// The rate of one account.
pub(super) struct Pace {
    /// Segments a second from the settings.
    limit: Option<f64>,
    /// Segments a second now; `None`: as many as the windows let through.
    rate: Option<f64>,
    tokens: f64,
    refilled_at: Instant,
    /// What the rate was when it was last cut.
    throttled_rate: f64,
    cut_at: Option<Instant>,
    risen_at: Instant,
    meter: Meter,
}

/// How many segments the SMSC took in the last second or so.
struct Meter {
    since: Instant,
    count: u32,
    /// Segments a second in the period before.
    last: f64,
}

impl Pace {
    pub fn new(limit: Option<u32>, now: Instant) -> Self {
        let limit = limit.map(f64::from);
        Self {
            limit,
            rate: limit,
            tokens: 1.0,
            refilled_at: now,
            throttled_rate: 0.0,
            cut_at: None,
            risen_at: now,
            meter: Meter { since: now, count: 0, last: 0.0 },
        }
    }

    /// Another limit from now on: this node's part of the account's.
    pub fn limit(&mut self, limit: Option<f64>) {
        if self.limit == limit {
            return;
        }
        self.limit = limit;
        self.rate = match (self.cut_at, self.rate, limit) {
            // The SMSC throttled, and it rises from where it is.
            (Some(_), Some(rate), Some(limit)) => Some(rate.min(limit)),
            _ => limit,
        };
    }

    /// Up to `wanted` segments may leave now.
    pub fn grant(&mut self, wanted: usize, now: Instant) -> usize {
        self.rise(now);
        let Some(rate) = self.rate else { return wanted };
        let passed = now.saturating_duration_since(self.refilled_at).as_secs_f64();
        self.refilled_at = self.refilled_at.max(now);
        self.tokens = (self.tokens + passed * rate).min((rate * BURST_S).max(1.0));
        // Rounded, because 0.1 s of 10 a second is not quite a whole one.
        let granted = wanted.min((self.tokens + 1e-6) as usize);
        self.tokens -= granted as f64;
        granted
    }

    /// So many of the granted ones were not used.
    pub fn give_back(&mut self, unused: usize) {
        if self.rate.is_some() {
            self.tokens += unused as f64;
        }
    }

    /// When the next segment may leave, after a grant of none.
    pub fn next_at(&self) -> Instant {
        let wait = self.rate.map_or(0.0, |rate| ((1.0 - self.tokens) / rate).clamp(0.0, 1.0));
        self.refilled_at + Duration::from_secs_f64(wait)
    }

    /// The SMSC took so many segments.
    pub fn accepted(&mut self, count: u32, now: Instant) {
        self.meter.count(count, now);
    }

    /// The SMSC says that it is too fast. Says whether the rate was cut.
    pub fn throttled(&mut self, now: Instant) -> bool {
        if self.cut_at.is_some_and(|at| now.saturating_duration_since(at) < ONE_CUT_EACH) {
            return false;
        }
        // Without a rate so far, what the SMSC took is the best guess at what it takes.
        let taken = self.meter.rate(now);
        let rate = self.rate.unwrap_or(taken).max(LEAST);
        self.throttled_rate = rate;
        self.rate = Some(taken.clamp(rate * LEAST_FACTOR, rate * FACTOR).max(LEAST));
        self.tokens = 0.0;
        self.refilled_at = now;
        self.cut_at = Some(now);
        self.risen_at = now;
        true
    }

    /// The rate now, segments a second; `None` where nothing but the windows limits it.
    #[cfg(test)]
    pub fn rate(&self) -> Option<f64> {
        self.rate
    }

    fn rise(&mut self, now: Instant) {
        let (Some(rate), Some(cut_at)) = (self.rate, self.cut_at) else { return };
        let steps = now.saturating_duration_since(self.risen_at).as_millis() / RISE_EACH.as_millis();
        if steps == 0 {
            return;
        }
        self.risen_at = now;
        let rate = rate + (self.throttled_rate * RISE).max(LEAST) * steps as f64;
        self.rate = match self.limit {
            Some(limit) => Some(rate.min(limit)),
            None if rate >= self.throttled_rate * FREE_AT && now >= cut_at + FREE_AFTER => None,
            None => Some(rate),
        };
        if self.rate == self.limit {
            self.cut_at = None;
        }
    }
}

impl Meter {
    const PERIOD: Duration = Duration::from_secs(1);

    fn count(&mut self, count: u32, now: Instant) {
        if now.saturating_duration_since(self.since) >= Self::PERIOD {
            self.last = self.rate(now);
            (self.since, self.count) = (now, 0);
        }
        self.count = self.count.saturating_add(count);
    }

    /// Segments a second: of this period so far, or of the one before where this one is too young. Of a first burst
    /// half a second is the least, as many SMSCs count by the second.
    fn rate(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        let current = f64::from(self.count) / passed.max(0.5);
        if passed < 0.5 { current.max(self.last) } else { current }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many leave in so many milliseconds, asked for at every one.
    fn leaving(pace: &mut Pace, from: Instant, ms: u64) -> usize {
        (1..=ms).map(|ms| pace.grant(100, from + Duration::from_millis(ms))).sum()
    }

    #[test]
    fn a_limit_holds_over_a_second_and_the_first_one_need_not_wait() {
        let start = Instant::now();
        for limit in [1, 10, 150, 5000] {
            let mut pace = Pace::new(Some(limit), start);
            assert_eq!(pace.grant(1, start), 1, "{limit}");
            let sent = leaving(&mut pace, start, 1000);
            let limit = limit as usize;
            assert!((limit..=limit + limit / 40 + 1).contains(&sent), "{limit}: {sent}");
        }
    }

    #[test]
    fn another_limit_holds_at_once_and_throttling_is_not_forgotten_by_it() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(300), start);
        pace.limit(Some(100.0));
        assert_eq!(leaving(&mut pace, start, 1000), 100 + 1);
        pace.throttled(start + Duration::from_secs(1));
        let cut = pace.rate().unwrap();
        pace.limit(Some(200.0));
        assert_eq!(pace.rate(), Some(cut));
        pace.limit(Some(0.5));
        assert_eq!(pace.rate(), Some(0.5));
    }

    #[test]
    fn what_was_not_used_may_leave_later_and_a_pause_gathers_no_burst() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(100), start);
        let later = start + Duration::from_secs(60);
        assert_eq!(pace.grant(100, later), 2, "20 ms of 100 a second");
        assert_eq!(pace.grant(100, later), 0);
        assert_eq!(pace.next_at(), later + Duration::from_millis(10));
        pace.give_back(1);
        assert_eq!(pace.grant(100, later), 1);
    }

    #[test]
    fn throttling_cuts_the_rate_once_and_it_rises_until_it_is_free_again() {
        let start = Instant::now();
        let mut pace = Pace::new(None, start);
        assert_eq!(pace.grant(1000, start), 1000);
        let mut now = start + Duration::from_millis(500);
        pace.accepted(500, now);
        assert!(pace.throttled(now));
        assert!(!pace.throttled(now + Duration::from_millis(1)), "the rest of the window means the same");
        assert_eq!(pace.rate(), Some(700.0));
        assert_eq!(pace.grant(10, now), 0);
        let mut rates = Vec::new();
        while let Some(rate) = pace.rate() {
            rates.push(rate);
            now += RISE_EACH;
            pace.grant(0, now);
        }
        assert!(rates.is_sorted() && rates.len() > 10, "{rates:?}");
        assert_eq!(pace.grant(1000, now), 1000);
    }

    #[test]
    fn a_limit_from_the_settings_is_never_passed_and_an_unwilling_smsc_is_still_asked() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(10), start);
        let mut now = start;
        for _ in 0..30 {
            now += ONE_CUT_EACH;
            pace.throttled(now);
        }
        assert_eq!(pace.rate(), Some(LEAST));
        assert!(pace.next_at() <= now + Duration::from_secs(1));
        for _ in 0..100 {
            now += RISE_EACH;
            pace.grant(0, now);
        }
        assert_eq!(pace.rate(), Some(10.0));
    }
}
