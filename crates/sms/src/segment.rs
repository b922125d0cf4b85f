//! Cuts a text into segments: how many there are, and what each holds. A cut never falls inside an escape
//! pair, a surrogate pair or a grapheme cluster, unless that cluster alone is more than a segment holds.

use crate::Encoding;
use crate::cluster::clusters;
use smallvec::{SmallVec, smallvec};
use std::fmt;

/// Octets of user data in one SMS, its header included (TS 23.040 §9.2.3.16).
pub const USER_DATA_OCTETS: usize = 140;

/// Segments that one text may have: the concatenation header counts them in one octet (TS 23.040
/// §9.2.3.24.1).
pub const MAX_SEGMENTS: usize = 255;

/// How long the number is that says which segments belong together (TS 23.040 §9.2.3.24.1, §9.2.3.24.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Reference {
    /// Information element 0x00: the one that every phone knows.
    #[default]
    Bits8,
    /// Information element 0x08: one octet more in each segment, and far fewer mix-ups between texts.
    Bits16,
}

/// What one SMS on the air holds of a text, without its header.
#[derive(Clone, PartialEq, Eq)]
pub struct Segment {
    /// For GSM 7 bit one septet in each octet, not packed; for the others octets.
    pub units: Vec<u8>,
}

/// A text's segments in order; at least one, and without a heap allocation for the list where there is only
/// one.
pub type Segments = SmallVec<[Segment; 1]>;

/// Why a text cannot be sent in an encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The encoding lacks a character.
    #[error(
        "remove or replace character {position} (U+{:04X}), which the encoding lacks",
        u32::from(*.character)
    )]
    Unencodable {
        /// Which character of the text, counted from 1.
        position: usize,
        /// That character.
        character: char,
    },
    /// More segments than the concatenation header can count.
    #[error("shorten the text: it makes {segments} segments, of at most 255")]
    TooLong {
        /// How many it would be.
        segments: usize,
    },
}

/// How many segments the text makes: exactly the length of what [`segment`] returns, without allocating.
pub fn count(text: &str, encoding: Encoding, reference: Reference) -> Result<u8, EncodeError> {
    if units_of(text, encoding)? <= capacity_alone(encoding) {
        return Ok(1);
    }
    let mut segments = 1;
    cut(text, encoding, reference, |_| segments += 1);
    u8::try_from(segments).map_err(|_| EncodeError::TooLong { segments })
}

/// The text's segments. A text that fits one SMS costs one allocation.
pub fn segment(text: &str, encoding: Encoding, reference: Reference) -> Result<Segments, EncodeError> {
    let units = units_of(text, encoding)?;
    if units <= capacity_alone(encoding) {
        return Ok(smallvec![Segment { units: encode(text, encoding, units) }]);
    }
    // Bounds the memory before any is taken.
    let segments = usize::from(count(text, encoding, reference)?);
    let capacity = capacity_in_parts(encoding, reference);
    let mut done = Segments::with_capacity(segments);
    let mut from = 0;
    let mut finish = |to: usize| {
        let piece = text.get(from..to).unwrap_or_default();
        done.push(Segment { units: encode(piece, encoding, capacity) });
        from = to;
    };
    cut(text, encoding, reference, &mut finish);
    finish(text.len());
    Ok(done)
}

/// The whole text's units in one piece, for a peer that cuts it itself; no header is counted.
pub fn encode_whole(text: &str, encoding: Encoding) -> Result<Vec<u8>, EncodeError> {
    Ok(encode(text, encoding, units_of(text, encoding)?))
}

/// Units that an SMS holds where the text is one segment: 160 septets, 70 characters of UCS-2, 140 octets,
/// less what national language tables cost.
pub(crate) fn capacity_alone(encoding: Encoding) -> usize {
    let header = encoding.shifts().header_octets();
    encoding.units_in(USER_DATA_OCTETS - header - usize::from(header > 0))
}

/// Units that each of several segments holds: 153 or 152 septets, 67 or 66 characters of UCS-2, 134 or 133
/// octets, less what national language tables cost.
pub(crate) fn capacity_in_parts(encoding: Encoding, reference: Reference) -> usize {
    encoding.units_in(USER_DATA_OCTETS - 1 - reference.header_octets() - encoding.shifts().header_octets())
}

/// Units of the whole text; an error where a character is missing.
fn units_of(text: &str, encoding: Encoding) -> Result<usize, EncodeError> {
    let mut units = 0;
    for (before, c) in text.chars().enumerate() {
        match encoding.units(c) {
            Some(more) => units += more,
            None => return Err(EncodeError::Unencodable { position: before + 1, character: c }),
        }
    }
    Ok(units)
}

/// The units of a text that is known to be encodable.
fn encode(text: &str, encoding: Encoding, capacity: usize) -> Vec<u8> {
    let mut units = Vec::with_capacity(capacity);
    for c in text.chars() {
        encoding.push(c, &mut units);
    }
    units
}

/// Calls `at` with the byte offset of each place where the encodable text is cut.
fn cut(text: &str, encoding: Encoding, reference: Reference, mut at: impl FnMut(usize)) {
    let capacity = capacity_in_parts(encoding, reference);
    let (mut offset, mut used) = (0, 0);
    for cluster in clusters(text) {
        let units: usize = cluster.chars().filter_map(|c| encoding.units(c)).sum();
        if used + units > capacity && used > 0 {
            at(offset);
            used = 0;
        }
        if units <= capacity {
            used += units;
        } else {
            let mut inside = offset;
            for c in cluster.chars() {
                let units = encoding.units(c).unwrap_or_default();
                if used + units > capacity {
                    at(inside);
                    used = 0;
                }
                used += units;
                inside += c.len_utf8();
            }
        }
        offset += cluster.len();
    }
}

impl Reference {
    /// Octets of the concatenation information element.
    pub(crate) fn header_octets(self) -> usize {
        match self {
            Self::Bits8 => 5,
            Self::Bits16 => 6,
        }
    }
}

impl fmt::Debug for Segment {
    /// Never what the segment holds, as that is the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Segment({} units)", self.units.len())
    }
}
