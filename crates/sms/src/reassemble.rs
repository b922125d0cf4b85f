//! Puts the segments of one text in order again.

use crate::{Encoding, Part, decode};
use std::fmt;

/// Units that are kept of one part: what the largest segment holds.
const MAX_UNITS: usize = 160;

/// The parts of one text that have come so far, in whatever order. Bounded: at most 255 parts of 160 units.
/// Who keeps it decides which parts belong together (sender, recipient, reference) and how long to wait.
#[derive(Clone)]
pub struct Assembly {
    parts: Vec<Option<Vec<u8>>>,
    missing: usize,
}

impl Assembly {
    /// Begins with the first part that came, whichever it is.
    pub fn new(part: Part, units: &[u8]) -> Self {
        let total = usize::from(part.total.max(1));
        let mut assembly = Self { parts: vec![None; total], missing: total };
        assembly.add(part, units);
        assembly
    }

    /// Takes one more part; says whether all are there now. A part that is there already, or of a text with
    /// another number of parts, changes nothing.
    pub fn add(&mut self, part: Part, units: &[u8]) -> bool {
        if usize::from(part.total) == self.parts.len()
            && let Some(place @ None) = self.parts.get_mut(usize::from(part.number).wrapping_sub(1))
        {
            *place = Some(units.get(..MAX_UNITS).unwrap_or(units).to_vec());
            self.missing -= 1;
        }
        self.is_complete()
    }

    /// Whether all parts are there.
    pub fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// The text of the parts that are there, in order. They are joined before they are read, so that a peer
    /// which cuts inside a character does no harm.
    pub fn text(&self, encoding: Encoding) -> String {
        decode(&self.parts.iter().flatten().flatten().copied().collect::<Vec<u8>>(), encoding)
    }
}

impl fmt::Debug for Assembly {
    /// Never what the parts hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Assembly({} of {} parts)", self.parts.len() - self.missing, self.parts.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reference;

    fn part(total: u8, number: u8) -> Part {
        Part { reference: 1, bits: Reference::Bits8, total, number }
    }

    #[test]
    fn only_missing_parts_of_the_same_text_are_taken() {
        let mut assembly = Assembly::new(part(2, 2), b"two");
        assert!(!assembly.add(part(2, 2), b"again"), "there already");
        assert!(!assembly.add(part(3, 1), b"other"), "of a text with three parts");
        assert!(!assembly.add(part(2, 3), b"beyond"));
        assert_eq!(assembly.text(Encoding::Ascii), "two");
        assert!(assembly.add(part(2, 1), b"one "));
        assert_eq!(assembly.text(Encoding::Ascii), "one two");
        assert_eq!(format!("{assembly:?}"), "Assembly(2 of 2 parts)");
    }

    #[test]
    fn a_character_that_a_peer_cut_is_whole_again() {
        let mut assembly = Assembly::new(part(2, 1), &[0xD8, 0x3D]);
        assembly.add(part(2, 2), &[0xDE, 0x00]);
        assert_eq!(assembly.text(Encoding::Ucs2), "😀");
    }
}
