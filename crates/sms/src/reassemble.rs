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
