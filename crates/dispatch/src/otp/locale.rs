//! Languages by their tags (BCP 47), and which of those there are comes nearest to the one that was asked for (RFC 4647 §3.4).

/// Longest tag.
const LONGEST: usize = 20;

/// The tag in its usual form: `de`, `pt-BR`, `zh-Hant-TW`; an underscore for a dash is taken. `None` where it is none.
pub(super) fn canonical(tag: &str) -> Option<String> {
    if tag.len() > LONGEST {
        return None;
    }
    let mut canonical = String::with_capacity(tag.len());
    for (n, part) in tag.split(['-', '_']).enumerate() {
        let is_word = part.bytes().all(|c| c.is_ascii_alphanumeric());
        match (n, part.len()) {
            (0, 2..=3) if part.bytes().all(|c| c.is_ascii_alphabetic()) => {
                canonical.push_str(&part.to_ascii_lowercase());
            }
            // A region.
            (1.., 2) if is_word => {
                canonical.push('-');
                canonical.push_str(&part.to_ascii_uppercase());
            }
            // A script, or a variant.
            (1.., 3..=8) if is_word => {
                canonical.push('-');
                let (first, rest) = part.split_at(1);
                canonical.push_str(&first.to_ascii_uppercase());
                canonical.push_str(&rest.to_ascii_lowercase());
            }
            _ => return None,
        }
    }
    Some(canonical)
}

/// The tags to look for, the likeliest first: the tag itself, and what remains of it, part by part; then a language that its
/// readers read as well.
pub(super) fn candidates(tag: &str) -> Vec<&str> {
    let mut found = Vec::with_capacity(4);
    let mut rest = tag;
    loop {
        found.push(rest);
        if let Some(other) = other(rest) {
            found.push(other);
        }
        match rest.rsplit_once('-') {
            Some((shorter, _)) => rest = shorter,
            None => return found,
        }
    }
}

/// Tags that were replaced by others, and written forms that are shared.
fn other(tag: &str) -> Option<&'static str> {
    Some(match tag {
        "zh-Hant" | "zh-HK" | "zh-MO" | "zh-Hant-HK" | "zh-Hant-MO" | "zh-Hant-TW" => "zh-TW",
        "zh-Hans" | "cmn" => "zh",
        "no" | "nn" => "nb",
        "iw" => "he",
        "in" => "id",
        "mo" => "ro",
        "bs" | "sr-Latn" => "hr",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tag_is_brought_to_its_usual_form() {
        for (given, tag) in [
            ("de", "de"),
            ("DE", "de"),
            ("pt_br", "pt-BR"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("fil", "fil"),
            ("es-419", "es-419"),
        ] {
            assert_eq!(canonical(given).as_deref(), Some(tag));
        }
        for wrong in ["", "d", "german", "de-", "-de", "de--AT", "d1", "de AT", "../x", "de-ä", "deutsch-AT"]
        {
            assert_eq!(canonical(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_near_is_looked_for_after_what_is_exact() {
        assert_eq!(candidates("de-AT"), ["de-AT", "de"]);
        assert_eq!(candidates("zh-Hant-HK"), ["zh-Hant-HK", "zh-TW", "zh-Hant", "zh-TW", "zh"]);
        assert_eq!(candidates("no"), ["no", "nb"]);
    }

    proptest! {
        #[test]
        fn any_tag_is_read_without_panic_and_stays_as_it_is(given in "\\PC{0,24}") {
            if let Some(tag) = canonical(&given) {
                prop_assert_eq!(canonical(&tag), Some(tag.clone()));
                prop_assert!(!candidates(&tag).is_empty());
            }
        }
    }
}
