//! What goes over the wire, octet by octet.

use super::kit::{Bench, Server, answer, message, send, settings};
use crate::Environment;
use serde_json::{Value, json};
use textgate_sms::OutcomeClass::Sent;

/// The request line's target and the body of what is sent for this text.
async fn sent(rest: &str, more: Value, text: &str) -> (String, String) {
    let mut server = Server::ok().await;
    let outcome = send(&server.url(rest), more, message(text)).await;
    assert_eq!(outcome.class, Sent, "{}", outcome.detail);
    let request = server.request().await;
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[tokio::test]
async fn get_appends_the_parameters_in_order() {
    let more = json!({"parameters": [
        {"name": "user", "value": "me"}, {"name": "pass", "value": "p&w", "is_password": true},
    ]});
    let (line, body) = sent("/http/sendmsg", more, "Hi there").await;
    assert_eq!(line, "GET /http/sendmsg?to=15550100199&text=Hi+there&user=me&pass=p%26w HTTP/1.1");
    assert_eq!(body, "");
}

#[tokio::test]
async fn a_whole_get_is_just_this() {
    let mut server = Server::ok().await;
    send(&server.url("/s"), json!({}), message("x")).await;
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "GET /s?to=15550100199&text=x HTTP/1.1\r\naccept: */*\r\nuser-agent: textgate/{version}\r\nhost: {}\r\n\r\n",
        server.address
    );
    assert_eq!(server.request().await, expected);
}

#[tokio::test]
async fn post_puts_the_parameters_in_the_body_and_leaves_the_urls_own_on_the_url() {
    let mut server = Server::ok().await;
    let more = json!({"method": "post", "parameters": [{"name": "user", "value": "me"}]});
    let outcome = send(&server.url("/send?token=a%20b"), more, message("Hi there")).await;
    assert_eq!(outcome.class, Sent, "{}", outcome.detail);
    let request = server.request().await;
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /send?token=a%20b HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\ncontent-type: application/x-www-form-urlencoded\r\n"), "{head}");
    assert!(head.contains(&format!("\r\ncontent-length: {}", body.len())), "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");
    assert_eq!(body, "to=15550100199&text=Hi+there&user=me");
}

#[tokio::test]
async fn a_space_is_percent_20_where_plus_is_off() {
    let off = json!({"plus_for_spaces": false});
    let (line, _) = sent("/", off.clone(), "a b+c").await;
    assert_eq!(line, "GET /?to=15550100199&text=a%20b%2Bc HTTP/1.1");
    let mut more = off;
    more["method"] = "POST".into();
    let (_, body) = sent("/", more, "a b+c").await;
    assert_eq!(body, "to=15550100199&text=a%20b%2Bc");
}

#[tokio::test]
async fn the_urls_own_parameter_stays_first_as_it_was_typed() {
    for (typed, expected) in [
        ("/s?access_token=a%2Fb%20c+d/e:f@g", "/s?access_token=a%2Fb%20c+d/e:f@g&"),
        ("/s?flag", "/s?flag&"),
        ("/s?a=1&", "/s?a=1&"),
        ("/s?", "/s?"),
        ("?x=%zz", "/?x=%zz&"),
    ] {
        let (line, _) = sent(typed, json!({}), "x").await;
        assert_eq!(line, format!("GET {expected}to=15550100199&text=x HTTP/1.1"));
    }
}

#[tokio::test]
async fn any_text_is_encoded_from_its_utf8_octets() {
    let (line, _) = sent("/", json!({}), "Ünï €5 & 10%=? #1\n😀~*-._").await;
    assert_eq!(
        line,
        "GET /?to=15550100199&text=%C3%9Cn%C3%AF+%E2%82%AC5+%26+10%25%3D%3F+%231%0A%F0%9F%98%80%7E*-._ HTTP/1.1"
    );
}

#[tokio::test]
async fn parameter_names_are_encoded_too() {
    let more = json!({"destination_parameter": "to[]", "parameters": [{"name": "a b", "value": ""}]});
    let (line, _) = sent("/", more, "x").await;
    assert_eq!(line, "GET /?to%5B%5D=15550100199&text=x&a+b= HTTP/1.1");
}

#[tokio::test]
async fn a_messages_own_sender_has_its_parameter_and_takes_the_place_of_the_gateways() {
    let mut server = Server::ok().await;
    let parameters = json!([{"name": "from", "value": "ACME"}, {"name": "k", "value": "v"}]);
    for (more, sender, expected) in [
        (json!({"sender_parameter": "from"}), None, ""),
        (json!({"sender_parameter": "from"}), Some("My Bank"), "&from=My+Bank"),
        (json!({"sender_parameter": "from", "parameters": parameters}), None, "&from=ACME&k=v"),
        (json!({"sender_parameter": "from", "parameters": parameters}), Some("X"), "&from=X&k=v"),
        (json!({"parameters": parameters}), Some("X"), "&from=ACME&k=v"),
    ] {
        let mut submission = message("x");
        submission.sender = sender.map(Into::into);
        send(&server.url("/"), more, submission).await;
        let expected = format!("GET /?to=15550100199&text=x{expected} HTTP/1.1");
        assert_eq!(server.request().await.lines().next().unwrap(), expected);
    }
}

#[tokio::test]
async fn one_connection_carries_many_messages() {
    let mut server = Server::ok().await;
    let mut bench = Bench::start(&server.url("/"), json!({"connections": 1}));
    for n in 0..50 {
        bench.submit(message(&format!("{n}")));
    }
    for n in 0..50 {
        assert_eq!(bench.outcome().await.class, Sent);
        let request = server.request().await;
        assert!(request.starts_with(&format!("GET /?to=15550100199&text={n} ")), "{request}");
    }
    assert_eq!(server.connections.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn no_secret_number_or_text_is_in_an_outcome_or_in_debug() {
    let server = Server::start(|_| answer("200 OK", "secret-body")).await;
    let more = json!({
        "parameters": [{"name": "pw", "value": "hunter2", "is_password": true}],
        "proxy_password": "hunter3",
    });
    let url = server.url("/?token=hunter4");
    let hides = |text: &str| {
        for secret in ["hunter", "15550100199", "987654", "secret-body"] {
            assert!(!text.contains(secret), "{text}");
        }
    };
    let outcome = send(&url, more.clone(), message("code 987654")).await;
    hides(&format!("{outcome:?}"));
    // An error's text would have the whole URL in it.
    let gone = send("http://127.0.0.1:1/?token=hunter4", more.clone(), message("code 987654")).await;
    hides(&format!("{gone:?}"));
    let checked = super::kit::plugins().check("generic-http", &settings(&url, more)).unwrap();
    hides(&format!("{checked:?} {:?}", Environment::default().network));
}
