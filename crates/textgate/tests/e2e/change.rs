//! Settings change while messages are under way.

use super::kit::{KEY, PHONE, Server, Tenant, eventually, manifest, nobody, smpp, smsc, smsc_that};
use serde_json::{Value, json};
use std::time::Duration;
use textgate_simulator::{Behaviour, Smsc};

fn gateway(name: &str, smsc: &Smsc, more: &Value) -> Value {
    let mut settings = json!({"system_id": "esme", "host": "127.0.0.1", "port": smsc.port()});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"name": name, "plugin": "smpp", "settings": settings})
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_gateway_that_is_replaced_leaves_by_the_new_one() {
    let server = Server::start(&manifest(&[smpp("main", nobody(), "")])).await;
    let api = server.api();
    let id = api.send(json!({"to": PHONE, "text": "patience"})).await;
    api.until_gateway("main", "down").await;
    let smsc = smsc().await;
    let settings = json!({"mode": "custom", "gateways": [gateway("other", &smsc, &json!({}))]});
    api.put("/v1/sms-settings", settings).await.expect(200);
    let message = api.until(&id, "delivered").await;
    let attempts = message["attempts"].as_array().unwrap();
    assert_eq!(attempts.last().unwrap()["gateway"], "other");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_set_anew_loses_and_doubles_nothing() {
    let smsc = smsc_that(Behaviour { answer_delay: Duration::from_millis(20), ..Behaviour::default() }).await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let api = server.api();
    api.until_gateway("main", "up").await;
    let messages: Vec<_> = (0..300).map(|n| json!({"to": PHONE, "text": format!("message {n}")})).collect();
    api.post("/v1/messages/batch", json!({"messages": messages})).await.expect(200);
    for window in [5, 20, 10] {
        let seen = smsc.counters().submits;
        eventually("some are sent", async || (smsc.counters().submits > seen + 30).then_some(())).await;
        let settings =
            json!({"mode": "custom", "gateways": [gateway("main", &smsc, &json!({"window": window}))]});
        api.put("/v1/sms-settings", settings).await.expect(200);
    }
    eventually("all are delivered", async || {
        let page = api.get("/v1/messages?status=delivered&limit=200").await.expect(200);
        let next = page["next"].as_str()?;
        let rest =
            api.get(&format!("/v1/messages?status=delivered&limit=200&cursor={next}")).await.expect(200);
        (rest["messages"].as_array().unwrap().len() == 100).then_some(())
    })
    .await;
    assert_eq!(smsc.messages().len(), 300, "each arrived once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_can_be_called_back_and_never_leaves() {
    let smsc = smsc().await;
    smsc.stop().await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let api = server.api();
    let (kept, called_back) = (
        api.send(json!({"to": PHONE, "text": "kept"})).await,
        api.send(json!({"to": PHONE, "text": "no"})).await,
    );
    let path = format!("/v1/messages/{called_back}");
    assert_eq!(api.delete(&path).await.expect(200)["status"], "cancelled");
    smsc.start_again().await.unwrap();
    api.until(&kept, "delivered").await;
    assert_eq!(api.message(&called_back).await["status"], "cancelled");
    let texts: Vec<_> = smsc.submits().iter().map(|submit| submit.text.clone()).collect();
    assert_eq!(texts, ["kept"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_does_not_leave_through_gateways_that_were_not_paid_for() {
    const CHILD: &str = "tg_child_key_0123456789abcdef";
    let smsc = smsc().await;
    smsc.stop().await;
    let gateways = [smpp("main", smsc.address(), "")];
    let child = Tenant {
        path: "acme/child",
        key: CHILD,
        more: "credits = 5",
        settings: "mode = \"default\"",
        gateways: &[],
    };
    let server = Server::start(&(manifest(&gateways) + &child.toml())).await;
    let child = server.api_as(CHILD);
    let waiting = child.send(json!({"to": PHONE, "text": "by the parent's"})).await;
    assert_eq!(child.credits().await, (5, 1, 4));
    // The child turns to an SMSC of its own; what it paid its parent for still goes by the parent's.
    let own = super::kit::smsc().await;
    let settings = json!({"mode": "custom", "gateways": [gateway("own", &own, &json!({}))]});
    child.put("/v1/sms-settings", settings).await.expect(200);
    child.send_until(json!({"to": PHONE, "text": "by its own"}), "delivered").await;
    smsc.start_again().await.unwrap();
    child.until(&waiting, "delivered").await;
    assert_eq!(child.credits().await, (5, 1, 4));
    assert_eq!(own.messages().iter().map(|m| m.text.as_str()).collect::<Vec<_>>(), ["by its own"]);
    assert_eq!(smsc.messages().iter().map(|m| m.text.as_str()).collect::<Vec<_>>(), ["by the parent's"]);
    assert_eq!(server.api_as(KEY).get("/v1/messages").await.expect(200)["messages"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_come_by_a_receiver_of_its_own_where_it_is_set_so() {
    let smsc = smsc().await;
    let more = "bind = \"transmitter_receiver\"\nbinds = 2";
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), more)])).await;
    let api = server.api();
    api.until_gateway("main", "up").await;
    for n in 0..20 {
        api.send_until(json!({"to": PHONE, "text": format!("message {n}")}), "delivered").await;
    }
    assert_eq!(smsc.bound().len(), 3);
    assert!(!smsc.bound().iter().any(|(_, mode)| *mode == textgate_simulator::BindMode::Transceiver));
}
