//! Random secrets: tokens of sessions and links, API keys, recovery codes.

use sha2::{Digest, Sha256};

/// Letters and digits.
pub(crate) const ALPHANUMERIC: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Lower-case letters and digits that nobody takes for one another.
pub(crate) const READABLE: &[u8; 31] = b"23456789abcdefghjkmnpqrstuvwxyz";

/// Characters of a token: 62⁴³ is more than 2²⁵⁶.
const TOKEN: usize = 43;

/// The system gave no random numbers.
#[derive(Debug)]
pub(crate) struct NoRandomness;

impl From<NoRandomness> for crate::DirectoryError {
    fn from(_: NoRandomness) -> Self {
        Self::StoreUnavailable("the system's random number generator failed".into())
    }
}

/// So many characters of an alphabet of at most 64, all equally likely.
pub(crate) fn random(alphabet: &[u8], length: usize) -> Result<String, NoRandomness> {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut random = [0u8; 64];
        getrandom::fill(&mut random).map_err(|_| NoRandomness)?;
        // Six bits each; values beyond the alphabet are thrown away.
        let characters = random.iter().filter_map(|byte| alphabet.get(usize::from(byte & 63)));
        text.extend(characters.map(|c| char::from(*c)).take(length - text.len()));
    }
    Ok(text)
}

/// A token that nobody guesses.
pub(crate) fn token() -> Result<String, NoRandomness> {
    random(ALPHANUMERIC, TOKEN)
}

/// What is kept of a token.
pub(crate) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let (a, b) = (token().unwrap(), token().unwrap());
        assert_ne!(a, b);
        assert_eq!((a.len(), b.len()), (43, 43));
        assert!(a.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(hash(&a), hash(&b));
    }

    #[test]
    fn only_characters_of_the_alphabet_come() {
        let text = random(READABLE, 2_000).unwrap();
        assert!(text.bytes().all(|byte| READABLE.contains(&byte)));
        assert!(READABLE.iter().all(|byte| text.as_bytes().contains(byte)), "and all of them");
    }
}
