//! Texts with places for values: `{to}`, `Bearer {setting.token}`. What they become is never pasted into anything: the
//! writer of the body, the query or the header escapes it.

use serde::de::{Deserialize, Deserializer, Error as _};
use std::fmt;
use toml::Spanned;

/// A text with places for values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    /// Its pieces in order.
    pub parts: Vec<Part>,
    /// Where it begins in its file (octets), for errors.
    pub at: usize,
}

/// A piece of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// As it stands.
    Fixed(String),
    /// The place of a value.
    Place(Name),
}

/// What a value is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// `setting.NAME`: a setting of the gateway, while it applies.
    Setting(String),
    /// `param.NAME`: a parameter of the provider's call, from its form or query.
    Param(String),
    /// `header.NAME`: a header of the provider's call.
    Header(String),
    /// `/…`: a place in the JSON of the provider's call (RFC 6901).
    Pointer(String),
    /// One of [`WORDS`].
    Word(Word),
}

/// Values that have a name of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // each is described in WORDS
pub(crate) enum Word {
    Host,
    To,
    Text,
    TextUtf16Hex,
    Sender,
    SenderKind,
    Id,
    Kind,
    Flash,
    Overwrite,
    OverwriteType,
    Unicode,
    Ascii,
    Segments,
    ValidityS,
    ValidityMs,
    ValidityMin,
    ValidUntil,
    Callback,
    NowS,
    NowMs,
    NowRfc1123,
    NowRfc3339,
    Nonce,
    Method,
    Url,
    Path,
    PathAndQuery,
    Address,
    Body,
    BodySha256,
    BodySha256Base64,
    BodyMd5,
    Signature,
    SortedParams,
}

/// Where a template stands; decides which values it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// In a request without a message: a token's or the balance's, or what signs and authorizes.
    Account,
    /// In the request that submits a message.
    Message,
    /// In what a signature signs, and where it goes.
    Signing,
    /// In what belongs to a call of the provider.
    Incoming,
}

use Phase::{Incoming, Message, Signing};

/// Name, value, in which phase it exists besides where `Account` stands (which is everywhere), and what it is.
pub(crate) const WORDS: &[(&str, Word, Phase, &str)] = &[
    ("host", Word::Host, Phase::Account, "the host that `host` chooses"),
    ("to", Word::To, Message, "the phone number, as `number` writes it"),
    ("text", Word::Text, Message, "the text"),
    ("text_utf16_hex", Word::TextUtf16Hex, Message, "the text as UTF-16 (big-endian) in hexadecimal"),
    ("sender", Word::Sender, Message, "the message's sender, or else the setting that `sender` names"),
    ("sender_kind", Word::SenderKind, Message, "`number`, `shortcode` (at most 6 digits) or `alphanumeric`"),
    ("id", Word::Id, Message, "the message's id at textgate, 20 hexadecimal digits or fewer"),
    ("kind", Word::Kind, Message, "`otp`, `alert` or `text`"),
    ("flash", Word::Flash, Message, "whether it is flash (true or false)"),
    ("overwrite", Word::Overwrite, Message, "whether it replaces an earlier one (true or false)"),
    (
        "overwrite_type",
        Word::OverwriteType,
        Message,
        "the replace type, 1 to 7; none where it replaces nothing",
    ),
    (
        "unicode",
        Word::Unicode,
        Message,
        "whether GSM 03.38 does not have all of its characters (true or false)",
    ),
    ("ascii", Word::Ascii, Message, "whether all of its characters are ASCII (true or false)"),
    ("segments", Word::Segments, Message, "how many segments it takes (a number)"),
    (
        "validity_s",
        Word::ValidityS,
        Message,
        "the remaining validity in seconds, within `validity` (a number)",
    ),
    ("validity_ms", Word::ValidityMs, Message, "the same in milliseconds (a number)"),
    ("validity_min", Word::ValidityMin, Message, "the same in minutes, rounded up (a number)"),
    ("valid_until", Word::ValidUntil, Message, "the end of its validity, 2026-11-24T12:05:00Z"),
    ("callback", Word::Callback, Message, "where the provider reports; none where receipts are off"),
    ("now_s", Word::NowS, Phase::Account, "the time in seconds of Unix time (a number)"),
    ("now_ms", Word::NowMs, Phase::Account, "the same in milliseconds (a number)"),
    (
        "now_rfc1123",
        Word::NowRfc1123,
        Phase::Account,
        "the time as HTTP writes it: Tue, 24 Nov 2026 12:00:00 GMT",
    ),
    ("now_rfc3339", Word::NowRfc3339, Phase::Account, "the time as 2026-11-24T12:00:00Z"),
    ("nonce", Word::Nonce, Phase::Account, "32 random hexadecimal digits, the same throughout one request"),
    ("method", Word::Method, Signing, "the request's method"),
    (
        "url",
        Word::Url,
        Signing,
        "the request's whole URL; of a provider's call, the address it was given, with the query",
    ),
    ("path", Word::Path, Signing, "the URL's path"),
    ("path_and_query", Word::PathAndQuery, Signing, "the URL's path and query"),
    ("address", Word::Address, Incoming, "the address that the provider was given, without a query"),
    ("body", Word::Body, Signing, "the body"),
    ("body_sha256", Word::BodySha256, Signing, "SHA-256 of the body in hexadecimal"),
    ("body_sha256_base64", Word::BodySha256Base64, Signing, "the same in Base64"),
    ("body_md5", Word::BodyMd5, Signing, "MD5 of the body in hexadecimal, where a provider's scheme has it"),
    (
        "signature",
        Word::Signature,
        Signing,
        "the signature; only in the headers and the query of `auth.signature`",
    ),
    (
        "sorted_params",
        Word::SortedParams,
        Incoming,
        "the form's names and values, by name, one after the other",
    ),
];

impl Name {
    /// The value of this name, or what is wrong with the name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest =
            |prefix| text.strip_prefix(prefix).filter(|rest: &&str| !rest.is_empty()).map(str::to_owned);
        if let Some(setting) = rest("setting.") {
            return Ok(Self::Setting(setting));
        }
        if let Some(param) = rest("param.") {
            return Ok(Self::Param(param));
        }
        if let Some(header) = rest("header.") {
            return Ok(Self::Header(header.to_ascii_lowercase()));
        }
        if text.starts_with('/') {
            return Ok(Self::Pointer(text.to_owned()));
        }
        match WORDS.iter().find(|(name, ..)| *name == text) {
            Some((_, word, ..)) => Ok(Self::Word(*word)),
            None => Err(format!("there is no value {text:?}; see the list in catalogue/README.md")),
        }
    }

    /// Whether it has a value in this phase.
    pub fn is_in(&self, phase: Phase) -> bool {
        match self {
            Self::Setting(_) => true,
            Self::Param(_) | Self::Header(_) | Self::Pointer(_) => phase == Incoming,
            Self::Word(word) => {
                let found = WORDS.iter().find(|(_, w, ..)| w == word).map(|(_, _, phase, _)| *phase);
                match (found, phase) {
                    (Some(Phase::Account), _) => true,
                    // A provider's call has a method, a URL and a body as a request has; but nothing to sign itself with.
                    (Some(Signing), Incoming) => *word != Word::Signature,
                    (found, phase) => found == Some(phase),
                }
            }
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(name) => write!(f, "setting.{name}"),
            Self::Param(name) => write!(f, "param.{name}"),
            Self::Header(name) => write!(f, "header.{name}"),
            Self::Pointer(pointer) => f.write_str(pointer),
            Self::Word(word) => {
                let found = WORDS.iter().find(|(_, w, ..)| w == word);
                f.write_str(found.map_or("?", |(name, ..)| name))
            }
        }
    }
}

impl Template {
    /// Reads a template: `{name}` is a place, `{{` and `}}` are braces.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut fixed = String::new();
        let mut rest = text;
        while let Some(found) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(found);
            fixed.push_str(before);
            if let Some(after) = brace.strip_prefix("{{") {
                fixed.push('{');
                rest = after;
            } else if let Some(after) = brace.strip_prefix("}}") {
                fixed.push('}');
                rest = after;
            } else if let Some((name, after)) = brace.strip_prefix('{').and_then(|b| b.split_once('}')) {
                if !fixed.is_empty() {
                    parts.push(Part::Fixed(std::mem::take(&mut fixed)));
                }
                parts.push(Part::Place(Name::parse(name)?));
                rest = after;
            } else {
                return Err("a brace stands alone; write {{ or }} for a brace itself".to_owned());
            }
        }
        fixed.push_str(rest);
        if !fixed.is_empty() || parts.is_empty() {
            parts.push(Part::Fixed(fixed));
        }
        Ok(Self { parts, at: 0 })
    }

    /// The text, where there is no place in it.
    pub fn as_fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Fixed(text)] => Some(text),
            _ => None,
        }
    }

    /// The names of its places.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.parts.iter().filter_map(|part| match part {
            Part::Place(name) => Some(name),
            Part::Fixed(_) => None,
        })
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Spanned::<String>::deserialize(deserializer)?;
        let template = Self::parse(text.get_ref()).map_err(D::Error::custom)?;
        Ok(Self { at: text.span().start, ..template })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_braces_and_fixed_text_are_told_apart() {
        let parts = Template::parse("a{{{to}}}b{setting.x}").unwrap().parts;
        let fixed = |text: &str| Part::Fixed(text.to_owned());
        assert_eq!(
            parts,
            [
                fixed("a{"),
                Part::Place(Name::Word(Word::To)),
                fixed("}b"),
                Part::Place(Name::Setting("x".into()))
            ]
        );
        assert_eq!(Template::parse("").unwrap().as_fixed(), Some(""));
        assert_eq!(Template::parse("{{}}").unwrap().as_fixed(), Some("{}"));
    }

    #[test]
    fn a_lone_brace_and_an_unknown_name_are_errors() {
        for wrong in ["{", "a}", "{to", "{nobody}", "{setting.}", "{}"] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_word_reads_back_from_its_name() {
        for (name, word, ..) in WORDS {
            assert_eq!(Name::parse(name), Ok(Name::Word(*word)));
            assert_eq!(Name::Word(*word).to_string(), *name);
        }
    }
}
