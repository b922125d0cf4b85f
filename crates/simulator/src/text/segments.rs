//! A text cut into as many segments as it needs, as a phone would send it.

use super::encode_gsm7;

/// A text's user data for one segment each, and its data_coding: GSM-7 where it fits, otherwise UCS-2. Segments of a long
/// one begin with a header (TS 23.040 §9.2.3.24.1).
pub(crate) fn segments(text: &str, reference: u8) -> (u8, Vec<Vec<u8>>) {
    // Characters, each with its octets: no character is split over two segments.
    let (data_coding, alone, in_parts, characters): (u8, usize, usize, Vec<Vec<u8>>) =
        if let Some(characters) = text.chars().map(|c| encode_gsm7(c.encode_utf8(&mut [0; 4]))).collect() {
            (0, 160, 153, characters)
        } else {
            let ucs2 =
                |c: char| c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()).collect();
            (8, 140, 134, text.chars().map(ucs2).collect())
        };
    let octets: usize = characters.iter().map(Vec::len).sum();
    if octets <= alone {
        return (data_coding, vec![characters.concat()]);
    }
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let mut part: Vec<u8> = Vec::new();
    for character in characters {
        if part.len() + character.len() > in_parts {
            parts.push(std::mem::take(&mut part));
        }
        part.extend(character);
    }
    parts.push(part);
    // What does not fit into 255 segments is not sent.
    parts.truncate(255);
    let total = u8::try_from(parts.len()).unwrap_or(255);
    for (number, part) in (1..=total).zip(&mut parts) {
        part.splice(..0, [5, 0, 3, reference, total, number]);
    }
    (data_coding, parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_one_segment_without_a_header() {
        assert_eq!(segments("hi @", 1), (0, vec![b"hi \0".to_vec()]));
        assert_eq!(segments("Ж", 1), (8, vec![vec![0x04, 0x16]]));
        assert_eq!(segments("", 1), (0, vec![vec![]]));
        assert_eq!(segments(&"a".repeat(160), 1).1.len(), 1);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = format!("{}€{}", "a".repeat(152), "b".repeat(10));
        let (_, parts) = segments(&text, 7);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].len(), 6 + 152, "the escape pair goes to the second segment whole");
        assert_eq!(parts[1][..8], [5, 0, 3, 7, 2, 2, 0x1B, 0x65]);
        let (_, parts) = segments(&"😀".repeat(36), 7);
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [6 + 132, 6 + 12]);
    }
}
