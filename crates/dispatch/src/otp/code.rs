//! Codes: how one comes about, what stands for it in the store, and how it is read from what a person typed.
//!
//! A code is not stored, nor is a text with it kept for the sake of sending it again: it follows from 16 random octets of the
//! passcode's row, its id and its number, by HMAC-SHA-256 under the key file's key. So the same code can be sent again while the
//! passcode lives; the store's files alone tell nothing about it; and once the passcode is final its octets are erased, after
//! which not even the key file brings the code back.

use crate::words::Refusal;
use serde::{Deserialize, Serialize};
use textgate_sms::{MessageId, PhoneNumber};
use textgate_store::Sealer;

/// Fewest and most characters of a code.
pub(crate) const SHORTEST: u8 = 4;
/// See [`SHORTEST`].
pub(crate) const LONGEST: u8 = 10;

/// Which characters codes are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CodeAlphabet {
    /// 0 to 9: phones show a number pad, and offer the code to be filled in.
    #[default]
    Digits,
    /// The 20 letters of RFC 8628 §6.1: no vowels, so that no words come out, and none that is mistaken for a digit.
    Letters,
}

impl CodeAlphabet {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Digits, Self::Letters];

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Letters => "letters",
        }
    }

    fn characters(self) -> &'static [u8] {
        match self {
            Self::Digits => b"0123456789",
            Self::Letters => b"BCDFGHJKLMNPQRSTVWXZ",
        }
    }
}

/// Random octets for a new passcode, from the system.
pub(super) fn seed() -> Result<[u8; 16], Refusal> {
    let mut seed = [0; 16];
    // A system without randomness is about to be of no use for anything.
    getrandom::fill(&mut seed).map_err(|_| Refusal::StoreUnavailable)?;
    Ok(seed)
}

/// The code of a passcode. Each of all codes of this length is as likely as any other.
pub(super) fn code(
    sealer: &Sealer,
    id: MessageId,
    number: PhoneNumber,
    seed: &[u8; 16],
    length: u8,
    alphabet: CodeAlphabet,
) -> String {
    let characters = alphabet.characters();
    let count = characters.len();
    // Octets from here on would make some characters likelier than others.
    let fair = 256 - 256 % count;
    let mut code = String::with_capacity(length.into());
    // 32 octets are nearly always enough; where they are not, another 32 follow.
    for block in 0_u32.. {
        let parts: [&[u8]; 5] =
            [b"code", &id.as_u64().to_be_bytes(), &number.as_u64().to_be_bytes(), seed, &block.to_be_bytes()];
        for octet in sealer.passcode_mac(&parts) {
            if code.len() == usize::from(length) {
                return code;
            }
            if usize::from(octet) < fair
                && let Some(character) = characters.get(usize::from(octet) % count)
            {
                code.push(char::from(*character));
            }
        }
    }
    code
}

/// What stands for a code in the store: worth nothing for another passcode or number, nor without the key file.
pub(super) fn digest(sealer: &Sealer, id: MessageId, number: PhoneNumber, code: &str) -> [u8; 32] {
    let (id, number) = (id.as_u64().to_be_bytes(), number.as_u64().to_be_bytes());
    sealer.passcode_mac(&[b"check", &id, &number, code.as_bytes()])
}

/// A code as it was typed: spaces and dashes left out, letters in upper case, digits of any script as ASCII. `None` where it can be
/// no code, whatever passcode it is for.
pub(super) fn typed(given: &str) -> Option<String> {
    let mut code = String::with_capacity(LONGEST.into());
    for c in given.chars() {
        match c {
            c if c.is_whitespace() => {}
            '-' | '\u{2010}'..='\u{2015}' | '.' => {}
            // Left and right marks, which come along when a code is copied from a text in Arabic or Hebrew.
            '\u{200e}' | '\u{200f}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_ascii_alphanumeric() => code.push(c.to_ascii_uppercase()),
            c => code.push(digit(c)?),
        }
        if code.len() > LONGEST.into() {
            return None;
        }
    }
    (code.len() >= SHORTEST.into()).then_some(code)
}

/// The first digit of each script that phones' keyboards type numbers in (Unicode, general category Nd).
const ZEROS: [char; 14] = [
    '\u{0660}', '\u{06f0}', '\u{0966}', '\u{09e6}', '\u{0a66}', '\u{0ae6}', '\u{0be6}', '\u{0c66}',
    '\u{0ce6}', '\u{0d66}', '\u{0e50}', '\u{0ed0}', '\u{1040}', '\u{ff10}',
];

fn digit(c: char) -> Option<char> {
    let value =
        ZEROS.iter().filter_map(|zero| u32::from(c).checked_sub(u32::from(*zero))).find(|n| *n < 10)?;
    char::from_digit(value, 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn sealer() -> Sealer {
        Sealer::new(&[3; 32]).unwrap()
    }

    fn of(id: u64, seed: u8, length: u8, alphabet: CodeAlphabet) -> String {
        let number = PhoneNumber::parse("15550100100").unwrap();
        code(&sealer(), MessageId::from_u64(id), number, &[seed; 16], length, alphabet)
    }

    #[test]
    fn the_same_passcode_has_the_same_code_and_another_another() {
        let long = |id, seed| of(id, seed, 10, CodeAlphabet::Letters);
        assert_eq!(long(1, 1), long(1, 1));
        assert_ne!(long(1, 1), long(2, 1));
        assert_ne!(long(1, 1), long(1, 2));
        let other = Sealer::new(&[4; 32]).unwrap();
        let (id, number) = (MessageId::from_u64(1), PhoneNumber::parse("15550100100").unwrap());
        assert_ne!(code(&other, id, number, &[1; 16], 10, CodeAlphabet::Letters), long(1, 1), "another key");
        let elsewhere = PhoneNumber::parse("15550100101").unwrap();
        assert_ne!(code(&sealer(), id, elsewhere, &[1; 16], 10, CodeAlphabet::Letters), long(1, 1));
    }

    #[test]
    fn each_character_is_as_likely_as_any_other() {
        for alphabet in CodeAlphabet::ALL {
            let mut seen: HashMap<char, f64> = HashMap::new();
            for id in 0..20_000 {
                for c in of(id, 7, 10, alphabet).chars() {
                    *seen.entry(c).or_default() += 1.0;
                }
            }
            let count = alphabet.characters().len();
            assert_eq!(seen.len(), count);
            let expected = 200_000.0 / count as f64;
            // Chi-squared: beyond this, less than one fair draw in a million (9 and 19 degrees of freedom).
            let distance: f64 = seen.values().map(|n| (n - expected).powi(2) / expected).sum();
            assert!(distance < if count == 10 { 45.0 } else { 65.0 }, "{alphabet:?}: {distance}");
        }
    }

    #[test]
    fn codes_of_six_digits_are_spread_over_all_of_them() {
        let mut buckets = [0.0_f64; 100];
        for id in 0..50_000 {
            let code: usize = of(id, 9, 6, CodeAlphabet::Digits).parse().unwrap();
            buckets[code / 10_000] += 1.0;
        }
        let distance: f64 = buckets.iter().map(|n| (n - 500.0).powi(2) / 500.0).sum();
        assert!(distance < 185.0, "{distance}");
    }

    #[test]
    fn a_digest_stands_for_one_code_of_one_passcode_and_number() {
        let (id, number) = (MessageId::from_u64(1), PhoneNumber::parse("15550100100").unwrap());
        let this = digest(&sealer(), id, number, "123456");
        assert_eq!(this, digest(&sealer(), id, number, "123456"));
        assert_ne!(this, digest(&sealer(), id, number, "123457"));
        assert_ne!(this, digest(&sealer(), MessageId::from_u64(2), number, "123456"));
        assert_ne!(this, digest(&sealer(), id, PhoneNumber::parse("15550100101").unwrap(), "123456"));
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        for (given, read) in [
            ("123456", "123456"),
            (" 123 456\n", "123456"),
            ("123-456", "123456"),
            ("bcdf-ghjk", "BCDFGHJK"),
            ("١٢٣٤٥٦", "123456"),
            ("۱۲۳۴۵۶", "123456"),
            ("१२३४५६", "123456"),
            ("１２３４５６", "123456"),
            ("\u{200f}123456\u{200e}", "123456"),
        ] {
            assert_eq!(typed(given).as_deref(), Some(read), "{given:?}");
        }
        for wrong in ["", "123", "12345678901", "12345é", "ab!cd", "<script>"] {
            assert_eq!(typed(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn every_code_is_read_back_and_has_its_length(id in any::<u64>(), seed in any::<[u8; 16]>(), length in SHORTEST..=LONGEST) {
            let number = PhoneNumber::parse("15550100100").unwrap();
            for alphabet in CodeAlphabet::ALL {
                let made = code(&sealer(), MessageId::from_u64(id), number, &seed, length, alphabet);
                prop_assert_eq!(made.len(), usize::from(length));
                prop_assert_eq!(typed(&made), Some(made.clone()));
                prop_assert_eq!(typed(&made.to_lowercase()), Some(made));
            }
        }

        #[test]
        fn whatever_is_typed_is_read_without_panic(given in "\\PC{0,40}") {
            let _ = typed(&given);
        }
    }
}
