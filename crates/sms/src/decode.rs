//! Reads a text back from its units. Total: whatever arrives makes some text.

use crate::Encoding;
use crate::alphabet::{self, gsm7};

/// The text of these units: septets one per octet for GSM 7 bit, octets for the others. What no alphabet
/// explains becomes U+FFFD.
pub fn decode(units: &[u8], encoding: Encoding) -> String {
    match encoding {
        Encoding::Gsm7(shifts) => {
            let (base, extension) = alphabet::tables(shifts);
            let mut text = String::with_capacity(units.len());
            let mut septets = units.iter().copied();
            while let Some(septet) = septets.next() {
                text.push(if septet == gsm7::ESC {
                    match septets.next() {
                        None => ' ',
                        // Where the extension has nothing, what the alphabet itself has (TS 23.038 §6.2.1.1);
                        // that is a space for ESC ESC, which is reserved for a further table (note 1 there).
                        Some(escaped) => extension.character(escaped).unwrap_or_else(|| base.shown(escaped)),
                    }
                } else {
                    base.shown(septet)
                });
            }
            text
        }
        Encoding::Ascii => {
            units.iter().map(|o| if o.is_ascii() { char::from(*o) } else { '\u{FFFD}' }).collect()
        }
        Encoding::Latin1 => units.iter().map(|o| char::from(*o)).collect(),
        Encoding::Ucs2 | Encoding::Utf16Be => {
            let pairs = units.chunks(2).map(|pair| match pair {
                [high, low] => u16::from_be_bytes([*high, *low]),
                // Half a character at the end.
                _ => 0xFFFD,
            });
            char::decode_utf16(pairs).map(|c| c.unwrap_or('\u{FFFD}')).collect()
        }
        Encoding::Binary => String::from_utf8_lossy(units).into_owned(),
    }
}
