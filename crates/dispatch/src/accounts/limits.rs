//! Limits on attempts to sign in: after some that failed, each next one has to wait longer.
//!
//! Attempts are counted for the address, for the name, and for both together. The waits of a name and of a pair are bounded, what comes
//! while waiting is refused without counting, and the name's wait is for strangers only: a user who has signed in from an address
//! before is let through there whatever others do, and so is a first attempt from anywhere until a name has had a hundred failures
//! in a day. So guessing is slow, and nobody can be kept out by guessing.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most entries of each kind: beyond it, the one that has been quiet for longest is forgotten.
const MOST: usize = 20_000;
/// How long an address from which a user has signed in is remembered.
const KNOWN: Duration = Duration::from_secs(30 * 24 * 3600);

/// How attempts of one kind are limited.
struct Rule {
    /// So many failures cost no wait.
    free: u32,
    /// The longest wait.
    longest: Duration,
    /// After so long without a failure all is forgotten.
    forgets: Duration,
}

const PAIR: Rule = Rule { free: 5, longest: Duration::from_secs(300), forgets: Duration::from_secs(3600) };
const ADDRESS: Rule = Rule { free: 20, longest: Duration::from_secs(60), forgets: Duration::from_secs(3600) };
const NAME: Rule =
    Rule { free: 100, longest: Duration::from_secs(300), forgets: Duration::from_secs(24 * 3600) };

#[derive(Clone, Copy)]
struct Count {
    failures: u32,
    last: Instant,
    until: Instant,
}

/// What is counted.
#[derive(Default)]
pub(crate) struct Limits(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    pairs: HashMap<(String, IpAddr), Count>,
    addresses: HashMap<IpAddr, Count>,
    names: HashMap<String, Count>,
    known: HashMap<(String, IpAddr), Count>,
}

/// An attempt that was let through: it counts as failed until it is said to be another one.
pub(crate) struct Attempt {
    name: String,
    from: IpAddr,
}

impl Limits {
    /// Lets an attempt through, or says how long to wait. `name` is in one case.
    pub(crate) fn begin(&self, name: &str, from: IpAddr, now: Instant) -> Result<Attempt, Duration> {
        let attempt = Attempt { name: name.to_owned(), from: network(from) };
        let pair = (attempt.name.clone(), attempt.from);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = counts.known.get(&pair).is_some_and(|known| now < known.until);
        let waits = [
            wait(&counts.pairs, &pair, &PAIR, now),
            wait(&counts.addresses, &attempt.from, &ADDRESS, now),
            if is_known { Duration::ZERO } else { wait(&counts.names, &attempt.name, &NAME, now) },
        ];
        let longest = waits.into_iter().max().unwrap_or_default();
        if !longest.is_zero() {
            return Err(longest);
        }
        // Counted before its outcome is known, or many at once would all be free.
        count(&mut counts.pairs, pair, &PAIR, now);
        count(&mut counts.addresses, attempt.from, &ADDRESS, now);
        count(&mut counts.names, attempt.name.clone(), &NAME, now);
        Ok(attempt)
    }

    /// It was right after all: the pair starts anew, and the address is known from now on.
    pub(crate) fn succeeded(&self, attempt: Attempt, now: Instant) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = (attempt.name.clone(), attempt.from);
        counts.pairs.remove(&pair);
        give_back(&mut counts.addresses, &attempt.from);
        give_back(&mut counts.names, &attempt.name);
        make_room(&mut counts.known, KNOWN, now);
        counts.known.insert(pair, Count { failures: 0, last: now, until: now + KNOWN });
    }

    /// It was neither right nor wrong: as if it had not been.
    pub(crate) fn undecided(&self, attempt: &Attempt) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        give_back(&mut counts.pairs, &(attempt.name.clone(), attempt.from));
        give_back(&mut counts.addresses, &attempt.from);
        give_back(&mut counts.names, &attempt.name);
    }
}

fn wait<K: Hash + Eq>(counts: &HashMap<K, Count>, key: &K, rule: &Rule, now: Instant) -> Duration {
    match counts.get(key) {
        Some(count) if now < count.last + rule.forgets => count.until.saturating_duration_since(now),
        _ => Duration::ZERO,
    }
}

fn count<K: Hash + Eq + Clone>(counts: &mut HashMap<K, Count>, key: K, rule: &Rule, now: Instant) {
    if !counts.contains_key(&key) {
        make_room(counts, rule.forgets, now);
    }
    let count = counts.entry(key).or_insert(Count { failures: 0, last: now, until: now });
    if now >= count.last + rule.forgets {
        count.failures = 0;
    }
    count.failures = count.failures.saturating_add(1);
    count.last = now;
    let over = count.failures.saturating_sub(rule.free);
    // 1, 2, 4, 8 s …
    let wait = if over == 0 { Duration::ZERO } else { Duration::from_secs(1 << (over - 1).min(16)) };
    count.until = now + wait.min(rule.longest);
}

fn give_back<K: Hash + Eq>(counts: &mut HashMap<K, Count>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        count.failures = count.failures.saturating_sub(1);
        count.until = count.last;
        if count.failures == 0 {
            counts.remove(key);
        }
    }
}

fn make_room<K: Hash + Eq + Clone>(counts: &mut HashMap<K, Count>, forgets: Duration, now: Instant) {
    if counts.len() < MOST {
        return;
    }
    counts.retain(|_, count| now < count.last + forgets);
    if counts.len() >= MOST
        && let Some(quietest) = counts.iter().min_by_key(|(_, count)| count.last).map(|(key, _)| key.clone())
    {
        counts.remove(&quietest);
    }
}

/// One customer's network counts as one address: of IPv6 that is a /64 (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    /// Fails as often as it is let through within this many seconds, one attempt each second.
    fn hammer(limits: &Limits, name: &str, from: IpAddr, start: Instant, seconds: u64) -> u32 {
        let attempt = |s| limits.begin(name, from, start + Duration::from_secs(s)).is_ok();
        (0..seconds).map(|s| u32::from(attempt(s))).sum()
    }

    #[test]
    fn waits_grow_and_what_comes_meanwhile_does_not_lengthen_them() {
        let (limits, now) = (Limits::default(), Instant::now());
        for _ in 0..6 {
            assert!(limits.begin("ada", at(1), now).is_ok());
        }
        assert_eq!(limits.begin("ada", at(1), now).err(), Some(Duration::from_secs(1)));
        assert_eq!(limits.begin("ada", at(1), now).err(), Some(Duration::from_secs(1)));
        assert!(limits.begin("ada", at(1), now + Duration::from_secs(1)).is_ok());
        assert_eq!(
            limits.begin("ada", at(1), now + Duration::from_secs(1)).err(),
            Some(Duration::from_secs(2))
        );
        let in_a_day = hammer(&limits, "ada", at(1), now + Duration::from_secs(10), 24 * 3600);
        assert!((250..350).contains(&in_a_day), "{in_a_day} guesses a day");
    }

    #[test]
    fn nobody_is_kept_out_by_what_others_try() {
        let (limits, start) = (Limits::default(), Instant::now());
        let ada = limits.begin("ada", at(1), start).unwrap();
        limits.succeeded(ada, start);
        // One attacker: Ada gets in from everywhere.
        hammer(&limits, "ada", at(66), start, 3_600);
        let later = start + Duration::from_secs(3_600);
        let elsewhere = limits.begin("ada", at(2), later).unwrap();
        limits.undecided(&elsewhere);
        // Many attackers, until strangers have to wait: Ada still gets in where she has been before.
        for s in 0..600 {
            for n in 0..20 {
                let now = later + Duration::from_secs(s);
                let _ = limits.begin("ada", IpAddr::from([198, 51, 100, n]), now);
            }
        }
        let later = later + Duration::from_secs(600);
        assert!(limits.begin("ada", at(3), later).is_err());
        assert!(limits.begin("ada", at(1), later).is_ok());
        assert!(limits.begin("ben", at(3), later).is_ok(), "nor is anybody else concerned");
    }

    #[test]
    fn an_address_that_tries_many_names_has_to_wait() {
        let (limits, now) = (Limits::default(), Instant::now());
        let let_through = (0..1_000).filter(|n| limits.begin(&format!("n{n}"), at(1), now).is_ok()).count();
        assert_eq!(let_through, 21);
        let in_an_hour: u32 = (0..3_600)
            .map(|s| u32::from(limits.begin(&format!("m{s}"), at(1), now + Duration::from_secs(s)).is_ok()))
            .sum();
        assert!(in_an_hour < 80, "{in_an_hour}");
    }

    #[test]
    fn one_network_is_one_address() {
        let (limits, now) = (Limits::default(), Instant::now());
        let through = (0..100u16).filter(|n| {
            let from = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, *n, 0, 0, *n);
            limits.begin("ada", from.into(), now).is_ok()
        });
        assert_eq!(through.count(), 6);
        assert!(limits.begin("ada", Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 1).into(), now).is_ok());
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), at(1));
    }

    #[test]
    fn a_success_starts_anew_and_time_heals() {
        let (limits, now) = (Limits::default(), Instant::now());
        for _ in 0..50 {
            let right = limits.begin("ada", at(1), now).unwrap();
            limits.succeeded(right, now);
        }
        for _ in 0..6 {
            let _ = limits.begin("ben", at(2), now);
        }
        assert!(limits.begin("ben", at(2), now).is_err());
        let later = now + PAIR.forgets;
        assert_eq!((0..9).filter(|_| limits.begin("ben", at(2), later).is_ok()).count(), 6);
    }

    #[test]
    fn memory_is_bounded() {
        let (limits, now) = (Limits::default(), Instant::now());
        for n in 0..MOST as u32 + 500 {
            let from = IpAddr::from(n.to_be_bytes());
            let right = limits.begin(&n.to_string(), from, now).unwrap();
            if n % 2 == 0 {
                limits.succeeded(right, now);
            }
        }
        let counts = limits.0.lock().unwrap();
        let sizes = [counts.pairs.len(), counts.addresses.len(), counts.names.len(), counts.known.len()];
        assert!(sizes.iter().all(|size| *size <= MOST), "{sizes:?}");
    }
}
