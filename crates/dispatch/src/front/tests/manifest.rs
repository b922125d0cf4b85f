//! `apply`.

use super::*;
use crate::words::{Applied, Manifest, Mode};

impl Bench {
    async fn apply(&self, servers: Value, dry_run: bool) -> Result<Applied, DirectoryError> {
        let manifest: Manifest = serde_json::from_value(json!({"virtual_server": servers})).unwrap();
        self.dispatch.apply("cli", manifest, dry_run).await
    }
}

fn two_gateways() -> Value {
    json!({"mode": "custom", "test_number": "15550100100", "gateway": [
        {"name": "main", "plugin": "fake", "settings": {"host": "h", "password": "hunter2"}},
        {"name": "backup", "plugin": "generic-http", "settings": {
            "url": "https://sms.example.com/send", "destination_parameter": "to", "message_parameter": "text",
            "parameters": [{"name": "token", "value": "s3cret", "is_password": true}]}},
    ]})
}

fn whole() -> Value {
    json!([
        {"path": "acme/sales", "credits": 10, "sms_settings": {"mode": "default"}},
        {"path": "acme", "credits": 500, "sms_settings": two_gateways(), "api_key": [
            {"name": "app", "secret": "tg_aaaaaaaaaaaaaaaaaaaaaaaa"}, {"name": "made", "role": "send", "rate": 5}]},
        {"path": "/", "sms_settings": custom(json!({"host": "h"}))},
    ])
}

#[tokio::test]
async fn what_is_missing_is_made_with_one_sentence_for_each_change() {
    let bench = Bench::new().await;
    let applied = bench.apply(whole(), false).await.unwrap();
    assert_eq!(
        applied.changes,
        [
            "/: SMS settings: mode custom, gateways main (fake)",
            "acme: make the virtual server",
            "acme: set allocation 0 → 500 SMS credits",
            "acme: SMS settings: mode custom, test number …00, gateways main (fake), backup (generic-http)",
            "acme: add API key app",
            "acme: add API key made",
            "acme/sales: make the virtual server",
            "acme/sales: set allocation 0 → 10 SMS credits",
        ]
    );
    let (acme, sales) =
        (bench.dispatch.find(VsId::ROOT, "acme"), bench.dispatch.find(VsId::ROOT, "acme/sales").unwrap());
    assert_eq!(bench.dispatch.authenticate("tg_aaaaaaaaaaaaaaaaaaaaaaaa").map(|caller| caller.vs), acme);
    assert_eq!(bench.dispatch.credits(sales).await.unwrap().remaining, 10);
    let [(path, name, secret)] = applied.generated.as_slice() else { panic!() };
    assert_eq!((path.as_str(), name.as_str()), ("acme", "made"));
    assert_eq!(bench.dispatch.authenticate(secret).unwrap().rate, Some(5));
    assert_eq!(bench.clear(acme.unwrap(), 1)["parameters"][0]["value"], "s3cret");
}

#[tokio::test]
async fn applied_again_there_is_nothing_to_change() {
    let bench = Bench::new().await;
    bench.apply(whole(), false).await.unwrap();
    let bench = bench.reopened().await;
    let version = bench.version();
    let again = bench.apply(whole(), false).await.unwrap();
    assert_eq!((again.changes, again.generated), (Vec::<String>::new(), Vec::new()));
    let mut without = whole();
    without[1]["sms_settings"]["gateway"][0]["settings"]["password"].take();
    without[1]["sms_settings"]["gateway"][0]["settings"].as_object_mut().unwrap().remove("password");
    without[1]["api_key"][0].as_object_mut().unwrap().remove("secret");
    assert_eq!(bench.apply(without, false).await.unwrap().changes, Vec::<String>::new());
    assert_eq!(bench.version(), version);
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_changes_nothing() {
    let bench = Bench::new().await;
    let version = bench.version();
    let plan = bench.apply(whole(), true).await.unwrap();
    assert_eq!((bench.version(), bench.dispatch.find(VsId::ROOT, "acme")), (version, None));
    assert_eq!(plan.generated, []);
    assert_eq!(bench.apply(whole(), false).await.unwrap().changes, plan.changes);
}

#[tokio::test]
async fn what_differs_is_changed_and_what_is_not_named_stays() {
    let bench = Bench::new().await;
    bench.apply(whole(), false).await.unwrap();
    let kept = bench.dispatch.add_virtual_server("test", VsId::ROOT, "kept").await.unwrap().id;
    let mut settings = two_gateways();
    settings["gateway"].as_array_mut().unwrap().reverse();
    settings["gateway"][1]["settings"]["password"] = json!("other");
    settings["failover_after_ms"] = json!(500);
    let changed = json!([{"path": "acme", "credits": 1000, "sms_settings": settings, "api_key": [
        {"name": "app", "secret": "tg_bbbbbbbbbbbbbbbbbbbbbbbb", "role": "send"}]}]);
    assert_eq!(
        bench.apply(changed, false).await.unwrap().changes,
        [
            "acme: set allocation 500 → 1000 SMS credits",
            "acme: SMS settings: failover after 3000 → 500 ms, gateways backup (generic-http), main (fake), password of main",
            "acme: change API key app: another secret, role full → send",
        ]
    );
    assert!(bench.dispatch.authenticate("tg_aaaaaaaaaaaaaaaaaaaaaaaa").is_none());
    assert_eq!(bench.dispatch.api_keys(bench.dispatch.find(VsId::ROOT, "acme").unwrap()).len(), 2);
    assert!(bench.dispatch.virtual_server(kept).await.is_ok());
    let only_named = bench.apply(json!([{"path": "acme"}]), false).await.unwrap();
    assert_eq!(only_named.changes, Vec::<String>::new());
}

#[tokio::test]
async fn every_problem_is_told_with_its_path_and_nothing_at_all_is_changed() {
    let bench = Bench::new().await;
    let version = bench.version();
    let wrong = json!([
        {"path": "good", "credits": 5},
        {"path": "/", "credits": 5, "sms_settings": {"mode": "default"}},
        {"path": "acme", "sms_settings": {"mode": "custom", "gateways": [{"plugin": "fake"}]}, "api_key": [
            {"name": "a", "secret": "short"}, {"name": "b", "rate": 0}, {"name": "c"}, {"name": "c"}]},
        {"path": "nobody/sales"},
        {"path": "acme/"},
        {"path": "a/../b"},
        {"path": ""},
        {"path": "rich", "credits": 9_000_000_000_000_000_000_u64},
    ]);
    let mut found = paths(bench.apply(wrong, false).await);
    found.sort();
    let mut expected = [
        "virtual_server[1].credits",
        "virtual_server[1].sms_settings.mode",
        "virtual_server[2].sms_settings.gateways[0].settings.host",
        "virtual_server[2].api_key[0].secret",
        "virtual_server[2].api_key[1].rate",
        "virtual_server[2].api_key[3].name",
        "virtual_server[3].path",
        "virtual_server[4].path",
        "virtual_server[5].path",
        "virtual_server[6].path",
        "virtual_server[7].credits",
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!((bench.version(), bench.dispatch.find(VsId::ROOT, "good")), (version, None));
}

#[tokio::test]
async fn mode_default_is_judged_by_what_the_whole_file_makes() {
    let bench = Bench::new().await;
    let acme = bench.add("acme").await;
    bench.put(acme, custom(json!({"host": "h"}))).await.unwrap();
    let default = json!({"path": "acme", "credits": 5, "sms_settings": {"mode": "default"}});
    let refused = bench.apply(json!([default]), false).await;
    assert_eq!(paths(refused), ["virtual_server[0].sms_settings.mode"], "no way up");
    let root = json!({"path": "/", "sms_settings": custom(json!({"host": "h"}))});
    bench.apply(json!([default, root]), false).await.unwrap();
    assert_eq!(bench.dispatch.virtual_server(acme).await.unwrap().mode, Mode::Default);
}

#[tokio::test]
async fn one_secret_cannot_be_two_keys() {
    let bench = Bench::new().await;
    let secret = "x".repeat(24);
    bench
        .dispatch
        .put_api_key("test", VsId::ROOT, "top", Some(secret.clone()), textgate_store::Role::Full, None)
        .await
        .unwrap();
    let other = "y".repeat(24);
    let keys = json!([{"path": "acme", "api_key": [
        {"name": "a", "secret": secret}, {"name": "b", "secret": other}, {"name": "c", "secret": other}]}]);
    let expected = ["virtual_server[0].api_key[0].secret", "virtual_server[0].api_key[2].secret"];
    assert_eq!(paths(bench.apply(keys, false).await), expected);
}

#[tokio::test]
async fn no_sentence_holds_a_secret_or_a_whole_number() {
    let bench = Bench::new().await;
    let told = bench.apply(whole(), true).await.unwrap().changes.join("\n");
    for secret in ["hunter2", "s3cret", "tg_a", "15550100100"] {
        assert!(!told.contains(secret), "{told}");
    }
}

#[tokio::test]
async fn users_of_a_manifest_are_made_once_with_a_link_and_follow_its_roles() {
    let bench = Bench::new().await;
    let apply = |users: Value, dry_run| {
        let servers = json!([{"path": "acme", "user": users}, {"path": "acme/sales"}]);
        let manifest = serde_json::from_value(json!({"virtual_server": servers})).unwrap();
        bench.dispatch.apply("test", manifest, dry_run)
    };
    let ada = |role| json!([{"name": "ada", "role": role}, {"name": "ben", "role": "auditor"}]);
    assert!(apply(ada("operator"), true).await.unwrap().invitations.is_empty());
    let made = apply(ada("operator"), false).await.unwrap();
    assert_eq!(made.changes[1], "acme: add user ada as operator");
    let [(path, name, link), _] = made.invitations.as_slice() else { panic!() };
    assert_eq!((path.as_str(), name.as_str()), ("acme", "ada"));
    let token = link.rsplit('/').next().unwrap();
    assert_eq!(bench.dispatch.invitation(token).as_deref(), Some("ada"));
    let again = apply(ada("operator"), false).await.unwrap();
    assert!(again.changes.is_empty() && again.invitations.is_empty());
    let changed = apply(ada("administrator"), false).await.unwrap();
    assert_eq!(changed.changes, ["acme: change user ada: role operator → administrator"]);
    let wrong = json!([{"name": "a b", "role": "auditor"}, {"name": "x", "role": "auditor"}, {"name": "X", "role": "auditor"}]);
    let found = paths(apply(wrong, false).await);
    assert_eq!(found, ["virtual_server[0].user[0].name", "virtual_server[0].user[2].name"]);
    let rival = json!({"virtual_server": [{"path": "rival", "user": [{"name": "ADA", "role": "auditor"}]}]});
    let found = paths(bench.dispatch.apply("test", serde_json::from_value(rival).unwrap(), false).await);
    assert_eq!(found, ["virtual_server[0].user[0].name"]);
}
