//! HTTPS with an own CA, and HTTP/2.

use super::kit::{Bench, Server, answer, local, message};
use crate::test_authority::Authority;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use textgate_sms::OutcomeClass::{self, Sent, Unavailable};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A server that says "OK" over TLS with a certificate for this name.
pub async fn https_server(authority: &Authority, name: &str) -> Server {
    let acceptor = authority.acceptor(name, &["http/1.1"]);
    Server::start_with(
        |_| answer("200 OK", "OK"),
        move |stream| {
            let acceptor = acceptor.clone();
            async move { acceptor.accept(stream).await.ok() }
        },
    )
    .await
}

/// A gateway for which every name is this machine.
fn bench(url: &str, more: Value) -> Bench {
    Bench::start_guarded(url, more, local().resolving_with(|_| Ok(vec!["127.0.0.1".parse().unwrap()])))
}

async fn class_at(host: &str, server: &Server, ca: &str) -> (OutcomeClass, String) {
    let url = format!("https://{host}:{}/s", server.address.port());
    let outcome = bench(&url, json!({"ca_certificate": ca})).send(message("x")).await;
    (outcome.class, outcome.detail.into_owned())
}

#[tokio::test]
async fn an_own_ca_is_trusted_for_the_name_it_certified_and_only_where_it_was_entered() {
    let authority = Authority::new();
    let mut server = https_server(&authority, "api.example.com").await;
    let (class, detail) = class_at("api.example.com", &server, &authority.pem()).await;
    assert_eq!(class, Sent, "{detail}");
    assert!(server.request().await.starts_with("GET /s?to="));
    for (host, ca) in [
        ("api.example.com", String::new()),
        ("api.example.com", Authority::new().pem()),
        ("other.example.com", authority.pem()),
    ] {
        let (class, detail) = class_at(host, &server, &ca).await;
        assert_eq!(class, Unavailable, "{host}: {detail}");
        assert!(detail.contains("invalid peer certificate"), "{detail}");
    }
    assert!(server.requests.try_recv().is_err(), "nothing was written without trust");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_unavailable() {
    let server = Server::start_with(
        |_| answer("200 OK", "OK"),
        |mut stream: TcpStream| async move {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            None::<TcpStream>
        },
    )
    .await;
    let (class, detail) = class_at("api.example.com", &server, "").await;
    assert_eq!(class, Unavailable, "{detail}");
}

#[tokio::test]
async fn a_tls_handshake_that_never_ends_is_unavailable_because_nothing_was_written() {
    let server = Server::ok().await; // waits for the end of a request, in vain
    let mut submission = message("x");
    submission.answer_by = Instant::now() + Duration::from_millis(100);
    let url = format!("https://api.example.com:{}/s", server.address.port());
    let outcome = bench(&url, json!({"method": "POST"})).send(submission).await;
    assert_eq!((outcome.class, &*outcome.detail), (Unavailable, "not connected in time"));
}

// === HTTP/2, frame by frame (RFC 9113) ===

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What the HTTP/2 server does with the request of that number, from 0.
#[derive(Clone, Copy)]
enum H2Reply {
    Ok,
    /// RST_STREAM with this error code.
    Reset(u32),
    /// None, ever.
    Silence,
    /// GOAWAY that says that no stream was looked at, and the end.
    GoAway,
}

async fn frame(stream: &mut (impl AsyncWrite + Unpin), kind: u8, flags: u8, id: u32, payload: &[u8]) {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&id.to_be_bytes());
    frame.extend_from_slice(payload);
    let _ = stream.write_all(&frame).await;
    let _ = stream.flush().await;
}

async fn serve_h2(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    count: Arc<AtomicUsize>,
    reply: impl Fn(usize) -> H2Reply,
) -> std::io::Result<()> {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await?;
    assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    frame(&mut stream, SETTINGS, 0, 0, &[]).await;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let (kind, flags) = (head[3], head[4]);
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).await?;
        if kind == SETTINGS && flags == 0 {
            frame(&mut stream, SETTINGS, 1, 0, &[]).await;
        }
        if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
            match reply(count.fetch_add(1, Ordering::SeqCst)) {
                H2Reply::Ok => {
                    // 0x88: `:status: 200` in the static table (RFC 7541 Appendix A).
                    frame(&mut stream, HEADERS, END_HEADERS, id, &[0x88]).await;
                    frame(&mut stream, DATA, END_STREAM, id, b"OK").await;
                }
                H2Reply::Silence => {}
                H2Reply::Reset(code) => frame(&mut stream, RST_STREAM, 0, id, &code.to_be_bytes()).await,
                H2Reply::GoAway => {
                    frame(&mut stream, GOAWAY, 0, 0, &[0; 8]).await;
                    return stream.shutdown().await;
                }
            }
        }
    }
}

/// A server that wants HTTP/2, its port, its requests and its connections.
async fn h2_server(
    authority: &Authority,
    reply: impl Fn(usize) -> H2Reply + Clone + Send + 'static,
) -> (u16, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let acceptor = authority.acceptor("api.example.com", &["h2"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (requests, connections) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (request_count, connection_count) = (requests.clone(), connections.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            connection_count.fetch_add(1, Ordering::SeqCst);
            let (acceptor, count, reply) = (acceptor.clone(), request_count.clone(), reply.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
                let _ = serve_h2(stream, count, reply).await;
            });
        }
    });
    (port, requests, connections)
}

fn h2_bench(authority: &Authority, port: u16, method: &str) -> Bench {
    let url = format!("https://api.example.com:{port}/s");
    bench(&url, json!({"ca_certificate": authority.pem(), "method": method}))
}

#[tokio::test]
async fn http_2_carries_many_messages_on_one_connection() {
    let authority = Authority::new();
    let (port, requests, connections) = h2_server(&authority, |_| H2Reply::Ok).await;
    for method in ["GET", "POST"] {
        let mut bench = h2_bench(&authority, port, method);
        assert_eq!(bench.send(message("first")).await.class, Sent);
        for _ in 0..40 {
            bench.submit(message("x"));
        }
        for _ in 0..40 {
            let outcome = bench.outcome().await;
            assert_eq!(outcome.class, Sent, "{}", outcome.detail);
        }
    }
    assert_eq!(requests.load(Ordering::SeqCst), 82);
    assert_eq!(connections.load(Ordering::SeqCst), 2, "one for each gateway");
}

#[tokio::test]
async fn what_an_http_2_server_did_not_act_on_is_written_once_more() {
    const REFUSED_STREAM: u32 = 7;
    let authority = Authority::new();
    for first in [H2Reply::Reset(REFUSED_STREAM), H2Reply::GoAway] {
        for method in ["GET", "POST"] {
            let reply = move |n| if n == 0 { first } else { H2Reply::Ok };
            let (port, requests, _) = h2_server(&authority, reply).await;
            let outcome = h2_bench(&authority, port, method).send(message("x")).await;
            assert_eq!(outcome.class, Sent, "{}", outcome.detail);
            assert_eq!(requests.load(Ordering::SeqCst), 2);
        }
        let (port, requests, _) = h2_server(&authority, move |_| first).await;
        let outcome = h2_bench(&authority, port, "POST").send(message("x")).await;
        assert_eq!((outcome.class, outcome.segments_sent), (Unavailable, 0), "{}", outcome.detail);
        assert_eq!(requests.load(Ordering::SeqCst), 2, "and no more than once");
    }
}

#[tokio::test]
async fn any_other_reset_is_uncertain_and_never_written_again() {
    const INTERNAL_ERROR: u32 = 2;
    let authority = Authority::new();
    let (port, requests, _) = h2_server(&authority, |_| H2Reply::Reset(INTERNAL_ERROR)).await;
    let outcome = h2_bench(&authority, port, "POST").send(message("x")).await;
    assert_eq!(outcome.class, OutcomeClass::Uncertain, "{}", outcome.detail);
    assert_eq!(requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_http_2_server_that_never_answers_is_uncertain() {
    let authority = Authority::new();
    let (port, _, _) = h2_server(&authority, |n| if n == 0 { H2Reply::Ok } else { H2Reply::Silence }).await;
    let mut bench = h2_bench(&authority, port, "GET");
    assert_eq!(bench.send(message("x")).await.class, Sent);
    for mut bench in [bench, h2_bench(&authority, port, "POST")] {
        let mut submission = message("x");
        submission.answer_by = Instant::now() + Duration::from_millis(800);
        let outcome = bench.send(submission).await;
        assert_eq!(
            (outcome.class, &*outcome.detail),
            (OutcomeClass::Uncertain, "sent, but no answer in time")
        );
    }
}
