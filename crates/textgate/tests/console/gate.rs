//! What every route is held to: generated from the table of routes, so that a new page is held to it too.

use crate::site::{number, site};
use crate::visitor::Visitor;
use reqwest::Method;
use textgate_console::{Need, table};

/// Every route's method and path, for this virtual server; other parts of paths are something that may be there.
fn paths(vs: &str) -> Vec<(&'static str, String, Need)> {
    let fill = |path: &str| {
        let parts = path.split('/').map(|part| match part {
            "{vs}" => vs,
            part if part.starts_with('{') => "1",
            part => part,
        });
        parts.collect::<Vec<_>>().join("/")
    };
    table().iter().map(|route| (route.method, fill(route.path), route.need)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_virtual_server_does_not_exist_at_any_address() {
    let server = site().await;
    let other = number(&server, "other").to_string();
    let nonsense = ["0", "1", &other, "99999", "4294967295", "4294967296", "-1", "x", "%00", "%ff", "..%2f2"];
    for name in ["ada", "ann", "olga"] {
        let mut visitor = Visitor::person(server.address(), name).await;
        for vs in nonsense {
            for (method, path, _) in paths(vs).iter().filter(|(_, path, _)| path.starts_with("/console/vs/"))
            {
                let seen = match *method {
                    "GET" => visitor.get(path).await,
                    _ => visitor.post(path, &[("name", "x"), ("credits", "1")]).await,
                };
                assert_eq!(seen.status, 404, "{name}: {method} {path}");
                assert!(!seen.body.contains("other"), "{name}: {method} {path}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_reads_and_is_refused_every_change() {
    let server = site().await;
    let mut auditor = Visitor::person(server.address(), "ann").await;
    let acme = number(&server, "acme").to_string();
    for (method, path, need) in paths(&acme) {
        if method == "POST" && !matches!(need, Need::Nobody | Need::Person) {
            let seen = auditor.post(&path, &[("name", "x"), ("credits", "1")]).await;
            assert_eq!(seen.status, 403, "{path}");
        }
        if method == "GET" && matches!(need, Need::Read | Need::Review) {
            let seen = auditor.get(&path).await;
            assert!(matches!(seen.status, 200 | 404), "{path}: {}", seen.status);
            assert!(seen.status == 404 || path.ends_with(|c: char| c.is_alphabetic()), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_works_on_one_virtual_server_and_sees_no_administration() {
    let server = site().await;
    let mut operator = Visitor::person(server.address(), "olga").await;
    let acme = number(&server, "acme");
    assert_eq!(operator.get(&format!("/console/vs/{acme}/allocation")).await.status, 200);
    for page in ["users", "api-keys", "audit", "virtual-servers"] {
        assert_eq!(operator.get(&format!("/console/vs/{acme}/{page}")).await.status, 403, "{page}");
    }
    let body = operator.get("/console/account").await.body;
    assert!(!body.contains("sales"), "what is below is not the operator's");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_signed_in_is_led_to_the_sign_in() {
    let server = site().await;
    let acme = number(&server, "acme").to_string();
    let mut guest = Visitor::guest(server.address()).await;
    for (method, path, need) in paths(&acme).iter().filter(|(_, _, need)| *need != Need::Nobody) {
        let seen = guest.ask(method.parse().unwrap(), path, &[], "").await;
        assert_eq!(seen.status, 303, "{method} {path} {need:?}");
        assert!(seen.location.starts_with("/console/sign-in?next=%2Fconsole%2F"), "{}", seen.location);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_its_token_or_from_another_site_changes_nothing() {
    let server = site().await;
    let mut ada = Visitor::person(server.address(), "ada").await;
    let eve = Visitor::person(server.address(), "eve").await;
    let acme = number(&server, "acme").to_string();
    let token = ada.csrf.clone();
    for (method, path, _) in paths(&acme).iter().filter(|(method, ..)| *method == "POST") {
        let wrong = format!("{}0", &token[..token.len() - 1]);
        for csrf in ["", "x", &*wrong, &eve.csrf] {
            let seen = ada.post_just(path, &[("csrf", csrf), ("name", "forged")]).await;
            assert_eq!(seen.status, 403, "{method} {path} with {csrf:?}");
        }
        for header in
            [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")]
        {
            let seen = ada.post_with(path, &[("csrf", &token), ("name", "forged")], &[header]).await;
            assert_eq!(seen.status, 403, "{method} {path} with {header:?}");
        }
        let json = format!("{{\"csrf\":\"{token}\"}}");
        let seen = ada.ask(Method::POST, path, &[("content-type", "text/plain")], &json).await;
        assert_eq!(seen.status, 403, "{method} {path} as text");
    }
    let tree = ada.get(&format!("/console/vs/{acme}/virtual-servers")).await.body;
    assert!(!tree.contains("forged") && tree.contains("sales"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_headers_that_hold_browsers_to_it() {
    let server = site().await;
    let mut ada = Visitor::person(server.address(), "ada").await;
    for path in ["/console/account", "/console/sign-in", "/console/nothing", "/console/static/console.css"] {
        let seen = ada.get(path).await;
        let header = |name: &str| seen.headers.get(name).map_or("", |value| value.to_str().unwrap());
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
            "{path}: {policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin", "{path}");
        let cached = if path.contains("static") { "public, max-age=31536000, immutable" } else { "no-store" };
        assert_eq!(header("cache-control"), cached, "{path}");
        // Neither would be let in by the policy.
        assert!(!seen.body.contains("<script>") && !seen.body.contains(" style="), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_not_and_what_is_too_large_get_a_page_of_their_own() {
    let server = site().await;
    let mut ada = Visitor::person(server.address(), "ada").await;
    let missing = ada.get("/console/nothing/here").await;
    assert_eq!(missing.status, 404);
    assert!(missing.body.contains("There is nothing here") && missing.body.contains("Allocation"));
    let method = ada.ask(Method::DELETE, "/console/account", &[], "").await;
    assert_eq!(method.status, 405);
    let large = "x".repeat(300 << 10);
    let seen = ada.post("/console/account/password", &[("old", &large)]).await;
    assert_eq!(seen.status, 413);
    assert!(seen.body.contains("too much"));
    let api = ada.get("/v1/nothing").await;
    assert_eq!((api.status, api.body.starts_with('{')), (404, true), "the API answers for itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_has_ended_leads_to_the_sign_in_and_back() {
    let server = site().await;
    let mut ada = Visitor::person(server.address(), "ada").await;
    server.cli_ok(&["user", "reset", "ada"]);
    let seen = ada.get("/console/account").await;
    assert_eq!((seen.status, &*seen.location), (303, "/console/sign-in?next=%2Fconsole%2Faccount"));
    let token = ada.csrf.clone();
    let seen = ada.post_just("/console/account/password", &[("csrf", &token), ("old", "x")]).await;
    assert_eq!((seen.status, &*seen.location), (303, "/console/sign-in?next=%2Fconsole%2F"));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_wrong_passwords_are_told_to_wait() {
    let server = site().await;
    let mut guest = Visitor::guest(server.address()).await;
    let mut last = 422;
    for _ in 0..30 {
        let seen = guest.post("/console/sign-in", &[("name", "ada"), ("password", "wrong password")]).await;
        last = seen.status;
        if last == 429 {
            assert!(seen.headers.contains_key("retry-after"));
            assert!(seen.body.contains("Too many tries"));
            break;
        }
        assert_eq!(last, 422);
        assert!(seen.body.contains("The user name or the password is not right."));
    }
    assert_eq!(last, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_ends_all_their_other_sessions() {
    let server = site().await;
    let (mut here, mut there) =
        (Visitor::person(server.address(), "ada").await, Visitor::person(server.address(), "ada").await);
    let mut root = Visitor::person(server.address(), "root").await;
    assert_eq!(here.get("/console/account").await.body.matches("This one").count(), 1);
    assert_eq!(here.post("/console/account/sessions", &[]).await.status, 303);
    assert_eq!(there.get("/console/account").await.status, 303, "it has ended");
    assert_eq!(here.get("/console/account").await.status, 200);
    assert_eq!(root.get("/console/account").await.status, 200, "nobody else's");
}
