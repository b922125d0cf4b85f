//! Telugu: the locking and the single shift table (TS 23.038 §A.3.12, §A.2.12).
//!
//! Unlike its neighbours the single shift table prints no € at 0x65; some phones have one there, but as
//! others show an e, none is sent.

use super::super::table::{Table, UNDEFINED as NONE};

/// In place of the default alphabet, eight septets a line.
#[rustfmt::skip]
pub(crate) static LOCKING: Table = Table::full([
    '\u{0C01}', '\u{0C02}', '\u{0C03}', '\u{0C05}', '\u{0C06}', '\u{0C07}', '\u{0C08}', '\u{0C09}',
    '\u{0C0A}', '\u{0C0B}', '\n', '\u{0C0C}', NONE, '\r', '\u{0C0E}', '\u{0C0F}',
    '\u{0C10}', NONE, '\u{0C12}', '\u{0C13}', '\u{0C14}', '\u{0C15}', '\u{0C16}', '\u{0C17}',
    '\u{0C18}', '\u{0C19}', '\u{0C1A}', NONE, '\u{0C1B}', '\u{0C1C}', '\u{0C1D}', '\u{0C1E}',
    ' ', '!', '\u{0C1F}', '\u{0C20}', '\u{0C21}', '\u{0C22}', '\u{0C23}', '\u{0C24}',
    ')', '(', '\u{0C25}', '\u{0C26}', ',', '\u{0C27}', '.', '\u{0C28}',
    '0', '1', '2', '3', '4', '5', '6', '7',
    '8', '9', ':', ';', NONE, '\u{0C2A}', '\u{0C2B}', '?',
    '\u{0C2C}', '\u{0C2D}', '\u{0C2E}', '\u{0C2F}', '\u{0C30}', '\u{0C31}', '\u{0C32}', '\u{0C33}',
    NONE, '\u{0C35}', '\u{0C36}', '\u{0C37}', '\u{0C38}', '\u{0C39}', NONE, '\u{0C3D}',
    '\u{0C3E}', '\u{0C3F}', '\u{0C40}', '\u{0C41}', '\u{0C42}', '\u{0C43}', '\u{0C44}', NONE,
    '\u{0C46}', '\u{0C47}', '\u{0C48}', NONE, '\u{0C4A}', '\u{0C4B}', '\u{0C4C}', '\u{0C4D}',
    '\u{0C55}', 'a', 'b', 'c', 'd', 'e', 'f', 'g',
    'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w',
    'x', 'y', 'z', '\u{0C56}', '\u{0C60}', '\u{0C61}', '\u{0C62}', '\u{0C63}',
]);

/// In place of the extension table.
#[rustfmt::skip]
pub(crate) static SINGLE: Table = Table::sparse(&[
    (0x00, '@'), (0x01, '£'), (0x02, '$'), (0x03, '¥'), (0x04, '¿'),
    (0x05, '"'), (0x06, '¤'), (0x07, '%'), (0x08, '&'), (0x09, '\''),
    (0x0A, '\u{C}'), (0x0B, '*'), (0x0C, '+'), (0x0E, '-'), (0x0F, '/'),
    (0x10, '<'), (0x11, '='), (0x12, '>'), (0x13, '¡'), (0x14, '^'),
    (0x15, '¡'), (0x16, '_'), (0x17, '#'), (0x18, '*'), (0x1C, '\u{0C66}'),
    (0x1D, '\u{0C67}'), (0x1E, '\u{0C68}'), (0x1F, '\u{0C69}'), (0x20, '\u{0C6A}'), (0x21, '\u{0C6B}'),
    (0x22, '\u{0C6C}'), (0x23, '\u{0C6D}'), (0x24, '\u{0C6E}'), (0x25, '\u{0C6F}'), (0x26, '\u{0C58}'),
    (0x27, '\u{0C59}'), (0x28, '{'), (0x29, '}'), (0x2A, '\u{0C78}'), (0x2B, '\u{0C79}'),
    (0x2C, '\u{0C7A}'), (0x2D, '\u{0C7B}'), (0x2E, '\u{0C7C}'), (0x2F, '\\'), (0x30, '\u{0C7D}'),
    (0x31, '\u{0C7E}'), (0x32, '\u{0C7F}'), (0x3C, '['), (0x3D, '~'), (0x3E, ']'),
    (0x40, '|'), (0x41, 'A'), (0x42, 'B'), (0x43, 'C'), (0x44, 'D'),
    (0x45, 'E'), (0x46, 'F'), (0x47, 'G'), (0x48, 'H'), (0x49, 'I'),
    (0x4A, 'J'), (0x4B, 'K'), (0x4C, 'L'), (0x4D, 'M'), (0x4E, 'N'),
    (0x4F, 'O'), (0x50, 'P'), (0x51, 'Q'), (0x52, 'R'), (0x53, 'S'),
    (0x54, 'T'), (0x55, 'U'), (0x56, 'V'), (0x57, 'W'), (0x58, 'X'),
    (0x59, 'Y'), (0x5A, 'Z'),
]);
