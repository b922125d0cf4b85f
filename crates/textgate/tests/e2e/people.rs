//! Users, by the command line and by the API, and the audit log.

use super::kit::{KEY, PATIENCE, Server, Tenant, manifest};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Output, Stdio};

const SALES: &str = "tg_sales_key_0123456789abcdef";
const RIVAL: &str = "tg_rival_key_0123456789abcdef";
const SEND: &str = "tg_send_only_0123456789abcdef";

/// `acme`, its child `acme/sales`, and `rival`, each with a key of role full; `acme` with one that only sends.
fn tenants() -> String {
    let bare = |path, key| Tenant { path, key, more: "", settings: "", gateways: &[] }.toml();
    let send = format!("[[virtual_server.api_key]]\nname = \"send\"\nsecret = \"{SEND}\"\nrole = \"send\"\n");
    bare("acme", KEY) + &send + &bare("acme/sales", SALES) + &bare("rival", RIVAL)
}

impl Server {
    /// Runs a command that reads this from its standard input.
    fn cli_with(&self, args: &[&str], input: &str) -> Output {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }
}

fn names(list: &Value) -> Vec<&str> {
    list["users"].as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_made_listed_reset_and_removed_with_and_without_a_server() {
    let mut server = Server::stopped();
    server.apply(&tenants());
    let password = "correct horse battery\n";
    let add =
        ["user", "add", "ada@example.com", "--vs", "acme", "--role", "administrator", "--password-stdin"];
    let added = server.cli_with(&add, password);
    assert!(added.status.success(), "{added:?}");
    assert_eq!(String::from_utf8(added.stdout).unwrap(), "ada@example.com is added\n");
    let link = server.cli_ok(&["user", "add", "ben", "--vs", "acme/sales", "--role", "operator"]);
    assert!(link.starts_with("/console/invitation/") && link.lines().count() == 1, "{link}");
    let list = server.cli_ok(&["user", "list"]);
    assert!(list.contains("ada@example.com") && list.contains("acme/sales"), "{list}");
    let offline = server.cli(&["user", "set-up-link"]);
    assert!(!offline.status.success());
    assert!(!server.data_dir().join("offline.sock").exists());
    server.serve().await;
    assert_eq!(server.cli_ok(&["user", "list"]), list, "the server says the same");
    let again = server
        .cli_with(&["user", "add", "ADA@example.com", "--role", "auditor", "--password-stdin"], password);
    assert!(String::from_utf8_lossy(&again.stderr).contains("taken"), "{again:?}");
    let short = server.cli_with(&["user", "add", "cyd", "--role", "auditor", "--password-stdin"], "short");
    assert!(String::from_utf8_lossy(&short.stderr).contains("at least 12 characters"), "{short:?}");
    let reset = server.cli_ok(&["user", "reset", "Ben"]);
    assert!(reset.starts_with("/console/invitation/") && reset != link, "{reset}");
    assert!(!server.cli(&["user", "remove", "ben", "--vs", "rival"]).status.success());
    server.cli_ok(&["user", "remove", "ben", "--vs", "acme"]);
    assert!(!server.cli_ok(&["user", "list"]).contains("ben"));
    let log = server.log();
    for secret in
        ["correct horse", link.trim().rsplit('/').next().unwrap(), reset.trim().rsplit('/').next().unwrap()]
    {
        assert!(!log.contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_makes_users_and_prints_their_links_once() {
    let server = Server::stopped();
    let toml = tenants() + "[[virtual_server.user]]\nname = \"cyd\"\nrole = \"auditor\"\n";
    let applied = server.apply(&toml);
    assert!(applied.contains("rival: add user cyd as auditor"), "{applied}");
    assert!(applied.contains("  rival cyd /console/invitation/"), "{applied}");
    assert!(server.apply(&toml).contains("nothing to change"));
    assert!(server.cli_ok(&["user", "list", "--vs", "rival"]).contains("cyd"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_prints_a_link_until_there_is_a_user() {
    let mut server = Server::stopped();
    let mut child = server.command(&["serve"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let read = tokio::task::spawn_blocking(move || stdout.lines().next().unwrap().unwrap());
    let line = tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
    let by_command = server.cli_ok(&["user", "set-up-link"]);
    child.kill().unwrap();
    child.wait().unwrap();
    let path = by_command.trim();
    assert!(path.starts_with("/console/set-up/"), "{path}");
    assert!(
        line.starts_with("Open http://127.0.0.1:")
            && line.ends_with(&format!("{path} to make the first user")),
        "{line}"
    );
    server.serve().await;
    assert_ne!(server.cli_ok(&["user", "set-up-link"]), by_command, "each start has its own");
    server.cli_ok(&["user", "add", "ada", "--role", "administrator"]);
    let refused = server.cli(&["user", "set-up-link"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("there are users already"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_manages_the_users_of_its_virtual_server_and_below_and_no_others() {
    let server = Server::start(&tenants()).await;
    let (acme, sales, rival) = (server.api(), server.api_as(SALES), server.api_as(RIVAL));
    let id_of = async |path: &str| acme.virtual_server(path).await.unwrap();
    let (sales_id, acme_id) = (id_of("acme/sales").await, id_of("acme").await);
    let rival_id = rival.virtual_server("rival").await.unwrap();
    let user = |name: &str, role: &str| json!({"name": name, "role": role});
    let added = acme.post("/v1/users", user("ada", "administrator")).await.expect(201);
    assert_eq!(added["user"]["virtual_server"], acme_id);
    assert!(added["invitation"]["url"].as_str().unwrap().starts_with("/console/invitation/"));
    let mut ben = user("ben", "operator");
    (ben["virtual_server"], ben["password"]) = (sales_id.into(), "correct horse battery".into());
    let ben = acme.post("/v1/users", ben).await.expect(201);
    assert_eq!((&ben["invitation"], &ben["user"]["has_password"]), (&Value::Null, &json!(true)));
    rival.post("/v1/users", user("eve", "administrator")).await.expect(201);
    assert_eq!(names(&acme.get("/v1/users").await.expect(200)), ["ada", "ben"]);
    assert_eq!(names(&sales.get("/v1/users").await.expect(200)), ["ben"]);
    // More than the maker has cannot be given: what is above or beside does not exist.
    for foreign in [1, rival_id, acme_id] {
        let mut up = user("mal", "administrator");
        up["virtual_server"] = foreign.into();
        sales.post("/v1/users", up).await.expect_problem(404, "not-found");
    }
    let ada = format!("/v1/users/{}", added["user"]["id"]);
    for key in [&sales, &rival] {
        key.get(&ada).await.expect_problem(404, "not-found");
        key.patch(&ada, json!({"role": "auditor"})).await.expect_problem(404, "not-found");
        key.delete(&ada).await.expect_problem(404, "not-found");
        for link in ["reset", "invitation"] {
            let path = format!("{ada}/{link}");
            key.ask(Method::POST, &path, &[], String::new()).await.expect_problem(404, "not-found");
        }
    }
    server.api_as(SEND).get("/v1/users").await.expect_problem(403, "forbidden");
    server.api_as(SEND).get("/v1/audit").await.expect_problem(403, "forbidden");
    let changed = acme.patch(&ada, json!({"role": "auditor", "name": "ada.l"})).await.expect(200);
    assert_eq!((&changed["role"], &changed["name"]), (&json!("auditor"), &json!("ada.l")));
    let reset = acme.ask(Method::POST, &format!("{ada}/reset"), &[], String::new()).await.expect(201);
    assert_ne!(reset["url"], added["invitation"]["url"]);
    acme.delete(&ada).await.expect(204);
    acme.get(&ada).await.expect_problem(404, "not-found");
    // Each sees in the audit log what is its own or below, with before and after, and no secret.
    let log = async |key: &super::kit::Api| key.get("/v1/audit").await.expect(200);
    let mine = log(&acme).await;
    let entries = mine["entries"].as_array().unwrap();
    assert!(
        entries.iter().all(|entry| entry["virtual_server"] != rival_id && entry["virtual_server"] != 1),
        "{mine}"
    );
    let role = entries.iter().find(|entry| entry["after"]["role"] == "auditor").unwrap();
    assert_eq!((&role["actor"], &role["before"]["role"]), (&json!("key acme/app"), &json!("administrator")));
    assert!(!mine.to_string().contains("correct horse"));
    let beside = log(&rival).await;
    assert!(beside["entries"].as_array().unwrap().iter().all(|entry| entry["virtual_server"] == rival_id));
    let filtered = acme.get("/v1/audit?action=added%20user&limit=1").await.expect(200);
    assert_eq!(filtered["entries"][0]["action"], "added user \"ben\"");
    let next = format!("/v1/audit?action=added%20user&limit=1&cursor={}", filtered["next"].as_str().unwrap());
    assert_eq!(acme.get(&next).await.expect(200)["entries"][0]["action"], "added user \"ada\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_audit_log_is_found_and_the_entry_named() {
    let mut server = Server::start(&manifest(&[]).replace("mode = \"custom\"", "mode = \"default\"")).await;
    server.cli_ok(&["user", "add", "ada", "--vs", "acme", "--role", "operator"]);
    let online = server.cli_ok(&["audit", "verify"]);
    assert!(server.cli_ok(&["audit", "list", "--vs", "acme"]).contains("added user \"ada\""));
    assert!(server.terminate().await);
    assert_eq!(server.cli_ok(&["audit", "verify"]), online, "the store itself says the same");
    let head = online.lines().find_map(|line| line.strip_prefix("head ")).unwrap().to_owned();
    server.cli_ok(&["audit", "verify", "--head", &head]);
    let (number, hash) = head.split_once(':').unwrap();
    let later = format!("{}:{hash}", number.parse::<u64>().unwrap() + 1);
    let cut = server.cli(&["audit", "verify", "--head", &later]);
    assert_eq!(cut.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&cut.stderr).contains("is missing"), "{cut:?}");
    // Somebody writes another name into the file.
    let path = server.data_dir().join("textgate.db");
    let mut file = std::fs::read(&path).unwrap();
    let (from, to) = (b"added user \"ada\"", b"added user \"eve\"");
    let at = file.windows(from.len()).position(|window| window == from).unwrap();
    file[at..at + to.len()].copy_from_slice(to);
    std::fs::write(&path, file).unwrap();
    let found = server.cli(&["audit", "verify"]);
    assert_eq!(found.status.code(), Some(1));
    let said = String::from_utf8_lossy(&found.stderr).into_owned();
    assert!(said.contains(&format!("entry {number} was changed")), "{said}");
}
