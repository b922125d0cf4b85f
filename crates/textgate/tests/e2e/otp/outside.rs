//! What lies around passcodes: crashes, files and logs, the command line.

use super::super::kit::{PHONE, Server, manifest, smpp, smsc};
use super::{check, code_in, create, received, server, silent, wrong};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_kill_9_with_its_attempts_and_is_checked_after_a_start() {
    let smsc = smsc().await;
    let (mut server, api) = server(&smsc, None, json!({})).await;
    let (id, used, none) =
        (create(&api, json!({})).await, create(&api, json!({})).await, create(&api, json!({})).await);
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(code_in(&received(&smsc).await));
    }
    check(&api, &id, "000000000").await;
    // Codes come in the order of the passcodes, or not: find each one's.
    let mut approved = None;
    for code in &codes {
        if check(&api, &used, code).await["status"] == "approved" {
            approved = Some(code.clone());
            break;
        }
    }
    let approved = approved.unwrap();
    api.delete(&format!("/v1/otp/{none}")).await.expect(200);
    server.kill();
    server.serve().await;
    let api = server.api();
    let shown = api.get(&format!("/v1/otp/{id}")).await.expect(200);
    assert_eq!((&shown["status"], &shown["attempts_left"]), (&json!("pending"), &json!(4)));
    let again = api.post(&format!("/v1/otp/{used}/check"), json!({"code": approved})).await;
    again.expect_problem(409, "passcode-not-pending");
    assert_eq!(api.get(&format!("/v1/otp/{none}")).await.expect(200)["status"], "cancelled");
    let mut status = json!("pending");
    for code in codes.iter().filter(|code| **code != approved) {
        if status == "pending" {
            status = check(&api, &id, code).await["status"].clone();
        }
    }
    assert_eq!(status, "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_code_stands_in_any_octet_of_the_files_nor_in_log_metrics_and_answers_at_trace() {
    let smsc = silent().await;
    let mut server = Server::stopped();
    server.apply(&manifest(&[smpp("main", smsc.address(), "")]));
    let mut command = server.command(&["serve"]);
    command.env("TEXTGATE_LOG_LEVEL", "trace");
    server.serve_by(command).await;
    let api = server.api();
    api.until_gateway("main", "up").await;
    // 20¹⁰: none of them occurs by chance.
    let settings = json!({"alphabet": "letters", "length": 10, "resend_pauses_s": [1]});
    api.put("/v1/otp/settings", settings).await.expect(200);
    let mut codes = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(create(&api, json!({})).await);
        codes.push(code_in(&received(&smsc).await));
    }
    // One that waits with its text.
    smsc.stop().await;
    api.until_gateway("main", "down").await;
    let waiting = create(&api, json!({})).await;
    let message = api.get(&format!("/v1/messages/{waiting}")).await;
    assert_eq!(message.body.get("text"), None, "nobody is shown a passcode's text");
    assert_eq!(check(&api, &ids[0], &codes[0]).await["status"], "approved");
    assert_eq!(check(&api, &ids[1], &codes[0]).await["status"], "pending");
    api.delete(&format!("/v1/otp/{}", ids[2])).await.expect(200);
    let mut places = server.kept();
    for path in ["/metrics", "/v1/otp", "/v1/messages", "/v1/audit", "/openapi.json"] {
        places.push((path.into(), api.get(path).await.text.into_bytes()));
    }
    assert!(server.terminate().await);
    places.extend(server.kept());
    // What waited is sent now, so that its code is known.
    smsc.start_again().await.unwrap();
    let mut command = server.command(&["serve"]);
    command.env("TEXTGATE_LOG_LEVEL", "trace");
    server.serve_by(command).await;
    codes.push(code_in(&received(&smsc).await));
    assert!(server.terminate().await);
    places.extend(server.kept());
    places.push(("the log".into(), server.log().into_bytes()));
    assert!(server.log().contains("DEBUG"), "the log is there");
    assert!(places.iter().any(|(place, _)| place.ends_with("textgate.db") || place.contains("/base/")));
    for (place, octets) in places {
        for code in &codes {
            let is_there =
                octets.windows(code.len()).any(|window| window.eq_ignore_ascii_case(code.as_bytes()));
            assert!(!is_there, "a code stands in {place}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_sends_and_checks_with_a_server_and_without() {
    let smsc = smsc().await;
    let (mut server, api) = server(&smsc, None, json!({})).await;
    let id = server.cli_ok(&["otp", "send", PHONE, "--vs", "acme", "--purpose", "login"]);
    let id = id.trim();
    let code = code_in(&received(&smsc).await);
    let status = server.cli_ok(&["otp", "status", id, "--vs", "acme"]);
    assert!(status.contains("pending") && status.contains("login") && !status.contains(&code), "{status}");
    let failed = server.cli(&["otp", "check", id, &wrong(&code), "--vs", "acme"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("4 more may be tried"));
    let soon = server.cli(&["otp", "resend", id, "--vs", "acme"]);
    assert!(String::from_utf8_lossy(&soon.stderr).contains("try again in"), "{soon:?}");
    assert!(server.cli_ok(&["otp", "check", id, &code, "--vs", "acme"]).contains("approved"));
    let other = create(&api, json!({})).await;
    received(&smsc).await;
    assert!(server.cli_ok(&["otp", "cancel", &other, "--vs", "acme"]).contains("cancelled"));

    assert!(server.terminate().await);
    let sent = server.cli(&["otp", "send", PHONE, "--vs", "acme"]);
    assert!(
        sent.status.success() && String::from_utf8_lossy(&sent.stderr).contains("no server runs"),
        "{sent:?}"
    );
    let id = String::from_utf8(sent.stdout).unwrap();
    let id = id.trim();
    assert!(server.cli_ok(&["otp", "status", id, "--vs", "acme"]).contains("pending"));
    server.serve().await;
    let code = code_in(&received(&smsc).await);
    assert!(server.cli_ok(&["otp", "check", id, &code, "--vs", "acme"]).contains("approved"));
}
