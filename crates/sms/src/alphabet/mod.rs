//! The 7 bit alphabets of TS 23.038: which septet, or pair of septets, stands for which character.

pub(crate) mod gsm7;
mod table;

use crate::Shifts;
use table::Table;

/// The tables in use: the alphabet, and what follows ESC.
pub(crate) fn tables(shifts: Shifts) -> (&'static Table, &'static Table) {
    let _ = shifts;
    (&gsm7::DEFAULT, &gsm7::EXTENSION)
}

/// A character's septet; with [`gsm7::ESCAPED`] set where it stands behind ESC.
pub(crate) fn code(shifts: Shifts, c: char) -> Option<u8> {
    let (base, extension) = tables(shifts);
    code_in(base, extension, c)
}

fn code_in(base: &Table, extension: &Table, c: char) -> Option<u8> {
    base.septet(c).or_else(|| extension.septet(c).map(|septet| septet | gsm7::ESCAPED))
}
