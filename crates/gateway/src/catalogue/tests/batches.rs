//! Several messages in one request, on the wire.

use super::files::RIGHT;
use crate::catalogue::plugin::CataloguePlugin;
use crate::http::kit::{Bench, Reply, Server, answer, local, message};
use crate::{Environment, Gateway, Plugin as _, Submission, validate};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use textgate_sms::OutcomeClass::{self, Refused, Rejected, Sent, Unavailable, Uncertain};
use textgate_sms::{Kind, MessageId, PhoneNumber};

/// A provider that takes three messages at once.
fn file() -> String {
    RIGHT
        .replacen(
            "json = { to = \"{to}\", text = \"{text}\", from = \"{sender}\" }",
            "json = { list = [{ to = \"{to}\", text = \"{text}\", from = \"{sender}\" }] }",
            1,
        )
        .replacen(
            "[answer]\n",
            "[batch]\nmost = 3\nlist = \"/list\"\nto = \"/to\"\n[answer]\neach = \"/list\"\ncode = \"/code\"\n",
            1,
        )
        + "[[error]]\ncode = [\"17\"]\nclass = \"rejected\"\ndetail = \"not a number\"\n"
}

fn gateway(address: &str, more: Value) -> Arc<dyn Gateway> {
    let plugin = CataloguePlugin::parse("test.toml", &file()).unwrap();
    let mut settings = json!({"key": "s3cret", "api_address": address, "connections": 1});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let settings = validate(plugin.fields(), &settings).unwrap();
    plugin.build(&settings, &Environment { network: local(), ..Environment::default() }).unwrap()
}

fn text(n: u64) -> Submission {
    let mut submission = message(&format!("text {n}"));
    submission.kind = Kind::Text;
    submission.id = MessageId::from_u64(n);
    submission.to = PhoneNumber::from_u64(15_550_100_100 + n).unwrap();
    submission
}

fn entries(request: &str) -> Vec<Value> {
    let body = request.split("\r\n\r\n").nth(1).unwrap();
    serde_json::from_str::<Value>(body).unwrap()["list"].as_array().unwrap().clone()
}

/// Takes all but numbers that end in 2.
fn by_entry(request: &str) -> Reply {
    let answers: Vec<Value> = entries(request)
        .iter()
        .map(|entry| match entry["to"].as_str().unwrap() {
            to if to.ends_with('2') => json!({"to": to, "code": 17}),
            to => json!({"to": to, "id": format!("id-{to}")}),
        })
        .collect();
    answer("200 OK", &json!({"list": answers}).to_string())
}

async fn landed(bench: &mut Bench, count: usize) -> HashMap<u64, (OutcomeClass, Option<String>)> {
    let mut found = HashMap::new();
    for _ in 0..count {
        let (submission, outcome) = bench.landed().await;
        let id = outcome.provider_ids.first().map(|id| id.to_string());
        assert!(found.insert(submission.id.as_u64(), (outcome.class, id)).is_none());
    }
    found
}

#[tokio::test]
async fn what_waits_shares_requests_and_each_message_has_its_own_outcome() {
    let mut server = Server::start(by_entry).await;
    let mut bench = Bench::of(gateway(&server.url(""), json!({})));
    bench.submit_all((1..=7).map(text).collect());
    let outcomes = landed(&mut bench, 7).await;
    for n in 1..=7u64 {
        let expected = match n {
            2 => (Rejected, None),
            n => (Sent, Some(format!("id-{}", 15_550_100_100 + n))),
        };
        assert_eq!(outcomes[&n], expected, "{n}");
    }
    let mut sizes = Vec::new();
    for _ in 0..3 {
        sizes.push(entries(&server.request().await).len());
    }
    assert_eq!(sizes, [3, 3, 1]);
    assert!(server.requests.try_recv().is_err(), "seven messages, three requests");
}

#[tokio::test]
async fn a_lone_message_leaves_at_once_and_alone() {
    let mut server = Server::start(by_entry).await;
    let mut bench = Bench::of(gateway(&server.url(""), json!({})));
    let begun = Instant::now();
    assert_eq!(bench.send(text(1)).await.class, Sent);
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(entries(&server.request().await).len(), 1);
}

#[tokio::test]
async fn a_passcode_has_a_request_of_its_own_however_much_waits() {
    let mut server = Server::start(by_entry).await;
    let mut bench = Bench::of(gateway(&server.url(""), json!({})));
    let otp = |n| Submission { kind: Kind::Otp, ..text(n) };
    bench.submit_all(vec![otp(1), text(3), otp(4), text(5), text(6)]);
    landed(&mut bench, 5).await;
    let mut requests = Vec::new();
    for _ in 0..4 {
        let texts = entries(&server.request().await);
        requests.push(texts.iter().map(|e| e["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
    }
    assert_eq!(requests, [vec!["text 1"], vec!["text 3"], vec!["text 4"], vec!["text 5", "text 6"]]);
}

#[tokio::test]
async fn two_messages_to_one_number_do_not_share_a_request_whose_answer_goes_by_number() {
    let mut server = Server::start(by_entry).await;
    let mut bench = Bench::of(gateway(&server.url(""), json!({})));
    let again = Submission { to: text(1).to, ..text(3) };
    bench.submit_all(vec![text(1), again, text(4)]);
    landed(&mut bench, 3).await;
    let sizes = [entries(&server.request().await).len(), entries(&server.request().await).len()];
    assert_eq!(sizes, [1, 2]);
}

#[tokio::test]
async fn where_the_whole_request_is_refused_each_message_is_judged_by_its_own() {
    let mut server = Server::start(|request| match entries(request).len() {
        1 => by_entry(request),
        _ => answer("400 Bad Request", r#"{"code":17}"#),
    })
    .await;
    let mut bench = Bench::of(gateway(&server.url(""), json!({})));
    bench.submit_all((1..=3).map(text).collect());
    let outcomes = landed(&mut bench, 3).await;
    assert_eq!([outcomes[&1].0, outcomes[&2].0, outcomes[&3].0], [Sent, Rejected, Sent]);
    // For a while nothing is tried together again.
    bench.submit_all((4..=6).map(text).collect());
    landed(&mut bench, 3).await;
    let mut sizes = Vec::new();
    for _ in 0..7 {
        sizes.push(entries(&server.request().await).len());
    }
    assert_eq!(sizes, [3, 1, 1, 1, 1, 1, 1]);
}

#[tokio::test]
async fn without_an_answer_each_message_is_uncertain_and_without_a_connection_none() {
    let server = Server::start(|_| Reply::Hang(Vec::new())).await;
    let mut bench = Bench::of(gateway(&server.url(""), json!({"timeout_s": 1})));
    bench.submit_all((1..=3).map(text).collect());
    for _ in 0..3 {
        let (_, outcome) = bench.landed().await;
        assert_eq!((outcome.class, outcome.segments_sent), (Uncertain, 1), "{}", outcome.detail);
    }
    let mut bench = Bench::of(gateway("http://127.0.0.1:1", json!({})));
    bench.submit_all((1..=3).map(text).collect());
    assert!(landed(&mut bench, 3).await.values().all(|(class, _)| *class == Unavailable));
}

#[tokio::test]
async fn an_answer_that_says_nothing_of_a_message_leaves_it_uncertain() {
    let server = Server::start(|request| {
        let first = entries(request)[0]["to"].clone();
        answer(
            "200 OK",
            &json!({"list": [{"to": first, "id": "a"}, {"to": "1999", "id": "b"}, 7, null]}).to_string(),
        )
    })
    .await;
    let mut bench = Bench::of(gateway(&server.url(""), json!({})));
    bench.submit_all((1..=3).map(text).collect());
    let outcomes = landed(&mut bench, 3).await;
    assert_eq!([outcomes[&1].0, outcomes[&2].0, outcomes[&3].0], [Sent, Uncertain, Uncertain]);
}

#[tokio::test]
async fn a_passcode_that_a_provider_repeats_as_an_errors_code_is_not_told() {
    let server = Server::start(|_| answer("400 Bad Request", r#"{"list":[{"code":"482915"}]}"#)).await;
    let mut bench = Bench::of(gateway(&server.url(""), json!({})));
    let outcome = bench.send(Submission { text: "Your code is 482915".into(), ..text(1) }).await;
    assert_eq!(outcome.class, Refused);
    assert!(outcome.detail.contains("code …") && !outcome.detail.contains("482915"), "{}", outcome.detail);
}

#[tokio::test]
async fn what_stands_elsewhere_in_the_answer_says_nothing_of_a_message() {
    let server = Server::start(|request| {
        let answers: Vec<Value> = entries(request)
            .iter()
            .map(|entry| match entry["to"].as_str().unwrap() {
                to if to.ends_with('1') => json!({"to": to, "id": "a", "text": "error=17"}),
                to => json!({"to": to}),
            })
            .collect();
        answer("200 OK", &json!({"list": answers, "code": 17}).to_string())
    })
    .await;
    let text_of = file().replacen("code = \"/code\"", "code = [\"/code\", \"regex:error=([0-9]+)\"]", 1);
    let plugin = CataloguePlugin::parse("test.toml", &text_of).unwrap();
    let settings = json!({"key": "k", "api_address": server.url(""), "connections": 1});
    let settings = validate(plugin.fields(), &settings).unwrap();
    let environment = Environment { network: local(), ..Environment::default() };
    let mut bench = Bench::of(plugin.build(&settings, &environment).unwrap());
    bench.submit_all((1..=3).map(text).collect());
    let outcomes = landed(&mut bench, 3).await;
    assert_eq!([outcomes[&1].0, outcomes[&2].0, outcomes[&3].0], [Sent, Refused, Refused]);
}

#[tokio::test]
async fn several_messages_go_where_they_have_an_address_of_their_own_and_one_where_it_always_went() {
    let own = "[batch]\nmost = 3\nlist = \"/many\"\neach = \"/done\"\nid = \"/ref\"\n[batch.request]\nmethod = \"POST\"\n\
               url = \"https://api.example.com/batch\"\n[batch.request.json]\nlisted = true\n\
               many = [{ ref = \"{id}\", to = \"{to}\", text = \"{text}\" }]\n[answer]\n";
    let text_of = RIGHT.replacen("[answer]\n", own, 1);
    let plugin = CataloguePlugin::parse("test.toml", &text_of).unwrap();
    let mut server = Server::start(|request| {
        if request.starts_with("POST /send ") {
            return answer("200 OK", r#"{"id":"alone"}"#);
        }
        assert!(
            request.starts_with("POST /batch ") && request.contains(r#"{"listed":true,"many":[{"ref":"#),
            "{request}"
        );
        // In another order, and one of them not at all.
        answer("200 OK", r#"{"done":[{"ref":"0000000000003","id":"c"},{"ref":"0000000000001","id":"a"}]}"#)
    })
    .await;
    let settings = json!({"key": "k", "api_address": server.url(""), "connections": 1});
    let settings = validate(plugin.fields(), &settings).unwrap();
    let environment = Environment { network: local(), ..Environment::default() };
    let mut bench = Bench::of(plugin.build(&settings, &environment).unwrap());
    bench.submit_all((1..=4).map(text).collect());
    let outcomes = landed(&mut bench, 4).await;
    assert_eq!(outcomes[&1], (Sent, Some("a".into())));
    assert_eq!(outcomes[&2], (Uncertain, None));
    assert_eq!(outcomes[&3], (Sent, Some("c".into())));
    assert_eq!(outcomes[&4], (Sent, Some("alone".into())));
    assert!(
        server.request().await.starts_with("POST /batch ")
            && server.request().await.starts_with("POST /send ")
    );
    for (from, to, reason) in [
        ("list = \"/many\"", "list = \"/more\"", "batch.request"),
        ("listed = true", "listed = \"{text}\"", "{text} stands beside"),
        ("https://api.example.com/batch", "https://{setting.key}/batch", "host"),
        ("each = \"/done\"\n", "", "answer.each"),
        ("each = \"/done\"", "each = \"done\"", "place in JSON"),
    ] {
        let error = CataloguePlugin::parse("test.toml", &text_of.replacen(from, to, 1)).err();
        let error = error.unwrap_or_else(|| panic!("{to} was taken"));
        assert!(error.reason.contains(reason) && error.line.is_some(), "{to}: {error}");
    }
}

#[test]
fn a_batch_that_mixes_messages_up_is_refused_with_its_line() {
    let right = file();
    for (from, to, reason) in [
        ("most = 3", "most = 1", "2 to 1000"),
        ("list = \"/list\"\nto", "list = \"/lists\"\nto", "list of one entry"),
        ("list = \"/list\"\nto", "list = \"/\"\nto", "list of one entry"),
        ("each = \"/list\"\n", "", "answer.each"),
        ("to = \"/to\"", "to = \"/to\"\nid = \"/id\"", "neither"),
        ("each = \"/list\"\n", "each = \"/list\"\nsuccess = [{ at = \"body\" }]\n", "not from the body"),
        ("list = [{ to", "x = \"{to}\", list = [{ to", "{to} stands beside"),
        ("X-Key = \"{setting.key}\"", "X-Key = \"{text}\"", "{text} stands beside"),
    ] {
        assert!(right.contains(from), "{from}");
        let error = CataloguePlugin::parse("test.toml", &right.replacen(from, to, 1)).err();
        let error = error.unwrap_or_else(|| panic!("{to} was taken"));
        assert!(error.reason.contains(reason) && error.line.is_some(), "{to}: {error}");
    }
}
