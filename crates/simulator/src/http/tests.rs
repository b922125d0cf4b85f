//! The provider from outside, by a client that writes its requests by hand.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

const SOON: Duration = Duration::from_secs(10);

async fn start(behaviour: HttpBehaviour) -> HttpProvider {
    HttpProvider::start(HttpOptions { behaviour, ..HttpOptions::default() }).await.unwrap()
}

/// Sends a request on its own connection, and reads until that ends.
async fn ask(provider: &HttpProvider, request: &str) -> String {
    let mut stream = TcpStream::connect(provider.address()).await.unwrap();
    // A provider that has seen enough may close before all is written.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    // A reset is an end too.
    let _ = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await.expect("no end came");
    String::from_utf8_lossy(&answer).into_owned()
}

const GET: &str =
    "GET /send?to=15550100100&text=code+123%20456&from=Acme HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

fn post(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /send?key=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn a_get_is_answered_recorded_and_shown_on_the_phone() {
    let provider = start(HttpBehaviour::default()).await;
    let mut events = provider.events();
    let answer = ask(&provider, GET).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n{\"status\":\"OK\",\"id\":\"1\"}"), "{answer}");
    let request = provider.next_request(SOON).await.unwrap();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/send"));
    assert_eq!(request.query.as_deref(), Some("to=15550100100&text=code+123%20456&from=Acme"));
    assert_eq!((request.parameter("text"), request.header("host")), (Some("code 123 456"), Some("x")));
    let line = events.next().await.unwrap().to_string();
    assert_eq!(line, "phone 15550100100 got \"code 123 456\" via http from Acme");
    assert!(!format!("{request:?}").contains("456"));
    provider.shutdown().await;
}

#[tokio::test]
async fn a_form_is_read_from_the_body() {
    let provider = start(HttpBehaviour::default()).await;
    assert!(ask(&provider, &post("to=1&text=%E2%82%AC")).await.contains(" 200 "));
    let request = provider.next_request(SOON).await.unwrap();
    assert_eq!(request.form_parameters, [("to".into(), "1".into()), ("text".into(), "€".to_owned())]);
    assert_eq!(request.query_parameters, [("key".to_owned(), "1".to_owned())]);
    assert_eq!(request.body_text(), "to=1&text=%E2%82%AC");
}

#[tokio::test]
async fn the_answer_is_as_set_or_as_decided() {
    let refusal = HttpAnswer::text(503, "no <n>").with_header("Retry-After", "7");
    let provider = start(HttpBehaviour::answering(refusal)).await;
    let mut events = provider.events();
    let answer = ask(&provider, GET).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 7\r\n"), "{answer}");
    assert!(answer.ends_with("no 1"));
    let decide: Decide = Arc::new(|request| {
        (request.parameter("to") == Some("15550100100")).then(|| HttpAnswer::text(201, "decided"))
    });
    provider.change(|behaviour| behaviour.decide = Some(decide));
    assert!(ask(&provider, GET).await.ends_with("decided"));
    assert!(ask(&provider, &post("to=2")).await.ends_with("no 3"));
    let counters = provider.counters();
    assert_eq!((counters.requests, counters.accepted, counters.refused), (3, 1, 2));
    assert_eq!(events.next().await.unwrap().number, "15550100100");
}

#[tokio::test]
async fn faults_close_cut_flood_and_garble() {
    let provider = start(HttpBehaviour::failing(HttpFault::CloseUnanswered)).await;
    assert_eq!(ask(&provider, GET).await, "");
    provider.set(HttpBehaviour::failing(HttpFault::CutAnswer));
    let answer = ask(&provider, GET).await;
    assert!(
        answer.contains("content-length: 24\r\n") && answer.ends_with("\r\n\r\n{\"status\":\"O"),
        "{answer}"
    );
    provider.set(HttpBehaviour::failing(HttpFault::Huge { octets: 100_000 }));
    let answer = ask(&provider, GET).await;
    assert_eq!(answer.split_once("\r\n\r\n").unwrap().1.len(), 100_000);
    provider.set(HttpBehaviour::failing(HttpFault::Garbage(b"\x16\x03 no HTTP".to_vec())));
    assert_eq!(ask(&provider, GET).await, "\x16\x03 no HTTP");
    assert_eq!(provider.counters().faults, 4);
}

#[tokio::test]
async fn a_request_that_hangs_is_taken_and_ends_with_its_connection() {
    let provider = start(HttpBehaviour::failing(HttpFault::Hang)).await;
    let mut stream = TcpStream::connect(provider.address()).await.unwrap();
    stream.write_all(GET.as_bytes()).await.unwrap();
    provider.wait_for(SOON, |requests| requests.len() == 1).await.unwrap();
    assert_eq!(provider.counters().in_flight, 1);
    drop(stream);
    let counters = provider.wait_for_counters(SOON, |counters| counters.in_flight == 0).await.unwrap();
    assert_eq!((counters.max_in_flight, counters.accepted), (1, 0));
}

#[tokio::test]
async fn an_answer_can_stop_halfway_with_its_connection_open() {
    let provider = start(HttpBehaviour::failing(HttpFault::HangInAnswer)).await;
    let mut stream = TcpStream::connect(provider.address()).await.unwrap();
    stream.write_all(GET.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"{\"status\":\"O") {
        answer.push(stream.read_u8().await.unwrap());
    }
    let more = tokio::time::timeout(Duration::from_millis(20), stream.read_u8()).await;
    assert!(more.is_err(), "neither more nor an end");
}

#[tokio::test]
async fn connections_are_kept_unless_they_are_to_close() {
    let provider = start(HttpBehaviour::default()).await;
    let mut stream = TcpStream::connect(provider.address()).await.unwrap();
    let get = b"GET /?text=x HTTP/1.1\r\nHost: x\r\n\r\n";
    for requests in 1..=2 {
        stream.write_all(get).await.unwrap();
        let taken = provider.wait_for_counters(SOON, |counters| counters.accepted == requests).await.unwrap();
        assert_eq!(taken.connections, 1);
    }
    provider.change(|behaviour| behaviour.closes_after_answer = true);
    stream.write_all(get).await.unwrap();
    let end = tokio::time::timeout(SOON, stream.read_to_end(&mut Vec::new())).await;
    assert!(end.expect("no end came").unwrap() > 0);
}

#[tokio::test]
async fn a_slow_answer_comes_after_its_delay() {
    let delay = Duration::from_millis(30);
    let provider = start(HttpBehaviour { delay, ..HttpBehaviour::default() }).await;
    assert!(ask(&provider, GET).await.contains(" 200 "));
    assert!(provider.requests()[0].at.elapsed() >= delay);
}

#[tokio::test]
async fn too_long_a_body_or_head_is_refused() {
    let options = HttpOptions { max_body: 10, ..HttpOptions::default() };
    let provider = HttpProvider::start(options).await.unwrap();
    assert!(ask(&provider, &post("text=far+too+long")).await.starts_with("HTTP/1.1 413 "));
    let field = "x".repeat(1 << 20);
    let answer =
        ask(&provider, &format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: {field}\r\n\r\n"))
            .await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert!(provider.requests().is_empty());
}

#[tokio::test]
async fn a_stopped_provider_refuses_and_comes_back_on_the_same_port() {
    let provider = start(HttpBehaviour::default()).await;
    provider.stop().await;
    assert!(TcpStream::connect(provider.address()).await.is_err());
    provider.start_again().await.unwrap();
    assert!(ask(&provider, GET).await.contains(" 200 "));
    provider.change(|behaviour| behaviour.turns_away = true);
    let mut stream = TcpStream::connect(provider.address()).await.unwrap();
    assert!(stream.read_u8().await.is_err());
}

#[tokio::test]
async fn the_parameters_names_and_how_much_is_kept_can_be_chosen() {
    let provider = HttpProvider::start(HttpOptions {
        destination_parameter: "msisdn".into(),
        message_parameter: "body".into(),
        keep: 1,
        ..HttpOptions::default()
    })
    .await
    .unwrap();
    let mut events = provider.events();
    for number in ["15550100101", "15550100102"] {
        ask(&provider, &post(&format!("msisdn={number}&body=hi"))).await;
        assert_eq!(events.next().await.unwrap().number, number);
    }
    assert_eq!(provider.requests().len(), 1);
    assert_eq!(provider.next_request(SOON).await.unwrap().parameter("msisdn"), Some("15550100102"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_octets_make_the_provider_fall_over(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let provider = start(HttpBehaviour::default()).await;
            let mut stream = TcpStream::connect(provider.address()).await.unwrap();
            stream.write_all(&octets).await.unwrap();
            let _ = stream.shutdown().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
            assert!(ask(&provider, GET).await.contains(" 200 "));
        });
    }
}
