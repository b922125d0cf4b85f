//! The national language tables of TS 23.038 annex A, one file a language. The code points are cross-checked
//! between transcriptions of Releases 16 and 18 and what phones have; where those differ, the file says so.

mod bengali;
mod gujarati;
mod hindi;
mod kannada;
mod malayalam;
mod oriya;
mod portuguese;
mod punjabi;
mod spanish;
mod tamil;
mod telugu;
mod turkish;
mod urdu;

use super::gsm7;
use super::table::Table;
use crate::Language;

/// The table that stands in place of the default alphabet; for Spanish, which has none, the default alphabet.
pub(crate) fn locking(language: Language) -> &'static Table {
    match language {
        Language::Turkish => &turkish::LOCKING,
        Language::Spanish => &gsm7::DEFAULT,
        Language::Portuguese => &portuguese::LOCKING,
        Language::Bengali => &bengali::LOCKING,
        Language::Gujarati => &gujarati::LOCKING,
        Language::Hindi => &hindi::LOCKING,
        Language::Kannada => &kannada::LOCKING,
        Language::Malayalam => &malayalam::LOCKING,
        Language::Oriya => &oriya::LOCKING,
        Language::Punjabi => &punjabi::LOCKING,
        Language::Tamil => &tamil::LOCKING,
        Language::Telugu => &telugu::LOCKING,
        Language::Urdu => &urdu::LOCKING,
    }
}

/// The table that stands in place of the extension table.
pub(crate) fn single(language: Language) -> &'static Table {
    match language {
        Language::Turkish => &turkish::SINGLE,
        Language::Spanish => &spanish::SINGLE,
        Language::Portuguese => &portuguese::SINGLE,
        Language::Bengali => &bengali::SINGLE,
        Language::Gujarati => &gujarati::SINGLE,
        Language::Hindi => &hindi::SINGLE,
        Language::Kannada => &kannada::SINGLE,
        Language::Malayalam => &malayalam::SINGLE,
        Language::Oriya => &oriya::SINGLE,
        Language::Punjabi => &punjabi::SINGLE,
        Language::Tamil => &tamil::SINGLE,
        Language::Telugu => &telugu::SINGLE,
        Language::Urdu => &urdu::SINGLE,
    }
}
