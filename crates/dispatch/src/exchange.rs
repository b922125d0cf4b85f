//! What nodes count together: passcodes for the fraud guard, and requests for the rates of API keys.
//!
//! Each node judges by itself, at once and without a look into the store. What it let through it tells the others in passing, some times a
//! second, and they count it as their own: so a limit is one limit, whichever node is asked, but for what all of them let through within that
//! time. (A part of each limit for each node would refuse people wherever traffic is not spread as evenly.) Where nobody else is there
//! nothing is written down.

use crate::engine::Engine;
use crate::guard::Question;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use textgate_sms::{PhoneNumber, VsId};
use textgate_store::{MOST_TOLD, Purpose};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// From the first count until it is told.
const EVERY: Duration = Duration::from_millis(200);
/// What sealing adds (octets).
const SEAL: usize = 24 + 16;
/// Most that waits to be told (octets): the rest is told to nobody.
const MOST_WAITING: usize = 1 << 20;
/// Longest purpose that is told: a longer one counts by itself on each node (octets).
const LONGEST_PURPOSE: usize = 200;
/// API keys of whose requests elsewhere is known; beyond it all are forgotten.
const MOST_KEYS: usize = 100_000;

/// What begins a count of each kind.
const SENT: u8 = 1;
const CONVERTED: u8 = 2;
const REQUESTS: u8 = 3;

/// What was counted here and is not told yet, and what others told.
#[derive(Default)]
pub(crate) struct Exchange {
    has_others: AtomicBool,
    here: Mutex<Here>,
    bell: Notify,
    /// Requests of API keys on other nodes that nobody asked for yet.
    elsewhere: Mutex<HashMap<u32, u32>>,
    keys_elsewhere: AtomicUsize,
}

#[derive(Default)]
struct Here {
    /// Counts of passcodes, each with its length before it.
    passcodes: Vec<u8>,
    requests: HashMap<u32, u32>,
}

/// One count.
#[derive(Debug, PartialEq, Eq)]
enum Count<'a> {
    /// A passcode was let through.
    Sent { vs: VsId, number: PhoneNumber, ip: Option<IpAddr>, is_checked: bool, purpose: &'a str },
    /// A code was entered.
    Converted { vs: VsId, number: PhoneNumber },
    /// An API key made so many requests.
    Requests { key: u32, count: u32 },
}

// === impl Exchange ===

impl Exchange {
    /// Whether others are there to be told.
    pub(crate) fn has_others(&self, has_others: bool) {
        self.has_others.store(has_others, Ordering::Relaxed);
    }

    /// A passcode was let through.
    pub(crate) fn sent(&self, question: &Question<'_>) {
        let Question { vs, number, purpose, ip, is_checked, .. } = *question;
        let purpose = if purpose.len() > LONGEST_PURPOSE { "" } else { purpose };
        self.passcode(&Count::Sent { vs, number, ip, is_checked, purpose });
    }

    /// The code that was sent to this number was entered.
    pub(crate) fn converted(&self, vs: VsId, number: PhoneNumber) {
        self.passcode(&Count::Converted { vs, number });
    }

    fn passcode(&self, count: &Count<'_>) {
        if !self.has_others.load(Ordering::Relaxed) {
            return;
        }
        let mut here = self.here();
        if here.passcodes.len() < MOST_WAITING {
            count.write(&mut here.passcodes);
        }
        drop(here);
        self.bell.notify_one();
    }

    /// An API key made a request.
    pub(crate) fn request(&self, key: u32) {
        if !self.has_others.load(Ordering::Relaxed) {
            return;
        }
        *self.here().requests.entry(key).or_default() += 1;
        self.bell.notify_one();
    }

    /// How many requests an API key made on other nodes since this was last asked.
    pub(crate) fn requests_elsewhere(&self, key: u32) -> u32 {
        if self.keys_elsewhere.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        let mut elsewhere = self.elsewhere();
        let count = elsewhere.remove(&key).unwrap_or(0);
        self.keys_elsewhere.store(elsewhere.len(), Ordering::Relaxed);
        count
    }

    fn request_elsewhere(&self, key: u32, count: u32) {
        let mut elsewhere = self.elsewhere();
        if elsewhere.len() >= MOST_KEYS {
            elsewhere.clear();
        }
        let known = elsewhere.entry(key).or_default();
        *known = known.saturating_add(count);
        self.keys_elsewhere.store(elsewhere.len(), Ordering::Relaxed);
    }

    /// What is to be told, in pieces that can be.
    fn take(&self) -> Vec<Vec<u8>> {
        let Here { mut passcodes, requests } = std::mem::take(&mut *self.here());
        for (key, count) in requests {
            Count::Requests { key, count }.write(&mut passcodes);
        }
        let (mut pieces, mut piece) = (Vec::new(), Vec::new());
        let mut rest = passcodes.as_slice();
        while let Some((length, _)) = rest.split_first() {
            let (count, after) = rest.split_at((1 + usize::from(*length)).min(rest.len()));
            if piece.len() + count.len() > MOST_TOLD - SEAL {
                pieces.push(std::mem::take(&mut piece));
            }
            piece.extend_from_slice(count);
            rest = after;
        }
        if !piece.is_empty() {
            pieces.push(piece);
        }
        pieces
    }

    fn here(&self) -> MutexGuard<'_, Here> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn elsewhere(&self) -> MutexGuard<'_, HashMap<u32, u32>> {
        self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells others what is counted here, until `stop`.
pub(crate) async fn keep(engine: Arc<Engine>, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = engine.exchange.bell.notified() => {}
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        for piece in engine.exchange.take() {
            let sealed = engine.sealer.seal(Purpose::Told, u64::from(engine.store.node()), &piece);
            if let Err(error) = engine.store.tell_peers(sealed).await {
                tracing::debug!(%error, "other nodes were not told what is counted here");
                break;
            }
        }
    }
}

impl Engine {
    /// Counts what other nodes told.
    pub(crate) fn heed_told(self: &Arc<Self>) {
        let now_ms = self.clock.now_ms();
        let view = self.view.load();
        for (node, sealed) in self.store.told() {
            // From a node under another key there is nothing to be learned.
            let Ok(plain) = self.sealer.unseal(Purpose::Told, u64::from(node), &sealed) else { continue };
            for count in Count::read_all(&plain) {
                match count {
                    Count::Sent { vs, number, ip, is_checked, purpose } => {
                        self.count_elsewhere(
                            &view,
                            &Question { vs, number, purpose, ip, is_checked, now_ms },
                        );
                    }
                    Count::Converted { vs, number } => self.converted_elsewhere(vs, number),
                    Count::Requests { key, count } => self.exchange.request_elsewhere(key, count),
                }
            }
        }
    }
}

// === impl Count ===

impl<'a> Count<'a> {
    /// Its length in one octet, and its parts: numbers in little-endian.
    fn write(&self, into: &mut Vec<u8>) {
        let begin = into.len();
        into.push(0);
        match self {
            Self::Sent { vs, number, ip, is_checked, purpose } => {
                into.push(SENT);
                into.extend_from_slice(&vs.0.to_le_bytes());
                into.extend_from_slice(&number.as_u64().to_le_bytes());
                into.push(u8::from(*is_checked));
                match ip {
                    None => into.push(0),
                    Some(IpAddr::V4(ip)) => {
                        into.push(4);
                        into.extend_from_slice(&ip.octets());
                    }
                    Some(IpAddr::V6(ip)) => {
                        into.push(16);
                        into.extend_from_slice(&ip.octets());
                    }
                }
                into.extend_from_slice(purpose.as_bytes());
            }
            Self::Converted { vs, number } => {
                into.push(CONVERTED);
                into.extend_from_slice(&vs.0.to_le_bytes());
                into.extend_from_slice(&number.as_u64().to_le_bytes());
            }
            Self::Requests { key, count } => {
                into.push(REQUESTS);
                into.extend_from_slice(&key.to_le_bytes());
                into.extend_from_slice(&count.to_le_bytes());
            }
        }
        let length = u8::try_from(into.len() - begin - 1).unwrap_or(0);
        match into.get_mut(begin) {
            Some(place) if length > 0 => *place = length,
            // Longer than can be: it is not told.
            _ => into.truncate(begin),
        }
    }

    /// All that can be read; what another version added is passed over.
    fn read_all(octets: &'a [u8]) -> impl Iterator<Item = Self> {
        let mut rest = octets;
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first()?;
            let (count, after) = after.split_at_checked(usize::from(*length))?;
            rest = after;
            Some(Self::read(count))
        })
        .flatten()
    }

    fn read(octets: &'a [u8]) -> Option<Self> {
        fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
            let (first, after) = rest.split_first_chunk::<N>()?;
            *rest = after;
            Some(*first)
        }
        let mut rest = octets;
        let [kind] = take(&mut rest)?;
        let first = u32::from_le_bytes(take(&mut rest)?);
        if kind == REQUESTS {
            return Some(Self::Requests { key: first, count: u32::from_le_bytes(take(&mut rest)?) });
        }
        let (vs, number) = (VsId(first), PhoneNumber::from_u64(u64::from_le_bytes(take(&mut rest)?))?);
        match kind {
            CONVERTED => Some(Self::Converted { vs, number }),
            SENT => {
                let [is_checked, ip] = take(&mut rest)?;
                let ip = match ip {
                    0 => None,
                    4 => Some(IpAddr::from(take::<4>(&mut rest)?)),
                    _ => Some(IpAddr::from(take::<16>(&mut rest)?)),
                };
                let purpose = std::str::from_utf8(rest).ok()?;
                Some(Self::Sent { vs, number, ip, is_checked: is_checked != 0, purpose })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: u64) -> PhoneNumber {
        PhoneNumber::from_u64(15_550_100_000 + n).unwrap()
    }

    fn question(n: u64, purpose: &str) -> Question<'_> {
        let ip = match n % 3 {
            0 => None,
            1 => Some(IpAddr::from([192, 0, 2, 7])),
            _ => Some(IpAddr::from([0x2001, 0xDB8, 0, 0, 0, 0, 0, 1])),
        };
        Question { vs: VsId(7), number: number(n), purpose, ip, is_checked: n.is_multiple_of(2), now_ms: 0 }
    }

    #[test]
    fn what_is_counted_reads_back_in_pieces_that_can_be_told() {
        let exchange = Exchange::default();
        exchange.sent(&question(0, "nobody is there"));
        assert!(exchange.take().is_empty());
        exchange.has_others(true);
        (0..500).for_each(|n| exchange.sent(&question(n, "sign-in ü")));
        exchange.converted(VsId(7), number(9));
        exchange.sent(&question(1, &"x".repeat(300)));
        (0..3).for_each(|_| exchange.request(5));
        let pieces = exchange.take();
        assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.len() + SEAL <= MOST_TOLD));
        let read: Vec<Count> = pieces.iter().flat_map(|piece| Count::read_all(piece)).collect();
        assert_eq!(read.len(), 503);
        for (n, count) in (0..500).zip(&read) {
            let Question { vs, number, purpose, ip, is_checked, .. } = question(n, "sign-in ü");
            assert_eq!(*count, Count::Sent { vs, number, ip, is_checked, purpose });
        }
        assert_eq!(read[500], Count::Converted { vs: VsId(7), number: number(9) });
        assert!(matches!(read[501], Count::Sent { purpose: "", .. }));
        assert_eq!(read[502], Count::Requests { key: 5, count: 3 });
        assert!(exchange.take().is_empty());
    }

    #[test]
    fn nonsense_is_nothing_and_what_is_unknown_is_passed_over() {
        for octets in [&[][..], &[9], &[1, 2], &[255, 1, 1], &[0, 0, 0]] {
            assert_eq!(Count::read_all(octets).count(), 0, "{octets:?}");
        }
        let mut told = vec![2, 99, 0];
        Count::Requests { key: 1, count: 2 }.write(&mut told);
        assert_eq!(Count::read_all(&told).collect::<Vec<_>>(), [Count::Requests { key: 1, count: 2 }]);
    }

    #[test]
    fn requests_elsewhere_are_told_once_to_whoever_asks() {
        let exchange = Exchange::default();
        exchange.request_elsewhere(3, 2);
        exchange.request_elsewhere(3, 5);
        assert_eq!([3, 3, 4].map(|key| exchange.requests_elsewhere(key)), [7, 0, 0]);
    }
}
