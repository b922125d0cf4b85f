//! Receipts and inbound texts go out by deliver_sm, are answered, and come again where asked.

use super::client::*;
use super::*;

fn text_of(pdu: &Pdu) -> String {
    String::from_utf8(delivered(pdu).1).unwrap()
}

#[tokio::test]
async fn a_receipt_follows_the_answer_and_its_acknowledgement_is_kept() {
    let smsc = start(Behaviour::default()).await;
    let mut client = Client::bound(&smsc, BIND_TRANSCEIVER).await;
    client.submit("hello").await;
    assert_eq!(client.read().await.id, SUBMIT_SM_RESP);
    let receipt = client.read().await;
    assert_eq!(delivered(&receipt).0, 0x04, "esm_class: a delivery receipt");
    let text = text_of(&receipt);
    assert!(text.starts_with("id:1000000000 sub:001 dlvrd:001 submit date:"), "{text}");
    assert!(text.ends_with(" stat:DELIVRD err:000 text:hello"), "{text}");
    assert!(receipt.body.ends_with(b"\0\x1E\0\x0B1000000000\0\x04\x27\0\x01\x02"));
    client.send_as(DELIVER_SM_RESP, 0, receipt.sequence, &[0]).await;
    let answers = smsc.wait_for_delivery_answers(SOON, |answers| answers.len() == 1).await.unwrap();
    let expected =
        DeliveryAnswer { message_id: "1000000000".into(), is_receipt: true, status: Status::ROK, tries: 1 };
    assert_eq!(answers, [expected]);
}

#[tokio::test]
async fn receipts_say_what_the_suffix_decides_in_the_id_style_and_form_asked_for() {
    let receipts = Receipts {
        state_by_suffix: vec![("1".into(), FinalState::Expired), ("2".into(), FinalState::Rejected)],
        format: ReceiptFormat::Text,
        wording: ReceiptWording::Sparse,
        ids: Some(IdStyle::HEX),
        ..Receipts::default()
    };
    let smsc = start(Behaviour { receipts, ..Behaviour::default() }).await;
    let mut events = smsc.events();
    let mut client = Client::bound(&smsc, BIND_TRANSCEIVER).await;
    let expected = [
        ("15550100101", "3b9aca00", "EXPIRED"),
        ("15550100102", "3b9aca01", "REJECTD"),
        ("15550100103", "3b9aca02", "DELIVRD"),
    ];
    for (to, id, stat) in expected {
        client.send(SUBMIT_SM, &submit_to(to, 0, 0, b"x", &[])).await;
        client.read().await;
        let receipt = client.read().await;
        assert_eq!(text_of(&receipt), format!("id:{id} stat:{stat}"));
        assert!(receipt.body.ends_with(stat.as_bytes()), "no parameters");
    }
    assert_eq!(events.next().await.unwrap().number, "15550100103", "only that one reached its phone");
}

#[tokio::test]
async fn a_receipt_can_come_ahead_of_the_answer() {
    let receipts = Receipts { before_answer: true, ..Receipts::default() };
    let smsc = start(Behaviour { receipts, ..Behaviour::default() }).await;
    let mut client = Client::bound(&smsc, BIND_TRANSCEIVER).await;
    client.submit("x").await;
    assert_eq!([client.read().await.id, client.read().await.id], [DELIVER_SM, SUBMIT_SM_RESP]);
}

#[tokio::test]
async fn a_receipt_waits_for_a_receiver_of_the_same_system_id() {
    let smsc = start(Behaviour::default()).await;
    let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
    client.submit("x").await;
    assert_eq!(client.read().await.id, SUBMIT_SM_RESP);
    assert_eq!(smsc.waiting_deliveries(), 1);
    let mut other = Client::connect(&smsc).await;
    assert_eq!(other.bind(BIND_RECEIVER, "other", "").await.status, 0);
    let mut receiver = Client::bound(&smsc, BIND_RECEIVER).await;
    assert_eq!(receiver.read().await.id, DELIVER_SM);
    assert_eq!(smsc.waiting_deliveries(), 0);
    // While both are bound it comes at once.
    client.submit("y").await;
    assert!(text_of(&receiver.read().await).contains("text:y"));
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again() {
    let smsc = start(Behaviour { redeliver_after: Some(Duration::ZERO), ..Behaviour::default() }).await;
    let mut client = Client::bound(&smsc, BIND_TRANSCEIVER).await;
    client.submit("x").await;
    client.read().await;
    let first = client.read().await;
    client.send_as(DELIVER_SM_RESP, Status::RX_T_APPN.0, first.sequence, &[0]).await;
    let second = client.read().await;
    assert_eq!(second.body, first.body);
    assert_ne!(second.sequence, first.sequence);
    drop(client);
    let mut client = Client::bound(&smsc, BIND_TRANSCEIVER).await;
    let third = client.read().await;
    assert_eq!(third.body, first.body);
    client.send_as(DELIVER_SM_RESP, 0, third.sequence, &[0]).await;
    let answers = smsc.wait_for_delivery_answers(SOON, |answers| answers.len() == 2).await.unwrap();
    assert_eq!(
        answers.iter().map(|a| (a.status, a.tries)).collect::<Vec<_>>(),
        [(Status::RX_T_APPN, 1), (Status::ROK, 3)]
    );
}

#[tokio::test]
async fn no_more_than_the_window_wait_for_their_answers() {
    let smsc = start(Behaviour { delivery_window: 1, ..Behaviour::default() }).await;
    let mut client = Client::bound(&smsc, BIND_TRANSCEIVER).await;
    client.submit("a").await;
    client.submit("b").await;
    let mut read = vec![client.read().await, client.read().await, client.read().await];
    read.retain(|pdu| pdu.id == DELIVER_SM);
    assert_eq!((read.len(), smsc.waiting_deliveries()), (1, 1));
    client.send_as(DELIVER_SM_RESP, 0, read[0].sequence, &[0]).await;
    assert_eq!(client.read().await.id, DELIVER_SM);
}

#[tokio::test]
async fn an_inbound_text_comes_in_as_many_parts_as_it_needs() {
    let smsc = start(Behaviour::default()).await;
    assert_eq!(smsc.send_inbound("447700900123", "12345", "x"), Err(NoReceiver));
    let mut client = Client::bound(&smsc, BIND_TRANSCEIVER).await;
    smsc.send_inbound("447700900123", "12345", "STOP").unwrap();
    let pdu = client.read().await;
    assert_eq!((delivered(&pdu).0, text_of(&pdu).as_str()), (0, "STOP"));
    smsc.send_inbound("447700900123", "12345", &"a".repeat(200)).unwrap();
    let parts = [client.read().await, client.read().await].map(|pdu| delivered(&pdu));
    assert_eq!(parts.each_ref().map(|(esm_class, _)| *esm_class), [0x40, 0x40]);
    let headers = parts.each_ref().map(|(_, octets)| (octets[4], octets[5], octets.len()));
    assert_eq!(headers, [(2, 1, 6 + 153), (2, 2, 6 + 47)]);
}

#[tokio::test]
async fn no_receipt_comes_where_none_is_sent() {
    let smsc = start(Behaviour { receipts: Receipts::never(), ..Behaviour::default() }).await;
    let mut client = Client::bound(&smsc, BIND_TRANSCEIVER).await;
    client.submit("x").await;
    client.read().await;
    client.send(0x15, &[]).await;
    assert_eq!(client.read().await.id, 0x8000_0015);
    assert_eq!((smsc.waiting_deliveries(), smsc.counters().deliveries), (0, 0));
}

#[tokio::test]
async fn a_receipt_far_away_does_not_hold_up_what_is_due_sooner() {
    let receipts = Receipts { delay: Duration::from_secs(3600), ..Receipts::default() };
    let behaviour = Behaviour { receipts, answer_delay: Duration::from_millis(5), ..Behaviour::default() };
    let smsc = start(behaviour).await;
    let mut client = Client::bound(&smsc, BIND_TRANSCEIVER).await;
    client.submit("x").await;
    assert_eq!(client.read().await.id, SUBMIT_SM_RESP);
    assert_eq!(smsc.waiting_deliveries(), 1);
    smsc.change(|behaviour| behaviour.receipts.delay = Duration::from_millis(5));
    client.submit("y").await;
    let mut read = [client.read().await.id, client.read().await.id];
    read.sort_unstable();
    assert_eq!(read, [DELIVER_SM, SUBMIT_SM_RESP]);
    assert_eq!(smsc.waiting_deliveries(), 1);
}

#[tokio::test]
async fn a_receipt_can_come_in_between_and_more_than_once() {
    let receipts = Receipts { intermediate: Some(FinalState::Enroute), duplicates: 1, ..Receipts::default() };
    let smsc = start(Behaviour { receipts, ..Behaviour::default() }).await;
    let mut client = Client::bound(&smsc, BIND_TRANSCEIVER).await;
    client.submit("x").await;
    client.read().await;
    let read = [client.read().await, client.read().await, client.read().await];
    assert!(text_of(&read[0]).contains("stat:ENROUTE"));
    assert!(text_of(&read[1]).contains("stat:DELIVRD"));
    assert_eq!(read[1].body, read[2].body);
}
