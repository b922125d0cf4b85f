//! Behind a reverse proxy: who asks, and who only says so.

use crate::kit::Server;
use crate::site::add_user;
use crate::visitor::Visitor;
use reqwest::Method;

/// A server with `root`, and these lines in `[http]`.
async fn server_with(http: &str) -> Server {
    let mut server = Server::stopped_with("");
    let path = server.path("textgate.toml");
    let config = std::fs::read_to_string(&path).unwrap().replace("[http]\n", &format!("[http]\n{http}\n"));
    std::fs::write(&path, config).unwrap();
    server.serve().await;
    add_user(&server, "root", "/", "administrator");
    server
}

/// What is answered to a wrong password that comes with these headers.
async fn guess(server: &Server, headers: &[(&str, &str)]) -> u16 {
    let mut visitor = Visitor::guest(server.address()).await;
    let csrf = visitor.csrf.clone();
    let fields = [("name", "root"), ("password", "not this one"), ("csrf", &*csrf)];
    visitor.post_with("/console/sign-in", &fields, headers).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn without_trusted_proxies_nobody_gets_more_guesses_by_naming_another_address() {
    let server = server_with("trusted_proxies = [\"10.0.0.0/8\"]").await;
    let mut statuses = Vec::new();
    for number in 0..7 {
        let address = format!("203.0.113.{number}");
        let headers = [
            ("x-forwarded-for", &*address),
            ("forwarded", &*format!("for={address}")),
            ("x-real-ip", &*address),
        ];
        statuses.push(guess(&server, &headers).await);
    }
    assert_eq!(statuses[..5], [422; 5]);
    assert!(statuses[5..].contains(&429), "{statuses:?}");
    let audit = server.cli_ok(&["audit", "list"]);
    assert!(!audit.contains("203.0.113."), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_each_address_counts_for_itself_and_only_the_one_that_the_proxy_added() {
    let server = server_with("trusted_proxies = [\"127.0.0.0/8\"]").await;
    for number in 0..8 {
        let address = format!("203.0.113.{number}");
        assert_eq!(guess(&server, &[("x-forwarded-for", &address)]).await, 422, "{address}");
    }
    // What stands before it is the client's own word.
    let mut statuses = Vec::new();
    for number in 0..7 {
        let said = format!("198.51.100.{number}, 192.0.2.7");
        statuses.push(guess(&server, &[("x-forwarded-for", &said)]).await);
    }
    assert_eq!(statuses[..5], [422; 5]);
    assert!(statuses[5..].contains(&429), "{statuses:?}");
    let mut root = Visitor::guest(server.address()).await;
    let csrf = root.csrf.clone();
    let fields = [("name", "root"), ("password", crate::site::PASSWORD), ("csrf", &*csrf)];
    let seen =
        root.post_with("/console/sign-in", &fields, &[("x-forwarded-for", "1.2.3.4, 192.0.2.9:4711")]).await;
    assert_eq!(seen.status, 303);
    let audit = server.cli_ok(&["audit", "list"]);
    assert!(audit.contains("signed in from 192.0.2.9") && !audit.contains("1.2.3.4"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_decides_where_a_provider_sends_people_back_to() {
    let provider = crate::oidc::provider::Provider::start().await;
    let mut server = Server::stopped_with(&provider.config());
    let path = server.path("textgate.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    let http = "[http]\ntrusted_proxies = [\"127.0.0.0/8\"]\npublic_url = \"https://sms.example.com\"\n";
    std::fs::write(&path, config.replace("[http]\n", http)).unwrap();
    server.serve().await;
    let mut visitor = Visitor::guest(server.address()).await;
    let headers = [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "host=evil.example;proto=http"),
    ];
    let seen = visitor.ask(Method::GET, "/console/sign-in/oidc", &headers, "").await;
    let back = "redirect_uri=https%3A%2F%2Fsms.example.com%2Fconsole%2Fsign-in%2Foidc%2Fcallback";
    assert!(seen.status == 303 && seen.location.contains(back), "{}", seen.location);
    let cookies = seen.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let cookie = cookies.into_iter().find(|cookie| cookie.starts_with("__Host-textgate-oidc=")).unwrap();
    assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600"), "{cookie}");
}
