//! A catalogue gateway on the wire: tokens, the balance, another API address.

use super::files::RIGHT;
use crate::catalogue::plugin::CataloguePlugin;
use crate::http::kit::{Bench, Reply, Server, answer, local, message};
use crate::{Environment, Gateway, Overwrite, Plugin as _, validate};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use textgate_sms::OutcomeClass::{Account, Sent, Unavailable};
use textgate_sms::ReplaceType;

const OAUTH: &str = r#"
[auth.oauth2]
url = "https://api.example.com/token"
client_id = "id"
client_secret = "{setting.key}"
scope = "sms"
"#;

fn gateway(text: &str, address: &str, more: Value) -> Arc<dyn Gateway> {
    let plugin = CataloguePlugin::parse("test.toml", text).unwrap();
    let mut settings = json!({"key": "s3cret", "api_address": address});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let settings = validate(plugin.fields(), &settings).unwrap();
    assert_eq!(plugin.check(&settings), []);
    plugin.build(&settings, &Environment { network: local(), ..Environment::default() }).unwrap()
}

fn with_oauth() -> String {
    RIGHT.replacen("[send]\n", &format!("{OAUTH}\n[send]\n"), 1)
}

#[tokio::test]
async fn a_message_goes_to_the_api_address_with_the_files_request() {
    let mut server = Server::start(|_| answer("200 OK", r#"{"id":"abc"}"#)).await;
    let mut bench = Bench::of(gateway(RIGHT, &server.url(""), json!({"sender": "ACME"})));
    let outcome = bench.send(message("hi")).await;
    assert_eq!(outcome.class, Sent, "{}", outcome.detail);
    assert_eq!(&*outcome.provider_ids[0], "abc");
    let request = server.request().await;
    assert!(request.starts_with("POST /send HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("x-key: s3cret\r\n") && request.contains("content-type: application/json\r\n"));
    assert!(request.ends_with(r#"{"to":"15550100199","text":"hi","from":"ACME"}"#), "{request}");
}

#[tokio::test]
async fn a_hundred_messages_at_once_ask_for_one_token() {
    let tokens = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&tokens);
    let server = Server::start(move |request| {
        if request.starts_with("POST /token ") {
            // "id:s3cret"; the form says what is asked for.
            assert!(request.contains("authorization: Basic aWQ6czNjcmV0\r\n"), "{request}");
            assert!(request.ends_with("grant_type=client_credentials&scope=sms"), "{request}");
            let n = counter.fetch_add(1, Ordering::SeqCst);
            return answer("200 OK", &format!(r#"{{"access_token":"t{n}","expires_in":3600}}"#));
        }
        assert!(request.contains("authorization: Bearer t0\r\n"), "{request}");
        answer("200 OK", r#"{"id":"abc"}"#)
    })
    .await;
    let mut bench = Bench::of(gateway(&with_oauth(), &server.url(""), json!({})));
    for _ in 0..100 {
        bench.submit(message("hi"));
    }
    for _ in 0..100 {
        assert_eq!(bench.outcome().await.class, Sent);
    }
    assert_eq!(tokens.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    let tokens = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&tokens);
    let server = Server::start(move |request| {
        if request.starts_with("POST /token ") {
            let n = counter.fetch_add(1, Ordering::SeqCst);
            return answer("200 OK", &format!(r#"{{"access_token":"t{n}"}}"#));
        }
        // The first token is of no use; later all are refused.
        match request.contains("Bearer t1") && !request.contains("again") {
            true => answer("200 OK", r#"{"id":"abc"}"#),
            false => answer("401 Unauthorized", ""),
        }
    })
    .await;
    let mut bench = Bench::of(gateway(&with_oauth(), &server.url(""), json!({})));
    assert_eq!(bench.send(message("hi")).await.class, Sent);
    assert_eq!(tokens.load(Ordering::SeqCst), 2);
    assert_eq!(bench.send(message("again")).await.class, Account);
    assert_eq!(tokens.load(Ordering::SeqCst), 3, "not asked for over and over");
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_nothing_is_uncertain() {
    for (reply, class) in [
        (answer("400 Bad Request", r#"{"error":"invalid_client"}"#), Account),
        (answer("401 Unauthorized", ""), Account),
        (answer("200 OK", "{}"), Account),
        (answer("503 Service Unavailable", ""), Unavailable),
        (Reply::Hang(Vec::new()), Unavailable),
        (Reply::Last(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()), Unavailable),
    ] {
        let server = Server::start(move |request| {
            assert!(request.starts_with("POST /token "), "{request}");
            reply.clone()
        })
        .await;
        let mut bench = Bench::of(gateway(&with_oauth(), &server.url(""), json!({"timeout_s": 1})));
        let outcome = bench.send(message("hi")).await;
        assert_eq!(outcome.class, class, "{}", outcome.detail);
        assert!(outcome.detail.starts_with("no token: "), "{}", outcome.detail);
    }
}

#[tokio::test]
async fn the_balance_is_asked_for_and_read() {
    let text = RIGHT.replacen("\"unicode\"]", "\"unicode\", \"balance\"]", 1)
        + "[balance]\namount = \"/left\"\nunit_at = \"/unit\"\n[balance.request]\nmethod = \"GET\"\nurl = \"https://api.example.com/balance\"\n";
    let server = Server::start(|request| {
        assert!(request.starts_with("GET /balance "), "{request}");
        answer("200 OK", r#"{"left":"12.50","unit":"EUR"}"#)
    })
    .await;
    let balance = gateway(&text, &server.url(""), json!({})).balance().unwrap().await.unwrap();
    assert_eq!((balance.amount, balance.unit.as_str()), (12.5, "EUR"));
    assert!(gateway(RIGHT, &server.url(""), json!({})).balance().is_none());
    let down = gateway(&text, "http://127.0.0.1:1", json!({})).balance().unwrap().await;
    assert!(down.unwrap_err().contains("not connected"));
}

#[tokio::test]
async fn the_network_guard_judges_the_api_address_too() {
    let plugin = CataloguePlugin::parse("test.toml", RIGHT).unwrap();
    let settings =
        validate(plugin.fields(), &json!({"key": "k", "api_address": "http://127.0.0.1:9"})).unwrap();
    let gateway = plugin.build(&settings, &Environment::default()).unwrap();
    let outcome = Bench::of(gateway).send(message("hi")).await;
    assert_eq!(outcome.class, textgate_sms::OutcomeClass::Refused);
    assert!(outcome.detail.contains("loopback"), "{}", outcome.detail);
}

#[tokio::test]
async fn where_the_provider_gives_no_id_its_receipts_name_ours() {
    let text = RIGHT.replacen("id = \"/id\"", "own_id = true", 1).replacen(
        "from = ",
        "reference = \"{id}\", from = ",
        1,
    );
    let mut server = Server::start(|_| answer("200 OK", "{}")).await;
    let mut bench = Bench::of(gateway(&text, &server.url(""), json!({})));
    let outcome = bench.send(message("hi")).await;
    assert_eq!(outcome.class, Sent);
    let request = server.request().await;
    assert!(request.contains(&format!(r#""reference":"{}""#, outcome.provider_ids[0])), "{request}");
    assert_eq!(*outcome.provider_ids[0], *message("hi").id.to_string());
}

#[test]
fn what_the_provider_cannot_carry_is_refused_before_it_is_charged() {
    let short = RIGHT.replacen("countries", "max_characters = 200\ncountries", 1);
    let plan = |text: &str, message: &str| gateway(text, "", json!({})).plan(message);
    let segments = |plan: crate::Plan| (plan.segments, plan.encoding);
    assert_eq!(plan(&short, &"a".repeat(200)).map(segments), Ok((2, "gsm7")));
    assert!(plan(&short, &"a".repeat(201)).unwrap_err().0.contains("200 characters"));
    assert_eq!(plan(RIGHT, "gültig – 😀").map(segments), Ok((1, "ucs2")));
    let plain = RIGHT.replacen(", \"unicode\"]", "]", 1);
    assert!(plan(&plain, "gültig").is_ok() && plan(&plain, "gültig –").unwrap_err().0.contains("GSM 03.38"));
}

#[test]
fn an_api_address_is_scheme_host_and_port() {
    let plugin = CataloguePlugin::parse("test.toml", RIGHT).unwrap();
    for wrong in
        ["api.example.com", "ftp://a", "https://a/path", "https://u:p@a", "https://a/?q=1", "https://a/#f"]
    {
        let settings = validate(plugin.fields(), &json!({"key": "k", "api_address": wrong})).unwrap();
        let problems = plugin.check(&settings);
        assert_eq!(problems.len(), 1, "{wrong}: {problems:?}");
        assert_eq!(problems[0].path, "api_address", "{wrong}");
    }
}

#[tokio::test]
async fn flash_and_overwrite_are_the_messages_or_else_the_settings() {
    let text = RIGHT.replacen("\"unicode\"]", "\"unicode\", \"flash\", \"overwrite\"]", 1).replacen(
        "from = \"{sender}\"",
        "f = { is = 1, when = \"flash\" }, o = \"{overwrite_type}\", r = \"{overwrite}\"",
        1,
    );
    let text = text.replacen("features = [\"sender\", ", "features = [", 1).replacen(
        "[sender]\nsetting = \"sender\"\n",
        "",
        1,
    );
    let mut server = Server::start(|_| answer("200 OK", r#"{"id":"abc"}"#)).await;
    let on = json!({"flash": true, "overwrite": true});
    for (settings, flash, overwrite, expected) in [
        (json!({}), None, Overwrite::AsSet, r#""r":false}"#),
        (on.clone(), None, Overwrite::AsSet, r#""f":1,"o":1,"r":true}"#),
        (on, Some(false), Overwrite::Off, r#""r":false}"#),
        (json!({}), Some(true), Overwrite::Type(ReplaceType::new(3).unwrap()), r#""f":1,"o":3,"r":true}"#),
    ] {
        let mut bench = Bench::of(gateway(&text, &server.url(""), settings));
        let mut submission = message("hi");
        (submission.flash, submission.overwrite) = (flash, overwrite);
        assert_eq!(bench.send(submission).await.class, Sent);
        let request = server.request().await;
        assert!(request.ends_with(&format!(r#"{{"to":"15550100199","text":"hi",{expected}"#)), "{request}");
    }
}

#[tokio::test]
async fn xml_reaches_the_provider_as_it_is_described() {
    let json = "json = { to = \"{to}\", text = \"{text}\", from = \"{sender}\" }";
    let xml = "headers.Content-Type = \"text/xml; charset=utf-8\"\nxml = { MSG = { \"@version\" = 2, TO = [\"{to}\"], FROM = \"{sender}\", BODY = { \"@type\" = \"text\", \"#text\" = \"{text}\" } } }";
    let text = RIGHT.replacen(json, xml, 1).replacen("headers = { X-Key = \"{setting.key}\" }\n", "", 1);
    let mut server = Server::start(|_| answer("200 OK", r#"{"id":"abc"}"#)).await;
    let mut bench = Bench::of(gateway(&text, &server.url(""), json!({})));
    assert_eq!(bench.send(message("a < b & \"c\"")).await.class, Sent);
    let request = server.request().await;
    assert!(request.contains("content-type: text/xml; charset=utf-8\r\n"), "{request}");
    assert!(
        request.ends_with(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><MSG version=\"2\"><TO>15550100199</TO>\
             <BODY type=\"text\">a &lt; b &amp; &quot;c&quot;</BODY></MSG>"
        ),
        "{request}"
    );
}
