use proptest::prelude::*;

use super::*;
use crate::text::encode_gsm7;

/// A published SUBMIT (dreamfabric.com, "SMS and the PDU format"): to +46708251358, valid for four days, "hellohello".
const HELLO: &str = "0011000B916407281553F80000AA0AE8329BFD4697D9EC37";

fn read(hex: &str, length: usize) -> Result<TpSubmit, BadTpdu> {
    TpSubmit::read(&from_hex(hex.as_bytes()).unwrap(), length)
}

#[test]
fn a_published_submit_is_read() {
    let submit = read(HELLO, 23).unwrap();
    assert_eq!((submit.destination.kind, submit.destination.number.as_str()), (0x91, "46708251358"));
    assert_eq!(
        (submit.text().as_str(), submit.is_flash(), submit.wants_report),
        ("hellohello", false, false)
    );
    assert_eq!((submit.validity, submit.validity.minutes()), (Validity::Relative(0xAA), Some(4 * 24 * 60)));
    assert_eq!((submit.service_centre.as_str(), submit.protocol_id, submit.reference), ("", 0, 0));
}

#[test]
fn a_published_deliver_is_written() {
    // Of the same page: from 27838890001 (type C8), sent 1999-03-29 15:16:59, zone 08, "hellohello".
    let deliver = Deliver {
        sender: TpAddress { kind: 0xC8, number: "27838890001".into() },
        protocol_id: 0,
        data_coding: 0,
        stamp: [0x99, 0x30, 0x92, 0x51, 0x61, 0x95, 0x80],
        header: Vec::new(),
        content: encode_gsm7("hellohello").unwrap(),
    };
    assert_eq!(to_hex(&deliver.tpdu()), "040BC87238880900F10000993092516195800AE8329BFD4697D9EC37");
    let centre = TpAddress { kind: 0x91, number: "27381000015".into() };
    assert_eq!(to_hex(&centre.service_centre()), "07917283010010F5");
    assert_eq!(smsc_digits(&from_hex(b"917283010010F5").unwrap()).unwrap(), "27381000015");
}

#[test]
fn every_length_but_the_announced_one_is_refused() {
    assert_eq!(read(HELLO, 22), Err(BadTpdu));
    assert_eq!(read(HELLO, 24), Err(BadTpdu));
    for end in (0..HELLO.len() - 2).step_by(2) {
        assert_eq!(read(&HELLO[..end], (end / 2).saturating_sub(1)), Err(BadTpdu), "{end}");
    }
    assert_eq!(read(&format!("{HELLO}00"), 24), Err(BadTpdu));
}

#[test]
fn what_is_no_submit_is_refused() {
    assert_eq!(read(&HELLO.replacen("0011", "0010", 1), 23), Err(BadTpdu), "another message type");
    assert_eq!(read(&HELLO.replacen("0B91", "1591", 1), 23), Err(BadTpdu), "21 digits");
    assert_eq!(read("00110000910000AA00", 8), Err(BadTpdu), "no number");
    // TP-User-Data-Header-Indicator with a header longer than the data.
    assert_eq!(read("0041000B916407281553F80004030A0203", 16), Err(BadTpdu));
}

#[test]
fn classes_headers_and_wishes_are_read() {
    // Flash: class 0 in both groups; a report wanted; UCS-2 "Ж".
    let flash = read("0021000B916407281553F80018020416", 15).unwrap();
    assert!(flash.is_flash() && flash.wants_report);
    assert_eq!((flash.text().as_str(), flash.validity), ("Ж", Validity::None));
    // Part 2 of 3, reference 0xAB, one septet of fill after a header of six octets.
    let (septets, data) = septets::pack(&[5, 0, 3, 0xAB, 3, 2], &encode_gsm7("hi{").unwrap());
    let tpdu = format!("0041000B916407281553F80000{septets:02X}{}", to_hex(&data));
    let part = read(&tpdu, tpdu.len() / 2 - 1).unwrap();
    let concatenation = part.header().concatenation.unwrap();
    assert_eq!((concatenation.reference, concatenation.total, concatenation.number), (0xAB, 3, 2));
    assert_eq!(part.text(), "hi{");
}

#[test]
fn data_codings_name_alphabets_and_classes_as_ts_23_038_says() {
    use crate::text::Alphabet::{Binary, Gsm7, Ucs2};
    let known = [(0x00, Gsm7), (0x04, Binary), (0x08, Ucs2), (0x0C, Gsm7), (0x18, Ucs2), (0x48, Ucs2)];
    let groups = [(0xC8, Gsm7), (0xE0, Ucs2), (0xF1, Gsm7), (0xF5, Binary), (0x80, Gsm7)];
    for (coding, alphabet) in known.into_iter().chain(groups) {
        assert_eq!(coding::alphabet(coding), Some(alphabet), "{coding:02X}");
    }
    assert_eq!(coding::alphabet(0x20), None, "compressed");
    assert_eq!(
        [0x00, 0x10, 0x13, 0xF2, 0xC0, 0x50].map(coding::class),
        [None, Some(0), Some(3), Some(2), None, Some(0)]
    );
}

#[test]
fn relative_validities_have_the_standards_steps() {
    let minutes =
        [0, 143, 144, 167, 168, 196, 197, 255].map(|value| Validity::Relative(value).minutes().unwrap());
    assert_eq!(minutes, [5, 720, 750, 1440, 2880, 43_200, 50_400, 635_040]);
}

proptest! {
    #[test]
    fn septets_come_back_after_any_header(
        header in prop::collection::vec(any::<u8>(), 0..40),
        septets in prop::collection::vec(0_u8..128, 0..100),
    ) {
        let (count, octets) = septets::pack(&header, &septets);
        let back = septets::unpack(&octets, septets::of_header(header.len()), count);
        prop_assert_eq!(back, Some(septets));
        prop_assert_eq!(&octets[..header.len()], header.as_slice());
    }

    #[test]
    fn addresses_come_back(number in "[0-9]{1,20}", kind in prop::sample::select(vec![0x81_u8, 0x91, 0xA1])) {
        let address = TpAddress { kind, number };
        let mut octets = Vec::new();
        address.write(&mut octets);
        octets.push(7);
        prop_assert_eq!(TpAddress::read(&octets), Some((address, &[7][..])));
    }

    #[test]
    fn names_come_back(name in "[A-Za-z ]{0,10}[A-Za-z]") {
        let address = TpAddress { kind: 0xD0, number: name };
        let mut octets = Vec::new();
        address.write(&mut octets);
        prop_assert_eq!(TpAddress::read(&octets).map(|(address, _)| address), Some(address));
    }

    #[test]
    fn no_octets_make_the_readers_fall_over(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = TpSubmit::read(&octets, octets.len());
        let _ = TpSubmit::read(&octets, octets.len().saturating_sub(1));
        let _ = Deliver::read(&octets).map(|deliver| deliver.text());
        let _ = StatusReport::read(&octets);
        let _ = smsc_digits(&octets);
    }
}
