//! The user data header in front of a segment's text (3GPP TS 23.040 §9.2.3.24).

/// Which part of which message a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Concatenation {
    /// The reference that all parts share.
    pub reference: u16,
    /// Whether the reference has 16 bits (TS 23.040 §9.2.3.24.8) and not 8 (§9.2.3.24.1).
    pub is_16_bit: bool,
    /// How many parts there are, from 1.
    pub total: u8,
    /// Which one this is, from 1 to `total`.
    pub number: u8,
}

/// What a header says, as far as a phone here cares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UserDataHeader {
    /// Information elements 0x00 and 0x08.
    pub concatenation: Option<Concatenation>,
    /// Information element 0x25, national language locking shift (TS 23.040 §9.2.3.24.16).
    pub locking_shift: Option<u8>,
    /// Information element 0x24, national language single shift (TS 23.040 §9.2.3.24.15).
    pub single_shift: Option<u8>,
}

impl UserDataHeader {
    /// Splits user data into its header and what follows; `None` where the header does not fit its own lengths.
    ///
    /// As TS 23.040 §9.2.3.24 demands, an unknown element is skipped, a repeated one counts the last time, and a concatenation
    /// with part 0, no parts or a part beyond the last is ignored.
    pub fn split(user_data: &[u8]) -> Option<(Self, &[u8])> {
        let (&length, rest) = user_data.split_first()?;
        let (mut elements, content) = rest.split_at_checked(usize::from(length))?;
        let mut header = Self::default();
        while let Some((&identifier, rest)) = elements.split_first() {
            let (&length, rest) = rest.split_first()?;
            let (data, rest) = rest.split_at_checked(usize::from(length))?;
            elements = rest;
            match (identifier, data) {
                (0x00, &[reference, total, number]) => {
                    header.concatenate(u16::from(reference), false, total, number);
                }
                (0x08, &[high, low, total, number]) => {
                    header.concatenate(u16::from_be_bytes([high, low]), true, total, number);
                }
                (0x24, &[language]) => header.single_shift = Some(language),
                (0x25, &[language]) => header.locking_shift = Some(language),
                (0x00 | 0x08 | 0x24 | 0x25, _) => return None,
                _ => {}
            }
        }
        Some((header, content))
    }

    fn concatenate(&mut self, reference: u16, is_16_bit: bool, total: u8, number: u8) {
        if number >= 1 && number <= total {
            self.concatenation = Some(Concatenation { reference, is_16_bit, total, number });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_widths_of_concatenation_are_read() {
        let (header, content) = UserDataHeader::split(&[5, 0, 3, 0xAB, 3, 2, b'h', b'i']).unwrap();
        let part = header.concatenation.unwrap();
        assert_eq!((part.reference, part.is_16_bit, part.total, part.number), (0xAB, false, 3, 2));
        assert_eq!(content, b"hi");
        let (header, content) = UserDataHeader::split(&[6, 8, 4, 0x12, 0x34, 2, 1]).unwrap();
        let part = header.concatenation.unwrap();
        assert_eq!((part.reference, part.is_16_bit, part.total, part.number), (0x1234, true, 2, 1));
        assert!(content.is_empty());
    }

    #[test]
    fn unknown_elements_are_skipped_and_languages_kept() {
        let (header, content) =
            UserDataHeader::split(&[13, 0x70, 2, 9, 9, 0x25, 1, 1, 0x24, 1, 3, 0x0A, 1, 0, b'x']).unwrap();
        assert_eq!(
            (header.locking_shift, header.single_shift, header.concatenation),
            (Some(1), Some(3), None)
        );
        assert_eq!(content, b"x");
    }

    #[test]
    fn impossible_parts_are_ignored_and_broken_lengths_refused() {
        for bad in [[5, 0, 3, 1, 2, 0], [5, 0, 3, 1, 2, 3], [5, 0, 3, 1, 0, 0]] {
            assert_eq!(UserDataHeader::split(&bad).unwrap().0.concatenation, None);
        }
        for bad in [&[][..], &[5, 0, 3, 1], &[3, 0, 9, 1], &[1, 0], &[2, 0, 0], &[255]] {
            assert_eq!(UserDataHeader::split(bad), None, "{bad:?}");
        }
    }
}
