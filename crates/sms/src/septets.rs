//! Packs septets into octets and back, as a TPDU carries them (TS 23.038 §6.1.2.1).

/// Bits to leave empty so that the text after a header of this many octets (its length octet included) begins
/// on a septet's border (TS 23.040 §9.2.3.24).
pub fn fill_bits(header_octets: usize) -> usize {
    (7 - header_octets % 7 * 8 % 7) % 7
}

/// The septets (one per octet, bit 7 is ignored) in as few octets as hold them, after `fill_bits` empty bits,
/// of which only the remainder by 8 counts.
pub fn pack_septets(septets: &[u8], fill_bits: usize) -> Vec<u8> {
    let mut octets = Vec::with_capacity((fill_bits % 8 + septets.len() * 7).div_ceil(8));
    let (mut waiting, mut bits) = (0u32, fill_bits % 8);
    for septet in septets {
        waiting |= u32::from(septet & 0x7F) << bits;
        bits += 7;
        if bits >= 8 {
            octets.push(waiting as u8);
            waiting >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 && !septets.is_empty() {
        octets.push(waiting as u8);
    }
    octets
}

/// At most `count` septets, one per octet, from packed octets after `fill_bits` empty bits, of which only the
/// remainder by 8 counts; fewer where the octets end before.
pub fn unpack_septets(octets: &[u8], count: usize, fill_bits: usize) -> Vec<u8> {
    let first_bit = fill_bits % 8;
    let there = (octets.len() * 8).saturating_sub(first_bit) / 7;
    (0..count.min(there))
        .map(|n| {
            let bit = first_bit + n * 7;
            let octet = |at: usize| u16::from(octets.get(at).copied().unwrap_or_default());
            let window = octet(bit / 8) | octet(bit / 8 + 1) << 8;
            (window >> (bit % 8)) as u8 & 0x7F
        })
        .collect()
}
