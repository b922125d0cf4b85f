//! TPDUs: worked examples from outside, and that nothing is lost on the way there and back.

use super::kit::carried;
use crate::tpdu::{
    Address, Deliver, StatusReport, Submit, Timestamp, Tpdu, TpduError, UserData, Validity,
    split_service_centre,
};
use crate::{Encoding, Part, PhoneNumber, ReceiptState, Reference, ReplaceType, header, segment, tp_dcs};
use proptest::prelude::*;
use std::time::Duration;

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| ((pair[0] << 4) | pair[1]) as u8).collect()
}

fn text(text: &str, encoding: Encoding) -> UserData {
    let units = segment(text, encoding, Reference::Bits8).unwrap().remove(0).units;
    UserData { header: header(encoding, None).to_vec(), units }
}

fn to(number: &str) -> Address {
    Address::international(PhoneNumber::parse(number).unwrap())
}

/// "SMS messages and the PDU format", L. Pettersson, dreamfabric.com/sms (kept at subnets.ru/saved/sms_pdu_format.html).
#[test]
fn the_public_hellohello_examples_are_written_and_read() {
    let submit = Submit {
        validity: Some(Validity::relative(Duration::from_secs(4 * 86_400))),
        ..Submit::new(to("46708251358"), 0, text("hellohello", Encoding::GSM7))
    };
    let expected = octets("11000B916407281553F80000AA0AE8329BFD4697D9EC37");
    assert_eq!(submit.to_octets().unwrap(), expected);
    assert_eq!(Submit::read(&expected).unwrap(), submit);
    let with_centre = octets("07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37");
    let Some(Tpdu::Deliver(deliver)) = split_service_centre(&with_centre).and_then(Tpdu::read) else {
        panic!("an SMS-DELIVER");
    };
    assert_eq!(deliver.from, Address { ton: 4, npi: 8, text: "27838890001".into() });
    // 29 March 1999, 15:16:59, two hours ahead of UTC.
    assert_eq!(deliver.time, Some(Timestamp { unix_s: 922_720_619 - 7200, quarters: 8 }));
    assert_eq!(deliver.text(), "hellohello");
}

/// amro.blogspot.com, "Receiving an SMS status report message", 17 September 2007.
#[test]
fn a_public_status_report_is_read() {
    let Some(Tpdu::StatusReport(report)) =
        Tpdu::read(&octets("06000B910221815716F2709021510121807090215101718000"))
    else {
        panic!("an SMS-STATUS-REPORT");
    };
    assert_eq!((report.reference, report.status, report.state()), (0, 0, ReceiptState::Delivered));
    assert_eq!(report.to, Address { ton: 1, npi: 1, text: "20121875612".into() });
    let took = report.discharged.unwrap().unix_s - report.submitted.unwrap().unix_s;
    assert_eq!(took, 5);
    assert_eq!(StatusReport::read(&report.to_octets().unwrap()), Some(report));
}

/// accessvba.blogsky.com, "decode SMS-SUBMIT": a short number of four digits, 63 weeks.
#[test]
fn a_public_submit_to_a_short_code_is_read() {
    let octets = octets("0891683108200805F01151048181160000FF16C8329BFD66B5F320B8BC4CA7E741F7B79C4D0E01");
    let submit = Submit::read(split_service_centre(&octets).unwrap()).unwrap();
    assert_eq!(submit.to, Address { ton: 0, npi: 1, text: "1861".into() });
    assert_eq!((submit.reference, submit.validity), (81, Some(Validity::Relative(255))));
    assert_eq!(submit.user_data.text(0), "Hello,my pretty world!");
    assert_eq!(submit.to_octets().unwrap(), octets[9..]);
}

/// TS 23.040 §9.1.2.3: the semi-octets A to E are `*`, `#`, `a`, `b`, `c`; an odd number ends with the filler.
#[test]
fn every_character_of_a_number_has_its_semi_octet() {
    let submit = Submit::new(Address { ton: 0, npi: 1, text: "*12#abc".into() }, 4, UserData::default());
    let written = submit.to_octets().unwrap();
    assert_eq!(written, octets("01 00 07 81 1A B2 DC FE 00 04 00"));
    assert_eq!(Submit::read(&written), Some(submit));
}

/// TS 23.040 §9.1.2.5: a name's length counts its useful semi-octets.
#[test]
fn names_are_in_septets() {
    let deliver = |name: &str| Deliver {
        from: Address { ton: 5, npi: 0, text: name.into() },
        protocol_id: 0,
        data_coding: 0,
        time: Some(Timestamp::utc(0)),
        has_more: false,
        has_reply_path: false,
        user_data: UserData::default(),
    };
    for (name, semi_octets) in
        [("", 0), ("A", 2), ("Acme", 7), ("Textgat", 13), ("Textgate", 14), ("Hellohello1", 20)]
    {
        let written = deliver(name).to_octets().unwrap();
        assert_eq!((written[1], written[2]), (semi_octets, 0xD0), "{name}");
        assert_eq!(Deliver::read(&written).unwrap().from.text, name);
    }
    // A sender that counts whole octets: the last seven bits are no `@`.
    let written = octets("04 0E D0 D4 32 9E 7E 0E 87 E9 00 00 70 10 10 00 00 00 00 00");
    assert!(!Deliver::read(&written).unwrap().from.text.ends_with('@'));
    assert_eq!(deliver("twelve chars").to_octets(), Err(TpduError::Address));
    assert_eq!(deliver("имя").to_octets(), Err(TpduError::Address));
}

/// TS 23.040 §9.2.3.11: the sign of the zone is bit 3 of its octet.
#[test]
fn a_time_west_of_utc_is_read_and_what_is_no_time_is_none() {
    let read = |time: &str| Deliver::read(&octets(&format!("04 00 81 00 04 {time} 00"))).unwrap().time;
    // 25 November 2026, 01:02:03, five hours behind UTC: 06:02:03.
    assert_eq!(read("62 11 52 10 20 30 0A"), Some(Timestamp { unix_s: 1_795_586_523, quarters: -20 }));
    assert_eq!(read("00 00 00 00 00 00 00"), None);
    assert_eq!(read("FF FF FF FF FF FF FF"), None);
    assert_eq!(read("00 20 92 00 00 00 00"), Some(Timestamp::utc(951_782_400)), "29 February 2000");
}

/// TS 23.040 §9.2.3.12.1.
#[test]
fn a_relative_validity_is_the_longest_that_is_not_longer() {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    for (period, value) in [
        (0, 0),
        (5, 0),
        (9, 0),
        (10, 1),
        (720, 143),
        (749, 143),
        (750, 144),
        (24 * 60, 167),
        (47 * 60, 167),
        (48 * 60, 168),
        (30 * 24 * 60, 196),
        (34 * 24 * 60, 196),
        (35 * 24 * 60, 197),
        (63 * 7 * 24 * 60, 255),
        (10_000_000, 255),
    ] {
        assert_eq!(Validity::relative(minutes(period)), Validity::Relative(value), "{period} minutes");
    }
    assert!((1..=255).all(|n| Validity::period(n) > Validity::period(n - 1)));
    assert!((0..=255).all(|n| Validity::relative(Validity::period(n)) == Validity::Relative(n)));
}

/// TS 23.040 §9.2.3.9, TS 23.038 §4.
#[test]
fn flash_and_overwrite_are_in_class_and_protocol() {
    let submit = Submit {
        protocol_id: ReplaceType::new(3).unwrap().protocol_id(),
        wants_report: true,
        ..Submit::new(to("15550100199"), tp_dcs(Encoding::Ucs2, true), text("ж", Encoding::Ucs2))
    };
    assert_eq!(submit.to_octets().unwrap(), octets("21 00 0B 91 5155100091F9 43 18 02 04 36"));
}

/// TS 23.040 §9.2.3.15.
#[test]
fn only_what_is_final_makes_a_receipt_final() {
    let state = |status| {
        StatusReport { reference: 0, to: to("15550100199"), submitted: None, discharged: None, status }
            .state()
    };
    assert_eq!(state(0x00), ReceiptState::Delivered);
    assert_eq!([state(0x01), state(0x20), state(0x30), state(0x80)], [ReceiptState::Pending; 4]);
    assert_eq!([state(0x02), state(0x40), state(0x60), state(0x7F)], [ReceiptState::Undelivered; 4]);
    assert_eq!((state(0x46), state(0x42)), (ReceiptState::Expired, ReceiptState::Rejected));
}

#[test]
fn what_does_not_fit_is_not_written() {
    let full = UserData { header: Vec::new(), units: vec![0x61; 160] };
    assert!(Submit::new(to("15550100199"), 0, full.clone()).to_octets().is_ok());
    assert_eq!(Submit::new(to("15550100199"), 8, full).to_octets(), Err(TpduError::TooLong));
    let over = UserData { header: Vec::new(), units: vec![0x61; 161] };
    assert_eq!(Submit::new(to("15550100199"), 0, over).to_octets(), Err(TpduError::TooLong));
    let long = Address { ton: 1, npi: 1, text: "1".repeat(21) };
    assert_eq!(Submit::new(long, 0, UserData::default()).to_octets(), Err(TpduError::Address));
}

fn addresses() -> impl Strategy<Value = Address> {
    let number = (0..8u8, 0..16u8, "[0-9*#abc]{0,20}").prop_map(|(ton, npi, text)| Address {
        ton: if ton == 5 { 1 } else { ton },
        npi,
        text,
    });
    // An `@` at the end cannot be told from empty bits in names of eight characters.
    let name = "[A-Za-z0-9 .@]{0,10}[A-Za-z]".prop_map(|text| Address { ton: 5, npi: 0, text });
    prop_oneof![number, name]
}

/// Times of 1990 to 2089.
fn times() -> impl Strategy<Value = Timestamp> {
    (631_238_400i64..3_786_825_600, -79..=79i8).prop_map(|(unix_s, quarters)| Timestamp { unix_s, quarters })
}

/// The user data of each segment of a text, and its TP-DCS.
fn segments() -> impl Strategy<Value = (String, Encoding, u8, Vec<UserData>)> {
    (carried(), any::<u16>(), any::<bool>()).prop_map(|((encoding, text), reference, flash)| {
        let parts = segment(&text, encoding, Reference::Bits8).unwrap();
        let total = parts.len() as u8;
        let data = (1..).zip(parts).map(|(number, part)| {
            let place = Part { reference, bits: Reference::Bits8, total, number };
            UserData { header: header(encoding, (total > 1).then_some(place)).to_vec(), units: part.units }
        });
        (text, encoding, tp_dcs(encoding, flash), data.collect())
    })
}

proptest! {
    #[test]
    fn a_submit_is_read_as_it_was_written(
        to in addresses(), reference: u8, protocol_id: u8, flags: [bool; 3],
        validity in prop_oneof![
            Just(None), any::<u8>().prop_map(|n| Some(Validity::Relative(n))), times().prop_map(|t| Some(Validity::Absolute(t))),
        ],
        (_, _, data_coding, data) in segments(),
    ) {
        for user_data in data {
            let submit = Submit {
                reference, to: to.clone(), protocol_id, data_coding, validity, wants_report: flags[0],
                rejects_duplicates: flags[1], has_reply_path: flags[2], user_data,
            };
            let written = submit.to_octets().unwrap();
            prop_assert!(written.len() <= 1 + 1 + 12 + 1 + 1 + 7 + 1 + 140);
            prop_assert_eq!(Submit::read(&written), Some(submit));
        }
    }

    #[test]
    fn a_delivered_text_is_whole_when_its_parts_are_read(
        from in addresses(), time in times(), has_more: bool, (text, encoding, data_coding, data) in segments(),
    ) {
        let mut whole = String::new();
        for (index, user_data) in data.iter().enumerate() {
            let deliver = Deliver {
                from: from.clone(), protocol_id: 0, data_coding, time: Some(time), has_more, has_reply_path: false,
                user_data: user_data.clone(),
            };
            let Some(Tpdu::Deliver(read)) = Tpdu::read(&deliver.to_octets().unwrap()) else { panic!("a DELIVER") };
            prop_assert_eq!(&read, &deliver);
            let place = read.user_data.part().map(|part| (part.total, part.number));
            prop_assert_eq!(place, (data.len() > 1).then_some((data.len() as u8, index as u8 + 1)));
            // IA5 and Latin-1 go as 8 bit data, which no receiver can name.
            if matches!(encoding, Encoding::Gsm7(_) | Encoding::Ucs2 | Encoding::Utf16Be) {
                whole.push_str(&read.text());
            }
        }
        if !whole.is_empty() {
            prop_assert_eq!(whole, text);
        }
    }

    #[test]
    fn any_octets_are_a_tpdu_or_none(octets in prop::collection::vec(any::<u8>(), 0..200), first in 0..4u8) {
        let mut octets = octets;
        for _ in 0..2 {
            if let Some(Tpdu::Deliver(deliver)) = Tpdu::read(&octets) {
                prop_assert!(deliver.text().chars().count() <= 160);
                prop_assert!(deliver.from.text.len() <= 40);
            }
            if let Some(submit) = Submit::read(&octets) {
                prop_assert!(submit.user_data.units.len() + submit.user_data.header.len() <= 160);
            }
            if let Some(tpdu) = split_service_centre(&octets) {
                let _ = (Tpdu::read(tpdu), StatusReport::read(tpdu));
            }
            // Once more with a first octet and an address that are likely to be read on.
            octets.splice(0..0, [first, 2, 0x91, 0x21]);
        }
    }

    #[test]
    fn a_tpdu_that_ends_early_is_read_as_far_as_it_goes(
        (_, _, data_coding, data) in segments(), cut: prop::sample::Index,
    ) {
        let submit = Submit::new(to("15550100199"), data_coding, data[0].clone());
        let written = submit.to_octets().unwrap();
        let kept = cut.index(written.len());
        if let Some(read) = Submit::read(&written[..kept]) {
            prop_assert!(submit.user_data.units.starts_with(&read.user_data.units));
        }
    }
}
