//! Parts of long messages, kept until all of one are there.

use std::collections::HashMap;
use std::hash::Hash;

/// How many incomplete messages and octets of them are kept; beyond, all are forgotten.
const MOST_INCOMPLETE: usize = 10_000;
const MOST_INCOMPLETE_OCTETS: usize = 64 << 20;

/// What all parts of one message share.
pub(crate) trait Whole: Eq + Hash {
    /// How many parts there are.
    fn total(&self) -> u8;
}

/// The parts of messages that are not complete yet.
pub(crate) struct Parts<K, P> {
    parts: HashMap<K, Vec<Part<P>>>,
    octets: usize,
}

struct Part<P> {
    number: u8,
    octets: usize,
    part: P,
}

impl<K, P> Default for Parts<K, P> {
    fn default() -> Self {
        Self { parts: HashMap::new(), octets: 0 }
    }
}

impl<K: Whole, P> Parts<K, P> {
    /// Takes a part, which weighs so many octets; gives back all of its message, in order, when it was the last one missing.
    pub(crate) fn add(&mut self, key: K, number: u8, octets: usize, part: P) -> Option<Vec<P>> {
        self.octets += octets;
        if self.parts.len() >= MOST_INCOMPLETE || self.octets > MOST_INCOMPLETE_OCTETS {
            self.parts.clear();
            self.octets = octets;
        }
        let total = usize::from(key.total());
        let mut parts = self.parts.remove(&key).unwrap_or_default();
        let part = Part { number, octets, part };
        // A part that comes again replaces the one that was there.
        match parts.binary_search_by_key(&number, |part| part.number) {
            Ok(place) => {
                if let Some(old) = parts.get_mut(place) {
                    self.octets = self.octets.saturating_sub(old.octets);
                    *old = part;
                }
            }
            Err(place) => parts.insert(place, part),
        }
        if parts.len() < total {
            self.parts.insert(key, parts);
            return None;
        }
        self.octets = self.octets.saturating_sub(parts.iter().map(|part| part.octets).sum());
        Some(parts.into_iter().map(|part| part.part).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(PartialEq, Eq, Hash)]
    struct Key(&'static str, u8);

    impl Whole for Key {
        fn total(&self) -> u8 {
            self.1
        }
    }

    #[test]
    fn a_message_is_whole_when_its_last_part_came_in_any_order() {
        let mut parts = Parts::default();
        assert_eq!(parts.add(Key("a", 3), 3, 1, 'c'), None);
        assert_eq!(parts.add(Key("b", 2), 1, 1, 'x'), None);
        assert_eq!(parts.add(Key("a", 3), 1, 1, '?'), None);
        assert_eq!(parts.add(Key("a", 3), 1, 1, 'a'), None, "a part that comes again replaces the first");
        assert_eq!(parts.add(Key("a", 3), 2, 1, 'b'), Some(vec!['a', 'b', 'c']));
        assert_eq!(parts.octets, 1);
    }

    #[test]
    fn incomplete_messages_do_not_grow_without_end() {
        let mut parts = Parts::default();
        for _ in 0..3 {
            assert_eq!(parts.add(Key("a", 2), 1, MOST_INCOMPLETE_OCTETS / 2 + 1, ()), None);
        }
        assert_eq!(parts.add(Key("b", 2), 1, MOST_INCOMPLETE_OCTETS / 2 + 1, ()), None);
        assert_eq!(parts.parts.len(), 1);
    }
}
