//! The languages with tables of their own in TS 23.038.

/// A national language identifier (TS 23.038 §6.2.1.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "each is the language it names")]
pub enum Language {
    Turkish = 1,
    /// Has a single shift table only.
    Spanish = 2,
    Portuguese = 3,
    Bengali = 4,
    Gujarati = 5,
    Hindi = 6,
    Kannada = 7,
    Malayalam = 8,
    Oriya = 9,
    Punjabi = 10,
    Tamil = 11,
    Telugu = 12,
    Urdu = 13,
}

impl Language {
    /// All of them, in order of their identifiers.
    pub const ALL: &'static [Self] = &[
        Self::Turkish,
        Self::Spanish,
        Self::Portuguese,
        Self::Bengali,
        Self::Gujarati,
        Self::Hindi,
        Self::Kannada,
        Self::Malayalam,
        Self::Oriya,
        Self::Punjabi,
        Self::Tamil,
        Self::Telugu,
        Self::Urdu,
    ];

    /// The identifier on the air.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The reverse of [`code`](Self::code).
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|language| language.code() == code)
    }

    /// Whether a table can stand in place of the default alphabet; all but Spanish have one (TS 23.038 §A.3).
    pub fn has_locking(self) -> bool {
        self != Self::Spanish
    }
}
