//! Sign-in at an OpenID Connect provider, through the real binary and over real sockets.

pub mod provider;

use crate::browser::Browser;
use crate::kit::{Server, eventually, nobody};
use crate::site::{PASSWORD, add_user, number, tenants};
use crate::visitor::{Seen, Visitor};
use provider::{CLIENT, Lie, Provider, SECRET, config, pairs};
use serde_json::{Value, json};

const COOKIE: &str = "__Host-textgate-oidc";

/// A server whose people may sign in at this provider, with `root`, who signs in by password.
async fn server_with(oidc: &str) -> Server {
    let mut server = Server::stopped_with(oidc);
    server.apply(&tenants());
    server.serve().await;
    add_user(&server, "root", "/", "administrator");
    server
}

/// A visitor on the way to the provider and back again, from the button: the address to go back to.
async fn back_of(visitor: &mut Visitor, next: &str) -> String {
    let begun = visitor.get(&format!("/console/sign-in/oidc?next={next}")).await;
    assert_eq!(begun.status, 303, "{}", begun.body);
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let answer = client.build().unwrap().get(&begun.location).send().await.unwrap();
    let back = answer.headers()["location"].to_str().unwrap().to_owned();
    let at = back.find("/console/").unwrap();
    back[at..].to_owned()
}

/// The whole way in.
async fn come(server: &Server) -> (Visitor, Seen) {
    let mut visitor = Visitor::guest(server.address()).await;
    let back = back_of(&mut visitor, "%2Fconsole%2Faccount").await;
    let seen = visitor.get(&back).await;
    assert!(!seen.body.contains("code-"), "no page repeats the code");
    (visitor, seen)
}

/// What the page says that went wrong.
fn said(seen: &Seen) -> String {
    let rest = seen.body.split_once("role=\"alert\"").map_or("", |(_, rest)| rest);
    let rest = rest.split_once("<span>").map_or("", |(_, rest)| rest);
    rest.split("</span>").next().unwrap_or_default().replace("&#38;", "&")
}

/// Path and role of a user.
fn of(server: &Server, name: &str) -> Option<(String, String)> {
    let list: Value = serde_json::from_str(&server.cli_ok(&["user", "list", "--json"])).unwrap();
    let user = list["users"].as_array().unwrap().iter().find(|user| user["name"] == name)?;
    Some((user["path"].as_str().unwrap().into(), user["role"].as_str().unwrap().into()))
}

/// Waits until the log says this.
async fn logged(server: &Server, words: &str) {
    eventually(words, async || server.log().contains(words).then_some(())).await;
}

/// That nothing secret is in the server's log.
fn assert_discreet(server: &Server, provider: &Provider) {
    let log = server.log();
    for secret in provider.now().tokens.iter().map(String::as_str).chain([SECRET, "code-", "secret reasons"])
    {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_value_of_the_claim_leads_to_its_role_and_a_user_follows_it() {
    let provider = Provider::start().await;
    let server = server_with(&provider.config()).await;
    for (subject, name, groups, path, role) in [
        ("1", "ada@example.com", &["staff", "sms-admins"][..], "/", "administrator"),
        ("2", "olga", &["acme-operators", "acme-audit"], "acme", "operator"),
        ("3", "ann", &["acme-audit"], "acme", "auditor"),
        // The same person with another role, and another name at the provider.
        ("3", "ann.b", &["acme-operators"], "acme", "operator"),
    ] {
        provider.person(subject, name, groups);
        let (mut visitor, seen) = come(&server).await;
        assert_eq!((seen.status, &*seen.location), (303, "/console/account"), "{name}: {}", said(&seen));
        let page = visitor.get("/console/account").await;
        assert_eq!(page.status, 200);
        let name = if subject == "3" { "ann" } else { name };
        assert!(page.body.contains(name));
        assert_eq!(of(&server, name), Some((path.into(), role.into())));
    }
    assert_eq!(of(&server, "ann.b"), None);
    // An operator sees its virtual server and no other.
    provider.person("2", "olga", &["acme-operators"]);
    let (mut olga, _) = come(&server).await;
    let acme = number(&server, "acme");
    assert_eq!(olga.get(&format!("/console/vs/{acme}/allocation")).await.status, 200);
    assert_eq!(olga.get("/console/vs/1/allocation").await.status, 404);
    // Nobody has a password by that.
    for password in ["", PASSWORD] {
        let mut visitor = Visitor::guest(server.address()).await;
        let seen = visitor.post("/console/sign-in", &[("name", "olga"), ("password", password)]).await;
        assert_eq!(seen.status, 422);
    }
    let audit = server.cli_ok(&["audit", "list"]);
    assert!(audit.contains("signed in by http://127.0.0.1:"), "{audit}");
    let metrics = server.metrics().await;
    assert_eq!(crate::kit::metric(&metrics, "textgate_sign_ins_total", &["done"]), 5.0);
    assert_discreet(&server, &provider);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_role_or_a_name_that_is_taken_is_told_so() {
    let provider = Provider::start().await;
    let server = server_with(&provider.config()).await;
    for (name, groups, message) in [
        ("eve", json!(["others"]), "no role here"),
        ("eve", json!([]), "no role here"),
        ("eve", Value::Null, "no role here"),
        ("eve", json!({"sms-admins": true}), "no role here"),
        ("ROOT", json!(["sms-admins"]), "another user here is called ROOT"),
        ("e v e", json!(["sms-admins"]), "cannot be used here"),
        ("<b>eve", json!(["sms-admins"]), "cannot be used here"),
    ] {
        provider.now().claims = json!({"sub": "9", "preferred_username": name, "groups": groups});
        let (mut visitor, seen) = come(&server).await;
        assert_eq!(seen.status, 403, "{name} {groups}");
        assert!(said(&seen).starts_with("Example & Co has signed you in") && said(&seen).contains(message));
        assert!(visitor.get("/console/account").await.location.starts_with("/console/sign-in"));
    }
    assert_eq!(of(&server, "root"), Some(("/".into(), "administrator".into())));
    assert_eq!(of(&server, "eve"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_elsewhere_or_used_before_is_refused() {
    let provider = Provider::start().await;
    let server = server_with(&provider.config()).await;
    provider.person("1", "ada", &["sms-admins"]);
    let assert_stale = |seen: &Seen, case: &str| {
        assert_eq!(seen.status, 400, "{case}");
        assert!(said(seen).contains("begun in another window"), "{case}: {}", said(seen));
        assert!(!seen.body.contains("code-"), "{case}");
    };
    let redeemed = || provider.now().asked.iter().filter(|path| path.ends_with("/token")).count();
    let mut ada = Visitor::guest(server.address()).await;
    let mut eve = Visitor::guest(server.address()).await;
    let back = back_of(&mut ada, "").await;
    // Somebody else's browser, with nothing or with a sign-in of its own under way.
    assert_stale(&eve.get(&back).await, "no cookie");
    let other = back_of(&mut eve, "").await;
    assert_stale(&eve.get(&back).await, "another's state");
    // Another state, none, and one of another sign-in with this one's code.
    let query = pairs(back.split_once('?').unwrap().1);
    let (code, state) = (&query["code"], &query["state"]);
    let address =
        |code: &str, state: &str| format!("/console/sign-in/oidc/callback?code={code}&state={state}");
    let cookie = ada.cookie(COOKIE);
    for wrong in [&address(code, "x"), &address(code, ""), "/console/sign-in/oidc/callback", &other] {
        assert_stale(&ada.get(wrong).await, wrong);
        assert_eq!(ada.cookie(COOKIE), "", "a try uses the cookie up");
        ada.bring(COOKIE, &cookie);
    }
    ada.bring(COOKIE, &cookie.replacen('1', "2", 1));
    assert_stale(&ada.get(&back).await, "another time in the cookie");
    assert_eq!(redeemed(), 0, "nobody asked the provider about any of them");
    ada.bring(COOKIE, &cookie);
    let seen = ada.get(&address(code, state)).await;
    assert_eq!((seen.status, &*seen.location), (303, "/console/"), "{}", said(&seen));
    assert_eq!(ada.cookie(COOKIE), "");
    // The same again, with the cookie kept by whoever saw it.
    eve.bring(COOKIE, &cookie);
    assert_stale(&eve.get(&back).await, "state and code again");
    assert_eq!(redeemed(), 1);
    // A used code under a state of eve's own: it is the provider who refuses it.
    let fresh = back_of(&mut eve, "").await;
    let state = &pairs(fresh.split_once('?').unwrap().1)["state"];
    assert_stale(&eve.get(&address(code, state)).await, "the code again");
    assert_eq!(redeemed(), 2);
    // And a good one of another sign-in, which the verifier does not fit.
    let stolen = back_of(&mut ada, "").await;
    let code = &pairs(stolen.split_once('?').unwrap().1)["code"];
    let fresh = back_of(&mut eve, "").await;
    let state = &pairs(fresh.split_once('?').unwrap().1)["state"];
    assert_stale(&eve.get(&address(code, state)).await, "another's code");
    assert!(eve.get("/console/account").await.location.starts_with("/console/sign-in"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_that_is_not_right_lets_nobody_in() {
    let provider = Provider::start().await;
    let server = server_with(&provider.config()).await;
    let lies = [
        (json!({"nonce": "other"}), Lie::None, "nonce"),
        (json!({"aud": "other"}), Lie::None, "audience"),
        (json!({"aud": [CLIENT, "other"], "azp": "other"}), Lie::None, "azp"),
        (json!({"iss": "https://evil.example"}), Lie::None, "another issuer"),
        (json!({"exp": 1_700_000_000, "iat": 1_699_999_000}), Lie::None, "has expired"),
        (json!({"iat": 9_999_999_999_i64}), Lie::None, "of the future"),
        (json!({}), Lie::Unsigned, "not signed by RS256 or ES256"),
        (json!({}), Lie::Mac, "not signed by RS256 or ES256"),
        (json!({}), Lie::HiddenKey, "by none of the provider's keys"),
    ];
    for (claims, lie, reason) in lies {
        provider.person("1", "ada", &["sms-admins"]);
        for (name, value) in claims.as_object().unwrap() {
            provider.now().claims[name] = value.clone();
        }
        provider.now().lie = lie;
        let (mut visitor, seen) = come(&server).await;
        assert_eq!(seen.status, 502, "{reason}");
        assert!(said(&seen).contains("could not be verified"), "{reason}: {}", said(&seen));
        assert!(visitor.get("/console/account").await.location.starts_with("/console/sign-in"));
        logged(&server, reason).await;
    }
    assert_eq!(of(&server, "ada"), None);
    assert_discreet(&server, &provider);
    provider.now().lie = Lie::None;
    provider.person("1", "ada", &["sms-admins"]);
    assert_eq!(come(&server).await.1.status, 303, "and what is right still does");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_signs_by_another_key_is_asked_for_it_and_otherwise_left_alone() {
    let provider = Provider::start().await;
    let server = server_with(&provider.config()).await;
    provider.person("1", "ada", &["sms-admins"]);
    let asked = |place: &str| provider.now().asked.iter().filter(|path| path.ends_with(place)).count();
    for _ in 0..3 {
        assert_eq!(come(&server).await.1.status, 303);
    }
    assert_eq!((asked("openid-configuration"), asked("jwks")), (1, 1), "kept between sign-ins");
    provider.rotate();
    for _ in 0..2 {
        assert_eq!(come(&server).await.1.status, 303);
    }
    assert_eq!((asked("openid-configuration"), asked("jwks")), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_is_named_as_such_and_comes_back() {
    let address = nobody();
    let server = server_with(&config(address)).await;
    let mut visitor = Visitor::guest(server.address()).await;
    let seen = visitor.get("/console/sign-in/oidc").await;
    assert_eq!((seen.status, &*seen.location), (502, ""));
    assert!(said(&seen).starts_with("Example & Co cannot be reached"), "{}", said(&seen));
    let german =
        visitor.ask(reqwest::Method::GET, "/console/sign-in/oidc", &[("accept-language", "de")], "").await;
    assert!(said(&german).contains("ist nicht zu erreichen"), "{}", said(&german));
    // By password everybody comes in all the same.
    Visitor::person(server.address(), "root").await;

    let provider = Provider::start_at(tokio::net::TcpListener::bind(address).await.unwrap());
    provider.person("1", "ada", &["sms-admins"]);
    assert_eq!(come(&server).await.1.status, 303);
    for (lie, status, message) in [
        (Lie::Down, 502, "cannot be reached, or did not answer as it should"),
        (Lie::Endless, 502, "cannot be reached, or did not answer as it should"),
        (Lie::Denies, 403, "did not sign you in"),
    ] {
        let mut visitor = Visitor::guest(server.address()).await;
        provider.now().lie = if lie == Lie::Down { Lie::None } else { lie };
        let back = back_of(&mut visitor, "").await;
        provider.now().lie = lie;
        let seen = visitor.get(&back).await;
        assert_eq!(seen.status, status, "{lie:?}");
        assert!(said(&seen).contains(message), "{lie:?}: {}", said(&seen));
    }
    logged(&server, "access_denied").await;
    assert_discreet(&server, &provider);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_makes_up_answers_of_the_provider_has_to_wait() {
    let provider = Provider::start().await;
    let server = server_with(&provider.config()).await;
    let mut eve = Visitor::guest(server.address()).await;
    let mut statuses = Vec::new();
    for number in 0..60 {
        statuses.push(eve.get(&format!("/console/sign-in/oidc/callback?code={number}&state=x")).await.status);
    }
    assert_eq!(statuses[..20], [400; 20]);
    assert!(statuses[20..].contains(&429), "{statuses:?}");
    assert!(provider.now().asked.is_empty(), "the provider is not bothered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_whose_metadata_are_of_another_issuer_is_not_used() {
    let provider = Provider::start().await;
    let config = provider.config().replace("/realms/example\"", "/realms/example/\"");
    let server = server_with(&config).await;
    let mut visitor = Visitor::guest(server.address()).await;
    let seen = visitor.get("/console/sign-in/oidc").await;
    assert_eq!(seen.status, 502);
    assert!(said(&seen).contains("could not be verified"));
    logged(&server, "names another issuer").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_over_tls_is_asked_where_the_system_trusts_its_certificate_and_not_otherwise() {
    let (provider, authority) = Provider::start_with_tls().await;
    let mut server = Server::stopped_with(&provider.config());
    let pem = server.path("authority.pem");
    std::fs::write(&pem, authority).unwrap();
    let begin =
        async |server: &Server| Visitor::guest(server.address()).await.get("/console/sign-in/oidc").await;
    server.serve().await;
    let seen = begin(&server).await;
    assert!(seen.status == 502 && said(&seen).contains("cannot be reached"), "{}", said(&seen));
    logged(&server, "certificate").await;
    assert!(provider.now().asked.is_empty());
    assert!(server.terminate().await);
    let mut command = server.command(&["serve"]);
    command.env("SSL_CERT_FILE", &pem);
    server.serve_by(command).await;
    let seen = begin(&server).await;
    assert!(seen.status == 303 && seen.location.starts_with("https://localhost:"), "{}", said(&seen));
    assert_eq!(provider.now().asked.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_provider_there_is_no_button_and_no_address() {
    let mut server = Server::stopped();
    server.serve().await;
    let mut visitor = Visitor::guest(server.address()).await;
    assert!(!visitor.get("/console/sign-in").await.body.contains("oidc"));
    for path in
        ["/console/sign-in/oidc", "/console/sign-in/oidc/callback?code=x&state=y", "/console/sign-out/oidc"]
    {
        assert_eq!(visitor.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_at_the_provider_in_a_browser_and_signs_out_there_too() {
    let provider = Provider::start().await;
    let config = provider.config().replace("label =", "claim = \"realm_access.roles\"\nlabel =");
    let server = server_with(&config).await;
    provider.now().claims = json!({"sub": "1", "email": "ada@example.com", "preferred_username": null, "realm_access": {"roles": ["acme-audit"]}});
    let Some(browser) = Browser::open().await else { return };
    let at = server.address();
    browser.goto(at, "/console/account").await;
    assert_eq!(browser.text_of("a[href^='/console/sign-in/oidc']").await, "Sign in with Example & Co");
    browser.axe("sign-in with a provider").await;
    browser.picture("sign-in-oidc", crate::browser::Width::Desktop).await;
    browser.follow("a[href^='/console/sign-in/oidc']").await;
    assert_eq!(browser.here().await, "/console/account", "{}", browser.text().await);
    assert!(browser.text().await.contains("ada@example.com"));
    browser.press(".seat > summary").await;
    browser.submit(".seat form[action=\"/console/sign-out\"]").await;
    assert!(browser.text().await.contains("may still be signed in at Example & Co"));
    browser.axe("signed out").await;
    browser.follow("a[href='/console/sign-out/oidc']").await;
    assert_eq!(browser.text().await, format!("Signed out of {CLIENT}"));
    browser.goto(at, "/console/account").await;
    assert!(browser.here().await.starts_with("/console/sign-in"));
    browser.close().await;
}
