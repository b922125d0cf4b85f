//! The text of an SMSC delivery receipt (SMPP 3.4 Appendix B), in the forms that vendors give it.
//!
//! The standard's form is `id:… sub:… dlvrd:… submit date:… done date:… stat:… err:… text:…`. Vendors change the order and the
//! case, leave fields out, put spaces or underscores in, and separate by commas or semicolons. All of that is read; what
//! is after `text:` is the message itself, and never is.

use textgate_sms::ReceiptState::{self, Delivered, Expired, Pending, Rejected, Undelivered};

/// What a receipt's text says; empty where it does not.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct ReceiptText<'a> {
    pub id: &'a str,
    pub stat: &'a str,
    pub err: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Id,
    Stat,
    Err,
    Text,
    Other,
}

/// The longer of two that begin alike stands first.
const KEYS: &[(&str, Key)] = &[
    ("id", Key::Id),
    ("message_id", Key::Id),
    ("msgid", Key::Id),
    ("status", Key::Stat),
    ("state", Key::Stat),
    ("stat", Key::Stat),
    ("error", Key::Err),
    ("err", Key::Err),
    ("text", Key::Text),
    ("submit date", Key::Other),
    ("submit_date", Key::Other),
    ("submitdate", Key::Other),
    ("sub", Key::Other),
    ("dlvrd", Key::Other),
    ("done date", Key::Other),
    ("done_date", Key::Other),
    ("donedate", Key::Other),
];

/// Reads a receipt's text. Of a field that is repeated the first counts.
pub(super) fn read(text: &str) -> ReceiptText<'_> {
    let mut found = ReceiptText::default();
    let mut rest = text.trim_start_matches(is_separator);
    while !rest.is_empty() {
        let Some((key, after)) = key_at(rest) else {
            let end = rest.find(is_separator).unwrap_or(rest.len());
            rest = after_separators(rest, end);
            continue;
        };
        if key == Key::Text {
            break;
        }
        let value_start = after.trim_start_matches(' ');
        // "err: text:…" has no value for err.
        if key_at(value_start).is_some() {
            rest = value_start;
            continue;
        }
        let end = value_start.find(is_separator).unwrap_or(value_start.len());
        let value = value_start.get(..end).unwrap_or_default().trim_matches(['"', '\'']);
        let place = match key {
            Key::Id => &mut found.id,
            Key::Stat => &mut found.stat,
            Key::Err => &mut found.err,
            Key::Text | Key::Other => &mut "",
        };
        if place.is_empty() {
            *place = value;
        }
        rest = after_separators(value_start, end);
    }
    found
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '|')
}

fn after_separators(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or_default().trim_start_matches(is_separator)
}

/// The key that the text begins with, and what follows its colon.
fn key_at(text: &str) -> Option<(Key, &str)> {
    KEYS.iter().find_map(|(name, key)| {
        let (head, rest) = text.split_at_checked(name.len())?;
        let rest = rest.trim_start_matches(' ').strip_prefix(':')?;
        head.eq_ignore_ascii_case(name).then_some((*key, rest))
    })
}

/// What the word after `stat:` says. Some vendors cut it shorter or longer than the standard's seven letters, and some
/// write message_state's number; what nobody knows is nothing final.
pub(super) fn state_of_word(word: &str) -> ReceiptState {
    const WORDS: &[(&str, ReceiptState)] = &[
        ("DELIV", Delivered),
        ("EXPIR", Expired),
        ("DELET", Undelivered),
        ("UNDEL", Undelivered),
        ("FAIL", Undelivered),
        ("REJEC", Rejected),
    ];
    let begins = |beginning: &str| {
        word.get(..beginning.len()).is_some_and(|head| head.eq_ignore_ascii_case(beginning))
    };
    match WORDS.iter().find(|(beginning, _)| begins(beginning)) {
        Some((_, state)) => *state,
        None => word.parse().map_or(Pending, state_of_number),
    }
}

/// What a message_state says (SMPP 3.4 §5.2.28).
pub(super) fn state_of_number(message_state: u16) -> ReceiptState {
    match message_state {
        2 => Delivered,
        3 => Expired,
        // DELETED, UNDELIVERABLE.
        4 | 5 => Undelivered,
        8 => Rejected,
        // ENROUTE, ACCEPTED, UNKNOWN, and what the standard does not know.
        _ => Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn receipts_are_read_in_every_form_that_vendors_give_them() {
        let table = [
            // Appendix B as it stands.
            (
                "id:0123456789 sub:001 dlvrd:001 submit date:0407231059 done date:0407231100 stat:DELIVRD err:000 text:Hello",
                ("0123456789", "DELIVRD", "000"),
            ),
            // Hexadecimal id, no text.
            (
                "id:7220bb6bd0be98fa sub:001 dlvrd:000 submit date:1304170903 done date:1304170904 stat:UNDELIV err:0dc",
                ("7220bb6bd0be98fa", "UNDELIV", "0dc"),
            ),
            // Other order, other case.
            (
                "ID:a1f STAT:EXPIRED ERR:101 SUBMIT DATE:2401011200 DONE DATE:2401021200 TEXT:",
                ("a1f", "EXPIRED", "101"),
            ),
            ("stat:REJECTD id:42 err:1", ("42", "REJECTD", "1")),
            // A UUID, as newer SMSCs write.
            (
                "id:6f1c2a9e-0b7d-4c55-9d0e-2f5a1b3c4d5e sub:1 dlvrd:1 submit date:200101 done date:200101 stat:DELIVRD err:0 text:",
                ("6f1c2a9e-0b7d-4c55-9d0e-2f5a1b3c4d5e", "DELIVRD", "0"),
            ),
            // Spaces around the colons, underscores, seconds in the dates.
            (
                "id: 77 sub: 001 dlvrd: 001 submit_date: 240101120000 done_date: 240101120001 stat: DELIVRD err: 000 text: x",
                ("77", "DELIVRD", "000"),
            ),
            ("id :77 stat :ACCEPTD", ("77", "ACCEPTD", "")),
            // Dates with a space inside.
            (
                "id:5 submit date:2024-01-01 10:00:00 done date:2024-01-01 10:00:05 stat:DELIVRD err:000",
                ("5", "DELIVRD", "000"),
            ),
            // Commas, semicolons, line breaks.
            ("id:5,stat:UNKNOWN,err:7", ("5", "UNKNOWN", "7")),
            ("id:5;sub:1;stat:DELIVRD;err:0;text:hi", ("5", "DELIVRD", "0")),
            ("id:5\r\nstat:DELIVRD\r\nerr:0", ("5", "DELIVRD", "0")),
            // Empty values.
            ("id:5 sub: dlvrd: submit date: done date: stat:DELIVRD err: text:", ("5", "DELIVRD", "")),
            // Long words for the keys, quotes.
            ("message_id:\"5\" status:DELIVERED error:0", ("5", "DELIVERED", "0")),
            // No id at all (it is in the TLV).
            ("stat:DELIVRD err:000", ("", "DELIVRD", "000")),
            // What the sender wrote is no part of the receipt.
            ("id:5 err:000 text:id:6 stat:DELIVRD", ("5", "", "000")),
            ("", ("", "", "")),
            ("hello, this is a message", ("", "", "")),
        ];
        for (text, (id, stat, err)) in table {
            assert_eq!(read(text), ReceiptText { id, stat, err }, "{text}");
        }
    }

    #[test]
    fn states_are_known_by_word_in_any_length_and_by_number() {
        let table = [
            ("DELIVRD", Delivered),
            ("Delivered", Delivered),
            ("EXPIRED", Expired),
            ("DELETED", Undelivered),
            ("UNDELIV", Undelivered),
            ("UNDELIVERABLE", Undelivered),
            ("FAILED", Undelivered),
            ("REJECTD", Rejected),
            ("rejected", Rejected),
            ("ACCEPTD", Pending),
            ("ENROUTE", Pending),
            ("UNKNOWN", Pending),
            ("BUFFRED", Pending),
            ("", Pending),
            ("2", Delivered),
            ("5", Undelivered),
            ("99999999", Pending),
        ];
        for (word, state) in table {
            assert_eq!(state_of_word(word), state, "{word}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic_and_none_goes_on_for_ever(text in "(id|stat|text|err|submit date|[: ,;]|\\PC){0,60}") {
            let found = read(&text);
            prop_assert!(found.id.len() <= text.len());
            state_of_word(found.stat);
        }
    }
}
