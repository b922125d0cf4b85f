//! What must not be found anywhere.

use super::kit::{
    KEY, PATIENCE, Server, answering, eventually, gateway, manifest_with, provider, smpp, target,
};
use serde_json::{Value, json};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use textgate_simulator::{HttpProvider, Smsc, SmscOptions};

const PASSCODE: &str = "739518";
const NUMBER: &str = "15550173951";
/// As long as SMPP has room for (§5.2.2).
const PASSWORD: &str = "hunter2p";
const TOKEN: &str = "tok-9f8e7d6c5b";
const PROXY_PASSWORD: &str = "proxy-pa55";

/// Every file below a folder with what is in it.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

fn assert_without(place: &str, octets: &[u8], secrets: &[&str]) {
    for secret in secrets {
        let is_there = octets.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!is_there, "{secret} stands in {place}");
    }
}

async fn strict_smsc() -> Smsc {
    let options = SmscOptions { password: Some(PASSWORD.into()), ..SmscOptions::default() };
    Smsc::start(options).await.unwrap()
}

fn gateways(smsc: &Smsc, provider: &HttpProvider) -> [String; 2] {
    let main = smpp("main", smsc.address(), "").replace("\"secret\"", &format!("\"{PASSWORD}\""));
    let web = format!(
        "url = \"http://{}/sms\"\ndestination_parameter = \"to\"\nmessage_parameter = \"text\"\n\
         success_contains = \"OK\"\nproxy_password = \"{PROXY_PASSWORD}\"\n\
         parameters = [{{name = \"token\", value = \"{TOKEN}\", is_password = true}}]",
        provider.address()
    );
    [main, gateway("generic-http", "web", &web)]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_code_password_token_or_key_stands_in_a_file_a_log_a_metric_or_an_answer() {
    let (smsc, provider) = (strict_smsc().await, provider().await);
    let mut server = Server::start(&manifest_with("", &gateways(&smsc, &provider))).await;
    let api = server.api();
    api.until_gateway("main", "up").await;
    let body = json!({"to": NUMBER, "text": format!("{PASSCODE} is your code"), "kind": "otp"});
    let sent = api.send_until(body.clone(), "delivered").await;
    smsc.stop().await;
    // Refused by the second gateway too: errors are where values slip out.
    provider.set(answering(200, "no"));
    let waiting = api.send(body.clone()).await;
    eventually("the second was tried", async || (!provider.requests().is_empty()).then_some(())).await;
    provider.set(answering(200, "OK"));
    api.post_once("order-1", &body).await.expect(202);
    api.post_message(json!({"to": NUMBER, "text": PASSCODE, "kind": PASSCODE, PASSCODE: 1}))
        .await
        .expect(400);
    api.ask(reqwest::Method::POST, "/v1/messages", &[], format!("{{\"text\": \"{PASSCODE}"))
        .await
        .expect(400);

    let secrets = [PASSCODE, PASSWORD, TOKEN, PROXY_PASSWORD, KEY];
    assert!(
        provider.requests().iter().any(|seen| target(seen).contains(TOKEN)),
        "the provider got the token"
    );
    for path in [
        "/v1/sms-settings",
        "/v1/messages",
        "/v1/virtual-servers",
        "/v1/plugins",
        "/openapi.json",
        "/metrics",
    ] {
        assert_without(path, api.get(path).await.text.as_bytes(), &secrets);
    }
    let shown = api.get(&format!("/v1/messages/{}", sent["id"].as_str().unwrap())).await;
    assert_without("a message that was sent", shown.text.as_bytes(), &secrets);
    for args in
        [&["status"][..], &["settings", "show", "--vs", "acme"], &["status", &waiting, "--vs", "acme"]]
    {
        let output = server.cli(args);
        assert_without(&format!("{args:?}"), &output.stdout, &secrets);
        assert_without(&format!("{args:?}"), &output.stderr, &[PASSCODE, NUMBER]);
    }
    // While it runs, with its write-ahead log, and when it has stopped.
    for (place, octets) in files(&server.data_dir()) {
        assert_without(&place, &octets, &secrets);
    }
    assert!(server.terminate().await);
    let all = files(&server.data_dir());
    assert!(all.iter().any(|(place, _)| place.ends_with("textgate.db")));
    for (place, octets) in all {
        assert_without(&place, &octets, &secrets);
    }
    assert!(server.log().contains("DEBUG"), "the log is at debug");
    assert_without("the log", server.log().as_bytes(), &[&secrets[..], &[NUMBER]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_comes_back_with_blank_secrets_keeps_them() {
    let (smsc, provider) = (strict_smsc().await, provider().await);
    let server = Server::start(&manifest_with("", &gateways(&smsc, &provider))).await;
    let api = server.api();
    api.until_gateway("main", "up").await;
    let mut form = api.get("/v1/sms-settings").await.expect(200);
    assert_eq!(form["gateways"][0]["secrets_set"], json!(["password"]));
    form["gateways"][0]["settings"]["window"] = 7.into();
    let put = |form: &Value| {
        let gateways = form["gateways"].as_array().unwrap().iter();
        let gateways: Vec<_> = gateways
            .map(|g| json!({"name": g["name"], "plugin": g["plugin"], "settings": g["settings"]}))
            .collect();
        json!({"mode": form["mode"], "test_number": form["test_number"], "gateways": gateways})
    };
    let after = api.put("/v1/sms-settings", put(&form)).await.expect(200);
    assert_eq!(after["gateways"][0]["settings"]["window"], 7);
    assert_eq!(after["gateways"][0]["secrets_set"], json!(["password"]));
    let status = eventually("main has its new window", async || {
        let status = api.gateway("main").await;
        (status["health"] == "up" && status["window"] == 7).then_some(status)
    });
    status.await;
    let message = api.send_until(json!({"to": NUMBER, "text": "hello"}), "delivered").await;
    assert_eq!(message["attempts"][0]["gateway"], "main");
    assert_eq!(smsc.counters().refused_binds, 0);
    smsc.stop().await;
    api.until_gateway("main", "down").await;
    api.send_until(json!({"to": NUMBER, "text": "hello", "kind": "otp"}), "sent").await;
    assert!(target(&provider.requests()[0]).contains(TOKEN));
    // Null says that there is none any more.
    form["gateways"][0]["settings"]["password"] = Value::Null;
    let after = api.put("/v1/sms-settings", put(&form)).await.expect(200);
    assert_eq!(after["gateways"][0]["secrets_set"], json!([]));
    smsc.start_again().await.unwrap();
    smsc.wait_for_counters(PATIENCE, |counters| counters.refused_binds > 0).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_directory_and_the_key_file_are_the_owners_alone() {
    let mut server = Server::stopped();
    server.serve().await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
    let data = server.data_dir();
    assert_eq!((mode(&data), mode(&data.join("key"))), (0o700, 0o600));
    assert_eq!(mode(&data.join("control.sock")), 0o600);
    let key = std::fs::read(data.join("key")).unwrap();
    assert!(server.terminate().await);
    server.serve().await;
    assert_eq!(std::fs::read(data.join("key")).unwrap(), key, "it is made once");
    assert!(server.terminate().await);

    let others = |mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(data.join("key"), mode).unwrap();
    };
    others(0o640);
    let output = server.cli(&["serve"]);
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert!(err.contains("chmod 600"), "{err}");
    others(0o600);
    std::fs::rename(data.join("key"), data.join("elsewhere")).unwrap();
    let output = server.cli(&["serve"]);
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert!(err.contains("is missing") && err.contains("restore"), "{err}");
}
