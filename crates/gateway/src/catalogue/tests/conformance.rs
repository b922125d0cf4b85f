//! One test over every file: its requests byte for byte, its answers by their outcomes, its receipts by their states.

use super::cases::{self, AnswerCase, Cases, Expected};
use super::sns;
use crate::catalogue::exchange::CatalogueExchange;
use crate::catalogue::file::Feature;
use crate::catalogue::plugin::CataloguePlugin;
use crate::http::{Answer, BodyEnd, Call, Exchange as _};
use crate::{Callback, CallbackError, Outcome, Plugin as _, Plugins, canonical_id};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use textgate_sms::MessageId;

pub fn header_map(headers: &BTreeMap<String, String>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    map
}

fn assert_call(what: &str, call: Result<Call, Outcome>, expected: &Expected) {
    let call = call.unwrap_or_else(|outcome| panic!("{what}: {}", outcome.detail));
    let headers: BTreeMap<String, String> = call
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    assert_eq!(call.method.as_str(), expected.method, "{what}: method");
    assert_eq!(call.url.as_str(), expected.url, "{what}: URL");
    assert_eq!(String::from_utf8_lossy(&call.body), expected.body, "{what}: body");
    assert_eq!(headers, expected.headers, "{what}: headers");
}

fn outcome(exchange: &CatalogueExchange, case: &AnswerCase) -> Outcome {
    let answer = Answer {
        status: StatusCode::from_u16(case.status).unwrap(),
        headers: header_map(&case.headers),
        body: case.body.clone().into_bytes(),
        end: BodyEnd::Whole,
    };
    exchange.outcome(&answer, MessageId::first_at(0), case.segments.unwrap_or(1))
}

#[test]
fn every_provider_sends_its_golden_requests_byte_for_byte() {
    cases::all().iter().for_each(|(plugin, cases)| requests(plugin, cases));
}

pub fn requests(plugin: &CataloguePlugin, cases: &Cases) {
    assert!(!cases.request.is_empty(), "{}: no request", plugin.name());
    for case in &cases.request {
        let settings = cases::settings(plugin, cases, &case.settings);
        let exchange = cases::exchange(plugin, &settings, case.callback);
        let moment = cases::moment();
        let submission = cases::submission(&case.message, &moment);
        let token = exchange.wants_token().then_some("golden-token");
        let what = format!("{}, {}", plugin.name(), case.name);
        assert_call(&what, exchange.call_at(&submission, token, &moment), &case.expect);
    }
    let settings = cases::settings(plugin, cases, &Map::new());
    let exchange = cases::exchange(plugin, &settings, true);
    assert_eq!(exchange.wants_token(), cases.token.is_some(), "{}: token", plugin.name());
    if let Some(expected) = &cases.token {
        assert_call(plugin.name(), exchange.token_call_at(&cases::moment()), expected);
    }
    assert_eq!(exchange.has_balance(), cases.balance.is_some(), "{}: balance", plugin.name());
    if let Some(case) = &cases.balance {
        let token = exchange.wants_token().then_some("golden-token");
        assert_call(plugin.name(), exchange.balance_call_at(token, &cases::moment()), &case.expect);
    }
}

#[test]
fn every_golden_answer_has_its_outcome() {
    cases::all().iter().for_each(|(plugin, cases)| answers(plugin, cases));
}

pub fn answers(plugin: &CataloguePlugin, cases: &Cases) {
    let settings = cases::settings(plugin, cases, &Map::new());
    let exchange = cases::exchange(plugin, &settings, true);
    let mut is_sent_once = false;
    for case in &cases.answer {
        let what = format!("{}, {}", plugin.name(), case.name);
        let outcome = outcome(&exchange, case);
        assert_eq!(outcome.class, case.class, "{what}: {}", outcome.detail);
        let ids: Vec<&str> = outcome.provider_ids.iter().map(|id| &**id).collect();
        assert_eq!(ids, case.ids, "{what}: ids");
        let wait = outcome.retry_after.map(|wait| wait.as_secs());
        assert_eq!(wait, case.retry_after_s, "{what}: retry after");
        if let Some(part) = &case.detail {
            assert!(outcome.detail.contains(part), "{what}: {}", outcome.detail);
        }
        if let Some(sent) = case.sent {
            assert_eq!(outcome.segments_sent, sent, "{what}: segments sent");
        }
        is_sent_once |= outcome.class == textgate_sms::OutcomeClass::Sent;
    }
    assert!(is_sent_once, "{}: no golden success", plugin.name());
}

#[test]
fn every_provider_of_several_messages_at_once_has_them_in_one_golden_request() {
    for (plugin, cases) in cases::all() {
        assert_eq!(plugin.file.batch.is_some(), !cases.batch.is_empty(), "{}: batch cases", plugin.name());
        batches(plugin, cases);
    }
}

pub fn batches(plugin: &CataloguePlugin, cases: &Cases) {
    for case in &cases.batch {
        let what = format!("{}, {}", plugin.name(), case.name);
        let exchange = cases::exchange(plugin, &cases::settings(plugin, cases, &case.settings), true);
        let moment = cases::moment();
        let numbered = |(index, message): (usize, &cases::MessageCase)| {
            let mut submission = cases::submission(message, &moment);
            submission.id = MessageId::from_u64(index as u64 + 1);
            Box::new(submission)
        };
        let batch: Vec<_> = case.message.iter().enumerate().map(numbered).collect();
        for (index, one) in batch.iter().enumerate() {
            assert!(
                exchange.goes_with(&batch[..index], one),
                "{what}: message {index} does not go with the others"
            );
        }
        assert!(batch.len() <= exchange.most_at_once(), "{what}: too many");
        if let Some(expected) = &case.expect {
            assert_call(&what, exchange.batch_call_at(&batch, None, &moment), expected);
        }
        let answer = Answer {
            status: StatusCode::from_u16(case.status).unwrap(),
            headers: HeaderMap::new(),
            body: case.body.clone().into_bytes(),
            end: BodyEnd::Whole,
        };
        match (exchange.batch_outcomes(&answer, &batch), &case.outcomes) {
            (None, None) => {}
            (Some(found), Some(expected)) => {
                assert_eq!(found.len(), batch.len(), "{what}: one outcome each");
                assert_eq!(found.len(), expected.len(), "{what}");
                for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
                    assert_eq!(found.class, expected.class, "{what}, message {index}: {}", found.detail);
                    let id = found.provider_ids.first().map(|id| &**id);
                    assert_eq!(id, expected.id.as_deref(), "{what}, message {index}");
                }
            }
            (found, _) => panic!("{what}: {found:?}"),
        }
    }
}

#[test]
fn every_golden_receipt_has_its_state() {
    cases::all().iter().for_each(|(plugin, cases)| receipts(plugin, cases));
}

pub fn receipts(plugin: &CataloguePlugin, cases: &Cases) {
    let has_receipts = plugin.file.receipt.is_some();
    assert_eq!(has_receipts, !cases.receipt.is_empty(), "{}: receipt cases", plugin.name());
    for case in &cases.receipt {
        let what = format!("{}, {}", plugin.name(), case.name);
        let settings = cases::settings(plugin, cases, &case.settings);
        let exchange = cases::exchange(plugin, &settings, true);
        let call = (case.method.as_str(), case.query.as_str(), &case.headers, &case.body);
        let received = receive(plugin, &exchange, call);
        match &case.refused {
            Some(refused) => {
                let error = received.err().unwrap_or_else(|| panic!("{what}: it was taken"));
                let expected = match refused.as_str() {
                    "forbidden" => CallbackError::Forbidden,
                    "malformed" => CallbackError::Malformed,
                    other => panic!("{what}: {other}"),
                };
                assert_eq!(error, expected, "{what}");
            }
            None => {
                let received = received.unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(received.receipts.len(), case.expect.len(), "{what}: how many");
                for (receipt, expected) in received.receipts.iter().zip(&case.expect) {
                    assert_eq!(receipt.candidates[0], canonical_id(&expected.id), "{what}: id");
                    assert_eq!(receipt.state, expected.state, "{what}: state");
                    assert_eq!(receipt.error.as_deref(), expected.error.as_deref(), "{what}: error");
                    let to = receipt.number.map(|number| number.to_string());
                    assert_eq!(to, expected.to, "{what}: to");
                }
                let status = case.reply_status.unwrap_or(200);
                assert_eq!(received.reply.status, status, "{what}: reply");
                if let Some(body) = &case.reply_body {
                    assert_eq!(&received.reply.body, body, "{what}: reply");
                }
            }
        }
    }
}

#[test]
fn every_golden_message_of_a_phone_is_read() {
    for (plugin, cases) in cases::all() {
        let has_inbound = plugin.file.inbound.is_some();
        assert_eq!(has_inbound, !cases.inbound.is_empty(), "{}: inbound cases", plugin.name());
        for case in &cases.inbound {
            let what = format!("{}, {}", plugin.name(), case.name);
            let exchange = cases::exchange(plugin, &cases::settings(plugin, cases, &case.settings), true);
            let call = (case.method.as_str(), case.query.as_str(), &case.headers, &case.body);
            match (receive(plugin, &exchange, call), case.refused.as_deref()) {
                (Err(CallbackError::Forbidden), Some("forbidden"))
                | (Err(CallbackError::Malformed), Some("malformed")) => {}
                (Ok(received), None) => {
                    assert!(received.receipts.is_empty(), "{what}: a receipt");
                    assert_eq!(received.inbound.len(), case.expect.len(), "{what}: how many");
                    for (found, expected) in received.inbound.iter().zip(&case.expect) {
                        assert_eq!(found.from, expected.from, "{what}: from");
                        assert_eq!(found.to, expected.to, "{what}: to");
                        assert_eq!(found.text, expected.text, "{what}: text");
                        assert_eq!(found.id.as_deref(), expected.id.as_deref(), "{what}: id");
                        let part = found.part.as_ref().map(|part| (part.reference, part.total, part.number));
                        assert_eq!(part, expected.part, "{what}: part");
                    }
                    assert_eq!(received.reply.status, case.reply_status.unwrap_or(200), "{what}: reply");
                    if let Some(body) = &case.reply_body {
                        assert_eq!(&received.reply.body, body, "{what}: reply");
                    }
                }
                (found, expected) => {
                    panic!("{what}: {:?}, expected {expected:?}", found.map(|found| found.inbound.len()));
                }
            }
        }
        // And no receipt is taken for one.
        for case in cases.receipt.iter().filter(|case| !case.expect.is_empty()) {
            let exchange = cases::exchange(plugin, &cases::settings(plugin, cases, &case.settings), true);
            let call = (case.method.as_str(), case.query.as_str(), &case.headers, &case.body);
            let inbound = receive(plugin, &exchange, call).unwrap().inbound;
            assert!(inbound.is_empty(), "{}, {}", plugin.name(), case.name);
        }
    }
}

/// Method, query, headers and body of a call.
type CallCase<'a> = (&'a str, &'a str, &'a BTreeMap<String, String>, &'a String);

fn receive(
    plugin: &CataloguePlugin,
    exchange: &CatalogueExchange,
    (method, query, headers, body): CallCase<'_>,
) -> Result<crate::Received, CallbackError> {
    let headers = header_map(headers);
    // Of what comes in an envelope, the case has what is inside.
    let wrapped = sns::wants_envelope(plugin).then(|| sns::notification(body));
    let certificate = wrapped.as_ref().map(|_| sns::certificate());
    let body = wrapped.as_ref().unwrap_or(body).as_bytes();
    let callback = Callback { method, query, headers: &headers, body };
    exchange.receive_at(&callback, certificate.as_deref(), &cases::moment())
}

#[test]
fn every_golden_balance_is_read() {
    for (plugin, cases) in cases::all() {
        let Some(case) = &cases.balance else { continue };
        let settings = cases::settings(plugin, cases, &Map::new());
        let exchange = cases::exchange(plugin, &settings, true);
        for answer in &case.answer {
            let given = Answer {
                status: StatusCode::from_u16(answer.status).unwrap(),
                headers: HeaderMap::new(),
                body: answer.body.clone().into_bytes(),
                end: BodyEnd::Whole,
            };
            match (exchange.balance(&given), answer.amount) {
                (Ok(balance), Some(amount)) => {
                    assert_eq!(
                        (balance.amount, balance.unit),
                        (amount, answer.unit.clone()),
                        "{}",
                        plugin.name()
                    );
                }
                (Err(_), None) => {}
                (found, _) => panic!("{}: {found:?}", plugin.name()),
            }
        }
    }
}

#[test]
fn settings_that_a_provider_refuses_are_refused_by_their_fields() {
    for (plugin, cases) in cases::all() {
        for case in &cases.refused {
            let mut all = cases.settings.clone();
            all.extend(case.settings.clone());
            let plugins = Plugins::new(vec![Arc::new(plugin.clone())]);
            let problems = plugins.check(plugin.name(), &Value::Object(all)).err().unwrap_or_default();
            let paths: Vec<String> = problems.into_iter().map(|problem| problem.path).collect();
            assert_eq!(paths, case.paths, "{}", plugin.name());
        }
    }
}

#[test]
fn what_a_provider_can_do_has_a_golden_request() {
    for (plugin, cases) in cases::all() {
        let has = |feature| plugin.file.features.get_ref().contains(&feature);
        let any = |is: &dyn Fn(&cases::RequestCase) -> bool| cases.request.iter().any(is);
        let is_set =
            |case: &cases::RequestCase, name: &str| case.settings.get(name) == Some(&Value::Bool(true));
        let name = plugin.name();
        assert!(
            !has(Feature::Flash) || any(&|case| case.message.flash == Some(true) || is_set(case, "flash")),
            "{name}: no flash request"
        );
        assert!(
            !has(Feature::Overwrite)
                || any(&|case| case.message.overwrite.is_some() || is_set(case, "overwrite")),
            "{name}: no overwrite request"
        );
        let is_unicode =
            |case: &cases::RequestCase| case.message.text.as_ref().is_some_and(|t| !t.is_ascii());
        assert!(!has(Feature::Unicode) || any(&is_unicode), "{name}: no request beyond ASCII");
        let is_long =
            |case: &cases::RequestCase| case.message.text.as_ref().is_some_and(|t| t.chars().count() > 160);
        assert!(any(&is_long), "{name}: no request of several segments");
    }
}
