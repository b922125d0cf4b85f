//! Command lines: `AT`, then basic and extended commands (ITU-T V.250 §5.2 to §5.4).

use crate::modem::behaviour::ModemError;

/// Most parameters of one command; beyond, it is refused.
const MOST_PARAMETERS: usize = 32;

/// How a command asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask<'a> {
    /// `+NAME`.
    Run,
    /// `+NAME?`.
    Read,
    /// `+NAME=?`.
    Test,
    /// `+NAME=…`; for basic commands the number after the letter.
    Set(&'a str),
}

/// One command of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command<'a> {
    /// In upper case; `+CMGS`, `E`, `&F`, `S3`.
    pub(super) name: String,
    pub(super) ask: Ask<'a>,
    /// As it was written.
    pub(super) text: &'a str,
}

/// What follows `AT` in a line; `None` where there is no `AT`. What is in front of it is noise (§5.2.1).
pub(super) fn after_at(line: &str) -> Option<&str> {
    let start = line.as_bytes().windows(2).position(|pair| pair.eq_ignore_ascii_case(b"AT"))?;
    line.get(start + 2..)
}

/// The first command of what is left, and what is left then. `None` at the end.
pub(super) fn next(rest: &str) -> Option<(Command<'_>, &str)> {
    let rest = rest.trim_start_matches([' ', ';']);
    let first = rest.chars().next()?;
    let end = match first {
        // §5.4: an extended command ends with a semicolon outside of strings, or with the line.
        '+' | '^' | '*' | '%' | '$' | '#' | '!' => semicolon(rest),
        _ => basic_end(rest),
    };
    let (text, rest) = rest.split_at_checked(end)?;
    let text = text.trim_end();
    Some((
        if first.is_ascii_alphabetic() || first == '&' || first == '\\' {
            basic(text)
        } else {
            extended(text)
        },
        rest,
    ))
}

fn semicolon(text: &str) -> usize {
    let mut is_quoted = false;
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b';' if !is_quoted => return place,
            _ => {}
        }
    }
    text.len()
}

/// §5.3: a letter or an ampersand with a letter, and a number; `S` with a number, then `=` and a number, or `?`.
fn basic_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    if matches!(bytes, [b'D' | b'd', ..]) {
        // A number to dial is all that is left.
        return text.len();
    }
    let mut end = if matches!(bytes, [b'&' | b'\\', ..]) { 2 } else { 1 };
    let digits = |mut end: usize| {
        while bytes.get(end).is_some_and(u8::is_ascii_digit) {
            end += 1;
        }
        end
    };
    end = digits(end);
    match bytes.get(end) {
        Some(b'=') => {
            end += 1;
            if bytes.get(end) == Some(&b'?') { end + 1 } else { digits(end) }
        }
        Some(b'?') => end + 1,
        _ => end.min(text.len()),
    }
}

fn basic(text: &str) -> Command<'_> {
    let letters = if text.starts_with(['&', '\\']) { 2 } else { 1 };
    let split = if text.starts_with(['S', 's']) {
        text.find(['=', '?']).unwrap_or(text.len())
    } else {
        letters.min(text.len())
    };
    let (name, value) = text.split_at_checked(split).unwrap_or((text, ""));
    let ask = match value {
        "?" => Ask::Read,
        "=?" => Ask::Test,
        value => Ask::Set(value.trim_start_matches('=')),
    };
    Command { name: name.to_ascii_uppercase(), ask, text }
}

fn extended(text: &str) -> Command<'_> {
    let (name, ask) = match text.split_once('=') {
        Some((name, "?")) => (name, Ask::Test),
        Some((name, value)) => (name, Ask::Set(value)),
        None => match text.strip_suffix('?') {
            Some(name) => (name, Ask::Read),
            None => (text, Ask::Run),
        },
    };
    Command { name: name.trim().to_ascii_uppercase(), ask, text }
}

/// The parameters of a command, divided by commas outside of strings; strings without their quotes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parameters<'a>(Vec<&'a str>);

/// A parameter is missing or is none that the command knows (3GPP TS 27.007 §9.2).
pub(super) const INCORRECT: ModemError = ModemError::Cme(50);

impl<'a> Parameters<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, ModemError> {
        let (mut list, mut start, mut is_quoted) = (Vec::new(), 0, false);
        for (place, byte) in text.bytes().enumerate() {
            match byte {
                b'"' => is_quoted = !is_quoted,
                b',' if !is_quoted => {
                    list.push(text.get(start..place).unwrap_or_default());
                    start = place + 1;
                }
                _ => {}
            }
        }
        list.push(text.get(start..).unwrap_or_default());
        if is_quoted || list.len() > MOST_PARAMETERS {
            return Err(INCORRECT);
        }
        for parameter in &mut list {
            let text = parameter.trim();
            *parameter = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
        }
        Ok(Self(list))
    }

    /// The text of a parameter; `None` where it is left out.
    pub(super) fn text(&self, index: usize) -> Option<&'a str> {
        self.0.get(index).copied().filter(|text| !text.is_empty())
    }

    /// A number up to `most`; `None` where it is left out.
    pub(super) fn number(&self, index: usize, most: usize) -> Result<Option<usize>, ModemError> {
        match self.text(index) {
            None => Ok(None),
            Some(text) => text.parse().ok().filter(|number| *number <= most).map(Some).ok_or(INCORRECT),
        }
    }

    /// As [`number`](Self::number), one octet; `old` where it is left out.
    pub(super) fn octet(&self, index: usize, most: u8, old: u8) -> Result<u8, ModemError> {
        let number = self.number(index, usize::from(most))?;
        Ok(number.and_then(|number| u8::try_from(number).ok()).unwrap_or(old))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Vec<(String, Ask<'_>)> {
        let mut rest = after_at(line).unwrap();
        let mut found = Vec::new();
        while let Some((command, more)) = next(rest) {
            found.push((command.name, command.ask));
            rest = more;
        }
        found
    }

    #[test]
    fn basic_and_extended_commands_share_a_line() {
        assert_eq!(
            names("ATE0V1&F;+CMEE=1;+CREG?;+CSQ"),
            [
                ("E".to_owned(), Ask::Set("0")),
                ("V".to_owned(), Ask::Set("1")),
                ("&F".to_owned(), Ask::Set("")),
                ("+CMEE".to_owned(), Ask::Set("1")),
                ("+CREG".to_owned(), Ask::Read),
                ("+CSQ".to_owned(), Ask::Run),
            ]
        );
        assert_eq!(names("ats3=13S4?"), [("S3".to_owned(), Ask::Set("13")), ("S4".to_owned(), Ask::Read)]);
        assert_eq!(names("AT+CNMI=?"), [("+CNMI".to_owned(), Ask::Test)]);
        assert_eq!(names("AT"), []);
        assert_eq!(names("\u{1a}\u{1b}AT+CSCA=\"+1;5\";E1")[0].1, Ask::Set("\"+1;5\""));
        assert_eq!(after_at("garbage"), None);
    }

    #[test]
    fn parameters_are_divided_outside_of_strings() {
        let parameters = Parameters::read("\"a,b\",,7").unwrap();
        assert_eq!(
            (parameters.text(0), parameters.text(1), parameters.text(2)),
            (Some("a,b"), None, Some("7"))
        );
        assert_eq!((parameters.number(2, 7), parameters.number(2, 6)), (Ok(Some(7)), Err(INCORRECT)));
        assert_eq!(Parameters::read("\"open"), Err(INCORRECT));
        assert_eq!(Parameters::read(&",".repeat(40)), Err(INCORRECT));
    }

    #[test]
    fn no_line_makes_the_parser_fall_over() {
        for line in ["AT&", "AT\\", "ATS", "ATS=", "AT=", "AT?", "ATé", "AT+", "AT+=?", "AT;;;", "AT&é1"] {
            let mut rest = after_at(line).unwrap();
            while let Some((_, more)) = next(rest) {
                assert!(more.len() < rest.len());
                rest = more;
            }
        }
    }
}
