//! Each knob does what it says.

use std::sync::Arc;

use super::client::*;
use super::*;

#[tokio::test]
async fn a_status_can_be_set_for_all_or_decided_by_destination() {
    let smsc = start(Behaviour::refusing(Status::RSYSERR)).await;
    let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
    client.submit("x").await;
    let answer = client.read().await;
    assert_eq!((answer.status, answer.body.len()), (Status::RSYSERR.0, 0));
    let decide: Decide =
        Arc::new(|submit| submit.destination.octets.ends_with(b"9").then_some(Status::RINVDSTADR));
    smsc.set(Behaviour { decide: Some(decide), ..Behaviour::default() });
    for (to, status) in [("15550100109", Status::RINVDSTADR), ("15550100108", Status::ROK)] {
        client.send(SUBMIT_SM, &submit_to(to, 0, 0, b"x", &[])).await;
        assert_eq!(client.read().await.status, status.0);
    }
    let statuses: Vec<_> = smsc.submits().iter().map(|submit| submit.status).collect();
    assert_eq!(statuses, [Status::RSYSERR, Status::RINVDSTADR, Status::ROK]);
    assert_eq!(smsc.messages().len(), 1, "a refused one is no message");
}

#[tokio::test]
async fn a_bind_can_be_refused() {
    let smsc = start(Behaviour { bind_status: Status::RBINDFAIL, ..Behaviour::default() }).await;
    let mut client = Client::connect(&smsc).await;
    assert_eq!(client.bind(BIND_TRANSCEIVER, "esme", "").await.status, Status::RBINDFAIL.0);
    client.submit("x").await;
    assert_eq!(client.read().await.status, Status::RINVBNDSTS.0, "nobody is bound");
}

#[tokio::test]
async fn beyond_the_rate_submits_are_throttled() {
    let smsc = start(Behaviour { throttle_per_second: Some(0), ..Behaviour::default() }).await;
    let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
    client.submit("x").await;
    assert_eq!(client.read().await.status, Status::RTHROTTLED.0);
    smsc.change(|behaviour| behaviour.throttle_per_second = Some(1_000_000));
    client.submit("x").await;
    assert_eq!(client.read().await.status, 0);
    assert_eq!((smsc.counters().throttled, smsc.counters().accepted), (1, 1));
}

#[tokio::test]
async fn a_full_queue_refuses_and_the_most_in_flight_is_counted() {
    let smsc =
        start(Behaviour { queue: Some(2), answer_delay: Duration::from_secs(3600), ..Behaviour::default() })
            .await;
    let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
    for _ in 0..3 {
        client.submit("x").await;
    }
    let submits = smsc.wait_for_submits(SOON, |submits| submits.len() == 3).await.unwrap();
    let statuses: Vec<_> = submits.iter().map(|submit| submit.status).collect();
    assert_eq!(statuses, [Status::ROK, Status::ROK, Status::RMSGQFUL]);
    assert_eq!(smsc.counters().answered, 0);
    // A behaviour for later submits leaves those that wait to wait.
    smsc.set(Behaviour::default());
    client.submit("x").await;
    let submits = smsc.wait_for_submits(SOON, |submits| submits.len() == 4).await.unwrap();
    assert_eq!(submits.len(), 4);
    assert_eq!(smsc.counters().max_in_flight, 4);
}

#[tokio::test]
async fn a_delayed_answer_comes_after_its_delay() {
    let smsc = start(Behaviour { answer_delay: Duration::from_millis(30), ..Behaviour::default() }).await;
    let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
    client.submit("x").await;
    let answer = client.read().await;
    let taken = smsc.submits()[0].at.elapsed();
    assert_eq!(answer.status, 0);
    assert!(taken >= Duration::from_millis(30), "{taken:?}");
}

#[tokio::test]
async fn answers_can_come_the_last_first() {
    let order = AnswerOrder::Reversed { hold: 3, at_most: Duration::from_secs(3600) };
    let smsc = start(Behaviour { order, ..Behaviour::default() }).await;
    let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
    let sent = [client.submit("a").await, client.submit("b").await, client.submit("c").await];
    let read = [client.read().await.sequence, client.read().await.sequence, client.read().await.sequence];
    assert_eq!(read, [sent[2], sent[1], sent[0]]);
    // Fewer than are held back come when their time is up.
    smsc.change(|behaviour| {
        behaviour.order = AnswerOrder::Reversed { hold: 3, at_most: Duration::from_millis(1) };
    });
    let last = client.submit("d").await;
    assert_eq!(client.read().await.sequence, last);
}

#[tokio::test]
async fn ids_look_as_asked() {
    let smsc = start(Behaviour { ids: IdStyle::HEX_UPPER.padded(10), ..Behaviour::default() }).await;
    let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
    client.submit("a").await;
    assert_eq!(client.read().await.body, b"003B9ACA00\0");
}
