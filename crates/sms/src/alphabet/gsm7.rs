//! The GSM 7 bit default alphabet and its extension table (TS 23.038 §6.2.1, §6.2.1.1).

use super::table::{Table, UNDEFINED};

/// Leads to the extension table for one septet.
pub(crate) const ESC: u8 = 0x1B;

/// Set in a code whose septet stands behind [`ESC`].
pub(crate) const ESCAPED: u8 = 0x80;

/// The default alphabet.
#[rustfmt::skip]
pub(crate) static DEFAULT: Table = Table::full([
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å',
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', UNDEFINED, 'Æ', 'æ', 'ß', 'É',
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/',
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?',
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O',
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§',
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
]);

/// The extension table.
#[rustfmt::skip]
pub(crate) static EXTENSION: Table = Table::sparse(&[
    (0x0A, '\u{C}'), (0x14, '^'), (0x28, '{'), (0x29, '}'), (0x2F, '\\'), (0x3C, '['), (0x3D, '~'),
    (0x3E, ']'), (0x40, '|'), (0x65, '€'),
]);

/// Stands in [`LATIN1`] where there is no septet; ESC behind ESC is no character's code.
const NONE: u8 = ESC | ESCAPED;

/// The codes of the first 256 characters, which almost every text consists of: found without a search.
static LATIN1: [u8; 256] = {
    let mut codes = [NONE; 256];
    let mut septet = 0;
    while septet < 128 {
        DEFAULT.note_code(septet, 0, &mut codes);
        EXTENSION.note_code(septet, ESCAPED, &mut codes);
        septet += 1;
    }
    codes
};

/// A character's septet in the default alphabet, or in its extension table and then [`ESCAPED`].
pub(crate) fn code(c: char) -> Option<u8> {
    match LATIN1.get(c as usize) {
        Some(&NONE) => None,
        Some(code) => Some(*code),
        None => DEFAULT.septet(c).or_else(|| EXTENSION.septet(c).map(|septet| septet | ESCAPED)),
    }
}
