//! Under a service manager: it is told what becomes of the server, and holds the socket while the server is another.

use super::kit::{PATIENCE, PHONE, Server, eventually, manifest, smpp, smsc, smsc_that};
use serde_json::json;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use textgate_simulator::Behaviour;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A service manager's socket, and what it has heard.
struct Manager(UnixDatagram);

impl Manager {
    fn new(server: &Server) -> (Self, std::path::PathBuf) {
        let path = server.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        (Self(socket), path)
    }

    /// The next that begins like this; others are signs of life.
    fn hears(&self, beginning: &str) -> String {
        loop {
            let mut octets = [0; 1024];
            let length = self.0.recv(&mut octets).unwrap_or_else(|error| panic!("{beginning}: {error}"));
            let heard = String::from_utf8(octets[..length].to_vec()).unwrap();
            if heard.starts_with(beginning) {
                return heard;
            }
            assert!(heard == "WATCHDOG=1" || heard.starts_with("STATUS="), "{heard} before {beginning}");
        }
    }
}

/// The server as a service manager starts it: with a socket that it holds.
fn with_socket(server: &Server, listener: &TcpListener) -> Command {
    // The shell's process becomes the server, so it can say whose the socket is.
    let serve = server.command(&["serve"]);
    let mut command = Command::new("sh");
    command.args(["-c", "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"", "sh"]);
    command.arg(serve.get_program()).args(serve.get_args());
    command.stdin(OwnedFd::from(listener.try_clone().unwrap()));
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_manager_hears_that_it_is_ready_alive_reloading_and_stopping() {
    let smsc = smsc().await;
    let mut server = Server::stopped();
    server.apply(&manifest(&[smpp("main", smsc.address(), "")]));
    let (manager, path) = Manager::new(&server);
    let mut command = server.command(&["serve"]);
    command.env("NOTIFY_SOCKET", path).env("WATCHDOG_USEC", "50000");
    server.serve_by(command).await;
    assert!(manager.hears("READY=1").contains(&format!("listening on {}", server.address())));
    for _ in 0..3 {
        manager.hears("WATCHDOG=1");
    }
    Command::new("kill").args(["-HUP", &server.pid().to_string()]).status().unwrap();
    assert!(manager.hears("RELOADING=1").contains("MONOTONIC_USEC="));
    manager.hears("READY=1");
    server.api().send_until(json!({"to": PHONE, "text": "on"}), "delivered").await;
    let stopping = tokio::task::spawn_blocking(move || manager.hears("STOPPING=1"));
    assert!(server.terminate().await);
    stopping.await.unwrap();
}

/// One request on a connection of its own, or on one that is kept: whether it was answered with 202.
async fn post(stream: &mut TcpStream, number: usize, key: &str) -> Result<(u16, bool), std::io::Error> {
    let body = json!({"to": PHONE, "text": format!("message {number}")}).to_string();
    let request = format!(
        "POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&answer).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let length: usize = header("content-length:").unwrap().parse().unwrap();
        if body.len() >= length {
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            return Ok((status, header("connection:") == Some("close")));
        }
    }
}

/// What callers have seen.
#[derive(Default)]
struct Seen {
    next: AtomicUsize,
    accepted: AtomicUsize,
    slowest_ms: AtomicUsize,
    stop: AtomicBool,
}

/// A caller that keeps its connection for as long as the server does, and repeats nothing: what is not answered has failed.
async fn call(address: SocketAddr, seen: Arc<Seen>, is_kept: bool) -> Vec<String> {
    let mut failed = Vec::new();
    let mut kept = None;
    while !seen.stop.load(Ordering::SeqCst) {
        let began = Instant::now();
        let number = seen.next.fetch_add(1, Ordering::SeqCst);
        let stream = match kept.take() {
            Some(stream) => Ok(stream),
            None => TcpStream::connect(address).await,
        };
        let mut stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                failed.push(format!("{number}: connect: {error}"));
                continue;
            }
        };
        match post(&mut stream, number, super::kit::KEY).await {
            Ok((202, closes)) => {
                seen.accepted.fetch_add(1, Ordering::SeqCst);
                let took = began.elapsed().as_millis() as usize;
                seen.slowest_ms.fetch_max(took, Ordering::SeqCst);
                kept = (is_kept && !closes).then_some(stream);
            }
            Ok((status, _)) => failed.push(format!("{number}: {status}")),
            Err(error) => failed.push(format!("{number}: {error}")),
        }
    }
    failed
}

#[tokio::test(flavor = "multi_thread")]
async fn over_restarts_under_load_with_a_held_socket_no_request_is_refused_or_lost() {
    let behaviour = Behaviour { answer_delay: Duration::from_millis(5), ..Behaviour::default() };
    let smsc = smsc_that(behaviour).await;
    let mut server = Server::stopped();
    server.apply(&manifest(&[smpp("main", smsc.address(), "")]));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let command = with_socket(&server, &listener);
    server.serve_with_stdin(command).await;
    assert_eq!(server.address(), address, "the configured address is not used");
    let seen = Arc::<Seen>::default();
    let callers: Vec<_> =
        (0..12).map(|n| tokio::spawn(call(address, Arc::clone(&seen), n % 3 != 0))).collect();
    let more = async |count: usize| {
        let enough = seen.accepted.load(Ordering::SeqCst) + count;
        eventually("it goes on", async || (seen.accepted.load(Ordering::SeqCst) > enough).then_some(()))
            .await;
    };
    for _ in 0..4 {
        more(200).await;
        assert!(server.terminate().await, "{}", server.log());
        let command = with_socket(&server, &listener);
        server.serve_with_stdin(command).await;
    }
    more(200).await;
    seen.stop.store(true, Ordering::SeqCst);
    let mut failed = Vec::new();
    for caller in callers {
        failed.extend(caller.await.unwrap());
    }
    let (asked, accepted) = (seen.next.load(Ordering::SeqCst), seen.accepted.load(Ordering::SeqCst));
    eprintln!(
        "4 restarts: {asked} requests, {accepted} accepted, {} failed, the slowest took {} ms",
        failed.len(),
        seen.slowest_ms.load(Ordering::SeqCst)
    );
    assert_eq!((failed, accepted), (Vec::new(), asked));
    let arrived = smsc.wait_for(PATIENCE, |all| all.len() >= accepted).await.expect("all arrive");
    assert_eq!(arrived.len(), accepted, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_leaves_says_so_before_it_takes_no_more() {
    let smsc = smsc().await;
    let mut server = Server::stopped_with("[network]\nallow = [\"127.0.0.0/8\"]\n[limits]\nleave_s = 2\n");
    server.apply(&manifest(&[smpp("main", smsc.address(), "")]));
    server.serve().await;
    let api = server.api();
    assert_eq!(api.get("/readyz").await.status, 200);
    Command::new("kill").args(["-TERM", &server.pid().to_string()]).status().unwrap();
    eventually("it is not ready", async || (api.get("/readyz").await.status == 503).then_some(())).await;
    let answer = api.get("/readyz").await;
    assert_eq!(answer.header("connection"), "close");
    assert!(answer.expect_problem(503, "not-ready")["detail"].as_str().unwrap().contains("stopping"));
    // Who has not looked yet is served as ever, also on a new connection.
    api.send(json!({"to": PHONE, "text": "late"})).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    assert_eq!(post(&mut stream, 1, super::kit::KEY).await.unwrap(), (202, true));
    smsc.wait_for(PATIENCE, |all| all.len() == 2).await.expect("both arrive");
    // A connection that was there is served to its end.
    assert!(server.is_alive());
    eventually("it ends", async || (!server.is_alive()).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_is_none_of_tcp_is_told_with_what_to_do() {
    let server = Server::stopped();
    let socket = std::os::unix::net::UnixListener::bind(server.path("s")).unwrap();
    let mut command = with_socket(&server, &TcpListener::bind("127.0.0.1:0").unwrap());
    let output = command.stdin(Stdio::from(OwnedFd::from(socket))).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("ListenStream="), "{said}");
}
