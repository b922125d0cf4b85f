//! What a line means: the end of an answer, something that was not asked for, or part of an answer.

use super::errors::AtError;

/// What a modem tells by itself (TS 27.005 §3.4.1, TS 27.007 §7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// `+CMTI`, `+CDSI`: something was stored, in this memory at this place.
    Stored { memory: String, index: u32 },
    /// `+CMT`, `+CDS`: this TPDU, with the service centre's address before it.
    Pdu(Vec<u8>),
    /// `+CREG`: the registration changed.
    Registration,
    /// It has just been started: nothing that was set holds any more.
    Started,
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// The final result code `OK`.
    Ok,
    /// Another final result code.
    Error(AtError),
    /// Something that was not asked for.
    Event(Event),
    /// The announcement of something that was not asked for, in the next line.
    Announced,
    /// The rest.
    Info,
}

/// Lines that modems send when they have started.
const STARTED: &[&str] = &["RDY", "^SYSSTART", "+SYSSTART", "*PSUTTZ", "CALL READY", "SMS READY", "PB DONE"];
/// Of those, the ones that come only then.
const SURELY_STARTED: usize = 3;

/// What the line is.
pub(super) fn classify(line: &str) -> Reply {
    if line == "OK" {
        return Reply::Ok;
    }
    if let Some(error) = AtError::read(line) {
        return Reply::Error(error);
    }
    let Some((name, value)) = line.split_once(':') else {
        return match STARTED.iter().position(|known| line.eq_ignore_ascii_case(known)) {
            Some(place) if place < SURELY_STARTED => Reply::Event(Event::Started),
            _ => Reply::Info,
        };
    };
    match name {
        "+CMT" | "+CDS" => Reply::Announced,
        "+CMTI" | "+CDSI" => {
            let mut parts = value.split(',').map(unquoted);
            match (parts.next(), parts.next().and_then(|index| index.parse().ok())) {
                (Some(memory), Some(index)) => {
                    Reply::Event(Event::Stored { memory: memory.chars().take(4).collect(), index })
                }
                _ => Reply::Info,
            }
        }
        // An answer to a question has two numbers at least, the setting before the state.
        "+CREG" | "+CEREG" if !value.contains(',') => Reply::Event(Event::Registration),
        _ => Reply::Info,
    }
}

/// A parameter without quotation marks and blanks.
pub(super) fn unquoted(parameter: &str) -> &str {
    parameter.trim().trim_matches('"')
}

/// The octets of a line of hexadecimal digits; `None` where it is none, or longer than a TPDU can be.
pub(super) fn octets(line: &str) -> Option<Vec<u8>> {
    const MOST: usize = 2 * 256;
    if line.is_empty() || !line.len().is_multiple_of(2) || line.len() > MOST {
        return None;
    }
    let digits: Option<Vec<u8>> =
        line.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
    Some(digits?.chunks(2).map(|pair| pair.iter().fold(0, |octet, digit| (octet << 4) | digit)).collect())
}

/// Octets in hexadecimal digits.
pub(super) fn hexadecimal(octets: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    octets
        .iter()
        .flat_map(|octet| [octet >> 4, octet & 0x0F])
        .map(|digit| DIGITS[usize::from(digit)])
        .collect()
}
