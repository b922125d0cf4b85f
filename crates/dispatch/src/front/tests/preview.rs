//! Previews: drafts of gateways, their blank secrets taken from what is saved, and nothing saved by them.

use super::*;
use crate::words::PreviewInput;
use textgate_gateway::Preview;

/// A gateway over HTTP with a password among its parameters.
fn http(name: &str, token: &str) -> Value {
    json!({"name": name, "plugin": "generic-http", "settings": {
        "url": "https://api.example.net/sms", "destination_parameter": "to", "message_parameter": "text",
        "parameters": [{"name": "token", "value": token, "is_password": true}],
    }})
}

fn preview(bench: &Bench, input: Value) -> Result<Preview, DirectoryError> {
    let input: PreviewInput = serde_json::from_value(input).unwrap();
    bench.dispatch.preview(VsId::ROOT, input)
}

#[tokio::test]
async fn a_blank_secret_is_that_of_the_saved_gateway_of_the_same_name_and_is_not_shown() {
    let bench = Bench::new().await;
    let saved =
        json!({"mode": "custom", "test_number": "15550100100", "gateways": [http("main", "hunter22")]});
    bench.put(VsId::ROOT, saved).await.unwrap();
    let version = bench.version();
    let url = |name: &str, token: &str| {
        let shown = preview(&bench, json!({"gateway": http(name, token), "text": "a b"})).unwrap();
        shown.requests[0].url.clone()
    };
    assert_eq!(url("main", ""), "https://api.example.net/sms?to=15550100100&text=a+b&token=‹token›");
    assert_eq!(url("main", "other"), "https://api.example.net/sms?to=15550100100&text=a+b&token=‹token›");
    assert_eq!(url("spare", ""), "https://api.example.net/sms?to=15550100100&text=a+b&token=");
    assert_eq!(bench.version(), version, "nothing is saved");
}

#[tokio::test]
async fn every_problem_of_a_preview_is_told_at_once_by_its_path() {
    let bench = Bench::new().await;
    let mut wrong = http("", "");
    wrong["settings"]["url"] = json!("ftp://x");
    wrong["settings"]["colour"] = json!(1);
    let found = paths(preview(&bench, json!({"gateway": wrong, "number": "+1", "text": "x".repeat(70_000)})));
    assert_eq!(found, ["gateway.settings.colour", "gateway.settings.url", "number", "text"]);
    let unknown = json!({"gateway": {"plugin": "nothing"}});
    assert_eq!(paths(preview(&bench, unknown)), ["gateway.plugin"]);
    let long = json!({"gateway": http("", ""), "text": "x".repeat(60_000)});
    assert_eq!(paths(preview(&bench, long)), ["text"]);
}

#[tokio::test]
async fn without_a_number_and_a_text_a_test_message_to_nobody_is_shown() {
    let bench = Bench::new().await;
    let shown = preview(&bench, json!({"gateway": http("", "t")})).unwrap();
    assert!(shown.requests[0].url.contains("to=15550100199&text=This+is+a+test+message"), "{shown:?}");
    assert_eq!((shown.segments, shown.encoding), (1, "gsm7"));
}
