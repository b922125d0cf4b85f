//! Deadlines, stopping, and the network guard.

use super::kit::{Bench, PATIENCE, Reply, Server, answer, local, message, send};
use crate::{Health, NetworkGuard};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use textgate_sms::OutcomeClass::{Refused, Sent, Unavailable, Uncertain};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

fn soon(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}

#[tokio::test]
async fn a_peer_that_never_answers_is_uncertain_at_answer_by() {
    let server = Server::start(|_| Reply::Hang(Vec::new())).await;
    for method in ["GET", "POST"] {
        let mut submission = message("x");
        let answer_by = soon(500);
        submission.answer_by = answer_by;
        let outcome = send(&server.url("/"), json!({"method": method}), submission).await;
        assert_eq!(&*outcome.detail, "sent, but no answer in time", "{method}");
        assert_eq!((outcome.class, outcome.segments_sent), (Uncertain, 1));
        assert!(Instant::now() >= answer_by);
    }
}

/// A listener with a full backlog, as a blackhole on the way: connecting to it never ends.
async fn blackhole() -> (TcpListener, Vec<tokio::task::JoinHandle<()>>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    for _ in 0..3 {
        let (connected, done) = tokio::sync::oneshot::channel();
        held.push(tokio::spawn(async move {
            let stream = TcpStream::connect(address).await;
            let _ = connected.send(());
            if stream.is_ok() {
                std::future::pending::<()>().await;
            }
        }));
        // The first ones fill the backlog, the last one does not get in.
        if tokio::time::timeout(Duration::from_millis(200), done).await.is_err() {
            break;
        }
    }
    (listener, held)
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_is_unavailable_because_nothing_was_written() {
    let (listener, _held) = blackhole().await;
    let url = format!("http://{}/", listener.local_addr().unwrap());
    for method in ["GET", "POST"] {
        let mut submission = message("x");
        submission.answer_by = soon(100);
        let outcome = send(&url, json!({"method": method}), submission).await;
        assert_eq!((outcome.class, outcome.segments_sent), (Unavailable, 0), "{method}");
        assert_eq!(&*outcome.detail, "not connected in time");
    }
    let mut submission = message("x");
    submission.valid_until = soon(100);
    let outcome = send(&url, json!({}), submission).await;
    assert_eq!(&*outcome.detail, "not connected before its validity ended");
    assert_eq!(outcome.class, Unavailable);
}

#[tokio::test]
async fn nothing_leaves_after_its_time() {
    let mut server = Server::ok().await;
    let mut bench = Bench::start(&server.url("/"), json!({}));
    let mut expired = message("x");
    expired.valid_until = Instant::now();
    let mut late = message("x");
    late.answer_by = Instant::now();
    for submission in [expired, late] {
        let outcome = bench.send(submission).await;
        assert_eq!((outcome.class, &*outcome.detail), (Unavailable, "not sent: its time had run out"));
    }
    assert!(server.requests.try_recv().is_err());
}

/// A server that reads nothing until the gate opens, and then says "OK".
async fn gated() -> (Server, watch::Sender<bool>) {
    let (gate, is_open) = watch::channel(false);
    let wrap = move |stream: TcpStream| {
        let mut is_open = is_open.clone();
        async move { is_open.wait_for(|is_open| *is_open).await.is_ok().then_some(stream) }
    };
    (Server::start_with(|_| answer("200 OK", "OK"), wrap).await, gate)
}

#[tokio::test]
async fn an_answer_that_comes_after_the_validity_still_counts() {
    let (server, gate) = gated().await;
    let mut bench = Bench::start(&server.url("/"), json!({}));
    let mut submission = message("x");
    let valid_until = soon(500);
    submission.valid_until = valid_until;
    bench.submit(submission);
    tokio::time::sleep_until((valid_until + Duration::from_millis(50)).into()).await;
    gate.send_replace(true);
    assert_eq!(bench.outcome().await.class, Sent);
}

#[tokio::test]
async fn an_answer_that_comes_while_the_gateway_drains_still_counts() {
    let (server, gate) = gated().await;
    let mut bench = Bench::start(&server.url("/"), json!({}));
    bench.submit(message("x"));
    // Taken; from here on it is awaited.
    while bench.work.waiting() > 0 {
        tokio::task::yield_now().await;
    }
    bench.stop.cancel();
    gate.send_replace(true);
    assert_eq!(bench.outcome().await.class, Sent);
    tokio::time::timeout(PATIENCE, bench.run).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn stopping_takes_no_more_awaits_what_is_under_way_and_gives_the_rest_back() {
    let mut server = Server::start(|request| {
        if request.contains("text=slow") { Reply::Hang(Vec::new()) } else { answer("200 OK", "OK") }
    })
    .await;
    let mut bench = Bench::start(&server.url("/"), json!({}));
    bench.submit(message("slow"));
    assert!(server.request().await.contains("text=slow"));
    bench.stop.cancel();
    bench.submit(message("late"));
    let outcome = bench.outcome().await;
    assert_eq!((outcome.class, outcome.segments_sent), (Uncertain, 1));
    assert_eq!(&*outcome.detail, "sent, but no answer before the gateway stopped");
    tokio::time::timeout(PATIENCE, &mut bench.run).await.expect("it ends").unwrap();
    assert_eq!(bench.work.waiting(), 1, "the late one waits for another gateway");
    assert!(server.requests.try_recv().is_err());
}

#[tokio::test]
async fn stopping_with_nothing_under_way_ends_at_once() {
    let bench = Bench::start("http://127.0.0.1:1/", json!({}));
    bench.stop.cancel();
    tokio::time::timeout(PATIENCE, bench.run).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn it_is_up_from_the_start_and_never_more_under_way_than_connections() {
    let mut server = Server::start(|_| Reply::Hang(Vec::new())).await;
    let bench = Bench::start(&server.url("/"), json!({"connections": 3}));
    for count in [2, 3] {
        for _ in 0..count {
            bench.submit(message("x"));
        }
        server.request().await;
    }
    server.request().await;
    assert_eq!(*bench.work.health.lock().unwrap(), [Health::Up { window: 3 }]);
    assert_eq!(bench.work.waiting(), 2, "the others wait for room");
}

#[tokio::test]
async fn an_address_that_is_not_public_is_refused_and_the_detail_says_what_to_do() {
    let server = Server::ok().await;
    let port = server.address.port();
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"] {
        let mut bench =
            Bench::start_guarded(&format!("http://{host}:{port}/"), json!({}), NetworkGuard::default());
        let outcome = bench.send(message("x")).await;
        assert_eq!(outcome.class, Refused, "{host}");
        assert!(outcome.detail.contains("is a loopback address"), "{}", outcome.detail);
        assert!(outcome.detail.contains("network.allow"), "{}", outcome.detail);
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_that_turns_to_this_machine_is_refused() {
    let server = Server::ok().await;
    let url = format!("http://rebinding.example:{}/", server.address.port());
    let turned = Arc::new(AtomicBool::new(false));
    let has_turned = turned.clone();
    // Permitted while it names 127.0.0.1, refused from the moment it names another address of this machine.
    let guard = local().resolving_with(move |_| {
        let last = if has_turned.load(Ordering::SeqCst) { [0, 0, 0, 0] } else { [127, 0, 0, 1] };
        Ok(vec![IpAddr::V4(Ipv4Addr::from(last))])
    });
    let first = Bench::start_guarded(&url, json!({}), guard.clone()).send(message("x")).await;
    assert_eq!(first.class, Sent, "{}", first.detail);
    turned.store(true, Ordering::SeqCst);
    let second = Bench::start_guarded(&url, json!({}), guard).send(message("x")).await;
    assert_eq!(second.class, Refused);
    assert!(second.detail.starts_with("rebinding.example has the address 0.0.0.0"), "{}", second.detail);
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_name_without_an_address_is_unavailable() {
    let guard = local().resolving_with(|_| Err(std::io::Error::other("no such name")));
    let outcome = Bench::start_guarded("http://gone.example/", json!({}), guard).send(message("x")).await;
    assert_eq!(outcome.class, Unavailable);
    assert!(outcome.detail.starts_with("gone.example has no address (no such name)"), "{}", outcome.detail);
}
