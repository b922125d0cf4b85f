//! Digests and their encodings, as signatures need them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::{digest, hmac};
use serde::Deserialize;

/// How octets are made from what is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Algorithm {
    /// HMAC with SHA-1 (RFC 2104).
    HmacSha1,
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
    /// SHA-1 of what is signed, which then has the secret in it.
    Sha1,
    /// SHA-256 of what is signed, which then has the secret in it.
    Sha256,
}

/// How octets are written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Encoding {
    /// As the text's own octets.
    #[default]
    Text,
    /// Hexadecimal, in lower case.
    Hex,
    /// Base64 with padding (RFC 4648 §4).
    Base64,
}

impl Algorithm {
    /// The octets.
    pub fn compute(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        let mac = |algorithm| hmac::sign(&hmac::Key::new(algorithm, key), message).as_ref().to_vec();
        match self {
            Self::HmacSha1 => mac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            Self::HmacSha256 => mac(hmac::HMAC_SHA256),
            Self::HmacSha512 => mac(hmac::HMAC_SHA512),
            Self::Sha1 => digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, message).as_ref().to_vec(),
            Self::Sha256 => sha256(message).to_vec(),
        }
    }
}

impl Encoding {
    /// The octets as text; those that are no UTF-8 are no text.
    pub fn encode(self, octets: &[u8]) -> String {
        match self {
            Self::Text => String::from_utf8_lossy(octets).into_owned(),
            Self::Hex => hex(octets),
            Self::Base64 => base64(octets),
        }
    }

    /// The text's octets; `None` where it is not in this encoding.
    pub fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Text => Some(text.as_bytes().to_vec()),
            Self::Hex => from_hex(text.trim()),
            Self::Base64 => STANDARD.decode(text.trim()).ok(),
        }
    }
}

/// SHA-256.
pub(crate) fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut found = [0; 32];
    found.copy_from_slice(digest::digest(&digest::SHA256, octets).as_ref());
    found
}

/// MD5 (RFC 1321). Nothing rests on it: a provider's scheme puts the sum of a body under an HMAC with SHA-256.
pub(crate) fn md5(octets: &[u8]) -> [u8; 16] {
    use md5::Digest as _;
    md5::Md5::digest(octets).into()
}

/// Hexadecimal, in lower case.
pub(crate) fn hex(octets: &[u8]) -> String {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digit = |n: u8| char::from(DIGITS[usize::from(n & 15)]);
    octets.iter().flat_map(|octet| [digit(octet >> 4), digit(*octet)]).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    pairs.remainder().is_empty().then(|| pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Base64 with padding.
pub(crate) fn base64(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// Base64url without padding (RFC 7515 §2); `None` where it is none.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

/// Whether two texts are the same, in a time that does not tell where they differ.
pub(crate) fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standards() {
        // RFC 4231 §4.3 (test case 2) and RFC 2202 §3 (test case 2).
        let (key, data) = (b"Jefe", b"what do ya want for nothing?");
        assert_eq!(
            hex(&Algorithm::HmacSha256.compute(key, data)),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(hex(&Algorithm::HmacSha1.compute(key, data)), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        // FIPS 180-2, appendix A and B.
        assert_eq!(hex(&Algorithm::Sha1.compute(b"", b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(
            hex(&Algorithm::Sha256.compute(b"", b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn md5_is_that_of_its_rfc() {
        // RFC 1321 A.5.
        assert_eq!(hex(&md5(b"")), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(hex(&md5(b"message digest")), "f96b697d7cb7938d525a2f31aaf161d0");
    }

    #[test]
    fn encodings_read_back_and_refuse_what_they_are_not() {
        for encoding in [Encoding::Hex, Encoding::Base64] {
            let octets = [0u8, 1, 127, 255, 16];
            assert_eq!(encoding.decode(&encoding.encode(&octets)).as_deref(), Some(&octets[..]));
            for wrong in ["0g", "abc", "€"] {
                assert_eq!(encoding.decode(wrong), None, "{encoding:?} {wrong}");
            }
        }
    }

    #[test]
    fn only_the_same_is_the_same() {
        assert!(is_same(b"abc", b"abc") && is_same(b"", b""));
        assert!(!is_same(b"abc", b"abd") && !is_same(b"abc", b"ab") && !is_same(b"xbc", b"abc"));
    }
}
