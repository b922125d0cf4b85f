//! Times at the border: RFC 3339 with milliseconds outside, Unix milliseconds inside.

use jiff::Timestamp;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A time that is shown, in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown(pub i64);

/// A time that a caller gives, RFC 3339 or Unix seconds; held in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Given(pub i64);

/// What [`Given`] takes, for people.
pub(crate) const GIVEN: &str =
    "enter a time as in RFC 3339, for example 2027-01-31T09:30:00Z, or in Unix seconds";

// === impl Shown ===

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Out of jiff's years is out of anyone's; the ends are as good an answer as any.
        let end = if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
        write!(f, "{:.3}", Timestamp::from_millisecond(self.0).unwrap_or(end))
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

// === impl Given ===

impl Given {
    /// Reads RFC 3339 (with its offset), or a whole number of Unix seconds.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // Longer than any time with nanoseconds and offset: not worth parsing.
        if text.len() > 40 {
            return None;
        }
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().ok().and_then(Self::from_unix_seconds);
        }
        text.parse().ok().map(|time: Timestamp| Self(time.as_millisecond()))
    }

    /// From Unix seconds, while they are within the years 1 to 9999.
    pub(crate) fn from_unix_seconds(seconds: i64) -> Option<Self> {
        Timestamp::from_second(seconds).ok().map(|time| Self(time.as_millisecond()))
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Given;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Given, E> {
                // In JSON a text is RFC 3339 and a number is Unix seconds; a text of digits is a slip.
                let is_number = text.bytes().all(|b| b.is_ascii_digit());
                Given::parse(text).filter(|_| !is_number).ok_or_else(|| E::custom(GIVEN))
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<Given, E> {
                Given::from_unix_seconds(seconds).ok_or_else(|| E::custom(GIVEN))
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<Given, E> {
                i64::try_from(seconds).ok().and_then(Given::from_unix_seconds).ok_or_else(|| E::custom(GIVEN))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn given(value: serde_json::Value) -> Option<i64> {
        serde_json::from_value::<Given>(value).ok().map(|time| time.0)
    }

    #[test]
    fn a_time_is_shown_with_milliseconds_in_utc() {
        assert_eq!(Shown(1_800_000_000_000).to_string(), "2027-01-15T08:00:00.000Z");
        assert_eq!(Shown(1_800_000_000_007).to_string(), "2027-01-15T08:00:00.007Z");
        assert_eq!(serde_json::to_value(Shown(0)).unwrap(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn no_time_is_too_far_away_to_be_shown() {
        assert!(Shown(i64::MAX).to_string().starts_with("9999-"));
        assert!(Shown(i64::MIN).to_string().starts_with("-009999-"));
    }

    #[test]
    fn a_time_is_given_in_rfc_3339_or_unix_seconds() {
        assert_eq!(given(json!("2027-01-15T08:00:00Z")), Some(1_800_000_000_000));
        assert_eq!(given(json!("2027-01-15T09:00:00.5+01:00")), Some(1_800_000_000_500));
        assert_eq!(given(json!(1_800_000_000)), Some(1_800_000_000_000));
        assert_eq!(Given::parse("1800000000"), Some(Given(1_800_000_000_000)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for wrong in [
            json!("tomorrow"),
            json!(""),
            json!("1800000000"),
            json!(1.5),
            json!(i64::MAX),
            json!(u64::MAX),
            json!(true),
            json!("2027-01-15T08:00:00"),
            json!(format!("2027-01-15T08:00:00.{}Z", "0".repeat(100))),
        ] {
            assert_eq!(given(wrong.clone()), None, "{wrong}");
        }
    }
}
