//! How a virtual server heeds opt-outs.

use super::fold::fold;
use super::wording::{self, Word, opt_out_languages};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use textgate_gateway::Problem;

/// Most own words for one wish.
pub const MOST_WORDS: usize = 50;
/// Longest own text, in characters: three segments of any alphabet.
pub const LONGEST_TEXT: usize = 201;

/// What a phone's word for no more messages ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptOutScope {
    /// All messages of the virtual server.
    #[default]
    VirtualServer,
    /// Those of the sender that it was said to.
    Sender,
}

/// How a virtual server heeds opt-outs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OptOutSettings {
    /// Whether words in messages of phones are heeded.
    pub listen: bool,
    /// What a word for no more messages ends.
    pub scope: OptOutScope,
    /// Whether passcodes, and other messages of kind `otp`, are refused to who has opted out too.
    pub refuse_passcodes: bool,
    /// Whether words are answered, at the usual price of a message.
    pub reply: bool,
    /// The language of answers to words that several languages have.
    pub language: String,
    /// Own words for no more messages, besides those that are shipped.
    pub stop_words: Vec<String>,
    /// Own words for messages again.
    pub start_words: Vec<String>,
    /// Own words for help.
    pub help_words: Vec<String>,
    /// Own answers, by language.
    pub texts: BTreeMap<String, OptOutTexts>,
}

/// Own answers in one language. What is left out is as shipped.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OptOutTexts {
    /// To a word for no more messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// To a word for messages again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// To a word for help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Default for OptOutSettings {
    fn default() -> Self {
        Self {
            listen: true,
            scope: OptOutScope::default(),
            refuse_passcodes: false,
            reply: true,
            language: "en".into(),
            stop_words: Vec::new(),
            start_words: Vec::new(),
            help_words: Vec::new(),
            texts: BTreeMap::new(),
        }
    }
}

impl OptOutSettings {
    fn words(&self) -> [(&'static str, Word, &[String]); 3] {
        [
            ("stop_words", Word::Stop, &self.stop_words),
            ("start_words", Word::Start, &self.start_words),
            ("help_words", Word::Help, &self.help_words),
        ]
    }

    /// What a text asks for that is a word and nothing else, and the language of the answer.
    pub(super) fn word(&self, text: &str) -> Option<(Word, &str)> {
        let folded = fold(text)?;
        let is_it = |own: &String| fold(own).as_deref() == Some(folded.as_str());
        // Who says no is heard first, whatever the operator's words are.
        match wording::shipped(&folded) {
            Some((word, language)) => Some((word, language.unwrap_or(&self.language))),
            None => {
                let own = self.words().into_iter().find(|(_, _, words)| words.iter().any(is_it));
                own.map(|(_, word, _)| (word, self.language.as_str()))
            }
        }
    }

    /// What is answered to a word in this language.
    pub(super) fn answer(&self, word: Word, language: &str) -> String {
        let own = self.texts.get(language).and_then(|texts| match word {
            Word::Stop => texts.stopped.as_ref(),
            Word::Start => texts.started.as_ref(),
            Word::Help => texts.help.as_ref(),
        });
        own.map_or_else(|| word.answer(language).to_owned(), Clone::clone)
    }

    /// Everything that is wrong with them.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |path: String, message: String| problems.push(Problem::new(path, message));
        let languages = opt_out_languages();
        let unknown = || format!("choose one of {}", languages.join(", "));
        if !languages.contains(&self.language.as_str()) {
            wrong("language".into(), unknown());
        }
        let mut said: BTreeMap<String, &str> = BTreeMap::new();
        for (path, word, own) in self.words() {
            if own.len() > MOST_WORDS {
                wrong(path.into(), format!("use at most {MOST_WORDS} words"));
            }
            for (at, text) in own.iter().enumerate().take(MOST_WORDS) {
                let Some(folded) = fold(text) else {
                    wrong(format!("{path}[{at}]"), "enter a word of 1 to 40 characters with a letter".into());
                    continue;
                };
                if wording::shipped(&folded).is_some_and(|(shipped, _)| shipped != word) {
                    wrong(format!("{path}[{at}]"), "this word is shipped with another meaning".into());
                } else if *said.entry(folded).or_insert(path) != path {
                    wrong(format!("{path}[{at}]"), "this word stands in another list too".into());
                }
            }
        }
        for (tag, texts) in &self.texts {
            if !languages.contains(&tag.as_str()) {
                wrong(format!("texts.{tag}"), unknown());
            }
            for (name, text) in
                [("stopped", &texts.stopped), ("started", &texts.started), ("help", &texts.help)]
            {
                let Some(text) = text else { continue };
                if text.trim().is_empty() || text.chars().count() > LONGEST_TEXT {
                    wrong(
                        format!("texts.{tag}.{name}"),
                        format!("use 1 to {LONGEST_TEXT} characters, or leave it out"),
                    );
                } else if self.word(text).is_some() {
                    wrong(
                        format!("texts.{tag}.{name}"),
                        "this text is a word that phones say: two programs could answer each other".into(),
                    );
                }
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_words_are_heard_besides_those_that_are_shipped() {
        let settings = OptOutSettings {
            stop_words: vec!["Genug!".into()],
            help_words: vec!["wer da".into()],
            language: "de".into(),
            ..OptOutSettings::default()
        };
        assert_eq!(settings.problems(), []);
        assert_eq!(settings.word("GENUG"), Some((Word::Stop, "de")));
        assert_eq!(settings.word("Wer  da?"), Some((Word::Help, "de")));
        assert_eq!(settings.word("stop"), Some((Word::Stop, "de")));
        assert_eq!(settings.word("arrêt"), Some((Word::Stop, "fr")));
        assert_eq!(settings.word("please do not stop"), None);
    }

    #[test]
    fn what_would_be_misunderstood_is_not_taken() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let texts = OptOutTexts { stopped: Some("Stop!".into()), help: Some(" ".into()), started: None };
        let settings = OptOutSettings {
            language: "xx".into(),
            stop_words: words(&["start", "nie wieder", "!!"]),
            start_words: words(&["Nie  Wieder"]),
            texts: [("de".to_owned(), texts.clone()), ("tlh".to_owned(), texts)].into(),
            ..OptOutSettings::default()
        };
        let paths: Vec<String> = settings.problems().into_iter().map(|problem| problem.path).collect();
        assert_eq!(
            paths,
            [
                "language",
                "stop_words[0]",
                "stop_words[2]",
                "start_words[0]",
                "texts.de.stopped",
                "texts.de.help",
                "texts.tlh",
                "texts.tlh.stopped",
                "texts.tlh.help"
            ]
        );
    }

    #[test]
    fn an_own_text_is_answered_in_its_language_only() {
        let texts = OptOutTexts { stopped: Some("Tschüss".into()), ..OptOutTexts::default() };
        let settings =
            OptOutSettings { texts: [("de".to_owned(), texts)].into(), ..OptOutSettings::default() };
        assert_eq!(settings.answer(Word::Stop, "de"), "Tschüss");
        assert!(settings.answer(Word::Stop, "en").contains("START"));
        assert!(settings.answer(Word::Start, "de").contains("STOP"));
    }
}
