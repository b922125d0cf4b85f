//! The values of a request: the account's, the message's, and those that are signed.

use super::digest;
use super::exchange::CatalogueExchange;
use super::file::{Feature, NumberFormat};
use super::moment::{self, Moment};
use super::node::{Scalar, Values};
use super::template::{Name, Word};
use crate::http;
use crate::{Overwrite, Submission};
use reqwest::Url;
use std::time::Duration;
use textgate_sms::{Choices, Encoding, choose};

/// What is known without a message: settings and the moment.
pub(super) struct AccountValues<'a> {
    pub exchange: &'a CatalogueExchange,
    pub moment: &'a Moment,
}

impl AccountValues<'_> {
    pub(super) fn moment_value(&self, word: Word) -> Option<Scalar> {
        let number = |n: u128| Scalar::Number(i64::try_from(n).unwrap_or(i64::MAX));
        let unix = self.moment.unix;
        Some(match word {
            Word::NowS => number(unix.as_secs().into()),
            Word::NowMs => number(unix.as_millis()),
            Word::NowRfc1123 => Scalar::Text(moment::rfc1123(unix)),
            Word::NowRfc3339 => Scalar::Text(moment::rfc3339(unix)),
            Word::Nonce => Scalar::Text(self.moment.nonce.clone()),
            _ => return None,
        })
    }
}

/// What is known of a message.
pub(super) struct MessageValues<'a> {
    account: AccountValues<'a>,
    submission: &'a Submission,
}

impl<'a> MessageValues<'a> {
    pub fn new(exchange: &'a CatalogueExchange, submission: &'a Submission, moment: &'a Moment) -> Self {
        Self { account: AccountValues { exchange, moment }, submission }
    }

    fn sender(&self) -> Option<String> {
        let exchange = self.account.exchange;
        let rule = exchange.file.sender.as_ref()?;
        let own = self.submission.sender.as_deref().map(str::to_owned);
        let sender = own.or_else(|| exchange.setting(rule.setting.get_ref()).map(Scalar::into_text))?;
        let sender = sender.trim();
        if sender.is_empty() {
            return None;
        }
        Some(match (rule.number, kind_of(sender)) {
            (Some(format), "number") => in_format(sender.trim_start_matches('+'), format),
            _ => sender.to_owned(),
        })
    }

    /// What remains of the validity, within what the provider takes.
    fn validity_s(&self) -> u64 {
        let rule = self.account.exchange.file.validity;
        let left = self.submission.valid_until.saturating_duration_since(self.account.moment.at);
        // Of two instants measured apart, a part of a second is lost: 300 s are not to be told as 299.
        let left = left.as_millis().div_ceil(1_000);
        u64::try_from(left).unwrap_or(u64::MAX).clamp(rule.min_s, rule.max_s.max(rule.min_s))
    }

    fn overwrite(&self) -> Option<u8> {
        if !self.account.exchange.has(Feature::Overwrite) {
            return None;
        }
        match self.submission.overwrite {
            Overwrite::Off => None,
            Overwrite::Type(kind) => Some(kind.number()),
            Overwrite::AsSet => self.account.exchange.settings.flag("overwrite").then_some(1),
        }
    }

    fn word(&self, word: Word) -> Option<Scalar> {
        let text = |text: &str| Some(Scalar::Text(text.to_owned()));
        let number = |n: u64| Some(Scalar::Number(i64::try_from(n).unwrap_or(i64::MAX)));
        let (submission, exchange) = (self.submission, self.account.exchange);
        match word {
            Word::To => Some(Scalar::Text(in_format(&submission.to.to_string(), exchange.file.number))),
            Word::Text => text(&submission.text),
            Word::TextUtf16Hex => {
                let octets: Vec<u8> = submission.text.encode_utf16().flat_map(u16::to_be_bytes).collect();
                Some(Scalar::Text(digest::hex(&octets)))
            }
            Word::Sender => self.sender().map(Scalar::Text),
            Word::SenderKind => self.sender().and_then(|sender| text(kind_of(&sender))),
            Word::Id => Some(Scalar::Text(submission.id.to_string())),
            Word::Kind => text(submission.kind.name()),
            Word::Flash => {
                let is_set = exchange.settings.flag("flash");
                Some(Scalar::Flag(exchange.has(Feature::Flash) && submission.flash.unwrap_or(is_set)))
            }
            Word::Overwrite => Some(Scalar::Flag(self.overwrite().is_some())),
            Word::OverwriteType => self.overwrite().and_then(|kind| number(kind.into())),
            Word::Unicode => {
                Some(Scalar::Flag(choose(&submission.text, Choices::default()) != Encoding::GSM7))
            }
            Word::Ascii => Some(Scalar::Flag(submission.text.is_ascii())),
            Word::Segments => number(http::plan(&submission.text).map_or(1, |plan| plan.segments).into()),
            Word::ValidityS => number(self.validity_s()),
            Word::ValidityMs => number(self.validity_s() * 1_000),
            Word::ValidityMin => number(self.validity_s().div_ceil(60)),
            Word::ValidUntil => {
                let until = self.account.moment.unix + Duration::from_secs(self.validity_s());
                Some(Scalar::Text(moment::rfc3339(until)))
            }
            Word::Callback => exchange.callback_url.clone().map(Scalar::Text),
            _ => None,
        }
    }
}

impl Values for MessageValues<'_> {
    fn value(&self, name: &Name) -> Option<Scalar> {
        match name {
            Name::Word(word) => self.word(*word).or_else(|| self.account.value(name)),
            _ => self.account.value(name),
        }
    }
}

/// `number`, `shortcode` or `alphanumeric`.
fn kind_of(sender: &str) -> &'static str {
    let digits = sender.strip_prefix('+').unwrap_or(sender);
    match digits.len() {
        0 => "alphanumeric",
        _ if !digits.bytes().all(|b| b.is_ascii_digit()) => "alphanumeric",
        1..=6 if digits.len() == sender.len() => "shortcode",
        _ => "number",
    }
}

fn in_format(digits: &str, format: NumberFormat) -> String {
    match format {
        NumberFormat::Digits => digits.to_owned(),
        NumberFormat::Plus => format!("+{digits}"),
        NumberFormat::Zeros => format!("00{digits}"),
    }
}

/// What is known of a request that is signed.
pub(super) struct SigningValues<'a> {
    pub account: AccountValues<'a>,
    pub method: &'a str,
    pub url: Url,
    pub body: &'a [u8],
    pub signature: Option<String>,
}

impl Values for SigningValues<'_> {
    fn value(&self, name: &Name) -> Option<Scalar> {
        let Name::Word(word) = name else { return self.account.value(name) };
        let text = match word {
            Word::Method => self.method.to_owned(),
            Word::Url => self.url.to_string(),
            Word::Path => self.url.path().to_owned(),
            Word::PathAndQuery => match self.url.query() {
                Some(query) => format!("{}?{query}", self.url.path()),
                None => self.url.path().to_owned(),
            },
            // The host as the request's header has it, also where the requests go elsewhere.
            Word::Host => match (self.url.host_str()?, self.url.port()) {
                (host, Some(port)) => format!("{host}:{port}"),
                (host, None) => host.to_owned(),
            },
            Word::Body => String::from_utf8_lossy(self.body).into_owned(),
            Word::BodySha256 => digest::hex(&digest::sha256(self.body)),
            Word::BodySha256Base64 => digest::base64(&digest::sha256(self.body)),
            Word::BodyMd5 => digest::hex(&digest::md5(self.body)),
            Word::Signature => self.signature.clone()?,
            _ => return self.account.value(name),
        };
        Some(Scalar::Text(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_are_numbers_short_codes_or_names() {
        for (sender, kind) in [
            ("15550100100", "number"),
            ("+15550100100", "number"),
            ("12345", "shortcode"),
            ("+12345", "number"),
            ("ACME", "alphanumeric"),
            ("555 0100", "alphanumeric"),
            ("+", "alphanumeric"),
        ] {
            assert_eq!(kind_of(sender), kind, "{sender}");
        }
    }
}
