//! A tenant's settings do not reach the provider's own network.

use super::kit::{PHONE, Server, Tenant, eventually, gateway};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const KEY: &str = "tg_curious_0123456789abcdefgh";

/// A listener that counts who comes.
struct Trap {
    address: SocketAddr,
    visitors: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Trap {
    async fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, visitors) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&visitors);
        let task = tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, visitors, task }
    }

    fn visitors(&self) -> usize {
        self.visitors.load(Ordering::SeqCst)
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn generic(url: &str, more: &str) -> String {
    let settings =
        format!("url = \"{url}\"\ndestination_parameter = \"to\"\nmessage_parameter = \"text\"\n{more}");
    gateway("generic-http", "main", &settings)
}

fn smpp_at(host: &str, port: u16) -> String {
    gateway("smpp", "main", &format!("system_id = \"esme\"\nhost = \"{host}\"\nport = {port}"))
}

/// What the server says of a gateway like this after a message by it: its attempt's detail, or why the gateway is down.
async fn said_of(server: &mut Server, gateway: String) -> String {
    let manifest =
        Tenant { path: "curious", key: KEY, more: "", settings: "mode = \"custom\"", gateways: &[gateway] }
            .toml();
    let path = server.path("manifest.toml");
    std::fs::write(&path, manifest).unwrap();
    let applied = server.cli(&["apply", "--yes", path.to_str().unwrap()]);
    if !applied.status.success() {
        return String::from_utf8(applied.stderr).unwrap();
    }
    let api = server.api_as(KEY);
    let id = api.send(json!({"to": PHONE, "text": "x", "kind": "otp"})).await;
    eventually("it says what is wrong", async || {
        let message = api.message(&id).await;
        let attempt = message["attempts"][0]["detail"].as_str().map(str::to_owned);
        let status = api.gateway("main").await;
        assert_ne!(message["status"], "sent");
        attempt.or_else(|| status["reason"].as_str().map(str::to_owned))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_gateway_reaches_loopback_private_or_link_local_addresses_however_they_are_written() {
    let trap = Trap::set().await;
    let port = trap.address.port();
    let mut server = Server::stopped_with("");
    server.serve().await;
    let proxy = |url: &str| {
        generic("http://192.0.2.1/", &format!("use_proxy = true\nproxy_url = \"{url}\"\nproxy_port = {port}"))
    };
    let gateways = [
        generic(&format!("http://127.0.0.1:{port}/"), ""),
        generic(&format!("http://localhost:{port}/"), ""),
        generic(&format!("http://2130706433:{port}/"), ""),
        generic(&format!("http://0x7f.1:{port}/"), ""),
        generic(&format!("http://0.0.0.0:{port}/"), ""),
        generic(&format!("http://[::1]:{port}/"), ""),
        generic(&format!("http://[::ffff:127.0.0.1]:{port}/"), ""),
        generic("http://10.1.2.3/", ""),
        generic("https://192.168.0.1/", ""),
        generic("http://169.254.169.254/latest/meta-data", ""),
        proxy("http://127.0.0.1"),
        proxy("http://localhost"),
        proxy("socks5://127.0.0.1"),
        smpp_at("127.0.0.1", port),
        smpp_at("localhost", port),
        smpp_at("::1", port),
        smpp_at("10.1.2.3", 2775),
    ];
    for gateway in gateways {
        let said = said_of(&mut server, gateway.clone()).await;
        assert!(said.contains("network.allow"), "{gateway}\n{said}");
    }
    assert_eq!(trap.visitors(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_provider_can_allow_a_range() {
    let trap = Trap::set().await;
    let port = trap.address.port();
    let mut server = Server::stopped_with("[network]\nallow = [\"127.0.0.1/32\"]\n");
    server.serve().await;
    let said = said_of(&mut server, generic(&format!("http://127.0.0.2:{port}/"), "")).await;
    assert!(said.contains("network.allow"), "{said}");
    assert_eq!(trap.visitors(), 0);
    let said = said_of(&mut server, generic(&format!("http://127.0.0.1:{port}/"), "")).await;
    assert!(!said.contains("network.allow"), "{said}");
    assert!(trap.visitors() > 0);
}
