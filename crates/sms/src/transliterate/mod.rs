//! Replaces the characters that an encoding lacks with near ones, so that a text keeps its sense in a smaller
//! alphabet.

mod near;

use crate::Encoding;
use crate::cluster::clusters;
use near::NEAR;

/// Steps from a character to what stands in for it: the longest way is a Greek letter with three marks, to
/// its capital, to a Latin one.
const STEPS: u8 = 6;

/// The text with each character that the encoding lacks replaced: by a near one where there is one, else by
/// `?` (one for a whole grapheme cluster). What only joins or marks its neighbours is left out.
pub fn transliterate(text: &str, encoding: Encoding) -> String {
    let mut near = String::with_capacity(text.len());
    for cluster in clusters(text) {
        let mut is_asked = false;
        for c in cluster.chars() {
            if !push_near(c, encoding, STEPS, &mut near) && !is_asked {
                is_asked = true;
                near.push('?');
            }
        }
    }
    near
}

/// Appends the character, or what stands in for it; appends nothing and says no where neither is in the
/// encoding.
fn push_near(c: char, encoding: Encoding, steps: u8, near: &mut String) -> bool {
    if encoding.has(c) {
        near.push(c);
        return true;
    }
    if is_mark(c) {
        return true;
    }
    let before = near.len();
    let is_near = steps > 0
        && match stand_in(c) {
            StandIn::Text(text) => text.chars().all(|c| push_near(c, encoding, steps - 1, near)),
            StandIn::Character(c) => push_near(c, encoding, steps - 1, near),
            StandIn::None => false,
        };
    if !is_near {
        near.truncate(before);
    }
    is_near
}

enum StandIn {
    Text(&'static str),
    Character(char),
    None,
}

fn stand_in(c: char) -> StandIn {
    if let Ok(at) = NEAR.binary_search_by_key(&c, |(c, _)| *c)
        && let Some((_, text)) = NEAR.get(at)
    {
        return StandIn::Text(text);
    }
    match c {
        // Fullwidth forms stand in the order of ASCII.
        '\u{FF01}'..='\u{FF5E}' => {
            char::from_u32(u32::from(c) - 0xFF01 + 0x21).map_or(StandIn::None, StandIn::Character)
        }
        _ => StandIn::None,
    }
}

/// Whether the character shows nothing by itself: combining marks, joiners, directions, variation selectors,
/// skin tones, control characters.
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}' | '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0000}'..='\u{E0FFF}'
        | '\u{1F3FB}'..='\u{1F3FF}')
        || c.is_control() && !matches!(c, '\t' | '\n' | '\u{B}' | '\u{C}' | '\r' | '\u{85}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gsm7(text: &str) -> String {
        transliterate(text, Encoding::GSM7)
    }

    #[test]
    fn what_the_alphabet_has_stays() {
        let text = "é Ñ ß ¿ € [x] ΔΦ \r\n 123456";
        assert_eq!(gsm7(text), text);
        assert_eq!(transliterate("😀 ж", Encoding::Ucs2), "😀 ж");
    }

    #[test]
    fn letters_lose_their_marks_and_signs_become_ascii() {
        assert_eq!(gsm7("“Ça va” – c’est l’été…"), "\"Ça va\" - c'est l'été...");
        assert_eq!(gsm7("zażółć gęślą jaźń"), "zazolc gesla jazn");
        assert_eq!(gsm7("Việt Nam, Şişli, Þór, cœur"), "Viet Nam, Sisli, Thor, coeur");
        assert_eq!(gsm7("e\u{301}\u{a0}x\t½ ﬁ Ｃ１"), "e x 1/2 fi C1");
        assert_eq!(transliterate("Straße, 5 €, Ærø", Encoding::Ascii), "Strasse, 5 EUR, AEro");
        assert_eq!(transliterate("ấ", Encoding::Latin1), "â");
    }

    #[test]
    fn greek_becomes_capitals_and_cyrillic_latin() {
        assert_eq!(gsm7("Ο κωδικός σας"), "O KΩΔIKOΣ ΣAΣ");
        assert_eq!(transliterate("ψάρι", Encoding::Ascii), "PSAPI");
        assert_eq!(gsm7("Ваш код: Щука, объезд"), "Vash kod: Shchuka, obezd");
    }

    #[test]
    fn digits_of_other_scripts_stay_digits() {
        assert_eq!(gsm7("١٢٣ ۴۵۶ ७८९"), "123 456 789");
    }

    #[test]
    fn what_has_no_near_character_is_one_question_mark() {
        assert_eq!(gsm7("👨‍👩‍👧 🇩🇪 漢 👍🏽 1️⃣ ❤️"), "? ? ? ? 1 ?");
        assert_eq!(gsm7("a\u{7}b"), "ab");
        let hindi = crate::Shifts::new(Some(crate::Language::Hindi), None).map(Encoding::Gsm7).unwrap();
        assert_eq!(transliterate("½", hindi), "?", "not the half of 1/2 that the alphabet has");
    }

    #[test]
    fn the_table_is_sorted_and_leads_nowhere_in_a_circle() {
        assert!(NEAR.is_sorted_by(|(a, _), (b, _)| a < b));
        for (c, _) in NEAR {
            let (mut short, mut long) = (String::new(), String::new());
            let is_near = push_near(*c, Encoding::Ascii, STEPS, &mut short);
            assert_eq!(
                is_near,
                push_near(*c, Encoding::Ascii, 2 * STEPS, &mut long),
                "U+{:04X}",
                u32::from(*c)
            );
        }
    }
}
