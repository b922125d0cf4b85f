//! What a newcomer sees first.

use super::kit::{PATIENCE, Server};
use std::process::Stdio;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_shows_each_step_and_the_failover_and_exits_with_0() {
    let nowhere = Server::stopped();
    let mut command = nowhere.command(&["demo", "--once"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = child.id().to_string();
    let done = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let Ok(output) = tokio::time::timeout(PATIENCE, done).await else {
        let _ = std::process::Command::new("kill").args(["-9", &pid]).status();
        panic!("the demo does not end");
    };
    let output = output.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    for word in ["accepted", "sent", "delivered", "main", "backup", "modem", "phone", "ms", "failover"] {
        assert!(out.contains(word), "{word}: {out}");
    }
    let at = |word: &str| out.find(word).unwrap();
    assert!(at("delivered") < at("The primary is stopped"), "{out}");
    assert!(out[at("The primary is stopped")..at("The failover is stopped")].contains("by backup"), "{out}");
    assert!(out[at("The failover is stopped")..].contains("by modem"), "{out}");
    assert!(!nowhere.data_dir().exists(), "it leaves nothing");
}
