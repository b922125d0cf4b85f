//! What is kept of the texts in an SMSC's answer: bounded, and nothing that must not be shown.

use super::pdu::decode::SubmitResp;
use super::status;
use crate::Submission;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Longest id and status text that are kept of an answer. The standard has 64 and 255 (SMPP 3.4 §5.2.23, §5.3.2.11).
const MOST_TEXT: usize = 255;

/// An answer as the line in which the success string is looked for.
pub(super) fn render(line: &mut String, answer: &SubmitResp<'_>) {
    line.clear();
    let _ = write!(line, "{} message_id={}", status::name(status::ROK), bounded(answer.message_id));
    if let Some(text) = answer.status_text {
        let _ = write!(line, " additional_status_info_text={}", bounded(text));
    }
}

/// A peer's text as one of ours.
pub(super) fn bounded(octets: &[u8]) -> Cow<'_, str> {
    let octets = octets.get(..MOST_TEXT).unwrap_or(octets);
    match std::str::from_utf8(octets) {
        Ok(text) if !text.contains(char::is_control) => Cow::Borrowed(text),
        _ => Cow::Owned(String::from_utf8_lossy(octets).replace(char::is_control, " ")),
    }
}

/// Whether a status text shows neither the phone's number nor the message.
pub(super) fn is_harmless(text: &str, submission: &Submission) -> bool {
    let is_word = |word: &str| word.chars().filter(char::is_ascii_digit).count() < 4;
    let quotes = || submission.text.split_whitespace().any(|word| word.len() >= 4 && text.contains(word));
    text.is_ascii() && text.split_whitespace().all(is_word) && !quotes()
}
