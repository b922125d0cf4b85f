//! Encryption at rest: what is sealed here can only be read with the key file.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
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
    /// The secret that signs a webhook endpoint's events; bound to the endpoint's number.
    Webhook,
}

/// Why something could not be unsealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Another key, or changed bytes.
    #[error("cannot be decrypted: the key file is not the one it was written with, or the data is damaged")]
    Wrong,
    /// The system gave no random numbers.
    #[error("the system's random number generator failed")]
    NoRandomness,
}

/// Seals and unseals with XChaCha20-Poly1305 under keys derived from the key file.
pub struct Sealer {
    ciphers: [XChaCha20Poly1305; 5],
    mac: [u8; 32],
    prefix: [u8; 16],
    counter: AtomicU64,
}

impl Sealer {
    /// A sealer with this master key, 32 random octets.
    pub fn new(master: &[u8; 32]) -> Result<Self, SealError> {
        let mut prefix = [0; 16];
        getrandom::fill(&mut prefix).map_err(|_| SealError::NoRandomness)?;
        let cipher = |label: &str| XChaCha20Poly1305::new(&Key::from(derive(master, label)));
        Ok(Self {
            ciphers: [
                cipher("textgate text 1"),
                cipher("textgate settings 1"),
                cipher("textgate inbound 1"),
                cipher("textgate totp 1"),
                cipher("textgate webhook 1"),
            ],
            mac: derive(master, "textgate request 1"),
            prefix,
            counter: AtomicU64::new(0),
        })
    }

    /// Seals `plain`, bound to `owner`: 24 octets of nonce, then the ciphertext with its tag.
    pub fn seal(&self, purpose: Purpose, owner: u64, plain: &[u8]) -> Vec<u8> {
        // Random per process and counted within it: unique without asking the system for each message.
        let mut nonce = [0u8; 24];
        nonce[..16].copy_from_slice(&self.prefix);
        nonce[16..].copy_from_slice(&self.counter.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let payload = Payload { msg: plain, aad: &owner.to_be_bytes() };
        // Fails only for plaintexts of 256 GiB.
        let sealed =
            self.ciphers[purpose as usize].encrypt(&XNonce::from(nonce), payload).unwrap_or_default();
        [&nonce[..], &sealed].concat()
    }

    /// The reverse of [`seal`](Self::seal) for the same purpose and owner.
    pub fn unseal(&self, purpose: Purpose, owner: u64, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, sealed) = sealed.split_first_chunk::<24>().ok_or(SealError::Wrong)?;
        let payload = Payload { msg: sealed, aad: &owner.to_be_bytes() };
        self.ciphers[purpose as usize].decrypt(&XNonce::from(*nonce), payload).map_err(|_| SealError::Wrong)
    }

    /// A keyed digest, for comparing requests without keeping them: codes are too few to hash without a key.
    pub fn digest(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut hash = Sha256::new_with_prefix(self.mac);
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        // Keyed at both ends, so that nothing can be appended.
        hash.update(self.mac);
        let mut digest = [0; 16];
        digest.copy_from_slice(&hash.finalize()[..16]);
        digest
    }
}

fn derive(master: &[u8; 32], label: &str) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(label.as_bytes());
    hash.update([0]);
    hash.update(master);
    hash.finalize().into()
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
}
