//! Which alphabet a data_coding names, and the text in it (SMPP 3.4 §5.2.19; 3GPP TS 23.038 §4).

use super::UserDataHeader;
use super::gsm7::decode_with;

/// How the octets of a text are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// GSM 7 bit default alphabet, one septet to an octet.
    Gsm7,
    /// IA5, which is ASCII.
    Ascii,
    /// ISO-8859-1.
    Latin1,
    /// Octets without characters; shown as hexadecimal.
    Binary,
    /// UCS-2, read as UTF-16 big-endian, as phones do.
    Ucs2,
}

impl Alphabet {
    /// The alphabet of a data_coding; `default` is the SMSC's own for 0. `None` for one that is reserved or that no phone here reads.
    pub fn of(data_coding: u8, default: Self) -> Option<Self> {
        match data_coding {
            0x00 => Some(default),
            0x01 => Some(Self::Ascii),
            0x02 | 0x04 => Some(Self::Binary),
            0x03 => Some(Self::Latin1),
            0x08 => Some(Self::Ucs2),
            // TS 23.038 §4, general data coding with a message class: bits 3 and 2 name the alphabet.
            0x10..=0x1F => match data_coding & 0x0C {
                0x00 => Some(Self::Gsm7),
                0x04 => Some(Self::Binary),
                0x08 => Some(Self::Ucs2),
                _ => None,
            },
            // TS 23.038 §4, data coding/message class: bit 2 names the alphabet.
            0xF0..=0xFF if data_coding & 0x08 == 0 => {
                Some(if data_coding & 0x04 == 0 { Self::Gsm7 } else { Self::Binary })
            }
            _ => None,
        }
    }

    /// Whether a data_coding carries message class 0, which a phone shows at once (TS 23.038 §4).
    pub fn is_class_0(data_coding: u8) -> bool {
        matches!(data_coding & 0xF0, 0x10 | 0xF0) && data_coding & 0x03 == 0
    }
}

/// The text of one segment's octets without its header. What cannot be read becomes U+FFFD, so that a test sees it.
pub fn decode(alphabet: Option<Alphabet>, header: UserDataHeader, octets: &[u8]) -> String {
    match alphabet {
        Some(Alphabet::Gsm7) => decode_with(octets, header.locking_shift, header.single_shift),
        Some(Alphabet::Ascii) => {
            octets.iter().map(|o| if o.is_ascii() { char::from(*o) } else { '\u{fffd}' }).collect()
        }
        Some(Alphabet::Latin1) => octets.iter().copied().map(char::from).collect(),
        Some(Alphabet::Ucs2) => {
            let (units, odd) = octets.as_chunks::<2>();
            let units = units.iter().map(|pair| u16::from_be_bytes(*pair));
            let mut text: String = char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect();
            if !odd.is_empty() {
                text.push('\u{fffd}');
            }
            text
        }
        Some(Alphabet::Binary) => {
            let mut text = String::with_capacity(octets.len() * 2);
            for octet in octets {
                for nibble in [octet >> 4, octet & 0x0F] {
                    text.extend(char::from_digit(u32::from(nibble), 16));
                }
            }
            text
        }
        None => "\u{fffd}".repeat(octets.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data_coding: u8, octets: &[u8]) -> String {
        decode(Alphabet::of(data_coding, Alphabet::Gsm7), UserDataHeader::default(), octets)
    }

    #[test]
    fn each_data_coding_is_read_in_its_alphabet() {
        assert_eq!(read(0, &[0x00, b'a']), "@a");
        assert_eq!(read(1, b"@a\xE9"), "@a\u{fffd}");
        assert_eq!(read(3, &[0xE9, b'@']), "é@");
        assert_eq!(read(4, &[0x0A, 0xFF]), "0aff");
        assert_eq!(read(8, &[0x20, 0xAC, 0x00, b'a']), "€a");
        assert_eq!(read(0x18, &[0x04, 0x16]), "Ж");
        assert_eq!(read(0xF0, &[0x02]), "$");
        assert_eq!(read(0x10, &[0x02]), "$");
        assert_eq!(read(0x0A, b"ab"), "\u{fffd}\u{fffd}", "a reserved coding");
    }

    #[test]
    fn surrogate_pairs_are_one_character_and_halves_are_seen() {
        assert_eq!(read(8, &[0xD8, 0x3D, 0xDE, 0x00]), "😀");
        assert_eq!(read(8, &[0xD8, 0x3D]), "\u{fffd}");
        assert_eq!(read(8, &[0x00, b'a', 0x00]), "a\u{fffd}", "an octet too many");
    }

    #[test]
    fn class_0_is_told_from_no_class_and_other_classes() {
        assert!([0x10, 0x18, 0xF0, 0x14].into_iter().all(Alphabet::is_class_0));
        assert!(![0x00, 0x08, 0x11, 0xF1, 0x04].into_iter().any(Alphabet::is_class_0));
    }
}
