//! Character sets of strings and texts on the line (`+CSCS`, 3GPP TS 27.007 §5.5).

use super::tpdu::{from_hex, to_hex};
use crate::text::{decode_gsm7, encode_gsm7};

/// A character set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    /// `GSM`: the GSM 7 bit default alphabet, one septet an octet.
    Gsm,
    /// `IRA`: ASCII.
    Ira,
    /// `UCS2`: four hexadecimal digits a unit.
    Ucs2,
    /// `8859-1`.
    Latin1,
    /// `UTF-8`.
    Utf8,
}

impl Charset {
    pub(super) const ALL: [Self; 5] = [Self::Gsm, Self::Ira, Self::Ucs2, Self::Latin1, Self::Utf8];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gsm => "GSM",
            Self::Ira => "IRA",
            Self::Ucs2 => "UCS2",
            Self::Latin1 => "8859-1",
            Self::Utf8 => "UTF-8",
        }
    }

    /// The text of octets on the line; `None` where they are none.
    pub(super) fn decode(self, octets: &[u8]) -> Option<String> {
        match self {
            Self::Gsm => Some(decode_gsm7(octets)),
            Self::Ira => octets.is_ascii().then(|| octets.iter().copied().map(char::from).collect()),
            Self::Latin1 => Some(octets.iter().copied().map(char::from).collect()),
            Self::Utf8 => String::from_utf8(octets.to_vec()).ok(),
            Self::Ucs2 => {
                let octets = from_hex(octets)?;
                let (units, odd) = octets.as_chunks::<2>();
                let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
                if odd.is_empty() { String::from_utf16(&units).ok() } else { None }
            }
        }
    }

    /// A text's octets on the line; what the set does not have becomes a question mark.
    pub(super) fn encode(self, text: &str) -> Vec<u8> {
        let or_mark = |known: &dyn Fn(char) -> Option<Vec<u8>>| {
            text.chars().flat_map(|c| known(c).unwrap_or_else(|| vec![b'?'])).collect()
        };
        match self {
            Self::Gsm => or_mark(&|c| encode_gsm7(c.encode_utf8(&mut [0; 4]))),
            Self::Ira => or_mark(&|c| u8::try_from(c).ok().filter(u8::is_ascii).map(|octet| vec![octet])),
            Self::Latin1 => or_mark(&|c| u8::try_from(c).ok().map(|octet| vec![octet])),
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Ucs2 => {
                let octets: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
                to_hex(&octets).into_bytes()
            }
        }
    }
}
