//! What an answer, or its absence, means for the message.

use super::kit::{Bench, Reply, Server, answer, message, send};
use proptest::prelude::*;
use serde_json::json;
use std::time::{Duration, Instant};
use textgate_sms::OutcomeClass::{self, Account, Refused, Sent, Throttled, Unavailable, Uncertain};
use tokio::net::TcpListener;

async fn class_of(reply: Reply) -> (OutcomeClass, String) {
    let server = Server::start(move |_| reply.clone()).await;
    let outcome = send(&server.url("/"), json!({"timeout_s": 1}), message("x")).await;
    (outcome.class, outcome.detail.into_owned())
}

fn raw(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

#[tokio::test]
async fn success_is_2xx_and_the_string_in_its_very_spelling() {
    for (status, body, class) in [
        ("200 OK", "ID: 17 OK", Sent),
        ("202 Accepted", "OK", Sent),
        ("200 OK", "ok", Refused),
        ("200 OK", "O K", Refused),
        ("200 OK", "", Refused),
        ("204 No Content", "", Refused),
        ("500 Internal Server Error", "OK", Unavailable),
        ("400 Bad Request", "OK", Refused),
    ] {
        let (found, detail) = class_of(answer(status, body)).await;
        assert_eq!(found, class, "{status} {body:?}: {detail}");
    }
    let (_, detail) = class_of(answer("200 OK", "ERR 301 bad number")).await;
    assert_eq!(detail, "HTTP 200: the answer does not contain the success string");
}

#[tokio::test]
async fn without_a_string_every_2xx_is_a_success() {
    for status in ["200 OK", "201 Created", "299 Whatever"] {
        let server = Server::start(move |_| answer(status, "anything")).await;
        for blank in ["", "  "] {
            let outcome = send(&server.url("/"), json!({"success_contains": blank}), message("x")).await;
            assert_eq!(outcome.class, Sent);
        }
    }
}

#[tokio::test]
async fn a_message_is_sent_with_all_of_its_segments_or_none() {
    let server = Server::start(|request| {
        if request.contains("text=b") { answer("200 OK", "no") } else { answer("200 OK", "OK") }
    })
    .await;
    let mut bench = Bench::start(&server.url("/"), json!({}));
    let outcome = bench.send(message(&"a".repeat(161))).await;
    assert_eq!((outcome.class, outcome.segments_sent), (Sent, 2));
    assert!(outcome.provider_ids.is_empty());
    let outcome = bench.send(message(&"b".repeat(161))).await;
    assert_eq!((outcome.class, outcome.segments_sent), (Refused, 0));
}

#[tokio::test]
async fn every_status_reaches_its_class() {
    for (status, class) in [
        ("302 Found", Refused),
        ("400 Bad Request", Refused),
        ("401 Unauthorized", Account),
        ("402 Payment Required", Account),
        ("403 Forbidden", Account),
        ("404 Not Found", Refused),
        ("407 Proxy Authentication Required", Account),
        ("408 Request Timeout", Unavailable),
        ("422 Unprocessable Content", Refused),
        ("429 Too Many Requests", Throttled),
        ("500 Internal Server Error", Unavailable),
        ("502 Bad Gateway", Unavailable),
        ("503 Service Unavailable", Unavailable),
        ("504 Gateway Timeout", Uncertain),
    ] {
        assert_eq!(class_of(answer(status, "OK")).await.0, class, "{status}");
    }
}

#[tokio::test]
async fn the_provider_says_how_long_to_wait() {
    let reply = raw("HTTP/1.1 429 Slow\r\nRetry-After: 12\r\nContent-Length: 0\r\n\r\n");
    let server = Server::start(move |_| Reply::Raw(reply.clone())).await;
    let outcome = send(&server.url("/"), json!({}), message("x")).await;
    assert_eq!((outcome.class, outcome.retry_after), (Throttled, Some(Duration::from_secs(12))));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut other = Server::ok().await;
    let location = other.url("/elsewhere");
    let reply = format!("HTTP/1.1 307 T\r\nLocation: {location}\r\nContent-Length: 2\r\n\r\nOK");
    let (class, detail) = class_of(Reply::Raw(reply.into_bytes())).await;
    assert_eq!(class, Refused);
    assert!(detail.contains("redirects are not followed"), "{detail}");
    assert!(other.requests.try_recv().is_err());
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    // The string at the very end of what is read, and one octet too late.
    for (fill, class) in [(64 * 1024 - 2, Sent), (64 * 1024 - 1, Refused)] {
        let mut reply = raw("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        reply.resize(reply.len() + fill, b'x');
        reply.extend_from_slice(b"OK");
        reply.resize(reply.len() + 100_000, b'x');
        let started = Instant::now();
        let (found, detail) = class_of(Reply::Hang(reply)).await;
        assert_eq!(found, class, "{detail}");
        assert!(started.elapsed() < Duration::from_millis(900), "it was cut off, not timed out");
    }
}

#[tokio::test]
async fn a_slow_drip_ends_with_the_timeout_as_uncertain() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
    let (class, detail) = class_of(Reply::Drip(raw(head))).await;
    assert_eq!((class, &*detail), (Uncertain, "HTTP 200: the answer broke off"));
    // What the provider said before counts.
    assert_eq!(class_of(Reply::Drip(raw(&format!("{head}OK")))).await.0, Sent);
    let (class, detail) = class_of(Reply::Drip(raw("HTTP/1.1 200 OK\r\nX-Drip: "))).await;
    assert_eq!((class, &*detail), (Uncertain, "sent, but no answer in time"));
}

#[tokio::test]
async fn a_body_that_breaks_after_2xx_is_uncertain_unless_it_said_enough() {
    let broken =
        |body: &str| Reply::Last(raw(&format!("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{body}")));
    assert_eq!(class_of(broken("O")).await.0, Uncertain);
    assert_eq!(class_of(broken("OK")).await.0, Sent);
    let refused = Reply::Last(raw("HTTP/1.1 403 No\r\nContent-Length: 99\r\n\r\nO"));
    assert_eq!(class_of(refused).await.0, Account);
}

#[tokio::test]
async fn a_connection_that_closes_without_an_answer_is_uncertain_with_all_segments() {
    let server = Server::start(|_| Reply::Last(Vec::new())).await;
    for method in ["GET", "POST"] {
        let outcome = send(&server.url("/"), json!({"method": method}), message(&"a".repeat(200))).await;
        assert_eq!((outcome.class, outcome.segments_sent), (Uncertain, 2), "{}", outcome.detail);
    }
}

#[tokio::test]
async fn garbage_is_uncertain_and_never_a_panic() {
    for garbage in [
        "\0\u{1}\u{2}\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "220 smtp.example.com ESMTP\r\n",
        "HTTP/1.1 999999 X\r\n\r\n",
    ] {
        assert_eq!(class_of(Reply::Last(raw(garbage))).await.0, Uncertain, "{garbage:?}");
    }
    let endless_head = format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(200_000));
    assert_eq!(class_of(Reply::Hang(raw(&endless_head))).await.0, Uncertain);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_answer_is_a_panic_or_a_long_detail(
        head in prop_oneof![Just(""), Just("HTTP/1.1 200 OK\r\n"), Just("HTTP/1.1 429 X\r\nRetry-After: ")],
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let reply = [head.as_bytes(), &rest].concat();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (_, detail) = runtime.block_on(class_of(Reply::Last(reply)));
        prop_assert!(detail.len() < 700);
        prop_assert!(!detail.contains("15550100199") && !detail.contains("text="));
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let outcome = send(&url, json!({}), message("x")).await;
    assert_eq!((outcome.class, outcome.segments_sent), (Unavailable, 0));
    assert!(
        outcome.detail.starts_with("not connected: ") && outcome.detail.contains("refused"),
        "{}",
        outcome.detail
    );
}
