//! The second factor: one-time codes by time (RFC 6238), and recovery codes for when the device is lost.

use super::tokens::{NoRandomness, READABLE, random};
use crate::people::TotpOffer;
use textgate_store::Sealer;
use totp_rs::{Builder, Secret};

/// Octets of a secret (RFC 4226 §4: 160 bits are recommended).
const SECRET: usize = 20;
/// How many recovery codes there are.
const RECOVERY_CODES: usize = 10;
/// Characters of one: 31¹⁰ is more than 2⁴⁹, and its digest is keyed.
const RECOVERY_LENGTH: usize = 10;

/// A secret that two devices share.
#[derive(Clone)]
pub(crate) struct TotpSecret([u8; SECRET]);

impl TotpSecret {
    /// A new one.
    pub(crate) fn new() -> Result<Self, NoRandomness> {
        let mut secret = [0; SECRET];
        getrandom::fill(&mut secret).map_err(|_| NoRandomness)?;
        Ok(Self(secret))
    }

    /// As it was stored.
    pub(crate) fn from_octets(octets: Vec<u8>) -> Option<Self> {
        octets.try_into().ok().map(Self)
    }

    /// As it is to be sealed.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The time step this code is of, if it is of the current one or a neighbour (RFC 6238 §5.2). Six digits, thirty seconds, SHA-1:
    /// what every app understands.
    pub(crate) fn step_of(&self, code: &str, now_ms: i64) -> Option<u64> {
        let totp = Builder::new().with_secret(Secret::from(self.0)).build_noncompliant();
        totp.check(code, u64::try_from(now_ms / 1_000).ok()?)
    }

    /// What the user's app is given.
    pub(crate) fn offer(&self, name: &str) -> TotpOffer {
        let secret = base32(&self.0);
        let label: String = name
            .bytes()
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            })
            .collect();
        let uri = format!(
            "otpauth://totp/textgate:{label}?secret={secret}&issuer=textgate&algorithm=SHA1&digits=6&period=30"
        );
        TotpOffer { secret, uri }
    }
}

/// RFC 4648 §6, without padding.
fn base32(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut text, mut bits, mut count) = (String::new(), 0u32, 0);
    for octet in octets {
        bits = bits << 8 | u32::from(*octet);
        count += 8;
        while count >= 5 {
            count -= 5;
            text.push(char::from(ALPHABET[(bits >> count & 31) as usize]));
        }
    }
    if count > 0 {
        text.push(char::from(ALPHABET[(bits << (5 - count) & 31) as usize]));
    }
    text
}

/// A code without what people put between its parts.
pub(crate) fn plain(code: &str) -> String {
    code.chars().filter(|c| !matches!(c, ' ' | '-')).flat_map(char::to_lowercase).collect()
}

/// New recovery codes, as they are shown once: `abcde-fghjk`.
pub(crate) fn recovery_codes() -> Result<Vec<String>, NoRandomness> {
    (0..RECOVERY_CODES)
        .map(|_| {
            let mut code = random(READABLE, RECOVERY_LENGTH)?;
            code.insert(RECOVERY_LENGTH / 2, '-');
            Ok(code)
        })
        .collect()
}

/// What is kept of a recovery code: keyed, as there are too few of them to be hashed without a key.
pub(crate) fn recovery_hash(sealer: &Sealer, user: u32, code: &str) -> [u8; 32] {
    let code = plain(code);
    let half = |half: &[u8]| sealer.digest(&[b"recovery", half, &user.to_be_bytes(), code.as_bytes()]);
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(&half(b"1"));
    hash[16..].copy_from_slice(&half(b"2"));
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B: the last six of its eight digits.
        let secret = TotpSecret(*b"12345678901234567890");
        for (at_s, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(secret.step_of(code, at_s * 1_000), Some(at_s as u64 / 30), "{at_s}");
        }
    }

    #[test]
    fn a_code_is_good_one_step_before_and_after_and_no_longer() {
        let secret = TotpSecret(*b"12345678901234567890");
        let at = |at_s: i64| secret.step_of("287082", at_s * 1_000);
        // Its step is the second one: 30 to 59 s.
        assert_eq!((at(0), at(29), at(60), at(89)), (Some(1), Some(1), Some(1), Some(1)));
        assert_eq!((at(90), at(-1)), (None, None));
        for wrong in ["", "28708", "2870820", "+28708", "٢٨٧٠٨٢", "287083"] {
            assert_eq!(secret.step_of(wrong, 59_000), None, "{wrong}");
        }
    }

    #[test]
    fn an_offer_is_base32_and_a_uri_that_apps_read() {
        // RFC 4648 §10.
        for (octets, text) in [("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foobar", "MZXW6YTBOI")] {
            assert_eq!(base32(octets.as_bytes()), text);
        }
        let offer = TotpSecret(*b"12345678901234567890").offer("ada+x@example.com");
        assert_eq!(
            offer.uri,
            "otpauth://totp/textgate:ada%2Bx%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=textgate&algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn recovery_codes_are_ten_and_typed_as_people_like() {
        let codes = recovery_codes().unwrap();
        assert_eq!(codes.len(), 10);
        assert!(codes.iter().all(|code| code.len() == 11 && code.as_bytes()[5] == b'-'), "{codes:?}");
        let sealer = Sealer::new(&[1; 32]).unwrap();
        let hash = |user, code: &str| recovery_hash(&sealer, user, code);
        assert_eq!(hash(1, "abcde-fghjk"), hash(1, " ABCDE FGHJK "));
        assert_ne!(hash(1, "abcde-fghjk"), hash(2, "abcde-fghjk"));
        assert_ne!(hash(1, "abcde-fghjk"), recovery_hash(&Sealer::new(&[2; 32]).unwrap(), 1, "abcde-fghjk"));
    }
}
