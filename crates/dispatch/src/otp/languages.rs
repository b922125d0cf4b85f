//! The texts that are shipped, one for each language.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// One language's texts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Language {
    pub(super) text: String,
    /// Where a line for a browser or an app follows and room is scarce.
    pub(super) short: String,
}

/// All of them, by tag. The file is part of the program; that it can be read is tested.
static LANGUAGES: LazyLock<BTreeMap<String, Language>> =
    LazyLock::new(|| toml::from_str(include_str!("languages.toml")).unwrap_or_default());

/// The texts of this language, where they are shipped.
pub(super) fn shipped(tag: &str) -> Option<&'static Language> {
    LANGUAGES.get(tag)
}

/// The tags of all.
pub(super) fn tags() -> impl Iterator<Item = &'static str> {
    LANGUAGES.keys().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::super::locale;
    use super::super::template::{Values, check, render};
    use super::*;
    use textgate_sms::{Choices, Reference, choose, count};

    #[test]
    fn at_least_25_languages_are_shipped_under_their_usual_tags() {
        assert!(LANGUAGES.len() >= 25, "{}", LANGUAGES.len());
        for tag in tags() {
            assert_eq!(locale::canonical(tag).as_deref(), Some(tag));
        }
    }

    #[test]
    fn each_text_is_a_good_template_and_fits_one_segment_with_a_name_before_it() {
        for (tag, language) in LANGUAGES.iter() {
            for text in [&language.text, &language.short] {
                assert_eq!(check(text), Ok(()), "{tag}");
                let values = Values { code: "123456", minutes: "10", app: "Textgate" };
                let rendered = format!("Textgate: {}", render(text, values));
                let encoding = choose(&rendered, Choices::default());
                assert_eq!(count(&rendered, encoding, Reference::default()), Ok(1), "{tag}: {rendered}");
            }
            assert!(language.text.contains("{minutes}"), "{tag}");
        }
    }

    #[test]
    fn a_short_text_leaves_room_for_a_line_of_a_domain() {
        for (tag, language) in LANGUAGES.iter() {
            let values = Values { code: "123456", minutes: "10", app: "Textgate" };
            let rendered = format!("Textgate: {}\n\n@example.com #123456", render(&language.short, values));
            let encoding = choose(&rendered, Choices::default());
            assert_eq!(count(&rendered, encoding, Reference::default()), Ok(1), "{tag}: {rendered}");
        }
    }
}
