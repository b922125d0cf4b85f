//! What is submitted is taken, answered, and put together again.

use super::client::*;
use super::*;

#[tokio::test]
async fn a_bind_is_answered_with_the_smscs_id_and_its_version() {
    let smsc = start(Behaviour::default()).await;
    for (bind, mode) in [
        (BIND_TRANSMITTER, BindMode::Transmitter),
        (BIND_RECEIVER, BindMode::Receiver),
        (BIND_TRANSCEIVER, BindMode::Transceiver),
    ] {
        let mut client = Client::connect(&smsc).await;
        let answer = client.bind(bind, "esme", "secret").await;
        assert_eq!((answer.id, answer.status, answer.sequence), (bind | 0x8000_0000, 0, 1));
        assert_eq!(answer.body, b"simulator\0\x02\x10\0\x01\x34");
        assert!(smsc.bound().contains(&("esme".to_owned(), mode)));
    }
    smsc.shutdown().await;
}

#[tokio::test]
async fn wrong_credentials_are_refused_with_their_status() {
    let smsc = Smsc::start(SmscOptions {
        system_id: Some("esme".into()),
        password: Some("secret".into()),
        ..SmscOptions::default()
    })
    .await
    .unwrap();
    let mut client = Client::connect(&smsc).await;
    assert_eq!(client.bind(BIND_TRANSCEIVER, "other", "secret").await.status, Status::RINVSYSID.0);
    assert_eq!(client.bind(BIND_TRANSCEIVER, "esme", "wrong").await.status, Status::RINVPASWD.0);
    assert_eq!(client.bind(BIND_TRANSCEIVER, "esme", "secret").await.status, 0);
    assert_eq!(client.bind(BIND_TRANSCEIVER, "esme", "secret").await.status, Status::RALYBND.0);
    assert_eq!(smsc.counters().refused_binds, 3);
}

#[tokio::test]
async fn a_submit_is_answered_with_its_id_and_recorded() {
    let smsc = start(Behaviour::default()).await;
    let mut events = smsc.events();
    let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
    let sequence = client.submit("code 123456").await;
    let answer = client.read().await;
    assert_eq!((answer.id, answer.status, answer.sequence), (SUBMIT_SM_RESP, 0, sequence));
    assert_eq!(answer.body, b"1000000000\0");
    let message = smsc.next_message(SOON).await.unwrap();
    assert_eq!((message.text.as_str(), message.destination.number.as_str()), ("code 123456", "15550100100"));
    assert_eq!((message.source.number.as_str(), message.source.ton), ("Acme", 5));
    assert_eq!(message.message_ids, ["1000000000"]);
    assert_eq!((message.first.system_id.as_str(), message.first.registered_delivery), ("esme", 1));
    assert_eq!(
        events.next().await.unwrap().to_string(),
        "phone 15550100100 got \"code 123456\" via smsc from Acme"
    );
    assert!(!format!("{message:?}{:?}", message.first).contains("123456"));
}

#[tokio::test]
async fn segments_by_header_are_put_together_in_their_order() {
    let smsc = start(Behaviour::default()).await;
    let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
    let parts: [&[u8]; 3] =
        [&[5, 0, 3, 9, 3, 3, b'!'], &[5, 0, 3, 9, 3, 1, 0x1B, 0x65], b"\x05\x00\x03\x09\x03\x02 and"];
    for part in parts {
        client.send(SUBMIT_SM, &submit_to("15550100100", 0x40, 0, part, &[])).await;
    }
    let message = smsc.next_message(SOON).await.unwrap();
    assert_eq!((message.text.as_str(), message.segments.len()), ("€ and!", 3));
    assert_eq!(message.message_ids, ["1000000001", "1000000002", "1000000000"]);
}

#[tokio::test]
async fn segments_by_sar_and_ucs2_are_put_together() {
    let smsc = start(Behaviour::default()).await;
    let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
    for (number, text) in [(1, [0x04, 0x16]), (2, [0x20, 0xAC])] {
        let sar = [0x02, 0x0C, 0, 2, 1, 2, 0x02, 0x0E, 0, 1, 2, 0x02, 0x0F, 0, 1, number];
        client.send(SUBMIT_SM, &submit_to("15550100100", 0, 8, &text, &sar)).await;
    }
    let message = smsc.next_message(SOON).await.unwrap();
    assert_eq!((message.text.as_str(), message.first.by_sar, message.first.data_coding), ("Ж€", true, 8));
}

#[tokio::test]
async fn parts_to_another_phone_or_with_another_reference_stay_apart() {
    let smsc = start(Behaviour::default()).await;
    let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
    for (to, reference, number) in [("15550100100", 1, 1), ("15550100101", 1, 2), ("15550100100", 2, 2)] {
        let part = [5, 0, 3, reference, 2, number, b'x'];
        client.send(SUBMIT_SM, &submit_to(to, 0x40, 0, &part, &[])).await;
    }
    let submits = smsc.wait_for_submits(SOON, |submits| submits.len() == 3).await.unwrap();
    assert_eq!(submits.len(), 3);
    assert!(smsc.messages().is_empty());
}

#[tokio::test]
async fn a_payload_is_taken_whole() {
    let smsc = start(Behaviour::default()).await;
    let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
    let text = "long ".repeat(200);
    let mut tlv = vec![0x04, 0x24];
    tlv.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    tlv.extend_from_slice(text.as_bytes());
    client.send(SUBMIT_SM, &submit_to("15550100100", 0, 0, b"", &tlv)).await;
    let message = smsc.next_message(SOON).await.unwrap();
    assert_eq!((message.text.as_str(), message.first.is_payload), (text.as_str(), true));
}

#[tokio::test]
async fn enquire_link_and_unbind_are_answered() {
    let smsc = start(Behaviour::default()).await;
    let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
    client.send(0x15, &[]).await;
    assert_eq!(client.read().await.id, 0x8000_0015);
    client.send(0x06, &[]).await;
    assert_eq!(client.read().await.id, 0x8000_0006);
    assert!(client.rest().await.is_empty());
    let counters = smsc.wait_for_counters(SOON, |counters| counters.open_connections == 0).await.unwrap();
    assert_eq!((counters.enquire_links, counters.unbinds, counters.bound), (1, 1, 0));
}

#[tokio::test]
async fn only_the_newest_are_kept_and_none_where_none_are_wanted() {
    let options = SmscOptions { keep: 2, ..SmscOptions::default() };
    let smsc = Smsc::start(options).await.unwrap();
    let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
    for text in ["one", "two", "three"] {
        client.submit(text).await;
        client.read().await;
    }
    let texts: Vec<_> = smsc.messages().iter().map(|message| message.text.clone()).collect();
    assert_eq!(texts, ["two", "three"]);
    assert_eq!(smsc.next_message(SOON).await.unwrap().text, "two");
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let arrivals: Arrivals =
        Arc::new(move |arrival| sink.lock().unwrap().push(arrival.submit.user_data.to_vec()));
    let options = SmscOptions { keep: 0, arrivals: Some(arrivals), ..SmscOptions::default() };
    let smsc = Smsc::start(options).await.unwrap();
    let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
    client.submit("one").await;
    client.read().await;
    assert!(smsc.messages().is_empty() && smsc.submits().is_empty());
    assert_eq!(*seen.lock().unwrap(), [b"one"]);
    assert_eq!((smsc.counters().accepted, smsc.counters().max_in_flight), (1, 1));
}

#[tokio::test]
async fn data_sm_is_taken_too() {
    let smsc = start(Behaviour::default()).await;
    let mut client = Client::bound(&smsc, BIND_TRANSMITTER).await;
    // §4.7.1: service_type, addresses, esm_class, registered_delivery, data_coding, message_payload.
    client.send(0x103, b"\0\x05\0Acme\0\x01\x0115550100100\0\0\x01\0\x04\x24\0\x02hi").await;
    assert_eq!(client.read().await.id, 0x8000_0103);
    assert_eq!(smsc.next_message(SOON).await.unwrap().text, "hi");
}

use std::sync::Arc;
