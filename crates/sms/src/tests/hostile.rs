//! Whatever octets arrive, nothing panics and everything stays bounded.

use super::kit::encodings;
use crate::{
    Assembly, Encoding, Part, Reference, decode, encoding_of_data_coding, encoding_of_tp_dcs, pack_septets,
    parse_header, unpack_septets,
};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_octets_make_some_text(octets: Vec<u8>, encoding in proptest::sample::select(encodings())) {
        prop_assert!(decode(&octets, encoding).chars().count() <= octets.len());
    }

    #[test]
    fn any_octets_make_a_header_or_none(mut octets: Vec<u8>, length in 0..20u8) {
        for _ in 0..2 {
            if let Some(header) = parse_header(&octets) {
                prop_assert!(header.octets <= octets.len());
                prop_assert!(header.part.is_none_or(|part| (1..=part.total).contains(&part.number)));
            }
            // Once more with a length that is likely to fit.
            octets.insert(0, length);
        }
    }

    #[test]
    fn elements_of_any_kind_are_passed_over(element: u8, value in prop::collection::vec(any::<u8>(), 0..6)) {
        let known = [0x00, 3, 7, 2, 1];
        let mut octets = vec![0, element, value.len() as u8];
        octets.extend(&value);
        octets.extend(known);
        octets[0] = octets.len() as u8 - 1;
        let part = parse_header(&octets).unwrap().part;
        prop_assert_eq!(part, Some(Part { reference: 7, bits: Reference::Bits8, total: 2, number: 1 }));
    }

    #[test]
    fn any_packing_is_bounded(octets: Vec<u8>, count: usize, fill: usize) {
        prop_assert!(unpack_septets(&octets, count, fill).len() <= count.min(octets.len() * 8 / 7));
        prop_assert!(pack_septets(&octets, fill).len() <= octets.len() + 1);
    }

    #[test]
    fn any_parts_stay_bounded(parts: Vec<(u8, u8, Vec<u8>)>) {
        let part = |total, number| Part { reference: 0, bits: Reference::Bits8, total, number };
        let mut assembly = Assembly::new(part(3, 0), &[]);
        for (total, number, units) in &parts {
            assembly.add(part(*total, *number), units);
        }
        prop_assert!(assembly.text(Encoding::Latin1).chars().count() <= 3 * 160);
    }
}

#[test]
fn every_data_coding_is_read_without_a_panic() {
    for value in 0..=255 {
        let (_, _) = (encoding_of_data_coding(value), encoding_of_tp_dcs(value));
    }
}
