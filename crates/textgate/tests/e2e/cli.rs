//! The command line, as an administrator and as a script use it.

use super::kit::{
    KEY, PHONE, Server, binary, gateway, http, manifest, manifest_with, provider, smpp, smsc, smsc_that,
};
use std::io::{BufRead, Write};
use std::process::{Command, Output, Stdio};
use textgate_simulator::{Behaviour, Receipts, Status};

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The exit code, and what was said.
#[track_caller]
fn fails(output: &Output, code: i32) -> String {
    let said = out(output) + &err(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_is_applied_with_the_server_stopped_or_running_and_a_second_time_changes_nothing() {
    let (smsc, provider) = (smsc().await, provider().await);
    let mut server = Server::stopped();
    let first = manifest(&[smpp("main", smsc.address(), "")]);
    let path = server.path("manifest.toml");
    let file = path.to_str().unwrap();
    std::fs::write(&path, &first).unwrap();
    let plan = server.cli_ok(&["apply", file, "--dry-run"]);
    assert!(plan.contains("acme") && plan.contains("dry run: nothing was changed"), "{plan}");
    assert!(!plan.contains(KEY) && !plan.contains("\"secret\""), "{plan}");
    let done = server.cli_ok(&["apply", file, "--yes"]);
    assert!(done.contains("applied"), "the dry run left everything to do: {done}");
    let again = server.cli_ok(&["apply", file, "--yes"]);
    assert!(again.contains("nothing to change"), "{again}");
    server.serve().await;
    let again = server.cli_ok(&["apply", file, "--yes"]);
    assert!(again.contains("nothing to change"), "what is applied offline is the same online: {again}");

    let second =
        manifest(&[smpp("main", smsc.address(), "window = 3"), http("backup", provider.address(), "")]);
    std::fs::write(&path, second).unwrap();
    let plan = server.cli_ok(&["apply", file, "--dry-run"]);
    assert!(plan.contains("backup"), "{plan}");
    assert_eq!(server.api().get("/v1/sms-settings").await.body["gateways"].as_array().unwrap().len(), 1);
    server.cli_ok(&["apply", file, "--yes"]);
    let shown = server.api().get("/v1/sms-settings").await.body;
    assert_eq!(shown["gateways"][1]["name"], "backup");
    assert_eq!(shown["gateways"][0]["settings"]["window"], 3);
    assert!(server.cli_ok(&["apply", file, "--yes"]).contains("nothing to change"));
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_a_manifest_come_from_the_environment_and_from_files() {
    let smsc = smsc().await;
    let server = Server::stopped();
    let text = manifest(&[smpp("main", smsc.address(), "")])
        .replace("password = \"secret\"", "password = { env = \"SMSC_PASSWORD\" }")
        .replace(&format!("secret = \"{KEY}\""), "secret = { file = \"app.key\" }");
    let path = server.path("manifest.toml");
    std::fs::write(&path, text).unwrap();
    let apply = |server: &Server| {
        let mut command = server.command(&["apply", "--yes", path.to_str().unwrap()]);
        command.stdin(Stdio::null());
        command
    };
    let said = fails(&apply(&server).output().unwrap(), 3);
    assert!(said.contains("SMSC_PASSWORD") && said.contains("app.key"), "both are told: {said}");
    std::fs::write(server.path("app.key"), format!("{KEY}\n")).unwrap();
    let output = apply(&server).env("SMSC_PASSWORD", "secret").output().unwrap();
    assert!(output.status.success(), "{}", err(&output));
    let mut server = server;
    server.serve().await;
    server.api().until_gateway("main", "up").await;
    server.api().send_until(serde_json::json!({"to": PHONE, "text": "hello"}), "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_with_mistakes_is_told_whole_and_changes_nothing() {
    let smsc = smsc().await;
    let mut server = Server::stopped();
    let gateways = [
        smpp("main", smsc.address(), "encoding = \"ebcdic\"\nwindow = 0"),
        http("web", smsc.address(), "colour = \"red\"").replace("/sms\"", "/sms?a=1&b=2\""),
    ];
    let wrong = manifest_with("failover_after_ms = 5", &gateways).replace(PHONE, "+1 (555) 010-0100");
    let path = server.path("manifest.toml");
    std::fs::write(&path, wrong).unwrap();
    for is_running in [false, true] {
        if is_running {
            server.serve().await;
        }
        let said = fails(&server.cli(&["apply", "--yes", path.to_str().unwrap()]), 1);
        for path in [
            "test_number",
            "failover_after_ms",
            "gateways[0].settings.encoding",
            "gateways[0].settings.window",
            "gateways[1].settings.url",
            "gateways[1].settings.colour",
        ] {
            assert!(said.contains(path), "{path}: {said}");
        }
        assert!(said.contains("15550100100"), "it says what the number would be: {said}");
    }
    let listed = server.cli_ok(&["status", "--json"]);
    assert!(!listed.contains("acme"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_shown_and_set_and_tested() {
    let smsc = smsc().await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let shown = server.cli_ok(&["settings", "show", "--vs", "acme"]);
    assert!(shown.contains("primary: main (smpp)") && shown.contains("(set)"), "{shown}");
    assert!(shown.contains(PHONE) && !shown.contains("password               secret"), "{shown}");
    let file = server.path("settings.toml");
    let settings = format!(
        "mode = \"custom\"\ntest_number = \"15550100177\"\n[[gateway]]\nplugin = \"smpp\"\nname = \"main\"\n\
         settings = {{ system_id = \"esme\", host = \"127.0.0.1\", port = {}, sender = \"Acme\" }}\n",
        smsc.port()
    );
    std::fs::write(&file, settings).unwrap();
    server.cli_ok(&["settings", "set", file.to_str().unwrap(), "--vs", "acme"]);
    let json: serde_json::Value =
        serde_json::from_str(&server.cli_ok(&["settings", "show", "--vs", "acme", "--json"])).unwrap();
    assert_eq!(json["gateways"][0]["settings"]["sender"], "Acme");
    assert_eq!(json["gateways"][0]["secrets_set"], serde_json::json!(["password"]));
    let said = server.cli_ok(&["test", "--vs", "acme", "--wait"]);
    assert!(said.contains("delivered"), "{said}");
    let message = smsc.messages()[0].clone();
    assert_eq!(
        (message.destination.number.as_str(), message.source.number.as_str()),
        ("15550100177", "Acme")
    );
    server.cli_ok(&["test", "--vs", "acme", "--number", "15550100188", "--wait=sent"]);
    assert_eq!(smsc.messages()[1].destination.number, "15550100188");
    let said = fails(&server.cli(&["settings", "show", "--vs", "nowhere"]), 1);
    assert!(said.contains("does not exist"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_waited_for_and_looked_at() {
    let smsc = smsc().await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let said = server.cli_ok(&[
        "send",
        "--vs",
        "acme",
        "--to",
        PHONE,
        "--text",
        "Disk full",
        "--kind",
        "alert",
        "--wait",
    ]);
    assert!(said.contains("1 segment, gsm7") && said.contains("delivered"), "{said}");
    let id = said.split_whitespace().next().unwrap();
    let shown = server.cli_ok(&["status", id, "--vs", "acme"]);
    for word in ["delivered", "main", "alert", "attempts", "receipts"] {
        assert!(shown.to_lowercase().contains(&word.to_lowercase()), "{word}: {shown}");
    }
    assert!(!shown.contains(PHONE) && !shown.contains("Disk"), "{shown}");

    let mut command = server.command(&["send", "--to", PHONE, "--text-stdin", "--kind", "otp", "--json"]);
    command.env("TEXTGATE_URL", format!("http://{}", server.address())).env("TEXTGATE_API_KEY", KEY);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all("123456 ist dein Kod€\n".as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    server.api().until(json["id"].as_str().unwrap(), "delivered").await;
    assert_eq!(smsc.messages()[1].text, "123456 ist dein Kod€");

    let status = server.cli_ok(&["status"]);
    assert!(status.contains("ready") && status.contains("acme") && status.contains("main"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_tell_a_script_what_happened() {
    let smsc = smsc_that(Behaviour::refusing(Status::RINVDSTADR)).await;
    let mut server = Server::stopped();
    server.apply(&manifest(&[smpp("main", smsc.address(), "")]));
    let send = ["send", "--vs", "acme", "--to", PHONE, "--text", "x"];
    let said = fails(&server.cli(&send), 4);
    assert!(said.contains("textgate serve"), "it says what to do: {said}");
    server.serve().await;
    let with = |more: &[&'static str]| server.cli(&[&send[..], more].concat());
    assert!(fails(&with(&["--wait"]), 1).contains("failed"));
    smsc.set(Behaviour { receipts: Receipts::never(), ..Behaviour::default() });
    assert!(fails(&with(&["--wait", "--timeout", "1"]), 1).contains("no receipt came in time"));
    assert_eq!(with(&["--wait=sent"]).status.code(), Some(0));
    let said = fails(&server.cli(&["send", "--vs", "acme", "--to", "+1 555 0100", "--text", "x"]), 1);
    assert!(said.contains("15550100"), "{said}");
    fails(&server.cli(&["send", "--vs", "acme"]), 2);
    fails(&server.cli(&["status", "0000000000000", "--vs", "acme"]), 1);
    fails(&server.cli(&["status", "--url", "http://127.0.0.1:1", "--api-key", KEY]), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn api_keys_are_made_listed_and_revoked() {
    let smsc = smsc().await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let output = server.cli(&["key", "create", "shop", "--vs", "acme", "--role", "send", "--rate", "50"]);
    assert!(output.status.success(), "{}", err(&output));
    let secret = out(&output).trim_end().to_owned();
    assert!(secret.starts_with("tg_") && !secret.contains(char::is_whitespace), "alone on its line");
    let api = server.api_as(&secret);
    api.send_until(serde_json::json!({"to": PHONE, "text": "hello"}), "delivered").await;
    let list = server.cli_ok(&["key", "list", "--vs", "acme"]);
    assert!(list.contains("shop") && list.contains("app") && list.contains("50"), "{list}");
    assert!(!list.contains(&secret) && !list.contains(KEY));
    server.cli_ok(&["key", "revoke", "shop", "--vs", "acme"]);
    api.get("/v1/messages").await.expect_problem(401, "unauthorized");
    assert!(!server.cli_ok(&["key", "list", "--vs", "acme"]).contains("shop"));
    fails(&server.cli(&["key", "revoke", "shop", "--vs", "acme"]), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_while_it_runs_is_a_store() {
    let smsc = smsc().await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let message =
        server.api().send_until(serde_json::json!({"to": PHONE, "text": "kept"}), "delivered").await;
    let file = server.path("copy.db");
    server.cli_ok(&["backup", file.to_str().unwrap()]);
    let said = fails(&server.cli(&["backup", file.to_str().unwrap()]), 1);
    assert!(said.contains("exists already"), "{said}");
    server.api().send_until(serde_json::json!({"to": PHONE, "text": "after"}), "delivered").await;

    let mut restored = Server::stopped();
    std::fs::create_dir(restored.data_dir()).unwrap();
    std::fs::copy(file, restored.data_dir().join("textgate.db")).unwrap();
    let key = restored.data_dir().join("key");
    // The key file of another server: its twin with another last digit.
    let right = std::fs::read_to_string(server.data_dir().join("key")).unwrap();
    let last = if right.trim_end().ends_with('0') { "1\n" } else { "0\n" };
    std::fs::copy(server.data_dir().join("key"), &key).unwrap();
    std::fs::write(&key, right.trim_end()[..right.trim_end().len() - 1].to_owned() + last).unwrap();
    let said = fails(&restored.cli(&["serve"]), 3);
    assert!(said.contains("key"), "{said}");
    std::fs::write(&key, right).unwrap();
    restored.serve().await;
    let list = restored.api().get("/v1/messages").await.expect(200);
    assert_eq!(list["messages"].as_array().unwrap().len(), 1);
    assert_eq!(restored.api().message(message["id"].as_str().unwrap()).await, message);
    restored.api().until_gateway("main", "up").await;
    restored.api().send_until(serde_json::json!({"to": PHONE, "text": "again"}), "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_is_explained_and_a_right_one_is_shown() {
    let mut server = Server::stopped();
    let shown = server.cli_ok(&["check"]);
    for word in
        ["data_dir", "127.0.0.0/8", "made at the first start", "not running", "the configuration is right"]
    {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    assert!(!server.data_dir().exists(), "check changes nothing");
    server.serve().await;
    assert!(server.cli_ok(&["check"]).contains("running"));

    let file = server.path("wrong.toml");
    for (text, words) in [
        ("data_dir = 7", &["line 1"][..]),
        ("[http]\nlisten = \"everywhere\"", &["line 2"]),
        ("[http]\nlisen = \"127.0.0.1:0\"", &["line 2", "lisen"]),
        ("[network]\nallow = [\"10.0.0.0/99\"]", &["line 2"]),
        ("store = \"mysql://h/d\"", &["store"]),
        ("[limits]\nwaiting = 0", &["limits.waiting", "between 1 and"]),
        ("data_dir = \"x", &["line 1"]),
    ] {
        std::fs::write(&file, text).unwrap();
        let output = Command::new(binary()).args(["serve", "--config"]).arg(&file).output().unwrap();
        let said = fails(&output, 3);
        assert!(words.iter().all(|word| said.contains(word)), "{text}: {said}");
    }
    let output = Command::new(binary()).args(["check", "--config", "/nonexistent/a.toml"]).output().unwrap();
    assert!(fails(&output, 3).contains("/nonexistent/a.toml"));
    // A second server on the same data directory does no harm.
    let said = fails(&server.cli(&["serve"]), 1);
    assert!(!said.is_empty());
    assert!(server.cli_ok(&["status"]).contains("ready"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_store_is_told_and_left_alone() {
    let mut server = Server::stopped();
    server.serve().await;
    assert!(server.terminate().await);
    let database = server.data_dir().join("textgate.db");
    for entry in std::fs::read_dir(server.data_dir()).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("textgate.db-") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let garbage = "this is a letter to my aunt, not a store\n".repeat(500);
    std::fs::write(&database, &garbage).unwrap();
    let said = fails(&server.cli(&["serve"]), 1);
    assert!(said.contains("store") && !said.contains("panicked"), "{said}");
    assert_eq!(std::fs::read_to_string(&database).unwrap(), garbage);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_overrides_the_file() {
    let elsewhere = tempfile::tempdir().unwrap();
    let server = Server::stopped();
    let mut command = server.command(&["check"]);
    command
        .env("TEXTGATE_DATA_DIR", elsewhere.path())
        .env("TEXTGATE_HTTP_LISTEN", "127.0.0.1:8123")
        .env("TEXTGATE_NETWORK_ALLOW", "10.0.0.0/8,192.168.0.0/16")
        .env("TEXTGATE_STORE", "sqlite");
    let shown = out(&command.output().unwrap());
    for word in [elsewhere.path().to_str().unwrap(), "127.0.0.1:8123", "10.0.0.0/8, 192.168.0.0/16"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_can_be_simulated_beside_the_gateway() {
    // A free port, given back before the simulator takes it.
    let address = super::kit::nobody();
    let server = Server::stopped();
    let listen = format!("--listen={address}");
    let mut command = server.command(&["simulate", "smsc", "--system-id", "esme", "--show-text", &listen]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut simulator = command.spawn().unwrap();
    let mut lines = std::io::BufReader::new(simulator.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.next().unwrap().contains(&address.to_string()));
    assert!(lines.next().unwrap().starts_with("Its phones are shown on http://127.0.0.1:"));
    let mut server = server;
    server.apply(&manifest(&[smpp("main", address, "sender = \"Acme\"")]));
    server.serve().await;
    server.api().send_until(serde_json::json!({"to": PHONE, "text": "shown here"}), "delivered").await;
    let line = lines.next().unwrap();
    simulator.kill().unwrap();
    simulator.wait().unwrap();
    assert!(line.contains(PHONE) && line.contains("\"shown here\"") && line.contains("from Acme"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modem_can_be_simulated_beside_the_gateway() {
    let mut server = Server::stopped();
    let (address, device) = (super::kit::nobody(), server.path("modem"));
    let mut command = server.command(&["simulate", "modem", "--show-text", "--pin=1234"]);
    command.arg(format!("--tcp={address}")).arg("--link").arg(&device);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut simulator = command.spawn().unwrap();
    let mut lines = std::io::BufReader::new(simulator.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.next().unwrap().contains(device.to_str().unwrap()));
    assert!(std::fs::read_link(&device).unwrap().starts_with("/dev/pts"));
    assert!(lines.next().unwrap().starts_with("Its phones are shown on http://127.0.0.1:"));
    let settings = format!("devices = \"tcp://{address}\"\npin = \"1234\"");
    server.apply(&manifest(&[gateway("modem", "desk", &settings)]));
    server.serve().await;
    server.api().send_until(serde_json::json!({"to": PHONE, "text": "by air"}), "delivered").await;
    let line = lines.next().unwrap();
    simulator.kill().unwrap();
    simulator.wait().unwrap();
    assert!(line.contains(PHONE) && line.contains("\"by air\""), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_of_many_virtual_servers_goes_through_a_running_server_too() {
    let mut server = Server::stopped();
    server.serve().await;
    let many: String =
        (0..16_000).map(|n| format!("[[virtual_server]]\npath = \"tenant-number-{n}\"\n")).collect();
    let path = server.path("manifest.toml");
    std::fs::write(&path, many).unwrap();
    let plan = server.cli_ok(&["apply", "--dry-run", path.to_str().unwrap()]);
    assert!(plan.contains("16000 changes to make"), "{}", plan.lines().next().unwrap_or_default());
}
