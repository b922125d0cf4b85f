//! Phone numbers as textgate takes them: E.164, digits only, beginning with a country code.

use std::fmt;

/// An international phone number: 7 to 15 digits (ITU-T E.164 §6), the first from 1 to 9.
///
/// Held as an integer, so that a hundred thousand waiting messages cost eight bytes each. `Debug` and
/// [`masked`](Self::masked) never show the whole number, so it can stand in a log; `Display` shows all of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(u64);

/// Why a text is not a phone number, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Nothing was given.
    #[error("enter a phone number: only digits, beginning with the country code, for example 15550100100")]
    Empty,
    /// It would be a number if these characters were not there.
    #[error("remove {what}: {corrected}")]
    Punctuated {
        /// What stands in the way, in words: "+, spaces and punctuation".
        what: String,
        /// The number without it.
        corrected: String,
    },
    /// A character that no phone number holds.
    #[error("a phone number consists of only digits and begins with a country code; {0:?} is not a digit")]
    NotADigit(char),
    /// It begins with 0, which no country code does (E.164 §6.2.1).
    #[error("begin with the country code, not with 0: for example 44 for the United Kingdom")]
    NoCountryCode,
    /// Fewer than 7 digits.
    #[error("{0} digits are too few: a number with its country code has 7 to 15")]
    TooShort(usize),
    /// More than 15 digits (E.164 §6.1).
    #[error("{0} digits are too many: a number with its country code has 7 to 15")]
    TooLong(usize),
}

impl PhoneNumber {
    /// Reads a number that consists of only digits. What is not one is answered with what it would be.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        if text.is_empty() {
            return Err(NumberError::Empty);
        }
        if let Some(first_bad) = text.chars().find(|c| !c.is_ascii_digit()) {
            return Err(explain(text, first_bad));
        }
        if text.len() > 15 {
            return Err(NumberError::TooLong(text.len()));
        }
        if text.starts_with('0') {
            return Err(NumberError::NoCountryCode);
        }
        if text.len() < 7 {
            return Err(NumberError::TooShort(text.len()));
        }
        Ok(Self(text.bytes().fold(0, |n, b| n * 10 + u64::from(b - b'0'))))
    }

    /// The number from its integer form, as a store keeps it.
    pub fn from_u64(n: u64) -> Option<Self> {
        (1_000_000..1_000_000_000_000_000).contains(&n).then_some(Self(n))
    }

    /// The number as an integer, as a store keeps it.
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// How the number may stand in a log or an error: its last two digits only.
    pub fn masked(self) -> String {
        format!("…{:02}", self.0 % 100)
    }
}

/// A text with something else than digits: what it would be, where it can be known.
fn explain(text: &str, first_bad: char) -> NumberError {
    if text.len() > 64 {
        return NumberError::TooLong(text.chars().count());
    }
    let (mut plus, mut spaces, mut punctuation) = (false, false, false);
    for c in text.chars() {
        match c {
            '0'..='9' => {}
            '+' | '＋' => plus = true,
            c if c.is_whitespace() => spaces = true,
            '(' | ')' | '-' | '.' | '/' | '‐' | '‑' | '–' | '—' => punctuation = true,
            _ => return NumberError::NotADigit(first_bad),
        }
    }
    let mut digits: String = text.chars().filter(char::is_ascii_digit).collect();
    // 00 is the international prefix of most countries: what follows it is the country code.
    if !plus && digits.starts_with("00") {
        digits.drain(..2);
    }
    match PhoneNumber::parse(&digits) {
        Ok(_) => {
            let named = [(plus, "+"), (spaces, "spaces"), (punctuation, "punctuation")];
            let named: Vec<&str> = named.iter().filter(|(there, _)| *there).map(|(_, name)| *name).collect();
            let what = match named.as_slice() {
                [] => "everything but the digits".to_owned(),
                [one] => (*one).to_owned(),
                [first, last] => format!("{first} and {last}"),
                [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
            };
            NumberError::Punctuated { what, corrected: digits }
        }
        Err(error) => error,
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(text: &str) -> String {
        PhoneNumber::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn digits_with_a_country_code_are_a_number() {
        assert_eq!(PhoneNumber::parse("15550100100").unwrap().to_string(), "15550100100");
        assert_eq!(PhoneNumber::parse("999999999999999").unwrap().as_u64(), 999_999_999_999_999);
    }

    #[test]
    fn a_punctuated_number_is_answered_with_what_it_would_be() {
        assert_eq!(error_of("+1 (555) 010-0100"), "remove +, spaces and punctuation: 15550100100");
        assert_eq!(error_of("+15550100100"), "remove +: 15550100100");
        assert_eq!(error_of("1 555-010-0100"), "remove spaces and punctuation: 15550100100");
        assert_eq!(error_of("00 44 7700 900123"), "remove spaces: 447700900123");
    }

    #[test]
    fn what_is_no_number_says_why() {
        assert!(error_of("").contains("enter a phone number"));
        assert!(error_of("0155501").contains("country code"));
        assert!(error_of("123456").contains("6 digits are too few"));
        assert!(error_of("1234567890123456").contains("16 digits are too many"));
        assert!(error_of("1555call").contains("'c' is not a digit"));
        assert!(error_of("١٢٣٤٥٦٧٨").contains("is not a digit"));
    }

    #[test]
    fn debug_never_shows_the_whole_number() {
        assert_eq!(format!("{:?}", PhoneNumber::parse("15550100199").unwrap()), "…99");
    }

    #[test]
    fn the_integer_form_keeps_the_bounds() {
        assert!(PhoneNumber::from_u64(999_999).is_none());
        assert!(PhoneNumber::from_u64(1_000_000).is_some());
        assert!(PhoneNumber::from_u64(1_000_000_000_000_000).is_none());
    }
}
