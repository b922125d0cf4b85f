//! One table of 128 septets, to be read in both directions.

/// Stands where a table has no character; itself no character of Unicode.
pub(crate) const UNDEFINED: char = '\u{FFFF}';

/// A code table of TS 23.038.
pub(crate) struct Table {
    characters: [char; 128],
    /// Each character with its septet, in order of the characters.
    septets: [(char, u8); 128],
    defined: usize,
}

impl Table {
    /// A table with a character for each septet, or [`UNDEFINED`].
    pub(crate) const fn full(characters: [char; 128]) -> Self {
        let mut septets = [(UNDEFINED, 0); 128];
        let (mut defined, mut septet) = (0, 0);
        while septet < 128 {
            let c = characters[septet];
            if c as u32 != UNDEFINED as u32 {
                // Insertion sort, as a const fn has no other.
                let mut at = defined;
                // A character that the table has twice keeps its lower septet in front.
                while at > 0 && septets[at - 1].0 as u32 > c as u32 {
                    septets[at] = septets[at - 1];
                    at -= 1;
                }
                septets[at] = (c, septet as u8);
                defined += 1;
            }
            septet += 1;
        }
        Self { characters, septets, defined }
    }

    /// A table with only these septets.
    pub(crate) const fn sparse(pairs: &[(u8, char)]) -> Self {
        let mut characters = [UNDEFINED; 128];
        let mut at = 0;
        while at < pairs.len() {
            characters[pairs[at].0 as usize] = pairs[at].1;
            at += 1;
        }
        Self::full(characters)
    }

    /// Writes the septet, with `mark`, at its character's place in `codes`, where the character is among the
    /// first 256.
    pub(super) const fn note_code(&self, septet: u8, mark: u8, codes: &mut [u8; 256]) {
        let c = self.characters[septet as usize] as usize;
        if c < codes.len() {
            codes[c] = septet | mark;
        }
    }

    /// The character of a septet, where there is one.
    pub(crate) fn character(&self, septet: u8) -> Option<char> {
        self.characters.get(usize::from(septet)).copied().filter(|c| *c != UNDEFINED)
    }

    /// What to show for a septet in any case: a space where the table has nothing, U+FFFD for what is no
    /// septet.
    pub(crate) fn shown(&self, septet: u8) -> char {
        match self.characters.get(usize::from(septet)) {
            Some(&UNDEFINED) => ' ',
            Some(c) => *c,
            None => '\u{FFFD}',
        }
    }

    /// The septet of a character.
    pub(crate) fn septet(&self, c: char) -> Option<u8> {
        let defined = self.septets.get(..self.defined)?;
        let at = defined.partition_point(|(other, _)| *other < c);
        defined.get(at).filter(|(other, _)| *other == c).map(|(_, septet)| *septet)
    }
}
