//! The GSM 7 bit default alphabet, one septet to an octet as SMPP carries it (3GPP TS 23.038 §6.2.1).

use super::national;

/// The basic table, 3GPP TS 23.038 §6.2.1, in the order of its codes; 0x1B is the escape.
pub(super) const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// The extension table, 3GPP TS 23.038 §6.2.1.1: the code after the escape, and its character.
const EXTENSION: [(u8, char); 10] = [
    (0x0A, '\u{0c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2F, '\\'),
    (0x3C, '['),
    (0x3D, '~'),
    (0x3E, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

const ESCAPE: u8 = 0x1B;

/// The text of these septets. What no table knows becomes U+FFFD, so that a test sees it; so does an escape with
/// nothing after it, which is what a pair split over two segments leaves behind.
pub fn decode_gsm7(septets: &[u8]) -> String {
    decode_with(septets, None, None)
}

/// As [`decode_gsm7`], with the national language tables that a header names (TS 23.038 §6.2.1.2.4, .5).
pub(super) fn decode_with(septets: &[u8], locking: Option<u8>, single: Option<u8>) -> String {
    let basic: Vec<char> = match locking {
        None => BASIC.chars().collect(),
        Some(language) => match national::locking(language) {
            Some(table) => table.chars().collect(),
            None => Vec::new(),
        },
    };
    let mut text = String::with_capacity(septets.len());
    let mut octets = septets.iter().copied();
    while let Some(octet) = octets.next() {
        if octet != ESCAPE {
            text.push(basic.get(usize::from(octet)).copied().unwrap_or('\u{fffd}'));
            continue;
        }
        let Some(code) = octets.next() else {
            text.push('\u{fffd}');
            break;
        };
        let extension = match single {
            None => find(&EXTENSION, code),
            Some(language) => match national::single(language) {
                Some(more) => find(more, code).or_else(|| find(&EXTENSION, code)),
                None => Some('\u{fffd}'),
            },
        };
        // An unknown code shows the basic table's character (TS 23.038 §6.2.1.1, note 1 asks for this or a space).
        text.push(extension.or_else(|| basic.get(usize::from(code)).copied()).unwrap_or('\u{fffd}'));
    }
    text
}

fn find(table: &[(u8, char)], code: u8) -> Option<char> {
    table.iter().find(|(known, _)| *known == code).map(|(_, character)| *character)
}

/// The septets of a text, one to an octet; `None` where a character stands in neither table.
pub fn encode_gsm7(text: &str) -> Option<Vec<u8>> {
    let mut septets = Vec::with_capacity(text.len());
    for character in text.chars() {
        let basic = BASIC.chars().position(|known| known == character && known != '\u{1b}');
        if let Some(code) = basic.and_then(|code| u8::try_from(code).ok()) {
            septets.push(code);
        } else {
            let (code, _) = EXTENSION.iter().find(|(_, known)| *known == character)?;
            septets.extend([ESCAPE, *code]);
        }
    }
    Some(septets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_128_places_and_the_letters_stand_at_their_ascii_codes() {
        assert_eq!(BASIC.chars().count(), 128);
        assert_eq!(decode_gsm7(b"Az 09"), "Az 09");
        assert_eq!(decode_gsm7(&[0x00, 0x01, 0x02, 0x11, 0x40, 0x7F]), "@£$_¡à");
        assert_eq!(decode_gsm7(&[0x1E, 0x24, 0x5B, 0x5F, 0x60, 0x7B]), "ß¤Ä§¿ä");
    }

    #[test]
    fn the_extension_table_is_read_after_an_escape() {
        let octets =
            [0x1B, 0x65, 0x1B, 0x28, 0x1B, 0x29, 0x1B, 0x3C, 0x1B, 0x3E, 0x1B, 0x2F, 0x1B, 0x3D, 0x1B, 0x14];
        assert_eq!(decode_gsm7(&octets), "€{}[]\\~^");
        assert_eq!(decode_gsm7(&[0x1B, 0x40, 0x1B, 0x0A]), "|\u{0c}");
        assert_eq!(decode_gsm7(&[0x1B, b'A']), "A", "an unknown pair shows the basic character");
    }

    #[test]
    fn what_no_table_knows_is_seen() {
        assert_eq!(decode_gsm7(&[b'a', 0x80, 0xFF]), "a\u{fffd}\u{fffd}");
        assert_eq!(decode_gsm7(&[b'a', 0x1B]), "a\u{fffd}", "half an escape pair");
        assert_eq!(decode_with(b"a", Some(99), None), "\u{fffd}", "a locking table nobody knows");
    }

    #[test]
    fn every_character_of_both_tables_comes_back() {
        let text: String =
            BASIC.chars().filter(|c| *c != '\u{1b}').chain(EXTENSION.map(|(_, c)| c)).collect();
        assert_eq!(decode_gsm7(&encode_gsm7(&text).unwrap()), text);
        assert_eq!(encode_gsm7("č"), None);
    }
}
