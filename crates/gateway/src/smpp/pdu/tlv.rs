//! Optional parameters: tag, length, value (SMPP 3.4 §3.2.4).

/// The optional parameters at the end of a PDU. What is cut off in the middle ends them; a tag that is repeated counts
/// as it first stood.
#[derive(Clone, Copy)]
pub(in super::super) struct Tlvs<'a>(pub &'a [u8]);

impl<'a> Tlvs<'a> {
    /// The value of this tag.
    pub fn get(self, wanted: u16) -> Option<&'a [u8]> {
        self.iter().find(|(tag, _)| *tag == wanted).map(|(_, value)| value)
    }

    /// Each tag with its value, in order.
    pub fn iter(self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let [tag_high, tag_low, length_high, length_low, after @ ..] = rest else { return None };
            let length = usize::from(u16::from_be_bytes([*length_high, *length_low]));
            let (value, after) = after.split_at_checked(length)?;
            rest = after;
            Some((u16::from_be_bytes([*tag_high, *tag_low]), value))
        })
    }

    /// The number of this tag, of one or two octets. Some peers write two where the standard has one.
    pub fn number(self, wanted: u16) -> Option<u16> {
        match *self.get(wanted)? {
            [low] => Some(u16::from(low)),
            [high, low] => Some(u16::from_be_bytes([high, low])),
            _ => None,
        }
    }

    /// The text of this tag, up to its NUL if it has one.
    pub fn text(self, wanted: u16) -> Option<&'a [u8]> {
        let value = self.get(wanted)?;
        Some(value.split(|octet| *octet == 0).next().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::Tlvs;

    #[test]
    fn a_value_is_found_behind_others() {
        let tlvs = Tlvs(&[0, 5, 0, 1, 9, 4, 0x27, 0, 1, 2, 0, 0x1E, 0, 3, b'a', b'b', 0]);
        assert_eq!(tlvs.number(0x0427), Some(2));
        assert_eq!(tlvs.text(0x001E), Some(&b"ab"[..]));
        assert_eq!(tlvs.get(0x0424), None);
    }

    #[test]
    fn what_is_cut_off_is_not_there() {
        assert_eq!(Tlvs(&[0, 5, 0, 2, 9]).get(5), None);
        assert_eq!(Tlvs(&[0, 5, 0]).get(5), None);
        assert_eq!(Tlvs(&[0, 5, 0, 3, 1, 2, 3]).number(5), None);
    }
}
