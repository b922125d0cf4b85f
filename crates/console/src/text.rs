//! Texts by key and language: `texts/en.toml` and `texts/de.toml`, the same keys in both.

use crate::sentences::Sentences;
use jiff::Timestamp;
use jiff::tz::Offset;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;
use textgate_sms::Country;

/// A language of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// German.
    De,
}

/// The texts of one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Text(Language);

/// A whole number, also as templates hand it on: by reference.
pub trait Whole {
    /// As the widest of them.
    fn whole(self) -> i128;
}

macro_rules! whole {
    ($($number:ty),+) => {
        $(impl Whole for $number {
            fn whole(self) -> i128 {
                self as i128
            }
        })+
    };
}

whole!(u8, u16, u32, u64, usize, i16, i32, i64);

impl<T: Whole + Copy> Whole for &T {
    fn whole(self) -> i128 {
        (*self).whole()
    }
}

/// One text, with what is to stand in its placeholders (`{name}`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Phrase(Cow<'static, str>);

/// A moment as HTML: shown for people, told to programs.
pub struct Moment {
    shown: String,
    rfc_3339: String,
}

// === impl Language ===

impl Language {
    /// All of them, in the order of the choice.
    pub const ALL: [Self; 2] = [Self::En, Self::De];

    /// Its tag (BCP 47).
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    /// Its own name for itself.
    pub fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::De => "Deutsch",
        }
    }

    /// The language of this tag.
    pub fn of(tag: &str) -> Option<Self> {
        let main = tag.split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(main))
    }

    /// The one that an `Accept-Language` header asks for most (RFC 9110 §12.5.4); English where it asks for none of them.
    pub fn accepted(header: &str) -> Self {
        let wishes = header.split(',').take(20).filter_map(|wish| {
            let (tag, quality) = wish.split_once(";q=").unwrap_or((wish, "1"));
            let quality: f32 = quality.trim().parse().ok()?;
            Some((Self::of(tag.trim())?, quality)).filter(|(_, quality)| *quality > 0.0)
        });
        // The first of those that are equally wanted.
        let best = wishes.reduce(|best, wish| if wish.1 > best.1 { wish } else { best });
        best.map(|(language, _)| language).unwrap_or_default()
    }

    /// What the rooms below say is wrong; `None` where their language is this one.
    fn problems(self) -> Option<&'static Sentences> {
        static GERMAN: LazyLock<Sentences> =
            LazyLock::new(|| Sentences::read(include_str!("../texts/de-problems.toml")));
        match self {
            Self::En => None,
            Self::De => Some(&GERMAN),
        }
    }

    /// What plugins say of themselves, likewise.
    fn plugins(self) -> Option<&'static Sentences> {
        static GERMAN: LazyLock<Sentences> =
            LazyLock::new(|| Sentences::read(include_str!("../texts/de-plugins.toml")));
        match self {
            Self::En => None,
            Self::De => Some(&GERMAN),
        }
    }

    fn texts(self) -> &'static HashMap<String, String> {
        static ALL: LazyLock<[HashMap<String, String>; 2]> = LazyLock::new(|| {
            FILES.map(|files| files.iter().flat_map(|file| flat(file).unwrap_or_default()).collect())
        });
        &ALL[self as usize]
    }
}

/// The files of each language, in the order of [`Language`]: what is about one subject may have files of its own.
static FILES: [&[&str]; 2] = [
    &[include_str!("../texts/en.toml"), include_str!("../texts/webhooks-en.toml")],
    &[include_str!("../texts/de.toml"), include_str!("../texts/webhooks-de.toml")],
];

/// The texts of a file by their whole keys: `[nav] messages` is `nav.messages`.
fn flat(file: &str) -> Result<HashMap<String, String>, toml::de::Error> {
    fn add(prefix: &str, table: toml::Table, to: &mut HashMap<String, String>) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
            match value {
                toml::Value::Table(table) => add(&key, table, to),
                toml::Value::String(text) => drop(to.insert(key, text)),
                // Nothing else is a text; a test finds it missing.
                _ => {}
            }
        }
    }
    let mut texts = HashMap::new();
    add("", toml::from_str(file)?, &mut texts);
    Ok(texts)
}

// === impl Text ===

impl Text {
    /// The English texts.
    #[cfg(test)]
    pub(crate) const ENGLISH: Self = Self(Language::En);

    /// The texts of this language.
    pub fn new(language: Language) -> Self {
        Self(language)
    }

    /// Their language.
    pub fn language(self) -> Language {
        self.0
    }

    /// The text of this key; the key itself where there is none, which a test keeps from happening.
    pub fn get(self, key: &'static str) -> Phrase {
        Phrase(self.0.texts().get(key).map_or(Cow::Borrowed(key), |text| Cow::Borrowed(text)))
    }

    /// The text of a word of a list (`state`, `role`, …): `[state] delivered`. The word itself where it is not in the list.
    pub fn word(self, list: &'static str, word: &str) -> Phrase {
        let text = self.0.texts().get(&format!("{list}.{word}"));
        Phrase(text.map_or_else(|| Cow::Owned(word.to_owned()), |text| Cow::Borrowed(text.as_str())))
    }

    /// A country by its name and two letters; by these alone where the texts do not name it.
    pub fn country(self, country: Country) -> Phrase {
        let letters = country.as_str();
        let name = self.word("country", letters);
        if name == *letters { name } else { Phrase(Cow::Owned(format!("{name} ({letters})"))) }
    }

    /// What dispatch says is wrong, in this language where the texts have that sentence.
    pub fn problem(self, message: &str) -> String {
        let said = self.0.problems().and_then(|sentences| sentences.get(message, |label| self.plugin(label)));
        said.unwrap_or_else(|| message.to_owned())
    }

    /// What a plugin says of itself (a label, a choice, a help), in this language where the texts have it.
    pub fn plugin(self, sentence: &str) -> String {
        self.plugin_translated(sentence).unwrap_or_else(|| sentence.to_owned())
    }

    /// Whether what a plugin says of itself stays in English on a page of this language: a provider's own words.
    pub fn is_foreign(self, sentence: &str) -> bool {
        self.0.plugins().is_some() && self.plugin_translated(sentence).is_none()
    }

    fn plugin_translated(self, sentence: &str) -> Option<String> {
        self.0.plugins()?.get(sentence, str::to_owned)
    }

    /// A whole number with its thousands apart.
    pub fn number(self, number: impl Whole) -> String {
        let number = number.whole();
        let digits = number.unsigned_abs().to_string();
        let separator = match self.0 {
            Language::En => ',',
            Language::De => '.',
        };
        let mut shown = String::with_capacity(digits.len() * 4 / 3 + 1);
        if number < 0 {
            shown.push('\u{2212}');
        }
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                shown.push(separator);
            }
            shown.push(digit);
        }
        shown
    }

    /// A moment (Unix time, ms), in UTC.
    pub fn time(self, ms: i64) -> Moment {
        let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
        let pattern = match self.0 {
            Language::En => "%Y-%m-%d %H:%M:%S UTC",
            Language::De => "%d.%m.%Y %H:%M:%S UTC",
        };
        Self::moment(at, pattern)
    }

    /// A moment to the millisecond, in UTC.
    pub fn time_ms(self, ms: i64) -> Moment {
        let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
        let pattern = match self.0 {
            Language::En => "%Y-%m-%d %H:%M:%S.%3f UTC",
            Language::De => "%d.%m.%Y %H:%M:%S,%3f UTC",
        };
        Self::moment(at, pattern)
    }

    fn moment(at: Timestamp, pattern: &str) -> Moment {
        Moment {
            shown: Offset::UTC.to_datetime(at).strftime(pattern).to_string(),
            rfc_3339: format!("{at:.3}"),
        }
    }
}

// === impl Phrase ===

impl PartialEq<&str> for Phrase {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl Phrase {
    /// With this in place of `{name}`.
    pub fn with(self, name: &str, value: impl fmt::Display) -> Self {
        let placeholder = format!("{{{name}}}");
        Self(Cow::Owned(self.0.replace(&placeholder, &value.to_string())))
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Phrase {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl From<Phrase> for String {
    fn from(phrase: Phrase) -> Self {
        phrase.0.into_owned()
    }
}

impl PartialEq<str> for Phrase {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

// === impl Moment ===

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<time datetime=\"{}\">{}</time>", self.rfc_3339, self.shown)
    }
}

// Digits, marks and letters of our own: nothing of it comes from outside.
impl askama::filters::HtmlSafe for Moment {}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
