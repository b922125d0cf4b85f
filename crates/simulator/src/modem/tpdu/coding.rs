//! What TP-Data-Coding-Scheme says (3GPP TS 23.038 §4).

use crate::text::Alphabet;

/// The alphabet of a text; `None` for a compressed one, which no phone here reads.
pub(super) fn alphabet(data_coding: u8) -> Option<Alphabet> {
    match data_coding {
        // General data coding, also with automatic deletion: bit 5 is compression, bits 3 and 2 the alphabet.
        0x00..=0x7F if data_coding & 0x20 != 0 => None,
        0x00..=0x7F => match data_coding & 0x0C {
            0x04 => Some(Alphabet::Binary),
            0x08 => Some(Alphabet::Ucs2),
            // Reserved codings are read in the default alphabet.
            _ => Some(Alphabet::Gsm7),
        },
        0xE0..=0xEF => Some(Alphabet::Ucs2),
        0xF0..=0xFF if data_coding & 0x04 != 0 => Some(Alphabet::Binary),
        // Reserved groups count as the default alphabet.
        _ => Some(Alphabet::Gsm7),
    }
}

/// The message class, where there is one.
pub(super) fn class(data_coding: u8) -> Option<u8> {
    let has_class = match data_coding {
        0x00..=0x7F => data_coding & 0x10 != 0,
        _ => data_coding >= 0xF0,
    };
    has_class.then_some(data_coding & 0x03)
}
