//! SMS settings: the rules of the page, and what happens to secrets.

use super::*;
use crate::view::View;
use crate::words::Mode;
use textgate_store::{Change, NewGateway};

#[tokio::test]
async fn every_problem_is_told_at_once_with_its_path_and_nothing_is_changed() {
    let bench = Bench::new().await;
    let acme = bench.add("acme").await;
    let version = bench.version();
    let wrong = json!({
        "mode": "custom", "test_number": "+1 555", "failover_after_ms": 99,
        "gateways": [
            {"name": "main", "plugin": "fake", "settings": {"port": 0, "use_proxy": true}},
            {"name": "main", "plugin": "fake", "settings": {"host": "needs-password"}},
            {"name": "a/b", "plugin": "nothing"},
            {"plugin": "fake", "settings": []},
        ],
    });
    let expected = [
        "test_number",
        "failover_after_ms",
        "gateways[0].settings.port",
        "gateways[0].settings.host",
        "gateways[0].settings.proxy_url",
        "gateways[1].name",
        "gateways[1].settings.password",
        "gateways[2].name",
        "gateways[2].plugin",
        "gateways[3].settings",
    ];
    assert_eq!(paths(bench.put(acme, wrong).await), expected);
    assert_eq!(bench.version(), version);
}

#[tokio::test]
async fn the_test_number_is_answered_with_what_it_would_be() {
    let bench = Bench::new().await;
    let acme = bench.add("acme").await;
    let error =
        bench.put(acme, json!({"mode": "default", "test_number": "+1 (555) 010-0100"})).await.unwrap_err();
    let DirectoryError::Invalid(problems) = error else { panic!("{error}") };
    assert_eq!(problems[0].message, "remove +, spaces and punctuation: 15550100100");
    let blank = bench.put(acme, json!({"mode": "default", "test_number": ""})).await.unwrap();
    assert_eq!(blank.test_number, None);
}

#[tokio::test]
async fn gateways_without_a_name_are_primary_failover_and_so_on() {
    let bench = Bench::new().await;
    let one = |name: &str| json!({"name": name, "plugin": "fake", "settings": {"host": "h"}});
    let input = json!({"mode": "custom", "gateways": [one(""), one(""), one("failover-2"), one("")]});
    let settings = bench.put(VsId::ROOT, input).await.unwrap();
    let names: Vec<&str> = settings.gateways.iter().map(|gateway| gateway.name.as_str()).collect();
    assert_eq!(names, ["primary", "failover", "failover-2", "failover-3"]);
}

#[tokio::test]
async fn mode_custom_needs_one_to_eight_gateways() {
    let bench = Bench::new().await;
    assert_eq!(paths(bench.put(VsId::ROOT, json!({"mode": "custom"})).await), ["gateways"]);
    let many = |n: usize| {
        let one = json!({"plugin": "fake", "settings": {"host": "h"}});
        json!({"mode": "custom", "gateways": vec![one; n]})
    };
    assert_eq!(paths(bench.put(VsId::ROOT, many(9)).await), ["gateways"]);
    assert_eq!(bench.put(VsId::ROOT, many(8)).await.unwrap().gateways.len(), 8);
}

#[tokio::test]
async fn mode_default_is_refused_for_the_root() {
    let bench = Bench::with_provider().await;
    assert_eq!(paths(bench.put(VsId::ROOT, json!({"mode": "default"})).await), ["mode"]);
}

#[tokio::test]
async fn mode_default_can_only_be_selected_with_a_way_up_and_allocated_credits() {
    let bench = Bench::new().await;
    let acme = bench.add("acme").await;
    bench.put(acme, custom(json!({"host": "h"}))).await.unwrap();
    let default = || bench.put(acme, json!({"mode": "default", "gateways": []}));
    bench.give(acme, 5).await;
    assert_eq!(paths(default().await), ["mode"], "nobody above has a gateway");
    bench.put(VsId::ROOT, custom(json!({"host": "h"}))).await.unwrap();
    bench.give(acme, 0).await;
    assert_eq!(paths(default().await), ["mode"], "no credits are allocated");
    bench.give(acme, 5).await;
    assert_eq!(default().await.unwrap().mode, Mode::Default);
}

#[tokio::test]
async fn what_is_in_mode_default_already_may_be_saved_so() {
    let bench = Bench::new().await;
    let acme = bench.add("acme").await;
    let input = json!({"mode": "default", "test_number": "15550100100"});
    let settings = bench.put(acme, input).await.unwrap();
    assert_eq!(settings.test_number.as_deref(), Some("15550100100"));
}

#[tokio::test]
async fn why_default_cannot_be_used_is_told_as_long_as_it_cannot() {
    let bench = Bench::new().await;
    let acme = bench.add("acme").await;
    let sales = bench.add("acme/sales").await;
    async fn why(bench: &Bench, vs: VsId) -> String {
        bench.dispatch.settings(vs).await.unwrap().default_unavailable.unwrap_or_default()
    }
    assert!(why(&bench, VsId::ROOT).await.contains("nobody above"));
    assert!(why(&bench, acme).await.contains("no SMS gateway"));
    bench.put(VsId::ROOT, custom(json!({"host": "h"}))).await.unwrap();
    assert!(why(&bench, acme).await.contains("not allocated"));
    bench.give(sales, 5).await;
    assert!(why(&bench, sales).await.contains("left itself"), "acme pays too, and has none");
    bench.give(acme, 5).await;
    assert_eq!((why(&bench, acme).await, why(&bench, sales).await), (String::new(), String::new()));
    assert_eq!(bench.dispatch.settings(sales).await.unwrap().credits.allocated, 5);
}

#[tokio::test]
async fn in_mode_default_the_gateways_are_kept_for_later() {
    let bench = Bench::with_provider().await;
    let acme = bench.add("acme").await;
    bench.put(acme, custom(json!({"host": "h", "password": "hunter2"}))).await.unwrap();
    bench.give(acme, 5).await;
    let mut input = custom(json!({"host": "h"}));
    input["mode"] = json!("default");
    assert_eq!(bench.put(acme, input).await.unwrap().gateways[0].name, "main");
    assert_eq!(bench.clear(acme, 0)["password"], "hunter2");
    let view = bench.dispatch.engine.view.load();
    assert_eq!(view.route(acme).unwrap().gateways_of, VsId::ROOT);
}

#[tokio::test]
async fn a_secret_is_never_shown_and_kept_when_the_form_comes_back_with_it_blank() {
    let bench = Bench::new().await;
    let token = |value: &str| json!([{"name": "token", "value": value, "is_password": true}]);
    let first = json!({"host": "h", "password": "hunter2", "parameters": token("s3cret")});
    let shown = bench.put(VsId::ROOT, custom(first)).await.unwrap();
    assert_eq!(shown.gateways[0].secrets_set, ["password", "parameters[token]"]);
    let json = serde_json::to_string(&shown).unwrap();
    assert!(!json.contains("hunter2") && !json.contains("s3cret"), "{json}");

    let mut form = shown.gateways[0].settings.clone();
    form["port"] = json!(99);
    let shown = bench.put(VsId::ROOT, custom(form)).await.unwrap();
    assert_eq!(shown.gateways[0].settings["port"], 99);
    let bench = bench.reopened().await;
    let clear = bench.clear(VsId::ROOT, 0);
    assert_eq!((&clear["password"], &clear["parameters"][0]["value"]), (&json!("hunter2"), &json!("s3cret")));

    bench.put(VsId::ROOT, custom(json!({"host": "h", "password": null}))).await.unwrap();
    let shown = bench.dispatch.settings(VsId::ROOT).await.unwrap();
    assert_eq!(shown.gateways[0].secrets_set, Vec::<String>::new());
    assert_eq!(bench.clear(VsId::ROOT, 0)["password"], Value::Null);
}

#[tokio::test]
async fn validation_sees_the_kept_secret_and_misses_the_cleared_one() {
    let bench = Bench::new().await;
    let put = |password: Value| {
        bench.put(VsId::ROOT, custom(json!({"host": "needs-password", "password": password})))
    };
    put(json!("hunter2")).await.unwrap();
    assert!(put(json!("")).await.is_ok());
    assert_eq!(paths(put(Value::Null).await), ["gateways[0].settings.password"]);
}

#[tokio::test]
async fn a_secret_does_not_go_over_to_another_name_or_another_plugin() {
    let bench = Bench::new().await;
    bench.put(VsId::ROOT, custom(json!({"host": "h", "password": "hunter2"}))).await.unwrap();
    let first = bench.dispatch.settings(VsId::ROOT).await.unwrap().gateways[0].id;
    let mut renamed = custom(json!({"host": "h"}));
    renamed["gateways"][0]["name"] = json!("other");
    let shown = bench.put(VsId::ROOT, renamed).await.unwrap();
    assert_eq!((shown.gateways[0].secrets_set.len(), shown.gateways[0].id > first), (0, true));

    let token = |value: &str| json!([{"name": "token", "value": value, "is_password": true}]);
    bench.put(VsId::ROOT, custom(json!({"host": "h", "parameters": token("s3cret")}))).await.unwrap();
    let http = json!({"mode": "custom", "gateways": [{"name": "main", "plugin": "generic-http", "settings": {
        "url": "https://sms.example.com/send", "destination_parameter": "to", "message_parameter": "text",
        "parameters": token("")}}]});
    let before = bench.dispatch.settings(VsId::ROOT).await.unwrap().gateways[0].id;
    let shown = bench.put(VsId::ROOT, http).await.unwrap();
    assert_eq!((shown.gateways[0].id, shown.gateways[0].plugin.as_str()), (before, "generic-http"));
    assert_eq!(shown.gateways[0].secrets_set, Vec::<String>::new());
}

#[tokio::test]
async fn a_gateway_keeps_its_number_by_its_name_in_any_place() {
    let bench = Bench::new().await;
    let list = |names: &[&str]| {
        let one = |name: &&str| json!({"name": name, "plugin": "fake", "settings": {"host": "h"}});
        json!({"mode": "custom", "gateways": names.iter().map(one).collect::<Vec<_>>()})
    };
    let ids = |view: SettingsView| view.gateways.iter().map(|gateway| gateway.id).collect::<Vec<_>>();
    let first = ids(bench.put(VsId::ROOT, list(&["a", "b"])).await.unwrap());
    let second = ids(bench.put(VsId::ROOT, list(&["b", "c", "a"])).await.unwrap());
    assert_eq!((second[0], second[2]), (first[1], first[0]));
    assert!(second[1] > first[1]);
}

#[tokio::test]
async fn settings_that_are_there_just_so_write_nothing() {
    let bench = Bench::new().await;
    let acme = bench.add("acme").await;
    let version = bench.version();
    bench.put(acme, json!({"mode": "default"})).await.unwrap();
    assert_eq!(bench.version(), version, "that is how it was born");
    let input = custom(json!({"host": "h", "password": "hunter2"}));
    bench.put(acme, input.clone()).await.unwrap();
    let version = bench.version();
    bench.put(acme, input).await.unwrap();
    bench.put(acme, custom(json!({"host": "h", "password": "", "port": "2775"}))).await.unwrap();
    assert_eq!(bench.version(), version);
    bench.put(acme, custom(json!({"host": "h", "password": "other"}))).await.unwrap();
    assert_eq!(bench.version(), version + 1);
}

#[tokio::test]
async fn settings_of_an_unknown_virtual_server_do_not_exist() {
    let bench = Bench::new().await;
    assert!(is_unknown(bench.dispatch.settings(VsId(99)).await));
    assert!(is_unknown(bench.put(VsId(99), json!({"mode": "default"})).await));
}

#[tokio::test]
async fn a_setting_that_a_newer_version_has_besides_is_no_change() {
    let bench = Bench::with_provider().await;
    let engine = &bench.dispatch.engine;
    let host = [Field::new("host", "Host", FieldKind::Text { max: 32 }, "")];
    let older = validate(&host, &json!({"host": "h"})).unwrap();
    let rewrite = |view: &View| {
        let record = &view.directory.gateways[0];
        let sealed_settings = engine.seal_settings(record.id, &older);
        let gateway =
            NewGateway { id: record.id, name: "main".into(), plugin: "fake".into(), sealed_settings };
        let settings = view.server(VsId::ROOT).unwrap().settings.to_record();
        Ok((
            vec![Change::PutSmsSettings {
                vs: VsId::ROOT,
                settings,
                gateways: vec![gateway],
                difference: Default::default(),
            }],
            (),
        ))
    };
    engine.change("test", rewrite).await.unwrap();
    assert_eq!(bench.clear(VsId::ROOT, 0), json!({"host": "h"}));
    let version = bench.version();
    bench.put(VsId::ROOT, custom(json!({"host": "h"}))).await.unwrap();
    assert_eq!(bench.version(), version);
}
