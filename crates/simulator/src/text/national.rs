//! National language tables that a header can name (3GPP TS 23.038 annex A): the Latin ones, which phones here read.
//!
//! An unread language shows as U+FFFD, so that a test which sends one sees that this side cannot judge it.

/// The locking shift table of a language, 128 characters in the order of their codes; 0x1B is the escape.
pub(super) fn locking(language: u8) -> Option<&'static str> {
    match language {
        1 => Some(TURKISH),
        3 => Some(PORTUGUESE),
        _ => None,
    }
}

/// What a language's single shift table has beyond or instead of the default extension table.
pub(super) fn single(language: u8) -> Option<&'static [(u8, char)]> {
    match language {
        1 => Some(&TURKISH_SINGLE),
        2 => Some(&SPANISH_SINGLE),
        3 => Some(&PORTUGUESE_SINGLE),
        _ => None,
    }
}

/// TS 23.038 §A.3.1.
const TURKISH: &str = "@£$¥€éùıòÇ\nĞğ\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ŞşßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    İABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§çabcdefghijklmnopqrstuvwxyzäöñüà";

/// TS 23.038 §A.3.3.
const PORTUGUESE: &str = "@£$¥êéúíóç\nÔô\rÁáΔ_ªÇÀ∞^\\€Ó|\u{1b}ÂâÊÉ !\"#º%&'()*+,-./0123456789:;<=>?\
    ÍABCDEFGHIJKLMNOPQRSTUVWXYZÃÕÚÜ§~abcdefghijklmnopqrstuvwxyzãõ`üà";

/// TS 23.038 §A.2.1.
const TURKISH_SINGLE: [(u8, char); 7] =
    [(0x47, 'Ğ'), (0x49, 'İ'), (0x53, 'Ş'), (0x63, 'ç'), (0x67, 'ğ'), (0x69, 'ı'), (0x73, 'ş')];

/// TS 23.038 §A.2.2.
const SPANISH_SINGLE: [(u8, char); 9] = [
    (0x09, 'ç'),
    (0x41, 'Á'),
    (0x49, 'Í'),
    (0x4F, 'Ó'),
    (0x55, 'Ú'),
    (0x61, 'á'),
    (0x69, 'í'),
    (0x6F, 'ó'),
    (0x75, 'ú'),
];

/// TS 23.038 §A.2.3.
const PORTUGUESE_SINGLE: [(u8, char); 26] = [
    (0x05, 'ê'),
    (0x09, 'ç'),
    (0x0B, 'Ô'),
    (0x0C, 'ô'),
    (0x0E, 'Á'),
    (0x0F, 'á'),
    (0x12, 'Φ'),
    (0x13, 'Γ'),
    (0x15, 'Ω'),
    (0x16, 'Π'),
    (0x17, 'Ψ'),
    (0x18, 'Σ'),
    (0x19, 'Θ'),
    (0x1F, 'Ê'),
    (0x41, 'À'),
    (0x49, 'Í'),
    (0x4F, 'Ó'),
    (0x55, 'Ú'),
    (0x5B, 'Ã'),
    (0x5C, 'Õ'),
    (0x61, 'Â'),
    (0x69, 'í'),
    (0x6F, 'ó'),
    (0x75, 'ú'),
    (0x7B, 'ã'),
    (0x7C, 'õ'),
];

#[cfg(test)]
mod tests {
    use super::super::gsm7::decode_with;
    use super::*;

    #[test]
    fn locking_tables_have_128_places_with_the_escape_at_0x1b() {
        for table in [TURKISH, PORTUGUESE] {
            assert_eq!(table.chars().count(), 128);
            assert_eq!(table.chars().nth(0x1B), Some('\u{1b}'));
            assert_eq!(table.chars().nth(0x41), Some('A'));
        }
    }

    #[test]
    fn a_national_text_is_read_with_its_tables() {
        assert_eq!(decode_with(&[0x07, 0x1D, b'A'], Some(1), None), "ışA");
        assert_eq!(decode_with(&[0x1B, 0x73, 0x1B, 0x65], None, Some(1)), "ş€");
        assert_eq!(decode_with(&[0x1B, 0x61, b'n'], None, Some(2)), "án");
        assert_eq!(decode_with(&[0x7B, 0x1B, 0x61], Some(3), Some(3)), "ãÂ");
        assert_eq!(decode_with(&[0x1B, 0x41], None, Some(7)), "\u{fffd}", "a language that is not read");
    }
}
