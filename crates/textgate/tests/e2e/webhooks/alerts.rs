//! What happens to alerts is told as well.

use super::receiver::{Does, Receiver};
use super::{SHORT, server, webhook};
use crate::kit::{PHONE, eventually, smsc};
use serde_json::json;

const EVENTS: [&str; 4] = ["alert.raised", "alert.escalated", "alert.acknowledged", "alert.closed"];

#[tokio::test]
async fn each_step_with_an_alert_is_told_and_its_text_to_who_wants_it() {
    let smsc = smsc().await;
    let server = server(&smsc, SHORT).await;
    let (api, plain, full) =
        (server.api(), Receiver::start(Does::Takes).await, Receiver::start(Does::Takes).await);
    let (id, secret) = webhook(&api, &plain, &EVENTS).await;
    let texts = json!({ "url": full.url(), "events": EVENTS, "texts": true });
    api.post("/v1/webhooks", texts).await.expect(201);
    let raised = json!({ "to": PHONE, "text": "db1 is down", "severity": "critical", "dedup_key": "db1" });
    let alert = api.post("/v1/alerts", raised.clone()).await.expect(202);
    assert_eq!(api.post("/v1/alerts", raised).await.expect(202)["count"], 2, "counting is no event");
    let alert = alert["id"].as_str().unwrap().to_owned();
    for step in ["acknowledge", "close"] {
        api.post(&format!("/v1/alerts/{alert}/{step}"), json!({})).await.expect(200);
    }
    let told = plain.until_taken(3).await;
    let (types, alerts): (Vec<_>, Vec<_>) = told.iter().map(|one| one.told()).unzip();
    assert_eq!(types, ["alert.raised", "alert.acknowledged", "alert.closed"], "in their order");
    assert!(alerts.iter().all(|id| *id == alert));
    let data = &told[0].body["data"];
    assert_eq!((&data["severity"], &data["origin"]), (&json!("critical"), &json!("api")));
    assert_eq!((&data["dedup_key"], &data["by"]), (&json!("db1"), &json!(null)));
    assert!(told[1].body["data"]["by"].as_str().is_some_and(|by| by.contains("acme")), "{}", told[1].text);
    assert!(told.iter().all(|one| !one.text.contains("db1 is down") && !one.text.contains(PHONE)));
    if let Some(verified) = told[2].verified(&secret) {
        assert_eq!(verified, "ok");
    }
    assert_eq!(full.until_taken(3).await[2].body["data"]["text"], "db1 is down");
    let log = eventually("the log has it", async || {
        let log = api.get(&format!("/v1/webhooks/{id}/events")).await.expect(200);
        (log["events"].as_array().unwrap().len() == 3).then_some(log)
    })
    .await;
    let closed = &log["events"][0];
    assert_eq!((&closed["alert"], &closed["message"]), (&json!(alert), &json!(null)));
    let guide = include_str!("../../../../../docs/webhooks.md");
    for name in EVENTS.iter().copied().chain(data.as_object().unwrap().keys().map(String::as_str)) {
        assert!(guide.contains(&format!("`{name}`")), "{name} is not in the guide");
    }
}

/// A condition that textgate watches: its gateway is gone, and comes back.
#[tokio::test(flavor = "multi_thread")]
async fn what_textgate_warns_of_itself_is_told_once_and_once_when_it_is_over() {
    let smsc = smsc().await;
    let server = server(&smsc, SHORT).await;
    let (api, receiver) = (server.api(), Receiver::start(Does::Takes).await);
    api.until_gateway("main", "up").await;
    api.put("/v1/alert-settings", json!({ "hold_s": 0, "off": ["disk_full"] })).await.expect(200);
    webhook(&api, &receiver, &EVENTS).await;
    smsc.stop().await;
    let of_gateway = |wanted: usize| {
        let receiver = &receiver;
        async move {
            eventually("it is told of the gateway", async || {
                let taken = receiver.taken().into_iter();
                let told: Vec<_> = taken
                    .filter(|one| one.body["data"]["origin"] == "gateway_down")
                    .map(|one| one.told())
                    .collect();
                (told.len() >= wanted).then_some(told)
            })
            .await
        }
    };
    assert_eq!(of_gateway(1).await[0].0, "alert.raised");
    smsc.start_again().await.unwrap();
    let (types, alerts): (Vec<_>, Vec<_>) = of_gateway(2).await.into_iter().unzip();
    assert_eq!(types, ["alert.raised", "alert.closed"]);
    assert_eq!(alerts[0], alerts[1]);
}
