//! Passwords: what makes a good one, and their Argon2id hashes (RFC 9106), computed on few threads at once.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

/// Fewest and most characters (NIST SP 800-63B §3.1.1.2 asks for at least 15 without a second factor, 8 with one).
const SHORTEST: usize = 12;
const LONGEST: usize = 256;
/// Fewest different characters.
const VARIETY: usize = 5;

/// Memory (KiB), passes and lanes: OWASP's first choice for Argon2id.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How many are computed at once: each takes 19 MiB and a core for some tens of milliseconds, and messages come first.
const SLOTS: usize = 2;
/// How many may wait for that besides.
const WAITING_MOST: usize = 32;

/// The places where hashes are computed.
pub(crate) struct Passwords {
    slots: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

/// Why a hash was not computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotHashed {
    /// Too many wait already.
    Busy,
    /// The system gave no random numbers or no memory.
    Failed,
}

impl From<NotHashed> for crate::DirectoryError {
    fn from(error: NotHashed) -> Self {
        Self::StoreUnavailable(match error {
            NotHashed::Busy => "too many passwords are being checked; try again in a moment".into(),
            NotHashed::Failed => "the password could not be hashed; try again in a moment".into(),
        })
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self { slots: Arc::new(Semaphore::new(SLOTS)), waiting: Arc::default() }
    }
}

impl Passwords {
    /// The hash of a new password, in PHC string format.
    pub(crate) async fn hash(&self, password: String) -> Result<String, NotHashed> {
        self.compute(move || {
            let mut salt = [0; 16];
            getrandom::fill(&mut salt).map_err(|_| NotHashed::Failed)?;
            Ok(Hash::of(&password, salt)?.to_phc())
        })
        .await
    }

    /// Whether this is the password of this hash. Without a hash it takes as long, and is not.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, NotHashed> {
        self.compute(move || {
            let hash = hash.as_deref().and_then(Hash::from_phc);
            let salt = hash.as_ref().map_or([0; 16], |hash| hash.salt);
            let found = Hash::of(&password, salt)?;
            let wanted = hash.as_ref().map_or([0; 32], |hash| hash.hash);
            Ok(bool::from(found.hash.ct_eq(&wanted)) && hash.is_some())
        })
        .await
    }

    async fn compute<T: Send + 'static>(
        &self,
        compute: impl FnOnce() -> Result<T, NotHashed> + Send + 'static,
    ) -> Result<T, NotHashed> {
        let waiting = Waiting::take(&self.waiting)?;
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| NotHashed::Failed)?;
        // The slot goes along: whoever hangs up does not free a core that is still busy.
        let done = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            compute()
        });
        drop(waiting);
        done.await.unwrap_or(Err(NotHashed::Failed))
    }
}

/// A place among those who wait.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn take(waiting: &Arc<AtomicUsize>) -> Result<Self, NotHashed> {
        let place = Self(Arc::clone(waiting));
        // Given back when it is dropped, also where there is none.
        if waiting.fetch_add(1, Ordering::Relaxed) < WAITING_MOST { Ok(place) } else { Err(NotHashed::Busy) }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Hash {
    salt: [u8; 16],
    hash: [u8; 32],
}

impl Hash {
    fn of(password: &str, salt: [u8; 16]) -> Result<Self, NotHashed> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(32)).map_err(|_| NotHashed::Failed)?;
        let mut hash = [0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password.as_bytes(), &salt, &mut hash)
            .map_err(|_| NotHashed::Failed)?;
        Ok(Self { salt, hash })
    }

    fn prefix() -> String {
        format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$")
    }

    fn to_phc(&self) -> String {
        let (salt, hash) = (STANDARD_NO_PAD.encode(self.salt), STANDARD_NO_PAD.encode(self.hash));
        format!("{}{salt}${hash}", Self::prefix())
    }

    /// Other parameters are none that a version has written so far.
    fn from_phc(text: &str) -> Option<Self> {
        let (salt, hash) = text.strip_prefix(&Self::prefix())?.split_once('$')?;
        let decode = |text: &str| STANDARD_NO_PAD.decode(text).ok();
        Some(Self { salt: decode(salt)?.try_into().ok()?, hash: decode(hash)?.try_into().ok()? })
    }
}

/// What is wrong with a new password for a user of this name, if anything is.
pub(crate) fn problem_of(password: &str, name: &str) -> Option<String> {
    let length = password.chars().count();
    let mut different: Vec<char> = password.chars().collect();
    different.sort_unstable();
    different.dedup();
    if password.is_empty() {
        Some("enter a password".into())
    } else if length < SHORTEST {
        Some(format!("use at least {SHORTEST} characters; several words are easy to remember"))
    } else if length > LONGEST {
        Some(format!("use at most {LONGEST} characters"))
    } else if different.len() < VARIETY {
        Some(format!("use at least {VARIETY} different characters"))
    } else if password.eq_ignore_ascii_case(name) {
        Some("use something else than the name".into())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_and_no_other_is() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse battery".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && !hash.contains("horse"), "{hash}");
        let is = async |password: &str, hash: Option<&str>| {
            passwords.verify(password.into(), hash.map(str::to_owned)).await.unwrap()
        };
        assert!(is("correct horse battery", Some(&hash)).await);
        assert!(!is("correct horse batterz", Some(&hash)).await);
        assert!(!is("", Some(&hash)).await);
        assert!(!is("correct horse battery", None).await);
        assert!(!is("correct horse battery", Some("$argon2id$garbage")).await);
        assert_ne!(passwords.hash("correct horse battery".into()).await.unwrap(), hash, "each has a salt");
    }

    #[tokio::test]
    async fn too_many_at_once_are_told_to_come_again() {
        let passwords = Passwords::default();
        let _all = Arc::clone(&passwords.slots).acquire_many_owned(SLOTS as u32).await.unwrap();
        let mut waiting: Vec<_> =
            (0..WAITING_MOST).map(|_| Box::pin(passwords.verify(String::new(), None))).collect();
        for one in &mut waiting {
            assert!(futures_util::poll!(one).is_pending());
        }
        assert_eq!(passwords.verify(String::new(), None).await, Err(NotHashed::Busy));
        drop(waiting);
        assert_eq!(passwords.waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_password_is_long_varied_and_not_the_name() {
        assert_eq!(problem_of("correct horse battery", "ada"), None);
        for wrong in ["", "short", &"ab".repeat(10), &"xyz12".repeat(60), "Ada@Example.com"] {
            assert!(problem_of(wrong, "ada@example.com").is_some(), "{wrong}");
        }
    }
}
