//! TP-User-Data with TP-User-Data-Length (TS 23.040 §9.2.3.16, §9.2.3.24).

use super::{Octets, TpduError};
use crate::{
    Encoding, Header, Part, USER_DATA_OCTETS, decode, encoding_of_tp_dcs, fill_bits, pack_septets,
    parse_header, unpack_septets,
};
use std::fmt;

/// What a TPDU carries: a header or none, and the text's units.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct UserData {
    /// The header, its length octet first; empty where there is none.
    pub header: Vec<u8>,
    /// Septets, one in each octet, where the alphabet is GSM 7 bit; else octets.
    pub units: Vec<u8>,
}

impl UserData {
    /// Appends length and data, for this TP-DCS.
    pub(super) fn write(&self, data_coding: u8, out: &mut Vec<u8>) -> Result<(), TpduError> {
        if is_septets(data_coding) {
            let fill = fill_bits(self.header.len());
            let header_septets = (self.header.len() * 8).div_ceil(7);
            let packed = pack_septets(&self.units, fill);
            if self.header.len() + packed.len() > USER_DATA_OCTETS {
                return Err(TpduError::TooLong);
            }
            out.push((header_septets + self.units.len()) as u8);
            out.extend(&self.header);
            out.extend(packed);
        } else {
            let length = self.header.len() + self.units.len();
            if length > USER_DATA_OCTETS {
                return Err(TpduError::TooLong);
            }
            out.push(length as u8);
            out.extend(&self.header);
            out.extend(&self.units);
        }
        Ok(())
    }

    /// Reads length and data. Where the octets end before the length says, what is there is read: some service centres cut the
    /// end, and half a text is better than none.
    pub(super) fn read(data_coding: u8, has_header: bool, octets: &mut Octets<'_>) -> Option<Self> {
        let length = usize::from(octets.next()?);
        let data = octets.0.get(..USER_DATA_OCTETS.min(octets.0.len()))?;
        let septets = is_septets(data_coding);
        let data = if septets { data } else { data.get(..length).unwrap_or(data) };
        let header_octets = if has_header { parse_header(data)?.octets } else { 0 };
        let (header, rest) = data.split_at_checked(header_octets)?;
        let units = if septets {
            let header_septets = (header_octets * 8).div_ceil(7);
            unpack_septets(rest, length.saturating_sub(header_septets), fill_bits(header_octets))
        } else {
            rest.to_vec()
        };
        Some(Self { header: header.to_vec(), units })
    }

    /// Which part of which text it is, and which language tables it uses.
    pub fn parsed_header(&self) -> Header {
        parse_header(&self.header).unwrap_or_default()
    }

    /// Which part of which text it is, where it is one of several.
    pub fn part(&self) -> Option<Part> {
        self.parsed_header().part
    }

    /// The text, or what can be read of it: what no alphabet is known for is shown as Latin-1 rather than lost.
    pub fn text(&self, data_coding: u8) -> String {
        decode(&self.units, self.encoding(data_coding))
    }

    /// What the units are read in.
    pub(super) fn encoding(&self, data_coding: u8) -> Encoding {
        match encoding_of_tp_dcs(data_coding) {
            Some(Encoding::Gsm7(_)) => Encoding::Gsm7(self.parsed_header().shifts),
            Some(encoding) => encoding,
            None if is_septets(data_coding) => Encoding::GSM7,
            None => Encoding::Latin1,
        }
    }
}

/// Whether TP-User-Data-Length counts septets. Reserved codings are read as the default alphabet (TS 23.038 §4), compressed
/// texts count octets (TS 23.040 §9.2.3.16).
fn is_septets(data_coding: u8) -> bool {
    match data_coding >> 4 {
        0x2 | 0x3 | 0x6 | 0x7 => false,
        0x0 | 0x1 | 0x4 | 0x5 => matches!(data_coding & 0x0C, 0x00 | 0x0C),
        0xE => false,
        0xF => data_coding & 0x04 == 0,
        _ => true,
    }
}

impl fmt::Debug for UserData {
    /// Never what it holds, as that is the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserData({} octets of header, {} units)", self.header.len(), self.units.len())
    }
}
