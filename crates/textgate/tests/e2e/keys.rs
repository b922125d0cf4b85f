//! The key that seals is changed while messages flow, over crashes, and what others know stays as it is.

use super::kit::{Api, KEY, PATIENCE, PHONE, Server, eventually, http, manifest, provider, smpp, smsc};
use serde_json::{Value, json};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Sends one message after the other until told to stop, or the server is gone. Answers the ids of what was accepted, with texts.
fn caller(api: Api, number: usize, stop: Arc<AtomicBool>) -> JoinHandle<Vec<(String, String)>> {
    tokio::spawn(async move {
        let mut accepted = Vec::new();
        while !stop.load(Ordering::SeqCst) {
            let text = format!("message {number}-{}", accepted.len());
            let body = json!({"to": PHONE, "text": text}).to_string();
            let headers = [("content-type", "application/json")];
            let Ok(answer) = api.try_ask(reqwest::Method::POST, "/v1/messages", &headers, body).await else {
                break;
            };
            accepted.push((answer.expect(202)["id"].as_str().unwrap().to_owned(), text));
        }
        accepted
    })
}

/// Scheduled messages, which wait with their texts.
async fn scheduled(api: &Api, count: usize) {
    let at = (jiff::Timestamp::now() + Duration::from_secs(3600)).to_string();
    for first in (0..count).step_by(1_000) {
        let messages: Vec<Value> = (first..(first + 1_000).min(count))
            .map(|n| json!({"to": PHONE, "text": format!("later {n}"), "send_at": at}))
            .collect();
        api.post("/v1/messages/batch", json!({"messages": messages})).await.expect(200);
    }
}

fn key_file(server: &Server) -> String {
    std::fs::read_to_string(server.data_dir().join("key")).unwrap()
}

async fn rotate(server: &Server) -> Output {
    let mut command = server.command(&["keys", "rotate"]);
    tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output().unwrap()).await.unwrap()
}

fn out(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_changed_under_load_and_the_old_one_is_not_needed_afterwards() {
    let smsc = smsc().await;
    let mut server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let api = server.api();
    api.until_gateway("main", "up").await;
    scheduled(&api, 3_000).await;
    let before = key_file(&server);
    let receipt_url = api.get("/v1/sms-settings").await.expect(200)["gateways"][0]["receipt_url"].clone();
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4).map(|n| caller(api.clone(), n, Arc::clone(&stop))).collect();
    smsc.wait_for(PATIENCE, |all| all.len() > 50).await.expect("it is under load");

    let output = rotate(&server).await;
    let said = out(&output);
    assert!(
        output.status.success() && said.contains("under key 1") && said.contains("key 0 is dropped"),
        "{said}"
    );
    let during = smsc.messages().len();
    smsc.wait_for(PATIENCE, |all| all.len() > during + 50).await.expect("it goes on");
    stop.store(true, Ordering::SeqCst);
    let mut accepted = Vec::new();
    for caller in callers {
        accepted.extend(caller.await.unwrap());
    }
    assert!(accepted.len() > 100);
    let after = key_file(&server);
    let master = before.trim().strip_prefix("textgate-key-1:").unwrap();
    assert!(after.starts_with("textgate-keys-2\n") && !after.contains(master), "the old key is gone");
    assert!(server.cli_ok(&["keys", "list"]).lines().nth(1).unwrap().starts_with("1 "));
    let audit = server.cli_ok(&["audit", "list"]);
    assert!(audit.contains("seals under key 1") && audit.contains("dropped key 0"), "{audit}");

    // Everything is there after a start with the new key alone, and nothing was lost or sent twice.
    assert!(server.terminate().await);
    server.serve().await;
    let api = server.api();
    smsc.wait_for(PATIENCE, |all| all.len() >= accepted.len()).await.expect("all arrive");
    assert_eq!(smsc.messages().len(), accepted.len());
    for (id, text) in accepted.iter().step_by(17) {
        assert_eq!(api.message(id).await["text"], text.as_str());
    }
    let list = api.get("/v1/messages?status=scheduled&limit=1").await.expect(200);
    let later = api.message(list["messages"][0]["id"].as_str().unwrap()).await;
    assert!(later["text"].as_str().unwrap().starts_with("later "), "{later}");
    let settings = api.get("/v1/sms-settings").await.expect(200);
    assert_eq!(settings["gateways"][0]["receipt_url"], receipt_url, "providers know it");
    api.send_until(json!({"to": PHONE, "text": "on"}), "delivered").await;

    // The old file does not open the store, and that is said; nothing is lost by the try.
    assert!(server.terminate().await);
    std::fs::write(server.data_dir().join("key"), &before).unwrap();
    let output = server.cli(&["serve"]);
    let said = out(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("key 1") && said.contains("restore"), "{said}");
    std::fs::write(server.data_dir().join("key"), &after).unwrap();
    server.serve().await;
    server.api().send_until(json!({"to": PHONE, "text": "on again"}), "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_keys_that_kill_9_broke_off_goes_on_and_loses_nothing() {
    let smsc = smsc().await;
    let mut server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    scheduled(&server.api(), 8_000).await;
    let mut unfinished = 0;
    for round in 0..6 {
        let stop = Arc::new(AtomicBool::new(false));
        let caller = caller(server.api(), round, Arc::clone(&stop));
        let mut command = server.command(&["keys", "rotate"]);
        let logged = server.log().matches("seals under key 1").count();
        let mut rotating =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        eventually("it has begun", async || {
            (server.log().matches("seals under key 1").count() > logged).then_some(())
        })
        .await;
        // Wherever it is by then.
        tokio::time::sleep(Duration::from_millis(7 * round as u64)).await;
        server.kill();
        let is_done = tokio::task::spawn_blocking(move || rotating.wait().unwrap().success()).await.unwrap();
        stop.store(true, Ordering::SeqCst);
        let accepted = caller.await.unwrap();
        unfinished += usize::from(!is_done);
        server.serve().await;
        for (id, text) in accepted.iter().step_by(5) {
            assert_eq!(server.api().message(id).await["text"], text.as_str());
        }
        if is_done {
            break;
        }
    }
    assert!(unfinished > 0, "it was killed in the middle of it");
    // Without a server as well.
    assert!(server.terminate().await);
    if key_file(&server).contains("key 0") {
        let said = out(&rotate(&server).await);
        assert!(said.contains("under key 1") && said.contains("key 0 is dropped"), "{said}");
    }
    assert!(key_file(&server).contains("key 1") && !key_file(&server).contains("key 0"));
    server.serve().await;
    let page = server.api().get("/v1/messages?status=scheduled&limit=200").await.expect(200);
    let messages = page["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 200);
    for message in messages.iter().step_by(20) {
        let shown = server.api().message(message["id"].as_str().unwrap()).await;
        assert!(shown["text"].as_str().is_some_and(|text| text.starts_with("later ")), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_takes_up_a_key_file_from_elsewhere_when_it_is_told_to() {
    let provider = provider().await;
    let manifest = manifest(&[http("main", provider.address(), "")]);
    let mut server = Server::start(&manifest).await;
    // Another node with the same key file.
    let other = Server::stopped();
    std::fs::create_dir(other.data_dir()).unwrap();
    std::fs::copy(server.data_dir().join("key"), other.data_dir().join("key")).unwrap();
    other.apply(&manifest);
    assert!(other.cli_ok(&["keys", "add"]).contains("waits"));
    assert!(other.cli_ok(&["check"]).contains("2 keys"));
    let hang_up = || {
        let sent = Command::new("kill").args(["-HUP", &server.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    };
    let right = key_file(&server);
    // Not this installation's: it is used as it was.
    let wrong = right.replace(|c: char| c.is_ascii_digit() && c != '1', "3");
    std::fs::write(server.data_dir().join("key"), wrong).unwrap();
    hang_up();
    eventually("it is refused", async || server.log().contains("another installation").then_some(())).await;
    assert_eq!(server.cli_ok(&["keys", "list"]).lines().count(), 2);
    std::fs::copy(other.data_dir().join("key"), server.data_dir().join("key")).unwrap();
    hang_up();
    eventually("it is there", async || server.cli_ok(&["keys", "list"]).contains("waits").then_some(()))
        .await;
    let said = server.cli_ok(&["keys", "rotate", "--keep-old"]);
    assert!(said.contains("under key 1") && !said.contains("dropped"), "{said}");
    let shown = server.cli_ok(&["keys", "list"]);
    assert!(shown.contains("opens") && shown.contains("seals"), "{shown}");
    assert!(server.cli_ok(&["keys", "rotate"]).contains("key 0 is dropped"));
    server.api_as(KEY).send_until(json!({"to": PHONE, "text": "on"}), "sent").await;
    assert!(server.terminate().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_no_store_are_not_made() {
    let server = Server::stopped();
    let output = server.cli(&["keys", "rotate"]);
    assert_eq!(output.status.code(), Some(1), "{}", out(&output));
    assert!(out(&output).contains("there is no store"));
    assert!(!server.data_dir().join("key").exists());
}
