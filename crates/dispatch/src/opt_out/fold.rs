//! How a word is compared: in whatever case, width, form of Unicode and punctuation a phone writes it.

use icu_normalizer::DecomposingNormalizerBorrowed;

/// Longest text that is looked at, in characters: no word is nearly as long.
const LONGEST: usize = 40;

/// What is left of a text for comparing it: decomposed (NFKD, UAX #15), in lower case, without the marks that are left out on some
/// keyboards, and with one space for all that is no letter or digit. Nothing where the text is too long to be a word.
pub(super) fn fold(text: &str) -> Option<String> {
    let text = text.trim();
    if text.chars().nth(LONGEST).is_some() {
        return None;
    }
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize(text).to_lowercase();
    let mut folded = String::with_capacity(decomposed.len());
    let mut is_after_gap = false;
    // What lower case makes of capitals (İ) is decomposed too.
    for c in DecomposingNormalizerBorrowed::new_nfkd().normalize(&decomposed).chars() {
        match c {
            c if is_left_out(c) => {}
            c if is_part_of_a_word(c) => {
                if std::mem::take(&mut is_after_gap) && !folded.is_empty() {
                    folded.push(' ');
                }
                match c {
                    // Final sigma, and the i without a dot, are written by rules that phones do not all keep.
                    'ς' => folded.push('σ'),
                    'ı' => folded.push('i'),
                    'ß' => folded.push_str("ss"),
                    // Arabic kaf and yeh as Persian keyboards write them.
                    'ک' => folded.push('ك'),
                    'ی' | 'ى' => folded.push('ي'),
                    c => folded.push(c),
                }
            }
            _ => is_after_gap = true,
        }
    }
    Some(folded).filter(|folded| !folded.is_empty())
}

/// Marks that a word is the same word without, and what shows nothing.
fn is_left_out(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36F}' // over Latin, Greek and Cyrillic letters
        | '\u{591}'..='\u{5C7}' // Hebrew points
        | '\u{610}'..='\u{61A}' | '\u{64B}'..='\u{65F}' | '\u{670}' | '\u{640}' // Arabic vowels, hamza, tatweel
        | '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{E0000}'..='\u{E01EF}')
}

/// Letters, digits, and the signs of Indic and other scripts that are neither and yet within words (viramas, nuktas, tone marks).
fn is_part_of_a_word(c: char) -> bool {
    c.is_alphanumeric()
        || matches!(c, '\u{900}'..='\u{DFF}' if !matches!(c, '\u{964}' | '\u{965}' | '\u{970}'))
        || matches!(c, '\u{E31}'..='\u{E3A}' | '\u{E47}'..='\u{E4E}' | '\u{3099}' | '\u{309A}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_the_same_in_every_case_width_and_form() {
        for (one, other) in [
            ("STOP", " stop.\r\n"),
            ("STOP", "\u{201C}Stop!!\u{201D}"),
            ("STOP", "ＳＴＯＰ"),
            ("STOP", "\u{200E}ST\u{AD}OP\u{200B} \u{1F6D1}"),
            ("OPT OUT", "opt-out"),
            ("ARRET", "Arrêt"),
            ("ARRET", "arre\u{302}t"),
            ("İPTAL", "iptal"),
            ("İPTAL", "IPTAL"),
            ("ıptal", "iptal"),
            ("ΔΙΑΚΟΠΗ", "διακοπή"),
            ("ΣΤΟΠΣ", "στοπς"),
            ("إلغاء", "الغاء"),
            ("تَوَقُّف", "توقـف"),
            ("DỪNG", "du\u{31B}\u{300}ng"),
            ("停止", "「停止」。"),
            ("बंद करें", "बंद   करें।"),
            ("중지", "\u{110C}\u{116E}\u{11BC}\u{110C}\u{1175}"),
            ("کمک", "كمك"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
            assert!(fold(one).is_some());
        }
    }

    #[test]
    fn what_is_another_word_stays_another_word() {
        for (one, other) in
            [("STOP", "STOPP"), ("ト", "ド"), ("STOP", "ST OP"), ("หยุด", "หยด"), ("END", "ENDE")]
        {
            assert_ne!(fold(one), fold(other), "{one} {other}");
        }
        for nothing in ["", "  ", "!!!", "\u{1F6D1}", &"a".repeat(41)] {
            assert_eq!(fold(nothing), None, "{nothing}");
        }
    }
}
