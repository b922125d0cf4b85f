//! The program on PostgreSQL, and what it does while the database is in trouble.

#[path = "../../../store/tests/store/postgres/server.rs"]
pub mod server;

use super::kit::{Api, PATIENCE, PHONE, Server, eventually, manifest, smpp, smsc, smsc_that};
use serde_json::json;
use server::Postgres;
use std::collections::HashSet;
use std::time::Duration;
use textgate_simulator::{Behaviour, Smsc};

/// A database that belongs to a role which may do nothing else, with a password that nobody may see.
pub fn database(postgres: &Postgres) -> String {
    let url = postgres.database();
    let name = url.rsplit('/').next().unwrap();
    postgres.sql("postgres", &format!("CREATE ROLE app_{name} LOGIN PASSWORD 'hunter2'"));
    postgres.sql("postgres", &format!("ALTER DATABASE {name} OWNER TO app_{name}"));
    url.replace("textgate@", &format!("app_{name}:hunter2@"))
}

/// A running server on this database.
async fn serving(url: &str, smsc: &Smsc, more: &str) -> Server {
    let mut server = Server::stopped_on(url);
    server.apply(&manifest(&[smpp("main", smsc.address(), more)]));
    server.serve().await;
    server
}

/// What is answered while the database takes nothing.
async fn refuses(api: &Api) {
    eventually("messages are refused", async || {
        let answer = api.post_message(json!({"to": PHONE, "text": "refused", "kind": "text"})).await;
        (answer.status != 202).then_some(answer)
    })
    .await
    .expect_problem(503, "store-unavailable");
    let refused = api.post_message(json!({"to": PHONE, "text": "refused"})).await;
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    refused.expect_problem(503, "store-unavailable");
    api.get("/readyz").await.expect_problem(503, "not-ready");
    api.get("/healthz").await.expect(200);
}

/// That it takes messages again, and delivers them.
async fn recovers(api: &Api) {
    let id = eventually("messages are taken again", async || {
        let answer = api.post_message(json!({"to": PHONE, "text": "after"})).await;
        (answer.status == 202).then(|| answer.body["id"].as_str().unwrap().to_owned())
    })
    .await;
    eventually("it is ready", async || (api.get("/readyz").await.status == 200).then_some(())).await;
    api.until(&id, "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_messages_are_sent_and_delivered_and_there_after_a_restart() {
    if !server::is_there() {
        return;
    }
    let smsc = smsc().await;
    let url = database(Postgres::shared());
    let mut server = Server::stopped_on(&url);
    assert!(server.cli_ok(&["check"]).contains("its tables are made at the first start"));
    assert!(server.cli_ok(&["migrate"]).contains("made the tables"));
    assert!(server.cli_ok(&["migrate"]).contains("already"));
    server.apply(&manifest(&[smpp("main", smsc.address(), "")]));
    server.serve().await;
    let id = server.api().send(json!({"to": PHONE, "text": "hello", "kind": "otp"})).await;
    server.api().until(&id, "delivered").await;
    let status = server.cli_ok(&["status"]);
    assert!(status.contains("ready") && status.contains("main"), "{status}");
    let backup = server.cli(&["backup", server.path("copy").to_str().unwrap()]);
    let told = String::from_utf8_lossy(&backup.stderr).into_owned();
    assert!(!backup.status.success() && told.contains("pg_dump"), "{told}");
    assert!(server.terminate().await, "{}", server.log());
    server.serve().await;
    assert_eq!(server.api().message(&id).await["status"], "delivered");
    let check = server.cli_ok(&["check"]);
    assert!(check.contains("its tables have version"), "{check}");
    for told in [server.log(), check, status, told] {
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_moves_from_the_embedded_store_to_postgresql() {
    if !server::is_there() {
        return;
    }
    let smsc = smsc().await;
    let mut before = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let id = before.api().send(json!({"to": PHONE, "text": "hello"})).await;
    before.api().until(&id, "delivered").await;
    let url = database(Postgres::shared());
    let file = before.data_dir().join("textgate.db");
    let copy = ["store", "copy", file.to_str().unwrap(), url.as_str()];
    let running = before.cli(&copy);
    let told = String::from_utf8_lossy(&running.stderr).into_owned();
    assert!(!running.status.success() && told.contains("in use"), "{told}");
    assert!(before.terminate().await);
    let told = before.cli_ok(&copy);
    assert!(told.contains("checksums agree") && !told.contains("hunter2"), "{told}");
    let mut after = Server::stopped_on(&url);
    std::fs::create_dir_all(after.data_dir()).unwrap();
    std::fs::copy(before.data_dir().join("key"), after.data_dir().join("key")).unwrap();
    after.serve().await;
    assert_eq!(after.api().message(&id).await["status"], "delivered");
    let id = after.api().send(json!({"to": PHONE, "text": "again"})).await;
    after.api().until(&id, "delivered").await;
    // Another node without the key is told so, and makes none.
    let keyless = Server::stopped_on(&url).cli(&["apply", "--yes", "/dev/null"]);
    let told = String::from_utf8_lossy(&keyless.stderr).into_owned();
    assert!(!keyless.status.success() && told.contains("key"), "{told}");
}

/// Two nodes on one database: what one that was killed or stopped has not finished is sent by the other.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_node_has_not_sent_is_sent_by_the_other_and_changes_hold_on_both() {
    if !server::is_there() {
        return;
    }
    let smsc =
        smsc_that(Behaviour { answer_delay: Duration::from_millis(150), ..Behaviour::default() }).await;
    let url = database(Postgres::shared());
    let mut one = serving(&url, &smsc, "window = 1").await;
    let mut two = Server::stopped_on(&url);
    std::fs::create_dir_all(two.data_dir()).unwrap();
    std::fs::copy(one.data_dir().join("key"), two.data_dir().join("key")).unwrap();
    two.serve().await;
    let messages: Vec<_> = (0..40).map(|n| json!({"to": PHONE, "text": format!("message {n}")})).collect();
    one.api().post("/v1/messages/batch", json!({"messages": messages})).await.expect(200);
    one.kill();
    let all_came = smsc.wait_for(PATIENCE, |came| {
        (0..40).all(|n| came.iter().any(|message| message.text == format!("message {n}")))
    });
    all_came.await.expect("the other node sends what is left");
    let metrics = two.metrics().await;
    let recovered = super::kit::metric(&metrics, "textgate_messages_recovered_total", &[]) as usize;
    let doubles = smsc.messages().len() - 40;
    assert!(recovered > 30 && doubles <= 2, "{recovered} taken over, {doubles} doubles");
    // A change by one is in force on the other.
    one.serve().await;
    one.cli_ok(&["key", "create", "another", "--vs", "acme"]);
    eventually("the other node knows the key", async || {
        let list = two.cli_ok(&["key", "list", "--vs", "acme"]);
        list.contains("another").then_some(())
    })
    .await;
}

/// Sends a signal to a process.
fn signal(pid: u32, name: &str) {
    let sent = std::process::Command::new("kill").args([name, &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_stopped_past_its_lease_and_goes_on_sends_nothing_that_is_another_s() {
    if !server::is_there() {
        return;
    }
    let smsc =
        smsc_that(Behaviour { answer_delay: Duration::from_millis(100), ..Behaviour::default() }).await;
    let url = database(Postgres::shared());
    let one = serving(&url, &smsc, "window = 1").await;
    let mut two = Server::stopped_on(&url);
    std::fs::create_dir_all(two.data_dir()).unwrap();
    std::fs::copy(one.data_dir().join("key"), two.data_dir().join("key")).unwrap();
    two.serve().await;
    let messages: Vec<_> = (0..60).map(|n| json!({"to": PHONE, "text": format!("message {n}")})).collect();
    one.api().post("/v1/messages/batch", json!({"messages": messages})).await.expect(200);
    signal(one.pid(), "-STOP");
    let all_came = smsc.wait_for(PATIENCE, |came| {
        (0..60).all(|n| came.iter().any(|message| message.text == format!("message {n}")))
    });
    all_came.await.expect("the other node sends what is left");
    signal(one.pid(), "-CONT");
    eventually("it has found out", async || one.log().contains("has begun anew").then_some(())).await;
    recovers(&one.api()).await;
    let doubles = smsc.messages().iter().filter(|one| one.text.starts_with("message ")).count() - 60;
    assert!(doubles <= 2, "at most what was in its hands when it was stopped: {doubles}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_kill_9_under_load_loses_nothing() {
    if server::is_there() {
        super::crash::killed_under_load(Server::stopped_on(&database(Postgres::shared())), 20).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_gone_messages_in_hand_go_on_and_it_recovers_by_itself() {
    if !server::is_there() {
        return;
    }
    let smsc = smsc_that(Behaviour { answer_delay: Duration::from_millis(20), ..Behaviour::default() }).await;
    let mut postgres = Postgres::start(&[]);
    let url = database(&postgres);
    let server = serving(&url, &smsc, "window = 1").await;
    let api = server.api();
    let mut texts = HashSet::new();
    let mut ids = Vec::new();
    for signal in ["INT", "QUIT"] {
        let messages: Vec<_> =
            (0..60).map(|n| json!({"to": PHONE, "text": format!("{signal} {n}")})).collect();
        let answer = api.post("/v1/messages/batch", json!({"messages": messages})).await.expect(200);
        for (n, result) in answer["results"].as_array().unwrap().iter().enumerate() {
            ids.push(result["message"]["id"].as_str().unwrap().to_owned());
            texts.insert(format!("{signal} {n}"));
        }
        postgres.stop(signal);
        refuses(&api).await;
        let all_came =
            smsc.wait_for(PATIENCE, |came| texts.iter().all(|text| came.iter().any(|m| m.text == *text)));
        all_came.await.expect("what is in hand goes on without the database");
        postgres.start_again();
        recovers(&api).await;
    }
    for id in &ids {
        api.until(id, "delivered").await;
    }
    let came = smsc.messages();
    let doubles = came.iter().filter(|one| texts.contains(&one.text)).count() - texts.len();
    assert_eq!(doubles, 0, "nothing is sent twice, and nothing was taken that was refused");
    assert!(came.iter().all(|one| one.text != "refused"));
    assert!(!server.log().contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_database_and_one_without_connections_answer_503_and_are_got_over() {
    if !server::is_there() {
        return;
    }
    let smsc = smsc().await;
    let postgres = Postgres::start(&[]);
    let url = database(&postgres);
    let mut server = serving(&url, &smsc, "").await;
    let api = server.api();
    recovers(&api).await;
    for (trouble, end, why) in [
        (
            "ALTER SYSTEM SET default_transaction_read_only = on",
            "ALTER SYSTEM RESET default_transaction_read_only",
            "PostgreSQL is read-only",
        ),
        (
            "ALTER ROLE app_test_0 CONNECTION LIMIT 0",
            "ALTER ROLE app_test_0 CONNECTION LIMIT -1",
            "max_connections",
        ),
    ] {
        let role = url.split("://").nth(1).unwrap().split(':').next().unwrap().to_owned();
        postgres.sql("postgres", &trouble.replace("app_test_0", &role));
        postgres.sql("postgres", "SELECT pg_reload_conf()");
        let theirs =
            format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{role}'");
        if trouble.contains("LIMIT") {
            postgres.sql("postgres", &theirs);
        }
        refuses(&api).await;
        assert!(server.is_alive());
        eventually("the log says why", async || server.log().contains(why).then_some(())).await;
        postgres.sql("postgres", &end.replace("app_test_0", &role));
        postgres.sql("postgres", "SELECT pg_reload_conf()");
        recovers(&api).await;
    }
    assert!(server.terminate().await);
}
