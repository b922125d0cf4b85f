//! Packing, headers and coding octets, against octets written out by hand.

use crate::{
    Encoding, Header, Language, Part, Reference, Shifts, encoding_of_data_coding, encoding_of_tp_dcs,
    fill_bits, header, pack_septets, parse_header, smpp_data_coding, tp_dcs, unpack_septets,
};
use proptest::prelude::*;

#[test]
fn hello_packs_as_everyone_knows_it() {
    let packed = [0xE8, 0x32, 0x9B, 0xFD, 0x46, 0x97, 0xD9, 0xEC, 0x37];
    assert_eq!(pack_septets(b"hellohello", 0), packed);
    assert_eq!(unpack_septets(&packed, 10, 0), b"hellohello");
    assert_eq!(pack_septets(&[0x7F], 1), [0xFE], "one empty bit, then the septet");
    assert_eq!(pack_septets(&[0x7F], 6), [0xC0, 0x1F]);
}

#[test]
fn the_text_after_a_header_begins_on_a_septets_border() {
    for (header_octets, bits) in [(0, 0), (4, 3), (6, 1), (7, 0), (9, 5), (10, 4), (13, 1)] {
        assert_eq!(fill_bits(header_octets), bits, "{header_octets}");
        assert_eq!((header_octets * 8 + bits) % 7, 0);
    }
}

proptest! {
    #[test]
    fn septets_come_back_from_octets(septets in prop::collection::vec(0..128u8, 0..170), fill in 0..8usize) {
        let octets = pack_septets(&septets, fill);
        prop_assert_eq!(unpack_septets(&octets, septets.len(), fill), septets);
    }

    #[test]
    fn a_header_comes_back(
        (reference, wide, has_part) in any::<(u16, bool, bool)>(),
        total in 1..=255u8,
        number in 1..=255u8,
        way in 0..4usize,
    ) {
        let bits = if wide { Reference::Bits16 } else { Reference::Bits8 };
        let reference = if wide { reference } else { reference & 0xFF };
        let part = has_part.then_some(Part { reference, bits, total, number: number.min(total) });
        let (locking, single) = (Some(Language::Urdu), Some(Language::Spanish));
        let ways = [(None, None), (locking, None), (None, single), (locking, single)];
        let shifts = Shifts::new(ways[way].0, ways[way].1).unwrap();
        let octets = header(Encoding::Gsm7(shifts), part);
        match parse_header(&octets) {
            Some(header) => prop_assert_eq!(header, Header { part, shifts, octets: octets.len() }),
            None => prop_assert!(!has_part && way == 0 && octets.is_empty()),
        }
    }
}

#[test]
fn headers_are_what_the_standard_draws() {
    let part = |bits| Some(Part { reference: 0x1234, bits, total: 3, number: 2 });
    let turkish = Shifts::new(Some(Language::Turkish), Some(Language::Turkish)).unwrap();
    assert_eq!(header(Encoding::Ucs2, part(Reference::Bits8)).as_slice(), [5, 0, 3, 0x34, 3, 2]);
    assert_eq!(header(Encoding::Ucs2, part(Reference::Bits16)).as_slice(), [6, 8, 4, 0x12, 0x34, 3, 2]);
    assert_eq!(header(Encoding::Gsm7(turkish), None).as_slice(), [6, 0x24, 1, 1, 0x25, 1, 1]);
    assert!(header(Encoding::GSM7, None).is_empty());
}

#[test]
fn elements_that_make_no_sense_are_left_out() {
    assert_eq!(parse_header(&[]), None);
    assert_eq!(parse_header(&[5, 0, 3, 1, 2]), None, "the length reaches beyond the data");
    for (octets, why) in [
        (&[5, 0, 3, 1, 2, 3][..], "part 3 of 2"),
        (&[5, 0, 3, 1, 2, 0], "part 0"),
        (&[5, 0, 4, 1, 2, 1], "the element reaches beyond the header"),
        (&[3, 0x25, 1, 2], "Spanish has no locking table"),
        (&[3, 0x24, 1, 14], "no such language"),
        (&[1, 0x24], "an element without a length"),
    ] {
        let header = parse_header(octets).unwrap();
        assert_eq!(
            (header.part, header.shifts, header.octets),
            (None, Shifts::default(), octets.len()),
            "{why}"
        );
    }
    let twice = parse_header(&[10, 0, 3, 1, 2, 1, 0, 3, 9, 3, 2]).unwrap().part.unwrap();
    assert_eq!((twice.reference, twice.total, twice.number), (9, 3, 2), "the last one counts");
    let then_wrong = parse_header(&[10, 0, 3, 1, 2, 1, 0, 3, 9, 3, 4]).unwrap().part.unwrap();
    assert_eq!(then_wrong.reference, 1, "the last one that makes sense");
}

#[test]
fn coding_octets_are_the_standards() {
    use Encoding::*;
    for (encoding, smpp, smpp_flash, tpdu, tpdu_flash) in [
        (Encoding::GSM7, 0x00, 0xF0, 0x00, 0x10),
        (Ascii, 0x01, 0x01, 0x04, 0x14),
        (Latin1, 0x03, 0x03, 0x04, 0x14),
        (Binary, 0x04, 0xF4, 0x04, 0x14),
        (Ucs2, 0x08, 0x18, 0x08, 0x18),
        (Utf16Be, 0x08, 0x18, 0x08, 0x18),
    ] {
        assert_eq!(
            [false, true].map(|flash| smpp_data_coding(encoding, flash)),
            [smpp, smpp_flash],
            "{encoding}"
        );
        assert_eq!([false, true].map(|flash| tp_dcs(encoding, flash)), [tpdu, tpdu_flash], "{encoding}");
        let read = if encoding == Utf16Be { Ucs2 } else { encoding };
        assert_eq!([smpp, smpp_flash].map(encoding_of_data_coding), [Some(read); 2], "{encoding}");
    }
    assert_eq!(encoding_of_data_coding(0x10), Some(Encoding::GSM7));
    assert_eq!([0x05, 0x06, 0x07, 0x0D].map(encoding_of_data_coding), [None; 4], "JIS, Cyrillic, Hebrew");
    assert_eq!([0x20, 0x0C, 0x80].map(encoding_of_tp_dcs), [None; 3], "compressed, reserved");
    assert_eq!([0xC8, 0xE0, 0xF5].map(encoding_of_tp_dcs), [Some(Encoding::GSM7), Some(Ucs2), Some(Binary)]);
}
