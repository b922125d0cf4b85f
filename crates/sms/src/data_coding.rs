//! The octet that tells the other side which encoding the user data is in: SMPP's, and a TPDU's.

use crate::Encoding;

/// SMPP's data_coding (SMPP 3.4 §5.2.19), with message class 0 where `flash`. IA5 and Latin-1 have no value
/// with a class: there `flash` changes nothing, and only the TLV dest_addr_subunit can say it.
pub fn smpp_data_coding(encoding: Encoding, flash: bool) -> u8 {
    match (encoding, flash) {
        (Encoding::Gsm7(_), false) => 0x00,
        (Encoding::Ascii, _) => 0x01,
        (Encoding::Latin1, _) => 0x03,
        (Encoding::Binary, false) => 0x04,
        (Encoding::Ucs2 | Encoding::Utf16Be, false) => 0x08,
        // 1111xxxx, "GSM message class control", is in SMPP's own list; it has no UCS-2.
        (Encoding::Gsm7(_), true) => 0xF0,
        (Encoding::Binary, true) => 0xF4,
        // Not in SMPP's list, but handed on as it is to the TPDU by those that know it.
        (Encoding::Ucs2 | Encoding::Utf16Be, true) => 0x18,
    }
}

/// A TPDU's TP-DCS (TS 23.038 §4, general data coding), with message class 0 where `flash`. IA5 and Latin-1
/// do not exist there: they go as 8 bit data.
pub fn tp_dcs(encoding: Encoding, flash: bool) -> u8 {
    let alphabet = match encoding {
        Encoding::Gsm7(_) => 0x00,
        Encoding::Ascii | Encoding::Latin1 | Encoding::Binary => 0x04,
        Encoding::Ucs2 | Encoding::Utf16Be => 0x08,
    };
    // Bit 4 says that bits 1 and 0 are a class; class 0 is 00.
    if flash { alphabet | 0x10 } else { alphabet }
}

/// The encoding that a received SMPP data_coding names (SMPP 3.4 §5.2.19; the groups of TS 23.038 §4 where
/// SMPP hands them through); `None` for those that are not read here: JIS, Cyrillic, Hebrew and the like.
pub fn encoding_of_data_coding(data_coding: u8) -> Option<Encoding> {
    match data_coding {
        0x01 => Some(Encoding::Ascii),
        0x03 => Some(Encoding::Latin1),
        0x02 => Some(Encoding::Binary),
        0x05..=0x07 | 0x09..=0x0F => None,
        other => encoding_of_tp_dcs(other),
    }
}

/// The encoding that a received TP-DCS names (TS 23.038 §4); `None` where the text is compressed or the value
/// reserved.
pub fn encoding_of_tp_dcs(dcs: u8) -> Option<Encoding> {
    let general = |dcs: u8| match dcs & 0x0C {
        0x00 => Some(Encoding::GSM7),
        0x04 => Some(Encoding::Binary),
        0x08 => Some(Encoding::Ucs2),
        _ => None,
    };
    match dcs >> 4 {
        // General data coding, and the same marked for automatic deletion; bit 5 is compression.
        0x0 | 0x1 | 0x4 | 0x5 => general(dcs),
        // Message waiting: discard, store, store in UCS-2.
        0xC | 0xD => Some(Encoding::GSM7),
        0xE => Some(Encoding::Ucs2),
        // Data coding and message class.
        0xF => Some(if dcs & 0x04 == 0 { Encoding::GSM7 } else { Encoding::Binary }),
        _ => None,
    }
}
