//! Hostile answers and calls, the same for every provider: never a panic, never a false success, never a number in a detail.

use super::{cases, sns};
use crate::catalogue::template::{Name, Template, Word};
use crate::http::{Answer, BodyEnd, Exchange as _};
use crate::{Callback, Plugin as _};
use proptest::prelude::*;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value};
use textgate_sms::MessageId;
use textgate_sms::OutcomeClass::{Rejected, Sent, Throttled};

/// Every leaf in a JSON text made into something else, one at a time, and the whole with all of them so.
fn mutations(body: &str) -> Vec<String> {
    let mut found = Vec::new();
    for end in [0, body.len() / 3, body.len() / 2, body.len().saturating_sub(1)] {
        if body.is_char_boundary(end) {
            found.push(body[..end].to_owned());
        }
    }
    if let Ok(json) = serde_json::from_str::<Value>(body) {
        for other in
            [Value::Null, Value::Array(vec![]), Value::Bool(true), Value::from(-1), "15550100199".into()]
        {
            found.push(replaced(&json, &other).to_string());
        }
        found.push(Value::Array(vec![json.clone(); 300]).to_string());
        found.push(Value::from(json.to_string()).to_string());
    }
    found
}

/// The same for all: nested, endless, another page, no text at all.
fn garbage() -> Vec<String> {
    vec![
        "[".repeat(60_000),
        format!("{}{}", "{\"a\":".repeat(10_000), "}".repeat(10_000)),
        "x".repeat(64 * 1024),
        "<!DOCTYPE html><html><body>Please log in</body></html>".to_owned(),
        "\u{0}\u{1}\u{feff}".to_owned(),
        String::new(),
    ]
}

/// As long as a call can be: one value, endless values, and a list of what every provider calls a receipt.
fn huge() -> Vec<String> {
    const MOST: usize = 1024 * 1024;
    let receipt = r#"{"id":"1","messageId":"1","MessageSid":"1","status":"DELIVERED","to":"15550100199"},"#;
    vec![
        "1".repeat(MOST),
        "id=1&status=1&".repeat(MOST / 14),
        format!("[{}{{}}]", receipt.repeat(MOST / receipt.len() - 1)),
    ]
}

fn replaced(json: &Value, other: &Value) -> Value {
    match json {
        Value::Array(list) => Value::Array(list.iter().map(|entry| replaced(entry, other)).collect()),
        Value::Object(entries) => Value::Object(
            entries.iter().map(|(name, entry)| (name.clone(), replaced(entry, other))).collect(),
        ),
        _ => other.clone(),
    }
}

#[test]
fn no_hostile_answer_is_a_panic_a_false_success_or_tells_a_number() {
    for (plugin, cases) in cases::all() {
        let exchange = cases::exchange(plugin, &cases::settings(plugin, cases, &Map::new()), true);
        let rule = &plugin.file.answer;
        // A provider whose success is its status alone says so with any body.
        let is_by_status = rule.success.is_empty() && rule.id.is_none();
        let bodies: Vec<String> = cases.answer.iter().map(|case| case.body.clone()).collect();
        let mutated = bodies.iter().flat_map(|body| mutations(body)).map(|body| (body, &[200, 400][..]));
        let garbage =
            garbage().into_iter().map(|body| (body, &[100, 200, 202, 302, 401, 404, 429, 503, 504, 999][..]));
        for (body, statuses) in mutated.chain(garbage) {
            for status in statuses.iter().copied() {
                for end in [BodyEnd::Whole, BodyEnd::CutOff, BodyEnd::Broken] {
                    let answer = Answer {
                        status: StatusCode::from_u16(status).unwrap(),
                        headers: HeaderMap::new(),
                        body: body.clone().into_bytes(),
                        end,
                    };
                    let outcome = exchange.outcome(&answer, MessageId::first_at(0), 3);
                    let _ = exchange.balance(&answer);
                    let _ = exchange.token(&answer);
                    assert!(outcome.detail.len() <= 300, "{}: {}", plugin.name(), outcome.detail.len());
                    assert!(!outcome.detail.contains("15550100199"), "{}: {}", plugin.name(), outcome.detail);
                    assert!(outcome.segments_sent <= 3 && outcome.provider_ids.len() <= 255);
                    let is_page = body.starts_with("<!DOCTYPE") || body.len() > 50_000 || body.is_empty();
                    if is_page && !is_by_status {
                        assert_ne!(outcome.class, Sent, "{}: {status} {:.40}", plugin.name(), body);
                        assert_ne!(outcome.class, Rejected, "{}: {status} {:.40}", plugin.name(), body);
                    }
                    if outcome.class == Throttled {
                        assert!(outcome.retry_after.is_none_or(|wait| wait.as_secs() <= 3600));
                    }
                }
            }
        }
    }
}

#[test]
fn no_hostile_answer_to_several_messages_is_a_panic_or_a_false_success_for_one_of_them() {
    for (plugin, cases) in cases::all() {
        let exchange = cases::exchange(plugin, &cases::settings(plugin, cases, &Map::new()), true);
        let moment = cases::moment();
        for case in &cases.batch {
            let numbered = |(index, message): (usize, &cases::MessageCase)| {
                let mut submission = cases::submission(message, &moment);
                submission.id = MessageId::from_u64(index as u64 + 1);
                Box::new(submission)
            };
            let batch: Vec<_> = case.message.iter().enumerate().map(numbered).collect();
            for body in mutations(&case.body).into_iter().chain(garbage()) {
                for status in [200, 201, 202, 207, 302, 400, 401, 429, 503, 504] {
                    for end in [BodyEnd::Whole, BodyEnd::CutOff, BodyEnd::Broken] {
                        let answer = Answer {
                            status: StatusCode::from_u16(status).unwrap(),
                            headers: HeaderMap::new(),
                            body: body.clone().into_bytes(),
                            end,
                        };
                        let Some(outcomes) = exchange.batch_outcomes(&answer, &batch) else { continue };
                        assert_eq!(outcomes.len(), batch.len(), "{}", plugin.name());
                        for outcome in outcomes {
                            assert!(!outcome.detail.contains("15550100199"), "{}", plugin.name());
                            let is_page = serde_json::from_str::<Value>(&body).is_err();
                            if is_page {
                                assert_ne!(outcome.class, Sent, "{}: {status} {:.40}", plugin.name(), body);
                                assert_ne!(
                                    outcome.class,
                                    Rejected,
                                    "{}: {status} {:.40}",
                                    plugin.name(),
                                    body
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn no_hostile_call_is_a_panic_or_too_many_receipts() {
    for (plugin, cases) in cases::all() {
        let exchange = cases::exchange(plugin, &cases::settings(plugin, cases, &Map::new()), true);
        // In an envelope, the same is also tried inside a right one.
        let certificate = sns::wants_envelope(plugin).then(sns::certificate);
        let of_receipts =
            cases.receipt.iter().map(|case| (&case.method, &case.query, &case.headers, &case.body));
        let of_phones =
            cases.inbound.iter().map(|case| (&case.method, &case.query, &case.headers, &case.body));
        for (index, (method, query, headers, body)) in of_receipts.chain(of_phones).enumerate() {
            let headers = super::conformance::header_map(headers);
            let receive = |query: &str, body: &str| {
                let callback = Callback { method, query, headers: &headers, body: body.as_bytes() };
                let received = exchange.receive(&callback, certificate.as_deref());
                for receipt in received.iter().flat_map(|received| &received.receipts) {
                    let is_short = receipt.candidates.iter().all(|id| id.len() <= 1_024);
                    let has_short_error = receipt.error.as_ref().is_none_or(|error| error.len() <= 64);
                    assert!(is_short && has_short_error, "{}", plugin.name());
                }
                for inbound in received.iter().flat_map(|received| &received.inbound) {
                    assert!(inbound.from.len() <= 1_024 && inbound.to.len() <= 1_024, "{}", plugin.name());
                    assert!(inbound.text.len() <= 65_536, "{}", plugin.name());
                    assert!(inbound.part.as_ref().is_none_or(|part| (1..=part.total).contains(&part.number)));
                }
                let count =
                    received.map_or(0, |received| received.receipts.len().max(received.inbound.len()));
                assert!(count <= 1_000, "{}: {count}", plugin.name());
            };
            let mutated = mutations(body).into_iter().chain(mutations(query)).chain(garbage());
            for text in mutated {
                receive(&text, "");
                receive("", &text);
                receive(&text, &text);
                if certificate.is_some() {
                    receive("", &sns::notification(&text));
                }
            }
            // Once for each provider: as much as is ever read of a call.
            if index == 0 {
                huge().iter().for_each(|text| receive("", text));
            }
        }
    }
}

#[test]
fn a_changed_octet_breaks_a_signed_call() {
    for (plugin, cases) in cases::all() {
        let Some(rule) = &plugin.file.receipt else { continue };
        let covers_body = |sign: &Template| {
            let bodies =
                [Word::Body, Word::BodySha256, Word::BodySha256Base64, Word::BodyMd5, Word::SortedParams];
            sign.names().any(|name| matches!(name, Name::Word(word) if bodies.contains(word)))
        };
        // A secret that is only shown covers no body, nor does Plivo's signature.
        let signature = rule.get_ref().signature.as_ref();
        let Some(signature) = signature.filter(|s| s.sign.as_ref().is_some_and(covers_body)) else {
            continue;
        };
        for case in cases.receipt.iter().filter(|case| case.refused.is_none()) {
            let exchange = cases::exchange(plugin, &cases::settings(plugin, cases, &case.settings), true);
            if signature.key.text(&exchange.account(&cases::moment())).is_none() {
                continue;
            }
            let headers = super::conformance::header_map(&case.headers);
            let changed = format!("{}&a=b", case.body);
            let callback = Callback {
                method: &case.method,
                query: &case.query,
                headers: &headers,
                body: changed.as_bytes(),
            };
            assert_eq!(
                exchange.receive(&callback, None).err(),
                Some(crate::CallbackError::Forbidden),
                "{}, {}",
                plugin.name(),
                case.name
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever stands in a text, it comes out of the request as it went in, and changes nothing else.
    #[test]
    fn no_text_and_no_sender_breaks_out_of_its_place(text in "\\PC{1,40}|[\"'\\\\<>&{}=%+;\r\n\u{1}]{1,20}", sender in "[ -~]{1,11}") {
        for (plugin, cases) in cases::all() {
            let exchange = cases::exchange(plugin, &cases::settings(plugin, cases, &Map::new()), true);
            let moment = cases::moment();
            let call = |text: &str, sender: &str| {
                let case = cases::MessageCase {
                    text: Some(text.to_owned()), sender: Some(sender.to_owned()), ..Default::default()
                };
                exchange.call_at(&cases::submission(&case, &moment), Some("t"), &moment)
            };
            let Ok(call) = call(&text, &sender) else { continue };
            let request = plugin.file.send.get_ref();
            if request.json.is_some() {
                let body: Value = serde_json::from_slice(&call.body).expect("JSON");
                prop_assert!(body.is_object() || body.is_array());
            }
            if request.form.is_some() {
                let body = String::from_utf8(call.body.to_vec()).unwrap();
                prop_assert!(body.bytes().all(|b| b.is_ascii_alphanumeric() || b"*-._+%&=".contains(&b)), "{}", body);
            }
            if request.xml.is_some() {
                let body = String::from_utf8(call.body.to_vec()).unwrap();
                let is_clean = !body.contains(['\r', '\u{1}']);
                prop_assert!(is_clean);
            }
        }
    }
}
