//! Receipts from end to end: a message leaves by a preconfigured provider, and the provider reports over HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests, outside a test function

use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use textgate_api::{ApiOptions, HttpLimits, router, serve};
use textgate_dispatch::{Dispatch, Limits, Parts, Request, What};
use textgate_gateway::{Environment, NetworkGuard, Plugins, catalogue};
use textgate_sms::{Kind, MessageId, MessageState, VsId};
use textgate_store::{Role, Sealer, SqliteOptions, SqliteStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(20);
const PUBLIC: &str = "https://sms.example.com";

/// A server with one gateway at a provider that answers with one id after another.
struct Bench {
    dispatch: Dispatch,
    address: SocketAddr,
    /// The requests that the provider got.
    requests: mpsc::UnboundedReceiver<String>,
    _folder: tempfile::TempDir,
}

/// One HTTP message: its head, and as much body as it announces.
async fn read_http(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.lines().next()?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => read.extend_from_slice(&chunk[..n]),
            _ => return None,
        }
    }
}

impl Bench {
    async fn new(public_url: Option<&str>) -> Self {
        let provider = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider_address = provider.local_addr().unwrap();
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut next = 1;
            while let Ok((mut stream, _)) = provider.accept().await {
                while let Some(request) = read_http(&mut stream).await {
                    if request.starts_with("GET /account/get-balance?") {
                        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"value\":10.5}";
                        let _ = stream.write_all(answer.as_bytes()).await;
                        continue;
                    }
                    // Two segments get an id each; ids have leading zeros, as Vonage's do.
                    let segments = if request.contains("text=long") { 2 } else { 1 };
                    let ids: Vec<Value> = (next..next + segments)
                        .map(|n| json!({"status": "0", "message-id": format!("0A{n:06}")}))
                        .collect();
                    next += segments;
                    let body = json!({"messages": ids}).to_string();
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                    let _ = sender.send(request);
                    let _ = stream.write_all((head + &body).as_bytes()).await;
                }
            }
        });

        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("store"), SqliteOptions::default()).unwrap();
        let parts = Parts {
            store: Arc::new(store),
            sealer: Sealer::new(&[7; 32]).unwrap(),
            plugins: Plugins::new(catalogue(None).unwrap()),
            environment: Environment {
                network: NetworkGuard::allowing(["127.0.0.0/8".parse().unwrap()]),
                public_url: public_url.map(str::to_owned),
                ..Environment::default()
            },
            limits: Limits::default(),
            metrics: Arc::default(),
        };
        let dispatch = Dispatch::start(parts).await.unwrap();
        let gateway = json!({"name": "main", "plugin": "vonage", "settings": {
            "api_key": "k", "api_secret": "s", "sender": "ACME", "api_address": format!("http://{provider_address}"),
        }});
        let input = serde_json::from_value(json!({"mode": "custom", "gateways": [gateway]})).unwrap();
        dispatch.put_settings("test", VsId::ROOT, input).await.unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let api = router(dispatch.clone(), ApiOptions::default());
        tokio::spawn(serve(listener, api, HttpLimits::default(), CancellationToken::new(), PATIENCE));
        Self { dispatch, address, requests, _folder: folder }
    }

    /// The receipt address as the settings show it.
    async fn receipt_url(&self) -> String {
        self.dispatch.settings(VsId::ROOT).await.unwrap().gateways[0].receipt_url.clone().unwrap()
    }

    async fn path(&self) -> String {
        self.receipt_url().await.trim_start_matches(PUBLIC).to_owned()
    }

    /// Sends a message, waits until the provider took it, and answers its id and the provider's request.
    async fn send(&mut self, text: &str) -> (MessageId, String) {
        let mut happenings = self.dispatch.subscribe();
        let request = Request {
            to: "15550100199".into(),
            text: text.into(),
            kind: Some(Kind::Otp),
            ..Request::default()
        };
        let id = self.dispatch.accept(VsId::ROOT, vec![request]).await.remove(0).unwrap().id;
        let sent = async {
            loop {
                let happening = happenings.recv().await.unwrap();
                if happening.id == id && matches!(happening.what, What::State(MessageState::Sent)) {
                    return self.requests.recv().await.unwrap();
                }
            }
        };
        let request = tokio::time::timeout(PATIENCE, sent).await.expect("it is sent");
        (id, request)
    }

    async fn call(&self, request: String) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        tokio::time::timeout(PATIENCE, read_http(&mut stream)).await.expect("an answer").expect("an answer")
    }

    async fn get(&self, path: &str, query: &str) -> String {
        self.call(format!("GET {path}?{query} HTTP/1.1\r\nHost: sms.example.com\r\n\r\n")).await
    }

    async fn post(&self, path: &str, body: &str) -> String {
        self.call(format!(
            "POST {path} HTTP/1.1\r\nHost: sms.example.com\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await
    }

    async fn state(&self, id: MessageId) -> (MessageState, usize) {
        let message = self.dispatch.message(VsId::ROOT, id).await.unwrap();
        (message.status, message.receipts.len())
    }
}

#[tokio::test]
async fn a_receipt_changes_the_message_once_however_often_it_comes() {
    let mut bench = Bench::new(Some(PUBLIC)).await;
    let (path, url) = (bench.path().await, bench.receipt_url().await);
    let (id, request) = bench.send("code").await;
    let sent_with = format!("callback={}", url.replace(':', "%3A").replace('/', "%2F"));
    assert!(request.contains(&sent_with), "the address goes with the message: {request}");

    // Lower case and without the zero: the same id.
    for _ in 0..3 {
        let answer =
            bench.get(&path, "msisdn=15550100199&messageId=a000001&status=delivered&err-code=0").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert_eq!(bench.state(id).await, (MessageState::Delivered, 1));
    }
}

#[tokio::test]
async fn a_message_of_two_segments_is_delivered_with_both_receipts() {
    let mut bench = Bench::new(Some(PUBLIC)).await;
    let path = bench.path().await;
    let (id, _) = bench.send(&format!("long{}", "x".repeat(200))).await;
    let receipt =
        |n: u8| json!({"msisdn": "15550100199", "messageId": format!("0A{n:06}"), "status": "delivered"});
    assert!(bench.post(&path, &receipt(2).to_string()).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(bench.state(id).await.0, MessageState::Sent);
    assert!(bench.post(&path, &receipt(1).to_string()).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(bench.state(id).await, (MessageState::Delivered, 2));
}

#[tokio::test]
async fn a_receipt_that_comes_before_its_message_is_sent_is_kept_for_it() {
    let mut bench = Bench::new(Some(PUBLIC)).await;
    let path = bench.path().await;
    let answer = bench.get(&path, "messageId=0A000001&status=failed&err-code=3").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let (id, _) = bench.send("code").await;
    let failed = async {
        while bench.state(id).await.0 != MessageState::Undelivered {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, failed).await.expect("the early receipt counts");
}

#[tokio::test]
async fn without_a_public_address_only_the_path_is_shown_and_nothing_is_asked_of_the_provider() {
    let mut bench = Bench::new(None).await;
    let path = bench.receipt_url().await;
    assert!(path.starts_with("/receipts/1-") && path.len() == "/receipts/1-".len() + 32, "{path}");
    let (id, request) = bench.send("code").await;
    assert!(request.contains("status-report-req=false") && !request.contains("callback="), "{request}");
    // Who entered it at the provider by hand is listened to.
    bench.get(&path, "messageId=0A000001&status=delivered").await;
    assert_eq!(bench.state(id).await.0, MessageState::Delivered);
}

#[tokio::test]
async fn what_is_no_receipt_address_or_no_receipt_is_refused() {
    let bench = Bench::new(Some(PUBLIC)).await;
    let path = bench.path().await;
    let last = path.chars().last().unwrap();
    let other = format!("{}{}", &path[..path.len() - 1], if last == '0' { '1' } else { '0' });
    let query = "messageId=0A000001&status=delivered";
    for wrong in
        [other.as_str(), "/receipts/1", "/receipts/2-0", "/receipts/-", "/receipts/%FF", "/receipts/1-%00"]
    {
        let answer = bench.get(wrong, query).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{wrong}: {answer}");
    }
    for garbage in ["", "messageId=1", "%%%", "a=b&a=b", "messageId=&status="] {
        let answer = bench.get(&path, garbage).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{garbage}: {answer}");
        let answer = bench.post(&path, garbage).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{garbage}: {answer}");
    }
    let announced = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n");
    let answer = bench.call(announced).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let put = format!("PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert!(bench.call(put).await.starts_with("HTTP/1.1 405 "));
}

#[tokio::test]
async fn the_balance_of_a_gateway_is_the_providers() {
    let bench = Bench::new(None).await;
    let key = bench.dispatch.put_api_key("test", VsId::ROOT, "app", None, Role::Full, None).await.unwrap();
    let ask = |name: &str| {
        bench.call(format!(
            "GET /v1/sms-settings/gateways/{name}/balance HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n"
        ))
    };
    let answer = ask("main").await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(r#"{"amount":10.5,"unit":"EUR"}"#),
        "{answer}"
    );
    assert!(ask("other").await.starts_with("HTTP/1.1 404 "));
}
