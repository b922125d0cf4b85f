//! In and out: set-up link, password, second factor, invitation, recovery code.

use crate::browser::{Browser, Options};
use crate::kit::Server;
use crate::site::{PASSWORD, number, site};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_by_password_is_where_they_wanted_and_signs_out_again() {
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    let at = server.address();
    browser.goto(at, "/console/account").await;
    assert_eq!(browser.here().await, "/console/sign-in?next=%2Fconsole%2Faccount");
    browser.fill("name", "ada").await;
    browser.fill("password", "not this one").await;
    browser.submit("main form.stack").await;
    assert!(browser.text().await.contains("The user name or the password is not right."));
    let name = browser.find("[name=name]").await.prop("value").await.unwrap();
    assert_eq!(name.as_deref(), Some("ada"), "what was typed is kept");
    assert!(!browser.source().await.contains("not this one"), "but not the password");
    browser.fill("name", "ADA").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("main form.stack").await;
    assert_eq!(browser.here().await, "/console/account");
    // Chromium takes a Secure cookie from this machine, and shows it to no script.
    assert_eq!(browser.script("return document.cookie").await, "");
    browser.sign_out().await;
    browser.goto(at, "/console/account").await;
    assert!(browser.here().await.starts_with("/console/sign-in"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_prints_a_link_by_which_the_first_user_is_made() {
    let mut server = Server::stopped();
    let mut command = server.command(&["serve"]);
    command.stdout(Stdio::null());
    server.serve_by(command).await;
    let link = server.cli_ok(&["user", "set-up-link"]);
    let (_, token) = link.trim().split_once("/console/set-up/").unwrap();
    let path = format!("/console/set-up/{token}");
    let Some(browser) = Browser::open_with(Options { scripts: false, ..Options::default() }).await else {
        return;
    };
    let at = server.address();
    browser.goto(at, "/console/set-up/nonsense").await;
    assert!(browser.text().await.contains("There is nothing here"));
    browser.goto(at, &path).await;
    browser.fill("name", "first@example.com").await;
    browser.fill("password", "short").await;
    browser.fill("again", "short").await;
    browser.submit("main form.stack").await;
    let problem = browser.text_of("#f-password-error").await;
    assert!(problem.contains("12 characters"), "{problem}");
    assert_eq!(
        browser.find("[name=name]").await.prop("value").await.unwrap().as_deref(),
        Some("first@example.com")
    );
    assert_eq!(browser.count("#problems a[href='#f-password']").await, 1, "the summary leads to the field");
    browser.fill("password", PASSWORD).await;
    browser.fill("again", "something else again").await;
    browser.submit("main form.stack").await;
    assert_eq!(browser.text_of("#f-again-error").await, "This is not the same as above.");
    browser.fill("password", PASSWORD).await;
    browser.fill("again", PASSWORD).await;
    browser.submit("main form.stack").await;
    assert!(browser.here().await.starts_with("/console/vs/"), "{}", browser.text().await);
    browser.goto(at, &path).await;
    assert!(browser.text().await.contains("There is nothing here"), "the link is good once");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_set_up_asked_for_and_replaced_by_a_recovery_code() {
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    let at = server.address();
    browser.sign_in(at, "ada").await;
    browser.goto(at, "/console/account").await;
    browser.follow("a[href='/console/account/second-factor']").await;
    assert_eq!(browser.count("img.qr[src^='data:image/svg']").await, 1);
    let natural = browser.script("return document.querySelector('img.qr').naturalWidth").await;
    assert!(natural.as_u64().unwrap() > 0, "the policy lets the picture in");
    let secret = browser.text_of(".secret code").await;
    browser.fill("code", "000000").await;
    browser.submit("main form.stack").await;
    assert_eq!(browser.text_of("#f-code-error").await, "this is not the code that the app shows now");
    assert_eq!(browser.text_of(".secret code").await, secret, "the same offer");
    browser.fill("code", &code_of(&secret)).await;
    browser.submit("main form.stack").await;
    let codes = browser.text_of(".codes").await;
    let recovery = codes.lines().next().unwrap().to_owned();
    browser.axe("recovery codes").await;
    browser.follow("main a.button.primary").await;
    assert!(browser.text().await.contains("recovery codes are left"));
    assert!(!browser.source().await.contains(&recovery), "they are shown once");
    browser.sign_out().await;

    browser.fill("name", "ada").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("main form.stack").await;
    assert!(!browser.source().await.contains(PASSWORD), "the password does not come back");
    browser.axe("second step").await;
    browser.fill("code", "123456").await;
    browser.submit("main form.stack").await;
    assert!(browser.text().await.contains("This code is not right"));
    browser.fill("code", &recovery).await;
    browser.submit("main form.stack").await;
    assert!(browser.here().await.starts_with("/console/vs/"), "{}", browser.text().await);

    browser.goto(at, "/console/account").await;
    browser.press("details.dialog summary").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("form[action$='second-factor/remove']").await;
    assert!(browser.text().await.contains("The second factor was removed."));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_invited_sets_a_password_and_changes_it_without_a_script() {
    let server = site().await;
    let Some(browser) = Browser::open_with(Options { scripts: false, ..Options::default() }).await else {
        return;
    };
    let (at, acme) = (server.address(), number(&server, "acme"));
    browser.sign_in(at, "ada").await;
    browser.goto(at, &format!("/console/vs/{acme}/users")).await;
    browser.fill("name", "ada").await;
    browser.submit("main form.stack").await;
    assert!(browser.text_of("#f-name-error").await.contains("ada"), "the name is taken");
    browser.fill("name", "ben@example.com").await;
    browser.choose("role", "operator").await;
    browser.submit("main form.stack").await;
    let link = browser.text_of(".secret code").await;
    assert!(link.contains("/console/invitation/"), "{link}");
    assert_eq!(
        browser.count(".secret button[hidden]").await,
        1,
        "no script runs: there is no button that copies"
    );
    browser.goto(at, &format!("/console/vs/{acme}/users")).await;
    assert!(browser.text().await.contains("No password yet"));
    assert!(!browser.source().await.contains("/console/invitation/"), "it is shown once");
    browser.sign_out().await;

    let path = &link[link.find("/console/").unwrap()..];
    browser.goto(at, path).await;
    assert!(browser.text().await.contains("Welcome, ben@example.com"));
    browser.fill("password", PASSWORD).await;
    browser.fill("again", PASSWORD).await;
    browser.submit("main form.stack").await;
    assert!(browser.text().await.contains("The password is set, ben@example.com."));
    browser.goto(at, path).await;
    assert!(browser.text().await.contains("There is nothing here"), "the link is good once");

    browser.sign_in(at, "ben@example.com").await;
    browser.goto(at, "/console/account").await;
    browser.fill("old", "not the old one").await;
    browser.fill("new", "another good password").await;
    browser.fill("again", "another good password").await;
    browser.submit("form[action$='password']").await;
    assert_eq!(browser.count("#f-old-error").await, 1);
    browser.fill("old", PASSWORD).await;
    browser.fill("new", "another good password").await;
    browser.fill("again", "another good password").await;
    browser.submit("form[action$='password']").await;
    assert!(browser.text().await.contains("Your password was changed."), "{}", browser.text().await);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_names_the_console_and_lets_its_user_in() {
    let nowhere = Server::stopped();
    let mut child = nowhere.command(&["demo"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let told = tokio::task::spawn_blocking(move || {
        let mut lines = stdout.lines().map_while(Result::ok);
        let console = lines.find(|line| line.contains("Console")).unwrap();
        // What is left of them is held: a demo that cannot write ends.
        (console, lines.next().unwrap(), lines)
    });
    let (console, user, _held) = told.await.unwrap();
    let address = console.split("http://").nth(1).unwrap().trim_end_matches("/console/").parse().unwrap();
    let password = user.split("password ").nth(1).unwrap().to_owned();
    let mut guest = crate::visitor::Visitor::guest(address).await;
    let seen = guest.post("/console/sign-in", &[("name", "demo"), ("password", &password)]).await;
    let _ = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    let _ = tokio::task::spawn_blocking(move || child.wait()).await;
    assert_eq!((seen.status, &*seen.location), (303, "/console/"));
}

/// The code of this secret now (RFC 6238 with its defaults), which the page shows in groups.
fn code_of(secret: &str) -> String {
    let value = |c: u8| match c {
        b'A'..=b'Z' => u64::from(c - b'A'),
        b'2'..=b'7' => u64::from(c - b'2') + 26,
        _ => panic!("{secret}"),
    };
    let (mut key, mut bits, mut count) = (Vec::new(), 0u64, 0);
    for five in secret.bytes().filter(|c| *c != b' ').map(value) {
        bits = bits << 5 | five;
        count += 5;
        if count >= 8 {
            count -= 8;
            key.push((bits >> count) as u8);
        }
    }
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = ring::hmac::sign(&key, &(seconds / 30).to_be_bytes());
    let octets = tag.as_ref();
    let at = usize::from(octets[19] & 15);
    let number = u32::from_be_bytes(octets[at..at + 4].try_into().unwrap()) & 0x7FFF_FFFF;
    format!("{:06}", number % 1_000_000)
}
