//! User data with its header, in every encoding, put together from parts; and any text on its way out and back.
#![no_main]

use textgate_sms::*;

libfuzzer_sys::fuzz_target!(|input: (u8, Vec<u8>, &str)| {
    let (coding, octets, text) = input;
    let encoding = encoding_of_data_coding(coding).unwrap_or(Encoding::Latin1);
    let header = parse_header(&octets);
    let units = octets.get(header.map_or(0, |header| header.octets)..).unwrap_or_default();
    let encoding = match (encoding, header) {
        (Encoding::Gsm7(_), Some(header)) => Encoding::Gsm7(header.shifts),
        (encoding, _) => encoding,
    };
    assert!(decode(units, encoding).chars().count() <= units.len());
    if let Some(part) = header.and_then(|header| header.part) {
        assert!((1..=part.total).contains(&part.number));
        let mut assembly = Assembly::new(part, units);
        for number in 1..=part.total {
            assembly.add(Part { number, ..part }, units);
        }
        assert!(assembly.is_complete());
        assert!(assembly.text(encoding).chars().count() <= usize::from(part.total) * 160);
    }
    for count in [0, 1, units.len(), usize::MAX] {
        assert!(unpack_septets(units, count, usize::from(coding) % 8).len() <= units.len() * 8 / 7 + 1);
    }
    let simple = transliterate(text, encoding);
    assert_eq!(transliterate(&simple, encoding), simple, "once is enough");
    let _ = PhoneNumber::parse(text).map(|number| assert_eq!(number.to_string(), text));
    let _ = MessageId::parse(text).map(|id| assert_eq!(id.to_string(), text.to_ascii_lowercase()));
});
