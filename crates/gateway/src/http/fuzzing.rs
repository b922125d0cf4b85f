//! What an HTTP provider may answer, through every reader: for the fuzzer, and for the property tests.

use super::exchange::{Answer, BodyEnd, Exchange as _};
use super::generic::GenericExchange;
use super::{GenericHttpPlugin, date};
use crate::{Plugin as _, validate};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use std::sync::OnceLock;
use textgate_sms::MessageId;
use textgate_sms::OutcomeClass::{Sent, Uncertain};

fn exchange() -> &'static GenericExchange {
    static EXCHANGE: OnceLock<GenericExchange> = OnceLock::new();
    EXCHANGE.get_or_init(|| {
        let given = json!({
            "url": "https://provider.example/send", "destination_parameter": "to",
            "message_parameter": "text", "success_contains": "OK:",
        });
        let settings = validate(GenericHttpPlugin::new().fields(), &given).ok();
        let read = settings.and_then(|settings| GenericExchange::read(&settings).ok());
        read.unwrap_or_else(|| unreachable!("these settings are valid"))
    })
}

/// Header lines up to an empty one, and what is behind it.
pub(crate) fn headers(mut rest: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    while let Some(at) = rest.iter().position(|octet| *octet == b'\n') {
        let (line, after) = rest.split_at(at);
        rest = &after[1..];
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_at(line.iter().position(|octet| *octet == b':').unwrap_or(line.len()));
        let value = value.get(1..).unwrap_or_default();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    (headers, rest)
}

/// One answer: two octets of status, one for how it ends, headers and body.
pub(crate) fn answer(octets: &[u8]) -> Option<Answer> {
    let (&[high, low, end], rest) = octets.split_first_chunk()?;
    // Mostly statuses that exist.
    let status = StatusCode::from_u16(100 + u16::from_be_bytes([high, low]) % 500).ok()?;
    let (headers, body) = headers(rest);
    let end = [BodyEnd::Whole, BodyEnd::CutOff, BodyEnd::Broken][usize::from(end % 3)];
    Some(Answer { status, headers, body: body.to_vec(), end })
}

/// Reads one answer, see [`answer`].
///
/// # Panics
/// Where the outcome is against its rules.
pub fn http_answer(octets: &[u8]) {
    let Some(answer) = answer(octets) else { return };
    let outcome = exchange().outcome(&answer, MessageId::first_at(0), 3);
    assert!(outcome.detail.len() < 200, "{}", outcome.detail);
    assert_eq!(
        outcome.class == Sent,
        answer.status.is_success() && answer.body.windows(3).any(|part| part == b"OK:")
    );
    assert!(outcome.retry_after.is_none_or(|wait| wait.as_secs() <= 3600));
    let may_have_it = matches!(outcome.class, Sent | Uncertain);
    assert!(may_have_it || outcome.segments_sent == 0, "credits stay spent for nothing");
    if let Ok(text) = std::str::from_utf8(&answer.body) {
        let _ = date::parse(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_answer_has_an_outcome_by_the_rules(
            status: u16,
            end: u8,
            headers in "((Retry-After|Date|x): ?([0-9]{0,22}|[A-Z][a-z]{2}, [0-9]{2} Nov [0-9]{4} [0-9:]{8} GMT|.{0,9})\n){0,3}",
            body in prop_oneof![any::<Vec<u8>>(), "(OK:|ERR|\\PC){0,30}".prop_map(String::into_bytes)],
        ) {
            let octets = [&status.to_be_bytes()[..], &[end], headers.as_bytes(), b"\n", &body].concat();
            http_answer(&octets);
        }
    }
}
