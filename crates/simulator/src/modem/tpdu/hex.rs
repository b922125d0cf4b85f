//! Octets as AT commands write them: two hexadecimal digits each (3GPP TS 27.005 §3.1, `<pdu>`).

/// The octets; `None` where a character is none of the digits, or one is alone.
pub(in crate::modem) fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, odd) = text.as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    let digit = |d: u8| char::from(d).to_digit(16).and_then(|d| u8::try_from(d).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// The digits, in upper case.
pub(in crate::modem) fn to_hex(octets: &[u8]) -> String {
    let digit = |d: u8| char::from_digit(u32::from(d), 16).unwrap_or('0').to_ascii_uppercase();
    octets.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 0x0F)]).collect()
}
