//! Lengths that everyone who sends SMS knows, and the borders beside them.

use crate::{
    EncodeError, Encoding, Language, Reference, Segments, Shifts, count, decode, encode_whole, segment,
};

fn cut(text: &str, encoding: Encoding) -> Segments {
    segment(text, encoding, Reference::Bits8).unwrap()
}

/// The segments' texts.
fn texts(text: &str, encoding: Encoding) -> Vec<String> {
    cut(text, encoding).iter().map(|segment| decode(&segment.units, encoding)).collect()
}

#[test]
fn each_encoding_holds_what_the_standard_says() {
    use Encoding::*;
    let one = Gsm7(Shifts::new(None, Some(Language::Turkish)).unwrap());
    let two = Gsm7(Shifts::new(Some(Language::Turkish), Some(Language::Turkish)).unwrap());
    for (encoding, alone, bits8, bits16) in [
        (Encoding::GSM7, 160, 153, 152),
        (one, 155, 149, 148),
        (two, 152, 146, 145),
        (Ascii, 140, 134, 133),
        (Latin1, 140, 134, 133),
        (Binary, 140, 134, 133),
        (Ucs2, 70, 67, 66),
        (Utf16Be, 70, 67, 66),
    ] {
        for (reference, part) in [(Reference::Bits8, bits8), (Reference::Bits16, bits16)] {
            let of = |length: usize| count(&"a".repeat(length), encoding, reference);
            assert_eq!(
                [0, 1, alone, alone + 1].map(of),
                [Ok(1), Ok(1), Ok(1), Ok(2)],
                "{encoding:?} {reference:?}"
            );
            assert_eq!([2 * part, 2 * part + 1].map(of), [Ok(2), Ok(3)], "{encoding:?} {reference:?}");
            assert_eq!(of(255 * part), Ok(255));
            assert_eq!(of(255 * part + 1), Err(EncodeError::TooLong { segments: 256 }));
        }
    }
}

#[test]
fn one_segment_costs_one_allocation_of_its_size() {
    let segments = cut("Your code is 123456", Encoding::GSM7);
    assert!(!segments.spilled());
    assert_eq!(segments[0].units.capacity(), segments[0].units.len());
}

#[test]
fn an_escape_pair_moves_to_the_next_segment_whole() {
    let text = format!("{}€{}", "a".repeat(152), "b".repeat(10));
    assert_eq!(texts(&text, Encoding::GSM7), ["a".repeat(152), format!("€{}", "b".repeat(10))]);
    assert_eq!(count(&"€".repeat(80), Encoding::GSM7, Reference::Bits8), Ok(1));
    assert_eq!(count(&"€".repeat(152), Encoding::GSM7, Reference::Bits8), Ok(2), "76 in each of 153 septets");
    assert_eq!(count(&"€".repeat(153), Encoding::GSM7, Reference::Bits8), Ok(3));
}

#[test]
fn a_line_break_of_two_characters_is_not_cut() {
    let text = format!("{}\r\n{}", "a".repeat(152), "b".repeat(10));
    assert_eq!(texts(&text, Encoding::GSM7)[0], "a".repeat(152));
}

#[test]
fn clusters_move_to_the_next_segment_whole() {
    for cluster in ["😀", "👨‍👩‍👧‍👦", "🇩🇪", "e\u{301}", "👍🏽", "❤️", "क्षि"]
    {
        let units = cluster.encode_utf16().count();
        for before in 68 - units..67 {
            let text = format!("{}{cluster}{}", "ж".repeat(before), "ж".repeat(70));
            let texts = texts(&text, Encoding::Ucs2);
            assert_eq!(texts[0], "ж".repeat(before), "{cluster} after {before}");
            assert!(texts[1].starts_with(cluster));
        }
        let text = format!("{}{cluster}{}", "ж".repeat(67 - units), "ж".repeat(70));
        assert!(texts(&text, Encoding::Ucs2)[0].ends_with(cluster), "{cluster} just fits");
    }
}

#[test]
fn flags_are_cut_between_countries() {
    let text = "🇩🇪🇫🇷".repeat(20);
    assert_eq!(texts(&text, Encoding::Ucs2)[0], "🇩🇪🇫🇷".repeat(8), "64 of 67 units: the next flag takes four");
}

#[test]
fn a_cluster_that_no_segment_holds_is_cut_between_characters() {
    let cluster = format!("😀{}", "\u{1F3FD}".repeat(40));
    let text = format!("ab{cluster}c");
    let texts = texts(&text, Encoding::Ucs2);
    assert_eq!(texts.concat(), text);
    assert_eq!(texts.len(), 3);
    assert_eq!(texts[0], "ab", "it begins in a segment of its own");
    assert_eq!(texts[1].encode_utf16().count(), 66, "no surrogate pair is cut");
}

#[test]
fn errors_say_where_and_never_the_text() {
    let error = count("secret ж", Encoding::GSM7, Reference::Bits8).unwrap_err();
    assert_eq!(error.to_string(), "remove or replace character 8 (U+0436), which the encoding lacks");
    let error = count(&"a".repeat(40_000), Encoding::GSM7, Reference::Bits8).unwrap_err();
    assert_eq!(error.to_string(), "shorten the text: it makes 262 segments, of at most 255");
    assert_eq!(format!("{:?}", cut("secret", Encoding::Ascii)), "[Segment(6 units)]");
}

#[test]
fn units_are_what_goes_on_the_wire() {
    assert_eq!(encode_whole("@€", Encoding::GSM7).unwrap(), [0x00, 0x1B, 0x65]);
    assert_eq!(encode_whole("ж😀", Encoding::Ucs2).unwrap(), [0x04, 0x36, 0xD8, 0x3D, 0xDE, 0x00]);
    assert_eq!(encode_whole("é", Encoding::Latin1).unwrap(), [0xE9]);
    assert_eq!(encode_whole("é", Encoding::Binary).unwrap(), [0xC3, 0xA9]);
    assert!(encode_whole("é", Encoding::Ascii).is_err());
}

#[test]
fn half_a_character_at_the_end_is_shown_as_one() {
    assert_eq!(decode(&[0x04, 0x36, 0x04], Encoding::Ucs2), "ж\u{FFFD}");
    assert_eq!(decode(&[0xD8, 0x3D, 0x00, 0x61], Encoding::Ucs2), "\u{FFFD}a");
    assert_eq!(decode(&[0xE9], Encoding::Ascii), "\u{FFFD}");
}
