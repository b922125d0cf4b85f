//! What an answer means: the success rule, the ids, and the table of errors.

use super::extract::{Document, Places};
use super::file::{Answer as AnswerRule, ErrorRow, ProviderFile, StatusRange};
use crate::Outcome;
use crate::http::{Answer, BodyEnd, LONGEST_WAIT, retry_after, status_outcome};
use serde_json::Value;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::time::Duration;
use textgate_sms::MessageId;
use textgate_sms::OutcomeClass::{Refused, Uncertain};

/// Most entries of an answer that are looked at: a message has at most 255 segments.
const MOST_ENTRIES: usize = 255;

/// The outcome of an answer, by the file's rules.
pub(super) fn outcome(file: &ProviderFile, answer: &Answer, id: MessageId, segments: u8) -> Outcome {
    let document = Document::new(&answer.headers, &answer.body);
    let items: Vec<Option<&Value>> = match &file.answer.each {
        None => vec![None],
        Some(each) => document.items(each.get_ref(), MOST_ENTRIES).into_iter().map(Some).collect(),
    };
    Reading { file, answer, document: &document, is_shared: false }.outcome(&items, id, segments)
}

/// An answer as it is read.
pub(super) struct Reading<'a> {
    pub file: &'a ProviderFile,
    pub answer: &'a Answer,
    pub document: &'a Document<'a>,
    /// Whether several messages share it: then only its own entries say anything of a message.
    pub is_shared: bool,
}

impl Reading<'_> {
    /// The outcome of the message that these entries are about.
    pub fn outcome(&self, items: &[Option<&Value>], id: MessageId, segments: u8) -> Outcome {
        let rule = &self.file.answer;
        let has_status = is_success_status(rule, self.answer.status.as_u16());
        let is_taken = |item: &Option<&Value>| {
            has_status
                && rule.success.iter().all(|check| check.holds(self.document, *item))
                && (!rule.success.is_empty()
                    || rule.id.as_ref().is_none_or(|id| self.find(id, *item).is_some()))
        };
        let (taken, refused): (Vec<_>, Vec<_>) = items.iter().copied().partition(is_taken);
        let mut ids: SmallVec<[Box<str>; 1]> = rule
            .id
            .iter()
            .flat_map(|id| taken.iter().filter_map(|item| self.find(id, *item)))
            .map(String::into_boxed_str)
            .collect();
        if rule.own_id {
            ids.push(id.to_string().into());
        }
        if !taken.is_empty() && refused.is_empty() {
            return Outcome::sent(ids, segments);
        }
        let mut outcome = self.refusal(refused.first().copied().flatten());
        if !taken.is_empty() {
            // Some segments are on their way: a message in pieces, which cost something.
            outcome.segments_sent = u8::try_from(taken.len()).unwrap_or(u8::MAX).min(segments);
            outcome.provider_ids = ids;
        }
        outcome
    }

    /// What an entry has there, or else the whole; of an answer that messages share, only the entry.
    fn find(&self, places: &Places, item: Option<&Value>) -> Option<String> {
        match item {
            Some(item) if self.is_shared => self.document.find_in_entry(places, item),
            Some(_) => self.document.find(places, item).or_else(|| self.document.find(places, None)),
            None => self.document.find(places, None),
        }
    }

    /// What the file says of an entry, or of the whole, that is no success.
    pub fn error_row(&self, item: Option<&Value>) -> Option<&ErrorRow> {
        let status = self.answer.status.as_u16();
        let code = self.file.answer.code.as_ref().and_then(|places| self.find(places, item));
        let text = match item.filter(|_| self.is_shared) {
            Some(item) => Cow::Owned(item.to_string()),
            None => String::from_utf8_lossy(&self.answer.body),
        };
        self.file.error.iter().map(toml::Spanned::get_ref).find(|row| {
            (row.status.is_empty() || row.status.iter().any(|range: &StatusRange| range.has(status)))
                && (row.code.is_empty() || code.as_ref().is_some_and(|code| row.code.contains(code)))
                && row.matches.as_ref().is_none_or(|pattern| pattern.0.is_match(&text))
        })
    }

    /// The outcome of an entry, or of the whole, that is no success.
    pub fn refusal(&self, item: Option<&Value>) -> Outcome {
        let (answer, status) = (self.answer, self.answer.status.as_u16());
        let find = |places: &Option<Places>| self.find(places.as_ref()?, item);
        let code = find(&self.file.answer.code);
        let shown = code.as_deref().filter(|code| is_shown(code)).map(|code| format!(", code {code}"));
        let shown = shown.unwrap_or_default();
        let mut outcome = match self.error_row(item) {
            Some(row) => Outcome::failed(row.class, format!("HTTP {status}{shown}: {}", row.detail)),
            None if answer.status.is_success() => match answer.end {
                BodyEnd::Broken => Outcome::failed(Uncertain, format!("HTTP {status}: the answer broke off")),
                BodyEnd::Whole | BodyEnd::CutOff => Outcome::failed(
                    Refused,
                    format!("HTTP {status}{shown}: the answer does not say that it was taken"),
                ),
            },
            None => {
                let mut outcome = status_outcome(answer.status, &answer.headers);
                if !shown.is_empty() {
                    outcome.detail = format!("{}{shown}", outcome.detail).into();
                }
                outcome
            }
        };
        let asked = find(&self.file.answer.retry_after_s).and_then(|text| text.parse::<f64>().ok());
        let asked =
            asked.filter(|wait| wait.is_finite() && *wait >= 0.0).map(|wait| wait.min(1e6).ceil() as u64);
        if let Some(seconds) = asked {
            outcome.retry_after = Some(Duration::from_secs(seconds).min(LONGEST_WAIT));
        } else if outcome.class == textgate_sms::OutcomeClass::Throttled {
            outcome.retry_after = retry_after(&answer.headers);
        }
        outcome
    }
}

/// Whether this status is a success by the file.
pub(super) fn is_success_status(rule: &AnswerRule, status: u16) -> bool {
    if rule.status.is_empty() {
        return (200..=299).contains(&status);
    }
    rule.status.iter().any(|range| range.has(status))
}

/// Whether a code may stand in a detail. A provider, or who poses as one, could put a number or a text in its place.
pub(super) fn is_shown(code: &str) -> bool {
    let is_plain = code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    is_plain && code.bytes().filter(u8::is_ascii_digit).count() <= 6
}
