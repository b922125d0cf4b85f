//! The words by which phones say what they want, and what they are answered, in the languages that are shipped.

use super::fold::fold;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

/// What a phone's word asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Word {
    /// No more messages.
    Stop = 0,
    /// Messages again.
    Start = 1,
    /// What this is.
    Help = 2,
}

/// One language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Language {
    stop: Vec<String>,
    start: Vec<String>,
    help: Vec<String>,
    stopped: String,
    started: String,
    helped: String,
}

/// All of them, by tag. The file is part of the program; that it can be read is tested.
static LANGUAGES: LazyLock<BTreeMap<String, Language>> =
    LazyLock::new(|| toml::from_str(include_str!("languages.toml")).unwrap_or_default());

/// Words as they are compared, with what they ask for and in which language; none where several have it.
static WORDS: LazyLock<HashMap<String, (Word, Option<&'static str>)>> = LazyLock::new(|| {
    let mut words: HashMap<String, (Word, Option<&'static str>)> = HashMap::new();
    for (tag, language) in LANGUAGES.iter() {
        for word in Word::ALL {
            for text in language.words(word) {
                // English words are said everywhere.
                let tag = (tag != "en").then_some(tag.as_str());
                let Some(folded) = fold(text) else { continue };
                words.entry(folded).and_modify(|known| known.1 = None).or_insert((word, tag));
            }
        }
    }
    words
});

impl Word {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Stop, Self::Start, Self::Help];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        ["stop", "start", "help"][self as usize]
    }

    /// What is answered to it in this language; in English where it is not shipped.
    pub(super) fn answer(self, tag: &str) -> &'static str {
        let language = LANGUAGES.get(tag).or_else(|| LANGUAGES.get("en"));
        language.map_or("", |language| match self {
            Self::Stop => &language.stopped,
            Self::Start => &language.started,
            Self::Help => &language.helped,
        })
    }
}

impl Language {
    fn words(&self, word: Word) -> &[String] {
        match word {
            Word::Stop => &self.stop,
            Word::Start => &self.start,
            Word::Help => &self.help,
        }
    }
}

/// What a text asks for that is one of the shipped words and nothing else, and the language it is of.
pub(super) fn shipped(folded: &str) -> Option<(Word, Option<&'static str>)> {
    WORDS.get(folded).copied()
}

/// The tags of the languages.
pub fn opt_out_languages() -> Vec<&'static str> {
    LANGUAGES.keys().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use textgate_sms::{Choices, Reference, choose, count};

    #[test]
    fn no_word_asks_for_two_things_in_whatever_language() {
        assert!(LANGUAGES.len() >= 30, "{}", LANGUAGES.len());
        let mut said: HashMap<String, Word> = HashMap::new();
        for language in LANGUAGES.values() {
            for word in Word::ALL {
                for text in language.words(word) {
                    let folded = fold(text).unwrap();
                    assert_eq!(*said.entry(folded).or_insert(word), word, "{text}");
                }
            }
        }
    }

    #[test]
    fn words_of_one_language_are_answered_in_it_and_those_of_several_as_set() {
        let of = |text: &str| shipped(&fold(text).unwrap());
        assert_eq!(of("Abmelden"), Some((Word::Stop, Some("de"))));
        assert_eq!(of("退订"), Some((Word::Stop, Some("zh"))));
        assert_eq!(of("عزرا"), None);
        assert_eq!(of("stop"), Some((Word::Stop, None)));
        assert_eq!(of("СТОП"), Some((Word::Stop, None)), "Bulgarian, Russian and Ukrainian");
        assert_eq!(of("hjælp"), Some((Word::Help, Some("da"))));
    }

    #[test]
    fn every_answer_fits_two_segments_and_says_how_to_go_back() {
        for tag in opt_out_languages() {
            for word in Word::ALL {
                let text = word.answer(tag);
                let encoding = choose(text, Choices::default());
                assert!(count(text, encoding, Reference::default()).unwrap() <= 2, "{tag}: {text}");
                let other = if word == Word::Stop { "START" } else { "STOP" };
                assert!(text.contains(other), "{tag}: {text}");
                assert_eq!(
                    fold(text).and_then(|folded| shipped(&folded)),
                    None,
                    "an answer is no word itself"
                );
            }
        }
    }
}
