//! STOP, START and HELP from the phone to the list and back, by SMPP: in many scripts, in several parts, over kill -9, and for whom the
//! phone answers; and what else hears of what phones send.

use super::kit::{Api, KEY, PATIENCE, PHONE, Server, Tenant, eventually, smpp, smsc};
use super::webhooks::receiver::{Does, Receiver};
use serde_json::{Value, json};
use textgate_simulator::Smsc;

const SALES: &str = "tg_sales_key_0123456789abcdef";
const ROOT_KEY: &str = "tg_end_to_end_root_0123456789";
const NUMBER: &str = "12345";

/// The root's gateway, which `acme` and `sales` send by.
async fn sharing(smsc: &Smsc) -> Server {
    let gateways = [smpp("main", smsc.address(), "")];
    let root =
        Tenant { path: "/", key: ROOT_KEY, more: "", settings: "mode = \"custom\"", gateways: &gateways };
    let acme = Tenant {
        path: "acme",
        key: KEY,
        more: "credits = 1000",
        settings: "mode = \"default\"",
        gateways: &[],
    };
    let sales = Tenant { path: "sales", key: SALES, ..acme };
    let manifest = [root.toml(), acme.toml(), sales.toml()].concat();
    let server = Server::start(&manifest).await;
    server.api_as(ROOT_KEY).until_gateway("main", "up").await;
    server
}

fn text() -> Value {
    json!({"to": PHONE, "text": "hello"})
}

/// Waits until this number is, or is not, on the list.
async fn until_out(api: &Api, is_out: bool) {
    eventually("the list is as the phone wants", async || {
        let list = api.get(&format!("/v1/opt-outs?number={PHONE}")).await.expect(200);
        (list["opt_outs"].as_array().unwrap().is_empty() != is_out).then_some(())
    })
    .await;
}

/// Waits until the phone has a message that says this.
async fn until_told(smsc: &Smsc, part: &str) {
    let is_told =
        smsc.wait_for(PATIENCE, |messages| messages.iter().any(|one| one.text.contains(part))).await;
    assert!(is_told.is_ok(), "nobody said {part:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn words_in_many_scripts_and_in_parts_count_for_whom_the_phone_answers() {
    let smsc = smsc().await;
    let server = sharing(&smsc).await;
    let (root, acme, sales) = (server.api_as(ROOT_KEY), server.api(), server.api_as(SALES));
    sales.send_until(text(), "delivered").await;
    acme.send_until(text(), "delivered").await;
    // Acme wrote last.
    smsc.send_inbound(PHONE, NUMBER, " Stop! ").unwrap();
    until_out(&acme, true).await;
    until_told(&smsc, "Reply START to get them again").await;
    acme.post_message(text()).await.expect_problem(422, "opted-out");
    sales.send_until(text(), "delivered").await;
    root.send_until(text(), "delivered").await;
    // Now the root did.
    smsc.send_inbound(PHONE, NUMBER, "ΣΤΟΠ").unwrap();
    until_out(&root, true).await;
    root.post_message(text()).await.expect_problem(422, "opted-out");
    sales.send_until(text(), "delivered").await;
    for (stop, start) in [("СТОП", "СТАРТ"), ("إلغاء", "ابدأ"), ("退订", "start"), ("বন্ধ", "শুরু")]
    {
        smsc.send_inbound(PHONE, NUMBER, stop).unwrap();
        until_out(&sales, true).await;
        sales.post_message(text()).await.expect_problem(422, "opted-out");
        smsc.send_inbound(PHONE, NUMBER, start).unwrap();
        until_out(&sales, false).await;
        sales.send_until(text(), "delivered").await;
    }
    // In two parts, the second one first.
    let part = |number: u8, text: &str| {
        let header = [5, 0, 3, 77, 2, number];
        header.into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect::<Vec<u8>>()
    };
    smsc.send_inbound_parts(PHONE, NUMBER, (8, &[part(2, "ОП"), part(1, "СТ")])).unwrap();
    until_out(&sales, true).await;
    // A sentence is no word.
    let log =
        async |api: &Api| api.get("/v1/opt-outs/log").await.expect(200)["entries"].as_array().unwrap().len();
    let entries = log(&sales).await;
    smsc.send_inbound(PHONE, NUMBER, "please start").unwrap();
    smsc.send_inbound(PHONE, NUMBER, "START").unwrap();
    until_out(&sales, false).await;
    assert_eq!(log(&sales).await, entries + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_whose_answer_did_not_leave_before_kill_9_counts_and_is_answered_once() {
    let smsc = smsc().await;
    let mut server = sharing(&smsc).await;
    server.api().send_until(text(), "delivered").await;
    smsc.send_inbound(PHONE, NUMBER, "STOP").unwrap();
    // The first answer was to the receipt.
    smsc.wait_for_delivery_answers(PATIENCE, |answers| answers.len() >= 2).await.unwrap();
    server.kill();
    server.serve().await;
    server.api_as(ROOT_KEY).until_gateway("main", "up").await;
    until_out(&server.api(), true).await;
    until_told(&smsc, "Reply START to get them again").await;
    let answers = async || {
        let list = server.api().get("/v1/messages?reference=opt-out%20stop").await.expect(200);
        list["messages"].as_array().unwrap().len()
    };
    assert_eq!(answers().await, 1, "heard again after a start, it is answered once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_what_a_phone_sent_with_its_text_only_where_it_asked_for_texts() {
    let smsc = smsc().await;
    let config = "[network]\nallow = [\"127.0.0.0/8\"]\n";
    let mut server = Server::stopped_with(config);
    server.apply(&super::kit::manifest(&[smpp("main", smsc.address(), "")]));
    server.serve().await;
    let api = server.api();
    api.until_gateway("main", "up").await;
    let (with, without) = (Receiver::start(Does::Takes).await, Receiver::start(Does::Takes).await);
    for (receiver, texts) in [(&with, true), (&without, false)] {
        let webhook = json!({"url": receiver.url(), "events": ["inbound.received"], "texts": texts});
        api.post("/v1/webhooks", webhook).await.expect(201);
    }
    let long = "a long answer of a phone, ".repeat(8);
    smsc.send_inbound(PHONE, NUMBER, &long).unwrap();
    let told = with.until_taken(1).await;
    let data = &told[0].body["data"];
    assert_eq!(told[0].body["type"], "inbound.received");
    assert_eq!((&data["from"], &data["to"], &data["text"]), (&json!(PHONE), &json!(NUMBER), &json!(long)));
    assert_eq!((&data["parts"], &data["missing_parts"]), (&json!(2), &json!(0)));
    let id = data["id"].as_str().unwrap();
    assert_eq!(api.get(&format!("/v1/inbound/{id}")).await.expect(200)["text"], long);
    let told = without.until_taken(1).await;
    assert!(told[0].body["data"].get("text").is_none() && !told[0].text.contains("long answer"));
}
