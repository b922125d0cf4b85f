//! The code tables, against what the standard says of them.

use super::kit::encodings;
use crate::{Choices, Encoding, Language, Shifts, choose, decode, encode_whole};

fn shifts(locking: Option<Language>, single: Option<Language>) -> Encoding {
    Encoding::Gsm7(Shifts::new(locking, single).unwrap())
}

#[test]
fn every_septet_that_means_a_character_is_written_as_one_that_means_the_same() {
    for encoding in encodings().into_iter().filter(|e| matches!(e, Encoding::Gsm7(_))) {
        for septet in (0..128).filter(|s| *s != 0x1B) {
            for units in [&[septet][..], &[0x1B, septet]] {
                let text = decode(units, encoding);
                if let Ok(again) = encode_whole(&text, encoding) {
                    assert_eq!(decode(&again, encoding), text, "{encoding:?} {units:02X?}");
                    assert!(again.len() <= units.len());
                }
            }
        }
    }
}

/// What makes a text readable whatever tables are in use (TS 23.038 annex A: the same place in all of them).
#[test]
fn digits_and_small_letters_stand_in_every_table_where_the_default_alphabet_has_them() {
    for encoding in encodings().into_iter().filter(|e| matches!(e, Encoding::Gsm7(_))) {
        let text = "0123456789 abcdefghijklmnopqrstuvwxyz.,:;?!\n\r";
        assert_eq!(encode_whole(text, encoding).unwrap(), text.as_bytes(), "{encoding:?}");
    }
}

#[test]
fn the_default_alphabet_is_the_standards() {
    let alphabet = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    for (septet, c) in (0..).zip(alphabet.chars()).filter(|(septet, _)| *septet != 0x1B) {
        assert_eq!(encode_whole(&c.to_string(), Encoding::GSM7).unwrap(), [septet], "{c}");
        assert_eq!(decode(&[septet], Encoding::GSM7), c.to_string());
    }
    assert_eq!(alphabet.chars().count(), 128);
    let extension = [0x0A, 0x14, 0x28, 0x29, 0x2F, 0x3C, 0x3D, 0x3E, 0x40, 0x65];
    for (septet, c) in extension.into_iter().zip("\u{C}^{}\\[~]|€".chars()) {
        assert_eq!(encode_whole(&c.to_string(), Encoding::GSM7).unwrap(), [0x1B, septet], "{c}");
    }
}

#[test]
fn an_escape_that_leads_nowhere_shows_the_base_character_or_a_space() {
    assert_eq!(decode(&[0x1B, b'a', b'b'], Encoding::GSM7), "ab");
    assert_eq!(decode(&[0x1B, 0x1B, b'b'], Encoding::GSM7), " b");
    assert_eq!(decode(&[b'a', 0x1B], Encoding::GSM7), "a ");
    assert_eq!(decode(&[0x1B, 0x04], shifts(Some(Language::Turkish), None)), "€", "the locking table's");
    assert_eq!(decode(&[b'a', 0x80], Encoding::GSM7), "a\u{FFFD}", "no septet");
}

#[test]
fn languages_have_their_letters() {
    use Language::*;
    for (language, text) in [
        (Turkish, "ğıİŞşç"),
        (Portuguese, "ãõÁÊçú"),
        (Bengali, "বাংলা ১২৩"),
        (Gujarati, "ગુજરાતી ૧૨૩"),
        (Hindi, "हिन्दी १२३"),
        (Kannada, "ಕನ್ನಡ ೧೨೩"),
        (Malayalam, "മലയാളം ൧൨൩"),
        (Oriya, "ଓଡ଼ିଆ ୧୨୩"),
        (Punjabi, "ਪੰਜਾਬੀ ੧੨੩"),
        (Tamil, "தமிழ் ௧௨௩"),
        (Telugu, "తెలుగు ౧౨౩"),
        (Urdu, "اردو ۱۲۳"),
    ] {
        assert!(text.chars().all(|c| shifts(Some(language), Some(language)).has(c)), "{language:?}");
    }
    assert!("áíóúçÁÍÓÚ".chars().all(|c| shifts(None, Some(Spanish)).has(c)));
    assert_eq!(Shifts::new(Some(Spanish), None), None);
}

#[test]
fn codes_are_the_standards() {
    for (code, language) in (1..).zip(Language::ALL) {
        assert_eq!((language.code(), Language::from_code(code)), (code, Some(*language)));
    }
    assert_eq!([0, 14].map(Language::from_code), [None; 2]);
}

#[test]
fn language_tables_are_chosen_only_where_allowed_and_where_they_save_a_segment() {
    let with = Choices { shifts: true };
    let long = "Şu an işlem ".repeat(10);
    assert_eq!(choose(&long, Choices::default()), Encoding::Ucs2);
    assert_eq!(choose(&long, with), shifts(None, Some(Language::Turkish)));
    assert_eq!(choose("Şu an", with), Encoding::Ucs2, "one segment either way");
    assert_eq!(choose(&"şğı".repeat(35), with), shifts(Some(Language::Turkish), None), "too many escapes");
    assert_eq!(choose(&"हिन्दी ".repeat(20), with), shifts(Some(Language::Hindi), None));
    let both = format!("{}१A", "हिन्दी ".repeat(19));
    assert_eq!(choose(&both, with), shifts(Some(Language::Hindi), Some(Language::Hindi)));
    assert_eq!(choose(&format!("{long}😀"), with), Encoding::Ucs2);
    assert_eq!(choose("é€", with), Encoding::GSM7);
}
