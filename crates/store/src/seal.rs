//! Encryption at rest: what is sealed here can only be read with the key file.

use crate::keys::{KeyFile, Keys, Octets, derive};
use arc_swap::{ArcSwap, Guard};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use ring::hmac;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a sealed thing is for. Each purpose has its own key, so that one cannot be passed off as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A message's text; bound to the message's id.
    Text,
    /// A gateway's settings; bound to the gateway's id.
    Settings,
    /// A message that a phone sent.
    Inbound,
    /// The secret of a user's second factor; bound to the user's number.
    Totp,
    /// What an alert says and to whom; bound to the alert's id.
    Alert,
    /// The secret that signs a webhook endpoint's events; bound to the endpoint's number.
    Webhook,
}

/// Why something could not be unsealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Another key, or changed bytes.
    #[error("cannot be decrypted: the key file is not the one it was written with, or the data is damaged")]
    Wrong,
    /// It names a key that is not there.
    #[error("is sealed under key {0}, which is not in the key file: restore the key file that belongs to it")]
    NoSuchKey(u16),
    /// The system gave no random numbers.
    #[error("the system's random number generator failed")]
    NoRandomness,
}

/// Seals and unseals with XChaCha20-Poly1305 under keys derived from the key file's.
///
/// A sealed thing begins with its nonce of 24 octets: 16 that are random for each process, the number of its key, and 6 that
/// count. The first key is number 0, and what was sealed before there were numbers counted in 8 octets, the first two of which
/// were never anything but 0: so that names its key as well.
pub struct Sealer {
    ring: ArcSwap<Ring>,
    mac: Octets,
    passcodes: hmac::Key,
    prefix: [u8; 16],
    counter: AtomicU64,
    file: Option<Arc<dyn KeyFile>>,
}

/// The keys in use.
struct Ring {
    keys: Keys,
    sealing: Ciphers,
    /// By number. Keys that have left the file stay: what was read before is still to be opened.
    opening: Vec<(u16, Ciphers)>,
}

type Ciphers = [XChaCha20Poly1305; 6];

/// While this is there, what was sealed meanwhile may still be on its way to the store.
pub struct Held(#[allow(dead_code, reason = "it is what is counted")] Guard<Arc<Ring>>);

/// Keys that were in use until others took their place.
pub struct Superseded(Arc<Ring>);

impl Sealer {
    /// A sealer with this one key, 32 random octets.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn new(master: &[u8; 32]) -> Result<Self, SealError> {
        Self::of(Keys::first(*master, None), None)
    }

    /// A sealer with these keys, which are kept in this file.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn kept_in(file: Arc<dyn KeyFile>, keys: Keys) -> Result<Self, SealError> {
        Self::of(keys, Some(file))
    }

    fn of(keys: Keys, file: Option<Arc<dyn KeyFile>>) -> Result<Self, SealError> {
        let mut prefix = [0; 16];
        getrandom::fill(&mut prefix).map_err(|_| SealError::NoRandomness)?;
        let mac = Octets::new(*keys.derivation());
        let passcodes = hmac::Key::new(hmac::HMAC_SHA256, &derive(keys.derivation(), "textgate passcode 1"));
        let ring = ArcSwap::from_pointee(Ring::new(keys, &[]).ok_or(SealError::Wrong)?);
        Ok(Self { ring, mac, passcodes, prefix, counter: AtomicU64::new(0), file })
    }

    /// Where the keys are kept, if anywhere.
    pub fn file(&self) -> Option<Arc<dyn KeyFile>> {
        self.file.clone()
    }

    /// The keys in use.
    pub fn keys(&self) -> Keys {
        self.ring.load().keys.clone()
    }

    /// Whether what is sealed under this key can be opened.
    pub fn has(&self, key: u16) -> bool {
        self.ring.load().opening.iter().any(|(id, _)| *id == key)
    }

    /// To be held from before something is sealed until its operation is queued at the store, so that a change of keys knows when
    /// nothing sealed under the old one is on its way any more.
    pub fn hold(&self) -> Held {
        Held(self.ring.load())
    }

    /// Whether these keys can take the place of those in use.
    ///
    /// # Errors
    /// [`SealError::Wrong`] where they are another installation's, [`SealError::NoSuchKey`] where they lack the one that seals now.
    pub fn check(&self, keys: &Keys) -> Result<(), SealError> {
        let current = &self.ring.load().keys;
        let sealing = current.sealing();
        match (keys.fits(current), keys.iter().any(|key| key.id == sealing)) {
            (false, _) => Err(SealError::Wrong),
            (true, false) => Err(SealError::NoSuchKey(sealing)),
            (true, true) => Ok(()),
        }
    }

    /// Uses these keys from now on. Those that were in use before can still open.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn take_up(&self, keys: Keys) -> Result<Superseded, SealError> {
        self.check(&keys)?;
        let before = self.ring.load_full();
        let ring = Ring::new(keys, &before.opening).ok_or(SealError::Wrong)?;
        Ok(Superseded(self.ring.swap(Arc::new(ring))))
    }

    /// Seals `plain`, bound to `owner`: 24 octets of nonce, then the ciphertext with its tag.
    pub fn seal(&self, purpose: Purpose, owner: u64, plain: &[u8]) -> Vec<u8> {
        let ring = self.ring.load();
        // Random per process and counted within it: unique without asking the system for each message. In 6 octets a process can count
        // a million a second for nine years.
        let mut nonce = [0u8; 24];
        nonce[..16].copy_from_slice(&self.prefix);
        nonce[16..].copy_from_slice(&self.counter.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        nonce[KEY].copy_from_slice(&ring.keys.sealing().to_be_bytes());
        let payload = Payload { msg: plain, aad: &owner.to_be_bytes() };
        // Fails only for plaintexts of 256 GiB.
        let sealed =
            ring.sealing[purpose as usize].encrypt(&XNonce::from(nonce), payload).unwrap_or_default();
        [&nonce[..], &sealed].concat()
    }

    /// The reverse of [`seal`](Self::seal) for the same purpose and owner.
    ///
    /// # Errors
    /// [`SealError::Wrong`], [`SealError::NoSuchKey`].
    pub fn unseal(&self, purpose: Purpose, owner: u64, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, octets) = sealed.split_first_chunk::<24>().ok_or(SealError::Wrong)?;
        let key = key_of(sealed).ok_or(SealError::Wrong)?;
        let ring = self.ring.load();
        let (_, ciphers) =
            ring.opening.iter().rev().find(|(id, _)| *id == key).ok_or(SealError::NoSuchKey(key))?;
        let payload = Payload { msg: octets, aad: &owner.to_be_bytes() };
        ciphers[purpose as usize].decrypt(&XNonce::from(*nonce), payload).map_err(|_| SealError::Wrong)
    }

    /// A keyed digest, for comparing requests without keeping them: codes are too few to hash without a key. It is the same for
    /// good: a change of keys does not change it.
    pub fn digest(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut hash = Sha256::new_with_prefix(&self.mac[..]);
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        // Keyed at both ends, so that nothing can be appended.
        hash.update(&self.mac[..]);
        let mut digest = [0; 16];
        digest.copy_from_slice(&hash.finalize()[..16]);
        digest
    }

    /// HMAC-SHA-256 (RFC 2104) of these parts under a key that serves passcodes alone: what a passcode's code follows from, and
    /// what stands for a code in the store.
    pub fn passcode_mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = hmac::Context::with_key(&self.passcodes);
        for part in parts {
            // Each with its length, so that no two lists of parts are the same octets.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let mut octets = [0; 32];
        octets.copy_from_slice(mac.sign().as_ref());
        octets
    }
}

/// Where in a sealed thing the number of its key stands.
const KEY: std::ops::Range<usize> = 16..18;

/// The number of the key that something is sealed under; `None` where it is too short to be sealed.
pub fn key_of(sealed: &[u8]) -> Option<u16> {
    let octets: [u8; 2] = sealed.get(KEY)?.try_into().ok()?;
    (sealed.len() >= 24).then_some(u16::from_be_bytes(octets))
}

impl Ring {
    /// `None` where the key that seals is not among them.
    fn new(keys: Keys, before: &[(u16, Ciphers)]) -> Option<Self> {
        let mut opening: Vec<_> =
            before.iter().filter(|(id, _)| keys.iter().all(|key| key.id != *id)).cloned().collect();
        opening.extend(keys.iter().map(|key| (key.id, ciphers(&key.master))));
        let sealing = opening.iter().find(|(id, _)| *id == keys.sealing())?.1.clone();
        Some(Self { keys, sealing, opening })
    }
}

impl Superseded {
    /// Whether nobody seals with them any more, nor holds them.
    pub fn is_free(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

fn ciphers(master: &[u8; 32]) -> Ciphers {
    let cipher = |label: &str| XChaCha20Poly1305::new(&Key::from(derive(master, label)));
    [
        cipher("textgate text 1"),
        cipher("textgate settings 1"),
        cipher("textgate inbound 1"),
        cipher("textgate totp 1"),
        cipher("textgate alert 1"),
        cipher("textgate webhook 1"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_purpose_and_owner_unseal() {
        let sealer = Sealer::new(&[1; 32]).unwrap();
        let sealed = sealer.seal(Purpose::Text, 7, b"code 123456");
        assert!(!sealed.windows(6).any(|w| w == b"123456"));
        assert_eq!(sealer.unseal(Purpose::Text, 7, &sealed).unwrap(), b"code 123456");
        assert_eq!(sealer.unseal(Purpose::Text, 8, &sealed), Err(SealError::Wrong));
        assert_eq!(sealer.unseal(Purpose::Settings, 7, &sealed), Err(SealError::Wrong));
        assert_eq!(Sealer::new(&[2; 32]).unwrap().unseal(Purpose::Text, 7, &sealed), Err(SealError::Wrong));
        assert_eq!(sealer.unseal(Purpose::Text, 7, &sealed[..20]), Err(SealError::Wrong));
    }

    #[test]
    fn the_same_text_is_sealed_differently_each_time() {
        let sealer = Sealer::new(&[1; 32]).unwrap();
        assert_ne!(sealer.seal(Purpose::Text, 1, b"x"), sealer.seal(Purpose::Text, 1, b"x"));
    }

    #[test]
    fn a_digest_depends_on_key_and_parts() {
        let (a, b) = (Sealer::new(&[1; 32]).unwrap(), Sealer::new(&[2; 32]).unwrap());
        assert_eq!(a.digest(&[b"ab", b"c"]), a.digest(&[b"ab", b"c"]));
        assert_ne!(a.digest(&[b"ab", b"c"]), a.digest(&[b"a", b"bc"]));
        assert_ne!(a.digest(&[b"x"]), b.digest(&[b"x"]));
    }

    #[test]
    fn what_was_sealed_before_there_were_numbers_is_of_key_0() {
        // As the versions before wrote it: 8 octets of counter, and the key derived alike.
        let mut nonce = [7u8; 24];
        nonce[16..].copy_from_slice(&0x0000_0123_4567_89ab_u64.to_be_bytes());
        let payload = Payload { msg: b"old", aad: &5u64.to_be_bytes() };
        let cipher = XChaCha20Poly1305::new(&Key::from(derive(&[1; 32], "textgate text 1")));
        let sealed = [&nonce[..], &cipher.encrypt(&XNonce::from(nonce), payload).unwrap()].concat();
        assert_eq!(key_of(&sealed), Some(0));
        assert_eq!(Sealer::new(&[1; 32]).unwrap().unseal(Purpose::Text, 5, &sealed).unwrap(), b"old");
    }

    #[test]
    fn a_new_key_seals_the_old_one_opens_and_one_that_is_not_there_is_named() {
        let sealer = Sealer::new(&[1; 32]).unwrap();
        let (old, digest) = (sealer.seal(Purpose::Text, 1, b"old"), sealer.digest(&[b"x"]));
        let keys = sealer.keys().with_new(1).unwrap();
        sealer.take_up(keys.clone()).map(drop).unwrap();
        assert_eq!(key_of(&sealer.seal(Purpose::Text, 1, b"waits")), Some(0));
        sealer.take_up(keys.sealing_by_newest()).map(drop).unwrap();
        let new = sealer.seal(Purpose::Text, 1, b"new");
        assert_eq!((key_of(&old), key_of(&new)), (Some(0), Some(1)));
        assert_eq!(old.len(), new.len(), "the number takes no room");
        let (left, _) = keys.sealing_by_newest().without_older();
        sealer.take_up(left.clone()).map(drop).unwrap();
        for (sealed, plain) in [(&old, b"old"), (&new, b"new")] {
            assert_eq!(sealer.unseal(Purpose::Text, 1, sealed).unwrap(), plain);
        }
        let restarted = Sealer::of(left, None).unwrap();
        assert_eq!(restarted.unseal(Purpose::Text, 1, &old), Err(SealError::NoSuchKey(0)));
        assert_eq!(restarted.unseal(Purpose::Text, 1, &new).unwrap(), b"new");
        assert_eq!(restarted.digest(&[b"x"]), digest, "addresses and codes stay as they are");
        let refused = |keys| sealer.take_up(keys).err();
        assert_eq!(refused(Keys::first([2; 32], None)), Some(SealError::Wrong), "another installation's");
        assert_eq!(refused(Keys::first([1; 32], None)), Some(SealError::NoSuchKey(1)), "an old copy");
    }

    #[test]
    fn keys_are_free_once_nobody_holds_them() {
        let sealer = Sealer::new(&[1; 32]).unwrap();
        let held = sealer.hold();
        let keys = sealer.keys().with_new(1).unwrap().sealing_by_newest();
        let superseded = sealer.take_up(keys).unwrap();
        assert!(!superseded.is_free());
        let later = sealer.hold();
        drop(held);
        assert!(superseded.is_free(), "who came later holds the new ones");
        drop(later);
    }

    #[test]
    fn what_stands_for_a_code_depends_on_key_and_parts() {
        let (a, b) = (Sealer::new(&[1; 32]).unwrap(), Sealer::new(&[2; 32]).unwrap());
        assert_eq!(a.passcode_mac(&[b"ab", b"c"]), a.passcode_mac(&[b"ab", b"c"]));
        assert_ne!(a.passcode_mac(&[b"ab", b"c"]), a.passcode_mac(&[b"a", b"bc"]));
        assert_ne!(a.passcode_mac(&[b"x"]), b.passcode_mac(&[b"x"]));
    }
}
