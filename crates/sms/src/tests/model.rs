//! A slow model of counting, written another way: explicit lists of clusters, costs found by decoding,
//! prefixes by trial.

use super::kit::carried;
use crate::{Encoding, Reference, count, decode};
use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation;

/// Bits of a character, found by trying every septet.
fn bits(c: char, encoding: Encoding) -> usize {
    let is = |units: &[u8]| decode(units, encoding).chars().eq([c]);
    match encoding {
        Encoding::Gsm7(_) if (0..128).any(|s| s != 0x1B && is(&[s])) => 7,
        Encoding::Gsm7(_) => 14,
        Encoding::Ascii | Encoding::Latin1 => 8,
        Encoding::Ucs2 | Encoding::Utf16Be => c.to_string().encode_utf16().count() * 16,
        Encoding::Binary => c.to_string().len() * 8,
    }
}

fn segments(text: &str, encoding: Encoding, reference: Reference) -> usize {
    let tables = match encoding {
        Encoding::Gsm7(shifts) => shifts.locking().iter().chain(shifts.single().iter()).count(),
        _ => 0,
    };
    let alone = if tables == 0 { 140 } else { 140 - 1 - 3 * tables };
    let in_parts = 140 - 1 - 3 * tables - if reference == Reference::Bits8 { 5 } else { 6 };
    let all: usize = text.chars().map(|c| bits(c, encoding)).sum();
    if all <= alone * 8 {
        return 1;
    }
    // Clusters of costs; one that no segment holds is cut into its characters, beginning in a segment of its
    // own.
    let room = in_parts * 8;
    let mut pieces: Vec<(usize, bool)> = Vec::new();
    for cluster in text.graphemes(true) {
        let costs: Vec<usize> = cluster.chars().map(|c| bits(c, encoding)).collect();
        let whole: usize = costs.iter().sum();
        if whole <= room {
            pieces.push((whole, false));
        } else {
            pieces.extend(costs.into_iter().enumerate().map(|(at, cost)| (cost, at == 0)));
        }
    }
    let mut rest = pieces.as_slice();
    let mut segments = 0;
    while !rest.is_empty() {
        let longest = (1..=rest.len())
            .take_while(|n| rest[..*n].iter().map(|(cost, _)| cost).sum::<usize>() <= room)
            .take_while(|n| *n == 1 || !rest[n - 1].1)
            .last()
            .unwrap();
        rest = &rest[longest..];
        segments += 1;
    }
    segments
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_count_is_the_models((encoding, text) in carried(), wide: bool) {
        let reference = if wide { Reference::Bits16 } else { Reference::Bits8 };
        let expected = segments(&text, encoding, reference);
        prop_assert_eq!(count(&text, encoding, reference).map(usize::from), Ok(expected));
    }
}

#[test]
fn the_count_is_the_models_where_a_cluster_is_more_than_a_segment() {
    let zalgo = format!("a{}", "\u{301}".repeat(200));
    for text in [zalgo.clone(), format!("abc{zalgo}def"), format!("{zalgo}{zalgo}"), format!("😀{zalgo}😀")]
    {
        for reference in [Reference::Bits8, Reference::Bits16] {
            for encoding in [Encoding::Ucs2, Encoding::Binary] {
                let expected = segments(&text, encoding, reference);
                assert_eq!(
                    count(&text, encoding, reference).map(usize::from),
                    Ok(expected),
                    "{text} {encoding}"
                );
            }
        }
    }
}
