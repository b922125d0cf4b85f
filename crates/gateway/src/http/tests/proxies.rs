//! Through proxies: HTTP for both kinds of target, and SOCKS5.

use super::kit::{Bench, Server, answer, local, message, read_request, send};
use super::tls::https_server;
use crate::NetworkGuard;
use crate::test_authority::Authority;
use serde_json::{Value, json};
use std::net::SocketAddr;
use textgate_sms::OutcomeClass::{Account, Refused, Sent, Unavailable};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// "user:pass" in Basic authentication.
const AUTHORIZATION: &str = "Basic dXNlcjpwYXNz";

fn through(scheme: &str, proxy: SocketAddr) -> Value {
    json!({
        "use_proxy": true, "proxy_url": format!("{scheme}://{}", proxy.ip()), "proxy_port": proxy.port(),
        "proxy_username": "user", "proxy_password": "pass",
    })
}

/// A proxy for CONNECT: every target is `target`. Sends the heads it saw.
async fn connect_proxy(target: SocketAddr) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                let Some(head) = read_request(&mut stream).await else { return };
                let is_known = head.contains(AUTHORIZATION);
                let _ = sender.send(head);
                if !is_known {
                    let refused = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
                    let _ = stream.write_all(refused.as_bytes()).await;
                    return;
                }
                let Ok(mut onward) = TcpStream::connect(target).await else { return };
                stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut onward).await;
            });
        }
    });
    (address, seen)
}

/// A SOCKS5 proxy (RFC 1928) with user name and password (RFC 1929): every target is `target`. Sends what it was
/// asked for.
async fn socks_proxy(target: SocketAddr) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move { socks_session(stream, target, &sender).await });
        }
    });
    (address, seen)
}

async fn socks_session(
    mut stream: TcpStream,
    target: SocketAddr,
    seen: &mpsc::UnboundedSender<String>,
) -> Option<()> {
    let methods = octets(&mut stream, 1).await?; // after the version
    assert_eq!(methods[0], 5);
    let count = stream.read_u8().await.ok()?;
    let offered = octets(&mut stream, count.into()).await?;
    assert!(offered.contains(&2), "user name and password are offered");
    stream.write_all(&[5, 2]).await.ok()?;
    assert_eq!(stream.read_u8().await.ok()?, 1);
    let length = stream.read_u8().await.ok()?;
    let user = octets(&mut stream, length.into()).await?;
    let length = stream.read_u8().await.ok()?;
    let password = octets(&mut stream, length.into()).await?;
    if (&*user, &*password) != (b"user", b"pass") {
        stream.write_all(&[1, 1]).await.ok()?;
        return None;
    }
    stream.write_all(&[1, 0]).await.ok()?;
    let request = octets(&mut stream, 4).await?;
    assert_eq!(request[..3], [5, 1, 0]);
    let host = match request[3] {
        1 => octets(&mut stream, 4).await?.iter().map(u8::to_string).collect::<Vec<_>>().join("."),
        3 => {
            let length = stream.read_u8().await.ok()?;
            String::from_utf8(octets(&mut stream, length.into()).await?).unwrap()
        }
        kind => panic!("address type {kind}"),
    };
    let port = stream.read_u16().await.ok()?;
    let _ = seen.send(format!("{host}:{port}"));
    let mut onward = TcpStream::connect(target).await.ok()?;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.ok()?;
    let _ = copy_bidirectional(&mut stream, &mut onward).await;
    Some(())
}

async fn octets(stream: &mut TcpStream, count: usize) -> Option<Vec<u8>> {
    let mut octets = vec![0; count];
    stream.read_exact(&mut octets).await.ok()?;
    Some(octets)
}

#[tokio::test]
async fn an_http_target_is_asked_for_by_its_whole_url_with_the_proxys_account() {
    let mut proxy = Server::ok().await;
    // Nobody resolves the name here: that is the proxy's business.
    let guard = local().resolving_with(|host| panic!("{host} was resolved"));
    let more = through("http", proxy.address);
    let outcome = Bench::start_guarded("http://api.example.com/s?k=v", more, guard).send(message("x")).await;
    assert_eq!(outcome.class, Sent, "{}", outcome.detail);
    let request = proxy.request().await;
    assert!(
        request.starts_with("GET http://api.example.com/s?k=v&to=15550100199&text=x HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains(&format!("proxy-authorization: {AUTHORIZATION}\r\n")), "{request}");
}

#[tokio::test]
async fn an_https_target_is_reached_by_connect_and_the_proxy_sees_nothing_of_it() {
    let authority = Authority::new();
    let mut server = https_server(&authority, "api.example.com").await;
    let (proxy, mut seen) = connect_proxy(server.address).await;
    for method in ["GET", "POST"] {
        let mut more = through("http", proxy);
        more["ca_certificate"] = authority.pem().into();
        more["method"] = method.into();
        let outcome = send("https://api.example.com/s?k=v", more, message("x")).await;
        assert_eq!(outcome.class, Sent, "{}", outcome.detail);
        let head = seen.recv().await.unwrap();
        assert!(head.starts_with("CONNECT api.example.com:443 HTTP/1.1\r\n"), "{head}");
        assert!(!head.contains("text=") && !head.contains("k=v"), "{head}");
        let request = server.request().await;
        assert!(request.starts_with(&format!("{method} /s?k=v")), "{request}");
        assert!(!request.to_lowercase().contains("proxy-authorization"), "{request}");
    }
}

#[tokio::test]
async fn a_proxy_that_wants_another_account_is_an_account_fault() {
    let target = Server::ok().await;
    let (proxy, _seen) = connect_proxy(target.address).await;
    let mut more = through("http", proxy);
    more["proxy_password"] = "wrong".into();
    let outcome = send("https://api.example.com/", more, message("x")).await;
    assert_eq!(outcome.class, Account, "{}", outcome.detail);
    assert!(outcome.detail.contains("the proxy wants another user name or password"));

    let (proxy, _seen) = socks_proxy(target.address).await;
    let mut more = through("socks5h", proxy);
    more["proxy_password"] = "wrong".into();
    let outcome = send("http://api.example.com/", more, message("x")).await;
    assert_eq!(outcome.class, Account, "{}", outcome.detail);

    let proxy = Server::start(|_| answer("407 Proxy Authentication Required", "")).await;
    let outcome = send("http://api.example.com/", through("http", proxy.address), message("x")).await;
    assert_eq!(outcome.class, Account, "{}", outcome.detail);
}

#[tokio::test]
async fn a_proxy_that_does_not_reach_the_target_is_unavailable() {
    let proxy = Server::start(|_| answer("502 Bad Gateway", "")).await;
    for url in ["http://api.example.com/", "https://api.example.com/"] {
        let outcome = send(url, through("http", proxy.address), message("x")).await;
        assert_eq!((outcome.class, outcome.segments_sent), (Unavailable, 0), "{}", outcome.detail);
    }
}

#[tokio::test]
async fn socks5_resolves_here_and_socks5h_there() {
    let mut server = Server::ok().await;
    let (proxy, mut seen) = socks_proxy(server.address).await;
    let guard = local().resolving_with(|host| match host {
        "api.example.com" => Ok(vec!["8.8.4.4".parse().unwrap()]),
        _ => Err(std::io::Error::other("no such name")),
    });
    for (scheme, asked) in [("socks5", "8.8.4.4:8080"), ("socks5h", "api.example.com:8080")] {
        let more = through(scheme, proxy);
        let outcome = Bench::start_guarded("http://api.example.com:8080/s", more, guard.clone())
            .send(message("x"))
            .await;
        assert_eq!(outcome.class, Sent, "{scheme}: {}", outcome.detail);
        assert_eq!(seen.recv().await.unwrap(), asked);
        assert!(server.request().await.starts_with("GET /s?to="));
    }
}

#[tokio::test]
async fn socks5_carries_https() {
    let authority = Authority::new();
    let mut server = https_server(&authority, "api.example.com").await;
    let (proxy, mut seen) = socks_proxy(server.address).await;
    let mut more = through("socks5h", proxy);
    more["ca_certificate"] = authority.pem().into();
    let outcome = send("https://api.example.com/s", more, message("x")).await;
    assert_eq!(outcome.class, Sent, "{}", outcome.detail);
    assert_eq!(seen.recv().await.unwrap(), "api.example.com:443");
    assert!(server.request().await.starts_with("GET /s?to="));
}

#[tokio::test]
async fn the_proxy_is_guarded_like_any_host_and_a_targets_address_too() {
    let proxy = Server::ok().await;
    for scheme in ["http", "socks5h"] {
        let more = through(scheme, proxy.address);
        let outcome = Bench::start_guarded("http://api.example.com/", more, NetworkGuard::default())
            .send(message("x"))
            .await;
        assert_eq!(outcome.class, Refused, "{}", outcome.detail);
        assert!(outcome.detail.starts_with("127.0.0.1 is a loopback address"), "{}", outcome.detail);
    }
    let by_name =
        json!({"use_proxy": true, "proxy_url": "proxy.example", "proxy_port": proxy.address.port()});
    let guard = NetworkGuard::default().resolving_with(|_| Ok(vec!["127.0.0.1".parse().unwrap()]));
    let outcome = Bench::start_guarded("http://api.example.com/", by_name, guard).send(message("x")).await;
    assert_eq!(outcome.class, Refused, "{}", outcome.detail);
    // Through a permitted proxy, an address inside is still no target; and what socks5 resolves here is judged.
    let outcome = send("http://10.0.0.1/", through("http", proxy.address), message("x")).await;
    assert_eq!(outcome.class, Refused, "{}", outcome.detail);
    let guard = local().resolving_with(|_| Ok(vec!["10.0.0.1".parse().unwrap()]));
    let more = through("socks5", proxy.address);
    let outcome = Bench::start_guarded("http://api.example.com/", more, guard).send(message("x")).await;
    assert_eq!(outcome.class, Refused, "{}", outcome.detail);
    assert_eq!(proxy.connections.load(std::sync::atomic::Ordering::SeqCst), 0);
}
