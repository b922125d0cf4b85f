//! Spanish: the single shift table (TS 23.038 §A.2.2). There is no locking one (§A.3.2).

use super::super::table::Table;

/// In place of the extension table.
#[rustfmt::skip]
pub(crate) static SINGLE: Table = Table::sparse(&[
    (0x09, 'ç'), (0x0A, '\u{C}'), (0x14, '^'), (0x28, '{'), (0x29, '}'), (0x2F, '\\'), (0x3C, '['),
    (0x3D, '~'), (0x3E, ']'), (0x40, '|'), (0x41, 'Á'), (0x49, 'Í'), (0x4F, 'Ó'), (0x55, 'Ú'),
    (0x61, 'á'), (0x65, '€'), (0x69, 'í'), (0x6F, 'ó'), (0x75, 'ú'),
]);
