//! Every encoding there is, and texts for each.

use crate::{Encoding, Language, Shifts, decode};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Every encoding, GSM 7 bit with each language's tables alone and together, and with two languages' tables.
pub fn encodings() -> Vec<Encoding> {
    use Encoding::*;
    let mut all = vec![Encoding::GSM7, Ascii, Latin1, Ucs2, Utf16Be, Binary];
    for language in Language::ALL {
        let ways = [(None, Some(*language)), (Some(*language), None), (Some(*language), Some(*language))];
        all.extend(ways.into_iter().filter_map(|(locking, single)| Shifts::new(locking, single)).map(Gsm7));
    }
    all.extend(Shifts::new(Some(Language::Turkish), Some(Language::Hindi)).map(Gsm7));
    all
}

/// What a text of this encoding can consist of: every character of a 7 bit alphabet, else characters and
/// clusters that are hard to cut.
pub fn pieces(encoding: Encoding) -> Vec<String> {
    match encoding {
        Encoding::Gsm7(_) => {
            let septets = (0..128).filter(|s| *s != 0x1B);
            let mut pieces: Vec<String> = septets
                .flat_map(|s| [decode(&[s], encoding), decode(&[0x1B, s], encoding)])
                .filter(|c| c.chars().all(|c| encoding.has(c)))
                .collect();
            pieces.push("\r\n".to_owned());
            pieces
        }
        Encoding::Ascii => {
            (0..0x80u8).map(|c| char::from(c).to_string()).chain(["\r\n".to_owned()]).collect()
        }
        Encoding::Latin1 => (0..=0xFFu8).map(|c| char::from(c).to_string()).collect(),
        Encoding::Ucs2 | Encoding::Utf16Be | Encoding::Binary => {
            let hard = [
                "a",
                "1",
                "é",
                "e\u{301}",
                "\u{301}",
                "ж",
                "क्षि",
                "한",
                "\u{1112}\u{1161}\u{11AB}",
                "\r\n",
                "\r",
                "\n",
                "😀",
                "👍🏽",
                "🇩🇪",
                "🇫",
                "👨‍👩‍👧‍👦",
                "\u{200D}",
                "❤️",
                "\u{600}",
                "\u{10FFFF}",
                "\u{FFFF}",
                "\0",
            ];
            hard.map(str::to_owned).to_vec()
        }
    }
}

/// An encoding and a text that it carries, from nothing to five or six segments.
pub fn carried() -> impl Strategy<Value = (Encoding, String)> {
    let length = prop_oneof![0..20usize, 55..75usize, 120..170usize, 0..700usize];
    (select(encodings()), length).prop_flat_map(|(encoding, length)| {
        let pieces = pieces(encoding);
        proptest::collection::vec(any::<Index>(), length)
            .prop_map(move |picks| (encoding, picks.iter().map(|pick| pick.get(&pieces).as_str()).collect()))
    })
}
