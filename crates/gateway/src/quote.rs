//! A provider's own words, as they may be kept with a test message: bounded, and without secrets, the number and the text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use textgate_sms::PhoneNumber;

/// How much of an answer is looked at (octets); what is quoted is far less.
const MOST_READ: usize = 8 * 1024;
/// How much is quoted (octets).
const MOST_QUOTED: usize = 300;
/// What stands where something was taken out.
const MASK: &str = "•••";
/// How many digits at a number's end show whose it is.
const TELLING_DIGITS: usize = 7;
/// A piece of the text this long (characters) is the text.
const PIECE: usize = 8;
/// Runs of this length and more are looked into for what is encoded in them.
const RUN: usize = 6;

/// What must not be in a quotation.
pub(crate) struct Hidden<'a> {
    /// Passwords, tokens, signatures: in any encoding.
    pub secrets: Vec<&'a str>,
    /// Whose phone it is.
    pub to: PhoneNumber,
    /// What was sent.
    pub text: &'a str,
}

/// The beginning of an answer, on one line; `None` where there is nothing in it.
pub(crate) fn quote(answer: &[u8], hidden: &Hidden<'_>) -> Option<Box<str>> {
    let answer = String::from_utf8_lossy(answer.get(..MOST_READ).unwrap_or(answer));
    let mut found = vec![false; answer.len()];
    hidden.mark(&answer, &mut found);
    let mut quoted = String::with_capacity(MOST_QUOTED + MASK.len());
    let mut was_hidden = false;
    for (at, character) in answer.char_indices() {
        let is_hidden = found.get(at).copied().unwrap_or_default();
        if is_hidden && !was_hidden {
            quoted.push_str(MASK);
        }
        was_hidden = is_hidden;
        if !(is_hidden || is_blank(character) && quoted.ends_with(' ')) {
            quoted.push(if is_blank(character) { ' ' } else { character });
        }
        if quoted.len() > MOST_QUOTED {
            quoted.truncate(quoted.floor_char_boundary(MOST_QUOTED));
            quoted.push('…');
            break;
        }
    }
    let quoted = quoted.trim();
    (!quoted.is_empty()).then(|| quoted.into())
}

fn is_blank(character: char) -> bool {
    character.is_whitespace() || character.is_control()
}

impl Hidden<'_> {
    /// Marks the octets that must not be shown.
    fn mark(&self, answer: &str, found: &mut [bool]) {
        for secret in self.secrets.iter().filter(|secret| !secret.is_empty()) {
            for form in forms(secret) {
                mark_all(answer, &form, found);
            }
        }
        for form in forms(self.text) {
            mark_all(answer, &form, found);
        }
        self.mark_pieces(answer, found);
        self.mark_number(answer, found);
        self.mark_runs(answer, found);
    }

    /// A provider may repeat only the beginning of the text.
    fn mark_pieces(&self, answer: &str, found: &mut [bool]) {
        let characters: Vec<char> = self.text.chars().collect();
        for piece in characters.windows(PIECE.min(characters.len()).max(1)) {
            mark_all(answer, &piece.iter().collect::<String>(), found);
        }
    }

    /// The number's last digits, with whatever digits and punctuation of numbers stand before and between them.
    fn mark_number(&self, answer: &str, found: &mut [bool]) {
        let number = self.to.to_string();
        let tail = number.get(number.len().saturating_sub(TELLING_DIGITS)..).unwrap_or(&number).as_bytes();
        let octets = answer.as_bytes();
        let is_between = |octet: &u8| b" -.()+/".contains(octet);
        let digits: Vec<(usize, u8)> =
            octets.iter().copied().enumerate().filter(|(_, octet)| octet.is_ascii_digit()).collect();
        for window in digits.windows(tail.len()) {
            let (Some((first, _)), Some((last, _))) = (window.first(), window.last()) else { continue };
            let is_tail = window.iter().map(|(_, digit)| digit).eq(tail);
            let between = octets.get(*first..=*last).unwrap_or_default();
            if !is_tail || !between.iter().all(|octet| octet.is_ascii_digit() || is_between(octet)) {
                continue;
            }
            let before = octets.get(..*first).unwrap_or_default().iter().rev();
            let before = before.take_while(|octet| octet.is_ascii_digit() || is_between(octet)).count();
            found.get_mut(first - before..=*last).into_iter().flatten().for_each(|mark| *mark = true);
        }
    }

    /// Long runs of letters and digits which are, decoded from Base64 or hexadecimal, something with a secret, the text or the
    /// number in it: what echoes the request's own headers.
    fn mark_runs(&self, answer: &str, found: &mut [bool]) {
        let mut start = 0;
        let is_part = |octet: u8| octet.is_ascii_alphanumeric() || b"+/-_=".contains(&octet);
        for run in answer.as_bytes().split(|octet| !is_part(*octet)) {
            let range = start..start + run.len();
            start = range.end + 1;
            if run.len() >= RUN && decoded(run).iter().any(|inside| self.is_in(inside)) {
                found.get_mut(range).into_iter().flatten().for_each(|mark| *mark = true);
            }
        }
    }

    fn is_in(&self, octets: &[u8]) -> bool {
        let number = self.to.to_string();
        let others = [self.text, number.as_str()];
        let all = self.secrets.iter().copied().chain(others);
        all.filter(|wanted| wanted.len() >= 4)
            .any(|wanted| octets.windows(wanted.len()).any(|part| part == wanted.as_bytes()))
    }
}

/// What a run of letters and digits may be.
fn decoded(run: &[u8]) -> Vec<Vec<u8>> {
    let standard: Vec<u8> = run
        .iter()
        .filter(|octet| **octet != b'=')
        .map(|octet| match octet {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    // A run may begin with something else, such as the end of a word.
    let shifted = (0..4).filter_map(|by| standard.get(by..)).map(|part| {
        let whole = part.len() / 4 * 4;
        STANDARD_NO_PAD.decode(part.get(..whole).unwrap_or_default()).unwrap_or_default()
    });
    let tail = STANDARD_NO_PAD.decode(&standard).unwrap_or_default();
    let hexadecimal = |by: usize| {
        let digits = run.get(by..).unwrap_or_default().chunks_exact(2);
        digits.map_while(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
    };
    shifted.chain([tail, hexadecimal(0), hexadecimal(1)]).collect()
}

/// How a text may be written in an answer.
fn forms(text: &str) -> Vec<String> {
    let percent = |space, is_lower: bool| {
        let mut form = crate::http::Form::after("", space);
        form.push("", text);
        let encoded = form.finish().split_off(1);
        if is_lower { lower_escapes(&encoded) } else { encoded }
    };
    let json = serde_json::to_string(text).unwrap_or_default();
    let json = json.trim_start_matches('"').trim_end_matches('"').to_owned();
    let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let (plus, spaces) = (crate::http::Space::Plus, crate::http::Space::Percent);
    let mut forms = vec![
        text.to_owned(),
        json.replace('/', "\\/"),
        json,
        html.replace('\'', "&#39;"),
        html,
        percent(plus, false),
        percent(plus, true),
        percent(spaces, false),
        percent(spaces, true),
    ];
    forms.sort();
    forms.dedup();
    forms
}

/// `%2F` as `%2f`.
fn lower_escapes(text: &str) -> String {
    let mut left = 0;
    let lower = |character: char| match character {
        '%' => {
            left = 2;
            character
        }
        _ if left > 0 => {
            left -= 1;
            character.to_ascii_lowercase()
        }
        _ => character,
    };
    text.chars().map(lower).collect()
}

/// Marks every place of a text, in any case.
fn mark_all(answer: &str, wanted: &str, found: &mut [bool]) {
    if wanted.is_empty() {
        return;
    }
    let (answer, wanted) = (answer.as_bytes(), wanted.as_bytes());
    for (at, part) in answer.windows(wanted.len()).enumerate() {
        if part.eq_ignore_ascii_case(wanted) {
            found.get_mut(at..at + wanted.len()).into_iter().flatten().for_each(|mark| *mark = true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "This is a test message from textgate.";

    fn quoted(answer: &str) -> String {
        let secrets = vec!["p&ss w/rd", "dG9rZW4taXMtaGVyZQ"];
        let hidden = Hidden { secrets, to: PhoneNumber::parse("15550100199").unwrap(), text: TEXT };
        quote(answer.as_bytes(), &hidden).map(String::from).unwrap_or_default()
    }

    #[test]
    fn an_answer_is_quoted_on_one_line_and_cut() {
        assert_eq!(
            quoted("{\n  \"id\": \"abc-1\",\n\t\"ok\": true\r\n}"),
            "{ \"id\": \"abc-1\", \"ok\": true }"
        );
        let long = quoted(&"ä".repeat(4_000));
        assert!(long.len() <= MOST_QUOTED + 3 && long.ends_with('…'), "{}", long.len());
        assert_eq!(quoted(" \n"), "");
        assert_eq!(quoted("\u{0}\u{7}x"), "x");
    }

    #[test]
    fn a_secret_is_hidden_in_every_form_in_which_a_provider_may_repeat_it() {
        for form in [
            "p&ss w/rd",
            "P&SS W/RD",
            "p%26ss+w%2Frd",
            "p%26ss%20w%2frd",
            "p&amp;ss w/rd",
            "p&ss w\\/rd",
            "dG9rZW4taXMtaGVyZQ",
        ] {
            let shown = quoted(&format!("refused: [{form}]."));
            assert_eq!(shown, "refused: [•••].", "{form}");
        }
        for inside in ["acme:p&ss w/rd", "p&ss w/rd", "acme2:p&ss w/rd:x"] {
            use base64::engine::general_purpose::{STANDARD, URL_SAFE};
            for encoded in [STANDARD.encode(inside), URL_SAFE.encode(inside)] {
                let shown = quoted(&format!("got Authorization: Basic {encoded} from you"));
                assert!(!shown.contains(&encoded[..encoded.len() - 4]), "{shown}");
                assert!(shown.starts_with("got Authorization: Basic ••• from"), "{shown}");
            }
            let hex: String = inside.bytes().map(|octet| format!("{octet:02x}")).collect();
            assert_eq!(quoted(&format!("<{hex}>")), "<•••>");
        }
    }

    #[test]
    fn the_number_is_hidden_however_it_is_written() {
        for number in
            ["15550100199", "+15550100199", "0015550100199", "+1 (555) 010-0199", "5550100199", "010.0199"]
        {
            let shown = quoted(&format!("id=77 to={number}; ok"));
            assert_eq!(shown, "id=77 to=•••; ok", "{number}");
        }
        assert_eq!(quoted("id 1555010"), "id 1555010");
    }

    #[test]
    fn the_text_is_hidden_whole_in_pieces_and_encoded() {
        for text in [
            TEXT,
            "This is a test message from",
            "This+is+a+test+message+from+textgate.",
            "this is a TEST message",
        ] {
            assert_eq!(quoted(&format!("sent '{text}'")), "sent '•••'", "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_is_a_panic_and_none_is_long(answer in prop::collection::vec(any::<u8>(), 0..600), text in ".{0,12}") {
            let hidden = Hidden { secrets: vec!["s"], to: PhoneNumber::parse("15550100199").unwrap(), text: &text };
            if let Some(shown) = quote(&answer, &hidden) {
                prop_assert!(shown.len() <= MOST_QUOTED + 3);
                prop_assert!(!shown.contains('s') && !shown.contains('S'));
            }
        }
    }
}
