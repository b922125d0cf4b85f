//! A text's grapheme clusters (UAX #29), quickly where it is ASCII.

use unicode_segmentation::UnicodeSegmentation;

/// The extended grapheme clusters of the text, in order.
pub(crate) fn clusters(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let length = match rest.as_bytes() {
            [] => return None,
            [b'\r', b'\n', ..] => 2,
            // Between two ASCII characters there is always a border, CR LF apart (GB3); what is not ASCII may
            // extend the one before it.
            [first, second, ..] if first.is_ascii() && second.is_ascii() => 1,
            _ => rest.graphemes(true).next().map_or(rest.len(), str::len),
        };
        let (cluster, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        rest = after;
        Some(cluster)
    })
}
