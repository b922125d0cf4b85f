//! What of a phone's message is sealed in the store, and how parts become one text.

use serde::{Deserialize, Serialize};
use textgate_sms::{Encoding, Language, Shifts, decode};

/// What stands in the text where parts never came.
pub(super) const GAP: &str = "[…]";

/// A whole message. Has no `Debug`: it is somebody's text.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) text: String,
    #[serde(default = "one")]
    pub(crate) parts: u8,
    #[serde(default)]
    pub(crate) missing: u8,
}

fn one() -> u8 {
    1
}

/// One part.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptPart {
    from: String,
    to: String,
    text: String,
    /// The units in hexadecimal, and the encoding's name with its language tables, locking and single.
    units: Option<(String, String, Option<u8>, Option<u8>)>,
}

impl Kept {
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn from_json(plain: &[u8]) -> Option<Self> {
        serde_json::from_slice(plain).ok()
    }
}

impl KeptPart {
    pub(super) fn new(from: String, to: String, text: String, units: Option<(Encoding, Vec<u8>)>) -> Self {
        let units = units.map(|(encoding, units)| {
            let (locking, single) = (encoding.shifts().locking(), encoding.shifts().single());
            let name = encoding.name().to_owned();
            (hexadecimal(&units), name, locking.map(Language::code), single.map(Language::code))
        });
        Self { from, to, text, units }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn from_json(plain: &[u8]) -> Option<Self> {
        serde_json::from_slice(plain).ok()
    }

    /// The units and how to read them.
    fn read(&self) -> Option<(Encoding, Vec<u8>)> {
        let (units, name, locking, single) = self.units.as_ref()?;
        let language = |code: &Option<u8>| code.and_then(Language::from_code);
        let encoding = match name.as_str() {
            "gsm7" => Encoding::Gsm7(Shifts::new(language(locking), language(single))?),
            "ascii" => Encoding::Ascii,
            "latin1" => Encoding::Latin1,
            "ucs2" => Encoding::Ucs2,
            "utf16be" => Encoding::Utf16Be,
            "binary" => Encoding::Binary,
            _ => return None,
        };
        Some((encoding, octets(units)?))
    }
}

/// One message of parts by number, in order. Those next to each other in one encoding are joined before they are read, so that a
/// sender who cuts inside a character does no harm.
pub(super) fn join(total: u8, parts: Vec<(u8, KeptPart)>) -> Kept {
    let mut kept =
        Kept { from: String::new(), to: String::new(), text: String::new(), parts: total, missing: 0 };
    let mut open: Option<(Encoding, Vec<u8>)> = None;
    let mut last = 0;
    let close = |open: &mut Option<(Encoding, Vec<u8>)>, text: &mut String| {
        if let Some((encoding, units)) = open.take() {
            text.push_str(&decode(&units, encoding));
        }
    };
    for (number, part) in parts {
        if number > last + 1 {
            close(&mut open, &mut kept.text);
            kept.text.push_str(GAP);
            kept.missing += number - last - 1;
        }
        last = number;
        match (part.read(), &mut open) {
            (Some((encoding, units)), Some((before, all))) if *before == encoding => all.extend(units),
            (Some(read), _) => {
                close(&mut open, &mut kept.text);
                open = Some(read);
            }
            (None, _) => {
                close(&mut open, &mut kept.text);
                kept.text.push_str(&part.text);
            }
        }
        if kept.from.is_empty() {
            (kept.from, kept.to) = (part.from, part.to);
        }
    }
    close(&mut open, &mut kept.text);
    if last < total {
        kept.text.push_str(GAP);
        kept.missing += total - last;
    }
    kept.text = super::cut(kept.text, super::MOST_TEXT);
    kept
}

fn hexadecimal(octets: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    octets.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]).collect()
}

fn octets(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    (digits.len() == text.len() && digits.len().is_multiple_of(2))
        .then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(units: Option<(Encoding, &[u8])>, text: &str) -> KeptPart {
        let units = units.map(|(encoding, units)| (encoding, units.to_vec()));
        let part = KeptPart::new("1".into(), "2".into(), text.into(), units);
        KeptPart::from_json(part.to_json().as_bytes()).unwrap()
    }

    fn said(total: u8, parts: Vec<(u8, KeptPart)>) -> (String, u8) {
        let kept = join(total, parts);
        assert_eq!(kept.parts, total);
        (kept.text, kept.missing)
    }

    #[test]
    fn a_character_that_was_cut_in_two_is_whole_again() {
        let parts = vec![
            (1, part(Some((Encoding::Ucs2, &[0xD8, 0x3D])), "?")),
            (2, part(Some((Encoding::Ucs2, &[0xDE, 0x00])), "?")),
        ];
        assert_eq!(said(2, parts), ("😀".into(), 0));
        let gsm7 = Encoding::GSM7;
        let escape = vec![(1, part(Some((gsm7, &[0x1B])), " ")), (2, part(Some((gsm7, &[0x65])), "e"))];
        assert_eq!(said(2, escape), ("€".into(), 0));
    }

    #[test]
    fn parts_in_different_encodings_and_tables_follow_each_other() {
        let turkish = Encoding::Gsm7(Shifts::new(None, Some(Language::Turkish)).unwrap());
        let parts = vec![
            (1, part(Some((Encoding::GSM7, b"a")), "a")),
            (2, part(Some((turkish, &[0x1B, 0x53])), "Ş")),
            (3, part(Some((Encoding::Ucs2, &[0x04, 0x36])), "ж")),
            (4, part(None, "plain")),
        ];
        assert_eq!(said(4, parts), ("aŞжplain".into(), 0));
    }

    #[test]
    fn what_never_came_is_a_gap_and_counted() {
        assert_eq!(said(5, vec![(2, part(None, "b")), (4, part(None, "d"))]), ("[…]b[…]d[…]".into(), 3));
        assert_eq!(said(255, vec![]), ("[…]".into(), 255));
        assert_eq!(said(2, vec![(1, part(None, "a"))]), ("a[…]".into(), 1));
    }

    #[test]
    fn what_was_kept_before_there_were_parts_is_read() {
        let old = r#"{"from":"1","to":"2","text":"hi","part":null}"#;
        let kept = Kept::from_json(old.as_bytes()).unwrap();
        assert_eq!((kept.text.as_str(), kept.parts, kept.missing), ("hi", 1, 0));
    }

    #[test]
    fn damaged_units_are_none() {
        for units in ["0", "0g", "zz", "€"] {
            assert_eq!(octets(units), None, "{units}");
        }
        assert_eq!(octets("00ff"), Some(vec![0, 255]));
    }
}
