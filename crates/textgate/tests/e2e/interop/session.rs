//! The session's life: enquire_link, unbind, and a server that goes away and comes back.

use super::peer::Smsc;
use super::{PHONE, server};
use crate::kit::{Server, manifest_with, smpp};
use serde_json::{Value, json};
use std::collections::HashSet;

#[tokio::test]
async fn the_link_is_tested_both_ways_and_left_when_it_is_silent() {
    let Some(mut smsc) = Smsc::start().await else { return };
    let server = server(&smsc, "enquire_link_s = 5\nresponse_timeout_s = 1").await;
    let bind = smsc.next("bind").await;
    smsc.tell("enquire");
    assert_eq!(smsc.next("enquire_link_resp").await["status"], "ESME_ROK");
    assert_eq!(smsc.next("enquire_link").await["session"], bind["session"]);
    // It was answered, so the session goes on: the next question is asked on it.
    smsc.tell("mute");
    assert_eq!(smsc.next("enquire_link").await["session"], bind["session"]);
    assert_eq!(smsc.count("bind"), 0);
    // It was not, so there is another.
    let again = smsc.next("bind").await;
    assert_ne!(again["session"], bind["session"]);
    smsc.tell("unmute");
    let id = server.api().send(json!({ "to": PHONE, "text": "still here" })).await;
    assert_eq!(smsc.submitted().await["session"], again["session"]);
    server.api().until(&id, "sent").await;
}

#[tokio::test]
async fn on_shutdown_what_is_written_is_awaited_and_the_session_unbinds() {
    let Some(mut smsc) = Smsc::start().await else { return };
    let mut server = server(&smsc, "").await;
    smsc.tell("hold");
    let id = server.api().send(json!({ "to": PHONE, "text": "last words" })).await;
    smsc.submitted().await;
    let ended = {
        let ending = server.terminate();
        let answering = async {
            // The server is still there, waiting for the answer: then it unbinds.
            assert_eq!(smsc.count("unbind"), 0);
            smsc.tell("release");
            smsc.next("unbind").await;
            smsc.next("close").await;
        };
        tokio::join!(ending, answering).0
    };
    assert!(ended, "it ends with status 0");
    server.serve().await;
    let message = server.api().until(&id, "sent").await;
    assert_eq!((message["attempts"].as_array().unwrap().len(), smsc.count("submit_sm")), (1, 0));
}

#[tokio::test]
async fn when_the_smsc_unbinds_it_is_answered_and_bound_to_again() {
    let Some(mut smsc) = Smsc::start().await else { return };
    let server = server(&smsc, "").await;
    let first = smsc.next("bind").await;
    smsc.tell("unbind");
    assert_eq!(smsc.next("unbind_resp").await["status"], "ESME_ROK");
    assert_ne!(smsc.next("bind").await["session"], first["session"]);
    let id = server.api().send(json!({ "to": PHONE, "text": "again" })).await;
    server.api().until(&id, "sent").await;
}

#[tokio::test]
async fn a_restarted_smsc_gets_what_waited_for_it() {
    let Some(smsc) = Smsc::start().await else { return };
    let server = server(&smsc, "").await;
    let before = server.api().send(json!({ "to": PHONE, "text": "before" })).await;
    server.api().until(&before, "sent").await;
    let port = smsc.address().port();
    drop(smsc);
    let meanwhile = server.api().send(json!({ "to": PHONE, "text": "meanwhile" })).await;
    let Some(smsc) = Smsc::start_with(json!({ "port": port })).await else { return };
    assert_eq!(smsc.submitted().await["text"], "meanwhile");
    server.api().until(&meanwhile, "sent").await;
}

#[tokio::test]
async fn of_many_messages_each_arrives_once_and_each_is_reported_delivered() {
    const MANY: usize = 300;
    let Some(smsc) = Smsc::start_with(json!({ "receipts": true })).await else { return };
    let server = server(&smsc, "window = 20\nbinds = 2").await;
    let texts: HashSet<String> = (0..MANY).map(|n| format!("text {n}")).collect();
    let messages: Vec<Value> = texts.iter().map(|text| json!({ "to": PHONE, "text": text })).collect();
    let answer = server.api().post("/v1/messages/batch", json!({ "messages": messages })).await.expect(200);
    for result in answer["results"].as_array().unwrap() {
        server.api().until(result["message"]["id"].as_str().unwrap(), "delivered").await;
    }
    let mut arrived = HashSet::new();
    while smsc.count("submit_sm") > 0 {
        let text = smsc.submitted().await["text"].as_str().unwrap().to_owned();
        assert!(arrived.insert(text), "one arrived twice");
    }
    assert_eq!(arrived, texts);
}

#[tokio::test]
async fn what_was_not_answered_when_the_connection_broke_is_uncertain_and_sent_again() {
    let Some(mut smsc) = Smsc::start().await else { return };
    let server = server(&smsc, "").await;
    smsc.tell("hold");
    let id = server.api().send(json!({ "to": PHONE, "text": "perhaps twice", "kind": "otp" })).await;
    smsc.submitted().await;
    let port = smsc.address().port();
    drop(smsc);
    let Some(smsc) = Smsc::start_with(json!({ "port": port })).await else { return };
    assert_eq!(smsc.submitted().await["text"], "perhaps twice");
    let message = server.api().until(&id, "sent").await;
    let outcomes: Vec<_> =
        message["attempts"].as_array().unwrap().iter().map(|attempt| attempt["outcome"].clone()).collect();
    assert_eq!(outcomes, ["uncertain", "sent"]);
}

#[tokio::test]
async fn a_silent_smsc_is_left_for_the_failover_in_time() {
    let Some(mut silent) = Smsc::start().await else { return };
    let Some(spare) = Smsc::start().await else { return };
    let gateways = [smpp("silent", silent.address(), ""), smpp("spare", spare.address(), "")];
    let server = Server::start(&manifest_with("failover_after_ms = 200", &gateways)).await;
    silent.next("bind").await;
    silent.tell("hold");
    let id = server.api().send(json!({ "to": PHONE, "text": "who answers?", "kind": "otp" })).await;
    silent.submitted().await;
    assert_eq!(spare.submitted().await["text"], "who answers?");
    let message = server.api().until(&id, "sent").await;
    let attempts = message["attempts"].as_array().unwrap();
    assert_eq!((&attempts[0]["gateway"], &attempts[0]["outcome"]), (&json!("silent"), &json!("uncertain")));
    assert_eq!((&attempts[1]["gateway"], &attempts[1]["outcome"]), (&json!("spare"), &json!("sent")));
    // The late answer changes nothing, and frees its place: the next one goes by the primary again.
    silent.tell("release");
    server.api().send(json!({ "to": PHONE, "text": "here again" })).await;
    assert_eq!(silent.submitted().await["text"], "here again");
}
