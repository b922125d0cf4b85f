//! The user data header: writes and reads the information elements that join segments and name language
//! tables.

use crate::{Encoding, Language, Reference, Shifts};
use smallvec::SmallVec;

/// A header's octets, its length octet first; never on the heap.
pub type HeaderOctets = SmallVec<[u8; 16]>;

/// Information element identifiers (TS 23.040 §9.2.3.24).
mod iei {
    pub const CONCATENATED_8: u8 = 0x00;
    pub const CONCATENATED_16: u8 = 0x08;
    pub const SINGLE_SHIFT: u8 = 0x24;
    pub const LOCKING_SHIFT: u8 = 0x25;
}

/// Which part of which text a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Part {
    /// The same in all parts of one text; with [`Reference::Bits8`] only its low octet is sent.
    pub reference: u16,
    /// How long the reference is on the air.
    pub bits: Reference,
    /// How many parts there are, from 1.
    pub total: u8,
    /// Which part this is, from 1.
    pub number: u8,
}

/// What a received header says, as far as it is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// Which part of a text this is, where it is one of several.
    pub part: Option<Part>,
    /// The language tables that the user data is written with.
    pub shifts: Shifts,
    /// Octets of the header, its length octet included: the text begins after them.
    pub octets: usize,
}

/// The header for a segment, length octet included; empty where the segment needs none.
pub fn header(encoding: Encoding, part: Option<Part>) -> HeaderOctets {
    let mut octets = HeaderOctets::new();
    octets.push(0);
    match part {
        Some(Part { reference, bits: Reference::Bits8, total, number }) => {
            let [_, low] = reference.to_be_bytes();
            octets.extend_from_slice(&[iei::CONCATENATED_8, 3, low, total, number]);
        }
        Some(Part { reference, bits: Reference::Bits16, total, number }) => {
            let [high, low] = reference.to_be_bytes();
            octets.extend_from_slice(&[iei::CONCATENATED_16, 4, high, low, total, number]);
        }
        None => {}
    }
    let shifts = encoding.shifts();
    for (element, language) in [(iei::SINGLE_SHIFT, shifts.single()), (iei::LOCKING_SHIFT, shifts.locking())]
    {
        if let Some(language) = language {
            octets.extend_from_slice(&[element, 1, language.code()]);
        }
    }
    match octets.len() - 1 {
        0 => HeaderOctets::new(),
        length => {
            octets[0] = length as u8;
            octets
        }
    }
}

/// Reads the header at the start of received user data; `None` where its length octet reaches beyond the
/// data. An element that makes no sense is left out, and of one that is repeated the last counts (TS 23.040
/// §9.2.3.24).
pub fn parse_header(user_data: &[u8]) -> Option<Header> {
    let (length, rest) = user_data.split_first()?;
    let mut elements = rest.get(..usize::from(*length))?;
    let mut part = None;
    let (mut single, mut locking) = (None, None);
    while let [element, length, rest @ ..] = elements {
        let Some((value, after)) = rest.split_at_checked(usize::from(*length)) else { break };
        elements = after;
        match (*element, value) {
            (iei::CONCATENATED_8, [reference, total, number]) => {
                part = part_of(u16::from(*reference), Reference::Bits8, *total, *number).or(part);
            }
            (iei::CONCATENATED_16, [high, low, total, number]) => {
                part =
                    part_of(u16::from_be_bytes([*high, *low]), Reference::Bits16, *total, *number).or(part);
            }
            (iei::SINGLE_SHIFT, [code]) => single = Language::from_code(*code).or(single),
            (iei::LOCKING_SHIFT, [code]) => {
                locking = Language::from_code(*code).filter(|language| language.has_locking()).or(locking);
            }
            _ => {}
        }
    }
    let shifts = Shifts::new(locking, single).unwrap_or_default();
    Some(Header { part, shifts, octets: 1 + usize::from(*length) })
}

/// A part that can be: the standard has others ignored (TS 23.040 §9.2.3.24.1).
fn part_of(reference: u16, bits: Reference, total: u8, number: u8) -> Option<Part> {
    (number >= 1 && number <= total).then_some(Part { reference, bits, total, number })
}
