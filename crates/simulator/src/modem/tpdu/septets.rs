//! Septets packed into octets (3GPP TS 23.038 §6.1.2.1), after a header and its fill bits where there is one
//! (TS 23.040 §9.2.3.24).

/// How many septets so many octets of header take, fill bits included.
pub(super) fn of_header(octets: usize) -> usize {
    (octets * 8).div_ceil(7)
}

/// The septets from number `from` up to number `to`; `None` where the octets end before.
pub(super) fn unpack(octets: &[u8], from: usize, to: usize) -> Option<Vec<u8>> {
    (from..to)
        .map(|number| {
            let (place, shift) = (number * 7 / 8, number * 7 % 8);
            let low = u16::from(*octets.get(place)?);
            let high = if shift > 1 { u16::from(*octets.get(place + 1)?) } else { 0 };
            u8::try_from((high << 8 | low) >> shift & 0x7F).ok()
        })
        .collect()
}

/// A header and septets as user data: its length in septets, and its octets.
pub(super) fn pack(header: &[u8], septets: &[u8]) -> (usize, Vec<u8>) {
    let begin = of_header(header.len());
    let mut octets = header.to_vec();
    octets.resize(((begin + septets.len()) * 7).div_ceil(8), 0);
    for (number, septet) in (begin..).zip(septets) {
        let (place, shift) = (number * 7 / 8, number * 7 % 8);
        let [low, high] = (u16::from(septet & 0x7F) << shift).to_le_bytes();
        if let Some(octet) = octets.get_mut(place) {
            *octet |= low;
        }
        if let Some(octet) = octets.get_mut(place + 1) {
            *octet |= high;
        }
    }
    (begin + septets.len(), octets)
}
