//! The 7 bit alphabets of TS 23.038: which septet, or pair of septets, stands for which character.

pub(crate) mod gsm7;
mod national;
mod table;

use crate::Shifts;
use table::Table;

/// The tables in use: the alphabet, and what follows ESC.
pub(crate) fn tables(shifts: Shifts) -> (&'static Table, &'static Table) {
    (
        shifts.locking().map_or(&gsm7::DEFAULT, national::locking),
        shifts.single().map_or(&gsm7::EXTENSION, national::single),
    )
}

/// A character's septet; with [`gsm7::ESCAPED`] set where it stands behind ESC.
pub(crate) fn code(shifts: Shifts, c: char) -> Option<u8> {
    if shifts == Shifts::default() {
        return gsm7::code(c);
    }
    let (base, extension) = tables(shifts);
    base.septet(c).or_else(|| extension.septet(c).map(|septet| septet | gsm7::ESCAPED))
}
