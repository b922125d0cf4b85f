//! The opt-outs that are in force, in memory: what the way of a message looks at.

use smallvec::SmallVec;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use textgate_sms::VsId;
use textgate_store::PhoneKey;

/// All opt-outs. Where nobody has opted out of anything, a look is one load; where nobody has of this virtual server's messages, one
/// lock that is shared, and no digest is computed.
#[derive(Default)]
pub(crate) struct OptOuts {
    lists: RwLock<HashMap<VsId, List>>,
    count: AtomicU64,
    /// The entry of the consent log up to which the lists are; held while they are brought further.
    pub(super) seen: tokio::sync::Mutex<u64>,
}

/// The opt-outs of one virtual server. A phone is the first half of its digest: among a million, one in 18 million million others is
/// taken for one of them.
#[derive(Default)]
struct List {
    /// Of all its senders.
    all: HashSet<u64, Digested>,
    /// Of some.
    of_senders: HashMap<u64, SmallVec<[Box<str>; 1]>, Digested>,
}

type Digested = BuildHasherDefault<AsItIs>;

/// What is a digest needs no other.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = self.0.rotate_left(8) ^ u64::from(*octet);
        }
    }

    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }
}

fn short(key: PhoneKey) -> u64 {
    let [first, ..] = key.as_chunks::<8>().0 else { return 0 };
    u64::from_be_bytes(*first)
}

/// More characters than any sender has.
const LONGEST_SENDER: usize = 40;

/// A sender as opt-outs name it: without what does not distinguish senders. Empty for none.
pub(crate) fn sender_of(text: &str) -> String {
    let sender = text.trim().trim_start_matches('+').chars().filter(|c| !c.is_control());
    sender.take(LONGEST_SENDER).flat_map(char::to_lowercase).collect()
}

impl OptOuts {
    /// Whether a message of this sender is not wanted by this phone. One that names no sender leaves under whichever the gateway has, so it
    /// is held to each opt-out.
    pub(crate) fn has(&self, vs: VsId, sender: Option<&str>, key: impl FnOnce() -> PhoneKey) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        let Some(list) = lists.get(&vs) else { return false };
        let key = short(key());
        if list.all.contains(&key) {
            return true;
        }
        let Some(senders) = list.of_senders.get(&key) else { return false };
        match sender.map(sender_of).filter(|sender| !sender.is_empty()) {
            Some(sender) => senders.iter().any(|out| **out == sender),
            None => true,
        }
    }

    /// Notes that an opt-out began, or ended.
    pub(super) fn note(&self, vs: VsId, key: PhoneKey, sender: &str, is_out: bool) {
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        let list = lists.entry(vs).or_default();
        let key = short(key);
        let change: i64 = match (is_out, sender.is_empty()) {
            (true, true) => list.all.insert(key).into(),
            (false, true) => -i64::from(list.all.remove(&key)),
            (true, false) => {
                let senders = list.of_senders.entry(key).or_default();
                let is_new = senders.iter().all(|there| **there != *sender);
                if is_new {
                    senders.push(sender.into());
                }
                is_new.into()
            }
            (false, false) => {
                let mut gone = 0;
                if let Some(senders) = list.of_senders.get_mut(&key) {
                    let before = senders.len();
                    senders.retain(|there| **there != *sender);
                    gone = before - senders.len();
                    if senders.is_empty() {
                        list.of_senders.remove(&key);
                    }
                }
                -i64::try_from(gone).unwrap_or(0)
            }
        };
        if list.all.is_empty() && list.of_senders.is_empty() {
            lists.remove(&vs);
        }
        self.count.fetch_add_signed(change);
    }

    /// Forgets those of virtual servers that are gone.
    pub(crate) fn keep_only(&self, is_there: impl Fn(VsId) -> bool) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        lists.retain(|vs, _| is_there(*vs));
        let count = |list: &List| list.all.len() + list.of_senders.values().map(SmallVec::len).sum::<usize>();
        self.count.store(lists.values().map(count).sum::<usize>() as u64, Ordering::Relaxed);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// How many there are of one virtual server.
    pub(super) fn count_of(&self, vs: VsId) -> usize {
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        let count = |list: &List| list.all.len() + list.of_senders.values().map(SmallVec::len).sum::<usize>();
        lists.get(&vs).map_or(0, count)
    }
}

/// Counts up or down.
trait AddSigned {
    fn fetch_add_signed(&self, change: i64);
}

impl AddSigned for AtomicU64 {
    fn fetch_add_signed(&self, change: i64) {
        if change >= 0 {
            self.fetch_add(change.unsigned_abs(), Ordering::Relaxed);
        } else {
            self.fetch_sub(change.unsigned_abs(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: VsId = VsId(2);
    const OTHER: VsId = VsId(3);

    fn key(n: u8) -> PhoneKey {
        [n; 16]
    }

    #[test]
    fn an_opt_out_is_of_one_virtual_server_and_of_all_its_senders() {
        let list = OptOuts::default();
        assert!(!list.has(ONE, None, || panic!("nobody has opted out: nothing is computed")));
        list.note(ONE, key(1), "", true);
        assert!(!list.has(OTHER, None, || panic!("nobody has opted out of this one")));
        assert!(list.has(ONE, None, || key(1)) && list.has(ONE, Some("ACME"), || key(1)));
        assert!(!list.has(ONE, None, || key(2)));
        list.note(ONE, key(1), "", true);
        assert_eq!(list.count(), 1, "said twice, it is one");
        list.note(ONE, key(1), "", false);
        list.note(ONE, key(1), "", false);
        assert!(!list.has(ONE, None, || key(1)));
        assert_eq!(list.count(), 0);
    }

    #[test]
    fn one_of_a_sender_leaves_the_others_and_holds_for_a_message_that_names_none() {
        let list = OptOuts::default();
        list.note(ONE, key(1), &sender_of(" +15550100 "), true);
        list.note(ONE, key(1), "acme", true);
        assert!(list.has(ONE, Some("15550100"), || key(1)) && list.has(ONE, Some("+15550100"), || key(1)));
        assert!(list.has(ONE, Some("Acme"), || key(1)));
        assert!(!list.has(ONE, Some("Other"), || key(1)));
        assert!(list.has(ONE, None, || key(1)) && list.has(ONE, Some(""), || key(1)));
        list.note(ONE, key(1), "acme", false);
        assert!(!list.has(ONE, Some("acme"), || key(1)) && list.has(ONE, None, || key(1)));
        list.keep_only(|vs| vs != ONE);
        assert_eq!((list.count(), list.count_of(ONE)), (0, 0));
    }
}
