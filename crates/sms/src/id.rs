//! Message ids: 63 bits that sort by time of acceptance, written as 13 characters of Crockford base 32.

use std::fmt;

/// The id of one message: milliseconds since 2020, the node that accepted it, and a sequence within the
/// millisecond, so that ids sort by time and nodes never meet. Always positive as an `i64`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(u64);

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const EPOCH_2020_MS: i64 = 1_577_836_800_000;
const NODE_BITS: u32 = 8;
const SEQUENCE_BITS: u32 = 13;
const LENGTH: usize = 13;

impl MessageId {
    /// The id from its integer form, as a store keeps it.
    pub fn from_u64(n: u64) -> Self {
        Self(n & (u64::MAX >> 1))
    }

    /// The id as an integer, at most 63 bits.
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// Reads the 13 characters of an id; case does not matter.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != LENGTH {
            return None;
        }
        let mut n: u64 = 0;
        for byte in text.bytes() {
            let digit = ALPHABET.iter().position(|a| *a == byte.to_ascii_lowercase())?;
            n = n.checked_mul(32)?.checked_add(digit as u64)?;
        }
        (n >> 63 == 0).then_some(Self(n))
    }

    /// When the message was accepted, in milliseconds of Unix time.
    pub fn accepted_ms(self) -> i64 {
        (self.0 >> (NODE_BITS + SEQUENCE_BITS)) as i64 + EPOCH_2020_MS
    }

    /// The node that gave the id.
    pub fn node(self) -> u8 {
        (self.0 >> SEQUENCE_BITS) as u8
    }

    /// The least id that a message accepted at `unix_ms` can have: the border for a search by time.
    pub fn first_at(unix_ms: i64) -> Self {
        let ms = (unix_ms - EPOCH_2020_MS).clamp(0, (1 << 42) - 1) as u64;
        Self(ms << (NODE_BITS + SEQUENCE_BITS))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0u8; LENGTH];
        let mut n = self.0;
        for slot in text.iter_mut().rev() {
            *slot = ALPHABET[(n & 31) as usize];
            n >>= 5;
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Hands out ids in rising order, however the wall clock jumps.
#[derive(Debug)]
pub struct IdSequence {
    node: u64,
    last: u64,
}

impl IdSequence {
    /// A sequence for this node (0 where there is only one) that goes on after `last`, the newest id known.
    pub fn new(node: u8, last: MessageId) -> Self {
        Self {
            node: u64::from(node),
            last: last.0 >> (NODE_BITS + SEQUENCE_BITS) << SEQUENCE_BITS
                | last.0 & ((1 << SEQUENCE_BITS) - 1),
        }
    }

    /// The next id, for a message accepted at `now_ms` (Unix time). A clock that stands still or goes back
    /// costs nothing: the id then goes on from the last one.
    pub fn next(&mut self, now_ms: i64) -> MessageId {
        let ms = (now_ms - EPOCH_2020_MS).clamp(0, (1 << 41) - 1) as u64;
        self.last = (ms << SEQUENCE_BITS).max(self.last + 1);
        let (ms, sequence) = (self.last >> SEQUENCE_BITS, self.last & ((1 << SEQUENCE_BITS) - 1));
        MessageId::from_u64((ms << NODE_BITS | self.node) << SEQUENCE_BITS | sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_even_when_the_clock_goes_back() {
        let mut ids = IdSequence::new(0, MessageId::from_u64(0));
        let mut last = ids.next(1_800_000_000_000);
        for step in 0..20_000 {
            let next = ids.next(1_800_000_000_000 - step);
            assert!(next > last);
            last = next;
        }
        let again = IdSequence::new(0, last).next(1_700_000_000_000);
        assert!(again > last, "a restart goes on after the newest id");
    }

    #[test]
    fn the_text_form_reads_back_and_sorts_like_the_number() {
        let mut ids = IdSequence::new(7, MessageId::from_u64(0));
        let (a, b) = (ids.next(1_800_000_000_000), ids.next(1_800_000_000_001));
        assert_eq!(MessageId::parse(&a.to_string()), Some(a));
        assert_eq!(MessageId::parse(&a.to_string().to_uppercase()), Some(a));
        assert!(a.to_string() < b.to_string());
        assert_eq!(a.accepted_ms(), 1_800_000_000_000);
        assert!(MessageId::first_at(1_800_000_000_001) <= b && MessageId::first_at(1_800_000_000_001) > a);
    }

    #[test]
    fn an_id_tells_its_node() {
        for node in [0, 7, 255] {
            let id = IdSequence::new(node, MessageId::from_u64(0)).next(1_800_000_000_000);
            assert_eq!((id.node(), id.accepted_ms()), (node, 1_800_000_000_000));
        }
    }

    #[test]
    fn what_is_no_id_is_none() {
        for text in ["", "0", "zzzzzzzzzzzzz", "00000000000u0", "00000000000000"] {
            assert_eq!(MessageId::parse(text), None, "{text}");
        }
    }
}
