//! How often phones are answered: two programs that answer each other come to an end, and a flood of made-up numbers costs little.

use super::wording::Word;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use textgate_sms::VsId;
use textgate_store::PhoneKey;

/// Most answers to one phone in an hour, to each of the three wishes.
const MOST_TO_A_PHONE: u8 = 2;
/// Most answers of one virtual server in an hour.
const MOST_OF_A_SERVER: u32 = 1_000;
/// An hour (ms).
const HOUR_MS: i64 = 3_600_000;

/// The answers of the present hour, for each virtual server.
#[derive(Default)]
pub(crate) struct Replies(Mutex<HashMap<VsId, Hour>>);

#[derive(Default)]
struct Hour {
    hour: i64,
    sent: u32,
    /// At most [`MOST_OF_A_SERVER`] phones.
    phones: HashMap<PhoneKey, [u8; 3]>,
}

impl Replies {
    /// Whether a phone may be answered once more; counts it where it may.
    pub(super) fn allow(&self, vs: VsId, key: PhoneKey, word: Word, now_ms: i64) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_server = all.entry(vs).or_default();
        let hour = now_ms.div_euclid(HOUR_MS);
        if of_server.hour != hour {
            *of_server = Hour { hour, ..Hour::default() };
        }
        if of_server.sent >= MOST_OF_A_SERVER {
            return false;
        }
        let sent = &mut of_server.phones.entry(key).or_default()[word as usize];
        if *sent >= MOST_TO_A_PHONE {
            return false;
        }
        *sent += 1;
        of_server.sent += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_is_answered_a_few_times_an_hour_and_a_flood_of_phones_not_for_ever() {
        let replies = Replies::default();
        let (one, other) = (VsId(2), VsId(3));
        let say = |vs, key: u8, word, now_ms| replies.allow(vs, [key; 16], word, now_ms);
        assert!(say(one, 1, Word::Help, 0) && say(one, 1, Word::Help, 1));
        assert!(!say(one, 1, Word::Help, 2), "a loop ends");
        assert!(say(one, 1, Word::Stop, 3) && say(other, 1, Word::Help, 4) && say(one, 2, Word::Help, 5));
        assert!(say(one, 1, Word::Help, HOUR_MS));
        let flood = |n: u32| {
            let mut key = [0; 16];
            key[..4].copy_from_slice(&n.to_be_bytes());
            replies.allow(one, key, Word::Help, 2 * HOUR_MS)
        };
        assert_eq!((0..5_000).filter(|n| flood(*n)).count(), MOST_OF_A_SERVER as usize);
        assert!(say(other, 9, Word::Help, 2 * HOUR_MS), "each has its own");
    }
}
