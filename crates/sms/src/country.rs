//! The country of a phone number, from its first digits.

mod codes;

use crate::PhoneNumber;
use codes::{CODES, WITHIN, WORLD};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A country or territory with phone numbers of its own: ISO 3166-1 alpha-2, in capitals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

/// Why a text is not a country.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("enter a country by its two letters (ISO 3166-1), for example DE or US")]
pub struct CountryError;

impl Country {
    /// Reads a country's two letters, in capitals or not. Countries without phone numbers of their own are none.
    pub fn parse(text: &str) -> Result<Self, CountryError> {
        let letters: [u8; 2] = text.as_bytes().try_into().map_err(|_| CountryError)?;
        let country = Self(letters.map(|letter| letter.to_ascii_uppercase()));
        if all().any(|(_, known)| known == country) { Ok(country) } else { Err(CountryError) }
    }

    /// Its two letters.
    pub fn as_str(&self) -> &str {
        // Two capitals of ASCII, by construction.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The code that its numbers begin with. Several countries may share one.
    pub fn calling_code(self) -> u16 {
        all().find(|(_, country)| *country == self).map_or(0, |(code, _)| code)
    }

    /// All of them, by their letters.
    pub fn all() -> Vec<Self> {
        let mut countries: Vec<Self> = all().map(|(_, country)| country).collect();
        countries.sort_unstable();
        countries.dedup();
        countries
    }
}

/// Every country under its calling code; some several times.
fn all() -> impl Iterator<Item = (u16, Country)> {
    let own = CODES.iter().map(|(code, letters)| (*code, Country(*letters)));
    let within = WITHIN
        .iter()
        .flat_map(|(code, parts)| parts.iter().map(move |(_, letters)| (*code, Country(*letters))));
    own.chain(within)
}

impl PhoneNumber {
    /// The calling code it begins with (E.164 §6.2.1); `None` where it is assigned to nobody.
    pub fn calling_code(self) -> Option<u16> {
        self.split().map(|(code, _)| code)
    }

    /// The country it belongs to; `None` where its calling code is no country's, such as those of satellite networks. Where a plan does
    /// not tell the countries of a shared code apart, it is the largest of them.
    pub fn country(self) -> Option<Country> {
        let (code, rest) = self.split()?;
        if let Ok(at) = WITHIN.binary_search_by_key(&code, |(code, _)| *code)
            && let Some((_, parts)) = WITHIN.get(at)
        {
            let digits = Digits::of(rest);
            let after = parts.partition_point(|(begin, _)| begin.as_bytes() <= digits.as_bytes());
            // The last that does not come after it: the only one that it can begin with.
            if let Some((begin, letters)) = after.checked_sub(1).and_then(|at| parts.get(at))
                && digits.as_bytes().starts_with(begin.as_bytes())
            {
                return Some(Country(*letters));
            }
        }
        let at = CODES.binary_search_by_key(&code, |(code, _)| *code).ok()?;
        CODES.get(at).map(|(_, letters)| Country(*letters))
    }

    /// The assigned calling code it begins with, and the digits after it.
    fn split(self) -> Option<(u16, (u64, u32))> {
        let number = self.as_u64();
        let length = self.digits();
        // Codes are 1 to 3 digits long, and none is the beginning of another.
        (1..=3).find_map(|digits| {
            let scale = 10u64.pow(length - digits);
            let code = u16::try_from(number / scale).ok()?;
            let is_assigned =
                CODES.binary_search_by_key(&code, |(code, _)| *code).is_ok() || WORLD.contains(&code);
            is_assigned.then_some((code, (number % scale, length - digits)))
        })
    }

    /// How many digits it has: 7 to 15.
    pub fn digits(self) -> u32 {
        self.as_u64().ilog10() + 1
    }

    /// Its first digits as a number: 49151 for the first five of 4915123456789. All of it where it has no more than that.
    pub fn first_digits(self, digits: u32) -> u64 {
        self.as_u64() / 10u64.pow(self.digits().saturating_sub(digits))
    }
}

/// The first digits of what follows a calling code, as text, as many as the table needs.
struct Digits([u8; Self::MOST], usize);

impl Digits {
    const MOST: usize = 7;

    /// Of a number that has so many digits, zeros at its beginning counted.
    fn of((number, length): (u64, u32)) -> Self {
        let mut digits = [b'0'; Self::MOST];
        let mut scale = 10u64.pow(length);
        let mut left = number;
        for digit in digits.iter_mut().take(length as usize) {
            scale /= 10;
            *digit = b'0' + (left / scale) as u8;
            left %= scale;
        }
        Self(digits, (length as usize).min(Self::MOST))
    }

    fn as_bytes(&self) -> &[u8] {
        self.0.get(..self.1).unwrap_or_default()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Country {
    type Error = CountryError;

    fn try_from(text: String) -> Result<Self, CountryError> {
        Self::parse(&text)
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn country_of(number: &str) -> Option<String> {
        PhoneNumber::parse(number).unwrap().country().map(String::from)
    }

    fn code_of(number: &str) -> Option<u16> {
        PhoneNumber::parse(number).unwrap().calling_code()
    }

    #[test]
    fn a_number_belongs_to_the_country_of_its_calling_code() {
        for (number, country, code) in [
            ("4915123456789", "DE", 49),
            ("33612345678", "FR", 33),
            ("35312345678", "IE", 353),
            ("8613812345678", "CN", 86),
            ("85212345678", "HK", 852),
            ("37061234567", "LT", 370),
            ("2348012345678", "NG", 234),
        ] {
            assert_eq!(
                (country_of(number).as_deref(), code_of(number)),
                (Some(country), Some(code)),
                "{number}"
            );
        }
    }

    #[test]
    fn a_shared_code_is_told_apart_by_the_digits_after_it() {
        for (number, country) in [
            ("12125550100", "US"),
            ("14165550100", "CA"),
            ("18765550100", "JM"),
            ("16585550100", "JM"),
            ("17875550100", "PR"),
            ("18095550100", "DO"),
            ("12425550100", "BS"),
            ("19425550100", "CA"),
            ("79161234567", "RU"),
            ("77011234567", "KZ"),
            ("76001234567", "KZ"),
            ("447700900123", "GB"),
            ("447700312345", "JE"),
            ("447911123456", "GG"),
            ("447624123456", "IM"),
            ("441534123456", "JE"),
            ("393312345678", "IT"),
            ("390669812345", "VA"),
            ("390669712345", "IT"),
            ("4741234567", "NO"),
            ("4779123456", "SJ"),
            ("61891641234", "CX"),
            ("61412345678", "AU"),
            ("262639012345", "YT"),
            ("262692123456", "RE"),
            ("5993181234", "BQ"),
            ("59995181234", "CW"),
            ("2908123", "TA"),
            ("35818123456", "AX"),
            ("212528812345", "EH"),
        ] {
            assert_eq!(country_of(number).as_deref(), Some(country), "{number}");
        }
    }

    #[test]
    fn a_code_of_no_country_is_known_and_one_of_nobody_is_not() {
        assert_eq!((code_of("881612345678"), country_of("881612345678")), (Some(881), None));
        assert_eq!((code_of("9991234567"), country_of("9991234567")), (None, None));
        assert_eq!((code_of("2101234567"), country_of("2101234567")), (None, None));
    }

    #[test]
    fn the_shortest_and_longest_numbers_have_their_country() {
        assert_eq!(country_of("4912345").as_deref(), Some("DE"));
        assert_eq!(country_of("2908123").as_deref(), Some("TA"));
        assert_eq!(country_of("491512345678901").as_deref(), Some("DE"));
        assert_eq!(PhoneNumber::parse("2908123").unwrap().first_digits(9), 2_908_123);
        assert_eq!(PhoneNumber::parse("4915123456789").unwrap().first_digits(5), 49_151);
    }

    #[test]
    fn a_country_is_two_letters_that_have_numbers() {
        assert_eq!(Country::parse("de").unwrap().as_str(), "DE");
        assert_eq!(Country::parse("IM").unwrap().calling_code(), 44);
        for text in ["", "D", "DEU", "ZZ", "D1", "ÄÖ", "é"] {
            assert_eq!(Country::parse(text), Err(CountryError), "{text}");
        }
        assert!(Country::all().len() > 230);
        assert!(Country::all().is_sorted());
    }

    #[test]
    fn the_tables_are_sorted_and_no_beginning_hides_another() {
        assert!(CODES.is_sorted_by(|(a, _), (b, _)| a < b));
        assert!(WITHIN.is_sorted_by(|(a, _), (b, _)| a < b));
        for (code, parts) in WITHIN {
            assert!(CODES.iter().any(|(own, _)| own == code));
            assert!(parts.iter().all(|(begin, _)| begin.len() <= Digits::MOST));
            assert!(parts.is_sorted_by(|(a, _), (b, _)| a < b && !b.starts_with(a)), "{code}");
        }
        let codes = || CODES.iter().map(|(code, _)| *code).chain(WORLD.iter().copied());
        for (a, b) in codes().flat_map(|a| codes().map(move |b| (a, b))) {
            assert!(a == b || !b.to_string().starts_with(&a.to_string()), "{a} hides {b}");
        }
    }
}
