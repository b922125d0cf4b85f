//! TP-addresses: numbers in semi-octets, and names (TS 23.040 §9.1.2.5).

use super::{Octets, TpduError};
use crate::{Encoding, PhoneNumber, decode, encode_whole, pack_septets, unpack_septets};
use std::fmt;

/// Most semi-octets of an address: ten octets (§9.1.2.5).
const MOST_SEMI_OCTETS: usize = 20;
/// What fills up the last octet of an odd number (§9.1.2.3).
const FILLER: u8 = 0xF;
/// The semi-octets' characters (§9.1.2.3); 0xF is the filler.
const SEMI_OCTETS: &[u8; 15] = b"0123456789*#abc";

/// An address: a number, or a name where the type of number is alphanumeric.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// Type of number, 3 bits: 1 is international, 5 alphanumeric.
    pub ton: u8,
    /// Numbering plan, 4 bits: 1 is ISDN (E.164).
    pub npi: u8,
    /// Digits, or the name.
    pub text: String,
}

impl Address {
    /// The type of number of a name.
    pub const ALPHANUMERIC: u8 = 5;

    /// The address of a phone: international, ISDN.
    pub fn international(number: PhoneNumber) -> Self {
        Self { ton: 1, npi: 1, text: number.to_string() }
    }

    /// The phone number, where the address is one with its country code.
    pub fn number(&self) -> Option<PhoneNumber> {
        (self.ton != Self::ALPHANUMERIC).then(|| PhoneNumber::parse(&self.text).ok()).flatten()
    }

    /// Appends the address with its length and type octets.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), TpduError> {
        let kind = 0x80 | ((self.ton & 0x07) << 4) | (self.npi & 0x0F);
        if self.ton == Self::ALPHANUMERIC {
            let septets = encode_whole(&self.text, Encoding::GSM7).map_err(|_| TpduError::Address)?;
            let octets = pack_septets(&septets, 0);
            // The length counts semi-octets that carry something: the last four bits may be empty.
            let semi_octets = (septets.len() * 7).div_ceil(4);
            if semi_octets > MOST_SEMI_OCTETS {
                return Err(TpduError::Address);
            }
            out.extend([semi_octets as u8, kind]);
            out.extend(octets);
            return Ok(());
        }
        if self.text.len() > MOST_SEMI_OCTETS {
            return Err(TpduError::Address);
        }
        let digit = |octet: u8| SEMI_OCTETS.iter().position(|known| *known == octet.to_ascii_lowercase());
        let digits: Option<Vec<u8>> =
            self.text.bytes().map(|octet| digit(octet).map(|value| value as u8)).collect();
        let digits = digits.ok_or(TpduError::Address)?;
        out.extend([digits.len() as u8, kind]);
        out.extend(digits.chunks(2).map(|pair| match pair {
            [low, high] => (high << 4) | low,
            [low, ..] => (FILLER << 4) | low,
            [] => FILLER,
        }));
        Ok(())
    }

    /// Reads an address; `None` where it ends too early or is longer than one can be.
    pub(super) fn read(octets: &mut Octets<'_>) -> Option<Self> {
        let semi_octets = usize::from(octets.next()?);
        let kind = octets.next()?;
        if semi_octets > MOST_SEMI_OCTETS {
            return None;
        }
        let value = octets.take(semi_octets.div_ceil(2))?;
        let (ton, npi) = ((kind >> 4) & 0x07, kind & 0x0F);
        let text = if ton == Self::ALPHANUMERIC {
            let name = decode(&unpack_septets(value, semi_octets * 4 / 7, 0), Encoding::GSM7);
            // Seven empty bits at the end of the last octet read as one more `@`.
            match (semi_octets % 2, semi_octets * 4 % 7, name.strip_suffix('@')) {
                (0, 0, Some(shorter)) if semi_octets > 0 => shorter.to_owned(),
                _ => name,
            }
        } else {
            let pairs = value.iter().flat_map(|octet| [octet & 0x0F, octet >> 4]);
            // Some service centres count the filler as a digit.
            pairs
                .take(semi_octets)
                .filter_map(|digit| SEMI_OCTETS.get(usize::from(digit)))
                .map(|octet| char::from(*octet))
                .collect()
        };
        Some(Self { ton, npi, text })
    }
}

impl fmt::Debug for Address {
    /// Never the whole address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address(TON {}, NPI {}, {} characters)", self.ton, self.npi, self.text.chars().count())
    }
}
