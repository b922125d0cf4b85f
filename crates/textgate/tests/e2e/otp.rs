//! One-time passcodes as an application uses them: made, read from the phone, checked; and whatever else becomes of them.

use super::kit::{
    Api, KEY, PATIENCE, PHONE, Server, Tenant, eventually, manifest, manifest_with, nobody, smpp, smsc,
    smsc_that,
};
use serde_json::{Value, json};
use std::path::Path;
use textgate_simulator::{Behaviour, FinalState, ReceiptWhen, Receipts, Smsc};

const OTHER: &str = "tg_other_key_0123456789abcdef";

/// A server with `main` and, where there is one, `backup`, and with these passcode settings.
async fn server(main: &Smsc, backup: Option<&Smsc>, settings: Value) -> (Server, Api) {
    let mut gateways = vec![smpp("main", main.address(), "")];
    gateways.extend(backup.map(|backup| smpp("backup", backup.address(), "")));
    let server = Server::start(&manifest(&gateways)).await;
    let api = server.api();
    api.until_gateway("main", "up").await;
    if backup.is_some() {
        api.until_gateway("backup", "up").await;
    }
    api.put("/v1/otp/settings", settings).await.expect(200);
    (server, api)
}

/// An SMSC that takes everything and reports nothing.
async fn silent() -> Smsc {
    let receipts = Receipts { when: ReceiptWhen::Never, ..Receipts::default() };
    smsc_that(Behaviour { receipts, ..Behaviour::default() }).await
}

/// Makes a passcode; answers its id.
async fn create(api: &Api, more: Value) -> String {
    let mut body = json!({"to": PHONE});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = api.post("/v1/otp", body).await.expect(202);
    made["id"].as_str().unwrap().to_owned()
}

/// The text of the next message that the phone gets.
async fn received(smsc: &Smsc) -> String {
    smsc.next_message(PATIENCE).await.unwrap().text.clone()
}

/// The code in a text that begins with it.
fn code_in(text: &str) -> String {
    text.split(' ').next().unwrap().to_owned()
}

async fn check(api: &Api, id: &str, code: &str) -> Value {
    api.post(&format!("/v1/otp/{id}/check"), json!({"code": code})).await.expect(200)
}

async fn resend(api: &Api, id: &str) -> super::kit::Answer {
    api.post(&format!("/v1/otp/{id}/resend"), Value::Null).await
}

/// A code that is not this one.
fn wrong(code: &str) -> String {
    let last = if code.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &code[..code.len() - 1])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_the_phone_shows_is_approved_once_and_is_told_by_nobody_else() {
    let smsc = smsc().await;
    let (server, api) = server(&smsc, None, json!({})).await;
    let made = api.post("/v1/otp", json!({"to": PHONE, "purpose": "login", "ip": "192.0.2.1"})).await;
    let location = made.header("location").to_owned();
    let text = received(&smsc).await;
    let code = code_in(&text);
    assert!(code.len() == 6 && code.bytes().all(|c| c.is_ascii_digit()), "{text}");
    assert!(text.contains("is your verification code") && text.contains("10 min"), "{text}");
    assert!(!made.text.contains(&code));
    let made = made.expect(202);
    let id = made["id"].as_str().unwrap();
    assert_eq!((made["status"].as_str(), location), (Some("pending"), format!("/v1/otp/{id}")));
    let shown = api.get(&format!("/v1/otp/{id}")).await;
    assert!(!shown.text.contains(&code));
    let shown = shown.expect(200);
    assert_eq!(
        (&shown["status"], &shown["attempts_left"], &shown["purpose"]),
        (&json!("pending"), &json!(5), &json!("login"))
    );
    assert_eq!(shown["messages"], json!([id]));
    api.until(id, "delivered").await;

    let first = check(&api, id, &wrong(&code)).await;
    assert_eq!((&first["status"], &first["attempts_left"]), (&json!("pending"), &json!(4)));
    let spaced = format!(" {}-{}", &code[..3], &code[3..]);
    assert_eq!(check(&api, id, &spaced).await["status"], "approved");
    let again = api.post(&format!("/v1/otp/{id}/check"), json!({"code": code})).await;
    again.expect_problem(409, "passcode-not-pending");
    assert_eq!(api.get(&format!("/v1/otp/{id}")).await.expect(200)["status"], "approved");
    resend(&api, id).await.expect_problem(409, "passcode-not-pending");
    let listed = api.get(&format!("/v1/otp?to={PHONE}&status=approved")).await.expect(200);
    assert_eq!(listed["passcodes"].as_array().map(Vec::len), Some(1));
    assert_eq!(api.get("/v1/otp?status=pending").await.expect(200)["passcodes"], json!([]));
    assert!(server.metrics().await.contains("textgate_passcode_checks_total{status=\"approved\"} 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_wrong_codes_or_a_cancel_end_it_and_no_code_is_right_then() {
    let smsc = smsc().await;
    let (_server, api) = server(&smsc, None, json!({"attempts": 3})).await;
    let id = create(&api, json!({})).await;
    let code = code_in(&received(&smsc).await);
    for left in [2, 1] {
        assert_eq!(check(&api, &id, &wrong(&code)).await["attempts_left"], left);
    }
    assert_eq!(check(&api, &id, &wrong(&code)).await["status"], "too_many_attempts");
    assert_eq!(check(&api, &id, &code).await["status"], "too_many_attempts");
    let id = create(&api, json!({})).await;
    let code = code_in(&received(&smsc).await);
    for _ in 0..2 {
        let cancelled = api.delete(&format!("/v1/otp/{id}")).await.expect(200);
        assert_eq!(cancelled["status"], "cancelled");
    }
    assert_eq!(check(&api, &id, &code).await["status"], "cancelled");
    resend(&api, &id).await.expect_problem(409, "passcode-not-pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_right_codes_at_once_are_one_approval() {
    let smsc = smsc().await;
    let (_server, api) = server(&smsc, None, json!({})).await;
    let id = create(&api, json!({})).await;
    let code = code_in(&received(&smsc).await);
    let turns = std::sync::Arc::new(tokio::sync::Semaphore::new(256));
    let tasks: Vec<_> = (0..10_000)
        .map(|_| {
            let (api, id, code, turns) = (api.clone(), id.clone(), code.clone(), turns.clone());
            tokio::spawn(async move {
                let _turn = turns.acquire().await.unwrap();
                let answer = api.post(&format!("/v1/otp/{id}/check"), json!({"code": code})).await;
                if answer.status == 200 {
                    assert_eq!(answer.body["status"], "approved");
                    return 1;
                }
                answer.expect_problem(409, "passcode-not-pending");
                0
            })
        })
        .collect();
    let mut approved = 0;
    for task in tasks {
        approved += task.await.unwrap();
    }
    assert_eq!(approved, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_code_comes_again_after_its_pause_by_the_other_gateway_where_no_receipt_came() {
    let (main, backup) = (silent().await, smsc().await);
    let settings = json!({"resend_pauses_s": [1, 60], "watch": false});
    let (_server, api) = server(&main, Some(&backup), settings).await;
    let id = create(&api, json!({})).await;
    let code = code_in(&received(&main).await);
    api.until(&id, "sent").await;
    let soon = resend(&api, &id).await;
    if soon.status == 429 {
        assert_eq!(soon.header("retry-after"), "1");
    }
    let again = match soon.status {
        // The machine was slow, and the pause over.
        202 => soon.expect(202),
        _ => {
            soon.expect_problem(429, "resend-too-soon");
            eventually("the pause is over", async || {
                let again = resend(&api, &id).await;
                (again.status == 202).then_some(again.body)
            })
            .await
        }
    };
    assert_eq!(again["id"], json!(id));
    assert_eq!(code_in(&received(&backup).await), code);
    let next = resend(&api, &id).await;
    let wait: u64 = next.header("retry-after").parse().unwrap();
    assert!((50..=60).contains(&wait), "the next pause is longer: {wait}");
    next.expect_problem(429, "resend-too-soon");
    let shown = api.get(&format!("/v1/otp/{id}")).await.expect(200);
    let messages = shown["messages"].as_array().unwrap();
    assert_eq!((messages.len(), &messages[0]), (2, &json!(id)));
    let second = api.until(messages[1].as_str().unwrap(), "delivered").await;
    assert_eq!(second["resend_of"], json!(id));
    assert!(second["history"].to_string().contains("on request"), "{second:#}");
    assert_eq!(check(&api, &id, &code).await["status"], "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passcode_without_a_receipt_is_sent_again_by_itself_and_its_time_line_says_why() {
    let (main, backup) = (silent().await, smsc().await);
    let (_server, api) = server(&main, Some(&backup), json!({"watch_after_s": 1})).await;
    let id = create(&api, json!({})).await;
    let code = code_in(&received(&main).await);
    assert_eq!(code_in(&received(&backup).await), code);
    let shown = api.get(&format!("/v1/otp/{id}")).await.expect(200);
    assert_eq!((shown["messages"].as_array().map(Vec::len), &shown["resends"]), (Some(2), &json!(0)));
    let first = api.message(&id).await;
    assert!(first["history"].to_string().contains("no receipt came within 1 s"), "{first:#}");
    assert_eq!(check(&api, &id, &code).await["status"], "approved");
    assert_eq!(main.messages().len(), 1);

    // A receipt that says no is not waited for.
    main.change(|behaviour| {
        behaviour.receipts = Receipts { state: FinalState::Undeliverable, ..Receipts::default() };
    });
    api.put("/v1/otp/settings", json!({"watch_after_s": 600})).await.expect(200);
    let id = create(&api, json!({})).await;
    let code = code_in(&received(&main).await);
    assert_eq!(code_in(&received(&backup).await), code);
    api.until(&id, "undelivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_repeated_under_its_key_is_one_passcode_and_tenants_do_not_see_each_others() {
    let smsc = smsc().await;
    let gateways = [smpp("main", smsc.address(), "")];
    let other =
        Tenant { path: "other", key: OTHER, more: "", settings: "mode = \"custom\"", gateways: &gateways };
    let server = Server::start(&(manifest(&gateways) + &other.toml())).await;
    let (api, stranger) = (server.api_as(KEY), server.api_as(OTHER));
    let body = json!({"to": PHONE, "purpose": "login"}).to_string();
    let once = async |body: &str| {
        let headers = [("content-type", "application/json"), ("idempotency-key", "login-1")];
        api.ask(reqwest::Method::POST, "/v1/otp", &headers, body.to_owned()).await
    };
    let (first, second) = (once(&body).await, once(&body).await);
    assert_eq!((first.header("idempotent-replayed"), second.header("idempotent-replayed")), ("", "true"));
    let (first, second) = (first.expect(202), second.expect(202));
    assert_eq!(first["id"], second["id"]);
    let changed = json!({"to": PHONE, "purpose": "payment"}).to_string();
    once(&changed).await.expect_problem(422, "idempotency-conflict");
    let id = first["id"].as_str().unwrap();
    let code = code_in(&received(&smsc).await);
    for answer in [
        stranger.get(&format!("/v1/otp/{id}")).await,
        stranger.post(&format!("/v1/otp/{id}/check"), json!({"code": code})).await,
        stranger.post(&format!("/v1/otp/{id}/resend"), Value::Null).await,
        stranger.delete(&format!("/v1/otp/{id}")).await,
        api.get("/v1/otp/none").await,
    ] {
        answer.expect_problem(404, "not-found");
    }
    assert_eq!(stranger.get("/v1/otp").await.expect(200)["passcodes"], json!([]));
    assert_eq!(check(&api, id, &code).await["status"], "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_told_field_by_field_and_nothing_is_sent() {
    let smsc = smsc().await;
    let (_server, api) = server(&smsc, None, json!({})).await;
    let body = json!({"to": "+1", "purpose": "Log in", "length": 3, "ttl_s": 7200, "locale": "german", "domain": "https://x.example"});
    let problem = api.post("/v1/otp", body).await.expect_problem(400, "invalid-request");
    let paths: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["to", "purpose", "length", "ttl_s", "locale", "domain"]);
    for body in [
        json!({"to": PHONE, "code": "123456"}),
        json!({"to": PHONE, "ip": "here"}),
        json!({"to": PHONE, "app": "droid"}),
        json!({"to": PHONE, "app": "FA+9qCX9VSu", "domain": "example.com"}),
    ] {
        api.post("/v1/otp", body).await.expect_problem(400, "invalid-request");
    }
    let id = create(&api, json!({})).await;
    received(&smsc).await;
    for code in [json!(123456), json!(""), json!("12"), json!("12345678901"), json!(null)] {
        let answer = api.post(&format!("/v1/otp/{id}/check"), json!({"code": code})).await;
        answer.expect_problem(400, "invalid-request");
    }
    assert_eq!(api.get(&format!("/v1/otp/{id}")).await.expect(200)["attempts_left"], 5);
    let settings = json!({"length": 11, "attempts": 0, "resend_pauses_s": [60, 30]});
    let problem = api.put("/v1/otp/settings", settings).await.expect_problem(400, "invalid-request");
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(3), "{problem:#}");
    assert_eq!(smsc.messages().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_follow_template_language_browser_and_app() {
    let smsc = smsc().await;
    let settings = json!({"app_name": "Acme", "apps": [{"name": "droid", "hash": "FA+9qCX9VSu"}]});
    let (_server, api) = server(&smsc, None, settings).await;
    create(&api, json!({"locale": "de-AT"})).await;
    let text = received(&smsc).await;
    assert!(text.starts_with("Acme: ") && text.contains("ist Ihr Bestätigungscode"), "{text}");
    let put = api
        .put(
            "/v1/otp/templates",
            json!({"purpose": "login", "locale": "de", "text": "{app}-Anmeldung: {code}"}),
        )
        .await
        .expect(200);
    assert_eq!(
        (&put["preview"]["text"], &put["preview"]["segments"]),
        (&json!("Acme-Anmeldung: 123456"), &json!(1))
    );
    create(&api, json!({"purpose": "login", "locale": "de"})).await;
    assert!(received(&smsc).await.starts_with("Acme-Anmeldung: "));
    create(&api, json!({"domain": "login.example.com"})).await;
    let text = received(&smsc).await;
    let code = text.trim_start_matches("Acme: ").split(' ').next().unwrap().to_owned();
    assert_eq!(text.lines().last().unwrap(), format!("@login.example.com #{code}"));
    create(&api, json!({"app": "droid", "locale": "ru"})).await;
    let text = received(&smsc).await;
    assert!(text.ends_with("\nFA+9qCX9VSu"), "{text}");
    create(&api, json!({"alphabet": "letters", "length": 10})).await;
    let text = received(&smsc).await;
    assert!(text.trim_start_matches("Acme: ").bytes().take(10).all(|c| c.is_ascii_uppercase()), "{text}");

    let templates = api.get("/v1/otp/templates").await.expect(200);
    assert_eq!(templates["templates"].as_array().map(Vec::len), Some(1));
    assert!(templates["shipped"].as_array().unwrap().len() >= 25);
    let preview = json!({"text": "Your code: {code} – {minutes}", "domain": "example.com"});
    let preview = api.post("/v1/otp/templates/preview", preview).await.expect(200);
    assert_eq!((&preview["encoding"], &preview["segments"]), (&json!("ucs2"), &json!(1)));
    for text in ["no code", "{code} {name}", "{code} {code}", ""] {
        let body = json!({"purpose": "login", "locale": "de", "text": text});
        let problem = api.put("/v1/otp/templates", body).await.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["path"], "text");
    }
    assert_eq!(api.delete("/v1/otp/templates/login/de").await.status, 204);
    api.delete("/v1/otp/templates/login/de").await.expect_problem(404, "not-found");
    let log = api.get("/v1/audit").await.expect(200).to_string();
    assert!(log.contains("passcode template") && log.contains("put the passcode settings"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_and_templates_come_by_a_manifest_too() {
    let server = Server::stopped();
    let toml = |more: &str| {
        format!(
            "{}[virtual_server.otp_settings]\nlength = 8\napp_name = \"Acme\"\n[[virtual_server.otp_template]]\n\
             purpose = \"login\"\nlocale = \"de\"\ntext = \"{{app}}: {{code}}{more}\"\n",
            manifest(&[smpp("main", nobody(), "")])
        )
    };
    let done = server.apply(&toml(""));
    assert!(
        done.contains("passcode settings: app_name, length")
            && done.contains("add passcode template login (de)"),
        "{done}"
    );
    assert!(server.apply(&toml("")).contains("nothing to change"));
    let path = server.path("wrong.toml");
    std::fs::write(&path, toml(" {name}").replace("length = 8", "lenght = 8")).unwrap();
    let failed = server.cli(&["apply", "--yes", path.to_str().unwrap()]);
    assert!(!failed.status.success() && String::from_utf8_lossy(&failed.stderr).contains("lenght"));
    std::fs::write(&path, toml(" {name}")).unwrap();
    let failed = server.cli(&["apply", "--yes", path.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(said.contains("otp_template[0].text") && said.contains("{name}"), "{said}");
}

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
    let mut statuses = Vec::new();
    for code in codes.iter().filter(|code| **code != approved) {
        statuses.push(check(&api, &id, code).await["status"].clone());
    }
    assert!(statuses.contains(&json!("approved")), "{statuses:?}");
}

/// Every file below a folder with what is in it.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        path.is_file().then(|| (path.display().to_string(), std::fs::read(&path).unwrap()))
    };
    entries.filter_map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_code_stands_in_any_octet_of_the_files_nor_in_log_metrics_and_answers_at_trace() {
    let smsc = silent().await;
    let mut server = Server::stopped();
    server.apply(&manifest_with("", &[smpp("main", smsc.address(), "")]));
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
    let mut places = files(&server.data_dir());
    for path in ["/metrics", "/v1/otp", "/v1/messages", "/v1/audit", "/openapi.json"] {
        places.push((path.into(), api.get(path).await.text.into_bytes()));
    }
    assert!(server.terminate().await);
    places.extend(files(&server.data_dir()));
    // What waited is sent now, so that its code is known.
    smsc.start_again().await.unwrap();
    let mut command = server.command(&["serve"]);
    command.env("TEXTGATE_LOG_LEVEL", "trace");
    server.serve_by(command).await;
    codes.push(code_in(&received(&smsc).await));
    assert!(server.terminate().await);
    places.extend(files(&server.data_dir()));
    places.push(("the log".into(), server.log().into_bytes()));
    assert!(server.log().contains("TRACE"), "the log is at trace");
    assert!(places.iter().any(|(place, _)| place.ends_with("textgate.db")));
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
