//! What an answer means, as its file writes it.

use crate::catalogue::extract::{Check, Pattern, Places};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use std::fmt;
use textgate_sms::OutcomeClass;
use toml::Spanned;

/// What an answer means.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Answer {
    /// The statuses of a success; 200 to 299 where left out.
    pub status: Vec<StatusRange>,
    /// A list with one entry per segment or number: everything below is looked for in each of its entries, and all have to
    /// be successes.
    pub each: Option<Spanned<String>>,
    /// What holds where the message was taken. Without a condition, that there is an id.
    pub success: Vec<Check>,
    /// The message's id.
    pub id: Option<Places>,
    /// Whether receipts name the message by the id that went with the request as `{id}`, because the provider gives none.
    pub own_id: bool,
    /// The error's code.
    pub code: Option<Places>,
    /// After how many seconds to come again.
    pub retry_after_s: Option<Places>,
}

/// What an error means. The conditions that are there all have to hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorRow {
    /// HTTP statuses.
    #[serde(default)]
    pub status: Vec<StatusRange>,
    /// The provider's codes.
    #[serde(default)]
    pub code: Vec<String>,
    /// A pattern that finds something in the body.
    #[serde(default)]
    pub matches: Option<Pattern>,
    /// The outcome.
    pub class: OutcomeClass,
    /// Why, for people, and what to do.
    pub detail: String,
}

/// A status, or a class of them: `404`, `"5xx"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StatusRange {
    /// The first.
    pub from: u16,
    /// The last.
    pub to: u16,
}

impl StatusRange {
    /// Whether the status is in it.
    pub fn has(self, status: u16) -> bool {
        (self.from..=self.to).contains(&status)
    }
}

impl<'de> Deserialize<'de> for StatusRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Range;

        impl Visitor<'_> for Range {
            type Value = StatusRange;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an HTTP status such as 404, or a class such as \"5xx\"")
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<StatusRange, E> {
                let status = u16::try_from(value).ok().filter(|status| (100..=999).contains(status));
                let status = status.ok_or_else(|| E::custom("a status has three digits"))?;
                Ok(StatusRange { from: status, to: status })
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<StatusRange, E> {
                match value.as_bytes() {
                    [digit @ b'1'..=b'9', b'x', b'x'] => {
                        let from = u16::from(digit - b'0') * 100;
                        Ok(StatusRange { from, to: from + 99 })
                    }
                    _ => Err(E::custom("a class of statuses is written as \"5xx\"")),
                }
            }
        }
        deserializer.deserialize_any(Range)
    }
}
