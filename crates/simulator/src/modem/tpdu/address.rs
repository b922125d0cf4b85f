//! Addresses: a type of address and semi-octets, or a name in septets (3GPP TS 23.040 §9.1.2.5).

use std::fmt;

use super::septets;
use crate::text::{decode_gsm7, encode_gsm7};

/// Digits of a semi-octet (TS 23.040 §9.1.2.3); 0x0F fills the last octet up.
const DIGITS: &[u8; 15] = b"0123456789*#abc";

/// An address of a TPDU. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct TpAddress {
    /// Type of address: 0x91 international, 0x81 unknown, 0xD0 a name.
    pub kind: u8,
    /// Its digits, without a plus sign; or the name.
    pub number: String,
}

impl fmt::Debug for TpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TpAddress").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl TpAddress {
    /// The address that somebody would dial or be named by: with a plus sign international, with letters a name.
    pub fn of(text: &str) -> Self {
        if let Some(number) = text.strip_prefix('+') {
            return Self { kind: 0x91, number: number.to_owned() };
        }
        let is_number = !text.is_empty() && text.bytes().all(|byte| DIGITS.contains(&byte));
        Self { kind: if is_number { 0x81 } else { 0xD0 }, number: text.to_owned() }
    }

    /// Whether it is a name in septets: type of number 5 (TS 23.040 §9.1.2.5).
    pub fn is_name(&self) -> bool {
        self.kind & 0x70 == 0x50
    }

    /// Reads length, type and value; gives back what follows.
    pub(super) fn read(octets: &[u8]) -> Option<(Self, &[u8])> {
        let [length, kind, rest @ ..] = octets else { return None };
        // At most ten octets of value: 20 digits (§9.1.2.5).
        let semi_octets = usize::from(*length);
        if semi_octets > 20 {
            return None;
        }
        let (value, rest) = rest.split_at_checked(semi_octets.div_ceil(2))?;
        let kind = *kind;
        let mut address = Self { kind, number: String::new() };
        address.number = if address.is_name() {
            decode_gsm7(&septets::unpack(value, 0, semi_octets * 4 / 7)?)
        } else {
            digits(value, semi_octets)?
        };
        Some((address, rest))
    }

    /// Appends length, type and value; what is too long is cut.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        if self.is_name() {
            let mut name = encode_gsm7(&self.number).unwrap_or_default();
            name.truncate(11);
            let (septets, octets) = septets::pack(&[], &name);
            out.push(u8::try_from((septets * 7).div_ceil(4)).unwrap_or_default());
            out.push(self.kind);
            out.extend(octets);
        } else {
            let codes = codes(&self.number);
            out.push(u8::try_from(codes.len()).unwrap_or_default());
            out.push(self.kind);
            out.extend(semi_octets(&codes));
        }
    }

    /// As commands in text mode and `+CSCA` show it: with a plus sign where it is international.
    pub(in crate::modem) fn dialled(&self) -> String {
        if self.kind & 0x70 == 0x10 { format!("+{}", self.number) } else { self.number.clone() }
    }

    /// As the service centre's address in front of a TPDU: its length in octets (TS 27.005 §3.1, `<pdu>`).
    pub(in crate::modem) fn service_centre(&self) -> Vec<u8> {
        let digits = semi_octets(&codes(&self.number));
        if digits.is_empty() {
            return vec![0];
        }
        let mut out = vec![u8::try_from(digits.len() + 1).unwrap_or_default(), self.kind];
        out.extend(digits);
        out
    }
}

/// The digits of a service centre's address without its length, type first; `None` where they are no digits.
pub(in crate::modem) fn smsc_digits(address: &[u8]) -> Option<String> {
    let Some((_, value)) = address.split_first() else { return Some(String::new()) };
    let fill = usize::from(value.last().is_some_and(|last| last >> 4 == 0x0F));
    digits(value, value.len() * 2 - fill)
}

fn digits(value: &[u8], count: usize) -> Option<String> {
    let semi_octets = value.iter().flat_map(|octet| [octet & 0x0F, octet >> 4]).take(count);
    semi_octets.map(|code| DIGITS.get(usize::from(code)).copied().map(char::from)).collect()
}

fn codes(number: &str) -> Vec<u8> {
    let code = |byte: u8| DIGITS.iter().position(|digit| *digit == byte);
    number.bytes().filter_map(|byte| u8::try_from(code(byte)?).ok()).take(20).collect()
}

fn semi_octets(codes: &[u8]) -> Vec<u8> {
    codes.chunks(2).map(|pair| pair.first().unwrap_or(&0) | pair.get(1).unwrap_or(&0x0F) << 4).collect()
}
