//! The whole way: encode, cut, put in order again, read.

use super::kit::carried;
use crate::{
    Assembly, Choices, EncodeError, Encoding, Part, Reference, choose, count, decode, encode_whole, header,
    parse_header, segment, transliterate,
};
use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_text_comes_back_from_its_segments_in_any_order(
        (encoding, text) in carried(),
        (reference, wide, turn) in any::<(u16, bool, usize)>(),
    ) {
        let bits = if wide { Reference::Bits16 } else { Reference::Bits8 };
        let segments = segment(&text, encoding, bits).unwrap();
        prop_assert_eq!(usize::from(count(&text, encoding, bits).unwrap()), segments.len());
        let total = segments.len() as u8;
        let mut received: Vec<_> = segments.iter().zip(1..).map(|(segment, number)| {
            let part = (total > 1).then_some(Part { reference, bits, total, number });
            let mut octets = header(encoding, part).to_vec();
            let header_octets = octets.len();
            let units = segment.units.len();
            let bits_per_unit = if matches!(encoding, Encoding::Gsm7(_)) { 7 } else { 8 };
            assert!(header_octets * 8 + units * bits_per_unit <= 140 * 8, "{header_octets} + {units} units");
            octets.extend(&segment.units);
            octets
        }).collect();
        received.rotate_left(turn % segments.len());
        received.reverse();
        let mut assembly: Option<Assembly> = None;
        let mut shifts = encoding.shifts();
        for octets in &received {
            let has_header = total > 1 || shifts != crate::Shifts::default();
            let header = if has_header { parse_header(octets).unwrap() } else { Default::default() };
            shifts = header.shifts;
            prop_assert_eq!(header.shifts, encoding.shifts());
            let part = header.part.unwrap_or(Part { reference, bits, total: 1, number: 1 });
            let units = &octets[header.octets..];
            match &mut assembly {
                None => assembly = Some(Assembly::new(part, units)),
                Some(assembly) => {
                    prop_assert!(!assembly.is_complete());
                    assembly.add(part, units);
                }
            }
        }
        let assembly = assembly.unwrap();
        prop_assert!(assembly.is_complete());
        prop_assert_eq!(assembly.text(encoding), text);
    }

    #[test]
    fn no_cut_falls_inside_a_cluster((encoding, text) in carried()) {
        let mut borders: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).collect();
        borders.push(text.len());
        let mut at = 0;
        for segment in segment(&text, encoding, Reference::Bits8).unwrap() {
            // Each segment can be read by itself: no pair is cut.
            at += decode(&segment.units, encoding).len();
            prop_assert!(borders.binary_search(&at).is_ok(), "cut at {at}");
        }
        prop_assert_eq!(at, text.len());
    }

    #[test]
    fn one_piece_reads_back((encoding, text) in carried()) {
        prop_assert_eq!(decode(&encode_whole(&text, encoding).unwrap(), encoding), text);
    }

    #[test]
    fn the_chosen_encoding_carries_any_text_in_no_more_segments_than_ucs2(
        text in "\\PC{0,90}",
        latin in "[ -~ğışç€é]{0,200}",
        shifts: bool,
    ) {
        for text in [text, latin] {
            let chosen = choose(&text, Choices { shifts });
            let chosen = count(&text, chosen, Reference::Bits8).unwrap();
            prop_assert!(chosen <= count(&text, Encoding::Ucs2, Reference::Bits8).unwrap());
        }
    }

    #[test]
    fn what_was_transliterated_can_be_encoded(
        text in "\\PC{0,40}",
        encoding in proptest::sample::select(super::kit::encodings()),
    ) {
        prop_assert!(count(&transliterate(&text, encoding), encoding, Reference::Bits8).is_ok());
    }

    #[test]
    fn a_character_that_is_missing_is_named_by_its_place(
        (encoding, text) in carried(),
        place: prop::sample::Index,
    ) {
        let missing = '漢';
        prop_assume!(!encoding.has(missing));
        let place = place.index(text.chars().count() + 1);
        let after = text.chars().skip(place);
        let text: String = text.chars().take(place).chain([missing]).chain(after).collect();
        let error = EncodeError::Unencodable { position: place + 1, character: missing };
        prop_assert_eq!(count(&text, encoding, Reference::Bits8), Err(error));
        prop_assert_eq!(segment(&text, encoding, Reference::Bits8), Err(error));
        prop_assert_eq!(encode_whole(&text, encoding), Err(error));
    }
}
