//! A disk without room: told to callers, survived, and over when there is room again.

use super::kit::{PHONE, Server, eventually, manifest, smpp, smsc};
use serde_json::json;
use std::process::Command;

/// Sets how large a file the process may write, as if the disk had no more room; `unlimited` is as before.
fn limit(pid: u32, octets: &str) -> bool {
    let limit = format!("--fsize={octets}:unlimited");
    Command::new("prlimit")
        .args(["--pid", &pid.to_string(), &limit])
        .status()
        .is_ok_and(|status| status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_messages_are_refused_with_503_and_it_recovers_by_itself_and_loses_nothing() {
    let smsc = smsc().await;
    let mut server = Server::stopped();
    server.apply(&manifest(&[smpp("main", smsc.address(), "")]));
    // A write beyond the limit also raises SIGXFSZ, which would end the process before it sees the error: a full disk does not.
    let serve = server.command(&["serve"]);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(serve.get_program()).args(serve.get_args());
    server.serve_by(command).await;
    let api = server.api();
    let mut accepted = vec![api.send(json!({"to": PHONE, "text": "before"})).await];
    if !limit(server.pid(), "4096") {
        eprintln!("skipped: prlimit (util-linux) is not there, or may not limit a process of this user");
        return;
    }
    let text = "x".repeat(600);
    let refused = eventually("the disk is full", async || {
        let answer = api.post_message(json!({"to": PHONE, "text": text})).await;
        match answer.status {
            202 => {
                accepted.push(answer.body["id"].as_str().unwrap().to_owned());
                None
            }
            _ => Some(answer),
        }
    })
    .await;
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    refused.expect_problem(503, "store-unavailable");
    let ready = api.get("/readyz").await;
    ready.expect_problem(503, "not-ready");
    api.get("/healthz").await.expect(200);
    // Still so, and still alive.
    api.post_message(json!({"to": PHONE, "text": "x"})).await.expect_problem(503, "store-unavailable");
    assert!(server.is_alive());

    assert!(limit(server.pid(), "unlimited"));
    let id = eventually("there is room again", async || {
        let answer = api.post_message(json!({"to": PHONE, "text": "after"})).await;
        (answer.status == 202).then(|| answer.body["id"].as_str().unwrap().to_owned())
    })
    .await;
    accepted.push(id);
    eventually("it is ready", async || (api.get("/readyz").await.status == 200).then_some(())).await;
    for id in &accepted {
        api.until(id, "delivered").await;
    }
    assert!(server.terminate().await);
    server.serve().await;
    for id in &accepted {
        assert_eq!(server.api().message(id).await["status"], "delivered");
    }
}
