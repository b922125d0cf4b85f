//! The listener from outside, against peers that are slow, large, many, or talk nonsense.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests, outside a test function

use axum::Router;
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use textgate_api::{HttpLimits, serve, serve_unix};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes: a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);
const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const GET_AND_CLOSE: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn served(router: Router, limits: HttpLimits, drain: Duration) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let task = tokio::spawn(serve(listener, router, limits, stop.clone(), drain));
    Served { address, stop, task }
}

async fn plain(limits: HttpLimits) -> Served {
    served(Router::new().route("/", get(|| async { "hello" })), limits, PATIENCE).await
}

impl Served {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn ask(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        // A server that refuses the head may close before it has read the rest.
        let _ = stream.write_all(request).await;
        until_closed(&mut stream).await
    }

    async fn finished(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("serve ends").unwrap();
    }
}

/// Everything up to the connection's end.
async fn until_closed(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut bytes = Vec::new();
    // A reset after the answer is an end as well.
    let _ =
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the connection closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads on until the text has come.
async fn until(stream: &mut TcpStream, text: &str) {
    let mut seen = Vec::new();
    tokio::time::timeout(PATIENCE, async {
        while !String::from_utf8_lossy(&seen).contains(text) {
            assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0, "closed before {text:?}");
        }
    })
    .await
    .expect("the answer comes");
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let server = plain(HttpLimits::default()).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        stream.write_all(GET.as_bytes()).await.unwrap();
        until(&mut stream, "hello").await;
    }
    drop(stream);
    server.finished().await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let router = Router::new().route("/a", get(|| async { "first" })).route("/b", get(|| async { "second" }));
    let server = served(router, HttpLimits::default(), PATIENCE).await;
    let answer = server
        .ask(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    let bodies: Vec<&str> = answer.split("\r\n\r\n").skip(1).map(|rest| &rest[..5]).collect();
    assert_eq!(bodies, ["first", "secon", "first"]);
    server.finished().await;
}

#[tokio::test]
async fn a_huge_head_is_refused() {
    let limits = HttpLimits { header_bytes: 8 << 10, headers: 10, ..HttpLimits::default() };
    let server = plain(limits).await;
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "a".repeat(1 << 20));
    // A peer that is still writing when the connection closes may see a reset instead of the answer.
    let answer = server.ask(long.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "one long header: {answer}");
    // What is read whole is answered.
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "a".repeat(10 << 10));
    let answer = server.ask(long.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "one long header: {answer}");
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Many: a\r\n".repeat(50));
    let answer = server.ask(many.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "many short headers: {answer}");
    assert!(server.ask(b"nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    let endless = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20));
    let answer = server.ask(endless.as_bytes()).await;
    let refusals = ["HTTP/1.1 414", "HTTP/1.1 431"];
    assert!(answer.is_empty() || refusals.iter().any(|refusal| answer.starts_with(refusal)), "{answer}");
    assert!(server.ask(GET_AND_CLOSE.as_bytes()).await.ends_with("hello"), "others are served");
    server.finished().await;
}

#[tokio::test]
async fn garbage_is_refused_and_closed() {
    let server = plain(HttpLimits::default()).await;
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
    ] {
        let answer = server.ask(garbage).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    let smuggled = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello";
    let answer = server.ask(smuggled).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(server.ask(GET_AND_CLOSE.as_bytes()).await.ends_with("hello"), "others are served");
    server.finished().await;
}

#[tokio::test]
async fn a_head_that_does_not_end_is_given_up() {
    let limits = HttpLimits { header_time: Duration::from_millis(50), ..HttpLimits::default() };
    let server = plain(limits).await;
    let mut slow = server.connect().await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow:").await.unwrap();
    assert!(!until_closed(&mut slow).await.contains("200 OK"));
    let mut silent = server.connect().await;
    assert_eq!(until_closed(&mut silent).await, "", "nor may a peer say nothing at all");
    server.finished().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_answer_is_given_up() {
    static SERVED: AtomicUsize = AtomicUsize::new(0);
    let router = Router::new().route(
        "/",
        get(|| async {
            SERVED.fetch_add(1, Ordering::Relaxed);
            vec![b'a'; 64 << 20]
        }),
    );
    let limits =
        HttpLimits { stall_time: Duration::from_millis(50), connections: 1, ..HttpLimits::default() };
    let server = served(router, limits, PATIENCE).await;
    let mut deaf = server.connect().await;
    deaf.write_all(GET.as_bytes()).await.unwrap();
    // There is one place, and the deaf peer has it: the next one is served only after the first is given up.
    let mut next = server.connect().await;
    next.write_all(GET.as_bytes()).await.unwrap();
    until(&mut next, "200 OK").await;
    assert_eq!(SERVED.load(Ordering::Relaxed), 2);
    drop(next);
    server.finished().await;
}

#[tokio::test]
async fn more_connections_than_places_wait_for_theirs() {
    let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (in_now, in_peak) = (Arc::clone(&now), Arc::clone(&peak));
    let router = Router::new().route(
        "/",
        get(move || {
            let (now, peak) = (Arc::clone(&in_now), Arc::clone(&in_peak));
            async move {
                peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
                "hello"
            }
        }),
    );
    let limits = HttpLimits { connections: 3, ..HttpLimits::default() };
    let server = Arc::new(served(router, limits, PATIENCE).await);
    let clients: Vec<_> = (0..60)
        .map(|_| {
            let server = Arc::clone(&server);
            tokio::spawn(async move { server.ask(GET_AND_CLOSE.as_bytes()).await })
        })
        .collect();
    for client in clients {
        assert!(client.await.unwrap().ends_with("hello"), "each is served in the end");
    }
    assert!((1..=3).contains(&peak.load(Ordering::SeqCst)), "{peak:?} at once");
    Arc::into_inner(server).unwrap().finished().await;
}

#[tokio::test]
async fn many_connections_are_served_side_by_side() {
    let server = plain(HttpLimits::default()).await;
    let mut streams = Vec::new();
    for _ in 0..300 {
        streams.push(server.connect().await);
    }
    for stream in &mut streams {
        stream.write_all(GET.as_bytes()).await.unwrap();
    }
    for stream in &mut streams {
        until(stream, "hello").await;
    }
    drop(streams);
    server.finished().await;
}

/// A server whose one handler says when it has begun, and goes on when told.
async fn held(drain: Duration) -> (Served, Arc<Notify>, Arc<Notify>) {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (in_begun, in_go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
    let router = Router::new().route(
        "/",
        get(move || {
            let (begun, go_on) = (Arc::clone(&in_begun), Arc::clone(&in_go_on));
            async move {
                begun.notify_one();
                go_on.notified().await;
                "hello"
            }
        }),
    );
    (served(router, HttpLimits::default(), drain).await, begun, go_on)
}

#[tokio::test]
async fn a_stop_lets_requests_finish_and_closes_what_is_idle() {
    let (server, begun, go_on) = held(PATIENCE).await;
    let mut busy = server.connect().await;
    busy.write_all(GET.as_bytes()).await.unwrap();
    begun.notified().await;
    let mut idle = server.connect().await;
    idle.write_all(b"").await.unwrap();
    server.stop.cancel();
    assert_eq!(until_closed(&mut idle).await, "");
    go_on.notify_one();
    let answer = until_closed(&mut busy).await;
    assert!(answer.ends_with("hello") && answer.contains("connection: close"), "{answer}");
    let address = server.address;
    server.finished().await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody accepts any more");
}

#[tokio::test]
async fn after_a_stop_what_comes_on_an_open_connection_is_answered_and_told_to_close() {
    let limits = HttpLimits { linger: PATIENCE, ..HttpLimits::default() };
    let server = plain(limits).await;
    let (mut used, mut fresh) = (server.connect().await, server.connect().await);
    used.write_all(GET.as_bytes()).await.unwrap();
    until(&mut used, "hello").await;
    // Accepted, and nothing said yet.
    let mut late = server.connect().await;
    late.write_all(&GET.as_bytes()[..9]).await.unwrap();
    until_accepted(&server).await;
    server.stop.cancel();
    late.write_all(&GET.as_bytes()[9..]).await.unwrap();
    used.write_all(GET.as_bytes()).await.unwrap();
    fresh.write_all(GET.as_bytes()).await.unwrap();
    for stream in [&mut late, &mut used, &mut fresh] {
        let answer = until_closed(stream).await;
        assert!(answer.ends_with("hello") && answer.contains("connection: close"), "{answer:?}");
    }
    // Nobody is waited for any more.
    server.finished().await;
}

#[tokio::test]
async fn who_had_connected_when_it_stopped_is_served() {
    use std::io::{Read, Write};
    // One at a time, so that the stop finds most of them waiting.
    let server = plain(HttpLimits { connections: 1, ..HttpLimits::default() }).await;
    until_accepted(&server).await;
    // This thread does not let the server accept them: they are in the kernel's queue.
    let connect = || {
        let mut stream = std::net::TcpStream::connect(server.address).unwrap();
        stream.write_all(GET.as_bytes()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let queued: Vec<_> = (0..40).map(|_| connect()).collect();
    server.stop.cancel();
    let read = |mut stream: std::net::TcpStream| {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    };
    let answers = tokio::task::spawn_blocking(move || queued.into_iter().map(read).collect::<Vec<_>>());
    for answer in answers.await.unwrap() {
        assert!(answer.as_ref().is_ok_and(|answer| answer.ends_with("hello")), "{answer:?}");
    }
    server.finished().await;
}

/// Until every connection that was made before is accepted: they are in order.
async fn until_accepted(server: &Served) {
    assert!(server.ask(GET_AND_CLOSE.as_bytes()).await.ends_with("hello"));
}

#[tokio::test]
async fn a_server_that_leaves_serves_new_connections_until_it_has_left() {
    let limits = HttpLimits { leave: 3 * PATIENCE, linger: Duration::from_secs(2), ..HttpLimits::default() };
    let server = plain(limits).await;
    let mut idle = server.connect().await;
    until_accepted(&server).await;
    server.stop.cancel();
    // What is idle goes all the same.
    assert_eq!(until_closed(&mut idle).await, "");
    for _ in 0..3 {
        let answer = server.ask(GET.as_bytes()).await;
        assert!(answer.ends_with("hello") && answer.contains("connection: close"), "{answer:?}");
    }
    assert!(!server.task.is_finished());
    server.task.abort();
}

#[tokio::test]
async fn a_stop_ends_within_its_bound_even_if_a_request_does_not() {
    let (server, begun, _never) = held(Duration::from_millis(50)).await;
    let mut busy = server.connect().await;
    busy.write_all(GET.as_bytes()).await.unwrap();
    begun.notified().await;
    server.finished().await;
    assert_eq!(until_closed(&mut busy).await, "");
}

#[tokio::test]
async fn a_unix_socket_is_served_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let stop = CancellationToken::new();
    let router = Router::new().route("/", get(|| async { "hello" }));
    let listener = UnixListener::bind(&path).unwrap();
    let task = tokio::spawn(serve_unix(listener, router, HttpLimits::default(), stop.clone(), PATIENCE));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(GET_AND_CLOSE.as_bytes()).await.unwrap();
    assert!(until_closed(&mut stream).await.ends_with("hello"));
    stop.cancel();
    tokio::time::timeout(PATIENCE, task).await.expect("serve ends").unwrap();
}

#[tokio::test]
async fn a_peer_that_has_closed_its_side_still_gets_its_answer() {
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&asked), Arc::clone(&go));
    let slow = get(move || async move {
        tell.notify_one();
        wait.notified().await;
        "hello"
    });
    let served = served(Router::new().route("/", slow), HttpLimits::default(), PATIENCE).await;
    let mut stream = served.connect().await;
    stream.write_all(GET.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    asked.notified().await;
    // Some turns of the runtime, in which the end of the peer's side is read.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    go.notify_one();
    let answer = until_closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer:?}");
    served.finished().await;
}

#[tokio::test]
async fn connections_that_ask_for_nothing_make_room_for_those_that_do() {
    let limits = HttpLimits { connections: 3, header_time: 10 * PATIENCE, ..HttpLimits::default() };
    let served = plain(limits).await;
    let mut held = Vec::new();
    for begun in ["", "GET / HT", GET] {
        let mut stream = served.connect().await;
        stream.write_all(begun.as_bytes()).await.unwrap();
        held.push(stream);
    }
    until(&mut held[2], "hello").await;
    for _ in 0..5 {
        assert!(served.ask(GET_AND_CLOSE.as_bytes()).await.ends_with("hello"));
    }
    served.finished().await;
}
