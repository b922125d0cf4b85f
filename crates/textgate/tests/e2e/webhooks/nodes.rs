//! Webhooks on PostgreSQL: with one node, and with several of which one delivers.

use super::receiver::{Does, Receiver};
use super::{MESSAGE_EVENTS, SHORT, again, everything_gets_through, nothing_is_lost_over_kill_9, serving};
use super::{of_message, webhook};
use crate::kit::{Api, PHONE, Server, eventually, smsc, smsc_that};
use crate::postgres::database;
use crate::postgres::server::{self, Postgres};
use serde_json::json;
use std::collections::HashSet;

#[tokio::test]
async fn on_postgresql_a_receiver_in_trouble_gets_everything_in_order() {
    if !server::is_there() {
        return;
    }
    let smsc = smsc().await;
    let server = Server::configured(&database(Postgres::shared()), SHORT);
    everything_gets_through(serving(server, &smsc).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_no_event_is_lost_over_kill_9() {
    if !server::is_there() {
        return;
    }
    let smsc = smsc_that(again()).await;
    let server = Server::configured(&database(Postgres::shared()), SHORT);
    nothing_is_lost_over_kill_9(serving(server, &smsc).await).await;
}

/// Sends so many through each of these.
async fn send(apis: &[Api], each: usize) -> Vec<String> {
    let mut messages = Vec::new();
    for _ in 0..each {
        for api in apis {
            messages.push(api.send(json!({ "to": PHONE, "text": "hello" })).await);
        }
    }
    messages
}

/// Whether this node has tried to deliver events.
fn has_delivered(server: &Server) -> bool {
    server.log().contains("event tried")
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_delivers_and_where_it_is_killed_the_other_goes_on() {
    if !server::is_there() {
        return;
    }
    let smsc = smsc_that(again()).await;
    let url = database(Postgres::shared());
    let one = serving(Server::configured(&url, SHORT), &smsc).await;
    let mut two = Server::configured(&url, SHORT);
    std::fs::create_dir_all(two.data_dir()).unwrap();
    std::fs::copy(one.data_dir().join("key"), two.data_dir().join("key")).unwrap();
    two.serve().await;
    let receiver = Receiver::start(Does::Takes).await;
    let (id, _) = webhook(&one.api(), &receiver, &MESSAGE_EVENTS).await;
    eventually("both know of it", async || {
        let list = two.api().get("/v1/webhooks").await.expect(200);
        (!list["webhooks"].as_array().unwrap().is_empty()).then_some(())
    })
    .await;

    let apis = [one.api(), two.api()];
    let mut messages = send(&apis, 20).await;
    let taken = receiver.until_taken(2 * messages.len()).await;
    for id in &messages {
        assert_eq!(of_message(&taken, id), ["message.sent", "message.delivered"]);
    }
    let ids: HashSet<_> = taken.iter().map(|event| event.id().to_owned()).collect();
    assert_eq!(ids.len(), receiver.received().len(), "nothing is sent by both");
    assert_ne!(has_delivered(&one), has_delivered(&two), "one delivers");
    let (mut holder, other) = if has_delivered(&one) { (one, two) } else { (two, one) };

    // Whoever is asked: the one that delivers hears of it.
    let replay = json!({ "event": taken[0].id() });
    let replayed = other.api().post(&format!("/v1/webhooks/{id}/replay"), replay).await.expect(202);
    assert_eq!(replayed["events"], 1);
    receiver.until_taken(taken.len() + 1).await;
    assert!(!has_delivered(&other));

    receiver.now(Does::Answers(503));
    messages.extend(send(&apis, 10).await);
    holder.kill();
    receiver.now(Does::Takes);
    let both = ["message.sent", "message.delivered"];
    eventually("everything arrives", async || {
        let taken = receiver.taken();
        messages.iter().all(|id| of_message(&taken, id) == both).then_some(())
    })
    .await;
    assert!(has_delivered(&other));
}
