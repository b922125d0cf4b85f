//! The keys of an installation: one that seals, and others that only open what was sealed before.

use getrandom::fill;
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// Most keys at once: far more than a change of keys needs.
pub const MOST_KEYS: usize = 64;

/// 32 random octets.
pub type Octets = Zeroizing<[u8; 32]>;

/// One key.
#[derive(Clone, PartialEq, Eq)]
pub struct SealingKey {
    /// Its number, which everything sealed under it names. The first key of an installation is 0; none is used again.
    pub id: u16,
    /// When it was made (Unix time, ms), where that is known.
    pub made_ms: Option<i64>,
    /// What the keys for each purpose are derived from.
    pub master: Octets,
}

/// What a key file holds.
///
/// Beside the keys there is the *derivation key*, which never changes: receipt addresses, recovery codes, Idempotency-Keys and notes of
/// PINs are digests under it, which cannot be computed anew, and which others (providers, people) know. The keys that seal do not follow from it.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    derivation: Octets,
    keys: Vec<SealingKey>,
    sealing: u16,
}

/// What stands for a key file, as a store keeps it among its numbers.
pub(crate) fn halves_of(mark: [u8; 16]) -> [i64; 2] {
    let mark = u128::from_le_bytes(mark);
    [mark as u64 as i64, (mark >> 64) as u64 as i64]
}

/// The reverse of [`halves_of`].
pub(crate) fn mark_of([first, second]: [i64; 2]) -> [u8; 16] {
    (u128::from(second as u64) << 64 | u128::from(first as u64)).to_le_bytes()
}

/// What a file of keys cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// No key that seals, a number used twice, or too many.
    #[error("it has no key that seals, one number twice, or more than {MOST_KEYS} keys")]
    Inconsistent,
    /// All numbers are used up.
    #[error("no number is left for another key")]
    NoNumber,
    /// The system gave no random numbers.
    #[error("the system's random number generator failed")]
    NoRandomness,
}

impl Keys {
    /// The keys of an installation that has never changed its key.
    pub fn first(master: [u8; 32], made_ms: Option<i64>) -> Self {
        let derivation = derive(&master, "textgate request 1");
        let key = SealingKey { id: 0, made_ms, master: Zeroizing::new(master) };
        Self { derivation: Zeroizing::new(derivation), keys: vec![key], sealing: 0 }
    }

    /// As they were written down.
    ///
    /// # Errors
    /// [`KeysError::Inconsistent`].
    pub fn new(derivation: Octets, mut keys: Vec<SealingKey>, sealing: u16) -> Result<Self, KeysError> {
        keys.sort_by_key(|key| key.id);
        let is_unique = keys.is_sorted_by(|a, b| a.id < b.id);
        if !is_unique || keys.len() > MOST_KEYS || !keys.iter().any(|key| key.id == sealing) {
            return Err(KeysError::Inconsistent);
        }
        Ok(Self { derivation, keys, sealing })
    }

    /// What digests are made under.
    pub fn derivation(&self) -> &[u8; 32] {
        &self.derivation
    }

    /// The number of the key that seals.
    pub fn sealing(&self) -> u16 {
        self.sealing
    }

    /// All keys, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &SealingKey> {
        self.keys.iter()
    }

    /// Whether there are keys that only open what was sealed before.
    pub fn has_older(&self) -> bool {
        self.keys.iter().any(|key| key.id < self.sealing)
    }

    /// Whether both are of one installation, and no number stands for two keys.
    pub fn fits(&self, other: &Self) -> bool {
        let is_one = |key: &SealingKey| other.keys.iter().all(|o| o.id != key.id || o.master == key.master);
        self.derivation == other.derivation && self.keys.iter().all(is_one)
    }

    /// The same with a new key, which waits to be taken up.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn with_new(&self, made_ms: i64) -> Result<Self, KeysError> {
        let newest = self.keys.last().map_or(0, |key| key.id);
        let id = newest.checked_add(1).ok_or(KeysError::NoNumber)?;
        let mut master = Zeroizing::new([0; 32]);
        fill(&mut master[..]).map_err(|_| KeysError::NoRandomness)?;
        let mut keys = self.keys.clone();
        keys.push(SealingKey { id, made_ms: Some(made_ms), master });
        Self::new(self.derivation.clone(), keys, self.sealing)
    }

    /// The same, with the newest key as the one that seals.
    #[must_use]
    pub fn sealing_by_newest(&self) -> Self {
        let newest = self.keys.last().map_or(self.sealing, |key| key.id);
        Self { sealing: newest, ..self.clone() }
    }

    /// The same without the keys that only open, and their numbers.
    #[must_use]
    pub fn without_older(&self) -> (Self, Vec<u16>) {
        let (keys, older): (Vec<_>, Vec<_>) =
            self.keys.iter().cloned().partition(|key| key.id >= self.sealing);
        (Self { keys, ..self.clone() }, older.iter().map(|key| key.id).collect())
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<u16> = self.keys.iter().map(|key| key.id).collect();
        f.debug_struct("Keys").field("ids", &ids).field("sealing", &self.sealing).finish_non_exhaustive()
    }
}

/// Where keys survive: the key file, which only the binary knows.
pub trait KeyFile: Send + Sync {
    /// The keys as they are there now; what is in the way, and what to do.
    fn read(&self) -> Result<Keys, String>;
    /// Puts these there, whole or not at all, and durably; what is in the way, and what to do.
    fn write(&self, keys: &Keys) -> Result<(), String>;
}

/// A key for one purpose.
pub(crate) fn derive(master: &[u8; 32], label: &str) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(label.as_bytes());
    hash.update([0]);
    hash.update(master);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_waits_then_seals_and_the_older_can_be_dropped() {
        let first = Keys::first([1; 32], None);
        assert!(!first.has_older());
        let waiting = first.with_new(7).unwrap();
        assert_eq!((waiting.sealing(), waiting.has_older()), (0, false));
        let taken = waiting.sealing_by_newest();
        assert_eq!((taken.sealing(), taken.has_older()), (1, true));
        assert!(taken.fits(&first) && first.fits(&taken));
        let (left, dropped) = taken.without_older();
        assert_eq!((left.iter().count(), dropped), (1, vec![0]));
        assert_eq!(left.derivation(), first.derivation(), "what others know stays as it is");
        assert_eq!(left.with_new(8).unwrap().iter().last().unwrap().id, 2, "no number is used again");
        assert!(!left.has_older() && left.fits(&taken));
    }

    #[test]
    fn keys_of_another_installation_do_not_fit() {
        let (ours, theirs) = (Keys::first([1; 32], None), Keys::first([2; 32], None));
        assert!(!ours.fits(&theirs));
        let (one, other) = (ours.with_new(1).unwrap(), ours.with_new(1).unwrap());
        assert!(!one.fits(&other), "number 1 stands for two keys");
    }

    #[test]
    fn keys_that_cannot_be_are_refused() {
        let key = |id| SealingKey { id, made_ms: None, master: Zeroizing::new([id as u8; 32]) };
        let of = |keys, sealing| Keys::new(Zeroizing::new([9; 32]), keys, sealing);
        assert!(of(vec![key(2), key(1)], 1).is_ok());
        assert_eq!(of(vec![key(1)], 2).unwrap_err(), KeysError::Inconsistent);
        assert_eq!(of(vec![key(1), key(1)], 1).unwrap_err(), KeysError::Inconsistent);
        assert_eq!(of((0..65).map(key).collect(), 1).unwrap_err(), KeysError::Inconsistent);
        let last = of(vec![key(u16::MAX)], u16::MAX).unwrap();
        assert_eq!(last.with_new(1).unwrap_err(), KeysError::NoNumber);
        assert!(!format!("{last:?}").contains("255, 255"), "no octet of a key is shown");
    }
}
