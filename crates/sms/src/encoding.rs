//! The encodings a text can leave in, and which of them carries a text in the least room.

use crate::alphabet::{self, gsm7};
use crate::{Language, Reference};
use std::fmt;

/// How the characters of a text become the user data of an SMS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// GSM 7 bit, one septet per unit: the default alphabet with its extension table, or national language
    /// tables in their place (TS 23.038 §6.2.1).
    Gsm7(Shifts),
    /// IA5, one octet per character.
    Ascii,
    /// ISO 8859-1, one octet per character.
    Latin1,
    /// UCS-2, two octets per character (TS 23.038 §6.2.3). The standard's UCS-2 ends at U+FFFF, but phones
    /// read UTF-16 here, so a character beyond goes as a surrogate pair: the same octets as
    /// [`Utf16Be`](Self::Utf16Be).
    Ucs2,
    /// UTF-16, big-endian.
    Utf16Be,
    /// Octets that no alphabet is declared for: a text goes as its UTF-8.
    Binary,
}

/// The national language tables in use for GSM 7 bit (TS 23.038 §6.2.1.2); none by default. Each costs three
/// octets in every segment's header, and a phone without the table shows wrong characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Shifts {
    locking: Option<Language>,
    single: Option<Language>,
}

/// Which encodings [`choose`] may take beside plain GSM 7 bit and UCS-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Choices {
    /// National language tables too. Off by default, as many phones and providers lack them.
    pub shifts: bool,
}

/// The encoding that carries the text in the fewest segments, and of those the one that most phones read: GSM
/// 7 bit, then UCS-2, then (where `choices` allow) one language's single shift table, without which a phone
/// shows only that language's letters wrong, then its locking one, then both. Carries every text.
pub fn choose(text: &str, choices: Choices) -> Encoding {
    if text.chars().all(|c| gsm7::code(c).is_some()) {
        // Never more segments than UCS-2: a character takes 7 or 14 bits where UCS-2 takes 16.
        return Encoding::GSM7;
    }
    let segments = |encoding| crate::count(text, encoding, Reference::Bits8).ok();
    let mut best = (segments(Encoding::Ucs2), Encoding::Ucs2);
    if choices.shifts && best.0 != Some(1) {
        for encoding in Shifts::of_one_language().map(Encoding::Gsm7) {
            if let fewer @ Some(count) = segments(encoding)
                && best.0.is_none_or(|least| count < least)
            {
                best = (fewer, encoding);
            }
        }
    }
    best.1
}

impl Encoding {
    /// GSM 7 bit with the default alphabet and its extension table.
    pub const GSM7: Self = Self::Gsm7(Shifts { locking: None, single: None });

    /// The name in the API and the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gsm7(_) => "gsm7",
            Self::Ascii => "ascii",
            Self::Latin1 => "latin1",
            Self::Ucs2 => "ucs2",
            Self::Utf16Be => "utf16be",
            Self::Binary => "binary",
        }
    }

    /// Whether the encoding has this character.
    pub fn has(self, c: char) -> bool {
        self.units(c).is_some()
    }

    /// The national language tables in use; none for all but GSM 7 bit.
    pub fn shifts(self) -> Shifts {
        match self {
            Self::Gsm7(shifts) => shifts,
            _ => Shifts::default(),
        }
    }

    /// Units (septets for GSM 7 bit, octets for the others) that the character takes.
    pub(crate) fn units(self, c: char) -> Option<usize> {
        match self {
            Self::Gsm7(shifts) => {
                alphabet::code(shifts, c).map(|code| if code & gsm7::ESCAPED == 0 { 1 } else { 2 })
            }
            Self::Ascii => c.is_ascii().then_some(1),
            Self::Latin1 => (u32::from(c) < 0x100).then_some(1),
            Self::Ucs2 | Self::Utf16Be => Some(2 * c.len_utf16()),
            Self::Binary => Some(c.len_utf8()),
        }
    }

    /// Appends the character's units; says whether the encoding has it.
    pub(crate) fn push(self, c: char, units: &mut Vec<u8>) -> bool {
        match self {
            Self::Gsm7(shifts) => match alphabet::code(shifts, c) {
                Some(code) if code & gsm7::ESCAPED == 0 => units.push(code),
                Some(code) => units.extend([gsm7::ESC, code & 0x7F]),
                None => return false,
            },
            Self::Ascii | Self::Latin1 => match u8::try_from(c) {
                Ok(octet) if octet.is_ascii() || self == Self::Latin1 => units.push(octet),
                _ => return false,
            },
            Self::Ucs2 | Self::Utf16Be => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    units.extend(unit.to_be_bytes());
                }
            }
            Self::Binary => units.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        true
    }

    /// Units that fit into `octets` of user data.
    pub(crate) fn units_in(self, octets: usize) -> usize {
        if matches!(self, Self::Gsm7(_)) { octets * 8 / 7 } else { octets }
    }
}

impl Shifts {
    /// These tables; `None` where the standard has no such table: Spanish is without a locking one (TS 23.038
    /// §A.3.2).
    pub fn new(locking: Option<Language>, single: Option<Language>) -> Option<Self> {
        locking.is_none_or(Language::has_locking).then_some(Self { locking, single })
    }

    /// The language whose table stands in place of the default alphabet.
    pub fn locking(self) -> Option<Language> {
        self.locking
    }

    /// The language whose table stands in place of the extension table, for the one character after ESC.
    pub fn single(self) -> Option<Language> {
        self.single
    }

    /// Every way to use one language's tables, in the order in which [`choose`] likes them.
    fn of_one_language() -> impl Iterator<Item = Self> {
        let ways: [fn(Language) -> Option<Self>; 3] = [
            |language| Self::new(None, Some(language)),
            |language| Self::new(Some(language), None),
            |language| Self::new(Some(language), Some(language)),
        ];
        ways.into_iter().flat_map(|way| Language::ALL.iter().copied().filter_map(way))
    }

    /// Octets that these tables' information elements take, without the header's length octet.
    pub(crate) fn header_octets(self) -> usize {
        3 * (usize::from(self.locking.is_some()) + usize::from(self.single.is_some()))
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
